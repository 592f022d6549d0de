"""`python -m training`: train, export and evaluate the plate models."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.loop import Run, train

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train, export and evaluate the plate models.")
_console = Console()

Folder = Annotated[Path, typer.Option(help="Where checkpoints are kept.")]
Fonts = Annotated[Path | None, typer.Option(help="A folder of more fonts, searched for the ones known to suit plates.")]
Steps = Annotated[int, typer.Option(help="Steps of the whole run; a stopped run goes on when called again.")]
Workers = Annotated[int, typer.Option(help="Processes that draw.")]


@app.callback()
def main() -> None:
    """Train, export and evaluate the plate models."""


@app.command("reader")
def train_reader(
    folder: Folder = Path(".cache/training"), fonts: Fonts = None, steps: Steps = 8000, workers: Workers = 1
) -> None:
    """Train the reader."""
    from training.networks import reader
    from training.reader import DrawCrop, ctc_loss

    run = Run("reader", folder, steps, batch_size=32, workers=workers)
    train(reader(), DrawCrop.with_fonts(fonts), ctc_loss, run, _console.print)


if __name__ == "__main__":
    app()
