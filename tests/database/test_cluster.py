"""An import on Dask clusters of several processes: same index, same report, same resume."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.servers import PATIENCE, until

from napari_dicomdb.database import Database, ImportReport, cluster
from napari_dicomdb.errors import Cancelled, ClusterError, MissingLibraryError

distributed = pytest.importorskip("distributed")

# A worker whose Python knows nothing of our package; one where it is of another version;
# one that dies of a file, as by a fault in a library.
BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "napari_dicomdb":
            raise ModuleNotFoundError("No module named 'napari_dicomdb'")
sys.meta_path.insert(0, Blocked())
"""
OTHER = "import napari_dicomdb; napari_dicomdb.__version__ = '0.0.1'\n"
ONCE = """
import os, socket
from napari_dicomdb.database import cluster_tasks, scanning
if not hasattr(scanning, "real"):  # Dask may run this more than once
    scanning.real = scanning.scan_file
def scan_file(path, *rest, **more):
    before(path)
    return scanning.real(path, *rest, **more)
scanning.scan_file = scan_file
"""
BLIND = f"""{ONCE}
def before(path):
    if "hidden" in path:
        raise FileNotFoundError(2, "No such file or directory", path)
cluster_tasks.seen = lambda places: ["unseen" not in place for place in places]
"""
FATAL = f"""{ONCE}
def before(path):
    if path.endswith("deadly.dcm"):
        os._exit(9)
"""
# Waits at its first file until whoever listens at the port hangs up.
HELD = f"""{ONCE}
def before(path):
    if not hasattr(scanning, "held"):
        scanning.held = socket.create_connection(("127.0.0.1", PORT))
        scanning.held.recv(1)
"""


def program(name: str) -> list[str]:
    return [sys.executable, "-m", f"distributed.cli.dask_{name}"]


class Machines:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.scheduler = self.start(
            [*program("scheduler"), *options, "--scheduler-file", str(self.file)]
        )
        until(self.is_up, self.scheduler, self.folder / "0.log")

    def start(self, words: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder)
        self.processes.append(process)
        return process

    def is_up(self) -> bool:
        try:
            return bool(json.loads(self.file.read_text())["address"])
        except (FileNotFoundError, ValueError):  # or it is being written
            return False

    def worker(self, preload: str = "") -> subprocess.Popen[bytes]:
        words = [*program("worker"), "--scheduler-file", str(self.file), "--no-nanny"]
        words += ["--nthreads", "1", "--no-dashboard", "--local-directory", str(self.folder)]
        if preload:
            path = self.folder / f"preload{len(self.processes)}.py"
            path.write_text(preload)
            words += ["--preload", str(path)]
        return self.start(words)

    def client(self, workers: int) -> Any:
        client = distributed.Client(
            scheduler_file=str(self.file), set_as_default=False, timeout=PATIENCE
        )
        client.wait_for_workers(workers, timeout=PATIENCE)
        return client

    def kill_a_worker(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill it, and wait until the scheduler knows."""

        def watch(dask_scheduler: Any) -> None:
            import asyncio

            from distributed import SchedulerPlugin

            class Leaving(SchedulerPlugin):
                gone = asyncio.Event()

                def remove_worker(self, *_: Any, **more: Any) -> None:
                    self.gone.set()

            dask_scheduler.leaving = Leaving()
            dask_scheduler.add_plugin(dask_scheduler.leaving)

        async def wait(dask_scheduler: Any) -> None:
            await dask_scheduler.leaving.gone.wait()

        client = self.client(1)
        client.run_on_scheduler(watch)
        worker.kill()
        worker.wait()
        client.run_on_scheduler(wait)
        client.close()

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Two workers that stay."""
    machines = Machines(tmp_path_factory.mktemp("two"))
    try:
        machines.worker()
        machines.worker()
        machines.client(2).close()
        yield machines
    finally:
        machines.stop()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    folder = tmp_path / "machines"
    folder.mkdir()
    made = Machines(folder)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def folder(
    tmp_path: Path, write_series: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """90 instances of 3 series, a text and a zip archive, in chunks of 4."""
    root = tmp_path / "in"
    for series in (1, 2, 3):
        write_series(root / f"{series}", 30, series)
    (root / "notes.txt").write_text("no DICOM")
    packed = write_series(tmp_path / "packed", 5, 9)
    import zipfile

    with zipfile.ZipFile(root / "more.zip", "w") as archive:
        for path in packed:
            archive.write(path, path.name)
    monkeypatch.setattr("napari_dicomdb.database.importing.CHUNK_SIZE", 4)
    monkeypatch.setattr("napari_dicomdb.database.importing.BATCH_INSTANCES", 8)
    monkeypatch.setattr("napari_dicomdb.database.importing._PROGRESS_SECONDS", 0)
    monkeypatch.setattr(cluster, "CHUNKS_A_TASK", 2)
    return root


def told(report: ImportReport) -> dict[str, Any]:
    return report.to_json() | {"seconds": 0}


def of_any_place(dumped: dict[str, Any], database: Database) -> str:
    return repr(dumped).replace(str(database.path), "HERE")


@pytest.mark.parametrize("copy", [False, True])
def test_as_without_a_cluster(
    two: Machines, folder: Path, tmp_path: Path, dump: Callable[..., Any], copy: bool
) -> None:
    with Database.open(tmp_path / "plain") as plain, Database.open(tmp_path / "dask") as dask:
        expected = plain.import_paths(folder, copy=copy)
        report = dask.import_paths(folder, copy=copy, dask=str(two.file))
        assert told(report) == told(expected)
        assert (report.added, report.reasons()) == (95, {"not-dicom": 1})
        assert of_any_place(dump(dask), dask) == of_any_place(dump(plain), plain)
        again = dask.import_paths(folder, copy=copy, dask=str(two.file))
        assert (again.added, again.unchanged) == (0, expected.added)
    assert not (tmp_path / "dask" / "incoming").exists()


def test_by_a_client_and_by_its_executor(two: Machines, folder: Path) -> None:
    client = two.client(2)
    try:
        for given in ({"dask": client}, {"executor": client.get_executor()}):
            with Database.in_memory() as database:
                assert database.import_paths(folder, **given).added == 95
            assert client.status == "running"  # the caller's own stays open
    finally:
        client.close()


def test_it_is_the_workers_that_read(
    two: Machines, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise AssertionError("read here")

    (folder / "more.zip").unlink()
    monkeypatch.setattr("napari_dicomdb.database.scanning.scan_file", refuse)
    with Database.in_memory() as database:
        assert database.import_paths(folder, dask=str(two.file)).added == 90


def test_cancelled_and_resumed(
    two: Machines, folder: Path, tmp_path: Path, dump: Callable[..., Any]
) -> None:
    def stop(done: int, total: int | None, text: str) -> None:
        if done >= 20:
            raise Cancelled("enough")

    with Database.open(tmp_path / "db") as database, Database.open(tmp_path / "one") as plain:
        first = database.import_paths(folder, dask=str(two.file), progress=stop)
        assert first.cancelled
        second = database.import_paths(folder, dask=str(two.file))
        assert (first.added + second.added, second.unchanged) == (95, first.added)
        plain.import_paths(folder)
        assert of_any_place(dump(database), database) == of_any_place(dump(plain), plain)


def test_the_importing_process_is_killed(two: Machines, folder: Path, tmp_path: Path) -> None:
    code = f"""
import os, signal
from napari_dicomdb.database import Database, importing, cluster
importing.CHUNK_SIZE, importing.BATCH_INSTANCES, cluster.CHUNKS_A_TASK = 4, 8, 1
def stop(done, total, text):
    if done >= 30:
        os.kill(os.getpid(), signal.SIGKILL)
importing._PROGRESS_SECONDS = 0
Database.open({str(tmp_path / "db")!r}).import_paths(
    {str(folder)!r}, dask={str(two.file)!r}, progress=stop)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=50)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with Database.open(tmp_path / "db") as database:
        before = database.info()["instances"]
        assert 0 < before < 95
        report = database.import_paths(folder, dask=str(two.file))
        assert report.added == 95 - before
        assert database.check(full=True).ok


def test_a_worker_is_killed_while_it_reads(machines: Machines, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:
        server.settimeout(PATIENCE)
        held = HELD.replace("PORT", str(server.getsockname()[1]))
        first = machines.worker(held)
        machines.worker(held)
        machines.client(2).close()

        def kill() -> None:
            both = [server.accept()[0] for _ in range(2)]  # now each has begun to read
            first.kill()
            first.wait()
            for one in both:
                one.close()

        killing = thread.submit(kill)
        with Database.in_memory() as database:
            report = database.import_paths(folder, dask=str(machines.file))
        killing.result()
        assert (report.added, report.reasons()) == (95, {"not-dicom": 1})


def test_a_file_that_workers_die_of_is_read_by_a_process_of_our_own(
    machines: Machines, folder: Path, write_instance: Callable[..., Path]
) -> None:
    write_instance(folder / "2" / "deadly.dcm", 1, 7)
    for _ in range(6):
        machines.worker(FATAL)
    machines.client(6).close()
    with Database.in_memory() as database:
        report = database.import_paths(folder, dask=str(machines.file))
        # It kills the workers of the cluster only; ours read it.
        assert (report.added, report.reasons()) == (96, {"not-dicom": 1})


def test_workers_that_cannot_be_used_are_told_of(machines: Machines, folder: Path) -> None:
    machines.worker()
    for preload in (BLOCKED, OTHER):
        machines.worker(preload)
    machines.client(3).close()
    with Database.in_memory() as database:
        report = database.import_paths(folder, dask=str(machines.file))
    assert report.added == 95
    assert sorted(reason for _, reason, _ in report.notes if "worker" in reason) == [
        "worker-other-version",
        "worker-without-package",
    ]
    assert any("0.0.1" in text for _, _, text in report.notes)
    machines.kill_a_worker(machines.processes[1])
    with Database.in_memory() as database, pytest.raises(ClusterError, match="no worker can be"):
        database.import_paths(folder, dask=str(machines.file))


def test_files_that_a_worker_cannot_see(
    machines: Machines, folder: Path, tmp_path: Path, write_series: Callable[..., Any]
) -> None:
    machines.worker(BLIND)
    machines.client(1).close()
    write_series(folder / "hidden", 3, 4)
    write_series(tmp_path / "unseen", 3, 5)
    with Database.in_memory() as database:
        report = database.import_paths(folder, dask=str(machines.file))
        assert (report.added, report.reasons()) == (95, {"worker-cannot-see": 3, "not-dicom": 1})
        # Not remembered: without the cluster they are read.
        assert database.import_paths(folder).added == 3
        with pytest.raises(ClusterError, match="cannot see"):
            database.import_paths(tmp_path / "unseen", dask=str(machines.file))


@pytest.mark.parametrize("gone", ["scheduler", "workers"])
def test_a_lost_cluster_keeps_what_is_committed(
    machines: Machines, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    worker = machines.worker()
    machines.client(1).close()
    lost = machines.scheduler if gone == "scheduler" else worker
    monkeypatch.setattr(cluster, "PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(cluster, "_LOOK_SECONDS", 0.2)

    def kill(done: int, total: int | None, text: str) -> None:
        if done >= 8 and lost.poll() is None:
            lost.kill()

    with Database.open(tmp_path / "db") as database:
        report = database.import_paths(folder, dask=str(machines.file), progress=kill)
        assert "import again" in report.stopped
        assert 0 < report.added < 95
        assert database.info()["instances"] == report.added
        assert database.import_paths(folder).added == 95 - report.added


def test_wrong_addresses(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECTING_SECONDS", 0.5)
    with Database.in_memory() as database:
        for address in ("nonsense", str(tmp_path / "none.json"), "tcp://127.0.0.1:9"):
            with pytest.raises(ClusterError):
                database.import_paths(folder, dask=address)
        assert database.info()["instances"] == 0


def test_without_dask(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with Database.in_memory() as database, pytest.raises(MissingLibraryError, match=r"\[dask\]"):
        database.import_paths(folder, dask="tcp://127.0.0.1:9")


def test_other_executors_are_not_taken_for_dask() -> None:

    with ThreadPoolExecutor(1) as executor:
        assert cluster.client_of(executor) is None
    assert os.path.basename(cluster.__file__) == "cluster.py"
