"""Images as one object: legacy converted enhanced, or a multi-frame secondary capture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.errors import ExportError, MissingLibraryError
from napari_dicomdb.export.numbers import decimal_string
from napari_dicomdb.export.object_file import write_object
from napari_dicomdb.export.pixel_encoding import set_pixels
from napari_dicomdb.export.single_frames import Drawing, copied, single_frames
from napari_dicomdb.export.source_attributes import SourceImages, evidence
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
    "DiffusionBValue",
    "AcquisitionNumber", "EchoNumbers",
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
        "no-source": the images it was made from are not known; what highdicom refuses.
    """
    try:
        from highdicom import legacy
    except ImportError as error:
        raise MissingLibraryError(
            f"enhanced images need highdicom ({error}): pip install 'napari-dicomdb[export]'"
        ) from error
    singles, frames = _all_frames(drawing, progress)
    low, high = float(min(f.min() for f in frames)), float(max(f.max() for f in frames))
    for single, frame in zip(singles, frames, strict=True):
        if "WindowCenter" not in single:
            _set_window(single, drawing, low, high)
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
    # highdicom puts the frames into an order of its own.
    order = _true_sources(made, singles)
    frames = [frames[k] for k in order]
    records = SourceImages.of(drawing.source, drawing.target).records
    made.SourceImageEvidenceSequence = evidence(_study_of(drawing), records)
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


def _set_window(single: Dataset, drawing: Drawing, low: float, high: float) -> None:
    """Show all values: an enhanced image must have a window (Frame VOI LUT macro)."""
    slope, intercept = drawing.stored.slope, drawing.stored.intercept
    low, high = slope * low + intercept, slope * high + intercept
    single.WindowCenter = decimal_string((low + high) / 2 + 0.5)
    single.WindowWidth = decimal_string(max(high - low, 1e-6) + 1)


def _study_of(drawing: Drawing) -> str:
    return drawing.source.study_uid or drawing.target.study_uid


def _true_sources(made: Dataset, singles: list[Dataset]) -> list[int]:
    """Refer to the images that exist, not to the ones made on the way.

    Returns
    -------
    list of int
        For each frame, which of `singles` it is.
    """
    order, places = [], {str(one.SOPInstanceUID): k for k, one in enumerate(singles)}
    for frame in made.PerFrameFunctionalGroupsSequence:
        item = frame.ConversionSourceAttributesSequence[0]
        k = places[str(item.ReferencedSOPInstanceUID)]
        order.append(k)
        true = singles[k].get("SourceImageSequence")
        if not true:
            raise ExportError(
                "an enhanced image must say what it was made from, and the source images are not "
                "there: write a multi-frame secondary capture instead",
                reason="no-source",
            )
        item.ReferencedSOPInstanceUID = true[0].ReferencedSOPInstanceUID
        item.ReferencedSOPClassUID = true[0].ReferencedSOPClassUID
    return order


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
    if len(frames) > 1:
        made.FrameIncrementPointer = 0x00182005
        made.SliceLocationVector = [
            float(one.get("SliceLocation", k)) for k, one in enumerate(singles)
        ]
    if "ImagePositionPatient" in singles[0]:
        _functional_groups(made, singles, drawing)
    elif "PixelSpacing" in singles[0]:
        made.PixelSpacing = singles[0].PixelSpacing
    references: dict[str, Dataset] = {}
    for single in singles:
        for item in single.get("SourceImageSequence", ()):
            references.setdefault(str(item.ReferencedSOPInstanceUID), item)
    if references:
        made.SourceImageSequence = Items(list(references.values()))
    syntax = set_pixels(made, frames, compression)
    return [write_object(made, folder / "00001.dcm", syntax)]


def _header(single: Dataset) -> Dataset:
    """Return what all frames share."""
    made = copied(single)
    for keyword in _OF_FRAMES:
        if keyword in made:
            delattr(made, keyword)
    made.BurnedInAnnotation = "NO"
    return made


def _functional_groups(made: Dataset, singles: list[Dataset], drawing: Drawing) -> None:
    """Say where each frame is (PS3.3 Sections C.7.6.16, C.7.6.17)."""
    from pydicom import Dataset
    from pydicom.sequence import Sequence as Items

    def group(single: Dataset, keywords: tuple[str, ...]) -> Items:
        item = Dataset()
        for keyword in keywords:
            if keyword in single:
                item[keyword] = single[keyword]
        return Items([item])

    shared, first = Dataset(), singles[0]
    shared.PixelMeasuresSequence = group(first, ("PixelSpacing", "SliceThickness"))
    shared.PlaneOrientationSequence = group(first, ("ImageOrientationPatient",))
    if "WindowCenter" in first:
        shared.FrameVOILUTSequence = group(first, ("WindowCenter", "WindowWidth"))
    made.SharedFunctionalGroupsSequence = Items([shared])
    organization = new_uid()
    dimensions = [*_axes_of(drawing), (0x00209057, "slice")]
    made.DimensionOrganizationSequence = Items([_item(DimensionOrganizationUID=organization)])
    made.DimensionIndexSequence = Items(
        _item(
            DimensionOrganizationUID=organization,
            DimensionIndexPointer=pointer,
            FunctionalGroupPointer=0x00209111,
            DimensionDescriptionLabel=name[:64],
        )
        for pointer, name in dimensions
    )
    frames, slices = [], drawing.source.grid[0]
    leads = list(np.ndindex(*drawing.source.leading)) if drawing.source.leading else [()]
    for k, single in enumerate(singles):
        lead, place = leads[k // slices], k % slices
        content = _item(
            StackID="1",
            InStackPositionNumber=place + 1,
            DimensionIndexValues=[*(step + 1 for step in lead), place + 1],
        )
        if lead:
            content.TemporalPositionIndex = lead[0] + 1
        groups = _item(FrameContentSequence=Items([content]))
        groups.PlanePositionSequence = group(single, ("ImagePositionPatient",))
        frames.append(groups)
    made.PerFrameFunctionalGroupsSequence = Items(frames)


def _axes_of(drawing: Drawing) -> list[tuple[int, str]]:
    """Return the pointer and the name of each axis beside space."""
    # Only the first may be that of time; no functional group of these objects has others.
    return [(0x00209128, name) for name in drawing.source.dims[: len(drawing.source.leading)]]


def _item(**values: Any) -> Dataset:
    from pydicom import Dataset

    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made
