"""kill -9 at any moment, and the next run goes on: nothing lost, nothing twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
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


def start(tmp_path: Path, uri: str, index: str, *more: str) -> subprocess.Popen[str]:
    command = [
        "index",
        tmp_path / "photos",
        "--uri",
        uri,
        "--index",
        index,
        "--class",
        "tests.search.test_kill:Slow",
        *more,
    ]
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


def run_and_kill(process: subprocess.Popen[str], after_s: float) -> None:
    """Let a run work for so long once it has begun, then kill it, unless it has ended."""
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate()


def finish(tmp_path: Path, uri: str, index: str, *more: str) -> None:
    process = start(tmp_path, uri, index, *more)
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
        run_and_kill(start(tmp_path, uri, "killed"), after_s=rng.uniform(0.3, 4))
    finish(tmp_path, uri, "killed")
    expected = there(uri, "whole")
    assert there(uri, "killed") == expected
    assert len(expected) == 1500


def parts_there(uri: str, index: str) -> dict[str, tuple[tuple[str, ...], list[list[float]]]]:
    with open_store(uri) as store:
        collection = store.find(index)
        rows = [row for page in collection.all_rows() for row in page]
        assert collection.vectors() == sum(1 + len(row.parts) for row in rows)
        assert collection.count() == len(rows)
    return {
        row.picture.id: (row.picture.names, [np.round(np.asarray(part.vector), 6).tolist() for part in row.parts])
        for row in rows
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_index_in_parts_that_was_killed_is_that_of_an_unbroken_run(tmp_path, uri):
    write_pictures(tmp_path / "photos", 400)
    for number in range(30):
        (tmp_path / "photos" / f"bad{number}.jpg").write_bytes(b"bad %d" % number)
    finish(tmp_path, uri, "whole", "--parts", "regions:5")
    rng = random.Random(2)
    for _ in range(6):
        run_and_kill(start(tmp_path, uri, "killed", "--parts", "regions:5"), after_s=rng.uniform(1, 5))
    finish(tmp_path, uri, "killed", "--parts", "regions:5")
    expected = parts_there(uri, "whole")
    assert parts_there(uri, "killed") == expected
    assert len(expected) == 400
    assert all(len(parts) == 4 for _, parts in expected.values())


class Slow(ToyOperator):
    """Takes its time, so that a run can be killed in the middle."""

    max_batch = 4

    def infer(self, batch):
        time.sleep(0.02)
        return super().infer(batch)
