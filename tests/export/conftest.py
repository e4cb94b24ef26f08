"""A database of linked files to export."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.database.conftest import write_series

from napari_dicomdb.database import Database


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Folder with two patients, three series of three files each."""
    folder = tmp_path / "source"
    write_series(folder / "a", 3, 1)
    write_series(folder / "b", 3, 2, SeriesDescription="Series 1", SeriesNumber=1)
    write_series(
        folder / "c",
        3,
        3,
        PatientID="P/2",
        PatientName="Müller^Åsa",
        SpecificCharacterSet="ISO_IR 192",
        StudyInstanceUID="1.2.3.4",
        StudyDescription="../..\\up",
    )
    return folder


@pytest.fixture
def database(tmp_path: Path, source: Path) -> Iterator[Database]:
    """Holds the files of `source`."""
    with Database.open(tmp_path / "database") as opened:
        assert opened.import_paths([source]).added == 9
        yield opened
