"""Scanning in workers: order, bounds, and workers that die."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database, pool
from napari_dicomdb.database.pool import Chunk, ScanPool
from napari_dicomdb.database.scanning import Refused, scan_chunk
from napari_dicomdb.database.sources import FoundFile


def chunks_of(paths: list[Path], size: int) -> Iterator[Chunk]:
    for start in range(0, len(paths), size):
        yield Chunk(
            [FoundFile(str(p.parent), p.name, p.stat().st_size, 0) for p in paths[start:][:size]]
        )


class Counting(Executor):
    """Runs tasks when their result is asked for; counts those not yet asked for."""

    def __init__(self) -> None:
        self.open = self.most = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.open += 1
        self.most = max(self.most, self.open)
        outer = self

        class Lazy(Future[Any]):
            def done(self) -> bool:
                return False

            def result(self, timeout: float | None = None) -> Any:
                outer.open -= 1
                return fn(*args, **kwargs)

        return Lazy()


class Dying(Executor):
    """Breaks when it meets a file called "deadly", as a pool whose worker died."""

    def __init__(self) -> None:
        self.broken = False

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.broken |= any(path.endswith("deadly") for path in args[0])
        if self.broken:
            future.set_exception(BrokenExecutor("a worker died"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future

    def shutdown(self, wait: bool = True, **kwargs: Any) -> None:
        return


def test_results_come_in_order(tmp_path: Path, write_series: Callable[..., Any]) -> None:
    paths = write_series(tmp_path, 60)
    scan = ScanPool(2)
    try:
        found = [s.accepted[0].row[2] for _, s in scan.results(chunks_of(paths, 1))]
    finally:
        scan.close()
    assert found == list(range(1, 61))


def test_tasks_in_flight_are_bounded(tmp_path: Path, write_series: Callable[..., Any]) -> None:
    paths = write_series(tmp_path, 3) * 100
    executor = Counting()
    scan = ScanPool(2, executor=executor)
    assert len(list(scan.results(chunks_of(paths, 1)))) == 300
    assert 0 < executor.most <= 64


def test_only_the_deadly_file_is_refused(
    tmp_path: Path, write_series: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path / "in", 40)
    (tmp_path / "in" / "00020.deadly").write_bytes(b"")
    (tmp_path / "in" / "00020.deadly").rename(tmp_path / "in" / "00020.dcm.deadly")
    monkeypatch.setattr(pool, "_INLINE_CHUNKS", 0)
    monkeypatch.setattr("napari_dicomdb.database.importing.CHUNK_SIZE", 8)
    monkeypatch.setattr(pool, "_start", lambda workers: Dying())
    with Database.in_memory() as database:
        report = database.import_paths([tmp_path / "in"], workers=1)
        assert report.added == 40
        assert [(Path(p).name, reason) for p, reason, _ in report.rejected] == [
            ("00020.dcm.deadly", "worker-died")
        ]
        # It is not remembered as refused: the fault may have been the worker's.
        assert database.info()["refused_files"] == 0


def test_a_real_worker_is_killed(
    tmp_path: Path, write_series: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_series(tmp_path, 24)
    scan = ScanPool(1)
    monkeypatch.setattr(pool, "_INLINE_CHUNKS", 0)
    ends = iter([True])

    def submitting(self: ScanPool, chunk: Chunk) -> Future[bytes]:
        if next(ends, False):
            return self._executor().submit(os._exit, 9)
        return self._executor().submit(scan_chunk, chunk.paths, chunk.sizes, None)

    monkeypatch.setattr(ScanPool, "_submit", submitting)
    try:
        results = list(scan.results(chunks_of(paths, 8)))
    finally:
        scan.close()
    assert sum(len(s.accepted) for _, s in results) == 24
    assert not any(isinstance(entry, Refused) for _, s in results for entry in s.files)
