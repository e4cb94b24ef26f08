"""The verbs about databases as such: db ls, create, switch, move, forget, check."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from napari_dicomdb.cli.options import DatabaseOption, JsonOption
from napari_dicomdb.cli.output import print_json, print_table, progress_bar, say, say_error
from napari_dicomdb.cli.upkeep import check
from napari_dicomdb.errors import NotFoundError

__all__ = ["app", "register"]

app = typer.Typer(
    name="db", help="Databases: list, create, switch, move, forget.", no_args_is_help=True
)

_Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Database directory.")]


@app.command("ls")
def list_(db: DatabaseOption = None, json_: JsonOption = False) -> None:
    """List the databases opened before, latest first, and how they are found."""
    from napari_dicomdb.database.inspecting import inspect_database
    from napari_dicomdb.settings import default_database, load_settings

    default = Path(os.path.abspath(default_database()))
    known = dict.fromkeys(load_settings().recent_databases)
    for further in (default, db):
        if further is not None:
            known.setdefault(Path(os.path.abspath(further)))
    states = [inspect_database(path) for path in known]
    if json_:
        print_json(
            [
                {
                    "path": str(state.path),
                    "default": state.path == default,
                    "exists": state.state not in ("missing", "no database"),
                    "state": str(state.state),
                    "text": state.text,
                    "patients": state.patients,
                    "studies": state.studies,
                    "series": state.series,
                    "instances": state.instances,
                    "size": state.size,
                }
                for state in states
            ]
        )
        return
    print_table(
        ("", "directory", "state", "studies", "series", "instances", "MB"),
        (
            (
                "*" if state.path == default else "",
                state.path,
                state.state,
                *(
                    (state.studies, state.series, state.instances, f"{state.size / 1e6:.1f}")
                    if state.can_open
                    else ("", "", "", "")
                ),
            )
            for state in states
        ),
        right=("studies", "series", "instances", "MB"),
    )


@app.command()
def create(
    directory: _Directory,
    switch_: Annotated[
        bool, typer.Option("--switch", help="Open it from now on when none is named.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Make a new, empty database."""
    from napari_dicomdb.api import Database
    from napari_dicomdb.errors import DatabaseError
    from napari_dicomdb.settings import remember_database

    if (directory / "dicomdb.sqlite").exists():
        raise DatabaseError(f"{directory} has a database already", reason="exists")
    Database.open(directory).close()
    remember_database(directory, as_default=switch_)
    _tell(directory, "created", json_)


@app.command()
def switch(directory: _Directory, json_: JsonOption = False) -> None:
    """Open this database from now on when none is named."""
    from napari_dicomdb.api import Database
    from napari_dicomdb.settings import DATABASE_VARIABLE, remember_database

    Database.open(directory, create=False, read_only=not os.access(directory, os.W_OK)).close()
    remember_database(directory, as_default=True)
    _tell(directory, "is the default now", json_)
    if os.environ.get(DATABASE_VARIABLE):
        say_error(f"{DATABASE_VARIABLE} is set: while it is, that one is used", "overridden")


@app.command()
def move(
    source: _Directory,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Its new place.")],
    json_: JsonOption = False,
) -> None:
    """Move a database that no program has open; into TARGET when that is a folder."""
    from napari_dicomdb.api import Database

    if target.is_dir() and any(target.iterdir()):
        target = target / source.resolve().name
    with progress_bar(quiet=json_) as progress:
        moved = Database.move(source, target, progress)
    _tell(moved, "is where the database is now", json_)


@app.command()
def forget(directory: _Directory, json_: JsonOption = False) -> None:
    """Take a database off the list; it stays where it is."""
    from napari_dicomdb.settings import forget_database, load_settings

    path = Path(os.path.abspath(directory))
    settings = load_settings()
    if path not in settings.recent_databases and path != settings.database:
        raise NotFoundError(f"{path} is not on the list: see `dicomdb db ls`")
    forget_database(path)
    _tell(path, "is off the list", json_)


def _tell(path: Path, text: str, json_: bool) -> None:
    directory = os.path.abspath(path)
    if json_:
        print_json({"path": directory})
    else:
        say(f"{directory} {text}")


def register(main: typer.Typer) -> None:
    """Add the group of verbs to `main`."""
    app.command("check")(check)
    main.add_typer(app, name="db")
