"""Headers of the images of a study that something new is added to: shared modules, references."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._attribute_reading import quiet
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.dicom.values import parse_date, parse_time
from napari_dicomdb.errors import DicomDbError, ExportError
from napari_dicomdb.export.numbers import decimal_strings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydicom import DataElement, Dataset

    from napari_dicomdb.database.database import Database
    from napari_dicomdb.database.records import InstanceRecord, SeriesRecord

__all__ = [
    "PATIENT_KEYWORDS",
    "STUDY_KEYWORDS",
    "copy_element",
    "mended",
    "read_header",
    "referenced_instances",
    "refuse_bad_study",
    "refuse_other_patients",
    "study_values",
]

# PS3.3 Sections C.7.1.1 (Patient), C.7.2.1 (General Study), C.7.2.2 (Patient Study),
# C.7.1.3 and C.7.2.3 (Clinical Trial): what an object shares with its study.
PATIENT_KEYWORDS = (
    "PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence",
    "TypeOfPatientID", "OtherPatientIDsSequence", "PatientBirthDate", "PatientBirthTime",
    "PatientSex", "OtherPatientNames", "EthnicGroup", "PatientComments",
    "QualityControlSubject", "PatientSpeciesDescription", "PatientSpeciesCodeSequence",
    "PatientBreedDescription", "PatientBreedCodeSequence", "BreedRegistrationSequence",
    "ResponsiblePerson", "ResponsiblePersonRole", "ResponsibleOrganization",
    "PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
    "ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID", "ClinicalTrialSiteName", "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID",
)  # fmt: skip
STUDY_KEYWORDS = (
    "StudyInstanceUID", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID",
    "AccessionNumber", "IssuerOfAccessionNumberSequence", "StudyDescription",
    "PhysiciansOfRecord", "ProcedureCodeSequence", "ReasonForPerformedProcedureCodeSequence",
    "AdmittingDiagnosesDescription", "PatientAge", "PatientSize", "PatientWeight",
    "PatientSexNeutered", "PregnancyStatus", "AdditionalPatientHistory",
    "ClinicalTrialTimePointID", "ClinicalTrialTimePointDescription",
    "LongitudinalTemporalInformationModified",
)  # fmt: skip


_IDENTITY = frozenset({"PatientName", "PatientID", "IssuerOfPatientID"})
_SEXES = ("", "M", "F", "O")
_CODES = ("CodeValue", "LongCodeValue", "URNCodeValue")


def referenced_instances(database: Database, uids: Iterable[str]) -> dict[str, InstanceRecord]:
    """Look images up by SOP Instance UID; those that are not there are left out."""
    found: dict[str, InstanceRecord] = {}
    seen: set[str] = set()
    for uid in dict.fromkeys(uids):
        if uid in found:
            continue
        records = database.instances(uid=uid)
        if not records or records[0].series_uid in seen:
            continue
        seen.add(records[0].series_uid)
        found |= {i.uid: i for i in database.instances(series=records[0].series_key)}
    return {uid: found[uid] for uid in dict.fromkeys(uids) if uid in found}


def refuse_other_patients(
    database: Database, patient_key: int, instances: Iterable[InstanceRecord]
) -> None:
    """Raise ExportError ("other-patient") when an image belongs to somebody else."""
    for key in dict.fromkeys(i.series_key for i in instances):
        if database.find_series(key).patient_key != patient_key:
            raise ExportError(
                "the images it was made from are of another patient than the study to write to: "
                "choose a study of the same patient",
                reason="other-patient",
            )


def study_values(database: Database, series: Sequence[SeriesRecord]) -> Dataset:
    """Read Patient and Study modules from the first file that is there, else from the index."""
    from pydicom import Dataset

    for one in series:
        for instance in database.instances(series=one.key)[:1]:
            try:
                header = read_header(instance)
            except ExportError:
                continue
            if str(header.get("StudyInstanceUID", "")) == one.study_uid:
                return _chosen(header)
    values = Dataset()
    instance = database.instances(series=series[0].key)[0]
    for keyword in (*PATIENT_KEYWORDS, *STUDY_KEYWORDS):
        value = instance.get(keyword)
        if isinstance(value, str | int | float) and not keyword.endswith("Sequence"):
            with quiet():
                setattr(values, keyword, str(value))
    values.StudyInstanceUID = series[0].study_uid
    return values


def mended(values: Dataset) -> list[str]:
    """Cut texts of the study that are too long, empty those that are wrong otherwise.

    Dates and times in an old form get that of the standard. Name and ID of the patient
    stay as the files have them, right or wrong: it would be somebody else.

    Returns
    -------
    list of str
        What was done, for a person; no values.

    Raises
    ------
    ExportError
        "bad-study": the StudyInstanceUID is not valid, and nothing can take its place.
    """
    from napari_dicomdb.export.study import value_problem

    told = []
    refuse_bad_study(str(values.get("StudyInstanceUID") or ""))
    for element in list(values):
        if element.keyword in _IDENTITY or element.is_empty:
            continue
        if element.VR == "SQ":
            if not _is_right(element):
                told.append(f"{element.name} of the study is not valid, and left out")
                del values[element.tag]
            continue
        problem = _problem(element)
        if not problem:
            continue
        text = str(element.value)
        rewritten = _in_new_form(element.VR, text)
        if rewritten:
            element.value = rewritten
            continue
        longest = {"SH": 16, "LO": 64}.get(element.VR, 0)
        cut = text[:longest].strip()
        if cut and not value_problem(element.keyword, cut):
            told.append(
                f"{element.name} of the study is too long, and cut to {longest} characters"
            )
            element.value = cut
        else:
            told.append(f"{element.name} of the study is not valid, and left empty")
            element.value = None
    methods = (
        values.get("DeidentificationMethod"),
        values.get("DeidentificationMethodCodeSequence"),
    )
    if values.get("PatientIdentityRemoved") == "YES" and not any(methods):
        values.DeidentificationMethod = "Not told by the images"  # one of both must be there
    return told


def refuse_bad_study(uid: str) -> None:
    """Raise ExportError ("bad-study") for a StudyInstanceUID that no object may have."""
    from napari_dicomdb.export.study import value_problem

    problem = value_problem("StudyInstanceUID", uid) if uid else "it is empty"
    if problem:
        raise ExportError(
            f"nothing can be added to this study: its StudyInstanceUID is not valid ({problem}). "
            "Choose another study, or anonymise a copy of it: that gets new UIDs",
            reason="bad-study",
        )


def copy_element(header: Dataset, keyword: str, dataset: Dataset) -> None:
    """Copy an element as it is; numbers with too many digits rounded, what is not valid not.

    A new object is valid whatever the images have that it was made from.
    """
    if keyword not in header:
        return
    with quiet():
        try:
            element = copy.copy(header[keyword])
            if element.VR == "DS" and not element.is_empty and _problem(element):
                numbers = element.value if element.VM > 1 else [element.value]
                element.value = decimal_strings(float(number) for number in numbers)
            fits = _is_right(element) if element.VR == "SQ" else not _problem(element)
        except (TypeError, ValueError, OverflowError):
            return  # it cannot even be read
    if fits or element.is_empty:
        dataset[keyword] = element


def _problem(element: DataElement) -> str:
    from pydicom.datadict import dictionary_VM
    from pydicom.multival import MultiValue

    from napari_dicomdb.export.study import value_problem

    keyword, value = element.keyword, element.value
    if isinstance(value, MultiValue):
        if dictionary_VM(keyword) == "1":
            return "it has several values"
        return "; ".join(filter(None, (value_problem(keyword, str(one)) for one in value)))
    if keyword == "PatientSex" and str(value).strip() not in _SEXES:
        return "sex is M, F, O or empty"
    return value_problem(keyword, str(value))


def _in_new_form(vr: str, text: str) -> str:
    """Return a date or time in an old form ("1997.03.04", "10:20:30") as it is written now."""
    if vr == "DA":
        return parse_date(text).replace("-", "")
    return parse_time(text).replace(":", "") if vr == "TM" else ""


def _is_right(element: DataElement) -> bool:
    """Whether the items of a sequence of codes are codes; others are not looked into."""
    if not element.keyword.endswith("CodeSequence"):
        return True
    return all(
        any(item.get(keyword) for keyword in _CODES)
        and item.get("CodeMeaning")
        and (item.get("CodingSchemeDesignator") or item.get("URNCodeValue"))
        for item in element.value
    )


def _chosen(header: Dataset) -> Dataset:
    from pydicom import Dataset
    from pydicom.datadict import dictionary_VR

    values = Dataset()
    with quiet():
        header.decode()
        for keyword in (*PATIENT_KEYWORDS, *STUDY_KEYWORDS):
            if keyword not in header:
                continue
            if dictionary_VR(keyword) == header[keyword].VR:
                values[keyword] = header[keyword]
            elif isinstance(header[keyword].value, str):
                # Some write text as text of another kind; the standard knows one.
                setattr(values, keyword, header[keyword].value)
    return values


def read_header(instance: InstanceRecord) -> Dataset:
    """Read all but the pixels of an instance's file.

    Raises
    ------
    ExportError
        "file-missing", "bad-header".
    """
    from pydicom import dcmread

    try:
        with quiet():
            return dcmread(instance.path, stop_before_pixels=True, force=True)
    except OSError as error:
        raise ExportError(
            f"{instance.path} cannot be read: {error.strerror or error}", reason="file-missing"
        ) from error
    except unreadable(DicomDbError) as error:
        raise ExportError(
            f"{instance.path} cannot be read as DICOM", reason="bad-header"
        ) from error
