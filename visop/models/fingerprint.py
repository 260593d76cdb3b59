"""What tells one vector space from another. Imports no runtime."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from visop.models.registry import ModelSpec, Precision
from visop.models.weights import Weights

#: Raised by whoever changes the graph, the resizing or the decoding such that the same picture gets another vector.
REVISION = 1


def fingerprint(spec: ModelSpec, weights: Weights, pooling: str, resize: str, precision: Precision) -> str:
    """Return a short name of the space that vectors lie in; two operators that have the same may serve one index.

    For example ``vgg19-imagenet-avg-bilinear-1a2b3c4d5e6f``, or ``vgg16-file-gem-head-whitened-bilinear-...`` of an
    encoder file: to be read up to the last part, a digest of the weights and of everything else that matters. The same
    weights in another file format count as others; another card in the same encoder file does not. A precision whose
    vectors cannot be searched together with those of others is in the name, before the digest.

    Args:
        spec: the model.
        weights: its weights.
        pooling: of the feature map.
        resize: how pictures are brought to the size of the model.
        precision: of the engine.
    """
    apart = [] if precision in spec.space else [precision]
    ranges = [weights.ranges_sha256] if weights.ranges_sha256 and "int8" in (apart or spec.space) else []
    digest = _digest(_facts(spec, weights, pooling), resize, *apart, *ranges)
    return "-".join([*_parts(spec, weights, pooling, resize), *apart, digest])


def older_fingerprints(
    spec: ModelSpec, weights: Weights, pooling: str, resize: str, precision: Precision
) -> frozenset[str]:
    """Other names that the space of ``fingerprint`` has had.

    Before 0.2, when visop was opkit, each precision had a name of its own, and ranges for eight bits were not in it.
    A file that had no ranges has another name since they were added.
    """
    together = spec.space if precision in spec.space else (precision,)
    facts = _facts(replace(spec, constructor=spec.constructor.replace("visop.", "opkit.")), weights, pooling)
    parts = _parts(spec, weights, pooling, resize)
    of_opkit = {"-".join([*parts, each, _digest(facts, resize, each)]) for each in together}
    without_ranges = fingerprint(spec, replace(weights, ranges_sha256=""), pooling, resize, precision)
    return frozenset(of_opkit | {without_ranges}) - {fingerprint(spec, weights, pooling, resize, precision)}


def digest_of(fingerprint: str) -> str:
    """The last part of a fingerprint: all of what makes a vector, and not where the weights lie.

    So it is the same for the encoder file inside the package (``shipped``) and for a copy of it (``file``).
    """
    return fingerprint.rpartition("-")[2]


def _parts(spec: ModelSpec, weights: Weights, pooling: str, resize: str) -> list[str]:
    after = [] if pooling == "descriptors" else _after_pooling(weights)
    return [spec.name, weights.kind, pooling, *after, resize]


def _after_pooling(weights: Weights) -> list[str]:
    if weights.header is None:
        return []
    parts = {"head": weights.header.has_head, "whitened": weights.header.has_whitening}
    return [name for name, is_there in parts.items() if is_there]


def graph_key(spec: ModelSpec, weights: Weights, pooling: str, runtime: str) -> str:
    """Return the name of a graph written for a runtime, as ``openvino 2026.4``; f32 and bf16 can share it."""
    return f"{spec.name}-{weights.kind}-{pooling}-{_digest(_facts(spec, weights, pooling), runtime)}"


def _facts(spec: ModelSpec, weights: Weights, pooling: str) -> dict[str, object]:
    graph = (spec.constructor, spec.height, spec.width, spec.preprocessing, pooling)
    return {"revision": REVISION, "graph": graph, "weights": weights.sha256}


def _digest(*facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
