from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from visop.errors import SettingsError, UsageError
from visop.models.engines.compiled import compiled_model


class Builder:
    """Writes a model of two files, and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "model.xml").write_text("graph")
        (folder / "model.bin").write_bytes(b"weights")


def content(folder: Path) -> tuple[str, bytes]:
    return (folder / "model.xml").read_text(), (folder / "model.bin").read_bytes()


def test_a_model_is_built_once(tmp_path: Path) -> None:
    build = Builder()
    for _ in range(3):
        with compiled_model(tmp_path / "new/cache", "vgg", build) as folder:
            assert content(folder) == ("graph", b"weights")
    assert build.calls == 1


def test_each_key_has_a_model_of_its_own(tmp_path: Path) -> None:
    build = Builder()
    for key in ("vgg-a", "vgg-b"):
        with compiled_model(tmp_path, key, build) as folder:
            assert folder.name.startswith(f"{key}-")
    assert build.calls == 2


def flip_a_bit(entry: Path) -> None:
    (entry / "model.bin").write_bytes(b"wEights")


def cut_short(entry: Path) -> None:
    (entry / "model.bin").write_bytes(b"weigh")


def lose_a_file(entry: Path) -> None:
    (entry / "model.xml").unlink()


def lose_the_manifest(entry: Path) -> None:
    (entry / "manifest.json").unlink()


def cut_the_manifest(entry: Path) -> None:
    (entry / "manifest.json").write_text('{"model.xml": "')


def forge_the_manifest(entry: Path) -> None:
    (entry / "manifest.json").write_text("[]")


@pytest.mark.parametrize(
    "damage", [flip_a_bit, cut_short, lose_a_file, lose_the_manifest, cut_the_manifest, forge_the_manifest]
)
def test_a_damaged_model_is_built_again(
    damage: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build = Builder()
    with compiled_model(tmp_path, "vgg", build) as entry:
        damage(entry)
    with compiled_model(tmp_path, "vgg", build) as folder:
        assert content(folder) == ("graph", b"weights")
    assert build.calls == 2
    assert len(list(tmp_path.iterdir())) == 1
    assert "is damaged and is built again" in caplog.text


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "model.xml").write_text("half")
        raise SettingsError("cache_dir", folder, "disk full")

    with pytest.raises(UsageError, match="disk full"), compiled_model(tmp_path, "vgg", fail):
        pass
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_a_model_is_built_for_this_start_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with compiled_model(tmp_path / "file", "vgg", Builder()) as folder:
        assert content(folder) == ("graph", b"weights")
    assert not folder.exists()
    assert f"cannot be kept in {tmp_path / 'file'}" in caplog.text


def test_servers_that_start_at_once_all_get_a_whole_model_and_keep_one(tmp_path: Path) -> None:
    servers = 4
    all_building = threading.Barrier(servers)

    def start(_: int) -> tuple[str, bytes]:
        def build(folder: Path) -> None:
            all_building.wait(10)
            Builder()(folder)

        with compiled_model(tmp_path, "vgg", build) as folder:
            return content(folder)

    with ThreadPoolExecutor(servers) as pool:
        assert list(pool.map(start, range(servers))) == [("graph", b"weights")] * servers
    assert all(entry.name.startswith("vgg-") for entry in tmp_path.iterdir())


def test_what_a_killed_build_left_is_swept_and_what_is_being_built_is_not(tmp_path: Path) -> None:
    for name, age_s in (("killed", 7200), ("building", 60)):
        (tmp_path / f".unfinished-{name}").mkdir()
        os.utime(tmp_path / f".unfinished-{name}", (time.time() - age_s,) * 2)
    with compiled_model(tmp_path, "vgg", Builder()):
        pass
    assert [path.name for path in tmp_path.glob(".unfinished-*")] == [".unfinished-building"]


def test_another_user_of_the_machine_can_read_the_model(tmp_path: Path) -> None:
    with compiled_model(tmp_path, "vgg", Builder()) as entry:
        assert entry.stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
