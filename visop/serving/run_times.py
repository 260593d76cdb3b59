"""How long a model takes for a batch, as far as it was seen."""

from __future__ import annotations

# Of the newest time in the mean: ten batches change it nearly whole.
_NEW = 0.2
# A batch that is larger pays if it takes less than this part of the time of one item.
_PAYS = 0.97
# After so many batches a larger one is tried again: the model, or what else the machine does, may have changed.
_TRY_AGAIN = 64


class RunTimes:
    """Moving means of the time of batches, by their size. Seconds."""

    def __init__(self) -> None:
        self._means: dict[int, float] = {}
        self._asked = 0

    def note(self, size: int, span_s: float) -> None:
        """Take note of a batch that ran."""
        before = self._means.get(size, span_s)
        self._means[size] = before + _NEW * (span_s - before)

    def expected(self, size: int) -> float:
        """Return how long a batch of so many takes; 0 if none was seen.

        Of a size that was not seen, it is that of the next smaller one in proportion, which is rather too much than too
        little: a batch is not slower than its items one by one.
        """
        if size in self._means or not self._means:
            return self._means.get(size, 0.0)
        smaller = [each for each in self._means if each < size]
        if smaller:
            return self._means[max(smaller)] * size / max(smaller)
        return self._means[min(self._means)]

    def per_item(self) -> float:
        """Return the time of one in the largest batch that was seen; 0 if none was."""
        largest = max(self._means, default=1)
        return self.expected(largest) / largest

    def worthwhile(self, most: int) -> int:
        """Return the smallest batch of those seen, or to be tried, that is nearly as fast as any, up to ``most``.

        Sizes are 1, 2, 4, and so on. Larger ones are tried until one is no faster for each item, so that a model that
        gains nothing from batches gets short ones, after which others have their turn.
        """
        self._asked += 1
        seen: list[int] = []
        size = 1
        while size in self._means:
            if seen and not self._pays(size, seen[-1]) and self._asked % _TRY_AGAIN:
                break
            seen.append(size)
            if size == most:
                break
            size = min(2 * size, most)
        if size not in self._means or not self._asked % _TRY_AGAIN:
            return size
        best = min(map(self._of_one, seen))
        return next(each for each in seen if _PAYS * self._of_one(each) <= best)

    def _pays(self, size: int, smaller: int) -> bool:
        return self._of_one(size) < _PAYS * self._of_one(smaller)

    def _of_one(self, size: int) -> float:
        return self._means[size] / size

    def most_within(self, span_s: float, most: int) -> int:
        """Return how many fit into so many seconds: ``most``, half as many, and so on, and at least one."""
        while most > 1 and self.expected(most) > span_s:
            most //= 2
        return most
