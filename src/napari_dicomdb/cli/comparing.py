"""The verb that tells what differs between two objects: compare."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, print_table, progress_bar, say, say_error
from napari_dicomdb.errors import LoadError, NotFoundError

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.loading.comparing import Comparison, Record
    from napari_dicomdb.progress import Progress

__all__ = ["compare", "register"]

_OneArgument = Annotated[
    str, typer.Argument(metavar="UID|PATH", help="Instance, series or study: UID, file, folder.")
]
_SIGNS = {"changed": "≠", "left-only": "<", "right-only": ">", "same": "="}


def compare(
    left: _OneArgument,
    right: _OneArgument,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is the same on both sides.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Tell in which attributes two instances, series or studies differ.

    Two files are compared attribute by attribute; two folders by the values that
    occur in them, as series, or as studies when they hold several series.
    """
    with progress_bar(quiet=json_) as progress:
        found = _compared(left, right, everything, db, progress)
    if json_:
        print_json(found.to_json())
    else:
        rows = [
            (_SIGNS[one.kind], one.path, one.vr, one.left, one.right) for one in found.differences
        ]
        if rows:
            print_table(("", "attribute", "vr", found.left, found.right), rows)
        else:
            say(f"no differences between {found.left} and {found.right}")
    for path, text in found.problems:
        say_error(f"{path}: {text}" if str(path) not in text else text, "damaged")
    if found.problems:
        raise typer.Exit(1)


def _compared(
    left: str, right: str, everything: bool, db: Path | None, progress: Progress
) -> Comparison:
    from napari_dicomdb.api import Database
    from napari_dicomdb.loading.comparing import compare_files, compare_records

    paths = [Path(left), Path(right)]
    if all(path.is_file() for path in paths):
        return compare_files(*paths, everything=everything, progress=progress)
    if all(path.is_dir() for path in paths):
        with Database.in_memory() as one, Database.in_memory() as other:
            records = [
                _only_record(index, path, progress)
                for index, path in zip((one, other), paths, strict=True)
            ]
            return _of_two_indexes((one, other), records, everything, progress)
    if any(path.exists() for path in paths):
        raise typer.BadParameter("give two files, two folders or two UIDs")
    with open_database(db, read_only=True) as database:
        left_record, right_record = (_record(database, uid) for uid in (left, right))
        try:
            return compare_records(
                database, left_record, right_record, everything=everything, progress=progress
            )
        except TypeError as error:
            raise typer.BadParameter(str(error)) from error


def _only_record(database: Database, path: Path, progress: Progress) -> Record:
    database.import_paths([path], workers=0, progress=progress)
    series, studies = database.series(), database.studies()
    if len(series) == 1:
        return series[0]
    if len(studies) == 1:
        return studies[0]
    if not series:
        raise LoadError(f"no DICOM found in {path}", reason="not-dicom")
    raise typer.BadParameter(f"{path} holds {len(studies)} studies: name the folder of one")


def _of_two_indexes(
    databases: tuple[Database, Database],
    records: list[Record],
    everything: bool,
    progress: Progress,
) -> Comparison:
    from napari_dicomdb.loading.comparing import compare_records

    kinds = {type(record) for record in records}
    if len(kinds) > 1:  # a series and a study: both as studies
        records = [database.studies()[0] for database in databases]
    return compare_records(
        databases[0],
        records[0],
        records[1],
        right_database=databases[1],
        everything=everything,
        progress=progress,
    )


def _record(database: Database, uid: str) -> Record:
    instances = database.instances(uid=uid)
    if instances:
        return instances[0]
    with suppress(NotFoundError):  # then it may be a study's
        return database.find_series(uid)
    try:
        # By way of its patient: a database may have 200 000 studies.
        patient = database.series(uid)[0].patient_key
        return next(study for study in database.studies(patient) if study.uid == uid)
    except (NotFoundError, IndexError, StopIteration):
        raise NotFoundError(
            f"neither a path nor an object of the database: {uid!r:.200}"
        ) from None


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("compare")(compare)
