"""`vigie agent …`: run, enrol, key, status, film, read, doctor."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from vigie_agent import link_cli, logs, store_cli
from vigie_shared.clock import SystemClock
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _

if TYPE_CHECKING:
    from vigie_agent.settings import AgentSettings

app = typer.Typer(
    help=_(
        "Watch cameras on this box. The agent notices motion, reads plates and keeps clips; the hub hears in a few "
        "dozen bytes that something happened, and fetches video only when somebody asks."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Settings = Annotated[
    Path, typer.Option("--settings", help=_("The agent's settings file (TOML); VIGIE_AGENT__… variables override it."))
]
AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for scripts."))]
DEGRADED: Final = 3
"""Exit status: something was found wanting."""
app.add_typer(store_cli.app, name="store")
app.add_typer(link_cli.app, name="link")
SceneName = Literal["crossing", "gate", "patrol"]


@app.command(help=_("Watch until Ctrl-C or SIGTERM. Until it is enrolled the agent works alone and keeps everything."))
def run(
    settings: Settings,
    log_level: Annotated[logs.Level, typer.Option(help=_("Least important lines to log."))] = "info",
    view: Annotated[
        bool | None,
        typer.Option("--view/--no-view", help=_("Show what each camera is doing; by default on a terminal.")),
    ] = None,
) -> None:
    """Watch until told to stop."""
    from vigie_agent import app as agent
    from vigie_agent.settings import load

    loaded = load(settings)
    logs.configure(log_level)
    asyncio.run(agent.run(loaded, view=sys.stdout.isatty() if view is None else view))


@app.command(
    help=_("Let this agent into a hub by a code from there (vigie hub enrol); a running agent then begins to report.")
)
def enrol(
    code: Annotated[str, typer.Argument(help=_("The code, from the agent's name to the end."))],
    settings: Settings = Path("agent.toml"),
    as_json: AsJson = False,
) -> None:
    """Enrol with a code."""
    from vigie_agent import credentials, enrolment
    from vigie_agent.keys import load_or_make_agent_key
    from vigie_agent.settings import load
    from vigie_shared.enrolment import Code

    parsed, loaded = Code.parse(code), load(settings)
    if parsed.agent_id != loaded.agent_id:
        raise CommandError(
            _("this code is for agent {agent_id}; {path} is the settings of {own_id}").format(
                agent_id=parsed.agent_id, path=settings, own_id=loaded.agent_id
            )
        )
    membership = enrolment.enrol(parsed, load_or_make_agent_key(loaded.data_dir))
    credentials.save(loaded.data_dir, membership)
    told = {"agent_id": membership.agent_id, "hub": membership.nats_url, "hub_key": membership.hub_key}
    typer.echo(json.dumps(told) if as_json else _("{agent_id} is enrolled; its hub is at {hub}").format(**told))


@app.command(help=_("Print this agent's public key; makes the key where there is none yet."))
def key(
    data: Annotated[Path, typer.Option("--data", help=_("The agent's data_dir."))],
    as_json: AsJson = False,
) -> None:
    """Print the public key."""
    from vigie_agent.keys import load_or_make_agent_key

    public_key = load_or_make_agent_key(data).public_key
    typer.echo(json.dumps({"public_key": public_key}) if as_json else public_key)


@app.command(help=_("Say what the store holds and how much of it the hub has signed for; the agent may run meanwhile."))
def status(settings: Settings, as_json: AsJson = False) -> None:
    """Read the store beside the agent."""
    from vigie_agent.settings import load

    loaded = load(settings)
    found = {**read_status(loaded.data_dir), "hotlists": read_hotlists(loaded)}
    typer.echo(json.dumps(found) if as_json else _status_text(found))


@app.command(help=_("Draw a film of a synthetic scene, and print what happens in it (JSON)."))
def film(
    scene: Annotated[SceneName, typer.Argument(help=_("Which scene."))],
    output: Annotated[Path, typer.Option("-o", "--output", help=_("The file to write (MP4)."))],
    seed: Annotated[int, typer.Option(help=_("The same seed draws the same film."))] = 1,
    as_json: AsJson = False,
) -> None:
    """Draw a film."""
    from vigie_agent.synthetic.film import render_film

    truth = asdict(render_film(output, scene, seed))
    typer.echo(json.dumps(truth, ensure_ascii=False, indent=None if as_json else 1))


@app.command(help=_("Say which plates are on pictures and in videos, with the models of this machine."))
def read(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help=_("Pictures or videos."))],
    crop: Annotated[bool, typer.Option("--crop", help=_("Each picture is one plate and nothing else."))] = False,
    foreign: Annotated[bool, typer.Option("--foreign", help=_("Read foreign plates too."))] = False,
    draw: Annotated[
        Path | None, typer.Option("--draw", metavar="DIR", help=_("Draw what is seen on copies of the pictures, here."))
    ] = None,
    weights: Annotated[
        Literal["auto", "int8", "float"], typer.Option(help=_("Which file of each network is run."))
    ] = "auto",
    as_json: AsJson = False,
) -> None:
    """Look at files; one that cannot be read keeps no other from being read."""
    from vigie_agent.plates.looking import Looking

    looking = Looking(foreign=foreign, crop=crop, draw=draw, weights=weights)
    seen_any = failed = False
    for path in files:
        try:
            seen = looking.at(path)
        except CommandError as error:
            typer.echo(f"vigie agent: {error}", err=True)
            failed = True
            continue
        typer.echo(json.dumps(seen, ensure_ascii=False) if as_json else looking.table(seen, heading=not seen_any))
        seen_any = True
    if seen_any and not as_json:
        typer.echo(_("read with {models}").format(models=", ".join(looking.models)), err=True)
    if failed:
        raise typer.Exit(1)


@app.command(
    help=_(
        "Look at each camera for a while: say what it really sends, which of its settings to change, and what that "
        "gains. Exit status 3 where a camera gives no video."
    )
)
def doctor(
    settings: Settings,
    camera: Annotated[
        list[str] | None, typer.Option("--camera", metavar="ID", help=_("Only this camera; may be given again."))
    ] = None,
    seconds: Annotated[float, typer.Option(min=2, max=600, help=_("How long to look."))] = 20,
    as_json: AsJson = False,
) -> None:
    """Examine cameras."""
    from vigie_agent.doctor import report, rounds
    from vigie_agent.settings import chosen_cameras, load

    logs.configure("error")
    loaded = load(settings)
    diagnoses = rounds.examine(chosen_cameras(loaded, camera or []), loaded.motion, seconds)
    if as_json:
        typer.echo(json.dumps({"cameras": [asdict(one) for one in diagnoses]}, ensure_ascii=False))
    else:
        typer.echo("\n\n".join(report.text(one) for one in diagnoses) or _("no cameras are set"))
    if any(one.main is None for one in diagnoses):
        raise typer.Exit(DEGRADED)


def read_status(data_dir: Path) -> dict[str, Any]:
    """What the store in `data_dir` holds; raises StoreError where there is none."""
    from vigie_agent.store import Reader

    reader = Reader(data_dir)
    try:
        counts = reader.counts()
        return {
            "agent_id": reader.agent_id,
            "epoch": reader.epoch,
            "newest": reader.newest(),
            "receipted": reader.receipted(),
            "clips": counts.clips,
            "clips_bytes": counts.clips_bytes,
            "motion_events": counts.motion_events,
            "plate_reads": counts.plate_reads,
        }
    finally:
        reader.close()


def read_hotlists(settings: "AgentSettings") -> dict[str, dict[str, float]]:
    """The hotlists on the disk: version, entries, age; none before enrolment."""
    from vigie_agent import membership
    from vigie_agent.hotlists.lists import on_disk

    member = membership.load(settings.data_dir, settings.agent_id)
    now = SystemClock().now()
    asked = settings.hotlists
    return on_disk(settings.data_dir, member.hub_key, asked.lists, now, asked.lists_max) if member else {}


def _status_text(found: dict[str, Any]) -> str:
    lines = [
        _("agent {agent_id}, epoch {epoch}").format(**found),
        _("kept: {clips} clips ({clips_bytes} bytes), {motion_events} motions, {plate_reads} plate reads").format(
            **found
        ),
    ]
    for lane, newest in found["newest"].items():
        lines.append(
            _("lane {lane}: {newest} events, the hub has {receipted}").format(
                lane=lane, newest=newest, receipted=found["receipted"][lane]
            )
        )
    for list_id, one in found["hotlists"].items():
        text = _("hotlist {list}: version {version}, {entries} plates, {hours:.1f} h old")
        lines.append(text.format(list=list_id, hours=one["age_seconds"] / 3600, **one))
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run one command; errors that an operator can mend are raised as VigieError."""
    try:
        app(arguments, prog_name="vigie agent")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 1
    return 0
