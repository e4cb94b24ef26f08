"""The verb watch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from napari_dicomdb.cli import watching
from napari_dicomdb.database.watching import FolderWatcher
from napari_dicomdb.viewer.phantom import write_phantom_study


class Clock:
    """Time that is set forward instead of being waited for; stops the command if it is told to."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.most_pauses = 100

    def now(self) -> float:
        return time.time() + sum(self.pauses)

    def set_forward(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) == self.most_pauses:
            raise KeyboardInterrupt


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the command."""
    made = Clock()
    monkeypatch.setattr(watching, "time", SimpleNamespace(sleep=made.set_forward))
    monkeypatch.setattr(
        watching, "_watcher", lambda database: FolderWatcher(database, clock=made.now)
    )
    return made


@pytest.fixture
def incoming(tmp_path: Path, clock: Clock) -> Path:
    """A folder with four files."""
    folder = tmp_path / "incoming"
    write_phantom_study(folder, ("axial-ct",), matrix=8, slices=4)
    return folder


def test_once(dicomdb: Callable[..., Any], incoming: Path) -> None:
    outcome = dicomdb("watch", incoming, "--once")
    assert (outcome.code, outcome.out[:7]) == (0, "4 added"), outcome.err
    assert dicomdb("watch", "--once", "--json").json["added"] == 0
    (folder,) = dicomdb("watch", "--list", "--json").json
    assert (folder["path"], folder["copy"], folder["there"]) == (str(incoming), False, True)
    (incoming / "letter.dcm").write_text("no DICOM")
    refused = dicomdb("watch", "--once")
    assert refused.code == 1
    assert "not-dicom" in refused.err


def test_until_it_is_stopped(dicomdb: Callable[..., Any], incoming: Path, clock: Clock) -> None:
    clock.most_pauses = 3
    outcome = dicomdb("watch", incoming, "--copy", "--interval", 7, "--json")
    assert (outcome.code, clock.pauses) == (130, [7.0, 7.0, 7.0])
    assert json.loads(outcome.out)["added"] == 4
    assert {s["storage"] for s in dicomdb("ls", "--json").json} == {"copied"}


def test_list_pause_remove(dicomdb: Callable[..., Any], incoming: Path, tmp_path: Path) -> None:
    for words in (["--once"], ["--list"], ["--pause", incoming]):
        absent = dicomdb("watch", *words)
        assert (absent.code, "no database" in absent.err) == (1, True)
    assert not (tmp_path / "database").exists()
    dicomdb("import", incoming)
    assert dicomdb("watch", "--once").code == 2  # nothing is watched
    dicomdb("watch", incoming, "--copy", "--once")
    assert "copied" in dicomdb("watch", "--list").out
    assert "paused" in dicomdb("watch", "--pause", incoming).out
    assert "watched" in dicomdb("watch", "--resume", incoming).out
    assert dicomdb("watch", "--pause", tmp_path).code == 1
    away = incoming.rename(tmp_path / "away")
    gone = dicomdb("watch", "--once")
    assert gone.code == 1
    assert "waits for the drive" in gone.err
    away.rename(incoming)
    assert dicomdb("watch", "--remove", incoming).code == 0
    assert dicomdb("watch", "--list", "--json").json == []
    assert dicomdb("watch", tmp_path / "nowhere", "--once").code == 1
