"""The archive of a scene: a zip with a manifest, arrays in chunks, and a picture.

The format is described in docs/scenes.md.
"""

from __future__ import annotations

import io
import json
import math
import os
import tempfile
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.scenes.reading import MANIFEST_LIMIT, read_manifest, read_scene
from napari_dicomdb.export.scenes.scene import (
    FORMAT,
    LAYER_TYPES,
    MANIFEST,
    PICTURE,
    SUFFIX,
    VERSION,
    Scene,
    SceneLayer,
)
from napari_dicomdb.export.scenes.values import encode
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_dicomdb.progress import Progress

__all__ = [
    "FORMAT",
    "LAYER_TYPES",
    "SUFFIX",
    "VERSION",
    "Scene",
    "SceneLayer",
    "read_manifest",
    "read_scene",
    "write_scene",
]

_CHUNK = 8 * 2**20
_WRITING = "Writing the scene"


class _Writer:
    """Puts arrays into a zip, in chunks along their first axis."""

    def __init__(self, archive: zipfile.ZipFile, tell: Progress) -> None:
        self._archive = archive
        self._tell = tell
        self._count = 0
        self.step = (0, 1)  # layers written, of how many

    def store(self, array: Any) -> dict[str, Any]:
        shape = tuple(int(n) for n in array.shape)
        dtype = np.dtype(array.dtype).newbyteorder("<")
        row = max(1, math.prod(shape[1:]) * dtype.itemsize)
        step = max(1, _CHUNK // row)
        place = f"data/{self._count}"
        self._count += 1
        # A scalar is a single row.
        for k, start in enumerate(range(0, shape[0] if shape else 1, step)):
            self._tell(*self.step, _WRITING)
            part = np.asarray(array[start : start + step] if shape else array)
            with self._archive.open(f"{place}/{k}", "w", force_zip64=True) as member:
                # As much as fits, for a row may be a whole volume.
                raw = np.ascontiguousarray(part, dtype=dtype).reshape(-1).view(np.uint8)
                for at in range(0, raw.size, _CHUNK):
                    member.write(raw[at : at + _CHUNK].tobytes())
        return {"dtype": dtype.str, "shape": list(shape), "place": place, "rows": step}


def write_scene(scene: Scene, path: str | Path, *, progress: Progress | None = None) -> Path:
    """Write an archive, whole or not at all.

    Parameters
    ----------
    scene : Scene
        What cannot be kept is added to its notes.
    path : path-like
        Replaced when it exists.
    progress : Progress, optional
        Called chunk by chunk; may raise `Cancelled`.

    Raises
    ------
    ExportError
        It cannot be written there.
    """
    tell, path = progress or no_progress, Path(path)
    staged: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=".scene-", suffix=".part", delete=False
        ) as file:
            staged = Path(file.name)
            _write(scene, file, tell)
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, path)
    except OSError as error:
        if isinstance(error, ExportError):
            raise
        raise ExportError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        if staged is not None:
            staged.unlink(missing_ok=True)
    return path


def _write(scene: Scene, file: IO[bytes], tell: Progress) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        writer, layers, notes = _Writer(archive, tell), [], scene.notes
        for k, layer in enumerate(scene.layers):
            writer.step = (k, len(scene.layers))
            tell(*writer.step, _WRITING)
            layers.append(_layer_entry(layer, writer, notes))
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "name": scene.name,
            "layers": layers,
            "viewer": _kept(scene.viewer, writer, notes, "the view"),
            "measurements": encode(scene.measurements, writer.store),
            "notes": notes,
        }
        if scene.picture is not None:
            archive.writestr(PICTURE, _png(scene.picture), zipfile.ZIP_STORED)
        text = json.dumps(manifest, ensure_ascii=False, allow_nan=False).encode()
        if len(text) > MANIFEST_LIMIT:
            raise ExportError(
                f"what layers are drawn with takes {len(text) / 1e6:.0f} MB, a scene has room for "
                f"{MANIFEST_LIMIT / 1e6:.0f} MB: fewer shapes, or fewer texts in features",
                reason="not-in-scenes",
            )
        archive.writestr(MANIFEST, text)
        tell(len(scene.layers), len(scene.layers), _WRITING)


def _layer_entry(layer: SceneLayer, writer: _Writer, notes: list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": layer.kind, "name": layer.name}
    entry["state"] = _kept(layer.state, writer, notes, f"layer {layer.name!r}")
    entry["extra"] = _kept(layer.extra, writer, notes, f"layer {layer.name!r}")
    if layer.world is not None:
        entry["world"] = encode(layer.world, writer.store)
    if layer.reference is not None:
        entry["reference"] = encode(layer.reference, writer.store)
        return entry
    try:
        entry["data"] = encode(layer.data, writer.store)
    except TypeError as error:
        raise ExportError(
            f"the layer {layer.name!r} cannot be kept in a scene: {error}", reason="not-in-scenes"
        ) from error
    return entry


def _kept(values: Mapping[str, Any], writer: _Writer, notes: list[str], of: str) -> dict[str, Any]:
    """Encode what can be; what cannot is told."""
    kept = {}
    for key, value in values.items():
        try:
            kept[key] = encode(value, writer.store)
        except TypeError as error:
            note = f"{key} of {of} is not kept: {error}"
            if note not in notes:
                notes.append(note)
    return kept


def _png(picture: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    made = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture[..., :3])).save(made, "PNG")
    return made.getvalue()
