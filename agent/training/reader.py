"""The reader's run: drawn crops in, characters out, by connectionist temporal classification."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from training.crops import ALPHABET, Typefaces, draw_crop

LABEL_LENGTH = 8


@dataclass(frozen=True)
class DrawCrop:
    """One sample: a crop, and its characters as class numbers, filled up with -1."""

    typefaces: Typefaces

    @classmethod
    def with_fonts(cls, folder: Path | None) -> "DrawCrop":
        """Drawing with the package's fonts and those known in `folder`."""
        return cls(Typefaces.found_in(folder))

    def __call__(self, rng: np.random.Generator) -> tuple[Any, Any]:
        """Draw one."""
        crop, glyphs = draw_crop(rng, self.typefaces)
        numbers = [ALPHABET.index(char) for char in glyphs]
        return crop, np.array(numbers + [-1] * (LABEL_LENGTH - len(numbers)), dtype=np.int32)


def ctc_loss(targets: Any, logits: Any) -> Any:
    """Mean over the batch; the blank is the last class."""
    lengths = tf.reduce_sum(tf.cast(targets >= 0, tf.int32), axis=1)
    steps = tf.fill([tf.shape(logits)[0]], tf.shape(logits)[1])
    losses = tf.nn.ctc_loss(
        labels=tf.maximum(targets, 0),
        logits=logits,
        label_length=lengths,
        logit_length=steps,
        logits_time_major=False,
        blank_index=len(ALPHABET),
    )
    return tf.reduce_mean(losses)
