"""The calls that list and find what an index holds."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database import key_search, listing, schema, search
from napari_dicomdb.database.activity import ActivityRecord, activities
from napari_dicomdb.database.identities import roots_with_id
from napari_dicomdb.database.records import (
    InstanceRecord,
    PatientRecord,
    SeriesRecord,
    StudyRecord,
)
from napari_dicomdb.database.related import Related, related_of
from napari_dicomdb.errors import NotFoundError

if TYPE_CHECKING:
    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.database.listing import Condition

__all__ = ["Browsing", "Key", "Keys"]

Key = int | str | PatientRecord | StudyRecord | SeriesRecord | InstanceRecord
"""A record, its `key`, or its UID (of a patient: the PatientID)."""

Keys = Key | Sequence[Key]
"""One of them, or a list of several."""


class Browsing:
    """The reading half of `Database`.

    Parameters
    ----------
    path : Path or None
        The database directory; None: in memory.
    root : Path
        Where relative paths begin: `path`, or a temporary directory.
    connections : Connections
        To the index.
    """

    def __init__(self, path: Path | None, root: Path, connections: Connections) -> None:
        self.path = path
        self._root = root
        self._connections = connections

    def patients(
        self,
        *,
        text: str = "",
        order: str = "name",
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[PatientRecord]:
        """List patients.

        Parameters
        ----------
        text : str
            Only those with a series that this search text finds, see `search`.
        order : str
            "name", "patient_id", "birth_date", "last_study_date", "added", "study_count",
            "series_count".
        descending : bool
            Turn the order round.
        limit, offset : int
            Which page of the list.
        """
        condition = search.condition_of(text) if text.strip() else None
        with self._connections.borrow() as connection:
            return listing.patients(
                connection,
                condition if condition and condition[0] else None,
                order=order,
                descending=descending,
                limit=limit,
                offset=offset,
            )

    def patient(self, key: Key) -> PatientRecord:
        """Return the patient with this key or PatientID.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        row = self._existing_key("patient", key)
        with self._connections.borrow() as connection:
            return listing.patients(connection, ("patient.id = ?", [row]), order="name")[0]

    def studies(
        self,
        patient: Keys | None = None,
        *,
        text: str = "",
        order: str = "date",
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[StudyRecord]:
        """List studies, of one or several patients or all; parameters as for `patients`.

        Orders: "date", "description", "accession_number", "modalities", "series_count",
        "added".
        """
        condition = self._condition(text, [("study.patient", "patient", patient)])
        with self._connections.borrow() as connection:
            return listing.studies(
                connection,
                condition,
                order=order,
                descending=descending,
                limit=limit,
                offset=offset,
            )

    def series(
        self,
        study: Keys | None = None,
        *,
        modality: str | None = None,
        patient: Keys | None = None,
        text: str = "",
        order: str = "number",
        descending: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[SeriesRecord]:
        """List series, of studies, patients, a modality or all; otherwise as `patients`.

        Orders: "number" (within its study), "description", "modality", "date",
        "instance_count", "frame_count", "matrix", "size", "body_part", "added".
        """
        sql, parameters = self._condition(
            text, [("series.study", "study", study), ("study.patient", "patient", patient)]
        )
        if modality is not None:
            sql = f"{sql} AND series.modality = ?" if sql else "series.modality = ?"
            parameters = [*parameters, modality]
        with self._connections.borrow() as connection:
            return listing.series(
                connection,
                (sql, parameters),
                order=order,
                descending=descending,
                limit=limit,
                offset=offset,
            )

    def find_series(self, uid: Key) -> SeriesRecord:
        """Return the series with this SeriesInstanceUID (or key).

        Raises
        ------
        NotFoundError
            If there is none.
        """
        key = self._existing_key("series", uid)
        with self._connections.borrow() as connection:
            return listing.series(connection, ("series.id = ?", [key]), order="number")[0]

    def related(self, series: Key) -> Related:
        """Return what a series was made from, and what was made from it.

        Parameters
        ----------
        series : SeriesRecord, int or str
            Record, key or SeriesInstanceUID.

        Raises
        ------
        NotFoundError
            If there is no such series.
        """
        key = self._existing_key("series", series)
        with self._connections.borrow() as connection:
            return related_of(connection, [key])[key]

    def related_each(self, series: Sequence[SeriesRecord]) -> dict[str, Related]:
        """Return the same of several series at once, by SeriesInstanceUID."""
        with self._connections.borrow() as connection:
            found = related_of(connection, [one.key for one in series])
        return {one.uid: found[one.key] for one in series}

    def sharing_frame_of_reference(self, uid: str) -> list[SeriesRecord]:
        """List the series of one FrameOfReferenceUID: their positions can be compared."""
        if not uid:
            return []
        with self._connections.borrow() as connection:
            condition = ("series.frame_of_reference_uid = ?", [uid])
            return listing.series(connection, condition, order="number")

    def search(
        self, text: str, *, limit: int | None = None, offset: int = 0
    ) -> list[SeriesRecord]:
        """List the series that a text finds, see `database.search.condition_of`.

        Examples
        --------
        ``chest modality:CT date:2019-01-01.. id:123 desc:"arterial phase"``
        """
        return self.series(text=text, order="date", descending=True, limit=limit, offset=offset)

    def search_keys(self, wanted: key_search.KeySearch) -> key_search.Found:
        """Return the studies, series or instances that match DICOM keys, as their files say.

        Raises
        ------
        DicomDbError
            If a key cannot be asked for; see `key_search.search_keys`.
        """
        return key_search.search_keys(self._connections, wanted)

    def recent(self, limit: int = 20) -> list[SeriesRecord]:
        """List the series that were added last, latest first."""
        return self.series(order="added", descending=True, limit=limit)

    def activity(self, limit: int = 100) -> list[ActivityRecord]:
        """List what was done with the database (imports, removals ...), latest first."""
        with self._connections.borrow() as connection:
            return activities(connection, limit)

    def instances(
        self,
        series: Key | None = None,
        *,
        uid: str | None = None,
        paths: Sequence[str | os.PathLike[str]] | None = None,
    ) -> list[InstanceRecord]:
        """List instances: of a series, with a SOPInstanceUID, or held by files; else all."""
        with self._connections.borrow() as connection:
            if paths is not None:
                places = [Path(os.path.abspath(os.fspath(path))) for path in paths]
                return listing.instances_of_files(connection, self._root, places)
            if uid is not None:
                return listing.instances(connection, self._root, "instance.uid = ?", [uid])
            if series is None:
                return listing.instances(connection, self._root, "1", [])
            key = self._key("series", series)
            return listing.instances(connection, self._root, "instance.series = ?", [key])

    def listed_state(self) -> tuple[int, ...]:
        """Return numbers that differ after patients, studies, series or instances changed.

        Unlike `change_counter` they stay as they are when thumbnails, or what
        loaders said of a series, are kept.
        """
        with self._connections.borrow() as connection:
            row = connection.execute(
                "SELECT count(*), total(revision), total(instance_count), total(size),"
                " total(missing_count),"
                " coalesce(max(id), 0), (SELECT coalesce(max(id), 0) FROM study),"
                " (SELECT coalesce(max(id), 0) FROM patient),"
                " (SELECT count(*) + total(id) FROM patient_change) FROM series"
            ).fetchone()
        return tuple(int(number) for number in row)

    def info(self) -> dict[str, Any]:
        """Return where the database is, what it holds and how much room it takes."""
        with self._connections.borrow() as connection:
            counts = {
                name: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for name, table in (
                    ("patients", "patient WHERE merged_into IS NULL"),
                    ("studies", "study"),
                    ("series", "series"),
                    ("instances", "instance"),
                )
            }
            total = connection.execute(
                "SELECT coalesce(sum(size), 0), coalesce(sum(frame_count), 0) FROM series"
            ).fetchone()
            # By the index of what is not linked: a million files are not read for it.
            others = dict(
                connection.execute(
                    "SELECT storage, count(*) FROM file WHERE storage <> 'linked' GROUP BY storage"
                )
            )
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            size = pages * connection.execute("PRAGMA page_size").fetchone()[0]
        return {
            "path": None if self.path is None else str(self.path),
            "schema_version": schema.SCHEMA_VERSION,
            **counts,
            "frames": total[1],
            "size": total[0],
            "copied_files": others.get("copied", 0),
            "refused_files": others.get("refused", 0),
            "index_size": size,
        }

    def _condition(self, text: str, parents: Sequence[tuple[str, str, Keys | None]]) -> Condition:
        parts: list[str] = []
        parameters: list[Any] = []
        for column, table, which in parents:
            if which is not None:
                keys = [key for one in _several(which) for key in self._keys(table, one)]
                # As one parameter: there may be more than SQLite takes.
                parts.append(f"{column} IN (SELECT value FROM json_each(?))")
                parameters.append(json.dumps(keys))
        sql, found = search.condition_of(text)
        if sql:
            parts.append(sql)
            parameters += found
        return " AND ".join(parts), parameters

    def _keys(self, table: str, which: Key) -> list[int]:
        """Return the row ids of a record, key or UID; several patients may share an ID.

        The ID of a merged patient leads to the one that it is shown as.
        """
        if not isinstance(which, int | str):
            which = which.key
        if isinstance(which, int):
            return [which]
        with self._connections.borrow() as connection:
            if table == "patient":
                keys = roots_with_id(connection, which)
            else:
                rows = connection.execute(f"SELECT id FROM {table} WHERE uid = ?", (which,))
                keys = [int(row[0]) for row in rows]
        if not keys:
            raise NotFoundError(f"the database has no {table} {which!r:.200}")
        return keys

    def _key(self, table: str, which: Key) -> int:
        """Return the one row id of a record, key or UID."""
        keys = self._keys(table, which)
        if len(keys) > 1:
            raise NotFoundError(
                f"{len(keys)} patients have the ID {which!r:.200}: name one by its record or key",
                reason="ambiguous",
            )
        return keys[0]

    def _existing_key(self, table: str, which: Key) -> int:
        """Return the row id, making sure that the row is (still) there."""
        key = self._key(table, which)
        with self._connections.borrow() as connection:
            row = connection.execute(f"SELECT 1 FROM {table} WHERE id = ?", (key,)).fetchone()
        if row is None:
            # Of a record its UID alone: no patient's name or ID gets into a message.
            if isinstance(which, PatientRecord):
                raise NotFoundError("the database does not have this patient any more")
            named = which if isinstance(which, int | str) else which.uid
            raise NotFoundError(f"the database has no {table} {named!r:.200}")
        return key


def _several(which: Keys) -> Sequence[Key]:
    if isinstance(which, str) or not isinstance(which, Sequence):
        return [which]
    return which
