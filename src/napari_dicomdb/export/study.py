"""The patient and study that a new object belongs to, and the modules that come from them.

Taken from a study of a database (from the header of one of its files, so that nothing
of its Patient and Study modules is lost), or from a small form that checks its fields.
"""

from __future__ import annotations

import copy
import datetime
import re
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from napari_dicomdb.errors import ExportError, NotFoundError
from napari_dicomdb.export.headers import (
    mended,
    read_header,
    referenced_instances,
    refuse_other_patients,
    study_values,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydicom import Dataset

    from napari_dicomdb.database.database import Database
    from napari_dicomdb.database.records import InstanceRecord, StudyRecord

__all__ = ["CHARSET", "NewSeries", "StudyForm", "StudyTarget", "new_uid", "value_problem"]

CHARSET = "ISO_IR 192"
"""What we write: UTF-8, which has every character."""

# Type 2 of those modules: there, if need be empty.
_PRESENT = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "ReferringPhysicianName", "StudyID", "AccessionNumber",
)  # fmt: skip
_MODEL = "napari-dicomdb"
_SERIAL = "0"


def new_uid() -> str:
    """Return a UID that nobody else has (PS3.5 Section B.2: below 2.25)."""
    from pydicom.uid import generate_uid

    return str(generate_uid(prefix=None))


@lru_cache(maxsize=32_768)  # asked at each key of a form, of all its fields
def value_problem(keyword: str, value: str) -> str:
    """Return what is wrong with a value of an attribute, "" when it can be written.

    Examples
    --------
    >>> value_problem("StudyID", "x" * 17)
    'it has 17 characters, at most 16 fit'
    """
    from pydicom.datadict import dictionary_VR

    from napari_dicomdb.dicom._vr_rules import problems_of

    vr = dictionary_VR(keyword)
    if "\\" in value and vr not in ("LT", "ST", "UT"):
        return "a backslash separates values: leave it out"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return "it holds half a character, which no character set has"
    return "; ".join(problems_of(vr, value, CHARSET))


@dataclass(frozen=True, slots=True)
class NewSeries:
    """What a new series says of itself.

    Parameters
    ----------
    modality : str
        Defined term, CS.
    description : str
        SeriesDescription, at most 64 characters.
    number : int
    uid : str
        A new one by default.
    """

    modality: str
    description: str = ""
    number: int = 1
    uid: str = field(default_factory=new_uid)


@dataclass(frozen=True, eq=False)
class StudyTarget:
    """Where a new object belongs: patient, study, and the images it refers to.

    Parameters
    ----------
    values : Dataset
        Patient and Study modules, decoded; StudyInstanceUID among them.
    instances : mapping of str to InstanceRecord
        Images that may be referred to, by SOP Instance UID.
    series_numbers : tuple of int
        Numbers of the series that the study has.
    is_known : bool
        Whether the study is one of a database, and must still be there when it is written to.
    remarks : tuple of str
        What of the study could not be taken as it is.
    when : datetime
        Of making: content and instance creation date and time.
    """

    values: Dataset = field(repr=False)
    instances: Mapping[str, InstanceRecord] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )
    series_numbers: tuple[int, ...] = ()
    is_known: bool = False
    remarks: tuple[str, ...] = ()
    when: datetime.datetime = field(default_factory=lambda: datetime.datetime.now())

    @classmethod
    def of_study(
        cls,
        database: Database,
        study: StudyRecord | str,
        references: Iterable[str] = (),
    ) -> StudyTarget:
        """Take patient and study from a database.

        Parameters
        ----------
        database : Database
        study : StudyRecord or str
            Or its StudyInstanceUID.
        references : iterable of str
            SOP Instance UIDs of the images that objects will refer to; those that the
            database has not are left out.

        Raises
        ------
        NotFoundError
            "study-gone": the database has no such study (any more).
        ExportError
            "other-patient": an image to refer to is of another patient; "bad-study": its
            StudyInstanceUID is not valid.
        """
        uid = study if isinstance(study, str) else str(getattr(study, "uid", study))
        try:
            series = database.series(study=uid)
        except NotFoundError:
            series = []
        if not series:
            raise NotFoundError(
                f"the database has no study {uid} (any more): choose another one",
                reason="study-gone",
            )
        found = referenced_instances(database, references)
        refuse_other_patients(database, series[0].patient_key, found.values())
        numbers = tuple(one.number for one in series if one.number is not None)
        values = study_values(database, series)
        return cls(values, MappingProxyType(found), numbers, True, tuple(mended(values)))

    @property
    def study_uid(self) -> str:
        """StudyInstanceUID."""
        return str(self.values.StudyInstanceUID)

    def series_number(self, wanted: int | None = None) -> int:
        """Return a SeriesNumber that the study has not yet, `wanted` if it can be."""
        if wanted is not None and wanted not in self.series_numbers:
            return wanted
        return max((n for n in self.series_numbers if n < 10**9), default=0) + 1

    def dataset(self, sop_class_uid: str, series: NewSeries) -> Dataset:
        """Return a new data set with the modules that all composite objects have.

        SOP Common, Patient, General and Patient Study, General Series and (Enhanced)
        General Equipment; with a new SOP Instance UID.

        Raises
        ------
        ExportError
            "bad-value": a text does not fit its attribute.
        """
        from pydicom import Dataset

        from napari_dicomdb import __version__

        made = Dataset()
        made.SpecificCharacterSet = CHARSET
        made.InstanceCreationDate = self.when.strftime("%Y%m%d")
        made.InstanceCreationTime = self.when.strftime("%H%M%S.%f")
        made.SOPClassUID = sop_class_uid
        made.SOPInstanceUID = new_uid()
        for element in self.values:
            # A copy: whoever changes a value of an object changes that object alone.
            made[element.tag] = copy.deepcopy(element)
        for keyword in _PRESENT:
            if keyword not in made:
                setattr(made, keyword, None)
        problem = value_problem("SeriesDescription", series.description)
        if problem:
            raise ExportError(f"the series description: {problem}", reason="bad-value")
        made.Modality = series.modality
        made.SeriesInstanceUID = series.uid
        made.SeriesNumber = series.number
        if series.description:
            made.SeriesDescription = series.description
        made.SeriesDate = made.InstanceCreationDate
        made.SeriesTime = made.InstanceCreationTime
        made.Manufacturer = _MODEL
        made.ManufacturerModelName = _MODEL
        made.DeviceSerialNumber = _SERIAL
        made.SoftwareVersions = __version__
        return made

    def headers(self, references: Iterable[str] | None = None) -> list[Dataset]:
        """Read the headers of images to refer to, without pixels, as pydicom data sets.

        Parameters
        ----------
        references : iterable of str, optional
            SOP Instance UIDs; all by default. What the target does not know is left out.

        Raises
        ------
        ExportError
            "file-missing": a file is gone or cannot be read.
        """
        wanted = self.instances if references is None else references
        return [read_header(self.instances[uid]) for uid in wanted if uid in self.instances]

    @cached_property
    def frame_of_reference_uids(self) -> tuple[str, ...]:
        """Those of the images that may be referred to, each once."""
        uids = (str(i.get("FrameOfReferenceUID") or "") for i in self.instances.values())
        return tuple(dict.fromkeys(uid for uid in uids if uid))


@dataclass(frozen=True, slots=True)
class StudyForm:
    """Patient and study typed by a person, for results that belong to no study yet.

    Parameters are DICOM attributes: dates as YYYYMMDD (or YYYY-MM-DD), sex "M", "F",
    "O" or "".

    Examples
    --------
    >>> StudyForm(patient_id="7", patient_sex="male").problems()
    {'patient_sex': 'sex is M, F, O or empty'}
    """

    patient_name: str = ""
    patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    study_date: str = ""
    study_description: str = ""
    study_id: str = ""
    accession_number: str = ""
    referring_physician_name: str = ""

    def problems(self) -> dict[str, str]:
        """Return what is wrong, by field; nothing when `target` can be made."""
        found = {}
        for one in fields(self):
            problem = value_problem(_KEYWORDS[one.name], _plain(self, one.name))
            if one.name == "patient_sex" and self.patient_sex not in ("", "M", "F", "O"):
                problem = "sex is M, F, O or empty"
            if problem and one.name.endswith("_date") and not _plain(self, one.name).isdigit():
                problem = "write it as YYYY-MM-DD"
            if problem:
                found[one.name] = problem
        if not self.patient_id.strip() and "patient_id" not in found:
            found["patient_id"] = "a patient needs an ID"
        return found

    def target(self) -> StudyTarget:
        """Return a new study of this patient, of now unless the form has a date.

        Raises
        ------
        ExportError
            "bad-value": the form is not right; see `problems`.
        """
        from pydicom import Dataset

        problems = self.problems()
        if problems:
            told = "; ".join(
                f"{name.replace('_', ' ')}: {text}" for name, text in problems.items()
            )
            raise ExportError(told, reason="bad-value")
        values, now = Dataset(), datetime.datetime.now()
        for one in fields(self):
            setattr(values, _KEYWORDS[one.name], _plain(self, one.name))
        if not self.study_date:
            values.StudyDate = now.strftime("%Y%m%d")
            values.StudyTime = now.strftime("%H%M%S")
        values.StudyInstanceUID = new_uid()
        return StudyTarget(values, when=now)


_KEYWORDS = {
    one.name: "".join({"id": "ID"}.get(part, part.capitalize()) for part in one.name.split("_"))
    for one in fields(StudyForm)
}


def _plain(form: StudyForm, name: str) -> str:
    text = str(getattr(form, name)).strip()
    if name.endswith("_date"):
        dashed = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text, re.ASCII)
        return "".join(dashed.groups()) if dashed else text
    return text
