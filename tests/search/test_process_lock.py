import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from visop.search.process_lock import ProcessLock

_HOLD = """
import sys, time
from pathlib import Path
from visop.search.process_lock import ProcessLock

with ProcessLock(Path(sys.argv[1])) as lock:
    lock.note_change()
    print("in", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.lock"


def test_one_thread_at_a_time_is_in_it_and_may_enter_again(path):
    for lock in (ProcessLock(path), ProcessLock()):
        entered = threading.Event()

        def enter(lock=lock, entered=entered):
            with lock:
                entered.set()

        with closing(lock), lock:
            with lock:
                other = threading.Thread(target=enter)
                other.start()
            assert not entered.wait(0.05)
        other.join()
        assert entered.is_set()


def test_the_death_of_a_process_lets_go_of_it_and_a_long_wait_is_explained(path, caplog):
    command = [sys.executable, "-c", _HOLD, str(path)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    entered = threading.Event()

    def enter():
        with closing(ProcessLock(path, patience_s=0.01)) as lock, lock:
            entered.set()

    waiting = threading.Thread(target=enter)
    waiting.start()
    assert not entered.wait(0.05)
    process.kill()
    process.wait()
    process.stdout.close()
    assert entered.wait(10)
    waiting.join()
    assert f"{path}: waiting for another process" in caplog.text


def test_all_are_told_of_a_change(path):
    with closing(ProcessLock(path)) as lock, closing(ProcessLock(path)) as other:
        assert other.changes() == 0
        for number in range(1, 12):
            lock.note_change()
            assert other.changes() == lock.changes() == number
    with closing(ProcessLock(path)) as lock:
        assert lock.changes() == 11


def test_without_a_file_there_is_nobody_to_tell():
    with closing(ProcessLock()) as lock:
        lock.note_change()
        assert lock.changes() == 0


def test_a_file_that_cannot_be_opened_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match=os.strerror(2)):
        ProcessLock(tmp_path / "none" / "a.lock")
