"""``visop convert``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from visop.cli.console import imports
from visop.cli.flags import Commands, add_command
from visop.cli.settings_flags import add_settings, read_settings
from visop.errors import UsageError
from visop.settings import Settings

_NOTES = """\
An encoder file holds a whole encoder: network, pooling, head, and for the VGG networks and the embedded encoder the
ranges of numbers that computing in eight bits (--precision int8) needs. They are measured here, once, on generated
pictures, so that every machine computes the same vectors. Weights of Keras and encoder files from before 0.2 have none.
Vectors stay what they are; the fingerprint is another one, and an index of an older encoder file goes on with the new.

Of weights of ssd300, a checkpoint of TensorFlow 1 (.ckpt, .zip) or a file of torchvision (.pth), it makes a detector
file, which neither TensorFlow nor PyTorch is needed for. Nothing that a file contains is executed.

examples:
  visop convert --model vgg16 --out vgg16.safetensors
  visop convert --weights old.safetensors --out new.safetensors
  visop convert --weights ssd_300_vgg.ckpt --out voc.safetensors
  visop convert --model ssd300-coco --out coco.safetensors
"""


def add_parser(commands: Commands) -> None:
    """Add ``convert`` to the commands of ``visop``."""
    parser = add_command(commands, "convert", _run, "write any weights as an encoder or detector file", _NOTES)
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.safetensors", help="the file to write")
    add_settings(parser.add_argument_group("the encoder or detector"), ("model", "weights", "pooling", "data_dir"))


def _run(arguments: argparse.Namespace) -> int:
    with imports("to convert: pip install 'visop[cpu]'"):
        from visop.models.encoder_file import check_out
        from visop.models.selection import Selection
        from visop.processors.ssd.weights import is_of_detector
        from visop.training.convert import convert

    check_out(arguments.out)
    settings = read_settings(arguments).settings
    if is_of_detector(settings.model, settings.weights):
        return _convert_detector(settings, arguments.out)
    converted = convert(Selection.of(settings), arguments.out)
    sys.stdout.write(f"{arguments.out}: {converted.fingerprint('f32')}\n")
    return 0


def _convert_detector(settings: Settings, out: Path) -> int:
    from visop.processors.ssd.convert import convert_ssd
    from visop.processors.ssd.weights import find_ssd_weights

    weights = find_ssd_weights(settings.model, settings.weights, settings.data_dir)
    if weights.path is not None and weights.path.suffix == out.suffix:
        raise UsageError("weights", settings.weights, "is a detector file already; there is nothing to convert")
    network = convert_ssd(weights, out).network
    sys.stdout.write(f"{out}: {network.name}, {len([each for each in network.labels if each])} kinds of objects\n")
    return 0
