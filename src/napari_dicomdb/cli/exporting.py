"""The verb that copies files out of the database: export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, named_path, open_database
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
from napari_dicomdb.errors import LoadError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.report import Remark
    from napari_dicomdb.export.files import ExportReport

__all__ = ["export", "named_records", "register"]


def export(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[UID|PATH...]",
            help="Study, series or instance UIDs of the database, or files and folders.",
        ),
    ] = None,
    to: Annotated[
        Path,
        typer.Option(
            "--to", metavar="DIR|FILE.zip", parser=named_path, help="Where the copies go."
        ),
    ] = ...,  # type: ignore[assignment]
    patient: Annotated[
        list[str] | None, typer.Option("--patient", metavar="ID", help="All files of a PatientID.")
    ] = None,
    search: Annotated[
        str | None,
        typer.Option("--search", "-s", metavar="TEXT", help="All series that a search finds."),
    ] = None,
    dicomdir: Annotated[
        bool, typer.Option("--dicomdir", help="Lay out as on a CD, with a DICOMDIR.")
    ] = False,
    zip_: Annotated[bool, typer.Option("--zip", help="Write one zip file.")] = False,
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
    """Copy files as they are, or anonymised, into a tidy tree, a CD's file-set or a zip."""
    if not targets and not patient and search is None:
        raise typer.BadParameter("say what to export: UIDs, paths, --patient ID or --search TEXT")
    profile = profile_when(
        deidentify, retain_dates=retain_dates, shift_dates=shift_dates, retain=retain,
        project=project, pseudonyms=pseudonyms, blackout=blackout,
        outside_regions=outside_regions, presets=presets, pixels_checked=pixels_checked,
    )  # fmt: skip
    passphrase = passphrase_for(mapping, encrypt=encrypt, anonymises=profile is not None)
    archive = zip_ or to.suffix.lower() == ".zip"
    if archive and to.suffix.lower() != ".zip":
        to = to.with_name(f"{to.name}.zip")

    def write(database: Database, records: Sequence[Any], refused: list[Remark]) -> ExportReport:
        report = database.export(
            records, to, dicomdir=dicomdir, archive=archive, deidentify=profile,
            mapping=mapping, passphrase=passphrase, progress=progress,
        )  # fmt: skip
        report.rejected = [*refused, *report.rejected]
        return report

    with progress_bar() as progress:
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
                report = write(database, database.patients(), refused)
        else:
            with open_database(db, read_only=True) as database:
                records = named_records(database, targets or [], patient or [], search)
                report = write(database, records, [])
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


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("export")(export)
