"""Turn the scores of Milvus into distances and cosines, and say which pictures are copies."""

from __future__ import annotations

import math
from collections.abc import Iterable, Set
from dataclasses import dataclass, replace

from visop.detection import Box, Detection
from visop.images.emptiness import is_nearly_empty
from visop.matching.proof import Proof
from visop.search.schema import Hit, Picture


@dataclass(frozen=True)
class Match:
    """A picture that was found.

    Attributes:
        picture: what it is, and under which names it is known.
        score: in the metric of the index: for L2 the Euclidean distance, 0 to 2; for IP and COSINE the cosine.
        cosine: of the angle between the two vectors, -1 to 1; the higher the more alike, whatever the metric.
        is_copy: whether the cosine reaches the threshold of the encoder, or it is proven; None if there is no
            threshold, and where there is nothing to compare.
        nearly_empty: whether there is nothing to compare: this picture, or the one that was searched with, has nearly
            nothing on it. Looked at only of what reaches the threshold.
        number: of the part of the picture that matched; 0 is the whole.
        part: that part, with its box in pixels of the upright picture; None of the whole.
        view: the box of what matched in the picture that was searched with, in its pixels; None of all that was
            searched with.
        proof: what local features say, if they were asked; its ``found`` says where the query lies in this picture.
        unverified: why they could not be asked, if they should have been; empty if they were.
    """

    picture: Picture
    score: float
    cosine: float
    is_copy: bool | None
    nearly_empty: bool = False
    number: int = 0
    part: Detection | None = None
    view: Box | None = None
    proof: Proof | None = None
    unverified: str = ""

    @property
    def is_proven(self) -> bool:
        """Whether local features prove that it is a copy."""
        return self.proof is not None and self.proof.is_copy


class Matches(list[Match]):
    """What a search found, the most similar first.

    Attributes:
        marked: share of the picture that was searched with that differs from its background, see
            ``visop.images.emptiness``; None if it was not looked at.
        threshold: the cosine from which on these are called copies; None if it is not known.
        only_copies: whether the encoder knows copies only: what is nearest, and no copy, is not like the picture.
    """

    def __init__(
        self,
        matches: Iterable[Match],
        marked: float | None = None,
        *,
        threshold: float | None = None,
        only_copies: bool = False,
    ) -> None:
        super().__init__(matches)
        self.marked, self.threshold, self.only_copies = marked, threshold, only_copies

    @property
    def copies(self) -> list[Match]:
        """Those that are copies."""
        return [match for match in self if match.is_copy]

    @property
    def others(self) -> list[Match]:
        """Those that are none, or not known to be."""
        return [match for match in self if not match.is_copy]

    @property
    def judged(self) -> bool:
        """Whether there is a threshold or a proof, and something to compare, so that it is known what is a copy."""
        is_known = self.threshold is not None or any(match.is_proven for match in self)
        return is_known and not self.nearly_empty

    @property
    def nearly_empty(self) -> bool:
        """Whether the picture that was searched with has too little on it to be compared with another one."""
        return self.marked is not None and is_nearly_empty(self.marked)

    def without_verdicts(self, empty: Set[str]) -> Matches:
        """Take back the verdicts on pictures with these ids, or all if there is nothing to compare with."""
        return self.replaced(
            replace(match, is_copy=None, nearly_empty=True) if self.nearly_empty or match.picture.id in empty else match
            for match in self
        )

    def replaced(self, matches: Iterable[Match]) -> Matches:
        """The same with other matches."""
        return Matches(matches, self.marked, threshold=self.threshold, only_copies=self.only_copies)


def match_of(hit: Hit, metric: str, threshold: float | None) -> Match:
    """Make a match of a hit, for vectors of unit length; with a threshold, say whether it is a copy."""
    cosine = cosine_of(hit.score, metric)
    is_copy = None if threshold is None else cosine >= threshold
    return Match(hit.picture, shown_score(hit.score, metric), cosine, is_copy, number=hit.number, part=hit.part)


def shown_score(score: float, metric: str) -> float:
    """The score as people read it: of L2 the distance, which is the root of what Milvus says."""
    return math.sqrt(max(0.0, score)) if metric == "L2" else score


def score_of(cosine: float, metric: str) -> float:
    """The score that Milvus gives two unit vectors of this cosine: the inverse of ``cosine_of``."""
    return 2.0 - 2.0 * cosine if metric == "L2" else cosine


def cosine_of(score: float, metric: str) -> float:
    """The cosine of two unit vectors from the score of Milvus, which for L2 is the squared distance.

    |a - b|^2 = 2 - 2 cos(a, b); that Milvus leaves out the square root: https://milvus.io/docs/metric.md
    """
    return min(1.0, max(-1.0, 1.0 - score / 2.0 if metric == "L2" else score))
