"""What pixels went through before: compressed with loss, text burned in.

What is made of them says so, too: for ever, says the standard of the loss (PS3.3 Sections
C.7.6.1.1.5 and C.8.20.2), and whoever anonymises it later believes the header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.deidentification.pixels import burned_in
from napari_dicomdb.export.headers import read_header

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom import Dataset

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.export.source import ExportSource

__all__ = ["burned_in_annotation", "refuse_burned_in", "say_loss"]

_METHODS = {
    "1.2.840.10008.1.2.4.50": "ISO_10918_1",
    "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    **{f"1.2.840.10008.1.2.4.{k}": "ISO_13818_2" for k in (100, 101)},
    **{f"1.2.840.10008.1.2.4.{k}": "ISO_14496_10" for k in range(102, 107)},
    **{f"1.2.840.10008.1.2.4.{k}": "ISO_23008_2" for k in (107, 108)},
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
}


def burned_in_annotation(source: ExportSource, records: Sequence[InstanceRecord]) -> str:
    """Return BurnedInAnnotation of an image made of a source: "YES", "NO", "" if nobody knows.

    Parameters
    ----------
    source : ExportSource
    records : sequence of InstanceRecord
        The images that it was made from, as far as they are known.
    """
    said = _said(records)
    if "YES" in said:
        return "YES"
    if said == {"NO"}:
        return "NO"
    if records:
        return "" if burned_in(_header(records[0])) else "NO"
    # A picture may be of anything; what has a place in the patient was computed.
    placed = source.geometry is not None and source.geometry.in_patient
    return "NO" if placed and not source.is_rgb else ""


def refuse_burned_in(records: Sequence[InstanceRecord]) -> None:
    """Raise what stands against an object that must not have text burned in.

    Raises
    ------
    ExportError
        "burned-in": an image that it was made from says that it has.
    """
    if "YES" in _said(records):
        raise ExportError(
            "text is burned into the images that it was made from, which such an object must not "
            "have: write images one file a slice, or secondary captures",
            reason="burned-in",
        )


def say_loss(
    dataset: Dataset, records: Sequence[InstanceRecord], *, required: bool = False
) -> None:
    """Say that an object was made of images compressed with loss, where it was.

    Parameters
    ----------
    dataset : Dataset
    records : sequence of InstanceRecord
        Those images.
    required : bool
        Whether the object must say so, too, where there was none.
    """
    lossy = next((one for one in records if _is_lossy(one)), None)
    if lossy is None:
        if required:
            dataset.LossyImageCompression = "00"
        return
    dataset.LossyImageCompression = "01"
    header = _header(lossy)
    dataset.LossyImageCompressionRatio = header.get("LossyImageCompressionRatio") or _ratio(lossy)
    syntax = lossy.transfer_syntax_uid
    method = header.get("LossyImageCompressionMethod") or _METHODS.get(_whole(syntax))
    if method:
        dataset.LossyImageCompressionMethod = method


def _said(records: Sequence[InstanceRecord]) -> set[str]:
    return {str(one.get("BurnedInAnnotation") or "").strip().upper() for one in records}


def _is_lossy(record: InstanceRecord) -> bool:
    return (
        _whole(record.transfer_syntax_uid) in _METHODS
        or record.get("LossyImageCompression") == "01"
    )


def _whole(syntax: str) -> str:
    """Return the transfer syntax of a video in one piece, of one in fragments."""
    return syntax.removesuffix(".1") if syntax.startswith("1.2.840.10008.1.2.4.10") else syntax


def _ratio(record: InstanceRecord) -> str:
    bits = record.bits_allocated * max(record.samples, 1) * max(record.frame_count, 1)
    return f"{max(1.0, record.rows * record.columns * bits / 8 / record.file_size):.3g}"


def _header(record: InstanceRecord) -> Dataset:
    """Return the header of a file; where that is gone, what the index knows of it."""
    from pydicom import Dataset

    try:
        return read_header(record)
    except ExportError:
        known = Dataset()
        known.SOPClassUID = record.sop_class_uid
        known.Modality = str(record.get("Modality") or "")
        known.SamplesPerPixel = record.samples
        return known
