"""Which instances and frames which loader looks at, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.frames import FrameSet

__all__ = ["by_series", "is_colour", "is_image", "is_placed", "number_order"]


def by_series(instances: Iterable[InstanceRecord]) -> list[list[InstanceRecord]]:
    """Divide instances by series, in the order in which the series first appear."""
    series: dict[str, list[InstanceRecord]] = {}
    for instance in instances:
        series.setdefault(instance.series_uid, []).append(instance)
    return list(series.values())


def is_image(record: InstanceRecord) -> bool:
    """Return whether the instance has pixels that make an image."""
    return bool(record.pixel_keyword and record.rows and record.columns)


def is_colour(record: InstanceRecord) -> bool:
    """Return whether its frames are read as RGB."""
    return record.samples == 3 or (record.samples == 1 and record.photometric == "PALETTE COLOR")


def is_placed(frames: FrameSet) -> NDArray[np.bool_]:
    """Return for each frame whether its header says where in the patient it is."""
    facts = np.concatenate([frames.positions, frames.orientations, frames.spacings], axis=1)
    known: NDArray[np.bool_] = np.isfinite(facts).all(axis=1)
    known &= (frames.spacings > 0).all(axis=1)
    if known.any():
        # The position of a mosaic is that of the whole tile sheet, of no slice.
        types = frames.values("ImageType")
        mosaics = {value for value in set(types) if _is_mosaic(value)}
        if mosaics:
            known &= np.array([value not in mosaics for value in types])
        row, column = frames.orientations[:, :3], frames.orientations[:, 3:]
        known &= np.linalg.norm(np.cross(row, column), axis=1) > 0.1
    return known


def number_order(frames: FrameSet) -> NDArray[np.intp]:
    """Return the order of InstanceNumber, then of frames; what has none comes last."""
    infinite = float("inf")
    numbers = np.array([infinite if i.number is None else i.number for i in frames.instances])
    return np.lexsort((frames.number, frames.owner, numbers[frames.owner]))


def _is_mosaic(image_type: Any) -> bool:
    return "MOSAIC" in str(image_type or "").upper().split("\\")
