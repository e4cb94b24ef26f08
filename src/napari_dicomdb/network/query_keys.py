"""The keys of a query (PS3.4 Section C.6): which level they belong to, what values they take."""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from napari_dicomdb.errors import QueryError

__all__ = [
    "LEVELS",
    "UNIQUE_KEYS",
    "checked_keys",
    "default_keys",
    "is_exact",
    "level_of",
    "vr_of_key",
]

LEVELS = ("patient", "study", "series", "instance")
UNIQUE_KEYS = {
    "patient": "PatientID",
    "study": "StudyInstanceUID",
    "series": "SeriesInstanceUID",
    "instance": "SOPInstanceUID",
}
"""By level: the key that tells one from another."""

_DEFAULTS = {
    "patient": (
        "PatientID",
        "PatientName",
        "IssuerOfPatientID",
        "PatientBirthDate",
        "PatientSex",
        "NumberOfPatientRelatedStudies",
        "NumberOfPatientRelatedSeries",
        "NumberOfPatientRelatedInstances",
    ),
    "study": (
        "StudyInstanceUID",
        "StudyID",
        "StudyDate",
        "StudyTime",
        "StudyDescription",
        "AccessionNumber",
        "ReferringPhysicianName",
        "ModalitiesInStudy",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
    ),
    "series": (
        "SeriesInstanceUID",
        "SeriesNumber",
        "SeriesDescription",
        "SeriesDate",
        "SeriesTime",
        "Modality",
        "BodyPartExamined",
        "ProtocolName",
        "NumberOfSeriesRelatedInstances",
    ),
    "instance": (
        "SOPInstanceUID",
        "SOPClassUID",
        "InstanceNumber",
        "NumberOfFrames",
        "Rows",
        "Columns",
    ),
}
# Keys that are no defaults, but known to be of a level (PS3.4 C.6.1.1, C.6.2.1, PS3.3 C.7).
_MORE = {
    "patient": (
        "OtherPatientIDs OtherPatientNames OtherPatientIDsSequence PatientBirthTime "
        "PatientBirthName PatientMotherBirthName EthnicGroup PatientComments "
        "PatientSpeciesDescription ResponsiblePerson ReferencedPatientSequence"
    ),
    "study": (
        "PhysiciansOfRecord NameOfPhysiciansReadingStudy ProcedureCodeSequence "
        "AdmittingDiagnosesDescription PatientAge PatientSize PatientWeight Occupation "
        "AdditionalPatientHistory OtherStudyNumbers SOPClassesInStudy "
        "AnatomicRegionsInStudyCodeSequence IssuerOfAccessionNumberSequence "
        "StudyUpdateDateTime RequestingService ReferencedStudySequence "
        "RequestedProcedureDescription RequestedProcedureCodeSequence"
    ),
    "series": (
        "Laterality OperatorsName PerformingPhysicianName "
        "ReferencedPerformedProcedureStepSequence RequestAttributesSequence "
        "PerformedProcedureStepStartDate PerformedProcedureStepStartTime "
        "PerformedProcedureStepID PerformedProcedureStepDescription Manufacturer "
        "ManufacturerModelName InstitutionName InstitutionalDepartmentName StationName "
        "DeviceSerialNumber SoftwareVersions FrameOfReferenceUID PatientPosition "
        "SeriesDescriptionCodeSequence"
    ),
    "instance": (
        "AcquisitionNumber AcquisitionDate AcquisitionTime AcquisitionDateTime "
        "ContentDate ContentTime ImageType ContentLabel ContentDescription "
        "ConceptNameCodeSequence CompletionFlag VerificationFlag VerificationDateTime "
        "InstanceCreationDate InstanceCreationTime RelatedGeneralSOPClassUID "
        "BitsAllocated SliceLocation"
    ),
}
_LEVEL_OF = {
    keyword: level for level in LEVELS for keyword in (*_DEFAULTS[level], *_MORE[level].split())
}
_OURS = frozenset({"QueryRetrieveLevel", "SpecificCharacterSet"})
_UID = re.compile(r"[0-9][0-9.]{0,63}").fullmatch
_INTEGER = re.compile(r"[+-]?[0-9]{1,11}").fullmatch
_DATE = re.compile(r"(\d{4})(?:-?(\d{2})(?:-?(\d{2}))?)?").fullmatch
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(\.\d{1,6})?)?)?").fullmatch
_DATETIME = re.compile(r"\d{4}(?:\d{2}){0,5}(?:\.\d{1,6})?(?:[+-]\d{4})?").fullmatch
_LONGEST = 1024  # characters of one value
_MOST_VALUES = 10_000  # of a list
_TEXTS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT", "AS"})
_NUMBERS = frozenset({"IS", "DS", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD"})


def default_keys(level: str) -> tuple[str, ...]:
    """Return the keywords whose values are asked for at a level, whatever else is."""
    return _DEFAULTS[level]


def level_of(keyword: str) -> str | None:
    """Return the level of a key, or of the sequence it is in; None where the tables say none."""
    return _LEVEL_OF.get(keyword.partition(".")[0])


@lru_cache(maxsize=1024)
def vr_of_key(keyword: str) -> str:
    """Return the value representation of a keyword, or of the last of a path of them.

    Raises
    ------
    QueryError
        If DICOM knows none of this name (reason "unknown-key").
    """
    from pydicom.datadict import dictionary_VR, tag_for_keyword

    vr = ""
    parts = keyword.split(".")
    for number, part in enumerate(parts, start=1):
        tag = tag_for_keyword(part)
        if tag is None:
            raise QueryError(
                f"{part!r:.80} is no keyword of DICOM: write it as in PatientName",
                reason="unknown-key",
            )
        vr = dictionary_VR(tag).partition(" ")[0]
        if number < len(parts) and vr != "SQ":
            raise QueryError(f"{part} is no sequence: nothing is in it", reason="unknown-key")
        if tag >> 16 in (0, 2) or (tag >> 16) & 1 or vr in ("OB", "OW", "OF", "OD", "OL", "UN"):
            raise QueryError(f"{part} cannot be asked for", reason="unknown-key")
    return vr


def is_exact(value: str) -> bool:
    """Tell whether a value names one thing: no wildcard, no list, not empty."""
    return bool(value) and not any(c in value for c in "*?\\")


def checked_keys(
    level: str,
    root: str,
    keys: Mapping[str, str | Sequence[str]],
    returned: Sequence[str],
    limit: int | None,
) -> dict[str, str]:
    """Return the keys of a query as they are sent.

    Raises
    ------
    QueryError
        If they cannot be asked for; see `query.Query`.
    """
    if level not in LEVELS:
        raise QueryError(f"a query's level is one of {', '.join(LEVELS)}, not {level!r:.40}")
    if root not in ("study", "patient"):
        raise QueryError(f"a query's root is study or patient, not {root!r:.40}")
    if limit is not None and (type(limit) is not int or limit < 1):
        raise QueryError("the limit of a query is 1 or more")
    if not isinstance(keys, Mapping):
        raise QueryError("the keys of a query are values by keyword")
    if isinstance(returned, str) or not all(isinstance(one, str) for one in returned):
        raise QueryError("what a query returns is a list of keywords")
    for keyword in (*keys, *returned):
        _require_level(keyword, level)
    return {keyword: _checked(keyword, value) for keyword, value in keys.items()}


def _require_level(keyword: str, level: str) -> None:
    if not isinstance(keyword, str):
        raise QueryError("the keys of a query are keywords", reason="unknown-key")
    vr_of_key(keyword)
    if keyword in _OURS:
        raise QueryError(f"{keyword} is set for you", reason="unknown-key")
    own = level_of(keyword)
    if own is None or LEVELS.index(own) <= LEVELS.index(level):
        return
    remedy = f"ask at level {own}"
    if keyword == "Modality" and level == "study":
        remedy += ", or for ModalitiesInStudy"
    plural = own if own == "series" else f"{own[:-1]}ies" if own == "study" else f"{own}s"
    raise QueryError(f"{keyword} is told of {plural} only: {remedy}", reason="wrong-level")


def _checked(keyword: str, value: str | Sequence[str]) -> str:
    vr = vr_of_key(keyword)
    if not isinstance(value, Sequence):
        raise QueryError(f"{keyword}: its value is text", reason="bad-value")
    values = value.split("\\") if isinstance(value, str) else list(value)
    if not all(isinstance(one, str) for one in values):
        raise QueryError(f"{keyword}: its value is text", reason="bad-value")
    if len(values) > _MOST_VALUES:
        raise QueryError(f"{keyword}: a list has {_MOST_VALUES} values at most")
    # A sequence given as a list holds no further lists.
    flat = [part.strip() for one in values for part in one.split("\\")]
    if len(flat) > 1:
        flat = list(dict.fromkeys(one for one in flat if one))
    told = [_one(keyword, vr, one) for one in flat]
    return "" if "" in told else "\\".join(told)


def _one(keyword: str, vr: str, text: str) -> str:
    if not text.isprintable() or len(text) > _LONGEST:
        raise QueryError(
            f"{keyword}: a value has {_LONGEST} characters at most, none of them a control one",
            reason="bad-value",
        )
    if not text or set(text) == {"*"}:
        return ""
    if vr == "SQ":
        raise QueryError(
            f"{keyword} is a sequence: ask for what is in it, as in "
            "RequestAttributesSequence.RequestedProcedureID",
            reason="bad-value",
        )
    if vr == "UI":
        return _required(_UID(text), keyword, text, "a UID has digits and dots")
    if vr in ("DA", "TM", "DT"):
        return _ranged(keyword, vr, text)
    if vr in _NUMBERS:
        number = _INTEGER(text) if vr not in ("DS", "FL", "FD") else _is_decimal(text)
        return _required(number, keyword, text, "a number is meant")
    if vr not in _TEXTS:
        raise QueryError(f"{keyword} cannot be asked for a value", reason="bad-value")
    return text.upper() if vr == "CS" else text


def _required(fine: object, keyword: str, text: str, why: str) -> str:
    if not fine:
        raise QueryError(f"{keyword}: {why}, without wildcards", reason="bad-value")
    return text


def _is_decimal(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# -- dates and times ------------------------------------------------------------------------


def _ranged(keyword: str, vr: str, text: str) -> str:
    low, dash, high = text.partition("..")
    low, high = low.strip(), high.strip()
    if not dash and (single := _ends(vr, text)) is not None:
        return single
    if not dash:
        # "20200101-20201231" and "-20201231": of dashes, one has ends on both sides.
        for place in [i for i, c in enumerate(text) if c == "-"]:
            low, high = text[:place].strip(), text[place + 1 :].strip()
            if _is_range(vr, low, high):
                break
        else:
            raise _no_time(keyword, vr)
    if not _is_range(vr, low, high):
        raise _no_time(keyword, vr)
    begin = (_ends(vr, low) or "").partition("-")[0] if vr != "DT" else low
    end = (_ends(vr, high) or "").rpartition("-")[2] if vr != "DT" else high
    if begin and end and vr != "DT" and end < begin:
        raise QueryError(f"{keyword}: the range ends before it begins", reason="bad-value")
    return f"{begin}-{end}"


def _is_range(vr: str, low: str, high: str) -> bool:
    return bool(low or high) and all(not end or _ends(vr, end) is not None for end in (low, high))


def _ends(vr: str, text: str) -> str | None:
    """Return one date or time as DICOM writes it, a year or month as a range; None: it is none."""
    if vr == "DT":
        return text if _DATETIME(text) else None
    if vr == "TM":
        found = _TIME(text)
        limits = zip((found[1], found[2], found[3]), (23, 59, 60), strict=True) if found else ()
        good = found and all(int(part or 0) <= most for part, most in limits)
        return text.replace(":", "") if good else None
    found = _DATE(text)
    if not found:
        return None
    year, month, day = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    try:
        if day:
            return f"{datetime.date(year, month, day):%Y%m%d}".rjust(8, "0")
        if not found[2]:
            datetime.date(year, 1, 1)
            return f"{year:04}0101-{year:04}1231"
        last = calendar.monthrange(year, month)[1]
        datetime.date(year, month, last)
    except ValueError:
        return None
    return f"{year:04}{month:02}01-{year:04}{month:02}{last:02}"


def _no_time(keyword: str, vr: str) -> QueryError:
    meant = {
        "DA": "a date as in 20200131, 2020-01 or 20200101-20201231",
        "TM": "a time as in 0930 or 0800-1200",
        "DT": "a date and time as in 20200131093000, or a range of them",
    }[vr]
    return QueryError(f"{keyword}: {meant} is meant", reason="bad-value")
