"""The parts of a picture as an encoder takes them: as images here, as files elsewhere."""

from __future__ import annotations

from visop.contract import Image
from visop.detection import Detection, Unplaced
from visop.errors import ImageDecodeError, ImageTooLarge, ModelFailed
from visop.images.decode import ImageLimits
from visop.images.decode_process import decode_in_process
from visop.serving.decoded import Decoded
from visop.serving.part_encoder import PartChoice
from visop.serving.remote.encoder import RemoteEncoder
from visop.settings import Settings


class PartImages:
    """Cuts parts out.

    Args:
        choice: with the margin of a part.
        settings: with the limits on what a processor has cut out.
    """

    def __init__(self, choice: PartChoice, settings: Settings) -> None:
        self._choice = choice
        self._limits, self._timeout_s = ImageLimits.of(settings), settings.decode_timeout_s

    def image_of(self, picture: Decoded, part: Detection) -> Image:
        """A part as an image.

        Raises:
            ModelFailed: the processor cut out what cannot be decoded.
        """
        if not isinstance(part, Unplaced) or part.image is not None or part.crop is None:
            return self._choice.cut_out(picture.image, part, picture.size)
        try:
            return decode_in_process(part.crop, self._limits, timeout_s=self._timeout_s)
        except (ImageDecodeError, ImageTooLarge) as error:
            raise ModelFailed(f"the processor cut out something else than a picture: {error}") from error

    def file_of(self, picture: Decoded, part: Detection, encoder: RemoteEncoder) -> bytes:
        """A part as a file, made anew only if there is none that the encoder takes. Raises as ``image_of``."""
        file = _own_file(picture, part)
        if file is not None and encoder.remote.takes(file):
            return file
        return encoder.file_of(self.image_of(picture, part))


def _own_file(picture: Decoded, part: Detection) -> bytes | None:
    if isinstance(part, Unplaced):
        return part.crop
    width, height = map(float, picture.size)
    return picture.file if part.box == (0.0, 0.0, width, height) else None
