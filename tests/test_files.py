from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import note
from visop.files import file_sha256, move_folder, whole_file, write_whole


def test_a_file_is_written_with_the_mode_that_new_files_have(tmp_path: Path) -> None:
    write_whole(tmp_path / "new", b"content")
    (tmp_path / "usual").touch()
    assert (tmp_path / "new").read_bytes() == b"content"
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "private"
    path.touch(mode=0o600)
    write_whole(path, b"content")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"content", 0o600)


def half(content: bytes) -> Iterator[bytes]:
    yield content[: len(content) // 2]
    raise ZeroDivisionError


def test_nothing_is_there_before_the_end_and_nothing_changes_if_the_block_raises(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with whole_file(path) as file:
        file.write(b"old")
        file.flush()
        assert not path.exists()
    with pytest.raises(ZeroDivisionError), whole_file(path) as file:
        file.writelines(half(b"new"))
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"file": b"old"}


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_step_that_fails_leaves_the_old_file_alone_and_names_it(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole(tmp_path / "file", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(OSError, match="No space left on device") as raised:
            write_whole(tmp_path / "file", b"new")
    assert raised.value.filename == str(tmp_path / "file")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"file": b"old"}


def test_a_folder_that_is_not_there_is_an_error_of_the_file_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        write_whole(tmp_path / "no" / "file", b"")
    assert raised.value.filename == str(tmp_path / "no" / "file")


def test_content_is_safe_before_its_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: note(steps, _kind(number)) and fsync(number))
    monkeypatch.setattr(os, "replace", lambda old, new: note(steps, "rename") and replace(old, new))
    write_whole(tmp_path / "file", b"content")
    assert steps == ["7 bytes", "rename", "folder"]


def _kind(descriptor: int) -> str:
    name = os.readlink(f"/proc/self/fd/{descriptor}")
    return "folder" if os.path.isdir(name) else f"{os.stat(name).st_size} bytes"


_WRITER = """
import sys
from pathlib import Path
from visop.files import write_whole

for number in range(10_000):
    write_whole(Path(sys.argv[1]), bytes([97 + number % 2]) * 3_000_000)
    print(number, flush=True)
"""


def test_a_process_that_is_killed_leaves_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for writes in range(1, 4):
        with subprocess.Popen([sys.executable, "-c", _WRITER, path], stdout=subprocess.PIPE) as process:
            for _ in range(writes):
                assert process.stdout
                process.stdout.readline()
            process.kill()
        assert path.read_bytes() in (b"a" * 3_000_000, b"b" * 3_000_000)


def test_threads_that_write_one_file_leave_the_content_of_one_of_them(tmp_path: Path) -> None:
    contents = [bytes([number]) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=write_whole, args=(tmp_path / "file", each)) for each in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() in contents


def test_a_folder_gets_its_name_when_its_files_are_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = tmp_path / ".unfinished"
    new.mkdir()
    (new / "one").write_bytes(b"1")
    (new / "two").write_bytes(b"22")
    steps: list[str] = []
    fsync, rename = os.fsync, os.rename
    monkeypatch.setattr(os, "fsync", lambda number: note(steps, _kind(number)) and fsync(number))
    monkeypatch.setattr(os, "rename", lambda old, to: note(steps, "rename") and rename(old, to))
    assert move_folder(new, tmp_path / "done") == tmp_path / "done"
    assert sorted(steps[:2]) == ["1 bytes", "2 bytes"]
    assert steps[2:] == ["folder", "rename", "folder"]
    assert {each.name for each in (tmp_path / "done").iterdir()} == {"one", "two"}


def test_the_digest_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert file_sha256(tmp_path / "file") == hashlib.sha256(b"content").hexdigest()
