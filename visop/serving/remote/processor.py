"""A running processor, as one of this process: pictures go there as files, and what it finds is checked here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from visop.contract import Image, Processor
from visop.detection import Detection, Unplaced
from visop.images.decode import ImageLimits
from visop.images.decode_process import decode_in_process
from visop.rpc import rpc_pb2
from visop.serving.remote.elsewhere import Elsewhere
from visop.serving.remote.files import lossless_file
from visop.serving.remote.wire import FoundParts, parts_of


class RemoteProcessor(Elsewhere, Processor):
    """A processor at HOST:PORT; see ``Elsewhere``."""

    type = "processor"
    stacks = False

    def load(self) -> None:
        """Connect. Raises as ``RemoteOperator.connect``."""
        super().load()
        self.labels, self.fingerprint = self.remote.info.labels, self.remote.info.fingerprint

    def preprocess(self, image: Image) -> bytes:
        """The image as a file."""
        return lossless_file(image, self.remote.max_file_bytes)

    def file_of(self, file: bytes, image: Image) -> bytes:
        """A picture as it is sent: the file that it came as, unless the processor does not take such files."""
        return file if self.remote.takes(file) else lossless_file(image, self.remote.max_file_bytes)

    def infer(self, batch: Sequence[bytes]) -> list[list[Detection]]:
        """Have the processor find the parts of files. Raises the first error."""
        found = self.remote.results(batch, self.read, self._settings.request_timeout_s)
        return [[self._decoded(each) for each in parts] for parts in found]

    def postprocess(self, raw: list[Detection], image_size: tuple[int, int]) -> list[Detection]:
        """The parts as they were answered; of those without a place, the whole picture is that."""
        whole = (0.0, 0.0, float(image_size[0]), float(image_size[1]))
        return [replace(each, box=whole) if isinstance(each, Unplaced) else each for each in raw]

    def _decoded(self, part: Detection) -> Detection:
        if not isinstance(part, Unplaced) or part.crop is None:
            return part
        limits, timeout_s = ImageLimits.of(self._settings), self._settings.decode_timeout_s
        return replace(part, image=decode_in_process(part.crop, limits, timeout_s=timeout_s))

    def read(self, reply: rpc_pb2.ExecuteReply, count: int) -> list[FoundParts]:
        """Read a reply to so many inputs. Raises as ``parts_of``."""
        return parts_of(reply, count, self.remote.name)
