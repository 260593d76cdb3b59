"""Which encoder the settings mean, where they leave it to the model or to an encoder file. Imports no runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from visop.errors import SettingsError
from visop.models.encoder_file import SUFFIX, EncoderHeader, read_header
from visop.models.registry import DEFAULT_MODEL, ModelSpec, Pooling, find_model
from visop.models.weights import Weights
from visop.settings import Settings

_NO_FILE = ("auto", "imagenet", "random")


def choose_model(settings: Settings) -> ModelSpec:
    """The model that the settings mean; of an encoder file, no more than the header is read.

    Returns:
        What the registry says of it, with dimension, pooling and precision of the encoder file if it is one.

    Raises:
        SettingsError: there is no such model, or no file can tell, or the encoder file contradicts the settings.
    """
    path = Path(settings.weights).expanduser()
    if settings.weights not in _NO_FILE and path.suffix == SUFFIX:
        return _model_of(read_header(path), settings)
    if settings.weights not in _NO_FILE and settings.model == "auto":
        raise SettingsError(f"OP_WEIGHTS={settings.weights}: only {SUFFIX} files say their model; set OP_MODEL")
    spec = find_model(DEFAULT_MODEL if settings.model == "auto" else settings.model)
    if settings.weights == "auto" and spec.shipped and spec.shipped.is_file():
        return _model_of(read_header(spec.shipped), settings)
    return spec


def choose_pooling(settings: Settings, spec: ModelSpec, weights: Weights) -> Pooling:
    """The pooling of weights that were found.

    Raises:
        SettingsError: the settings ask for another one than that of the encoder file.
    """
    if weights.header is not None:
        return _pooling_of(weights.header, settings)
    return spec.pooling if settings.pooling == "auto" else settings.pooling


def _model_of(header: EncoderHeader, settings: Settings) -> ModelSpec:
    if settings.model not in ("auto", header.model):
        raise _contradiction(settings, "model", header.model)
    spec = find_model(header.model)
    return replace(
        spec,
        dimension=header.dimension,
        pooling=_pooling_of(header, settings),
        # Whitening makes the weak directions as strong as the others, and with them the rounding (measured for bf16:
        # centred cosines of 0.96 with f32, where the same network without whitening has 0.9999).
        fastest="f32" if header.has_whitening else spec.fastest,
    )


def _pooling_of(header: EncoderHeader, settings: Settings) -> Pooling:
    if settings.pooling not in ("auto", header.pooling):
        raise _contradiction(settings, "pooling", header.pooling)
    return header.pooling


def _contradiction(settings: Settings, name: str, said: str) -> SettingsError:
    asked = f"OP_{name.upper()}={getattr(settings, name)}"
    return SettingsError(
        f"{asked} contradicts the encoder file (OP_WEIGHTS={settings.weights}), whose {name} is {said}: leave "
        f"OP_{name.upper()} out, or set it to auto"
    )
