"""A folder of scenes with annotations, in the form of Pascal VOC or of COCO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visop.annotations import coco, voc
from visop.annotations.reading import Form
from visop.annotations.truth import AnnotatedPicture, Annotations
from visop.errors import UsageError
from visop.synthetic.generate import NAME, Kind, check_size, generate_folder
from visop.synthetic.scene_layout import LABELS
from visop.synthetic.scenes import EDITION, draw_scene, scene_layout

# What is in a folder of scenes, by the form of its annotations.
_PLACES = {"voc": (voc.PICTURES, f"{voc.ANNOTATIONS}/*.xml"), "coco": (coco.PICTURES, coco.ANNOTATIONS)}

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
        UsageError: as ``generate_folder``; or the folder has annotations of other pictures, or in the other form.
    """
    check_size(size)
    _check_folder(folder, count, form)
    place = folder / _PLACES[form][0]
    paths = generate_folder(place, count, size, seed, processes, SCENES)
    layouts = (scene_layout(seed + number, size) for number in range(count))
    pictures = [AnnotatedPicture(path, each.size, each.truths) for path, each in zip(paths, layouts, strict=True)]
    try:
        _annotate(folder, pictures, form)
    except OSError as error:
        raise UsageError("folder", folder, error.strerror or "cannot be written") from None


def _check_folder(folder: Path, count: int, form: Form) -> None:
    """Refuse to write annotations over others, or beside those in the other form, of which training reads one."""
    for each, (pictures, files) in _PLACES.items():
        place = folder / pictures
        is_ours = each == form and (place / NAME.format(0)).exists()
        if any(folder.glob(files)) and not is_ours:
            raise UsageError("folder", folder, f"has annotations already, {files}: give another folder")
    there = sum(1 for _ in (folder / _PLACES[form][0]).glob("[0-9]*.jpg"))
    if there > count:
        raise UsageError(
            "count", count, f"{folder} has {there} scenes already: give {there} or more, or another folder"
        )


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
