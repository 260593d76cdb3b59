"""An index of pictures in Python: open, add, search, remove."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from visop.contract import OperatorInfo, Vector
from visop.detection import Box
from visop.encoding.parts import processor_of
from visop.encoding.pool import Encoders, open_encoders
from visop.errors import InvalidInput, UsageError, VisopError
from visop.images.decode import ImageLimits
from visop.images.fetching.fetch import Fetcher
from visop.images.thumbnail import as_file
from visop.part_scheme import NO_PARTS
from visop.same_encoder import check_same_encoder
from visop.search import DEFAULT_NAME, DEFAULT_URI
from visop.search.absent_disks import Away
from visop.search.attribute_table import AttributeTable
from visop.search.attributes import Declared, check_has
from visop.search.calibration import CopyThresholds, copy_thresholds, knows_only_copies
from visop.search.digests import Digests
from visop.search.emptiness import Emptiness
from visop.search.errors import NoSuchIndex
from visop.search.failures import Failures
from visop.search.ingest import Ingest, Progress
from visop.search.limits import DEFAULT_LIMITS, BatchLimits
from visop.search.match import Matches
from visop.search.names import check_name, collection_name
from visop.search.originals.address import NONE, folder_address
from visop.search.originals.folder import OriginalsFolder
from visop.search.originals.keeping import folder_in_use, keeping, leaving
from visop.search.place import check_there, file_of, shown_uri
from visop.search.plan import Plan
from visop.search.prune import FilesNow, Pruned, prune
from visop.search.query import cut_files
from visop.search.ranking import MAX_K, Mode, View, check_mode, ranked
from visop.search.reader import Reader, read_bytes
from visop.search.removal import Removed, remove
from visop.search.schema import NONE_DECLARED, Picture
from visop.search.set_attributes import set_attributes
from visop.search.store import Collection, Store, open_store
from visop.search.verify import CANDIDATES, Verification, checked_candidates
from visop.settings import Settings, load_settings
from visop.sources import DEFAULT_OPTIONS, FindOptions, PassedOver, gather, is_url, typed_path
from visop.tracing.current import stage


@dataclass(frozen=True)
class Added:
    """What ``Index.add`` did.

    Attributes:
        new: contents that were encoded and are in the index now.
        known: inputs whose content was there already, or came twice.
        named: of those, inputs whose name was new for their content.
        failed: inputs that could not be indexed.
        removed: contents that were pruned.
        passed: what folders hold and was not taken.
        away: folders that were not pruned, because they lost most of their pictures.
        parts: of pictures that have vectors, as ``OperatorInfo.parts``; empty if they are encoded whole alone.
        attributed: pictures whose attributes were set or changed.
        wrong_attributes: attributes that could not be kept.
        originals: where copies of the pictures are kept; empty if they are not.
    """

    new: int
    known: int
    named: int
    failed: int
    removed: int
    passed: PassedOver = field(default_factory=PassedOver)
    away: Sequence[Away] = ()
    attributed: int = 0
    wrong_attributes: int = 0
    parts: str = ""
    originals: str = ""


class Index:
    """Pictures that can be searched. A context manager; may be used from several threads, with one that adds.

    Several processes on one machine may have the same index open: each finds at once what another did.

    The encoder is loaded when it is first needed, and stays.
    """

    def __init__(
        self,
        open_store: Callable[[], AbstractContextManager[Store]],
        uri: str,
        name: str,
        settings: Settings,
        operators: Sequence[str],
        parts: str | None = None,
    ) -> None:
        self._open_store, self.uri, self.name = open_store, uri, name
        self._settings, self._operators, self._parts = settings, operators, parts
        self._stack = ExitStack()
        self._opened: Store | None = None
        # The second are for searches alone, while those that make the parts of pictures are not needed.
        self._encoders: Encoders | None = None
        self._whole_encoders: Encoders | None = None
        self._keep_originals = ""
        self._folder: OriginalsFolder | None = None
        self._collection: Collection | None = None
        self._stamp = -1
        self._thresholds: CopyThresholds | None = None
        self._only_copies: bool | None = None
        self._emptiness = Emptiness(settings)
        self._verification = Verification(settings, settings.cache_dir.expanduser() / "features.sqlite")
        self._stack.callback(self._verification.close)
        self._loading = threading.Lock()

    @classmethod
    def open(
        cls,
        uri: str = DEFAULT_URI,
        name: str = DEFAULT_NAME,
        *,
        operators: Sequence[str] = (),
        encoders: Encoders | None = None,
        parts: str | None = None,
        settings: Settings | None = None,
        token: str = "",
        limits: BatchLimits = DEFAULT_LIMITS,
        keep_originals: str = "",
        store: Store | None = None,
    ) -> Self:
        """Open an index. One that is not there yet is made by the first ``add``.

        Args:
            uri: ``FILE.db`` on this machine, or ``http://HOST:19530`` of a Milvus.
            name: of the index; a URI can hold several.
            operators: running operators, HOST:PORT each, that encode; none: the configured one, in this process.
            encoders: open ones, in place of ``operators``; they are not closed.
            store: that of ``uri``, if it is open already, with limits of its own; it is not closed.
            parts: what makes the parts of pictures, of which each gets a vector, too: ``regions:10``, ``faces``,
                ``ssd300``, ``module:Class`` of a ``visop.Processor``, or ``none``. None is as the index has them; a new
                one has those of the operators. See docs/how-to/parts.md.
            settings: of the operator in this process, and of what may be fetched; None reads the environment.
            token: for a Milvus that asks for one.
            limits: on what ``add`` does at once.
            keep_originals: a folder, or an address such as ``s3://bucket/pictures``, in which ``add`` keeps a copy of
                each picture, in a folder of the name of the index: they can be shown and encoded again when the files
                are gone. Empty: where the index keeps them already, if it does; ``none``: of new ones, none.

        Raises:
            StoreError: the store cannot be opened.
            UsageError: the URI or the name cannot be used.
        """
        settings = settings or load_settings(os.environ).settings
        check_name(name)
        opening = (lambda: open_store(uri, token, limits)) if store is None else (lambda: nullcontext(store))
        index = cls(opening, uri, name, settings, operators, parts)
        index._encoders, index._keep_originals = encoders, keep_originals
        try:
            index._found()
        except BaseException:
            index.close()
            raise
        return index

    def beside(self, name: str) -> Self:
        """Return another index of the same store, which may be used for as long as this one is open.

        It shares the connection and the encoder of this one, and closes neither.

        Raises:
            UsageError: the name cannot be used.
        """
        check_name(name)
        index = type(self)(lambda: nullcontext(self.store), self.uri, name, self._settings, self._operators)
        index._encoders = self._encoders
        return index

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is in memory, and close the store and the encoder. Idempotent."""
        self._stack.close()

    @property
    def operator(self) -> OperatorInfo | None:
        """The operator that made the vectors of the index; None if there is no index yet."""
        collection = self._found()
        return collection.operator if collection else None

    def count(self) -> int:
        """Return the number of contents."""
        collection = self._found()
        return collection.count() if collection else 0

    def get(self, id_: str) -> Picture | None:
        """Return a picture by the SHA-256 of its content; None if the index does not have it."""
        return self._there().known([id_]).get(id_)

    def add(
        self,
        inputs: str | Path | Sequence[str | Path],
        *,
        options: FindOptions = DEFAULT_OPTIONS,
        prune_folders: bool = False,
        prune_missing: bool = False,
        reread: bool = False,
        index_type: str = "auto",
        attributes: AttributeTable | Mapping[str, Mapping[str, object]] | None = None,
        failures: Failures | None = None,
        on_plan: Callable[[Plan], object] = lambda _: None,
        on_start: Callable[[int], object] = lambda _: None,
        on_done: Callable[[], object] = lambda: None,
    ) -> Added:
        """Add pictures to the index; those that it has already cost almost nothing.

        Args:
            inputs: folders, files, URLs, and lists and tables of them, as ``find_inputs`` takes them.
            options: how they are looked for: what is left out of folders, whether links are followed.
            prune_folders: then take out what is no longer in the folders among them. What is below a folder that lost
                most of its pictures stays: it may be a disk that is not mounted.
            prune_missing: take that out, too.
            reread: read files and fetch URLs again that are known, and may have changed without a trace.
            index_type: ``auto``, or one that the store has, such as ``HNSW:M=32,efConstruction=400`` of a Milvus.
            attributes: the path or URL of a picture -> its attributes, or a table of them. If the index is made now,
                it gets those that occur, each of the type that its values have. They are set when the pictures are
                in the index, of pictures that were there before, too.
            failures: gets the inputs that could not be indexed, and attributes that could not be kept.
            on_plan: called before anything is encoded or written, with what it will cost; may raise.
            on_start: called with the number of inputs.
            on_done: called after each of them, from any thread.

        Raises:
            OtherEncoder: the vectors that are there are of another encoder, or other parts; nothing was changed.
            OriginalsError: originals cannot be kept there.
            VisopError: the run could not go on; what is done is kept, and the next call goes on from there.
        """
        prune_folders = prune_folders or prune_missing
        found = gather(_texts(inputs), options, may_be_empty=prune_missing)
        if prune_folders and not found.folders:
            why = "takes out what is gone from folders, and there is none among the inputs"
            raise UsageError("prune_folders", "", why)
        self._store()  # whether it can be opened shows before an encoder is loaded
        folder = self.originals_folder() if found.names else None
        if folder:
            folder.check_outside(found.folders)
        encoders = self._open_encoders()
        there = self._found()
        if there is not None:
            self._check(there.operator, encoders.operator)
        on_plan(Plan(len(found.names), there.count() if there else 0, encoders))
        table = attributes if isinstance(attributes, AttributeTable) else AttributeTable.of(attributes or {})
        there = self._found()
        types = table.types(there.attributes if there else {})
        collection = self._made(encoders.operator, len(found.names), index_type, types)
        on_start(len(found.names))
        with (
            Digests(self._settings.cache_dir.expanduser() / "digests.sqlite") as digests,
            Reader(self._settings, digests, encoders.max_image_bytes, reread=reread) as reader,
            failures or Failures(None) as errors,
            keeping(folder, collection) as keeper,
        ):
            check = functools.partial(self._check_served, collection)
            ingest = Ingest(collection, encoders, reader, errors, on_done, check, keeper)
            progress = ingest.run(found.names)
            pruned = Pruned(0, ())
            if prune_folders:
                files = FilesNow(found.folders, frozenset(found.names), options.excluded(), digests)
                pruned = prune(collection, files, even_if_away=prune_missing)
            attributed, wrong = _attribute(collection, table, errors) if types else (0, 0)
        collection.tune(index_type)
        added = _added(progress, pruned, found.passed, attributed, wrong, folder)
        return replace(added, parts=collection.operator.parts)

    def make(self, attributes: Declared = NONE_DECLARED) -> None:
        """Make the index, empty, if it is not there.

        Args:
            attributes: that pictures may have, by name.

        Raises:
            OtherEncoder: the vectors that are there are of another encoder.
            UsageError: no index can have such attributes, or the index is there and has not all of them.
        """
        self._made(self._open_encoders().operator, 0, "auto", attributes)

    def remove(
        self,
        *,
        names: str | Path | Sequence[str | Path] = (),
        folders: str | Path | Sequence[str | Path] = (),
        ids: Sequence[str] = (),
        filter: str = "",  # noqa: A002 - as in ``search``
        dry_run: bool = False,
    ) -> Removed:
        """Take pictures out of the index; their files are left alone, and need not be there any more.

        A content that has other names loses only those that are meant. By id or filter, a content goes with all its
        names. Nothing is remembered of what was removed: whoever adds such a file again has it in the index again.

        Args:
            names: paths and URLs, as the index has them; a path may be relative, or begin with ``~``.
            folders: everything below them goes, however deep; also of an address, such as ``https://example.org/a/``.
            ids: the SHA-256 of contents, hexadecimal.
            filter: a condition, as ``search`` takes it.
            dry_run: change nothing, and only say what would be removed.

        Raises:
            NoSuchIndex: it is not there yet.
            UsageError: nothing is meant at all.
            WrongFilter: the filter is no condition over the fields of an index.
        """
        return remove(
            self._there(),
            names=_texts(names),
            folders=_texts(folders),
            ids=ids,
            filter=filter,
            dry_run=dry_run,
        )

    def drop(self) -> None:
        """Delete the index with everything in it, also the copies that it kept; the files of its pictures stay.

        Raises:
            NoSuchIndex: it is not there.
            OriginalsError: the copies cannot be deleted.
        """
        with leaving(picture for page in self._there().pictures() for picture in page):
            self._store().delete(self.name)

    def search(
        self,
        image: Any,
        k: int = 10,
        filter: str = "",  # noqa: A002 - as all call it
        *,
        box: Sequence[float] | None = None,
        thorough: bool = False,
        mode: Mode = "best",
        verify: bool | int = False,
    ) -> Matches:
        """Return the pictures most like this one, the most similar first.

        The image, and the files of what is called a copy, are looked at: where one has nearly nothing on it there is
        no verdict. An image behind a URL, which the encoder fetches, is fetched from here, too, if something is called
        a copy of it.

        Args:
            image: a path, a URL, the bytes of a file, a Pillow image, or an array (height, width, 3) uint8 RGB.
            k: how many, 1 to ``MAX_K``.
            filter: a condition, such as ``width >= 1000 and modified > 1700000000``; see docs/how-to/search.md.
            box: (x, y, w, h) of what is searched with, in pixels of the upright picture; None is all of it.
            thorough: search with views of it, too, which finds pictures that it shows among other things. Costs the
                time of 11 to 19 pictures.
            mode: how pictures count that have several vectors, and views of the query: by the nearest pair (``best``),
                by the mean of all pairs, or by the whole picture and the whole query alone (``first``).
            verify: look into the files of so many of the nearest for a proof by local features; True is 10, at most
                100. What is proven comes first, and is a copy whatever its cosine; see ``Match.proof``.

        Raises:
            NoSuchIndex: it is not there yet.
            OtherEncoder: it has vectors of another encoder, perhaps by now.
            WrongFilter: the filter is no condition over the fields of an index.
            UsageError: the box is empty, or not inside the picture; or there is no such mode.
            VisopError: the image cannot be encoded.
        """
        check_mode(mode)
        candidates = checked_candidates(verify)
        data = _as_input(image, self._for_queries().max_image_bytes)
        if box is None and not thorough:
            views = [View(self._encode(data))]
        else:
            cuts = self._cut(data, box, thorough=thorough)
            vectors = self._encode_all([file for _, file in cuts])
            views = [View(vector, cut[0]) for cut, vector in zip(cuts, vectors, strict=True)]
            views[0] = View(vectors[0])
        found = self.search_views(views, max(k, candidates), filter, mode=mode)
        if box is not None or thorough:
            found.marked = self._emptiness.of_file(cuts[0][1])
        elif isinstance(data, bytes):
            found.marked = self._emptiness.of_file(data)
        elif any(match.is_copy for match in found):
            found.marked = self._emptiness.of_url(data)
        judged = self._emptiness.judged(found)
        return self.verified(data, judged, k, candidates, box) if candidates else judged

    def verified(
        self,
        data: bytes | str,
        found: Matches,
        k: int,
        candidates: int = CANDIDATES,
        box: Sequence[float] | None = None,
    ) -> Matches:
        """Prove by local features which of the nearest pictures are copies, and return the first ``k``.

        Args:
            data: the file that was searched with, or its URL.
            found: what the search found: ``candidates`` pictures at least, if there are so many.
            k: how many of them are returned.
            candidates: how many of the nearest are verified.
            box: the part of the picture that was searched with; None is all of it.

        Raises:
            VisopError: the file cannot be decoded or fetched from here, or OpenCV is not installed.
        """
        size = None
        if box is not None or isinstance(data, str):
            (_, _, width, height), data = self._cut(data, box, thorough=False)[0]
            size = round(width), round(height)
        proven = self._verification.verified(data, found, candidates, size)
        return proven.replaced(proven[:k])

    def encode(self, image: Any) -> Vector:
        """Return the vector of one image, (dimension,) float32. Arguments and errors are those of ``search``."""
        return self._encode(_as_input(image, self._for_queries().max_image_bytes))

    def _cut(self, data: bytes | str, box: Sequence[float] | None, *, thorough: bool) -> list[tuple[Box, bytes]]:
        """As ``cut_files``; what is behind a URL is fetched from here."""
        if isinstance(data, str):
            with Fetcher.of(self._settings) as fetcher:
                data = fetcher.fetch(data)
        return cut_files(data, box, ImageLimits.of(self._settings), thorough=thorough)

    def _encode(self, data: bytes | str) -> Vector:
        return self._encode_all([data])[0]

    def _encode_all(self, files: Sequence[bytes | str]) -> list[Vector]:
        encoders = self._for_queries()
        self._check_space(self._there().operator, encoders.operator)
        vectors: dict[int, Vector] = {}
        for query, result in encoders.encode(_Query(number, file) for number, file in enumerate(files)):
            if isinstance(result, VisopError):
                raise result
            vectors[query.number] = result.vector
        return [vectors[number] for number in range(len(files))]

    def search_vector(self, vector: Vector, k: int = 10, filter: str = "") -> Matches:  # noqa: A002
        """Search with a vector of the same encoder, (dimension,) float32 of unit length; else as ``search``.

        No file is looked at: the verdict is that of the threshold alone.
        """
        return self.search_views([View(vector)], k, filter)

    def search_views(
        self,
        views: Sequence[View],
        k: int = 10,
        filter: str = "",  # noqa: A002
        *,
        mode: Mode = "best",
    ) -> Matches:
        """Search with several views of one picture, the whole of it first; else as ``search_vector``."""
        if not 1 <= k <= MAX_K:
            raise UsageError("k", k, f"must be from 1 to {MAX_K}")
        collection = self._there()
        if self._encoders is not None:  # another process may have made the index anew, with another encoder
            self._check_space(collection.operator, self._encoders.operator)
        threshold = self._copy_thresholds(collection.operator).of(len(views))
        with stage("search", {"visop.index": self.name, "visop.views": len(views), "visop.most": k}):
            matches = ranked(collection, views, k, filter, mode, threshold)
        return Matches(matches, threshold=threshold, only_copies=self._knows_only_copies(collection.operator))

    def use_threshold(self, threshold: float | CopyThresholds | None) -> None:
        """From now on, call pictures that reach this cosine copies; None leaves it open.

        Without it, the threshold is the one in the card of the encoder that the settings mean, if that encoder made the
        index.
        """
        if not isinstance(threshold, CopyThresholds):
            threshold = CopyThresholds(threshold, threshold)
        self._thresholds = threshold

    def _copy_thresholds(self, operator: OperatorInfo) -> CopyThresholds:
        if self._thresholds is None:
            self._thresholds = copy_thresholds(operator, self._settings)
        return self._thresholds

    def _knows_only_copies(self, operator: OperatorInfo) -> bool:
        if self._only_copies is None:
            self._only_copies = knows_only_copies(operator, self._settings)
        return self._only_copies

    @property
    def store(self) -> Store:
        """The store that keeps the index. Raises StoreError if it cannot be opened."""
        return self._store()

    def originals_folder(self) -> OriginalsFolder | None:
        """Return the folder in which the originals of new pictures are kept; None if they are left where they are.

        Raises:
            UsageError: it is no such place, or has the originals of another index.
            OriginalsError: it cannot be used now.
        """
        if self._folder is None and (address := self._originals_address()):
            folder = OriginalsFolder(address)
            folder.claim(self.name, str((file_of(self.uri) or Path(shown_uri(self.uri))).absolute()))
            self._folder = folder
        return self._folder

    def _originals_address(self) -> str:
        if self._keep_originals == NONE:
            return ""
        if self._keep_originals:
            return folder_address(self._keep_originals, self.name)
        there = self._found()
        return folder_in_use(there) if there else ""

    @property
    def collection(self) -> Collection:
        """The collection that holds the index. Raises NoSuchIndex if it is not there yet."""
        return self._there()

    def _found(self) -> Collection | None:
        """The collection that holds the index; None if it is not there yet."""
        try:
            return self._there()
        except NoSuchIndex:
            return None

    def _there(self) -> Collection:
        """The collection that holds the index now: another process may have made one, or built its index anew."""
        if self._opened is None:
            check_there(self.uri)
        stamp = self._store().stamp()
        if self._collection is None or stamp != self._stamp:
            self._collection = self._looked_up(self._collection)
            self._stamp = stamp
        return self._collection

    def _looked_up(self, before: Collection | None) -> Collection:
        if before is None or self._store().target_of(self.name) != before.name:
            return self._store().find(self.name)
        before.refresh()
        return before

    def _store(self) -> Store:
        """Open the store when it is first needed: a file that is not there would be made."""
        if self._opened is None:
            with self._loading:
                if self._opened is None:
                    self._opened = self._stack.enter_context(self._open_store())
        return self._opened

    def _open_encoders(self) -> Encoders:
        """Those that make the vectors of the index."""
        there = self.operator
        with self._loading:
            if self._encoders is None:
                parts = self._parts
                if parts is None and there is not None and not self._operators:
                    parts = processor_of(there.parts, self.name)
                self._encoders = self._stack.enter_context(open_encoders(self._operators, self._settings, parts))
            return self._encoders

    def _for_queries(self) -> Encoders:
        """Those that encode a picture to search with: the whole of it is enough."""
        there = self.operator
        if self._encoders is not None or self._operators or there is None or not there.parts:
            return self._encoders or self._open_encoders()
        with self._loading:
            if self._whole_encoders is None:
                self._whole_encoders = self._stack.enter_context(open_encoders((), self._settings, NO_PARTS))
            return self._whole_encoders

    def _made(
        self, operator: OperatorInfo, inputs: int, index_type: str, attributes: Declared = NONE_DECLARED
    ) -> Collection:
        self._store().check_index_type(index_type)
        with self._store().changing:
            if (there := self._found()) is not None:
                self._check(there.operator, operator)
                check_has(there.attributes, attributes)
                return there
            # Killed before the alias was there, the next run takes up the collection.
            if 1 in self._store().numbers(self.name):
                self._check(self._store().open(collection_name(self.name, 1)).operator, operator)
            else:
                self._store().create(
                    self.name, 1, operator, attributes=attributes, index_type=index_type, pictures=inputs
                )
            self._store().point(self.name, 1)
            return self._there()

    def _check(self, there: OperatorInfo, here: OperatorInfo) -> None:
        advice = "Use the first, or `visop reindex` to make new vectors of all pictures"
        check_same_encoder(there, here, f"the index {self.name} at {self._store().uri}", "this encoder", advice)

    def _check_space(self, there: OperatorInfo, here: OperatorInfo) -> None:
        """As ``_check``, for a vector to search with, whatever parts the index has."""
        self._check(there, replace(here, parts=there.parts))

    def _check_served(self, collection: Collection) -> None:
        """Raise NoSuchIndex if the index is in another collection by now: a reindex in another process is done."""
        if self._there().name != collection.name:
            raise NoSuchIndex(f"the index {self.name} at {self._store().uri} was made anew by a reindex")


@dataclass(frozen=True)
class _Query:
    number: int
    data: bytes | str


def _as_input(image: Any, max_bytes: int) -> bytes | str:
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    if isinstance(image, str) and is_url(image):
        return image
    if isinstance(image, str | Path):
        try:
            return read_bytes(typed_path(os.fspath(image)), max_bytes)
        except VisopError as error:
            raise UsageError("", image, str(error)) from error
    return as_file(image)


def _texts(given: str | Path | Sequence[str | Path]) -> list[str]:
    return [os.fspath(each) for each in ([given] if isinstance(given, str | Path) else given)]


def _attribute(collection: Collection, table: AttributeTable, failures: Failures) -> tuple[int, int]:
    """How many pictures got attributes, and how many attributes could not be kept."""
    wanted, wrong = table.values(collection.attributes)
    done = set_attributes(collection, wanted)
    wrong += table.missing(done.missing)
    for each in wrong:
        failures.add(each.picture, InvalidInput(each.why))
    return done.changed, len(wrong)


def _added(
    progress: Progress, pruned: Pruned, passed: PassedOver, attributed: int, wrong: int, folder: OriginalsFolder | None
) -> Added:
    counts = progress.new, progress.known, progress.named, progress.failed, pruned.removed
    return Added(*counts, passed, pruned.away, attributed, wrong, originals=folder.address if folder else "")
