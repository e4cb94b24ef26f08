"""Pictures on the disk: none unknown to the index, bounded, made anew when damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from napari_dicomdb.database import Database, thumbnail_store
from napari_dicomdb.database.thumbnail_store import thumbnail_name
from napari_dicomdb.errors import DatabaseError


@pytest.fixture
def series_of_five(
    database: Database, tmp_path: Path, write_series: Callable[..., object]
) -> list[str]:
    for number in range(1, 6):
        write_series(tmp_path / "in", 1, series=number)
        (tmp_path / "in" / "00001.dcm").rename(tmp_path / "in" / f"{number}.dcm")
    database.import_paths([tmp_path / "in"])
    return [series.uid for series in database.series(order="number")]


@pytest.fixture
def index(database: Database) -> Iterator[sqlite3.Connection]:
    """The same file, without us."""
    assert database.path is not None
    connection = sqlite3.connect(database.path / "dicomdb.sqlite", isolation_level=None)
    yield connection
    connection.close()


def pngs(database: Database) -> set[str]:
    assert database.path is not None
    return {path.name for path in (database.path / "thumbnails").glob("*")}


def test_rows_tell_the_size_of_files(
    database: Database, series_of_five: list[str], index: sqlite3.Connection
) -> None:
    for uid in series_of_five:
        path = database.thumbnail(uid)
        assert path is not None
        row = index.execute(
            "SELECT size, tries, reason, used FROM thumbnail WHERE name = ?", (path.name,)
        ).fetchone()
        assert row == (path.stat().st_size, 0, None, 0)


def test_longest_unused_go_first(
    database: Database, series_of_five: list[str], index: sqlite3.Connection
) -> None:
    names = [thumbnail_name(uid) for uid in series_of_five]
    for uid in series_of_five:
        database.thumbnail(uid)
    index.execute("UPDATE thumbnail SET made = 1000, size = 100000")
    for used, name in zip((50, 10, 40, 20, 30), names, strict=True):
        index.execute("UPDATE thumbnail SET used = 1000 + ? WHERE name = ?", (used, name))
    assert database.limit_thumbnails(1) == 0
    assert database.limit_thumbnails(0.35) == 2, "two of five would be kept by 90 % of 350 kB"
    assert pngs(database) == {names[0], names[2], names[4]}
    kept = {row[0] for row in index.execute("SELECT name FROM thumbnail")}
    assert kept == pngs(database)
    assert database.thumbnail(series_of_five[1]) is not None, "it is made anew when wanted"


def test_the_limit_is_that_of_the_settings(user_folders: Path) -> None:
    assert thumbnail_store.limit_in_bytes() == 500_000_000
    user_folders.mkdir(exist_ok=True)
    (user_folders / "settings.json").write_text('{"thumbnail_limit_mb": 7}')
    assert thumbnail_store.limit_in_bytes() == 7_000_000


def test_use_is_noted_to_the_day(
    database: Database, series_of_five: list[str], index: sqlite3.Connection
) -> None:
    uid = series_of_five[0]
    database.thumbnail(uid)
    database.thumbnail(uid)
    (used,) = index.execute("SELECT used FROM thumbnail").fetchone()
    assert used == 0, "made today is used today"
    index.execute("UPDATE thumbnail SET made = made - 90000")
    before = index.execute("SELECT made FROM thumbnail").fetchone()[0]
    database.thumbnail(uid)
    (used,) = index.execute("SELECT used FROM thumbnail").fetchone()
    assert used > before + 80000


def test_use_is_not_waited_for_while_another_writes(
    database: Database, series_of_five: list[str], index: sqlite3.Connection
) -> None:
    uid = series_of_five[0]
    path = database.thumbnail(uid)
    index.execute("UPDATE thumbnail SET made = made - 90000")
    index.execute("BEGIN IMMEDIATE")
    assert database.thumbnail(uid) == path  # with waiting: 30 s and an error
    index.execute("ROLLBACK")


@pytest.mark.parametrize("damage", ["gone", "cut", "flipped", "empty"])
def test_damaged_pictures_are_made_anew(
    database: Database, series_of_five: list[str], damage: str
) -> None:
    path = database.thumbnail(series_of_five[0])
    assert path is not None
    good = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(good[:-20])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        middle = len(good) // 2
        path.write_bytes(good[:middle] + bytes([good[middle] ^ 255]) + good[middle + 1 :])
    assert thumbnail_store.read(path.parent.parent, path.name) is None
    assert database.thumbnail(series_of_five[0]) == path
    assert path.read_bytes() == good


def test_what_a_kill_leaves_goes_with_the_series(
    database: Database, series_of_five: list[str], index: sqlite3.Connection
) -> None:
    """A picture is written after its row: a kill in between leaves both, unfinished."""
    path = database.thumbnail(series_of_five[0])
    assert path is not None
    index.execute("UPDATE thumbnail SET made_by = '', size = 0")
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(b"half")
    database.remove(series=series_of_five[0])
    assert pngs(database) == set()


def test_picture_of_what_changed_meanwhile_is_not_kept(
    database: Database, series_of_five: list[str]
) -> None:
    series = database.find_series(series_of_five[0])
    connections, root = database._connections, database._root
    known = thumbnail_store.revisions(connections, series.key)
    assert known is not None
    options = {"made_by": "x", "revision": known[0] - 1, "around": 0}
    kept = thumbnail_store.keep_picture(
        connections, root, series.key, series.uid, b"png", **options
    )
    assert kept is None and pngs(database) == set()


def test_clear(database: Database, series_of_five: list[str], index: sqlite3.Connection) -> None:
    for uid in series_of_five:
        database.thumbnail(uid)
    assert database.clear_thumbnails() == 5
    assert pngs(database) == set()
    assert index.execute("SELECT count(*) FROM thumbnail").fetchone() == (0,)


def test_no_folder_where_the_database_was(
    database: Database, series_of_five: list[str], tmp_path: Path
) -> None:
    """A picture asked for while the drive is away appears nowhere, and is no failure later."""
    assert database.path is not None
    home = database.path
    series = database.find_series(series_of_five[0])
    home.rename(tmp_path / "away")
    connections, root = database._connections, database._root
    options = {"made_by": "x", "revision": 1, "around": 0}
    for _ in range(2):
        with pytest.raises(DatabaseError, match="not there any more"):
            thumbnail_store.keep_picture(
                connections, root, series.key, series.uid, b"png", **options
            )
        assert database.thumbnail(series) is None
        assert not home.exists() or list(home.iterdir()) == []
        home.mkdir(exist_ok=True)
    home.rmdir()
    (tmp_path / "away").rename(home)
    path = database.thumbnail(series)
    assert path is not None and path.is_file()
