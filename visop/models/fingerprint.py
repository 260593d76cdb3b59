"""What tells one vector space from another. Imports no runtime."""

from __future__ import annotations

import hashlib
import json

from visop.models.registry import ModelSpec
from visop.models.weights import Weights

#: Raised by whoever changes the graph, the resizing or the decoding such that the same picture gets another vector.
REVISION = 1


def fingerprint(spec: ModelSpec, weights: Weights, pooling: str, resize: str, precision: str) -> str:
    """Return a short name that changes whenever the same picture would get another vector.

    For example ``vgg19-imagenet-avg-bilinear-bf16-1a2b3c4d5e6f``, or ``vgg16-file-gem-head-whitened-bilinear-f32-...``
    of an encoder file: to be read up to the last part, a digest of the weights and of everything else that matters. The
    same weights in another file format count as others; another card in the same encoder file does not.

    Args:
        spec: the model.
        weights: its weights.
        pooling: of the feature map.
        resize: how pictures are brought to the size of the model.
        precision: of the engine, ``f32``, ``bf16`` or ``int8``.
    """
    digest = _digest(_facts(spec, weights, pooling), resize, precision)
    return "-".join([spec.name, weights.kind, pooling, *_after_pooling(weights), resize, precision, digest])


def digest_of(fingerprint: str) -> str:
    """The last part of a fingerprint: all of what makes a vector, and not where the weights lie.

    So it is the same for the encoder file inside the package (``shipped``) and for a copy of it (``file``).
    """
    return fingerprint.rpartition("-")[2]


def _after_pooling(weights: Weights) -> list[str]:
    if weights.header is None:
        return []
    parts = {"head": weights.header.has_head, "whitened": weights.header.has_whitening}
    return [name for name, is_there in parts.items() if is_there]


def graph_key(spec: ModelSpec, weights: Weights, pooling: str, runtime: str) -> str:
    """Return the name of a graph written for a runtime, as ``openvino 2026.4``; f32 and bf16 can share it."""
    return f"{spec.name}-{weights.kind}-{pooling}-{_digest(_facts(spec, weights, pooling), runtime)}"


def _facts(spec: ModelSpec, weights: Weights, pooling: str) -> dict[str, object]:
    graph = (spec.constructor.replace("visop.", "opkit."), spec.height, spec.width, spec.preprocessing, pooling)
    return {"revision": REVISION, "graph": graph, "weights": weights.sha256}


def _digest(*facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
