"""The two published variants of SSD-300, each with its facts in one place. Imports no runtime.

They share layers, priors and variances. Facts of the first: balancap/SSD-Tensorflow at e0e3104, in ``nets`` the files
``ssd_vgg_300.py``, ``np_methods.py`` and ``custom_layers.py``, and ``preprocessing/ssd_vgg_preprocessing.py``. Of the
second: torchvision, in ``models/detection`` the files ``ssd.py``, ``anchor_utils.py``, ``_utils.py`` and
``transform.py``; 0.14 computes the same from the same weights (measured: offsets and probabilities within 1e-4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from visop.contract import Image
from visop.errors import SettingsError
from visop.processors.boxes import Floats
from visop.processors.ssd.coding import LARGEST_LOG
from visop.processors.ssd.labels import COCO, VOC
from visop.processors.ssd.layout import SIDE, SSD300_MAPS, tensor_shapes
from visop.processors.ssd.priors import prior_boxes
from visop.processors.ssd.selection import SelectionRule

if TYPE_CHECKING:
    from visop.processors.ssd.resize import Sampling


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What there is to know of an SSD-300 before its weights are read; a ``network.ServedNetwork``.

    Attributes:
        name: in settings, and of ``model`` in detector files.
        labels: of its classes without the background; empty where a number has no kind of object.
        means: of red, green and blue, 0 to 255, which are subtracted from pixels.
        sampling: how pictures are resized.
        least_square: of ``network.ScaledLength``.
        priors_at_most_the_picture: whether no prior is wider or higher than the picture.
        largest_log: of ``coding.decode``.
        rule: how boxes are selected.
        file: the published weights.
        url: of that.
        digest: of that, hexadecimal: SHA-256, or, with 40 digits, that of Git: SHA-1 of ``blob SIZE``, a zero and the
            bytes. torchvision publishes the first 8 digits; the others are those that a copy of the file elsewhere
            (LibreYOLO/LibreSSD300) is said to have.
        licence: of the weights, as far as known.
        divisor: of the paper's numbers of channels; more than 1 is a narrower network of one's own.
    """

    name: str
    labels: tuple[str, ...]
    means: tuple[float, float, float]
    sampling: Sampling
    least_square: float
    priors_at_most_the_picture: bool
    largest_log: float
    rule: SelectionRule
    file: str
    url: str
    digest: str
    licence: str
    divisor: int = 1

    @property
    def priors(self) -> Floats:
        """(8732, 4), as of ``prior_boxes``."""
        return prior_boxes(SSD300_MAPS, at_most_the_picture=self.priors_at_most_the_picture)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the tensors by name."""
        return tensor_shapes(1 + len(self.labels), self.divisor)

    def prepared(self, image: Image) -> Floats:
        """(H, W, 3) uint8 RGB of any size -> (300, 300, 3) float32, 0 to 255."""
        from visop.processors.ssd.resize import resized

        return resized(image, SIDE, self.sampling)

    @property
    def facts(self) -> dict[str, Any]:
        """Those of ``DetectorHeader.network``."""
        return {"divisor": self.divisor}

    def build(self, *, softmax: bool = True) -> Any:
        """The Keras model, from what ``prepared`` gives; without weights worth anything.

        Args:
            softmax: whether classes are probabilities, or, for training, their logits.
        """
        from visop.processors.ssd.network import build_ssd300

        classes = 1 + len(self.labels)
        return build_ssd300(
            classes, means=self.means, divisor=self.divisor, least_square=self.least_square, softmax=softmax
        )


#: Of the function service: 21 classes of Pascal VOC.
SSD300_VOC = Variant(
    name="ssd300",
    labels=VOC,
    means=(123.0, 117.0, 104.0),
    sampling="corners",
    least_square=1e-12,
    priors_at_most_the_picture=False,
    largest_log=LARGEST_LOG,
    rule=SelectionRule(score=0.5, overlap=0.45, most_per_class=400, most_looked_at=400, most=400),
    file="ssd_300_vgg.ckpt.zip",
    url="https://github.com/balancap/SSD-Tensorflow/raw/e0e3104d3a2cc5d830fad041d4e56ebcf84caac3/checkpoints/"
    "ssd_300_vgg.ckpt.zip",
    digest="1650a2ddbcb51351af4ad70ffe7a879301f5fdfe",
    licence="none is stated for these weights, converted from those of the paper's authors; the code beside them says "
    "Apache-2.0 in its headers. Trained on pictures of Pascal VOC, which are Flickr's users'",
)

#: Of torchvision: 91 classes of COCO.
SSD300_COCO = Variant(
    name="ssd300-coco",
    labels=COCO,
    means=(0.48235 * 255, 0.45882 * 255, 0.40784 * 255),
    sampling="middles",
    least_square=1e-24,
    priors_at_most_the_picture=True,
    largest_log=math.log(1000 / 16),
    rule=SelectionRule(score=0.01, overlap=0.45, most_per_class=400, most=200),
    file="ssd300_vgg16_coco-b556d3b4.pth",
    url="https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth",
    digest="b556d3b43ab6c3f63d81bfb8835fe8756ac22da664357da100dccf96b6a6b42d",
    licence="none is stated for the file; the torchvision project that publishes it is under BSD-3-Clause. Begun from "
    "VGG-16 (CC BY 4.0, Oxford) and trained on pictures of COCO, which are Flickr's users'",
)

VARIANTS = {each.name: each for each in (SSD300_VOC, SSD300_COCO)}


def find_variant(name: str) -> Variant:
    """The variant of that name.

    Raises:
        SettingsError: there is none; lists those that there are.
    """
    if name not in VARIANTS:
        raise SettingsError("model", name, f"must be one of {', '.join(VARIANTS)}")
    return VARIANTS[name]
