from __future__ import annotations

import json
import logging

import pytest

from visop.serving.logs import configure_logging, log_event


@pytest.fixture(autouse=True)
def _restore_logging() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_a_text_line_holds_the_values_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "text")
    log_event(logging.getLogger("visop.request"), logging.INFO, "call", {"id": "abc", "error": 'two "words"'})
    line = capsys.readouterr().err
    assert line.endswith('INFO visop.request: call id=abc error="two \\"words\\""\n')


def test_a_line_cannot_be_forged_by_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "text")
    log_event(logging.getLogger("x"), logging.INFO, "call", {"error": "a\n2026-01-01 ERROR forged"})
    assert capsys.readouterr().err.count("\n") == 1


def test_a_json_line_is_json_with_a_traceback_where_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "it failed"
    assert line["level"] == "ERROR"
    assert "ValueError: broken" in line["traceback"]


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning", "text")
    log_event(logging.getLogger("x"), logging.INFO, "call", {})
    assert capsys.readouterr().err == ""
