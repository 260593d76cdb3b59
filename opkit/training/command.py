"""``opkit train``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
from pathlib import Path
from typing import Any, get_args, get_type_hints

from opkit.errors import SettingsError

_NOTES = """\
Every picture is its own identity (--labels pictures), with edited copies of it to be found again: turned, mirrored,
cut, made brighter or darker, compressed, written over, ... Or the sub-folders are the identities (--labels folders).
A tenth of the identities is held out, and never trained on in any form.

written:
  OUT.safetensors        the encoder and its card; OP_WEIGHTS=OUT.safetensors serves it at once
  OUT.safetensors.run/   the state of the run, history.csv, tensorboard/

A run that was interrupted goes on where it stopped when the same command is given again, with the same result. Keras
trains on the backend that KERAS_BACKEND names (tensorflow, jax, torch), on a GPU if it has one.

examples:
  opkit train photos/ --out mine.safetensors                            go on from the encoder that is shipped
  opkit train photos/ --out vgg.safetensors --model vgg16 --loss triplet --margin 0.3
  opkit train products/ --labels folders --out products.safetensors --model vgg16 --identities 16 --views 4
  OP_WEIGHTS=mine.safetensors opkit serve
"""

# Entries of a card that are words, not facts of the run.
_SAID = ("name", "summary", "for", "not_for")

_HELP = {
    "labels": "whose picture is it: pictures (each its own) or folders (the first folder below FOLDER)",
    "loss": "contrastive (InfoNCE with an entropy term, as SSCD), or triplet",
    "mining": "of the triplets",
    "margin": "of the triplet loss: a Euclidean distance between unit vectors, 0 to 2",
    "temperature": "of the contrastive loss",
    "spread": "weight of the entropy term of the contrastive loss, which keeps different pictures apart",
    "pooling": "how the last feature map becomes a descriptor; the exponent of gem is trained",
    "dimension": "of the vectors, by a new linear head; 0 keeps the head that there is, or none",
    "side": "input size in training, in pixels; 0 is the model's own",
    "epochs": "an epoch ends with a validation and a saved state",
    "steps": "batches in an epoch",
    "identities": "identities in a batch",
    "views": "pictures of each identity in a batch: an original and edited copies of it",
    "neighbours": "take identities in runs of so many neighbours, by name: harder where neighbours are alike",
    "learning_rate": "the highest one; it rises for 5 %% of the steps and falls along a cosine",
    "weight_decay": "of the kernels (AdamW)",
    "precision": "auto is bf16 on a GPU and on a processor that has it",
    "held_out": "share of the identities that are held out",
    "validation_pictures": "at most so many held-out pictures are used",
    "patience": "epochs without a better validation recall before it stops; 0 never",
    "seed": "of everything random",
    "half": "store the numbers as float16: half the size",
}


def add_parser(commands: Any) -> None:
    """Add ``train`` to the command line."""
    from opkit.training.recipe import Recipe

    parser = commands.add_parser(
        "train",
        help="train an encoder on a folder of pictures",
        description="Train an encoder on a folder of pictures.",
        epilog=_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="pictures, also in folders below")
    parser.add_argument("--out", required=True, type=Path, metavar="OUT.safetensors", help="the encoder file")
    parser.add_argument("--model", default="auto", help="as OP_MODEL (default: the encoder that is shipped)")
    parser.add_argument("--weights", default="auto", help="as OP_WEIGHTS: what to start from; random is from nothing")
    parser.add_argument(
        "--card", type=Path, metavar="FILE.json", help="what the card says: any of name, summary, for, not_for"
    )
    parser.add_argument("--restart", action="store_true", help="begin anew, over what there is")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    hints = get_type_hints(Recipe)
    for each in dataclasses.fields(Recipe):
        _add(parser, each.name, hints[each.name], each.default)
    parser.set_defaults(run=_run)


def _add(parser: argparse.ArgumentParser, name: str, kind: Any, default: Any) -> None:
    flag, text = f"--{name.replace('_', '-')}", f"{_HELP[name]} (default {default})"
    if kind is bool:
        parser.add_argument(flag, action="store_true", help=_HELP[name])
    elif get_args(kind):
        parser.add_argument(flag, choices=get_args(kind), default=default, help=text)
    else:
        parser.add_argument(flag, type=kind, default=default, metavar="N", help=text)


def _run(arguments: argparse.Namespace) -> int:
    from opkit.settings import load_settings
    from opkit.training.recipe import Recipe

    given = {"model": arguments.model, "weights": arguments.weights}
    settings = load_settings(os.environ, given).settings
    recipe = Recipe(**{each.name: getattr(arguments, each.name) for each in dataclasses.fields(Recipe)})
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    from opkit.models.choice import choose_model
    from opkit.models.weights import find_weights
    from opkit.training.train import train

    spec = choose_model(settings)
    weights = find_weights(spec, settings.weights, settings.data_dir)
    card = train(
        arguments.folder,
        arguments.out,
        spec,
        weights,
        recipe,
        settings,
        says=_read_card(arguments.card) if arguments.card else None,
        restart=arguments.restart,
        quiet=arguments.quiet,
    )
    print(f"{arguments.out}: recall@1 {card['metrics']['recall_at_1']['mean']:.3f} over all transformations")
    return 0


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"--card {path} cannot be read: {error}") from None
    if not isinstance(card, dict) or not card.keys() <= set(_SAID):
        raise SettingsError(f"--card {path}: must be a JSON object with any of {', '.join(_SAID)}")
    return card
