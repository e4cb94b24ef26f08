"""The verbs that list what the database holds: ls, info."""

from __future__ import annotations

import re
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, named_path, open_database
from napari_dicomdb.cli.output import (
    print_json,
    print_json_list,
    print_table,
    progress_bar,
    say,
    say_error,
    visible,
)
from napari_dicomdb.database import search_several
from napari_dicomdb.database.listing import ORDERS
from napari_dicomdb.database.search import remarks
from napari_dicomdb.errors import NotFoundError
from napari_dicomdb.settings import default_database, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_dicomdb.api import Database
    from napari_dicomdb.database import InstanceRecord, PatientRecord, SeriesRecord, StudyRecord
    from napari_dicomdb.database.related import Related

__all__ = ["info", "ls", "register"]

_PAGE = 1000
_ASKS_FINDINGS = re.compile(r"\bhas:\"?(findings|warnings|errors)\b", re.IGNORECASE)


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
            "--search",
            "-s",
            metavar="TEXT",
            help='e.g. "chest modality:CT date:2020.. slices:>100"; @NAME is a saved one.',
        ),
    ] = None,
    patient: Annotated[str | None, typer.Option(help="Only this PatientID.")] = None,
    study: Annotated[str | None, typer.Option(help="Only this StudyInstanceUID.")] = None,
    series: Annotated[str | None, typer.Option(help="Only this SeriesInstanceUID.")] = None,
    modality: Annotated[str | None, typer.Option(help="Only series of this modality.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="List this many at most.")] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help='e.g. "date", "size"; "-date" is latest first.'),
    ] = None,
    db: Annotated[
        list[Path] | None,
        typer.Option(
            "--db",
            metavar="DIR",
            parser=named_path,
            help="Database directory, or several; the default one when absent.",
        ),
    ] = None,
    all_databases: Annotated[
        bool, typer.Option("--all-databases", help="All databases that were opened lately.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """List patients, studies, series (default) or instances."""
    if search:
        for remark in remarks(search):
            say_error(remark)
    text = _text(search, patient, study, series, modality)
    if all_databases or (db is not None and len(db) > 1):
        if level is not Level.SERIES:
            raise typer.BadParameter("of several databases, series are listed")
        if sort is not None:
            raise typer.BadParameter("series of several databases are listed latest first")
        places = list(db or ())
        if all_databases:
            settings = load_settings()
            places += [default_database(), *settings.recent_databases]
        _print_several(places, text, limit, json_)
        return
    with open_database(db[0] if db else None, read_only=True) as database:
        if patient is not None and not database.patients(text=f'id:"={patient}"', limit=1):
            raise NotFoundError(f"no patient has the ID {patient!r}")
        if search and _ASKS_FINDINGS.search(search):
            _say_unexamined(database)
        order = _order(sort, level, searched=bool(search))
        pages: Iterator[list[Any]]
        if level is Level.PATIENTS:
            pages = _pages(lambda **page: database.patients(text=text, **order, **page), limit)
            _print_pages(pages, _patient_json, _print_patients, json_)
        elif level is Level.STUDIES:
            pages = _pages(lambda **page: database.studies(text=text, **order, **page), limit)
            _print_pages(pages, asdict, _print_studies, json_)
        elif level is Level.SERIES:
            pages = _pages(lambda **page: database.series(text=text, **order, **page), limit)
            _print_pages(_with_links(database, pages), _series_json, _print_series, json_)
        else:
            chosen = _pages(lambda **page: database.series(text=text, **order, **page), None)
            one_by_one = (database.instances(series=s) for page in chosen for s in page)
            _print_pages(_limited(one_by_one, limit), _instance_json, _print_instances, json_)


def _say_unexamined(database: Database) -> None:
    count = len(database.unexamined())
    if count:
        say_error(
            f"{count} series {'has' if count == 1 else 'have'} not been examined yet, so nothing "
            "is known of what is wrong with them: dicomdb examine --all"
        )


def _text(
    search: str | None,
    patient: str | None,
    study: str | None,
    series: str | None,
    modality: str | None,
) -> str:
    """Return the search that the options mean together; each is one condition."""
    given = {
        "id": None if patient is None else f"={patient}",
        "uid": series,
        "study": study,
        "modality": modality,
    }
    parts: list[str] = []
    for name, value in given.items():
        if value is not None:
            if '"' in value or not value:
                raise NotFoundError(f"nothing has the {name} {value!r:.200}")
            parts.append(f'{"uid" if name == "study" else name}:"{value}"')
    # What begins with OR is an alternative to nothing, not to the options.
    return " ".join([*parts, '""', search or ""])


def _order(sort: str | None, level: Level, *, searched: bool) -> dict[str, Any]:
    """Return the parameters that order a list."""
    table = {Level.PATIENTS: "patient", Level.STUDIES: "study"}.get(level, "series")
    if sort is None:
        if table == "series" and searched:
            return {"order": "date", "descending": True}
        return {"order": {"patient": "name", "study": "date", "series": "number"}[table]}
    order = sort.removeprefix("-")
    if order not in ORDERS[table]:
        raise typer.BadParameter(f"sort by one of {', '.join(ORDERS[table])}")
    return {"order": order, "descending": sort.startswith("-")}


def _pages(read: Callable[..., list[Any]], limit: int | None) -> Iterator[list[Any]]:
    """Read a list page by page: it may be of a million."""
    offset = 0
    while limit is None or offset < limit:
        size = _PAGE if limit is None else min(_PAGE, limit - offset)
        page = read(limit=size, offset=offset)
        if page or not offset:
            yield page
        if len(page) < size:
            return
        offset += len(page)


def _limited(pages: Iterator[list[Any]], limit: int | None) -> Iterator[list[Any]]:
    left = limit
    for page in pages:
        yield page if left is None else page[:left]
        if left is not None:
            left -= len(page)
            if left <= 0:
                return


def _print_pages(
    pages: Iterator[list[Any]],
    as_json: Callable[[Any], dict[str, Any]],
    show: Callable[[list[Any]], None],
    json_: bool,
) -> None:
    if json_:
        print_json_list(as_json(record) for page in pages for record in page)
        return
    for page in pages:
        show(page)


def _print_several(places: list[Path], text: str, limit: int | None, json_: bool) -> None:
    with progress_bar(quiet=json_) as progress:
        found = search_several(places, text, limit=limit, progress=progress)
    if json_:
        print_json(
            {
                "hits": [
                    {"database": str(hit.database), **asdict(hit.series)} for hit in found.hits
                ],
                "failures": [{"path": str(path), "text": why} for path, why in found.failures],
            }
        )
    else:
        print_table(
            ("database", "patient", "modality", "description", "images", "date", "series UID"),
            (
                (
                    hit.database,
                    hit.patient.display_name,
                    hit.series.modality,
                    hit.series.description,
                    hit.series.frame_count,
                    hit.series.date,
                    hit.series.uid,
                )
                for hit in found.hits
            ),
            right=("images",),
        )
    for path, why in found.failures:
        say_error(f"{path}: {why}")
    if found.failures:
        raise typer.Exit(1)


def _patient_json(record: PatientRecord) -> dict[str, Any]:
    return asdict(record)


def _spacing(series: SeriesRecord) -> str:
    """Return the edges of a voxel, mm, as far as they are known."""
    edges = [*(series.spacing or ()), *((series.slice_spacing,) if series.slice_spacing else ())]
    return " x ".join(f"{edge:.4g}" for edge in edges)


def _print_patients(patients: list[PatientRecord]) -> None:
    print_table(
        ("ID", "name", "born", "sex", "studies", "last study"),
        (
            (p.patient_id, p.display_name, p.birth_date, p.sex, p.study_count, p.last_study_date)
            for p in patients
        ),
        right=("studies",),
    )


def _print_studies(studies: list[StudyRecord]) -> None:
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


def _with_links(
    database: Database, pages: Iterator[list[SeriesRecord]]
) -> Iterator[list[tuple[SeriesRecord, Related]]]:
    for page in pages:
        each = database.related_each(page)
        yield [(one, each[one.uid]) for one in page]


def _series_json(linked: tuple[SeriesRecord, Related]) -> dict[str, Any]:
    series, related = linked
    return asdict(series) | {
        "sources": [one.uid for one in related.sources],
        "missing_sources": related.missing,
        "results": [one.uid for one in related.results],
    }


def _links(related: Related) -> str:
    """Return what a series is linked to, by numbers: "of #2", "2 results"."""
    found = []
    if related.sources:
        numbers = ("?" if one.number is None else f"#{one.number}" for one in related.sources)
        found.append(f"of {' '.join(numbers)}")
    elif related.missing:
        found.append("source not here")
    if related.results:
        count = len(related.results)
        found.append(f"{count} result{'s' if count > 1 else ''}")
    return ", ".join(found)


def _print_series(series: list[tuple[SeriesRecord, Related]]) -> None:
    linked = any(_links(related) for _, related in series)
    more = ("linked",) if linked else ()
    print_table(
        ("#", "modality", "description", "images", "matrix", "mm", "date", *more, "series UID"),
        (
            (
                s.number,
                s.modality,
                s.description,
                s.frame_count,
                f"{s.columns} x {s.rows}" if s.rows else "",
                _spacing(s),
                s.date,
                *((_links(related),) if linked else ()),
                s.uid,
            )
            for s, related in series
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


def _print_instances(instances: list[InstanceRecord]) -> None:
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
