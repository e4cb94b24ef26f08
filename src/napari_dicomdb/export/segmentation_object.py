"""One segmentation object: highdicom encodes, patient, study and equipment are ours."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.display_colours import rgb_to_cielab
from napari_dicomdb.errors import ExportError, MissingLibraryError
from napari_dicomdb.export.numbers import decimal_strings
from napari_dicomdb.export.study import CHARSET, NewSeries, new_uid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_dicomdb.export.segment_grids import Gridded
    from napari_dicomdb.export.segment_meanings import SegmentMeaning
    from napari_dicomdb.export.study import StudyTarget
    from napari_dicomdb.export.terminology import Term

__all__ = ["Content", "as_numbers", "has_highdicom", "segmentation_dataset"]

_MODEL = "napari-dicomdb"
_CT = "1.2.840.10008.5.1.4.1.1.2"
_PRESENT = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "ReferringPhysicianName", "StudyID", "AccessionNumber", "PositionReferenceIndicator",
)  # fmt: skip
_TAKEN = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality",
    "InstanceNumber", "FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient",
    "PixelSpacing", "Rows", "Columns", "NumberOfFrames", "ImageType",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "DimensionOrganizationSequence", "DimensionIndexSequence",
)  # fmt: skip
_REFERENCES = ("ReferencedSeriesSequence", "SourceImageSequence")


@dataclass(frozen=True, eq=False)
class Content:
    """What is written.

    Parameters
    ----------
    kind : str
        "BINARY", "LABELMAP" or "FRACTIONAL".
    pixels : (S, R, C) or (S, R, C, N) ndarray
        Numbers of segments; or one plane for each segment, bool or fractions.
    segments : sequence of SegmentMeaning
        Their `value` is the SegmentNumber.
    algorithm_type, algorithm_name : str
        Of segments that say nothing themselves.
    label, description, creator : str
        ContentLabel, ContentDescription, ContentCreatorName.
    fractional_type : str
        "PROBABILITY" or "OCCUPANCY".
    """

    kind: str
    pixels: NDArray[Any]
    segments: Sequence[SegmentMeaning]
    algorithm_type: str = "MANUAL"
    algorithm_name: str = ""
    label: str = "SEGMENTATION"
    description: str = ""
    creator: str = ""
    fractional_type: str = "PROBABILITY"


def has_highdicom() -> bool:
    """Return whether what encodes segmentations is installed."""
    return find_spec("highdicom") is not None


def segmentation_dataset(
    content: Content, grid: Gridded, target: StudyTarget, series: NewSeries, reference: str
) -> Dataset:
    """Return a new segmentation.

    Parameters
    ----------
    content : Content
    grid : Gridded
    target : StudyTarget
    series : NewSeries
    reference : str
        FrameOfReferenceUID, "" for a new one.

    Raises
    ------
    MissingLibraryError
        Without highdicom.
    ExportError
        "bad-value": highdicom refuses the content; the message says why.
    """
    try:
        from highdicom import (
            PixelMeasuresSequence,
            PlaneOrientationSequence,
            PlanePositionSequence,
        )
        from highdicom.seg import Segmentation
    except ImportError as error:
        raise MissingLibraryError(
            'segmentations are encoded by highdicom: pip install "napari-dicomdb[export]"',
            reason="no-highdicom",
        ) from error
    thickness = decimal_strings([grid.planes.thickness])[0]
    images = [_reduced(one, thickness) for one in target.headers(grid.references) if "Rows" in one]
    made_up = not images
    if made_up:
        images = _made_up(grid, target, reference or new_uid())
    planes = grid.planes
    spacing = [float(v) for v in decimal_strings(planes.spacing)]
    # What a position cannot say in sixteen characters is not compared with it either.
    positions = [
        PlanePositionSequence("PATIENT", [float(v) for v in decimal_strings(position)])
        for position in planes.positions
    ]
    orientation = [float(v) for v in decimal_strings(planes.orientation)]
    frame_of_reference = images[0].get("FrameOfReferenceUID")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = Segmentation(
                images,
                content.pixels,
                content.kind,
                [_description(one, content) for one in content.segments],
                series.uid,
                series.number,
                new_uid(),
                1,
                _MODEL,
                _MODEL,
                _version(),
                "0",
                fractional_type=content.fractional_type,
                content_description=content.description or None,
                content_creator_name=content.creator or None,
                content_label=content.label,
                pixel_measures=PixelMeasuresSequence(
                    spacing, float(thickness), float(thickness) if len(planes) > 1 else None
                ),
                plane_orientation=PlaneOrientationSequence("PATIENT", orientation),
                plane_positions=positions,
                omit_empty_frames=True,
            )
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ExportError(
            f"the segmentation cannot be encoded: {error}", reason="bad-value"
        ) from error
    _finish(dataset, content)
    if made_up:
        _without_references(dataset)
    ours = target.dataset(str(dataset.SOPClassUID), series)
    ours.SOPInstanceUID = dataset.SOPInstanceUID
    _of_other_modules(dataset, target)
    dataset.update(ours)
    dataset.FrameOfReferenceUID = reference or frame_of_reference or new_uid()
    return dataset


def _version() -> str:
    from napari_dicomdb import __version__

    return __version__


def _of_other_modules(dataset: Dataset, target: StudyTarget) -> None:
    """Take away what highdicom took of patient and study of the image: ours is the target's."""
    from napari_dicomdb.export.headers import PATIENT_KEYWORDS, STUDY_KEYWORDS

    for keyword in (*PATIENT_KEYWORDS, *STUDY_KEYWORDS):
        if keyword in dataset and keyword not in target.values:
            delattr(dataset, keyword)


def _finish(dataset: Dataset, content: Content) -> None:
    """Write what highdicom has no argument for."""
    by_number = {one.value: one for one in content.segments}
    for item in dataset.SegmentSequence:
        one = by_number.get(int(item.SegmentNumber))
        if one is None:
            continue
        if one.description:
            item.SegmentDescription = one.description
        if one.type_modifier is not None:
            kind = item.SegmentedPropertyTypeCodeSequence[0]
            kind.SegmentedPropertyTypeModifierCodeSequence = [_item(one.type_modifier)]
        if one.region_modifier is not None and "AnatomicRegionSequence" in item:
            region = item.AnatomicRegionSequence[0]
            region.AnatomicRegionModifierSequence = [_item(one.region_modifier)]
    if content.kind != "LABELMAP":
        masks = content.pixels if content.pixels.ndim == 4 else None
        overlap = masks is not None and int((masks > 0).sum(axis=3).max(initial=0)) > 1
        if content.kind == "BINARY":
            dataset.SegmentsOverlap = "YES" if overlap else "NO"


def _item(term: Term) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = term.value, term.scheme
    item.CodeMeaning = term.meaning[:64]
    return item


def _description(one: SegmentMeaning, content: Content) -> Any:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentDescription

    kind = one.algorithm_type or content.algorithm_type
    name = one.algorithm_name or content.algorithm_name
    algorithm = None
    if kind != "MANUAL":
        algorithm = AlgorithmIdentificationSequence(
            name=name or "unknown", family=_family(kind), version="unknown"
        )
    described = SegmentDescription(
        one.value,
        one.label,
        _coded(one.category),
        _coded(one.type),
        kind,
        algorithm_identification=algorithm,
        tracking_uid=(one.tracking_uid or new_uid()) if one.tracking_id else None,
        tracking_id=one.tracking_id or None,
        anatomic_regions=None if one.region is None else [_coded(one.region)],
    )
    lightness, a, b = rgb_to_cielab(one.colour)
    described.RecommendedDisplayCIELabValue = [lightness, a, b]
    return described


def _family(kind: str) -> Any:
    from pydicom.sr.coding import Code

    if kind == "AUTOMATIC":
        return Code("123110", "DCM", "Artificial Intelligence")
    return Code("123109", "DCM", "Manual Processing")


def _coded(term: Term) -> Any:
    from pydicom.sr.coding import Code

    return Code(term.value, term.scheme, term.meaning[:64])


def _reduced(header: Dataset, thickness: str) -> Dataset:
    """Return what a segmentation takes of its image: who it is and where.

    Headers lack, or garble, much else that highdicom would insist on.
    """
    from pydicom import Dataset

    image = Dataset()
    image.SpecificCharacterSet = CHARSET
    for keyword in _PRESENT:
        setattr(image, keyword, "")
    image.SliceThickness = thickness
    for keyword in _TAKEN:
        if keyword in header:
            image[keyword] = header[keyword]
    return image


def _made_up(grid: Gridded, target: StudyTarget, reference: str) -> list[Dataset]:
    """Return headers for highdicom to take patient and planes from, where there is no image."""
    series = NewSeries("CT")
    images = []
    rows, columns = grid.arrays[0].shape[1:3]
    for k in range(len(grid.planes)):
        image = target.dataset(_CT, series)
        image.FrameOfReferenceUID = reference
        image.Rows, image.Columns = int(rows), int(columns)
        image.PositionReferenceIndicator = ""
        grid.planes.place(image, k)
        image.InstanceNumber = k + 1
        images.append(image)
    return images


def _without_references(dataset: Dataset) -> None:
    for keyword in _REFERENCES:
        if keyword in dataset:
            delattr(dataset, keyword)
    for groups in dataset.PerFrameFunctionalGroupsSequence:
        if "DerivationImageSequence" in groups:
            del groups.DerivationImageSequence


def as_numbers(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return labels in the smallest type that highdicom takes."""
    highest = int(pixels.max(initial=0))
    return pixels.astype(np.uint8 if highest < 256 else np.uint16, copy=False)
