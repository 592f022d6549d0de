"""What the API needs of the rest of the hub, and no more."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from vigie_hub.api.feed import Feed
from vigie_hub.hotlists.wishes import PlateWish
from vigie_hub.tickets.desk import Ticket
from vigie_hub.tickets.target import Target
from vigie_hub.video.live.sdp_fragment import SdpFragment
from vigie_hub.video.live.watching import Watched
from vigie_hub.video.pull.pieces import Quality
from vigie_hub.video.pull.progress import PullState
from vigie_hub.video.stills.relay import News
from vigie_shared.clock import Clock
from vigie_shared.commands import HoldKind
from vigie_shared.enrolment import Wish
from vigie_shared.ice import IceServer
from vigie_shared.media import First
from vigie_shared.signaling import ClipPriority

T = TypeVar("T")


class Reads(Protocol):
    """The read model (`vigie_hub.database.Database`)."""

    async def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Run `question` on a read-only snapshot."""
        ...


class Hotlist(Protocol):
    """Plates that people look for; edits are audited, and told to the feed, by whoever implements this."""

    async def add(self, text: str, reason: str, user: str, wish: PlateWish | None = None) -> str:
        """Look for `text` from now on; returns the entry's id. Raises CommandError where that cannot be."""
        ...

    async def remove(self, entry_id: str, user: str, reason: str = "") -> bool:
        """Look for it no longer; False where no such entry is active."""
        ...


class Pulls(Protocol):
    """Brings clips from the edge (`vigie_hub.video.pull.pulls`)."""

    async def request(self, clip_id: str, priority: ClipPriority, quality: Quality) -> None:
        """Queue the pull unless it is queued, running or done; durable on return."""
        ...

    async def stop(self, clip_id: str) -> bool:
        """Want it no longer; what came stays. False where nothing was wanted."""
        ...

    def state(self, clip_id: str) -> PullState | None:
        """What became of a request; None where there was none, or where it is done."""
        ...


class Holds(Protocol):
    """Keeps clips at the edge; wishes are audited, and told to the feed, by whoever implements this."""

    async def ask(self, clip_id: str, kind: HoldKind, wanted: bool, reason: str, user: str) -> None:
        """Want a clip held, or no longer; durable on return. Raises CommandError where that cannot be."""
        ...


class Archive(Protocol):
    """Verified clips, by digest."""

    def path(self, sha256: str) -> Path:
        """Where the file lies."""
        ...

    def unfinished(self, sha256: str) -> Path:
        """Where what has come of it lies while it is on its way."""
        ...


class Users(Protocol):
    """Who may come in."""

    async def verify(self, name: str, password: str) -> bool:
        """Whether `password` is the one of user `name`; takes as long where there is no such user."""
        ...


class Audit(Protocol):
    """Who did what; rows are only ever added."""

    async def record(self, user: str, action: str, target: str) -> None:
        """Returns when the row is durable."""
        ...


class Admission(Protocol):
    """Lets agents in that have a code, and renews the credentials of those that are in."""

    def authority(self) -> str:
        """The hub's certificate authority, PEM."""
        ...

    async def redeem(self, wish: Wish) -> bytes | None:
        """A sealed membership; None where the code does not count. Raises CommandError where that cannot be."""
        ...

    async def renew(self, wish: Wish) -> bytes | None:
        """A fresh one; None for whoever is not enrolled with that key."""
        ...


class Tickets(Protocol):
    """Leave to look (`vigie_hub.tickets.desk`)."""

    async def issue(self, user: str, target: Target, purpose: str) -> tuple[Ticket, str]:
        """A ticket, and the secret that stands for it."""
        ...

    async def redeem(self, secret: str, user: str, target: Target) -> Ticket:
        """The ticket, which counts no more from now on. Raises TicketError."""
        ...


class Watching(Protocol):
    """Live video and playback (`vigie_hub.video.live.watching`)."""

    def ice_servers(self, who: str) -> tuple[IceServer, ...]:
        """Servers that `who` may use to be reached."""
        ...

    def foresee(self, ticket: Ticket, agent_id: str, first: First) -> None:
        """An offer with this ticket follows at once: pull meanwhile."""
        ...

    async def watch(
        self, ticket: Ticket, agent_id: str, first: First, offer_sdp: str, may_watch: Callable[[], bool]
    ) -> Watched:
        """Begin a viewing. Raises ViewingError, WireError."""
        ...

    async def trickle(self, viewing_id: str, user: str, fragment: SdpFragment) -> None:
        """Candidates that the viewer found later. Raises ViewingError, WireError."""
        ...

    def etag(self, viewing_id: str, user: str) -> str:
        """Of the viewing's ICE session. Raises ViewingError."""
        ...

    def end(self, viewing_id: str, user: str) -> None:
        """The viewer has seen enough. Raises ViewingError."""
        ...


class Looking(Protocol):
    """One picture a second, where no media connection comes through (`vigie_hub.video.stills.looking`)."""

    def look(self, ticket: Ticket, agent_id: str, camera_id: str, may_look: Callable[[], bool]) -> str:
        """Begin a viewing; its id. Raises ViewingError."""
        ...

    async def news(self, viewing_id: str, user: str, after: int) -> News | None:
        """What is newer than `after`, as soon as there is something; None after a while. Raises ViewingError."""
        ...

    def end(self, viewing_id: str, user: str) -> None:
        """The viewer has seen enough. Raises ViewingError."""
        ...


@dataclass(frozen=True)
class Services:
    """All that `create_api` works with."""

    reads: Reads
    hotlist: Hotlist
    pulls: Pulls
    holds: Holds
    archive: Archive
    users: Users
    audit: Audit
    admission: Admission
    tickets: Tickets
    watching: Watching
    looking: Looking
    clock: Clock
    feed: Feed
