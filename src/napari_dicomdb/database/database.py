"""One DICOM database: a directory with an index, thumbnails and copied files."""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from napari_dicomdb.database import integrity, interrupted, received, schema, slicer
from napari_dicomdb.database.connection import Connections, explained
from napari_dicomdb.database.importing import Import
from napari_dicomdb.database.locking import WriterLock
from napari_dicomdb.database.outline import Outlining
from napari_dicomdb.database.patients import PatientKeeping
from napari_dicomdb.database.refresh import refreshed
from napari_dicomdb.database.removal import remove_instances
from napari_dicomdb.database.thumbnails import Thumbnails
from napari_dicomdb.database.upkeep import Upkeep
from napari_dicomdb.database.watching import FolderKeeping
from napari_dicomdb.errors import DatabaseError, DicomDbError, NotFoundError
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from napari_dicomdb.database.browsing import Key
    from napari_dicomdb.database.records import (
        InstanceRecord,
    )
    from napari_dicomdb.database.report import ImportReport, RemovalReport

__all__ = ["INDEX_NAME", "Database"]

INDEX_NAME = "dicomdb.sqlite"


class Database(PatientKeeping, FolderKeeping, Outlining, Thumbnails, Upkeep):
    """A DICOM database. Open one with `open` or `in_memory`.

    May be used from any thread: each call borrows a connection from a pool.
    Processes and threads may read while one writes; a second writer waits.

    Parameters
    ----------
    path : Path or None
        The database directory; None: in memory.
    read_only : bool
        Refuse to change anything.
    """

    wait_for_writer = 30.0
    """Seconds that a writer waits for another one before `DatabaseBusyError`."""

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        super().__init__(
            path,
            path if path is not None else _temporary_directory(),
            Connections(
                None if path is None else path / INDEX_NAME,
                read_only=read_only,
                busy_seconds=self.wait_for_writer,
            ),
        )
        self.read_only = read_only
        self._lock = WriterLock(path)
        self._watch: sqlite3.Connection | None = None
        self._watching = threading.Lock()
        try:
            self._begin(read_only=read_only)
        except BaseException:
            self._connections.close()
            raise

    def __repr__(self) -> str:
        where = "in memory" if self.path is None else repr(str(self.path))
        return f"<{type(self).__name__} {where}{', read-only' if self.read_only else ''}>"

    def _begin(self, *, read_only: bool) -> None:
        if self._connections.path is not None:
            integrity.check_file(self._connections.path)
        with self._connections.borrow() as connection:
            schema.prepare(connection, self._connections.where, read_only=read_only)
            if self._connections.path is not None:
                integrity.check_tables(connection, self._connections.where)
        if self._connections.path is not None and not read_only:
            self._finish_interrupted()

    def _finish_interrupted(self) -> None:
        """Finish what a killed process was about to do, unless somebody writes now."""
        # What hinders it is said by the next write, which tries again.
        with contextlib.suppress(DatabaseError, OSError, sqlite3.Error):
            has_left = received.has_left(self._root)
            if has_left or interrupted.is_interrupted(self._connections, self._root):
                with self._lock.held(wait_seconds=0):
                    interrupted.finish(self._connections, self._root)
                    received.adopt_left(self._connections, self._root)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        create: bool = True,
        read_only: bool = False,
    ) -> Self:
        """Open a database directory.

        Parameters
        ----------
        path : path-like, optional
            The directory; the default database of `settings` when None.
        create : bool
            Make the database when there is none.
        read_only : bool
            Open without the right to change anything; implies not creating.

        Raises
        ------
        NotFoundError
            If there is none and it is not to be made.
        DatabaseVersionError
            If a newer version of this package made it.
        DatabaseError
            If it cannot be opened, is damaged, or is another program's; 3D
            Slicer's can be taken over, see `database.slicer.take_over`.
        """
        if path is None:
            from napari_dicomdb.settings import default_database

            path = default_database()
        if not os.fspath(path):
            raise DatabaseError("an empty path names no database directory", reason="empty-path")
        directory = Path(os.path.abspath(os.fspath(path)))
        if not (directory / INDEX_NAME).is_file():
            slicer.refuse_slicer_directory(directory)
            if read_only or not create:
                raise NotFoundError(
                    f"no database in {directory} (it has no {INDEX_NAME}): import something "
                    "there first, or name another directory",
                    reason="no-database",
                )
            try:
                directory.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DatabaseError(
                    f"the database directory {directory} cannot be made "
                    f"({error.strerror or error}): choose another one",
                    reason="not-writable",
                ) from error
        return cls(directory, read_only=read_only)

    @classmethod
    def in_memory(cls) -> Self:
        """Make a database that lives as long as the object.

        What must be copied (members of archives) lies in a temporary folder
        that is deleted when the process ends, so that loadables may outlive the
        database.
        """
        return cls(None)

    def __enter__(self) -> Self:
        """Return the database itself."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the index; calls after this raise `DatabaseError`."""
        with self._watching:
            watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
        self._connections.close()

    # Importing and removing

    def import_paths(
        self,
        paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
        *,
        copy: bool = False,
        workers: int | None = None,
        progress: Progress | None = None,
        executor: Executor | None = None,
        dask: Any = None,
        dry_run: bool = False,
        report: ImportReport | None = None,
    ) -> ImportReport:
        """Import folders, files, zip and tar archives, DICOMDIRs, Slicer databases.

        Parameters
        ----------
        paths : path-like or sequence of path-like
            What to import. Folders are walked; of a DICOMDIR, the files it lists.
        copy : bool
            Copy the files into the database directory instead of linking them.
        workers : int, optional
            Processes that scan headers; 0: this one; None: one per CPU.
        progress : Progress, optional
            Called at most 20 times a second; may raise `Cancelled`.
        executor : Executor, optional
            Scan there instead.
        dask : str or distributed.Client, optional
            Scan on this Dask cluster: a scheduler's address (``tcp://host:8786``), its
            file (``*.json``), or a client. Its workers need this version of this package
            and the same paths.
        dry_run : bool
            Only report what would be done.
        report : ImportReport, optional
            A new one, to be filled: another thread may look at it meanwhile.

        Returns
        -------
        ImportReport
            Also when cancelled, or stopped by a full disk or a lost cluster.

        Raises
        ------
        NotFoundError
            If a path is empty.
        DatabaseBusyError
            If another writer does not finish within `wait_for_writer` seconds.
        ClusterError
            If no scheduler answers, or no worker of the cluster can be used.
        """
        if isinstance(paths, str | os.PathLike):
            paths = [paths]
        if not all(map(os.fspath, paths)):
            # It would stand for the working folder.
            raise NotFoundError("an empty path names nothing: say what to import")
        paths = slicer.expanded(paths)
        with contextlib.nullcontext() if dry_run else self._writing(progress or no_progress):
            done = Import(
                self._root,
                self._connections,
                copy=copy,
                workers=workers,
                executor=executor,
                dask=dask,
                dry_run=dry_run,
                progress=progress,
                report=report,
            ).run(paths)
            if not dry_run:
                self._adopt_received()
            return done

    def remove(
        self,
        *,
        patient: Key | None = None,
        study: Key | None = None,
        series: Key | None = None,
        instance: Key | None = None,
        delete_copies: bool = False,
        progress: Progress | None = None,
    ) -> RemovalReport:
        """Remove a patient, study, series or instance from the index.

        Rows, thumbnails and search text go, and their bytes with them. Linked
        files are never touched.

        Parameters
        ----------
        patient, study, series, instance : record, int or str
            Exactly one: the record, its key, or its UID.
        delete_copies : bool
            Also delete the files that were copied into the database directory.
        progress : Progress, optional
            Told whom it waits for while somebody else writes; may raise `Cancelled` then.

        Raises
        ------
        NotFoundError
            If there is no such thing.
        """
        given = {"patient": patient, "study": study, "series": series, "instance": instance}
        chosen = [(table, key) for table, key in given.items() if key is not None]
        if len(chosen) != 1:
            raise TypeError("remove() needs exactly one of patient, study, series, instance")
        table, which = chosen[0]
        column = {
            "patient": "study.patient",
            "study": "study.id",
            "series": "series.id",
            "instance": "instance.id",
        }[table]
        if table == "patient":
            self._refuse_merged(which)
        with self._writing(progress or no_progress):
            self._adopt_received()  # or it would come back
            return remove_instances(
                self._connections,
                self._root,
                f"{column} = ?",
                self._existing_key(table, which),
                delete_copies=delete_copies,
            )

    def _adopt_received(self) -> None:
        """Index what a program that has ended received while this one wrote."""
        with contextlib.suppress(DatabaseError):  # without room for it the next one does it
            received.adopt_left(self._connections, self._root)

    @contextlib.contextmanager
    def _writing(self, progress: Progress) -> Iterator[None]:
        if self.read_only:
            raise DatabaseError(
                f"{self.path} was opened read-only: open it without read_only to change it",
                reason="read-only",
            )
        with (
            _told(self._connections.where),
            explained(self._connections.where),
            self._lock.held(wait_seconds=self.wait_for_writer, progress=progress),
        ):
            yield

    @property
    def change_counter(self) -> int:
        """A number that differs after any process or thread has changed the index."""
        if self.path is None:
            with self._connections.borrow() as connection:
                return connection.total_changes
        with self._watching, explained(self._connections.where):
            if self._watch is None:
                # data_version counts what *other* connections change.
                self._watch = self._connections.connect()
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    # Single objects

    def refresh_instance(self, record: InstanceRecord) -> InstanceRecord:
        """Return `record` as its file is now.

        While size and modification time are those recorded, that is `record`
        itself. Otherwise the header is read again and the index corrected; where
        the file is gone, an identical copy that the index knows takes its place.

        Raises
        ------
        LoadError
            If the file is gone ("file-missing"), is another object
            ("other-object") or cannot be read any more.
        """
        return refreshed(self._connections, self._root, record)


@contextlib.contextmanager
def _told(where: str) -> Iterator[None]:
    """Turn what the system says of the database directory into an error of ours."""
    try:
        yield
    except OSError as error:
        if isinstance(error, DicomDbError):
            raise
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise DatabaseError(
            f"{where}: {'the disk is full' if full else error.strerror or error}: make room, or "
            "see that its directory is there and may be written",
            reason="disk-full" if full else "not-writable",
        ) from error


def _temporary_directory() -> Path:
    directory = tempfile.mkdtemp(prefix="napari-dicomdb-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return Path(directory)
