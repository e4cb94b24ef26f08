"""Results on their way: written beside, checked, then put into a folder, a database, a node.

All or nothing. Every exporter writes into a staging folder, which is on the disk where the
files shall be; what it wrote is read again; only when everything is there and right is it
renamed into the folder and brought into the database, there in one transaction. Whatever
ends the process: what was staged is deleted by the next who writes or opens, or, where it is
in the folder already, brought into the database (`database.promised`). Nothing is sent that
was not written completely.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from napari_dicomdb.database.private_folders import private_folder
from napari_dicomdb.database.promised import promise
from napari_dicomdb.database.received import sync_folder
from napari_dicomdb.database.together import Arriving, staged
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.errors import (
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

_ROOM = 1.1  # what the file system itself needs
_HEADER = 1500  # bytes of each slice


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
    _require_room(places, sum(_estimated_size(one) for one in exportables))


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
        told = (*one.losses, *one.foresee(target))
        report.losses += [loss for loss in told if loss not in report.losses]
    place = None if folder is None else absolute(folder)
    home = database if into_database else None
    with _stage(place, home) as stage:
        series: list[list[Path]] = []
        for k, one in enumerate(exportables):
            share = _within(tell, k, len(exportables))
            series.append(_write_one(one, target, stage / str(k), share, place or stage))
            target = _check_written(series[-1], target, report)
        tell(len(exportables), len(exportables), "Checking what was written")
        _refuse_known(database, report)
        # From here on it is finished, whatever `progress` says, but for waiting for others.
        with ExitStack() as stack:
            arriving, beside = None, None
            if home is not None:
                coming = [path for files in series for path in files]
                if place is not None:
                    beside = stack.enter_context(staged(home))
                    coming = _copied(coming, beside)
                known = target.study_uid if target.is_known else ""
                arriving = stack.enter_context(Arriving(home, coming, known, progress=tell))
            with ExitStack() as undo:
                if place is not None:
                    series = _publish(exportables, series, place, undo, beside)
                    report.files = [str(path) for files in series for path in files]
                if arriving is not None:
                    report.imported = arriving.adopt().added
                undo.pop_all()
        if home is not None:
            _picture(home, report)
        if node is not None:
            written = [path for files in series for path in files]
            _send(database, written, node, report, tell, kept=home)
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
    count = math.prod(one.source.shape)
    planes = math.prod(one.source.leading) * one.source.grid[0]
    return int((count * min(one.source.dtype.itemsize, 4) + planes * _HEADER) * _ROOM)


def _require_room(places: Sequence[Path], needed: int) -> None:
    taken: dict[int, int] = {}
    for place in places:
        there = place
        while not there.exists() and there != there.parent:
            there = there.parent
        if not os.access(there, os.W_OK):
            raise ExportError(
                f"{place} may not be written to: choose another place", reason="not-writable"
            )
        disk = there.stat().st_dev
        taken[disk] = taken.get(disk, 0) + needed
        free = shutil.disk_usage(there).free
        if free < taken[disk]:
            raise ExportError(
                f"the disk of {place} is full: {_size(free)} free, {_size(taken[disk])} "
                "needed; nothing was written",
                reason="disk-full",
            )


def _size(count: int) -> str:
    return f"{count / 1e6:.0f} MB" if count >= 1e7 else f"{count / 1e3:.0f} kB"


@contextmanager
def _stage(place: Path | None, home: Database | None) -> Iterator[Path]:
    """Make a folder on the disk where files shall be: a rename is all that is left to do."""
    if place is None and home is not None:
        with staged(home) as stage:
            yield stage
        return
    with private_folder() if place is None else staging_folder(place) as stage:
        yield stage


def _within(progress: Progress, k: int, count: int) -> Progress:
    """Give an exporter its share of the whole, and count it in hundredths."""

    def tell(done: int, total: int | None, text: str) -> None:
        share = done / total if total else 0.0
        progress(int(100 * (k + share)), 100 * count, text)

    return tell


def _write_one(
    one: Exportable, target: StudyTarget, stage: Path, progress: Progress, place: Path
) -> list[Path]:
    try:
        stage.mkdir()
        files = one.write(target, stage, progress=progress)
    except OSError as error:
        if isinstance(error, DicomDbError):
            raise
        raise cannot_write(place, error) from error
    if not files:
        raise ExportError(f"{one.name}: nothing was written", reason="nothing-to-write")
    return files


def _check_written(
    files: Sequence[Path], target: StudyTarget, report: ResultReport
) -> StudyTarget:
    """Read the header of every file again: an object of this study, each UID once.

    Returns the target with the numbers of the new series, so that the next gets another.
    """
    numbers, known = list(target.series_numbers), set(report.instance_uids)
    for path in files:
        header = _header(path)
        uid = str(header.get("SOPInstanceUID", ""))
        if str(header.get("StudyInstanceUID", "")) != target.study_uid or not uid:
            raise ExportError("an object does not belong to the study", reason="bad-object")
        if uid in known:
            raise ExportError(f"two objects have the UID {uid}", reason="uid-exists")
        known.add(uid)
        report.instance_uids.append(uid)
        series = str(header.get("SeriesInstanceUID", ""))
        if series not in report.series_uids:
            report.series_uids.append(series)
            numbers += [int(header.SeriesNumber)] if header.get("SeriesNumber") is not None else []
        report.size += path.stat().st_size
    return replace(target, series_numbers=tuple(numbers))


def _header(path: Path) -> Dataset:
    from pydicom import dcmread

    try:
        return dcmread(path, stop_before_pixels=True)
    except unreadable(OSError) as error:
        raise ExportError("what was written cannot be read again", reason="bad-object") from error


def _refuse_known(database: Database | None, report: ResultReport) -> None:
    if database is None:
        return
    known = [("an object", uid) for uid in report.instance_uids if database.instances(uid=uid)]
    for uid in report.series_uids:
        with suppress(NotFoundError):
            known.append(("a series", database.find_series(uid).uid))
    for what, uid in known:
        raise ExportError(
            f"the database has {what} {uid} already: nothing was written", reason="uid-exists"
        )


def _copied(files: Sequence[Path], stage: Path) -> list[Path]:
    copies = [stage / f"{k:06d}.dcm" for k in range(len(files))]
    try:
        for path, copy in zip(files, copies, strict=True):
            shutil.copyfile(path, copy)
    except OSError as error:
        raise cannot_write(stage.parents[2], error) from error
    return copies


def _publish(
    exportables: Sequence[Exportable],
    series: Sequence[Sequence[Path]],
    place: Path,
    undo: ExitStack,
    beside: Path | None,
) -> list[list[Path]]:
    """Rename each series into place, under names that are free; all of them or none.

    `beside`: what is staged for the database; it comes there once all are in place, though
    this process should be killed.
    """
    published: list[list[Path]] = []
    made: list[Path] = []
    in_place: list[tuple[Path, os.stat_result]] = []
    try:
        make_folders(place, made)
        for folder in made:
            undo.callback(_remove_empty, folder)
        for one, files in zip(exportables, series, strict=True):
            stem = safe_name(one.source.name, one.kind)
            single = len(files) == 1
            final, number = place / (f"{stem}.dcm" if single else stem), 1
            complete = len(published) == len(series) - 1
            while True:
                come = [final] if single else [final / path.name for path in files]
                now = [(new, path.stat()) for new, path in zip(come, files, strict=True)]
                try:
                    if beside is not None:
                        promise(beside, [*in_place, *now], complete=complete)
                    move_in(files[0] if single else files[0].parent, final)
                    break
                except OSError as error:  # there, or by another process just now
                    if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                        raise
                number += 1
                final = place / (f"{stem} ({number}){'.dcm' if single else ''}")
            undo.callback(removed, final)
            in_place += now
            published.append(come)
        sync_folder(place)
    except OSError as error:
        raise cannot_write(place, error) from error
    return published


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # somebody put something into it meanwhile
        folder.rmdir()


def _picture(database: Database, report: ResultReport) -> None:
    """Make the pictures of what is new: it is shown at once."""
    # Whoever removes it, or writes, meanwhile: it is made when it is looked at.
    with suppress(DicomDbError, OSError):
        database.make_thumbnails(report.series_uids, workers=1)


def _send(
    database: Database | None,
    files: Sequence[Path],
    node: Any,
    report: ResultReport,
    progress: Progress,
    *,
    kept: Database | None,
) -> None:
    if database is None:
        raise ExportError("sending needs a database", reason="no-destination")
    if kept is not None:
        try:
            series = [kept.find_series(uid) for uid in report.series_uids]
        except NotFoundError:
            text = "it was removed from the database before it was sent"
            report.rejected += [(uid, "removed", text) for uid in report.instance_uids]
            return
        _sent(kept, series, node, report, progress)
        return
    with type(database).in_memory() as passing:
        # Of its own: what is only sent shall not be in the database.
        passing.import_paths(list(files), workers=0)
        _sent(passing, passing.instances(), node, report, progress)


def _sent(
    database: Database, records: Sequence[Any], node: Any, report: ResultReport, progress: Progress
) -> None:
    sends: Callable[..., Any] = cast("_Sends", database).send
    try:
        sent = sends(records, node, progress=progress)
    except NetworkError as error:
        if not (report.files or report.imported):
            raise
        report.rejected += [(uid, error.reason, str(error)) for uid in report.instance_uids]
        return
    for outcome in sent.outcomes:
        if outcome.state in ("sent", "warning"):
            report.sent += 1
        else:
            report.rejected.append((outcome.uid, outcome.reason or "not-sent", outcome.text))
