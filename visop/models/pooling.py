"""From the last feature map to one vector, as part of the graph: the descriptors of the retrieval literature.

Feature maps are (N, height, width, C), or (N, C, height, width) where Keras is set to channels first, of any float type
and of a height and width that are known. A network that sees the picture at several sizes has several of them, each of
which counts as much as any other. Descriptors are (N, C) float32, computed in float32 even where the maps are bfloat16.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from visop.models.regions import Region, regions
from visop.models.registry import DESCRIPTORS, Pooling
from visop.models.windows import Windows

#: Where nothing was trained: what Radenović et al. start from, and near where their training ends.
DEFAULT_P = 3.0

_EPSILON = 1e-6


def pool(maps: Sequence[Any], pooling: Pooling, p: float = DEFAULT_P) -> Any:
    """Pool the feature maps of a picture, mostly one.

    Args:
        maps: see above.
        pooling: ``avg``: the mean over all positions: SPoC without its centre prior, Babenko & Lempitsky 2015,
            "Aggregating deep convolutional features for image retrieval", eq. 2.
            ``max``: the maximum: MAC, Tolias et al. 2016, "Particular object retrieval with integral max-pooling of CNN
            activations", eq. 3.
            ``gem``: the generalised mean, see ``GeneralizedMean``.
            ``rmac``: the sum of unit MACs of regions, see ``regional_maximum``.
            ``ramac``: the same with regions weighted by what is in them, see ``attention``.
        p: the exponent of ``gem``.

    Returns:
        (N, C) float32, not normalised.
    """
    maps = [ops.cast(each, "float32") for each in maps]
    if pooling == "avg":
        return _mean([ops.mean(each, axis=_places()) for each in maps])
    if pooling == "max":
        return _maximum([ops.max(each, axis=_places()) for each in maps])
    if pooling == "gem":
        return GeneralizedMean(p, dtype="float32", name="gem")(maps)
    return _mean([regional_maximum(each, weighted=pooling == "ramac") for each in maps])


def pool_descriptors(maps: Sequence[Any]) -> Any:
    """Several descriptors of the same feature maps, side by side.

    Returns:
        (N, 4 C) float32 of unit length: the unit vectors of ``DESCRIPTORS``, in its order, each divided by 2. An inner
        product of two is then the mean of those of their descriptors. Where the maps are zeros, zeros and never NaN.
    """
    units = [normalise(pool(maps, pooling)) for pooling in DESCRIPTORS.values()]
    return normalise(ops.concatenate(units, axis=1))


def _mean(vectors: Sequence[Any]) -> Any:
    return functools.reduce(ops.add, vectors) / len(vectors)


def _maximum(vectors: Sequence[Any]) -> Any:
    return functools.reduce(ops.maximum, vectors)


def normalise(vectors: Any) -> Any:
    """Divide each row of (..., C) float32 by its L2 norm; a row of zeros stays zeros, and is never NaN."""
    return layers.UnitNormalization(dtype="float32")(vectors)


class GeneralizedMean(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """GeM: the p-th root of the mean of the p-th powers, by channel, over all positions; p is trainable.

    Radenović et al. 2018, "Fine-tuning CNN image retrieval with no human annotation", eq. 3, with one p for all
    channels. Of several maps, the powers have one mean, to which each adds alike. p = 1 is the mean, and large p
    approaches the maximum. What is below 1e-6 counts as 1e-6, as in the
    authors' code. Each channel is divided by its maximum before the power and multiplied by it after, so that no
    activation is too large or too small for float32 or bfloat16; as the factor cancels out, it takes no gradient.
    """

    def __init__(self, p: float = DEFAULT_P, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._initial = p

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        """Make the exponent, a number."""
        self.p = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(self._initial), constraint=_at_least_1, name="p"
        )
        super().build(input_shape)

    def call(self, maps: Sequence[Any]) -> Any:
        """Several (N, height, width, C), or channels first -> (N, C)."""
        maps = [ops.maximum(each, _EPSILON) for each in maps]
        highest = [ops.max(each, axis=_places(), keepdims=True) for each in maps]
        scale = ops.stop_gradient(_maximum(highest))
        # A factor rather than a divisor: measured faster in OpenVINO.
        factor = 1 / scale
        mean = _mean([ops.mean(self._power(each * factor), axis=_places()) for each in maps])
        return ops.power(mean, 1 / self.p) * ops.squeeze(scale, _places())

    def _power(self, values: Any) -> Any:
        """Compute values ** p, both above 0: OpenVINO is quick with whole powers, and with others as exp and log."""
        if float(self._initial).is_integer():
            return ops.power(values, self.p)
        return ops.exp(self.p * ops.log(values))

    def get_config(self) -> dict[str, Any]:
        """For Keras, to build it again."""
        return {**super().get_config(), "p": self._initial}


def mean_in_windows(maps: Sequence[Any], windows: Windows, p: float) -> Any:
    """GeM of each window alone: the powers have a mean over the part of the maps that the window covers.

    Args:
        maps: several (N, height, width, C), or channels first, each of the whole picture and square.
        windows: of the picture.
        p: the exponent.

    Returns:
        (N, windows, C) float32, not normalised.
    """
    maps = [ops.maximum(ops.cast(each, "float32"), _EPSILON) for each in maps]
    scale = _maximum([ops.max(each, axis=_places(), keepdims=True) for each in maps])
    # Of powers: where many windows overlap, none is computed twice.
    means = _mean([_in_windows(ops.exp(p * ops.log(each / scale)), windows) for each in maps])
    return ops.power(means, 1 / p) * ops.reshape(scale, (-1, 1, means.shape[2]))


def _in_windows(powers: Any, windows: Windows) -> Any:
    """The mean of a map, (N, height, width, C) or channels first, over each window: (N, windows, C)."""
    if not _channels_first():
        powers = ops.transpose(powers, (0, 3, 1, 2))
    channels, side = powers.shape[1], powers.shape[2]
    weights = ops.convert_to_tensor(windows.weights(side))
    return ops.transpose(ops.matmul(ops.reshape(powers, (-1, channels, side * side)), weights), (0, 2, 1))


def _at_least_1(p: Any) -> Any:
    """Where training keeps an exponent: below 1, what is weak would count more than what is strong."""
    return ops.maximum(p, 1.0)


def regional_maximum(features: Any, *, weighted: bool) -> Any:
    """R-MAC: maxima over regions, each made a unit vector, summed. Without the PCA of the paper; see whitening.

    Tolias et al. 2016, section 4.2, over the regions of ``regions``. As in the authors' code, the sum starts with
    the MAC of the whole map, so that on a square map, where it is a region, too, it counts twice.

    Args:
        features: (N, height, width, C) float32, or channels first.
        weighted: RA-MAC: each region counts as much as ``attention`` says.

    Returns:
        (N, C) float32.
    """
    height, width = (features.shape[axis] for axis in _places())
    maps = [features, *(_cut(features, region) for region in regions(height, width))]
    vectors = normalise(ops.stack([ops.max(each, axis=_places()) for each in maps], axis=1))
    if weighted:
        vectors = vectors * ops.expand_dims(attention(features), 2)
    return ops.sum(vectors, axis=1)


def attention(features: Any) -> Any:
    """How much each region counts in RA-MAC: by the share of its positions that are active above the average.

    A position is active if the sum of its channels exceeds the mean of that sum over the map; a region of which at most
    a third is active counts nothing. (From the image-retrieval extractor that this operator replaces, there
    ``ramac``.) Where no region would count, which there gave a vector of zeros, all count alike.

    Returns:
        (N, 1 + regions) float32 from 0 to 1; the first is for the whole map.
    """
    channels = 1 if _channels_first() else 3
    sums = ops.sum(features, axis=channels, keepdims=True)
    active = ops.cast(sums > ops.mean(sums, axis=_places(), keepdims=True), "float32")
    height, width = (features.shape[axis] for axis in _places())
    parts = [(active, height * width)]
    parts += [(_cut(active, region), region.side**2) for region in regions(height, width)]
    # Counts are whole numbers, so that exactly a third is told from more.
    counts = ops.stack([ops.sum(part, axis=(1, 2, 3)) for part, _ in parts], axis=1)
    areas = ops.convert_to_tensor([[float(area) for _, area in parts]], "float32")
    weights = ops.where(3 * counts > areas, counts / areas, 0.0)
    return ops.where(ops.sum(weights, axis=1, keepdims=True) > 0, weights, ops.ones_like(weights))


def _cut(features: Any, region: Region) -> Any:
    rows, columns = slice(region.top, region.top + region.side), slice(region.left, region.left + region.side)
    return features[:, :, rows, columns] if _channels_first() else features[:, rows, columns]


def _channels_first() -> bool:
    return bool(keras.config.image_data_format() == "channels_first")


def _places() -> tuple[int, int]:
    """The axes of height and width."""
    return (2, 3) if _channels_first() else (1, 2)
