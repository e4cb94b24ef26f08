"""Merging and splitting patients, taking it back, and suggesting who is the same person.

No file is ever edited: a change moves studies in the index from one patient to another and
is kept in the table `patient_change` until it is taken back.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import activity, counts
from napari_dicomdb.database.browsing import Browsing, Key
from napari_dicomdb.database.identities import (
    HOME,
    SPLIT,
    forget_unused,
    refile,
    root_of,
    show_with_root,
)
from napari_dicomdb.database.records import PatientIdentity, PatientRecord, StudyRecord
from napari_dicomdb.database.similar import SimilarPatients, records_of, similar_patients
from napari_dicomdb.errors import DicomDbError, NotFoundError
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from napari_dicomdb.progress import Progress

__all__ = ["PatientChange", "PatientError", "PatientKeeping", "SimilarPatients"]

_SUGGESTED = 500


class PatientError(DicomDbError, ValueError):
    """Patients cannot be merged, split or parted again in this way; the message says why."""

    default_reason = "patients"


@dataclass(frozen=True, slots=True)
class PatientChange:
    """A merge or split that is in force.

    Attributes
    ----------
    key : int
        What `Database.undo_patient_change` takes.
    kind : str
        "merge" or "split".
    patient : PatientIdentity
        Of a merge: into whom. Of a split: who the studies belong to now.
    other : PatientIdentity
        Of a merge: who was merged. Of a split: who they belonged to.
    study_count : int
        Studies that changed their patient.
    at : float
        When, in seconds since the epoch.
    """

    key: int
    kind: str
    patient: PatientIdentity
    other: PatientIdentity
    study_count: int
    at: float

    def to_json(self) -> dict[str, Any]:
        """Return the change as a dict that `json.dumps` accepts."""
        return asdict(self)

    def __str__(self) -> str:
        """Say in one line what was done."""
        moved = f"{self.study_count} {'study' if self.study_count == 1 else 'studies'}"
        if self.kind == "merge":
            return f"{self.other} merged into {self.patient} ({moved})"
        return f"{moved} split off from {self.other}"


class PatientKeeping(Browsing):
    """The part of `Database` that merges and splits patients."""

    if TYPE_CHECKING:  # `Database` has it

        def _writing(self, progress: Progress) -> AbstractContextManager[None]: ...

    def merge_patients(self, into: Key, others: Key | Iterable[Key]) -> PatientRecord:
        """Show the studies of other patients with this one, now and in later imports.

        Files are not edited. Each of the others is a change of its own, which
        `undo_patient_change` takes back.

        Parameters
        ----------
        into : record, int or str
            Whose name and ID the studies are listed under from now on.
        others : record, int, str or several of them
            Who is the same person.

        Returns
        -------
        PatientRecord
            `into` as it is now; `others` in it lists who was merged.

        Raises
        ------
        NotFoundError
            If one is not there, or several patients share a PatientID given.
        PatientError
            If one was merged into the other already ("same-patient").
        """
        single = isinstance(others, int | str | PatientRecord)
        chosen: list[Any] = [others] if single else list(others)  # type: ignore[arg-type]
        if not chosen:
            raise PatientError("name the patients to merge", reason="nothing-to-merge")
        keys = [self._existing_key("patient", one) for one in (into, *chosen)]
        with self._writing(no_progress), self._connections.transaction() as connection:
            roots = list(dict.fromkeys(root_of(connection, key) for key in keys))
            if len(roots) < len(set(keys)) or len(roots) < 2:
                raise PatientError(
                    "these are shown as one patient already: choose some that are listed apart",
                    reason="same-patient",
                )
            for other in roots[1:]:
                _merge(connection, roots[0], other)
            activity.record(connection, "merge", {"patients": len(roots)})
        return self.patient(roots[0])

    def split_patient(self, patient: Key, studies: Key | Iterable[Key]) -> PatientRecord:
        """Make chosen studies of a patient a patient of their own, of the same identity.

        Files are not edited; what is imported later of the same studies follows
        them.

        Parameters
        ----------
        patient : record, int or str
            Whose studies are wrongly together.
        studies : record, int, str or several of them
            Those that belong to somebody else.

        Returns
        -------
        PatientRecord
            The new patient.

        Raises
        ------
        NotFoundError
            If the patient or a study is not there.
        PatientError
            If a study is not the patient's ("other-patient"), or nothing would
            be left ("all-studies").
        """
        single = isinstance(studies, int | str | StudyRecord)
        chosen: list[Any] = [studies] if single else list(studies)  # type: ignore[arg-type]
        if not chosen:
            raise PatientError("name the studies to split off", reason="nothing-to-split")
        owner = self._existing_key("patient", patient)
        keys = {self._existing_key("study", study) for study in chosen}
        with self._writing(no_progress), self._connections.transaction() as connection:
            mine = dict(
                connection.execute(
                    f"SELECT study.id, {HOME} FROM study WHERE patient = ?", (owner,)
                ).fetchall()
            )
            if not keys <= mine.keys():
                raise PatientError(
                    "one of the studies belongs to another patient: choose studies of one patient",
                    reason="other-patient",
                )
            if keys == mine.keys():
                raise PatientError(
                    "these are all studies of the patient, nobody would be left: leave one out, "
                    "or undo a merge instead",
                    reason="all-studies",
                )
            made: list[int] = []
            for home in dict.fromkeys(mine[key] for key in sorted(keys)):
                made.append(_split(connection, home, [k for k in keys if mine[k] == home]))
            for other in made[1:]:
                _merge(connection, made[0], other)
            counts.refresh_patients(connection, [owner])
            activity.record(connection, "split", {"studies": len(keys)})
        return self.patient(made[0])

    def undo_patient_change(self, change: PatientChange | int | None = None) -> PatientChange:
        """Take a merge or split back; the last one by default.

        Raises
        ------
        NotFoundError
            If there is no such change (any more).
        PatientError
            If a later change builds on it ("undo-first"); the message says which.
        """
        with self._writing(no_progress), self._connections.transaction() as connection:
            changes = _changes(connection)
            wanted = change.key if isinstance(change, PatientChange) else change
            found = [one for one in changes if wanted is None or one.key == wanted]
            if not found:
                raise NotFoundError(
                    "nothing to undo: no merge or split is in force"
                    if wanted is None
                    else f"no merge or split has the number {wanted}: it may be undone already",
                    reason="no-change",
                )
            _undo(connection, found[0], changes)
            activity.record(connection, "undo", {found[0].kind: 1})
        return found[0]

    def _refuse_merged(self, which: Key) -> None:
        """Refuse to remove a patient by an identity that was merged into another one."""
        if not isinstance(which, int | str):
            which = which.key
        column = "id" if isinstance(which, int) else "patient_id"
        with self._connections.borrow() as connection:
            row = connection.execute(
                f"SELECT 1 FROM patient WHERE {column} = ? AND merged_into IS NOT NULL", (which,)
            ).fetchone()
        if row is not None:
            raise PatientError(
                "this patient was merged into another one, whose studies would go as well: remove "
                "that one, its studies, or undo the merge first",
                reason="merged",
            )

    def patients_with(self, keys: Sequence[int]) -> list[PatientRecord]:
        """List those of these patients that are still there and shown."""
        with self._connections.borrow() as connection:
            return records_of(connection, keys)

    def patient_changes(self) -> list[PatientChange]:
        """List the merges and splits that are in force, the latest first."""
        with self._connections.borrow() as connection:
            return _changes(connection)

    def similar_patients(self, limit: int = _SUGGESTED) -> list[SimilarPatients]:
        """Suggest patients that may be one person; who was split by hand is left out.

        One PatientID with names, birth dates or issuers that differ, and one name
        (accents, case and order of the words do not matter) and birth date with
        several IDs.

        Parameters
        ----------
        limit : int
            Suggestions of each sort at most.
        """
        with self._connections.borrow() as connection:
            return similar_patients(connection, limit)


def _merge(connection: sqlite3.Connection, into: int, other: int) -> None:
    number = connection.execute(
        "SELECT count(*) FROM study WHERE patient = ?", (other,)
    ).fetchone()[0]
    connection.execute("UPDATE patient SET merged_into = ? WHERE id = ?", (into, other))
    counts.refresh_patients(connection, show_with_root(connection, other))
    _note(connection, "merge", into, other, number)


def _split(connection: sqlite3.Connection, home: int, studies: Sequence[int]) -> int:
    row = connection.execute(
        "INSERT INTO patient (patient_id, issuer, name, birth_date, apart, sex, sort_name, added)"
        " SELECT patient_id, issuer, name, birth_date, ?, sex, sort_name, ? FROM patient"
        " WHERE id = ? RETURNING id",
        (SPLIT + uuid.uuid4().hex, time.time(), home),
    ).fetchone()
    made = int(row[0])
    connection.executemany(
        "UPDATE study SET patient = ?, home_patient = NULL WHERE id = ?",
        [(made, study) for study in studies],
    )
    refile(connection, studies)
    counts.refresh_patients(connection, [made])
    _note(connection, "split", made, home, len(studies))
    return made


def _note(
    connection: sqlite3.Connection, kind: str, patient: int, other: int, studies: int
) -> None:
    # How many, not which: a UID kept here would outlive the removal of its study.
    connection.execute(
        "INSERT INTO patient_change (kind, patient, other, studies, at) VALUES (?, ?, ?, ?, ?)",
        (kind, patient, other, str(studies), time.time()),
    )


def _undo(
    connection: sqlite3.Connection, change: PatientChange, changes: Sequence[PatientChange]
) -> None:
    patient, other = change.patient.key, change.other.key
    if change.kind == "merge":
        connection.execute("UPDATE patient SET merged_into = NULL WHERE id = ?", (other,))
        counts.refresh_patients(connection, show_with_root(connection, other))
        connection.execute("DELETE FROM patient_change WHERE id = ?", (change.key,))
        # Its own studies may have been removed meanwhile: nobody is left to list.
        forget_unused(connection, [root_of(connection, patient)])
        return
    for later in changes:
        if later.key != change.key and patient in (later.patient.key, later.other.key):
            raise PatientError(
                f"change {change.key} cannot be undone while change {later.key} ({later.kind}) "
                f"builds on it: undo {later.key} first",
                reason="undo-first",
            )
    connection.execute(
        "UPDATE study SET patient = ?1, home_patient = NULL WHERE patient = ?2", (other, patient)
    )
    counts.refresh_patients(connection, show_with_root(connection, other))
    connection.execute("DELETE FROM patient WHERE id = ?", (patient,))  # and its change


_IDENTITY = "{0}.id, {0}.patient_id, {0}.name, {0}.birth_date, {0}.sex, {0}.issuer"


def _changes(connection: sqlite3.Connection) -> list[PatientChange]:
    rows = connection.execute(
        f"SELECT change.id, kind, {_IDENTITY.format('one')}, {_IDENTITY.format('other')},"
        " change.studies, at FROM patient_change AS change"
        " JOIN patient AS one ON one.id = change.patient"
        " JOIN patient AS other ON other.id = change.other ORDER BY change.id DESC"
    )
    return [
        PatientChange(
            row[0],
            row[1],
            PatientIdentity(*row[2:8]),
            PatientIdentity(*row[8:14]),
            int(row[14] or 0),
            row[15],
        )
        for row in rows
    ]
