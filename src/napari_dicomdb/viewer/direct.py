"""From paths to layers at once, through an index in memory that leaves no trace."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from napari_dicomdb.api import Database
from napari_dicomdb.errors import LoadError
from napari_dicomdb.viewer.frame import current_frame
from napari_dicomdb.viewer.open import make_layer, warn_of_frame_of_reference
from napari_dicomdb.viewer.sliders import slider_values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_dicomdb.loading.loadable import Loadable

__all__ = ["current_viewer", "default_loadables", "layers_of"]


def current_viewer() -> Any:
    """Return napari's current viewer, or None; never starts napari."""
    # Where napari has not been imported there is no viewer either.
    napari = sys.modules.get("napari")
    return None if napari is None else napari.current_viewer()


def default_loadables(paths: Sequence[Path], *, whole_series: bool = False) -> list[Loadable]:
    """Return the default choice of ways to open what lies in files and folders.

    Parameters
    ----------
    paths : sequence of Path
    whole_series : bool
        Let a single file stand for its series, among the files beside it.

    Raises
    ------
    LoadError
        When none of `paths` holds a usable DICOM object; says why of the first.
    """
    with Database.in_memory() as database:
        selections: Sequence[Any]
        if whole_series and len(paths) == 1 and paths[0].is_file():
            file = paths[0]
            # The file itself under the name by which it was asked for.
            beside = [p for p in sorted(file.parent.iterdir()) if p.is_file() and p != file]
            report = database.import_paths([file, *beside])
            selections = sorted({i.series_uid for i in database.instances(paths=[file])})
        else:
            report = database.import_paths(list(paths))
            selections = database.series()
        if not selections and report.rejected:
            rejected, reason, text = report.rejected[0]
            raise LoadError(f"{rejected}: {text}", reason=reason)
        ways = database.examine_several(selections)
        chosen = [way for way in ways if way.selected]
        opened = {i.series_uid for way in chosen for i in way.instances}
        # Of a series of which nothing is chosen, the first says why.
        for way in ways:
            if opened.isdisjoint(i.series_uid for i in way.instances):
                chosen.append(way)
                opened |= {i.series_uid for i in way.instances}
        return chosen


def layers_of(loadables: Sequence[Loadable], viewer: Any, *, lazy: bool = True) -> list[Any]:
    """Load `loadables` and make their layers, all in one frame.

    Parameters
    ----------
    loadables : sequence of Loadable
    viewer : napari viewer or None
        Where they will be added; gives the frame.
    lazy : bool
        False reads everything now.

    Returns
    -------
    list of napari layers, or of LayerData tuples without a viewer
        For a viewer they are made here, because the range of the contrast
        slider is no part of a tuple.
    """
    frame = None if viewer is None else current_frame(viewer)
    if viewer is not None:
        slider_values(viewer)
    layers: list[Any] = []
    for loadable in loadables:
        for layer_data in loadable.to_layers(loadable.load(lazy=lazy), frame=frame):
            placed = layer_data[1]["metadata"]["dicomdb"]["frame"]
            frame = placed if frame is None else frame
            if viewer is not None:
                warn_of_frame_of_reference(viewer, layer_data)
            layers.append(layer_data if viewer is None else make_layer(layer_data))
    return layers
