"""The whole viewer as one entry among the layers of the export dock.

`SceneExport` stands in the list like a layer. What it writes is what the viewer shows
when *Preview* or *Export* is pressed: `take` notes it on the GUI thread, arrays being
shared; archive, picture and object are made on the worker thread, through the same
`Exportable` as for any layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.export.scenes.captured import CapturedScene, captured_exportable
from napari_dicomdb.viewer.frame import dicom_metadata
from napari_dicomdb.viewer.scene import capture
from napari_dicomdb.widgets.models.export_plan import LayerPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dicomdb.api import Database
    from napari_dicomdb.export.exporter import Exportable

__all__ = ["SceneExport"]


class SceneExport:
    """A row of the list of layers that stands for all of them, and the view.

    Parameters
    ----------
    viewer : napari viewer
    """

    name = "Whole viewer (scene)"
    _type_string = "scene"  # as layers have it: what the dock asks

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self.metadata: dict[str, Any] = {}  # as layers have it: none of ours

    def plan(self, database: Database | None) -> LayerPlan:
        """Return the way to write it; nothing is taken yet. Quick, on any thread."""
        uids: dict[str, None] = {}
        study, size, whole = "", 0, 0
        for layer in list(self._viewer.layers):
            known = dicom_metadata(layer)
            whole += _bytes(layer)
            if known is None or not _is_here(known, database):
                size += _bytes(layer)
            if known is None:
                continue
            uids |= dict.fromkeys(map(str, known.get("instance_uids") or ()))
            study = study or str(known.get("study_uid") or "")
        title = str(self._viewer.title)
        name = "Scene" if title in ("", "napari") else title
        way = captured_exportable(
            None,
            database,
            name=name,
            references=tuple(uids),
            size=size,
            whole=whole,
            study_uid=study,
        )
        return LayerPlan(self.name, way.source, [way])

    def take(self, way: Exportable) -> Exportable:
        """Return `way` with what the viewer shows now; on the GUI thread."""
        exporter = way.exporter
        if not isinstance(exporter, CapturedScene):
            return way
        return exporter.with_scene(way, capture(self._viewer, name=way.source.name))


def _is_here(known: Mapping[str, Any], database: Database | None) -> bool:
    """Tell whether the database has a layer's images: else it is kept with its data."""
    uids = tuple(known.get("instance_uids") or ())
    return database is not None and bool(uids) and bool(database.instances(uid=str(uids[0])))


def _bytes(layer: Any) -> int:
    data = layer.data
    parts = [data] if hasattr(data, "dtype") else list(data)
    return sum(int(getattr(part, "nbytes", 0)) for part in parts)
