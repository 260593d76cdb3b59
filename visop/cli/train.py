"""``visop train``: train an encoder on pictures. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from visop.cli.console import imports, resumable
from visop.cli.flags import Commands, add_command
from visop.cli.folder_flags import add_folder_flags, find_options
from visop.cli.settings_flags import add_settings, read_settings
from visop.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from visop.settings import Settings
    from visop.training.recipe import Recipe

_NOTES = """\
With --labels pictures, every picture is an identity of its own, and the encoder learns to find edited copies of it:
turned, mirrored, cut, brighter or darker, compressed, with text over it, ... With --labels folders, the sub-folders are
the identities. A tenth of the identities is held out and never trained on. --weights random starts from nothing.

files written:
  OUT.safetensors        the encoder and its card; OP_WEIGHTS=OUT.safetensors serves it at once
  OUT.safetensors.run/   the state of the run, history.csv, tensorboard/

If a run is interrupted, the same command continues where it stopped, with the same result. Keras trains on the backend
that KERAS_BACKEND names (tensorflow, jax, torch), on a GPU if there is one.

examples:
  visop train pictures/ --out mine.safetensors                          continue from the built-in encoder
  visop train pictures/ --out vgg.safetensors --model vgg16 --loss triplet --margin 0.3
  visop train products/ --labels folders --out products.safetensors --model vgg16 --identities 16 --views 4
  OP_WEIGHTS=mine.safetensors visop serve
"""

_INSTALL = "to train: pip install 'visop[train]' tensorflow-cpu (or jax, or torch, with KERAS_BACKEND)"

# Choices of a recipe that are settings, too, and mean the same there.
_ALSO_SETTINGS = ("pooling", "precision")

# Those of Keras that can train.
_BACKENDS = ("tensorflow", "jax", "torch")

# The entries of a card that a person writes; the others are facts of the run.
_SAID = ("name", "summary", "for", "not_for")

_HELP = {
    "labels": "what is an identity: every one of the pictures, or every one of the folders right below FOLDER",
    "loss": "contrastive (InfoNCE with an entropy term, as in SSCD), or triplet",
    "mining": "how triplets are chosen from a batch",
    "margin": "margin of the triplet loss: a Euclidean distance between unit vectors, 0 to 2",
    "temperature": "temperature of the contrastive loss",
    "spread": "weight of the entropy term of the contrastive loss, which pushes different pictures apart",
    "pooling": "how the last feature map becomes a descriptor; the exponent of gem is trained",
    "dimension": "length of the vectors, by a new linear head; 0 keeps the head that there is, or none",
    "side": "input size in training, in pixels; 0 is the model's own, which is what is measured and served",
    "epochs": "how many epochs; each ends with a validation and a saved state",
    "steps": "batches per epoch",
    "identities": "identities per batch",
    "views": "pictures of each identity in a batch: an original and edited copies of it",
    "neighbours": "put this many neighbours, by name, into the same batch: harder where neighbours look alike",
    "learning_rate": "the highest learning rate; it rises for 5 %% of the steps, then falls along a cosine",
    "weight_decay": "weight decay of the kernels (AdamW)",
    "precision": "arithmetic; auto is bf16 on a GPU, and on a processor that has it",
    "held_out": "share of the identities that is held out",
    "validation_pictures": "how many held-out pictures are used at most",
    "patience": "stop after this many epochs without a better validation recall; 0 never stops early",
    "seed": "seed of everything random",
    "half": "store the weights as float16, which halves the file",
}


def add_parser(commands: Commands) -> None:
    """Add ``train`` to the commands of ``visop``."""
    from visop.training.recipe import Recipe

    parser = add_command(commands, "train", _run, "train an encoder on a folder of pictures", _NOTES)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="pictures, also in folders below")
    parser.add_argument("--out", required=True, type=Path, metavar="OUT.safetensors", help="the encoder file")
    parser.add_argument(
        "--card",
        type=Path,
        metavar="FILE.json",
        help="words for the encoder's card: any of name, summary, for, not_for",
    )
    add_folder_flags(parser, lists=False)
    parser.add_argument("--restart", action="store_true", help="start again, and replace what is there")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    hints = get_type_hints(Recipe)
    for each in dataclasses.fields(Recipe):
        is_setting = each.name in _ALSO_SETTINGS
        said = f"OP_{each.name.upper()}, or {each.default}" if is_setting else str(each.default)
        _add(parser, each.name, hints[each.name], None if is_setting else each.default, said)
    add_settings(parser.add_argument_group("what to start from"), ("model", "weights"))


def _add(parser: argparse.ArgumentParser, name: str, kind: Any, default: Any, said: str) -> None:
    flag, text = f"--{name.replace('_', '-')}", f"{_HELP[name]} (default {said})"
    if kind is bool:
        parser.add_argument(flag, action="store_true", help=_HELP[name])
    elif get_args(kind):
        parser.add_argument(flag, choices=get_args(kind), default=default, help=text)
    else:
        parser.add_argument(flag, type=kind, default=default, metavar="N", help=text)


def _run(arguments: argparse.Namespace) -> int:
    with imports(_INSTALL):
        from visop.images.decode import ImageLimits
        from visop.models.encoder_file import check_out
        from visop.models.selection import Selection

    check_out(arguments.out)
    if not arguments.folder.is_dir():  # told before TensorFlow tells of itself
        raise UsageError("folder", arguments.folder, "no such folder")
    settings = read_settings(arguments).settings
    recipe = _recipe(arguments, settings)
    says = _read_card(arguments.card) if arguments.card else None
    # The pooling is that of the encoder to be; the one that training starts from may have another.
    selection, limits = Selection.of(dataclasses.replace(settings, pooling="auto")), ImageLimits.of(settings)
    _choose_backend()
    with imports(_INSTALL):
        from visop.training.train import train

    def work() -> int:
        how = {"options": find_options(arguments), "says": says, "restart": arguments.restart, "quiet": arguments.quiet}
        card = train(arguments.folder, arguments.out, selection, recipe, limits, **how)
        print(f"{arguments.out}: recall@1 {card['metrics']['recall_at_1']['mean']:.3f} over all transformations")
        return 0

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return resumable(work)


def _recipe(arguments: argparse.Namespace, settings: Settings) -> Recipe:
    """How to train: flags, or the settings of the same names, or the defaults."""
    from visop.training.recipe import Recipe

    choices = {each.name: getattr(arguments, each.name) for each in dataclasses.fields(Recipe)}
    for name in _ALSO_SETTINGS:
        choices[name] = choices[name] or getattr(settings, name)
    if choices["precision"] == "int8":
        raise SettingsError("precision", "int8", "training computes in f32 or bf16; set one of them, or auto")
    if choices["pooling"] == "auto":
        del choices["pooling"]
    return Recipe(**choices)


def _choose_backend() -> None:
    """Keras reads the variable when it is imported."""
    backend = os.environ["KERAS_BACKEND"] = os.environ.get("KERAS_BACKEND") or _BACKENDS[0]
    if backend not in _BACKENDS:
        raise UsageError("", f"KERAS_BACKEND={backend}", f"must be one of {', '.join(_BACKENDS)}")
    # TensorFlow tells of its instruction sets before it says what is wrong; errors are still told.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError("card", path, f"cannot be read: {error}") from None
    if not isinstance(card, dict) or not card.keys() <= set(_SAID):
        raise UsageError("card", path, f"must be a JSON object with any of {', '.join(_SAID)}")
    return card
