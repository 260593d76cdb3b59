"""A processor and an encoder as one operator: a vector for each part of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from visop.contract import Encoder, Image, OperatorInfo, Processor, Vector
from visop.detection import Detection, Encoded, Part, Unplaced, best
from visop.images.crops import crop
from visop.part_scheme import MOST_PARTS, PartScheme


@dataclass(frozen=True)
class PartChoice:
    """Which parts of a picture get a vector.

    Attributes:
        most: at most so many, those of the highest score.
        whole: whether the whole picture is one, before the others.
        margin: added to each box before it is cut out, as of ``visop.images.crops.CropOptions``.
    """

    most: int = MOST_PARTS
    whole: bool = False
    margin: float = 0.0

    def of(self, detections: Sequence[Detection], image_size: tuple[int, int]) -> list[Detection]:
        """The parts among what a processor found in a picture of (width, height) pixels, none twice."""
        detections = _one_for_each_box(detections)
        if not self.whole:
            return best(detections, self.most)
        whole = Detection((0.0, 0.0, float(image_size[0]), float(image_size[1])))
        others = [each for each in detections if each.box != whole.box or isinstance(each, Unplaced)]
        return [whole, *best(others, self.most - 1)]

    def cut_out(self, image: Image, part: Detection, image_size: tuple[int, int]) -> Image:
        """The pixels of a part. Arguments as of ``crop``."""
        if isinstance(part, Unplaced) and part.image is not None:
            return part.image
        return crop(image, part.box, image_size, self.margin)


class PartEncoder:
    """Encodes what a processor finds. It takes pictures, as both of its operators do.

    Attributes:
        processor: finds the parts.
        encoder: encodes them.
        choice: which of them.
        decode_side: none, as parts are encoded in the resolution of the file.
    """

    decode_side: int | None = None

    def __init__(self, processor: Processor, encoder: Encoder, choice: PartChoice | None = None) -> None:
        self.processor, self.encoder, self.choice = processor, encoder, choice or PartChoice()

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.processor.name}+{self.encoder.name}"

    @property
    def dimension(self) -> int:
        """The length of a vector of the encoder."""
        return self.encoder.dimension

    @property
    def fingerprint(self) -> str:
        """That of the encoder, because a vector of a part can be compared with one of a whole picture."""
        return self.encoder.fingerprint

    def load(self) -> None:
        """Load both."""
        self.processor.load()
        self.encoder.load()

    def close(self) -> None:
        """Close both."""
        try:
            self.processor.close()
        finally:
            self.encoder.close()

    def warm_up(self) -> None:
        """Check both models. Raises as ``Operator.warm_up``."""
        self.processor.warm_up()
        self.encoder.warm_up()

    def info(self) -> OperatorInfo:
        """What the encoder says of its vectors, and which parts they are of."""
        of_encoder = self.encoder.info()
        return replace(of_encoder, name=self.name, labels=tuple(self.processor.labels), parts=str(self.scheme))

    @property
    def scheme(self) -> PartScheme:
        """Which parts the vectors are of."""
        choice, processor = self.choice, self.processor
        return PartScheme(processor.name, processor.fingerprint, choice.margin, choice.most, choice.whole)

    def execute(self, image: Image) -> list[Part]:
        """Encode the parts of one image; none, if it has none. Raises ModelFailed as both operators do."""
        return self.bulk_execute([image])[0]

    def bulk_execute(self, images: Sequence[Image]) -> list[list[Part]]:
        """Encode the parts of each image, in order. Raises as ``execute``."""
        return [
            self._encoded(image, found)
            for image, found in zip(images, self.processor.bulk_execute(images), strict=True)
        ]

    def _encoded(self, image: Image, found: Sequence[Detection]) -> list[Part]:
        size = image.shape[1], image.shape[0]
        chosen = self.choice.of(found, size)
        vectors = vectors_of_processor(chosen)
        left = [number for number in range(len(chosen)) if number not in vectors]
        crops = [self.choice.cut_out(image, chosen[number], size) for number in left]
        vectors |= zip(left, self.encoder.bulk_execute(crops), strict=True)
        return [Part(each, vectors[number]) for number, each in enumerate(chosen)]


def vectors_of_processor(chosen: Sequence[Detection]) -> dict[int, Vector]:
    """By the number of the part, the vectors that the processor has made; the others are left to the encoder."""
    known = {number: each.vector for number, each in enumerate(chosen) if isinstance(each, Encoded)}
    return {number: vector for number, vector in known.items() if vector is not None}


def _one_for_each_box(detections: Sequence[Detection]) -> list[Detection]:
    """What has several labels has one vector: that of its most certain label."""
    chosen: dict[object, Detection] = {}
    for number, each in enumerate(best(detections, len(detections))):
        chosen.setdefault(number if isinstance(each, Unplaced) else each.box, each)
    return list(chosen.values())


#: What can be served.
AnyOperator = Encoder | Processor | PartEncoder
