"""Names of inputs: paths, addresses, and paths that are written as URLs."""

import pytest

from visop.sources import is_url, path_of, stored_name, typed_path


@pytest.mark.parametrize(("name", "url"), [("http://a", True), ("HTTPS://a", True), ("ftp://a", False), ("a", False)])
def test_addresses_are_told_from_paths(name, url):
    assert is_url(name) is url


@pytest.mark.parametrize("path", ["/a b.jpg", "/caf\udce9.jpg", "/a%20b", "/ä#?.jpg"])
def test_a_path_comes_back_from_the_name_that_is_kept(path):
    assert path_of(stored_name(path)) == path


def test_a_file_that_is_called_like_a_url_is_that_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file:").mkdir()
    (tmp_path / "file:" / "a").touch()
    assert typed_path("file:/a") == "file:/a"
    assert typed_path("file:///b") == "/b"
