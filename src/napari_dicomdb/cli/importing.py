"""The verb that brings files into the database."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, named_path, open_database
from napari_dicomdb.cli.output import print_json, progress_bar, say, visible
from napari_dicomdb.errors import NotFoundError

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.database import ImportReport

__all__ = ["import_", "print_report", "register"]

SHOWN_REFUSALS = 20


def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Folders, files, zip or tar archives, DICOMDIRs.",
            parser=named_path,
        ),
    ],
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the files into the database directory.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that read headers.")
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            "--dask",
            metavar="ADDRESS",
            help="Read headers on this Dask cluster: tcp://host:8786, or a scheduler file.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="List every refused file.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Import DICOM by reference (default) or by copy; refused files are listed with reasons."""
    if dask is not None:
        # What it says of lost connections is in the report, in our words.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with (
        _opened(db, dry_run=dry_run) as database,
        progress_bar(quiet=json_) as progress,
    ):
        report = database.import_paths(
            paths, copy=copy, workers=workers, progress=progress, dask=dask, dry_run=dry_run
        )
    if json_:
        print_json(report.to_json())
    else:
        print_report(report, verbose=verbose)
    if report.rejected or report.missing or report.cancelled or report.stopped:
        raise typer.Exit(1)


def _opened(db: Path | None, *, dry_run: bool) -> Database:
    if not dry_run:
        return open_database(db, create=True)
    try:
        return open_database(db)
    except NotFoundError:
        from napari_dicomdb.api import Database

        return Database.in_memory()  # where there is none, a dry run makes none


def print_report(report: ImportReport, *, verbose: bool) -> None:
    """Print a report for people: one line, then what was refused and remarked on stderr."""
    say(report.summary())
    refused = [*report.rejected, *report.missing]
    for title, entries in (("refused", refused), ("note", report.notes)):
        shown = entries if verbose else entries[:SHOWN_REFUSALS]
        for path, reason, text in shown:
            # Messages name the file, as errors do; here it stands before them.
            words = text.removeprefix(f"{path}: ")
            typer.echo(f"{title}: {visible(path)}: {visible(words)} [{reason}]", err=True)
        if len(shown) < len(entries):
            more = len(entries) - len(shown)
            typer.echo(f"{title}: {more} more (--verbose or --json lists them)", err=True)


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("import")(import_)
