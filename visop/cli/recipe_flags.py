"""Flags for the choices of both kinds of training: each has the name and the values that the recipe has."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any, get_args, get_type_hints

#: Choices of a recipe that are settings, too, and mean the same there.
ALSO_SETTINGS = ("pooling", "precision")

_HELP = {
    "labels": "what is an identity: every one of the pictures, or every one of the folders right below FOLDER",
    "loss": "contrastive (InfoNCE with an entropy term, as in SSCD), or triplet",
    "mining": "how triplets are chosen from a batch",
    "margin": "margin of the triplet loss: a Euclidean distance between unit vectors, 0 to 2",
    "temperature": "temperature of the contrastive loss",
    "spread": "weight of the entropy term of the contrastive loss, which pushes different pictures apart",
    "pooling": "how the last feature map becomes a descriptor; the exponent of gem is trained",
    "dimension": "length of the vectors, by a new linear head; 0 keeps the head that there is, or none",
    "side": "input size in pixels; 0 is the model's own, such as 192 of embedded, at which an encoder is measured and "
    "served in any case, and 160 of small-ssd",
    "epochs": "how many epochs; each ends with a validation and a saved state",
    "steps": "batches per epoch",
    "identities": "identities per batch",
    "batch": "pictures per batch",
    "views": "pictures of each identity in a batch: an original and edited copies of it",
    "neighbours": "put this many neighbours, by name, into the same batch: harder where neighbours look alike",
    "learning_rate": "the highest learning rate; it rises for 5 %% of the steps, then falls along a cosine",
    "weight_decay": "weight decay of the kernels (AdamW)",
    "precision": "arithmetic; auto is bf16 on a GPU, and on a processor that has it",
    "held_out": "share of the identities, or of annotated pictures, that is held out; of these, 0 is what the data set "
    "holds out itself, or else a tenth",
    "validation_pictures": "how many held-out pictures are used at most",
    "patience": "stop after this many epochs without a better measure of held-out pictures; 0 never stops early",
    "seed": "seed of everything random",
    "half": "store the weights as float16, which halves the file",
}


def add_recipe_flags(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each choice of an encoder's and of a detector's recipe; none has a value if it is not given."""
    from visop.training.detection.recipe import DetectionRecipe
    from visop.training.recipe import Recipe

    encode, detect = _fields(Recipe), _fields(DetectionRecipe)
    groups = {
        "how to train, with either --task": encode.keys() & detect.keys(),
        "with --task encode": encode.keys() - detect.keys(),
        "with --task detect": detect.keys() - encode.keys(),
    }
    for title, names in groups.items():
        group = parser.add_argument_group(title)
        for name in _HELP:
            if name in names:
                _add(group, name, encode.get(name), detect.get(name))


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """The choices that were made on the command line."""
    choices = {name: getattr(arguments, name) for name in _HELP}
    return {name: value for name, value in choices.items() if value not in (None, False)}


def _fields(recipe: type[Any]) -> dict[str, tuple[Any, Any]]:
    """Type and default by name."""
    hints = get_type_hints(recipe)
    return {each.name: (hints[each.name], each.default) for each in dataclasses.fields(recipe)}


def _add(group: Any, name: str, encode: tuple[Any, Any] | None, detect: tuple[Any, Any] | None) -> None:
    kind, default = encode or detect or (None, None)
    said = f"OP_{name.upper()}, or {default}" if name in ALSO_SETTINGS else str(default)
    if detect and detect[1] != default:
        said += f", to detect {detect[1]}"
    flag, text = f"--{name.replace('_', '-')}", f"{_HELP[name]} (default {said})"
    if kind is bool:
        group.add_argument(flag, action="store_true", help=_HELP[name])
    elif get_args(kind):
        group.add_argument(flag, choices=get_args(kind), help=text)
    else:
        group.add_argument(flag, type=kind, metavar="N", help=text)
