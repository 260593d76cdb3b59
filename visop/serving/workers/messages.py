"""What the front process and a worker say to each other, as pickles over a pair of sockets that nobody else can reach.

Times are on the clock of ``time.monotonic``, which is that of the machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from visop.contract import Image, OperatorInfo
from visop.detection import Box
from visop.errors import VisopError
from visop.images.crops import CropOptions
from visop.serving.part_encoder import PartChoice
from visop.serving.steps import Result
from visop.settings import Settings


@dataclass(frozen=True)
class Configure:
    """The first thing that a worker is told.

    Attributes:
        number: of the worker.
        settings: its own.
        cpus: that it runs on; none leaves it all.
        one_peer: as of ``Pipeline``.
        path: where Python looks for modules.
        log_level: the least that is logged, such as ``INFO``.
    """

    number: int
    settings: Settings
    cpus: tuple[int, ...]
    one_peer: bool
    path: Sequence[str]
    log_level: str


@dataclass(frozen=True)
class Served:
    """What a worker serves; of a pipeline, both operators.

    Attributes:
        processor: None if there is none.
        encoder: None if there is none.
        choice: of a pipeline, which parts are encoded.
        gives_parts: as of a ``Call``.
    """

    processor: OperatorInfo | None
    encoder: OperatorInfo | None
    choice: PartChoice | None
    gives_parts: bool


@dataclass(frozen=True)
class Ready:
    """The model of a worker is loaded and warm."""

    served: Served


@dataclass(frozen=True)
class Failed:
    """A worker cannot serve, and ends."""

    error: VisopError


@dataclass(frozen=True)
class Wanted:
    """One input of a call.

    Attributes:
        name, value, is_url: as of ``Input``.
        file: whether the front wants to see the file.
        image: whether it wants to see the decoded image.
        boxes: whether it says which parts are encoded.
    """

    name: str
    value: str | bytes
    is_url: bool
    file: bool = False
    image: bool = False
    boxes: bool = False

    @property
    def asks(self) -> bool:
        """Whether the front is asked something before the picture goes on."""
        return self.file or self.image or self.boxes


@dataclass(frozen=True)
class Begin:
    """Serve a call. Arguments as of ``Pipeline.start``."""

    call: int
    inputs: Sequence[Wanted]
    deadline: float
    patient: bool
    peer: str
    crops: CropOptions | None
    bulk: bool = False


@dataclass(frozen=True)
class Cancel:
    """Nobody waits for a call any more."""

    call: int


@dataclass(frozen=True)
class Stop:
    """Finish what was begun, and end."""


@dataclass(frozen=True)
class Decoded:
    """What the front asked to see of an input. The worker waits for ``Seen``.

    Attributes:
        size: (width, height).
        file: None if it was not asked for.
        image: None if it was not asked for.
    """

    call: int
    index: int
    size: tuple[int, int]
    file: bytes | None
    image: Image | None


@dataclass(frozen=True)
class Seen:
    """The input goes on: with these parts, if they were asked for; or not, because of an error."""

    call: int
    index: int
    boxes: Sequence[Box] | None = None
    error: VisopError | None = None


@dataclass(frozen=True)
class InputEnd:
    """What became of one input. ``spans_s`` and ``batch_size`` as of ``InputJob``."""

    result: Result | VisopError
    spans_s: dict[str, float]
    batch_size: int


@dataclass(frozen=True)
class Done:
    """A call is over: one end for each input; or it was refused as a whole."""

    call: int
    ends: Sequence[InputEnd] = ()
    refusal: VisopError | None = None


@dataclass(frozen=True)
class State:
    """How a worker is, said twice a second.

    Attributes:
        trouble: as of ``Pipeline``.
        memory: resident, in bytes.
        waiting: by the kind of a model, inputs that wait for it.
        runs: what ``visop.metrics.model.follow_models`` told since the last time.
    """

    trouble: str | None
    memory: int
    waiting: dict[str, int] = field(default_factory=dict)
    runs: Sequence[tuple[str, int, float]] = ()


#: What the front process says.
ToWorker = Configure | Begin | Cancel | Seen | Stop
#: What a worker says.
ToFront = Ready | Failed | Decoded | Done | State
