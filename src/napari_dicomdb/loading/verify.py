"""Is each file still what the index says? Asked when a loadable is loaded.

What the index says of a file holds while its size and modification time are
those recorded (DESIGN 6). When they differ the header is read again: the same
object is read with what the new header says; another object is refused.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.dicom.values import parse_ds
from napari_dicomdb.errors import HeaderError, LoadError, NotDicomError, PixelError

if TYPE_CHECKING:
    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.header import Header
    from napari_dicomdb.loading.frames import FrameSet

__all__ = ["Verified", "verify"]

_PIXEL_FIELDS = {
    "rows": "Rows",
    "columns": "Columns",
    "samples": "SamplesPerPixel",
    "bits_allocated": "BitsAllocated",
    "bits_stored": "BitsStored",
    "high_bit": "HighBit",
    "pixel_representation": "PixelRepresentation",
    "planar_configuration": "PlanarConfiguration",
}
_SAME_PLACE = 1e-3  # mm, direction cosines


@dataclass(frozen=True, eq=False)
class Verified:
    """What `verify` says.

    Parameters
    ----------
    frames : FrameSet
        With the records of changed files renewed.
    refused : dict of str to Exception
        By SOPInstanceUID: files that must not be read, and why.
    findings : tuple of Finding
    changed_uids : tuple of str
        Instances whose file changed and whose index entry is out of date.
    """

    frames: FrameSet
    refused: dict[str, Exception]
    findings: tuple[Finding, ...]
    changed_uids: tuple[str, ...]


def verify(frames: FrameSet) -> Verified:
    """Compare the files of `frames` with what the index says of them.

    Raises
    ------
    LoadError
        If a file is the same object but has another size of image or another
        place in the patient now: the way it was to be opened no longer holds.
    """
    refused: dict[str, Exception] = {}
    renewed: list[InstanceRecord] = []
    changed: list[str] = []
    for record in frames.instances:
        new = record
        try:
            stat = os.stat(record.path)
            if (stat.st_size, stat.st_mtime_ns) != (record.file_size, record.file_mtime_ns):
                new = _read_again(record, stat)
        except (OSError, PixelError) as error:
            refused[record.uid] = error
        if new is not record:
            changed.append(record.uid)
        renewed.append(new)
    if not changed:
        return Verified(frames, refused, (), ())
    finding = Finding(
        FindingCode.FILE_CHANGED,
        Severity.INFO,
        f"{len(changed)} {'file has' if len(changed) == 1 else 'files have'} changed since "
        "the import; the headers were read again and are of the same objects",
        {"instances": changed},
    )
    fresh = replace(frames, instances=tuple(renewed))
    return Verified(fresh, refused, (finding,), tuple(changed))


def _read_again(record: InstanceRecord, stat: os.stat_result) -> InstanceRecord:
    try:
        header = scan_file(record.path, stat.st_size)
    except (NotDicomError, HeaderError) as error:
        raise PixelError(
            f"{record.path}: changed since the import and no longer readable ({error})",
            reason="file-changed",
        ) from error
    uid = header.values.get("SOPInstanceUID")
    if uid != record.uid:
        raise PixelError(
            f"{record.path}: the file holds another object now: {uid} instead of {record.uid}",
            reason="other-object",
        )
    new = _renewed(record, header, stat)
    if not _same_place(record, new):
        raise LoadError(
            f"{record.path}: size or place of the image changed since the import: "
            "import it again and examine the series anew",
            reason="file-changed",
        )
    return new


def _renewed(record: InstanceRecord, header: Header, stat: os.stat_result) -> InstanceRecord:
    """Return the record with what is needed for reading taken from `header`."""
    values = header.values
    pixels: dict[str, Any] = {}
    for name, keyword in _PIXEL_FIELDS.items():
        value = values.get(keyword)
        if isinstance(value, int):
            pixels[name] = value
    # Per frame rescaling and geometry stay those of the index when there are functional groups.
    if record.frames_json is None:
        pixels["slope"] = _number(values.get("RescaleSlope"))
        pixels["intercept"] = _number(values.get("RescaleIntercept"))
        pixels["position"] = _numbers(values.get("ImagePositionPatient"), 3) or record.position
        pixels["orientation"] = (
            _numbers(values.get("ImageOrientationPatient"), 6) or record.orientation
        )
        pixels["pixel_spacing"] = _numbers(values.get("PixelSpacing"), 2) or record.pixel_spacing
    return replace(
        record,
        file_size=stat.st_size,
        file_mtime_ns=stat.st_mtime_ns,
        transfer_syntax_uid=header.transfer_syntax_uid,
        photometric=str(values.get("PhotometricInterpretation") or record.photometric),
        frame_count=int(_number(values.get("NumberOfFrames")) or 1),
        pixel_keyword=header.pixel_keyword,
        pixel_offset=header.pixel_offset,
        pixel_length=header.pixel_length,
        **pixels,
    )


def _same_place(old: InstanceRecord, new: InstanceRecord) -> bool:
    if (old.rows, old.columns, max(old.frame_count, 1), old.samples) != (
        new.rows,
        new.columns,
        max(new.frame_count, 1),
        new.samples,
    ):
        return False
    return all(
        (before is None and after is None)
        or (
            before is not None
            and after is not None
            and np.allclose(before, after, rtol=0, atol=_SAME_PLACE)
        )
        for before, after in (
            (old.position, new.position),
            (old.orientation, new.orientation),
            (old.pixel_spacing, new.pixel_spacing),
        )
    )


def _numbers(value: Any, count: int) -> tuple[Any, ...] | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        numbers = parse_ds(value)
    except ValueError:
        return None
    return numbers if len(numbers) == count else None


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float)):
        return float(value)
    if not isinstance(value, str):
        return None
    try:
        return parse_ds(value)[0]
    except (ValueError, IndexError):
        return None
