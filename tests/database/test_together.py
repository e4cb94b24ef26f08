"""Objects that come together are all in the index, or none of them is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.database.conftest import write_series

from napari_dicomdb.database import Database
from napari_dicomdb.database.copying import CopyStore
from napari_dicomdb.database.together import Arriving, staged
from napari_dicomdb.errors import DatabaseError, HeaderError, NotFoundError


@pytest.fixture
def database(tmp_path: Path) -> Any:
    write_series(tmp_path / "in", 2, 1)
    with Database.open(tmp_path / "db") as opened:
        opened.import_paths([tmp_path / "in"], workers=0)
        yield opened


def rows(root: Path) -> int:
    with sqlite3.connect(root / "dicomdb.sqlite") as index:
        (count,) = index.execute("SELECT count(*) FROM instance").fetchone()
    index.close()
    return int(count)


def test_all_are_moved_in_at_once(database: Database, tmp_path: Path) -> None:
    study = database.series()[0].study_uid
    with staged(database) as stage:
        files = write_series(stage / "0", 5, 7)
        # Another program that opens the database meanwhile leaves them alone.
        Database.open(tmp_path / "db").close()
        with Arriving(database, files, study) as arriving:
            assert rows(tmp_path / "db") == 2
            report = arriving.adopt()
    assert (report.added, len(report.series_uids)) == (5, 1)
    assert not any(path.exists() for path in files)
    found = database.instances(database.find_series(report.series_uids[0]))
    assert [one.path.is_file() for one in found] == [True] * 5
    assert {one.storage for one in database.series() if one.instance_count == 5} == {"copied"}
    assert not (tmp_path / "db" / "received").exists()
    assert not (tmp_path / "db" / "incoming").exists()
    assert database.activity()[0].counts == {"added": 5, "series": 1}


def test_what_is_refused_leaves_all_as_it_was(database: Database, tmp_path: Path) -> None:
    study = database.series()[0].study_uid
    with staged(database) as stage:
        known = write_series(stage / "known", 3, 1)
        fresh = write_series(stage / "fresh", 3, 9)
        with pytest.raises(DatabaseError) as error, Arriving(database, known, study):
            pass
        assert error.value.reason == "uid-exists"
        with pytest.raises(NotFoundError) as gone, Arriving(database, fresh, "1.2.3.4.5"):
            pass
        assert gone.value.reason == "study-gone"
        twice = [*fresh, *write_series(stage / "again", 3, 9)]
        with (
            pytest.raises(DatabaseError) as error,
            Arriving(database, twice, study) as arriving,
        ):
            arriving.adopt()
        assert error.value.reason == "uid-exists"
        (stage / "torn.dcm").write_bytes(fresh[0].read_bytes()[:300])
        with pytest.raises(HeaderError), Arriving(database, [stage / "torn.dcm"]):
            pass
        assert all(path.is_file() for path in fresh)
    assert rows(tmp_path / "db") == 2
    assert not list((tmp_path / "db").rglob("*.dcm"))
    # Others may write again.
    assert database.import_paths([tmp_path / "in"], workers=0).unchanged == 2


def test_a_database_that_may_only_be_read(database: Database, tmp_path: Path) -> None:
    with (
        Database.open(tmp_path / "db", read_only=True) as reading,
        pytest.raises(DatabaseError) as error,
        staged(reading),
    ):
        pass
    assert error.value.reason == "read-only"


def test_in_memory(write_series: Callable[..., Any]) -> None:
    with Database.in_memory() as database, staged(database) as stage:
        with Arriving(database, write_series(stage / "0", 2, 3)) as arriving:
            assert arriving.adopt().added == 2
        assert [i.path.is_file() for i in database.instances()] == [True, True]


def test_what_is_in_the_index_is_not_taken_back(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: CopyStore) -> None:
        raise PermissionError("the journal is in use")

    with staged(database) as stage:
        files = write_series(stage / "0", 3, 7)
        with monkeypatch.context() as patch, Arriving(database, files) as arriving:
            patch.setattr(CopyStore, "settle", refused)
            assert arriving.adopt().added == 3
    # The next one finds the journal of what is there, and leaves that.
    with Database.open(tmp_path / "db") as again:
        assert len(again.instances()) == 5
        assert all(one.path.is_file() for one in again.instances())
    assert not (tmp_path / "db" / "incoming").exists()
