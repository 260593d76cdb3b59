"""Originals in an S3 on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tests.search.conftest import write_pictures
from tests.search.originals.test_keeping import all_pictures, files_in, open_index
from visop.errors import VisopError
from visop.search.errors import OriginalsError, OriginalsMissing
from visop.search.originals.reading import read_kept

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

__all__ = ["open_index"]

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    s3fs = pytest.importorskip("s3fs")
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "an-id",
        "AWS_SECRET_ACCESS_KEY": "a-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem(use_listings_cache=False)
    files.mkdir("originals")
    yield "s3://originals/here"
    s3fs.S3FileSystem.clear_instance_cache()
    files.rm("originals", recursive=True)


def test_copies_come_and_go_with_their_pictures(open_index, bucket, tmp_path, settings):
    paths = write_pictures(tmp_path / "photos", 5)
    index = open_index(bucket)
    assert index.add(tmp_path / "photos").originals == f"{bucket}/test"
    data = {path.read_bytes() for path in paths}
    assert set(files_in(bucket).values()) == data
    assert {read_kept(picture, settings.max_image_bytes) for picture in all_pictures(index)} == data
    with pytest.raises(VisopError, match="more than 10 bytes"):
        read_kept(all_pictures(index)[0], 10)
    index.remove(names=paths[0])
    assert set(files_in(bucket)) == {picture.id for picture in all_pictures(index)}
    lost = all_pictures(index)[0]
    index.drop()
    assert files_in(bucket) == {}
    with pytest.raises(OriginalsMissing):
        read_kept(lost, settings.max_image_bytes)


def test_a_run_that_is_killed_leaves_nothing_that_the_next_does_not_clean_up(open_index, bucket, tmp_path, uri):
    write_pictures(tmp_path / "photos", 100)
    command = [sys.executable, "-m", "visop", "index", tmp_path / "photos", "--uri", uri, "--index", "test", "--quiet"]
    command += ["--class", "tests.search.test_kill:Slow", "--keep-originals", bucket]
    command = [str(word) for word in command]
    environment = {**os.environ, "OP_CACHE_DIR": str(tmp_path / "cache")}
    files = fsspec.filesystem("s3", use_listings_cache=False)
    for count in (10, 50):
        with subprocess.Popen(command, cwd=REPOSITORY, env=environment) as process:
            while len(files.find(f"{bucket}/test/unfinished")) < 4 or len(files.find(bucket)) < count:
                assert process.poll() is None, "ended before it could be killed"
            process.send_signal(signal.SIGKILL)
    assert files.find(f"{bucket}/test/unfinished")
    subprocess.run(command, cwd=REPOSITORY, env=environment, check=True)
    pictures = all_pictures(open_index())
    assert len(pictures) == 100
    assert all(picture.kept for picture in pictures)
    assert set(files_in(bucket)) == {picture.id for picture in pictures}


@pytest.mark.parametrize(
    ("changes", "address", "message"),
    [
        ({}, "s3://no-such-bucket", "there is no such object, or no such bucket"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "s3://originals", "cannot be used now (EndpointConnectionError)"),
        ({"AWS_ACCESS_KEY_ID": None}, "s3://originals", "there are no credentials in this environment"),
    ],
    ids=["no bucket", "no server", "no credentials"],
)
def test_what_is_wrong_is_said_without_secrets(open_index, bucket, tmp_path, monkeypatch, changes, address, message):
    write_pictures(tmp_path / "photos", 1)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in changes.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(OriginalsError) as caught:
        open_index(address).add(tmp_path / "photos")
    assert message in str(caught.value)
    assert not {"an-id", "a-secret"} & set(str(caught.value).split())


def test_credentials_that_may_not_are_said_to_be_so(open_index, bucket, tmp_path, monkeypatch):
    from moto import settings

    write_pictures(tmp_path / "photos", 1)
    monkeypatch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    with pytest.raises(OriginalsError, match="access is denied with the credentials of this environment"):
        open_index(bucket).add(tmp_path / "photos")
    monkeypatch.undo()
