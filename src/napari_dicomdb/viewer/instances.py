"""Which instances a layer shows, and which of them where the viewer stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.viewer.frame import dicom_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.records import InstanceRecord

__all__ = ["instance_shown", "instances_of_layer"]

_TOLERANCE = 0.01  # mm; positions of one slice at several times


def instances_of_layer(layer: Any, database: Database | None) -> list[InstanceRecord]:
    """Return the instances that `layer` was made of, in its own order.

    From `database`, and where it does not have them, from the files that the layer
    was read from.

    Parameters
    ----------
    layer : napari layer
        Of ours; of any other layer, nothing.
    database : Database or None
    """
    metadata = dicom_metadata(layer)
    if metadata is None:
        return []
    series_uid, uids = str(metadata.get("series_uid") or ""), metadata.get("instance_uids") or ()
    found = [] if database is None else _of_series(database, series_uid)
    if not found or (uids and not {one.uid for one in found} & set(uids)):
        found = _of_files(layer, metadata, series_uid)
    order = {uid: place for place, uid in enumerate(uids)}
    chosen = [one for one in found if one.uid in order] if order else found
    return sorted(chosen, key=lambda one: order.get(one.uid, one.number or 0))


def _of_series(database: Database, series_uid: str) -> list[InstanceRecord]:
    from napari_dicomdb.errors import NotFoundError

    if not series_uid:
        return []
    try:
        return database.instances(series_uid)
    except NotFoundError:
        return []


def _of_files(layer: Any, metadata: Any, series_uid: str) -> list[InstanceRecord]:
    from napari_dicomdb.api import Database

    paths = [str(path) for path in metadata.get("source_paths") or ()]
    if not paths and getattr(layer.source, "path", None):
        paths = [str(layer.source.path)]
    paths = [path for path in paths if Path(path).exists()]
    if not paths:
        return []
    with Database.in_memory() as index:
        index.import_paths(paths, workers=0)
        return [one for one in index.instances() if one.series_uid == series_uid or not series_uid]


def instance_shown(layer: Any, point: Sequence[float], instances: Sequence[InstanceRecord]) -> int:
    """Return the place among `instances` of the one that is shown at a point; 0 when unsure.

    Parameters
    ----------
    layer : napari layer
    point : sequence of float
        Where the viewer stands, in world coordinates (``viewer.dims.point``).
    instances : sequence of InstanceRecord
        From `instances_of_layer`.
    """
    if len(instances) < 2:
        return 0
    metadata = dicom_metadata(layer) or {}
    data = np.asarray(layer.world_to_data(point), dtype=np.float64)
    shape = np.asarray(getattr(layer.data, "shape", (1,) * layer.ndim))[: layer.ndim]
    lps_from_data = metadata.get("lps_from_data")
    lead = shape[:-3]
    moment = _flat(data[: len(lead)], lead)
    first = instances[0]
    if lps_from_data is not None and first.orientation is not None and len(data) >= 3:
        here = (np.asarray(lps_from_data) @ [*data[-3:], 1.0])[:3]
        near = _nearest(here, instances)
        if near:
            return near[min(moment, len(near) - 1)]
    # No geometry: the first axis that is as long as there are instances.
    for axis, length in enumerate(shape):
        if length == len(instances):
            return int(np.clip(round(float(data[axis])), 0, length - 1))
    return 0


def _flat(indices: Any, lengths: Any) -> int:
    flat = 0
    for index, length in zip(indices, lengths, strict=True):
        flat = flat * int(length) + int(np.clip(round(float(index)), 0, length - 1))
    return flat


def _nearest(here: Any, instances: Sequence[InstanceRecord]) -> list[int]:
    """Return the places of the instances whose slice lies nearest, all of one distance."""
    orientation = np.asarray(instances[0].orientation, dtype=np.float64)
    normal = np.cross(orientation[:3], orientation[3:])
    away = [
        np.inf if one.position is None else abs(float(np.dot(here - one.position, normal)))
        for one in instances
    ]
    least = min(away)
    if not np.isfinite(least):
        return []
    return [place for place, one in enumerate(away) if one <= least + _TOLERANCE]
