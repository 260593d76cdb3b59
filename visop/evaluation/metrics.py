"""Measure retrieval from vectors: ranks, recall and mean average precision. NumPy only, in bounded memory.

Ties count against the encoder, so a network that gives every picture the same vector finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[Any]

# Dot products of float32 unit vectors are exact to about this much. Similarities that differ by less are ties.
TIE = 1e-6


@dataclass(frozen=True)
class Ranking:
    """The results of Q queries. All arrays are (Q,).

    Attributes:
        first: int64, rank of the best true picture, from 1; impostors that are as similar rank before it.
        average_precision: float64, over all true pictures, each at its rank.
        similarity: float32, cosine of the best true picture.
        impostor: int64, gallery row of the most similar picture that is not a true one; -1 if there is none.
        impostor_similarity: float32, cosine of that picture; -inf if there is none.
        first_apart: int64, what ``first`` would be without related pictures in the gallery; None if ``rank`` was not
            given ``related``.
    """

    first: npt.NDArray[np.int64]
    average_precision: npt.NDArray[np.float64]
    similarity: Floats
    impostor: npt.NDArray[np.int64]
    impostor_similarity: Floats
    first_apart: npt.NDArray[np.int64] | None

    def recall_at(self, rank: int) -> float:
        """Return the share of queries with a true picture among the ``rank`` most similar ones."""
        return float(np.mean(self.first <= rank))

    @property
    def mean_average_precision(self) -> float:
        """The mean of ``average_precision``; with one true picture per query, the mean reciprocal rank."""
        return float(np.mean(self.average_precision))

    @property
    def median_rank(self) -> float:
        """The median of ``first``."""
        return float(np.median(self.first))


def rank(
    queries: npt.ArrayLike,
    gallery: npt.ArrayLike,
    labels: npt.ArrayLike,
    gallery_labels: npt.ArrayLike | None = None,
    *,
    starts: npt.NDArray[np.int64] | None = None,
    related: tuple[Labels, Labels] | None = None,
    on_impostors: Callable[[Floats], object] | None = None,
    block_values: int = 2**23,
) -> Ranking:
    """Rank the gallery for every query, by cosine.

    Args:
        queries: (Q, D) float, unit vectors.
        gallery: (N, D) float, unit vectors; with ``starts``, of N pictures any number, those of each after one another.
        labels: (Q,) what each query shows. Gallery pictures with the same label are its true pictures.
        gallery_labels: (N,) the labels of the gallery; None if the labels are row numbers of the gallery.
        starts: (N,) the first row of each picture in the gallery: of its vectors, the nearest counts. None: one each.
        related: the groups of the queries (Q,) and of the gallery (N,). Pairs within a group are ranked, but do not
            count as impostors. None: every pair that is not true is an impostor.
        on_impostors: called with the cosines of all impostors, in blocks of (any,) float32. Rows of zeros, which stand
            for pictures without a vector, are left out, because their cosine of 0 means nothing.
        block_values: number of cosines held at once, 4 bytes each: 32 MiB, or 80 queries against 100,000 pictures.

    Returns:
        The ranking, with one row per query.

    Raises:
        ValueError: there are no queries, the shapes do not match, or a query has no true picture in the gallery.
    """
    queries, gallery = np.asarray(queries, np.float32), np.asarray(gallery, np.float32)
    labels = np.asarray(labels)
    pictures = len(gallery) if starts is None else len(starts)
    gallery_labels = np.arange(pictures) if gallery_labels is None else np.asarray(gallery_labels)
    _check(queries, gallery, labels, gallery_labels, pictures)
    has_vector, gallery_has_vector = (np.asarray(vectors.any(axis=1)) for vectors in (queries, gallery))
    if starts is not None:
        gallery_has_vector = np.logical_or.reduceat(gallery_has_vector, starts)
    blocks = []
    for rows in _blocks(len(queries), len(gallery), block_values):
        similarities = queries[rows] @ gallery.T
        if starts is not None:
            similarities = np.maximum.reduceat(similarities, starts, axis=1)
        is_true = labels[rows, None] == gallery_labels
        alike = is_true if related is None else is_true | (related[0][rows, None] == related[1])
        if on_impostors is not None:
            on_impostors(similarities[~alike & has_vector[rows, None] & gallery_has_vector])
        blocks.append(_rank_block(similarities, is_true, alike))
    columns: list[npt.NDArray[Any]] = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
    ranking = Ranking(*columns)
    return ranking if related is not None else replace(ranking, first_apart=None)


def _check(queries: Floats, gallery: Floats, labels: Labels, gallery_labels: Labels, pictures: int) -> None:
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1]:
        raise ValueError(f"queries {queries.shape} and gallery {gallery.shape} must be (Q, D) and (N, D)")
    if labels.shape != queries.shape[:1] or gallery_labels.shape != (pictures,):
        raise ValueError(
            f"every row needs one label: labels {labels.shape}, {gallery_labels.shape} "
            f"for vectors {queries.shape}, {gallery.shape}"
        )
    if not len(queries):
        raise ValueError("there are no queries to measure")
    if len(missing := np.setdiff1d(labels, gallery_labels)):
        raise ValueError(f"{len(missing)} labels of queries are not in the gallery, such as {missing[0]}")


def _blocks(queries: int, gallery: int, values: int) -> Iterator[slice]:
    step = max(1, values // gallery)
    return (slice(start, start + step) for start in range(0, queries, step))


def _rank_block(
    similarities: Floats, is_true: npt.NDArray[np.bool_], alike: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], ...]:
    """Compute the columns of a ``Ranking`` for a block of queries. Overwrites ``similarities``.

    The k-th best true picture of a query has rank k + a, where a counts the impostors that are at least as similar;
    its precision is k / (k + a).
    """
    rows, columns = np.nonzero(is_true)
    values = similarities[rows, columns]
    rows, values = _descending(rows, values)
    counts = np.bincount(rows, minlength=len(similarities))
    starts = np.cumsum(counts) - counts
    similarities[is_true] = -np.inf
    first = np.zeros(len(similarities), np.int64)
    precision = np.zeros(len(similarities))
    for k in range(counts.max()):
        has = np.flatnonzero(counts > k)
        least = values[starts[has] + k] - np.float32(TIE)
        impostors = similarities if len(has) == len(similarities) else similarities[has]
        ahead = np.count_nonzero(impostors >= least[:, None], axis=1)
        precision[has] += (k + 1) / (k + 1 + ahead)
        if k == 0:
            first = ahead + 1
    best = similarities.argmax(axis=1)
    highest = similarities.max(axis=1)
    ahead = np.count_nonzero((similarities >= (values[starts] - np.float32(TIE))[:, None]) & ~alike, axis=1)
    return first, precision / counts, values[starts], np.where(np.isinf(highest), -1, best), highest, ahead + 1


def _descending(rows: npt.NDArray[np.int64], values: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    order = np.lexsort((-values, rows))
    return rows[order], values[order]
