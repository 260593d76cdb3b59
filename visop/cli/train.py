"""``visop train``: train an encoder or a detector on pictures. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visop.cli.console import imports, resumable
from visop.cli.flags import Commands, add_command
from visop.cli.folder_flags import add_folder_flags, find_options, refuse_folder_flags
from visop.cli.recipe_flags import ALSO_SETTINGS, add_recipe_flags, given
from visop.cli.settings_flags import add_settings, read_settings
from visop.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from visop.settings import Settings
    from visop.training.detection.recipe import DetectionRecipe
    from visop.training.recipe import Recipe

_NOTES = """\
--task encode (the default): with --labels pictures, every picture is an identity of its own, and the encoder learns to
find edited copies of it: turned, mirrored, cut, brighter or darker, compressed, with text over it, ... With --labels
folders, the sub-folders are the identities. A tenth of the identities is held out and never trained on. With --weights
random it starts from nothing.

--task detect: a detector learns to find what is annotated in the pictures. FOLDER has annotations in the form of Pascal
VOC (Annotations/*.xml) or of COCO (instances*.json). It is small-ssd, on the convolutions of the built-in encoder, or
with --model ssd300 the network of the paper, for which --weights is random or a detector file. The split that the data
set comes with is used (ImageSets/Main/train.txt and val.txt, or instances_train*.json and instances_val*.json); without
one, or with --held-out, pictures are held out by chance, a tenth of them if nothing else is said. The mean average
precision in what is held out is what the card says.

files written:
  OUT.safetensors        the encoder or the detector, and its card; OP_WEIGHTS=OUT.safetensors serves it at once
  OUT.safetensors.run/   the state of the run, history.csv, tensorboard/

If a run is interrupted, the same command continues where it stopped, with the same result. Keras trains on the backend
that KERAS_BACKEND names (tensorflow, jax, torch), on a GPU if there is one.

examples:
  visop train pictures/ --out mine.safetensors                          continue from the built-in encoder
  visop train pictures/ --out vgg.safetensors --model vgg16 --loss triplet --margin 0.3
  visop train products/ --labels folders --out products.safetensors --model vgg16 --identities 16 --views 4
  visop train --task detect annotated/ --out parts.safetensors
  OP_WEIGHTS=mine.safetensors visop serve
"""

_INSTALL = "to train: pip install 'visop[train]' tensorflow-cpu (or jax, or torch, with KERAS_BACKEND)"

# Those of Keras that can train.
_BACKENDS = ("tensorflow", "jax", "torch")

# Instead of what the settings say of serving.
_START = {
    "model": "encode: a model that `visop info --models` lists; auto is that of the encoder file in --weights, or else "
    "embedded. detect: small-ssd, which is auto, ssd300 or ssd300-coco.",
    "weights": "encode: an encoder file, imagenet (what Keras publishes) or random; auto is the shipped encoder for "
    "embedded, and imagenet for the others. detect: a detector file or random; auto, for small-ssd, is the "
    "convolutions of the shipped encoder.",
}

# The entries of a card that a person writes; the others are facts of the run.
_SAID = ("name", "summary", "for", "not_for")


def add_parser(commands: Commands) -> None:
    """Add ``train`` to the commands of ``visop``."""
    parser = add_command(commands, "train", _run, "train an encoder or a detector on a folder of pictures", _NOTES)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="pictures, also in folders below")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="OUT.safetensors", help="the encoder or detector file"
    )
    parser.add_argument(
        "--task",
        choices=("encode", "detect"),
        default="encode",
        help="train an encoder, or a detector of what is annotated in the pictures (default encode)",
    )
    parser.add_argument(
        "--card",
        type=Path,
        metavar="FILE.json",
        help="words for the card: any of name, summary, for, not_for",
    )
    add_folder_flags(parser.add_argument_group("which pictures, with --task encode"), lists=False)
    parser.add_argument(
        "--annotations",
        choices=("voc", "coco"),
        help="to detect: which to take of a folder that is annotated in both forms",
    )
    parser.add_argument("--restart", action="store_true", help="start again, and replace what is there")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_recipe_flags(parser)
    _add_start(parser.add_argument_group("what to start from"))


def _add_start(group: argparse._ActionsContainer) -> None:
    """The settings that choose it, in words for both tasks."""
    add_settings(group, tuple(_START))
    for action in group._actions:
        if text := _START.get(action.dest.removeprefix("setting_")):
            action.help = f"{text} [OP_{action.dest.removeprefix('setting_').upper()}; default: auto]"


def _run(arguments: argparse.Namespace) -> int:
    with imports(_INSTALL):
        from visop.models.encoder_file import check_out

    check_out(arguments.out)
    if not arguments.folder.is_dir():  # told before TensorFlow tells of itself
        raise UsageError("folder", arguments.folder, "no such folder")
    if arguments.annotations and arguments.task == "encode":
        raise UsageError("annotations", arguments.annotations, "is not for --task encode")
    settings = read_settings(arguments).settings
    says = _read_card(arguments.card) if arguments.card else None
    how = {"says": says, "restart": arguments.restart, "quiet": arguments.quiet}
    _choose_backend()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("visop").setLevel(logging.INFO)  # and not those of libraries
    work = (_encoder if arguments.task == "encode" else _detector)(arguments, settings, how)

    def told() -> int:
        print(f"{arguments.out}: {work()}")
        return 0

    return resumable(told)


def _encoder(arguments: argparse.Namespace, settings: Settings, how: dict[str, Any]) -> Callable[[], str]:
    """What trains an encoder, and says how good it is; everything is checked that can be before."""
    with imports(_INSTALL):
        from visop.images.decode import ImageLimits
        from visop.models.selection import Selection

    recipe = _recipe(arguments, settings)
    # The pooling is that of the encoder to be; the one that training starts from may have another.
    selection, limits = Selection.of(dataclasses.replace(settings, pooling="auto")), ImageLimits.of(settings)
    with _importing():
        from visop.training.train import train

    def work() -> str:
        card = train(arguments.folder, arguments.out, selection, recipe, limits, options=find_options(arguments), **how)
        return f"recall@1 {card['metrics']['recall_at_1']['mean']:.3f} over all transformations"

    return work


def _detector(arguments: argparse.Namespace, settings: Settings, how: dict[str, Any]) -> Callable[[], str]:
    """As ``_encoder``, of a detector."""
    with imports(_INSTALL):
        from visop.images.decode import ImageLimits
        from visop.training.detection.prepare import prepare

    refuse_folder_flags(arguments, "--task detect")
    recipe, limits = _detection_recipe(arguments, settings), ImageLimits.of(settings)
    prepared = prepare(arguments.folder, settings.model, settings.weights, recipe, arguments.annotations)
    with _importing():
        from visop.training.detection.train import train_detector

    def work() -> str:
        metrics = train_detector(prepared, arguments.out, recipe, limits, **how)["metrics"]
        return f"mAP@0.5 {metrics['map_voc']:.3f}, {metrics['map_coco']:.3f} in the form of COCO"

    return work


@contextmanager
def _importing() -> Iterator[None]:
    """Around the import of what trains, which imports Keras and its backend."""
    from visop.training.quiet_imports import without_chatter

    with imports(_INSTALL), without_chatter():
        yield


def _recipe(arguments: argparse.Namespace, settings: Settings) -> Recipe:
    """How to train an encoder: flags, or the settings of the same names, or the defaults."""
    from visop.training.recipe import Recipe

    return Recipe(**_choices(arguments, settings, Recipe))


def _detection_recipe(arguments: argparse.Namespace, settings: Settings) -> DetectionRecipe:
    from visop.training.detection.recipe import DetectionRecipe

    return DetectionRecipe(**_choices(arguments, settings, DetectionRecipe))


def _choices(arguments: argparse.Namespace, settings: Settings, recipe: type[Any]) -> dict[str, Any]:
    names = {each.name for each in dataclasses.fields(recipe)}
    choices = given(arguments)
    for name in choices.keys() - names:
        raise UsageError(name, choices[name], f"is not for --task {arguments.task}")
    for name in names & set(ALSO_SETTINGS):
        choices.setdefault(name, getattr(settings, name))
    if choices["precision"] == "int8":
        raise SettingsError("precision", "int8", "training computes in f32 or bf16; set one of them, or auto")
    if choices.get("pooling") == "descriptors":
        raise SettingsError("pooling", "descriptors", "an encoder is trained for one vector; take one of the others")
    if choices.get("pooling") == "auto":
        del choices["pooling"]
    return choices


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
