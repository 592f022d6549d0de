"""Who may say and hear what on the bus: an agent under its own name only, the hub what it works with.

An agent's rights are a template in its account's token, filled in with the name that its own token bears
(`{{name()}}`; docs.nats.io, Scoped signing keys): a new right reaches a whole fleet with one token, and the key that
signs agents can sign nothing but agents.
"""

from typing import Any, Final

from vigie_shared import subjects

HUB_INBOX_PREFIX: Final = "_H"
SYSTEM_INBOX_PREFIX: Final = "_S"
_NAME: Final = "{{name()}}"
_SECOND_NS: Final = 1_000_000_000
REPLY_SECONDS: Final = 120
"""How long an agent may take to answer a request of the hub."""
AGENT_SUBSCRIPTIONS_MAX: Final = 64
AGENT_PAYLOAD_BYTES_MAX: Final = 512 * 1024

_EVENTS: Final = subjects.STREAM
_LISTS: Final = subjects.HOTLIST_STREAM


def agent_may_publish(agent_id: str = _NAME) -> list[str]:
    """Besides one reply to each request that it got."""
    return [
        f"e.{agent_id}.>",
        subjects.heartbeat(agent_id),
        subjects.watermark_question(agent_id),
        subjects.all_requests(agent_id),
        subjects.HOTLIST_DIRECT_GET,
    ]


def agent_may_subscribe(agent_id: str = _NAME) -> list[str]:
    """What the hub says to it, what the hub says to all, and answers to its own requests."""
    return [f"c.{agent_id}.>", "c.all.>", f"{subjects.inbox_prefix(agent_id)}.>"]


def agent_template() -> dict[str, Any]:
    """The scope of the key that signs agents: subjects and limits."""
    return {
        "pub": {"allow": agent_may_publish()},
        "sub": {"allow": agent_may_subscribe()},
        "resp": {"max": 1, "ttl": REPLY_SECONDS * _SECOND_NS},
        "subs": AGENT_SUBSCRIPTIONS_MAX,
        "payload": AGENT_PAYLOAD_BYTES_MAX,
        "data": -1,
        "allowed_connection_types": ["STANDARD"],
    }


def hub_rights() -> dict[str, Any]:
    """The hub's own, in the account of the fleet."""
    publish = [
        *(f"$JS.API.STREAM.*.{stream}" for stream in (_EVENTS, _LISTS)),
        *(f"$JS.API.CONSUMER.*.{stream}.>" for stream in (_EVENTS, _LISTS)),
        f"$JS.API.CONSUMER.DURABLE.CREATE.{_EVENTS}.>",
        f"$JS.API.CONSUMER.MSG.NEXT.{_EVENTS}.>",
        f"$JS.API.STREAM.MSG.GET.{_LISTS}",
        f"$JS.API.DIRECT.GET.{_LISTS}.>",
        f"$KV.{subjects.HOTLIST_BUCKET}.>",
        "$JS.API.INFO",
        f"$JS.ACK.{_EVENTS}.>",
        "c.>",
        "_I.>",
    ]
    subscribe = [
        subjects.ALL_HEARTBEATS,
        subjects.ALL_WATERMARK_QUESTIONS,
        subjects.ALL_REQUESTS,
        f"{HUB_INBOX_PREFIX}.>",
    ]
    return _unscoped(publish, subscribe)


def system_rights(account: str) -> dict[str, Any]:
    """The hub's own in the system account: to change `account`, to see who comes and goes, to ask how servers are."""
    publish = ["$SYS.REQ.CLAIMS.UPDATE", f"$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP", "$SYS.REQ.SERVER.PING.>"]
    subscribe = [
        f"$SYS.ACCOUNT.{account}.CONNECT",
        f"$SYS.ACCOUNT.{account}.DISCONNECT",
        f"{SYSTEM_INBOX_PREFIX}.>",
    ]
    return _unscoped(publish, subscribe)


def _unscoped(publish: list[str], subscribe: list[str]) -> dict[str, Any]:
    return {"pub": {"allow": publish}, "sub": {"allow": subscribe}, "subs": -1, "data": -1, "payload": -1}
