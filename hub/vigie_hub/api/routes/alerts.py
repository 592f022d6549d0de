"""Alerts, and the pictures of their plates."""

from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from vigie_hub.api.context import CursorOf, LimitOf, ServicesOf, UserOf
from vigie_hub.api.models import Alert, EdgePage
from vigie_hub.api.problems import ProblemError
from vigie_hub.api.progress import alert_with_progress
from vigie_hub.api.queries.alerts import crop_of, find_alert, list_alerts
from vigie_hub.api.queries.completeness import completeness

router = APIRouter(tags=["alerts"])
_BINARY: Final = {"type": "string", "format": "binary"}
_KINDS: Final = {b"\xff\xd8\xff\xe0": "image/jpeg", b"RIFF": "image/webp"}
"""What a picture begins with, and what it then is."""


@router.get("/alerts")
async def get_alerts(services: ServicesOf, cursor: CursorOf = None, limit: LimitOf = 100) -> EdgePage[Alert]:
    """Hits of the hotlist, the newest first."""
    now = services.clock.now()
    page, known = await services.reads.read(
        lambda connection: (
            list_alerts(connection, cursor=cursor, limit=limit),
            completeness(connection, now, ("hit", "lpr")),
        )
    )
    alerts = [alert_with_progress(alert, services.pulls) for alert in page.items]
    return EdgePage(items=alerts, next=page.next, completeness=known)


@router.get("/alerts/{alert_id}")
async def get_alert(services: ServicesOf, alert_id: str) -> Alert:
    """One alert."""
    alert = await services.reads.read(lambda connection: find_alert(connection, alert_id))
    if alert is None:
        raise ProblemError("no-such-alert")
    return alert_with_progress(alert, services.pulls)


@router.get(
    "/alerts/{alert_id}/crop.jpg",
    response_class=Response,
    responses={200: {"content": {kind: {"schema": _BINARY} for kind in _KINDS.values()}}},
)
async def get_crop(services: ServicesOf, user: UserOf, alert_id: str) -> Response:
    """The plate's picture; each view leaves a line in the audit."""
    found, crop = await services.reads.read(lambda connection: crop_of(connection, alert_id))
    if not found:
        raise ProblemError("no-such-alert")
    if crop is None:
        raise ProblemError("no-picture")
    await services.audit.record(user, "crop_viewed", alert_id)
    return Response(crop, media_type=_KINDS.get(crop[:4], "image/jpeg"))
