"""The walk: fixed order, looked up a slice at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_dicomdb.database import sources
from napari_dicomdb.database.known import Known, KnownFiles
from napari_dicomdb.database.report import ImportReport
from napari_dicomdb.database.sources import Walk, is_archive


class Nothing(KnownFiles):
    """Knows no file; remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def between(self, directory: str, names: object) -> dict[str, Known]:
        assert isinstance(names, list)
        assert names == sorted(names)
        self.asked.append(len(names))
        return {}


def walked(root: Path, known: KnownFiles) -> list[str]:
    walk = Walk(known, ImportReport())
    return [os.path.relpath(found.path, root) for found in walk.folder(str(root))]


def test_order_is_fixed(tmp_path: Path) -> None:
    for name in ("b/2", "b/10", "a/z", "a/sub/1", "top", ".hidden"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    assert walked(tmp_path, Nothing()) == [".hidden", "top", "a/z", "a/sub/1", "b/10", "b/2"]


def test_large_folder_is_looked_up_in_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_SLICE", 10)
    for number in range(35):
        (tmp_path / f"{number:03d}").write_text("")
    known = Nothing()
    assert len(walked(tmp_path, known)) == 35
    assert known.asked == [10, 10, 10, 5]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.zip", True), ("A.TAR.GZ", True), ("x.tgz", True), ("x.gz", False), ("zip", False)],
)
def test_archives_by_name(name: str, expected: bool) -> None:
    assert is_archive(name) is expected


def test_the_index_itself_is_not_opened(tmp_path: Path) -> None:
    """Closing it again would drop the locks that SQLite has on it."""
    for name in ("own/dicomdb.sqlite", "own/files/1.dcm", "other/dicomdb.sqlite"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    report = ImportReport()
    walk = Walk(Nothing(), report, avoid=str(tmp_path / "own"))
    paths = sorted(str(path) for path in tmp_path.rglob("*") if path.is_file())
    found = [os.path.relpath(one.path, tmp_path) for one in walk.files(paths)]
    assert sorted(found) == ["other/dicomdb.sqlite", "own/files/1.dcm"]
    own = str(tmp_path / "own" / "dicomdb.sqlite")
    assert report.rejected == [(own, "special-file", "it is a part of the database")]
