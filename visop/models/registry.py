"""The models by name: plain facts, from which everything else follows. Imports no runtime.

Sources: constructor, input size, preprocessing and weights are those of ``keras.applications`` (Keras 3.15,
``keras/src/applications/*.py``: ``WEIGHTS_PATH_NO_TOP``, ``BASE_WEIGHTS_PATH``, ``WEIGHTS_HASHES``, ``file_hash``); a
test compares them with the installed Keras. Licences: the Keras documentation of the applications. The one that is not
of Keras is ``embedded``, whose weights this project trains and ships.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from visop.errors import SettingsError

Pooling = Literal["avg", "max", "gem", "rmac", "ramac"]
#: Of an encoder that is served: one of these, or the descriptors of ``DESCRIPTORS`` side by side.
ServedPooling = Pooling | Literal["descriptors"]
Precision = Literal["f32", "bf16", "int8"]

#: What OP_POOLING=descriptors computes in one pass, by the names that the literature has for them, in this order.
DESCRIPTORS: Mapping[str, Pooling] = {"MAC": "max", "SPoC": "avg", "R-MAC": "rmac", "RA-MAC": "ramac"}

#: What OP_MODEL=auto means where no encoder file says otherwise.
DEFAULT_MODEL = "embedded"

_PUBLISHED = "https://storage.googleapis.com/tensorflow/keras-applications"


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What there is to know of a model before any of it is loaded."""

    name: str
    constructor: str
    """Its name in ``keras.applications``, or ``module:function`` of our own, which takes the shape of the input."""
    height: int
    width: int
    """Of the input, in pixels."""
    preprocessing: Literal["caffe", "tf", "included"]
    """caffe: RGB to BGR, minus the ImageNet means. tf: to -1..1. included: the model does it itself, from 0..255."""
    dimension: int
    """Length of a vector: the channels of the feature map, if no encoder file says otherwise."""
    pooling: ServedPooling = "avg"
    """What OP_POOLING=auto means, if no encoder file says otherwise."""
    space: tuple[Precision, ...]
    """The precisions whose vectors can be searched together, from the most exact to the fastest, as measured in
    docs/explanation/benchmarks.md; OP_PRECISION=auto takes the last of them that the device has."""
    has_int8: bool = False
    """Whether eight bits leave its vectors good for search; of separable convolutions next to nothing is left."""
    weights_url: str | None = None
    """The published ImageNet weights, without the classifier, as HDF5; None where there are none."""
    weights_md5: str | None = None
    """As published by Keras (md5 is all that it publishes); None where it publishes none."""
    weights_licence: str
    shipped: Path | None = None
    """An encoder file inside this package; None where there is none."""

    @property
    def weights_file(self) -> str:
        """The name of the file that OP_WEIGHTS=auto means; if it is a published one, also in the Keras cache."""
        return self.shipped.name if self.shipped else str(self.weights_url).rpartition("/")[2]


_SPECS = (
    ModelSpec(
        name="embedded",
        constructor="visop.models.small_vgg:build_small_vgg",
        height=192,
        width=192,
        preprocessing="included",
        dimension=256,
        pooling="gem",
        space=("f32", "bf16", "int8"),
        has_int8=True,
        weights_licence="Apache-2.0, as all of visop: trained on pictures that it generates",
        shipped=Path(__file__).with_name("embedded.safetensors"),
    ),
    ModelSpec(
        name="vgg16",
        constructor="VGG16",
        height=224,
        width=224,
        preprocessing="caffe",
        dimension=512,
        space=("f32", "bf16"),
        has_int8=True,
        weights_url=f"{_PUBLISHED}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_md5="6d6bbae143d832006294945121d1f1fc",
        weights_licence="CC BY 4.0, Visual Geometry Group, University of Oxford",
    ),
    ModelSpec(
        name="vgg19",
        constructor="VGG19",
        height=224,
        width=224,
        preprocessing="caffe",
        dimension=512,
        space=("f32", "bf16"),
        has_int8=True,
        weights_url=f"{_PUBLISHED}/vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_md5="253f8cb515780f3b799900260a226db6",
        weights_licence="CC BY 4.0, Visual Geometry Group, University of Oxford",
    ),
    ModelSpec(
        name="xception",
        constructor="Xception",
        height=299,
        width=299,
        preprocessing="tf",
        dimension=2048,
        space=("f32",),
        weights_url=f"{_PUBLISHED}/xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_md5="b0042744bf5b25fce3cb969f33bebb97",
        weights_licence="MIT, François Chollet",
    ),
    ModelSpec(
        name="resnet50",
        constructor="ResNet50",
        height=224,
        width=224,
        preprocessing="caffe",
        dimension=2048,
        space=("f32", "bf16"),
        weights_url=f"{_PUBLISHED}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_md5="4d473c1dd8becc155b73f8504c6f6626",
        weights_licence="MIT, Kaiming He",
    ),
    ModelSpec(
        name="mobilenetv2",
        constructor="MobileNetV2",
        height=224,
        width=224,
        preprocessing="tf",
        dimension=1280,
        space=("f32",),
        weights_url=f"{_PUBLISHED}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        weights_md5=None,
        weights_licence="Apache-2.0, the TensorFlow authors",
    ),
    ModelSpec(
        name="efficientnetv2b0",
        constructor="EfficientNetV2B0",
        height=224,
        width=224,
        preprocessing="included",
        dimension=1280,
        space=("f32", "bf16"),
        weights_url=f"{_PUBLISHED}/efficientnet_v2/efficientnetv2-b0_notop.h5",
        weights_md5="893217f2bb855e2983157299931e43ff",
        weights_licence="Apache-2.0, Google",
    ),
)

MODELS = {spec.name: spec for spec in _SPECS}


def find_model(name: str) -> ModelSpec:
    """Return the model of that name.

    Raises:
        SettingsError: there is none; lists those that there are.
    """
    if name not in MODELS:
        raise SettingsError("model", name, f"must be one of {', '.join(MODELS)}")
    return MODELS[name]
