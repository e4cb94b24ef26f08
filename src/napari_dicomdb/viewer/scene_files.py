"""Scenes as plain files in napari: opened by drag and drop, saved by *Save all layers*."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import LoadError
from napari_dicomdb.export.scene_archive import SUFFIX
from napari_dicomdb.viewer.direct import current_viewer
from napari_dicomdb.viewer.scene import (
    capture,
    default_scene_database,
    open_scene,
    read_for_viewer,
    write_captured,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["get_reader", "read", "show_scenes", "write"]

#: What a reader returns that has handled the paths but makes no layers.
_HANDLED: list[Any] = [(None,)]


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[Any]] | None:
    """Return `read` when all of `path` are files of scenes by their names, else None."""
    paths = _as_paths(path)
    if paths and all(p.suffix.lower() == SUFFIX and p.is_file() for p in paths):
        return read
    return None


def read(path: str | Sequence[str]) -> list[Any]:
    """Open scenes in napari's viewer; without one, return their layers.

    Raises
    ------
    LoadError
        It is no scene, or nothing of it can be opened.
    """
    paths, viewer = _as_paths(path), current_viewer()
    if viewer is not None:
        show_scenes(viewer, paths)
        return _HANDLED
    layers: list[Any] = []
    for one in paths:
        loaded = read_for_viewer(one)
        layers += [layer for layer in loaded.layers if layer is not None]
        if loaded.problems and not layers:
            raise LoadError("; ".join(loaded.problems), reason="not-in-database")
    return layers


def show_scenes(viewer: Any, paths: Sequence[str | Path]) -> None:
    """Open scenes one after the other; what cannot be opened is shown as a warning.

    Raises
    ------
    LoadError
        One is no scene.
    """
    from napari.utils.notifications import show_warning

    for path in paths:
        problems = open_scene(viewer, path).problems
        if problems:
            show_warning("Not all of the scene could be opened: " + "; ".join(problems))


def write(path: str, layers: list[Any]) -> list[str]:
    """Save layers, and how napari's viewer shows them, as a file of a scene.

    Parameters
    ----------
    path : str
    layers : list of LayerData
        As napari hands them to writers.

    Raises
    ------
    ExportError
        It cannot be written there.
    """
    viewer = current_viewer()
    place = Path(path)
    named = {layer.name: layer for layer in ([] if viewer is None else viewer.layers)}
    # The layers themselves know more than their tuples.
    wanted = [named.get(data[1].get("name"), data) for data in layers]
    scene = capture(viewer, wanted, name=place.stem)
    database = default_scene_database()
    try:
        write_captured(scene, place, database=database)
    finally:
        if database is not None:
            database.close()
    return [path]


def _as_paths(path: str | Sequence[str]) -> list[Path]:
    return [Path(path)] if isinstance(path, (str, os.PathLike)) else [Path(p) for p in path]
