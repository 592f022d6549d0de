"""Adds to clips and alerts what only the running pulls know; on the event loop, where pulls live."""

from vigie_hub.api.models import Alert, ArchiveState, Clip, PullProgress
from vigie_hub.api.services import Pulls
from vigie_hub.video.pull.progress import PullState


def with_progress(clip: Clip, pulls: Pulls) -> Clip:
    """`clip`, and how far its pull has come."""
    pull = None if clip.archive else pulls.state(clip.clip_id)
    return clip if pull is None else clip.model_copy(update={"archive": _archive(pull)})


def alert_with_progress(alert: Alert, pulls: Pulls) -> Alert:
    """`alert`, and how far the pull of its clip has come."""
    return alert.model_copy(update={"clip": with_progress(alert.clip, pulls)}) if alert.clip else alert


def how_far(pulls: Pulls, clip_id: str) -> PullProgress:
    """How far the pull of a clip has come."""
    pull = pulls.state(clip_id)
    return PullProgress(clip_id=clip_id, archive=None if pull is None else _archive(pull))


def _archive(pull: PullState) -> ArchiveState:
    seen, eta_seconds = pull.seen, pull.eta_seconds
    return ArchiveState(
        state=pull.state,
        sha256=None,
        bytes=pull.bytes,
        seconds=round(pull.seconds, 3),
        detail=pull.detail,
        here=list(seen.rungs()),
        wanted=list(pull.wanted),
        quality=pull.quality,
        arrived_bytes=pull.arrived_bytes,
        of_bytes=pull.of_bytes or None,
        bytes_per_second=None if pull.bytes_per_second is None else round(pull.bytes_per_second, 1),
        eta_seconds=None if eta_seconds is None else round(eta_seconds, 1),
        road=pull.road,
        waits=pull.waits,
        ahead=pull.ahead,
        keyframes_here=len(seen.heads),
        keyframes=None if seen.index is None else len(seen.index.heads),
        prefix_bytes=seen.prefix_bytes,
    )
