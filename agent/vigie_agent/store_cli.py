"""`vigie agent store …`: check, stats, list, export, hold, release."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from vigie_shared.i18n import gettext as _

if TYPE_CHECKING:
    from vigie_agent.store.listing import KeptClip
    from vigie_agent.store.repair import Repaired
    from vigie_agent.store.scrub import Finding
    from vigie_agent.store.stats import StoreStats

app = typer.Typer(
    help=_("Look at what the agent keeps, export clips, hold them; the agent may run meanwhile."),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Settings = Annotated[
    Path, typer.Option("--settings", help=_("The agent's settings file (TOML); VIGIE_AGENT__… variables override it."))
]
AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for scripts."))]
Clip = Annotated[str, typer.Argument(metavar="CLIP", help=_("The clip's id, as the hub or `store list` names it."))]
Pin = Annotated[bool, typer.Option("--pin", help=_("A pin, not a legal hold: somebody wants it, no law asks for it."))]
LevelName = Literal["presence", "size", "digest"]
DEGRADED: Final = 3
"""Exit status: something was found wanting."""


@app.command(
    help=_(
        "Look whether all that is kept is there (presence), as large (size), and as it was (digest). Exit status 3 "
        "where something is not."
    )
)
def check(
    settings: Settings,
    level: Annotated[LevelName, typer.Option(help=_("How closely to look."))] = "size",
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help=_("Mend what can be: rebuild a damaged ledger, record damage as gaps. No agent may run."),
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Scrub the store."""
    from vigie_agent.settings import load
    from vigie_agent.store import Reader
    from vigie_agent.store.scrub import Level, Scrub

    loaded, wanted = load(settings), Level[level.upper()]
    if repair:
        _repair(loaded.data_dir, loaded.agent_id, wanted, as_json)
        return
    reader = Reader(loaded.data_dir)
    try:
        with _progress(_("looking"), reader.counts().clips_bytes) as on_bytes:
            findings = list(Scrub(reader, loaded.data_dir, on_bytes).run(wanted))
        clips = reader.counts().clips
    finally:
        reader.close()
    if as_json:
        typer.echo(json.dumps({"level": level, "clips": clips, "findings": [asdict(one) for one in findings]}))
    else:
        typer.echo(_findings_text(findings, clips))
    if findings:
        raise typer.Exit(DEGRADED)


@app.command(help=_("Say what is kept, by class, and what it takes of the disk."))
def stats(settings: Settings, as_json: AsJson = False) -> None:
    """Count what is there."""
    from vigie_agent.settings import load
    from vigie_agent.store import Reader
    from vigie_agent.store.stats import stats as count

    data_dir = load(settings).data_dir
    reader = Reader(data_dir)
    try:
        found = count(reader, data_dir)
    finally:
        reader.close()
    typer.echo(json.dumps(asdict(found)) if as_json else _stats_text(found))


@app.command("list", help=_("Name the clips that are kept, the newest first."))
def list_clips(
    settings: Settings,
    camera: Annotated[str | None, typer.Option(metavar="CAMERA", help=_("Only clips of this camera."))] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help=_("At most so many."))] = 50,
    as_json: AsJson = False,
) -> None:
    """One line a clip."""
    from vigie_agent.settings import load
    from vigie_agent.store import Reader
    from vigie_agent.store.listing import listing

    reader = Reader(load(settings).data_dir)
    try:
        found = listing(reader, camera, limit)
    finally:
        reader.close()
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found]))
        return
    for one in found:
        typer.echo(_clip_text(one))
    if not found:
        typer.echo(_("no clips"), err=True)


@app.command(
    help=_(
        "Write a clip as one MP4 that any player takes. Its video is proven to be the same as what is kept, bit by "
        "bit. Exit status 3 where parts of the clip are damaged and left out."
    )
)
def export(
    clip: Clip,
    settings: Settings,
    output: Annotated[Path, typer.Option("-o", "--output", help=_("The file to write (MP4)."))],
    exact: Annotated[
        bool, typer.Option("--exact", help=_("The very bytes whose digest the hub has (fragmented MP4)."))
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Export one clip."""
    from vigie_agent.settings import load
    from vigie_agent.store import Reader
    from vigie_agent.store.export import export as write

    reader = Reader(load(settings).data_dir)
    try:
        size, _sha256 = reader.promise(clip) or (0, "")
        with _progress(_("exporting"), size) as on_bytes:
            done = write(reader, clip, output, exact=exact, on_bytes=on_bytes)
    finally:
        reader.close()
    if as_json:
        typer.echo(json.dumps(asdict(done) | {"path": str(done.path)}))
    else:
        typer.echo(
            _("{path}: {bytes} bytes, {packets} packets; digest of the video {digest}, the same as kept").format(
                path=done.path, bytes=done.bytes, packets=done.packets, digest=done.stream_sha256
            )
        )
    if done.damaged:
        text = _("damaged and left out: {count} of {segments} segments")
        typer.echo(text.format(count=len(done.damaged), segments=done.segments), err=True)
        raise typer.Exit(DEGRADED)


@app.command(help=_("Keep a clip whatever the retention says, until it is released or a time has come."))
def hold(
    clip: Clip,
    settings: Settings,
    reason: Annotated[str, typer.Option(help=_("Why: the case, the order, who asked."))] = "",
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help=_("The day it ends, in UTC."))
    ] = None,
    pin: Pin = False,
) -> None:
    """Place a hold."""
    from vigie_agent.settings import load
    from vigie_agent.store import repair

    if not reason and not pin:
        raise typer.BadParameter(_("a legal hold needs its reason: --reason TEXT"))
    end = until.replace(tzinfo=UTC) if until else None
    repair.hold(load(settings).data_dir, clip, "pin" if pin else "legal", reason, end, datetime.now(UTC))
    typer.echo(_("clip {clip} is held").format(clip=clip))


@app.command(help=_("End the holds on a clip: the retention counts again."))
def release(clip: Clip, settings: Settings, pin: Pin = False) -> None:
    """End holds."""
    from vigie_agent.settings import load
    from vigie_agent.store import repair

    ended = repair.release(load(settings).data_dir, clip, "pin" if pin else "legal", datetime.now(UTC))
    typer.echo(_("clip {clip}: {count} holds ended").format(clip=clip, count=ended))


def _repair(data_dir: Path, agent_id: str, level: Any, as_json: bool) -> None:
    from vigie_agent.keys import load_or_make_agent_key
    from vigie_agent.store.gaps import signed
    from vigie_agent.store.repair import repair

    sign = load_or_make_agent_key(data_dir).sign
    with _progress(_("mending"), None) as on_bytes:
        done = repair(data_dir, agent_id, level, datetime.now(UTC), lambda gap: signed(gap, agent_id, sign), on_bytes)
    typer.echo(json.dumps(asdict(done)) if as_json else _repaired_text(done))
    if done.findings:
        raise typer.Exit(DEGRADED)


@contextlib.contextmanager
def _progress(text: str, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal's standard error; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(text), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(text, total=total_bytes)
        yield lambda count: progress.advance(task, count)


def _findings_text(findings: "list[Finding]", clips: int) -> str:
    if not findings:
        return _("sound: {clips} clips").format(clips=clips)
    lines = [f"{finding.kind}: {finding.detail}" for finding in findings]
    return "\n".join([*lines, _("{count} findings in {clips} clips").format(count=len(findings), clips=clips)])


def _repaired_text(done: "Repaired") -> str:
    lines = [f"{finding.kind}: {finding.detail}" for finding in done.findings]
    if done.ledger_rebuilt:
        lines.append(_("the ledger was built anew from the volumes"))
    text = _("{clips} open clips finished, {marked} damaged segments recorded as gaps, {orphans} nameless ones erased")
    counts = text.format(clips=done.clips_finished, marked=done.segments_marked, orphans=done.orphans_erased)
    return "\n".join([*lines, counts])


def _clip_text(one: "KeptClip") -> str:
    seconds = (datetime.fromisoformat(one.ended_at) - datetime.fromisoformat(one.at)).total_seconds()
    text = _("{clip_id}  {camera}  {at}  {seconds:.0f} s  {megabytes:.1f} MB  kept as {kind}")
    notes = [
        _("held") if one.is_held else "",
        "" if one.is_acknowledged else _("the hub has not acknowledged it"),
        _("{count} damaged segments").format(count=one.damaged_segments) if one.damaged_segments else "",
    ]
    line = text.format(
        clip_id=one.clip_id,
        camera=one.camera_id,
        at=one.at,
        seconds=seconds,
        megabytes=one.bytes / 1e6,
        kind=one.kept_as,
    )
    return "  ".join([line, *filter(None, notes)])


def _stats_text(found: "StoreStats") -> str:
    lines = [_("agent {agent_id}, epoch {epoch}").format(agent_id=found.agent_id, epoch=found.epoch)]
    for one in found.classes:
        lines.append(
            _("kept as {kind}: {clips} clips, {bytes} bytes, {acknowledged} acknowledged").format(
                kind=one.kept_as, clips=one.clips, bytes=one.bytes, acknowledged=one.acknowledged
            )
        )
    lines.append(
        _("held: {clips} clips, {bytes} bytes; damaged segments: {damaged}; events to send: {unsent}").format(
            clips=found.held_clips, bytes=found.held_bytes, damaged=found.damaged_segments, unsent=found.unsent_events
        )
    )
    text = _("on disk: ledger {ledger} bytes, {volumes} volumes {bytes} bytes")
    lines.append(text.format(ledger=found.ledger_bytes, volumes=found.volumes, bytes=found.volumes_bytes))
    return "\n".join(lines)
