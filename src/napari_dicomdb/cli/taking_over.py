"""The verb that takes a database of 3D Slicer over: db take-over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_dicomdb.cli.importing import print_report
from napari_dicomdb.cli.options import DatabaseOption, JsonOption
from napari_dicomdb.cli.output import print_json, progress_bar, say

__all__ = ["register", "take_over"]


def take_over(
    slicer_directory: Annotated[
        Path,
        typer.Argument(metavar="SLICER_DIR", help="Slicer's database (it has ctkDICOM.sql)."),
    ],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="DIR", help="Database to import into, made when it is not there."
        ),
    ] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the files into the database directory.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Import all that a database of 3D Slicer lists; Slicer's own stays as it is."""
    from napari_dicomdb.database import slicer
    from napari_dicomdb.settings import default_database

    target = to or db or default_database()
    with progress_bar(quiet=json_) as progress:
        report = slicer.take_over(slicer_directory, target, copy=copy, progress=progress)
    if json_:
        print_json({"database": str(target), **report.to_json()})
    else:
        say(f"taken over into {target}")
        print_report(report, verbose=False)
    if report.rejected or report.missing or report.cancelled or report.stopped:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this module's verb to the group `db` of `app`, made when it is not there."""
    for group in app.registered_groups:
        if group.name == "db" and group.typer_instance is not None:
            group.typer_instance.command("take-over")(take_over)
            return
    made = typer.Typer(help="Databases: take one over.", no_args_is_help=True)
    made.command("take-over")(take_over)
    app.add_typer(made, name="db")
