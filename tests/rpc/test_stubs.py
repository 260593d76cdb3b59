"""The stubs of visop beside those of the original clients, whose file and messages have the same names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Running, make_image
from tests.original_client import PROTO

ROOT = Path(__file__).parents[2]

CALL_BOTH = """
import sys
import grpc
{imports}
with grpc.insecure_channel(sys.argv[1]) as channel, Client(sys.argv[1]) as client:
    stub = rpc_pb2_grpc.OperatorStub(channel)
    picture = open(sys.argv[2], "rb").read()
    datas = [base64.b64encode(picture).decode()]
    original = stub.Execute(rpc_pb2.ExecuteRequest(datas=datas), timeout=20).vectors[0].element
    assert list(original) == client.encode(images=[picture])[0].tolist()
    assert stub.Identity(rpc_pb2.IdentityRequest(), timeout=20).name == client.identity().operator.name
"""
IMPORTS = ("from rpc import rpc_pb2, rpc_pb2_grpc", "from visop import Client", "import base64")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package ``rpc`` of an original client, made as its README says."""
    folder = tmp_path_factory.mktemp("original")
    (folder / "rpc").mkdir()
    (folder / "rpc" / "rpc.proto").write_text(PROTO)
    protoc: list[str] = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", "rpc/rpc.proto"]
    subprocess.run([*protoc, f"--python_out={folder}", f"--grpc_python_out={folder}"], check=True)
    return folder


@pytest.mark.parametrize("imports", [IMPORTS, IMPORTS[::-1]], ids=["original first", "visop first"])
def test_one_process_calls_with_both(
    imports: tuple[str, ...], original: Path, running_server: Running, tmp_path: Path
) -> None:
    (tmp_path / "picture.png").write_bytes(make_image())
    code = f"import sys; sys.path[:0] = [{str(original)!r}, {str(ROOT)!r}]\n" + CALL_BOTH.format(
        imports="\n".join(imports)
    )
    command = [sys.executable, "-c", code, running_server.address, str(tmp_path / "picture.png")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
