"""What is left out of folders, and how the list is changed."""

import pytest

from visop.sources.excluded import Excluded


def leaves_out(path, *patterns, root="pictures"):
    parts = path.rstrip("/").split("/")
    return Excluded(patterns).leaves_out(parts, root, is_folder=path.endswith("/"))


@pytest.mark.parametrize(
    "path",
    [
        "@eaDir/",
        "@EADIR/",
        ".thumbnails/",
        "#recycle/",
        "$Recycle.Bin/",
        ".Trash-1000/",
        "a/._b.jpg",
        "a/.b.jpg",
        "lost+found/",
        "@Recycle/",
        "System Volume Information/",
        ".@__thumb/",
        "x/y Previews.lrdata/",
        "P.photoslibrary/resources/",
        ".AppleDouble/",
        "Thumbs.db",
        "__MACOSX/",
    ],
)
def test_what_systems_make_is_left_out(path):
    assert leaves_out(path)


@pytest.mark.parametrize("path", ["a.jpg", "P.photoslibrary/", "P.photoslibrary/originals/", "trash/", "a/thumbs/"])
def test_pictures_of_their_owner_are_not(path):
    assert not leaves_out(path)


def test_the_previews_of_a_library_are_left_out_where_it_is_the_folder_itself():
    assert leaves_out("resources/", root="P.photoslibrary")
    assert not leaves_out("originals/", root="P.photoslibrary")
    assert not leaves_out("a.jpg", root=".hidden")


@pytest.mark.parametrize(
    ("pattern", "path", "is_left_out"),
    [
        ("drafts", "a/drafts/", True),
        ("drafts", "a/Drafts", True),
        ("drafts/", "a/drafts", False),
        ("*.XMP", "a/b.xmp", True),
        ("/raw", "raw/", True),
        ("/raw", "a/raw/", False),
        ("a/*/c", "a/b/c", True),
        ("a/*/c", "a/b/b/c", False),
        ("a/**/c", "a/b/b/c", True),
        ("#old", "#old/", True),
        ("img_[0-3].jpg", "IMG_2.jpg", True),
        ("!@eaDir", "@eaDir/", False),
        ("!.*", "@eaDir/", True),
        ("!", ".x/", True),
    ],
)
def test_patterns_are_those_of_a_gitignore(pattern, path, is_left_out):
    assert leaves_out(path, pattern) == is_left_out


def test_the_last_pattern_that_fits_decides():
    assert leaves_out("a.gif", "!*.gif", "*.gif")
    assert not leaves_out("a.gif", "*.gif", "!a.*")


def test_without_the_defaults_all_is_taken():
    assert not Excluded((), ()).leaves_out([".hidden"], "x", is_folder=True)
