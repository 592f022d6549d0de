"""`vigie agent link status`: how the way to the hub fares, and when what waits will have left."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from vigie_shared.i18n import gettext as _
from vigie_shared.link import LinkReport, QueueReport

app = typer.Typer(
    help=_("Look at the way to the hub: its rate, its quota, what waits for it and how long; the agent may run."),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
STALE_SECONDS: Final = 45.0
"""A running agent says more often how its link fares."""
_THOUSAND: Final = 1000
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


@app.callback()
def link() -> None:
    """Keep `status` a command of its own, though it is the only one."""


@app.command(help=_("Say how fast the link is, what may use it, and when what waits will have left."))
def status(
    settings: Annotated[
        Path,
        typer.Option("--settings", help=_("The agent's settings file (TOML); VIGIE_AGENT__… variables override it.")),
    ],
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for scripts."))] = False,
) -> None:
    """Read what the agent left in its data folder."""
    from vigie_agent.settings import load
    from vigie_agent.uplink.link_file import LinkFile
    from vigie_shared.errors import CommandError

    report = LinkFile(load(settings).data_dir).load().report
    if report is None:
        raise CommandError(_("no agent with a hub has run here yet: nothing is known of its link"))
    seconds = max(0.0, (datetime.now(UTC) - report.at).total_seconds())
    if as_json:
        typer.echo(json.dumps({**report.model_dump(mode="json"), "age_seconds": round(seconds, 1)}))
    else:
        typer.echo(text(report, seconds))


def text(report: LinkReport, age_seconds: float) -> str:
    """For people."""
    lines = [_connection(report, age_seconds), _rates(report), _used(report)]
    lines += [_queue(queue) for queue in report.queue] or [_("nothing waits")]
    for queue in report.queue:
        lines += [
            _("    {label}: {size}, {eta}").format(label=item.label, size=_size(item.bytes), eta=_eta(item.eta_seconds))
            for item in queue.items
        ]
    return "\n".join(lines)


def _connection(report: LinkReport, age_seconds: float) -> str:
    if age_seconds > STALE_SECONDS:
        return _("{kind}: as it was {age} ago; the agent does not run").format(kind=report.kind, age=_time(age_seconds))
    state = _("connected") if report.connected else _("not connected")
    return _("{kind}: {state}").format(kind=report.kind, state=state)


def _rates(report: LinkReport) -> str:
    measured = _("nothing measured yet")
    if report.measured_kbps is not None:
        measured = _("measured {rate:.0f} kbit/s").format(rate=report.measured_kbps)
    cap = _("no cap") if report.cap_kbps is None else _("cap {rate:g} kbit/s").format(rate=report.cap_kbps)
    pace = _("as fast as it goes")
    if report.pace_kbps is not None:
        pace = _("sends at {rate:.0f} kbit/s").format(rate=report.pace_kbps)
    on_way = _("{size} on their way").format(size=_size(report.in_flight_bytes))
    return ", ".join((measured, cap, pace, on_way))


def _used(report: LinkReport) -> str:
    used = _size(report.sent_today_bytes)
    if report.quota_bytes is None:
        return _("sent today (UTC): {used}; no quota").format(used=used)
    return _("sent today (UTC): {used} of {quota}").format(used=used, quota=_size(report.quota_bytes))


def _queue(queue: QueueReport) -> str:
    reasons = {
        "window": _("waits for its time of day"),
        "metered": _("not over a metered link"),
        "quota": _("today's quota is used up"),
    }
    line = _("{priority}: {size}, {eta}").format(
        priority=queue.priority, size=_size(queue.bytes), eta=_eta(queue.eta_seconds)
    )
    return f"{line} ({reasons[queue.waits_for]})" if queue.waits_for else line


def _eta(seconds: float | None) -> str:
    return _("never over this link") if seconds is None else _("gone in {time}").format(time=_time(seconds))


def _time(seconds: float) -> str:
    if seconds < _MINUTE:
        return _("{seconds:.0f} s").format(seconds=seconds)
    if seconds < _HOUR:
        return _("{minutes:.0f} min").format(minutes=seconds / _MINUTE)
    if seconds < _DAY:
        return _("{hours:.1f} h").format(hours=seconds / _HOUR)
    return _("{days:.1f} days").format(days=seconds / _DAY)


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < _THOUSAND:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _THOUSAND
    return f"{count:.1f} TB"
