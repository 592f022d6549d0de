"""The reader's loss: connectionist temporal classification, the blank being the last class."""

from typing import Any

import tensorflow as tf

_HOPELESS = 6.0
"""About two characters wrong."""


def ctc_loss(targets: Any, logits: Any) -> Any:
    """Mean over the batch; targets are class numbers, filled up with -1.

    A crop that nobody could read counts less the more hopeless it is, or such crops would drown the others.
    """
    lengths = tf.reduce_sum(tf.cast(targets >= 0, tf.int32), axis=1)
    steps = tf.fill([tf.shape(logits)[0]], tf.shape(logits)[1])
    losses = tf.nn.ctc_loss(
        labels=tf.maximum(targets, 0),
        logits=logits,
        label_length=lengths,
        logit_length=steps,
        logits_time_major=False,
        blank_index=-1,
    )
    beyond = _HOPELESS * (1.0 + tf.math.log(tf.maximum(losses, _HOPELESS) / _HOPELESS))
    return tf.reduce_mean(tf.where(losses > _HOPELESS, beyond, losses))
