"""Scenes of a viewer: saved as a file or for DICOM, and opened again as they were."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import DicomDbError, LoadError
from napari_dicomdb.export.exporters.scene import open_archive
from napari_dicomdb.export.scene_archive import Scene, read_scene
from napari_dicomdb.export.scenes.captured import write_captured
from napari_dicomdb.export.scenes.references import is_as_noted, layer_of
from napari_dicomdb.viewer.scene_layers import apply_extra, layer_arguments, make_layer
from napari_dicomdb.viewer.scene_state import apply_view, capture
from napari_dicomdb.viewer.sliders import slider_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dicomdb.api import Database
    from napari_dicomdb.export.scene_archive import SceneLayer
    from napari_dicomdb.loading.loadable import LayerData
    from napari_dicomdb.progress import Progress

__all__ = [
    "LoadedScene",
    "OpenedScene",
    "capture",
    "default_scene_database",
    "load_scene",
    "open_scene",
    "read_for_viewer",
    "save_scene",
    "show_scene",
    "write_captured",
]


@dataclass(slots=True)
class LoadedScene:
    """A scene whose data are there; no viewer has it yet.

    Parameters
    ----------
    scene : Scene
    layers : list of LayerData or None
        One for each layer of the scene; None where it cannot be opened.
    problems : list of str
        Why, in plain words.
    """

    scene: Scene
    layers: list[LayerData | None] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class OpenedScene:
    """What became of a scene in a viewer.

    Parameters
    ----------
    layers : tuple of napari layers
        Those opened, the lowest first.
    problems : tuple of str
        What could not be opened or restored, in plain words.
    """

    layers: tuple[Any, ...]
    problems: tuple[str, ...] = ()


def save_scene(
    viewer: Any,
    path: str | Path,
    *,
    database: Database | None = None,
    embed: bool = False,
    name: str = "",
    progress: Progress | None = None,
) -> Scene:
    """Save what a viewer shows as a file; an existing one is replaced.

    Parameters
    ----------
    viewer : napari viewer
    path : path-like
        As a rule it ends in ``.dicomscene``.
    database : Database, optional
        Layers that it has the files of are kept by reference; the default one, where
        there is one, by default.
    embed : bool
        Keep the data of all layers, so that the scene opens without a database.
    name : str
    progress : Progress, optional
        May raise `Cancelled`.

    Raises
    ------
    ExportError
        It cannot be written there.
    """
    scene = capture(viewer, name=name or Path(path).stem)
    with _lent(database, needed=not embed) as lent:
        return write_captured(scene, path, database=lent, progress=progress)


def open_scene(
    viewer: Any,
    source: str | Path,
    *,
    database: Database | None = None,
    progress: Progress | None = None,
) -> OpenedScene:
    """Open a scene in a viewer; layers that are there already are hidden.

    Parameters
    ----------
    viewer : napari viewer
    source : path-like
        A file of a scene, or the file of the DICOM object that holds one.
    database : Database, optional
        Where layers kept by reference are looked for; the default one by default.
    progress : Progress, optional
        May raise `Cancelled`.

    Raises
    ------
    LoadError
        "bad-scene", "scene-version", "scene-too-large", "file-missing".
    """
    return show_scene(viewer, read_for_viewer(source, database=database, progress=progress))


def read_for_viewer(
    source: str | Path,
    *,
    database: Database | None = None,
    progress: Progress | None = None,
) -> LoadedScene:
    """Read a scene as `load_scene` does, by default with the default database.

    Raises
    ------
    LoadError
        See `open_scene`.
    """
    with _lent(database, needed=True) as lent:
        return load_scene(source, database=lent, progress=progress)


def load_scene(
    source: str | Path,
    *,
    database: Database | None = None,
    progress: Progress | None = None,
) -> LoadedScene:
    """Read a scene and find what it refers to, on any thread.

    Raises
    ------
    LoadError
        See `open_scene`.
    """
    with open_archive(source) as archive:
        loaded = LoadedScene(read_scene(archive, progress=progress))
    for layer in loaded.scene.layers:
        try:
            loaded.layers.append(_layer_data(layer, database, loaded.problems))
        except DicomDbError as error:
            if error.reason == "cancelled":
                raise
            loaded.layers.append(None)
            loaded.problems.append(f"{layer.name}: {error}")
    return loaded


def _layer_data(layer: SceneLayer, database: Database | None, problems: list[str]) -> LayerData:
    # What is in an archive is anybody's.
    try:
        arguments = layer_arguments(layer)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise LoadError(f"it is damaged ({type(error).__name__})", reason="bad-scene") from error
    if layer.reference is None:
        return layer.data, arguments, layer.kind
    data, fresh, kind = layer_of(layer.reference, database)
    if kind != layer.kind:
        raise LoadError("it is a layer of another kind now", reason="not-in-database")
    if not is_as_noted(layer.reference, data):
        problems.append(
            f"{layer.name}: its images are not those it was saved with; they are shown as they "
            "are now"
        )
    own = arguments.get("metadata")
    metadata = {**fresh.get("metadata", {}), **(own if isinstance(own, dict) else {})}
    return data, {**fresh, **arguments, "metadata": metadata}, kind


def show_scene(viewer: Any, loaded: LoadedScene) -> OpenedScene:
    """Add the layers of a loaded scene to a viewer, and bring the view to what it was."""
    # Dock widgets are handed a proxy, which hides what napari does not call public.
    viewer = getattr(viewer, "__wrapped__", viewer)
    slider_values(viewer)
    before, problems = list(viewer.layers), list(loaded.problems)
    added: list[Any] = []
    for layer, made in zip(loaded.scene.layers, loaded.layers, strict=True):
        added.append(None)
        if made is None:
            continue
        # What is in an archive is anybody's: napari refuses it in many ways.
        try:
            added[-1] = viewer.add_layer(make_layer(*made))
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            problems.append(f"{layer.name}: napari does not take it ({type(error).__name__})")
            continue
        failed = apply_extra(added[-1], layer.extra)
        problems += [f"{layer.name}: {what} could not be restored" for what in failed]
    for one in before:
        one.visible = False
    failed = apply_view(viewer, loaded.scene.viewer, added)
    problems += [f"the view: {what} could not be restored" for what in failed]
    return OpenedScene(tuple(one for one in added if one is not None), tuple(problems))


def default_scene_database() -> Database | None:
    """Open the default database for reading; None where there is none (to be closed)."""
    from napari_dicomdb.api import Database
    from napari_dicomdb.database.database import INDEX_NAME
    from napari_dicomdb.settings import default_database

    place = default_database()
    if not (place / INDEX_NAME).is_file():
        return None
    try:
        opened: Database = Database.open(place, read_only=True)
    except DicomDbError:
        # Away or damaged: the browser tells; here its layers are missing.
        return None
    return opened


@contextmanager
def _lent(database: Database | None, *, needed: bool) -> Iterator[Database | None]:
    if database is not None or not needed:
        yield database if needed else None
        return
    opened = default_scene_database()
    try:
        yield opened
    finally:
        if opened is not None:
            opened.close()
