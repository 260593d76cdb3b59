"""What a detector minimises (Liu et al. 2016, equations 1 to 3), on any backend.

Targets are (N, P, 5), as ``matching.targets`` makes them, predictions (N, P, 4 + classes): offsets and logits.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from visop.training.detection.matching import BACKGROUND

# For every prior that is to find something, at most so many of those that are not count, the worst ones: else the
# background would be all that is learned.
_NEGATIVES = 3.0
# In a picture of nothing, so many count.
_LEAST_NEGATIVES = 3.0


def multibox(targets: Any, predictions: Any) -> Any:
    """Both losses, over the number of priors that are to find something."""
    return location(targets, predictions) + confidence(targets, predictions)


def location(targets: Any, predictions: Any) -> Any:
    """The smooth L1 distance (Girshick 2015, equation 3) of offsets, of the priors that are to find something."""
    targets, predictions, positive = _numbers(targets, predictions)
    distance = ops.abs(targets[..., :4] - predictions[..., :4])
    smooth = ops.where(distance < 1, 0.5 * ops.square(distance), distance - 0.5)
    return ops.sum(ops.sum(smooth, axis=-1) * positive) / _count(positive)


def confidence(targets: Any, predictions: Any) -> Any:
    """The cross-entropy of classes, of the priors that are to find something and of the worst of the others."""
    targets, predictions, positive = _numbers(targets, predictions)
    classes = ops.cast(ops.maximum(targets[..., 4], BACKGROUND), "int32")
    each = keras.losses.sparse_categorical_crossentropy(classes, predictions[..., 4:], from_logits=True)
    negative = ops.cast(ops.equal(targets[..., 4], BACKGROUND), each.dtype)
    counted = positive + negative * _worst(ops.stop_gradient(each) * negative, positive)
    return ops.sum(each * counted) / _count(positive)


def _worst(losses: Any, positive: Any) -> Any:
    """1 for the priors (N, P) of the largest losses in each picture, as many as count; else 0."""
    rank = ops.argsort(ops.argsort(-losses, axis=-1), axis=-1)
    count = ops.maximum(_NEGATIVES * ops.sum(positive, axis=-1, keepdims=True), _LEAST_NEGATIVES)
    return ops.cast(ops.cast(rank, losses.dtype) < count, losses.dtype)


def _numbers(targets: Any, predictions: Any) -> tuple[Any, Any, Any]:
    """Both as float32, for metrics get what the network computes with, and 1 for priors that are to find something."""
    targets, predictions = (ops.cast(each, "float32") for each in (targets, predictions))
    return targets, predictions, ops.cast(targets[..., 4] > BACKGROUND, "float32")


def _count(positive: Any) -> Any:
    return ops.maximum(ops.sum(positive), 1.0)
