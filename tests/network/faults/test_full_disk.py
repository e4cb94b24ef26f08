"""Our disk full while peers send: they are told, what was acknowledged stays, and we go on."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from napari_dicomdb import Database
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.echo import check_node
from napari_dicomdb.network.listener import Listener, ListenerSettings
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.serving import Server, ServerSettings

CT = "1.2.840.10008.5.1.4.1.1.2"
OUT_OF_RESOURCES, INSUFFICIENT_STORAGE = 0xA700, 507
SIZE = 12 << 20
KEPT_FREE = 1 << 20
"""Room that something else takes and gives back."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give an empty disk; some MB are left to SQLite by whoever receives."""
    place = Path(__file__).parents[2] / "database" / "test_disk_full.py"
    spec = importlib.util.spec_from_file_location("dicomdb_disk_full", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.SIZE = SIZE
    mount = module.mount_command()
    if mount is None:
        pytest.skip("nobody lets us mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run([*mount, str(folder)], check=True)
    yield folder
    subprocess.run([*mount[: mount.index("mount")], "umount", "-l", str(folder)], check=True)


def store(association: Association, small: Any) -> tuple[str, bytes, int]:
    """Send the next object; its UID, its data set, the status."""
    uid, content = small.next()
    message = association.send_request(
        1,
        {
            "AffectedSOPClassUID": CT,
            "CommandField": 1,
            "Priority": 0,
            "CommandDataSetType": 1,
            "AffectedSOPInstanceUID": uid,
        },
        content,
    )
    return uid, content, int(association.read_answer(message)["Status"])


def test_full_while_listening(
    disk: Path, small: Any, check_kept: Callable[..., dict[str, Path]]
) -> None:
    root = disk / "database"
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(KEPT_FREE))
    came: dict[str, set[bytes]] = {}
    with (
        Database.open(root) as database,
        Listener(database, ListenerSettings(port=0)) as ours,
    ):
        node = Node("ours", host="localhost", port=ours.address[1], called_aet="DICOMDB")
        association = Association.request(node, [(CT, small.syntax)])
        refused = 0
        while refused < 5:
            uid, content, status = store(association, small)
            assert status in (0, OUT_OF_RESOURCES)
            if status:
                refused += 1
            else:
                came[uid] = {content}
        before = len(came)
        assert before > 100
        assert check_node(node).ok
        ballast.unlink()
        for _ in range(20):
            uid, content, status = store(association, small)
            assert status == 0
            came[uid] = {content}
        association.release()
        ours.inbox.flush(30)
        assert database.info()["instances"] == len(came) == before + 20
    assert check_kept(root, came, came).keys() == came.keys()


def test_full_until_it_stops(
    disk: Path, small: Any, check_kept: Callable[..., dict[str, Path]]
) -> None:
    """What is acknowledged and cannot be indexed waits for the next who opens the database."""
    root = disk / "database"
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(KEPT_FREE))
    came: dict[str, set[bytes]] = {}
    with Database.open(root) as database, Listener(database, ListenerSettings(port=0)) as ours:
        node = Node("ours", host="localhost", port=ours.address[1], called_aet="DICOMDB")
        association = Association.request(node, [(CT, small.syntax)])
        status = 0
        while not status:
            # The last room goes to others, as it does.
            if len(came) == 100:
                fill(disk / "others")
            uid, content, status = store(association, small)
            if not status:
                came[uid] = {content}
        assert status == OUT_OF_RESOURCES
        association.release()
    ballast.unlink()
    with Database.open(root) as database:
        assert database.info()["instances"] == len(came)
    assert check_kept(root, came, came).keys() == came.keys()


def fill(path: Path) -> None:
    """Write until nothing fits any more."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(handle, bytes(4096))
    except OSError:
        os.close(handle)


def test_full_while_serving(
    disk: Path, small: Any, tmp_path: Path, check_kept: Callable[..., dict[str, Path]]
) -> None:
    root = disk / "database"
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(KEPT_FREE))
    came: dict[str, set[bytes]] = {}
    kind = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=m'}
    statuses: list[int] = []
    with (
        Database.open(root) as database,
        Server(database, ServerSettings(port=0)) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):

        def post() -> None:
            files = small.write(tmp_path / "files", 25)
            parts = [
                b"--m\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n"
                for path in files.values()
            ]
            answer = client.post("/studies", content=b"".join(parts) + b"--m--\r\n", headers=kind)
            statuses.append(answer.status_code)
            for one in answer.json().get("00081199", {}).get("Value", []):
                uid = one["00081155"]["Value"][0]
                raw = files[uid].read_bytes()
                came[uid] = {raw[144 + int.from_bytes(raw[140:144], "little") :]}

        while INSUFFICIENT_STORAGE not in statuses:
            post()
        assert set(statuses) <= {200, 202, INSUFFICIENT_STORAGE}
        assert client.get("/studies").status_code == 200
        ballast.unlink()
        post()
        assert statuses[-1] == 200
    assert len(came) > 100
    assert check_kept(root, came, came).keys() == came.keys()
