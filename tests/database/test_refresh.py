"""Files that changed, moved or became others since they were imported."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_dicomdb.database import Database
from napari_dicomdb.errors import DatabaseError, LoadError


def test_unchanged_file_is_not_opened(
    database: Database, ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.import_paths([ct])
    (record, *_) = database.instances()
    monkeypatch.setattr("napari_dicomdb.database.refresh.scan_file", None)
    assert database.refresh_instance(record) is record


@pytest.mark.parametrize("read_only", [False, True])
def test_changed_file_is_read_again(
    read_only: bool,
    database: Database,
    ct: Path,
    write_instance: Callable[..., Path],
    touch: Callable[[Path], None],
) -> None:
    database.import_paths([ct])
    assert database.path is not None
    (record, *_) = database.instances()
    write_instance(
        record.path, 1, ImagePositionPatient=[1, 2, 3], StudyDescription=None, KVP="120"
    )
    touch(record.path)
    with Database.open(database.path, read_only=read_only) as opened:
        fresh = opened.refresh_instance(record)
        assert fresh.position == (1.0, 2.0, 3.0)
        assert fresh.get("KVP") == "120"
        assert "StudyDescription" not in fresh.values
        assert fresh.pixel_offset == fresh.path.read_bytes().index(b"\xe0\x7f\x10\x00") + 12
        stored = opened.instances(uid=record.uid)[0]
        assert stored == (record if read_only else fresh)


def test_other_object(
    database: Database,
    ct: Path,
    write_instance: Callable[..., Path],
    touch: Callable[[Path], None],
) -> None:
    database.import_paths([ct])
    (record, *_) = database.instances()
    touch(write_instance(record.path, 55))
    with pytest.raises(LoadError, match="another object") as raised:
        database.refresh_instance(record)
    assert raised.value.reason == "other-object"
    record.path.write_bytes(b"ruined")
    with pytest.raises(LoadError, match="import it again") as raised:
        database.refresh_instance(record)
    assert raised.value.reason == "not-dicom"


def test_file_that_is_gone(database: Database, ct: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin.dcm"
    twin.write_bytes((ct / "a" / "00001.dcm").read_bytes())
    database.import_paths([ct, twin])
    (record,) = database.instances(paths=[twin])
    record.path.unlink()
    fresh = database.refresh_instance(record)
    assert fresh == dataclasses.replace(record, path=twin, file_mtime_ns=twin.stat().st_mtime_ns)
    assert database.instances(uid=record.uid)[0].path == twin
    twin.unlink()
    with pytest.raises(LoadError) as raised:
        database.refresh_instance(fresh)
    assert raised.value.reason == "file-missing"


def test_a_copy_is_not_given_up_while_the_database_is_away(
    database: Database, ct: Path, tmp_path: Path
) -> None:
    """The index is open still, but its copies cannot be seen: the same objects stay copied."""
    assert database.path is not None
    home = database.path
    database.import_paths([ct], copy=True)
    shutil.copytree(ct, tmp_path / "twins")
    database.import_paths([tmp_path / "twins"])
    (record, *_) = before = database.instances()
    home.rename(tmp_path / "away")
    with pytest.raises(DatabaseError, match="not there any more"):
        database.refresh_instance(record)
    with pytest.raises(DatabaseError):
        database.import_paths([tmp_path / "twins"], copy=True)
    with pytest.raises(DatabaseError):
        database.import_paths([tmp_path / "twins"])
    assert not home.exists()
    (tmp_path / "away").rename(home)
    assert database.refresh_instance(record) == record
    assert [one.path for one in database.instances()] == [one.path for one in before]
    assert {one.storage for one in database.instances()} == {"copied"}
    assert sum(path.is_file() for path in (home / "files").rglob("*")) == len(before)
