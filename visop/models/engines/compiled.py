"""Compiled models on disk, so that only the first start builds one.

A folder per model, named by its key. It appears whole or not at all (built beside, then renamed), it is never changed,
and it is checked against its own digests before every use. Several servers may start on the same cache at once: their
folders never collide, so none waits for another, and none takes away what another uses.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from visop.files import file_sha256, move_folder

logger = logging.getLogger(__name__)

_MANIFEST = "manifest.json"
_UNFINISHED = ".unfinished-"
_ABANDONED_S = 3600.0


@contextmanager
def compiled_model(cache_dir: Path, key: str, build: Callable[[Path], None]) -> Iterator[Path]:
    """Give the folder of a compiled model, which is built first if it is not there.

    Where nothing can be written, the model is built in a temporary folder at every start, with a warning: a read-only
    file system is no reason not to serve.

    Args:
        cache_dir: where models are kept; made if it is missing.
        key: what this model is; any other model has another key.
        build: writes the model's files into the empty folder it is given; called only if needed. Its errors pass.
    """
    entry = _find(cache_dir, key)
    if entry is not None:
        yield entry
        return
    with _workshop(cache_dir) as folder:
        build(folder)
        _write_manifest(folder)
        if folder.parent != cache_dir:
            yield folder
            return
        # Another server that started at the same time may have been quicker: one copy is enough.
        entry = _find(cache_dir, key)
        yield entry or move_folder(folder, cache_dir / f"{key}-{folder.name.removeprefix(_UNFINISHED)}")


def _find(cache_dir: Path, key: str) -> Path | None:
    for entry in sorted(cache_dir.glob(f"{key}-*")):
        if _is_whole(entry):
            return entry
        logger.warning("the compiled model %s is damaged and is built again", entry)
        shutil.rmtree(entry, ignore_errors=True)
    return None


def _is_whole(entry: Path) -> bool:
    try:
        digests = json.loads((entry / _MANIFEST).read_text())
        return bool(digests) and all(file_sha256(entry / name) == digest for name, digest in digests.items())
    except (OSError, ValueError, AttributeError):
        return False


def _write_manifest(folder: Path) -> None:
    digests = {path.name: file_sha256(path) for path in sorted(folder.iterdir())}
    (folder / _MANIFEST).write_text(json.dumps(digests, indent=2))


@contextmanager
def _workshop(cache_dir: Path) -> Iterator[Path]:
    """An empty folder, in the cache if possible, else temporary; gone in the end, unless it was renamed."""
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        _sweep(cache_dir)
        folder = cache_dir / f"{_UNFINISHED}{uuid.uuid4().hex[:8]}"
        folder.mkdir()
    except OSError as error:
        logger.warning("compiled models cannot be kept in %s (%s): every start builds anew", cache_dir, error.strerror)
        folder = Path(tempfile.mkdtemp(prefix="visop-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(cache_dir: Path) -> None:
    """Remove what builds left behind that were killed."""
    for folder in cache_dir.glob(f"{_UNFINISHED}*"):
        with suppress(FileNotFoundError):  # finished this very moment
            if time.time() - folder.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)
