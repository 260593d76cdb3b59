import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from tests.conftest import make_image, picture_file
from tests.search.conftest import SERVER, colour_of, contents, make_old, write_pictures
from tests.toys import RAISES
from visop.errors import InvalidInput, ModelFailed, UsageError
from visop.search.absent_disks import Away
from visop.search.errors import NoSuchIndex, WrongFilter
from visop.search.failures import Failures
from visop.search.index import Index
from visop.search.limits import BatchLimits
from visop.sources import FindOptions


def test_a_picture_is_found_by_every_kind_of_image(index, folder, picture_server):
    index.add([folder])
    path = folder / "3.png"
    picture = PILImage.open(path)
    for image in (str(path), path, path.read_bytes(), picture, np.asarray(picture)):
        (match,) = index.search(image, 1)
        assert (match.picture.names, match.picture.width, match.picture.height) == ((str(path),), 16, 12)
        assert match.cosine == pytest.approx(1, abs=1e-6)
    red, green, blue = colour_of(3)
    assert index.search(f"{picture_server}/{red}-{green}-{blue}.png", 1)[0].picture.names == (str(path),)


def test_a_nearly_empty_picture_is_no_copy_from_either_side(index, folder, picture_server):
    (folder / "white.png").write_bytes(make_image((255, 255, 255)))
    (folder / "grey.png").write_bytes(picture_file((60, 60, 60)))
    index.add([folder])
    index.use_threshold(0.999)
    for image in (make_image((1, 1, 1)), f"{picture_server}/255-255-255.png"):
        found = index.search(image, 2)
        assert (found.nearly_empty, found.marked) == (True, 0)
        assert [(match.is_copy, match.nearly_empty) for match in found] == [(None, True)] * 2
    for image in (folder / "grey.png", f"{picture_server}/60-60-60.png"):
        found = index.search(image, 3)
        assert not found.nearly_empty
        verdicts = {Path(match.picture.names[0]).stem: (match.is_copy, match.nearly_empty) for match in found}
        assert (verdicts.pop("grey"), verdicts.pop("white")) == ((True, False), (None, True))
        assert list(verdicts.values()) == [(False, False)]


def test_a_part_of_a_picture_can_be_searched_with(index, folder):
    index.add([folder])
    image = np.full((40, 60, 3), 255, np.uint8)
    image[20:, 30:] = colour_of(3)
    (match,) = index.search(image, 1, box=(30, 20, 30, 20))
    assert (match.picture.names, match.view) == ((str(folder / "3.png"),), None)
    assert match.cosine == pytest.approx(1, abs=1e-5)
    (whole,) = index.search(image, 1)
    (match,) = index.search(image, 1, thorough=True)
    assert match.view == (30.0, 20.0, 30.0, 20.0)
    assert match.cosine > whole.cosine
    with pytest.raises(UsageError, match=r"box 50,20,30,20: must lie inside the picture, which has 60 x 40 pixels"):
        index.search(image, 1, box=(50, 20, 30, 20))


def test_neighbours_are_those_of_numpy_in_order_with_their_distances(index, folder):
    index.add([folder])
    vectors = np.array([colour_of(number) for number in range(10)], float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = np.linalg.norm(vectors - vectors[4], axis=1)
    order = np.argsort(distances)
    matches = index.search(folder / "4.png", 10)
    assert [Path(match.picture.names[0]).stem for match in matches] == [str(number) for number in order]
    assert [match.score for match in matches] == pytest.approx(distances[order], abs=1e-3)
    assert [match.cosine for match in matches] == pytest.approx(vectors[order] @ vectors[4], abs=1e-5)


def test_the_id_is_the_digest_of_the_file(index, folder):
    index.add([folder])
    path = folder / "2.png"
    picture = index.get(hashlib.sha256(path.read_bytes()).hexdigest())
    assert picture.names == (str(path),)
    assert (picture.bytes, picture.modified) == (path.stat().st_size, 1_600_000_000)


def test_indexing_again_encodes_nothing(index, folder, operator):
    assert index.add([folder]).new == 10
    operator.batches.clear()
    added = index.add([folder])
    assert (added.new, added.known, operator.batches) == (0, 10, [])


def test_an_index_outlives_the_process_that_made_it(open_index, folder):
    with open_index() as index:
        index.add([folder])
    with open_index() as index:
        assert index.count() == 10
        assert index.search(folder / "7.png", 1)[0].picture.names == (str(folder / "7.png"),)


def test_a_renamed_file_is_not_encoded_again(index, folder, operator):
    index.add([folder])
    operator.batches.clear()
    os.rename(folder / "3.png", folder / "three.png")
    assert index.add([folder], prune_folders=True).named == 1
    assert operator.batches == []
    assert index.search(folder / "three.png", 1)[0].picture.names == (str(folder / "three.png"),)


def test_the_same_picture_twice_is_one_entry_with_two_names(index, folder):
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    added = index.add([folder])
    assert (added.new, added.known, index.count()) == (10, 1, 10)
    names = index.search(folder / "0.png", 1)[0].picture.names
    assert names == (str(folder / "0.png"), str(folder / "copy.png"))


def test_bad_files_go_to_the_error_file_and_stop_nothing(index, folder, tmp_path):
    for number in range(4):
        (folder / f"bad{number}.jpg").write_bytes(b"no picture %d" % number)
    (folder / "empty.png").touch()
    (folder / "dangling.png").symlink_to("nowhere")
    errors = Failures(tmp_path / "errors.csv")
    added = index.add([folder], failures=errors)
    assert (added.new, added.failed) == (10, 6)
    lines = (tmp_path / "errors.csv").read_text().splitlines()
    assert lines[0] == "input,code,reason"
    assert len(lines) == 7
    assert any("dangling.png,INVALID_ARGUMENT,cannot be read: No such file" in line for line in lines)


def test_a_bad_content_fails_under_all_its_names(index, tmp_path):
    write_pictures(tmp_path / "a", 3)
    for name in ("x", "y"):
        (tmp_path / "a" / f"{name}.png").write_bytes(b"bad")
    added = index.add([tmp_path / "a"])
    assert (added.new, added.known, added.named, added.failed) == (3, 0, 0, 2)


def test_a_picture_that_breaks_the_model_is_an_error_like_any_other(index, folder):
    (folder / "red.png").write_bytes(picture_file(RAISES))
    assert index.add([folder]).failed >= 1
    assert index.count() + index.add([folder]).failed == 11
    with pytest.raises(ModelFailed):
        index.search(folder / "red.png")


def test_pruning_takes_out_what_is_gone_and_nothing_elsewhere(index, folder, tmp_path):
    elsewhere = write_pictures(tmp_path / "elsewhere", 2, first=20)
    index.add([folder, tmp_path / "elsewhere"])
    (folder / "1.png").unlink()
    elsewhere[0].unlink()
    assert index.add([folder], prune_folders=True).removed == 1
    assert index.count() == 11


def test_pruning_takes_the_name_from_a_content_that_was_overwritten(index, folder):
    index.add([folder])
    (folder / "1.png").write_bytes(picture_file(colour_of(77)))
    make_old(folder / "1.png")
    os.utime(folder / "1.png", (1_600_000_001, 1_600_000_001))
    added = index.add([folder], prune_folders=True)
    assert (added.new, added.removed, index.count()) == (1, 1, 10)


def test_pruning_takes_out_what_was_overwritten_by_a_file_that_is_too_large(index, folder, settings):
    index.add([folder])
    (folder / "1.png").write_bytes(bytes(settings.max_image_bytes + 1))
    added = index.add([folder], prune_folders=True)
    assert (added.failed, added.removed, index.count()) == (1, 1, 9)


def test_an_empty_folder_is_refused_before_anything_is_pruned(index, folder):
    index.add([folder])
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(UsageError, match="folder with no pictures below it; nothing was changed"):
        index.add([folder], prune_folders=True)
    assert index.count() == 10


@pytest.mark.parametrize(
    "left",
    ["an empty folder", *(pytest.param(each, marks=pytest.mark.slow) for each in ("nothing", "a few of its pictures"))],
)
def test_a_disk_that_is_not_there_is_not_pruned_and_the_rest_is(index, folder, tmp_path, left):
    disk = write_pictures(folder / "nas" / "2020", 5, first=20)
    index.add([folder])
    (folder / "1.png").unlink()
    if left == "a few of its pictures":
        for path in disk[1:]:
            path.unlink()
    else:
        (folder / "nas").rename(tmp_path / "away")
        if left == "an empty folder":
            (folder / "nas").mkdir()
    added = index.add([folder], prune_folders=True)
    missing = 4 if left == "a few of its pictures" else 5
    place = folder / "nas" / ("2020" if left == "a few of its pictures" else "")
    assert (added.removed, index.count(), added.away) == (1, 14, [Away(str(place), missing)])
    added = index.add([folder], prune_missing=True)
    assert (added.removed, index.count(), added.away) == (missing, 14 - missing, [])


def test_a_folder_that_was_renamed_is_pruned_without_a_question(index, folder):
    write_pictures(folder / "trip", 5, first=20)
    index.add([folder])
    (folder / "trip").rename(folder / "holiday")
    added = index.add([folder], prune_folders=True)
    assert (added.named, added.removed, index.count(), added.away) == (5, 0, 15, [])
    assert index.search(folder / "holiday" / "21.png", 1)[0].picture.names == (str(folder / "holiday" / "21.png"),)


@pytest.mark.slow
def test_an_empty_folder_is_pruned_if_asked_for(index, folder):
    index.add([folder])
    for path in folder.iterdir():
        path.unlink()
    assert index.add([folder], prune_missing=True).removed == 10


def test_pruning_takes_out_what_is_left_out_of_folders_now(index, folder):
    write_pictures(folder / ".thumbnails", 2, first=20)
    index.add([folder], options=FindOptions(default_excludes=False))
    assert index.count() == 12
    assert index.add([folder, folder / ".thumbnails"], prune_folders=True).removed == 0
    assert index.add([folder], prune_folders=True).removed == 2


def test_pruning_needs_a_folder(index, folder):
    with pytest.raises(UsageError, match="prune_folders: takes out what is gone from folders"):
        index.add([folder / "1.png"], prune_folders=True)


def test_urls_are_indexed_under_their_address_and_fetched_once(index, picture_server, tmp_path):
    (tmp_path / "list.csv").write_text(f"title,url\na,{picture_server}/50-60-70.png\nb,{picture_server}/nothing\n")
    added = index.add([tmp_path / "list.csv"])
    assert (added.new, added.failed) == (1, 1)
    assert index.search(f"{picture_server}/50-60-70.png", 1)[0].picture.names == (f"{picture_server}/50-60-70.png",)


def test_a_name_that_is_no_text_survives(index, tmp_path):
    path = os.fsencode(tmp_path / "photos") + b"/caf\xe9.png"
    os.mkdir(tmp_path / "photos")
    with open(path, "wb") as file:
        file.write(picture_file(colour_of(1)))
    assert index.add([tmp_path / "photos"]).new == 1
    (match,) = index.search(os.fsdecode(path), 1)
    assert match.picture.names[0].endswith("/photos/caf%E9.png")
    assert index.add([tmp_path / "photos"], prune_folders=True).removed == 0


def test_a_name_that_is_no_text_comes_into_a_second_index(uri, settings, encoders, tmp_path):
    (path,) = write_pictures(tmp_path / "photos", 1)
    os.rename(path, os.fsencode(tmp_path / "photos") + b"/caf\xe9.png")
    for name in ("one", "two"):
        with Index.open(uri, name, settings=settings, encoders=encoders) as index:
            added = index.add([tmp_path / "photos"])
            assert (added.new, added.failed) == (1, 0)


def test_a_filter_narrows_the_search(index, folder):
    index.add([folder])
    (folder / "wide.png").write_bytes(picture_file((200, 10, 10), (300, 20)))
    index.add([folder])
    assert [match.picture.width for match in index.search(folder / "1.png", 5, "width >= 300")] == [300]
    with pytest.raises(WrongFilter, match=r"^filter widht > 3: ") as caught:
        index.search(folder / "1.png", 5, "widht > 3")
    assert "vector" not in str(caught.value)


def test_searching_what_is_not_there_says_what_to_do(index, folder):
    with pytest.raises(NoSuchIndex, match=r"there is no .*test.db; `visop index` makes one" if not SERVER else "none"):
        index.search(folder / "1.png")


def test_what_only_reads_makes_no_file(index, file_uri):
    assert (index.count(), index.operator) == (0, None)
    with pytest.raises(NoSuchIndex):
        index.get("0" * 64)
    assert not os.path.exists(file_uri)


def test_a_query_that_is_no_file_is_wrong_usage(index, folder):
    index.add([folder])
    with pytest.raises(UsageError, match=r"^nosuch.png: cannot be read: No such file or directory"):
        index.search("nosuch.png")
    assert index.search((folder / "3.png").as_uri(), 1)[0].picture.names == (str(folder / "3.png"),)


@pytest.mark.parametrize("k", [0, 16385])
def test_a_k_that_milvus_does_not_take_is_refused(index, folder, k):
    index.add([folder])
    with pytest.raises(UsageError, match=f"^k {k}: must be from 1 to 16384"):
        index.search(folder / "1.png", k)


def test_an_array_of_another_kind_is_refused(index, folder):
    index.add([folder])
    with pytest.raises(InvalidInput, match=r"an array of shape \(4, 4, 3\) and float64"):
        index.search(np.zeros((4, 4, 3)))


def test_a_lost_memory_of_files_costs_time_and_nothing_else(index, folder, settings):
    index.add([folder])
    before = contents(index.collection)
    (settings.cache_dir / "digests.sqlite").write_bytes(b"not a database at all" * 100)
    assert index.add([folder]).known == 10
    assert contents(index.collection) == before


@pytest.mark.skipif(bool(SERVER), reason="a server has other types")
def test_more_pictures_than_flat_is_good_for_get_an_index(open_index, folder):
    with open_index(limits=BatchLimits(flat=5)) as index:
        index.add([folder])
        assert str(index.collection.index_type) == "IVF_SQ8:nlist=3"
        assert index.search(folder / "3.png", 1)[0].picture.names == (str(folder / "3.png"),)


@pytest.mark.skipif(bool(SERVER), reason="a server has other types")
def test_the_index_type_can_be_chosen_and_changed(index, folder):
    index.add([folder], index_type="IVF_SQ8:nlist=2")
    assert str(index.collection.index_type) == "IVF_SQ8:nlist=2"
    index.add([folder], index_type="IVF_SQ8:nlist=4")
    assert index.collection.index_type.params["nlist"] == "4"
    index.add([folder], index_type="FLAT")
    assert index.collection.index_type.kind == "FLAT"
    assert len(index.search(folder / "3.png", 10)) == 10
    for wrong in ("HNSW", "IVF_SQ8:nlist=0", "IVF_SQ8:M=3", "FLAT:nlist=3"):
        with pytest.raises(UsageError, match=f"^index_type {wrong}: "):
            index.add([folder], index_type=wrong)


def test_a_store_holds_several_indexes(open_index, uri, settings, encoders, folder):
    with Index.open(uri, "one", settings=settings, encoders=encoders) as one:
        one.add([folder])
    with Index.open(uri, "two", settings=settings, encoders=encoders) as two:
        two.add([folder / "1.png"])
        assert two.count() == 1
