"""What a server is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.serving import ServerSettings, new_token
from napari_dicomdb.network.serving.settings import is_loopback


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"bind": "0.0.0.0"}, "needs-token"),
        ({"bind": ""}, "needs-token"),
        ({"bind": "::"}, "needs-token"),
        ({"bind": "192.0.2.1", "token": "a" * 16}, "needs-tls"),
        ({"token": "short"}, "bad-token"),
        ({"token": "with blank in the middle"}, "bad-token"),
        ({"tls_key": "/nowhere"}, "tls-files"),
        ({"tls_certificate": "/nowhere.pem"}, "tls-files"),
        ({"origins": ("*",)}, "bad-origin"),
        ({"origins": ("http://localhost:3000/viewer",)}, "bad-origin"),
        ({"port": 70_000}, "bad-port"),
        ({"max_connections": 0}, "bad-limit"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(NetworkError) as refused:
        ServerSettings(**settings).check()
    assert refused.value.reason == reason


def test_what_is_safe(certificates: Any) -> None:
    ServerSettings().check()
    ServerSettings(bind="::1", origins=("http://localhost:3000",)).check()
    ServerSettings(
        bind="0.0.0.0",
        token=new_token(),
        tls_certificate=certificates.server,
        tls_key=certificates.server_key,
    ).check()


def test_a_token_is_not_shown() -> None:
    token = new_token()
    assert len(token) > 40
    assert new_token() != token
    assert token not in repr(ServerSettings(token=token))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.0.9", "::1", "[::1]", "localhost"])
def test_loopback(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "example.org", "localhost.example.org"])
def test_beyond_it(address: str) -> None:
    assert not is_loopback(address)
