"""What servers answer to STOW-RS: JSON, XML, statuses alone, and nonsense."""

from __future__ import annotations

import json

import pytest

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.dicomweb.store_answers import read_store_answer
from napari_dicomdb.network.node import Node

NODE = Node("x", kind="dicomweb", url="http://host/rs")


def item(uid, **reasons):
    tags = {"reason": "00081197", "warning": "00081196"}
    made = {"00081155": {"vr": "UI", "Value": [uid]}}
    return made | {tags[k]: {"vr": "US", "Value": [v]} for k, v in reasons.items()}


def read(status, body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_store_answer(status, raw, NODE, {})


def test_each_instance_has_its_status() -> None:
    stored = read(
        202,
        {
            "00081199": {"vr": "SQ", "Value": [item("1.1"), item("1.2", warning=0xB000)]},
            "00081198": {"vr": "SQ", "Value": [item("1.3", reason=0x0122), item("1.4")]},
        },
    )
    assert [stored.status_of(f"1.{n}") for n in range(1, 6)] == [0, 0xB000, 0x0122, 0x0110, None]


def test_a_conflict_has_reasons() -> None:
    stored = read(409, [{"00081198": {"Value": [item("1.3", reason="49442")]}}])
    assert stored.status_of("1.3") == 0xC122


def test_nothing_said_with_200_is_all_stored() -> None:
    assert read(200, b"").status_of("1.1") == 0


def test_xml() -> None:
    body = b"""<?xml version="1.0"?><NativeDicomModel>
      <DicomAttribute tag="00081199" vr="SQ"><Item number="1">
        <DicomAttribute tag="00081155" vr="UI"><Value number="1">1.1</Value></DicomAttribute>
      </Item></DicomAttribute>
      <DicomAttribute tag="00081198" vr="SQ"><Item number="1">
        <DicomAttribute tag="00081155" vr="UI"><Value number="1">1.2</Value></DicomAttribute>
        <DicomAttribute tag="00081197" vr="US"><Value number="1">290</Value></DicomAttribute>
      </Item></DicomAttribute></NativeDicomModel>"""
    stored = read(200, body)
    assert (stored.status_of("1.1"), stored.status_of("1.2")) == (0, 0x0122)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<html>welcome", "not-dicomweb"),
        (200, b"{}", "not-dicomweb"),
        (200, b"[" * 100_000, "not-dicomweb"),
        (202, b"", "not-dicomweb"),
        (200, b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>', "not-dicomweb"),
        (409, b"", "conflict"),
        (400, b"no", "bad-request"),
        (401, b"", "unauthorized"),
        (413, b"", "too-large"),
        (503, b"", "busy"),
        (500, b"{}", "server-error"),
    ],
)
def test_requests_that_failed_as_a_whole(status, body, reason) -> None:
    with pytest.raises(NetworkError) as caught:
        read(status, body)
    assert caught.value.reason == reason


@pytest.mark.parametrize("value", [None, [], {}, "x", True, [None], 1e400])
def test_strange_reasons_are_failures(value) -> None:
    failed = {"00081155": {"Value": ["1.1"]}, "00081197": {"Value": [value]}}
    stored = read(202, {"00081198": {"Value": [failed, 7]}, "00081199": {"Value": "x"}})
    assert stored.status_of("1.1") == 0x0110
