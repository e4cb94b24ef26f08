"""What verbs that give files away share: what goes, from the database or from paths, and where."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import named_path
from napari_dicomdb.cli.targets import indexed
from napari_dicomdb.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.report import Remark
    from napari_dicomdb.progress import Progress

__all__ = [
    "DicomdirOption",
    "Goods",
    "PatientOption",
    "PlaceOption",
    "SearchOption",
    "WhatArgument",
    "ZipOption",
    "as_archive",
    "goods",
    "named_records",
]

WhatArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[UID|PATH...]",
        help="Study, series or instance UIDs of the database, or files and folders.",
    ),
]
PatientOption = Annotated[
    list[str] | None, typer.Option("--patient", metavar="ID", help="All files of a PatientID.")
]
SearchOption = Annotated[
    str | None,
    typer.Option("--search", "-s", metavar="TEXT", help="All series that a search finds."),
]
PlaceOption = typer.Option(
    "--to", metavar="DIR|FILE.zip", parser=named_path, help="Where the copies go."
)
DicomdirOption = Annotated[
    bool, typer.Option("--dicomdir", help="Lay out as on a CD, with a DICOMDIR.")
]
ZipOption = Annotated[bool, typer.Option("--zip", help="Write one zip file.")]


@dataclass(frozen=True)
class Goods:
    """What was named to go: paths, or what a database holds.

    Parameters
    ----------
    paths : list of str
        Files and folders; empty when it is of the database.
    uids, patients : list of str
    search : str or None
    """

    paths: list[str]
    uids: list[str]
    patients: list[str]
    search: str | None

    @contextmanager
    def found(
        self, progress: Progress, opened: Callable[[], Database]
    ) -> Iterator[tuple[Database, list[Any], list[Remark]]]:
        """Give a database, its records that go, and what was refused on the way.

        Parameters
        ----------
        progress : Progress
        opened : callable
            Opens the database; not called for paths, which get one in memory.

        Raises
        ------
        LoadError
            When the paths hold no DICOM.
        NotFoundError
            When something is not in the database.
        """
        if self.paths:
            with indexed(self.paths, progress) as (database, refused):
                yield database, list(database.patients()), refused
            return
        with opened() as database:
            yield database, named_records(database, self.uids, self.patients, self.search), []


def goods(
    what: str, targets: list[str] | None, patients: list[str] | None, search: str | None
) -> Goods:
    """Return what the words of a command line name.

    Parameters
    ----------
    what : str
        Of the verb, for people: "export".
    targets, patients, search
        As typed.

    Raises
    ------
    typer.BadParameter
        When nothing is named, or paths together with something else.
    """
    named, by_patient = targets or [], patients or []
    if not named and not by_patient and search is None:
        raise typer.BadParameter(f"say what to {what}: UIDs, paths, --patient ID or --search TEXT")
    paths = [text for text in named if text and Path(text).exists()]
    if not paths:
        return Goods([], named, by_patient, search)
    if len(paths) < len(named) or by_patient or search is not None:
        raise typer.BadParameter("give either paths or what the database holds, not both")
    return Goods(paths, [], [], None)


def as_archive(to: Path, zip_: bool) -> tuple[Path, bool]:
    """Return where to write, and whether that is one zip file, by its name or as asked for."""
    is_named = to.suffix.lower() == ".zip"
    return (to.with_name(f"{to.name}.zip") if zip_ and not is_named else to), zip_ or is_named


def named_records(
    database: Database, uids: Sequence[str], patients: Sequence[str], search: str | None
) -> list[Any]:
    """Return the records that UIDs, PatientIDs and a search name.

    Raises
    ------
    NotFoundError
        When one of them is not there.
    """
    records: list[Any] = []
    for patient_id in patients:
        # Not by comparing lists: a merged patient has more IDs than the one that is shown.
        records += database.series(patient=patient_id)
    for uid in uids:
        records += _named(database, uid)
    if search is not None:
        hits = database.search(search)
        if not hits:
            raise NotFoundError(f"nothing is found by {search!r}")
        records += hits
    return records


def _named(database: Database, uid: str) -> list[Any]:
    # A study is known by its series: no list of all studies is read.
    hits = database.search(f'uid:"{uid}"')
    of_study = [s for s in hits if s.study_uid == uid]
    if of_study:
        return of_study
    of_series = [s for s in hits if s.uid == uid]
    if of_series:
        return of_series
    found = database.instances(uid=uid)
    if not found:
        raise NotFoundError(f"neither a path nor a study, series or instance: {uid!r:.200}")
    return list(found)
