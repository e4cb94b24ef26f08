"""Take the pictures of the *DICOM network* dock, in front of servers that really run.

usage: python scripts/screenshots_network.py [FOLDER [SCENE ...]]   (default: docs/images)

Two Orthancs on loopback, one asked by DIMSE and one by DICOMweb, hold the invented patients
of ``phantom_hospital.py``; ``storescu`` sends to our listener. Needs Orthanc with its
DICOMweb plug-in, DCMTK, and a display or Xvfb
(``scripts/with-display.sh python scripts/screenshots_network.py``).
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import phantom_hospital
from phantom_chest import LESION
from stage import IMAGES, Stage, own_settings

from napari_dicomdb.viewer.phantom import CENTRE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WINDOW = (1500, 930)
FLOATING = (690, 600)
PATIENCE = 60  # seconds
DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
CLINIC, RESEARCH, ARCHIVE = "Clinic PACS", "Research", "Old archive"
OF_CLINIC = ("A2505-118", "A2301-007", "R-99310", "RT-4471", "240830-3", "M-24-0611", "CR-00831")
OF_RESEARCH = ("M-24-0611", "PT-1187", "NM-1190")


# -- servers ------------------------------------------------------------------------------


def free_port(*wanted: int) -> int:
    """Return the first of these ports that is free, else any."""
    for port in (*wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free")


def ask(url: str, content: bytes | None = None) -> Any:
    """Ask Orthanc's own interface."""
    with urllib.request.urlopen(url, data=content, timeout=PATIENCE) as answer:
        return json.loads(answer.read())


@contextmanager
def orthanc(folder: Path, aet: str, files: Sequence[Path]) -> Iterator[tuple[int, int]]:
    """Run Orthanc with these files in it; its ports for DICOM and for HTTP."""
    port, http = free_port(4242, 4243), free_port(8042, 8043)
    folder.mkdir(parents=True)
    settings = folder / "orthanc.json"
    settings.write_text(
        json.dumps(
            {
                "Name": aet,
                "StorageDirectory": str(folder),
                "IndexDirectory": str(folder),
                "HttpPort": http,
                "DicomPort": port,
                "DicomAet": aet,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomAlwaysAllowEcho": True,
                "DicomAlwaysAllowFind": True,
                "DicomAlwaysAllowGet": True,
                "DicomAlwaysAllowStore": True,
                "DefaultEncoding": "Utf8",
                "Plugins": [DICOMWEB],
            }
        )
    )
    server = subprocess.Popen(
        ["Orthanc", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        address = f"http://127.0.0.1:{http}"
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                ask(f"{address}/system")
                break
            except urllib.error.URLError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        for path in files:
            ask(f"{address}/instances", path.read_bytes())
        yield port, http
    finally:
        server.terminate()
        server.wait(PATIENCE)


def files_of(data: Path, accessions: Sequence[str]) -> list[Path]:
    """Return the files of studies."""
    return [path for name in accessions for path in sorted((data / name).rglob("*.dcm"))]


# -- the window ---------------------------------------------------------------------------


def network(stage: Stage, page: str) -> Any:
    """Open the dock at a page, beside the window, and return it."""
    from qtpy.QtWidgets import QDockWidget

    from napari_dicomdb.viewer.browse import show_network

    widget = show_network(stage.viewer, page)
    dock = widget.parentWidget()
    while not isinstance(dock, QDockWidget):
        dock = dock.parentWidget()
    if not dock.isFloating():
        dock.setFloating(True)
        dock.resize(*FLOATING)
        dock.move(20, 20)
    stage.wait(600)
    return widget


def search(stage: Stage, widget: Any, name: str = "", modality: str = "") -> None:
    """Ask all nodes but the one that is away."""
    form = widget.query.form
    form.clear()
    for node, box in form.boxes.items():
        box.setChecked(node != ARCHIVE)
    form.name.setText(name)
    form.modality.setCurrentText(modality)
    widget.query.search()
    stage.until(lambda: not widget.query.is_busy)
    stage.wait(600)


def row_of(widget: Any, uid_or_name: str) -> Any:
    """Return the row of a study by a word of its description."""
    rows = widget.query.results.model.rows()
    return next(row for row in rows if uid_or_name in str(row.match.values))


def unfold(stage: Stage, widget: Any, words: str) -> None:
    """Unfold a row and wait for what is below it."""
    results = widget.query.results
    row = row_of(widget, words)
    results.view.setExpanded(results.model.index_of(row), True)
    stage.until(lambda: row.state == "known")


def choose(widget: Any, words: str) -> None:
    """Make a row the present one."""
    results = widget.query.results
    results.view.setCurrentIndex(results.model.index_of(row_of(widget, words)))


def jobs_done(stage: Stage, widget: Any) -> None:
    """Wait until no job runs or waits."""
    stage.until(lambda: bool(widget.network.jobs) and widget.network.running_count == 0)
    stage.wait(800)


# -- scenes -------------------------------------------------------------------------------


def query(stage: Stage) -> None:
    """Show what two nodes and the database have, unfolded."""
    widget = network(stage, "query")
    search(stage, widget)
    unfold(stage, widget, "A2505-118")
    unfold(stage, widget, "M-24-0611")
    choose(widget, "T1 SE axial")
    stage.wait(800)
    stage.both("network-query", widget)


def nodes(stage: Stage) -> None:
    """Show the nodes, one of which does not answer."""
    widget = network(stage, "nodes")
    for row in range(widget.nodes.table.model().rowCount()):
        widget.nodes.table.selectRow(row)
        widget.nodes.test()
        stage.until(lambda: not widget._runner.is_busy)
        stage.wait(500)
    stage.both("network-nodes", widget)


def jobs(stage: Stage) -> None:
    """Show jobs that are done, one that failed and one that is held."""
    widget = network(stage, "jobs")
    session = widget.network
    studies = {row.match.values.get("AccessionNumber"): row for row in found(stage, widget)}
    for accession in ("A2301-007", "PT-1187"):
        widget.retrieve([studies[accession]], True)
    session.add_job("echo", {}, title=f"Test {CLINIC}", node=CLINIC)
    session.add_job("echo", {}, title=f"Test {ARCHIVE}", node=ARCHIVE)
    widget.show_page("jobs")
    stage.until(lambda: any(job.state == "done" for job in session.jobs))
    jobs_done(stage, widget)
    widget.retrieve([studies["A2505-118"]], True)
    while not (running := [one.id for one in session.jobs if one.state == "running" and one.done]):
        stage.wait(10)
    session.change_jobs("pause", running)
    stage.until(lambda: session.running_count == 0)
    widget.show_page("jobs")
    widget.jobs.select([next(job.id for job in session.jobs if job.state == "failed")])
    stage.wait(800)
    stage.both("network-jobs", widget)


def found(stage: Stage, widget: Any) -> list[Any]:
    """Return the studies of all nodes."""
    search(stage, widget)
    return [row for row in widget.query.results.model.rows() if row.level == "study"]


def listener(stage: Stage) -> None:
    """Show the listener while it receives, and after it refused a stranger."""
    from napari_dicomdb.network.listener_settings import ListenerSettings

    widget = network(stage, "listener")
    settings = ListenerSettings(
        port=free_port(11112, 11113), allowed_aets=("CLINIC", "MODALITY1", "MODALITY2")
    )
    widget.network.listening.start(settings)
    stage.until(lambda: widget.network.listening.state == "on")
    folder = stage.data / "NM-1190"
    for aet, sent in (("MODALITY1", folder), ("MODALITY2", stage.data / "US-20411")):
        subprocess.run(
            ["storescu", "-aet", aet, "-aec", settings.aet, "+sd", "+r",
             "127.0.0.1", str(settings.port), str(sent)],
            check=True, capture_output=True,
        )  # fmt: skip
    stage.wait(2500)
    stage.both("network-listener", widget)


def log(stage: Stage) -> None:
    """Show what was said between the programs."""
    widget = network(stage, "log")
    stage.wait(800)
    stage.both("network-log", widget)


def dock(stage: Stage) -> None:
    """Show the dock beside a volume that was retrieved and opened."""
    from qtpy.QtCore import Qt

    widget = network(stage, "query")
    stage.viewer.layers.clear()
    search(stage, widget)
    unfold(stage, widget, "R-99310")
    choose(widget, "縦隔 5 mm")
    widget.query.results.load()
    stage.until(lambda: bool(stage.viewer.layers) and widget.work_bar.isHidden())
    stage.wait(1500)
    outer = widget.parentWidget()
    while not hasattr(outer, "setFloating"):
        outer = outer.parentWidget()
    outer.setFloating(False)
    outer.raise_()
    stage.viewer.window._qt_window.resizeDocks([outer], [560], Qt.Orientation.Horizontal)
    (chest,) = stage.viewer.layers
    chest.contrast_limits = (-250, 350)
    stage.viewer.dims.set_point(0, -(CENTRE[2] + LESION[2]))
    stage.viewer.reset_view()
    stage.wait(1500)
    stage.both("network")


SCENES: dict[str, Callable[[Stage], None]] = {
    scene.__name__: scene for scene in (query, nodes, jobs, listener, log, dock)
}


def fill(stage: Stage, ports: dict[str, int]) -> None:
    """Make the nodes known, and import a part of what they have."""
    from napari_dicomdb.network.node import Limits, Node
    from napari_dicomdb.network.nodes import add_node

    add_node(Node(CLINIC, host="localhost", port=ports["dicom"], called_aet="CLINIC"))
    add_node(Node(RESEARCH, kind="dicomweb", url=f"http://localhost:{ports['http']}/dicom-web/"))
    add_node(
        Node(ARCHIVE, host="localhost", port=ports["away"], called_aet="ARCHIVE", retrieve="move",
             limits=Limits(connect_seconds=2))
    )  # fmt: skip
    stage.import_all(
        stage.browser,
        stage.data / "RT-4471",
        stage.data / "240830-3",
        *files_of(stage.data, ["A2505-118"])[:14],
    )
    stage.browser.import_bar.outcome._on_close()
    stage.wait(1500)


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    with own_settings() as work, ExitStack() as servers:
        data = work / "hospital"
        phantom_hospital.write_hospital(data)
        clinic = orthanc(work / "clinic", "CLINIC", files_of(data, OF_CLINIC))
        dicom, _ = servers.enter_context(clinic)
        research = orthanc(work / "research", "RESEARCH", files_of(data, OF_RESEARCH))
        _, http = servers.enter_context(research)
        stage = Stage(folder, data, window=WINDOW)
        fill(stage, {"dicom": dicom, "http": http, "away": free_port(104, 11110)})
        for name in arguments[1:] or SCENES:
            SCENES[name](stage)
        stage.viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
