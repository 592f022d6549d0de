"""Server-sent events: what is new in the read model, whenever the feed says so."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import partial
from typing import Final

from vigie_hub.api.models import Event
from vigie_hub.api.progress import how_far
from vigie_hub.api.queries.events import list_events, newest_id
from vigie_hub.api.services import Services

KEEP_ALIVE_SECONDS: Final = 15.0
"""A comment this often shows proxies and the browser that the line is open; a missed feed is made up for then."""
RETRY_MS: Final = 1000
_BATCH: Final = 200


async def stream_events(
    services: Services,
    after: int | None,
    may_listen: Callable[[], bool],
    keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
) -> AsyncGenerator[str, None]:
    """The stream's text from the event `after` on; None begins with what comes next.

    Ends when the feed closes, or once `may_listen` says no: who signed out hears nothing more.
    """
    with services.feed.subscribe() as subscription:
        newest = await services.reads.read(newest_id)
        known = newest if after is None else min(after, newest)  # a hub that was set up anew counts from 1 again
        yield f"retry: {RETRY_MS}\nid: {known}\n\n"
        while not subscription.closed:
            async for event in _news(services, known):
                known = event.id
                yield f"id: {event.id}\ndata: {event.model_dump_json()}\n\n"
            topics = await subscription.changes(keep_alive_seconds)
            if not may_listen():
                return
            for topic in sorted(topics - {"events"}):
                yield f"event: changed\ndata: {json.dumps(topic)}\n\n"
            pulls = [how_far(services.pulls, clip_id) for clip_id in sorted(subscription.pulls())]
            for pull in pulls:
                yield f"event: pull\ndata: {pull.model_dump_json()}\n\n"
            if not topics and not pulls:
                yield ": still here\n\n"


async def _news(services: Services, known: int) -> AsyncIterator[Event]:
    while True:
        page = await services.reads.read(partial(list_events, after=known, limit=_BATCH))
        for event in page.items:
            yield event
            known = event.id
        if page.next is None:
            return
