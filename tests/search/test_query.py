import io

import numpy as np
import pytest
from PIL import Image

from visop.errors import UsageError
from visop.images.decode import ImageLimits
from visop.search.query import checked_box, cut_files, query_boxes
from visop.search.views import view_boxes


def test_a_box_is_cut_out_of_the_upright_picture(settings):
    image = np.zeros((20, 30, 3), np.uint8)
    image[5:9, 10:16] = 200
    file = io.BytesIO()
    Image.fromarray(np.rot90(image)).save(file, "PNG", exif=_turned())
    [(box, cut)] = cut_files(file.getvalue(), [10, 5, 6, 4], ImageLimits.of(settings), thorough=False)
    assert box == (10.0, 5.0, 6.0, 4.0)
    pixels = np.asarray(Image.open(io.BytesIO(cut)))
    assert pixels.shape == (4, 6, 3)
    assert (pixels == 200).all()


def _turned():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    return exif


@pytest.mark.parametrize(
    ("box", "why"),
    [
        ([0, 0, 0, 5], "box 0,0,0,5: is empty: width and height must be above 0"),
        ([0, 0, 5, -1], "is empty"),
        ([-1, 0, 5, 5], "must lie inside the picture, which has 30 x 20 pixels"),
        ([26, 0, 5, 5], "must lie inside the picture"),
        ([0, 16, 5, 5], "must lie inside the picture"),
        ([0, 0, float("nan"), 5], "four numbers"),
        ([0, 0, 5], "four numbers"),
    ],
)
def test_a_box_that_is_none_is_refused(box, why):
    with pytest.raises(UsageError, match=why):
        checked_box(box, (30, 20))


def test_thorough_are_windows_of_what_is_searched_with():
    boxes = query_boxes((200, 100), [100, 0, 100, 100], thorough=True)
    assert boxes[0] == (100.0, 0.0, 100.0, 100.0)
    assert (125.0, 25.0, 50.0, 50.0) in boxes
    assert len(boxes) == 10
    assert all(x >= 100 and x + w <= 200 and y >= 0 and y + h <= 100 for x, y, w, h in boxes)


def test_a_long_picture_has_squares_from_end_to_end():
    squares = view_boxes((540, 1170))[10:]
    assert [box[2:] for box in squares] == [(540.0, 540.0)] * 4
    assert (squares[0][1], squares[-1][1]) == (0, 630)
    assert len(view_boxes((10, 100_000))) == 18
    assert view_boxes((300, 200))[10:]
    assert not view_boxes((250, 200))[10:]
    assert view_boxes((100, 10))[-1] == (90.0, 0.0, 10.0, 10.0)
