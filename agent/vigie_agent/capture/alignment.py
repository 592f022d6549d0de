"""Two streams of one camera on one timeline: what is seen on the small one is cut from the large one."""

from dataclasses import replace
from typing import Final

from vigie_agent.capture.packets import Packet

SHIFT_SECONDS_MAX: Final = 0.5
"""Networks deliver the two streams unevenly; a smaller difference than this is not corrected again and again."""
_STEP_SECONDS_MIN: Final = 0.001


class Alignment:
    """Places the other stream's packets on the timeline of the leading one.

    By the camera's own clock (RTCP) where it tells it on both streams, else by the times of arrival.
    """

    def __init__(self) -> None:
        self._leading: Packet | None = None
        self._shift_seconds: float | None = None
        self._by_camera = False
        self._last_seconds = 0.0

    def lead(self, packet: Packet) -> None:
        """The newest packet of the leading stream."""
        self._leading = packet

    def clear(self) -> None:
        """The leading stream is gone."""
        self._leading = None

    def place(self, packet: Packet) -> Packet | None:
        """`packet` where it belongs, never before the one placed before; None while there is no leading stream."""
        if self._leading is None:
            return None
        behind_seconds, by_camera = _behind(packet, self._leading)
        shift = self._leading.position_seconds + behind_seconds - packet.position_seconds
        has_moved = self._shift_seconds is None or abs(shift - self._shift_seconds) > SHIFT_SECONDS_MAX
        if has_moved or by_camera != self._by_camera or packet.is_discontinuity:
            self._shift_seconds, self._by_camera = shift, by_camera
        assert self._shift_seconds is not None
        position = max(packet.position_seconds + self._shift_seconds, self._last_seconds + _STEP_SECONDS_MIN)
        self._last_seconds = position
        return replace(packet, position_seconds=position)


def _behind(packet: Packet, leading: Packet) -> tuple[float, bool]:
    """How much later `packet` was taken, and whether the camera said so."""
    if packet.camera_unix_seconds is not None and leading.camera_unix_seconds is not None:
        return packet.camera_unix_seconds - leading.camera_unix_seconds, True
    return (packet.at - leading.at).total_seconds(), False
