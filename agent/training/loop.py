"""One training run: schedule, checkpoints, resume, progress."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from rich.progress import Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from training.drawn import DrawnBatches
from training.samples import Draw, SampleStream

_CHECKPOINT_EVERY_STEPS = 500
_LOG_EVERY_STEPS = 50

Loss = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Run:
    """What one run needs; `folder` keeps its checkpoints, and a run that finds some goes on from there.

    So many consecutive batches show the same plates, each in another look: `looks`. With `drawn`, samples come from
    the files of that folder.
    """

    name: str
    folder: Path
    steps: int
    batch_size: int = 32
    learning_rate: float = 2e-3
    seed: int = 1
    workers: int = 1
    looks: int = 1
    drawn: Path | None = None


def train(model: Any, draw: Draw, loss: Loss, run: Run, say: Callable[[str], None]) -> None:
    """Train `model` until `run.steps`, then leave its averaged weights in it and in `<name>.weights.h5`."""
    warmup_steps = min(300, run.steps // 10)
    rate = tf.keras.optimizers.schedules.CosineDecay(
        1e-5, run.steps - warmup_steps, alpha=0.01, warmup_target=run.learning_rate, warmup_steps=warmup_steps
    )
    optimizer = tf.keras.optimizers.AdamW(
        rate,
        weight_decay=1e-4,
        clipnorm=5.0,
        use_ema=True,
        ema_momentum=0.995,
    )
    optimizer.build(model.trainable_variables)
    checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
    keeper = tf.train.CheckpointManager(checkpoint, str(run.folder / run.name), max_to_keep=2)
    checkpoint.restore(keeper.latest_checkpoint)
    done = int(optimizer.iterations.numpy())
    step = _compiled_step(model, optimizer, loss)
    stream = _samples(draw, run, done * run.batch_size)
    with stream, _progress() as progress:
        task = progress.add_task(run.name, total=run.steps, completed=done, loss="")
        running = 0.0
        for number, (pictures, targets) in enumerate(stream.batches(run.steps - done), start=done + 1):
            value = float(step(tf.constant(pictures), tf.constant(targets)))
            running = value if number == done + 1 else 0.97 * running + 0.03 * value
            progress.update(task, completed=number, loss=f"loss {running:.4f}")
            if number % _LOG_EVERY_STEPS == 0:
                say(f"{run.name} step {number} of {run.steps}, loss {running:.4f}")
            if number % _CHECKPOINT_EVERY_STEPS == 0 or number == run.steps:
                keeper.save(number)
    optimizer.finalize_variable_values(model.trainable_variables)
    model.save_weights(str(run.folder / f"{run.name}.weights.h5"))


def _samples(draw: Draw, run: Run, first: int) -> SampleStream | DrawnBatches:
    if run.drawn is not None:
        return DrawnBatches(run.drawn, run.seed, first, run.batch_size)
    size, workers = run.batch_size, run.workers
    return SampleStream(draw, seed=run.seed, first=first, batch_size=size, workers=workers, looks=run.looks)


def averaged(model: Any, run: Run) -> Any:
    """`model` with the averaged weights of the run's last checkpoint, finished or not."""
    optimizer = tf.keras.optimizers.AdamW(1e-3, use_ema=True)
    optimizer.build(model.trainable_variables)
    latest = tf.train.latest_checkpoint(str(run.folder / run.name))
    if latest is None:
        raise SystemExit(f"No checkpoint of {run.name} in {run.folder}: train it first.")
    tf.train.Checkpoint(model=model, optimizer=optimizer).restore(latest).expect_partial()
    optimizer.finalize_variable_values(model.trainable_variables)
    return model


def _compiled_step(model: Any, optimizer: Any, loss: Loss) -> Any:
    @tf.function
    def step(pictures: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(targets, model(tf.cast(pictures, tf.float32)[..., None] / 255.0, training=True))
        optimizer.apply_gradients(
            zip(tape.gradient(value, model.trainable_variables), model.trainable_variables, strict=True)
        )
        return value

    return step


def _progress() -> Progress:
    return Progress(
        *Progress.get_default_columns()[:2],
        TextColumn("{task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
