"""Tells open pages that something changed; what changed, they read from the read model."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Literal

Topic = Literal["events", "alerts", "agents", "clips", "hotlist"]


class Subscription:
    """One listener. Topics that pile up while it is busy count once, so a slow page costs nothing."""

    def __init__(self) -> None:
        self._topics: set[Topic] = set()
        self._pulls: set[str] = set()
        self._stirred = asyncio.Event()
        self.closed = False

    def tell(self, topic: Topic) -> None:
        """Note that `topic` changed."""
        self._topics.add(topic)
        self._stirred.set()

    def tell_pull(self, clip_id: str) -> None:
        """Note that the pull of a clip came further."""
        self._pulls.add(clip_id)
        self._stirred.set()

    def pulls(self) -> frozenset[str]:
        """Clips whose pulls came further since the last call."""
        changed = frozenset(self._pulls)
        self._pulls.clear()
        return changed

    def close(self) -> None:
        """End the waiting: the hub stops."""
        self.closed = True
        self._stirred.set()

    async def changes(self, timeout_seconds: float) -> frozenset[Topic]:
        """Topics that changed since the last call; empty after `timeout_seconds`, once closed, or for a pull."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stirred.wait(), timeout_seconds)
        changed = frozenset(self._topics)
        self._topics.clear()
        if not self.closed:
            self._stirred.clear()
        return changed


class Feed:
    """From those who write the read model to those who watch it; lives on the event loop's thread."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self._closed = False

    def tell(self, topic: Topic) -> None:
        """Say, after the commit, that `topic` changed."""
        for subscription in self._subscriptions:
            subscription.tell(topic)

    def tell_pull(self, clip_id: str) -> None:
        """Say that the pull of a clip came further."""
        for subscription in self._subscriptions:
            subscription.tell_pull(clip_id)

    @contextlib.contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        """Listen; one that comes after `close` is closed from the start."""
        subscription = Subscription()
        if self._closed:
            subscription.close()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """End all subscriptions, so that no open page holds up the hub's stop."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()
