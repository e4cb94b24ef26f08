"""The verb that asks other DICOM programs what they have: find."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import (
    print_json,
    print_table,
    progress_bar,
    say,
    say_error,
)
from napari_dicomdb.errors import DatabaseError, NotFoundError, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dicomdb.api import Database
    from napari_dicomdb.network.finding import FindReport, Merged
    from napari_dicomdb.network.node import Node

    Column = tuple[str, Callable[[Merged], object]]

__all__ = ["find", "register"]

_KEY = re.compile(r"([A-Za-z][A-Za-z0-9.]*)=(.*)", re.DOTALL).fullmatch


class FindLevel(StrEnum):
    """What each answer is about."""

    PATIENT = "patient"
    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


def find(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME...] [KEYWORD=VALUE...]",
            help="Nodes, and what to look for: PatientName='DOE*' StudyDate=2020.. "
            "ModalitiesInStudy='CT\\MR'.",
        ),
    ] = None,
    level: Annotated[
        FindLevel, typer.Option("--level", "-l", help="What to list.")
    ] = FindLevel.STUDY,
    all_nodes: Annotated[bool, typer.Option("--all-nodes", help="Ask all nodes.")] = False,
    here: Annotated[
        bool, typer.Option("--here", help="Look in the local database, too, or alone.")
    ] = False,
    returned: Annotated[
        list[str] | None,
        typer.Option("--return", "-r", metavar="KEYWORD", help="Ask for this value, too."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop each node after so many answers.")
    ] = None,
    patient_root: Annotated[
        bool, typer.Option("--patient-root", help="Prefer the Patient Root information model.")
    ] = False,
    fuzzy: Annotated[
        bool, typer.Option("--fuzzy", help="Names that sound alike, where a node offers that.")
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Ask nodes for patients, studies, series or instances; says what of them is here."""
    from napari_dicomdb.network.finding import find as find_at
    from napari_dicomdb.network.query import Query

    names, keys = _sorted_words(words or [])
    nodes = _nodes(names, all_nodes)
    if not nodes and not here:
        raise typer.BadParameter("say whom to ask: NAME, --all-nodes or --here")
    try:
        query = Query(
            level.value,
            keys,
            root="patient" if patient_root else "study",
            returned=tuple(returned or ()),
            limit=limit,
            fuzzy=fuzzy,
        )
    except QueryError as error:
        raise typer.BadParameter(str(error)) from error
    database = _database(db, needed=here)
    try:
        with progress_bar() as progress:
            report = find_at(nodes, query, database=database, here=here, progress=progress)
    finally:
        if database is not None:
            database.close()
    if json_:
        print_json(report.to_json())
    else:
        _print(report, returned or [])
    _tell_outcomes(report)


def _sorted_words(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    names: list[str] = []
    keys: dict[str, str] = {}
    for word in words:
        found = _KEY(word)
        if found is None:
            names.append(word)
        elif found[1] in keys:
            keys[found[1]] += f"\\{found[2]}"  # several: any of them
        else:
            keys[found[1]] = found[2]
    return names, keys


def _nodes(names: Sequence[str], all_nodes: bool) -> list[Node]:
    from napari_dicomdb.network.nodes import find_node, load_nodes

    if not all_nodes:
        return [find_node(name) for name in dict.fromkeys(names)]
    if names:
        raise typer.BadParameter("give either names or --all-nodes")
    nodes = load_nodes()
    if not nodes:
        raise NotFoundError("there are no nodes yet: dicomdb nodes add", reason="no-node")
    return nodes


def _database(directory: Path | None, *, needed: bool) -> Database | None:
    """Open the database; without one nothing is here, and that is no error."""
    try:
        return open_database(directory, read_only=True)
    except (NotFoundError, DatabaseError) as error:
        if needed:
            raise
        if error.reason != "no-database":
            say_error(f"what is here cannot be said: {error}", error.reason)
        return None


def _tell_outcomes(report: FindReport) -> None:
    for outcome in report.nodes:
        if outcome.text:
            say_error(f"{outcome.node or 'this database'}: {outcome.text}", outcome.reason or None)
    if not report.ok:
        raise typer.Exit(1)


# -- tables ---------------------------------------------------------------------------------


def _value(keyword: str) -> Callable[[Merged], object]:
    return lambda one: _shown(keyword, one.values.get(keyword, ""))


def _shown(keyword: str, value: object) -> str:
    from napari_dicomdb.dicom.values import display_name, parse_date

    if not isinstance(value, str):
        return ""
    if keyword.endswith("Name"):
        return display_name(value)
    if keyword.endswith("Date"):
        return parse_date(value) or value
    return value.replace("\\", " ")


def _here(one: Merged) -> str:
    held = max(match.held_count for match in one.matches)
    if one.held != "part":
        return "yes" if one.held == "all" else ""
    return f"{held} of {one.count}" if one.count else f"{held}"


def _where(one: Merged) -> str:
    return ", ".join(name or "here" for name in one.nodes)


def _matrix(one: Merged) -> str:
    columns, rows = one.values.get("Columns", ""), one.values.get("Rows", "")
    return f"{columns} x {rows}" if columns and rows else ""


def _count(one: Merged) -> object:
    return "" if one.count is None else one.count


_COLUMNS: dict[str, tuple[Column, ...]] = {
    "patient": (
        ("ID", _value("PatientID")),
        ("name", _value("PatientName")),
        ("born", _value("PatientBirthDate")),
        ("sex", _value("PatientSex")),
        ("studies", _value("NumberOfPatientRelatedStudies")),
        ("here", _here),
        ("where", _where),
    ),
    "study": (
        ("date", _value("StudyDate")),
        ("name", _value("PatientName")),
        ("ID", _value("PatientID")),
        ("modalities", _value("ModalitiesInStudy")),
        ("description", _value("StudyDescription")),
        ("series", _value("NumberOfStudyRelatedSeries")),
        ("instances", _count),
        ("here", _here),
        ("where", _where),
        ("study UID", lambda one: one.first.study_uid),
    ),
    "series": (
        ("#", _value("SeriesNumber")),
        ("modality", _value("Modality")),
        ("description", _value("SeriesDescription")),
        ("instances", _count),
        ("date", _value("SeriesDate")),
        ("here", _here),
        ("where", _where),
        ("series UID", lambda one: one.first.series_uid),
    ),
    "instance": (
        ("#", _value("InstanceNumber")),
        ("frames", _value("NumberOfFrames")),
        ("matrix", _matrix),
        ("here", _here),
        ("where", _where),
        ("SOP instance UID", lambda one: one.first.instance_uid),
    ),
}
_NUMBERS = ("studies", "series", "instances", "#", "frames")


def _ordered(report: FindReport) -> list[Merged]:
    """Return patients by name, studies latest first, series and instances by number."""

    def number(one: Merged, keyword: str) -> tuple[str, float]:
        text = str(one.values.get(keyword, ""))
        in_study = one.first.series_uid if keyword == "InstanceNumber" else one.first.study_uid
        return in_study, int(text) if text.isascii() and text.isdigit() else float("inf")

    merged = report.merged()
    if report.query.level == "patient":
        return sorted(merged, key=lambda one: str(one.values.get("PatientName", "")).casefold())
    if report.query.level == "study":
        return sorted(merged, key=lambda one: str(one.values.get("StudyDate", "")), reverse=True)
    keyword = "SeriesNumber" if report.query.level == "series" else "InstanceNumber"
    return sorted(merged, key=lambda one: number(one, keyword))


def _print(report: FindReport, returned: Sequence[str]) -> None:
    merged = _ordered(report)
    columns = [*_COLUMNS[report.query.level], *((name, _value(name)) for name in returned)]
    if merged:
        print_table(
            [title for title, _ in columns],
            ([value(one) for _, value in columns] for one in merged),
            right=_NUMBERS,
        )
    say(report.summary().split("\n", 1)[0])


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("find")(find)
