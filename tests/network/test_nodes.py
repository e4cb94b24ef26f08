"""The list of nodes: kept whole, taken along without secrets."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace

import pytest

from napari_dicomdb.errors import NodeError, NotFoundError
from napari_dicomdb.network.node import Limits, Node, Tls
from napari_dicomdb.network.nodes import (
    add_node,
    export_nodes,
    find_node,
    import_nodes,
    load_nodes,
    nodes_path,
    remove_node,
)
from napari_dicomdb.network.secrets import keep_secret

A, B = Node("alpha", host="a"), Node("Beta", host="b")


def test_add_find_replace_remove():
    assert load_nodes() == []
    add_node(B)
    assert add_node(A) == [A, B]
    assert find_node("BETA") == B
    with pytest.raises(NodeError, match="already") as caught:
        add_node(Node("ALPHA", host="x"))
    assert caught.value.reason == "name-taken"
    other = Node("gamma", host="a")
    assert add_node(other, replacing="alpha") == [B, other]
    assert remove_node("gamma") == [B]
    with pytest.raises(NotFoundError, match="known: Beta"):
        remove_node("gamma")


def test_file_is_for_its_owner_only_and_has_no_secret(memory_keyring):
    add_node(Node("n", host="h", credentials="basic", user="me", secret=keep_secret("pass word")))
    text = nodes_path().read_text()
    assert "pass word" not in text
    if os.name == "posix":
        assert nodes_path().stat().st_mode & 0o077 == 0
    assert list(memory_keyring.values()) == ["pass word"]
    remove_node("n")
    assert memory_keyring == {}


def test_damaged_file_is_set_aside():
    nodes_path().parent.mkdir(parents=True)
    nodes_path().write_text("{")
    assert load_nodes() == []
    assert nodes_path().with_name("nodes.json.broken").read_text() == "{"


def test_entry_that_cannot_be_used_is_left_out():
    add_node(A)
    content = json.loads(nodes_path().read_text())
    content["nodes"].append({"name": "bad", "host": ""})
    nodes_path().write_text(json.dumps(content))
    assert load_nodes() == [A]
    # It is not thrown away: a newer version may know what to do with it.
    add_node(B)
    remove_node("Beta")
    assert {"name": "bad", "host": ""} in json.loads(nodes_path().read_text())["nodes"]
    assert load_nodes() == [A]


def test_export_and_import(tmp_path, memory_keyring):
    secret = keep_secret("x")
    add_node(Node("n", host="h", credentials="basic", user="me", secret=secret))
    add_node(B)
    path = tmp_path / "nodes.json"
    assert export_nodes(path) == 2
    assert secret not in path.read_text()
    remove_node("n")
    added, rejected = import_nodes(path)
    assert [node.name for node in added] == ["n"]
    assert added[0].secret == ""
    assert [(name, reason) for name, reason, _ in rejected] == [("Beta", "name-taken")]
    added, rejected = import_nodes(path, replace=True)
    assert (len(added), rejected) == (2, [])
    assert [node.name for node in load_nodes()] == ["Beta", "n"]


def test_every_field_goes_along_but_the_secret(tmp_path, memory_keyring):
    secret = keep_secret("x")
    node = Node(
        "whole", host="pacs.example.org", port=4242, called_aet="PACS", calling_aet="US",
        tls=Tls("ca.pem", "cert.pem", "key.pem", False),
        credentials="bearer", secret=secret, retrieve="move",
        move_destination="OTHER", move_port=4000,
        limits=Limits(1.5, 20.0, 65_536, 50), character_set="ISO_IR 192",
    )  # fmt: skip
    changed = {f.name for f in fields(Node) if getattr(node, f.name) != f.default}
    # "kind", "url" and "user" are those of other kinds of nodes.
    assert changed >= {f.name for f in fields(Node)} - {"kind", "url", "user"}
    web = Node("web", kind="dicomweb", url="https://example.org/dicom-web", credentials="basic",
               user="me", secret=secret)  # fmt: skip
    for one in (node, web):
        add_node(one)
    path = tmp_path / "nodes.json"
    assert export_nodes(path) == 2
    assert secret not in path.read_text()
    for name in ("whole", "web"):
        remove_node(name)
    added, rejected = import_nodes(path)
    assert rejected == []
    assert sorted(added, key=lambda n: n.name) == sorted(
        (replace(one, secret="") for one in (node, web)), key=lambda n: n.name
    )
    assert set(load_nodes()) == set(added)


def test_file_of_a_stranger_names_no_entry_of_our_keyring(tmp_path):
    path = tmp_path / "nodes.json"
    entry = {"name": "n", "host": "h", "credentials": "basic", "user": "u", "secret": "ours"}
    path.write_text(json.dumps({"version": 1, "nodes": [entry, 5, {"name": "x"}]}))
    added, rejected = import_nodes(path)
    assert [node.secret for node in added] == [""]
    assert len(rejected) == 2


@pytest.mark.parametrize(
    "text", ["", "[]", '{"nodes": []}', '{"version": 1, "nodes": 5}', "[" * 9999]
)
def test_what_is_no_list_of_nodes(tmp_path, text):
    path = tmp_path / "nodes.json"
    path.write_text(text)
    with pytest.raises(NodeError, match="no list of nodes"):
        import_nodes(path)
