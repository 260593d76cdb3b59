"""data/prepare_model.sh against a real HTTP server, with a small file in the place of the published one."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.in_thread import serving_in_thread
from visop.models.registry import MODELS
from visop.processors.ssd.variants import VARIANTS, Variant

SCRIPT = Path(__file__).parents[1] / "data" / "prepare_model.sh"
VGG19 = MODELS["vgg19"]
BODY = b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 400


class _Mirror(BaseHTTPRequestHandler):
    """Serves the file in folders that behave differently."""

    ranges: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        folder, _, name = self.path.rpartition("/")
        if folder == "/nothing" or name != VGG19.weights_file:
            self.send_error(404)
            return
        asked = self.headers["Range"]
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and folder != "/no-ranges" else 0
        if start >= len(BODY):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.end_headers()
        # Headers promise all; what follows may be less, or something else.
        end = {"/cut": start + 40_000, "/dead": start}.get(folder, len(BODY))
        self.wfile.write(BODY[start:end] if folder != "/wrong" else b"x" * (len(BODY) - start))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror() -> Iterator[str]:
    _Mirror.ranges.clear()
    with serving_in_thread(ThreadingHTTPServer(("127.0.0.1", 0), _Mirror)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@dataclass
class Script:
    """A copy of the script that expects the digest of BODY for vgg19."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.root / "data").mkdir()
        md5 = hashlib.md5(BODY).hexdigest()
        copy = SCRIPT.read_text().replace(str(VGG19.weights_md5), md5)
        (self.root / "data" / SCRIPT.name).write_text(copy)

    @property
    def file(self) -> Path:
        return self.root / "data" / VGG19.weights_file

    @property
    def part(self) -> Path:
        return self.file.with_name(f"{self.file.name}.part")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"HOME": str(self.root / "home"), "PYTHON": sys.executable} | self.environment
        return subprocess.run(
            ["bash", str(self.root / "data" / SCRIPT.name), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


def test_its_facts_are_those_of_the_registry() -> None:
    text = SCRIPT.read_text()
    published = text.partition("PUBLISHED=")[2].partition("\n")[0]
    rows = [line.split() for line in text.partition('MODELS="\n')[2].partition('"')[0].splitlines()]
    facts = {
        name: (None if digest == "-" else digest, path if path.startswith("https:") else f"{published}/{path}")
        for name, digest, path in rows
    }
    encoders = {spec.name: (spec.weights_md5, spec.weights_url) for spec in MODELS.values() if spec.weights_url}
    detectors: dict[str, tuple[str | None, str | None]] = {
        each.name: (each.digest, each.url) for each in VARIANTS.values()
    }
    assert facts == encoders | detectors


def test_its_licences_are_those_of_the_registry() -> None:
    lines = SCRIPT.read_text().partition('LICENCES="\n')[2].partition('"')[0].splitlines()
    encoders = {spec.name: spec.weights_licence for spec in MODELS.values() if spec.weights_url}
    licences = {name: said.strip() for name, _, said in (line.partition(" ") for line in lines)}
    assert licences == encoders | {each.name: each.licence for each in VARIANTS.values()}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_fetches_the_weights_of_detectors_and_says_what_is_known_of_their_licence(
    script: Script, tmp_path: Path, variant: Variant
) -> None:
    digest = hashlib.sha256(BODY).hexdigest()
    if len(variant.digest) == 40:  # as `git hash-object` has it
        digest = hashlib.sha1(b"blob %d\0" % len(BODY) + BODY).hexdigest()
    copy = script.root / "data" / SCRIPT.name
    copy.write_text(copy.read_text().replace(variant.digest, digest))
    (tmp_path / variant.file).write_bytes(BODY)
    done = script.run(variant.name, tmp_path.as_uri())
    assert (done.returncode, (copy.parent / variant.file).read_bytes()) == (0, BODY), done.stderr
    assert "licence of the weights: none is stated" in done.stdout
    (copy.parent / variant.file).unlink()
    (tmp_path / variant.file).write_bytes(BODY + b"more")
    refused = script.run(variant.name, tmp_path.as_uri())
    assert refused.returncode == 1
    assert "not the published file" in refused.stderr


@pytest.mark.parametrize("slash", ["", "/"], ids=["no slash", "trailing slash"])
def test_fetches_the_file_from_a_mirror(script: Script, mirror: str, slash: str) -> None:
    done = script.run("vgg19", f"{mirror}/good{slash}")
    assert (done.returncode, script.file.read_bytes()) == (0, BODY), done.stderr
    assert not script.part.exists()


def test_takes_the_mirror_from_the_environment(script: Script, mirror: str) -> None:
    script.environment["WEIGHTS_MIRROR"] = f"{mirror}/good"
    assert script.run("vgg19").returncode == 0
    assert script.file.read_bytes() == BODY


def test_takes_a_folder_as_a_mirror(script: Script, tmp_path: Path) -> None:
    (tmp_path / VGG19.weights_file).write_bytes(BODY)
    assert script.run("vgg19", tmp_path.as_uri()).returncode == 0
    assert script.file.read_bytes() == BODY


def test_puts_the_file_where_the_server_looks_for_it(script: Script, mirror: str, tmp_path: Path) -> None:
    script.environment["OP_DATA_DIR"] = str(tmp_path / "elsewhere")
    assert script.run("vgg19", f"{mirror}/good").returncode == 0
    assert (tmp_path / "elsewhere" / VGG19.weights_file).read_bytes() == BODY


def test_does_nothing_when_the_right_file_is_there(script: Script, mirror: str) -> None:
    script.file.write_bytes(BODY)
    done = script.run("vgg19", f"{mirror}/good")
    assert done.returncode == 0
    assert "exists and is the published file" in done.stdout
    assert _Mirror.ranges == []


def test_does_nothing_when_the_cache_of_keras_has_the_file(script: Script, mirror: str, tmp_path: Path) -> None:
    cache = tmp_path / "home" / ".keras" / "models"
    cache.mkdir(parents=True)
    (cache / VGG19.weights_file).write_bytes(BODY)
    assert script.run("vgg19", f"{mirror}/good").returncode == 0
    assert _Mirror.ranges == []


def test_replaces_a_damaged_file(script: Script, mirror: str) -> None:
    script.file.write_bytes(BODY[:-1])
    done = script.run("vgg19", f"{mirror}/good")
    assert "damaged" in done.stderr
    assert (done.returncode, script.file.read_bytes()) == (0, BODY), done.stderr


def test_goes_on_where_an_earlier_run_stopped(script: Script, mirror: str) -> None:
    script.part.write_bytes(BODY[:5000])
    assert script.run("vgg19", f"{mirror}/good").returncode == 0
    assert script.file.read_bytes() == BODY
    assert _Mirror.ranges == ["bytes=5000-"]


def test_goes_on_by_itself_after_a_cut_connection(script: Script, mirror: str) -> None:
    assert script.run("vgg19", f"{mirror}/cut").returncode == 0
    assert script.file.read_bytes() == BODY
    assert _Mirror.ranges == [None, "bytes=40000-", "bytes=80000-"]


def test_keeps_what_it_has_when_it_gets_no_further(script: Script, mirror: str) -> None:
    script.part.write_bytes(BODY[:5000])
    done = script.run("vgg19", f"{mirror}/dead")
    assert done.returncode == 1
    assert "cut off (after 5000 bytes)" in done.stderr
    assert script.part.read_bytes() == BODY[:5000]


def test_starts_over_where_the_server_knows_no_ranges(script: Script, mirror: str) -> None:
    script.part.write_bytes(BODY[:5000])
    assert script.run("vgg19", f"{mirror}/no-ranges").returncode == 0
    assert script.file.read_bytes() == BODY


@pytest.mark.parametrize("rest", [b"something else", BODY + b"more"], ids=["another file", "too long"])
def test_starts_over_after_what_was_no_beginning_of_the_file(script: Script, mirror: str, rest: bytes) -> None:
    script.part.write_bytes(rest)
    done = script.run("vgg19", f"{mirror}/good")
    assert (done.returncode, script.file.read_bytes()) == (0, BODY)
    assert "starting over" in done.stderr


def test_finishes_a_part_that_is_complete_already(script: Script, mirror: str) -> None:
    script.part.write_bytes(BODY)
    assert script.run("vgg19", f"{mirror}/good").returncode == 0
    assert script.file.read_bytes() == BODY


def test_throws_away_a_file_with_another_digest(script: Script, mirror: str) -> None:
    done = script.run("vgg19", f"{mirror}/wrong")
    assert done.returncode == 1
    assert "not the published file" in done.stderr
    assert list(script.file.parent.iterdir()) == [script.file.parent / SCRIPT.name]


def test_enters_the_sha256_of_what_it_fetched_first(script: Script, mirror: str) -> None:
    assert script.run("vgg19", f"{mirror}/good").returncode == 0
    assert script.run("vgg19", f"{mirror}/good").returncode == 0
    listing = script.file.with_name("weights.sha256")
    assert listing.read_text() == f"{hashlib.sha256(BODY).hexdigest()}  {VGG19.weights_file}\n"


def test_throws_away_a_file_with_another_sha256_than_before(script: Script, tmp_path: Path) -> None:
    """Of a model for which Keras publishes no digest."""
    name = str(MODELS["mobilenetv2"].weights_file)
    (tmp_path / name).write_bytes(BODY)
    assert script.run("mobilenetv2", tmp_path.as_uri()).returncode == 0
    (script.file.parent / name).unlink()
    (tmp_path / name).write_bytes(BODY + b"more")
    done = script.run("mobilenetv2", tmp_path.as_uri())
    assert done.returncode == 1
    assert "not the published file" in done.stderr
    assert not (script.file.parent / name).exists()


@pytest.mark.parametrize("address", ["{}/nothing", "http://127.0.0.1:1", "nonsense"])
def test_fails_loudly_and_says_how_to_go_on(script: Script, mirror: str, address: str) -> None:
    done = script.run("vgg19", address.format(mirror))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert VGG19.weights_file in done.stderr
    assert hashlib.md5(BODY).hexdigest() in done.stderr


def test_a_model_with_no_published_digest_must_at_least_be_hdf5(script: Script, tmp_path: Path) -> None:
    spec = MODELS["mobilenetv2"]
    assert spec.weights_md5 is None
    (tmp_path / spec.weights_file).write_bytes(b"<html>Sign in to the guest network</html>")
    assert script.run("mobilenetv2", tmp_path.as_uri()).returncode == 1
    (tmp_path / spec.weights_file).write_bytes(BODY)
    done = script.run("mobilenetv2", tmp_path.as_uri())
    assert done.returncode == 0
    assert "no digest is published" in done.stdout


def test_an_unknown_model_is_refused_with_the_list_of_models(script: Script) -> None:
    done = script.run("vgg99")
    assert done.returncode == 2
    assert all(name in done.stderr for name, spec in MODELS.items() if spec.weights_url)


def test_help_teaches_and_no_argument_is_an_error(script: Script) -> None:
    assert script.run("--help").returncode == 0
    assert "MIRROR" in script.run("--help").stdout
    assert script.run().returncode == 2
