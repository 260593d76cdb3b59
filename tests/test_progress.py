import io

import pytest

from visop.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_now_and_then() -> None:
    log = io.StringIO()
    with progress_bar(3, file=log, line_every_s=0) as bar:
        for _ in range(3):
            bar.update()
    lines = log.getvalue().splitlines()
    assert lines[0].startswith("0/3 pictures, ")
    assert lines[-1].startswith("3/3 pictures, ")
    assert "\r" not in log.getvalue()


@pytest.mark.parametrize("quiet", [False, True])
def test_work_that_is_done_soon_writes_nothing_into_a_log(quiet: bool) -> None:
    log = io.StringIO()
    with progress_bar(3, file=log, quiet=quiet) as bar:
        bar.update(3)
    assert log.getvalue() == ""


def test_a_terminal_gets_a_bar() -> None:
    terminal = Terminal()
    with progress_bar(3, file=terminal) as bar:
        bar.update(3)
    assert "100%" in terminal.getvalue()
    assert "\r" in terminal.getvalue()


def test_a_terminal_gets_none_where_quiet_is_wanted() -> None:
    terminal = Terminal()
    with progress_bar(None, file=terminal, quiet=True) as bar:
        bar.update(3)
    assert terminal.getvalue() == ""
