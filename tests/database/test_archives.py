"""Zip and tar archives: their members are copied, once, and nothing escapes."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database, archives


def zipped(ct: Path, target: Path, names: Callable[[Path], str] = lambda p: p.name) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(ct.rglob("*.dcm")):
            archive.write(path, f"{path.parent.name}/{names(path)}")
    return target


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"])
def test_members_are_imported_once(
    suffix: str, database: Database, ct: Path, tmp_path: Path
) -> None:
    target = tmp_path / f"study{suffix}"
    if suffix == ".zip":
        zipped(ct, target)
    else:
        mode = {"gz": "w:gz", "tgz": "w:gz", "bz2": "w:bz2", "xz": "w:xz"}
        with tarfile.open(target, mode.get(suffix.rpartition(".")[2], "w")) as tar:
            tar.add(ct, "study")
    report = database.import_paths([target])
    assert (report.added, report.rejected) == (6, [])
    assert [(path, reason) for path, reason, _ in report.notes] == [
        (str(target), "archive-copied")
    ]
    originals = {path.read_bytes() for path in ct.rglob("*.dcm")}
    records = database.instances()
    assert {record.path.read_bytes() for record in records} == originals
    assert {record.storage for record in records} == {"copied"}
    assert all(record.path.is_relative_to(tmp_path / "database" / "files") for record in records)
    again = database.import_paths([target])
    assert (again.added, again.unchanged, again.notes) == (0, 6, [])
    assert not (tmp_path / "database" / "incoming").exists()


def test_refused_members_are_reported_each_time(
    database: Database, ct: Path, tmp_path: Path
) -> None:
    target = zipped(ct, tmp_path / "study.zip")
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("readme.txt", "no DICOM")
        archive.writestr("inner.zip", target.read_bytes())
    expected = {
        (f"{target}!/readme.txt", "not-dicom"),
        (f"{target}!/inner.zip", "nested-archive"),
    }
    report = database.import_paths([target])
    assert {(path, reason) for path, reason, _ in report.rejected} == expected
    assert not [text for *_, text in report.rejected if str(tmp_path) in text]  # nor a .part
    again = database.import_paths([target])
    assert again.unchanged == 6
    assert {(path, reason) for path, reason, _ in again.rejected} >= {
        (f"{target}!/readme.txt", "not-dicom")
    }


def test_hostile_member_names(database: Database, ct: Path, tmp_path: Path) -> None:
    names = iter(["../../../../tmp/evil", "/etc/evil", "a\\..\\b", "x" * 60_000, "", "nul\0x"])
    target = zipped(ct, tmp_path / "evil.zip", lambda path: next(names))
    before = set(tmp_path.iterdir())
    assert database.import_paths([target]).added == 6
    assert set(tmp_path.iterdir()) == before
    assert not Path("/tmp/evil").exists()
    assert database.import_paths([target]).unchanged == 6


def test_links_and_devices_in_a_tar(database: Database, ct: Path, tmp_path: Path) -> None:
    target = tmp_path / "odd.tar"
    with tarfile.open(target, "w") as tar:
        tar.add(ct / "a" / "00001.dcm", "one.dcm")
        for name, kind in (("link", tarfile.SYMTYPE), ("device", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    report = database.import_paths([target])
    assert (report.added, report.rejected) == (1, [])


def test_bomb_is_not_unpacked(
    database: Database, ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_HARMLESS", 1 << 20)
    target = tmp_path / "bomb.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(ct / "a" / "00001.dcm", "1.dcm")
        archive.writestr("zeros", bytes(64 << 20))
    report = database.import_paths([target])
    assert report.added == 1
    assert [(path, reason) for path, reason, _ in report.rejected] == [
        (str(target), "archive-bomb")
    ]
    assert not (tmp_path / "database" / "incoming").exists()


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar"])
def test_damaged_archive(kind: str, database: Database, ct: Path, tmp_path: Path) -> None:
    target = tmp_path / f"cut.{kind}"
    if kind == "zip":
        zipped(ct, target)
    else:
        with tarfile.open(target, "w:gz" if kind == "tar.gz" else "w") as tar:
            for path in sorted(ct.rglob("*.dcm")):
                tar.add(path, path.name + path.parent.name)
    target.write_bytes(target.read_bytes()[: -target.stat().st_size // 3])
    report = database.import_paths([target])
    assert [(path, reason) for path, reason, _ in report.rejected] == [
        (str(target), "bad-archive")
    ]
    # It is not taken for known: a repaired one of the same name is read.
    zipped(ct, target.with_suffix(".zip"))
    database.import_paths([target.with_suffix(".zip")])
    assert database.info()["instances"] == 6


def test_wrongly_named(database: Database, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("this is no archive")
    report = database.import_paths([tmp_path / "text.zip"])
    assert [reason for _, reason, _ in report.rejected] == ["bad-archive"]


def test_dry_run_leaves_nothing(database: Database, ct: Path, tmp_path: Path) -> None:
    target = zipped(ct, tmp_path / "study.zip")
    assert database.import_paths([target], dry_run=True).added == 6
    assert not (tmp_path / "database" / "incoming").exists()
    assert database.info()["instances"] == 0


def test_in_memory_index_of_an_archive(ct: Path, tmp_path: Path) -> None:
    target = zipped(ct, tmp_path / "study.zip")
    with Database.in_memory() as database:
        assert database.import_paths([target]).added == 6
        records = database.instances()
    # The loadables of `examine(paths)` outlive their index.
    assert all(record.path.is_file() for record in records)


def test_interrupted_archive_is_resumed(
    database: Database, ct: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = zipped(ct, tmp_path / "study.zip")
    real = archives._extract
    left = iter(range(4))

    def failing(*arguments: Any) -> str:
        if next(left, None) is None:
            raise OSError(5, "Input/output error")
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(archives, "_extract", failing)
        report = database.import_paths([target])
    assert (report.added, [reason for _, reason, _ in report.rejected]) == (4, ["unreadable"])
    report = database.import_paths([target])
    assert (report.added, report.unchanged) == (2, 4)


def test_tar_that_ends_between_two_members(database: Database, ct: Path, tmp_path: Path) -> None:
    target = tmp_path / "cut.tar"
    with tarfile.open(target, "w") as tar:
        for path in sorted(ct.rglob("*.dcm")):
            tar.add(path, path.name + path.parent.name)
    with tarfile.open(target) as tar:
        ends = [member.offset for member in tar.getmembers()]
    target.write_bytes(target.read_bytes()[: ends[4]])
    report = database.import_paths([target])
    assert report.added == 4
    assert [(path, reason) for path, reason, _ in report.rejected] == [
        (str(target), "bad-archive")
    ]


def test_a_bomb_is_not_unpacked_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "_HARMLESS", 1 << 16)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(4 << 20))
    assert [r[1] for r in database.import_paths([bomb]).rejected] == ["archive-bomb"]
    with monkeypatch.context() as patched:
        patched.setattr(archives, "members", None)  # not called
        again = database.import_paths([bomb])
    assert [r[1] for r in again.rejected] == ["archive-bomb"]
    os.utime(bomb, ns=(1, 1))
    assert [r[1] for r in database.import_paths([bomb]).rejected] == ["archive-bomb"]
