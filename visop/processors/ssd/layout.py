"""Where the priors of SSD-300 stand: 8,732 of them (Liu et al. 2016, section 3.1, and its authors' implementation)."""

from __future__ import annotations

from visop.processors.ssd.priors import PriorMap

#: Pixels along a side of what SSD-300 looks at.
SIDE = 300

_FEW, _MANY = (2.0, 1 / 2), (2.0, 1 / 2, 3.0, 1 / 3)

#: Of the six feature maps. Scales are 21, 45, 99, 153, 207, 261 and 315 pixels.
SSD300_MAPS = (
    PriorMap((38, 38), 0.07, 0.15, _FEW, 8 / SIDE),
    PriorMap((19, 19), 0.15, 0.33, _MANY, 16 / SIDE),
    PriorMap((10, 10), 0.33, 0.51, _MANY, 32 / SIDE),
    PriorMap((5, 5), 0.51, 0.69, _MANY, 64 / SIDE),
    PriorMap((3, 3), 0.69, 0.87, _FEW, 100 / SIDE),
    PriorMap((1, 1), 0.87, 1.05, _FEW, 1.0),
)
