"""The verb serve, as a process that is asked and stopped."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.servers import PATIENCE

from napari_dicomdb import Database
from napari_dicomdb.cli import serving


@pytest.fixture
def served(tmp_path: Path, phantom: Path) -> Iterator[Callable[..., Any]]:
    """Run `dicomdb serve` with these words; gives the process and what it says first."""
    with Database.open(tmp_path / "db") as database:
        database.import_paths([phantom], workers=0)
    running: list[subprocess.Popen[str]] = []

    def start(*words: object) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from napari_dicomdb.cli import main; main()"),
                *("serve", "--port", "0", "--db", str(tmp_path / "db"), "--json"),
                *map(str, words),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What is left open is told; what older libraries use of newer ones is theirs.
            env={**os.environ, "PYTHONWARNINGS": "default,ignore::DeprecationWarning"},
        )
        running.append(process)
        said = ""
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if line.rstrip() == "}":
                return process, json.loads(said)
        raise AssertionError(process.stderr.read() if process.stderr else "")

    yield start
    for process in running:
        process.kill()
        process.communicate()


def get(url: str, token: str = "", context: ssl.SSLContext | None = None) -> Any:
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=PATIENCE, context=context) as answer:
        return json.load(answer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_until_it_is_stopped(served: Callable[..., Any], number: int) -> None:
    process, told = served()
    assert told["store"] is True
    assert told["url"].startswith("http://127.0.0.1:")
    assert get(f"{told['url']}/studies")
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0
    assert process.communicate()[1] == ""
    with pytest.raises(urllib.error.URLError):
        get(f"{told['url']}/studies")


def test_with_a_token(served: Callable[..., Any], tmp_path: Path) -> None:
    token = "abcdefghijklmnopqrst"
    (tmp_path / "token").write_text(token)
    process, told = served("--token-file", tmp_path / "token", "--read-only")
    assert (told["store"], told["token_needed"]) == (False, True)
    assert token not in json.dumps(told)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{told['url']}/studies")
    assert get(f"{told['url']}/studies", token)
    process.terminate()
    assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--bind", "0.0.0.0"), "needs-token"),
        (("--tls-key", "/nowhere"), "tls-files"),
        (("--origin", "*"), "bad-origin"),
        (("--token-file", "/nowhere"), "bad-token"),
    ],
)
def test_what_would_be_unsafe(
    dicomdb: Callable[..., Any], words: tuple[str, ...], reason: str
) -> None:
    outcome = dicomdb("serve", *words)
    assert outcome.code == 1
    assert f"[{reason}]" in outcome.err


def test_wrong_usage(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    assert dicomdb("serve", "--port", "70000").code == 2
    assert dicomdb("serve", "--new-token", "--token-file", tmp_path / "x").code == 2
    assert dicomdb("serve", "--db", tmp_path / "nowhere").code == 1
    assert "--token-file" in dicomdb("serve", "--help").out


def test_a_new_token_is_told_once(
    dicomdb: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Database.open(tmp_path / "db").close()
    monkeypatch.setattr(serving, "_wait", lambda stopped: None)
    outcome = dicomdb("serve", "--port", "0", "--new-token", "--db", tmp_path / "db")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0].startswith("serving at http://127.0.0.1:")
    assert lines[1].startswith("token, shown this once: ")
    assert lines[2] == "stopped"
