"""What a node may be."""

from __future__ import annotations

import pytest

from napari_dicomdb.errors import NodeError
from napari_dicomdb.network.node import Limits, Node, Tls


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": ""}, "1 to 64"),
        ({"name": "a\nb"}, "control"),
        ({"name": "-x"}, "dash"),
        ({"kind": "ftp"}, "one of dimse"),
        ({"host": ""}, "the host"),
        ({"host": "a b"}, "the host"),
        ({"port": 0}, "no port"),
        ({"port": 65_536}, "no port"),
        ({"port": "104"}, "must be a number"),
        ({"called_aet": "SEVENTEEN LETTERS"}, "called AE title"),
        ({"called_aet": " "}, "called AE title"),
        ({"calling_aet": "A\\B"}, "calling AE title"),
        ({"calling_aet": "ÄÖÜ"}, "calling AE title"),
        ({"credentials": "basic"}, "needs the user"),
        ({"character_set": "UTF-8"}, "no character set"),
        ({"retrieve": "take"}, "one of get"),
        ({"kind": "dicomweb", "url": "ftp://host"}, "the URL"),
        ({"kind": "dicomweb", "url": "http://host:port"}, "the URL"),
        ({"kind": "dicomweb", "url": "https://me:secret@host/"}, "keyring"),
    ],
)
def test_what_cannot_be_used_is_told(values, words):
    with pytest.raises(NodeError, match=words):
        Node(**{"name": "n", "host": "localhost", **values})


@pytest.mark.parametrize("values", [{"connect_seconds": 0}, {"max_pdu": 10}, {"max_results": 0}])
def test_limits(values):
    with pytest.raises(NodeError):
        Limits(**values)


def test_key_needs_its_certificate():
    with pytest.raises(NodeError, match="certificate"):
        Tls(key="key.pem")


def test_json_and_back():
    node = Node(
        "PACS ä", host="::1", called_aet="A B", tls=Tls(ca="ca.pem", check_hostname=False),
        credentials="basic", user="me", secret="0123", retrieve="move",
        limits=Limits(connect_seconds=3.0), character_set="ISO_IR 192",
    )  # fmt: skip
    assert Node.from_json(node.to_json()) == node
    assert node.address == "A B at [::1]:104"
    plain = Node("w", kind="dicomweb", url="https://host/dicom-web")
    assert Node.from_json(plain.to_json()) == plain
    assert plain.to_json() == {"name": "w", "kind": "dicomweb", "url": plain.url}


@pytest.mark.parametrize(
    "entry",
    [[], {}, {"name": "n", "host": "h", "colour": 1}, {"name": "n", "host": "h", "tls": {"x": 1}},
     {"name": "n", "host": "h", "tls": {"ca": 5}}, {"name": 5, "host": "h"}],
)  # fmt: skip
def test_entries_that_are_no_node(entry):
    with pytest.raises(NodeError):
        Node.from_json(entry)


def test_move_destination():
    node = Node("n", host="h", retrieve="move", move_destination="US", move_port=104)
    plain = node.to_json()
    assert (plain["move_destination"], plain["move_port"]) == ("US", 104)
    assert Node.from_json(plain) == node
    assert "move_port" not in Node("n", host="h").to_json()
    for bad in ({"move_destination": "X" * 17}, {"move_port": 0}, {"move_port": "104"}):
        with pytest.raises(NodeError):
            Node("n", host="h", **bad)
