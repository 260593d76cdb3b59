"""What the classes of the published detectors are called, in their order, without the background."""

from __future__ import annotations

_VOC = """
1 aeroplane, bicycle, bird, boat, bottle, bus, car, cat, chair, cow, diningtable, dog, horse, motorbike, person,
   pottedplant, sheep, sofa, train, tvmonitor
"""
_COCO = """
1 person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant
13 stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe
27 backpack, umbrella
31 handbag, tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard,
   surfboard, tennis racket, bottle
46 wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot dog, pizza, donut,
   cake, chair, couch, potted plant, bed
67 dining table
70 toilet
72 tv, laptop, mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator
84 book, clock, vase, scissors, teddy bear, hair drier, toothbrush
"""


def _numbered(text: str, count: int) -> tuple[str, ...]:
    """Labels by their numbers, of which each line has its first; empty for numbers in between."""
    labels = [""] * count
    for line in text.replace(",\n   ", ", ").strip().splitlines():
        first, _, names = line.partition(" ")
        some = names.split(", ")
        labels[int(first) - 1 : int(first) - 1 + len(some)] = some
    return tuple(labels)


#: Pascal VOC (Everingham et al. 2010), by their numbers, 1 to 20.
VOC = _numbered(_VOC, 20)

#: COCO (Lin et al. 2014): 80 kinds of objects by their numbers in its annotations, 1 to 90, of which ten are not used.
COCO = _numbered(_COCO, 90)
