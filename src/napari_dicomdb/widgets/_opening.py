"""How the windows open a database: read-only where it must be, never made by a slip."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dicomdb.errors import DatabaseError, DatabaseVersionError, DicomDbError, NotFoundError
from napari_dicomdb.settings import default_database, load_settings, remember_database

if TYPE_CHECKING:
    from napari_dicomdb.api import Database

__all__ = ["OpenFailure", "OpenRequest", "is_writable", "open_database"]


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """Which database to open, and how.

    Parameters
    ----------
    path : Path or None
        The directory; None: the default database.
    read_only : bool
        Open without the right to change anything.
    create : bool or None
        Whether to make it when there is none; None: unless it was there
        before, because then its drive or share is away.
    remembered : bool
        Put it first among the recent ones and open it the next time.
    """

    path: Path | None = None
    read_only: bool = False
    create: bool | None = None
    remembered: bool = True

    @property
    def directory(self) -> Path:
        """The directory that is meant."""
        return Path(os.path.abspath(self.path or default_database()))


@dataclass(frozen=True, slots=True)
class OpenFailure:
    """What was to be opened, and why it was not."""

    request: OpenRequest
    error: Exception

    @property
    def reason(self) -> str:
        """Reason code of the error."""
        if isinstance(self.error, DicomDbError):
            return self.error.reason
        return "cannot-open"


def is_writable(directory: Path) -> bool:
    """Whether this process may make files in `directory`, which is there."""
    return os.access(directory, os.W_OK)


def open_database(request: OpenRequest) -> Database:
    """Open what is asked for; read-only where it cannot be written.

    Raises
    ------
    DatabaseError, NotFoundError
        As `Database.open`, and when a database that was there before is not.
    """
    from napari_dicomdb.api import Database
    from napari_dicomdb.database.database import INDEX_NAME

    directory = request.directory
    index = directory / INDEX_NAME
    exists = index.is_file()
    if not exists and not _may_create(request, directory):
        raise NotFoundError(
            f"There is no database in {directory} now. If it lies on a drive or a network "
            "share, connect that; if it was moved, open it where it is now.",
            reason="database-gone",
        )
    read_only = request.read_only
    if exists and not read_only:
        read_only = not (is_writable(directory) and os.access(index, os.W_OK))
    try:
        database: Database = Database.open(directory, read_only=read_only)
    except DatabaseVersionError:
        raise
    except DatabaseError as error:
        if not exists or read_only or error.reason != "not-writable":
            raise
        # The folder says that it may be written, and its file system does not.
        database = Database.open(directory, read_only=True)
    if request.remembered and request.path is not None:
        remember_database(directory, as_default=True)
    return database


def _may_create(request: OpenRequest, directory: Path) -> bool:
    if request.read_only:
        return False
    if request.create is not None:
        return request.create
    settings = load_settings()
    return directory != settings.database and directory not in settings.recent_databases
