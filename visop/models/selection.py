"""Which built-in encoder the settings mean. Imports no runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from visop.contract import Image
from visop.errors import SettingsError, WeightsError
from visop.images.decode import resize_image
from visop.models.encoder_file import read_header
from visop.models.encoder_header import EncoderHeader
from visop.models.engines.engine import Engine, EngineOptions
from visop.models.engines.load import load_engine
from visop.models.engines.windows import CpuWindowEncoder
from visop.models.fingerprint import fingerprint, older_fingerprints
from visop.models.precision import PRECISIONS
from visop.models.registry import (
    DEFAULT_MODEL,
    DESCRIPTORS,
    ModelSpec,
    Pooling,
    Precision,
    ServedPooling,
    find_model,
)
from visop.models.tensor_file import SUFFIX, Tensors, digests_of
from visop.models.weights import Weights, find_weights
from visop.models.windows import WindowEncoder, Windows
from visop.settings import Settings

_NO_FILE = ("auto", "imagenet", "random")


@dataclass(frozen=True)
class Selection:
    """The built-in encoder that settings mean: found, and not loaded yet.

    Attributes:
        spec: what the registry says of the model, with the dimension, pooling and precision of the encoder file if the
            weights are one.
        weights: that were found.
        pooling: of the feature map.
        resize: how a picture is brought to the size of the model.
    """

    spec: ModelSpec
    weights: Weights
    pooling: ServedPooling
    resize: Literal["bilinear", "nearest"]

    @classmethod
    def of(cls, settings: Settings) -> Selection:
        """Find the encoder that the settings mean; of an encoder file, the digest is taken and no more.

        Raises:
            SettingsError: there is no such model, or no file can tell, or the encoder file contradicts the settings.
            WeightsError: the weights are missing, damaged, or not the published ones.
        """
        spec = find_model(_model_name(settings))
        weights = find_weights(spec, settings.weights, settings.data_dir)
        if settings.pooling == "descriptors":
            spec = _with_descriptors(spec)
        elif weights.header is not None:
            _refuse_contradiction(settings, "pooling", weights.header.pooling)
            spec = _spec_of(spec, weights.header)
        elif settings.pooling != "auto":
            spec = replace(spec, pooling=settings.pooling)
        return cls(spec, weights, spec.pooling, settings.resize)

    def of_tensors(self, pooling: Pooling, dimension: int, tensors: Tensors, path: Path) -> Selection:
        """The encoder that a file of these tensors is once it is written to ``path``, on the same model."""
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        header = EncoderHeader(model=self.spec.name, pooling=pooling, dimension=dimension, card={}, shapes=shapes)
        digests = digests_of(tensors)
        weights = Weights("file", path, digests.weights, header, digests.ranges)
        return replace(self, spec=_spec_of(self.spec, header), weights=weights, pooling=pooling)

    @property
    def decode_side(self) -> int | None:
        """As ``Encoder.decode_side``: nearest takes single pixels, and must see all of them."""
        return 2 * max(self.spec.height, self.spec.width) if self.resize == "bilinear" else None

    def resized(self, image: Image) -> Image:
        """(H, W, 3) uint8 RGB of any size -> (height, width, 3) uint8, what the model takes."""
        return resize_image(image, self.spec.height, self.spec.width, self.resize)

    def fingerprint(self, precision: Precision) -> str:
        """The name of the space of its vectors, in a precision."""
        return fingerprint(self.spec, self.weights, self.pooling, self.resize, precision)

    def older_fingerprints(self, precision: Precision) -> frozenset[str]:
        """Other names that the same space has had, of vectors that can still be searched with this precision."""
        return older_fingerprints(self.spec, self.weights, self.pooling, self.resize, precision)

    def fingerprints(self) -> frozenset[str]:
        """All names that its vectors have or had, in any precision."""
        return frozenset(
            name for each in PRECISIONS for name in (self.fingerprint(each), *self.older_fingerprints(each))
        )

    @property
    def calibration(self) -> Mapping[str, Any] | None:
        """What the card of the encoder file says of thresholds, whatever encoder it was measured with; or None."""
        measured = self.weights.header is not None and self.pooling != "descriptors"
        card = self.weights.header.card if self.weights.header and measured else {}
        calibration = card.get("calibration")
        return calibration if isinstance(calibration, Mapping) else None

    @property
    def descriptors(self) -> tuple[str, ...]:
        """The names of the descriptors that a vector has side by side; none if it is one."""
        return tuple(DESCRIPTORS) if self.pooling == "descriptors" else ()

    def one_pooling(self) -> Pooling:
        """The pooling, for an encoder file. Whoever writes one asks for it before the work begins.

        Raises:
            SettingsError: it is several descriptors, which no encoder file has.
        """
        if self.pooling == "descriptors":
            why = "is several vectors, and an encoder file is of one; take avg, max, gem, rmac or ramac"
            raise SettingsError("pooling", self.pooling, why)
        return self.pooling

    def load(self, options: EngineOptions) -> Engine:
        """Compile it for a device. Raises as ``load_engine``."""
        return load_engine(self.spec, self.weights, self.pooling, options)

    def window_encoder(self, windows: Windows, options: EngineOptions) -> WindowEncoder:
        """Its network for windows of a picture, not loaded yet. Raises as ``CpuWindowEncoder``."""
        return CpuWindowEncoder(self.spec, self.weights, self.resize, windows, options)


def _model_name(settings: Settings) -> str:
    """The name of the model; of an encoder file, no more than the header is read."""
    path = Path(settings.weights).expanduser()
    if settings.weights in _NO_FILE:
        return DEFAULT_MODEL if settings.model == "auto" else settings.model
    if path.suffix == SUFFIX:
        if not path.is_file():
            raise WeightsError("weights", settings.weights, "there is no such file")
        model = read_header(path).model
        _refuse_contradiction(settings, "model", model)
        return model
    if settings.model == "auto":
        raise SettingsError("weights", settings.weights, f"only {SUFFIX} files say their model; set OP_MODEL")
    return settings.model


def _with_descriptors(spec: ModelSpec) -> ModelSpec:
    """The same model with several descriptors of its feature map, whatever an encoder file does with that."""
    # Whether vectors of several precisions can be searched together was measured for one descriptor only.
    return replace(spec, pooling="descriptors", dimension=len(DESCRIPTORS) * spec.dimension, space=("f32",))


def _spec_of(spec: ModelSpec, header: EncoderHeader) -> ModelSpec:
    return replace(
        spec,
        dimension=header.dimension,
        pooling=header.pooling,
        # Whitening makes the weak directions as strong as the others, and with them the rounding (measured for bf16:
        # centred cosines of 0.96 with f32, where the same network without whitening has 0.9999).
        space=("f32",) if header.has_whitening else spec.space,
    )


def _refuse_contradiction(settings: Settings, name: Literal["model", "pooling"], said: str) -> None:
    asked = getattr(settings, name)
    if asked not in ("auto", said):
        raise SettingsError(
            name, asked, f"contradicts the encoder file {settings.weights}, whose {name} is {said}; leave it out"
        )
