"""NATS subjects. Short names: they travel with every message (docs/reference/subjects.md)."""

from typing import Final

from vigie_shared.events import Lane
from vigie_shared.ids import is_name

STREAM: Final = "EVT"
STREAM_SUBJECTS: Final = "e.>"
DURABLE: Final = "projector"
"""Reads all lanes but that of hits."""
HITS_DURABLE: Final = "hits"
"""Reads the lane of hits alone, so that nothing else delays one."""
ALL_WATERMARK_QUESTIONS: Final = "w.*"
ALL_HEARTBEATS: Final = "p.*"
ALL_REQUESTS: Final = "r.*.>"
HOTLIST_BUCKET: Final = "HL"
HOTLIST_STREAM: Final = f"KV_{HOTLIST_BUCKET}"
HOTLIST_DIRECT_GET: Final = f"$JS.API.DIRECT.GET.{HOTLIST_STREAM}.>"
"""Agents read hotlists by direct get only: no consumer, no state at the server."""


def events(agent_id: str, lane: Lane) -> str:
    """Batches of one lane of one agent; the agent publishes, stream `EVT` keeps."""
    return f"e.{agent_id}.{lane}"


def heartbeat(agent_id: str) -> str:
    """An agent's sign of life; published by the agent, kept nowhere."""
    return f"p.{agent_id}"


def watermark_question(agent_id: str) -> str:
    """An agent asks where it is: a request, answered with a signed receipt."""
    return f"w.{agent_id}"


def watermark(agent_id: str) -> str:
    """Signed receipts, pushed by the hub to one agent."""
    return f"c.{agent_id}.wm"


def command(agent_id: str) -> str:
    """Requests of the hub to one agent (`vigie_shared.commands`)."""
    return f"c.{agent_id}.cmd"


def signaling(agent_id: str, session_id: str) -> str:
    """A WebRTC offer to one agent; the reply is the answer (`vigie_shared.signaling`)."""
    return f"c.{agent_id}.sig.{session_id}"


def still(agent_id: str) -> str:
    """The hub wants one picture of a camera; the reply is a JPEG (`vigie_shared.stills`)."""
    return f"c.{agent_id}.still"


def hotlists_changed() -> str:
    """New versions of hotlists, told to every agent: a hint, the lists themselves are pulled."""
    return "c.all.hl"


def renewal(agent_id: str) -> str:
    """An agent asks for fresh credentials: a request (`vigie_shared.enrolment`)."""
    return f"r.{agent_id}.jwt"


def all_requests(agent_id: str) -> str:
    """All that an agent asks of the hub."""
    return f"r.{agent_id}.>"


def all_signaling(agent_id: str) -> str:
    """What an agent subscribes to for every session of its own."""
    return f"c.{agent_id}.sig.*"


def inbox_prefix(agent_id: str) -> str:
    """The prefix of an agent's reply subjects, so that no agent can read another's."""
    return f"_I.{agent_id}"


def agent_of(subject: str) -> str | None:
    """The agent that `subject` belongs to, or None where it names none."""
    tokens = subject.split(".")
    return tokens[1] if len(tokens) > 1 and is_name(tokens[1]) else None
