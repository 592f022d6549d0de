"""Coded pictures that the next still may need: no more of them than have to be decoded for it. Sans I/O."""

from typing import Final

from vigie_agent.video.media.source import MediaFrame

BYTES_MAX: Final = 16 * 1024**2


class Backlog:
    """What came since the newest keyframe and was not taken yet."""

    def __init__(self) -> None:
        self.wants_all = True
        """Whether pictures between keyframes are of use."""
        self.keyframe_seconds: float | None = None
        """Between the last two keyframes; None before there were two."""
        self._frames: list[MediaFrame] = []
        self._bytes = 0
        self._last_key: MediaFrame | None = None
        self._is_unbroken = False

    @property
    def has_news(self) -> bool:
        """Whether a newer picture can be made."""
        return bool(self._frames)

    def feed(self, frame: MediaFrame) -> None:
        """The next picture in decoding order."""
        if frame.is_keyframe:
            if self._last_key is not None:
                self.keyframe_seconds = (frame.at - self._last_key.at).total_seconds()
            self._last_key, self._is_unbroken = frame, True
            self._frames, self._bytes = [], 0
        elif not (self.wants_all and self._is_unbroken) or self._bytes > BYTES_MAX:
            self._is_unbroken = False
            return
        self._frames.append(frame)
        self._bytes += len(frame.data)

    def take(self) -> list[MediaFrame]:
        """All of it, to be decoded after what was taken before; or the keyframe alone."""
        frames = self._frames
        if not self.wants_all and frames:
            frames = frames[:1] if frames[0].is_keyframe else []
            self._is_unbroken = False
        self._frames, self._bytes = [], 0
        return frames
