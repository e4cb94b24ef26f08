"""Results on their way: written beside, checked, then put into a folder, a database, a node.

All or nothing. Every exporter writes into a staging folder, which is on the disk where the
files shall be; what it wrote is read again; only when everything is there and right is it
renamed into the folder and brought into the database, there in one transaction. Whatever
ends the process: what was staged is deleted by the next who writes or opens. Nothing is
sent that was not written completely.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from napari_dicomdb.database.together import Arriving, staged
from napari_dicomdb.errors import (
    DatabaseError,
    DicomDbError,
    ExportError,
    NetworkError,
    NotFoundError,
)
from napari_dicomdb.export.naming import safe_name
from napari_dicomdb.export.result_report import ResultReport
from napari_dicomdb.export.staging import (
    absolute,
    cannot_write,
    make_folders,
    move_in,
    removed,
    staging_folder,
)
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pydicom import Dataset

    from napari_dicomdb.database.database import Database
    from napari_dicomdb.export.exporter import Exportable
    from napari_dicomdb.export.study import StudyTarget

__all__ = ["ResultReport", "check_results", "write_results"]

_ROOM = 1.1  # headers, and what the file system itself needs


class _Sends(Protocol):
    """`api.Database`, which can send: the network is no part of this package's room."""

    def send(self, records: Sequence[Any], node: Any, *, progress: Progress) -> Any:
        """Send instances to a node."""


def check_results(
    database: Database | None,
    exportables: Sequence[Exportable],
    target: StudyTarget,
    *,
    folder: str | os.PathLike[str] | None = None,
    into_database: bool = False,
) -> None:
    """Raise what can be known to be wrong before anything is written.

    Raises
    ------
    ExportError
        "cannot-be-written", "unanswered", "bad-option" (see `Exportable.check`);
        "no-destination"; "disk-full"; "file-exists"; "read-only".
    NotFoundError
        "study-gone": the study was removed from the database meanwhile.
    """
    if not exportables:
        raise ExportError("there is nothing to write", reason="nothing-to-write")
    for one in exportables:
        one.check()
    places: list[Path] = []
    if folder is not None:
        place = absolute(folder)
        if place.exists() and not place.is_dir():
            raise ExportError(f"{place} is a file: choose a folder", reason="file-exists")
        places.append(place)
    if into_database:
        if database is None:
            raise ExportError("there is no database to write to", reason="no-destination")
        if database.read_only:
            raise ExportError(
                "the database may only be read: write to a folder instead", reason="read-only"
            )
        _require_study(database, target)
        if database.path is not None:
            places.append(Path(database.path))
    needed = sum(_estimated_size(one) for one in exportables)
    for place in places:
        _require_room(place, needed)


def write_results(
    database: Database | None,
    exportables: Sequence[Exportable],
    target: StudyTarget,
    *,
    folder: str | os.PathLike[str] | None = None,
    into_database: bool = False,
    node: Any = None,
    progress: Progress | None = None,
) -> ResultReport:
    """Write what exporters offered to one study, and bring it where it should go.

    Parameters
    ----------
    database : Database or None
        That of the study; needed for `into_database` and `node`.
    exportables : sequence of Exportable
        Each becomes a series of its own; all of them or none are written.
    target : StudyTarget
    folder : path-like, optional
        Made when absent. Each series gets a folder in it; a single object is a file.
    into_database : bool
        Copy them into the database.
    node : Node or str, optional
        Send them there, last.
    progress : Progress, optional
        May raise `Cancelled` until everything is written; from then on it is finished.

    Returns
    -------
    ResultReport
        What a node did not take is in `rejected`; it is in the folder or the database
        all the same, where those were asked for.

    Raises
    ------
    ExportError
        See `check_results`; "uid-exists", "bad-object": what an exporter wrote.
    NetworkError
        The node cannot be reached, and it was the only destination.
    """
    tell = progress or no_progress
    if folder is None and not into_database and node is None:
        raise ExportError(
            "say where to write: a folder, the database or a node", reason="no-destination"
        )
    check_results(database, exportables, target, folder=folder, into_database=into_database)
    report = ResultReport(study_uid=target.study_uid, losses=list(target.remarks))
    for one in exportables:
        report.losses += [loss for loss in one.losses if loss not in report.losses]
    place = None if folder is None else absolute(folder)
    with _stage(place, database, into_database=into_database) as stage:
        series: list[list[Path]] = []
        for k, one in enumerate(exportables):
            share = _within(tell, k, len(exportables))
            series.append(_write_one(one, target, stage / str(k), share))
            target = _check_written(series[-1], target, report)
        tell(len(exportables), len(exportables), "Checking what was written")
        if database is not None and not into_database:
            _refuse_known(database, report)
        with ExitStack() as stack:
            arriving = None
            if into_database and database is not None:
                arriving = _arriving(stack, database, series, target, tell, moved=place is None)
            written = [path for files in series for path in files]
            if place is not None:
                series = _publish(exportables, series, place, stack)
                written = [path for files in series for path in files]
                report.files = [str(path) for path in written]
            if arriving is not None:
                report.imported = arriving.adopt().added
            stack.pop_all().close() if False else None
        if node is not None:
            only = folder is None and not into_database
            _send(database, written, node, report, tell, only=only)
    return report


def _require_study(database: Database, target: StudyTarget) -> None:
    if not target.is_known:
        return
    try:
        if database.series(study=target.study_uid):
            return
    except NotFoundError as error:
        raise _gone(target) from error
    raise _gone(target)


def _gone(target: StudyTarget) -> NotFoundError:
    return NotFoundError(
        f"the study {target.study_uid} was removed from the database meanwhile: nothing was "
        "written; choose another study",
        reason="study-gone",
    )


def _estimated_size(one: Exportable) -> int:
    known = one.source.meta.get("bytes")  # of what is no array: a scene
    if isinstance(known, int):
        return int(known * _ROOM)
    count = 1
    for length in one.source.shape:
        count *= length
    return int(count * min(one.source.dtype.itemsize, 4) * _ROOM)


def _require_room(place: Path, needed: int) -> None:
    there = place
    while not there.exists() and there != there.parent:
        there = there.parent
    if not os.access(there, os.W_OK):
        raise ExportError(f"{place} may not be written to: choose another place")
    free = shutil.disk_usage(there).free
    if free < needed:
        raise ExportError(
            f"the disk of {place} has {free / 1e6:.0f} MB free, {needed / 1e6:.0f} MB are "
            "needed: nothing was written",
            reason="disk-full",
        )


@contextmanager
def _stage(folder: str | os.PathLike[str] | None) -> Iterator[Path]:
    if folder is not None:
        # On the same disk, so that a rename is all that is left to do.
        with staging_folder(Path(os.path.abspath(os.fspath(folder)))) as stage:
            yield stage
        return
    try:
        with tempfile.TemporaryDirectory(prefix="dicomdb-result-") as name:
            yield Path(name)
    except OSError as error:
        if isinstance(error, DicomDbError):
            raise
        raise cannot_write(Path(tempfile.gettempdir()), error) from error


def _within(progress: Progress, k: int, count: int) -> Progress:
    """Give an exporter its share of the whole, and count it in hundredths."""

    def tell(done: int, total: int | None, text: str) -> None:
        share = done / total if total else 0.0
        progress(int(100 * (k + share)), 100 * count, text)

    return tell


def _write_one(
    one: Exportable, target: StudyTarget, stage: Path, progress: Progress
) -> list[Path]:
    try:
        stage.mkdir()
        files = one.write(target, stage, progress=progress)
    except OSError as error:
        if isinstance(error, DicomDbError):
            raise
        raise cannot_write(stage.parent.parent, error) from error
    if not files:
        raise ExportError(f"{one.name}: nothing was written", reason="nothing-to-write")
    return files


def _check_written(files: Sequence[Path], target: StudyTarget, report: ResultReport) -> None:
    """Read the header of every file again: an object of this study, each UID once."""
    for path in files:
        header = _header(path)
        uid = str(header.get("SOPInstanceUID", ""))
        if str(header.get("StudyInstanceUID", "")) != target.study_uid or not uid:
            raise ExportError("an object does not belong to the study", reason="bad-object")
        if uid in report.instance_uids:
            raise ExportError(f"two objects have the UID {uid}", reason="uid-exists")
        report.instance_uids.append(uid)
        series = str(header.get("SeriesInstanceUID", ""))
        if series not in report.series_uids:
            report.series_uids.append(series)
        report.size += path.stat().st_size


def _header(path: Path) -> Dataset:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        return dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, ValueError, EOFError, OSError) as error:
        raise ExportError("what was written cannot be read again", reason="bad-object") from error


def _refuse_known(database: Database | None, report: ResultReport) -> None:
    if database is None:
        return
    for uid in report.instance_uids:
        if database.instances(uid=uid):
            raise ExportError(
                f"the database has an object {uid} already: nothing was written",
                reason="uid-exists",
            )


def _publish(
    exportables: Sequence[Exportable], series: Sequence[Sequence[Path]], place: Path
) -> list[Path]:
    """Rename each series into place, under names that are free; all of them or none."""
    published: list[Path] = []
    is_new = not place.exists()
    try:
        place.mkdir(parents=True, exist_ok=True)
        for one, files in zip(exportables, series, strict=True):
            stem = safe_name(one.source.name, one.kind)
            single = len(files) == 1
            final, number = place / (f"{stem}.dcm" if single else stem), 1
            while final.exists():
                number += 1
                final = place / (f"{stem} ({number}){'.dcm' if single else ''}")
            os.rename(files[0] if single else files[0].parent, final)
            published.append(final)
    except OSError as error:
        for done in published:
            _remove(done)
        if is_new and place.exists():
            place.rmdir()
        raise cannot_write(place, error) from error
    return published


def _moved(files: Sequence[Path], where: Path) -> list[Path]:
    return [where] if len(files) == 1 else [where / path.name for path in files]


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)


def _import(database: Database, files: Sequence[Path], report: ResultReport) -> None:
    imported: ImportReport = database.import_paths(list(files), copy=True, workers=0)
    if imported.added == len(files):
        report.imported = imported.added
        return
    # All or nothing: take back what got in.
    for uid in report.instance_uids:
        if database.instances(uid=uid):
            database.remove(instance=uid, delete_copies=True)
    told = [text for _, _, text in imported.rejected] or [imported.stopped or "no reason given"]
    reason = imported.rejected[0][1] if imported.rejected else "not-imported"
    raise ExportError(f"the database did not take what was written: {told[0]}", reason=reason)


def _send(
    database: Database | None,
    files: Sequence[Path],
    node: Any,
    report: ResultReport,
    progress: Progress,
    *,
    only: bool,
) -> None:
    if database is None:
        raise ExportError("sending needs a database", reason="no-destination")
    with type(database).in_memory() as passing:
        # Of its own: what is only sent shall not be in the database.
        passing.import_paths(list(files), workers=0)
        records = passing.instances()
        sends: Callable[..., Any] = cast("_Sends", passing).send
        try:
            sent = sends(records, node, progress=progress)
        except NetworkError as error:
            if only:
                raise
            report.rejected += [(uid, error.reason, str(error)) for uid in report.instance_uids]
            return
    for outcome in sent.outcomes:
        if outcome.state in ("sent", "warning"):
            report.sent += 1
        else:
            report.rejected.append((outcome.uid, outcome.reason or "not-sent", outcome.text))
