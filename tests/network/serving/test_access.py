"""Who may ask: token, names of the host, foreign pages; and what the log says of it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.network.serving import new_token
from napari_dicomdb.network.serving.access import logged_path

PAGE = "http://localhost:3000"


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer wrong", "Basic {}", "bearer\t{}", "Bearer {}x", "{}", "Bearer \xff"],
)
def test_the_token_is_needed(start: Any, given: str) -> None:
    token = new_token()
    web = start(token=token)
    good = web.get("/studies", headers={"Authorization": f"Bearer {token}"})
    assert good.status_code == 204
    value = given.format(token).encode("latin-1")
    for path in ("/studies", "/", "/nowhere", "/studies/1.2.3/metadata"):
        answer = web.get(path, headers={"Authorization": value})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8043", 200),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("LOCALHOST", 200),
        ("pacs.local:8043", 200),
        ("attacker.example.org", 421),
        ("localhost.attacker.org", 421),
        ("127.0.0.1.attacker.org:80", 421),
    ],
)
def test_names_of_the_host(start: Any, host: str, status: int) -> None:
    web = start(hosts=("pacs.local",))
    assert web.get("/", headers={"Host": host}).status_code == status


def test_pages_of_other_origins(start: Any, web: Any) -> None:
    assert web.get("/", headers={"Origin": PAGE}).status_code == 403
    preflight = {"Origin": PAGE, "Access-Control-Request-Method": "GET"}
    refused = web.client.options("/studies", headers=preflight)
    assert "access-control-allow-origin" not in refused.headers
    open_ = start(database=web.database, origins=(PAGE,), token=new_token())
    asked = {**preflight, "Access-Control-Request-Headers": "authorization,accept"}
    allowed = open_.client.options("/studies", headers=asked)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == PAGE
    token = {"Authorization": f"Bearer {open_.server.settings.token}"}
    answer = open_.get("/studies?limit=1", headers={**token, "Origin": PAGE})
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "Warning" in answer.headers["access-control-expose-headers"]
    other = open_.get("/studies", headers={**token, "Origin": "http://attacker.example.org"})
    assert other.status_code == 403
    assert "access-control-allow-origin" not in other.headers


def test_no_name_gets_into_the_log(
    start: Any, store: Any, phantom_paths: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    web = start()
    with (
        caplog.at_level(logging.DEBUG, "napari_dicomdb"),
        caplog.at_level(logging.DEBUG, "uvicorn"),
    ):
        store(web, phantom_paths[0].read_bytes(), b"x" * 200)
        (record,) = web.database.instances()
        web.get("/studies?PatientName=Doe*&PatientID=4711")
        web.get("/Doe^Jane/4711")
        web.get(web.path(record))
        web.get(f"{web.path(record)}/metadata")
    said = " ".join(one.getMessage() for one in caplog.records if not one.name.startswith("http"))
    assert f"instances/{record.uid}" in said
    patient = web.database.patients()[0]
    assert patient.name
    for name in ("Doe", "4711", patient.name, patient.patient_id):
        assert name not in said
    assert {one.peer for one in caplog.records if one.name.endswith("access")} == {"127.0.0.1"}


def test_paths_in_the_log() -> None:
    assert logged_path("/dicom-web/studies/1.2.3") == "/dicom-web/studies/1.2.3"
    assert logged_path("/a b") == logged_path("/x\nfake") == "(another path)"
