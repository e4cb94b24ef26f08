"""The test of a node: what it offers, or in plain words what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_dicomdb.network.dicomweb.checking import offered_services
from napari_dicomdb.network.echo import check_node
from napari_dicomdb.network.node import Node, Tls
from napari_dicomdb.network.secrets import keep_secret


def test_orthanc_offers_everything(web, reference_data) -> None:
    web.add(reference_data / "bad" / "MR_small.dcm")
    services = offered_services(web.node)
    assert services == ["search (QIDO-RS)", "retrieve (WADO-RS)", "store (STOW-RS)"]
    result = check_node(web.node)
    assert result.ok
    assert "it offers search (QIDO-RS), retrieve" in result.text


def test_an_empty_archive_is_one(start_web) -> None:
    assert offered_services(start_web().node) == ["search (QIDO-RS)", "store (STOW-RS)"]


def test_logins(start_web, memory_keyring) -> None:
    made = start_web(AuthenticationEnabled=True, RegisteredUsers={"jo": "secret"})
    without = check_node(made.node)
    assert (without.ok, without.reason) == (False, "unauthorized")
    assert "user and password" in without.text
    wrong = replace(made.node, credentials="basic", user="jo", secret=keep_secret("wrong"))
    assert "does not accept" in check_node(wrong).text
    right = replace(wrong, secret=keep_secret("secret"))
    assert check_node(right).ok


def test_tls_on_one_side_only(web, tls_front, certificates) -> None:
    result = check_node(web.through(web.port, "https"))
    assert result.reason == "tls-not-spoken"
    assert "http://" in result.text
    port = tls_front(web.port, certificates.server, certificates.server_key)
    result = check_node(web.through(port))
    assert result.reason == "tls-needed"
    assert "https://" in result.text
    result = check_node(web.through(port, "https", tls=Tls(ca=certificates.ca)))
    assert result.ok
    assert "encrypted" in result.text


@pytest.mark.parametrize("path", ["/", "/app", "/dicom-web/nothing"])
def test_a_wrong_path(web, path) -> None:
    result = check_node(Node("x", kind="dicomweb", url=f"{web.url}{path}"))
    assert result.reason == "not-dicomweb"
    assert "/dicom-web" in result.text


@pytest.mark.parametrize(
    ("content", "kind", "status", "reason"),
    [
        ("<html>Please log in", "text/html", "200 OK", "not-dicomweb"),
        ('{"status": "fine"}', "application/json", "200 OK", "not-dicomweb"),
        ('["a", "b"]', "application/json", "200 OK", "not-dicomweb"),
        ("[{}]", "application/json", "200 OK", "not-dicomweb"),
        ("", "text/plain", "403 Forbidden", "forbidden"),
        ("", "text/plain", "503 Busy", "busy"),
        ("", "text/plain", "500 Oops", "server-error"),
        ("{{{", "application/dicom+json", "200 OK", "not-json"),
    ],
)
def test_servers_that_are_none(scripted, answer, content, kind, status, reason) -> None:
    server = scripted(lambda request: answer(content, status, kind))
    result = check_node(server.node)
    assert (result.ok, result.reason) == (False, reason)


def test_no_server() -> None:
    result = check_node(Node("x", kind="dicomweb", url="http://127.0.0.1:1/rs"))
    assert result.reason == "refused"
    result = check_node(Node("x", kind="dicomweb", url="http://no-such-name.invalid/rs"))
    assert result.reason == "name-not-resolved"
