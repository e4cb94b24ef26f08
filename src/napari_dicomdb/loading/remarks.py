"""What must be said of objects whose pixels are something else than a picture of the patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading.dose_grid import RT_DOSE, dose_findings

if TYPE_CHECKING:
    from napari_dicomdb.database.records import InstanceRecord

__all__ = ["remarks_on"]

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"


def remarks_on(record: InstanceRecord) -> tuple[Finding, ...]:
    """Return what is to be known of the values of one object, nothing for most."""
    if record.sop_class_uid == RT_DOSE:
        return dose_findings(record)
    if record.sop_class_uid in (_SEGMENTATION, _LABEL_MAP):
        return (_segments(record),)
    return ()


def _segments(record: InstanceRecord) -> Finding:
    kind = str(record.values.get("SegmentationType") or "").strip()
    if record.sop_class_uid == _LABEL_MAP or kind == "LABELMAP":
        meaning = "values are the numbers of segments"
    elif kind == "FRACTIONAL":
        meaning = "values are shares of MaximumFractionalValue, not fractions"
    else:
        meaning = "1 is inside a segment, 0 outside"
    return Finding(
        FindingCode.SEGMENTS_AS_IMAGES,
        Severity.WARNING,
        f"Segments are shown as the images they are stored in, not as labels: {meaning}",
        {"segmentation_type": kind},
    )
