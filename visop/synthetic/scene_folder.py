"""A folder of scenes with annotations, in the form of Pascal VOC or of COCO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from visop.annotations import coco, voc
from visop.annotations.truth import AnnotatedPicture, Annotations
from visop.errors import UsageError
from visop.synthetic.generate import Kind, check_size, generate_folder
from visop.synthetic.scene_layout import LABELS
from visop.synthetic.scenes import EDITION, draw_scene, scene_layout

Form = Literal["voc", "coco"]

SCENES = Kind(draw_scene, f"visop generate, scenes, edition {EDITION}")


def generate_scenes(folder: Path, count: int, size: int, seed: int, processes: int, form: Form) -> None:
    """Write scenes and their annotations; what there is already is kept.

    Args:
        folder: created if missing.
        count: number of scenes.
        size: their longer side, in pixels.
        seed: seed of the first scene; the following scenes have the following seeds.
        processes: number of processes; 0 uses one per core.
        form: of the annotations.

    Raises:
        UsageError: as ``generate_folder``.
    """
    check_size(size)
    place = folder / (voc.PICTURES if form == "voc" else coco.PICTURES)
    paths = generate_folder(place, count, size, seed, processes, SCENES)
    layouts = (scene_layout(seed + number, size) for number in range(count))
    pictures = [AnnotatedPicture(path, each.size, each.truths) for path, each in zip(paths, layouts, strict=True)]
    try:
        _annotate(folder, pictures, form)
    except OSError as error:
        raise UsageError("folder", folder, error.strerror or "cannot be written") from None


def _annotate(folder: Path, pictures: Sequence[AnnotatedPicture], form: Form) -> None:
    if form == "coco":
        path = folder / coco.ANNOTATIONS
        path.parent.mkdir(exist_ok=True)
        coco.write_coco(path, Annotations(LABELS, pictures))
        return
    place = folder / voc.ANNOTATIONS
    place.mkdir(exist_ok=True)
    for picture in pictures:
        voc.write_voc(place, picture)
