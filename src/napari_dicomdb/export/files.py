"""Copies of files out of the database: a tidy folder tree, a CD's file-set, or a zip."""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from napari_dicomdb.database.records import (
    InstanceRecord,
    PatientRecord,
    SeriesRecord,
    StudyRecord,
)
from napari_dicomdb.errors import ExportError, NotFoundError
from napari_dicomdb.export.media import plan_file_set
from napari_dicomdb.export.naming import patient_folder, series_folder, study_folder
from napari_dicomdb.export.staging import (
    absolute,
    cannot_write,
    move_in,
    publish,
    staging_folder,
)
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dicomdb.database.database import Database
    from napari_dicomdb.database.report import Remark

__all__ = [
    "ExportReport",
    "Record",
    "cannot_write",
    "check_target",
    "export_files",
    "instances_of",
    "series_folders",
    "staging_folder",
    "tidy_places",
]

Record = PatientRecord | StudyRecord | SeriesRecord | InstanceRecord


@dataclass(slots=True)
class ExportReport:
    """What an export wrote.

    Attributes
    ----------
    target : str
        The folder or the zip file.
    written, unchanged : int
        Files written; files that were there already with the same content.
    size : int
        Bytes written.
    rejected : list of (path, reason, text)
        Files that are not in the target, and why.
    notes : list of (attribute, reason, text)
        What a DICOMDIR says otherwise than the files do.
    """

    target: str
    written: int = 0
    unchanged: int = 0
    size: int = 0
    rejected: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dict that `json.dumps` accepts."""
        return asdict(self)

    def summary(self) -> str:
        """Return one line for people."""
        line = f"{self.written} files written to {self.target}"
        if self.unchanged:
            line += f", {self.unchanged} were there already"
        if self.rejected:
            line += f", {len(self.rejected)} not exported"
        return line


def export_files(
    database: Database,
    records: Sequence[Record],
    target: str | os.PathLike[str],
    *,
    dicomdir: bool = False,
    archive: bool = False,
    by_link: bool = False,
    progress: Progress = no_progress,
) -> ExportReport:
    """Copy the files of patients, studies, series or instances, byte for byte.

    The target is complete or as it was: everything is first written beside it
    and then renamed, and a cancelled or failed export leaves nothing.

    Parameters
    ----------
    database : Database
    records : sequence of PatientRecord, StudyRecord, SeriesRecord or InstanceRecord
        What to export; what is named twice is written once.
    target : path-like
        The folder (made when absent; files that are in it stay) or, with
        `archive`, the zip file, which must not exist.
    dicomdir : bool
        Lay the files out as PS3.10 asks of media (``PT000000/ST000000/...``)
        and write a DICOMDIR. Otherwise folders are named after patient, study
        and series.
    archive : bool
        Write one zip file, uncompressed: pixel data hardly shrink further.
    by_link : bool
        The originals are ours, and go afterwards: link to them where the file system
        can, instead of copying.
    progress : Progress
        Called with the number of files done and their total; may raise
        `Cancelled`.

    Raises
    ------
    ExportError
        If the target cannot be written, exists, or its disk is full.
    NotFoundError
        If there is nothing to export.
    """
    place = absolute(target)
    report = ExportReport(str(place))
    found = instances_of(database, records)
    if not found:
        raise NotFoundError("there is nothing to export: no files are selected")
    present = [i for i in found if _is_there(i, report)]
    check_target(place, dicomdir=dicomdir, archive=archive)
    with staging_folder(place.parent if archive else place) as workplace:
        directory = b""
        if dicomdir:
            plan = plan_file_set(present, len(present), workplace, progress)
            places, directory = plan.places, plan.directory
            report.rejected += plan.rejected
            report.notes += plan.notes
        else:
            places = tidy_places(database, present)
        write = _write_zip if archive else partial(_write_folder, by_link=by_link)
        write(place, places, directory, workplace, report, progress)
    return report


def instances_of(database: Database, records: Sequence[Record]) -> list[InstanceRecord]:
    """Return the instances of records of any level, each once, by series and number."""
    found: dict[int, InstanceRecord] = {}
    for record in records:
        if isinstance(record, InstanceRecord):
            found[record.key] = record
            continue
        for series in _series_of(database, record):
            found.update((i.key, i) for i in database.instances(series))
    return list(found.values())


def _series_of(database: Database, record: Record) -> list[SeriesRecord]:
    if isinstance(record, SeriesRecord):
        return [record]
    if isinstance(record, StudyRecord):
        return database.series(study=record)
    return database.series(patient=record)


def tidy_places(
    database: Database, instances: Sequence[InstanceRecord]
) -> dict[str, InstanceRecord]:
    """Name each instance's place in a tree of patient, study and series folders.

    Returns
    -------
    dict of str to InstanceRecord
        POSIX path, relative to the target. Series that would share a folder get
        numbers: ``T1`` and ``T1 (2)``.
    """
    counts: dict[int, int] = {}
    for instance in instances:
        counts[instance.series_key] = counts.get(instance.series_key, 0) + 1
    folders = series_folders(database, counts)
    places: dict[str, InstanceRecord] = {}
    numbers: dict[int, int] = {}
    for instance in instances:
        key = instance.series_key
        numbers[key] = numbers.get(key, 0) + 1
        width = max(4, len(str(counts[key])))
        places[f"{folders[key]}/{numbers[key]:0{width}d}.dcm"] = instance
    return places


def series_folders(database: Database, keys: Iterable[int]) -> dict[int, str]:
    """Return the folder, patient/study/series, of each series key; no two the same."""
    taken: dict[str, tuple[str, int]] = {}
    patients: dict[int, PatientRecord] = {}
    studies: dict[int, StudyRecord] = {}

    def named(parent: str, name: str, owner: tuple[str, int]) -> str:
        candidate, number = f"{parent}{name}", 1
        # Some file systems take names for equal that differ in case only.
        while taken.setdefault(candidate.casefold(), owner) != owner:
            number += 1
            candidate = f"{parent}{name} ({number})"
        return candidate

    folders: dict[int, str] = {}
    for key in keys:
        series = database.find_series(key)
        if series.patient_key not in patients:
            patient = patients[series.patient_key] = database.patient(series.patient_key)
            studies.update((s.key, s) for s in database.studies(patient))
        patient, study = patients[series.patient_key], studies[series.study_key]
        above = named("", patient_folder(patient), ("patient", patient.key))
        above = named(f"{above}/", study_folder(study), ("study", study.key))
        folders[key] = named(f"{above}/", series_folder(series), ("series", key))
    return folders


def _is_there(instance: InstanceRecord, report: ExportReport) -> bool:
    try:
        size = instance.path.stat().st_size
    except OSError as error:
        text = f"the file cannot be read: {error.strerror or error}"
        report.rejected.append((str(instance.path), "file-missing", text))
        return False
    if size != instance.file_size:
        text = "the file is not the one that was imported; rescan it first"
        report.rejected.append((str(instance.path), "file-changed", text))
        return False
    return True


def check_target(place: Path, *, dicomdir: bool, archive: bool) -> None:
    """Raise ExportError when nothing can be written to `place`."""
    if archive:
        if place.exists():
            raise ExportError(f"{place} exists: choose another name", reason="file-exists")
        if not place.parent.is_dir():
            raise ExportError(f"there is no folder {place.parent}", reason="no-folder")
        return
    if place.exists() and not place.is_dir():
        raise ExportError(f"{place} is a file: choose a folder", reason="file-exists")
    if dicomdir and place.is_dir() and any(place.iterdir()):
        raise ExportError(
            f"{place} is not empty: a DICOMDIR needs a folder of its own", reason="file-exists"
        )


def _write_folder(
    place: Path,
    places: dict[str, InstanceRecord],
    directory: bytes,
    workplace: Path,
    report: ExportReport,
    progress: Progress,
    *,
    by_link: bool = False,
) -> None:
    staged = workplace / "files"
    pending: list[str] = []
    try:
        for done, (name, instance) in enumerate(places.items()):
            progress(done, len(places), "Copying files")
            final = place / name
            if final.exists():
                _compare_existing(final, instance, report)
                continue
            copy = staged / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if (by_link and _linked(instance.path, copy)) or _copy(instance, copy, report):
                pending.append(name)
        if directory:
            staged.mkdir(exist_ok=True)
            (staged / "DICOMDIR").write_bytes(directory)
            pending.append("DICOMDIR")
        progress(len(places), len(places), "Copying files")
        if pending:
            publish(staged, place, pending)
    except OSError as error:
        raise cannot_write(place, error) from error
    for name in pending:
        report.written += 1
        report.size += (place / name).stat().st_size


def _compare_existing(final: Path, instance: InstanceRecord, report: ExportReport) -> None:
    import filecmp

    if filecmp.cmp(final, instance.path, shallow=False):
        report.unchanged += 1
        return
    text = f"{final} exists with another content and was left as it is"
    report.rejected.append((str(instance.path), "file-exists", text))


def _linked(original: Path, copy: Path) -> bool:
    try:
        os.link(original, copy)
    except OSError:  # a file system without links
        return False
    return True


def _copy(instance: InstanceRecord, copy: Path, report: ExportReport) -> bool:
    try:
        source = open(instance.path, "rb")  # noqa: SIM115 - its errors are told apart
    except OSError as error:
        text = f"the file cannot be read: {error.strerror or error}"
        report.rejected.append((str(instance.path), "unreadable", text))
        return False
    with source, open(copy, "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())
    return True


def _write_zip(
    place: Path,
    places: dict[str, InstanceRecord],
    directory: bytes,
    workplace: Path,
    report: ExportReport,
    progress: Progress,
) -> None:
    partial = workplace / "files.zip"
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED, strict_timestamps=False) as target:
            for done, (name, instance) in enumerate(places.items()):
                progress(done, len(places), "Writing the archive")
                try:
                    info = zipfile.ZipInfo.from_file(
                        instance.path, PurePosixPath(name).as_posix(), strict_timestamps=False
                    )
                    source = open(instance.path, "rb")  # noqa: SIM115 - as above
                except OSError as error:
                    text = f"the file cannot be read: {error.strerror or error}"
                    report.rejected.append((str(instance.path), "unreadable", text))
                    continue
                with source, target.open(info, "w") as member:
                    shutil.copyfileobj(source, member, 1 << 20)
                report.written += 1
                report.size += info.file_size
            if directory:
                target.writestr("DICOMDIR", directory)
                report.written += 1
                report.size += len(directory)
        with open(partial, "rb") as written:
            os.fsync(written.fileno())
        progress(len(places), len(places), "Writing the archive")
        move_in(partial, place)
    except OSError as error:
        raise cannot_write(place, error) from error
