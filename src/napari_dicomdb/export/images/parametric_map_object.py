"""A Parametric Map object (PS3.3 Section A.75): values in floating point, frame by frame.

Made by hand: it needs no source images, and frames may have axes beside space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.images.frame_dimensions import FrameDimensions, items
from napari_dicomdb.export.images.quantities import QUANTITIES
from napari_dicomdb.export.numbers import decimal_string, decimal_strings, window_strings
from napari_dicomdb.export.pixel_history import refuse_burned_in, say_loss
from napari_dicomdb.export.source_attributes import reference_items
from napari_dicomdb.export.source_references import refer_by_series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pydicom import Dataset
    from pydicom.sr.coding import Code

    from napari_dicomdb.export.planes import Planes
    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.source_attributes import SourceImages
    from napari_dicomdb.export.study import NewSeries, StudyTarget
    from napari_dicomdb.progress import Progress

__all__ = ["PARAMETRIC_MAP", "QUANTITY_AXIS", "MapContent", "parametric_map"]

PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
QUANTITY_AXIS = "quantity"
"""Name of a leading axis along which the quantity changes; its values are their names."""

_FLAVOUR = ["DERIVED", "PRIMARY", "VOLUME", "QUANTITY"]
_LARGEST = 2**32 - 2


@dataclass(frozen=True)
class MapContent:
    """What the values of a map are.

    Parameters
    ----------
    quantities : sequence of Code
        One, or one for each step of the axis `QUANTITY_AXIS`.
    units : sequence of Code
        As many.
    dtype : dtype
        float32 or float64.
    explanation : str
        Name of the map for people.
    """

    quantities: Sequence[Code]
    units: Sequence[Code]
    dtype: np.dtype[Any]
    explanation: str = ""


def parametric_map(
    source: ExportSource,
    planes: Planes,
    content: MapContent,
    target: StudyTarget,
    series: NewSeries,
    images: SourceImages,
    frame_of_reference: str,
    *,
    progress: Progress,
) -> Dataset:
    """Return the data set of a map, pixels included.

    Frames are in the order of the leading axes, then along the normal of the slices.

    Raises
    ------
    ExportError
        "too-large": its pixels are beyond 4 GB; "burned-in": see `refuse_burned_in`.
    """
    refuse_burned_in(images.records)
    made = target.dataset(PARAMETRIC_MAP, series)
    count = int(np.prod(source.leading, dtype=int)) * source.grid[0]
    size = count * source.grid[1] * source.grid[2] * content.dtype.itemsize
    if size > _LARGEST:
        raise ExportError(
            "an object of more than 4 GB cannot be written: write it in 32 bits, or in parts",
            reason="too-large",
        )
    _describe(made, source, content, count)
    say_loss(made, images.records, required=True)
    made.FrameOfReferenceUID = frame_of_reference
    made.PositionReferenceIndicator = None
    order = planes.order()
    dimensions = FrameDimensions.of(source, QUANTITY_AXIS)
    dimensions.describe(made)
    pixels = np.empty((count, *source.grid[1:]), content.dtype.newbyteorder("<"))
    frames: list[Dataset] = []
    ranges: dict[int, tuple[float, float]] = {}
    place_of = {k: place for place, k in enumerate(order)}
    at_axis = source.dims.index(QUANTITY_AXIS) if len(content.quantities) > 1 else None
    for number, (lead, k, plane) in enumerate(source.planes(order)):
        progress(number, count, "Making the map")
        with np.errstate(over="ignore"):
            pixels[number] = plane
        if np.isinf(pixels[number]).sum() > np.isinf(plane).sum():
            raise ExportError(
                "its values are out of the range of 32 bits: write it in 64", reason="bad-value"
            )
        which = 0 if at_axis is None else lead[at_axis]
        ranges[which] = _wider(ranges.get(which), pixels[number])
        frames.append(dimensions.groups(lead, place_of[k]))
        frames[-1].PlanePositionSequence = items(
            ImagePositionPatient=decimal_strings(planes.positions[k])
        )
        records = images.at(planes, k, source.leading, lead)
        if records:
            frames[-1].DerivationImageSequence = _derivation(records)
    maps = [_mapping(content, which, ranges[which]) for which in sorted(ranges)]
    shared = _shared(made, planes, ranges)
    if len(maps) == 1:
        shared.RealWorldValueMappingSequence = maps
    else:
        for frame, (lead, _) in zip(frames, _places(source, order), strict=True):
            frame.RealWorldValueMappingSequence = [maps[lead[at_axis or 0]]]
    made.SharedFunctionalGroupsSequence = [shared]
    made.PerFrameFunctionalGroupsSequence = frames
    refer_by_series(made, images.records)
    keyword = "DoubleFloatPixelData" if content.dtype.itemsize == 8 else "FloatPixelData"
    setattr(made, keyword, pixels.tobytes())
    return made


def _places(source: ExportSource, order: list[int]) -> list[tuple[tuple[int, ...], int]]:
    return [(lead, k) for lead in np.ndindex(source.leading) for k in order]


def _describe(made: Dataset, source: ExportSource, content: MapContent, count: int) -> None:
    made.ContentDate, made.ContentTime = made.InstanceCreationDate, made.InstanceCreationTime
    made.InstanceNumber = 1
    made.ImageType = _FLAVOUR
    made.ContentQualification = "RESEARCH"
    made.ContentLabel = "MAP"
    made.ContentDescription = content.explanation[:64] or None
    made.ContentCreatorName = None
    made.AcquisitionContextSequence = []
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.PresentationLUTShape = "IDENTITY"
    made.PixelPresentation = "MONOCHROME"
    made.NumberOfFrames = count
    made.Rows, made.Columns = source.grid[1:]
    made.BitsAllocated = content.dtype.itemsize * 8
    made.BurnedInAnnotation = "NO"  # nothing else is allowed
    made.RecognizableVisualFeatures = "NO"


def _shared(made: Dataset, planes: Planes, ranges: dict[int, tuple[float, float]]) -> Dataset:
    from pydicom import Dataset

    low = min(pair[0] for pair in ranges.values())
    high = max(pair[1] for pair in ranges.values())
    shared = Dataset()
    thickness = decimal_string(planes.thickness)
    shared.PixelMeasuresSequence = items(
        PixelSpacing=decimal_strings(planes.spacing),
        SliceThickness=thickness,
        SpacingBetweenSlices=thickness,
    )
    shared.PlaneOrientationSequence = items(
        ImageOrientationPatient=decimal_strings(planes.orientation)
    )
    window = window_strings(low, high)
    if window is not None:
        shared.FrameVOILUTSequence = items(WindowCenter=window[0], WindowWidth=window[1])
    shared.PixelValueTransformationSequence = items(
        RescaleIntercept="0", RescaleSlope="1", RescaleType="US"
    )
    shared.ParametricMapFrameTypeSequence = items(FrameType=_FLAVOUR)
    # dcmqi reads no map without; the images do not say more.
    shared.FrameAnatomySequence = items(
        AnatomicRegionSequence=_coded("38266002", "SCT", "Entire body"), FrameLaterality="U"
    )
    return shared


def _mapping(content: MapContent, which: int, low_high: tuple[float, float]) -> Dataset:
    quantity, unit = content.quantities[which], content.units[which]
    several = len(content.quantities) > 1
    explanation = quantity.meaning if several else content.explanation or quantity.meaning
    (made,) = items(
        RealWorldValueIntercept=0.0,
        RealWorldValueSlope=1.0,
        DoubleFloatRealWorldValueFirstValueMapped=low_high[0],
        DoubleFloatRealWorldValueLastValueMapped=low_high[1],
        LUTLabel=str(which + 1),
        LUTExplanation=explanation[:64],
        MeasurementUnitsCodeSequence=_coded(unit.value, unit.scheme_designator, unit.meaning),
        QuantityDefinitionSequence=items(
            ValueType="CODE",
            ConceptNameCodeSequence=_coded(*QUANTITIES["value"]),
            ConceptCodeSequence=_coded(
                quantity.value, quantity.scheme_designator, quantity.meaning
            ),
        ),
    )
    return made


def _coded(value: str, scheme: str, meaning: str) -> list[Dataset]:
    return items(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _derivation(records: Sequence[Any]) -> list[Dataset]:
    return items(
        DerivationCodeSequence=_coded("112187", "DCM", "Unspecified method of calculation"),
        SourceImageSequence=reference_items(records),
    )


def _wider(known: tuple[float, float] | None, plane: NDArray[Any]) -> tuple[float, float]:
    finite = plane[np.isfinite(plane)]
    if not finite.size:
        return known or (0.0, 0.0)
    low, high = float(finite.min()), float(finite.max())
    if known is None:
        return low, high
    return min(low, known[0]), max(high, known[1])
