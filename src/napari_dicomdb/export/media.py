"""File-sets with a DICOMDIR (PS3.10 section 8, PS3.3 annex F), as on a CD."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from pydicom import Dataset
    from pydicom.fileset import FileInstance, FileSet

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
    notes : list of (attribute, reason, text)
        What the DICOMDIR says otherwise than the files do.
    """

    def __init__(self) -> None:
        self.notes: list[Remark] = []
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
    a record must have (StudyTime, say), or what it has does not conform, the record
    alone gets a stand-in. Persons who have the same PatientID, or none, are told apart:
    a record holds the name of one.

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
        file_set = _growing(FileSet)
        # pydicom would stage patients' headers in the system's temporary folder.
        file_set._stage["t"].cleanup()
        file_set._stage["path"] = stage
        known: dict[str, InstanceRecord] = {}
        records = _Records()
        for done, instance in enumerate(instances):
            progress(done, total, "Reading headers")
            try:
                with quiet():
                    header = pydicom.dcmread(instance.path, stop_before_pixels=True)
                    records.complete(header, done + 1)
                    uid = str(header.SOPInstanceUID)
                    if uid in known:
                        raise ValueError("its UID is another file's, too")
                    # The records are all that is wanted of it.
                    header.__dict__["save_as"] = _leave_empty
                    file_set.add(header)
            except InvalidDicomError:
                text = "a DICOMDIR cannot list it: it has no file meta information"
                plan.rejected.append((str(instance.path), "not-in-dicomdir", text))
                continue
            except unreadable(OSError) as error:
                text = f"a DICOMDIR cannot list it: {error}".splitlines()[0][:300]
                plan.rejected.append((str(instance.path), "not-in-dicomdir", text))
                continue
            known[uid] = instance
        file_set.is_growing = False
        if known:
            file_set.write(Path(folder, "set"))
            for found in file_set:
                place = Path(found.path).relative_to(Path(folder, "set")).as_posix()
                plan.places[place] = known[str(found.SOPInstanceUID)]
            file_set._stage["t"].cleanup()  # write() made another one
            plan.notes = records.notes()
            plan.directory = Path(folder, "set", "DICOMDIR").read_bytes()
    return plan


def _growing(kind: type[FileSet]) -> Any:
    """Return a file-set that does not look through all that it has for each that it gets."""

    class Growing(kind):  # type: ignore[misc, valid-type]
        is_growing = True

        def __iter__(self) -> Iterator[FileInstance]:
            return iter(()) if self.is_growing else super().__iter__()

    return Growing()


def _leave_empty(path: str | os.PathLike[str], **_: Any) -> None:
    Path(path).write_bytes(b"")


class _Records:
    """What directory records say where headers do not say it, or not rightly."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str, str], str] = {}
        self._changed: Counter[tuple[str, str]] = Counter()

    def complete(self, header: Dataset, number: int) -> None:
        """Give a header, of which only the records are made, values that conform."""
        # Where the two differ, a reader looks for what the data set says.
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
        for keyword in _COPIED:
            self._conform(header, keyword)
        for keyword, invented in {**_INVENTED, "InstanceNumber": str(number)}.items():
            if header.get(keyword) in (None, ""):
                like = (header.get(other) for other in _LIKE.get(keyword, ()))
                setattr(header, keyword, next((value for value in like if value), invented))
                if invented:
                    self._changed[keyword, "missing"] += 1
        self._tell_apart(header)

    def notes(self) -> list[Remark]:
        """Return what differs from the files, by attribute."""
        return [
            (keyword, "stand-in", f"{keyword} {_WHY[why]} in {count} file{'s'[: count > 1]}: "
             "the DICOMDIR has a stand-in, the files are as they were")
            for (keyword, why), count in self._changed.items()
        ]  # fmt: skip

    def _conform(self, header: Dataset, keyword: str) -> None:
        from pydicom.datadict import dictionary_VR

        from napari_dicomdb.dicom._vr_rules import problems_of

        try:
            value = header.get(keyword)
            is_several = isinstance(value, Sequence) and not isinstance(value, str)
            if is_several:
                value = value[0] if value else ""  # a record has room for one
            given = "" if value is None else str(value)
        except unreadable():  # letters where a number should be
            given, is_several = "?", True
        if not given:
            return
        vr, mended = dictionary_VR(keyword), given.strip()
        if vr in _SEPARATORS:
            mended = mended.replace(_SEPARATORS[vr], "")  # as ACR-NEMA wrote dates and times
        elif vr in _LONGEST:
            mended = mended[: _LONGEST[vr]].strip()
        if problems_of(vr, mended, "ISO_IR 192"):
            mended = ""
        if mended != given.strip() or is_several:
            setattr(header, keyword, mended or None)
            self._changed[keyword, "conform"] += 1

    def _tell_apart(self, header: Dataset) -> None:
        """Give persons IDs of their own; pydicom puts those of one ID into one record."""
        given = str(header.PatientID)
        name = str(header.get("PatientName") or "").rstrip("^ ").casefold()
        person = (given, name, str(header.get("PatientBirthDate") or ""))
        if person not in self._ids:
            taken, number, own = set(self._ids.values()), 1, given
            while own in taken:
                number += 1
                own = f"{given[:60]}_{number}"
            self._ids[person] = own
        if self._ids[person] != given:
            header.PatientID = self._ids[person]
            self._changed["PatientID", "shared"] += 1


_WHY = {
    "missing": "is missing",
    "conform": "does not conform",
    "shared": "is another person's, too,",
}
_SEPARATORS = {"DA": ".", "TM": ":"}
_LONGEST = {"SH": 16, "LO": 64, "CS": 16}
_COPIED = (
    "PatientID", "StudyDate", "StudyTime", "StudyDescription", "StudyID", "AccessionNumber",
    "Modality", "SeriesNumber", "InstanceNumber", "ContentDate", "ContentTime", "ContentLabel",
    "StructureSetDate", "StructureSetTime", "StructureSetLabel", "RTPlanDate", "RTPlanTime",
    "RTPlanLabel", "TreatmentDate", "TreatmentTime", "PresentationCreationDate",
    "PresentationCreationTime",
)  # fmt: skip
