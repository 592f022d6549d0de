"""Adds to clips and alerts what only the running pulls know; on the event loop, where pulls live."""

from vigie_hub.api.models import Alert, ArchiveState, Clip
from vigie_hub.api.services import Pulls


def with_progress(clip: Clip, pulls: Pulls) -> Clip:
    """`clip`, and how far its pull has come."""
    pull = None if clip.archive else pulls.state(clip.clip_id)
    if pull is None:
        return clip
    archive = ArchiveState(
        state=pull.state, sha256=None, bytes=pull.bytes, seconds=round(pull.seconds, 3), detail=pull.detail
    )
    return clip.model_copy(update={"archive": archive})


def alert_with_progress(alert: Alert, pulls: Pulls) -> Alert:
    """`alert`, and how far the pull of its clip has come."""
    return alert.model_copy(update={"clip": with_progress(alert.clip, pulls)}) if alert.clip else alert
