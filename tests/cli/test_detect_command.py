"""``visop detect``, in this process and with a real server."""

from __future__ import annotations

import csv
import io
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.client.test_detect import OriginalProcessor
from tests.conftest import Running, make_image, make_scene
from tests.stub_operator import serving
from tests.toys import ToyOperator, ToyProcessor
from visop.cli.main import main
from visop.serving.part_encoder import PartEncoder

ROOT = Path(__file__).parents[2]
RED, BLUE, GREEN = (200, 0, 0), (0, 0, 250), (0, 120, 0)
HERE = ("--class", "tests.toys:ToyProcessor")


def run(*arguments: object) -> int:
    return main(["detect", *map(str, arguments)])


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """One with two parts, a damaged one, one of 1 x 1, one that is turned, and one below with nothing on it."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    scene = make_scene({RED: (10, 5, 20, 10), BLUE: (40, 20, 5, 8)})
    (folder / "a.png").write_bytes(scene)
    (folder / "b.jpg").write_bytes(b"\xff\xd8\xff\xe0 damaged")
    (folder / "c.png").write_bytes(make_image(size=(1, 1)))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    Image.open(io.BytesIO(scene)).save(folder / "d.png", exif=exif)
    (folder / "more" / "a.png").write_bytes(make_scene({}))
    return folder


@pytest.fixture
def endpoint(start_server: Callable[..., Running]) -> str:
    return start_server(ToyProcessor()).address


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_has_a_line_for_every_part_and_for_what_has_none(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(pictures, *HERE) == 1
    output = capsys.readouterr()
    told = [line.removeprefix(str(pictures) + "/").split()[:3] for line in output.out.splitlines()]
    assert told == [
        ["picture", "label", "score"],
        ["a.png", "200-0-0", "0.065"],
        ["a.png", "0-0-250", "0.013"],
        ["b.jpg", "failed:", "image"],
        ["c.png", "nothing", "found"],
        ["d.png", "200-0-0", "0.065"],
        ["d.png", "0-0-250", "0.013"],
        ["more/a.png", "nothing", "found"],
    ]
    assert output.err.startswith("visop: 4 found in 4 pictures\nvisop: 1 of 5 inputs failed\n  1 x image is a damaged")


def test_a_running_processor_fills_json_lines_and_the_list_of_errors(
    endpoint: str, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.jsonl"
    assert run(pictures, "-e", endpoint, "--out", out) == 1
    first, one, turned, nothing = lines(out)
    assert first["input"] == f"{pictures}/a.png"
    assert first["parts"][0] == {
        "box": {"x": 10, "y": 5, "w": 20, "h": 10},
        "label": "200-0-0",
        "score": pytest.approx(200 / 3072, abs=1e-6),
        "keypoints": [{"x": 19.5, "y": 9.5}],
    }
    assert turned["parts"][0]["box"] == {"x": 33, "y": 10, "w": 10, "h": 20}  # in upright pixels
    assert (one["parts"], nothing["parts"]) == ([], [])
    assert [row["input"] for row in rows(tmp_path / "found.errors.csv")] == [f"{pictures}/b.jpg"]
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "found.jsonl.journal").exists()


def test_csv_has_a_row_for_each_part(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "found.csv"
    assert run(pictures / "a.png", pictures / "c.png", *HERE, "--out", out, "--quiet") == 0
    first, second = rows(out)
    assert first == {
        "input": f"{pictures}/a.png", "label": "200-0-0", "score": first["score"], "x": "10.0", "y": "5.0", "w": "20.0",
        "h": "10.0", "keypoints": "[[19.5, 9.5]]", "crop": "",
    }  # fmt: skip
    assert second["label"] == "0-0-250"
    assert run(pictures / "a.png", *HERE, "--format", "csv") == 0
    assert capsys.readouterr().out == out.read_text()


def test_no_cell_is_a_formula_and_a_list_is_read_back(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(pictures)
    (pictures / "a.png").rename("=a.png")
    (pictures / "b.jpg").rename("-b.jpg")
    assert run("=a.png", "./-b.jpg", *HERE, "--out", "found.csv", "--quiet") == 1
    assert {row["input"] for row in rows(Path("found.csv"))} == {"./=a.png"}
    assert run("found.csv", *HERE, "--format", "jsonl", "--min-score", "0.05", "--quiet") == 0
    assert {json.loads(line)["input"] for line in capsys.readouterr().out.splitlines()} == {"./=a.png"}


def test_two_lists_of_results_have_two_lists_of_errors(pictures: Path, tmp_path: Path, capsys: Any) -> None:
    words = [pictures / "b.jpg", pictures / "c.png", *HERE]
    assert run(*words, "--out", tmp_path / "found.jsonl") == run(*words, "--out", tmp_path / "found.csv") == 1
    assert len(list(tmp_path.glob("found*.errors.csv"))) == 2
    capsys.readouterr()
    errors = ["--errors", tmp_path / "found.csv.errors.csv"]
    assert run(*words, "--out", tmp_path / "other.jsonl", *errors) == 2
    assert "is there already, with the errors of another run; take another name" in capsys.readouterr().err
    assert run(*words, "--out", tmp_path / "found.csv", "--restart", *errors) == 1
    assert run(*words, "--out", tmp_path / "found.csv") == 2
    assert "--restart: is needed to begin anew: " in capsys.readouterr().err


def test_a_run_that_goes_on_shows_what_was_found_before(pictures: Path, tmp_path: Path, capsys: Any) -> None:
    facts: dict[str, Any] = {
        "operator": "colours",
        "fingerprint": "",
        "least score": None,
        "labels": [],
        "annotated": str(tmp_path),
    }
    entry = {"input": str(pictures / "a.png"), "parts": []}
    journal = [json.dumps(each) + "\n" for each in (facts | {"crops": ""}, entry)]
    (tmp_path / "found.jsonl.journal").write_text("".join(journal))
    assert run(pictures / "a.png", pictures / "c.png", *HERE, "--annotated", tmp_path) == 0
    output = capsys.readouterr()
    assert [line.split("pictures/")[-1].split()[0] for line in output.out.splitlines()[1:]] == ["a.png", "c.png"]


def test_where_all_failed_nothing_is_said_of_what_was_found(pictures: Path, capsys: Any) -> None:
    assert run(pictures / "b.jpg", *HERE) == 1
    assert capsys.readouterr().err.startswith("visop: 1 of 1 inputs failed")


def test_only_what_is_wanted_is_told(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = pictures / "a.png"
    assert run(picture, *HERE, "--min-score", "0.05", "--format", "jsonl") == 0
    assert run(picture, *HERE, "--label", "0-0-250", "--format", "jsonl") == 0
    found = [json.loads(line)["parts"] for line in capsys.readouterr().out.splitlines()]
    assert [[part["label"] for part in parts] for parts in found] == [["200-0-0"], ["0-0-250"]]
    assert run(picture, "--model", "regions:5", "--label", "dog") == 2
    assert "--label dog: is never found; must be one of whole, window" in capsys.readouterr().err


def test_annotated_copies_and_crops_are_beside_each_other_and_pictures_stay(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in pictures.rglob("*.*")}
    seen, crops = tmp_path / "seen", tmp_path / "crops"
    assert run(pictures, *HERE, "--annotated", seen, "--crops", crops) == 1
    assert {path: path.read_bytes() for path in pictures.rglob("*.*")} == before
    copies = {str(path.relative_to(seen)) for path in seen.rglob("*.jpg")}
    assert copies == {"a.png.jpg", "c.png.jpg", "d.png.jpg", "more/a.png.jpg"}
    with Image.open(seen / "d.png.jpg") as turned:
        assert turned.size == (48, 64)
        assert np.ptp(np.asarray(turned)[30:], axis=(0, 1)).max() > 20  # drawn on below what was there
    entry = next(each for each in lines(seen / "found.jsonl") if each["input"].endswith("/d.png"))
    assert entry["annotated"] == f"{seen}/d.png.jpg"
    with Image.open(entry["parts"][0]["crop"]) as crop:
        assert (crop.size, crop.format) == ((10, 20), "JPEG")
    assert sorted(path.name for path in (crops / "a.png.jpg").iterdir()) == ["1-200-0-0.jpg", "2-0-0-250.jpg"]
    assert "picture " in capsys.readouterr().out


def test_what_a_running_processor_finds_is_cut_out_with_a_margin(endpoint: str, pictures: Path, tmp_path: Path) -> None:
    assert run(pictures / "a.png", "-e", endpoint, "--crops", tmp_path / "crops", "--crop-margin", "0.5") == 0
    with Image.open(tmp_path / "crops" / "a.png.jpg" / "1-200-0-0.jpg") as crop:
        assert crop.size == (40, 20)


def test_copies_replace_nothing(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "seen").mkdir()
    foreign = tmp_path / "seen" / "a.png.jpg"
    foreign.write_text("somebody's")
    assert run(pictures, *HERE, "--annotated", tmp_path / "seen") == 2
    assert f"--annotated {tmp_path}/seen: {foreign} is there already" in capsys.readouterr().err
    assert foreign.read_text() == "somebody's"
    for folder in (pictures, tmp_path):
        assert run(pictures, *HERE, "--annotated", folder, "--restart") == 2
        assert "which is looked through, is this folder or in it" in capsys.readouterr().err
    assert run(pictures / "b.jpg", *HERE, "--annotated", pictures, "--restart") == 2
    assert "would replace the picture" in capsys.readouterr().err


def test_copies_below_the_pictures_are_no_pictures_of_the_next_run(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "b.jpg").unlink()
    assert run(pictures, *HERE, "--annotated", pictures / "seen") == 0
    first = (pictures / "seen" / "found.jsonl").read_text()
    assert run(pictures, *HERE, "--annotated", pictures / "seen") == 2
    assert "is there already and complete" in capsys.readouterr().err
    assert run(pictures, *HERE, "--annotated", pictures / "seen", "--restart") == 0
    assert (pictures / "seen" / "found.jsonl").read_text() == first


def test_a_picture_from_the_web_is_fetched_once_for_its_copy(
    picture_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OP_FETCH_ALLOW", "127.0.0.1")
    assert run(f"{picture_server}/9-8-7.png", f"{picture_server}/no", *HERE, "--annotated", tmp_path / "seen") == 1
    [entry] = lines(tmp_path / "seen" / "found.jsonl")
    assert entry["annotated"] == f"{tmp_path}/seen/9-8-7.png.jpg"
    assert Path(entry["annotated"]).is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "found.txt"], "--out found.txt: must end in .jsonl or .csv"),
        (["--out", "no/such/found.csv"], "--out no/such/found.csv: there is no such folder"),
        (["--model", "faces:3"], "faces takes no number"),
        (["--model", "ssd"], "--model ssd: must be one of embedded, "),
        (["--model", "vgg19"], "--model: the encoder vgg19 finds nothing in pictures; choose a processor: "),
        (["--model", "regions:7"], "--model regions:7: must be one of regions:5, regions:10"),
        (["--model", "faces:none.onnx"], "--model faces:none.onnx: there is no such file"),
        (["--min-score", "5"], "must be a number from 0 to 1"),
        (["--min-score", "nan"], "must be a number"),
        (["-e", "127.0.0.1:9", "--model", "faces"], "--model: has no effect on the running operator"),
        (["--class", "tests.toys:ToyOperator"], "finds nothing in pictures; choose a processor: faces,"),
    ],
    ids=["suffix", "folder", "number", "model", "encoder model", "count", "file", "5", "NaN", "both", "encoder"],
)
def test_wrong_usage_is_exit_status_2(
    pictures: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures)
    try:
        status = run("a.png", *words)
    except SystemExit as error:
        status = int(error.code or 0)
    assert status == 2
    assert told in capsys.readouterr().err


def test_a_list_of_pictures_is_no_list_of_results_that_may_be_replaced(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listing = tmp_path / "list.csv"
    listing.write_text(f"path\n{pictures}/a.png\n")
    assert run(listing, *HERE, "--out", listing, "--restart") == 2
    assert "no list of what was found" in capsys.readouterr().err
    assert listing.read_text().startswith("path\n")


def test_an_encoder_that_runs_finds_nothing(running_server: Running, pictures: Path, capsys: Any) -> None:
    assert run(pictures, "-e", running_server.address) == 2
    assert "is an encoder of whole pictures" in capsys.readouterr().err


def test_an_original_processor_answers_crops_alone(pictures: Path, tmp_path: Path, capsys: Any) -> None:
    with serving(OriginalProcessor()) as port:
        words = [pictures / "a.png", pictures / "b.jpg", "-e", f"127.0.0.1:{port}", "--min-score", "0.5"]
        assert run(*words, "--crops", tmp_path / "crops") == 1
    [entry] = lines(tmp_path / "crops" / "found.jsonl")
    assert [(part["box"], Path(part["crop"]).name) for part in entry["parts"]] == [(None, "1.jpg"), (None, "2.jpg")]
    assert capsys.readouterr().out.count("(a crop, and no box)") == 2


def test_a_pipeline_that_runs_tells_its_parts(
    start_server: Callable[..., Running], pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = start_server(PartEncoder(ToyProcessor(), ToyOperator()))
    assert run(pictures / "a.png", "-e", server.address, "--format", "jsonl") == 0
    output = capsys.readouterr()
    assert [part["label"] for part in json.loads(output.out)["parts"]] == ["200-0-0", "0-0-250"]
    assert output.err == "visop: 2 found in 1 picture\n"


class OneByOne(ToyProcessor):
    """Waits for leave after so many batches."""

    max_batch = 1

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def infer(self, batch: Any) -> Any:
        if len(self.batches) >= self._after:
            self.gate.clear()
        return super().infer(batch)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_a_run_that_is_stopped_goes_on_and_nothing_is_lost_or_twice(
    start_server: Callable[..., Running], tmp_path: Path, number: signal.Signals, capsys: Any
) -> None:
    folder, seen = tmp_path / "pictures", tmp_path / "seen"
    folder.mkdir()
    for each in range(12):
        data = make_scene({(each + 1, 0, 200): (each, 2, 5, 6)}) if each != 5 else b"\xff\xd8\xff damaged"
        (folder / f"{each:02}.png").write_bytes(data)
    server = start_server(OneByOne(after=7))
    words = [folder, "-e", server.address, "--annotated", seen, "--batch", 2]
    command = [sys.executable, "-m", "visop", "detect", *map(str, words)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(8):
        assert server.operator.entered.acquire(timeout=60)
    while True:
        process.send_signal(number)
        try:
            error = process.communicate(timeout=4)[1]
            break
        except subprocess.TimeoutExpired:
            continue
    assert process.returncode == (-9 if number is signal.SIGKILL else 130), error
    assert ("the same command goes on" in error) is (number == signal.SIGINT)
    server.operator._after = 99
    server.operator.gate.set()
    assert not (seen / "found.jsonl").exists()
    done = len(lines(seen / "found.jsonl.journal")) - 1
    assert 0 < done < 12
    assert run(*words) == 1
    assert [each["input"] for each in lines(seen / "found.jsonl")] == [
        str(folder / f"{each:02}.png") for each in range(12) if each != 5
    ]
    assert [len(each["parts"]) for each in lines(seen / "found.jsonl")] == [1] * 11
    whole = [each for each in seen.iterdir() if each.suffix != ".part"]  # which a killed run may leave
    assert len(whole) == 11 + 2
    assert [row["input"] for row in rows(seen / "found.errors.csv")] == [f"{folder}/05.png"]


def test_a_run_that_was_begun_otherwise_does_not_go_on(
    endpoint: str, pictures: Path, tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "found.jsonl"
    journal = tmp_path / "found.jsonl.journal"
    facts = {"operator": "colours", "fingerprint": "", "least score": 0.5, "labels": [], "annotated": "", "crops": ""}
    journal.write_text(json.dumps(facts) + "\n")
    assert run(pictures, "-e", endpoint, "--out", out) == 2
    assert "There: least score 0.5. Now: least score none" in capsys.readouterr().err
    assert run(pictures, "-e", endpoint, "--out", out, "--restart") == 1


def test_several_operators_share_the_work_and_one_that_fails_is_left_out(
    tmp_path: Path, start_server: Callable[..., Running], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02}.png").write_bytes(make_scene({RED: (number % 40, 5, 20, 10)}))
    servers = [start_server(ToyProcessor()) for _ in range(2)]
    running = [flag for server in servers for flag in ("-e", server.address)]
    out = tmp_path / "found.jsonl"
    assert run(folder, "-e", f"127.0.0.1:{unused_port()}", *running, "--out", out, "--batch", 1) == 0
    found = {entry["input"]: entry["parts"][0]["box"]["x"] for entry in lines(out)}
    assert found == {str(folder / f"{number:02}.png"): number % 40 for number in range(60)}
    looked = [sum(server.operator.batches) for server in servers]
    assert sum(looked) >= 60
    assert min(looked) > 1  # beside the warm-up


def test_operators_that_find_something_else_are_refused(
    pictures: Path, start_server: Callable[..., Running], capsys: pytest.CaptureFixture[str]
) -> None:
    other: Any = ToyProcessor()
    other.labels = ("200-0-0", "0-0-250")
    first, second = start_server(ToyProcessor()).address, start_server(other).address
    assert run(pictures, "-e", first, "-e", second) == 2
    said = f"{second}: finds something else than {first}: its labels is"
    assert said in capsys.readouterr().err
