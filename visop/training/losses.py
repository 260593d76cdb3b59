"""What is minimised: triplets, or contrast within the batch. Functions of labels and unit vectors, on any backend.

Labels are (N, 2) integers: the identity of each picture, and whether it is an original (1) or an edited copy (0). A
positive pair has the same identity and at least one original in it: two copies cut from opposite corners need not be
alike. Where labels come from people, every picture counts as an original.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from visop.training.recipe import Mining

Loss = Callable[[Any, Any], Any]

_FAR = 1e9


def pairs(labels: Any, dtype: Any) -> tuple[Any, Any]:
    """Tell the pairs of a batch apart.

    Args:
        labels: (N, 2) identity and original.
        dtype: of the masks, a float type.

    Returns:
        Two (N, N) masks of 0 and 1: positive pairs, never of a picture with itself, and negative ones (other identity).
    """
    identity, original = ops.cast(labels[:, 0], "int32"), ops.cast(labels[:, 1], dtype)
    same = ops.cast(ops.equal(identity[:, None], identity[None, :]), dtype)
    either = ops.maximum(original[:, None], original[None, :])
    return same * either * (1.0 - ops.eye(ops.shape(same)[0], dtype=dtype)), 1.0 - same


def distances(vectors: Any) -> Any:
    """The Euclidean distances (N, N) between unit vectors (N, D), from 0 to 2. The L2 of Milvus is the square of it."""
    squared = 2.0 - 2.0 * ops.matmul(vectors, ops.transpose(vectors))
    # The gradient of a root at 0 is infinite, and the diagonal is 0.
    return ops.sqrt(ops.maximum(squared, 1e-8))


def triplet(margin: float, mining: Mining) -> Loss:
    """Make the triplet loss: a positive shall be nearer than a negative, by the margin.

    Args:
        margin: in the units of ``distances``.
        mining: ``batch-hard`` takes the farthest positive and the nearest negative of each anchor (Hermans et al.
            2017, eq. 5); ``semi-hard`` takes for each positive pair the nearest negative that is farther than the
            positive, or the farthest negative where there is none (Schroff et al. 2015, section 3.2).

    Returns:
        A function of labels (N, 2) and vectors (N, D) to the mean over the anchors or pairs that there are.
    """

    def loss(labels: Any, vectors: Any) -> Any:
        violations, weights = _violations(labels, vectors, margin, mining)
        return ops.sum(ops.relu(violations) * weights) / ops.maximum(ops.sum(weights), 1.0)

    return loss


def active_share(margin: float, mining: Mining) -> Loss:
    """Make the metric that goes with ``triplet``: the share of the mined triplets that still teach, 0 to 1."""

    def active(labels: Any, vectors: Any) -> Any:
        violations, weights = _violations(labels, vectors, margin, mining)
        return ops.sum(ops.cast(violations > 0, vectors.dtype) * weights) / ops.maximum(ops.sum(weights), 1.0)

    return active


def _violations(labels: Any, vectors: Any, margin: float, mining: Mining) -> tuple[Any, Any]:
    """By how much each mined triplet misses the margin, and a weight of 1 for those that exist, else 0."""
    positive, negative = pairs(labels, vectors.dtype)
    apart = distances(vectors)
    if mining == "batch-hard":
        farthest, nearest = _batch_hard(apart, positive, negative)
        exists = ops.max(positive, axis=1) * ops.max(negative, axis=1)
        return farthest - nearest + margin, exists
    exists = positive * ops.max(negative, axis=1, keepdims=True)
    return apart - _semi_hard(apart, negative) + margin, exists


def _batch_hard(apart: Any, positive: Any, negative: Any) -> tuple[Any, Any]:
    """(N,) distance of the farthest positive and of the nearest negative of each anchor."""
    return ops.max(apart * positive, axis=1), ops.min(apart + _FAR * (1.0 - negative), axis=1)


def _semi_hard(apart: Any, negative: Any) -> Any:
    """[a, p] is the distance from a to the negative that is mined for the pair (a, p)."""
    # [a, p, n]: n is a negative of a, and farther than p.
    farther = negative[:, None, :] * ops.cast(apart[:, None, :] > apart[:, :, None], apart.dtype)
    nearest_farther = ops.min(apart[:, None, :] + _FAR * (1.0 - farther), axis=2)
    farthest = ops.max(apart * negative, axis=1, keepdims=True)
    return ops.where(ops.max(farther, axis=2) > 0, nearest_farther, farthest)


def contrastive(temperature: float, spread: float) -> Loss:
    """Make InfoNCE with the differential-entropy regulariser: the loss of SSCD (Pizzi et al. 2022, eq. 1 to 4).

    Each positive pair is told from all negatives of its first picture by a softmax over cosine similarities; further
    positives of the same picture are left out of its sum. The regulariser pushes every vector away from the nearest
    one of another identity (the Kozachenko-Leonenko estimate of entropy, Sablayrolles et al. 2019), which spreads the
    vectors over the sphere and makes one threshold mean the same everywhere.

    Args:
        temperature: of the softmax.
        spread: weight of the regulariser; 0 leaves it out.

    Returns:
        A function of labels (N, 2) and vectors (N, D) to a scalar.
    """

    def loss(labels: Any, vectors: Any) -> Any:
        positive, negative = pairs(labels, vectors.dtype)
        logits = ops.matmul(vectors, ops.transpose(vectors)) / temperature
        against = ops.logsumexp(logits - _FAR * (1.0 - negative), axis=1, keepdims=True)
        each = ops.softplus(against - logits)  # -log(e^l / (e^l + sum of e^negatives))
        told = ops.sum(each * positive) / ops.maximum(ops.sum(positive), 1.0)
        return told + spread * _crowding(vectors, negative) if spread else told

    return loss


def _crowding(vectors: Any, negative: Any) -> Any:
    """Minus the mean logarithm of the distance to the nearest vector of another identity."""
    nearest = ops.min(distances(vectors) + _FAR * (1.0 - negative), axis=1)
    return -ops.mean(ops.log(ops.minimum(nearest, 2.0)))


def impostor_similarity(labels: Any, vectors: Any) -> Any:
    """The mean cosine similarity of pictures of different identity: near 1 when the vectors have collapsed."""
    _, negative = pairs(labels, vectors.dtype)
    similar = ops.matmul(vectors, ops.transpose(vectors))
    return ops.sum(similar * negative) / ops.maximum(ops.sum(negative), 1.0)
