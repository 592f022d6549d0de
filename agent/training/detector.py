"""The detector's loss: is there a plate in the cell, its box, and its corners."""

from typing import Any

import tensorflow as tf

_POSITIVE_SHARE, _FOCUS = 0.75, 2.0


def detection_loss(targets: Any, cells: Any) -> Any:
    """Focal loss of objectness, IoU loss of the box, and the corners' distance in plate widths."""
    wanted = targets[..., 0]
    positive, counted = tf.cast(wanted > 0, tf.float32), tf.cast(wanted >= 0, tf.float32)
    found = tf.maximum(tf.reduce_sum(positive), 1.0)
    seen = tf.reduce_sum(_focal(positive, cells[..., 0]) * counted) / found
    box = tf.reduce_sum((1.0 - _iou(targets[..., 1:5], cells[..., 1:5])) * positive) / found
    width = tf.maximum(targets[..., 1] + targets[..., 3], 1.0)
    missed = tf.reduce_mean(_smooth(targets[..., 5:] - cells[..., 5:]), axis=-1) / width
    corners = tf.reduce_sum(missed * positive) / found
    return seen + box + 8.0 * corners


def _focal(positive: Any, logits: Any) -> Any:
    loss = tf.nn.sigmoid_cross_entropy_with_logits(positive, logits)
    likely = tf.sigmoid(logits)
    off = tf.abs(positive - likely)
    share = positive * _POSITIVE_SHARE + (1.0 - positive) * (1.0 - _POSITIVE_SHARE)
    return 4.0 * share * off**_FOCUS * loss


def _iou(wanted: Any, guessed: Any) -> Any:
    guessed = tf.maximum(guessed, 0.01)
    shared = tf.minimum(wanted, guessed)
    overlap = (shared[..., 0] + shared[..., 2]) * (shared[..., 1] + shared[..., 3])
    area = (wanted[..., 0] + wanted[..., 2]) * (wanted[..., 1] + wanted[..., 3])
    guess = (guessed[..., 0] + guessed[..., 2]) * (guessed[..., 1] + guessed[..., 3])
    return overlap / (area + guess - overlap + 1e-6)


def _smooth(distance: Any) -> Any:
    near = tf.abs(distance)
    return tf.where(near < 0.25, 2.0 * near**2, near - 0.125)
