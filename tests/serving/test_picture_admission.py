from __future__ import annotations

import pytest

from visop.errors import Overloaded, ShuttingDown
from visop.serving.picture_admission import PictureAdmission
from visop.settings import Settings


def enter(admission: PictureAdmission, *hosts: str | None, wanted: bool = True) -> object:
    return admission.enter(hosts, 0.0, "peer", lambda: wanted)


def test_inputs_are_counted_until_each_has_left() -> None:
    admission = PictureAdmission(Settings(max_queue=8, max_items=8))
    leave = admission.enter([None, "host"], 0.0, "peer", lambda: True)
    assert admission.inside == 2
    leave(None)
    leave("host")
    assert admission.inside == 0


def test_urls_that_are_refused_take_no_room_of_others() -> None:
    admission = PictureAdmission(Settings(max_queue=2, max_items=2))
    enter(admission, None, None)
    with pytest.raises(Overloaded, match="2 inputs are being served"):
        enter(admission, "host")
    with pytest.raises(Overloaded, match="2 inputs are being served"):  # and not: 1 URLs are being served
        enter(admission, "host", "host")


def test_what_is_not_wanted_is_not_admitted() -> None:
    with pytest.raises(ShuttingDown):
        enter(PictureAdmission(Settings()), None, wanted=False)


def test_parts_of_a_picture_count_as_far_as_there_is_room() -> None:
    admission = PictureAdmission(Settings(max_queue=8, max_items=8))
    enter(admission, None)
    leave = admission.grow(20, "peer")
    assert 1 < admission.inside <= 8
    leave()
    assert admission.inside == 1
