"""A damaged index is read into a new one; what is lost comes back from the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import DatabaseError, NotFoundError

LEVELS = ("patients", "studies", "series", "text")


@pytest.fixture
def closed(tmp_path: Path, write_series: Callable[..., list[Path]]) -> Path:
    """Give a database directory with 400 images in a series of ten."""
    for number in range(1, 11):
        write_series(tmp_path / "many" / str(number), 40, series=number)
    with Database.open(tmp_path / "closed") as database:
        database.import_paths(tmp_path / "many", workers=0)
    return tmp_path / "closed"


def dumped(directory: Path, dump: Callable[[Database], dict[str, Any]]) -> dict[str, Any]:
    with Database.open(directory) as database:
        assert database.check(full=True).ok
        assert database.verify(content=True).ok
        return dump(database)


def pages_of(index: Path, kind: int, marker: bytes) -> list[int]:
    """Numbers (from 0) of b-tree pages of a kind that hold a text."""
    data = index.read_bytes()
    pages = [data[k : k + 4096] for k in range(0, len(data), 4096)]
    return [
        n
        for n, page in enumerate(pages)
        if n and page[0] == kind and marker in page and b"CREATE " not in page
    ]


TABLE, INDEX = 0x0D, 0x0A


@pytest.mark.parametrize(
    ("kind", "marker"),
    [
        (TABLE, b"1.2.840.10008.5.1.4.1.1.2"),  # instances
        (TABLE, b"00017.dcm"),  # files
        (TABLE, b"/many/"),  # folders: their SQLite index has them as well
        (INDEX, b"1.2.826.0.1.3680043.8.498.77"),
    ],
)
def test_overwritten_pages(
    closed: Path, kind: int, marker: bytes, dump: Callable[[Database], dict[str, Any]]
) -> None:
    before = dumped(closed, dump)
    index = closed / "dicomdb.sqlite"
    pages = pages_of(index, kind, marker)[:2]
    assert pages
    with index.open("rb+") as file:
        for page in pages:
            file.seek(4096 * page)
            file.write(b"\xa5" * 4096)
    damaged = index.read_bytes()
    with Database.open(closed) as database:
        assert database.check(full=True).damaged
    report = Database.salvage(closed)
    after = dumped(closed, dump)
    for level in LEVELS:
        assert after[level] == before[level], report.summary()
    assert len(after["instances"]) == 400
    assert Path(report.kept).read_bytes() == damaged
    assert not list(closed.glob(".salvaged*"))


def test_cut_off(closed: Path, dump: Callable[[Database], dict[str, Any]]) -> None:
    index = closed / "dicomdb.sqlite"
    with index.open("rb+") as file:
        file.truncate(index.stat().st_size // 2 // 4096 * 4096)
    with pytest.raises(DatabaseError, match="damaged"):
        Database.open(closed)
    report = Database.salvage(closed)
    assert "kept" in report.summary()
    dumped(closed, dump)


def test_nothing_legible(
    tmp_path: Path, ct: Path, dump: Callable[[Database], dict[str, Any]]
) -> None:
    directory = tmp_path / "copied"
    with Database.open(directory) as database:
        database.import_paths(ct, copy=True)
    before = dumped(directory, dump)
    (directory / "dicomdb.sqlite").write_bytes(b"\0" * 8192)
    report = Database.salvage(directory)
    after = dumped(directory, dump)
    for level in LEVELS:
        assert after[level] == before[level]
    assert [reason for _, reason, _ in report.rejected] == ["rows-unreadable"]


def test_no_database(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        Database.salvage(tmp_path)
