"""Messages of a proto file, in a pool of their own: ours may have the same names."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message


def messages_of(proto: str) -> dict[str, type[Message]]:
    """Compile the text of a proto file, and return its message classes by name."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "original.proto").write_text(proto)
        compiled = Path(folder, "compiled")
        # In a process of its own: its C++ clashes with that of other libraries that tests load, and breaks off.
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"--descriptor_set_out={compiled}"]
        subprocess.run([*command, "original.proto"], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes())
    pool = DescriptorPool()
    pool.Add(files.file[0])
    file = pool.FindFileByName("original.proto")
    return {name: message_factory.GetMessageClass(message) for name, message in file.message_types_by_name.items()}
