"""Addresses and methods; and another DICOMweb program, Orthanc, as our client."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_dicomdb import Database
from napari_dicomdb.network.node import Node

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


def test_our_own_client(web: Any, start: Any, tmp_path: Path, data_set_of: Any) -> None:
    """Found, retrieved and sent on, every object comes back as it was."""
    last = start(database=Database.open(tmp_path / "last"))
    us = Node("us", kind="dicomweb", url=web.server.url)
    them = Node("last", kind="dicomweb", url=last.server.url)
    with Database.open(tmp_path / "middle") as middle:
        study = web.database.find_series(web.named("CT1_RLE").series_uid).study_uid
        keys = {"StudyInstanceUID": study}
        found = middle.find(keys, us, here=False)
        assert [one.study_uid for one in found.matches] == [study]
        report = middle.retrieve(found.matches, us)
        assert report.ok, report.summary()
        sent = middle.send(middle.series(), them)
        assert sent.ok, sent.summary()
        expected = {i.uid: i.path for i in middle.instances()}
    got = {i.uid: i.path for i in last.database.instances()}
    assert got.keys() == expected.keys()
    for uid, path in got.items():
        (there,) = web.database.instances(uid=uid)
        assert data_set_of(path) == data_set_of(there.path)
    last.server.stop()
    last.database.close()


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


KEYS = st.sampled_from(
    [
        "PatientName",
        "StudyDate",
        "StudyTime",
        "00080061",
        "limit",
        "offset",
        "Rows",
        "window",
        "viewport",
        "fuzzymatching",
        "includefield",
        "accept",
        "AcquisitionDateTime",
        "EchoTime",
    ]
)
VALUES = st.one_of(st.text(max_size=20), st.from_regex(r"[0-9\-,.*?\\+=^\"]{0,16}"))
STEPS = st.one_of(
    st.sampled_from(
        [
            "studies",
            "series",
            "instances",
            "metadata",
            "frames",
            "rendered",
            "thumbnail",
            "1",
            "7",
            "bulkdata",
            "7FE00010",
            "..",
            ".",
            "%2e%2e",
            "%00",
            "1,2",
        ]
    ),
    st.text(max_size=12),
)
TYPES = st.sampled_from(
    [
        "*/*",
        "image/png",
        "multipart/related; type=application/dicom; transfer-syntax=*",
        "application/dicom+json",
        'multipart/related; type="image/*"',
        "a/b;q=x",
        "multipart/*",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    st.lists(STEPS, max_size=8), st.dictionaries(KEYS, VALUES, max_size=3), TYPES, st.booleans()
)
def test_whatever_is_asked(
    web: Any, steps: list[str], query: dict[str, str], accept: str, real: bool
) -> None:
    """Refused or answered, never an error of ours."""
    path = "/".join(["", *(quote(one, safe="%.,") for one in steps)])
    if real:
        path = f"{web.path(web.named('CT1_UNC'))}{path}"
    url = f"{web.server.url}{path}"  # httpx takes no path that begins with //
    answer = web.client.get(url, params=query, headers={"Accept": accept})
    assert answer.status_code < 500, (path, query)
    assert b"Traceback" not in answer.content


def test_many_at_once(
    start: Any, store: Any, phantom_paths: list[Path], reference_data: Path, data_set_of: Any
) -> None:
    """Stored, searched and fetched side by side, while an import writes the database."""
    web = start()
    names = ("CT1_RLE", "US1_UNC", "MR4_UNC", "chrH31.dcm", "chrArab.dcm", "chrFren.dcm")
    files = [one for name in names for one in [*reference_data.rglob(name)][:1]]

    def work(one: Path) -> bytes:
        assert store(web, one.read_bytes()).status_code == 200
        dataset = pydicom.dcmread(one, stop_before_pixels=True)
        path = f"/studies/{dataset.StudyInstanceUID}"
        (found,) = web.get(f"/studies?StudyInstanceUID={dataset.StudyInstanceUID}").json()
        assert found["00201208"]["Value"] == [1]
        assert web.get(f"{path}/metadata").status_code == 200
        rest = f"/series/{dataset.SeriesInstanceUID}/instances/{dataset.SOPInstanceUID}"
        return bytes(web.get(f"{path}{rest}", "application/dicom; transfer-syntax=*").content)

    with ThreadPoolExecutor(8) as pool:
        importing = pool.submit(web.database.import_paths, [phantom_paths[0].parent], workers=0)
        got = [*pool.map(work, files)]
        assert importing.result().added == len(phantom_paths)
    assert [data_set_of(one) for one in got] == [data_set_of(one) for one in files]
    assert web.database.info()["instances"] == len(files) + len(phantom_paths)
