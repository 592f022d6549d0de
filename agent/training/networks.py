"""The networks: convolutions, over grey pictures as floats from 0 to 1."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from training.crops import CROP_HEIGHT_PX, CROP_WIDTH_PX
from training.street.alphabet import TOKENS
from training.views import CELL_CHANNELS, VIEW_HEIGHT_PX, VIEW_WIDTH_PX
from vigie_agent.plates.aligner import LAYOUTS, POINTS, WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX


def reader() -> Any:
    """64 x 192 x 1 to 48 steps of class logits; 47 M multiply-adds."""
    picture = layers.Input((CROP_HEIGHT_PX, CROP_WIDTH_PX, 1))
    x = _conv(picture, 16, 3, (2, 2))
    x = _conv(x, 32, 3, (2, 2))
    x = _conv(x, 40, 3)
    x = _conv(x, 56, 3, (2, 1))
    x = _conv(x, 56, 3)
    x = _conv(x, 80, 3, (2, 1))
    x = _conv(x, 112, (4, 3), (4, 1))
    x = layers.Dropout(0.1)(x)
    x = _conv(x, 112, (1, 5))
    x = layers.Conv2D(len(TOKENS) + 1, 1)(x)
    return keras.Model(picture, layers.Reshape((48, len(TOKENS) + 1))(x), name="reader")


def detector(height_px: int = VIEW_HEIGHT_PX, width_px: int = VIEW_WIDTH_PX) -> Any:
    """192 x 320 x 1 to 24 x 40 cells of `CELL_CHANNELS`; 0.13 G multiply-adds. The weights fit any size."""
    picture = layers.Input((height_px, width_px, 1))
    x = _conv(picture, 16, 3, (2, 2))
    x = _conv(x, 24, 3, (2, 2))
    fine = _conv(x, 32, 3, (2, 2))
    x = _conv(fine, 48, 3)
    deep = _conv(x, 64, 3, (2, 2))
    deep = _conv(deep, 64, 3)
    deep = _conv(deep, 64, 3)
    deep = layers.UpSampling2D(2, interpolation="nearest")(_conv(deep, 48, 1))
    x = _conv(layers.Concatenate()([x, deep]), 48, 3)
    x = _conv(x, 48, 3)
    rare = keras.initializers.Constant([-4.0, 2.0, 1.0, 2.0, 1.0] + [0.0] * 8)
    return keras.Model(picture, layers.Conv2D(CELL_CHANNELS, 1, bias_initializer=rare)(x), name="detector")


def aligner() -> Any:
    """64 x 128 x 1 to x and y of each point, then a logit of each layout; 13 M multiply-adds.

    Every cell of 8 x 16 says how likely it is to know a point, and where the point is from there: the mean counts.
    """
    picture = layers.Input((WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX, 1))
    x = _conv(picture, 12, 3, (2, 2))
    x = _conv(x, 24, 3, (2, 2))
    x = _conv(x, 40, 3, (2, 2))
    fine = _conv(x, 48, 3)
    x = _conv(fine, 64, 3, (2, 2))
    x = _conv(x, 80, 3)
    deep = _conv(x, 80, 3)
    spread = layers.UpSampling2D(2, interpolation="nearest")(_conv(deep, 48, 1))
    x = _conv(layers.Add()([fine, spread]), 64, 3)
    points = PointsOfCells()(layers.Conv2D(3 * POINTS, 1)(x))
    x = layers.Flatten()(_conv(deep, 24, 1))
    x = layers.Dense(48, activation="relu")(layers.Dropout(0.1)(x))
    return keras.Model(picture, layers.Concatenate()([points, layers.Dense(len(LAYOUTS))(x)]), name="aligner")


@keras.saving.register_keras_serializable("training")
class PointsOfCells(layers.Layer):  # type: ignore[misc]
    """From each cell's weight for each point, and the way from the cell to it, the points' x and y from 0 to 1."""

    def call(self, cells: Any) -> Any:
        """Keras calls this."""
        _, rows, columns, channels = cells.shape
        points = channels // 3
        weights = tf.nn.softmax(tf.reshape(cells[..., :points], (-1, rows * columns, points)), axis=1)
        ways = tf.reshape(cells[..., points:], (-1, rows * columns, points, 2))
        y, x = np.mgrid[0:rows, 0:columns].reshape(2, -1) + 0.5
        centres = np.stack([x / columns, y / rows], axis=1).astype(np.float32)[None, :, None, :]
        places = tf.reduce_sum(weights[..., None] * (centres + 0.25 * ways), axis=1)
        return tf.reshape(places, (-1, 2 * points))


def _conv(x: Any, channels: int, size: int | tuple[int, int], strides: tuple[int, int] = (1, 1)) -> Any:
    x = layers.Conv2D(channels, size, strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))
