"""Pickles of PyTorch, read as data: nothing in them is imported, called or executed.

A pickle is a program for a machine with a stack. This one knows the few instructions that a file of weights has, and
names what the file wants to be called in place of calling it. Anything else is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from visop.errors import WeightsError

# Instructions of the largest file: torchvision's has some 3,000.
_MOST = 1_000_000

#: What a file may name, and no more.
REBUILD = "torch._utils _rebuild_tensor_v2"
STORAGES = {"torch FloatStorage": "<f4", "torch HalfStorage": "<f2"}
_ORDERED, _PARAMETER = "collections OrderedDict", "torch._utils _rebuild_parameter"
# Counts of batches and such are named, and not read.
_NAMES = {REBUILD, _ORDERED, _PARAMETER, *STORAGES, "torch LongStorage", "torch DoubleStorage"}


@dataclass(frozen=True)
class Name:
    """Something that the file names, such as a class."""

    name: str


@dataclass(frozen=True)
class Called:
    """A call that the file wants to be made; it is not."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Stored:
    """Something that stands elsewhere in the file, by what it is called there."""

    key: tuple[Any, ...]


def read_pickle(file: BinaryIO) -> Any:
    """Read one pickle, and nothing behind it.

    Returns:
        Dictionaries, lists, tuples, texts and numbers, and ``Name``, ``Called`` and ``Stored``.

    Raises:
        WeightsError: it is damaged, or has what no file of weights has; says what.
    """
    machine = _Machine()
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(file)):
            if count > _MOST:
                raise WeightsError("", "", f"it has more than {_MOST} instructions")
            if instruction.name == "STOP":
                return machine.stack.pop()
            machine.step(instruction.name, argument)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise WeightsError("", "", f"it is damaged: {error}") from error
    raise WeightsError("", "", "it is damaged: it has no end")


class _Machine:
    """The stack, and what of it is remembered."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memory: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Follow one instruction."""
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            self.stack.append(argument)
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name != "PROTO":
            raise WeightsError("", "", f"it has the instruction {name}, which no file of weights needs")

    def mark(self, _: Any) -> None:
        self._marked.append(self.stack)
        self.stack = []

    def put(self, argument: int) -> None:
        self._memory[argument] = self.stack[-1]

    def get(self, argument: int) -> None:
        self.stack.append(self._memory[argument])

    def name(self, argument: str) -> None:
        if argument not in _NAMES:
            raise WeightsError("", "", f"it names {argument.replace(' ', '.')!r}, which no file of weights needs")
        self.stack.append(Name(argument))

    def call(self, _: Any) -> None:
        arguments, named = self.stack.pop(), self.stack.pop()
        if named.name == _ORDERED:
            self.stack.append(dict(*arguments))
        elif named.name == _PARAMETER:
            self.stack.append(arguments[0])
        else:
            self.stack.append(Called(named.name, tuple(arguments)))

    def stored(self, _: Any) -> None:
        self.stack.append(Stored(tuple(self.stack.pop())))

    def forget(self, _: Any) -> None:
        self.stack.pop()  # attributes of the dictionary, such as versions of layers

    def pair(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.stack[-1][key] = value

    def pairs(self, _: Any) -> None:
        some = self._since_mark()
        self.stack[-1].update(zip(some[::2], some[1::2], strict=True))

    def append(self, _: Any) -> None:
        value = self.stack.pop()
        self.stack[-1].append(value)

    def appends(self, _: Any) -> None:
        some = self._since_mark()
        self.stack[-1].extend(some)

    def tuple(self, _: Any) -> None:
        some = self._since_mark()  # which changes the stack
        self.stack.append(tuple(some))

    def last(self, count: int) -> None:
        some = self.stack[-count:]
        if len(some) < count:
            raise ValueError("the stack is empty")
        self.stack[-count:] = [tuple(some)]

    def _since_mark(self) -> list[Any]:
        some, self.stack = self.stack, self._marked.pop()
        return some


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
}
_LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"}
_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.name,
    "REDUCE": _Machine.call,
    "BINPERSID": _Machine.stored,
    "BUILD": _Machine.forget,
    "SETITEM": _Machine.pair,
    "SETITEMS": _Machine.pairs,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "TUPLE": _Machine.tuple,
    "TUPLE1": lambda machine, _: machine.last(1),
    "TUPLE2": lambda machine, _: machine.last(2),
    "TUPLE3": lambda machine, _: machine.last(3),
}
