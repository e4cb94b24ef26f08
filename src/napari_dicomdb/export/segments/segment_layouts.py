"""Where the frames of a segmentation are: functional groups, dimensions, what is referred to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_dicomdb.export.numbers import decimal_strings
from napari_dicomdb.export.source_references import derivation_items

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydicom import Dataset

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.export.segments.image_planes import SourceFrame
    from napari_dicomdb.export.segments.segment_grids import Gridded

__all__ = ["Layout", "layout_in_patient", "layout_of_frames"]


@dataclass(frozen=True, eq=False)
class Layout:
    """The planes that a segmentation may have frames of.

    Parameters
    ----------
    rows, columns : int
        Of a frame.
    indices : sequence of tuple of int
        DimensionIndexValues of each plane, without that of the segment.
    pointers : tuple of (str, str)
        Attribute and functional group of each of these, by keyword.
    groups : callable
        From the number of a plane to its functional groups.
    shared : Dataset
        Functional groups of all frames.
    attributes : Dataset
        Of the object as a whole.
    records : tuple of InstanceRecord
        What is referred to.
    every : bool
        Whether frames without a voxel are written as well.
    in_space : bool
        Whether there is a frame of reference.
    """

    rows: int
    columns: int
    indices: Sequence[tuple[int, ...]]
    pointers: tuple[tuple[str, str], ...]
    groups: Callable[[int], Dataset]
    shared: Dataset
    attributes: Dataset
    records: tuple[InstanceRecord, ...] = field(default=(), repr=False)
    every: bool = False
    in_space: bool = True

    def __len__(self) -> int:
        return len(self.indices)


def layout_in_patient(
    grid: Gridded, records: Sequence[InstanceRecord], time: int | None = None
) -> Layout:
    """Return the layout of planes in the patient.

    Parameters
    ----------
    grid : Gridded
    records : sequence of InstanceRecord
        What is referred to where planes do not say it.
    time : int, optional
        Volume of the images that the labels were drawn on; all of them by default.
    """
    from pydicom import Dataset

    planes = grid.planes
    rank = {k: n for n, k in enumerate(planes.order(), 1)}
    thickness = decimal_strings([planes.thickness or 1.0])[0]
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = decimal_strings(planes.spacing)
    measures.SliceThickness = thickness
    if len(planes) > 1 and planes.is_even:
        measures.SpacingBetweenSlices = thickness
    orientation.ImageOrientationPatient = decimal_strings(planes.orientation)
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    found = {s.record.uid: s.record for k in range(len(planes)) for s in _sources(grid, k, time)}

    def groups(k: int) -> Dataset:
        item, position = Dataset(), Dataset()
        frames, preserved = grid.sources_of(k, time)
        if found:  # of all frames or of none, if need be empty
            item.DerivationImageSequence = derivation_items(frames, preserved=preserved)
        position.ImagePositionPatient = decimal_strings(planes.positions[k])
        item.PlanePositionSequence = [position]
        return item

    return Layout(
        grid.shape[1],
        grid.shape[2],
        [(rank[k],) for k in range(len(planes))],
        (("ImagePositionPatient", "PlanePositionSequence"),),
        groups,
        shared,
        Dataset(),
        tuple(found.values()) or tuple(records),
    )


def _sources(grid: Gridded, plane: int, time: int | None) -> list[SourceFrame]:
    return grid.sources_of(plane, time)[0]


def layout_of_frames(
    frames: Sequence[list[SourceFrame]], shape: tuple[int, int], spacing: Any = None
) -> Layout:
    """Return the layout of planes that are told by the frames they were drawn on alone.

    Parameters
    ----------
    frames : sequence of list of SourceFrame
        For each plane what it was drawn on.
    shape : tuple of 2 int
        Rows, columns.
    spacing : tuple of 2 float, optional
        Between rows, between columns, mm.

    Notes
    -----
    Projections, ultrasound and captures have no place in the patient; PS3.3 Section
    A.51.5 then asks for the Derivation Image macro instead of planes. All frames are
    written, so that the n-th frame of a segment is on the n-th of the image.
    """
    from pydicom import Dataset

    shared, attributes = Dataset(), Dataset()
    attributes.PatientOrientation = ""
    if spacing is not None:
        measures = Dataset()
        measures.PixelSpacing = decimal_strings(spacing)
        measures.SliceThickness = "1"  # what has none: highdicom refuses measures without it
        shared.PixelMeasuresSequence = [measures]

    def groups(k: int) -> Dataset:
        item, content = Dataset(), Dataset()
        item.DerivationImageSequence = derivation_items(frames[k], preserved=True)
        content.StackID = "1"
        content.InStackPositionNumber = k + 1
        item.FrameContentSequence = [content]
        return item

    records = {one.record.uid: one.record for each in frames for one in each}
    return Layout(
        shape[0],
        shape[1],
        [(k + 1,) for k in range(len(frames))],
        (("InStackPositionNumber", "FrameContentSequence"),),
        groups,
        shared,
        attributes,
        tuple(records.values()),
        every=True,
        in_space=False,
    )
