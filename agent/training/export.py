"""Trained weights made into the files that the agent loads, and the list that names them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from training.blending import blended
from training.loop import Run, averaged
from training.networks import aligner, detector, reader
from training.street.alphabet import TOKENS
from vigie_agent.plates.runtime import MODELS

RELEASE = "street-3"
CHECKPOINTS = Path(__file__).parent / "checkpoints"
"""Weights of the release, without the optimizer's state: what a further run starts from."""


def export(folder: Path, target: Path = MODELS, checkpoints: Path = CHECKPOINTS, share: float = 1.0) -> list[Path]:
    """Write each network with int8 weights and in floats, `models.toml`, and the weights.

    They are those of the runs in `folder`, or lie so far on the way to them from the release's that they began with; a
    network without a run there keeps the weights of the release.
    """
    checkpoints.mkdir(parents=True, exist_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    lines = ["# The models that the agent may load, with the SHA-256 of each file. No other file is ever loaded."]
    for name, build, alphabet in (("detector", detector, ()), ("aligner", aligner, ()), ("reader", reader, TOKENS)):
        model, weights = build(), checkpoints / f"{name}.weights.h5"
        if (folder / name).is_dir():
            learnt = averaged(model, Run(name, folder, 0)).get_weights()
            if share < 1:
                model.load_weights(str(weights))
                model.set_weights(blended(model.get_weights(), learnt, share))
            model.save_weights(str(weights))
        else:
            model.load_weights(str(weights))
        traced = _with_unit_input(model)
        files = [_write(target / f"{name}_{kind}.tflite", traced, kind) for kind in ("int8", "fp32")]
        written += files
        lines += ["", f"[{name}]", f'release = "{RELEASE}"']
        lines += [f"alphabet = {json.dumps(alphabet, ensure_ascii=False)}"] if alphabet else []
        lines += ["", f"[{name}.files]"]
        lines += [f'"{file.name}" = "{hashlib.sha256(file.read_bytes()).hexdigest()}"' for file in files]
    (target / "models.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return written


def _with_unit_input(model: Any) -> tuple[Any, Any]:
    """`model` traced for one picture at a time, and itself."""
    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    return tf.function(lambda picture: model(picture, training=False)).get_concrete_function(signature), model


def _write(path: Path, traced: tuple[Any, Any], kind: str) -> Path:
    """`int8` keeps activations and the output in floats: a detector's corners need more than 256 steps."""
    function, model = traced
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    if kind == "int8":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    path.write_bytes(converter.convert())
    return path


def largest_difference(path: Path, model: Callable[[Any], Any], pictures: np.ndarray[Any, Any]) -> float:
    """How far a written file is from the model it was made of, over `pictures`."""
    interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    inside, outside = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    worst = 0.0
    for picture in pictures.astype(np.float32)[..., None] / 255:
        interpreter.set_tensor(inside, picture[None])
        interpreter.invoke()
        worst = max(worst, float(np.abs(interpreter.get_tensor(outside) - model(picture[None])).max()))
    return worst
