"""The HTTP server of ``visop run``: the operator's interface, search over an index, and the page."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from visop.address import is_loopback
from visop.contract import Encoder, OperatorInfo
from visop.encoding.local import local_pictures
from visop.encoding.pool import Encoders
from visop.http.endpoint import Endpoint, Extend
from visop.http.server import HttpServer
from visop.http.timeouts import DEFAULT_TIMEOUTS, Timeouts
from visop.images.decode import ImageLimits
from visop.search.calibration import DEFAULT_FPR, copy_thresholds, tail_of
from visop.search.duplicates import FewFalsePairs
from visop.search.index import Index
from visop.search.place import file_of
from visop.search.store import Store
from visop.serving.any_pipeline import AnyPipeline
from visop.serving.operators import check_encodes_pictures
from visop.serving.part_encoder import AnyOperator, PartEncoder
from visop.serving.server import MakeCompanion
from visop.settings import Settings
from visop.sources import DEFAULT_OPTIONS, FindOptions
from visop.synthetic.examples import COUNT, write_examples
from visop.web.background_encoder import BackgroundEncoder
from visop.web.batch import Batch
from visop.web.duplicate_search import DuplicateSearch
from visop.web.duplicates import Duplicates
from visop.web.emptiness import EmptinessCheck
from visop.web.engine.routes import engine_routes
from visop.web.engine.service import open_engine
from visop.web.indexes.registry import MOST_INDEXES, Indexes
from visop.web.indexes.routes import index_routes
from visop.web.indexing import Indexing
from visop.web.originals import Originals
from visop.web.presence import PresenceCheck
from visop.web.published import Published
from visop.web.removals import Removals
from visop.web.routes import search_routes
from visop.web.service import SearchService
from visop.web.thumbnails import Thumbnails
from visop.web.uploads import Uploads
from visop.web.watching import Watch, WatchTimes

_EXAMPLES = "examples"


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchOptions:
    """What is searched.

    Attributes:
        uri: of the store.
        name: of the index.
        pictures: inputs to index in the background, as ``Index.add`` takes them; none: what is there is served. What is
            gone from the folders among them is taken out.
        find: how pictures are looked for.
        watch: whether to follow what changes in these folders while the server runs.
        examples: search example pictures, which are made, in place of an index.
        uploads: the folder for pictures that are uploaded; None takes none.
        keep_originals: as ``Index.open`` takes it.
        move_to: the folder that copies are moved into; None moves nothing.
        calibration: ``calibration.json`` of ``visop evaluate``, in place of the encoder's card.
        fpr: false-positive rate of the verdict on copies.
        token: for a Milvus that asks for one.
        keep_metadata: whether other machines, too, get the files of pictures as they are, with GPS data.
        most_indexes: how many the store may have for one more to be made over HTTP.
        times: how long is waited for what while folders are watched.
        engine: the folder for what is registered through the interface of the original engine; None does not serve it.
        store: that of ``uri``, if it is open already; it is not closed. There is none for examples.
    """

    uri: str
    name: str
    pictures: Sequence[str] = ()
    find: FindOptions = DEFAULT_OPTIONS
    watch: bool = False
    examples: bool = False
    uploads: Path | None = None
    keep_originals: str = ""
    move_to: Path | None = None
    calibration: Path | None = None
    fpr: float = DEFAULT_FPR
    token: str = ""
    keep_metadata: bool = False
    most_indexes: int = MOST_INDEXES
    times: WatchTimes = WatchTimes()
    engine: Path | None = None
    store: Store | None = None


@contextmanager
def open_search(
    options: SearchOptions,
    settings: Settings,
    operator: AnyOperator,
    pipeline: AnyPipeline,
    *,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
) -> Iterator[list[MakeCompanion]]:
    """The HTTP server of ``open_routes``, for ``visop.serving.lifecycle.serve``.

    For a processor, or a pipeline without whole pictures, and no pictures to index, the page of parts is there, and
    nothing to search.

    Raises:
        UsageError: there are pictures to index, or the interface of the original engine is to be served, and the
            operator does not give one vector of each picture.
        VisopError: as ``open_routes``.
    """
    if not (_encodes_pictures(operator) or options.pictures or options.engine):
        logger.info("%s finds parts of pictures: the page shows them, and searches nothing", operator.name)
        yield [functools.partial(HttpServer, timeouts=timeouts)]
        return
    check_encodes_pictures(operator)
    with open_routes(options, settings, operator, pipeline) as extend:
        yield [functools.partial(HttpServer, extend=extend, timeouts=timeouts)]


def _encodes_pictures(operator: AnyOperator) -> bool:
    return isinstance(operator, Encoder) or (isinstance(operator, PartEncoder) and operator.choice.whole)


@contextmanager
def open_routes(
    options: SearchOptions, settings: Settings, operator: AnyOperator, pipeline: AnyPipeline
) -> Iterator[Extend]:
    """The routes of search over an index, whose vectors come from a running pipeline.

    Raises:
        OtherEncoder: the index was made with another encoder.
        StoreError: the store cannot be opened.
    """
    local = local_pictures(operator, pipeline)
    info, encoder = local.info, BackgroundEncoder(local)
    encoders = Encoders(info, settings.max_image_bytes, {"the operator": encoder})
    cache = settings.cache_dir.expanduser()
    cache.mkdir(parents=True, exist_ok=True)
    uri, name = _examples_store(cache, info) if options.examples else (options.uri, options.name)
    with ExitStack() as stack:
        kept, store = ("", None) if options.examples else (options.keep_originals, options.store)
        index = stack.enter_context(
            Index.open(
                uri, name, encoders=encoders, settings=settings, token=options.token, keep_originals=kept, store=store
            )
        )
        index.make()  # or checks that its vectors are of this encoder
        shared = _shared(options, settings, cache, stack)
        service = shared.service(index, _indexing(options, index, cache), options.uploads, stack)
        indexes = stack.enter_context(Indexes(service, shared.served, options.most_indexes))
        routes = both(search_routes(service), index_routes(indexes))
        if options.engine:
            given = options.engine, index, operator, pipeline, settings, service.published, options.keep_originals
            routes = both(routes, engine_routes(stack.enter_context(open_engine(*given))))
        yield routes


def both(one: Extend, other: Extend) -> Extend:
    """The routes of both."""

    def extend(app: FastAPI, endpoint: Endpoint) -> None:
        one(app, endpoint)
        other(app, endpoint)

    return extend


@dataclass(frozen=True)
class _Shared:
    """What all indexes of a server have in common, and how each is served."""

    options: SearchOptions
    settings: Settings
    cache: Path
    originals: Originals
    thumbnails: Thumbnails
    presence: PresenceCheck
    emptiness: EmptinessCheck

    def served(self, index: Index, stack: ExitStack) -> SearchService:
        """Serve an index beside that of the options. What is uploaded into each has a folder of its own."""
        uploads = self.options.uploads and self.options.uploads / index.name
        idle = Indexing(index, [], 0, _errors_file(index.uri, index.name, self.cache))
        return self.service(index, idle, uploads, stack)

    def service(self, index: Index, indexing: Indexing, folder: Path | None, stack: ExitStack) -> SearchService:
        """Serve an index, until the stack is left.

        Args:
            index: that is there.
            indexing: into it, which this begins.
            folder: for what is uploaded; None takes nothing.
            stack: closes what is opened for it.
        """
        options, settings = self.options, self.settings
        thresholds = copy_thresholds(index.collection.operator, settings, fpr=options.fpr, file=options.calibration)
        index.use_threshold(thresholds)
        uploads = Uploads(index, self.originals, folder)
        removals = Removals(index, self.originals, self.thumbnails, uploads)
        whole = options.keep_metadata or is_loopback(settings.http_host)
        return SearchService(
            index=index,
            threshold=thresholds.plain,
            indexing=stack.enter_context(indexing),
            originals=self.originals,
            published=Published(self.originals, ImageLimits.of(settings), whole=whole),
            thumbnails=self.thumbnails,
            uploads=uploads,
            presence=self.presence,
            emptiness=self.emptiness,
            removals=removals,
            duplicates=_duplicates(options, index, settings, removals, stack),
            settings=settings,
        )


def _shared(options: SearchOptions, settings: Settings, cache: Path, stack: ExitStack) -> _Shared:
    originals = stack.enter_context(Originals(settings))
    return _Shared(
        options,
        settings,
        cache,
        originals,
        Thumbnails(cache / "thumbnails", originals, ImageLimits.of(settings)),
        stack.enter_context(PresenceCheck()),
        stack.enter_context(EmptinessCheck(settings)),
    )


def _examples_store(cache: Path, operator: OperatorInfo) -> tuple[str, str]:
    """URI and name. Each encoder has its own, so that another encoder does not meet an index that it cannot use."""
    space: tuple[object, ...] = (operator.name, operator.fingerprint, operator.dimension, operator.metric_type)
    space += (operator.parts,) * bool(operator.parts)
    digest = hashlib.sha256(repr(space).encode()).hexdigest()[:12]
    return str(cache / f"{_EXAMPLES}-{digest}.db"), _EXAMPLES


def _duplicates(
    options: SearchOptions, index: Index, settings: Settings, removals: Removals, stack: ExitStack
) -> Duplicates:
    tail = tail_of(index.collection.operator, settings, options.calibration)
    return Duplicates(
        index=index,
        search=stack.enter_context(DuplicateSearch(index, FewFalsePairs(tail=tail), settings)),
        removals=removals,
        move_to=options.move_to and options.move_to.absolute(),
        may_write=options.uploads is not None,
        whole_names=is_loopback(settings.http_host),
    )


def _example_batches(folder: Path) -> Iterable[Batch]:
    return (Batch([str(path) for path in paths]) for paths in write_examples(folder))


def _errors_file(uri: str, name: str, cache: Path) -> Path:
    """One for each index: those of one name in different stores have the same cache."""
    place = str((file_of(uri) or Path(uri)).absolute())
    return cache / f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:12]}.errors.csv"


def _indexing(options: SearchOptions, index: Index, cache: Path) -> Indexing:
    errors = _errors_file(options.uri, index.name, cache)
    if options.examples:
        return Indexing(index, _example_batches(cache / _EXAMPLES), COUNT, errors)
    has_folders = any(map(os.path.isdir, options.pictures))
    if options.watch and has_folders:
        stopping = threading.Event()
        ours = [os.path.abspath(each) + os.sep for each in (file_of(options.uri), cache) if each]
        watch = Watch(options.pictures, ours, stopping, options.times, options=options.find)
        return Indexing(index, watch.batches(), 0, errors, stopping)
    batches = [Batch(options.pictures, options.find, prune=has_folders)] if options.pictures else []
    return Indexing(index, batches, 0, errors)
