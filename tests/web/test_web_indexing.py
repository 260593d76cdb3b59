from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.conftest import make_image
from tests.search.conftest import write_pictures
from tests.toys import ToyOperator
from tests.web.conftest import Site, open_test_site
from visop.errors import DeadlinePassed, OtherEncoder, ShuttingDown, UsageError, VisopError
from visop.search.errors import StoreUnreachable
from visop.search.index import Added
from visop.serving.pipeline import Pipeline
from visop.settings import Settings
from visop.web.batch import Batch
from visop.web.indexing import Indexing, Progress
from visop.web.search_server import SearchOptions, _errors_file, open_routes


def test_the_status_says_what_was_done_and_what_failed(start_site: Callable[..., Site], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"not a picture")
    status = start_site(5).status()
    assert status["count"] == 5
    assert status["indexing"] == {
        "state": "done", "done": 6, "total": 6, "failed": 1, "seconds_left": None, "message": ""
    }  # fmt: skip
    (errors,) = (tmp_path / "cache").glob("test-*.errors.csv")
    assert "broken.jpg" in errors.read_text()


def test_a_second_start_encodes_nothing_again(tmp_path: Path) -> None:
    with open_test_site(tmp_path, 5) as site:
        assert sum(site.operator.batches) == 5
    with open_test_site(tmp_path, 5) as site:
        assert (site.status()["count"], sum(site.operator.batches)) == (5, 0)


def test_a_search_is_answered_while_a_folder_is_indexed(tmp_path: Path) -> None:
    operator = ToyOperator()
    (tmp_path / "photos").mkdir()
    for number in range(40):
        (tmp_path / "photos" / f"{number}.png").write_bytes(make_image((number + 1, 90, 90)))
    settings = Settings(cache_dir=tmp_path / "cache")
    options = SearchOptions(str(tmp_path / "a.db"), "a", pictures=[str(tmp_path / "photos")])
    operator.gate.clear()
    with Pipeline(operator, settings) as pipeline, open_routes(options, settings, operator, pipeline):
        assert operator.entered.acquire(timeout=20)  # the model holds the first pictures of the folder
        # No more than those that LocalEncoder has under way are before it.
        assert pipeline._admission.inside <= 6
        operator.gate.set()


def test_the_end_of_the_server_ends_indexing_between_two_pictures(tmp_path: Path) -> None:
    class Endless:
        name = "endless"

        def add(self, _inputs: object, *, on_done: Callable[[], None], **_: object) -> None:
            while True:
                on_done()

        def count(self) -> int:
            return 0

    with Indexing(Endless(), [Batch(["x"])], 0, tmp_path / "errors.csv") as indexing:  # type: ignore[arg-type]
        assert indexing.progress().state == "running"
    assert indexing.progress().state == "idle"


def test_indexing_comes_again_when_the_operator_had_no_time(tmp_path: Path) -> None:
    class Busy:
        """An index whose operator has no time for the second picture, once."""

        name = "busy"

        def __init__(self) -> None:
            self.calls: list[object] = []

        def add(self, inputs: list[str], *, on_start: Any, on_done: Any, **_: object) -> Added:
            self.calls.append(inputs)
            on_start(len(inputs))
            on_done()
            if len(self.calls) == 1:
                raise DeadlinePassed("too slow")
            on_done()
            return Added(new=2, known=0, named=0, failed=0, removed=0)

        def count(self) -> int:
            return 2

    index = Busy()
    with Indexing(index, [Batch(["a", "b"])], 0, tmp_path / "errors.csv", pause_s=0.0) as indexing:  # type: ignore[arg-type]
        while indexing.progress().state == "running":
            pass
    assert indexing.progress() == Progress("done", done=2, total=2)
    assert index.calls == [["a", "b"]] * 2


def test_changes_that_the_store_cannot_take_are_not_lost_and_files_that_went_stop_none(tmp_path: Path) -> None:
    (path,) = write_pictures(tmp_path, 1)
    stopping = threading.Event()

    class Away:
        """An index whose store cannot be reached once, and that is told of a file which is gone once."""

        name = "away"
        errors: ClassVar[list[VisopError]] = [StoreUnreachable("away"), UsageError("", "x", "no such file or folder")]

        def __init__(self) -> None:
            self.calls: list[object] = []

        def add(self, inputs: list[str], **_: object) -> Added:
            self.calls.append(inputs)
            if self.errors:
                if len(self.errors) == 1:
                    gone.unlink()
                raise self.errors.pop(0)
            return Added(new=1, known=0, named=0, failed=0, removed=0)

        @property
        def collection(self) -> Any:
            stopping.set()
            raise ShuttingDown("enough")

    gone = tmp_path / "gone.png"
    gone.write_bytes(b"x")
    index, inputs = Away(), [str(path), str(gone)]
    batch = Batch(inputs, changed=inputs, is_last=True)
    with Indexing(index, [batch], 0, tmp_path / "e.csv", stopping, pause_s=0.0) as indexing:  # type: ignore[arg-type]
        while indexing.progress().state != "idle":
            pass
    assert index.calls == [inputs, inputs, [str(path)]]


def test_an_empty_folder_beside_an_address_ends_indexing(start_site: Callable[..., Site], tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    site = start_site(0, options={"pictures": [str(tmp_path / "nothing"), "http://127.0.0.1:1/a.png"]})
    assert "with no pictures below it" in site.status()["indexing"]["message"]


@pytest.mark.parametrize(("host", "tells"), [("127.0.0.1", True), ("0.0.0.0", False)])
def test_why_indexing_stopped_is_told_with_paths_only_to_this_machine(
    start_site: Callable[..., Site], tmp_path: Path, host: str, tells: bool
) -> None:
    (tmp_path / "nothing").mkdir()
    site = start_site(0, http_endpoint=f"{host}:0", options={"pictures": [str(tmp_path / "nothing")]})
    indexing = site.status()["indexing"]
    assert indexing["state"] == "failed"
    assert ("with no pictures below it" in indexing["message"]) is tells
    assert (str(tmp_path) in indexing["message"]) is tells


def test_an_index_of_another_encoder_stops_the_start(tmp_path: Path) -> None:
    with open_test_site(tmp_path, 1):
        pass
    operator = ToyOperator()
    operator.fingerprint = "toy-2"
    settings = replace(Settings(), cache_dir=tmp_path / "cache")
    with (
        Pipeline(operator, settings) as pipeline,
        pytest.raises(OtherEncoder, match=r"toy-1.*toy-2"),
        open_routes(SearchOptions(str(tmp_path / "test.db"), "test"), settings, operator, pipeline),
    ):
        pass


def test_photos_are_indexed_where_failures_cannot_be_written_down(
    start_site: Callable[..., Site], tmp_path: Path
) -> None:
    errors = _errors_file(str(tmp_path / "test.db"), "test", tmp_path / "cache")
    (errors / "in the way").mkdir(parents=True)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"not a picture")
    status = start_site(3).status()
    assert status["count"] == 3
    assert (status["indexing"]["state"], status["indexing"]["failed"]) == ("done", 1)
