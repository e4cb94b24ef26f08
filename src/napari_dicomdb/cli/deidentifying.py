"""The verb that writes anonymised copies: deidentify."""

from __future__ import annotations

import csv
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
from napari_dicomdb.errors import ExportError, LoadError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.database.report import Remark
    from napari_dicomdb.export.deidentification.profile import Profile
    from napari_dicomdb.export.deidentification.report import DeidentificationReport
    from napari_dicomdb.progress import Progress

__all__ = ["deidentify", "register"]

_NAMES = (
    "characteristics, descriptors, structured-content, graphics, device, institution, uids, "
    "safe-private, extended-private"
)


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
    retain_dates: Annotated[
        bool, typer.Option("--retain-dates", help="Keep dates; else they are removed.")
    ] = False,
    shift_dates: Annotated[
        bool,
        typer.Option("--shift-dates", help="Shift dates, by as many days for all of a patient."),
    ] = False,
    retain: Annotated[
        list[str] | None,
        typer.Option("--retain", metavar="NAME,...", help=f"Keep more: {_NAMES}."),
    ] = None,
    project: Annotated[
        str,
        typer.Option(
            "--project",
            metavar="NAME",
            help="The same patient and UID become the same in all exports of a project.",
        ),
    ] = "",
    patient_id: Annotated[
        str,
        typer.Option(
            "--patient-id",
            metavar="TEXT",
            help="New PatientID; {code} is a keyed code, {number} counts patients.",
        ),
    ] = "{code}",
    patient_name: Annotated[
        str, typer.Option("--patient-name", metavar="TEXT", help="New PatientName, likewise.")
    ] = "{code}",
    pseudonyms: Annotated[
        Path | None,
        typer.Option(
            "--pseudonyms", metavar="FILE.csv", help="Original and new PatientID, one pair a line."
        ),
    ] = None,
    blackout: Annotated[
        list[str] | None,
        typer.Option(
            "--blackout",
            metavar="X,Y,W,H[@MODALITY]",
            help="Rectangle of pixels to black out; @ also takes a series UID.",
        ),
    ] = None,
    pixels_checked: Annotated[
        bool,
        typer.Option("--pixels-checked", help="I have looked: no text is burned into the images."),
    ] = False,
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--mapping", metavar="FILE", help="Note which pseudonym stands for whom; keep it safe."
        ),
    ] = None,
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
    if retain_dates and shift_dates:
        raise typer.BadParameter("dates are either kept or shifted: give one of the two")
    try:
        profile = _profile(
            retain or [],
            "keep" if retain_dates else "shift" if shift_dates else "remove",
            blackout or [],
            pseudonyms=_pseudonyms(pseudonyms),
            project=project,
            patient_id=patient_id,
            patient_name=patient_name,
            pixels_confirmed=pixels_checked,
        )
    except ExportError as error:
        raise typer.BadParameter(str(error)) from error
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
            mapping=mapping, add_to=add_to, progress=progress,
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


def _profile(retain: Sequence[str], dates: str, blackout: Sequence[str], **others: Any) -> Profile:
    from napari_dicomdb.export.deidentification.profile import Profile, parse_rectangle

    names = [name.strip() for text in retain for name in text.split(",") if name.strip()]
    rectangles = tuple(parse_rectangle(text) for text in blackout)
    return Profile.retaining(names, dates=dates, blackout=rectangles, **others)


def _pseudonyms(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExportError(f"{path} cannot be read as a list of pseudonyms") from error
    wrong = [number for number, row in enumerate(rows, 1) if len(row) != 2 or not all(row)]
    if wrong:
        raise ExportError(f"{path}, line {wrong[0]}: give the original ID, a comma, the new ID")
    return {row[0]: row[1] for row in rows}


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
