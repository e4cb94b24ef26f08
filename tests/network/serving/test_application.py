"""Addresses and methods; and another DICOMweb program, Orthanc, as our client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pydicom
import pytest

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/studies/", 404),
        ("GET", "/studies/a b/metadata", 400),
        ("GET", "/studies/" + "1" * 500 + "/metadata", 400),
        ("GET", "/studies/../../../etc/passwd", 404),
        ("GET", "/studies/..%2f..%2fetc/metadata", 404),
        ("GET", "/studies/%00/metadata", 400),
        ("DELETE", "/studies/1.2.3", 405),
        ("PUT", "/studies", 405),
        ("POST", "/series", 405),
        ("TRACE", "/", 405),
    ],
)
def test_what_is_refused(web: Any, method: str, path: str, status: int) -> None:
    answer = web.client.request(method, path)
    assert answer.status_code in (status, 404)
    assert "Traceback" not in answer.text


def test_options_and_head(web: Any, start: Any) -> None:
    answer = web.client.options("/studies")
    assert (answer.status_code, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")
    assert start().client.options("/studies").headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    head = web.client.head("/studies?limit=1")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == "application/dicom+json"
    assert head.headers["X-Content-Type-Options"] == "nosniff"
    assert "server" not in head.headers


@pytest.fixture
def peer(orthanc: Any, program: Any) -> Any:
    """Start Orthanc with its DICOMweb plug-in, and us among its servers."""
    if not Path(PLUGIN).exists():
        pytest.skip("Orthanc's DICOMweb plug-in is not installed")

    def begin(web: Any, **more: Any) -> Any:
        us = {"Url": f"{web.server.url}/", "HasDelete": False, **more}
        return orthanc(
            Plugins=[PLUGIN],
            DicomWeb={"Enable": True, "Servers": {"us": us}},
        )

    return begin


def asked(peer: Any, path: str, content: Any) -> Any:
    return peer.ask(path, json.dumps(content).encode())


def uids_of(paths: list[Path]) -> dict[str, Path]:
    return {str(pydicom.dcmread(one).SOPInstanceUID): one for one in paths}


def test_orthanc_fetches_from_us(web: Any, peer: Any, data_set_of: Any) -> None:
    other = peer(web)
    names = ("CT1_RLE", "chrH31.dcm", "US1_UNC")
    records = [web.named(name) for name in names]
    series = [web.database.find_series(one.series_uid) for one in records]
    found = asked(other, "/dicom-web/servers/us/qido", {"Uri": "/studies"})
    assert {one["0020000D"]["Value"] for one in found} == {s.uid for s in web.database.studies()}
    resources = [{"Study": one.study_uid, "Series": one.uid} for one in series]
    asked(other, "/dicom-web/servers/us/retrieve", {"Resources": resources})
    for record in records:
        assert data_set_of(other.file(record.uid)) == data_set_of(record.path)


def test_orthanc_stores_to_us(
    start: Any, peer: Any, reference_data: Path, data_set_of: Any
) -> None:
    token = "a-token-that-nobody-guesses"
    web = start(token=token)
    other = peer(web, HttpHeaders={"Authorization": f"Bearer {token}"})
    files = [
        one
        for name in ("CT1_RLE", "US1_UNC", "chrH31.dcm", "chrArab.dcm")
        for one in [*reference_data.rglob(name)][:1]
    ]
    sent = uids_of(files)
    identifiers = [other.ask("/instances", one.read_bytes())["ID"] for one in files]
    asked(other, "/dicom-web/servers/us/stow", {"Resources": identifiers})
    records = {one.uid: one for one in web.database.instances()}
    assert records.keys() == sent.keys()
    for uid, there in sent.items():
        assert data_set_of(records[uid].path) == data_set_of(there)
