"""Several processes use one file at once: commands beside commands and beside ``visop run``, some of them killed."""

import base64
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.search.conftest import SERVER, contents, write_pictures
from visop.search.limits import BatchLimits
from visop.search.store import open_store

REPOSITORY = Path(__file__).parents[2]

# Takes its time, so that commands meet.
SLOW = "tests.search.test_kill:Slow"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(SERVER), reason="a server is for many processes"),
]


@pytest.fixture
def visop(tmp_path, uri):
    """Start a command with a toy operator and the index of this test; it is killed at the end if need be."""
    with ExitStack() as stack:

        def begin(*words, encoder="tests.toys:ToyOperator"):
            command = [sys.executable, "-m", "visop", *map(str, words), "--uri", uri, "--index", "test"]
            process = subprocess.Popen(
                [*command, *(["--class", encoder] if encoder else [])],
                cwd=REPOSITORY,
                env={**os.environ, "OP_CACHE_DIR": str(tmp_path / "cache")},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        yield begin


def done(process, status=0):
    """What a command printed, which ended by itself."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    return out


def there(uri):
    with open_store(uri) as store:
        return {names for names, _ in contents(store.find("test")).values()}


@pytest.fixture
def page(visop):
    """The address of a ``visop run`` that has the index open."""
    process = visop("run", "--http-endpoint", "127.0.0.1:0", "--bind", "127.0.0.1", "--endpoint", "127.0.0.1:0")
    for line in process.stderr:
        if found := re.search(r"http=(\S+)", line):
            return f"http://{found[1]}"
    raise AssertionError("it did not start")


def status(page):
    with urllib.request.urlopen(f"{page}/v1/index/status", timeout=20) as answer:
        return json.load(answer)


def test_all_commands_work_while_visop_run_has_the_index_open(visop, page, folder, tmp_path):
    assert done(visop("index", folder)).endswith("index test: 10 new, 0 known already\n")
    assert status(page)["count"] == 10
    assert str(folder / "3.png") in done(visop("search", folder / "3.png", "--k", 1))
    shutil.copy(folder / "3.png", copy := folder / "copy.png")
    done(visop("index", folder))
    assert str(copy) in done(visop("duplicates", "--threshold", "0.9999"))
    done(visop("remove", folder / "1.png", "--yes", encoder=None))
    assert status(page)["count"] == 9
    done(visop("reindex", encoder="tests.search.test_reindex:Other"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        search(page, folder / "3.png")
    assert "made anew; if the server was started for it, start it again" in caught.value.read().decode()


def test_two_commands_that_index_at_once_lose_nothing_when_the_first_ends(visop, tmp_path, uri):
    write_pictures(tmp_path / "few", 20)
    write_pictures(tmp_path / "many", 300)  # 20 of them have the content of those
    first = visop("index", tmp_path / "few", encoder=SLOW)
    second = visop("index", tmp_path / "many", encoder=SLOW)
    done(first)
    done(second)
    found = there(uri)
    assert len(found) == 300
    assert {name for names in found for name in names} == names_in(tmp_path / "few") | names_in(tmp_path / "many")


def test_those_who_use_a_file_go_on_when_the_process_that_had_it_open_is_killed(visop, tmp_path, uri, open_index):
    """It is killed while both write, at another moment each time; what it had confirmed is there."""
    for number in range(4):
        write_pictures(tmp_path / f"killed{number}", 300, first=1000 * number)
        write_pictures(tmp_path / f"other{number}", 200, first=1000 * number + 200)
        killed = visop("index", tmp_path / f"killed{number}", encoder=SLOW)
        while not list(Path(uri).glob("*.sqlite")):
            assert killed.poll() is None
        with open_index(limits=BatchLimits(look_up=8, write=4)) as index:
            done = itertools.count()
            killing = 30 * number

            def kill_in_between(done=done, killing=killing, killed=killed):
                if next(done) == killing:
                    killed.kill()

            assert index.add([tmp_path / f"other{number}"], on_done=kill_in_between).failed == 0
            assert killed.wait() == -signal.SIGKILL
            assert len(index.search(tmp_path / f"other{number}" / f"{1000 * number + 399}.png", 5)) == 5
        ids = [names for names in there(uri) if str(tmp_path / f"other{number}") in names[-1]]
        assert len(ids) == 200
    for number in range(4):
        with open_index() as index:
            index.add([tmp_path / f"killed{number}"])
    assert len(there(uri)) == 4 * 400
    assert {name for names in there(uri) for name in names} == {
        name for number in range(4) for kind in ("killed", "other") for name in names_in(tmp_path / f"{kind}{number}")
    }


def names_in(folder):
    return {str(path) for path in folder.iterdir()}


def search(page, path):
    request = urllib.request.Request(
        f"{page}/v1/search",
        json.dumps({"data": base64.b64encode(path.read_bytes()).decode()}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)
