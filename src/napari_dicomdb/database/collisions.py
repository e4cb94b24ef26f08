"""Files that are no plain news: changed, copied, or with a SOP Instance UID known already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_dicomdb.database.copying import copy_place
from napari_dicomdb.database.rows import INSTANCE_COLUMNS
from napari_dicomdb.dicom.encoding import same_data_set
from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.errors import DicomDbError

if TYPE_CHECKING:
    from napari_dicomdb.database.sources import FoundFile
    from napari_dicomdb.database.writing import Writer

__all__ = ["forget_file", "same_content", "store"]

_BLOCK = 1 << 20

_UPDATE_INSTANCE = (
    "UPDATE instance SET series = ?, file = ?, "
    + ", ".join(f"{column} = ?" for column in INSTANCE_COLUMNS)
    + " WHERE id = ?"
)


class _Existing(NamedTuple):
    id: int
    series: int
    file: int
    directory: str | bytes
    name: str | bytes
    storage: str
    source: int | None
    size: int
    mtime_ns: int


def store(
    writer: Writer,
    file: FoundFile,
    series: int,
    row: tuple[Any, ...],
    frames: bytes | None,
    temporary: str,
) -> None:
    """Store one accepted file, whatever the index knows of its path and its UID.

    Parameters
    ----------
    writer : Writer
        In a batch.
    file : FoundFile
        The file.
    series : int
        Series of its instance.
    row : tuple
        Columns `INSTANCE_COLUMNS`.
    frames : bytes or None
        Per-frame functional groups.
    temporary : str
        Complete temporary copy, "" when the file is linked.
    """
    uid = row[0]
    # What the path held before: another object, or a copy of one kept elsewhere.
    held_another = forget_file(writer, file, unless=uid)
    existing = _existing(writer, uid)
    if existing is None:
        place = _remember(writer, file, uid, temporary)
        key = writer.new_ids()[1]
        writer.insert_instance(key, series, place, row)
        _set_frames(writer, key, frames)
        writer.changed(series)
        if held_another:
            writer.report.updated += 1
        else:
            writer.report.added += 1
        return
    known = file.known.id if file.known is not None else None
    own = known is not None and known in (existing.file, existing.source)
    there = writer.path_now(existing.directory, existing.name)
    here = Path(temporary or file.path)
    is_left = there.exists()
    if not own and is_left:
        if not _equal(file, here, there):
            if file.received and _is_other_copy(writer, file, existing, here):
                _duplicate(writer, file, existing, temporary)
                return
            if not _holds_another(existing, there, uid):
                _keep_both(writer, file, existing, there, temporary, uid)
                return
            # Files that exchanged their names: that one is news when its turn comes.
            is_left = False
        elif file.received or not (temporary and existing.storage == "linked"):
            _duplicate(writer, file, existing, temporary)
            return
    place = _remember(writer, file, uid, temporary)
    writer.connection.execute(_UPDATE_INSTANCE, (series, place, *row, existing.id))
    _set_frames(writer, existing.id, frames)
    if existing.file not in (place, known):
        if is_left:
            # The instance moved into the database: its linked file stays known. Or the
            # source of its copy changed and is linked now: the copy stays, as it was.
            _alternate(writer, existing.file, existing.id, identical=not own)
        else:
            writer.connection.execute("DELETE FROM file WHERE id = ?", (existing.file,))
    writer.changed(series)
    writer.changed(existing.series)
    writer.report.updated += 1


def forget_file(writer: Writer, file: FoundFile, unless: str = "") -> bool:
    """Drop what depended on a file's earlier content; tell whether an instance did.

    Instances with SOP Instance UID `unless` stay: they are about to be updated.
    """
    if file.known is None:
        return False
    connection = writer.connection
    connection.execute("DELETE FROM alternate WHERE file = ?", (file.known.id,))
    dropped = False
    for key, series, uid in connection.execute(
        "SELECT id, series, uid FROM instance WHERE file = ?", (file.known.id,)
    ).fetchall():
        if uid == unless:
            continue
        dropped = True
        if not _inherited(writer, key):
            # Other copies of the dropped object become news for the next import.
            connection.execute(
                "DELETE FROM file WHERE id IN (SELECT file FROM alternate WHERE instance = ?)",
                (key,),
            )
            connection.execute("DELETE FROM instance WHERE id = ?", (key,))
        writer.changed(series)
    return dropped


def _inherited(writer: Writer, instance: int) -> bool:
    """Let another copy take the place of a dropped file; those that equal it come first.

    No import need find it again: it is known, and may be on a CD that is away, or a copy
    in the database directory.
    """
    connection = writer.connection
    heirs = connection.execute(
        "SELECT file, storage, identical, path, name FROM alternate JOIN file ON file.id = file"
        " JOIN directory ON directory.id = directory WHERE instance = ?"
        " ORDER BY identical DESC, storage, file",
        (instance,),
    ).fetchall()
    for heir, storage, identical, directory, name in heirs:
        if storage != "copied" and not writer.path_now(directory, name).exists():
            continue
        connection.execute("DELETE FROM alternate WHERE file = ?", (heir,))
        if not identical:
            # What equalled the dropped file is news.
            connection.execute(
                "DELETE FROM file WHERE id IN"
                " (SELECT file FROM alternate WHERE instance = ? AND identical)",
                (instance,),
            )
            # The row tells of the dropped content: with this time it is read again.
            connection.execute("UPDATE file SET mtime_ns = -1 WHERE id = ?", (heir,))
        connection.execute("UPDATE instance SET file = ? WHERE id = ?", (heir, instance))
        return True
    return False


def same_content(one: Path, other: Path) -> bool:
    """Tell whether two files have the same bytes."""
    if os.path.samefile(one, other):
        return True
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while block := first.read(_BLOCK):
            if block != second.read(_BLOCK):
                return False
    return True


def _equal(file: FoundFile, here: Path, there: Path) -> bool:
    """Tell whether two files are the same object.

    What is received has file meta information of ours, not of the file that was sent.
    """
    if not file.received or os.path.samefile(here, there):
        return same_content(here, there)
    try:
        return same_data_set(here, there)
    except DicomDbError:
        return False


def _is_other_copy(writer: Writer, file: FoundFile, existing: _Existing, here: Path) -> bool:
    """Tell whether an object equals another file that is kept of the same UID."""
    rows = writer.connection.execute(
        "SELECT path, name FROM alternate JOIN file ON file.id = file"
        " JOIN directory ON directory.id = directory"
        " WHERE instance = ? AND storage IN ('copied', 'linked')",
        (existing.id,),
    ).fetchall()
    places = [writer.path_now(directory, name) for directory, name in rows]
    return any(place.is_file() and _equal(file, here, place) for place in places)


def _existing(writer: Writer, uid: str) -> _Existing | None:
    row = writer.connection.execute(
        "SELECT instance.id, series, file, directory.path, name, storage, source, file.size,"
        " mtime_ns FROM instance JOIN file ON file.id = file"
        " JOIN directory ON directory.id = directory WHERE uid = ?",
        (uid,),
    ).fetchone()
    return None if row is None else _Existing._make(row)


def _holds_another(existing: _Existing, there: Path, uid: str) -> bool:
    """Tell whether a linked file was replaced since it was imported, by another object."""
    if existing.storage != "linked":
        return False
    try:
        status = there.stat()
        if (status.st_size, status.st_mtime_ns) == (existing.size, existing.mtime_ns):
            return False
        return scan_file(str(there)).values.get("SOPInstanceUID") != uid
    except OSError:
        return False
    except (DicomDbError, RecursionError):
        return True


def _remember(writer: Writer, file: FoundFile, uid: str, temporary: str, copy: int = 0) -> int:
    """Remember the file, and its copy when there is one; return the instance's file."""
    if not temporary:
        return writer.remember_file(file, "linked")
    source = None if file.received else writer.remember_file(file, "source")
    return writer.place_copy(temporary, uid, copy, source)


def _duplicate(writer: Writer, file: FoundFile, existing: _Existing, temporary: str) -> None:
    if not file.received:
        key = writer.remember_file(file, "source" if temporary else "linked")
        _alternate(writer, key, existing.id, identical=True)
    if temporary:
        writer.discarded.append(temporary)
    writer.report.duplicates += 1


def _keep_both(
    writer: Writer,
    file: FoundFile,
    existing: _Existing,
    there: Path,
    temporary: str,
    uid: str,
) -> None:
    copy = 0
    if temporary:
        # The first free place: a count of the others would meet one of them when some
        # earlier one has gone.
        copy = 1
        while writer.path_now(*copy_place(uid, copy)).exists():
            copy += 1
    key = _remember(writer, file, uid, temporary, copy)
    _alternate(writer, key, existing.id, identical=False)
    writer.report.duplicates += 1
    other = "an object that is there" if file.received else there
    text = f"same SOPInstanceUID as {other}, other content; that one is used, both are kept"
    writer.report.notes.append((file.path, "conflicting-copy", text))


def _alternate(writer: Writer, file: int, instance: int, *, identical: bool) -> None:
    writer.connection.execute(
        "INSERT OR REPLACE INTO alternate (file, instance, identical) VALUES (?, ?, ?)",
        (file, instance, identical),
    )


def _set_frames(writer: Writer, instance: int, frames: bytes | None) -> None:
    writer.connection.execute("DELETE FROM frames WHERE instance = ?", (instance,))
    if frames is not None:
        writer.connection.execute(
            "INSERT INTO frames (instance, data) VALUES (?, ?)", (instance, frames)
        )
