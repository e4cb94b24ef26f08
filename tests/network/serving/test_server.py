"""The server: starts, stops, and refuses to start where it would be unsafe."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import MissingLibraryError, NetworkError
from napari_dicomdb.network.serving import Server, ServerSettings, new_token


def test_starts_and_stops() -> None:
    with Database.in_memory() as database:
        server = Server(database, ServerSettings(port=0))
        assert not server.is_running
        server.stop()
        before = threading.active_count()
        for _ in range(2):
            server.start()
            server.start()
            assert server.is_running
            assert server.address[0] == "127.0.0.1"
            assert httpx.get(f"{server.url}/studies").status_code == 204
            server.stop()
            assert not server.is_running
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"{server.url}/studies")
        assert threading.active_count() <= before + 1


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, Database.in_memory() as database:
        port = other.getsockname()[1]
        with pytest.raises(
            NetworkError,
            match=f"port {port} is in use by .*{os.getpid() if sys.platform == 'linux' else ''}",
        ) as refused:
            Server(database, ServerSettings(port=port)).start()
        assert refused.value.reason == "port-in-use"


@pytest.mark.parametrize("bind", ["198.51.100.7", "no-such-host.invalid"])
def test_an_address_that_is_not_ours(bind: str, certificates: Any) -> None:
    settings = ServerSettings(
        port=0,
        bind=bind,
        token=new_token(),
        tls_certificate=certificates.server,
        tls_key=certificates.server_key,
    )
    with Database.in_memory() as database, pytest.raises(NetworkError) as refused:
        Server(database, settings).start()
    assert refused.value.reason == "no-address"


def test_unsafe_settings_do_not_start() -> None:
    with Database.in_memory() as database, pytest.raises(NetworkError) as refused:
        Server(database, ServerSettings(port=0, bind="0.0.0.0")).start()
    assert refused.value.reason == "needs-token"


def test_tls_and_token_beyond_loopback(start: Any, certificates: Any) -> None:
    token = new_token()
    web = start(
        bind="0.0.0.0",
        token=token,
        tls_certificate=certificates.server,
        tls_key=certificates.server_key,
    )
    port = web.server.address[1]
    url = f"https://localhost:{port}/dicom-web/studies"
    context = ssl.create_default_context(cafile=certificates.ca)
    with httpx.Client(verify=context) as client:
        assert client.get(url).status_code == 401
        good = client.get(url, headers={"Authorization": f"Bearer {token}"})
        assert good.status_code == 204
    with httpx.Client() as client, pytest.raises(httpx.ConnectError):
        client.get(url)  # does not trust our CA
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://localhost:{port}/dicom-web/studies")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises(OSError):
        old.wrap_socket(plain)


def test_a_handshake_that_does_not_come(start: Any, certificates: Any) -> None:
    web = start(
        idle_seconds=0.3, tls_certificate=certificates.server, tls_key=certificates.server_key
    )
    with socket.create_connection(web.server.address, 10) as one:
        assert one.recv(100) == b""


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on this computer")
    with (
        Database.in_memory() as database,
        Server(database, ServerSettings(port=0, bind="::1")) as server,
    ):
        assert server.url.startswith("http://[::1]:")
        assert httpx.get(f"{server.url}/").json()["base"] == server.url


def test_a_key_that_does_not_fit(certificates: Any) -> None:
    settings = ServerSettings(
        port=0, tls_certificate=certificates.server, tls_key=certificates.client_key
    )
    with Database.in_memory() as database, pytest.raises(NetworkError) as refused:
        Server(database, settings).start()
    assert refused.value.reason == "tls-files"


def test_a_closed_database_is_no_traceback() -> None:
    database = Database.in_memory()
    with Server(database, ServerSettings(port=0)) as server:
        database.close()
        answer = httpx.get(f"{server.url}/studies")
    assert (answer.status_code, answer.text) == (503, "it cannot be served (closed)\n")


def test_an_error_of_ours_is_logged_without_values(
    start: Any, web: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = start(database=web.database)

    def broken(self: Any, wanted: Any) -> Any:
        raise ZeroDivisionError("Doe^Jane")

    monkeypatch.setattr(Database, "search_keys", broken)
    with caplog.at_level(logging.DEBUG):
        answer = other.get("/studies")
        other.server.stop()  # it is noted after the answer
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert "ZeroDivisionError at" in caplog.text
    assert "Doe" not in caplog.text


def test_without_the_libraries_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from napari_dicomdb import Database\n"
        "from napari_dicomdb.network.serving import Server, ServerSettings\n"
        "try: Server(Database.in_memory(), ServerSettings(port=0)).start()\n"
        "except ImportError as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{MissingLibraryError.__name__} serving needs")
    assert "napari-dicomdb[serve]" in done.stdout


def test_from_a_database(tmp_path: Path) -> None:
    with Database.open(tmp_path / "db") as database, database.serve(ServerSettings(port=0)) as one:
        assert httpx.get(f"{one.url}/").json()["services"].keys() == {
            *("QIDO-RS", "WADO-RS", "WADO-URI", "STOW-RS"),
        }
    with (
        Database.open(tmp_path / "db", read_only=True) as database,
        database.serve(ServerSettings(port=0)) as one,
    ):
        assert "STOW-RS" not in httpx.get(f"{one.url}/").json()["services"]
