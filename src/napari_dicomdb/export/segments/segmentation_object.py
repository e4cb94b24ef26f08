"""One segmentation object: its header, segments, frames (PS3.3 Sections A.51, A.86)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dicomdb.dicom.display_colours import rgb_to_cielab
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.pixel_history import say_loss
from napari_dicomdb.export.segments.segment_encoding import MAXIMUM
from napari_dicomdb.export.source_references import code_item, refer_to
from napari_dicomdb.export.study import new_uid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom import Dataset

    from napari_dicomdb.export.segments.segment_encoding import Frames
    from napari_dicomdb.export.segments.segment_layouts import Layout
    from napari_dicomdb.export.segments.segment_meanings import SegmentMeaning
    from napari_dicomdb.export.study import NewSeries, StudyTarget
    from napari_dicomdb.export.terminology import Term

__all__ = ["Content", "segmentation_dataset"]

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
_UNKNOWN = "unknown"
_DIMENSION_LABELS = {
    "ReferencedSegmentNumber": "Segment",
    "ImagePositionPatient": "Position",
    "InStackPositionNumber": "Frame",
    "RowPositionInTotalImagePixelMatrix": "Row",
    "ColumnPositionInTotalImagePixelMatrix": "Column",
}


@dataclass(frozen=True, eq=False)
class Content:
    """What is written.

    Parameters
    ----------
    frames : Frames
    segments : sequence of (SegmentMeaning, int)
        What each segment is, and its SegmentNumber; `SegmentMeaning.value` is the label
        in `frames`.
    algorithm_type, algorithm_name : str
        Of segments that say nothing themselves.
    label, description, creator : str
        ContentLabel, ContentDescription, ContentCreatorName.
    fractional_type : str
        "PROBABILITY" or "OCCUPANCY".
    number : int
        InstanceNumber.
    """

    frames: Frames
    segments: Sequence[tuple[SegmentMeaning, int]]
    algorithm_type: str = "MANUAL"
    algorithm_name: str = ""
    label: str = "SEGMENTATION"
    description: str = ""
    creator: str = ""
    fractional_type: str = "PROBABILITY"
    number: int = 1

    @property
    def kind(self) -> str:
        """Return "BINARY", "LABELMAP" or "FRACTIONAL"."""
        return self.frames.kind


def segmentation_dataset(
    content: Content,
    layout: Layout,
    target: StudyTarget,
    series: NewSeries,
    frame_of_reference: str = "",
) -> Dataset:
    """Return a new segmentation.

    Parameters
    ----------
    content : Content
    layout : Layout
    target : StudyTarget
    series : NewSeries
    frame_of_reference : str
        FrameOfReferenceUID, "" for a new one.

    Raises
    ------
    ExportError
        "too-many-segments": more than a SegmentNumber can count; "bad-value".
    """
    if len(content.segments) > 65535:
        raise ExportError(
            f"{len(content.segments)} segments are more than the 65535 that one object can hold",
            reason="too-many-segments",
        )
    dataset = target.dataset(_LABEL_MAP if content.kind == "LABELMAP" else _SEGMENTATION, series)
    dataset.ContentDate = dataset.InstanceCreationDate
    dataset.ContentTime = dataset.InstanceCreationTime
    dataset.InstanceNumber = content.number
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.ContentLabel = content.label
    dataset.ContentDescription = content.description
    dataset.ContentCreatorName = content.creator
    dataset.update(layout.attributes)
    if layout.in_space:
        dataset.FrameOfReferenceUID = frame_of_reference or new_uid()
        dataset.PositionReferenceIndicator = ""
    refer_to(dataset, layout.records)
    _describe_pixels(dataset, content, layout)
    dataset.SegmentSequence = [
        *([_background()] if content.kind == "LABELMAP" else []),
        *(_segment(one, number, content) for one, number in content.segments),
    ]
    _add_frames(dataset, content, layout)
    return dataset


def _describe_pixels(dataset: Dataset, content: Content, layout: Layout) -> None:
    bits = {"BINARY": 1, "FRACTIONAL": 8}.get(content.kind)
    if bits is None:
        bits = 8 if max((n for _, n in content.segments), default=0) < 256 else 16
        dataset.PixelPaddingValue = 0
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = layout.rows, layout.columns
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0
    say_loss(dataset, layout.records, required=True)
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.SegmentationType = content.kind
    dataset.SegmentsOverlap = "YES" if content.frames.overlap else "NO"
    if content.kind == "FRACTIONAL":
        dataset.SegmentationFractionalType = content.fractional_type
        dataset.MaximumFractionalValue = MAXIMUM


def _add_frames(dataset: Dataset, content: Content, layout: Layout) -> None:
    from pydicom import Dataset

    uid = new_uid()
    numbered = content.kind != "LABELMAP"
    pointers = list(layout.pointers)
    if numbered:
        pointers.insert(0, ("ReferencedSegmentNumber", "SegmentIdentificationSequence"))
    organisation = Dataset()
    organisation.DimensionOrganizationUID = uid
    dataset.DimensionOrganizationSequence = [organisation]
    dataset.DimensionIndexSequence = [_dimension(uid, *pointer) for pointer in pointers]
    turn = {one.value: k for k, (one, _) in enumerate(content.segments, 1)} if numbered else {0: 1}
    number_of = {one.value: number for one, number in content.segments}
    order = sorted(
        (at for at in content.frames.by_place if at[0] in turn),
        key=lambda at: (turn[at[0]], layout.indices[at[1]]),
    )
    dataset.NumberOfFrames = len(order)
    dataset.SharedFunctionalGroupsSequence = [layout.shared]
    index_of = _without_gaps({plane: layout.indices[plane] for _, plane in order})
    groups: dict[int, Dataset] = {}
    frames = []
    for label, plane in order:
        if plane not in groups:
            groups[plane] = layout.groups(plane)
        index = (*([turn[label]] if numbered else ()), *index_of[plane])
        frames.append(_frame(groups[plane], index, number_of[label] if numbered else None))
    dataset.PerFrameFunctionalGroupsSequence = frames
    data = content.frames.pixel_data(order)
    dataset.add_new("PixelData", "OW" if dataset.BitsAllocated == 16 else "OB", data)


def _without_gaps(indices: dict[int, tuple[int, ...]]) -> dict[int, tuple[int, ...]]:
    """Count each index from 1 (PS3.3 Section C.7.6.17): planes without a voxel are not there."""
    ranks = [
        {value: n for n, value in enumerate(sorted(set(column)), 1)}
        for column in zip(*indices.values(), strict=True)
    ]
    return {
        plane: tuple(rank[value] for rank, value in zip(ranks, index, strict=True))
        for plane, index in indices.items()
    }


def _dimension(uid: str, keyword: str, group: str) -> Dataset:
    from pydicom import Dataset
    from pydicom.datadict import tag_for_keyword

    item = Dataset()
    item.DimensionOrganizationUID = uid
    item.DimensionIndexPointer = tag_for_keyword(keyword)
    item.FunctionalGroupPointer = tag_for_keyword(group)
    item.DimensionDescriptionLabel = _DIMENSION_LABELS[keyword]
    return item


def _frame(of_plane: Dataset, index: tuple[int, ...], number: int | None) -> Dataset:
    """Return the functional groups of a frame: those of its plane, and of its segment."""
    from pydicom import Dataset

    item, content = Dataset(), Dataset()
    for element in of_plane:
        # The same elements for all segments: nobody changes them any more.
        item[element.tag] = element
    for told in of_plane.get("FrameContentSequence") or ():
        content.update(told)
    content.DimensionIndexValues = list(index)
    item.FrameContentSequence = [content]
    if number is not None:
        segment = Dataset()
        segment.ReferencedSegmentNumber = number
        item.SegmentIdentificationSequence = [segment]
    return item


def _background() -> Dataset:
    """Return what 0 is (PS3.3 Section C.8.20.4: all values of a label map are described)."""
    from pydicom import Dataset

    item = Dataset()
    item.SegmentNumber = 0
    item.SegmentLabel = "Background"
    item.SegmentAlgorithmType = "MANUAL"
    code = code_item("125040", "DCM", "Background")
    item.SegmentedPropertyCategoryCodeSequence = [code]
    item.SegmentedPropertyTypeCodeSequence = [code_item("125040", "DCM", "Background")]
    item.RecommendedDisplayCIELabValue = list(rgb_to_cielab((0, 0, 0)))
    return item


def _segment(one: SegmentMeaning, number: int, content: Content) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = one.label
    if one.description:
        item.SegmentDescription = one.description
    kind = one.algorithm_type or content.algorithm_type
    item.SegmentAlgorithmType = kind
    if kind != "MANUAL":
        name = one.algorithm_name or content.algorithm_name or _UNKNOWN
        item.SegmentAlgorithmName = name
        algorithm = Dataset()
        algorithm.AlgorithmFamilyCodeSequence = [_family(kind)]
        algorithm.AlgorithmName = name
        algorithm.AlgorithmVersion = _UNKNOWN
        item.SegmentationAlgorithmIdentificationSequence = [algorithm]
    item.SegmentedPropertyCategoryCodeSequence = [_coded(one.category)]
    what = _coded(one.type)
    if one.type_modifier is not None:
        what.SegmentedPropertyTypeModifierCodeSequence = [_coded(one.type_modifier)]
    item.SegmentedPropertyTypeCodeSequence = [what]
    if one.region is not None:
        region = _coded(one.region)
        if one.region_modifier is not None:
            region.AnatomicRegionModifierSequence = [_coded(one.region_modifier)]
        item.AnatomicRegionSequence = [region]
    if one.tracking_id or one.tracking_uid:
        item.TrackingID = one.tracking_id or one.label
        item.TrackingUID = one.tracking_uid or new_uid()
    item.RecommendedDisplayCIELabValue = list(rgb_to_cielab(one.colour))
    return item


def _family(kind: str) -> Dataset:
    if kind == "AUTOMATIC":
        return code_item("123110", "DCM", "Artificial Intelligence")
    return code_item("123109", "DCM", "Manual Processing")


def _coded(term: Term) -> Dataset:
    return code_item(term.value, term.scheme, term.meaning)
