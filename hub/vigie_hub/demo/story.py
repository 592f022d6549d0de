"""The demo's running commentary: one line for each thing that happens."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from vigie_shared.i18n import gettext as _

Body = Mapping[str, Any]


def _motion_started(body: Body) -> str:
    return _("motion, score {score:.1f}").format(score=body["score"])


def _motion_ended(_body: Body) -> str:
    return _("quiet again")


def _plate_read(body: Body) -> str:
    text = _("plate {plate}, confidence {share:.0%}, seen in {count} frames").format(
        plate=body["text"].replace("|", " | "), share=body["confidence"], count=body["frame_count"]
    )
    return _("{read} (uncertain)").format(read=text) if body["uncertain"] else text


def _plate_hit(body: Body) -> str:
    return _("hit on the agent's hotlist: {plate}").format(plate=body["read"]["text"].replace("|", " | "))


def _plate_pictured(body: Body) -> str:
    return _("picture of an uncertain plate, {count} bytes").format(count=len(body["picture"]) * 3 // 4)


def _clip_stored(body: Body) -> str:
    return _("clip kept at the edge, {megabytes:.1f} MB, {digest}…").format(
        megabytes=body["bytes"] / 1e6, digest=body["sha256"][:12]
    )


def _gap_recorded(body: Body) -> str:
    return _("gap in the footage: {reason}").format(reason=body["reason"])


def _camera_changed(body: Body) -> str:
    if body["state"] == "lost":
        return ""
    return _("camera streams {codec}, {width}×{height}").format(
        codec=body["codec"], width=body["width_px"], height=body["height_px"]
    )


_TELLERS: Final[dict[str, Callable[[Body], str]]] = {
    "motion_started": _motion_started,
    "motion_ended": _motion_ended,
    "plate_read": _plate_read,
    "plate_hit": _plate_hit,
    "plate_pictured": _plate_pictured,
    "clip_stored": _clip_stored,
    "gap_recorded": _gap_recorded,
    "camera_changed": _camera_changed,
}


def tell(event: Mapping[str, Any]) -> str | None:
    """One line of commentary on an event of the hub's API; None for what its agent has said in its log already."""
    at = datetime.fromisoformat(event["at"]).astimezone()
    teller = _TELLERS.get(event["kind"])
    said = teller(event["body"]) if teller else event["kind"]
    if not said:
        return None
    return f"{at:%H:%M:%S}  {event['agent_id']}/{event['camera_id']}  {said}"


def tell_alert(alert: Mapping[str, Any]) -> str:
    """One line on a hit."""
    at = datetime.fromisoformat(alert["at"]).astimezone()
    return f"{at:%H:%M:%S}  " + _("ALERT at {agent}/{camera}: {plate}: {reason}").format(
        agent=alert["agent_id"],
        camera=alert["camera_id"],
        plate=alert["text"].replace("|", " | "),
        reason=alert["reason"],
    )
