"""The verb that retrieves from another DICOM program: get."""

from __future__ import annotations

import re
import shutil
import signal
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dicomdb.cli.jobs import refuse_unkept, say_queued
from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, progress_bar, say, say_error
from napari_dicomdb.errors import Cancelled, NotFoundError, QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from napari_dicomdb.api import Database
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.retrieve_report import RetrieveReport, Wanted
    from napari_dicomdb.progress import Progress

__all__ = ["get", "register"]

_KEY = re.compile(r"([A-Za-z][A-Za-z0-9.]*)=(.*)", re.DOTALL).fullmatch
_UNIQUE = {  # the lowest level first
    "SOPInstanceUID": "instance",
    "SeriesInstanceUID": "series",
    "StudyInstanceUID": "study",
    "PatientID": "patient",
}
_NEEDED = {
    "patient": {"PatientID"},
    "study": {"StudyInstanceUID"},
    "series": {"StudyInstanceUID", "SeriesInstanceUID"},
    "instance": {"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"},
}
_STAGING = ".dicomdb-get"
_INTERRUPTED = 130


class GetLevel(StrEnum):
    """What is retrieved as a whole."""

    PATIENT = "patient"
    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the node; see `dicomdb nodes`.")],
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="KEYWORD=VALUE...",
            help="What to retrieve: StudyInstanceUID=1.2.3, or as for `find`: PatientID=4711 "
            "StudyDate=2020..",
        ),
    ],
    level: Annotated[
        GetLevel | None,
        typer.Option(
            "--level", "-l", help="What to retrieve of what is found; else as the keys say."
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all/--missing", help="Retrieve also what is here, or only what is not."),
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Write files there; no database is needed."),
    ] = None,
    queue: Annotated[
        bool,
        typer.Option("--queue", help="Add a job that does it in the background; see `jobs`."),
    ] = False,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Retrieve studies, series or instances from a node (C-GET, C-MOVE, WADO-RS).

    What was interrupted goes on where it stopped when it is asked for again.
    """
    from napari_dicomdb.network.nodes import find_node

    keys = _keys(words)
    if to is not None and (queue or everything):
        raise typer.BadParameter("--to goes with neither --queue nor --all")
    node = find_node(name)
    with progress_bar(quiet=json_) as bar, _until_ctrl_c(bar) as progress:
        wanted = _wanted(node, keys, level, progress)
        if queue:
            with open_database(db, create=True) as database:
                _add_job(database, node, wanted, everything, json_)
            return
        if to is not None:
            report = _retrieve_to(to, node, wanted, progress)
        else:
            with open_database(db, create=True) as database:
                report = database.retrieve(
                    wanted, node, only_missing=not everything, progress=progress
                )
    if json_:
        print_json(report.to_json())
    else:
        say(report.summary())
    for uid, reason, text in report.failed:
        if reason != "cancelled":  # how many there are is in the summary
            say_error(f"{uid}: {text}" if uid else text, reason)
    if report.cancelled:
        say_error("what has come is kept; the same command goes on with the rest", "cancelled")
        raise typer.Exit(_INTERRUPTED)
    if not report.ok:
        raise typer.Exit(1)


@contextmanager
def _until_ctrl_c(progress: Progress) -> Iterator[Progress]:
    """Give a progress callback that cancels after Ctrl+C; a second one ends at once."""
    is_stopped = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal is_stopped
        is_stopped = True
        signal.signal(signal.SIGINT, before)

    def tell(done: int, total: int | None, text: str) -> None:
        if is_stopped:
            raise Cancelled("interrupted")
        progress(done, total, text)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield tell
    finally:
        signal.signal(signal.SIGINT, before)


def _keys(words: Sequence[str]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for word in words:
        found = _KEY(word)
        if found is None:
            raise typer.BadParameter(f"{word!r:.80} is not KEYWORD=VALUE")
        # Several: any of them.
        keys[found[1]] = f"{keys[found[1]]}\\{found[2]}" if found[1] in keys else found[2]
    if not any(keys.values()):
        raise typer.BadParameter("say what to retrieve: StudyInstanceUID=1.2.3")
    return keys


def _wanted(
    node: Node, keys: dict[str, str], level: GetLevel | None, progress: Progress
) -> list[Wanted]:
    """Return what is named; what is not named exactly, the node is asked for."""
    from napari_dicomdb.network.finding import find
    from napari_dicomdb.network.query import Query
    from napari_dicomdb.network.retrieve_report import Wanted

    by_keys = next((one for key, one in _UNIQUE.items() if keys.get(key)), "study")
    if by_keys == "patient" and keys.keys() != {"PatientID"}:
        by_keys = "study"
    chosen = level.value if level is not None else by_keys
    plain = {key: value for key, value in keys.items() if value}
    exact = not any(c in value for value in plain.values() for c in "*?\\")
    named = set(plain) if chosen == "patient" else set(plain) - {"PatientID"}
    if exact and named == _NEEDED[chosen]:
        return [Wanted.of_keys(plain)]
    try:
        query = Query(chosen, keys)
    except QueryError as error:
        raise typer.BadParameter(str(error)) from error
    found = find([node], query, progress=progress)
    (outcome,) = found.nodes
    if not found.ok:
        raise QueryError(f"{node.name}: {outcome.text}", reason=outcome.reason or "no-query")
    if outcome.cut:
        raise QueryError(
            f"{node.name} has more of these than it is asked for ({outcome.text}): say more "
            "exactly what you want",
            reason="too-many",
        )
    if not found.matches:
        raise NotFoundError(f"{node.name} has nothing like that", reason="not-found")
    return [Wanted.of_match(match) for match in found.matches]


def _retrieve_to(
    target: Path, node: Node, wanted: Sequence[Wanted], progress: Progress
) -> RetrieveReport:
    """Write files: through a database in the target, which stays while something is missing."""
    from napari_dicomdb.api import Database
    from napari_dicomdb.export.files import export_files

    staging = target / _STAGING
    with Database.open(staging) as database:
        report = database.retrieve(wanted, node, progress=progress)
        records = database.patients()
        if records and not report.cancelled:
            try:
                written = export_files(database, records, target, by_link=True, progress=progress)
            except Cancelled:  # what has come stays in the database of the target
                report.cancelled = True
                return report
            report.failed += [
                ("", reason, f"{path}: {why}") for path, reason, why in written.rejected
            ]
    if report.ok:
        shutil.rmtree(staging)
    return report


def _add_job(
    database: Database, node: Node, wanted: Sequence[Wanted], everything: bool, json_: bool
) -> None:
    jobs = database.jobs()
    refuse_unkept(jobs)
    what = {"wanted": [one.to_json() for one in wanted], "only_missing": not everything}
    say_queued(jobs.add("retrieve", what, node=node.name), json_)


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("get")(get)
