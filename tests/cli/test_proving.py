"""``visop compare`` says what the local features prove, beside the vector."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageOps

from tests.conftest import run_command
from tests.evaluation.test_compare import CALIBRATION

pytest.importorskip("cv2")


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A photograph, a mirrored part of it whose vector is another, another photograph, and the flags that judge."""
    monkeypatch.setenv("OP_OPERATOR", "tests.toys:ToyOperator")
    monkeypatch.setenv("OP_WEIGHTS", "random")
    data = pytest.importorskip("skimage.data")
    original = PILImage.fromarray(data.coffee())
    part = np.asarray(ImageOps.mirror(original.crop((150, 100, 450, 300)))) // 2
    other = np.asarray(data.chelsea())
    for name, image in (("original", original), ("part", PILImage.fromarray(_blue(part))), ("other", other)):
        PILImage.fromarray(np.asarray(image)).save(tmp_path / f"{name}.png")
    calibration = tmp_path / "calibration.json"
    calibration.write_text(json.dumps({"toy": {"fingerprint": "toy-1", "calibration": CALIBRATION}}))
    return [*(str(tmp_path / f"{name}.png") for name in ("original", "part", "other")), str(calibration)]


def _blue(image: np.ndarray) -> np.ndarray:
    """What the toy, whose vector is the mean colour, takes for another picture."""
    return np.stack([image[:, :, 0] // 6, image[:, :, 1] // 6, image[:, :, 0] * 2], axis=2)


def test_a_proven_part_is_a_copy_whatever_the_vector_says(
    pictures: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original, part, _, calibration = pictures
    drawn = tmp_path / "seen.png"
    assert run_command("compare", original, part, "--calibration", calibration, "--draw", drawn) == 0
    words = capsys.readouterr().out.splitlines()
    assert words[0] == "a copy, as local features prove; by the vectors alone:"
    assert words[1].startswith("not a copy: similarity ")
    assert words[-1] == "done to it: cut to 25 % of the area, mirrored"
    with PILImage.open(drawn) as sheet:
        assert sheet.size == (1616, 533)

    assert run_command("compare", original, part, "--json", "--calibration", calibration) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["is_copy"], facts["is_copy_by_vector"], facts["proof"]["is_copy"]) == (True, False, True)
    outline = np.array(facts["proof"]["found"]["outline"])
    assert np.abs(outline - [(450, 100), (150, 100), (150, 300), (450, 300)]).max() < 3


def test_without_a_proof_the_vector_decides(pictures: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    original, _, other, calibration = pictures
    assert run_command("compare", original, other, "--calibration", calibration) in (0, 1)
    assert "no proof by local features: " in capsys.readouterr().out
