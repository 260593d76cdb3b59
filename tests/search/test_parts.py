"""An index of parts: made, refused where schemes are mixed, kept whole through all that happens to pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Running, make_scene
from tests.search.conftest import make_old, write_pictures
from tests.toys import RAISES, ToyOperator, ToyProcessor
from visop.cli.main import main
from visop.encoding.pool import Encoders, open_encoders
from visop.errors import OtherEncoder, UsageError
from visop.search.digests import Digests
from visop.search.failures import Failures
from visop.search.index import Index
from visop.search.reader import Reader
from visop.search.reindex import Reindex
from visop.search.store import open_store
from visop.serving.part_encoder import AnyOperator, PartChoice, PartEncoder
from visop.settings import Settings

RED, BLUE, WHITE = (200, 0, 0), (0, 0, 250), (250, 250, 250)
WHOLE = PartChoice(whole=True)

OpenIndex = Callable[..., Index]
Make = Callable[[AnyOperator], Encoders]


class Changed(ToyProcessor):
    """Of the same name as the other, and finds other parts."""

    fingerprint = "colours-2"


def pipeline(processor: ToyProcessor | None = None, choice: PartChoice = WHOLE) -> PartEncoder:
    return PartEncoder(processor or ToyProcessor(), ToyOperator(), choice)


@pytest.fixture
def in_parts(make_encoders: Make) -> Encoders:
    return make_encoders(pipeline())


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Three pictures, with 0, 1 and 2 things on them."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    things = {RED: (10, 5, 20, 10), BLUE: (40, 20, 5, 8)}
    for number in range(3):
        path = folder / f"{number}.png"
        path.write_bytes(make_scene(dict(list(things.items())[:number])))
        make_old(path)
    return folder


OTHERS: dict[str, AnyOperator] = {
    "none": ToyOperator(),
    "another fingerprint": pipeline(Changed()),
    "another margin": pipeline(choice=PartChoice(margin=0.5, whole=True)),
}


def unit(colour: tuple[int, int, int]) -> np.ndarray:
    vector = np.array(colour, np.float32)
    return vector / np.linalg.norm(vector)


def rows_of(index: Index) -> dict[str, tuple[tuple[str, ...], list[str]]]:
    """By the last name of each picture: all its names, and the labels of its parts."""
    rows = [row for page in index.collection.all_rows() for row in page]
    found = {}
    for row in rows:
        names = tuple(os.path.basename(name) for name in row.picture.names)
        found[names[-1]] = (names, [part.detection.label for part in row.parts])
    return found


EXPECTED = {"0.png": [], "1.png": ["200-0-0"], "2.png": ["200-0-0", "0-0-250"]}


def test_each_picture_has_its_parts_and_is_found_by_them(
    open_index: OpenIndex, in_parts: Encoders, scenes: Path
) -> None:
    with open_index(encoders=in_parts) as index:
        assert index.add([scenes]).new == 3
        assert {name: labels for name, (_, labels) in rows_of(index).items()} == EXPECTED
        assert (index.count(), index.collection.vectors()) == (3, 6)
        (hits,) = index.collection.search([unit(BLUE)], 3)
        assert os.path.basename(hits[0].picture.names[0]) == "2.png"
        assert (hits[0].number, hits[0].part and hits[0].part.box) == (2, (40, 20, 5, 8))
        assert index.add([scenes]).known == 3
        assert index.search(scenes / "1.png", 1)[0].picture.names[0].endswith("1.png")


def test_names_that_come_and_go_leave_the_parts_alone(open_index: OpenIndex, in_parts: Encoders, scenes: Path) -> None:
    with open_index(encoders=in_parts) as index:
        index.add([scenes])
        (scenes / "3.png").write_bytes((scenes / "2.png").read_bytes())
        assert index.add([scenes]).named == 1
        assert rows_of(index)["3.png"] == (("2.png", "3.png"), EXPECTED["2.png"])
        index.remove(names=[scenes / "2.png"])
        assert rows_of(index)["3.png"] == (("3.png",), EXPECTED["2.png"])
        index.remove(names=[scenes / "3.png"])
        assert (index.count(), index.collection.vectors()) == (2, 3)
        (scenes / "1.png").unlink()
        index.add([scenes], prune_folders=True, prune_missing=True)
        assert (index.count(), index.collection.vectors()) == (2, 4)  # both names of the third are there again


@pytest.mark.parametrize("other", sorted(OTHERS))
def test_two_schemes_are_not_mixed(
    other: str, open_index: OpenIndex, in_parts: Encoders, scenes: Path, make_encoders: Make
) -> None:
    with open_index(encoders=in_parts) as index:
        index.add([scenes])
    with open_index(encoders=make_encoders(OTHERS[other])) as index:
        with pytest.raises(OtherEncoder, match=r"has vectors of the parts colours; this encoder makes .*visop reindex"):
            index.add([scenes])
        assert index.collection.vectors() == 6
        assert len(index.search(scenes / "1.png")) == 3  # a search needs the vector of the whole alone


def test_a_plain_index_takes_no_parts(open_index: OpenIndex, in_parts: Encoders, scenes: Path) -> None:
    with open_index() as index:
        index.add([scenes])
    with (
        open_index(encoders=in_parts) as index,
        pytest.raises(OtherEncoder, match="of the parts none; this encoder makes those of the parts colours"),
    ):
        index.add([scenes])


def test_a_processor_that_fails_on_every_tenth_picture_fails_those_alone(
    open_index: OpenIndex, in_parts: Encoders, tmp_path: Path
) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    for number in range(30):
        scene = make_scene({(0, 0, 100 + number): (number, 3, 9, 9)}, background=WHITE if number % 10 else RAISES)
        (folder / f"{number}.png").write_bytes(scene)
    failures = Failures(tmp_path / "errors.csv")
    with open_index(encoders=in_parts) as index:
        added = index.add([folder], failures=failures)
        assert (added.new, added.failed) == (27, 3)
        assert (index.count(), index.collection.vectors()) == (27, 54)
    assert sorted(line.split("/")[-1].split(",")[0] for line in failures.path.read_text().splitlines()[1:]) == [  # type: ignore[union-attr]
        "0.png",
        "10.png",
        "20.png",
    ]


@pytest.fixture
def reindex(uri: str, settings: Settings, tmp_path: Path) -> Callable[[Encoders], object]:
    def run(encoders: Encoders) -> object:
        with (
            open_store(uri) as store,
            Reader(settings, Digests(None), settings.max_image_bytes) as reader,
            Failures(tmp_path / "errors.csv") as failures,
        ):
            return Reindex(store, "test", encoders, reader, failures).run(keep=False)

    return run


def test_a_reindex_makes_parts_of_an_old_index_and_undoes_it(
    open_index: OpenIndex, in_parts: Encoders, encoders: Encoders, scenes: Path, reindex: Callable[[Encoders], object]
) -> None:
    with open_index() as index:
        index.add([scenes])
    for made_by, vectors in ((in_parts, 6), (encoders, 3)):
        reindex(made_by)
        with open_index(encoders=made_by) as index:
            assert (index.count(), index.collection.vectors()) == (3, vectors)
            assert index.operator == made_by.operator
            assert index.add([scenes]).known == 3


def test_a_running_pipeline_with_whole_pictures_fills_an_index(
    start_server: Callable[..., Running], open_index: OpenIndex, scenes: Path, in_parts: Encoders
) -> None:
    running = start_server(pipeline())
    with open_encoders([running.server.address], Settings()) as over_grpc:
        assert over_grpc.operator == in_parts.operator
        with open_index(encoders=over_grpc) as index:
            index.add([scenes])
            assert {name: labels for name, (_, labels) in rows_of(index).items()} == EXPECTED
    with pytest.raises(
        UsageError, match=r"parts regions:10: .*makes other parts \(colours\): start one with OP_PROCES"
    ):
        open_encoders([running.server.address], Settings(), "regions:10").__enter__()


def test_a_running_operator_of_parts_alone_is_refused(start_server: Callable[..., Running]) -> None:
    running = start_server(pipeline(choice=PartChoice()))
    with pytest.raises(UsageError, match=r"none of the whole picture; start it with OP_WHOLE=true"):
        open_encoders([running.server.address], Settings()).__enter__()


def test_the_parts_are_those_of_the_index_when_nothing_is_said(uri: str, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    write_pictures(folder, 2)
    toy = replace(settings, operator="tests.toys:ToyOperator")
    with Index.open(uri, "test", settings=toy, parts="regions:5") as index:
        index.add([folder])
        assert index.collection.vectors() == 10
    write_pictures(folder, 1, first=2)
    with Index.open(uri, "test", settings=toy) as index:
        assert index.add([folder]).new == 1
        assert index.collection.vectors() == 15
        assert len(index.search(folder / "1.png")) == 3
    with Index.open(uri, "own", settings=toy, parts="tests.toys:ToyProcessor") as index:
        index.add([folder])
    with Index.open(uri, "own", settings=toy) as index:
        with pytest.raises(UsageError, match="the index own has parts of colours, which is not built in"):
            index.add([folder])
        assert len(index.search(folder / "1.png")) == 3


def test_info_shows_the_parts_of_an_index(
    open_index: OpenIndex, in_parts: Encoders, scenes: Path, uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_index(encoders=in_parts) as index:
        index.add([scenes])
    assert main(["info", "--index", "test", "--uri", uri, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["parts"], facts["pictures"], facts["vectors"]) == ("colours", 3, 6)
