"""Which instances and frames which loader looks at, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.loading.examination import once
from napari_dicomdb.loading.mosaics import sheets_among
from napari_dicomdb.loading.multiframe import concatenation_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.frames import FrameSet

__all__ = [
    "NUCLEAR_VECTORS",
    "by_concatenation",
    "by_series",
    "images_of",
    "is_colour",
    "is_image",
    "is_nuclear",
    "is_placed",
    "is_segmentation",
    "is_slide",
    "number_order",
    "why_no_image",
]

NUCLEAR_VECTORS = (
    "EnergyWindowVector",
    "DetectorVector",
    "PhaseVector",
    "RotationVector",
    "RRIntervalVector",
    "TimeSlotVector",
    "SliceVector",
    "AngularViewVector",
    "TimeSliceVector",
)
"""What FrameIncrementPointer names in NM objects (PS3.3 Section C.8.4.8)."""

# VL Whole Slide Microscopy Image Storage
_WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"

# Segmentation Storage, Label Map Segmentation Storage
_SEGMENTATIONS = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})

# Nuclear Medicine Image Storage, and its retired predecessor.
_NUCLEAR = frozenset({"1.2.840.10008.5.1.4.1.1.20", "1.2.840.10008.5.1.4.1.1.5"})


def by_series(instances: Iterable[InstanceRecord]) -> list[list[InstanceRecord]]:
    """Divide instances by series, in the order in which the series first appear."""
    series: dict[str, list[InstanceRecord]] = {}
    for instance in instances:
        series.setdefault(instance.series_uid, []).append(instance)
    return list(series.values())


@once
def images_of(instances: Sequence[InstanceRecord]) -> Sequence[InstanceRecord]:
    """Return those of `instances` whose frames are images.

    Tiles of whole slides and frames of segmentations are none.
    """
    return tuple(
        i for i in instances if is_image(i) and not is_slide(i) and not is_segmentation(i)
    )


def is_image(record: InstanceRecord) -> bool:
    """Return whether the instance has pixels that make an image."""
    return not why_no_image(record)


def why_no_image(record: InstanceRecord) -> str:
    """Say what an instance lacks to be an image, "" when nothing."""
    if not record.pixel_keyword:
        return "it has no pixel data"
    if not (record.rows and record.columns):
        return "Rows or Columns is absent or 0"
    if not 1 <= record.bits_allocated <= 64:
        return f"BitsAllocated {record.bits_allocated} is absent or not between 1 and 64"
    if not 1 <= record.samples <= 4:
        return f"SamplesPerPixel {record.samples} is not between 1 and 4"
    return ""


def is_segmentation(record: InstanceRecord) -> bool:
    """Return whether the frames of the instance are segments, or labels, not images."""
    return record.sop_class_uid in _SEGMENTATIONS and is_image(record)


def is_slide(record: InstanceRecord) -> bool:
    """Return whether the instance is an image of a whole slide, in tiles as a rule."""
    return record.sop_class_uid == _WHOLE_SLIDE and is_image(record)


def is_colour(record: InstanceRecord) -> bool:
    """Return whether its frames are read as RGB."""
    return record.samples == 3 or (record.samples == 1 and record.photometric == "PALETTE COLOR")


@once
def is_placed(frames: FrameSet) -> NDArray[np.bool_]:
    """Return for each frame whether its header says where in the patient it is."""
    facts = np.concatenate([frames.positions, frames.orientations, frames.spacings], axis=1)
    known: NDArray[np.bool_] = np.isfinite(facts).all(axis=1)
    known &= (frames.spacings > 0).all(axis=1)
    if known.any():
        # The position of a sheet of tiles is that of the whole sheet, of no slice.
        pairs = zip(sheets_among(frames.instances), frames.tilings, strict=True)
        uncut = np.array([sheet and cut is None for sheet, cut in pairs])
        known &= ~uncut[frames.owner]
        row, column = frames.orientations[:, :3], frames.orientations[:, 3:]
        known &= np.linalg.norm(np.cross(row, column), axis=1) > 0.1
    return known


def number_order(frames: FrameSet) -> NDArray[np.intp]:
    """Return the order of InstanceNumber, then of frames; what has none comes last.

    Parts of a concatenation stay together, whatever their InstanceNumbers.
    """
    infinite = float("inf")
    numbers = np.array([infinite if i.number is None else i.number for i in frames.instances])
    whole = np.arange(len(frames.instances))
    part = np.zeros(len(frames.instances), dtype=np.intp)
    keys = [concatenation_key(instance) for instance in frames.instances]
    for uid in {key[0] for key in keys if key is not None}:
        members = [k for k, key in enumerate(keys) if key is not None and key[0] == uid]
        numbers[members] = numbers[members].min()
        whole[members] = members[0]
        part[members] = [key[1] for key in keys if key is not None and key[0] == uid]
    order = (numbers, whole, part, np.arange(len(keys)))
    return np.lexsort((frames.number, *(column[frames.owner] for column in reversed(order))))


def by_concatenation(records: Iterable[InstanceRecord]) -> list[list[InstanceRecord]]:
    """Put the parts of concatenations together, in their order; others stay alone."""
    groups: dict[str, list[InstanceRecord]] = {}
    for record in records:
        key = concatenation_key(record)
        groups.setdefault(record.uid if key is None else key[0], []).append(record)
    return [
        sorted(group, key=lambda record: (concatenation_key(record) or ("", 0))[1])
        for group in groups.values()
    ]


def is_nuclear(record: InstanceRecord) -> bool:
    """Return whether it is a gamma camera's object, whose frames follow several vectors."""
    return record.sop_class_uid in _NUCLEAR or (
        record.get("Modality") == "NM"
        and any(keyword in record.values for keyword in NUCLEAR_VECTORS)
    )
