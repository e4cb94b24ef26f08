"""The verb that watches folders and imports what arrives in them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption, open_database
from napari_dicomdb.cli.output import print_json, print_table, say, say_error, visible
from napari_dicomdb.errors import NotFoundError

if TYPE_CHECKING:
    from napari_dicomdb.api import Database
    from napari_dicomdb.database import ImportReport
    from napari_dicomdb.database.watching import FolderWatcher

__all__ = ["register", "watch"]

_SETTLE = 2.0
"""Seconds for which a file must stay as it is."""

PathsOption = list[Path] | None


def watch(
    paths: Annotated[
        PathsOption,
        typer.Argument(
            metavar="[PATH...]",
            help="Folders to watch from now on, beside those watched already.",
        ),
    ] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy what arrives in PATH into the database.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Import what is there and complete, then stop.")
    ] = False,
    interval: Annotated[
        float, typer.Option("--interval", min=0.5, metavar="S", help="Seconds between two looks.")
    ] = 5.0,
    list_: Annotated[
        bool, typer.Option("--list", help="List the watched folders; watch nothing.")
    ] = False,
    remove: Annotated[
        PathsOption,
        typer.Option("--remove", metavar="PATH", help="Watch this folder no longer."),
    ] = None,
    pause: Annotated[
        PathsOption, typer.Option("--pause", metavar="PATH", help="Import nothing from it.")
    ] = None,
    resume: Annotated[
        PathsOption, typer.Option("--resume", metavar="PATH", help="Import from it again.")
    ] = None,
    db: DatabaseOption = None,
    json_: JsonOption = False,
) -> None:
    """Watch folders: files that arrive are imported as soon as they are complete.

    Folders are remembered with the database; napari's browser watches them, too.
    Stop with Ctrl+C.
    """
    told = bool(remove or pause or resume)
    reading = list_ and not paths and not told
    with open_database(db, create=bool(paths), read_only=reading) as database:
        for path in paths or []:
            database.watch_folder(path, copy=copy)
        for path in remove or []:
            database.unwatch_folder(path)
        _set_paused(database, pause or [], True)
        _set_paused(database, resume or [], False)
        if list_ or (told and not paths):
            _list(database, json_)
            return
        if not database.watched_folders():
            raise typer.BadParameter("no folder is watched yet: name one")
        watcher = _watcher(database)
        if once:
            _once(watcher, json_)
            return
        if not json_:
            count = len(database.watched_folders())
            say(f"watching {count} folder{'' if count == 1 else 's'}; Ctrl+C stops")
        while True:
            report = watcher.poll()
            if report is not None:
                _tell(report, json_)
            time.sleep(interval)


def _watcher(database: Database) -> FolderWatcher:
    from napari_dicomdb.database.watching import FolderWatcher

    return FolderWatcher(database, settle=_SETTLE)


def _once(watcher: FolderWatcher, json_: bool) -> None:
    from napari_dicomdb.database import ImportReport

    report = watcher.poll()
    if report is None:
        if watcher.is_waiting:
            time.sleep(_SETTLE + 0.1)
            report = watcher.poll()
        report = report or ImportReport()
    _tell(report, json_)
    away = [state for state in watcher.states() if state.state == "waiting"]
    for state in away:
        say_error(f"{state.folder.path} is not there: {state.text}", "no-folder")
    if away or report.rejected or report.stopped:
        raise typer.Exit(1)


def _set_paused(database: Database, paths: list[Path], paused: bool) -> None:
    watched = {folder.path: folder for folder in database.watched_folders()}
    for path in paths:
        folder = watched.get(Path(os.path.abspath(path)))
        if folder is None:
            raise NotFoundError(f"{path} is not watched", reason="not-watched")
        database.watch_folder(folder.path, copy=folder.copy, paused=paused)


def _list(database: Database, json_: bool) -> None:
    folders = database.watched_folders()
    if json_:
        print_json([{**folder.to_json(), "there": folder.path.is_dir()} for folder in folders])
        return
    print_table(
        ("folder", "files are", "state"),
        [
            (
                folder.path,
                "copied" if folder.copy else "linked",
                "paused"
                if folder.paused
                else ("watched" if folder.path.is_dir() else "waits for the drive"),
            )
            for folder in folders
        ],
    )


def _tell(report: ImportReport, json_: bool) -> None:
    if json_:
        print_json(report.to_json())
        return
    say(report.summary())
    for path, reason, text in report.rejected:
        typer.echo(f"refused: {visible(path)}: {visible(text)} [{reason}]", err=True)


def register(app: typer.Typer) -> None:
    """Add this module's verbs to `app`."""
    app.command("watch")(watch)
