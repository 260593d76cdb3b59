import itertools

import pytest

from tests.conftest import picture_file
from tests.search.conftest import colour_of, contents, write_pictures
from tests.toys import ToyOperator
from visop.errors import OtherEncoder, VisopError
from visop.search.digests import Digests
from visop.search.failures import Failures
from visop.search.limits import DEFAULT_LIMITS, BatchLimits
from visop.search.reader import Reader
from visop.search.reindex import Reindex
from visop.search.store import open_store


class Other(ToyOperator):
    """Sees the colours the other way round."""

    fingerprint = "toy-2"

    def preprocess(self, image):
        return super().preprocess(image)[::-1]


@pytest.fixture
def other(make_encoders):
    return make_encoders(Other())


@pytest.fixture
def filled(open_index, folder):
    with open_index() as index:
        index.add([folder])
    return folder


@pytest.fixture
def reindex(uri, settings, other, filled, tmp_path):
    """Run a reindex with the other encoder."""

    def run(encoders=other, on_done=lambda: None, keep=False, limits=DEFAULT_LIMITS, again=False, **flags):
        with (
            open_store(uri, limits=limits) as store,
            Reader(settings, Digests(None), settings.max_image_bytes) as reader,
            Failures(tmp_path / "errors.csv") as failures,
        ):
            it = Reindex(store, "test", encoders, reader, failures, again=again)
            return it.run(keep=keep, on_done=on_done, **flags)

    return run


def test_another_encoder_is_refused_with_both_fingerprints(open_index, filled, other):
    with open_index(encoders=other) as index:
        for attempt in (lambda: index.add([filled]), lambda: index.search(filled / "1.png")):
            with pytest.raises(OtherEncoder, match=r"has vectors of toy-1; this encoder makes those of toy-2.*reindex"):
                attempt()
        assert index.count() == 10


def test_a_reindexed_index_is_that_of_the_new_encoder_and_the_old_one_is_gone(reindex, open_index, other, filled, uri):
    done = reindex()
    assert (done.made, done.kept, done.failed, done.collection) == (10, 0, 0, "test__2")
    with open_index(encoders=other) as index:
        assert index.operator.fingerprint == "toy-2"
        assert index.search(filled / "4.png", 1)[0].picture.names == (str(filled / "4.png"),)
    with open_store(uri) as store:
        assert store.numbers("test") == [2]


def test_names_and_times_come_along(reindex, uri, filled):
    with open_store(uri) as store:
        before = {picture.id: picture for page in store.find("test").pictures() for picture in page}
    reindex()
    with open_store(uri) as store:
        assert {picture.id: picture for page in store.find("test").pictures() for picture in page} == before


def test_an_interrupted_reindex_leaves_the_index_as_it_was_and_is_taken_up(reindex, uri, open_index, filled):
    count = itertools.count(1)

    def stop():
        if next(count) == 6:
            raise VisopError("interrupted")

    with pytest.raises(VisopError, match="interrupted"):
        reindex(on_done=stop)
    with open_index() as index:
        assert index.operator.fingerprint == "toy-1"
        assert index.search(filled / "4.png", 1)[0].picture.names == (str(filled / "4.png"),)
    done = reindex()
    assert (done.made + done.kept, done.collection) == (10, "test__2")


def test_a_reindex_begun_for_a_third_encoder_is_not_taken_up(reindex, make_encoders, uri):
    class Third(Other):
        fingerprint = "toy-3"

    with open_store(uri) as store:
        store.create("test", 2, make_encoders(Third()).operator, index_type=str(store.find("test").index_type))
    assert reindex().collection == "test__3"
    with open_store(uri) as store:
        assert store.numbers("test") == [3]


def test_the_old_one_can_be_kept(reindex, uri, encoders):
    reindex(keep=True)
    with open_store(uri) as store:
        assert store.numbers("test") == [1, 2]
        assert store.open("test__1").operator == encoders.operator


def test_pictures_that_are_gone_or_changed_are_named(reindex, filled, tmp_path):
    (filled / "1.png").unlink()
    (filled / "2.png").write_bytes(picture_file(colour_of(99)))
    done = reindex()
    assert (done.made, done.failed, done.is_switched, done.collection) == (8, 2, False, "test__1")
    errors = (tmp_path / "errors.csv").read_text()
    assert "1.png,INVALID_ARGUMENT,cannot be read: No such file" in errors
    assert "2.png,INVALID_ARGUMENT,holds another picture by now" in errors


def test_an_index_whose_pictures_cannot_be_read_again_stays_until_they_are_back(reindex, uri, filled):
    with open_store(uri) as store:
        before = contents(store.find("test"))
    away = filled.rename(filled.with_name("not mounted"))
    filled.mkdir()
    for flags in ({}, {"accept_losses": True}):
        done = reindex(**flags)
        assert (done.made, done.failed, done.is_switched, done.collection) == (0, 10, False, "test__1")
        with open_store(uri) as store:
            assert contents(store.find("test")) == before
    filled.rmdir()
    away.rename(filled)
    done = reindex()
    assert (done.made, done.failed, done.is_switched, done.collection) == (10, 0, True, "test__2")


def test_losses_can_be_accepted_and_nothing_is_made_twice(reindex, uri, filled):
    (filled / "1.png").unlink()
    assert not reindex().is_switched
    done = reindex(accept_losses=True)
    assert (done.made, done.kept, done.failed, done.is_switched) == (0, 9, 1, True)
    with open_store(uri) as store:
        assert (store.find("test").name, store.find("test").count(), store.numbers("test")) == ("test__2", 9, [2])


def test_an_index_with_no_pictures_is_switched_over(open_index, reindex, uri):
    with open_index() as index:
        index.collection.delete(list(contents(index.collection)))
    assert reindex().is_switched


def test_one_that_was_kept_can_be_returned_to(reindex, uri, encoders, folder, open_index, other):
    reindex(keep=True)
    (folder / "1.png").rename(folder / "one.png")
    write_pictures(folder, 2, first=20)
    (folder / "2.png").unlink()
    with open_index(encoders=other) as index:
        index.add([folder], prune_folders=True)
        names = sorted(names for names, _ in contents(index.collection).values())
    done = reindex(encoders=encoders)
    assert (done.made, done.kept, done.collection) == (2, 9, "test__1")
    with open_store(uri) as store:
        assert sorted(names for names, _ in contents(store.find("test")).values()) == names
        assert store.numbers("test") == [1]


def test_one_that_was_kept_outlives_a_reindex_with_nothing_to_do(reindex, uri):
    reindex(keep=True)
    assert not reindex().is_switched
    with open_store(uri) as store:
        assert (store.find("test").name, store.numbers("test")) == ("test__2", [1, 2])


def test_a_reindex_that_is_taken_up_follows_what_happened_to_the_index_since(reindex, uri, open_index, filled):
    small = BatchLimits(page=3)
    (filled / "9.png").rename(away := filled.parent / "9.png")
    assert reindex(limits=small).made == 9
    for number in range(8):
        (filled / f"{number}.png").unlink()
    (filled / "8.png").rename(filled / "renamed.png")
    away.rename(filled / "9.png")
    with open_index() as index:
        assert index.add([filled], prune_missing=True).removed == 8
    done = reindex(limits=small)
    assert (done.made, done.kept, done.is_switched) == (1, 1, True)
    with open_store(uri) as store:
        names = sorted(names for names, _ in contents(store.find("test")).values())
        assert names == [(str(filled / "9.png"),), (str(filled / "renamed.png"),)]


def test_a_second_reindex_has_nothing_to_do(reindex, uri):
    reindex()
    with open_store(uri) as store:
        before = contents(store.find("test"))
    assert reindex().made == 0
    with open_store(uri) as store:
        assert contents(store.find("test")) == before


class Sharper(ToyOperator):
    """Has the fingerprint of the toy, and other vectors, as after pictures are decoded in another way."""

    def preprocess(self, image):
        return super().preprocess(image)[::-1]


def test_vectors_are_made_again_by_the_same_encoder_if_it_is_asked_for(reindex, uri, encoders, make_encoders):
    sharper = make_encoders(Sharper())
    assert reindex(encoders=sharper).made == 0
    with open_store(uri) as store:
        before = contents(store.find("test"))
    done = reindex(encoders=sharper, again=True, keep=True)
    assert (done.made, done.is_switched, done.collection) == (10, True, "test__2")
    with open_store(uri) as store:
        assert contents(store.find("test")) != before
    # The one that was kept has the same fingerprint, and is not taken for one that was begun.
    assert reindex(encoders=encoders, again=True).made == 10
    with open_store(uri) as store:
        assert contents(store.find("test")) == before


def test_a_run_that_makes_vectors_again_is_taken_up(reindex, encoders):
    count = itertools.count(1)

    def stop() -> None:
        if next(count) == 6:
            raise VisopError("interrupted")

    with pytest.raises(VisopError, match="interrupted"):
        reindex(encoders=encoders, again=True, on_done=stop, limits=BatchLimits(write=2))
    done = reindex(encoders=encoders, again=True)
    assert done.kept > 0
    assert done.made + done.kept == 10
