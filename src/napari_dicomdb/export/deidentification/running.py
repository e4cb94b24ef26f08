"""De-identified copies of records: all of them, or nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dicomdb.database import Database
from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.export.deidentification.mapping import mapping_place, write_mapping
from napari_dicomdb.export.deidentification.one_by_one import Deidentification
from napari_dicomdb.export.deidentification.project import open_project
from napari_dicomdb.export.deidentification.report import DeidentificationReport
from napari_dicomdb.export.files import check_target, export_files, instances_of, staging_folder
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.export.deidentification.profile import Profile
    from napari_dicomdb.export.files import Record

__all__ = ["deidentify"]

_WRITING = "Writing"


def deidentify(
    database: Database,
    records: Sequence[Record],
    target: str | os.PathLike[str],
    profile: Profile,
    *,
    dicomdir: bool = False,
    archive: bool = False,
    dry_run: bool = False,
    mapping: str | os.PathLike[str] | None = None,
    passphrase: str = "",
    add_to: Database | None = None,
    progress: Progress = no_progress,
) -> DeidentificationReport:
    """Write de-identified copies of patients, studies, series or instances.

    Pixels are copied as they are, unless parts of them are blacked out. The target
    is complete or as it was; what cannot be de-identified is left out and reported.
    The originals are not touched.

    Parameters
    ----------
    database : Database
        Holds the records.
    records : sequence of PatientRecord, StudyRecord, SeriesRecord or InstanceRecord
    target : path-like
        A folder, or with `archive` a zip file that does not exist.
    profile : Profile
    dicomdir, archive : bool
        As of `export.files.export_files`.
    dry_run : bool
        Write nothing; the report tells what would happen.
    mapping : path-like, optional
        File, outside of the target, that tells which pseudonym and which UID stands
        for which; readable by its owner alone (see `mapping`).
    passphrase : str
        Encrypts the mapping.
    add_to : Database, optional
        Import what was written.
    progress : Progress
        Called with the number of files done; may raise `Cancelled`.

    Raises
    ------
    ExportError
        If the target or the mapping cannot be written, or two patients would become one.
    NotFoundError
        If there is nothing to de-identify.
    """
    place = Path(os.path.abspath(os.fspath(target)))
    report = DeidentificationReport(str(place), dry_run, profile=profile.to_json())
    found = instances_of(database, records)
    if not found:
        raise NotFoundError("there is nothing to anonymise: no files are selected")
    project = open_project(profile.project, create=not dry_run)
    run = Deidentification(database, profile, project, report)
    if dry_run:
        run.run(found, None, progress)
        return report
    check_target(place, dicomdir=dicomdir, archive=archive)
    kept_map = None if mapping is None else mapping_place(mapping, place, passphrase)
    with staging_folder(place.parent if archive else place) as stage:
        folder = stage / "anonymised"
        folder.mkdir()
        run.run(found, folder, progress)
        # Before anything is published: what follows cannot be repeated without them.
        project.save()
        if kept_map is not None:
            write_mapping(kept_map, run.mapping, passphrase)
        if report.instances:
            _publish(report, folder, place, dicomdir, archive, progress)
    if add_to is not None and report.written:
        add_to.import_paths([place], progress=progress)
    return report


def _publish(
    report: DeidentificationReport,
    folder: Path,
    place: Path,
    dicomdir: bool,
    archive: bool,
    progress: Progress,
) -> None:
    """Give the copies their places, in folders named after what they say now."""
    with Database.in_memory() as copies:
        copies.import_paths([folder], workers=0, progress=progress)

        def told(done: int, total: int | None, text: str) -> None:
            progress(done, total, _WRITING)

        written = export_files(
            copies,
            copies.patients(),
            place,
            dicomdir=dicomdir,
            archive=archive,
            by_link=True,
            progress=told,
        )
    report.written, report.unchanged, report.size = (
        written.written,
        written.unchanged,
        written.size,
    )
    # Their names are those of the stage, which nobody knows.
    report.rejected += [(str(place), reason, text) for _, reason, text in written.rejected]
