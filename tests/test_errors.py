from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest

from visop import errors
from visop.errors import (
    BadItems,
    ImageDecodeError,
    ModelFailed,
    Overloaded,
    RemoteError,
    SettingsError,
    UrlRejected,
    UsageError,
    VisopError,
    summarise,
)
from visop.search import errors as search_errors

CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, VisopError)]


def test_the_tree_in_the_docstring_names_every_class() -> None:
    assert len(CLASSES) > 15
    for cls in CLASSES:
        assert f"{cls.__name__} " in str(errors.__doc__)


def test_errors_know_nothing_of_how_they_travel() -> None:
    code = "import visop.errors, sys; print('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
    assert not [cls for cls in CLASSES if hasattr(cls, "code")]


_IN_SEARCH = [cls for cls in vars(search_errors).values() if isinstance(cls, type) and issubclass(cls, VisopError)]


def _made(cls: type[VisopError]) -> VisopError:
    """An error with every attribute that its class has."""
    arguments: dict[type[VisopError], tuple[object, ...]] = {
        Overloaded: ("too much", 7.0),
        RemoteError: ("odd", "UNKNOWN"),
        BadItems: ({"datas[3]": ImageDecodeError("not an image")},),
        errors.OtherEncoder: ("they do not fit together",),
        search_errors.WrongFilter: ("a >", "incomplete"),
    }
    usage: tuple[object, ...] = ("size", 1025, "must be from 32 to 1024")
    return cls(*arguments.get(cls, usage if issubclass(cls, UsageError) else ("what happened",)))


@pytest.mark.parametrize("cls", [*CLASSES, *_IN_SEARCH])
def test_every_error_reaches_another_process_whole(cls: type[VisopError]) -> None:
    error = _made(cls)
    error.add_note("a note")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (type(again), str(again), again.args) == (cls, str(error), error.args)
        assert repr(vars(again)) == repr(vars(error))


def test_a_wrong_argument_is_called_by_its_name_in_python_and_by_another_where_it_has_one() -> None:
    error = UsageError("uri", "x", "must end in .db")
    assert str(error) == "uri x: must end in .db"
    assert error.told("--uri") == "--uri x: must end in .db"
    assert error.told("") == "x: must end in .db"


def test_an_error_about_no_single_argument_says_what_is_wrong() -> None:
    assert str(UsageError("", "", "nothing to encode")) == "nothing to encode"


@pytest.mark.parametrize(
    ("name", "said"), [("max_batch", "OP_MAX_BATCH=0: too low"), ("--max-batch", "--max-batch 0: too low")]
)
def test_a_setting_is_called_by_its_variable_unless_it_came_from_a_flag(name: str, said: str) -> None:
    error = SettingsError("max_batch", 0, "too low")
    assert str(error) == "OP_MAX_BATCH=0: too low"
    assert error.told(name) == said


def test_a_model_failure_tells_clients_nothing_of_its_detail() -> None:
    error = ModelFailed("/home/me/model.py exploded")
    assert str(error) == "the model failed on this input"
    assert error.detail == "/home/me/model.py exploded"


def test_a_summary_names_every_bad_input_with_those_of_the_same_reason_together() -> None:
    items = {f"datas[{i}]": ImageDecodeError("not an image") for i in (0, 1, 2, 5)}
    text = summarise({"urls[3]": UrlRejected("no"), **items})
    assert text == "urls[3]: no; datas[0-2], datas[5]: not an image"


def test_a_summary_of_thousands_fits_the_headers_it_travels_in() -> None:
    text = summarise({f"datas[{i * 2}]": ImageDecodeError(f"reason {i}") for i in range(5000)})
    assert len(text) <= 2000
    assert text.startswith("5000 inputs failed: datas[0], datas[2]")
