"""Scans chunks of files in worker processes and hands the results back in order."""

from __future__ import annotations

import pickle
import sys
from collections import deque
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_dicomdb.database.scanning import (
    Refused,
    Scanned,
    scan_chunk,
    scan_paths,
)
from napari_dicomdb.database.workers import Workers, cpu_count
from napari_dicomdb.dicom.header import Templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari_dicomdb.database.sources import FoundFile

__all__ = ["CHUNK_SIZE", "Chunk", "ScanPool", "default_workers"]

CHUNK_SIZE = 64
"""Files in one task: large enough to share out a series' common values once."""

_INLINE_CHUNKS = 2
"""A few files are read sooner than a pool starts."""

_MOST_RESTARTS = 20


def default_workers() -> int:
    """Return the number of workers that one writer can keep up with, at most one per CPU."""
    if getattr(sys, "frozen", False):
        return 0  # there is no interpreter to start
    return min(cpu_count(), 8)


@dataclass(slots=True)
class Chunk:
    """Consecutive files, scanned in one task and stored together.

    `closing` are containers whose last member is in this chunk: they are
    remembered as known when the chunk is stored.
    """

    files: list[FoundFile] = field(default_factory=list)
    closing: list[FoundFile] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """Where to read the files."""
        return [file.temporary or file.path for file in self.files]

    @property
    def sizes(self) -> list[int]:
        """The sizes that the walk saw."""
        return [file.size for file in self.files]


class ScanPool:
    """Scans chunks in parallel; bounded, ordered, and surviving the death of workers.

    Parameters
    ----------
    workers : int or None
        Processes; 0 scans in the calling thread; None: `default_workers`.
    executor : Executor, optional
        Scan there instead, for example on a Dask cluster
        (``client.get_executor()``) that sees the same files.
    copy_to : str, optional
        Folder for temporary copies, see `scan_chunk`.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        executor: Executor | None = None,
        copy_to: str | None = None,
    ) -> None:
        self._workers = default_workers() if workers is None else workers
        self._given = executor
        self._own: Executor | None = None
        self._copy_to = copy_to
        self._restarts = 0
        self._templates = Templates()

    def results(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Scanned]]:
        """Yield every chunk with its result, in the order of `chunks`."""
        waiting: deque[tuple[Chunk, Future[bytes] | Scanned]] = deque()
        most = 4 * max(self._workers, 1) + 4
        begun = 0
        warm = False
        for chunk in chunks:
            begun += 1
            in_flight = sum(isinstance(result, Future) for _, result in waiting)
            if self._workers == 0 and self._given is None:
                yield chunk, self._scan_here(chunk)
                continue
            # While the workers are starting, this process scans too.
            if begun <= _INLINE_CHUNKS or (not warm and in_flight >= most // 2):
                waiting.append((chunk, self._scan_here(chunk)))
            else:
                waiting.append((chunk, self._submit(chunk)))
            while waiting:
                head = waiting[0][1]
                if isinstance(head, Future):
                    if not head.done() and len(waiting) < (most if warm else 64):
                        break
                    warm = True
                yield from self._take(waiting)
        while waiting:
            yield from self._take(waiting)

    def begin(self, places: Sequence[str]) -> None:
        """Get ready to scan what is in these places; workers start when there is work."""

    def close(self) -> None:
        """Stop the workers at once; what they were doing is not needed any more."""
        executor, self._own = self._own, None
        if executor is not None:
            executor.shutdown()

    def _take(
        self, waiting: deque[tuple[Chunk, Future[bytes] | Scanned]]
    ) -> Iterator[tuple[Chunk, Scanned]]:
        chunk, result = waiting.popleft()
        if not isinstance(result, Future):
            yield chunk, result
            return
        try:
            scanned = pickle.loads(result.result())
        except BrokenExecutor:
            # One of the chunks in flight killed a worker, nobody knows which:
            # go through them one at a time.
            suspects = [(chunk, None), *((c, r) for c, r in waiting)]
            waiting.clear()
            self._restart()
            for suspect, known in suspects:
                if isinstance(known, Scanned):
                    yield suspect, known
                else:
                    yield suspect, self.scan_carefully(suspect)
            return
        yield chunk, scanned

    def _scan_here(self, chunk: Chunk) -> Scanned:
        return scan_paths(chunk.paths, chunk.sizes, self._copies_of(chunk), self._templates)

    def _copies_of(self, chunk: Chunk) -> str | None:
        # Members of archives are temporary copies already.
        return None if chunk.files and chunk.files[0].temporary else self._copy_to

    def _submit(self, chunk: Chunk) -> Future[bytes]:
        arguments = (chunk.paths, chunk.sizes, self._copies_of(chunk))
        try:
            return self._executor().submit(scan_chunk, *arguments)
        except BrokenExecutor as error:
            # Raised when a worker died since the last result: reported by the future.
            failed: Future[bytes] = Future()
            failed.set_exception(error)
            return failed

    def _executor(self) -> Executor:
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = _start(max(self._workers, 1))
        return self._own

    def _restart(self) -> None:
        self._restarts += 1
        # A broken executor of the caller cannot be mended: go on with our own.
        self._given = None
        self.close()

    def scan_carefully(self, chunk: Chunk) -> Scanned:
        """Scan a chunk alone, and file by file when that kills the worker."""
        try:
            return self._scan_alone(chunk)
        except BrokenExecutor:
            self._restart()
        merged = Scanned([], [], [])
        for file in chunk.files:
            try:
                _append(merged, self._scan_alone(Chunk([file])))
            except BrokenExecutor as error:
                self._restart()
                merged.files.append(Refused("worker-died", _why(error), lasting=False))
                merged.copies.append("")
        if self._copies_of(chunk) is None:
            merged.copies = []
        return merged

    def _scan_alone(self, chunk: Chunk) -> Scanned:
        if self._restarts > _MOST_RESTARTS:
            raise BrokenExecutor(f"workers died {self._restarts} times: not tried again")
        scanned: Scanned = pickle.loads(self._submit(chunk).result())
        return scanned


def _append(merged: Scanned, one: Scanned) -> None:
    entry = one.files[0]
    if isinstance(entry, int):
        entry = len(merged.accepted)
        merged.accepted.append(one.accepted[0]._replace(group=len(merged.groups)))
        merged.groups += one.groups
    merged.files.append(entry)
    merged.copies += one.copies or [""]


def _why(error: BrokenExecutor) -> str:
    first = str(error).strip().splitlines()
    return f"reading it ends the worker process: {first[0] if first else 'no message'}"


def _start(workers: int) -> Executor:
    return Workers(workers)
