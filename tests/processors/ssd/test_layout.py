from __future__ import annotations

import math

import pytest

from visop.processors.ssd.labels import COCO, VOC
from visop.processors.ssd.layout import tensor_shapes
from visop.processors.ssd.published_names import tf1_name, torch_name, torch_shape
from visop.processors.ssd.variants import SSD300_COCO, SSD300_VOC


def test_a_network_has_as_many_numbers_as_torchvision_says() -> None:
    assert sum(map(math.prod, SSD300_COCO.shapes.values())) == 35_641_826


@pytest.mark.parametrize(
    ("name", "there", "shape"),
    [
        ("conv1_1/kernel", "conv1/conv1_1/weights", (3, 3, 3, 64)),
        ("conv6/kernel", "conv6/weights", (3, 3, 512, 1024)),
        ("conv7/bias", "conv7/biases", (1024,)),
        ("conv8_1/kernel", "block8/conv1x1/weights", (1, 1, 1024, 256)),
        ("conv11_2/kernel", "block11/conv3x3/weights", (3, 3, 128, 256)),
        ("norm1/scale", "block4_box/L2Normalization/gamma", (512,)),
        ("boxes1/kernel", "block4_box/conv_loc/weights", (3, 3, 512, 16)),
        ("classes1/kernel", "block4_box/conv_cls/weights", (3, 3, 512, 84)),
        ("classes2/kernel", "block7_box/conv_cls/weights", (3, 3, 1024, 126)),
        ("boxes6/bias", "block11_box/conv_loc/biases", (16,)),
    ],
)
def test_tensors_are_those_of_the_checkpoint(name: str, there: str, shape: tuple[int, ...]) -> None:
    assert (tf1_name(name), SSD300_VOC.shapes[name]) == (f"ssd_300_vgg/{there}", shape)


@pytest.mark.parametrize(
    ("name", "there", "shape"),
    [
        ("conv1_2/kernel", "backbone.features.2.weight", (64, 64, 3, 3)),
        ("conv4_3/bias", "backbone.features.21.bias", (512,)),
        ("conv5_1/kernel", "backbone.extra.0.1.weight", (512, 512, 3, 3)),
        ("conv6/kernel", "backbone.extra.0.7.1.weight", (1024, 512, 3, 3)),
        ("conv7/kernel", "backbone.extra.0.7.3.weight", (1024, 1024, 1, 1)),
        ("conv8_2/kernel", "backbone.extra.1.2.weight", (512, 256, 3, 3)),
        ("conv11_1/bias", "backbone.extra.4.0.bias", (128,)),
        ("norm1/scale", "backbone.scale_weight", (512,)),
        ("boxes2/kernel", "head.regression_head.module_list.1.weight", (24, 1024, 3, 3)),
        ("classes6/kernel", "head.classification_head.module_list.5.weight", (364, 256, 3, 3)),
    ],
)
def test_tensors_are_those_of_torchvision(name: str, there: str, shape: tuple[int, ...]) -> None:
    assert (torch_name(name), torch_shape(SSD300_COCO.shapes[name])) == (there, shape)


def test_no_two_tensors_have_one_name() -> None:
    names = list(tensor_shapes(21))
    assert len(names) == 71
    assert len({tf1_name(name) for name in names}) == len({torch_name(name) for name in names}) == 71


def test_classes_have_the_numbers_of_their_data_sets() -> None:
    assert (len(VOC), VOC[12 - 1], VOC[15 - 1], VOC[20 - 1]) == (20, "dog", "person", "tvmonitor")
    assert (len(COCO), len(list(filter(None, COCO))), len(set(COCO))) == (90, 80, 81)
    some = {
        1: "person",
        11: "fire hydrant",
        13: "stop sign",
        44: "bottle",
        46: "wine glass",
        62: "chair",
        67: "dining table",
    }
    some |= {12: "", 65: "bed", 66: "", 82: "refrigerator", 84: "book", 90: "toothbrush"}
    assert {number: COCO[number - 1] for number in some} == some
