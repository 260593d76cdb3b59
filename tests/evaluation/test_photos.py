"""The photographs that evaluations are tried on."""

from __future__ import annotations

import hashlib

from benchmarks.photos import photo_crops


def test_there_are_two_hundred_different_crops_of_twenty_photographs() -> None:
    crops = {name: hashlib.sha256(crop.tobytes()).hexdigest() for name, crop in photo_crops()}
    assert len(set(crops.values())) == len(crops) >= 200
    assert len({name.partition("-")[0] for name in crops}) == 20


def test_crops_of_a_photograph_do_not_overlap() -> None:
    boxes: dict[str, set[tuple[int, int, int]]] = {}
    for name, crop in photo_crops():
        photo, top, left = name.split("-")
        boxes.setdefault(photo, set()).add((int(top), int(left), crop.width))
        assert crop.width == crop.height
    for places in boxes.values():
        [side] = {side for _, _, side in places}
        assert all(top % side == left % side == 0 for top, left, _ in places)
