"""Where the token comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.serving import tokens


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("  abcdefghijklmnop \nsecond line")
    assert tokens.token_from_file(path) == "abcdefghijklmnop"
    for content in (b"", b"\n", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(NetworkError) as refused:
            tokens.token_from_file(path)
        assert refused.value.reason == "bad-token"
    with pytest.raises(NetworkError):
        tokens.token_from_file(tmp_path / "nowhere")


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(tokens.VARIABLE, raising=False)
    assert tokens.token_of_environment() == ""
    monkeypatch.setenv(tokens.VARIABLE, " secret ")
    assert tokens.token_of_environment() == "secret"


def test_in_the_keyring(memory_keyring: dict[tuple[str, str], str]) -> None:
    assert tokens.kept_token() == ""
    first = tokens.make_token()
    assert tokens.kept_token() == first
    second = tokens.make_token()
    assert tokens.kept_token() == second != first
    assert list(memory_keyring.values()) == [second]
