"""Materials, colours and outlines: each kind on its own."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from visop.synthetic.cutouts import cut_out, make_light
from visop.synthetic.materials import MATERIALS, make_material
from visop.synthetic.outlines import OUTLINES, make_outline
from visop.synthetic.palettes import NATURAL, make_palette


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", MATERIALS)
@pytest.mark.parametrize("size", [48, 97])
def test_a_material_is_a_square_that_its_content_decides_on(kind: str, size: int) -> None:
    palette = make_palette(_rng(0), 8, "stone")
    one, same, other = (make_material(_rng(1), _rng(content), palette, size, (kind,)) for content in (2, 2, 3))
    assert one.size == (size, size)
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


@pytest.mark.parametrize("names", [(), *((name,) for name in NATURAL)])
def test_palettes_are_colours(names: tuple[str, ...]) -> None:
    for seed in range(20):
        palette = make_palette(_rng(seed), 9, *names)
        assert palette.shape == (9, 3)
        assert palette.min() >= 0
        assert palette.max() <= 1


def test_palettes_vary_more_in_light_than_in_chroma_and_more_to_yellow_than_to_magenta() -> None:
    colours = np.concatenate([make_palette(_rng(seed), 8) for seed in range(400)])
    red, green, blue = colours.T
    light, yellow, magenta = colours.mean(axis=1), (red + green) / 2 - blue, (red + blue) / 2 - green
    assert light.std() > yellow.std() > magenta.std()


@pytest.mark.parametrize("kind", OUTLINES)
def test_outlines_stay_near_their_origin(kind: str) -> None:
    for seed in range(50):
        points = make_outline(_rng(seed), kind)
        assert points.ndim == 2
        assert len(points) >= 3
        assert np.abs(points).max() < 3


def test_a_shape_changes_only_what_is_inside_of_it() -> None:
    canvas = Image.new("RGB", (40, 40), (10, 20, 30))
    outline = np.array([[10.0, 10.0], [30.0, 10.0], [30.0, 30.0], [10.0, 30.0]])
    cut_out(canvas, Image.new("RGB", (40, 40), (200, 200, 200)), outline, _rng(0))
    changed = np.argwhere((np.asarray(canvas) != (10, 20, 30)).any(axis=2))
    assert changed.min(axis=0).tolist() == [10, 10]
    assert changed.max(axis=0).tolist() == [30, 30]


@pytest.mark.parametrize("shift", [(-100.0, 0.0), (200.0, 200.0), (-15.0, 35.0)])
def test_a_shape_may_lie_partly_or_wholly_outside(shift: tuple[float, float]) -> None:
    canvas = Image.new("RGB", (40, 40))
    for seed in range(20):
        outline = make_outline(_rng(seed), "blob") * 20 + shift
        cut_out(canvas, Image.new("RGB", (40, 40), "white"), outline, _rng(seed), make_light(_rng(seed)), gloss=True)
    assert canvas.size == (40, 40)
