"""Options that every verb shares, and finding the database they point to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_dicomdb.cli.output import say_error

if TYPE_CHECKING:
    from napari_dicomdb.api import Database

__all__ = [
    "DatabaseOption",
    "JsonOption",
    "LoadableOption",
    "RemoteOption",
    "TargetsArgument",
    "named_path",
    "open_database",
]


def named_path(text: str) -> Path:
    """Return the path that an option names; an empty one is wrong usage.

    Raises
    ------
    typer.BadParameter
        If `text` is empty: ``Path("")`` is the working folder, which nobody named.
    """
    if not text:
        raise typer.BadParameter("an empty path names nothing")
    return Path(text)


DatabaseOption = Annotated[
    Path | None,
    typer.Option(
        "--db",
        envvar="DICOMDB_DATABASE",
        metavar="DIR",
        parser=named_path,
        help="Database directory; the default one of the settings when absent.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
TargetsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="SERIES_UID|PATH...",
        help="Series of the database, or files and folders (no database needed).",
    ),
]
RemoteOption = Annotated[
    str | None,
    typer.Option(
        "--node",
        metavar="NAME",
        help="Series of this DICOMweb node, not imported: frames are fetched as they are needed.",
    ),
]
LoadableOption = Annotated[
    int | None,
    typer.Option("--loadable", "-n", min=1, metavar="N", help="Number that `examine` shows."),
]


def open_database(
    directory: Path | None, *, create: bool = False, read_only: bool = False
) -> Database:
    """Open the database at `directory`, or the default one.

    One that is opened to be filled (`create`) is put among the recent ones.

    Raises
    ------
    DatabaseError
        When it cannot be used.
    NotFoundError
        When it is absent and `create` is false.
    """
    from napari_dicomdb.api import Database
    from napari_dicomdb.settings import default_database, remember_database

    path = directory if directory is not None else default_database()
    database = Database.open(path, create=create, read_only=read_only)
    if create and directory is not None:
        # Once something was put into it, `--all-databases` and the window know it.
        try:
            remember_database(path)
        except OSError as error:
            say_error(f"the recent databases cannot be noted: {error.strerror or error}")
    return database
