"""The way to the hub put together: everything that needs it, over one connection at a time."""

from vigie_agent.credentials import Credentials
from vigie_agent.health import Health
from vigie_agent.hotlists.fetcher import HotlistFetcher
from vigie_agent.hotlists.lists import Hotlists
from vigie_agent.keys import HubKey
from vigie_agent.settings import AgentSettings
from vigie_agent.store import Store
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.commands import CommandDesk
from vigie_agent.uplink.connection import Connection
from vigie_agent.uplink.heartbeat import HeartbeatSender
from vigie_agent.uplink.outbox import Outbox
from vigie_agent.uplink.publisher import Publisher
from vigie_agent.uplink.receipts import ReceiptDesk
from vigie_agent.uplink.renewal import Renewal
from vigie_agent.uplink.roaming import Roaming
from vigie_agent.uplink.uplink import Uplink
from vigie_agent.video.answerer import Answerer, AnswererSettings
from vigie_agent.video.clips.tcp_road import TcpRoad
from vigie_agent.viewing import Looking
from vigie_shared.batches import SCHEMA
from vigie_shared.clock import Clock
from vigie_shared.ice import IceServer


def _fetcher(settings: AgentSettings, lists: Hotlists, budget: LinkBudget, clock: Clock) -> HotlistFetcher:
    return HotlistFetcher(lists, budget, clock, look_seconds=settings.hotlists.look_seconds)


def make_uplink(
    settings: AgentSettings,
    credentials: Credentials,
    store: Store,
    health: Health,
    clock: Clock,
    budget: LinkBudget | None = None,
    lists: Hotlists | None = None,
    shown: Looking | None = None,
    *,
    schema_max: int = SCHEMA,
) -> Uplink:
    """Everything that needs the hub, ready to run; all that leaves asks `budget`. Without `shown` nothing is.

    `schema_max`: the newest version of batches that this agent writes.
    """
    agent_id, limits = settings.agent_id, settings.uplink
    budget = budget or LinkBudget(settings.link, clock)
    outbox = Outbox(limits.flights_max)
    receipts = ReceiptDesk(
        store,
        agent_id,
        HubKey(credentials.membership.hub_key),
        outbox,
        ask_seconds=limits.ask_seconds,
        budget=budget,
        schema_max=schema_max,
    )
    renewal = Renewal(credentials, clock)
    publisher = Publisher(store, agent_id, outbox, limits, clock, budget)
    heartbeats = HeartbeatSender(health.heartbeat, budget)
    connection = Connection(credentials, reconnect_seconds_max=limits.reconnect_seconds_max, refused=renewal.refused)
    roaming = Roaming(connection)
    return Uplink(
        connection,
        publisher,
        receipts,
        services=[
            roaming.run,
            renewal.run,
            heartbeats.run,
            CommandDesk(agent_id, store, budget, heartbeats.say_all).run,
            lambda client: Answerer(
                client,
                agent_id,
                store,
                AnswererSettings(ice_servers=tuple(IceServer(url=url) for url in settings.video.ice_servers)),
                on_taken=store.note_pulled,
                budget=budget,
                sign=credentials.key.sign,
                road=TcpRoad(credentials),
                media=None if shown is None else shown.media,
            ).run(),
            *([] if shown is None else [shown.stills.run]),
            *([] if lists is None else [_fetcher(settings, lists, budget, clock).run]),
        ],
        budget=budget,
    )
