"""A run of training: from a folder of pictures to one encoder file with its card."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras

from visop.images.decode import ImageLimits
from visop.models.encoder_file import made_now, write_encoder_file
from visop.models.selection import Selection
from visop.sources import DEFAULT_OPTIONS, FindOptions
from visop.training import losses
from visop.training.batches import Batches, Plan, Reader
from visop.training.callbacks import refuse_collapse
from visop.training.checkpoints import Progress
from visop.training.fitting import Epochs, make_optimizer
from visop.training.folders import Pictures, digest_names, find_pictures, split
from visop.training.networks import Tensors, Trainee, build_served, stored, use_precision
from visop.training.ranges import ABOUT, with_ranges
from visop.training.recipe import Recipe
from visop.training.run import TrainingRun
from visop.training.validation import Validation

logger = logging.getLogger(__name__)

_JUDGED_BY = "val_recall"


def train(
    folder: Path,
    out: Path,
    selection: Selection,
    recipe: Recipe,
    limits: ImageLimits,
    *,
    options: FindOptions = DEFAULT_OPTIONS,
    says: Mapping[str, Any] | None = None,
    restart: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train, or go on where a run was interrupted, and write the encoder file.

    Args:
        folder: pictures.
        out: the encoder file; beside it, in ``OUT.run/``, stand the state of the run and its logs.
        selection: the model and the weights to start from, and the resizing.
        recipe: how.
        limits: on pictures.
        options: what is left out of the folder.
        says: entries of the card that a person wrote, such as ``name``, ``summary``, ``for`` and ``not_for``.
        restart: begin anew, over what there is.
        quiet: no progress bar.

    Returns:
        The card.

    Raises:
        SettingsError: the folder cannot be trained on, or the model not at that size.
        WeightsError: the weights do not fit the model.
        TrainingFailed: the run cannot go on; says why.
    """
    training, held_out = split(find_pictures(folder, recipe.labels, options), recipe.held_out, folder)
    logger.info("%d pictures to train on, %d held out", len(training.paths), len(held_out.paths))
    resized = _at_side(selection, recipe.side)
    recipe = replace(recipe, precision=use_precision(recipe.precision))
    trainee = Trainee(resized.spec, resized.weights, recipe.pooling, recipe.dimension, recipe.seed)
    _compile(trainee.model, recipe)
    facts = _facts(resized, recipe, limits) | _files(folder, training, held_out)
    run = TrainingRun(trainee.model, out, facts, _JUDGED_BY, restart=restart)
    plan = _plan(resized, recipe)
    validation = Validation(held_out, plan, limits, recipe.validation_pictures)
    run.tell(lambda: f"recall@1 of edited held-out pictures before training: {validation.recall(trainee.model):.3f}")
    batches = Batches(training, plan, Reader(limits, plan.working_side))
    run.train(
        recipe,
        batches.make,
        lambda model: {_JUDGED_BY: validation.recall(model)},
        refuse_collapse,
        quiet=quiet,
    )
    kept = stored(trainee.tensors(), half=recipe.half)
    tensors = with_ranges(selection.of_tensors(trainee.pooling, trainee.dimension, kept, out), kept)
    served = selection.of_tensors(trainee.pooling, trainee.dimension, tensors, out)
    card = _card(trainee, run.progress, facts, _measured(served, tensors, validation)) | dict(says or {})
    write_encoder_file(
        out,
        model=selection.spec.name,
        pooling=served.one_pooling(),
        dimension=served.spec.dimension,
        tensors=tensors,
        card=card,
    )
    return card


def _at_side(selection: Selection, side: int) -> Selection:
    """The model at the size that it is trained at; 0 is its own."""
    return replace(selection, spec=replace(selection.spec, height=side, width=side)) if side else selection


def _measured(served: Selection, tensors: Tensors, validation: Validation) -> dict[str, Any]:
    """What the card says of the encoder as its file will have it and as it is served: metrics and calibration."""
    encoder = build_served(served.spec, served.one_pooling(), tensors)
    data = "held-out pictures of the training folder"
    recalls, calibration = validation.measure(encoder, served.resized, data)
    mean = math.fsum(recalls.values()) / len(recalls)
    return {
        "pictures": len(validation.identities),
        "recall_at_1": {"mean": mean, **recalls},
        "calibration": calibration.card() | {"fingerprint": served.fingerprint("f32")},
        "ranges": ABOUT if served.weights.ranges_sha256 else None,
    }


def _plan(selection: Selection, recipe: Recipe) -> Plan:
    return Plan(
        identities=recipe.identities,
        views=recipe.views,
        neighbours=recipe.neighbours,
        side=(selection.spec.height, selection.spec.width),
        seed=recipe.seed,
        preprocess=selection.resized,
    )


def _compile(model: Any, recipe: Recipe) -> None:
    loss, metrics = _objective(recipe)
    model.compile(
        make_optimizer(Epochs.of(recipe), recipe.learning_rate, recipe.weight_decay),
        loss=loss,
        metrics=[losses.impostor_similarity, *metrics],
        jit_compile=False,
    )


def _objective(recipe: Recipe) -> tuple[losses.Loss, list[losses.Loss]]:
    if recipe.loss == "triplet":
        active = losses.active_share(recipe.margin, recipe.mining)
        return losses.triplet(recipe.margin, recipe.mining), [active]
    return losses.contrastive(recipe.temperature, recipe.spread), []


def _facts(selection: Selection, recipe: Recipe, limits: ImageLimits) -> dict[str, Any]:
    """What makes this run this run, besides its pictures. JSON values."""
    return {
        "model": selection.spec.name,
        "weights": selection.weights.sha256,
        "backend": keras.config.backend(),
        "resize": selection.resize,
        "limits": asdict(limits) | {"formats": list(limits.formats)},
        **asdict(recipe),
    }


def _files(folder: Path, training: Pictures, held_out: Pictures) -> dict[str, Any]:
    """Which pictures make this run this run: ``_DATA``."""
    digest = hashlib.sha256("".join(digest_names(each.paths, folder) for each in (training, held_out)).encode())
    return {"folder": folder.name, "pictures": len(training.paths), "files": digest.hexdigest()}


_DATA = ("folder", "pictures", "files")


def _card(trainee: Trainee, progress: Progress, facts: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"{facts['model']}, trained",
        "summary": f"{facts['model']} with {trainee.pooling} pooling and vectors of {trainee.dimension} numbers.",
        "for": ["finding copies and near-duplicates of pictures like those that it was trained on"],
        "not_for": ["judging what it was not measured on: see metrics and calibration"],
        "data": {name: facts[name] for name in _DATA} | {"held_out": measured["pictures"]},
        "settings": {name: value for name, value in facts.items() if name not in _DATA},
        "metrics": {
            "epoch": progress.best,
            "val_recall": progress.history[progress.best - 1][_JUDGED_BY],
            "recall_at_1": measured["recall_at_1"],
        },
        "calibration": measured["calibration"],
        "ranges": measured["ranges"],
        "made": made_now(keras=keras.__version__, seed=facts["seed"]),
    }
