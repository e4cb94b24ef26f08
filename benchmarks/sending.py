"""Measures sending 500 CT instances against DCMTK's storescu and plain pynetdicom.

    python -m benchmarks.sending FOLDER [--runs 5] [--written]

All send to the same `storescp`, with TCP_NODELAY on both ends, one association,
runs interleaved, each of ours and pynetdicom's in a process of its own, timed
from the request of the association to its release; storescu by its whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def send_ours(folder: str, port: int) -> float:
    """Send by `napari_dicomdb.network`; seconds."""
    import pynetdicom.pdu  # noqa: F401 - the start of the interpreter is not counted

    from napari_dicomdb import Database
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.sending import send_instances

    with Database.in_memory() as database:
        database.import_paths([folder], workers=0)
        instances = database.instances()
        node = Node("peer", host="127.0.0.1", port=port)
        started = time.perf_counter()
        report = send_instances(instances, node)
        seconds = time.perf_counter() - started
    assert report.ok, report.summary()
    return seconds


def send_pynetdicom(folder: str, port: int) -> float:
    """Send by pynetdicom, as fast as its options allow; seconds."""
    import pynetdicom
    from pynetdicom import AE, evt

    pynetdicom._config.STORE_SEND_CHUNKED_DATASET = True
    paths = sorted(p for p in Path(folder).rglob("*") if p.is_file())
    entity = AE()
    entity.add_requested_context("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1")

    def opened(event: evt.Event) -> None:
        event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    started = time.perf_counter()
    association = entity.associate(
        "127.0.0.1", port, evt_handlers=[(evt.EVT_CONN_OPEN, opened)], max_pdu=0
    )
    for path in paths:
        status = association.send_c_store(path)
        assert status and status.Status == 0, "pynetdicom got no answer"
    association.release()
    return time.perf_counter() - started


def send_dcmtk(folder: str, port: int) -> float:
    """Send by storescu; seconds of the whole process."""
    words = ["storescu", "+sd", "+r", "--max-send-pdu", "131072", "127.0.0.1", str(port), folder]
    started = time.perf_counter()
    subprocess.run(words, check=True, env={**os.environ, "TCP_NODELAY": "1"})
    return time.perf_counter() - started


WORKS = {"ours": send_ours, "storescu": send_dcmtk, "pynetdicom": send_pynetdicom}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _run(work: str, folder: str, written: bool, pdu: int) -> float:
    port = _free_port()
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the disk is not measured
    place = tempfile.mkdtemp(prefix="dicomdb-sending-", dir=memory)
    words = ["storescp", "-od", place, "-pdu", str(pdu), str(port)]
    if not written:
        words.insert(1, "--ignore")
    server = subprocess.Popen(words, env={**os.environ, "TCP_NODELAY": "1"})
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.02)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.sending", folder, "--work", work, str(port)],
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return float(json.loads(done.stdout.splitlines()[-1]))
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(place)


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--written", action="store_true", help="storescp writes the files")
    parser.add_argument("--pdu", type=int, default=131_072, help="largest that storescp takes")
    parser.add_argument("--work", nargs=2, metavar=("WORK", "PORT"), help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.work:
        print(json.dumps(WORKS[words.work[0]](words.folder, int(words.work[1]))))
        return
    count = sum(p.is_file() for p in Path(words.folder).rglob("*"))
    results: dict[str, list[float]] = {work: [] for work in WORKS}
    for _ in range(words.runs):
        for work, seconds in results.items():
            try:
                seconds.append(_run(work, words.folder, words.written, words.pdu))
            except subprocess.CalledProcessError:
                print(f"{work} failed in one run")
    results = {work: seconds for work, seconds in results.items() if seconds}
    best = {work: min(seconds) for work, seconds in results.items()}
    for work, seconds in results.items():
        print(
            f"{work:12} {count / min(seconds):7.0f}/s best "
            f"{count / statistics.median(seconds):7.0f}/s median "
            f"{best['storescu'] / best[work]:6.2f} x storescu"
        )


if __name__ == "__main__":
    main()
