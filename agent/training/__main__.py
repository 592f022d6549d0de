"""`python -m training`: train, export and evaluate the plate models."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from training.samples import Draw
from vigie_agent.plates.runtime import MODELS

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Train, export and evaluate the plate models.")
_console = Console()

Folder = Annotated[Path, typer.Option(help="Where checkpoints are kept.")]
Fonts = Annotated[Path | None, typer.Option(help="A folder of more fonts, searched for the ones known to suit plates.")]
Steps = Annotated[int, typer.Option(help="Steps of the whole run; a stopped run goes on when called again.")]
StartFrom = Annotated[Path | None, typer.Option(help="Weights to begin a new run with, layers that fit.")]
Device = Annotated[
    Literal["auto", "cpu", "gpu"], typer.Option(help="Where to compute: auto takes a GPU where there is one.")
]
Rate = Annotated[float, typer.Option(help="The highest learning rate.")]
Workers = Annotated[int, typer.Option(help="Processes that draw.")]
Drawn = Annotated[Path | None, typer.Option(help="Train from the samples in this folder, which `draw` has written.")]
LOOKS = 4
"""How often the reader sees each drawn plate, in as many looks."""


@app.callback()
def main() -> None:
    """Train, export and evaluate the plate models."""


@app.command("reader")
def train_reader(
    folder: Folder = Path(".cache/training"),
    fonts: Fonts = None,
    steps: Steps = 12000,
    workers: Workers = 1,
    start_from: StartFrom = None,
    device: Device = "auto",
    drawn: Drawn = None,
    rate: Rate = 2e-3,
) -> None:
    """Train the reader."""
    _compute_on(device)
    from training.loop import Run, train
    from training.networks import reader
    from training.reader import ctc_loss
    from training.street.crops import DrawStreetCrop

    run = Run("reader", folder, steps, learning_rate=rate, workers=workers, looks=LOOKS, drawn=drawn)
    train(_started(reader(), start_from), DrawStreetCrop.with_fonts(fonts), ctc_loss, run, _console.print)


@app.command("detector")
def train_detector(
    folder: Folder = Path(".cache/training"),
    fonts: Fonts = None,
    steps: Steps = 6000,
    workers: Workers = 1,
    start_from: StartFrom = None,
    device: Device = "auto",
    drawn: Drawn = None,
) -> None:
    """Train the detector."""
    _compute_on(device)
    from training.detector import detection_loss
    from training.loop import Run, train
    from training.networks import detector
    from training.street.views import VIEW_HEIGHT_PX, VIEW_WIDTH_PX, DrawStreetView

    run = Run("detector", folder, steps, batch_size=16, workers=workers, drawn=drawn)
    network = _started(detector(VIEW_HEIGHT_PX, VIEW_WIDTH_PX), start_from)
    train(network, DrawStreetView.with_fonts(fonts), detection_loss, run, _console.print)


@app.command("aligner")
def train_aligner(
    folder: Folder = Path(".cache/training"),
    fonts: Fonts = None,
    steps: Steps = 12000,
    workers: Workers = 1,
    start_from: StartFrom = None,
    device: Device = "auto",
    drawn: Drawn = None,
    rate: Rate = 2e-3,
) -> None:
    """Train the aligner."""
    _compute_on(device)
    from training.aligner import alignment_loss
    from training.loop import Run, train
    from training.networks import aligner
    from training.street.windows import DrawWindows

    run = Run("aligner", folder, steps, batch_size=16, learning_rate=rate, workers=workers, drawn=drawn)
    train(_started(aligner(), start_from), DrawWindows.with_fonts(fonts), alignment_loss, run, _console.print)


@app.command("draw")
def draw_samples(
    network: Annotated[Literal["reader", "detector", "aligner"], typer.Argument(help="Whose samples.")],
    folder: Annotated[Path, typer.Option(help="Where the files go; those there already are kept.")],
    count: Annotated[int, typer.Option(help="Samples to draw.")] = 100_000,
    fonts: Fonts = None,
    workers: Workers = 1,
    seed: Annotated[int, typer.Option(help="Another seed draws other samples.")] = 1,
) -> None:
    """Draw samples into files, to be trained from here or on another machine (`--drawn`)."""
    from training.drawn import write

    write(_draw_for(network, fonts), folder, count, seed=seed, workers=workers, looks=LOOKS, say=_console.print)


@app.command("export")
def export_models(
    folder: Folder = Path(".cache/training"),
    target: Annotated[Path, typer.Option(help="Where the model files and their list go.")] = MODELS,
    share: Annotated[float, typer.Option(help="How far from the release's weights to those of the run.")] = 1.0,
) -> None:
    """Write the agent's model files from the last checkpoints."""
    from training.export import export

    for path in export(folder, target, share=share):
        _console.print(f"{path.name}: {path.stat().st_size} bytes")


@app.command("evaluate")
def evaluate_models(
    films: Annotated[int, typer.Option(help="Films of each scene.")] = 3,
    first_seed: Annotated[int, typer.Option(help="Seed of the first film.")] = 9000,
    bitrate_kbps: Annotated[int, typer.Option(help="Bit rate of the films.")] = 1500,
    models: Annotated[Path, typer.Option(help="The models to read with.")] = MODELS,
) -> None:
    """Read drawn films with the exported models and count exact reads; needs a TFLite runtime, not TensorFlow."""
    from training.evaluate import evaluate

    for scene, tally in evaluate(range(first_seed, first_seed + films), models, bitrate_kbps).items():
        per_frame = 1000 * tally.cpu_seconds / max(1, tally.frames)
        _console.print(
            f"{scene}: {tally.exact} of {tally.vehicles} vehicles exact, {tally.wrong} wrong, {tally.doubled} doubled, "
            f"{tally.uncertain} uncertain, {per_frame:.2f} CPU-ms a frame"
        )
        for fault in tally.faults:
            _console.print(f"  {fault}")


@app.command("calibrate")
def calibrate_reader(
    count: Annotated[int, typer.Option(help="Drawn plates to fit with; half as many more judge the fit.")] = 2500,
    models: Annotated[Path, typer.Option(help="The models, whose list takes what is fitted.")] = MODELS,
) -> None:
    """Fit what the reader's confidence is worth on drawn plates; needs a TFLite runtime, not TensorFlow."""
    from training import calibration
    from training.street.typefaces import Typefaces

    drawn = list(calibration.Examples(Typefaces.found_in(None), models).draw(count + count // 2))
    fitted, held_out = calibration.fit(drawn[:count]), drawn[count:]
    calibration.write(fitted, models)
    for name, some, right in (("Moroccan", False, calibration.RIGHT), ("foreign", True, None)):
        fitness = calibration.Fitness.of(fitted, [one for one in held_out if one.is_foreign == some], right)
        _console.print(
            f"{name}: {fitness.drawn_right:.1%} of the drawn ones right; confidence off by {fitness.text_error:.1%}, "
            f"a character's by {fitness.char_error:.1%}; from {fitness.sure_from:.3f} on one in a hundred is wrong"
        )


def _draw_for(network: str, fonts: Path | None) -> Draw:
    from training.street.crops import DrawStreetCrop
    from training.street.views import DrawStreetView
    from training.street.windows import DrawWindows

    if network == "reader":
        return DrawStreetCrop.with_fonts(fonts)
    return DrawStreetView.with_fonts(fonts) if network == "detector" else DrawWindows.with_fonts(fonts)


def _compute_on(device: str) -> None:
    import tensorflow as tf

    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    elif device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise typer.BadParameter("TensorFlow sees no GPU here", param_hint="--device")


def _started(model: Any, weights: Path | None) -> Any:
    if weights is not None:
        model.load_weights(str(weights), by_name=True, skip_mismatch=True)
    return model


if __name__ == "__main__":
    app()
