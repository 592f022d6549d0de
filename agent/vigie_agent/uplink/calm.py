"""What is worth telling of a heartbeat: figures that only tremble stay as they were told; sans I/O."""

from typing import Final

from vigie_shared.heartbeats import CameraHealth, Heartbeat
from vigie_shared.link import LinkReport

RATE_TREMBLE: Final = 0.25
DISK_TREMBLE: Final = 0.02
SENT_TREMBLE_BYTES: Final = 1_000_000


def calmed(beat: Heartbeat, told: Heartbeat) -> Heartbeat:
    """`beat`, with the figures of `told` wherever they are about the same."""
    known = {camera.camera_id: camera for camera in told.cameras}
    cameras = tuple(_calmed_camera(camera, known.get(camera.camera_id)) for camera in beat.cameras)
    disk, disk_told = beat.disk_free_bytes, told.disk_free_bytes
    same_disk = disk is not None and disk_told is not None and _about(disk, disk_told, DISK_TREMBLE)
    same_link = beat.link is not None and told.link is not None and _same_link(beat.link, told.link)
    return beat.model_copy(
        update={
            "cameras": cameras,
            "disk_free_bytes": disk_told if same_disk else disk,
            "link": told.link if same_link else beat.link,
        }
    )


def is_news(beat: Heartbeat, told: Heartbeat) -> bool:
    """Whether something happened that cannot wait for the next heartbeat."""
    return _states(beat) != _states(told)


def _states(beat: Heartbeat) -> tuple[object, ...]:
    cameras = tuple((camera.camera_id, camera.state, camera.moving) for camera in beat.cameras)
    return cameras, beat.store_fault, beat.disk_free_bytes is None


def _calmed_camera(camera: CameraHealth, told: CameraHealth | None) -> CameraHealth:
    if told is None or not (
        _about(camera.frames_per_second, told.frames_per_second, RATE_TREMBLE)
        and _about(camera.kbps, told.kbps, RATE_TREMBLE)
    ):
        return camera
    return camera.model_copy(update={"frames_per_second": told.frames_per_second, "kbps": told.kbps})


def _same_link(link: LinkReport, told: LinkReport) -> bool:
    if link.queue or told.queue:
        return False
    pairs = ((link.pace_kbps, told.pace_kbps), (link.measured_kbps, told.measured_kbps))
    if any((now is None) != (then is None) for now, then in pairs):
        return False
    return (
        all(_about(now or 0.0, then or 0.0, RATE_TREMBLE) for now, then in pairs)
        and (link.kind, link.cap_kbps, link.quota_bytes) == (told.kind, told.cap_kbps, told.quota_bytes)
        and 0 <= link.sent_today_bytes - told.sent_today_bytes < SENT_TREMBLE_BYTES
    )


def _about(now: float, then: float, share: float) -> bool:
    return abs(now - then) <= share * max(abs(now), abs(then))
