"""Image series with one file for each slice: CT, MR, PET, or secondary captures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.export.images.leading_axes import LeadingAxis, leading_axes
from napari_dicomdb.export.images.pixel_encoding import set_pixels
from napari_dicomdb.export.images.value_units import say_units
from napari_dicomdb.export.numbers import decimal_string, window_strings
from napari_dicomdb.export.object_file import write_object
from napari_dicomdb.export.pixel_history import burned_in_annotation, say_loss
from napari_dicomdb.export.source_attributes import (
    SourceImages,
    frame_of_reference,
    reference_items,
)
from napari_dicomdb.export.source_references import refer_by_series

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_dicomdb.export.images.stored_values import StoredValues
    from napari_dicomdb.export.planes import Planes
    from napari_dicomdb.export.source import ExportSource
    from napari_dicomdb.export.study import NewSeries, StudyTarget
    from napari_dicomdb.progress import Progress

__all__ = [
    "IMAGE_CLASSES",
    "SECONDARY_CAPTURE",
    "Drawing",
    "copied",
    "single_frames",
    "write_single_frames",
]

IMAGE_CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
}
"""SOP classes of single-frame images by modality; of all others secondary captures are made."""

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

PET_UNITS = frozenset(
    (
        *("CNTS", "NONE", "CM2", "CM2ML", "PCNT", "CPS", "BQML", "MGMINML", "UMOLMINML"),
        *("MLMING", "MLG", "1CM", "UMOLML", "PROPCNTS", "PROPCPS", "MLMINML", "MLML", "GML"),
        *("STDDEV", "SUV"),
    )
)
"""Units (0054,1001), PS3.3 Section C.8.9.1.1.3."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """All that is decided before images are made.

    Parameters
    ----------
    source : ExportSource
        At right angles.
    target : StudyTarget
    series : NewSeries
    sop_class_uid : str
    stored : StoredValues
    derivation : str
        What was done, for DerivationDescription.
    """

    source: ExportSource
    target: StudyTarget
    series: NewSeries
    sop_class_uid: str
    stored: StoredValues
    derivation: str = ""

    @property
    def is_secondary(self) -> bool:
        """Whether secondary captures are made."""
        return self.sop_class_uid == SECONDARY_CAPTURE


def write_single_frames(
    drawing: Drawing, folder: Path, compression: str, progress: Progress
) -> list[Path]:
    """Write a series, a file for each slice.

    Raises
    ------
    ExportError
        When it cannot be written, or its sources lack what is needed.
    """
    count = drawing.source.grid[0]
    for length in drawing.source.leading:
        count *= length
    paths = []
    for k, (dataset, frame) in enumerate(single_frames(drawing)):
        progress(k, count, "Writing images")
        syntax = set_pixels(dataset, [frame], compression)
        paths.append(write_object(dataset, folder / f"{k + 1:05d}.dcm", syntax))
    progress(count, count, "Writing images")
    return paths


def single_frames(drawing: Drawing) -> Iterator[tuple[Dataset, NDArray[Any]]]:
    """Yield the header of each image, without pixels, and its stored pixels.

    Slices go along their normal; the last of the leading axes changes slower.
    """
    import numpy as np

    source, target = drawing.source, drawing.target
    images = SourceImages.of(source, target)
    planes = images.planes(source)
    axes = leading_axes(source)
    order = planes.order() if planes is not None else list(range(source.grid[0]))
    common = target.dataset(drawing.sop_class_uid, drawing.series)
    frame = frame_of_reference(source, target) if planes is not None else ""
    _describe(common, drawing, images, frame)
    for number, (lead, k, plane) in enumerate(source.planes(order), start=1):
        made = _image(common, drawing, number, axes, lead)
        _locate(made, drawing, images, planes, k, lead)
        if made.Modality == "PT" and not drawing.is_secondary:
            made.ImageIndex = number
            made.NumberOfSlices = source.grid[0]
            if source.leading:
                made.NumberOfTimeSlices = int(np.prod(source.leading))
        stored = drawing.stored.of_plane(plane, k)
        if stored.by_plane:
            made.RescaleSlope = decimal_string(stored.slope)
        yield made, stored.encode(_samples(plane, source))


def _samples(plane: NDArray[Any], source: ExportSource) -> NDArray[Any]:
    """Return the plane without alpha, colours in 8 or 16 bits."""
    import numpy as np

    if not source.is_rgb:
        return plane
    plane = plane[..., :3]
    if plane.dtype.kind == "b":
        plane = plane.astype(np.uint8) * np.uint8(255)
    if plane.dtype.kind == "f":
        plane = np.rint(np.clip(np.nan_to_num(plane), 0, 1) * 255).astype(np.uint8)
    return plane


def _describe(dataset: Dataset, drawing: Drawing, images: SourceImages, frame: str) -> None:
    """Say what all images share."""
    modality = dataset.Modality
    dataset.ContentDate, dataset.ContentTime = (
        dataset.InstanceCreationDate,
        dataset.InstanceCreationTime,
    )
    burned_in = burned_in_annotation(drawing.source, images.records)
    if burned_in:
        dataset.BurnedInAnnotation = burned_in
    say_loss(dataset, images.records)
    images.copy_series(dataset, "" if drawing.is_secondary else modality)
    if "BodyPartExamined" not in dataset:
        dataset.Laterality = None  # 2C: unless the part is one that there is only one of
    if drawing.is_secondary:
        dataset.ConversionType = "WSD"
        dataset.ImageType = ["DERIVED", "SECONDARY"]
    else:
        dataset.AcquisitionNumber = None
        for keyword in ("PatientPosition", "PositionReferenceIndicator"):
            if keyword not in dataset:
                setattr(dataset, keyword, None)
        {"CT": _describe_ct, "MR": _describe_mr, "PT": _describe_pt}[modality](dataset, drawing)
    if frame:
        dataset.FrameOfReferenceUID = frame
        if "PositionReferenceIndicator" not in dataset:
            dataset.PositionReferenceIndicator = None
    if drawing.derivation:
        dataset.DerivationDescription = drawing.derivation[:1024]
    _describe_values(dataset, drawing)


def _describe_ct(dataset: Dataset, drawing: Drawing) -> None:
    dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    if "KVP" not in dataset:
        dataset.KVP = None


def _describe_mr(dataset: Dataset, drawing: Drawing) -> None:
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    if not dataset.get("ScanningSequence"):
        dataset.ScanningSequence = "RM"  # research mode: nothing is known of it
    if not dataset.get("SequenceVariant"):
        dataset.SequenceVariant = "NONE"
    if any(axis.keyword == "InversionTime" for axis in leading_axes(drawing.source)):
        known = [*_several(dataset.ScanningSequence)]
        # An axis of inversion times says that it is an inversion recovery.
        dataset.ScanningSequence = ["IR", *(one for one in known if one not in ("IR", "RM"))]
    inverts = "IR" in _several(dataset.ScanningSequence)
    if not inverts and "InversionTime" in dataset:
        del dataset.InversionTime  # 2C: no other sequence may have it
    kept = ("ScanOptions", "MRAcquisitionType", "RepetitionTime", "EchoTime", "EchoTrainLength")
    for keyword in (*kept, "InversionTime") if inverts else kept:
        if keyword not in dataset:
            setattr(dataset, keyword, None)


def _several(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value]


def _describe_pt(dataset: Dataset, drawing: Drawing) -> None:
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    for keyword in ("PatientOrientationCodeSequence", "PatientGantryRelationshipCodeSequence"):
        if keyword not in dataset:
            setattr(dataset, keyword, [])
    if "PatientPosition" in dataset:
        del dataset.PatientPosition  # not beside the orientation as codes
    units = drawing.source.units
    if units in PET_UNITS:
        dataset.Units = "GML" if units == "SUV" else units
    whole = "WHOLE BODY" if "WHOLE BODY" in dataset.SeriesType else "STATIC"
    dataset.SeriesType = ["DYNAMIC" if drawing.source.leading else whole, "IMAGE"]
    for keyword in ("CorrectedImage", "CollimatorType", "AcquisitionDate", "AcquisitionTime"):
        if keyword not in dataset:
            setattr(dataset, keyword, None)
    if "RadiopharmaceuticalInformationSequence" not in dataset:
        dataset.RadiopharmaceuticalInformationSequence = []
    for item in dataset.RadiopharmaceuticalInformationSequence:
        if "RadionuclideCodeSequence" not in item:
            item.RadionuclideCodeSequence = []


def _describe_values(dataset: Dataset, drawing: Drawing) -> None:
    stored, source = drawing.stored, drawing.source
    if source.is_rgb:
        return
    is_rescaled = dataset.Modality in ("CT", "PT") and not drawing.is_secondary
    must = is_rescaled or source.units == "HU"
    if must or not stored.is_identity:
        dataset.RescaleIntercept = decimal_string(stored.intercept)
        dataset.RescaleSlope = decimal_string(stored.slope)
        if dataset.Modality != "PT" or drawing.is_secondary:
            dataset.RescaleType = source.units[:16] if source.units == "HU" else "US"
    say_units(dataset, source, stored)
    window = None if source.window is None else window_strings(*source.window)
    if window is not None and source.window is not None and source.window[1] > source.window[0]:
        dataset.WindowCenter, dataset.WindowWidth = window


def copied(dataset: Dataset) -> Dataset:
    """Return a data set whose elements may be changed without changing the original's."""
    from copy import copy

    from pydicom import Dataset

    return Dataset({element.tag: copy(element) for element in dataset})


def _image(
    common: Dataset,
    drawing: Drawing,
    number: int,
    axes: tuple[LeadingAxis, ...],
    lead: tuple[int, ...],
) -> Dataset:
    from napari_dicomdb.export.study import new_uid

    made = copied(common)
    made.SOPInstanceUID = new_uid()
    made.InstanceNumber = number
    for axis, step in zip(axes, lead, strict=True):
        if axis.keyword != "InstanceNumber":
            axis.put(made, step)
    if drawing.stored.padding is not None and drawing.stored.dtype.itemsize < 4:
        # US and SS have no room for those of 32 bits.
        vr = "SS" if drawing.stored.is_signed else "US"
        made.add_new(0x00280120, vr, drawing.stored.padding)
    return made


def _locate(
    dataset: Dataset,
    drawing: Drawing,
    images: SourceImages,
    planes: Planes | None,
    k: int,
    lead: tuple[int, ...],
) -> None:
    geometry = drawing.source.geometry
    if drawing.is_secondary or planes is None:
        # 2C of General Image, in classes that have no plane by the book.
        dataset.PatientOrientation = None if planes is None else planes.letters()
    if planes is not None:
        planes.place(dataset, k)
    else:
        if geometry is not None and geometry.has_spacing:
            _, rows, columns = geometry.spacing
            dataset.PixelSpacing = [decimal_string(rows), decimal_string(columns)]
    records = images.at(planes, k, drawing.source.leading, lead)
    if records:
        dataset.SourceImageSequence = reference_items(records)
        refer_by_series(dataset, records)
        if not drawing.is_secondary:
            # Of several at a place nobody knows which one: the axis says the time then.
            kept = ("FrameReferenceTime",) if lead and len(records) > 1 else ()
            images.copy_image(dataset, dataset.Modality, records[0], but=kept)
