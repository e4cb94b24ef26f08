"""Frames as real-world values: which maps an image has, and a reader that applies one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.modality import padding_range
from napari_dicomdb.dicom.real_world import (
    SEQUENCE,
    RealWorldMap,
    mappings_of_dataset,
    mappings_of_text,
    mappings_of_values,
    maps_of,
    real_world_dtype,
)
from napari_dicomdb.dicom.voi import Window
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.coding import codes_of
from napari_dicomdb.loading.describing import windows_of_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.frames import FrameSet
    from napari_dicomdb.loading.reading import FrameReader

__all__ = [
    "PARAMETRIC_MAP",
    "RealWorldReader",
    "map_codes",
    "map_of_all",
    "maps_of_frames",
    "name_of_map",
    "real_world_meta",
]

PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
"""Parametric Map Storage (PS3.3 Section A.75)."""

MapKey = tuple[str, str, str]


def maps_of_frames(frames: FrameSet) -> list[tuple[RealWorldMap, ...]]:
    """Return for each frame the maps that the index knows, in the order of the file."""
    known: dict[Any, tuple[RealWorldMap, ...]] = {None: ()}
    found = []
    said = frames.values(SEQUENCE)
    for k, value in enumerate(said):
        # Text is that of a functional group; a number counts the items at the top level.
        own = value if isinstance(value, str) or value is None else int(frames.owner[k])
        if own not in known:
            items = (
                mappings_of_text(own)
                if isinstance(own, str)
                else mappings_of_values(frames.instance(k).values)
            )
            known[own] = maps_of(items)
        found.append(known[own])
    return found


def map_codes(frames: FrameSet) -> NDArray[np.intp]:
    """Return for each frame a number for its maps: of parametric maps, else 0 for all."""
    if not _are_maps(frames):
        return np.zeros(len(frames), np.intp)
    return codes_of([tuple(one.key for one in maps) for maps in maps_of_frames(frames)])


def map_of_all(frames: FrameSet) -> RealWorldMap | None:
    """Return the first map of parametric maps, None where some frame has it not."""
    if not _are_maps(frames):
        return None
    maps = maps_of_frames(frames)
    if not maps or not maps[0]:
        return None
    chosen = maps[0][0]
    return chosen if all(any(o.key == chosen.key for o in one) for one in maps) else None


def _are_maps(frames: FrameSet) -> bool:
    return all(i.sop_class_uid == PARAMETRIC_MAP for i in frames.instances)


def name_of_map(series: str, chosen: RealWorldMap, *, meant: bool) -> str:
    """Name a map for people.

    Parameters
    ----------
    series : str
        What the images are called.
    chosen : RealWorldMap
    meant : bool
        Whether a map is what the images are for.
    """
    # Scanners put anything into the explanation of a map that names no quantity.
    quantity = chosen.pieces[0].quantity or (chosen.quantity if meant else "real-world values")
    name = series if quantity.lower() in series.lower() else f"{series}, {quantity}"
    return f"{name} [{chosen.units}]" if chosen.units else name


class RealWorldReader:
    """Reads frames as values of one quantity.

    Parameters
    ----------
    images : FrameReader
        Grey images.
    key : tuple of str
        `RealWorldMap.key` of the map to apply; each frame has one of its own.

    Raises
    ------
    LoadError
        If a frame has no such map, or its lookup table cannot be read.
    """

    def __init__(self, images: FrameReader, key: MapKey) -> None:
        self._images = images
        self.frame_shape = images.frame_shape
        self.problems = images.problems
        self.fill = float("nan")
        frames = images.frames
        self._maps: list[RealWorldMap] = []
        tables: dict[tuple[int, Any], RealWorldMap] = {}
        said = frames.values(SEQUENCE)
        for k, maps in enumerate(maps_of_frames(frames)):
            chosen = next((one for one in maps if one.key == key), None)
            if chosen is None:
                raise LoadError(
                    f"{frames.label(k)} has no real-world value map of {key[0] or key[2]!r}",
                    reason="no-real-world-map",
                )
            if chosen.lacks_table:
                where = (int(frames.owner[k]), said[k])
                if where not in tables:
                    number = int(frames.number[k])
                    tables[where] = _with_table(frames.instance(k), number, key)
                chosen = tables[where]
            d = images.description(k)
            self._maps.append(chosen.for_pixels(d.stored_dtype.kind, d.bits_allocated))
        stored = {images.description(k).stored_dtype for k in range(len(frames))}
        self.dtype: np.dtype[Any] = np.result_type(*map(real_world_dtype, stored))

    def __len__(self) -> int:
        return len(self._maps)

    @property
    def maps(self) -> list[RealWorldMap]:
        """The map of each frame."""
        return self._maps

    def read(self, index: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read frame `index` (into `out`); what is padding or not mapped is NaN."""
        stored = self._images.stored(index)
        values = self._maps[index].apply(stored, self.dtype)
        padding = padding_range(
            self._images.frames.instance(index).values, self._images.description(index)
        )
        if padding is not None and stored.dtype.kind in "iu":
            values[padding.mask(stored)] = np.nan
        if out is None:
            return values
        out[...] = values
        return out


def real_world_meta(frames: FrameSet, chosen: RealWorldMap) -> dict[str, Any]:
    """Return the entries of `Volume.meta` that are other for real-world values."""
    line = chosen.line
    slope = frames.value("RescaleSlope", 0)
    shift = frames.value("RescaleIntercept", 0)
    rescale = (_number(slope, 1.0) or 1.0, _number(shift, 0.0))
    windows: tuple[Window, ...] = ()
    if line is not None and line[0] > 0:
        # Windows are told in values of the modality (PS3.3 Section C.11.2.1.2).
        factor = line[0] / rescale[0]
        windows = tuple(
            Window(
                (w.center - rescale[1]) * factor + line[1],
                w.width * factor,
                w.explanation,
                w.function,
            )
            for w in windows_of_frames(frames)
        )
    return {
        "quantity": chosen.quantity,
        "ucum_units": chosen.units,
        "rescale": None if line is None else [line],
        "windows": windows,
        "voi_luts": (),
        "padding": None,
        "value_range": None,
    }


def _with_table(record: InstanceRecord, frame: int, key: MapKey) -> RealWorldMap:
    from pydicom import dcmread

    header = dcmread(
        record.path,
        stop_before_pixels=True,
        force=True,
        specific_tags=[
            SEQUENCE,
            "SharedFunctionalGroupsSequence",
            "PerFrameFunctionalGroupsSequence",
        ],
    )
    places: list[Any] = []
    groups = header.get("PerFrameFunctionalGroupsSequence") or ()
    if frame < len(groups):
        places.append(groups[frame])
    places += header.get("SharedFunctionalGroupsSequence") or ()
    for place in (*places, header):
        for one in maps_of(mappings_of_dataset(place.get(SEQUENCE) or ())):
            if one.key == key and not one.lacks_table:
                return one
    raise LoadError(
        f"{record.path}: the lookup table of {key[0] or key[2]!r} is missing",
        reason="no-real-world-map",
    )


def _number(value: Any, otherwise: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return otherwise
    return number if np.isfinite(number) else otherwise
