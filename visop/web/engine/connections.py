"""The operators that pipelines call, each connected or loaded when it is first needed, and kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Self

from visop.contract import OperatorInfo
from visop.encoding.local import local_pictures
from visop.errors import Overloaded, SettingsError, Unreachable, UsageError, VisopError
from visop.http.engine_errors import EngineError
from visop.processors.registry import built_in_processor
from visop.serving.any_pipeline import AnyPipeline
from visop.serving.operators import load_model
from visop.serving.part_encoder import AnyOperator
from visop.serving.pipeline import Pipeline
from visop.serving.remote.elsewhere import Elsewhere
from visop.serving.remote.encoder import RemoteEncoder
from visop.serving.remote.processor import RemoteProcessor
from visop.settings import Settings
from visop.web.engine.addresses import HERE, Place

# Each has threads of its own.
_MOST = 32


@dataclass(frozen=True)
class Connected:
    """An operator that can be called.

    Attributes:
        place: where it runs.
        info: what it is.
        pipeline: calls it with pictures.
    """

    place: Place
    info: OperatorInfo
    pipeline: AnyPipeline


@dataclass
class _Slot:
    """One operator; the lock is held while it is connected."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    stack: ExitStack = field(default_factory=ExitStack)
    connected: Connected | None = None
    users: int = 0
    used: float = 0.0
    is_forgotten: bool = False


class Connections:
    """A context manager; may be used from several threads.

    Args:
        operator: of this server.
        pipeline: of that operator.
        settings: limits on pictures and time.
        most: operators that are connected at once; one that nobody uses gives way.
    """

    def __init__(self, operator: AnyOperator, pipeline: AnyPipeline, settings: Settings, *, most: int = _MOST) -> None:
        self._own = Connected(Place("encoder", HERE), local_pictures(operator, pipeline).info, pipeline)
        self._settings, self._most = settings, most
        self._slots: dict[Place, _Slot] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            slots, self._slots = list(self._slots.values()), {}
        for slot in slots:
            slot.stack.close()

    @contextmanager
    def using(self, place: Place) -> Iterator[Connected]:
        """Connect to an operator, if it is not connected yet.

        Raises:
            Unreachable: it cannot be reached; the message says where it should be.
            EngineError: it is reached, and is not of that kind.
            Overloaded: too many are in use.
        """
        if place == self._own.place:
            yield self._own
            return
        slot = self._taken(place)
        try:
            with slot.lock:
                slot.connected = slot.connected or self._connect(place, slot.stack)
            yield slot.connected
        finally:
            self._leave(slot)

    def info(self, place: Place) -> OperatorInfo:
        """What an operator is. Raises as ``using``."""
        with self.using(place) as connected:
            return connected.info

    def forget(self, place: Place) -> None:
        """Connect anew when it is needed next: another operator may be there. Those who use it now go on."""
        with self._lock:
            slot = self._slots.pop(place, None)
            if slot:
                slot.is_forgotten = True
                slot.users += 1
        if slot:
            self._leave(slot)

    def _leave(self, slot: _Slot) -> None:
        with self._lock:
            slot.users, slot.used = slot.users - 1, time.monotonic()
            is_over = slot.is_forgotten and not slot.users
        if is_over:
            slot.stack.close()

    def _taken(self, place: Place) -> _Slot:
        with self._lock:
            slot = self._slots.get(place)
            gone = None
            if slot is None:
                gone = self._make_room()
                slot = self._slots[place] = _Slot()
            slot.users += 1
        if gone:
            gone.stack.close()
        return slot

    def _make_room(self) -> _Slot | None:
        """Take out the operator that has not been used for the longest time, if there are too many."""
        if len(self._slots) < self._most:
            return None
        idle = [place for place, slot in self._slots.items() if not slot.users]
        if not idle:
            raise Overloaded(f"pipelines use {self._most} operators now, which is the limit")
        return self._slots.pop(min(idle, key=lambda place: self._slots[place].used))

    def _connect(self, place: Place, stack: ExitStack) -> Connected:
        with ExitStack() as opened:
            operator = _built_in(place, self._settings) if place.is_here else _elsewhere(place, self._settings)
            opened.callback(operator.close)
            load = (lambda: load_model(operator)) if place.is_here else operator.load
            _load(place, operator, load)
            pipeline = opened.enter_context(Pipeline(operator, self._settings))
            stack.push(opened.pop_all())
        return Connected(place, operator.info(), pipeline)


def _elsewhere(place: Place, settings: Settings) -> RemoteEncoder | RemoteProcessor:
    kind = RemoteProcessor if place.kind == "processor" else RemoteEncoder
    return kind(place.addr, settings)


def _built_in(place: Place, settings: Settings) -> AnyOperator:
    processor = built_in_processor(place.scheme, settings)
    if processor is None:
        raise UsageError("addr", place.addr, "there is no such processor in visop")
    return processor


def _load(place: Place, operator: AnyOperator, load: Callable[[], object]) -> None:
    try:
        load()
        operator.warm_up()
    except SettingsError as error:
        if isinstance(operator, Elsewhere) and _is_reached(operator):
            raise EngineError("PipelineIllegalError", f"{place}: {error.why}") from None
        raise Unreachable(f"{place}: {error.why}") from None
    except VisopError as error:
        raise Unreachable(f"{place}: {error}" if place.addr not in str(error) else str(error)) from None


def _is_reached(operator: Elsewhere) -> bool:
    return operator.name != operator.remote.target
