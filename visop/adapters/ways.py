"""The ways in which classes of other systems take pictures, and which of them a class understands."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from visop.adapters.private_folder import PrivateFolder
from visop.contract import Image
from visop.errors import ModelFailed
from visop.images.stored_png import stored_png

#: What classes are tried on: large enough for the boxes that a class answers to whatever it is shown.
TRIAL: Image = np.full((480, 640, 3), 128, np.uint8)

#: Takes an answer over while the files of the call are there.
Keep = Callable[[Any], Any]


class Way(Protocol):
    """How a class is called."""

    def prepare(self, image: Image) -> Any:
        """Bring an image, (H, W, 3) uint8 RGB, into the form that the class takes. In any thread."""

    def answers(self, items: Sequence[Any]) -> list[Any]:
        """What the class answers to each, or the error of that one. In one thread."""


class ByPath:
    """The class reads files.

    Args:
        folder: for the files.
        one: answers to one path.
        several: answers to a list of paths, if the class can.
        keep: takes each answer over.
    """

    def __init__(
        self,
        folder: PrivateFolder,
        one: Callable[[str], Any],
        several: Callable[[list[str]], Any] | None = None,
        keep: Keep = lambda answer: answer,
    ) -> None:
        self._folder, self._one, self._several, self._keep = folder, one, several, keep

    def prepare(self, image: Image) -> bytes:
        """As a file without loss, in memory: nothing is on disk while it waits."""
        return stored_png(image)

    def answers(self, items: Sequence[bytes]) -> list[Any]:
        """Call the class, once if it takes several paths. Raises what that call raises."""
        with self._folder.holding(items) as paths:
            if self._several and len(paths) > 1:
                return [self._keep(answer) for answer in self._several(paths)]
            return [_tried(lambda path: self._keep(self._one(path)), path) for path in paths]


class ByArray:
    """The class takes a decoded picture as OpenCV reads it: (H, W, 3) uint8, blue first.

    Args:
        folder: what the class may write files into.
        one: answers to one array. The originals gave it one at a time.
        keep: takes each answer over.
    """

    def __init__(self, folder: PrivateFolder, one: Callable[[Any], Any], keep: Keep = lambda answer: answer) -> None:
        self._folder, self._one, self._keep = folder, one, keep

    def prepare(self, image: Image) -> Image:
        """With blue first, and writable, as the class expects it."""
        return np.ascontiguousarray(image[:, :, ::-1])

    def answers(self, items: Sequence[Image]) -> list[Any]:
        """Call the class once for each."""
        with self._folder.holding(()):
            return [_tried(lambda image: self._keep(self._one(image)), item) for item in items]


class ByRun:
    """The class has a ``run`` that takes what was sent: pictures in base64, and URLs.

    Args:
        folder: where it writes its files.
        run: of the class, or of its module.
        keep: takes each answer over.
    """

    def __init__(
        self,
        folder: PrivateFolder,
        run: Callable[[list[str], list[str]], Any],
        keep: Keep = lambda answer: answer,
    ) -> None:
        self._folder, self._run, self._keep = folder, run, keep

    def prepare(self, image: Image) -> str:
        """As a file without loss, as a data URI: that is how it learns the suffix."""
        return f"data:image/png;base64,{base64.b64encode(stored_png(image)).decode()}"

    def answers(self, items: Sequence[str]) -> list[Any]:
        """Call it once for each: what it cannot read it leaves out of its answer."""
        with self._folder.holding(()):
            return [_tried(lambda text: self._keep(self._one(text)), item) for item in items]

    def _one(self, text: str) -> Any:
        answers = list(self._run([text], []))
        if len(answers) != 1:
            raise ModelFailed(f"run answered {len(answers)} results for one picture")
        return answers[0]


def tried(way: Way) -> Any:
    """What a class answers to a grey picture of 640 x 480, called in this way.

    Raises:
        ModelFailed: it raised; ``detail`` says what.
    """
    [answer] = way.answers([way.prepare(TRIAL)])
    if isinstance(answer, ModelFailed):
        raise answer
    return answer


def takes_several(way: Way) -> bool:
    """Whether a class gives one answer for each of several pictures in one call."""
    item = way.prepare(TRIAL)
    try:
        return len(way.answers([item, item])) == 2
    except Exception:  # noqa: BLE001 - whatever a class raises that was not made for it
        return False


def _tried(call: Callable[[Any], Any], item: Any) -> Any:
    """Its answer, or the error of this one input."""
    try:
        return call(item)
    except ModelFailed as error:
        return error
    except Exception as error:  # noqa: BLE001 - the class may raise anything
        return ModelFailed(f"{type(error).__name__}: {error}")
