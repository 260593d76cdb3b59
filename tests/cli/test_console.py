import argparse
import errno
import importlib
import io

import pytest

from visop.cli.console import KEPT, filled, imports, resumable
from visop.cli.flags import add_calibration, number, whole
from visop.cli.settings_flags import add_settings, given_settings, read_settings, setting_flag
from visop.errors import ModelFailed, TrainingFailed, Unreachable, UsageError
from visop.sources import printable


def raising(error):
    def work():
        raise error

    return work


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    add_settings(parser, ["model", "threads"])
    return parser


# --- flags ---


def test_a_setting_that_is_given_as_a_flag_wins(parser, monkeypatch):
    monkeypatch.setenv("OP_MODEL", "vgg19")
    monkeypatch.setenv("OP_POOLING", "max")
    effective = read_settings(parser.parse_args(["--model", "vgg16"]))
    assert (effective.settings.model, effective.settings.pooling) == ("vgg16", "max")
    assert (effective.sources["model"], effective.sources["pooling"]) == ("flag", "environment")


def test_a_flag_that_is_not_given_or_not_there_says_nothing(parser):
    assert given_settings(parser.parse_args([])) == {}
    assert given_settings(argparse.Namespace()) == {}
    assert given_settings(parser.parse_args(["--threads", "2"])) == {"threads": "2"}


def test_a_wrong_setting_is_refused_as_the_variable_would_be(parser):
    with pytest.raises(UsageError, match="OP_THREADS=-1: must be at least 0"):
        read_settings(parser.parse_args(["--threads=-1"]))


@pytest.mark.parametrize(
    ("name", "metavar", "default"),
    [
        ("resize", "bilinear|nearest", "bilinear"),
        ("fetch", "on|off", "on"),
        ("fetch_allow", "A,B,...", "empty"),
        ("threads", "N", "0"),
        ("data_dir", "PATH", "data"),
        ("model", "TEXT", "auto"),
    ],
)
def test_the_help_of_a_setting_says_what_it_takes_its_variable_and_its_default(name, metavar, default):
    flag = setting_flag(name)
    assert flag["metavar"] == metavar
    assert flag["help"].endswith(f" [OP_{name.upper()}; default: {default}]")


@pytest.mark.parametrize("text", ["0", "1", "12345678901234567890"])
def test_a_whole_number_from_the_least_on_is_read(text):
    assert whole(0)(text) == int(text)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "", "9" * 5000])
def test_what_is_no_whole_number_from_the_least_on_is_refused_with_the_rule(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"^{text}: must be a whole number from 1$"):
        whole(1)(text)


@pytest.mark.parametrize("text", ["nan", "inf", "2", "x"])
def test_a_number_that_breaks_its_rule_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"^{text}: must be a cosine$"):
        number(float, lambda value: -1 <= value <= 1, "a cosine")(text)


@pytest.mark.parametrize("text", ["0", "1", "-1", "nan", "often"])
def test_a_false_positive_rate_is_between_0_and_1(text, capsys):
    parser = argparse.ArgumentParser()
    add_calibration(parser)
    assert parser.parse_args([]).fpr == parser.parse_args(["--fpr", "1e-3"]).fpr == 0.001
    with pytest.raises(SystemExit):
        parser.parse_args([f"--fpr={text}"])
    assert f"{text}: must be between 0 and 1, such as 1e-3" in capsys.readouterr().err


# --- running ---


def test_a_package_that_is_not_installed_is_named_with_what_to_do():
    complaint = "^no_such_package is not installed; to dance: pip install shoes$"
    with pytest.raises(UsageError, match=complaint), imports("to dance: pip install shoes"):
        importlib.import_module("no_such_package")


def test_work_that_ends_by_itself_says_its_status_and_nothing_else(capsys):
    assert resumable(lambda: 7) == 7
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (Unreachable("host:1 cannot be reached"), 3, "not finished: host:1 cannot be reached"),
        (ModelFailed("weights are NaN"), 3, "not finished: weights are NaN"),
        (OSError(errno.ENOSPC, "No space left on device"), 3, "not finished: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "a.npy"), 3, "not finished: a.npy: Permission denied"),
        (OSError("strange"), 3, "not finished: strange"),
    ],
)
def test_work_that_is_stopped_says_why_and_what_is_kept(error, status, words, capsys):
    assert resumable(raising(error)) == status
    assert capsys.readouterr().err == f"visop: {words}. {KEPT}\n"


@pytest.mark.parametrize("error", [UsageError("", "", "wrong"), TrainingFailed("wrong")], ids=["usage", "training"])
def test_what_the_same_command_would_not_mend_is_not_what_goes_on_later(error):
    with pytest.raises(type(error), match="wrong"):
        resumable(raising(error))


def test_no_control_character_of_a_name_reaches_the_terminal():
    assert printable("\033[31mred\n.png") == "\ufffd[31mred\ufffd.png"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_paragraphs_fill_the_terminal_and_stay_whole_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    text = "a paragraph of more than twenty letters\nand --a-long-flag"
    assert filled(text, io.StringIO()) == text
    assert filled(text, Terminal()) == "a paragraph of more\nthan twenty letters\nand --a-long-flag"
