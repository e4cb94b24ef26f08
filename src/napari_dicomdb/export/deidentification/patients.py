"""Who the patients of records are, and what they will be called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.deidentification.engine import Patient
from napari_dicomdb.export.deidentification.subject import words_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dicomdb.database.database import Database
    from napari_dicomdb.database.records import PatientIdentity, PatientRecord
    from napari_dicomdb.export.deidentification.profile import Profile
    from napari_dicomdb.export.deidentification.project import Project

__all__ = ["Pseudonyms"]


class Pseudonyms:
    """Gives each patient of a database its pseudonyms and its shift.

    Parameters
    ----------
    database : Database
    profile : Profile
    project : Project

    Raises
    ------
    ExportError
        By `of`, when two patients would get the same PatientID.
    """

    def __init__(self, database: Database, profile: Profile, project: Project) -> None:
        self._database = database
        self._profile = profile
        self._project = project
        self._known: dict[int, Patient] = {}
        self._taken: dict[str, str] = {}
        self.originals: dict[str, str] = {}

    def of(self, key: int) -> Patient:
        """Return who the patient with this key in the database will be."""
        if key not in self._known:
            self._known[key] = self._made(self._database.patient(key))
        return self._known[key]

    def _made(self, record: PatientRecord) -> Patient:
        profile, project = self._profile, self._project
        identity = self._identity(record)
        code = profile.pseudonyms.get(record.patient_id) or project.code(identity)
        filled = {"code": code, "number": 0}
        if "{number" in profile.patient_id + profile.patient_name:
            filled["number"] = project.number(identity)
        patient_id = code if record.patient_id in profile.pseudonyms else (
            profile.patient_id.format(**filled)
        )  # fmt: skip
        if self._taken.setdefault(patient_id, identity) != identity:
            raise ExportError(
                f"two patients would get the ID {patient_id}: put {{code}} or {{number}} "
                "into it, or give them different ones",
                reason="same-pseudonym",
            )
        self.originals[record.patient_id] = patient_id
        return Patient(
            patient_id,
            profile.patient_name.format(**filled),
            project.days(identity) if profile.dates == "shift" else 0,
            _words([record, *record.others]),
        )

    def _identity(self, record: PatientRecord) -> str:
        """Return what tells a patient from others, in every database it is in."""
        if record.is_split:
            studies = sorted(study.uid for study in self._database.studies(record))
            return f"split\0{record.patient_id}\0{studies[0] if studies else ''}"
        if record.patient_id:
            return f"id\0{record.issuer}\0{record.patient_id}"
        if record.name:
            return f"name\0{record.name}\0{record.birth_date}"
        return f"study\0{min((s.uid for s in self._database.studies(record)), default='')}"


def _words(people: Iterable[PatientRecord | PatientIdentity]) -> frozenset[str]:
    found: set[str] = set()
    for one in people:
        found |= words_in(one.name) | words_in(one.patient_id) | {one.patient_id.casefold()}
    return frozenset(found - {""})
