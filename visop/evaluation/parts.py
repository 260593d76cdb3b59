"""Parts of the originals, which an index of parts has vectors of beside those of the whole pictures."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from visop.contract import Image, Processor
from visop.errors import SettingsError, UsageError
from visop.part_scheme import PartScheme, spoken_parts
from visop.processors.regions import Regions
from visop.serving.operators import load_model, load_processor
from visop.serving.part_encoder import PartChoice
from visop.settings import Settings, load_settings


class Parts:
    """What makes the parts of pictures. May be used from several threads.

    Attributes:
        name: of the scheme, as a calibration calls it, such as ``regions:10``.
    """

    def __init__(self, processor: Processor, choice: PartChoice) -> None:
        scheme = PartScheme(processor.name, processor.fingerprint, choice.margin, choice.most, whole=True)
        self.name = spoken_parts(str(scheme))
        self._processor, self._choice = processor, choice
        self._finding = threading.Lock()

    def cut(self, image: Image) -> list[Image]:
        """The parts of a picture, without the whole. Raises ModelFailed as the processor does."""
        size = image.shape[1], image.shape[0]
        with self._finding:
            [found] = self._processor.bulk_execute([image])
        return [self._choice.cut_out(image, part, size) for part in self._choice.of(found, size)[1:]]


@contextmanager
def open_parts(scheme: str, environ: Mapping[str, str]) -> Iterator[Parts]:
    """Open what makes parts; close it in the end.

    Args:
        scheme: such as ``regions:10``, ``faces`` or ``module:Class``, as ``visop index --parts`` takes it.
        environ: such as ``os.environ``, for all other settings.

    Raises:
        UsageError: there is no such processor, or it makes vectors in the encoder.
    """
    settings = load_settings(environ, {"processor": scheme}).settings
    processor = _processor(scheme, settings)
    if isinstance(processor, Regions) and processor.form == "pooled":
        raise UsageError("parts", scheme, "pools regions in the encoder, which is not measured here; leave out :pooled")
    load_model(processor)
    try:
        processor.warm_up()
        yield Parts(processor, PartChoice(settings.max_parts_per_picture, True, settings.crop_margin))
    finally:
        processor.close()


def _processor(scheme: str, settings: Settings) -> Processor:
    try:
        return load_processor(settings)
    except SettingsError as error:
        raise UsageError("parts", scheme, error.why) from None
