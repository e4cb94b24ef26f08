"""De-identified copies that are there for a moment: to be sent, or exported in another form."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from napari_dicomdb.database.private_folders import private_folder
from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.export.deidentification.mapping import mapping_place, write_mapping
from napari_dicomdb.export.deidentification.one_by_one import Deidentification
from napari_dicomdb.export.deidentification.project import open_project
from napari_dicomdb.export.deidentification.report import DeidentificationReport
from napari_dicomdb.export.files import instances_of
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_dicomdb.database import Database
    from napari_dicomdb.export.deidentification.profile import Profile
    from napari_dicomdb.export.deidentification.project import Project
    from napari_dicomdb.export.files import Record

__all__ = ["Copies", "temporary_copies"]


class Copies:
    """Copies and what is known of them, as long as `temporary_copies` is open.

    Attributes
    ----------
    folder : Path
        Only its owner may look into it.
    report : DeidentificationReport
        What was left out, and why.
    originals : dict of str to str
        Path of the original by the SOPInstanceUID of its copy.
    """

    def __init__(
        self, folder: Path, report: DeidentificationReport, originals: dict[str, str]
    ) -> None:
        self.folder = folder
        self.report = report
        self.originals = originals


@contextlib.contextmanager
def temporary_copies(
    database: Database,
    records: Sequence[Record],
    profile: Profile,
    *,
    project: Project | None = None,
    mapping: str | os.PathLike[str] | None = None,
    passphrase: str = "",
    progress: Progress = no_progress,
) -> Iterator[Copies]:
    """De-identify records into a private folder that is gone afterwards.

    What a process that was killed left there is removed when a database is opened next.

    Parameters
    ----------
    database : Database
        Holds the records.
    records : sequence of PatientRecord, StudyRecord, SeriesRecord or InstanceRecord
    profile : Profile
    project : Project, optional
        Instead of the one that the profile names.
    mapping, passphrase
        As of `running.deidentify`.
    progress : Progress
        May raise `Cancelled`.

    Yields
    ------
    Copies

    Raises
    ------
    ExportError
        If the copies or the mapping cannot be written, or two patients would become one.
    NotFoundError
        If there is nothing to de-identify.
    """
    found = instances_of(database, records)
    if not found:
        raise NotFoundError("there is nothing to anonymise: no files are selected")
    project = project or open_project(profile.project)
    report = DeidentificationReport(profile=profile.to_json())
    kept_map = None if mapping is None else mapping_place(mapping, None, passphrase)
    with private_folder() as folder:
        report.target = str(folder)
        run = Deidentification(database, profile, project, report)
        originals = run.run(found, folder, progress)
        # Before anything leaves: what follows cannot be repeated without them.
        project.save()
        if kept_map is not None:
            write_mapping(kept_map, run.mapping, passphrase)
        yield Copies(folder, report, originals)
