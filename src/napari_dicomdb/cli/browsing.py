"""The verbs that list what the database holds: ls, info."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, print_table, say, visible
from napari_dicomdb.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dicomdb.api import Database
    from napari_dicomdb.database import InstanceRecord, PatientRecord, SeriesRecord, StudyRecord

__all__ = ["info", "ls", "register"]


class Level(StrEnum):
    """What `ls` lists a line each."""

    PATIENTS = "patients"
    STUDIES = "studies"
    SERIES = "series"
    INSTANCES = "instances"


def ls(
    level: Annotated[Level, typer.Argument(help="What to list.")] = Level.SERIES,
    search: Annotated[
        str | None,
        typer.Option(
            "--search", "-s", metavar="TEXT", help='e.g. "chest modality:CT date:2020.."'
        ),
    ] = None,
    patient: Annotated[str | None, typer.Option(help="Only this PatientID.")] = None,
    study: Annotated[str | None, typer.Option(help="Only this StudyInstanceUID.")] = None,
    series: Annotated[str | None, typer.Option(help="Only this SeriesInstanceUID.")] = None,
    modality: Annotated[str | None, typer.Option(help="Only series of this modality.")] = None,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """List patients, studies, series (default) or instances."""
    with open_database(db, read_only=True) as database:
        chosen = _series(database, search, patient, study, series, modality)
        if level is Level.SERIES:
            _print_series(chosen, json_)
        elif level is Level.INSTANCES:
            _print_instances((i for s in chosen for i in database.instances(series=s.uid)), json_)
        elif level is Level.STUDIES:
            keys = {s.study_key for s in chosen}
            _print_studies([s for s in database.studies() if s.key in keys], json_)
        else:
            keys = {s.patient_key for s in chosen}
            _print_patients([p for p in database.patients() if p.key in keys], json_)


def _series(
    database: Database,
    search: str | None,
    patient: str | None,
    study: str | None,
    series: str | None,
    modality: str | None,
) -> list[SeriesRecord]:
    found = database.search(search) if search else database.series()
    if patient is not None:
        keys = {p.key for p in database.patients() if p.patient_id == patient}
        if not keys:
            raise NotFoundError(f"no patient has the ID {patient!r}")
        found = [s for s in found if s.patient_key in keys]
    if study is not None:
        found = [s for s in found if s.study_uid == study]
    if series is not None:
        found = [s for s in found if s.uid == series]
    if modality is not None:
        found = [s for s in found if s.modality == modality.upper()]
    return list(found)


def _print_patients(patients: list[PatientRecord], json_: bool) -> None:
    if json_:
        print_json([asdict(p) for p in patients])
        return
    print_table(
        ("ID", "name", "born", "sex", "studies", "last study"),
        (
            (p.patient_id, p.display_name, p.birth_date, p.sex, p.study_count, p.last_study_date)
            for p in patients
        ),
        right=("studies",),
    )


def _print_studies(studies: list[StudyRecord], json_: bool) -> None:
    if json_:
        print_json([asdict(s) for s in studies])
        return
    print_table(
        ("date", "modalities", "description", "series", "instances", "study UID"),
        (
            (
                s.date,
                " ".join(s.modalities),
                s.description,
                s.series_count,
                s.instance_count,
                s.uid,
            )
            for s in studies
        ),
        right=("series", "instances"),
    )


def _print_series(series: list[SeriesRecord], json_: bool) -> None:
    if json_:
        print_json([asdict(s) for s in series])
        return
    print_table(
        ("#", "modality", "description", "images", "matrix", "date", "series UID"),
        (
            (
                s.number,
                s.modality,
                s.description,
                s.frame_count,
                f"{s.columns} x {s.rows}" if s.rows else "",
                s.date,
                s.uid,
            )
            for s in series
        ),
        right=("#", "images"),
    )


def _instance_json(record: InstanceRecord) -> dict[str, Any]:
    return {
        "uid": record.uid,
        "series_uid": record.series_uid,
        "sop_class_uid": record.sop_class_uid,
        "number": record.number,
        "path": str(record.path),
        "storage": record.storage,
        "transfer_syntax_uid": record.transfer_syntax_uid,
        "rows": record.rows,
        "columns": record.columns,
        "frame_count": record.frame_count,
        "position": record.position,
        "orientation": record.orientation,
        "pixel_spacing": record.pixel_spacing,
    }


def _print_instances(instances: Iterable[InstanceRecord], json_: bool) -> None:
    if json_:
        print_json([_instance_json(i) for i in instances])
        return
    print_table(
        ("#", "frames", "matrix", "SOP instance UID", "file"),
        (
            (
                i.number,
                i.frame_count,
                f"{i.columns} x {i.rows}" if i.rows else "",
                i.uid,
                i.path,
            )
            for i in instances
        ),
        right=("#", "frames"),
    )


def info(db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """Say where the database is, what it holds and how much room it takes."""
    with open_database(db, read_only=True) as database:
        facts = database.info()
    if json_:
        print_json(facts)
        return
    width = max(len(str(name)) for name in facts)
    for name, value in facts.items():
        say(f"{name!s:<{width}}  {visible(value)}")


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("ls")(ls)
    app.command("info")(info)
