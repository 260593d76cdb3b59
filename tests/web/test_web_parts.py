"""The page over an index of parts: what comes into it has its parts, and a search encodes the whole alone."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import make_scene
from tests.toys import ToyOperator, ToyProcessor
from tests.web.conftest import open_test_site
from visop.serving.part_encoder import PartChoice, PartEncoder

THING = make_scene({(200, 0, 0): (10, 5, 20, 10)})


class Gated(PartEncoder):
    """As the toys that a site is opened with."""

    def __init__(self) -> None:
        super().__init__(ToyProcessor(), ToyOperator(), PartChoice(whole=True))
        self.gate = self.encoder.gate  # type: ignore[attr-defined]


def test_pictures_and_uploads_have_their_parts_and_a_search_makes_none(tmp_path: Path) -> None:
    operator = Gated()
    with open_test_site(tmp_path, 3, operator=operator) as site:  # type: ignore[arg-type]
        before = len(operator.processor.sizes)  # type: ignore[attr-defined]
        assert before == 3
        kept = site.web.post("/v1/index", files={"images": ("a.png", THING)})
        assert kept.status_code == 200, kept.text
        assert len(operator.processor.sizes) == before + 1  # type: ignore[attr-defined]
        found = site.web.post("/v1/search", files={"image": ("a.png", THING)}).json()
        assert found["matches"][0]["id"] == kept.json()["pictures"][0]["id"]
        assert len(operator.processor.sizes) == before + 1  # type: ignore[attr-defined]
