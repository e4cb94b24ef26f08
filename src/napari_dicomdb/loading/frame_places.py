"""Where the frames of one instance are: position, orientation and pixel spacing of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.loading.dose_grid import RT_DOSE, plane_positions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.functional_groups import FrameTable
    from napari_dicomdb.loading.mosaics import Tiling

    Places = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

__all__ = ["classic_places", "frame_places", "tile_places"]

_NAN3 = (np.nan,) * 3
_NAN6 = (np.nan,) * 6
_NAN2 = (np.nan,) * 2


def classic_places(records: Sequence[InstanceRecord]) -> Places:
    """Return (N, 3) positions, (N, 6) orientations and (N, 2) spacings of images of one frame.

    NaN where a header has none.
    """
    return (
        _columns([r.position or _NAN3 for r in records], 3),
        _columns([r.orientation or _NAN6 for r in records], 6),
        _columns([r.pixel_spacing or _NAN2 for r in records], 2),
    )


def _columns(rows: Sequence[Sequence[float]], width: int) -> NDArray[np.float64]:
    return np.array(rows, dtype=np.float64).reshape(-1, width)


def frame_places(record: InstanceRecord, table: FrameTable | None, count: int) -> Places:
    """Return position, orientation and spacing of each frame of one instance."""
    if table is None:
        # The position at the top level is that of the first frame only.
        alone = count == 1
        if record.sop_class_uid == RT_DOSE and not alone:
            planes = plane_positions(record, count)
            if planes is not None:
                cosines = np.tile(record.orientation or _NAN6, (count, 1))
                return planes, cosines, np.tile(record.pixel_spacing or _NAN2, (count, 1))
        return (
            np.tile(record.position if record.position and alone else _NAN3, (count, 1)),
            np.tile(record.orientation if record.orientation and alone else _NAN6, (count, 1)),
            np.tile(record.pixel_spacing or _NAN2, (count, 1)),
        )
    places = _table_column(table, "ImagePositionPatient", 3, count)
    cosines = _table_column(table, "ImageOrientationPatient", 6, count)
    if not np.isfinite(places).any():
        # Enhanced ultrasound: in the frame of reference of the volume (PS3.3 C.7.6.16.2.21).
        places = _table_column(table, "ImagePositionVolume", 3, count)
        cosines = _table_column(table, "ImageOrientationVolume", 6, count)
    spacings = _table_column(table, "PixelSpacing", 2, count)
    # Some writers leave what all frames share at the top level.
    if record.orientation and not np.isfinite(cosines).any():
        cosines[:] = record.orientation
    if record.pixel_spacing and not np.isfinite(spacings).any():
        spacings[:] = record.pixel_spacing
    return places, cosines, spacings


def tile_places(record: InstanceRecord, cut: Tiling) -> Places:
    """Return position, orientation and spacing of each tile of one sheet."""
    return (
        cut.positions,
        np.tile(record.orientation or _NAN6, (cut.count, 1)),
        np.tile(record.pixel_spacing or _NAN2, (cut.count, 1)),
    )


def _table_column(table: FrameTable, keyword: str, width: int, count: int) -> NDArray[np.float64]:
    column = np.full((count, width), np.nan)
    for frame in range(min(count, table.count)):
        value = table.get(keyword, frame)
        if isinstance(value, (list, tuple)) and len(value) == width:
            column[frame] = value
    return column
