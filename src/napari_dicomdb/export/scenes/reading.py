"""Reads archives of scenes, which may be damaged or hostile.

Nothing in one is run or unpickled, no member is written to the disk, and nothing is
read beyond what the manifest announced and a limit allows.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import LoadError
from napari_dicomdb.export.scenes.scene import (
    FORMAT,
    LAYER_TYPES,
    MANIFEST,
    PICTURE,
    VERSION,
    Scene,
    SceneLayer,
)
from napari_dicomdb.export.scenes.values import bad_scene, decode, number_type, shape_of
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_dicomdb.progress import Progress

__all__ = ["MANIFEST_LIMIT", "read_manifest", "read_scene"]

MANIFEST_LIMIT = 64 * 2**20
_MEMBERS_LIMIT = 1_000_000
_LAYERS_LIMIT = 10_000
_PICTURE_LIMIT = 100_000_000  # pixels
_READ_LIMIT = 16 * 2**30


def read_manifest(source: str | Path | IO[bytes]) -> dict[str, Any]:
    """Return the manifest alone, checked to be that of a scene we can open.

    Raises
    ------
    LoadError
        "bad-scene"; "scene-version": it was made by a newer version.
    """
    with _opened(source) as archive:
        return _manifest(archive)


def read_scene(
    source: str | Path | IO[bytes],
    *,
    progress: Progress | None = None,
    limit: int | None = None,
) -> Scene:
    """Read an archive.

    Parameters
    ----------
    source : path-like or binary file
    progress : Progress, optional
        May raise `Cancelled`.
    limit : int, optional
        Most bytes that arrays may take in memory; by default half of the memory there
        is, and at most 16 GiB.

    Raises
    ------
    LoadError
        "bad-scene": it is no scene, or damaged; "scene-too-large"; "scene-version".
    """
    tell = progress or no_progress
    with _opened(source) as archive:
        manifest = _manifest(archive)
        reader = _Reader(archive, _memory_limit() if limit is None else limit)
        scene = Scene(name=str(manifest.get("name") or ""))
        entries = manifest["layers"]
        for k, entry in enumerate(entries):
            tell(k, len(entries), "Reading the scene")
            scene.layers.append(_layer_of(entry, reader))
        scene.viewer = _mapping(decode(manifest.get("viewer", {}), reader.load))
        measured = decode(manifest.get("measurements", []), reader.load)
        if not isinstance(measured, list):
            raise bad_scene("its manifest is damaged")
        scene.measurements = [m for m in measured if isinstance(m, dict)]
        scene.notes = [str(note) for note in manifest.get("notes", [])]
        scene.picture = _picture(archive)
        return scene


class _opened:
    """Open a zip; whatever is wrong with it is one kind of error."""

    def __init__(self, source: str | Path | IO[bytes]) -> None:
        self._source = source

    def __enter__(self) -> zipfile.ZipFile:
        try:
            self._archive = zipfile.ZipFile(self._source)
        except (zipfile.BadZipFile, RuntimeError, ValueError, OSError) as error:
            raise bad_scene("it is no archive of a scene") from error
        if len(self._archive.namelist()) > _MEMBERS_LIMIT:
            raise bad_scene("it has too many members")
        return self._archive

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._archive.close()
        damaged = (zipfile.BadZipFile, zlib.error, EOFError)
        # RuntimeError: encrypted, nested too deep; a LoadError is one too and says more.
        if isinstance(error, (*damaged, RuntimeError)) and not isinstance(error, LoadError):
            raise bad_scene("it is damaged") from error


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        value = json.loads(_member(archive, MANIFEST, MANIFEST_LIMIT))
    except ValueError as error:
        if isinstance(error, LoadError):
            raise
        raise bad_scene("its manifest is damaged") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise bad_scene("it is no archive of a scene")
    version = value.get("version")
    if not isinstance(version, int) or version < 1:
        raise bad_scene("it has no version")
    if version > VERSION:
        raise LoadError(
            f"the scene is of version {version}, this program knows up to {VERSION}: "
            "update napari-dicomdb",
            reason="scene-version",
        )
    layers, notes = value.get("layers"), value.get("notes", [])
    if not isinstance(layers, list) or not isinstance(notes, list) or len(layers) > _LAYERS_LIMIT:
        raise bad_scene("its manifest is damaged")
    return value


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        with archive.open(name) as file:
            raw = file.read(most + 1)
    except KeyError as error:
        raise bad_scene("a part of it is missing") from error
    if len(raw) > most:
        raise bad_scene("a part of it is larger than announced")
    return raw


class _Reader:
    """Gets arrays out of a zip, all of them together no larger than a limit."""

    def __init__(self, archive: zipfile.ZipFile, limit: int) -> None:
        self._archive = archive
        self._left = limit

    def load(self, entry: Mapping[str, Any]) -> NDArray[Any]:
        dtype, shape = number_type(entry.get("dtype")), shape_of(entry.get("shape"))
        place, step = entry.get("place"), entry.get("rows")
        if not isinstance(place, str) or not isinstance(step, int) or step < 1:
            raise bad_scene("an array has no place")
        size = math.prod(shape) * dtype.itemsize
        self._left -= size
        if self._left < 0:
            raise LoadError(
                f"an array of the scene would take {size / 1e9:.1f} GB, more than this computer "
                "can give: open it on another one",
                reason="scene-too-large",
            )
        rows = shape[0] if shape else 1
        # What is announced must be there before memory is taken for it.
        chunks = -(-rows // step) if size else 0
        known = self._archive.NameToInfo
        if size != sum(known[n].file_size for n in _names(place, chunks) if n in known):
            raise bad_scene("an array is incomplete")
        made = np.empty(shape, dtype)
        whole = made.reshape(rows, -1) if size else made
        for name, start in zip(_names(place, chunks), range(0, rows, step), strict=False):
            part = whole[start : start + step]
            raw = _member(self._archive, name, part.nbytes)
            if len(raw) != part.nbytes:
                raise bad_scene("an array is incomplete")
            part[...] = np.frombuffer(raw, dtype).reshape(part.shape)
        return made


def _names(place: str, chunks: int) -> Iterator[str]:
    return (f"{place}/{k}" for k in range(chunks))


def _layer_of(entry: Any, reader: _Reader) -> SceneLayer:
    if not isinstance(entry, dict) or entry.get("type") not in LAYER_TYPES:
        raise bad_scene("it has a layer of no known kind")
    reference = decode(entry.get("reference"), reader.load)
    world = decode(entry.get("world"), reader.load)
    return SceneLayer(
        kind=entry["type"],
        name=str(entry.get("name") or ""),
        state=_mapping(decode(entry.get("state", {}), reader.load)),
        extra=_mapping(decode(entry.get("extra", {}), reader.load)),
        data=decode(entry.get("data"), reader.load),
        reference=None if reference is None else _mapping(reference),
        world=world if isinstance(world, np.ndarray) else None,
    )


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise bad_scene("its manifest is damaged")
    return value


def _picture(archive: zipfile.ZipFile) -> NDArray[np.uint8] | None:
    from PIL import Image

    if PICTURE not in archive.namelist():
        return None
    raw = _member(archive, PICTURE, 4 * _PICTURE_LIMIT)
    try:
        with Image.open(io.BytesIO(raw), formats=["PNG"]) as image:
            if image.width * image.height > _PICTURE_LIMIT:
                raise bad_scene("its picture is too large")
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        if isinstance(error, LoadError):
            raise
        raise bad_scene("its picture is damaged") from error


def _memory_limit() -> int:
    if not hasattr(os, "sysconf"):  # Windows
        return _READ_LIMIT
    return min(_READ_LIMIT, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
