"""Layers that came from DICOM, kept by reference: which instances, opened in which way."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from napari_dicomdb.errors import DicomDbError, NotFoundError
from napari_dicomdb.loading.registry import loader_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_dicomdb.database.database import Database
    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.loadable import LayerData, Loadable

__all__ = ["find_reference", "is_as_noted", "layer_of", "referenced_instances"]


class _Examines(Protocol):
    """`api.Database.examine`, which finds companions: this package's room is below it."""

    def __call__(self, selection: Sequence[InstanceRecord]) -> Sequence[Loadable]:
        """Return the ways to open instances."""


def find_reference(
    kind: str, data: Any, metadata: Mapping[str, Any] | None, database: Database | None
) -> dict[str, Any] | None:
    """Return how a database gives this layer again; None when it does not.

    It must give the same values in the same place: a layer that was changed since it
    was loaded, or whose files the database has not, has no reference.

    Parameters
    ----------
    kind : str
        Of the layer: "image", "labels" ...
    data : array_like or sequence of array_like
        Of the layer; several are a pyramid.
    metadata : mapping or None
        ``layer.metadata["dicomdb"]``.
    database : Database or None
    """
    uids = tuple((metadata or {}).get("instance_uids") or ())
    loader_name = (metadata or {}).get("loader")
    if kind not in ("image", "labels") or not isinstance(loader_name, str):
        return None
    if database is None or metadata is None or not uids:
        return None
    fallback = None
    try:
        for way, of_series in _candidates(database, metadata, loader_name):
            made = way.to_layers(frame=metadata.get("frame"))
            for index, (other, kwargs, other_kind) in enumerate(made):
                there = (kwargs.get("metadata") or {}).get("dicomdb") or {}
                alike = other_kind == kind and there.get("kind") == metadata.get("kind")
                if alike and _same_place(metadata, there) and _same(data, other):
                    found = _reference(way, metadata, index) | {"of_series": of_series}
                    found |= {"shape": _shape(other), "digest": _digest(other)}
                    if _written(metadata.get("findings")) == _written(there.get("findings")):
                        return found
                    fallback = fallback or found
    except DicomDbError as error:
        if error.reason == "cancelled":
            raise
        # It cannot be loaded (any more): its data are kept instead.
        return None
    return fallback


def _candidates(
    database: Database, metadata: Mapping[str, Any], loader: str
) -> Iterator[tuple[Loadable, bool]]:
    """Give the ways to open a layer's instances: among all of their series, then alone.

    What is found about them, such as that a series was split, may depend on the others.
    """
    uids = tuple(metadata["instance_uids"])
    records = _records(database, str(metadata.get("series_uid") or ""), uids)
    whole = _whole_series(database, records)
    if len(whole) > len(records):
        yield from ((way, True) for way in _ways(database, loader, whole, set(uids)))
    yield from ((way, False) for way in _ways(database, loader, records, set(uids)))


def _whole_series(database: Database, records: Sequence[InstanceRecord]) -> list[InstanceRecord]:
    series = dict.fromkeys(record.series_uid for record in records)
    return [record for uid in series for record in database.instances(uid)]


def _reference(loadable: Loadable, metadata: Mapping[str, Any], index: int) -> dict[str, Any]:
    series: dict[str, list[str]] = {}
    for record in loadable.instances:
        series.setdefault(record.series_uid, []).append(record.uid)
    frame = metadata.get("frame")
    return {
        "loader": loadable.loader.name,
        "kind": loadable.kind,
        "name": loadable.name,
        "options": json.loads(_written(loadable.options)),
        "index": index,
        "frame": None if frame is None else np.asarray(frame, dtype=np.float64).tolist(),
        "study_uid": str(metadata.get("study_uid") or ""),
        "series": [{"uid": uid, "instances": uids} for uid, uids in series.items()],
    }


def layer_of(reference: Mapping[str, Any], database: Database | None) -> LayerData:
    """Return the layer that a reference leads to, as it is when it is loaded.

    Raises
    ------
    NotFoundError
        "not-in-database": what it refers to is not there; the message says what.
    LoadError
        It is there, and cannot be loaded.
    """
    wanted = [(_text(s.get("uid")), _texts(s.get("instances"))) for s in _series(reference)]
    uids = [uid for _, some in wanted for uid in some]
    records: list[InstanceRecord] = []
    if database is not None:
        for series, some in wanted:
            records += _records(database, series, some)
    missing = len(set(uids) - {record.uid for record in records})
    if missing or not uids:
        raise NotFoundError(
            f"{missing} of its {len(uids)} images are not in the database (series "
            f"{', '.join(uid for uid, _ in wanted[:3])}): import or retrieve them, then open "
            "the scene again",
            reason="not-in-database",
        )
    options, name = _written(reference.get("options")), reference.get("name")
    loader, kind = _text(reference.get("loader")), reference.get("kind")
    ways: list[Loadable] = []
    if reference.get("of_series") is True and database is not None:
        whole = _whole_series(database, records)
        ways = [way for way in _ways(database, loader, whole, set(uids)) if way.kind == kind]
    if not ways and database is not None:
        ways = [way for way in _ways(database, loader, records, set(uids)) if way.kind == kind]
    ways.sort(key=lambda way: (_written(way.options) != options, way.name != name))
    index = reference.get("index")
    for way in ways[:1]:
        made = way.to_layers(frame=_frame(reference.get("frame")))
        if isinstance(index, int) and 0 <= index < len(made):
            return made[index]
    raise NotFoundError(
        "its images are in the database, but can no longer be opened as they were",
        reason="not-in-database",
    )


def is_as_noted(reference: Mapping[str, Any], data: Any) -> bool:
    """Return whether what a reference led to has the values that were noted with it.

    Shape, type, and the first, middle and last plane are compared: not all is read.

    Raises
    ------
    LoadError
        They cannot be read.
    """
    noted = reference.get("digest")
    if not isinstance(noted, str):
        return True
    return reference.get("shape") == _shape(data) and noted == _digest(data)


def _shape(data: Any) -> list[int]:
    return [int(n) for n in _levels(data)[0].shape]


def _digest(data: Any) -> str:
    """Return the SHA-256 of three planes, of the smallest level of a pyramid."""
    level = _levels(data)[-1]
    hashed = hashlib.sha256(np.dtype(level.dtype).newbyteorder("<").str.encode())
    for plane in _planes(level):
        values = np.ascontiguousarray(plane, dtype=np.dtype(plane.dtype).newbyteorder("<"))
        hashed.update(values.tobytes())
    return hashed.hexdigest()


def _planes(level: Any) -> Iterator[NDArray[Any]]:
    """Give the first, middle and last plane along the slices, of the middle of other axes."""
    axis = max(0, len(level.shape) - (4 if level.shape[-1] in (3, 4) else 3))
    if len(level.shape) < 3:
        yield np.asarray(level)
        return
    lead = tuple(n // 2 for n in level.shape[:axis])
    length = level.shape[axis]
    for k in sorted({0, length // 2, length - 1}) if length else ():
        yield np.asarray(level[(*lead, k)])


def referenced_instances(references: Sequence[Mapping[str, Any] | None]) -> list[str]:
    """Return the SOP Instance UIDs that references name, each once."""
    found: dict[str, None] = {}
    for reference in references:
        for series in _series(reference or {}):
            found |= dict.fromkeys(_texts(series.get("instances")))
    return list(found)


def _records(database: Database, series: str, uids: Sequence[str]) -> list[InstanceRecord]:
    wanted, found = set(uids), []
    try:
        found = [r for r in database.instances(series) if r.uid in wanted] if series else []
    except NotFoundError:
        # It may have come under another series UID, or lie in several.
        found = []
    have = {record.uid for record in found}
    for uid in uids:
        if uid not in have:
            found += database.instances(uid=uid)[:1]
    return found


def _ways(
    database: Database, loader: str, records: Sequence[InstanceRecord], uids: set[str]
) -> list[Loadable]:
    """Return the ways of a loader to open all of these UIDs, as the database offers them."""
    if not records:
        return []
    known = loader_named(loader)
    # With the images that a segmentation lies on, where it can find them.
    examine = getattr(database, "examine", None)
    found = [] if examine is None else cast("_Examines", examine)(records)
    ways = [way for way in found if way.loader.name == loader] or known.examine(records)
    return [way for way in ways if {record.uid for record in way.instances} == uids]


def _same_place(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    for key in ("lps_from_data", "slide_from_data"):
        a, b = one.get(key), other.get(key)
        if a is None or b is None:
            if a is not b:
                return False
        elif not np.allclose(a, b, atol=1e-6):
            return False
    return True


def _same(one: Any, other: Any) -> bool:
    levels = _levels(one), _levels(other)
    if [(x.shape, x.dtype) for x in levels[0]] != [(x.shape, x.dtype) for x in levels[1]]:
        return False
    a, b = levels[0][-1], levels[1][-1]
    if isinstance(a, np.ndarray):
        b = np.asarray(b)
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
    # Read when looked at, hence as the files have it: some planes tell which.
    return all(
        np.array_equal(x, y, equal_nan=x.dtype.kind in "fc")
        for x, y in zip(_planes(a), _planes(b), strict=True)
    )


def _levels(data: Any) -> list[Any]:
    return [data] if hasattr(data, "dtype") else list(data)


def _written(options: Any) -> str:
    return json.dumps(options, default=_plain, sort_keys=True)


def _plain(value: Any) -> Any:
    if hasattr(value, "items"):
        return dict(value)
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    return list(value) if isinstance(value, (tuple, set, frozenset)) else str(value)


def _series(reference: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    series = reference.get("series")
    return [one for one in series if isinstance(one, dict)] if isinstance(series, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    return [uid for uid in value if isinstance(uid, str)] if isinstance(value, list) else []


def _frame(value: ArrayLike | None) -> NDArray[np.float64] | None:
    if value is None:
        return None
    try:
        frame = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        frame = np.empty(0)
    if frame.shape != (4, 4) or not np.isfinite(frame).all():
        raise NotFoundError("the place of it in the view is damaged", reason="not-in-database")
    return frame
