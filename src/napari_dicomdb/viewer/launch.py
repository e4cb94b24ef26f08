"""Starting napari with the browser and some volumes in it: what `dicomdb view` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari

from napari_dicomdb.loading.loaders.scene import SCENE
from napari_dicomdb.viewer.browse import BROWSER_WIDGET, PLUGIN, browse
from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.scene_files import show_scenes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from napari_dicomdb.loading.loadable import Loadable

__all__ = ["launch", "make_viewer"]


def make_viewer(
    loadables: Iterable[Loadable] = (),
    paths: Sequence[str] = (),
    scenes: Sequence[str | Path] = (),
) -> Any:
    """Return a viewer with the browser dock open.

    Parameters
    ----------
    loadables : iterable of Loadable
        Opened at once, lazily, each in its place.
    paths : sequence of str
        Given to the browser, which imports them by reference.
    scenes : sequence of path-like
        Files of scenes, opened at once.

    Returns
    -------
    napari.Viewer
    """
    viewer = napari.Viewer()
    viewer.window.add_plugin_dock_widget(PLUGIN, BROWSER_WIDGET)
    for loadable in loadables:
        if loadable.kind == SCENE:
            show_scenes(viewer, [loadable.instances[0].path])
        else:
            add_volume(viewer, loadable.load())
    show_scenes(viewer, scenes)
    if paths:
        browse(viewer, paths)
    return viewer


def launch(
    loadables: Iterable[Loadable] = (),
    paths: Sequence[str] = (),
    scenes: Sequence[str | Path] = (),
) -> None:
    """Open napari as `make_viewer` does, and return when its window is closed."""
    make_viewer(loadables, paths, scenes)
    napari.run()
