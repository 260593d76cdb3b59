"""A running encoder, as one of this process: images go there as files, and its vectors are checked here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.contract import Encoder, Image, Vector
from visop.errors import VisopError
from visop.rpc import rpc_pb2
from visop.serving.remote.elsewhere import Elsewhere
from visop.serving.remote.files import lossless_file
from visop.serving.remote.wire import vectors_of


class RemoteEncoder(Elsewhere, Encoder):
    """An encoder at HOST:PORT; see ``Elsewhere``."""

    type = "encoder"

    @property
    def dimension(self) -> int:
        """Of its vectors."""
        return self.remote.info.dimension

    def load(self) -> None:
        """Connect. Raises as ``RemoteOperator.connect``."""
        super().load()
        info = self.remote.info
        self.metric_type, self.precision = info.metric_type, info.precision
        self.fingerprint, self.older_fingerprints = info.fingerprint, info.older_fingerprints
        self.descriptors = info.descriptors

    def preprocess(self, image: Image) -> Any:
        """The image as a file."""
        return self.file_of(image)

    def file_of(self, image: Image) -> bytes:
        """An image as it is sent."""
        return lossless_file(image, self.remote.max_file_bytes)

    def batch_of(self, items: Sequence[bytes]) -> Any:
        """The files."""
        return list(items)

    def infer(self, batch: Any) -> npt.NDArray[Any]:
        """Have the encoder encode files. Raises the first error."""
        return np.stack(self.remote.results(batch, self.read, self._settings.request_timeout_s))

    def read(self, reply: rpc_pb2.ExecuteReply, count: int) -> list[Vector | VisopError]:
        """Read a reply to so many inputs. Raises as ``vectors_of``."""
        return vectors_of(reply, count, self.remote.name, self.dimension)
