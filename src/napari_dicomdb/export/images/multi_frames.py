"""Images as one object: legacy converted enhanced, or a multi-frame secondary capture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.errors import ExportError, MissingLibraryError
from napari_dicomdb.export.images.frame_dimensions import FrameDimensions, items
from napari_dicomdb.export.images.leading_axes import leading_axes
from napari_dicomdb.export.images.pixel_encoding import set_pixels
from napari_dicomdb.export.images.single_frames import Drawing, copied, single_frames
from napari_dicomdb.export.images.value_units import say_units
from napari_dicomdb.export.numbers import decimal_string, decimal_strings
from napari_dicomdb.export.object_file import write_object
from napari_dicomdb.export.pixel_history import refuse_burned_in, say_loss
from napari_dicomdb.export.source_attributes import SourceImages, evidence
from napari_dicomdb.export.source_references import refer_by_series
from napari_dicomdb.export.study import new_uid

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_dicomdb.progress import Progress

__all__ = ["LEGACY_CLASSES", "write_legacy_converted", "write_multi_frame_capture"]

LEGACY_CLASSES = {
    "CT": "LegacyConvertedEnhancedCTImage",
    "MR": "LegacyConvertedEnhancedMRImage",
    "PT": "LegacyConvertedEnhancedPETImage",
}
"""highdicom's class for each modality that has legacy converted enhanced images."""

_EQUIPMENT = (
    "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions",
)  # fmt: skip
_CAPTURES = {
    1: "1.2.840.10008.5.1.4.1.1.7.2",
    2: "1.2.840.10008.5.1.4.1.1.7.3",
    3: "1.2.840.10008.5.1.4.1.1.7.4",
}
_OF_FRAMES = (
    "SOPInstanceUID", "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient",
    "PixelSpacing", "SliceThickness", "SliceLocation", "SourceImageSequence", "WindowCenter",
    "WindowWidth", "TemporalPositionIdentifier", "NumberOfTemporalPositions",
    "FrameReferenceTime", "EchoTime", "InversionTime", "FlipAngle", "RepetitionTime",
    "DiffusionBValue", "DiffusionGradientOrientation", "DiffusionDirectionality",
    "MRDiffusionSequence",
    "ImageComments", "AcquisitionNumber", "EchoNumbers", "KVP", "NominalPercentageOfCardiacPhase",
    "NominalPercentageOfRespiratoryPhase",
)  # fmt: skip


def write_legacy_converted(
    drawing: Drawing, folder: Path, compression: str, progress: Progress
) -> list[Path]:
    """Write a Legacy Converted Enhanced CT, MR or PET image: all slices in one object.

    Raises
    ------
    MissingLibraryError
        Without highdicom.
    ExportError
        "no-source": the images it was made from are not known; "burned-in": they have text
        burned in; what highdicom refuses.
    """
    try:
        from highdicom import legacy
    except ImportError as error:
        raise MissingLibraryError(
            f"enhanced images need highdicom ({error}): pip install 'napari-dicomdb[export]'"
        ) from error
    records = SourceImages.of(drawing.source, drawing.target).records
    refuse_burned_in(records)
    singles, frames = _all_frames(drawing, progress)
    ends = [_ends(single, frame) for single, frame in zip(singles, frames, strict=True)]
    low, high = min(one[0] for one in ends), max(one[1] for one in ends)
    for single, frame in zip(singles, frames, strict=True):
        if "WindowCenter" not in single:
            _set_window(single, low, high)
        set_pixels(single, [frame], "none")
        single.file_meta = _meta(single)
    made_of = getattr(legacy, LEGACY_CLASSES[drawing.series.modality])
    try:
        with quiet():
            made = made_of(singles, drawing.series.uid, drawing.series.number, new_uid(), 1)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ExportError(
            f"it cannot be made an enhanced image: {error}", reason="cannot-be-written"
        ) from error
    _put_in_order(made, singles, drawing)
    made.SourceImageEvidenceSequence = evidence(_study_of(drawing), records)
    refer_by_series(made, records)
    say_loss(made, records)
    made.ContributingEquipmentSequence = _equipment(drawing)
    if "Laterality" in singles[0]:
        made.Laterality = singles[0].Laterality
    if drawing.series.description:
        made.SeriesDescription = drawing.series.description
    syntax = set_pixels(made, frames, compression)
    return [write_object(made, folder / "00001.dcm", syntax)]


def _all_frames(drawing: Drawing, progress: Progress) -> tuple[list[Dataset], list[NDArray[Any]]]:
    count = int(np.prod(drawing.source.leading, dtype=int)) * drawing.source.grid[0]
    singles, frames = [], []
    for k, (header, frame) in enumerate(single_frames(drawing)):
        progress(k, count, "Making frames")
        singles.append(header)
        frames.append(frame)
    return singles, frames


def _meta(dataset: Dataset) -> Any:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return meta


def _ends(single: Dataset, frame: NDArray[Any]) -> tuple[float, float]:
    """Return the lowest and the highest value of a frame, after its rescale."""
    slope = float(single.get("RescaleSlope", 1))
    intercept = float(single.get("RescaleIntercept", 0))
    return float(frame.min()) * slope + intercept, float(frame.max()) * slope + intercept


def _set_window(single: Dataset, low: float, high: float) -> None:
    """Show all values: an enhanced image must have a window (Frame VOI LUT macro)."""
    single.WindowCenter = decimal_string((low + high) / 2 + 0.5)
    single.WindowWidth = decimal_string(max(high - low, 1e-6) + 1)


def _study_of(drawing: Drawing) -> str:
    return drawing.source.study_uid or drawing.target.study_uid


def _equipment(drawing: Drawing) -> list[Dataset]:
    """Say who converted the images.

    highdicom would name us as the scanner, and itself. dcm2niix takes the latter for
    Hitachi, and the geometry of frames for that of the scanner named here: the images
    referred to say which it was.
    """
    common = drawing.target.dataset(drawing.sop_class_uid, drawing.series)
    own = {keyword: common.get(keyword) for keyword in _EQUIPMENT}
    purpose = items(
        CodeValue="109106",
        CodingSchemeDesignator="DCM",
        CodeMeaning="Enhanced Multi-frame Conversion Equipment",
    )
    return items(PurposeOfReferenceCodeSequence=purpose, **own)


def _put_in_order(made: Dataset, singles: list[Dataset], drawing: Drawing) -> None:
    """Give the frames our order, which highdicom changes, and say what it is.

    They refer to the images that exist, not to the ones made on the way.
    """
    places = {str(one.SOPInstanceUID): k for k, one in enumerate(singles)}
    frames: list[Dataset] = [made] * len(singles)
    for frame in made.PerFrameFunctionalGroupsSequence:
        item = frame.ConversionSourceAttributesSequence[0]
        k = places[str(item.ReferencedSOPInstanceUID)]
        frames[k] = frame
        true = singles[k].get("SourceImageSequence")
        if not true:
            raise ExportError(
                "an enhanced image must say what it was made from, and the source images are not "
                "there: write a multi-frame secondary capture instead",
                reason="no-source",
            )
        item.ReferencedSOPInstanceUID = true[0].ReferencedSOPInstanceUID
        item.ReferencedSOPClassUID = true[0].ReferencedSOPClassUID
        if "UnassignedPerFrameConvertedAttributesSequence" not in frame:
            frame.UnassignedPerFrameConvertedAttributesSequence = items()
    dimensions = FrameDimensions.of(drawing.source)
    dimensions.describe(made)
    for frame, (lead, place) in zip(frames, _frames_of(drawing), strict=True):
        dimensions.put(frame, lead, place)
    made.PerFrameFunctionalGroupsSequence = frames


def _frames_of(drawing: Drawing) -> list[tuple[tuple[int, ...], int]]:
    """Return the step along the leading axes and the place in the stack of each frame."""
    slices = range(drawing.source.grid[0])
    return [(lead, k) for lead in np.ndindex(drawing.source.leading) for k in slices]


def write_multi_frame_capture(
    drawing: Drawing, folder: Path, compression: str, progress: Progress
) -> list[Path]:
    """Write a multi-frame secondary capture with the place of every frame.

    Raises
    ------
    ExportError
        When it is too large.
    """
    from pydicom.sequence import Sequence as Items

    singles, frames = _all_frames(drawing, progress)
    made = _header(singles[0])
    samples = 3 if drawing.source.is_rgb else frames[0].dtype.itemsize
    if drawing.source.is_rgb and frames[0].dtype.itemsize != 1:
        raise ExportError(
            "a multi-frame secondary capture has colours of 8 bits: write one file a slice",
            reason="cannot-be-written",
        )
    made.SOPClassUID = _CAPTURES[samples]
    made.SOPInstanceUID = new_uid()
    made.InstanceNumber = 1
    made.NumberOfFrames = len(frames)
    if not drawing.source.is_rgb:
        # PS3.3 Section C.8.6.3: nothing else may be written.
        made.PresentationLUTShape = "IDENTITY"
        made.RescaleIntercept = decimal_string(drawing.stored.intercept)
        made.RescaleSlope = decimal_string(drawing.stored.slope)
        made.RescaleType = "US"
        say_units(made, drawing.source, drawing.stored)  # HU are not said by it any more
    _say_increments(made, singles, drawing)
    if "ImagePositionPatient" in singles[0]:
        _functional_groups(made, singles, drawing)
    else:
        for keyword in ("PixelSpacing", "WindowCenter", "WindowWidth"):
            if keyword in singles[0]:
                made[keyword] = singles[0][keyword]
    references: dict[str, Dataset] = {}
    for single in singles:
        for item in single.get("SourceImageSequence", ()):
            references.setdefault(str(item.ReferencedSOPInstanceUID), item)
    if references:
        made.SourceImageSequence = Items(list(references.values()))
        records = SourceImages.of(drawing.source, drawing.target).records
        refer_by_series(made, [one for one in records if one.uid in references])
    syntax = set_pixels(made, frames, compression)
    return [write_object(made, folder / "00001.dcm", syntax)]


def _header(single: Dataset) -> Dataset:
    """Return what all frames share."""
    made = copied(single)
    for keyword in _OF_FRAMES:
        if keyword in made:
            delattr(made, keyword)
    # It must say so: rather too much than a name that nobody looks for.
    made.BurnedInAnnotation = made.get("BurnedInAnnotation") or "YES"
    return made


def _say_increments(made: Dataset, singles: list[Dataset], drawing: Drawing) -> None:
    """Say what changes from frame to frame: time, or place (PS3.3 Section C.8.6.4)."""
    if len(singles) == 1:
        return
    axes = leading_axes(drawing.source)
    if len(axes) == 1 and drawing.source.grid[0] == 1 and axes[0].is_rising:
        steps = [0.0, *np.diff(axes[0].times_ms).tolist()]
        made.FrameIncrementPointer = 0x00181065
        made.FrameTimeVector = decimal_strings(steps)
        return
    geometry = drawing.source.geometry
    step = geometry.spacing[0] if geometry is not None and geometry.has_spacing else 1.0
    made.FrameIncrementPointer = 0x00182005
    made.SliceLocationVector = decimal_strings(
        float(one.get("SliceLocation", k * step)) for k, one in enumerate(singles)
    )


def _functional_groups(made: Dataset, singles: list[Dataset], drawing: Drawing) -> None:
    """Say where each frame is (PS3.3 Sections C.7.6.16, C.7.6.17)."""
    from pydicom import Dataset

    def group(single: Dataset, *keywords: str) -> list[Dataset]:
        return items(**{keyword: single[keyword].value for keyword in keywords})

    shared, first = Dataset(), singles[0]
    shared.PixelMeasuresSequence = group(first, "PixelSpacing", "SliceThickness")
    shared.PlaneOrientationSequence = group(first, "ImageOrientationPatient")
    if "WindowCenter" in first:
        shared.FrameVOILUTSequence = group(first, "WindowCenter", "WindowWidth")
    made.SharedFunctionalGroupsSequence = [shared]
    dimensions = FrameDimensions.of(drawing.source)
    dimensions.describe(made)
    frames = []
    for single, (lead, place) in zip(singles, _frames_of(drawing), strict=True):
        frames.append(dimensions.groups(lead, place))
        frames[-1].PlanePositionSequence = group(single, "ImagePositionPatient")
    made.PerFrameFunctionalGroupsSequence = frames
