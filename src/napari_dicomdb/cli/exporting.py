"""The verb that copies files out of the database: export."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.outgoing import (
    DicomdirOption,
    PatientOption,
    PlaceOption,
    SearchOption,
    WhatArgument,
    ZipOption,
    as_archive,
    goods,
)
from napari_dicomdb.cli.output import print_json, progress_bar, rejected_rows, say, say_error
from napari_dicomdb.cli.profile_options import Anonymising, may_anonymise

__all__ = ["export", "register"]


@may_anonymise
def export(
    targets: WhatArgument = None,
    to: Annotated[Path, PlaceOption] = ...,  # type: ignore[assignment]
    patient: PatientOption = None,
    search: SearchOption = None,
    dicomdir: DicomdirOption = False,
    zip_: ZipOption = False,
    anonymising: Anonymising = ...,  # type: ignore[assignment]
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Copy files as they are, or anonymised, into a tidy tree, a CD's file-set or a zip."""
    what = goods("export", targets, patient, search)
    place, archive = as_archive(to, zip_)
    opened = partial(open_database, db, read_only=True)
    with (
        progress_bar() as progress,
        what.found(progress, opened) as (database, records, refused),
    ):
        report = database.export(
            records, place, dicomdir=dicomdir, archive=archive, progress=progress,
            **anonymising.options,
        )  # fmt: skip
    report.rejected = [*refused, *report.rejected]
    if json_:
        print_json({**report.to_json(), "rejected": rejected_rows(report.rejected)})
    else:
        say(report.summary())
        for _, _, text in report.notes:
            say(f"  {text}")
    for path, reason, text in report.rejected:
        say_error(f"{path}: {text}", reason)
    if report.rejected:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("export")(export)
