"""The client: login, redirects, limits, retries, and servers that do everything wrong."""

from __future__ import annotations

import base64
import gzip
from dataclasses import replace

import pytest

from napari_dicomdb.errors import Cancelled, NetworkError, NodeError
from napari_dicomdb.network.dicomweb.client import DicomWebClient
from napari_dicomdb.network.node import Limits, Node, Tls
from napari_dicomdb.network.secrets import keep_secret


def reason_of(node, path="studies", **options) -> str:
    with DicomWebClient(node, pauses=()) as client, pytest.raises(NetworkError) as caught:
        client.get(path, **options)
    return caught.value.reason


def test_basic_login_goes_with_each_request(scripted, answer, memory_keyring) -> None:
    server = scripted(lambda request: answer("[]"))
    node = replace(server.node, credentials="basic", user="jo", secret=keep_secret("pw:ä"))
    with DicomWebClient(node) as client:
        assert client.get("studies").json() == []
    sent = server.requests[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == "jo:pw:ä"


def test_a_token_goes_as_bearer(scripted, answer, memory_keyring) -> None:
    server = scripted(lambda request: answer("[]"))
    node = replace(server.node, credentials="bearer", secret=keep_secret("t0ken"))
    with DicomWebClient(node) as client:
        client.get("studies")
    assert server.requests[0].headers["authorization"] == "Bearer t0ken"


def test_without_its_password_nothing_is_asked(scripted, answer, memory_keyring) -> None:
    server = scripted(lambda request: answer("[]"))
    node = replace(server.node, credentials="basic", user="jo", secret="gone")
    with pytest.raises(NodeError):
        DicomWebClient(node)
    assert server.requests == []


def test_redirects_within_the_server_are_followed(scripted, answer) -> None:
    def answering(request):
        if request.line.startswith("GET /rs/studies?"):
            return answer("", "307 Temporary Redirect", Location="/rs/elsewhere?limit=2")
        return answer("[5]")

    server = scripted(answering)
    with DicomWebClient(server.node) as client:
        assert client.get("studies", params=[("limit", "1")]).json() == [5]
    assert server.requests[1].line == "GET /rs/elsewhere?limit=2 HTTP/1.1"


@pytest.mark.parametrize("place", ["http://127.0.0.2:1/rs", "https://127.0.0.1/rs", "//evil/x"])
def test_our_login_goes_to_no_other_server(scripted, answer, memory_keyring, place) -> None:
    server = scripted(lambda request: answer("", "302 Found", Location=place))
    node = replace(server.node, credentials="basic", user="jo", secret=keep_secret("pw"))
    assert reason_of(node) == "redirected"
    assert len(server.requests) == 1


def test_a_circle_of_redirects_ends(scripted, answer) -> None:
    server = scripted(lambda request: answer("", "302 Found", Location="/rs/studies"))
    assert reason_of(server.node) == "redirected"
    assert len(server.requests) == 6


def test_addresses_of_a_server_behind_a_proxy(answer) -> None:
    with DicomWebClient(Node("x", kind="dicomweb", url="https://outside/rs/")) as client:
        inner = "http://inside:8042/dicom-web/studies/1.2/bulk/7"
        assert client.url_of(inner) == "https://outside/rs/studies/1.2/bulk/7"
        assert client.url_of("studies") == "https://outside/rs/studies"
        with pytest.raises(NetworkError) as caught:
            client.url_of("http://other/x")
    assert caught.value.reason == "redirected"


def test_what_is_busy_is_asked_again(scripted, answer) -> None:
    answers = [
        answer("", "503 Service Unavailable", Retry_After="0"),
        b"",  # closed without a word
        answer("[1]"),
    ]
    server = scripted(lambda request: answers[len(server.requests) - 1])
    with DicomWebClient(server.node, pauses=(0.0, 0.0)) as client:
        assert client.get("studies").json() == [1]
    assert len(server.requests) == 3


def test_what_stays_busy_is_given_up(scripted, answer) -> None:
    server = scripted(lambda request: answer("", "429 Too Many Requests"))
    with (
        DicomWebClient(server.node, pauses=(0.0,)) as client,
        pytest.raises(NetworkError) as caught,
    ):
        client.get("studies")
    assert caught.value.reason == "busy"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "closed"),
        (b"220 mail.example ESMTP\r\n\r\n", "not-http"),
        (b"\x16\x03\x01\x02\x00" + bytes(range(200)), "not-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]", "closed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "not-http"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 100_000, "not-http"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\nnone",
            "bad-answer",
        ),
    ],
)
def test_answers_that_are_none(scripted, raw, reason) -> None:
    assert reason_of(scripted(lambda request: raw).node) == reason


def test_silence_ends(answering, quick) -> None:
    node = Node("x", kind="dicomweb", url=f"http://127.0.0.1:{answering(None)}/", limits=quick)
    assert reason_of(node) == "timeout"


def test_an_answer_is_bounded(scripted, answer) -> None:
    server = scripted(lambda request: answer(b"[" + b" " * 100_000))
    assert reason_of(server.node, largest=1000) == "answer-too-large"
    bomb = gzip.compress(bytes(50_000_000))
    server = scripted(lambda request: answer(bomb, Content_Encoding="gzip"))
    assert reason_of(server.node, largest=1 << 20) == "answer-too-large"


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        ("<!DOCTYPE html><p>Log in", "text/html", "not-dicomweb"),
        ("  <html>", "text/plain", "not-dicomweb"),
        ("{", "application/json", "not-json"),
        ("[" * 200_000, "application/json", "not-json"),
        (b"\xff\xfe\x00", "application/json", "not-json"),
    ],
)
def test_what_is_no_json_is_said_so(scripted, answer, content, kind, reason) -> None:
    server = scripted(lambda request: answer(content, kind=kind))
    with DicomWebClient(server.node) as client:
        got = client.get("studies")
        with pytest.raises(NetworkError) as caught:
            got.json()
    assert caught.value.reason == reason


def test_waiting_can_be_cancelled(answering) -> None:
    calls = iter(range(100))

    def waiting() -> None:
        if next(calls) == 3:
            raise Cancelled("enough")

    url = f"http://127.0.0.1:{answering(None)}/"
    node = Node("x", kind="dicomweb", url=url)
    with DicomWebClient(node, waiting=waiting) as client, pytest.raises(Cancelled):
        client.get("studies")


def test_a_pause_can_be_cancelled(scripted, answer) -> None:
    server = scripted(lambda request: answer("", "503 Busy", Retry_After="50"))

    def waiting() -> None:
        if server.requests:
            raise Cancelled("enough")

    with DicomWebClient(server.node, waiting=waiting) as client, pytest.raises(Cancelled):
        client.get("studies")
    assert len(server.requests) == 1


def test_warnings_are_taken_out_of_their_header(scripted, answer) -> None:
    server = scripted(lambda r: answer("[]", Warning='299 host "There are 7 more"'))
    with DicomWebClient(server.node) as client:
        assert client.get("studies").warnings == ["There are 7 more"]


def test_only_dicomweb_nodes(answer) -> None:
    with pytest.raises(NetworkError) as caught:
        DicomWebClient(Node("x", host="localhost"))
    assert caught.value.reason == "wrong-kind"


def test_tls_as_the_node_wants_it(web, tls_front, certificates) -> None:
    port = tls_front(web.port, certificates.server, certificates.server_key)
    unknown = web.through(port, "https")
    trusted = replace(unknown, tls=Tls(ca=certificates.ca))
    with DicomWebClient(trusted) as client:
        assert client.get("studies").status == 200
    assert reason_of(unknown) == "tls-unknown-ca"
    port = tls_front(web.port, certificates.elsewhere, certificates.elsewhere_key)
    other = web.through(port, "https", tls=Tls(ca=certificates.ca))
    assert reason_of(other) == "tls-hostname"
    careless = replace(other, tls=Tls(ca=certificates.ca, check_hostname=False))
    with DicomWebClient(careless) as client:
        assert client.get("studies").status == 200


def test_a_client_certificate_where_it_is_wanted(web, tls_front, certificates) -> None:
    port = tls_front(web.port, certificates.server, certificates.server_key, certificates.ca)
    without = web.through(port, "https", tls=Tls(ca=certificates.ca))
    assert reason_of(without) == "tls-client-certificate"
    tls = Tls(certificates.ca, certificates.client, certificates.client_key)
    with DicomWebClient(replace(without, tls=tls)) as client:
        assert client.get("studies").status == 200


def test_limits_are_the_nodes(answering) -> None:
    limits = Limits(connect_seconds=0.3, answer_seconds=0.3)
    url = f"https://127.0.0.1:{answering(None)}/"
    assert reason_of(Node("x", kind="dicomweb", url=url, limits=limits)) == "tls-closed"
