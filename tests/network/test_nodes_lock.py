"""Two programs that change the nodes at the same time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from tests.servers import PATIENCE

from napari_dicomdb.errors import NodeError
from napari_dicomdb.network import nodes_lock
from napari_dicomdb.network.nodes_lock import changing

_OTHER = """
import sys
from pathlib import Path
from napari_dicomdb.network.nodes_lock import changing
with changing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_another_process_is_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "settings" / "nodes.json"
    other = subprocess.Popen(
        [sys.executable, "-c", _OTHER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None and other.stdin is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(NodeError) as caught, changing(path, seconds=0.1):
        pass
    assert caught.value.reason == "nodes-busy"
    held, waiting, ended = threading.Event(), threading.Event(), threading.Event()

    def turn(seconds):
        waiting.set()
        assert ended.wait(PATIENCE)

    monkeypatch.setattr(nodes_lock, "time", SimpleNamespace(monotonic=time.monotonic, sleep=turn))

    def wait_for_it():
        with changing(path):
            held.set()

    thread = threading.Thread(target=wait_for_it)
    thread.start()
    assert waiting.wait(PATIENCE)
    assert not held.is_set()
    other.communicate("\n", timeout=PATIENCE)
    ended.set()
    thread.join(PATIENCE)
    assert held.is_set()


def test_a_change_may_be_part_of_a_change(tmp_path):
    with changing(tmp_path / "nodes.json"), changing(tmp_path / "nodes.json"):
        pass
    with changing(tmp_path / "nodes.json", seconds=0):
        pass


def test_no_update_is_lost(tmp_path, monkeypatch):
    monkeypatch.setenv("DICOMDB_SETTINGS", str(tmp_path / "settings.json"))
    code = (
        "import sys\n"
        "from napari_dicomdb.network.node import Node\n"
        "from napari_dicomdb.network.nodes import add_node\n"
        "for n in range(15): add_node(Node(f'{sys.argv[1]}{n}', host='h'))\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "abc"]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    from napari_dicomdb.network.nodes import load_nodes

    assert sorted(n.name for n in load_nodes()) == sorted(
        f"{name}{n}" for name in "abc" for n in range(15)
    )
