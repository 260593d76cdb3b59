"""Pictures decoded in processes of their own, which may be ended."""

from __future__ import annotations

import io
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from tests.conftest import make_image
from visop.errors import ImageDecodeError, ImageTooLarge, VisopError
from visop.images.decode import ImageLimits, decode_image
from visop.images.decode_process import _Ended, _Process, decode_in_process, prepare
from visop.images.decode_server import ANSWER
from visop.settings import Settings

LIMITS = ImageLimits.of(Settings())
PICTURE = make_image((10, 200, 30))


@pytest.fixture(scope="module")
def slow_picture() -> bytes:
    """Takes a few tenths of a second to decode, from a small file."""
    file = io.BytesIO()
    PILImage.new("RGB", (4000, 4000)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def noise(side: int) -> bytes:
    pixels = np.random.default_rng(side).integers(0, 256, (side, side + 3, 3), np.uint8)
    file = io.BytesIO()
    PILImage.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def children() -> set[int]:
    """The processes that the decoding program has forked: its children."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it ended meanwhile
                continue
            if b"visop.images.decode_server" in command and parent in _programs():
                found.add(int(entry.name))
    return found


def _programs() -> Iterator[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return (int(number) for task in tasks for number in task.read_text().split())


def crash(processes: Iterable[int]) -> None:
    for each in processes:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGSEGV)


def test_the_picture_is_that_of_the_decoder() -> None:
    for data, side in ((PICTURE, None), (noise(900), None), (noise(900), 200), (noise(3), None), (noise(2400), None)):
        expected, found = decode_image(data, LIMITS, side), decode_in_process(data, LIMITS, side)
        np.testing.assert_array_equal(found, expected)
        assert found.flags.c_contiguous
        assert found.flags.owndata
        assert not found.flags.writeable


@pytest.mark.parametrize(
    "data", [b"", b"no picture", noise(9)[:-20], b"II*\0" + bytes(20)], ids=["", "text", "cut", "tiff"]
)
def test_errors_are_those_of_the_decoder(data: bytes) -> None:
    with pytest.raises(VisopError) as expected:
        decode_image(data, LIMITS)
    with pytest.raises(VisopError) as found:
        decode_in_process(data, LIMITS)
    assert (type(found.value), str(found.value)) == (type(expected.value), str(expected.value))


def test_the_limits_are_those_of_the_call() -> None:
    with pytest.raises(ImageTooLarge, match="pixels"):
        decode_in_process(PICTURE, replace(LIMITS, max_pixels=10))
    assert decode_in_process(PICTURE, replace(LIMITS, max_bytes=len(PICTURE))).shape == (12, 16, 3)


def test_threads_decode_side_by_side_and_each_gets_its_own_picture() -> None:
    colours = [(number, 255 - number, 7) for number in range(200)]
    with ThreadPoolExecutor(4) as pool:
        images = list(pool.map(lambda colour: decode_in_process(make_image(colour), LIMITS), colours))
    assert [tuple(image[0, 0].tolist()) for image in images] == colours


def test_a_picture_that_takes_too_long_is_refused_and_the_next_one_is_not(slow_picture: bytes) -> None:
    with pytest.raises(ImageTooLarge, match=r"more than 0\.01 s to decode, which is the limit \(OP_DECODE_TIMEOUT_S\)"):
        decode_in_process(slow_picture, LIMITS, timeout_s=0.01)
    assert decode_in_process(PICTURE, LIMITS).shape == (12, 16, 3)
    assert decode_in_process(slow_picture, LIMITS).shape == (4000, 4000, 3)


@pytest.mark.parametrize("times", [1, 1000])
def test_a_process_that_is_killed_is_replaced_and_a_picture_that_kills_two_is_refused(
    times: int, slow_picture: bytes
) -> None:
    is_over = threading.Event()

    def kill() -> None:
        for _ in range(times):
            while not (there := children()) and not is_over.is_set():
                pass
            crash(there)
            if is_over.wait(0.05):
                return

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        if times == 1:
            assert decode_in_process(slow_picture, LIMITS).shape == (4000, 4000, 3)
        else:
            with pytest.raises(ImageDecodeError, match="image broke the decoder"):
                decode_in_process(slow_picture, LIMITS)
    finally:
        is_over.set()
        killer.join()
    assert decode_in_process(PICTURE, LIMITS).shape == (12, 16, 3)


def test_when_the_program_is_killed_it_is_started_again() -> None:
    decode_in_process(PICTURE, LIMITS)
    for each in (*_programs(), *children()):
        if b"decode_server" in Path(f"/proc/{each}/cmdline").read_bytes():
            os.kill(each, signal.SIGKILL)
    with ThreadPoolExecutor(4) as pool:
        assert {image.shape for image in pool.map(lambda _: decode_in_process(PICTURE, LIMITS), range(8))} == {
            (12, 16, 3)
        }


def test_that_the_system_gives_no_process_is_not_said_of_the_picture() -> None:
    code = """
import os, sys
from pathlib import Path
from visop.errors import Overloaded
from visop.images.decode import ImageLimits
from visop.images.decode_process import _PROCESSES, decode_in_process, prepare
from visop.settings import Settings
Path("sitecustomize.py").write_text("def fork(): raise BlockingIOError(11, 'no')\\nimport os\\nos.fork = fork")
os.environ["PYTHONPATH"] = os.getcwd()
prepare()
program = _PROCESSES._program
try:
    decode_in_process(sys.stdin.buffer.read(), ImageLimits.of(Settings()))
except Overloaded as error:
    print(error, _PROCESSES._program is program)
"""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=environment, input=PICTURE, capture_output=True, check=True
        )
    assert done.stdout.startswith(b"no process can be started to decode the image")
    assert done.stdout.endswith(b"True\n")  # the program that refused it goes on, with the processes that it has


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        ANSWER.pack(0, 0, 0),
        ANSWER.pack(2**63, 2**63, 0),
        ANSWER.pack(1000, 1000, 0),
        ANSWER.pack(0, 0, 2**62),
        ANSWER.pack(0, 0, 3) + b"{}}",
        ANSWER.pack(0, 0, 2) + b"[]",
        ANSWER.pack(0, 0, 8) + b'["A", 1]',
        ANSWER.pack(0, 0, 9) + b'[[], "a"]',
        ANSWER.pack(0, 0, 2) + b"\xff\xff",
    ],
    ids=["nothing", "none", "huge", "beyond", "endless", "text", "empty", "unknown", "list", "bytes"],
)
def test_what_a_process_that_was_taken_over_says_is_not_believed(answer: bytes) -> None:
    ours, theirs = socket.socketpair()
    process = _Process(ours, mmap.mmap(-1, 10_000))
    theirs.sendall(answer)
    theirs.shutdown(socket.SHUT_WR)
    with theirs, pytest.raises(_Ended):
        process.decode(PICTURE, LIMITS, None, 10.0)
    assert not process.is_open


def test_an_answer_that_drips_has_one_time_limit_as_a_whole() -> None:
    ours, theirs = socket.socketpair()
    process = _Process(ours, mmap.mmap(-1, 10_000))
    is_over = threading.Event()

    def drip() -> None:
        while not is_over.wait(0.02):
            theirs.send(b" ")

    with theirs, ThreadPoolExecutor(1) as pool:
        pool.submit(drip)
        try:
            with pytest.raises(TimeoutError):
                process._read(60_000, time.monotonic() + 0.1)
        finally:
            is_over.set()
    process.close()


def test_a_process_that_speaks_unasked_is_not_used_again() -> None:
    ours, theirs = socket.socketpair()
    process = _Process(ours, mmap.mmap(-1, 10_000))
    with theirs:
        assert process.is_alive()
        theirs.sendall(ANSWER.pack(1, 1, 0))
        assert not process.is_alive()
    process.close()


def test_modules_in_the_working_folder_are_not_taken_for_those_of_python() -> None:
    code = "import sys; from visop.images.decode_process import *; "
    code += "from visop.settings import Settings; "
    code += "decode_in_process(sys.stdin.buffer.read(), ImageLimits.of(Settings()))"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "json.py").write_text("raise SystemExit('not the one of Python')")
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        subprocess.run([sys.executable, "-P", "-c", code], cwd=folder, env=environment, input=PICTURE, check=True)


def test_memory_is_limited() -> None:
    """A process that has used what a picture may use is refused more, and says so of that picture."""
    code = """
from visop.images.decode import ImageLimits
from visop.images.decode_server import limit_memory
limit_memory(0, ImageLimits(max_bytes=1, max_pixels=1, max_frames=1, formats=("PNG",)))
try:
    bytearray(600 * 1024 * 1024)
except MemoryError:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_what_decoders_print_is_dropped() -> None:
    code = "import os; from visop.images.decode_server import silence; silence(); os.write(2, b'Not enough data')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stderr == b""


def test_a_forked_copy_of_this_process_has_processes_of_its_own() -> None:
    decode_in_process(PICTURE, LIMITS)
    copy = os.fork()
    if copy == 0:
        os._exit(0 if decode_in_process(PICTURE, LIMITS).shape == (12, 16, 3) else 1)
    assert os.waitpid(copy, 0)[1] == 0
    assert decode_in_process(PICTURE, LIMITS).shape == (12, 16, 3)


def test_ctrl_c_is_not_for_the_processes_and_they_end_with_the_server() -> None:
    code = (
        "import sys\nfrom visop.images.decode_process import *\nfrom visop.images.decode import *\n"
        "from visop.settings import Settings\nprepare()\n"
        "for line in sys.stdin:\n"
        "    print(decode_in_process(bytes.fromhex(line), ImageLimits.of(Settings())).shape, flush=True)\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(PICTURE.hex() + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "(12, 16, 3)\n"
        others = [each for each in _group(process.pid) if each != process.pid]
        assert len(others) == 2
        for each in others:
            os.kill(each, signal.SIGINT)
        process.stdin.write(PICTURE.hex() + "\n")
        process.stdin.close()
        assert process.stdout.readline() == "(12, 16, 3)\n"
    deadline = time.monotonic() + 5
    while _group(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _group(process.pid) == []


def _group(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, number = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(number) == session and state != "Z":
                found.append(int(entry.name))
    return found


def test_preparing_twice_starts_one_program() -> None:
    prepare()
    before = list(_programs())
    prepare()
    assert list(_programs()) == before
