"""The look for new files: names, links in circles, clocks that are coarse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.database.arrivals import Arrivals, is_passing
from napari_dicomdb.database.known import KnownFiles
from napari_dicomdb.progress import no_progress


@pytest.fixture
def arrivals(database: Database) -> Arrivals:
    return Arrivals(KnownFiles(database._connections), settle=2.0)


@pytest.mark.parametrize(
    ("name", "passing"),
    [
        ("IM0001", False),
        ("a.dcm", False),
        ("part", False),
        ("a.part", True),
        ("A.PARTIAL", True),
        (".hidden", True),
        ("~$a.dcm", True),
        ("a~", True),
    ],
)
def test_is_passing(name: str, passing: bool) -> None:
    assert is_passing(name) is passing


def test_a_vanished_root_is_told(arrivals: Arrivals, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        arrivals.look(str(tmp_path / "gone"), 0.0, no_progress)


def test_links_in_circles_end(arrivals: Arrivals, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_bytes(b"x")
    (root / "again").symlink_to(root)
    (root / "nowhere").symlink_to(tmp_path / "nowhere")
    os.mkfifo(root / "pipe")
    now = root.stat().st_mtime + 100
    assert arrivals.look(str(root), now, no_progress) == []
    assert arrivals.look(str(root), now + 2, no_progress) == [str(root / "a")]


def test_a_young_folder_is_listed_again(arrivals: Arrivals, tmp_path: Path) -> None:
    """Its time may stay the same when another file comes within two seconds (FAT)."""
    root = tmp_path / "root"
    root.mkdir()
    status = root.stat()
    now = status.st_mtime + 1
    assert arrivals.look(str(root), now, no_progress) == []
    (root / "late").write_bytes(b"x")
    os.utime(root, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert arrivals.look(str(root), now + 1, no_progress) == []
    assert list(arrivals.waiting) == [str(root / "late")]


def test_a_file_that_goes_away_is_forgotten(arrivals: Arrivals, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_bytes(b"x")
    now = root.stat().st_mtime + 100
    arrivals.look(str(root), now, no_progress)
    (root / "a").unlink()
    assert arrivals.look(str(root), now + 9, no_progress) == []
    assert arrivals.waiting == {}
