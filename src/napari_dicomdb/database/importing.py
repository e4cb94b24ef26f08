"""The import: walk, scan in parallel, store in batches; resumable, cancellable, bounded."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any, Protocol

from napari_dicomdb.database import activity, archives, interrupted, media
from napari_dicomdb.database.cluster import ClusterPool, client_of
from napari_dicomdb.database.copying import CopyStore
from napari_dicomdb.database.dry_run import DryRun
from napari_dicomdb.database.known import KnownFiles
from napari_dicomdb.database.pool import CHUNK_SIZE, Chunk, ScanPool
from napari_dicomdb.database.private_folders import working_folder
from napari_dicomdb.database.report import ImportReport
from napari_dicomdb.database.scanning import Refused, Scanned, reason_of
from napari_dicomdb.database.sources import FoundFile, Walk, is_archive
from napari_dicomdb.database.writing import Writer
from napari_dicomdb.errors import Cancelled, ClusterError, DatabaseError
from napari_dicomdb.progress import Progress, no_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from napari_dicomdb.database.connection import Connections

__all__ = ["Import"]

BATCH_INSTANCES = 4096
BATCH_SECONDS = 1.0
_PROGRESS_SECONDS = 0.05


class _Store(Protocol):
    """Takes scanned chunks: the index, or a dry run's counters."""

    def take(self, chunk: Chunk, scanned: Scanned) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


class Import:
    """One run of `Database.import_paths`; see there for the parameters."""

    def __init__(
        self,
        root: Path,
        connections: Connections,
        *,
        copy: bool = False,
        workers: int | None = None,
        executor: Executor | None = None,
        dask: Any = None,
        dry_run: bool = False,
        progress: Progress | None = None,
        report: ImportReport | None = None,
    ) -> None:
        self._root = root
        self._connections = connections
        self._copy = copy
        self._dry_run = dry_run
        self._progress = progress or no_progress
        self.report = ImportReport() if report is None else report
        self.report.dry_run = dry_run
        self._copies = CopyStore(root, connections.path)
        self._known = KnownFiles(connections)
        copy_to = self._copies.begin() if copy and not dry_run else None
        cluster = dask if dask is not None else client_of(executor)
        self._pool: ScanPool | ClusterPool
        if cluster is not None:
            self._pool = ClusterPool(cluster, copy_to=copy_to, waiting=self._tell_waiting)
        else:
            self._pool = ScanPool(workers, executor=executor, copy_to=copy_to)
        self._walk = Walk(
            self._known,
            self.report,
            avoid=str(root) if connections.path is not None else None,
            relink=copy,
            root=root,
        )
        self._cleanup = contextlib.ExitStack()
        self._members = ""
        self._total: int | None = None
        self._last_progress = 0.0

    def run(self, paths: Sequence[str | os.PathLike[str]]) -> ImportReport:
        """Import; see `Database.import_paths`."""
        started = time.perf_counter()
        places = [os.path.abspath(os.fspath(path)) for path in paths]
        try:
            self._pool.begin(places)
        except BaseException:
            self._pool.close()
            self._copies.finish()
            raise
        store: _Store
        if self._dry_run:
            store = DryRun(self._connections, self.report)
        else:
            store = _Batches(self._root, self._connections, self.report, self._copies)
        try:
            self._members = self._cleanup.enter_context(self._members_folder())
            self._total = self._count(places) if self._progress is not no_progress else None
            for chunk, scanned in self._pool.results(self._chunks(places)):
                store.take(chunk, scanned)
                self._tell("Reading headers")
                if _disk_full(scanned):
                    raise _full(self._root)
            store.flush()
        except Cancelled:
            self.report.cancelled = True
            store.flush()
        except (DatabaseError, ClusterError) as error:
            if error.reason not in ("disk-full", "cluster"):
                raise
            self.report.stopped = str(error)
            with contextlib.suppress(DatabaseError):  # as much of the batch as still fits
                store.flush()
        finally:
            self._pool.close()
            self._cleanup.close()
            store.close()
        if isinstance(self._pool, ClusterPool):
            self.report.notes += self._pool.remarks
        # Two DICOMDIRs may list the same file.
        self.report.missing = list({entry[0]: entry for entry in self.report.missing}.values())
        self.report.seconds = time.perf_counter() - started
        self._record()
        with contextlib.suppress(Cancelled):
            self._tell("Done", final=True)
        return self.report

    def _record(self) -> None:
        """Note for the list of recent activity that this was done, if anything was."""
        report = self.report
        counts = {
            "added": report.added,
            "updated": report.updated,
            "duplicates": report.duplicates,
            "rejected": len(report.rejected),
            "series": len(report.series_uids),
        }
        if self._dry_run or report.stopped or not (report.added or report.updated):
            return
        with self._connections.transaction() as connection:
            activity.record(connection, "import", {k: n for k, n in counts.items() if n})

    @contextlib.contextmanager
    def _members_folder(self) -> Iterator[str]:
        """Where members of archives are unpacked: a dry run leaves the database alone."""
        if self._dry_run:
            with working_folder() as folder:
                yield str(folder)
        else:
            yield self._copies.begin()

    def _tell(self, text: str, *, final: bool = False) -> None:
        now = time.monotonic()
        if final or now - self._last_progress >= _PROGRESS_SECONDS:
            self._last_progress = now
            done = self.report.seen
            total = None if self._total is None else max(self._total, done)
            self._progress(done, total, text)

    def _tell_waiting(self) -> None:
        self._tell("Waiting for the cluster")

    def _count(self, places: Sequence[str]) -> int:
        """Count the files below, so that progress has an end; 1 microsecond each."""
        count = 0
        visited: set[tuple[int, int]] = set()
        pending = list(places)
        while pending:
            place = pending.pop()
            try:
                status = os.stat(place)
                if (status.st_dev, status.st_ino) in visited:
                    continue
                visited.add((status.st_dev, status.st_ino))
                with os.scandir(place) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False) or entry.is_symlink():
                            pending.append(entry.path)
                        else:
                            count += 1
            except NotADirectoryError:
                count += 1
            except OSError:
                continue  # the import itself reports it
            now = time.monotonic()
            if now - self._last_progress >= _PROGRESS_SECONDS:
                self._last_progress = now
                self._progress(0, None, f"Looking for files: {count}")
        return count

    def _chunks(self, places: Sequence[str]) -> Iterator[Chunk]:
        chunk = Chunk()
        for file in self._files(places):
            if file.container:
                chunk.closing.append(file)
                continue
            # Members of an archive are temporary files and stay among themselves.
            if chunk.files and bool(chunk.files[0].temporary) != bool(file.temporary):
                yield chunk
                chunk = Chunk()
            chunk.files.append(file)
            if len(chunk.files) >= CHUNK_SIZE:
                yield chunk
                chunk = Chunk()
        if chunk.files or chunk.closing:
            yield chunk

    def _files(self, places: Sequence[str]) -> Iterator[FoundFile]:
        single: list[str] = []
        for place in places:
            if os.path.isdir(place):
                yield from self._opened(self._walk.files(single))
                single = []
                yield from self._opened(self._walk.folder(place))
            elif len(places) <= 8 and media.is_media(place):
                listed, missing = media.listed_files(place)
                self.report.missing += missing
                yield from self._opened(self._walk.files([*single, *listed, place]))
                single = []
            else:
                single.append(place)
        yield from self._opened(self._walk.files(single))

    def _opened(self, files: Iterator[FoundFile]) -> Iterator[FoundFile]:
        """Put the members of archives in the archives' place."""
        for file in files:
            if not is_archive(file.name):
                yield file
            elif (
                file.known is not None
                and file.known.storage == "archive"
                and (file.known.size, file.known.mtime_ns) == (file.size, file.mtime_ns)
            ):
                unchanged, refused = self._known.members(file.path)
                self.report.unchanged += unchanged
                self.report.rejected += refused
            else:
                yield from archives.members(file, self._known, self._members, self.report)


def _full(root: Path) -> DatabaseError:
    return DatabaseError(
        f"{root}: the disk is full; what was imported so far is kept", reason="disk-full"
    )


def _disk_full(scanned: Scanned) -> bool:
    return any(type(entry) is Refused and entry.reason == "disk-full" for entry in scanned.files)


class _Batches:
    """Collects chunks and stores them together, each batch in one transaction."""

    def __init__(
        self, root: Path, connections: Connections, report: ImportReport, copies: CopyStore
    ) -> None:
        self._root = root
        self._connections = connections
        self._report = report
        self._writer = Writer(root, report, copies)
        self._pending: list[tuple[Chunk, Scanned]] = []
        self._instances = 0
        self._last = time.monotonic()
        interrupted.finish(connections, root)

    def close(self) -> None:
        """Delete temporary copies that were not stored, and those of a failed batch."""
        interrupted.finish(self._connections, self._root)

    def take(self, chunk: Chunk, scanned: Scanned) -> None:
        """Add a chunk; store the batch when it is large or old enough."""
        self._pending.append((chunk, scanned))
        self._instances += len(chunk.files)
        if self._instances >= BATCH_INSTANCES or time.monotonic() - self._last >= BATCH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Store what is pending; nothing of it when that fails."""
        pending, self._pending = self._pending, []
        self._instances = 0
        if not pending:
            return
        before = self._report.mark()
        try:
            with self._connections.transaction() as connection:
                self._writer.begin(connection)
                for chunk, scanned in pending:
                    self._writer.store(chunk, scanned)
                self._writer.end()
        except BaseException as error:
            # What was rolled back was not added.
            self._report.back_to(before)
            self._writer.forget()
            if isinstance(error, OSError) and reason_of(error) == "disk-full":
                raise _full(self._root) from error
            raise
        self._writer.settled()
        self._last = time.monotonic()
