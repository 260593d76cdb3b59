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
import numpy as np

from visop.evaluation.thresholds import Calibration
from visop.images.decode import ImageLimits, resize_image
from visop.machine import usable_cores
from visop.models.encoder_file import made_now, replace_card, write_encoder_file
from visop.models.fingerprint import fingerprint
from visop.models.registry import ModelSpec
from visop.models.weights import Weights, find_weights
from visop.settings import Settings
from visop.training import losses
from visop.training.batches import Batches, Plan, Reader, stream, unhidden
from visop.training.callbacks import Bar, Keeper
from visop.training.checkpoints import Checkpoints, Progress
from visop.training.folders import Pictures, digest_names, find_pictures, split
from visop.training.networks import Tensors, Trainee, build_served, use_precision
from visop.training.recipe import Recipe
from visop.training.validation import Preprocess, Validation

logger = logging.getLogger(__name__)

_CLIP_NORM = 1.0
_WARM_UP_SHARE = 0.05
# Exponents, gains and biases are not shrunk: only kernels are many enough to overfit. Keras searches with these in the
# names of variables, so that a bare p would be in "depthwise_kernel".
_NOT_DECAYED = ["^bias$", "^gain$", "^gamma$", "^beta$", "^p$"]


def train(
    folder: Path,
    out: Path,
    spec: ModelSpec,
    weights: Weights,
    recipe: Recipe,
    settings: Settings,
    *,
    says: Mapping[str, Any] | None = None,
    restart: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train, or go on where a run was interrupted, and write the encoder file.

    Args:
        folder: pictures.
        out: the encoder file; beside it, in ``OUT.run/``, stand the state of the run and its logs.
        spec: the model.
        weights: to start from.
        recipe: how.
        settings: limits on pictures, and the resizing.
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
    training, held_out = split(find_pictures(folder, recipe.labels), recipe.held_out, folder)
    logger.info("%d pictures to train on, %d held out", len(training.paths), len(held_out.paths))
    served, spec = spec, replace(spec, height=recipe.side, width=recipe.side) if recipe.side else spec
    precision = use_precision(recipe.precision)
    trainee = Trainee(spec, weights, recipe.pooling, recipe.dimension, recipe.seed)
    _compile(trainee.model, recipe)
    work = out.with_name(f"{out.name}.run")
    checkpoints = Checkpoints(work)
    if restart:
        checkpoints.clear()
    recipe = replace(recipe, precision=precision)  # type: ignore[arg-type]
    facts = _facts(spec, weights, recipe, settings) | _files(folder, training, held_out)
    progress = checkpoints.load(trainee.model, facts)
    plan = _plan(spec, recipe, settings)
    limits = ImageLimits.of(settings)
    validation = Validation(held_out, plan, limits, recipe.validation_pictures)
    _log_start(progress, validation, trainee)
    keeper = Keeper(progress, checkpoints, validation, work, recipe.patience)
    if progress.epoch < recipe.epochs and not keeper.is_over():
        batches = Batches(training, plan, Reader(limits, plan.working_side))
        _fit(trainee.model, batches, progress, recipe, keeper, quiet=quiet)
    checkpoints.load_best(trainee.model, progress)
    tensors = _stored(trainee.tensors(), half=recipe.half)
    encoder = build_served(served, trainee.pooling, tensors)
    measured = validation.measure(encoder, _resizing(served, settings), "held-out pictures of the training folder")
    card = _card(trainee, progress, validation, facts, measured) | dict(says or {})
    write_encoder_file(
        out, model=spec.name, pooling=trainee.pooling, dimension=trainee.dimension, tensors=tensors, card=card
    )
    return _signed(out, card, served, settings)


def _signed(out: Path, card: dict[str, Any], spec: ModelSpec, settings: Settings) -> dict[str, Any]:
    """Say in the card of which vectors its calibration is: only now, since what the file holds is in their name."""
    weights = find_weights(spec, str(out), settings.data_dir)
    of_file = replace(settings, pooling="auto")
    signed = card | {"calibration": card["calibration"] | {"fingerprint": fingerprint(spec, weights, of_file, "f32")}}
    replace_card(out, signed)
    return signed


def _plan(spec: ModelSpec, recipe: Recipe, settings: Settings) -> Plan:
    return Plan(
        identities=recipe.identities,
        views=recipe.views,
        neighbours=recipe.neighbours,
        side=(spec.height, spec.width),
        seed=recipe.seed,
        preprocess=_resizing(spec, settings),
    )


def _resizing(spec: ModelSpec, settings: Settings) -> Preprocess:
    return lambda image: resize_image(image, spec.height, spec.width, settings.resize)


def _compile(model: Any, recipe: Recipe) -> None:
    total = recipe.epochs * recipe.steps
    warm_up = max(1, round(_WARM_UP_SHARE * total))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - warm_up), alpha=0.01, warmup_target=recipe.learning_rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay, global_clipnorm=_CLIP_NORM)
    optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    loss, metrics = _objective(recipe)
    model.compile(optimizer, loss=loss, metrics=[losses.impostor_similarity, *metrics], jit_compile=False)


def _objective(recipe: Recipe) -> tuple[losses.Loss, list[losses.Loss]]:
    if recipe.loss == "triplet":
        active = losses.active_share(recipe.margin, recipe.mining)
        return losses.triplet(recipe.margin, recipe.mining), [active]
    return losses.contrastive(recipe.temperature, recipe.spread), []


def _fit(model: Any, batches: Batches, progress: Progress, recipe: Recipe, keeper: Keeper, *, quiet: bool) -> None:
    first = progress.epoch * recipe.steps
    bar = Bar(first, recipe.epochs * recipe.steps, quiet=quiet)
    with unhidden(stream(batches.make, first, usable_cores())) as made:
        model.fit(
            made,
            shuffle=False,
            initial_epoch=progress.epoch,
            epochs=recipe.epochs,
            steps_per_epoch=recipe.steps,
            callbacks=[bar, keeper],
            verbose=0,
        )


def _log_start(progress: Progress, validation: Validation, trainee: Trainee) -> None:
    if progress.epoch:
        logger.info("going on after epoch %d", progress.epoch)
    else:
        logger.info("recall@1 of edited held-out pictures before training: %.3f", validation.recall(trainee.model))


def _facts(spec: ModelSpec, weights: Weights, recipe: Recipe, settings: Settings) -> dict[str, Any]:
    """What makes this run this run, besides its pictures. JSON values."""
    limits = asdict(ImageLimits.of(settings)) | {"formats": list(settings.formats)}
    return {
        "model": spec.name,
        "weights": weights.sha256,
        "backend": keras.config.backend(),
        "resize": settings.resize,
        "limits": limits,
        **asdict(recipe),
    }


def _files(folder: Path, training: Pictures, held_out: Pictures) -> dict[str, Any]:
    """Which pictures make this run this run: ``_DATA``."""
    digest = hashlib.sha256("".join(digest_names(each.paths, folder) for each in (training, held_out)).encode())
    return {"folder": folder.name, "pictures": len(training.paths), "files": digest.hexdigest()}


_DATA = ("folder", "pictures", "files")


def _card(
    trainee: Trainee,
    progress: Progress,
    validation: Validation,
    facts: dict[str, Any],
    measured: tuple[dict[str, float], Calibration],
) -> dict[str, Any]:
    recalls, calibration = measured
    return {
        "name": f"{facts['model']}, trained",
        "summary": f"{facts['model']} with {trainee.pooling} pooling and vectors of {trainee.dimension} numbers.",
        "for": ["finding copies and near-duplicates of pictures like those that it was trained on"],
        "not_for": ["judging what it was not measured on: see metrics and calibration"],
        "data": {name: facts[name] for name in _DATA} | {"held_out": len(validation.identities)},
        "settings": {name: value for name, value in facts.items() if name not in _DATA},
        "metrics": {
            "epoch": progress.best,
            "val_recall": progress.history[progress.best - 1]["val_recall"],
            "recall_at_1": {"mean": math.fsum(recalls.values()) / len(recalls), **recalls},
        },
        "calibration": calibration.card(),
        "made": made_now(keras=keras.__version__, seed=facts["seed"]),
    }


def _stored(tensors: Tensors, *, half: bool) -> Tensors:
    """The numbers that a file has, which are those to be measured."""
    return {name: tensor.astype(np.float16) for name, tensor in tensors.items()} if half else tensors
