"""Nodes and echo by command."""

from __future__ import annotations

import json
import socket


def test_add_list_export_remove_import(dicomdb, tmp_path):
    done = dicomdb("nodes", "add", "pacs", "--host", "localhost", "--port", 11112, "--aet", "PACS")
    assert (done.code, done.out) == (0, "pacs: PACS at localhost:11112\n")
    assert dicomdb("nodes", "add", "web", "--url", "https://h/dicom-web").code == 0
    listed = dicomdb("nodes", "ls", "--json").json
    assert [(n["name"], n["kind"]) for n in listed] == [("pacs", "dimse"), ("web", "dicomweb")]
    assert "PACS at localhost:11112" in dicomdb("nodes", "ls").out
    path = tmp_path / "nodes.json"
    assert dicomdb("nodes", "export", path).code == 0
    assert len(json.loads(path.read_text())["nodes"]) == 2
    assert dicomdb("nodes", "rm", "pacs").code == 0
    missing = dicomdb("nodes", "rm", "pacs")
    assert (missing.code, "[no-node]" in missing.err) == (1, True)
    again = dicomdb("nodes", "import", path)
    assert again.code == 1
    assert again.out == "1 nodes added\n"
    assert "[name-taken]" in again.err


def test_change_and_wrong_usage(dicomdb):
    add = ("nodes", "add", "n", "--host", "h")
    assert dicomdb(*add).code == 0
    assert "[name-taken]" in dicomdb(*add).err
    assert dicomdb(*add, "--replace", "--tls", "--no-check-hostname").code == 0
    assert dicomdb("nodes", "ls", "--json").json[0]["tls"]["check_hostname"] is False
    assert dicomdb("nodes", "add", "x").code == 2
    assert dicomdb("nodes", "add", "x", "--host", "h", "--url", "https://h").code == 2
    bad = dicomdb("nodes", "add", "x", "--host", "h", "--aet", "FAR TOO LONG A TITLE")
    assert (bad.code, "[bad-node]" in bad.err) == (1, True)


def test_what_is_wrong_is_said(dicomdb):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        dicomdb("nodes", "add", "gone", "--host", "127.0.0.1", "--port", port)
        for words in (("echo", "gone"), ("nodes", "test"), ("nodes", "test", "gone")):
            done = dicomdb(*words)
            assert done.code == 1
            assert "nothing listens" in done.err
            assert "[refused]" in done.err
        (result,) = dicomdb("echo", "gone", "--json").json
    assert (result["ok"], result["reason"]) == (False, "refused")
    assert dicomdb("echo", "nobody").code == 1
