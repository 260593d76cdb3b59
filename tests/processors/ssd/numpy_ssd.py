"""SSD-300 again, in NumPy and for one picture, written out layer by layer: an independent statement of the graph."""

from __future__ import annotations

import numpy as np

from visop.processors.boxes import Floats

Tensors = dict[str, Floats]


def answers(pixels: Floats, tensors: Tensors, means: tuple[float, float, float], classes: int) -> Floats:
    """(300, 300, 3) -> (8732, 4 + classes): offsets, probabilities."""
    maps = pixels - np.asarray(means, np.float32)
    maps = pooled(several(maps, tensors, "conv1_1", "conv1_2"))
    maps = pooled(several(maps, tensors, "conv2_1", "conv2_2"))
    maps = pooled(several(maps, tensors, "conv3_1", "conv3_2", "conv3_3"))
    maps = several(maps, tensors, "conv4_1", "conv4_2", "conv4_3")
    lengths = np.sqrt((maps**2).sum(axis=-1, keepdims=True) + 1e-30)
    seen = [maps / lengths * tensors["norm1/scale"]]
    maps = several(pooled(maps), tensors, "conv5_1", "conv5_2", "conv5_3")
    maps = pooled(maps, 3, 1)
    maps = convolved(maps, tensors, "conv6", edge=6, dilation=6)
    seen.append(convolved(maps, tensors, "conv7", edge=0))
    for number, edge, stride in ((8, 1, 2), (9, 1, 2), (10, 0, 1), (11, 0, 1)):
        maps = convolved(seen[-1], tensors, f"conv{number}_1", edge=0)
        seen.append(convolved(maps, tensors, f"conv{number}_2", edge=edge, stride=stride))
    offsets = [convolved(maps, tensors, f"boxes{number}", relu=False) for number, maps in enumerate(seen, 1)]
    logits = [convolved(maps, tensors, f"classes{number}", relu=False) for number, maps in enumerate(seen, 1)]
    boxes = np.concatenate([each.reshape(-1, 4) for each in offsets])
    scores = np.concatenate([each.reshape(-1, classes) for each in logits])
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.hstack([boxes, shares / shares.sum(axis=1, keepdims=True)])


def several(maps: Floats, tensors: Tensors, *names: str) -> Floats:
    for name in names:
        maps = convolved(maps, tensors, name)
    return maps


def convolved(
    maps: Floats, tensors: Tensors, name: str, *, edge: int = 1, stride: int = 1, dilation: int = 1, relu: bool = True
) -> Floats:
    """A convolution, as a sum of products over the places of the kernel."""
    kernel, bias = tensors[f"{name}/kernel"], tensors[f"{name}/bias"]
    padded = np.pad(maps, ((edge, edge), (edge, edge), (0, 0)))
    reach = (len(kernel) - 1) * dilation
    rows, columns = (1 + (size - 1 - reach) // stride for size in padded.shape[:2])
    total = np.zeros((rows, columns, len(bias)), np.float32) + bias
    for y in range(len(kernel)):
        for x in range(len(kernel)):
            top, left = y * dilation, x * dilation
            seen = padded[top : top + rows * stride : stride, left : left + columns * stride : stride]
            total += seen @ kernel[y, x]
    return np.maximum(total, 0) if relu else total


def pooled(maps: Floats, side: int = 2, stride: int = 2) -> Floats:
    """Maxima, at the edges of fewer pixels."""
    rows, columns = (-(-size // stride) for size in maps.shape[:2])
    before = side - stride  # half of it lies before
    shape = ((before // 2, side), (before // 2, side), (0, 0))
    padded = np.pad(maps, shape, constant_values=-np.inf)
    shifted = [
        padded[y : y + rows * stride : stride, x : x + columns * stride : stride]
        for y in range(side)
        for x in range(side)
    ]
    result: Floats = np.max(shifted, axis=0)
    return result
