"""What must be said of objects whose pixels are something else than a picture of the patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.loading.dose_grid import RT_DOSE, dose_findings

if TYPE_CHECKING:
    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.findings import Finding

__all__ = ["remarks_on"]


def remarks_on(record: InstanceRecord) -> tuple[Finding, ...]:
    """Return what is to be known of the values of one object, nothing for most."""
    return dose_findings(record) if record.sop_class_uid == RT_DOSE else ()
