"""Collect the pictures of every page that is not done yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from visop.collect.busy import HostBusy
from visop.collect.crawler import Crawler
from visop.collect.folder import Kind, Outcome, PictureFolder
from visop.collect.formats import ACCEPT, NOT_DECODED, media_type
from visop.collect.page import Picture, find_pictures
from visop.collect.robots import Disallowed
from visop.collect.urls import absolute
from visop.errors import FetchFailed, ImageDecodeError, ImageTooLarge, UrlRejected, VisopError
from visop.images.base64_text import decode_base64
from visop.images.decode import ImageLimits
from visop.images.decode_process import decode_in_process

# Of a page, the beginning is read, as search engines do. Reading this much takes 3 s at worst.
_MAX_PAGE_BYTES = 4 * 1024 * 1024

# That a summary tells, the most frequent ones; the manifest has them all.
_MAX_REASONS = 5

_ACCEPT_PAGE = "text/html,application/xhtml+xml,*/*;q=0.1"
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml", ""})


@dataclass(frozen=True, kw_only=True)
class CollectOptions:
    """Which pictures and pages a run takes.

    Attributes:
        min_side: pictures with a shorter side, in pixels, are skipped.
        max_pictures: the run ends when the folder has so many.
        links: also image files that pages link to.
        retry_failed: try again what failed in an earlier run.
        refetch_pages: read pages again that were read before, for new pictures.
        max_per_page: the first so many pictures of a page are taken. A page that names more was made to hold us up.
    """

    min_side: int
    max_pictures: int
    links: bool
    retry_failed: bool
    refetch_pages: bool
    max_per_page: int = 2000


class Progress(Protocol):
    """A progress bar, such as tqdm's."""

    total: float | None

    def update(self, n: float = 1) -> object:
        """Add the number of pictures that were done since."""


class _NotDecoded(VisopError):
    """A picture is of a format that browsers show, and this project does not decode."""


# Of these, a picture is left out on purpose.
_SKIPPED = (Disallowed, UrlRejected, ImageTooLarge, _NotDecoded)


class Collector:
    """A run over pages.

    Attributes:
        left: why hosts are not asked any more in this run -> how many pictures and pages were left because of it.

    Args:
        crawler: fetches.
        folder: takes the pictures, and knows what is done.
        limits: what a picture may be.
        options: what is wanted.
        progress: is told of every picture.
    """

    def __init__(
        self, crawler: Crawler, folder: PictureFolder, limits: ImageLimits, options: CollectOptions, progress: Progress
    ) -> None:
        self._crawler, self._folder, self._limits = crawler, folder, limits
        self._options, self._progress = options, progress
        self.left: Counter[str] = Counter()

    def run(self, pages: Iterable[str]) -> None:
        """Collect from every page. What goes wrong with one stays with that one.

        Raises:
            OSError: the folder cannot be written.
        """
        for page in dict.fromkeys(absolute(url, "") for url in pages):
            if self._is_full():
                return
            if not self._is_done("page", page) or (self._options.refetch_pages and self._was_read(page)):
                self._collect(page)

    def _collect(self, page: str) -> None:
        try:
            pictures = self._read(page)
        except HostBusy as error:
            self.left[str(error)] += 1
            return
        except VisopError as error:
            self._folder.note_page(page, "failed", str(error))
            return
        todo = [each for each in pictures[: self._options.max_per_page] if not self._is_done("picture", each.url)]
        self._progress.total = (self._progress.total or 0) + len(todo)
        before = self.left.total()
        for picture in todo:
            if self._is_full():
                return  # and the page is not done
            self._take(picture, page)
            self._progress.update()
        if self.left.total() > before:
            return  # nor is it here
        left_out = len(pictures) - self._options.max_per_page
        self._folder.note_page(page, "done", f"{left_out:,} pictures left out" if left_out > 0 else "")

    def _read(self, page: str) -> list[Picture]:
        answer = self._crawler.get(page, max_bytes=_MAX_PAGE_BYTES, accept=_ACCEPT_PAGE)
        if (kind := media_type(answer.content_type)) not in _PAGE_TYPES:
            raise FetchFailed(f"not a web page: the server says that it is {kind}")
        return find_pictures(answer.body, answer.content_type, answer.url, links=self._options.links)

    def _take(self, picture: Picture, page: str) -> None:
        """Keep a picture in the largest size that can be had."""
        errors: list[VisopError] = []
        for url in (picture.url, *picture.others):
            try:
                self._take_size(replace(picture, url=url), page, again=not errors)
            except HostBusy as error:
                self.left[str(error)] += 1
                return
            except VisopError as error:
                errors.append(error)
            else:
                break
        if errors:
            self._note_lost(picture, page, errors[0], is_there=len(errors) <= len(picture.others))

    def _note_lost(self, picture: Picture, page: str, error: VisopError, *, is_there: bool) -> None:
        """Write down what was wrong with the largest size; ``is_there``: another one was taken in its place."""
        outcome: Outcome = "skipped" if is_there or isinstance(error, _SKIPPED) else "failed"
        self._folder.note_loss(
            picture, page, outcome, f"{error}; another size of it was taken" if is_there else str(error)
        )

    def _take_size(self, picture: Picture, page: str, *, again: bool) -> None:
        """Keep one size of a picture; ``again``: also if it is known. Raises VisopError if it cannot be had."""
        if not again and self._is_done("picture", picture.url):
            return
        kind, data = self._load(picture.url)
        if reason := self._keep(picture, page, data, kind):
            self._folder.note_loss(picture, page, "skipped", reason)

    def _load(self, url: str) -> tuple[str, bytes]:
        """Return the media type that the server says a picture has, and the file."""
        limit = self._limits.max_bytes
        if url.startswith("data:"):
            kind = media_type(url)
            return kind, b"" if kind in NOT_DECODED else decode_base64(url, limit)
        answer = self._crawler.get(url, max_bytes=limit + 1, accept=ACCEPT)
        if len(answer.body) > limit:
            raise ImageTooLarge(f"picture has more bytes than the limit of {limit:,}")
        return media_type(answer.content_type), answer.body

    def _keep(self, picture: Picture, page: str, data: bytes, kind: str) -> str:
        """Put a picture into the folder, or return why it is skipped. Servers err about media types."""
        try:
            image = decode_in_process(data, self._limits)
        except ImageDecodeError:
            if kind in NOT_DECODED:
                raise _NotDecoded(f"{kind} is not a format that is decoded") from None
            raise
        if min(image.shape[:2]) < self._options.min_side:
            return f"a side below {self._options.min_side} pixels"
        self._folder.add(picture, page, data, image)
        return ""

    def _is_full(self) -> bool:
        return len(self._folder) >= self._options.max_pictures

    def _is_done(self, kind: Kind, url: str) -> bool:
        outcome = self._folder.outcome(kind, url)
        return outcome is not None and not (outcome == "failed" and self._options.retry_failed)

    def _was_read(self, page: str) -> bool:
        return self._folder.outcome("page", page) == "done"


def summarise(folder: PictureFolder) -> Iterator[str]:
    """Yield sentences about what a folder holds and lacks."""
    pages, pictures = folder.count("page"), folder.count("picture")
    read = sum(count for (outcome, _), count in pages.items() if outcome == "done")
    yield f"{len(folder):,} pictures from {read:,} pages"
    for name, counts in (("pages", pages), ("pictures", pictures)):
        for outcome, word in (("done", "cut short"), ("skipped", "skipped"), ("failed", "failed")):
            reasons = [(count, reason) for (each, reason), count in counts.most_common() if each == outcome and reason]
            if reasons:
                told = [f"{count:,} x {reason}" for count, reason in reasons[:_MAX_REASONS]]
                more = ["..."] if len(reasons) > _MAX_REASONS else []
                yield f"{sum(count for count, _ in reasons):,} {name} {word}: {'; '.join(told + more)}"


def has_failures(folder: PictureFolder) -> bool:
    """Whether anything failed and no later try succeeded."""
    return any(outcome == "failed" for kind in ("page", "picture") for outcome, _ in folder.count(kind))
