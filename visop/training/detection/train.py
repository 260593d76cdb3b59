"""A run of training: from a folder of annotated pictures to one detector file with its card."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras

from visop.evaluation.average_precision import MeanPrecision
from visop.files import file_sha256
from visop.images.decode import ImageLimits
from visop.models.detector_file import write_detector_file
from visop.models.encoder_file import made_now
from visop.training.batches import Reader
from visop.training.checkpoints import Progress
from visop.training.detection import losses
from visop.training.detection.batches import DetectionBatches, DetectionPlan
from visop.training.detection.data import FACTS, facts_of
from visop.training.detection.detectors import Trainee
from visop.training.detection.prepare import Network, Prepared
from visop.training.detection.recipe import DetectionRecipe
from visop.training.detection.validation import DetectionValidation
from visop.training.fitting import Epochs, make_optimizer
from visop.training.networks import stored, use_precision
from visop.training.run import TrainingRun

logger = logging.getLogger(__name__)

_JUDGED_BY = "val_map"


def train_detector(
    prepared: Prepared,
    out: Path,
    recipe: DetectionRecipe,
    limits: ImageLimits,
    *,
    says: Mapping[str, Any] | None = None,
    restart: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train, or go on where a run was interrupted, and write the detector file.

    Args:
        prepared: what is trained on what.
        out: the detector file; beside it, in ``OUT.run/``, stand the state of the run and its logs.
        recipe: how.
        limits: on pictures.
        says: entries of the card that a person wrote, such as ``name``, ``summary``, ``for`` and ``not_for``.
        restart: begin anew, over what there is.
        quiet: no progress bar.

    Returns:
        The card.

    Raises:
        WeightsError: the weights do not fit.
        TrainingFailed: the run cannot go on; says why.
    """
    training, held_out, network = prepared.training, prepared.held_out, prepared.network
    logger.info("%d pictures to train on, %d held out", len(training.pictures), len(held_out.pictures))
    logger.info("%d labels: %s", len(network.labels), ", ".join(network.labels))
    recipe = replace(recipe, precision=use_precision(recipe.precision))
    detector = Trainee(network, prepared.weights, recipe.seed)
    _compile(detector.model, recipe)
    facts = _facts(detector, prepared.weights, recipe, limits) | facts_of(prepared.folder, training, held_out)
    run = TrainingRun(detector.model, out, facts, _JUDGED_BY, restart=restart)
    reader = Reader(limits, 2 * int(detector.model.input_shape[1]))
    validation = DetectionValidation(held_out, network.prepared, network.priors, reader, recipe.validation_pictures)
    run.tell(lambda: f"mAP@0.5 of held-out pictures before training: {validation.measure(detector.model).voc:.3f}")
    batches = DetectionBatches(
        training, DetectionPlan(recipe.batch, recipe.seed, network.prepared, network.priors), reader
    )
    run.train(recipe, batches.make, lambda model: _measures(validation.measure(model)), quiet=quiet)
    return _write(out, detector, run.progress, facts, validation, says or {})


def _compile(model: Any, recipe: DetectionRecipe) -> None:
    optimizer = make_optimizer(Epochs.of(recipe), recipe.learning_rate, recipe.weight_decay)
    metrics = [losses.location, losses.confidence]
    model.compile(optimizer, loss=losses.multibox, metrics=metrics, jit_compile=False)


def _measures(precision: MeanPrecision) -> dict[str, float]:
    return {_JUDGED_BY: precision.voc, "val_map_coco": precision.coco}


def _facts(detector: Trainee, weights: str, recipe: DetectionRecipe, limits: ImageLimits) -> dict[str, Any]:
    """What makes this run this run, besides its pictures. JSON values."""
    path = Path(weights).expanduser()
    return {
        "model": detector.network.name,
        "weights": file_sha256(path) if path.is_file() else weights,
        "labels": list(detector.network.labels),
        "backend": keras.config.backend(),
        "limits": asdict(limits) | {"formats": list(limits.formats)},
        **asdict(recipe),
        "network": detector.network.facts,
    }


def _write(
    out: Path,
    detector: Trainee,
    progress: Progress,
    facts: dict[str, Any],
    validation: DetectionValidation,
    says: Mapping[str, Any],
) -> dict[str, Any]:
    network, tensors = detector.network, stored(detector.tensors(), half=facts["half"])
    precision = validation.measure(detector.served(tensors))
    card = _card(network, progress, facts, precision, len(validation.pictures)) | dict(says)
    write_detector_file(
        out, model=network.name, labels=network.labels, network=network.facts, tensors=tensors, card=card
    )
    return card


def _card(
    network: Network, progress: Progress, facts: dict[str, Any], precision: MeanPrecision, held_out: int
) -> dict[str, Any]:
    return {
        "name": f"{network.name}, trained",
        "summary": f"{network.name}, which finds {', '.join(network.labels)}.",
        "for": ["finding objects in pictures like those that it was trained on"],
        "not_for": ["judging what it was not measured on: see metrics"],
        "data": {name: facts[name] for name in FACTS} | {"held_out": held_out},
        "settings": {name: value for name, value in facts.items() if name not in FACTS},
        "metrics": {
            "epoch": progress.best,
            "map_voc": precision.voc,
            "map_coco": precision.coco,
            "map_coco_50": precision.coco_50,
            "by_label": dict(precision.by_label),
            "objects": dict(precision.objects),
        },
        "made": made_now(keras=keras.__version__, seed=facts["seed"]),
    }
