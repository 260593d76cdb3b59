"""Which folders are taken to be away, by what is missing below each."""

import pytest

from visop.search.absent_disks import Away, Folders


def away(**counts):
    """Each folder with how many files are there and how many are lost -> folders that are away."""
    folders = Folders(["/lib"])
    for name, (there, lost) in counts.items():
        path = "/lib/" + name.replace("_", "/") if name != "root" else "/lib"
        for number in range(there + lost):
            folders.note(f"{path}/{number}.png", is_lost=number >= there)
    return folders.away()


@pytest.mark.parametrize(("there", "lost", "is_away"), [(0, 1, True), (0, 9, True), (4, 5, True), (5, 5, False)])
def test_a_folder_that_lost_more_than_half_is_away(there, lost, is_away):
    assert away(nas=(there, lost), local=(100, 0)) == ([Away("/lib/nas", lost)] if is_away else [])


def test_a_folder_that_is_away_does_not_keep_what_was_deleted_beside_it():
    folders = Folders(["/lib"])
    for number in range(100):
        folders.note(f"/lib/nas/{number}.png", is_lost=True)
    for number in range(10):
        folders.note(f"/lib/local/{number}.png", is_lost=number == 0)
    folders.note("/lib/cover.png", is_lost=True)
    assert folders.is_away("/lib/nas/1.png")
    assert not folders.is_away("/lib/local/0.png")
    assert not folders.is_away("/lib/cover.png")
    assert folders.away() == [Away("/lib/nas", 100)]


def test_a_file_that_was_deleted_beside_full_folders_is_not_held_back():
    assert away(root=(0, 1), a=(5, 0), a_b=(5, 0)) == []


def test_of_a_disk_with_many_folders_the_uppermost_is_named():
    assert away(nas_2019=(0, 3), nas_2020_trip=(0, 4), nas=(0, 1), local=(1, 0)) == [Away("/lib/nas", 8)]
    assert away(nas_2019=(0, 3), nas=(1, 0), local=(1, 0)) == [Away("/lib/nas/2019", 3)]
