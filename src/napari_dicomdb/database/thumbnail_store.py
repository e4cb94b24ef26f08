"""Where pictures of series are kept: rows of the index, PNGs beside it, a bound on both."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dicomdb.database.connection import make_folder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.database.records import InstanceRecord

__all__ = [
    "FOLDER",
    "Known",
    "clear",
    "evict",
    "forget",
    "forgive",
    "is_picture",
    "keep_failure",
    "keep_picture",
    "known",
    "limit_in_bytes",
    "read",
    "retry",
    "thumbnail_name",
    "touch",
    "unlink",
]

FOLDER = "thumbnails"
"""Of the PNGs, in the database directory."""

DAY = 86400.0
"""Seconds: how exactly it is known when a picture was last shown."""

_NAME = re.compile(r"[0-9a-f]{40}\.png(\.part)?")
_OLD_SIZE = 16384  # bytes; what a picture of an earlier version is taken for
_KEPT_SHARE = 0.9  # of the limit, so that not every further picture evicts one


@dataclass(frozen=True, slots=True)
class Known:
    """What the index says of a series' picture.

    Parameters
    ----------
    name : str or None
        File of the picture; None: there is none.
    reason : str
        Code, colon, words: why making it failed the last time; "" when it did not.
    made_by : str
        What made it, or tried to.
    revision, series_revision : int
        Of the series then and now.
    around, study_revision : int
        All revisions of the study then and now.
    tries : int
        How often making it failed.
    made, used : float
        When it was made, or tried; when it was last shown. Seconds since the epoch.
    note : str
        What is amiss with the picture.
    """

    name: str | None
    reason: str
    made_by: str
    revision: int
    series_revision: int
    around: int
    study_revision: int
    tries: int
    made: float
    used: float
    note: str


def thumbnail_name(series_uid: str) -> str:
    """Return the file name of a series' thumbnail: a hash, the UID may be hostile."""
    digest = hashlib.sha256(series_uid.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{digest[:40]}.png"


def is_picture(name: str) -> bool:
    """Tell whether a file is named as our pictures are, finished or not."""
    return _NAME.fullmatch(name) is not None


def known(connections: Connections, series: int) -> Known | None:
    """Return what is known of the picture of a series (its key), None when nothing is."""
    with connections.borrow() as connection:
        row = connection.execute(
            "SELECT name, coalesce(reason, ''), made_by, thumbnail.revision, series.revision,"
            " around, CASE note WHEN '' THEN 0 ELSE (SELECT total(revision) FROM series s"
            " WHERE s.study = series.study) END, tries, made, used, note"
            " FROM thumbnail JOIN series ON series.id = thumbnail.series WHERE series.id = ?",
            (series,),
        ).fetchone()
    return None if row is None else Known(*row)


def revisions(connections: Connections, series: int) -> tuple[int, int] | None:
    """Return the revision of a series and all those of its study, None when it is gone."""
    with connections.borrow() as connection:
        row = connection.execute(
            "SELECT revision, (SELECT total(revision) FROM series s WHERE s.study = series.study)"
            " FROM series WHERE id = ?",
            (series,),
        ).fetchone()
    return None if row is None else (int(row[0]), int(row[1]))


def read(root: Path, name: str) -> bytes | None:
    """Return a PNG, None when it is gone or damaged."""
    from PIL import Image

    try:
        png = (root / FOLDER / name).read_bytes()
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            image.verify()
    except (OSError, ValueError, SyntaxError):  # Pillow says SyntaxError of a broken PNG
        return None
    return png


def keep_picture(
    connections: Connections,
    root: Path,
    series: int,
    uid: str,
    png: bytes,
    *,
    made_by: str,
    revision: int,
    around: int,
    note: str = "",
    shows: InstanceRecord | None = None,
) -> Path | None:
    """Keep a picture, unless what it shows has changed or gone meanwhile.

    Its row is there before its file and goes after it: a removal at any moment,
    or a kill, leaves no picture that the index does not know.

    Raises
    ------
    DatabaseError
        If the index cannot be written now.
    OSError
        If the file cannot.
    """
    name = thumbnail_name(uid)
    with connections.transaction() as connection:
        claimed = connection.execute(
            "INSERT INTO thumbnail (series, name, made, shows) SELECT id, ?, ?, ? FROM series"
            " WHERE id = ? ON CONFLICT (series) DO UPDATE SET name = excluded.name,"
            " made_by = '', shows = excluded.shows",
            (name, time.time(), None if shows is None else shows.series_key, series),
        ).rowcount
    if not claimed:
        return None
    make_folder(root / FOLDER, root, connections.path)
    path = _write(root / FOLDER, name, png)
    with connections.transaction() as connection:
        kept = connection.execute(
            "UPDATE thumbnail SET made_by = ?, made = ?, used = 0, size = ?, reason = NULL,"
            " tries = 0, note = ?, around = ?, revision = ?"
            " WHERE series = ? AND name = ?"
            " AND (SELECT revision FROM series WHERE id = thumbnail.series) = ?"
            " AND (? = '' OR EXISTS (SELECT 1 FROM instance WHERE uid = ? AND series = ?))",
            (
                *(made_by, time.time(), len(png), note, around, revision),
                *(series, name, revision),
                *(("", "", 0) if shows is None else (shows.uid, shows.uid, shows.series_key)),
            ),
        ).rowcount
        if not kept:
            unlink(root, [name])
            connection.execute("DELETE FROM thumbnail WHERE series = ?", (series,))
    return path if kept else None


def keep_failure(
    connections: Connections, series: int, reason: str, *, made_by: str, revision: int
) -> None:
    """Remember why a picture could not be made; one that is there stays."""
    with connections.transaction() as connection:
        connection.execute(
            "INSERT INTO thumbnail (series, reason, made, made_by, revision, tries)"
            " SELECT id, ?1, ?2, ?3, ?4, 1 FROM series WHERE id = ?5"
            " ON CONFLICT (series) DO UPDATE SET reason = ?1, made = ?2, revision = ?4,"
            " tries = CASE WHEN made_by = ?3 AND revision = ?4 THEN tries + 1 ELSE 1 END,"
            " made_by = ?3",
            (reason, time.time(), made_by, revision, series),
        )


def retry(connections: Connections, series: Iterable[int] | None = None) -> int:
    """Forget failures, of all series or of those with these keys; return how many."""
    where, parameters = "", []
    if series is not None:
        where = " AND series IN (SELECT value FROM json_each(?))"
        parameters = [json.dumps(list(series))]
    with connections.transaction() as connection:
        stale = connection.execute(
            f"UPDATE thumbnail SET reason = NULL, tries = 0, made_by = ''"
            f" WHERE reason IS NOT NULL AND name IS NOT NULL{where}",
            parameters,
        ).rowcount
        failed = connection.execute(
            f"DELETE FROM thumbnail WHERE reason IS NOT NULL{where}", parameters
        ).rowcount
    return int(stale + failed)


def forgive(connection: sqlite3.Connection, series: Iterable[int]) -> None:
    """Forget failures of these series and of all in their studies: their files are there again.

    Parameters
    ----------
    connection : sqlite3.Connection
        In a write transaction.
    series : iterable of int
        Keys.
    """
    where = (
        "reason IS NOT NULL AND series IN (SELECT id FROM series WHERE study IN"
        " (SELECT study FROM series WHERE id IN (SELECT value FROM json_each(?))))"
    )
    keys = (json.dumps(list(series)),)
    connection.execute(f"DELETE FROM thumbnail WHERE name IS NULL AND {where}", keys)
    connection.execute(
        f"UPDATE thumbnail SET reason = NULL, tries = 0, made_by = '' WHERE {where}", keys
    )


def touch(connections: Connections, series: int, before: Known) -> None:
    """Note that a picture is shown; to the day, as more would write at every view."""
    now = time.time()
    if now - max(before.used, before.made) < DAY or connections.read_only:
        return
    with connections.borrow() as connection:
        patience = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            _note_use(connection, series, now)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {patience}")


def _note_use(connection: sqlite3.Connection, series: int, now: float) -> None:
    import sqlite3

    try:
        connection.execute("UPDATE thumbnail SET used = ? WHERE series = ?", (now, series))
    except sqlite3.OperationalError as error:
        if "locked" not in str(error) and "busy" not in str(error):
            raise
        # Someone writes: the next view will tell.


def forget(connection: sqlite3.Connection, series: Iterable[int]) -> list[str]:
    """Delete the rows of pictures of these series, and of others drawn on their images.

    Returns
    -------
    list of str
        Names of the files, which the caller deletes when the rows are gone.
    """
    keys = json.dumps(list(series))
    return [
        row[0]
        for row in connection.execute(
            "DELETE FROM thumbnail WHERE series IN (SELECT value FROM json_each(?1))"
            " OR shows IN (SELECT value FROM json_each(?1)) RETURNING name",
            (keys,),
        ).fetchall()
        if row[0]
    ]


def unlink(root: Path, names: Iterable[str]) -> list[tuple[Path, OSError]]:
    """Delete PNGs, and what a kill may have left of them; return those that cannot be."""
    failed = []
    for name in names:
        path = root / FOLDER / name
        for one in (path, path.with_name(f"{name}.part")):
            try:
                one.unlink(missing_ok=True)
            except OSError as error:
                failed.append((one, error))
    return failed


def limit_in_bytes() -> int:
    """Return how many bytes the settings allow for the pictures of one database."""
    from napari_dicomdb.settings import load_settings

    return load_settings().thumbnail_limit_mb * 1_000_000


def evict(connections: Connections, root: Path, limit: int) -> int:
    """Delete the pictures that were not shown for longest until `limit` bytes are kept.

    Returns
    -------
    int
        How many went; none while the limit is kept.
    """
    size = f"CASE size WHEN 0 THEN {_OLD_SIZE} ELSE size END"
    with connections.borrow() as connection:
        total = connection.execute(
            f"SELECT coalesce(sum({size}), 0) FROM thumbnail WHERE name IS NOT NULL"
        ).fetchone()[0]
    if total <= limit:
        return 0
    with connections.transaction() as connection:
        rows = connection.execute(
            f"SELECT series, name, {size} FROM thumbnail WHERE name IS NOT NULL"
            " ORDER BY max(used, made), series"
        ).fetchall()
        going = []
        for series, name, bytes_ in rows:
            if total <= limit * _KEPT_SHARE:
                break
            going.append((series, name))
            total -= bytes_
        # First the files: a picture without a row would outlive its series.
        stuck = {path.name for path, _ in unlink(root, [name for _, name in going])}
        gone = [(series,) for series, name in going if name not in stuck]
        connection.executemany("DELETE FROM thumbnail WHERE series = ?", gone)
    return len(gone)


def clear(connections: Connections, root: Path) -> int:
    """Delete all pictures and what is remembered of failures; return how many files went.

    Raises
    ------
    OSError
        If a file cannot be deleted; its row stays.
    """
    count = 0
    with connections.transaction() as connection:
        folder = root / FOLDER
        for path in folder.iterdir() if folder.is_dir() else ():
            if is_picture(path.name):
                path.unlink(missing_ok=True)
                count += path.suffix == ".png"
        connection.execute("DELETE FROM thumbnail")
    return count


def _write(folder: Path, name: str, png: bytes) -> Path:
    # Not synced: a picture torn by a power cut is found out when read, and made anew.
    path, part = folder / name, folder / f"{name}.part"
    try:
        part.write_bytes(png)
        os.replace(part, path)
    except FileNotFoundError:
        # Another process has put the same picture in place meanwhile.
        if not path.is_file():
            raise
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return path
