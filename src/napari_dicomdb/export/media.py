"""File-sets with a DICOMDIR (PS3.10 section 8, PS3.3 annex F), as on a CD."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom import Dataset

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.database.report import Remark

__all__ = ["FileSetPlan", "plan_file_set"]


# What PS3.3 F.5 requires of a record (type 1) and old files lack; as dcmmkdir's option
# --invent-missing does, it is put into the record alone.
_INVENTED = {
    "PatientID": "UNKNOWN",
    "PatientName": "",
    "StudyDate": "19000101",
    "StudyTime": "000000",
    "StudyID": "0",
    "Modality": "OT",
    "SeriesNumber": "0",
}
_LIKE = {
    "StudyDate": ("SeriesDate", "AcquisitionDate", "ContentDate"),
    "StudyTime": ("SeriesTime", "AcquisitionTime", "ContentTime"),
}


class FileSetPlan:
    """Where the files of a file-set go, and its DICOMDIR.

    Attributes
    ----------
    places : dict of str to InstanceRecord
        Path within the file-set (POSIX) of each file.
    directory : bytes
        The DICOMDIR.
    rejected : list of (path, reason, text)
        Files that a DICOMDIR cannot list.
    """

    def __init__(self) -> None:
        self.places: dict[str, InstanceRecord] = {}
        self.directory = b""
        self.rejected: list[Remark] = []


def plan_file_set(
    instances: Iterable[InstanceRecord],
    total: int,
    workplace: Path,
    progress: Progress = no_progress,
) -> FileSetPlan:
    """Give every instance a File ID of eight capital letters and digits, and list them.

    The records are made by pydicom from the header of each file; the files
    themselves are neither read further nor changed. Where a header lacks what
    a record must have (StudyTime, say), the record alone gets a stand-in.

    Parameters
    ----------
    instances : iterable of InstanceRecord
    total : int
        How many there are.
    workplace : Path
        Folder for what pydicom needs meanwhile: headers, deleted again.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError
    from pydicom.fileset import FileSet

    plan = FileSetPlan()
    with tempfile.TemporaryDirectory(prefix="fileset-", dir=workplace) as folder:
        stage = Path(folder, "stage")
        stage.mkdir()
        file_set = FileSet()
        # pydicom would stage patients' headers in the system's temporary folder.
        file_set._stage["t"].cleanup()
        file_set._stage["path"] = stage
        known: dict[str, InstanceRecord] = {}
        for done, instance in enumerate(instances):
            progress(done, total, "Reading headers")
            try:
                header = pydicom.dcmread(instance.path, stop_before_pixels=True)
                _complete(header, done + 1)
                file_set.add(header)
            except (
                InvalidDicomError, OSError, AttributeError, KeyError, TypeError, ValueError,
                NotImplementedError,
            ) as error:  # fmt: skip
                text = f"a DICOMDIR cannot list it: {error}".splitlines()[0][:300]
                plan.rejected.append((str(instance.path), "not-in-dicomdir", text))
                continue
            known[str(header.SOPInstanceUID)] = instance
        if known:
            file_set.write(Path(folder, "set"))
            for found in file_set:
                place = Path(found.path).relative_to(Path(folder, "set")).as_posix()
                plan.places[place] = known[str(found.SOPInstanceUID)]
            file_set._stage["t"].cleanup()  # write() made another one
            plan.directory = Path(folder, "set", "DICOMDIR").read_bytes()
    return plan


def _complete(header: Dataset, number: int) -> None:
    """Give a header the values that its directory records must have."""
    for keyword, invented in {**_INVENTED, "InstanceNumber": str(number)}.items():
        if header.get(keyword) in (None, ""):
            like = (header.get(other) for other in _LIKE.get(keyword, ()))
            setattr(header, keyword, next((value for value in like if value), invented))
