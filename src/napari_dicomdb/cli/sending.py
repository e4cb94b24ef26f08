"""The verb that sends to another DICOM program: send."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.exporting import named_records
from napari_dicomdb.cli.jobs import refuse_unkept, say_queued
from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, progress_bar, rejected_rows, say, say_error
from napari_dicomdb.cli.profile_options import (
    BlackoutOption,
    DeidentifyOption,
    EncryptOption,
    MappingOption,
    OutsideRegionsOption,
    PixelsCheckedOption,
    PresetsOption,
    ProjectOption,
    PseudonymsOption,
    RetainDatesOption,
    RetainOption,
    ShiftDatesOption,
    passphrase_for,
    profile_when,
)
from napari_dicomdb.errors import DatabaseError, LoadError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.network.send_report import SendReport

__all__ = ["register", "send"]


def send(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the node; see `dicomdb nodes`.")],
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[UID|PATH...]",
            help="Study, series or instance UIDs of the database, or files and folders.",
        ),
    ] = None,
    patient: Annotated[
        list[str] | None, typer.Option("--patient", metavar="ID", help="All files of a PatientID.")
    ] = None,
    search: Annotated[
        str | None,
        typer.Option("--search", "-s", metavar="TEXT", help="All series that a search finds."),
    ] = None,
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
    deidentify: DeidentifyOption = False,
    retain_dates: RetainDatesOption = False,
    shift_dates: ShiftDatesOption = False,
    retain: RetainOption = None,
    project: ProjectOption = "",
    pseudonyms: PseudonymsOption = None,
    blackout: BlackoutOption = None,
    outside_regions: OutsideRegionsOption = False,
    presets: PresetsOption = False,
    pixels_checked: PixelsCheckedOption = False,
    mapping: MappingOption = None,
    encrypt: EncryptOption = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Send instances, series, studies or files to a node, such as a PACS (C-STORE, STOW-RS)."""
    from napari_dicomdb.network.nodes import find_node
    from napari_dicomdb.settings import write_whole

    if not targets and not patient and search is None:
        raise typer.BadParameter("say what to send: UIDs, paths, --patient ID or --search TEXT")
    profile = profile_when(
        deidentify, retain_dates=retain_dates, shift_dates=shift_dates, retain=retain,
        project=project, pseudonyms=pseudonyms, blackout=blackout,
        outside_regions=outside_regions, presets=presets, pixels_checked=pixels_checked,
    )  # fmt: skip
    passphrase = passphrase_for(mapping, encrypt=encrypt, anonymises=profile is not None)
    if queue and mapping is not None:
        raise typer.BadParameter(
            "--queue goes with no --mapping: use a --project, or send at once"
        )
    node = find_node(name)
    if queue:
        if outcomes is not None or any(t and Path(t).exists() for t in targets or []):
            raise typer.BadParameter("--queue goes with neither paths nor --outcomes")
        with _opened(db) as database:
            records = named_records(database, targets or [], patient or [], search)
            how = {"transcode": transcode} | (
                {} if profile is None else {"deidentify": profile.to_choices()}
            )
            _add_job(database, records, node.name, how, json_)
        return
    refused: list[tuple[str, str, str]] = []
    with progress_bar() as progress:

        def send_records(database: Database, records: Sequence[Any]) -> SendReport:
            return database.send(
                records, node, transcode=transcode, commit=commit, deidentify=profile,
                mapping=mapping, passphrase=passphrase, progress=progress,
            )  # fmt: skip

        paths = [t for t in targets or [] if t and Path(t).exists()]
        if paths:
            if len(paths) < len(targets or []) or patient or search is not None:
                raise typer.BadParameter("give either paths or what the database holds, not both")
            from napari_dicomdb.api import Database

            with Database.in_memory() as database:
                found = database.import_paths(paths, progress=progress)
                refused = [*found.rejected, *found.missing]
                if not database.series():
                    raise LoadError(f"no DICOM found in {', '.join(paths)}", reason="not-dicom")
                report = send_records(database, database.patients())
        else:
            with _opened(db) as database:
                records = named_records(database, targets or [], patient or [], search)
                report = send_records(database, records)
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
