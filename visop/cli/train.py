"""``visop train``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
from pathlib import Path
from typing import Any, get_args, get_type_hints

from visop.cli.console import imports, resumable
from visop.cli.flags import Commands, add_command, add_settings, read_settings
from visop.errors import SettingsError

_NOTES = """\
Every picture is its own identity (--labels pictures), with edited copies of it to be found again: turned, mirrored,
cut, made brighter or darker, compressed, written over, ... Or the sub-folders are the identities (--labels folders).
A tenth of the identities is held out, and never trained on. --weights random starts from nothing.

written:
  OUT.safetensors        the encoder and its card; OP_WEIGHTS=OUT.safetensors serves it at once
  OUT.safetensors.run/   the state of the run, history.csv, tensorboard/

A run that was interrupted goes on where it stopped when the same command is given again, with the same result. Keras
trains on the backend that KERAS_BACKEND names (tensorflow, jax, torch), on a GPU if it has one.

examples:
  visop train photos/ --out mine.safetensors                            go on from the encoder that is shipped
  visop train photos/ --out vgg.safetensors --model vgg16 --loss triplet --margin 0.3
  visop train products/ --labels folders --out products.safetensors --model vgg16 --identities 16 --views 4
  OP_WEIGHTS=mine.safetensors visop serve
"""

_INSTALL = "to train: pip install 'visop[train]' tensorflow-cpu (or jax, or torch, with KERAS_BACKEND)"

# Those of Keras that can train.
_BACKENDS = ("tensorflow", "jax", "torch")

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
    "side": "input size in training, in pixels; 0 is the model's own, which is what is measured and served",
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


def add_parser(commands: Commands) -> None:
    """Add ``train`` to the commands of ``visop``."""
    from visop.training.recipe import Recipe

    parser = add_command(commands, "train", _run, "train an encoder on a folder of pictures", _NOTES)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="pictures, also in folders below")
    parser.add_argument("--out", required=True, type=Path, metavar="OUT.safetensors", help="the encoder file")
    parser.add_argument(
        "--card", type=Path, metavar="FILE.json", help="what the card says: any of name, summary, for, not_for"
    )
    parser.add_argument("--restart", action="store_true", help="begin anew, over what there is")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    hints = get_type_hints(Recipe)
    for each in dataclasses.fields(Recipe):
        _add(parser, each.name, hints[each.name], each.default)
    add_settings(parser.add_argument_group("what to start from"), ("model", "weights"))


def _add(parser: argparse.ArgumentParser, name: str, kind: Any, default: Any) -> None:
    flag, text = f"--{name.replace('_', '-')}", f"{_HELP[name]} (default {default})"
    if kind is bool:
        parser.add_argument(flag, action="store_true", help=_HELP[name])
    elif get_args(kind):
        parser.add_argument(flag, choices=get_args(kind), default=default, help=text)
    else:
        parser.add_argument(flag, type=kind, default=default, metavar="N", help=text)


def _run(arguments: argparse.Namespace) -> int:
    from visop.training.recipe import Recipe

    with imports(_INSTALL):
        from visop.images.decode import ImageLimits
        from visop.models.encoder_file import check_out
        from visop.models.selection import Selection

    check_out(arguments.out)
    recipe = Recipe(**{each.name: getattr(arguments, each.name) for each in dataclasses.fields(Recipe)})
    settings = read_settings(arguments).settings
    says = _read_card(arguments.card) if arguments.card else None
    selection, limits = Selection.of(settings), ImageLimits.of(settings)
    _choose_backend()
    with imports(_INSTALL):
        from visop.training.train import train

    def work() -> int:
        how = {"says": says, "restart": arguments.restart, "quiet": arguments.quiet}
        card = train(arguments.folder, arguments.out, selection, recipe, limits, **how)
        print(f"{arguments.out}: recall@1 {card['metrics']['recall_at_1']['mean']:.3f} over all transformations")
        return 0

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return resumable(work)


def _choose_backend() -> None:
    """Keras reads the variable when it is imported."""
    backend = os.environ["KERAS_BACKEND"] = os.environ.get("KERAS_BACKEND") or _BACKENDS[0]
    if backend not in _BACKENDS:
        raise SettingsError(f"KERAS_BACKEND={backend}: must be one of {', '.join(_BACKENDS)}")
    # TensorFlow tells of its instruction sets before it says what is wrong; errors are still told.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"--card {path} cannot be read: {error}") from None
    if not isinstance(card, dict) or not card.keys() <= set(_SAID):
        raise SettingsError(f"--card {path}: must be a JSON object with any of {', '.join(_SAID)}")
    return card
