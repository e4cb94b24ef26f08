"""Drives and shares that are away, told from folders that were deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_dicomdb.database import places


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that stands for /media."""
    area = tmp_path / "media"
    area.mkdir()
    monkeypatch.setattr(places, "MOUNT_AREAS", ((str(area), 1),))
    return area


def test_a_folder_that_is_there_or_was_deleted_is_available(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    assert places.unavailable_root(str(tmp_path / "there")) is None
    assert places.unavailable_root(str(tmp_path / "gone" / "below")) is None


def test_unplugged(media: Path) -> None:
    assert places.unavailable_root(str(media / "stick" / "ct")) == str(media / "stick")
    (media / "stick").mkdir()  # the empty mount point
    assert places.unavailable_root(str(media / "stick" / "ct")) == str(media / "stick")
    (media / "stick" / "other").mkdir()
    assert places.unavailable_root(str(media / "stick" / "ct")) is None


def test_mount_point_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fstab = tmp_path / "fstab"
    archive = tmp_path / "the archive"
    archive.mkdir()
    place = str(archive).replace(" ", "\\040")
    fstab.write_text(f"# /x y\nserver:/a {place} nfs defaults 0 0\n", encoding="utf-8")
    monkeypatch.setattr(places, "_FSTAB", str(fstab))
    assert places.unavailable_root(str(archive / "ct")) == str(archive)
    assert places.unavailable_root(str(tmp_path / "else")) is None


def test_drive_of_another_system() -> None:
    assert places.is_foreign("D:\\scans")
    assert not places.is_foreign("/scans")
    assert places.unavailable_root("D:\\scans\\ct") == "D:\\"


@pytest.mark.parametrize(
    ("path", "root", "parts"),
    [
        ("/a/b/c", "/a", ("b", "c")),
        ("/a", "/a/", ()),
        ("/ab", "/a", None),
        ("/a/b", "/", ("a", "b")),
        ("D:\\scans\\ct", "d:/Scans", ("ct",)),
        ("D:\\scans\\ct", "E:\\", None),
        ("\\\\server\\share\\ct", "\\\\server\\share", ("ct",)),
    ],
)
def test_parts_below(path: str, root: str, parts: tuple[str, ...] | None) -> None:
    assert places.parts_below(path, root) == parts
    assert places.is_under(path, root) is (parts is not None)
