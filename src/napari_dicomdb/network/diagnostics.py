"""What to send along with a question: versions, nodes, jobs, the log; no secrets, no patients."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sqlite3
import ssl
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from napari_dicomdb.database.traces import words_of
from napari_dicomdb.network.nodes import load_nodes
from napari_dicomdb.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dicomdb.database import Database
    from napari_dicomdb.network.jobs.job import Job
    from napari_dicomdb.network.jobs.queue import JobQueue
    from napari_dicomdb.network.logbook import LogBook
    from napari_dicomdb.network.node import Node

__all__ = ["diagnostics", "without_paths"]

_LIBRARIES = (
    "napari-dicomdb", "napari", "numpy", "pydicom", "pynetdicom", "httpx", "keyring",
    "starlette", "uvicorn", "qtpy", "PyQt6", "PySide6",
)  # fmt: skip
_MOST_JOBS = 100
_MOST_PATIENTS = 200_000
_url = re.compile(r"(https?)://([^/?#\s]*@)?([^/?#\s'\"]+)[^\s'\"]*")
# From a slash or a drive on, with another one in it: up to a colon, a quote or the end.
_path = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:)?[\\/](?:[^:\n'\"]*[\\/])?[^:\n'\"]*")
_word = re.compile(r"[^\W_]+")


def diagnostics(
    book: LogBook | None = None,
    *,
    database: Database | None = None,
    queue: JobQueue | None = None,
    facts: Mapping[str, object] | None = None,
    last: int = 300,
) -> str:
    """Return what helps others to find out what is wrong, as a text to copy.

    It has no passwords, tokens or user names, no paths, no searches, and no values of
    patients: words of the names and IDs that `database` knows are taken out of the log.

    Parameters
    ----------
    book : LogBook, optional
        Whose last entries are added.
    database : Database, optional
        Whose counts are told.
    queue : JobQueue, optional
        Whose jobs are listed, by kind, node, state and reason.
    facts : mapping of str to object, optional
        More to say of the session: ``{"listener": "11112, stopped"}``; not of patients.
    last : int
        Entries of the log.
    """
    parts = [
        ("Versions", _versions()),
        ("Session", [f"{name}: {value}" for name, value in (facts or {}).items()]),
        ("Settings", _settings()),
        ("Database", [] if database is None else _of_database(database)),
        ("Nodes", [_of_node(node) for node in load_nodes()]),
        ("Jobs", [] if queue is None else _of_jobs(queue)),
        ("Log", [] if book is None else _of_log(book, database, last)),
    ]
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    lines = [f"napari-dicomdb diagnostics, {at}"]
    for title, told in parts:
        if told:
            lines += ["", f"{title}:", *(f"  {line}" for line in told)]
    return "\n".join(lines) + "\n"


def _versions() -> list[str]:
    found = [
        f"{platform.system()} {platform.release()} {platform.machine()}",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{ssl.OPENSSL_VERSION}",
    ]
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _settings() -> list[str]:
    # Paths and saved searches may name patients: of them only how many there are.
    settings = load_settings()
    return [
        f"own default database: {'yes' if settings.database else 'no'}",
        f"recent databases: {len(settings.recent_databases)}",
        f"saved searches: {len(settings.filters)}",
        f"open_series_of_file: {settings.open_series_of_file}",
        f"thumbnail_limit_mb: {settings.thumbnail_limit_mb}",
    ]


def _of_database(database: Database) -> list[str]:
    kind = "in memory" if database.path is None else "in a directory"
    rows = database.statistics()["rows"]
    told = ", ".join(f"{number} rows of {name}" for name, number in rows.items())
    return [f"{kind}{', read-only' if database.read_only else ''}", told]


def _of_node(node: Node) -> str:
    if node.kind == "dimse":
        where = f"{node.host}:{node.port} called {node.called_aet} calling {node.calling_aet}"
    else:
        parts = urlsplit(node.url)
        port = f":{parts.port}" if parts.port else ""
        where = f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
    tls = node.tls
    if tls is None:
        encrypted = "no TLS entry"
    else:
        encrypted = (
            f"TLS (own CA: {_yes(tls.ca)}, certificate: {_yes(tls.certificate)}, host checked: "
            f"{_yes(tls.check_hostname)})"
        )
    limits = node.limits
    return (
        f"{node.name}: {node.kind} {where}; {encrypted}; credentials {node.credentials}; "
        f"retrieve {node.retrieve}; character set {node.character_set or 'as needed'}; "
        f"connect {limits.connect_seconds:g} s, answer {limits.answer_seconds:g} s, "
        f"PDU {limits.max_pdu}, results {limits.max_results}"
    )


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _of_jobs(queue: JobQueue) -> list[str]:
    jobs = queue.jobs()
    counts: dict[str, int] = {}
    for job in jobs:
        counts[job.state] = counts.get(job.state, 0) + 1
    told = [", ".join(f"{number} {state}" for state, number in counts.items()) or "none"]
    told += [] if queue.is_kept else ["they are not kept"]
    return told + [_of_job(job) for job in jobs[:_MOST_JOBS]]


def _of_job(job: Job) -> str:
    """Return a job without title and texts."""
    total = "?" if job.total is None else job.total
    parts = [f"#{job.id} {job.kind}", job.node, job.state, f"{job.done}/{total}"]
    parts += [f"attempt {job.attempts}"] if job.attempts > 1 else []
    parts += [f"[{job.reason}]"] if job.reason else []
    return " ".join(part for part in parts if part)


def _of_log(book: LogBook, database: Database | None, last: int) -> list[str]:
    lines = [without_paths(entry.line()) for entry in book.entries(limit=last)]
    if database is None:
        return lines
    said = {word.casefold() for line in lines for word in _word.findall(line)}
    names = _names_among(database, said)
    if not names:
        return lines

    def replaced(match: re.Match[str]) -> str:
        return "[...]" if match.group().casefold() in names else match.group()

    return [_word.sub(replaced, line) for line in lines]


def _names_among(database: Database, said: set[str]) -> set[str]:
    """Return those words that are part of the name or ID of a patient of the database."""
    found: set[str] = set()
    for patient in database.patients(limit=_MOST_PATIENTS):
        found |= words_of(patient.name, patient.patient_id) & said
    return found


def without_paths(text: str) -> str:
    """Return a line without paths of files and without what follows the host in a URL.

    Examples
    --------
    >>> without_paths("/scans/of DOE/1.dcm: it is gone; https://u:p@pacs/wado?PatientName=DOE")
    '[path]: it is gone; https://pacs'
    """
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(f"{match[1]}://{match[3]}")
        return f"\0{len(kept) - 1}\0"

    hidden = _path.sub(_hidden, _url.sub(keep, text))
    return re.sub("\0(\\d+)\0", lambda match: kept[int(match[1])], hidden)


def _hidden(match: re.Match[str]) -> str:
    # A lone slash between words is none: "and/or" is not matched, "/ " is.
    return "[path]" if len(match.group().strip()) > 1 else match.group()
