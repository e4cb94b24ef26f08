"""The verb that writes anonymised copies: deidentify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.exporting import named_records
from napari_dicomdb.cli.options import DatabaseOption, JsonOption, named_path, open_database
from napari_dicomdb.cli.output import (
    print_json,
    print_table,
    progress_bar,
    rejected_rows,
    say,
    say_error,
)
from napari_dicomdb.cli.profile_options import (
    AllowedTextsOption,
    BlackoutOption,
    DefaceOption,
    EncryptOption,
    MappingOption,
    NoRecompressOption,
    OutsideRegionsOption,
    PatientIdOption,
    PatientNameOption,
    PixelsCheckedOption,
    PresetsOption,
    ProjectOption,
    PseudonymsOption,
    RetainDatesOption,
    RetainOption,
    ShiftDatesOption,
    passphrase_for,
    profile_of,
)
from napari_dicomdb.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.report import Remark
    from napari_dicomdb.export.deidentification.report import DeidentificationReport
    from napari_dicomdb.progress import Progress

__all__ = ["deidentify", "register"]


def deidentify(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[UID|PATH...]",
            help="Study, series or instance UIDs of the database, or files and folders.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="DIR|FILE.zip", parser=named_path, help="Where the copies go."
        ),
    ] = None,
    patient: Annotated[
        list[str] | None, typer.Option("--patient", metavar="ID", help="All files of a PatientID.")
    ] = None,
    search: Annotated[
        str | None,
        typer.Option("--search", "-s", metavar="TEXT", help="All series that a search finds."),
    ] = None,
    retain_dates: RetainDatesOption = False,
    shift_dates: ShiftDatesOption = False,
    retain: RetainOption = None,
    project: ProjectOption = "",
    patient_id: PatientIdOption = "{code}",
    patient_name: PatientNameOption = "{code}",
    pseudonyms: PseudonymsOption = None,
    blackout: BlackoutOption = None,
    outside_regions: OutsideRegionsOption = False,
    presets: PresetsOption = False,
    no_recompress: NoRecompressOption = False,
    pixels_checked: PixelsCheckedOption = False,
    allowed_texts: AllowedTextsOption = None,
    deface: DefaceOption = "",
    mapping: MappingOption = None,
    encrypt: EncryptOption = False,
    add: Annotated[
        bool, typer.Option("--add", help="Import the copies into the database as well.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would happen to which attribute.")
    ] = False,
    dicomdir: Annotated[
        bool, typer.Option("--dicomdir", help="Lay out as on a CD, with a DICOMDIR.")
    ] = False,
    zip_: Annotated[bool, typer.Option("--zip", help="Write one zip file.")] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Write anonymised copies by the Basic Profile of DICOM PS3.15 annex E.

    Names, IDs, dates, UIDs, free text and private attributes are removed or
    replaced, at every depth; pixels stay bit for bit. Images that may show burned-in
    text are held back until rectangles are blacked out or --pixels-checked is given.
    """
    if not targets and not patient and search is None:
        raise typer.BadParameter(
            "say what to anonymise: UIDs, paths, --patient ID or --search TEXT"
        )
    if to is None and not dry_run:
        raise typer.BadParameter("say where the copies go: --to DIR, or use --dry-run")
    profile = profile_of(
        retain=retain, retain_dates=retain_dates, shift_dates=shift_dates, project=project,
        patient_id=patient_id, patient_name=patient_name, pseudonyms=pseudonyms,
        blackout=blackout, outside_regions=outside_regions, presets=presets,
        recompress=not no_recompress, pixels_checked=pixels_checked,
        allowed_texts=allowed_texts, deface=deface,
    )  # fmt: skip
    passphrase = passphrase_for(mapping, encrypt=encrypt and not (dry_run and mapping))
    to = to or Path("anonymised")
    archive = zip_ or to.suffix.lower() == ".zip"
    if archive and to.suffix.lower() != ".zip":
        to = to.with_name(f"{to.name}.zip")

    def write(
        database: Database,
        records: Sequence[Any],
        refused: list[Remark],
        add_to: Database | None,
    ) -> DeidentificationReport:
        report = database.deidentify(
            records, to, profile, dicomdir=dicomdir, archive=archive, dry_run=dry_run,
            mapping=mapping, passphrase=passphrase, add_to=add_to, progress=progress,
        )  # fmt: skip
        report.rejected = [*refused, *report.rejected]
        return report

    with progress_bar() as progress:
        paths = [t for t in targets or [] if t and Path(t).exists()]
        if paths:
            if len(paths) < len(targets or []) or patient or search is not None:
                raise typer.BadParameter("give either paths or what the database holds, not both")
            report = _from_paths(paths, write, db if add else None, add, progress)
        else:
            with open_database(db, read_only=not add) as database:
                records = named_records(database, targets or [], patient or [], search)
                report = write(database, records, [], database if add else None)
    _tell(report, json_)


def _from_paths(
    paths: Sequence[str],
    write: Callable[..., DeidentificationReport],
    db: Path | None,
    add: bool,
    progress: Progress,
) -> DeidentificationReport:
    from napari_dicomdb.api import Database

    with Database.in_memory() as database:
        found = database.import_paths(paths, progress=progress)
        refused = [*found.rejected, *found.missing]
        if not database.series():
            raise LoadError(f"no DICOM found in {', '.join(paths)}", reason="not-dicom")
        if not add:
            return write(database, database.patients(), refused, None)
        with open_database(db, create=True) as added:
            return write(database, database.patients(), refused, added)


def _tell(report: DeidentificationReport, json_: bool) -> None:
    if json_:
        print_json({**report.to_json(), "rejected": rejected_rows(report.rejected)})
    else:
        if report.dry_run:
            print_table(
                ("Tag", "Attribute", "What happens"),
                [
                    (e.tag, e.name, ", ".join(f"{a} {n}" for a, n in e.actions.items()))
                    for e in report.effects
                ],
            )
        say(report.summary())
        for remark in report.remarks:
            say(f"Note: {remark}")
    for path, reason, text in report.rejected:
        say_error(f"{path}: {text}", reason)
    if report.rejected:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this module's verb to `app`."""
    app.command("deidentify")(deidentify)
