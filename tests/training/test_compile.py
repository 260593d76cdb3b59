"""What the optimiser is told. Backend: TensorFlow."""

from __future__ import annotations

import keras

from visop.models.pooling import GeneralizedMean
from visop.models.small_vgg import EquivariantConv, Stage
from visop.training.recipe import Recipe
from visop.training.train import _compile


def test_kernels_of_every_kind_are_shrunk_and_nothing_else() -> None:
    layers = keras.layers
    maps = pictures = keras.Input((8, 8, 3))
    for layer in (
        layers.Conv2D(8, 3),
        layers.SeparableConv2D(8, 3),
        layers.DepthwiseConv2D(3),
        layers.BatchNormalization(),
        EquivariantConv(Stage("conv", 1)),
    ):
        maps = layer(maps)
    model = keras.Model(pictures, layers.Dense(2)(GeneralizedMean()([maps])))
    _compile(model, Recipe())
    model.optimizer.build(model.trainable_variables)
    shrunk = {each.name for each in model.trainable_variables if model.optimizer._use_weight_decay(each)}
    assert shrunk == {"kernel", "depthwise_kernel", "pointwise_kernel"}
    assert {each.name for each in model.trainable_variables} - shrunk == {"bias", "gain", "gamma", "beta", "p"}
