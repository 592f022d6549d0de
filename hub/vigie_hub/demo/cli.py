"""`vigie demo`."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vigie_hub.demo.app import Options, run
from vigie_hub.demo.tally import Summary
from vigie_shared.i18n import gettext as _

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    help=_(
        "Run all of Vigie on this machine: nats-server, a hub and three agents with cameras that are drawn. "
        "Nothing is left behind when it ends."
    )
)
def demo(
    once: Annotated[bool, typer.Option("--once", help=_("Show each film once, sum up and end."))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("With --once: print the summary as JSON."))] = False,
    video: Annotated[
        list[Path] | None, typer.Option("--video", help=_("Add a camera that shows this film; may be repeated."))
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help=_("The page's port; 0 takes a free one."))] = 0,
) -> None:
    """Run the demo and end with its status: 0 all well, 1 something was found wrong."""
    console = Console(stderr=True)
    summary = asyncio.run(_until_told(Options(once=once, videos=video or [], port=port), console))
    if summary is None:
        console.print(_("The demo has ended; nothing of it is left."))
        return
    print_summary(summary, as_json=as_json)
    if failures := summary.failures():
        console.print(_("not as it should be: {names}").format(names=", ".join(failures)), style="red")
        raise typer.Exit(1)


async def _until_told(options: Options, console: Console) -> Summary | None:
    """Run the demo until it is done, or Ctrl-C or SIGTERM asks for its end."""
    running = asyncio.create_task(run(options, console))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        return await running
    except asyncio.CancelledError:
        return None


def print_summary(summary: Summary, *, as_json: bool) -> None:
    """Print the summary on standard output."""
    if as_json:
        sys.stdout.write(summary.model_dump_json() + "\n")
        return
    for name, value in summary.model_dump(exclude={"pulled"}).items():
        sys.stdout.write(f"{name:<20} {value}\n")
    for clip in summary.pulled:
        mark = "=" if clip.sha256_agent == clip.sha256_hub else "≠"
        sys.stdout.write(f"{clip.clip_id}  {clip.bytes} B  {clip.seconds:.2f} s  {clip.sha256_agent} {mark}\n")


def main(arguments: list[str]) -> int:
    """Run `vigie demo` with `arguments`; returns the exit status."""
    try:
        app(args=arguments, prog_name="vigie demo")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    return 0
