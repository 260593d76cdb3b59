"""kill -9 at any moment, and the next run goes on: nothing lost, nothing twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.search.conftest import contents, write_pictures
from tests.toys import ToyOperator
from visop.search.store import open_store

REPOSITORY = Path(__file__).parents[2]

_INDEX = """
import sys

from visop.cli.main import make_parser

given = make_parser().parse_args(sys.argv[1:])
print("begun", flush=True)
sys.exit(given.run(given))
"""


def start(tmp_path: Path, uri: str, index: str) -> subprocess.Popen[str]:
    command = ["index", tmp_path / "photos", "--uri", uri, "--index", index, "--class", "tests.search.test_kill:Slow"]
    environment = {**os.environ, "OP_CACHE_DIR": str(tmp_path / "cache")}
    errors = ["--errors", tmp_path / "errors.csv", "--quiet"]
    return subprocess.Popen(
        [sys.executable, "-c", _INDEX, *map(str, command + errors)],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(tmp_path: Path, uri: str, index: str) -> None:
    process = start(tmp_path, uri, index)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1, errors  # for the bad files
    assert "30 inputs failed" in errors


def there(uri: str, index: str) -> dict[str, tuple[tuple[str, ...], list[float]]]:
    with open_store(uri) as store:
        return contents(store.find(index))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_index_that_was_killed_ten_times_is_that_of_an_unbroken_run(tmp_path, uri):
    photos = write_pictures(tmp_path / "photos", 1500)
    for number in range(0, 1500, 10):
        photos[number].with_name(f"copy{number}.png").write_bytes(photos[number].read_bytes())
    for number in range(30):
        (tmp_path / "photos" / f"bad{number}.jpg").write_bytes(b"bad %d" % number)
    finish(tmp_path, uri, "whole")
    rng = random.Random(1)
    for _ in range(10):
        process = start(tmp_path, uri, "killed")
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        try:
            process.wait(rng.uniform(0.3, 4))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(tmp_path, uri, "killed")
    expected = there(uri, "whole")
    assert there(uri, "killed") == expected
    assert len(expected) == 1500


class Slow(ToyOperator):
    """Takes its time, so that a run can be killed in the middle."""

    max_batch = 4

    def infer(self, batch):
        time.sleep(0.02)
        return super().infer(batch)
