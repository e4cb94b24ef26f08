"""The verb that sends to another DICOM program: send."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.jobs import refuse_unkept, say_queued
from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.outgoing import (
    PatientOption,
    SearchOption,
    WhatArgument,
    goods,
    named_records,
)
from napari_dicomdb.cli.output import print_json, progress_bar, rejected_rows, say, say_error
from napari_dicomdb.cli.profile_options import Anonymising, may_anonymise
from napari_dicomdb.errors import DatabaseError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database

__all__ = ["register", "send"]


@may_anonymise
def send(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the node; see `dicomdb nodes`.")],
    targets: WhatArgument = None,
    patient: PatientOption = None,
    search: SearchOption = None,
    transcode: Annotated[
        bool,
        typer.Option(
            "--transcode/--no-transcode",
            help="Decompress what the node does not take as it is, or refuse it.",
        ),
    ] = True,
    commit: Annotated[
        bool,
        typer.Option(
            "--commit", help="Then ask the node whether it keeps them (storage commitment)."
        ),
    ] = False,
    outcomes: Annotated[
        Path | None,
        typer.Option("--outcomes", metavar="FILE.csv", help="Write what became of each instance."),
    ] = None,
    queue: Annotated[
        bool,
        typer.Option("--queue", help="Add a job that does it in the background; see `jobs`."),
    ] = False,
    anonymising: Anonymising = ...,  # type: ignore[assignment]
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Send instances, series, studies or files to a node, such as a PACS (C-STORE, STOW-RS)."""
    from napari_dicomdb.network.nodes import find_node
    from napari_dicomdb.settings import write_whole

    what = goods("send", targets, patient, search)
    if queue and anonymising.mapping is not None:
        raise typer.BadParameter(
            "--queue goes with no --mapping: use a --project, or send at once"
        )
    node = find_node(name)
    if queue:
        if outcomes is not None or what.paths:
            raise typer.BadParameter("--queue goes with neither paths nor --outcomes")
        profile = anonymising.profile
        how = {} if profile is None else {"deidentify": profile.to_choices()}
        with _opened(db) as database:
            records = named_records(database, what.uids, what.patients, what.search)
            _add_job(database, records, node.name, {"transcode": transcode, **how}, json_)
        return
    with (
        progress_bar() as progress,
        what.found(progress, partial(_opened, db)) as (database, records, refused),
    ):
        report = database.send(
            records, node, transcode=transcode, commit=commit, progress=progress,
            **anonymising.options,
        )  # fmt: skip
    if outcomes is not None:
        write_whole(outcomes, report.to_csv())
    if json_:
        rows = rejected_rows([*refused, *report.rejected])
        print_json({**report.to_json(), "rejected": rows})
    else:
        say(report.summary())
    for path, reason, text in (*refused, *report.rejected):
        say_error(f"{path}: {text}", reason)
    if refused or not report.ok:
        raise typer.Exit(1)


def _add_job(
    database: Database, records: Sequence[Any], node: str, how: dict[str, Any], json_: bool
) -> None:
    from napari_dicomdb.network.jobs.selection import named_by

    jobs = database.jobs()
    refuse_unkept(jobs)
    what = named_by(database, records)
    say_queued(jobs.add("send", {**what, **how}, node=node), json_)


def _opened(directory: Path | None) -> Database:
    try:
        return open_database(directory)
    except NotFoundError:
        raise
    except DatabaseError:  # one that may only be read can be sent from, too
        return open_database(directory, read_only=True)


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("send")(send)
