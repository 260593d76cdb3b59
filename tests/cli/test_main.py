import csv
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import visop
from tests.conftest import make_image
from tests.stub_operator import StubOperator, serving, vector_of
from visop.cli import health
from visop.cli.console import note
from visop.cli.main import main
from visop.cli.settings_flags import flag_name, spoken
from visop.errors import VisopError
from visop.models.registry import MODELS
from visop.settings import Settings

ROOT = Path(__file__).parents[2]
HEAVY = {"keras", "tensorflow", "openvino", "PIL", "requests", "onnxruntime", "scipy"}


@pytest.fixture
def operator():
    return StubOperator()


@pytest.fixture
def endpoint(operator):
    with serving(operator) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture
def photos(tmp_path):
    """Forty files below a folder, four of them bad."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number in range(40):
        path = folder / ("more" if number % 3 else "") / f"{number:02}.jpg"
        path.write_bytes(b"bad" if number % 10 == 7 else b"%d" % number)
    return folder


def run(*arguments):
    return main([str(argument) for argument in arguments])


def start(*arguments):
    """The command in a process of its own."""
    command = [sys.executable, "-X", "faulthandler", "-m", "visop", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# --- what every command has in common ---


def test_help_shows_how(capsys):
    with pytest.raises(SystemExit) as caught:
        run("--help")
    assert caught.value.code == 0
    assert "visop encode pictures/ --out vectors.npy" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "shown"), [([], "usage: visop"), (["--version"], f"visop {visop.__version__}")])
def test_visop_alone_prints_its_help_and_version_its_version(arguments, shown):
    command = [sys.executable, "-m", "visop", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith(shown)
    assert ended.stderr == ""


@pytest.mark.parametrize("arguments", [["dance"], ["encode"], ["encode", "x", "--out", "v.npy", "--batch", "0"]])
def test_wrong_usage_is_exit_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    assert "usage: visop" in capsys.readouterr().err


def test_an_unknown_flag_is_answered_with_the_usage_of_the_command(capsys):
    with pytest.raises(SystemExit) as caught:
        run("health", "--sise")
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: visop health ")
    assert error.endswith("unrecognized arguments: --sise\n")


def test_a_wrong_setting_is_one_line_and_exit_status_2(monkeypatch, capsys):
    monkeypatch.setenv("OP_MAX_BATCH", "many")
    assert run("info") == 2
    assert capsys.readouterr().err == "visop: OP_MAX_BATCH=many: must be a whole number\n"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["serve", "--help"], ["info"], ["info", "--models"], ["encode", "-h"]]
)
def test_nothing_heavy_is_imported_needlessly(arguments):
    assert heavy_imports(arguments) == set()


def test_a_remote_operator_needs_nothing_heavy(endpoint, photos, tmp_path):
    assert heavy_imports(["encode", photos, "--out", tmp_path / "v.npy", "-e", endpoint]) == set()
    assert heavy_imports(["health", "-e", endpoint]) == set()


def heavy_imports(arguments):
    code = (
        "import contextlib, sys\nfrom visop.cli.main import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr): main(sys.argv[1:])\n"
        f"print(*set(sys.modules) & {HEAVY})"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())


_CLIENT_ONLY = """
import sys
from visop.cli.main import main

packages = {"grpc", "grpc_status", "google", "numpy", "tqdm", "typing_extensions"}
installed = {"visop", "tests", *packages, *sys.stdlib_module_names}

class Absent:
    def find_spec(self, name, *_):
        if name.partition(".")[0] not in installed:
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Absent())
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "command",
    [
        "serve",
        "encode a.png --out v.npy",
        "train . --out e.safetensors",
        "evaluate .",
        "compare a.png a.png",
        "whiten . --out e.safetensors",
        "convert --out e.safetensors",
        "generate --out out --count 1",
        "collect http://127.0.0.1:1/ --out out",
        "index .",
        "search a.png",
        "duplicates",
        "reindex",
        "run",
    ],
)
def test_a_command_that_needs_more_than_a_client_says_what_to_install(command, tmp_path):
    (tmp_path / "a.png").write_bytes(make_image())
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _CLIENT_ONLY, *command.split()], cwd=tmp_path, env=environment, capture_output=True
    )
    assert done.returncode == 2, done.stderr.decode()
    assert re.match(r"visop: [\w.]+ is not installed; to .*: pip install 'visop\[\w+\]'", done.stderr.decode())


def test_a_reader_that_has_enough_is_no_error():
    process = subprocess.run(
        f"{sys.executable} -m visop info --json | head -c 1", shell=True, cwd=ROOT, capture_output=True, check=True
    )
    assert process.stderr == b""


def test_standard_streams_that_are_closed_are_no_error():
    command = f"{sys.executable} -m visop info --json <&- >&- 2>&-"
    assert subprocess.run(command, shell=True, cwd=ROOT).returncode == 0


# --- serve ---


@pytest.fixture
def served(monkeypatch):
    """What ``serve`` would have served."""
    served: list[Settings] = []

    def serve(effective, _companions):
        served.append(effective)
        return 7

    monkeypatch.setattr("visop.serving.lifecycle.serve", serve)
    return served


def test_serve_passes_settings_on_and_the_exit_status_back(served, monkeypatch):
    monkeypatch.setenv("OP_POOLING", "max")
    assert run("serve", "--model", "vgg16", "--fetch", "off") == 7
    settings, sources = served[0].settings, served[0].sources
    assert (settings.model, settings.fetch, settings.pooling) == ("vgg16", False, "max")
    assert (sources["model"], sources["pooling"], sources["resize"]) == ("flag", "environment", "default")


@pytest.mark.parametrize("name", [spec.name for spec in dataclasses.fields(Settings)])
def test_every_setting_is_a_flag(served, name):
    run("serve", flag_name(name), spoken(getattr(Settings(), name)))
    assert [name for name, source in served[0].sources.items() if source == "flag"] == [name]


@pytest.mark.parametrize(
    ("flags", "named"), [(("--model", "vgg17"), "--model vgg17: must be one of"), ((), "OP_MODEL=vgg16x: must be one")]
)
def test_a_setting_that_is_wrong_once_it_is_used_is_named_as_it_was_given(flags, named, monkeypatch, capsys):
    monkeypatch.setenv("OP_MODEL", "vgg16x")
    monkeypatch.chdir(ROOT / "tests")  # without a custom operator
    assert run("serve", *flags) == 2
    assert f"visop: {named}" in capsys.readouterr().err


def test_what_is_not_installed_is_named_with_the_way_to_install_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "visop.serving.lifecycle", None)
    assert run("serve") == 2
    assert "pip install 'visop[cpu]'" in capsys.readouterr().err


# --- info and health ---


def test_info_says_where_each_value_comes_from(monkeypatch, capsys):
    monkeypatch.setenv("OP_MODEL", "vgg16")
    assert run("info", "--max-batch", "3") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["value", "from"]
    assert ["OP_MODEL", "vgg16", "environment"] in lines
    assert ["OP_MAX_BATCH", "3", "flag"] in lines
    assert ["OP_FETCH", "on", "default"] in lines


def test_info_for_programs_keeps_the_types(capsys):
    run("info", "--json", "--formats", "JPEG,PNG")
    facts = json.loads(capsys.readouterr().out)
    assert facts["OP_FORMATS"] == {"value": ["JPEG", "PNG"], "from": "flag"}
    assert facts["OP_MAX_ITEMS"] == {"value": 256, "from": "default"}
    assert len(facts) == len(dataclasses.fields(Settings))


def test_info_lists_the_models(capsys):
    assert run("info", "--models") == 0
    encoders, processors = capsys.readouterr().out.split("\n\n")
    assert [line.split()[0] for line in encoders.splitlines()[1:]] == list(MODELS)
    assert {"faces", "regions:N", "ssd300"} < {line.split()[0] for line in processors.splitlines()[1:]}


def test_info_of_a_running_operator(endpoint, capsys):
    assert run("info", "-e", endpoint, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["fingerprint"], facts["max_items"], facts["health"]) == ("stub", "one", 256, "healthy")


def test_info_lists_older_fingerprints_in_order(endpoint, operator, capsys):
    operator.identity.older_fingerprints.extend(["b", "a"])
    assert run("info", "-e", endpoint, "--json") == 0
    assert json.loads(capsys.readouterr().out)["older_fingerprints"] == ["a", "b"]
    assert run("info", "-e", endpoint) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["older_fingerprints", "a,b"] in lines


def test_health_is_exit_status_0(endpoint, capsys):
    assert run("health", "-e", endpoint) == 0
    assert capsys.readouterr().out == "healthy\n"


def test_illness_is_exit_status_1(endpoint, operator, capsys):
    operator.healthy = "unhealthy: the model thread has ended"
    assert run("health", "-e", endpoint) == 1
    assert capsys.readouterr().out == "unhealthy: the model thread has ended\n"


@pytest.mark.parametrize("command", ["info", "health"])
def test_what_a_remote_operator_says_cannot_control_the_terminal(command, endpoint, operator, capsys):
    operator.healthy = operator.identity.name = "\x1b[2J\x07bad"
    run(command, "-e", endpoint)
    said = capsys.readouterr().out
    assert "\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}bad" in said
    assert "\x1b" not in said


def test_what_is_said_on_stderr_cannot_control_the_terminal(capsys):
    note("one\n\x1b[2Jtwo")
    assert capsys.readouterr().err == "visop: one\n\N{REPLACEMENT CHARACTER}[2Jtwo\n"


def test_nobody_there_is_exit_status_1(operator, capsys):
    with serving(operator) as port:
        pass
    assert run("health", "-e", f"127.0.0.1:{port}") == 1
    said = f"visop: 127.0.0.1:{port} cannot be reached or is not ready: Connection refused\n"
    assert capsys.readouterr().err == said


def test_health_asks_the_server_of_this_host(endpoint, monkeypatch):
    monkeypatch.setenv("OP_ENDPOINT", f"operator.example:{endpoint.rpartition(':')[2]}")
    monkeypatch.setenv("OP_BIND", "0.0.0.0")
    assert run("health") == 0


@pytest.mark.parametrize(
    ("bind", "target"),
    [("127.0.0.1", "127.0.0.1:80"), ("0.0.0.0", "127.0.0.1:80"), ("::", "[::1]:80"), ("10.0.0.7:81", "10.0.0.7:81")],
)
def test_the_own_host_is_reached_where_the_server_listens(bind, target):
    assert health._local_target(Settings(endpoint="host:80", bind=bind)) == target


# --- encode ---


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def assert_complete(out, photos):
    """Every photo is on its row or among the errors, and no other is."""
    vectors, names = np.load(out), [row["input"] for row in rows(out.with_suffix(".csv"))]
    bad = [row["input"] for row in rows(out.with_suffix(".errors.csv"))]
    assert sorted(names + bad) == sorted(map(str, photos.rglob("*.jpg")))
    assert len(bad) == 4
    np.testing.assert_array_equal(vectors, [vector_of(Path(name).read_bytes()) for name in names])


def test_encode_writes_vectors_names_and_errors(endpoint, photos, tmp_path, capsys):
    out = tmp_path / "v.npy"
    assert run("encode", photos, "--out", out, "-e", endpoint) == 1
    assert_complete(out, photos)
    output = capsys.readouterr()
    assert output.out == f"36 vectors of dimension 8 in {out}\n"
    assert output.err.startswith(f"visop: 4 of 40 inputs failed; {out.with_suffix('.errors.csv')} says why\n  4 x ")


def test_encode_is_exit_status_0_if_all_went_well(endpoint, photos, tmp_path, capsys):
    listing, errors = tmp_path / "list", tmp_path / "bad.csv"
    listing.write_text(f"{photos}/00.jpg\n")
    arguments = ["http://host/a.jpg", "--list", listing, "--errors", errors, "--quiet"]
    assert run("encode", *arguments, "--out", tmp_path / "v.npy", "-e", endpoint) == 0
    assert [row["input"] for row in rows(tmp_path / "v.csv")] == ["http://host/a.jpg", f"{photos}/00.jpg"]
    assert rows(errors) == []
    assert capsys.readouterr() == ("", "")


def test_nothing_to_encode_is_wrong_usage(tmp_path, capsys):
    assert run("encode", tmp_path, "--out", tmp_path / "v.npy") == 2
    assert "nothing to encode" in capsys.readouterr().err


def test_flags_of_a_model_have_no_place_with_a_running_operator(endpoint, photos, tmp_path, capsys):
    assert run("encode", photos, "--out", tmp_path / "v.npy", "-e", endpoint, "--model", "vgg16") == 2
    assert "--model: has no effect" in capsys.readouterr().err


def test_a_processor_makes_no_vectors(endpoint, operator, photos, tmp_path, capsys):
    operator.identity.type, operator.identity.dimension = "processor", "-1"
    assert run("encode", photos, "--out", tmp_path / "v.npy", "-e", endpoint) == 2
    assert "not an encoder" in capsys.readouterr().err


def test_encode_in_this_process(tmp_path):
    (tmp_path / "a.png").write_bytes(make_image((0, 3, 4)))
    arguments = ["encode", tmp_path, "--out", tmp_path / "v.npy", "--class", "tests.toys:ToyOperator"]
    assert run(*arguments) == 0
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), [[0, 0.6, 0.8]], atol=1e-6)


def test_an_operator_that_fails_leaves_what_is_done(endpoint, operator, photos, tmp_path, capsys):
    arguments = ["encode", photos, "--out", tmp_path / "v.npy", "-e", endpoint, "--batch", "4"]
    operator.stream_lives.append((3, VisopError("internal error")))
    assert run(*arguments) == 3
    assert "not finished: internal error. What is done is kept" in capsys.readouterr().err
    assert len(operator.answered) == 3 * 4
    assert run(*arguments) == 1
    assert sorted(operator.answered) == sorted(path.read_bytes() for path in photos.rglob("*.jpg"))
    assert_complete(tmp_path / "v.npy", photos)


def test_an_operator_that_changed_meanwhile_is_refused(endpoint, operator, photos, tmp_path, capsys):
    arguments = ["encode", photos, "--out", tmp_path / "v.npy", "-e", endpoint, "--batch", "4"]
    operator.stream_lives.append((3, VisopError("internal error")))
    assert run(*arguments) == 3
    operator.identity.fingerprint = "two"
    assert run(*arguments) == 2
    assert "another operator" in capsys.readouterr().err
    assert run(*arguments, "--restart") == 1


class StuckOperator(StubOperator):
    """Answers some requests, then none until it is released."""

    def __init__(self, after):
        super().__init__()
        self._after, self.stuck, self.released = after, threading.Event(), threading.Event()

    def _answer(self, request):
        if len(self.requests) == self._after:
            self.stuck.set()
            self.released.wait(30)
        return super()._answer(request)


def stop(process, number):
    """Press again, as a person would: once in many runs a first Ctrl-C is lost in a callback of a library."""
    for _ in range(6):
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=4)[1]
    process.send_signal(signal.SIGABRT)  # its stacks go to stderr
    return process.communicate()[1]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)], ids=["kill", "interrupt"])
def test_a_run_that_is_stopped_goes_on(photos, tmp_path, number, status):
    out = tmp_path / "v.npy"
    operator = StuckOperator(after=6)
    with serving(operator) as port:
        arguments = ["encode", photos, "--out", out, "-e", f"127.0.0.1:{port}", "--batch", "2"]
        process = start(*arguments)
        assert operator.stuck.wait(30)
        error = stop(process, number)
        assert process.returncode == status, error
        operator.released.set()
        assert run(*arguments) == 1
    assert_complete(out, photos)
    assert ("the same command goes on" in error) is (number == signal.SIGINT)
