"""How much of a clip a link gets: the ladder's rungs for playback and what each takes, without I/O.

```
clip → low (transcoded) → keyframes → stills
```
"""

from collections.abc import Sequence
from typing import Final

from vigie_agent.video.ladder.ladder import KEYFRAME_SECONDS_MAX, Change, Ladder, RungCost
from vigie_agent.video.ladder.meter import HEADERS, cost_of
from vigie_agent.video.ladder.transcoder import CLIP, LOW, STILLS
from vigie_agent.video.media.source import Advice, LinkFeedback
from vigie_agent.video.playback.playable import PlayableClip
from vigie_agent.video.playback.schedule import EVERY_PICTURE_RATE_MAX
from vigie_shared.media import Rung, ShowingReason

IDLE_SECONDS: Final = 2.0
"""Nothing is learnt of a link, and no filler sent, when nothing left for so long: somebody looks at one picture."""
_KEYFRAME_SHARE: Final = 0.3
"""Of a group of pictures, before the first keyframe was seen."""


class ClipFit:
    """One viewer's link. `feed` it what the connection says; `rung` is what should be shown."""

    def __init__(self) -> None:
        self._ladder: Ladder | None = None
        self._drops_queue = False
        self.rung: Rung = "clip"
        self.reason: ShowingReason = "asked"
        self.bits_per_second: float | None = None
        """What may leave, as far as is known."""

    def feed(self, feedback: LinkFeedback, rungs: Sequence[RungCost], idle_seconds: float) -> Change | None:
        """How the link fares, what the rungs take now, and how long ago a picture left; what to change."""
        if self._ladder is None:
            self._ladder = Ladder(rungs, feedback.now_seconds)
        change = self._ladder.feed(feedback, rungs) if idle_seconds < IDLE_SECONDS else None
        known = [feedback.estimate_bits_per_second, self._ladder.pace_bits_per_second]
        self.bits_per_second = min((bits for bits in known if bits is not None), default=None)
        if change is not None:
            self.rung, self.reason = change.rung, change.reason
            self._drops_queue = change.reason != "recovered"
        return change

    def advice(self, idle_seconds: float) -> Advice:
        """How pictures should leave now."""
        assert self._ladder is not None
        drops_queue, self._drops_queue = self._drops_queue, False
        filler_bits = self._ladder.filler_bits_per_second if idle_seconds < IDLE_SECONDS else 0.0
        return Advice(self._ladder.pace_bits_per_second, filler_bits, drops_queue)


def rungs_of(
    clip: PlayableClip, rate: float, keyframe_bits: float, *, is_playable: bool, may_transcode: bool
) -> list[RungCost]:
    """What there is of a clip at that speed; one that browsers do not play is small from the beginning."""
    if not is_playable:
        return [cost_of("clip", CLIP), cost_of("stills", STILLS)]
    keyframe_bits = HEADERS * (
        keyframe_bits or _KEYFRAME_SHARE * max((8 * gop.size_bytes for gop in clip.gops), default=0)
    )
    bits = HEADERS * clip.bits_per_second * min(rate, EVERY_PICTURE_RATE_MAX)
    found = [RungCost("clip", bits, keyframe_bits)]
    if may_transcode:
        found.append(cost_of("low", LOW))
    gop_seconds = clip.duration_seconds / max(1, len(clip.gops))
    found.append(RungCost("keyframes", keyframe_bits / max(gop_seconds, KEYFRAME_SECONDS_MAX), keyframe_bits))
    if may_transcode:
        found.append(cost_of("stills", STILLS))
    return found
