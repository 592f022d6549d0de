"""The aligner's loss: how far its points are off, in plate heights and half widths, and the layout it takes it for."""

from typing import Any

import tensorflow as tf

from vigie_agent.plates.aligner import LAYOUTS, POINTS, WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX

_NEAR = 0.06
_LAYOUT_SHARE = 0.15


def alignment_loss(targets: Any, output: Any) -> Any:
    """Targets are what `training.street.windows` draws; points of windows without a plate do not count."""
    points, layout, size = tf.split(targets, [2 * POINTS, 1, 2], axis=1)
    layout = tf.cast(layout[:, 0], tf.int32)
    there = tf.cast(layout != LAYOUTS.index("none"), tf.float32)
    pixels = tf.constant([[WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX]], tf.float32)
    unit = pixels / tf.maximum(size * [[0.5, 1.0]], 1.0)
    missed = tf.reshape(output[:, : 2 * POINTS] - points, (-1, POINTS, 2)) * unit[:, None, :]
    off = tf.reduce_sum(tf.reduce_mean(_smooth(missed), axis=(1, 2)) * there) / tf.maximum(tf.reduce_sum(there), 1.0)
    told = tf.nn.sparse_softmax_cross_entropy_with_logits(layout, output[:, 2 * POINTS :])
    return 10.0 * off + _LAYOUT_SHARE * tf.reduce_mean(told)


def _smooth(distance: Any) -> Any:
    far = tf.abs(distance)
    return tf.where(far < _NEAR, far**2 / (2 * _NEAR), far - _NEAR / 2)
