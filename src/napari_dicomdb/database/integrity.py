"""Finds damage in an index, and says it in plain words: cheaply at open, wholly on request."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from napari_dicomdb.database import schema
from napari_dicomdb.database.connection import apart_from_sqlite
from napari_dicomdb.database.thumbnail_store import is_picture
from napari_dicomdb.errors import Cancelled, DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_dicomdb.database.connection import Connections
    from napari_dicomdb.progress import Progress

__all__ = [
    "EMPTY_SERIES",
    "PATIENT_COUNTS",
    "REMEDY",
    "SERIES_COUNTS",
    "STUDY_COUNTS",
    "TEXT_WITHOUT_SERIES",
    "UNUSED_FILES",
    "WITHOUT_TEXT",
    "CheckReport",
    "Problem",
    "cancellable",
    "check",
    "check_file",
    "check_tables",
]

REMEDY = (
    "run `dicomdb repair --db DIR` (it reads what can be read into a new index and keeps the "
    "damaged file beside it), or restore a backup"
)

_MAGIC = b"SQLite format 3\0"
_STEPS_BETWEEN_CALLS = 200_000
_MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong: code, plain words, how often, and what helps."""

    code: str
    text: str
    count: int = 1
    remedy: str = "repair"


@dataclass(slots=True)
class CheckReport:
    """Result of `Database.check`.

    Attributes
    ----------
    problems : list of Problem
        Empty when all is well. `remedy` is "repair", "salvage" (the index itself is
        damaged: `repair` reads it into a new one) or "verify".
    checks : list of str
        What was looked at.
    full : bool
        Whether every page of the index was read and compared.
    """

    problems: list[Problem] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    full: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def damaged(self) -> bool:
        """Whether the index itself is damaged."""
        return any(problem.remedy == "salvage" for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        return asdict(self) | {"ok": self.ok, "damaged": self.damaged}

    def summary(self) -> str:
        """Return one line for people."""
        if self.ok:
            return "The index is sound: " + ", ".join(self.checks) + "."
        line = f"{len(self.problems)} things are wrong"
        if self.damaged:
            return f"{line}; the index is damaged: {REMEDY}"
        return f"{line}: run `dicomdb repair`"


def _leave_others_alone(index: Path) -> None:
    """Refuse another program's SQLite file before it is opened for writing, which changes it."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(index))}?mode=ro", uri=True)
        ) as raw:
            # What has just been made may be in the log still.
            application = raw.execute("PRAGMA application_id").fetchone()[0]
            filled = raw.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.Error:
        return  # damaged or locked: whoever opens it says so
    if filled and application != schema.APPLICATION_ID:
        raise schema.not_ours(str(index))


def check_file(index: Path) -> None:
    """Look at the first 100 bytes of an index and at its length, before it is opened.

    Raises
    ------
    DatabaseError
        If it is no SQLite file or has been cut off; reason "database-damaged". If it is
        another program's; reason "not-our-database".
    """
    try:
        with apart_from_sqlite(index) as is_free:
            if not is_free:
                return  # it was looked at when this process opened it first
            size = index.stat().st_size
            with index.open("rb") as file:
                head = file.read(100)
    except FileNotFoundError:
        return
    except OSError as error:
        raise DatabaseError(
            f"{index} cannot be read ({error.strerror or error}): look at its drive and its "
            "permissions",
            reason="cannot-open",
        ) from error
    log = index.with_name(f"{index.name}-wal")
    has_log = log.is_file() and log.stat().st_size > 0
    if not size:
        if not has_log and (index.parent / "files").is_dir():
            raise _damaged(index, "it is empty, but there are copied files beside it")
        return
    if len(head) < 100 or head[:16] != _MAGIC:
        raise _damaged(index, "it does not begin as an SQLite file does")
    if struct.unpack(">L", head[68:72])[0] != schema.APPLICATION_ID:
        _leave_others_alone(index)
    page = struct.unpack(">H", head[16:18])[0]
    page = 65536 if page == 1 else page
    pages, changes, valid_for = (struct.unpack(">L", head[k : k + 4])[0] for k in (28, 24, 92))
    # With a write-ahead log the file may be on its way to its length.
    if not has_log and changes == valid_for and size < pages * page:
        raise _damaged(
            index, f"it was cut off: it has {size} bytes of {pages * page} that it should have"
        )


def _damaged(index: Path, what: str) -> DatabaseError:
    return DatabaseError(f"{index} is damaged ({what}): {REMEDY}", reason="database-damaged")


def check_tables(connection: sqlite3.Connection, where: str) -> None:
    """Check that the index has the tables and columns of its version.

    Raises
    ------
    DatabaseError
        If some are missing; reason "database-damaged".
    """
    lacking = [
        f"{table}.{column}" if table in names else table
        for names in [_columns(connection)]
        for table, columns in _expected().items()
        for column in sorted(columns - names.get(table, frozenset()))
    ]
    if lacking:
        raise DatabaseError(
            f"{where} is damaged (it lacks {', '.join(dict.fromkeys(lacking))}): {REMEDY}",
            reason="database-damaged",
        )


@lru_cache(maxsize=1)
def _expected() -> dict[str, frozenset[str]]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.prepare(connection, "the expected index")
        return _columns(connection)


def _columns(connection: sqlite3.Connection) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "SELECT m.name, i.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS i"
        " WHERE m.type = 'table'"
    ):
        found.setdefault(table, set()).add(column)
    return {table: frozenset(columns) for table, columns in found.items()}


@contextlib.contextmanager
def cancellable(
    connection: sqlite3.Connection, progress: Progress, text: str, *, total: int | None = None
) -> Iterator[None]:
    """Call `progress` while one long statement runs, and end it when that is cancelled."""
    stopped: list[Cancelled] = []
    calls = 0

    def look() -> int:
        nonlocal calls
        calls += 1
        try:
            progress(0 if total is None else min(calls, total), total, text)
        except Cancelled as error:
            stopped.append(error)
            return 1
        return 0

    progress(0, total, text)
    connection.set_progress_handler(look, _STEPS_BETWEEN_CALLS)
    try:
        yield
    except sqlite3.OperationalError:
        if stopped:
            raise stopped[0] from None
        raise
    finally:
        connection.set_progress_handler(None, 0)


def check(connections: Connections, root: Path, *, full: bool, progress: Progress) -> CheckReport:
    """Check the index; see `Database.check`."""
    report = CheckReport(full=full)
    try:
        with connections.borrow() as connection:
            _check_pages(connection, report, progress)
            if not report.problems:
                _check_rows(connection, report, progress)
                _check_search(connection, report, read_only=connections.read_only)
                _check_beside(connection, root, report, in_memory=connections.path is None)
    except DatabaseError as error:
        if error.reason != "database-damaged":
            raise
        report.problems.append(Problem("damaged", str(error), remedy="salvage"))
    return report


def _check_pages(connection: sqlite3.Connection, report: CheckReport, progress: Progress) -> None:
    pragma = "integrity_check" if report.full else "quick_check"
    with cancellable(connection, progress, "Reading every page of the index"):
        said = [row[0] for row in connection.execute(f"PRAGMA {pragma}({_MOST_NAMED})")]
    report.checks.append("pages and indexes" if report.full else "pages")
    if said != ["ok"]:
        # "*** in database main ***" and page numbers: the first says enough.
        first = " ".join(str(said[0]).split())[:200]
        text = f"SQLite finds the file damaged: {first}"
        report.problems.append(Problem("damaged-pages", text, len(said), remedy="salvage"))


SERIES_COUNTS = (
    "SELECT series.id FROM series LEFT JOIN (SELECT instance.series AS key, count(*) AS n,"
    " sum(frame_count) AS frames, sum(file.size) AS bytes FROM instance"
    " JOIN file ON file.id = instance.file GROUP BY instance.series) AS found"
    " ON found.key = series.id WHERE series.instance_count <> coalesce(n, 0)"
    " OR series.frame_count <> coalesce(frames, 0) OR series.size <> coalesce(bytes, 0)"
)

EMPTY_SERIES = (
    "SELECT id FROM series WHERE NOT EXISTS"
    " (SELECT 1 FROM instance WHERE instance.series = series.id)"
)

STUDY_COUNTS = (
    "SELECT study.id FROM study LEFT JOIN (SELECT study AS key, count(*) AS n,"
    " sum(instance_count) AS images FROM series GROUP BY study) AS found"
    " ON found.key = study.id WHERE series_count <> coalesce(n, 0)"
    " OR instance_count <> coalesce(images, 0)"
)

PATIENT_COUNTS = (
    "SELECT patient.id FROM patient LEFT JOIN (SELECT patient AS key, count(*) AS n,"
    " sum(series_count) AS series, sum(instance_count) AS images FROM study"
    " GROUP BY patient) AS found ON found.key = patient.id"
    " WHERE study_count <> coalesce(n, 0) OR series_count <> coalesce(series, 0)"
    " OR instance_count <> coalesce(images, 0)"
)

WITHOUT_TEXT = "SELECT id FROM series WHERE id NOT IN (SELECT rowid FROM series_text)"
TEXT_WITHOUT_SERIES = "SELECT rowid FROM series_text WHERE rowid NOT IN (SELECT id FROM series)"
UNUSED_FILES = (
    "SELECT id FROM file WHERE storage IN ('linked', 'copied')"
    " AND NOT EXISTS (SELECT 1 FROM instance WHERE instance.file = file.id)"
    " AND NOT EXISTS (SELECT 1 FROM alternate WHERE alternate.file = file.id)"
)

_INVARIANTS = (
    (
        "series-counts",
        "series whose number of images is not that of their rows",
        SERIES_COUNTS,
    ),
    (
        "empty-series",
        "series without any image",
        EMPTY_SERIES,
    ),
    (
        "study-counts",
        "studies whose counts are not those of their series",
        STUDY_COUNTS,
    ),
    (
        "patient-counts",
        "patients whose counts are not those of their studies",
        PATIENT_COUNTS,
    ),
    (
        "missing-counts",
        "series whose number of missing files is out of date",
        "SELECT id FROM series WHERE missing_count <> (SELECT count(*) FROM instance"
        " JOIN file ON file.id = instance.file WHERE instance.series = series.id"
        " AND file.missing IS NOT NULL)",
    ),
    (
        "search-text",
        "series that search does not know, or search text of series that are gone",
        f"{WITHOUT_TEXT} UNION ALL {TEXT_WITHOUT_SERIES}",
    ),
    (
        "unused-files",
        "linked or copied files that no image belongs to",
        UNUSED_FILES,
    ),
    (
        "going-files",
        "files that were to be deleted and are still there",
        "SELECT path FROM going_file",
    ),
)


def _check_rows(connection: sqlite3.Connection, report: CheckReport, progress: Progress) -> None:
    total = len(_INVARIANTS) + 1
    progress(0, total, "Comparing counts")
    orphans = sum(1 for _ in connection.execute("PRAGMA foreign_key_check"))
    report.checks.append("relations")
    if orphans:
        text = f"{orphans} rows refer to rows that are not there"
        report.problems.append(Problem("orphaned-rows", text, orphans))
    for number, (code, text, sql) in enumerate(_INVARIANTS, 1):
        with cancellable(connection, progress, "Comparing counts"):
            count = connection.execute(f"SELECT count(*) FROM ({sql})").fetchone()[0]
        progress(number, total, "Comparing counts")
        if count:
            report.problems.append(Problem(code, f"{count} {text}", count))
    report.checks.append("counts")


def _check_search(connection: sqlite3.Connection, report: CheckReport, *, read_only: bool) -> None:
    if read_only:
        return  # it is a write, as far as SQLite is concerned
    report.checks.append("search text")
    try:
        connection.execute("INSERT INTO series_text (series_text) VALUES ('integrity-check')")
    except sqlite3.DatabaseError as error:
        if "SQLITE_CORRUPT" not in str(getattr(error, "sqlite_errorname", "")):
            raise
        report.problems.append(Problem("search-index", "the search index is out of order"))


def _check_beside(
    connection: sqlite3.Connection, root: Path, report: CheckReport, *, in_memory: bool
) -> None:
    names = [
        row[0] for row in connection.execute("SELECT name FROM thumbnail WHERE name IS NOT NULL")
    ]
    folder = root / "thumbnails"
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    unknown = {name for name in there - set(names) if is_picture(name)}
    report.checks.append("thumbnails")
    if unknown:
        text = f"{len(unknown)} pictures that belong to no series"
        report.problems.append(Problem("unknown-pictures", text, len(unknown)))
    incoming = root / "incoming"
    if not in_memory and (incoming / "batch.json").is_file():
        text = "an import was interrupted; the next one, or repair, clears up after it"
        report.problems.append(Problem("interrupted-import", text))
