"""Sample data: a phantom head, written as DICOM and opened the way a patient's is."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dicomdb.viewer.direct import current_viewer, default_loadables
from napari_dicomdb.viewer.frame import current_frame
from napari_dicomdb.viewer.phantom import write_phantom_study
from napari_dicomdb.viewer.sliders import slider_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.loading.loadable import LayerData

__all__ = ["phantom_ct", "phantom_oblique_mr", "phantom_study"]


def phantom_ct() -> list[LayerData]:
    """Return an axial CT of the phantom head."""
    return _layers(("axial-ct",))


def phantom_oblique_mr() -> list[LayerData]:
    """Return an MR of the phantom head whose slices are turned about two axes."""
    return _layers(("oblique-mr",))


def phantom_study() -> list[LayerData]:
    """Return both, over each other in one frame of reference."""
    return _layers(("axial-ct", "oblique-mr"))


def _layers(series: Sequence[str]) -> list[LayerData]:
    viewer = current_viewer()
    frame = None if viewer is None else current_frame(viewer)
    if viewer is not None:
        slider_values(viewer)
    layers: list[LayerData] = []
    with tempfile.TemporaryDirectory(prefix="dicomdb-phantom-") as folder:
        write_phantom_study(folder, series)
        for loadable in default_loadables([Path(folder)]):
            # Read now: the files are gone in a moment.
            for layer in loadable.to_layers(loadable.load(lazy=False), frame=frame):
                frame = layer[1]["metadata"]["dicomdb"]["frame"]
                layers.append(layer)
    return layers
