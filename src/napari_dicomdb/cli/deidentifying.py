"""The verb that writes anonymised copies: deidentify."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from napari_dicomdb.export.deidentification.report import DeidentificationReport

__all__ = ["deidentify", "register"]


def deidentify(
    targets: WhatArgument = None,
    to: Annotated[Path | None, PlaceOption] = None,
    patient: PatientOption = None,
    search: SearchOption = None,
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
    dicomdir: DicomdirOption = False,
    zip_: ZipOption = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Write anonymised copies by the Basic Profile of DICOM PS3.15 annex E.

    Names, IDs, dates, UIDs, free text and private attributes are removed or
    replaced, at every depth; pixels stay bit for bit. Images that may show burned-in
    text are held back until rectangles are blacked out or --pixels-checked is given.
    """
    what = goods("anonymise", targets, patient, search)
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
    place, archive = as_archive(to or Path("anonymised"), zip_)
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar())
        opened = partial(open_database, db, read_only=not add)
        database, records, refused = stack.enter_context(what.found(progress, opened))
        add_to = None
        if add:
            in_memory = bool(what.paths)
            add_to = stack.enter_context(open_database(db, create=True)) if in_memory else database
        report = database.deidentify(
            records, place, profile, dicomdir=dicomdir, archive=archive, dry_run=dry_run,
            mapping=mapping, passphrase=passphrase, add_to=add_to, progress=progress,
        )  # fmt: skip
    report.rejected = [*refused, *report.rejected]
    _tell(report, json_)


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
