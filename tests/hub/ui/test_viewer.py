"""What the viewer shows of a clip that is not here whole."""

import itertools

import httpx

from tests.hub.api.stage import Stage
from vigie_hub.api.models import Keyframe
from vigie_hub.ui.viewer import STRIP_MAX, spread


def test_of_many_keyframes_some_are_shown_spread_over_the_clip() -> None:
    few = [Keyframe(number=number, at_seconds=number) for number in (2, 5, 7)]
    assert spread(few, 8) == few
    many = spread([Keyframe(number=number, at_seconds=number) for number in range(900)], 900)
    assert (len(many), many[0].number) == (STRIP_MAX, 0)
    steps = [after.number - before.number for before, after in itertools.pairwise(many)]
    assert max(steps) <= 900 / STRIP_MAX + 1


async def test_it_says_why_nothing_comes_and_offers_what_can_be_done(hub: Stage, script: httpx.AsyncClient) -> None:
    _, clip_id = await hub.hit()

    async def drawn(language: str = "en") -> str:
        return (await script.get(f"/fragments/viewer/{clip_id}", headers={"accept-language": language})).text

    assert 'data-bring="keyframes"' in await drawn()
    await hub.edge.request(clip_id, "clip", "original")
    for changes, said in (
        ({"waits": "queued", "ahead": 2}, "2 pulls go before it"),
        ({"waits": "agent"}, "The agent is away"),
        ({"state": "pulling", "quality": "sub", "waits": "making"}, "The agent makes the sub-stream"),
        ({"state": "pulling", "quality": "original", "waits": "again"}, "The connection broke"),
        ({"state": "pulling", "quality": "original", "waits": "link"}, "The link is busy"),
        ({"waits": None, "of_bytes": 4_000_000, "arrived_bytes": 1_000_000}, "25%"),
        ({"bytes_per_second": 125_000.0}, "24 s left"),
        ({"state": "stopped", "wanted": ("sub", "original")}, 'data-bring="sub original"'),
    ):
        hub.edge.come_to(clip_id, **changes)
        assert said in await drawn(), changes
    hub.edge.come_to(clip_id, state="pulling", road="tcp")
    assert "encore 24 s" in await drawn("fr")
    assert "عبر TCP" in await drawn("ar")
