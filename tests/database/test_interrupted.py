"""What a killed process left is finished by whoever opens or writes next."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from napari_dicomdb.database import Database, interrupted
from napari_dicomdb.database.locking import WriterLock


def going(root: Path) -> set[str]:
    with sqlite3.connect(root / "dicomdb.sqlite") as raw:
        rows = raw.execute("SELECT path FROM going_file").fetchall()
    raw.close()
    return {row[0] for row in rows}


def plan(root: Path, *places: str) -> None:
    with sqlite3.connect(root / "dicomdb.sqlite") as raw:
        raw.executemany("INSERT INTO going_file VALUES (?)", [(place,) for place in places])
    raw.close()


@pytest.fixture
def root(tmp_path: Path, ct: Path) -> Path:
    """Give the directory of a closed database with six copies and a picture."""
    with Database.open(tmp_path / "db") as database:
        database.import_paths([ct], copy=True)
        assert database.thumbnail(database.series()[0].uid) is not None
    return tmp_path / "db"


def leave_traces(root: Path) -> list[Path]:
    """Leave what kills leave: a copy without a row, a temporary copy, half an index."""
    left = [
        root / "files" / "aa" / "bb" / "gone.dcm",
        root / "incoming" / "x.part",
        root / ".salvaged.abc.part",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"Doe^Jane")
    plan(root, "files/aa/bb/gone.dcm")
    return left


def test_finished_when_opened(root: Path) -> None:
    left = leave_traces(root)
    with Database.open(root) as database:
        assert not any(path.exists() for path in left)
        assert going(root) == set()
        assert len([i for i in database.instances() if i.path.exists()]) == 6
        assert database.check(full=True).ok


def test_a_reader_and_one_beside_a_writer_leave_it(root: Path) -> None:
    left = leave_traces(root)
    with Database.open(root, read_only=True):
        assert all(path.exists() for path in left)
    with WriterLock(root).held(wait_seconds=1), Database.open(root) as database:
        assert all(path.exists() for path in left)
        assert len(database.instances()) == 6


def test_what_is_there_again_stays(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.write_bytes(b"mine")
    with Database.open(root) as database:
        copies = [i.path for i in database.instances()]
        picture = database.thumbnail(database.series()[0].uid)
    assert picture is not None
    places = [path.relative_to(root).as_posix() for path in (*copies, picture)]
    plan(root, *places, "../precious", str(outside))
    with Database.open(root) as database:
        assert all(path.exists() for path in (*copies, picture, outside))
        assert database.verify(content=True).ok
    assert going(root) == set()


def test_what_cannot_be_deleted_is_told_and_tried_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Database.open(root) as database:
        stuck = database.instances()[0].path
        unlink = Path.unlink

        def refuse(path: Path, missing_ok: bool = False) -> None:
            if path == stuck:
                raise PermissionError(13, "in use")
            unlink(path, missing_ok=missing_ok)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", refuse)
            report = database.remove(patient="P1", delete_copies=True)
        assert [entry[:2] for entry in report.rejected] == [(str(stuck), "not-deleted")]
        assert report.files_deleted == 5
        assert going(root) == {stuck.relative_to(root).as_posix()}
        assert [p.code for p in database.check().problems] == ["going-files"]
    with Database.open(root):
        assert not stuck.exists()
    assert not interrupted.is_interrupted(Database.open(root)._connections, root)
