"""The command run in this process, as a shell would see it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.cli.app import run
from napari_dicomdb.viewer.phantom import write_phantom_study


@dataclass(frozen=True)
class Outcome:
    """What a call of the command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def dicomdb(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Outcome]:
    """Run the command with these words; the default database is in a temporary folder."""
    monkeypatch.setenv("DICOMDB_DATABASE", str(tmp_path / "database"))

    def call(*words: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            run([str(w) for w in words])
        said = capsys.readouterr()
        code = stopped.value.code
        return Outcome(code if isinstance(code, int) else int(bool(code)), said.out, said.err)

    return call


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small phantom study."""
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom_study(folder)
    return folder
