"""Lookup tables: the index knows only that a file has one, so they are read when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.modality import LookupTable
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.dicom.voi import voi_luts_of
from napari_dicomdb.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Container

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.frames import FrameSet

__all__ = ["is_logarithmic", "modality_lut", "voi_luts"]


def is_logarithmic(instance: InstanceRecord) -> bool:
    """Whether the modality LUT of `instance` serves subtraction, not display.

    XA and RF with logarithmic pixels: it makes them linear (reference/pixels.md PX-4).
    """
    return instance.get("Modality") in ("XA", "RF") and (
        instance.get("PixelIntensityRelationship") == "LOG"
    )


def modality_lut(instance: InstanceRecord) -> LookupTable | None:
    """Read the modality LUT of `instance`; None when it has none.

    Raises
    ------
    LoadError
        If the table is broken: the values would be wrong without it.
    """
    if not instance.get("ModalityLUTSequence") or is_logarithmic(instance):
        return None
    from pydicom import dcmread

    header = dcmread(instance.path, stop_before_pixels=True, force=True)
    items = header.get("ModalityLUTSequence")
    if not items:
        return None
    try:
        return LookupTable.from_item(items[0], signed=instance.pixel_representation == 1)
    except ValueError as error:
        raise LoadError(f"{instance.path}: {error}", reason="bad-modality-lut") from error


def voi_luts(
    frames: FrameSet, refused: Container[str] = ()
) -> tuple[tuple[LookupTable, ...], tuple[Finding, ...]]:
    """Read the VOI LUTs of the slice nearest to the middle that has any.

    Parameters
    ----------
    frames : FrameSet
        In the order of the stack.
    refused : container of str
        SOPInstanceUIDs of files that cannot be read.

    Returns
    -------
    tables : tuple of LookupTable
        Of one file; no file is opened when the index knows of none.
    findings : tuple of Finding
        What hinders their use; the image can be shown without them.
    """
    middle = len(frames) // 2
    for index in sorted(range(len(frames)), key=lambda k: abs(k - middle)):
        instance = frames.instance(index)
        if instance.get("VOILUTSequence") and instance.uid not in refused:
            break
    else:
        return (), ()
    from pydicom import dcmread

    wanted = ["VOILUTSequence", "PixelRepresentation", "RescaleIntercept"]
    try:
        header = dcmread(instance.path, stop_before_pixels=True, force=True, specific_tags=wanted)
        return voi_luts_of(header), ()
    except unreadable(OSError) as error:
        text = f"{instance.path.name}: the VOI lookup table cannot be used: {error}"
        return (), (
            Finding(
                FindingCode.BAD_HEADER_VALUE, Severity.INFO, text, {"keyword": "VOILUTSequence"}
            ),
        )
