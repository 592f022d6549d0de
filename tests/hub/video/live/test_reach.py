"""Live video and clips past firewalls and through changes of address, with each end in a network of its own."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from nats.aio.client import Client

from tests.hub.video.live.reach_stage import BUS_PORT, TURN, Part, Stage, Trio, staged
from tests.hub.video.live.test_watching import watching_hub
from tests.hub.video.live_agents import TestViewer
from tests.links.star import ANY, Passed, Rule
from tests.servers.turn_server import SECRET, TurnServer, turn_server
from vigie_shared.ice import IceServers

PAYLOAD_BYTES_MAX = 1100
ENOUGH_FRAMES = 60
"""More than what was on its way when the network changed, or lay at the hub."""
V6 = "only IPv6, and another address"
PORTS = {"udp": "port", "tcp": "port", "tls": "tls_port"}


@dataclass
class Change:
    """What happens to one trio in the midst of a view."""

    name: str
    trio: Trio
    roads: frozenset[str] = frozenset({"udp", "tcp", "tls"})
    """To the TURN server, for those that `relayed` names."""
    relayed: frozenset[str] = frozenset()
    """Who reaches nobody but the TURN server, and nats-server."""
    moves: dict[str, str] = field(default_factory=dict)
    pulls: bool = False
    """Whether a clip is on its way as well."""

    @property
    def named(self) -> tuple[str, ...]:
        """Roads to the TURN server that are named from the beginning."""
        return tuple(PORTS) if self.relayed else ()

    @property
    def after(self) -> Trio:
        """Where they are in the end."""
        return Trio(*(self.moves.get(address, address) for address in self.trio.all))

    def rules(self, turn: TurnServer) -> list[Rule]:
        """What passes in the end."""
        after = self.after
        rules: list[Rule] = [("tcp", BUS_PORT, after.hub)]
        if after.hub not in self.relayed:
            rules += [("udp", None, after.hub, TURN)]
        for end in after.all:
            if end in self.relayed:
                rules += [(_transport(road), getattr(turn, PORTS[road]), TURN, end) for road in self.roads]
            else:
                rules += [("udp", None, end, other) for other in set(after.all) - self.relayed - {end}]
        return rules


def _transport(road: str) -> str:
    return "udp" if road == "udp" else "tcp"


def trio(number: int) -> Trio:
    return Trio(*(f"10.78.{number}.{end}" for end in (2, 3, 4)))


def relayed(number: int, road: str) -> Change:
    ends = trio(number)
    return Change(f"only {road} to the TURN server", ends, frozenset({road}), frozenset(ends.all))


def changes() -> list[Change]:
    fenced, roaming, moving = trio(4), trio(5), trio(6)
    v6 = Trio("fd78::2", "fd78::3", "fd78::4")
    found = [
        relayed(1, "udp"),
        relayed(2, "tcp"),
        replace(relayed(3, "tls"), pulls=True),
        Change("a firewall around the agent alone", fenced, frozenset({"tls"}), frozenset({fenced.agent})),
        Change("another address for the agent", roaming, moves={roaming.agent: "10.78.5.13"}, pulls=True),
        Change("another address for the hub", moving, moves={moving.hub: "10.78.6.12"}, pulls=True),
    ]
    return [*found, Change(V6, v6, moves={v6.agent: "fd78::13"})] if Path("/proc/net/if_inet6").exists() else found


@pytest.mark.parametrize("road", ["udp", "tcp", "tls"])
async def test_a_viewer_is_answered_from_a_relay_too(connection: Client, tmp_path: Path, road: str) -> None:
    viewer = TestViewer()
    async with turn_server(tmp_path) as turn:
        ice = IceServers((turn.url(road),), SECRET, turn.authority)
        async with watching_hub(connection, tmp_path, ice=ice) as hub:
            watched = await hub.show(viewer)
            assert " typ relay " in watched.sdp
            name = watched.ice_servers[0].username
            assert name is not None
            assert name.endswith(watched.viewing_id)
            await viewer.close()


@pytest.mark.timeout(600)
async def test_a_view_and_a_pull_find_another_way_whenever_the_network_changes(tmp_path: Path) -> None:
    """Seven views and three pulls at once, each with a hub of its own; where there will be firewalls, all roads to the
    TURN server are named from the beginning.
    """
    happening = changes()
    moves = {old: new for change in happening for old, new in change.moves.items()}
    async with staged(tmp_path, [change.trio for change in happening], ANY, moves) as (sea, turn, stages):
        viewers = await asyncio.gather(*map(_begun, stages, happening))
        await asyncio.gather(*(viewer.says("frames") for viewer in viewers))
        both = zip(happening, stages, strict=True)
        pulls = [stage.begin_pull(change.named) for change, stage in both if change.pulls]
        await asyncio.gather(*(pull.says("verified") for pull in pulls))
        before = await sea.passed()

        for change, stage in zip(happening, stages, strict=True):
            for end in (stage.hub, stage.agent):
                if (new := change.moves.get(end.address)) is not None:
                    await sea.move(end, end.address, new)
        await sea.allow([rule for change in happening for rule in change.rules(turn)])
        await asyncio.gather(*map(_goes_on, viewers), *(pull.says("pulled") for pull in pulls))
        after = await sea.passed()

    for change in happening:
        if not change.relayed:
            assert _direct(change.trio) <= before.ways("udp"), change.name
        _check(change, after)
    assert 0 < before.rtp_payload_bytes_max <= PAYLOAD_BYTES_MAX
    assert 0 < after.rtp_payload_bytes_max <= PAYLOAD_BYTES_MAX


async def _begun(stage: Stage, change: Change) -> Part:
    _hub, _agent, viewer = await stage.begin_all(change.named)
    return viewer


async def _goes_on(viewer: Part) -> None:
    await viewer.says("frames", over=viewer.frames + ENOUGH_FRAMES)


def _direct(ends: Trio) -> set[frozenset[str]]:
    return {frozenset((ends.agent, ends.hub)), frozenset((ends.hub, ends.viewer))}


def _check(change: Change, seen: Passed) -> None:
    """What went by UDP and TCP went where it had to."""
    ends = change.after
    udp, tcp = ({way for way in seen.ways(protocol) if way & set(ends.all)} for protocol in ("udp", "tcp"))
    to_turn = {frozenset((TURN, end)) for end in change.relayed}
    if not change.relayed:
        assert _direct(ends) <= udp, change.name
    elif change.roads == {"udp"}:
        assert udp == to_turn, change.name
    else:
        assert to_turn <= tcp, change.name
        assert not any(way & change.relayed for way in udp), change.name
    if change.relayed == {ends.agent}:
        assert frozenset((ends.hub, ends.viewer)) in udp, change.name
    if change.relayed == set(ends.all):
        assert any(name.startswith(f"udp {ends.agent}") for name in seen.refused), change.name
