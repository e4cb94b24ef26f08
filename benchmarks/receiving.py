"""Measures receiving 500 CT instances against Orthanc, DCMTK's storescp and plain pynetdicom.

    python -m benchmarks.receiving FOLDER [--runs 3] [--store FOLDER]

The same `storescu` sends to all, with TCP_NODELAY on both ends, on one association; runs
are interleaved and everybody starts empty. Timed is the whole storescu; for ours until the
last instance is in the index as well. storescp and pynetdicom only write files.
CTK's listener (Slicer's) was measured beside storescp on one machine: 166 to 413 a second.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

AET = "DICOMDB"
CTK_PER_STORESCP = 166 / 413
BUDGETS = (("orthanc", 2.0), ("ctk", 1.0))
NODELAY = {**os.environ, "TCP_NODELAY": "1"}


def receive_ours(folder: str, port: int) -> None:
    """Run our listener until it is terminated; then say when all was indexed."""
    from napari_dicomdb import Database
    from napari_dicomdb.network.listener import ListenerSettings

    with Database.open(Path(folder) / "database", create=True) as database:
        listener = database.listen(ListenerSettings(aet=AET, port=port))
        assert listener.inbox is not None
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
        while signal.sigwait({signal.SIGUSR1, signal.SIGTERM}) == signal.SIGUSR1:
            listener.inbox.flush()
            count = sum(series.instance_count for series in database.series())
            print(json.dumps({"indexed": count, "at": time.time()}), flush=True)
        listener.stop()


def receive_pynetdicom(folder: str, port: int) -> None:
    """Run pynetdicom as its documentation shows to store fast: the bytes as they came."""
    from pynetdicom import AE, AllStoragePresentationContexts, evt

    def store(event: evt.Event) -> int:
        request = event.request
        with open(Path(folder) / f"{request.AffectedSOPInstanceUID}.dcm", "wb") as file:
            file.write(event.encoded_dataset())
        return 0

    def opened(event: evt.Event) -> None:
        event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    entity = AE(ae_title=AET)
    entity.maximum_pdu_size = 0
    entity.supported_contexts = AllStoragePresentationContexts
    handlers = [(evt.EVT_C_STORE, store), (evt.EVT_CONN_OPEN, opened)]
    entity.start_server(("127.0.0.1", port), evt_handlers=handlers)


def orthanc_words(folder: str, port: int) -> list[str]:
    """Return how to run Orthanc; with its plug-ins left out it is fastest."""
    configuration: dict[str, Any] = {
        "StorageDirectory": folder, "IndexDirectory": folder, "HttpServerEnabled": False,
        "DicomPort": port, "DicomAet": AET, "DicomAlwaysAllowStore": True, "Plugins": [],
    }  # fmt: skip
    path = Path(folder) / "orthanc.json"
    path.write_text(json.dumps(configuration))
    return ["Orthanc", str(path)]


def words_of(work: str, folder: str, port: int) -> list[str]:
    """Return the words that run a receiver."""
    if work == "storescp":
        return ["storescp", "-od", folder, "-pdu", "131072", str(port)]
    if work == "orthanc":
        return orthanc_words(folder, port)
    return [sys.executable, "-m", "benchmarks.receiving", folder, "--work", work, str(port)]


OURS = {"ours": receive_ours, "pynetdicom": receive_pynetdicom}
WORKS = ("ours", "storescp", "orthanc", "pynetdicom")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[str]) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError("the receiver has ended") from None
            time.sleep(0.02)


def _run(work: str, source: str, count: int, store: str | None) -> float:
    port = _free_port()
    place = tempfile.mkdtemp(prefix="dicomdb-receiving-", dir=store)
    process = subprocess.Popen(
        words_of(work, place, port), env=NODELAY, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(port, process)
        words = [
            "storescu", "+sd", "+r", "--max-send-pdu", "131072", "-aec", AET,
            "127.0.0.1", str(port), source,
        ]  # fmt: skip
        started = time.time()
        subprocess.run(words, check=True, env=NODELAY)
        seconds = time.time() - started
        if work == "ours":
            assert process.stdout is not None
            process.send_signal(signal.SIGUSR1)
            told = json.loads(process.stdout.readline())
            assert told["indexed"] == count, told
            seconds = told["at"] - started
        return seconds
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(place)


def measure(source: str, runs: int, store: str | None) -> dict[str, list[float]]:
    """Return the seconds of every run of every receiver that is installed."""
    count = sum(p.is_file() for p in Path(source).rglob("*"))
    there = [w for w in WORKS if w in OURS or shutil.which(words_of(w, store or "/tmp", 1)[0])]
    results: dict[str, list[float]] = {work: [] for work in there}
    for _ in range(runs):
        for work, seconds in results.items():
            seconds.append(_run(work, source, count, store))
    return results


def table(results: dict[str, list[float]], count: int) -> list[str]:
    """Return the lines of a Markdown table, and whether each budget is met."""
    lines = ["| receiver | best | median | ours is |", "|---|---|---|---|"]
    ours = min(results["ours"])
    for work, seconds in results.items():
        best, median = min(seconds), statistics.median(seconds)
        lines.append(
            f"| {work} | {count / best:.0f}/s | {count / median:.0f}/s | {best / ours:.2f} x |"
        )
    fastest = {work: min(seconds) for work, seconds in results.items()}
    if "storescp" in fastest:
        fastest["ctk"] = fastest["storescp"] / CTK_PER_STORESCP
    lines.append("")
    for work, budget in BUDGETS:
        if work in fastest:
            ratio = fastest[work] / ours
            met = "met" if ratio >= budget else "NOT met"
            lines.append(f"Budget >= {budget:g} x {work}: {ratio:.2f} x, {met}.")
    return lines


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--runs", type=int, default=3)
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the disk is not measured
    parser.add_argument("--store", default=memory, help="where receivers write")
    parser.add_argument("--work", nargs=2, metavar=("WORK", "PORT"), help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.work:
        OURS[words.work[0]](words.folder, int(words.work[1]))
        return
    count = sum(p.is_file() for p in Path(words.folder).rglob("*"))
    print("\n".join(table(measure(words.folder, words.runs, words.store), count)))


if __name__ == "__main__":
    main()
