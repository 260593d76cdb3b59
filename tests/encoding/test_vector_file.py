"""Above all: whatever moment a run is killed at, the next one ends with the same files."""

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from visop.contract import OperatorInfo, Vector
from visop.encoding.vector_file import Outputs, VectorFile
from visop.errors import FetchFailed, InvalidInput, UsageError, VisopError

OPERATOR = OperatorInfo("stub", "one", 3, "L2")
RESULTS: dict[str, Vector | VisopError] = {f"{number}.jpg": np.full(3, number, np.float32) for number in range(6)}
RESULTS["2.jpg"] = InvalidInput("not an image")
RESULTS["5.jpg"] = FetchFailed("404, sadly")


@pytest.fixture
def outputs(tmp_path):
    return outputs_in(tmp_path)


def outputs_in(folder):
    return Outputs(folder / "v.npy", folder / "v.errors.csv")


def run(outputs, operator=OPERATOR, stop_after=None, **options):
    """What ``encode`` does: everything that is not done, then the end."""
    with VectorFile(outputs, operator, **options) as file:
        left = [name for name in RESULTS if name not in file.done]
        for name in left[:stop_after]:
            file.add(name, RESULTS[name])
        if stop_after is None:
            file.finish()
    return len(left)


def table(path):
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.reader(file))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The files of a run that nobody interrupted."""
    folder = tmp_path_factory.mktemp("unbroken")
    run(outputs_in(folder))
    return contents(folder)


def test_rows_names_and_errors_line_up(outputs):
    run(outputs)
    vectors = np.load(outputs.vectors, mmap_mode="r")
    assert (vectors.dtype, vectors[:, 0].tolist()) == (np.float32, [0, 1, 3, 4])
    assert table(outputs.rows) == [
        ["row", "input"], ["0", "0.jpg"], ["1", "1.jpg"], ["2", "3.jpg"], ["3", "4.jpg"],
    ]  # fmt: skip
    assert table(outputs.errors) == [
        ["input", "code", "reason"],
        ["2.jpg", "INVALID_ARGUMENT", "not an image"],
        ["5.jpg", "FAILED_PRECONDITION", "404, sadly"],
    ]


def test_what_made_the_vectors_stands_beside_them(outputs):
    run(outputs)
    assert json.loads(outputs.about.read_text()) == {
        "operator": "stub", "fingerprint": "one", "dimension": 3, "metric_type": "L2", "vectors": 4, "errors": 2,
    }  # fmt: skip


def test_nothing_else_is_left(outputs):
    run(outputs)
    assert sorted(contents(outputs.vectors.parent)) == ["v.csv", "v.errors.csv", "v.json", "v.npy"]


def test_an_interrupted_run_goes_on_where_it_stopped(outputs, tmp_path, unbroken):
    assert run(outputs, stop_after=4) == 6
    assert run(outputs) == 2
    assert contents(tmp_path) == unbroken


def test_a_run_may_be_killed_before_any_step_on_the_disk(tmp_path, unbroken, monkeypatch):
    """What lies on the disk before each step is copied, and every copy is taken up again."""
    folder = tmp_path / "run"
    folder.mkdir()
    with monkeypatch.context() as patch:
        copies = copy_before(
            patch,
            folder,
            tmp_path,
            (os, "fsync"),
            (os, "replace"),
            (os, "unlink"),
            (np.lib.format, "write_array_header_1_0"),
        )
        run(outputs_in(folder), stop_after=3)
        run(outputs_in(folder))
    assert any({"v.npy", "v.npy.journal"} <= contents(copy).keys() for copy in copies)  # the very last moment, too
    for copy in copies:
        run(outputs_in(copy))
        assert contents(copy) == unbroken, copy


def copy_before(patch, folder, target, *steps):
    copies: list[Path] = []

    def spy(step):
        def copying(*args, **options):
            copies.append(shutil.copytree(folder, target / f"{len(copies)} {step.__name__}"))
            return step(*args, **options)

        return copying

    for owner, name in steps:
        patch.setattr(owner, name, spy(getattr(owner, name)))
    return copies


def test_files_may_end_anywhere(tmp_path, unbroken):
    """As after a power failure: the journal and the rows are cut off independently of each other."""
    whole = tmp_path / "whole"
    whole.mkdir()
    run(outputs_in(whole), stop_after=4)
    journal, rows = (whole / "v.npy.journal").read_bytes(), (whole / "v.npy.part").read_bytes()
    for number in range(0, len(journal) + 1, 7):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "v.npy.journal").write_bytes(journal[:number])
        (folder / "v.npy.part").write_bytes(rows[: len(rows) * (number % 5) // 4])
        run(outputs_in(folder))
        assert contents(folder) == unbroken, number


def test_a_finished_file_is_not_overwritten_by_accident(outputs, tmp_path):
    run(outputs)
    before = contents(tmp_path)
    with pytest.raises(UsageError, match="there already"):
        run(outputs)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("stop_after", [3, None], ids=["unfinished", "finished"])
def test_restart_begins_anew(outputs, tmp_path, unbroken, stop_after):
    run(outputs, replace(OPERATOR, fingerprint="two"), stop_after=stop_after)
    assert run(outputs, restart=True) == len(RESULTS)
    assert contents(tmp_path) == unbroken


@pytest.mark.parametrize("change", [{"fingerprint": "two"}, {"name": "other"}, {"dimension": 4}], ids=str)
def test_a_run_of_another_operator_is_not_taken_up(outputs, change):
    run(outputs, stop_after=3)
    with pytest.raises(UsageError, match=r"^restart: .*v.npy is of another operator.*; give this to begin anew"):
        run(outputs, replace(OPERATOR, **change))
    assert run(outputs, stop_after=0) == 3


def test_a_finished_file_is_refused_with_what_replaces_it(outputs):
    run(outputs)
    with pytest.raises(UsageError, match=r"^restart: .*v.npy is there already and complete; give this to encode it"):
        run(outputs)


@pytest.mark.parametrize("change", [{"fingerprint": "two"}, {"name": "other"}, {"dimension": 4}], ids=str)
def test_a_finished_file_of_another_operator_is_refused_for_that(outputs, change):
    run(outputs)
    with pytest.raises(UsageError, match=r"v.npy is of another operator.* There: operator stub, fingerprint one, dim"):
        run(outputs, replace(OPERATOR, **change))


def test_a_second_process_is_kept_out(outputs):
    with VectorFile(outputs, OPERATOR), pytest.raises(UsageError, match="another process"):
        VectorFile(outputs, OPERATOR, restart=True)


def test_a_vector_of_another_dimension_ends_the_run(outputs):
    with VectorFile(outputs, OPERATOR) as file, pytest.raises(VisopError, match=r"dimension 2, .* says 3"):
        file.add("a.jpg", np.zeros(2, np.float32))


def test_names_that_are_not_text_reach_the_tables(outputs):
    with VectorFile(outputs, OPERATOR) as file:
        file.add("caf\udce9, or\nso.jpg", np.ones(3, np.float32))
        file.finish()
    assert table(outputs.rows)[1] == ["0", "caf\udce9, or\nso.jpg"]


def test_no_vectors_at_all_make_an_empty_array(outputs):
    with VectorFile(outputs, OPERATOR) as file:
        file.finish()
    assert np.load(outputs.vectors).shape == (0, 3)


@pytest.mark.parametrize("dimension", [1, 512, 100_000])
def test_the_header_has_the_same_size_for_any_count(tmp_path, dimension):
    with (
        VectorFile(outputs_in(tmp_path), replace(OPERATOR, dimension=dimension)) as file,
        open(tmp_path / "x", "wb") as rows,
    ):
        for count in (0, 1, 10**6, 10**12):
            file._write_header(rows, count)  # raises if it has not


@pytest.mark.parametrize(
    ("vectors", "errors", "reason"),
    [
        ("v.csv", "e.csv", r"^vectors .*v.csv: must end in .npy"),
        ("no/v.npy", "e.csv", "no such folder"),
        ("v.npy", "no/e.csv", "no such folder"),
        ("v.npy", "v.csv", r"^errors .*v.csv: another file of this run has this name"),
    ],
)
def test_names_that_cannot_work_are_refused_before_the_work(tmp_path, vectors, errors, reason):
    with pytest.raises(UsageError, match=reason):
        Outputs(tmp_path / vectors, tmp_path / errors)


@pytest.mark.parametrize("name", ["v.csv", "v.json"])
@pytest.mark.parametrize("restart", [False, True])
def test_a_file_that_is_of_no_earlier_run_is_not_replaced(tmp_path, name, restart):
    (tmp_path / name).write_text("photos/1.jpg\n")
    with pytest.raises(UsageError, match=rf"{name} is there already and would be replaced; take another name"):
        run(outputs_in(tmp_path), restart=restart)
    assert contents(tmp_path) == {name: b"photos/1.jpg\n"}


@pytest.mark.parametrize("stop_after", [None, 3], ids=["finished", "unfinished"])
def test_errors_do_not_replace_what_is_no_list_of_errors(tmp_path, stop_after):
    run(outputs_in(tmp_path), stop_after=stop_after)
    (tmp_path / "keep.png").write_bytes(b"\x89PNG")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("keep.png", "folder", "pipe"):
        with pytest.raises(UsageError, match=f"{name}: is there already and no list of errors"):
            Outputs(tmp_path / "v.npy", tmp_path / name)


def test_errors_replace_those_of_an_earlier_run(tmp_path, unbroken):
    (tmp_path / "empty.csv").touch()
    run(outputs_in(tmp_path))
    (tmp_path / "v.npy").unlink()
    (tmp_path / "v.csv").unlink()
    (tmp_path / "v.json").unlink()
    run(outputs_in(tmp_path))
    assert contents(tmp_path) == {**unbroken, "empty.csv": b""}
    Outputs(tmp_path / "v.npy", tmp_path / "empty.csv")
