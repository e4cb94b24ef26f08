"""The verb db take-over."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_dicomdb.viewer.phantom import write_phantom_study


def test_take_over(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    made = write_phantom_study(tmp_path / "files", ("axial-ct",), matrix=8, slices=4)
    slicer = tmp_path / "Slicer"
    slicer.mkdir()
    files = [str(path) for path in made[0].paths]
    with contextlib.closing(sqlite3.connect(slicer / "ctkDICOM.sql")) as index:
        index.execute("CREATE TABLE Images (SOPInstanceUID TEXT PRIMARY KEY, Filename TEXT)")
        index.executemany("INSERT INTO Images VALUES (?, ?)", enumerate(files))
        index.commit()
    outcome = dicomdb("db", "take-over", slicer, "--to", tmp_path / "new", "--json")
    assert (outcome.code, outcome.json["added"]) == (0, 4), outcome.err
    assert outcome.json["database"] == str(tmp_path / "new")
    assert len(dicomdb("ls", "--db", tmp_path / "new", "--json").json) == 1
    # Again; what is gone is listed.
    Path(files[0]).unlink()
    outcome = dicomdb("db", "take-over", slicer, "--db", tmp_path / "new")
    assert outcome.code == 1
    assert "3 unchanged" in outcome.out
    assert "slicer-file-missing" in outcome.err
    # Opened as if it were ours: the remedy is told.
    outcome = dicomdb("ls", "--db", slicer)
    assert outcome.code == 1
    assert "db take-over" in outcome.err
    assert dicomdb("db", "take-over", tmp_path / "files").code == 1
    assert dicomdb("db", "take-over").code == 2
