"""Which picture of a clip is due next, without I/O and without a clock.

```
schedule.next(now) → Read(number)   read that part, then `feed` it
                   → Show(…)        show it when due, then `advance`
                   → Hold()         nothing until somebody steers
                   → Over()         the clip ends here: `extend`, `open` another one, or `stay`
```

Nothing is lost between `next` and `advance`: who steers meanwhile changes what `next` says.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vigie_agent.clips.samples import Sample, reorders
from vigie_agent.video.playback.playable import PlayableClip

BURST_STEP_SECONDS: Final = 0.001
"""Between pictures that are shown only because later ones build on them."""
EVERY_PICTURE_RATE_MAX: Final = 2.0
KEYFRAME_SECONDS_MIN: Final = 0.125
"""Between keyframes of a clip that plays faster than that."""
BITS_PER_SECOND_MIN: Final = 500_000
LATE_SECONDS_MAX: Final = 0.5
"""When it is later than this, the clip plays slower: no picture is left out at up to twice the speed."""
_SAME_SECONDS: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Read:
    """A part of the clip is needed."""

    number: int


@dataclass(frozen=True, slots=True)
class Show:
    """The next picture."""

    sample: Sample
    due_seconds: float
    is_goal: bool
    """False for one that is only there because others build on it."""
    is_sought: bool
    """Whether somebody asked for just this one: by a seek or a step."""
    is_alone: bool
    """Whether no picture follows that builds on it, so that a decoder should give it at once."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing to do until somebody steers."""


@dataclass(frozen=True, slots=True)
class Over:
    """The clip has no more."""


Action = Read | Show | Hold | Over


class PlaybackSchedule:
    """One viewer's way through clips; times of clips in seconds from their start, dues on the viewer's clock."""

    def __init__(self, clip: PlayableClip, at_seconds: float = 0.0, rate: float = 1.0) -> None:
        self._rate = rate
        self._is_paused = False
        self._thin_bits: float | None = None
        self._due_seconds = 0.0
        self.open(clip, at_seconds)

    def open(self, clip: PlayableClip, at_seconds: float) -> None:
        """Go on in that clip."""
        self.clip = clip
        self.position_seconds = at_seconds
        """Of the newest picture shown."""
        self._number = -1
        self._samples: Sequence[Sample] = ()
        self._cursor = 0
        self._anchor: tuple[float, float] | None = None
        self._key_bits = 0
        self._sought_seconds = 0.0
        """Of B-frames that are decoded after a picture that was sought, some belong before it."""
        self._delay_seconds = 0.0
        """Between decoding a keyframe and showing it (B-frames); parts are found by the former."""
        self.seek(at_seconds)

    @property
    def rate(self) -> float:
        """How fast it plays."""
        return self._rate

    @property
    def keyframe_bits(self) -> int:
        """Of the newest keyframe shown; 0 before the first."""
        return self._key_bits

    def thin(self, bits_per_second: float | None) -> None:
        """Show keyframes alone at any speed, in that many bits a second; None: as the speed says.

        Steps then go from keyframe to keyframe, and a seek to the one before.
        """
        if (bits_per_second is None) != (self._thin_bits is None):
            self._anchor = None
        self._thin_bits = bits_per_second

    def extend(self, clip: PlayableClip) -> None:
        """The same clip, of which there is more now."""
        self.clip, self._is_staying = clip, False

    @property
    def is_holding(self) -> bool:
        """Whether the picture stands still."""
        return self._is_paused or self._is_staying

    # Steering.

    def seek(self, at_seconds: float) -> None:
        """Show the picture of that time, and go on from there."""
        self._goal: float | None = at_seconds
        self._burst: deque[int] = deque()
        self._burst_seconds: float | None = None
        self._steps = 0
        self._is_staying = False

    def set_rate(self, rate: float) -> None:
        """How fast: above 2 by keyframes."""
        self._rate, self._anchor = rate, None

    def pause(self, paused: bool) -> None:
        """Hold, or go on."""
        self._is_paused, self._anchor = paused, None
        self._is_staying = False

    def step(self, frames: int, *, is_thinned: bool = False) -> None:
        """That many pictures on or back from the one shown; playing pauses.

        Where the viewer does not get every picture, `position_seconds` says which was last, and all steps are seeks.
        """
        self._is_paused, self._is_staying = True, False
        if self._goal is not None:
            return  # Where it will be is not known yet.
        if self._thin_bits is not None:
            self._seek_keyframe(self._number + frames)
        elif frames > 0 and not is_thinned and not reorders(self._samples):
            self._steps += frames
        elif frames > 0:
            self._seek_after(self._target_seconds)
        else:
            self._seek_before(self._target_seconds)

    def stay(self) -> None:
        """There is no more: hold the last picture until somebody steers."""
        self._is_staying = True

    def renew(self) -> None:
        """Begin again with a keyframe, at the picture that is shown."""
        if self._goal is None and not self._plays_keyframes():
            staying = self._is_staying
            self.seek(self._target_seconds)
            self._is_staying = staying

    # Going on.

    def feed(self, number: int, samples: Sequence[Sample]) -> None:
        """The pictures of a part, a keyframe first."""
        self._number, self._samples, self._cursor = number, samples, 0
        if samples:
            delay_seconds = samples[0].shown_seconds - samples[0].decoded_seconds
            self._delay_seconds = max(self._delay_seconds, delay_seconds)  # only grows: a goal stays in one part

    def next(self, now_seconds: float) -> Action:
        """What to do now."""
        if not self.clip.gops:
            return Hold() if self._is_staying else Over()
        if self._goal is not None:
            number = self.clip.at_or_before(self._goal - self._delay_seconds)
            if number != self._number:
                return Read(number)
            self._plan(self._goal, now_seconds)
        if self._burst:
            due = max(self._due_seconds + BURST_STEP_SECONDS, self._burst_seconds or 0.0)
            is_goal = len(self._burst) == 1
            return self._show(self._burst[0], due, is_goal=is_goal, is_sought=is_goal)
        if self._steps:
            return self._one(now_seconds)
        if self._is_paused or self._is_staying:
            return Hold()
        return self._keyframe(now_seconds) if self._plays_keyframes() else self._following(now_seconds)

    def advance(self, shown: Show) -> None:
        """`shown` was shown."""
        self._due_seconds = max(self._due_seconds, shown.due_seconds)
        shown_seconds = shown.sample.shown_seconds
        if self._burst:
            self._cursor = self._burst.popleft() + 1
            self._sought_seconds = shown_seconds
        else:
            self._cursor += 1
            self._steps = max(0, self._steps - 1)
            shown_seconds = max(shown_seconds, self.position_seconds)
        if shown.sample.is_keyframe:
            self._key_bits = 8 * len(shown.sample.data)
        if shown.is_goal:
            self.position_seconds = shown_seconds
            if self._anchor is None or self._is_paused:
                self._anchor = (shown.sample.decoded_seconds, shown.due_seconds)

    @property
    def _target_seconds(self) -> float:
        """The picture that is shown, or will be after a burst."""
        return self._samples[self._burst[-1]].shown_seconds if self._burst else self.position_seconds

    def _seek_keyframe(self, number: int) -> None:
        if 0 <= number < len(self.clip.gops):
            self.seek(self.clip.gops[number].starts_seconds + self._delay_seconds)

    def _seek_after(self, seconds: float) -> None:
        after = [at for sample in self._samples if (at := sample.shown_seconds) > seconds + _SAME_SECONDS]
        following = self._number + 1
        if after:
            self.seek(min(after))
        elif 0 < following < len(self.clip.gops):
            self.seek(self.clip.gops[following].starts_seconds + self._delay_seconds)

    def _seek_before(self, seconds: float) -> None:
        before = [at for sample in self._samples if (at := sample.shown_seconds) < seconds - _SAME_SECONDS]
        if before:
            self.seek(max(before))
        elif self._number > 0:
            self.seek(self.clip.gops[self._number].starts_seconds + self._delay_seconds - 0.001)

    def _plays_keyframes(self) -> bool:
        return (self._rate > EVERY_PICTURE_RATE_MAX or self._thin_bits is not None) and not self._is_paused

    def _plan(self, goal: float, now_seconds: float) -> None:
        """All that must be decoded for the picture of `goal`, in one burst."""
        shown = [sample.shown_seconds for sample in self._samples]
        by_then = [index for index, at in enumerate(shown) if at <= goal + _SAME_SECONDS]
        target = max(by_then, key=lambda index: shown[index], default=0)
        self._burst = deque(range(min(target + 1, len(shown)) if self._thin_bits is None else 1))
        self._burst_seconds, self._goal, self._anchor = now_seconds, None, None

    def _one(self, now_seconds: float) -> Action:
        """The next picture, for a step."""
        if self._cursor >= len(self._samples):
            if self._number + 1 >= len(self.clip.gops):
                self._steps = 0
                return Hold()
            return Read(self._number + 1)
        return self._show(self._cursor, max(now_seconds, self._due_seconds + BURST_STEP_SECONDS), is_sought=True)

    def _following(self, now_seconds: float) -> Action:
        if self._cursor >= len(self._samples):
            return Read(self._number + 1) if self._number + 1 < len(self.clip.gops) else Over()
        return self._show(self._cursor, self._due(self._samples[self._cursor].decoded_seconds, now_seconds))

    def _keyframe(self, now_seconds: float) -> Action:
        """The next keyframe that neither bitrate nor decoder would choke on."""
        if self._cursor == 0 and self._samples:
            return self._show(0, self._due(self._samples[0].decoded_seconds, now_seconds))
        bits_per_second = self._thin_bits or max(
            BITS_PER_SECOND_MIN, EVERY_PICTURE_RATE_MAX * self.clip.bits_per_second
        )
        spacing = max(KEYFRAME_SECONDS_MIN, self._key_bits / bits_per_second)
        wanted = self.clip.at_or_after(self.position_seconds + self._rate * spacing)
        number = max(self._number + 1, wanted)
        if number < len(self.clip.gops):
            return Read(number)
        return Over() if self._number + 1 >= len(self.clip.gops) else Read(len(self.clip.gops) - 1)

    def _due(self, decoded_seconds: float, now_seconds: float) -> float:
        if self._anchor is not None:
            clip_seconds, due_seconds = self._anchor
            due = due_seconds + (decoded_seconds - clip_seconds) / self._rate
            if now_seconds - due <= LATE_SECONDS_MAX:
                return max(due, self._due_seconds)
        due = max(now_seconds, self._due_seconds)
        self._anchor = (decoded_seconds, due)
        return due

    def _show(self, index: int, due_seconds: float, *, is_goal: bool = True, is_sought: bool = False) -> Show:
        is_goal &= is_sought or self._samples[index].shown_seconds >= self._sought_seconds - _SAME_SECONDS
        is_alone = is_goal and (self._is_paused or self._plays_keyframes() or index + 1 == len(self._samples))
        return Show(self._samples[index], due_seconds, is_goal, is_sought, is_alone)
