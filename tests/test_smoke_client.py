"""``test_grpc.py`` in the root: what a person or a container build runs against an endpoint."""

import io
import runpy
import subprocess
import sys
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image

from tests.conftest import make_image
from tests.stub_operator import StubOperator, serving
from visop.rpc import rpc_pb2, rpc_pb2_grpc

ROOT = Path(__file__).parents[1]
SMOKE = runpy.run_path(str(ROOT / "test_grpc.py"))


def run(*arguments):
    return SMOKE["main"]([str(argument) for argument in arguments])


class WrongOperator(StubOperator):
    """Answers these vectors whatever it is asked."""

    def __init__(self, *vectors):
        super().__init__()
        self.vectors = vectors

    def Execute(self, request, context):
        return rpc_pb2.ExecuteReply(vectors=[rpc_pb2.Vector(element=vector) for vector in self.vectors])


class OriginalOperator(rpc_pb2_grpc.OperatorServicer):
    """Knows three RPCs and the original fields."""

    def ExecuteStream(self, request_iterator, context):
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "there was no such RPC")

    def Identity(self, request, context):
        return rpc_pb2.IdentityReply(name="vgg19", type="encoder", dimension="2", metricType="L2")

    def Healthy(self, request, context):
        return rpc_pb2.HealthyReply(healthy="healthy")

    def Execute(self, request, context):
        assert not request.partial
        count = len(request.datas or request.urls)  # datas hide urls
        return rpc_pb2.ExecuteReply(nums=count, vectors=[rpc_pb2.Vector(element=[0.6, 0.8])] * count)


def test_it_says_what_it_found(running_server, capsys):
    assert run("-e", running_server.address) == 0
    output = capsys.readouterr().out
    assert "toy: encoder, image -> vector" in output
    assert "1 of dimension 3" in output
    assert output.endswith("OK\n")


def test_files_and_urls_may_be_given(start_server, picture_server, tmp_path, capsys):
    path = tmp_path / "a.png"
    path.write_bytes(make_image())
    arguments = ["--file", path, "--file", path, "--url", f"{picture_server}/1-2-3.png"]
    assert run("-e", start_server().address, *arguments) == 0
    assert "vectors    3 of dimension 3" in capsys.readouterr().out


def test_an_original_operator_passes(capsys):
    with serving(OriginalOperator()) as port:
        assert run("-e", f"127.0.0.1:{port}", "--file", __file__, "--url", "http://host/a.jpg") == 0
    output = capsys.readouterr().out
    assert "fingerprint not given" in output
    assert "2 of dimension 2" in output


def test_a_file_that_is_no_image_fails(running_server, capsys):
    assert run("-e", running_server.address, "--file", __file__) == 1
    assert "FAILED: datas[0]: not an image" in capsys.readouterr().err


def test_a_file_that_is_not_there_fails(capsys):
    assert run("--file", "/no/such/file") == 1
    assert "FAILED: /no/such/file: No such file" in capsys.readouterr().err


def test_an_operator_that_is_not_healthy_fails(capsys):
    operator = StubOperator()
    operator.healthy = "the model thread has ended"
    with serving(operator) as port:
        assert run("-e", f"127.0.0.1:{port}") == 1
    assert "FAILED: the operator is not healthy: the model thread has ended" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        ([], "0 vectors"),
        ([[1.0] + [0.0] * 7] * 2, "2 vectors"),
        ([[1.0, 0.0]], "a vector of 2 numbers, and says 8 of itself"),
        ([[1.0] * 8], "not of unit length"),
        ([[float("nan")] * 8], "datas[0]: the operator answered NaN or inf"),
    ],
    ids=["none", "two", "dimension", "length", "nan"],
)
def test_vectors_that_are_wrong_fail(vectors, reason, capsys):
    with serving(WrongOperator(*vectors)) as port:
        assert run("-e", f"127.0.0.1:{port}") == 1
    assert reason in capsys.readouterr().err


def test_nobody_there_is_an_exit_status_that_is_not_0():
    with serving(StubOperator()) as port:
        pass
    command = [sys.executable, "test_grpc.py", "-e", f"127.0.0.1:{port}", "--timeout", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"FAILED: 127.0.0.1:{port} cannot be reached")


def test_its_own_picture_is_a_real_one():
    image = np.asarray(Image.open(io.BytesIO(SMOKE["tiny_png"]())))
    assert image.shape == (32, 32, 3)
    assert image[0, 31].tolist() == [255, 0, 0]
    assert image[31, 0].tolist() == [0, 255, 255]


def test_the_spelling_of_the_version_before_works_and_says_what_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--endpoint", "127.0.0.1:1", "--timeout", 1) == 1
    error = capsys.readouterr().err
    assert error.startswith("visop: write --operator 127.0.0.1:1 in place of --endpoint, which")
    assert "FAILED: 127.0.0.1:1 cannot be reached" in error
