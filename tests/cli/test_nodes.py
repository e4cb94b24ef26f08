"""Nodes and echo by command."""

from __future__ import annotations

import io
import json
import socket
import sys

import keyring
import pytest
from keyring.backends.fail import Keyring

from napari_dicomdb.network.nodes import find_node
from napari_dicomdb.network.secrets import secret_of


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
    assert (bad.code, "AE title" in bad.err) == (2, True)
    assert dicomdb("nodes", "add", "x", "--host", "h", "--port", 70000).code == 2
    assert dicomdb("nodes", "add", "x", "--host", "h", "--user", "u", "--no-login").code == 2
    for option in ("--ca", "--cert", "--key"):
        missing = dicomdb("nodes", "add", "x", "--host", "h", option, "/no/such.pem")
        assert (missing.code, "does not exist" in missing.err) == (2, True)
    assert [n["name"] for n in dicomdb("nodes", "ls", "--json").json] == ["n"]


def test_none_yet(dicomdb):
    assert "dicomdb nodes add NAME" in dicomdb("nodes", "ls").out
    assert dicomdb("nodes", "ls", "--json").json == []


def test_replacing_keeps_what_is_not_named(dicomdb, tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    words = ["nodes", "add", "n", "--host", "h", "--port", 4242, "--aet", "THERE"]
    words += ["--calling", "HERE", "--retrieve", "move", "--timeout", 3, "--max-results", 7]
    assert dicomdb(*words, "--move-port", 4000, "--ca", ca).code == 0
    (before,) = dicomdb("nodes", "ls", "--json").json
    change = ("nodes", "add", "n", "--replace")
    assert dicomdb(*change).code == 0
    assert dicomdb("nodes", "ls", "--json").json == [before]
    assert dicomdb(*change, "--port", 104, "--answer-timeout", 9, "--no-check-hostname").code == 0
    (after,) = dicomdb("nodes", "ls", "--json").json
    assert after == {
        **before,
        "port": 104,
        "limits": {**before["limits"], "answer_seconds": 9.0},
        "tls": {**before["tls"], "check_hostname": False},
    }
    assert dicomdb(*change, "--no-tls").code == 0
    assert "tls" not in dicomdb("nodes", "ls", "--json").json[0]
    assert dicomdb(*change, "--url", "https://h/dicom-web").code == 0
    (after,) = dicomdb("nodes", "ls", "--json").json
    assert (after["kind"], after["limits"]["max_results"]) == ("dicomweb", 7)
    assert dicomdb("nodes", "add", "other", "--replace").code == 1


@pytest.fixture
def no_keyring():
    """A system without a keyring, such as a server."""
    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    yield
    keyring.set_keyring(before)


def test_login_without_a_keyring(dicomdb, no_keyring, monkeypatch):
    words = ("nodes", "add", "pacs-2", "--host", "h", "--user", "me")
    monkeypatch.setattr(sys, "stdin", io.StringIO("pässword\n"))
    done = dicomdb(*words)
    assert (done.code, "[no-keyring]" in done.err) == (1, True)
    assert "keyrings.alt" in done.err
    assert "DICOMDB_SECRET_PACS_2 " in done.err
    monkeypatch.setenv("DICOMDB_SECRET_PACS_2", "pässword")
    assert dicomdb(*words).code == 0
    (node,) = dicomdb("nodes", "ls", "--json").json
    assert (node["credentials"], node["user"]) == ("basic", "me")
    assert secret_of(find_node("pacs-2")) == "pässword"
    assert dicomdb("nodes", "add", "pacs-2", "--replace", "--port", 4242).code == 0
    assert dicomdb("nodes", "ls", "--json").json == [{**node, "port": 4242}]
    assert dicomdb("nodes", "add", "pacs-2", "--replace", "--no-login").code == 0
    assert "user" not in dicomdb("nodes", "ls", "--json").json[0]


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


@pytest.fixture
def finder():
    """Port of a node that answers echoes and queries by study."""
    from pynetdicom import AE
    from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind, Verification

    entity = AE("FINDER")
    entity.add_supported_context(Verification)
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    server = entity.start_server(("127.0.0.1", 0), block=False)
    yield server.socket.getsockname()[1]
    server.shutdown()


def test_facts(dicomdb, finder):
    dicomdb("nodes", "add", "finder", "--host", "127.0.0.1", "--port", finder)
    done = dicomdb("nodes", "test")
    assert (done.code, done.err) == (0, "")
    assert "It offers echo, query by study. Not offered: query by patient" in done.out
    (result,) = dicomdb("nodes", "test", "finder", "--json").json
    assert result["offer"]["services"] == ["echo", "query by study"]


def test_every_option_is_kept_and_taken_along(dicomdb, tmp_path):
    words = ["nodes", "add", "n", "--host", "h", "--retrieve", "move", "--timeout", 3]
    words += ["--answer-timeout", 20, "--max-results", 7, "--max-pdu", 65536]
    words += ["--move-destination", "ME", "--move-port", 4000, "--character-set", "ISO_IR 192"]
    assert dicomdb(*words).code == 0
    (node,) = dicomdb("nodes", "ls", "--json").json
    assert node["limits"] == {
        "connect_seconds": 3.0, "answer_seconds": 20.0, "max_pdu": 65536, "max_results": 7,
    }  # fmt: skip
    assert (node["move_destination"], node["move_port"]) == ("ME", 4000)
    assert node["character_set"] == "ISO_IR 192"
    path = tmp_path / "nodes.json"
    dicomdb("nodes", "export", path)
    dicomdb("nodes", "rm", "n")
    assert dicomdb("nodes", "import", path).code == 0
    assert dicomdb("nodes", "ls", "--json").json == [node]


def test_logins_are_asked_for_again(dicomdb, tmp_path):
    entry = {"name": "n", "host": "h", "credentials": "basic", "user": "me"}
    path = tmp_path / "nodes.json"
    path.write_text(json.dumps({"version": 1, "nodes": [entry]}))
    done = dicomdb("nodes", "import", path)
    assert done.code == 0
    assert "n needs its login again: dicomdb nodes add 'n' --replace --user me\n" in done.out
