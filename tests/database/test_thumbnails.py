"""Thumbnails: made once, failures remembered with their reason, many at once, read-only."""

from __future__ import annotations

import io
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from napari_dicomdb.database import Database, thumbnail_pictures, thumbnails
from napari_dicomdb.errors import Cancelled, DatabaseError, NotFoundError

PAINT = "napari_dicomdb.database.thumbnail_pictures.paint"


def index(database: Database) -> sqlite3.Connection:
    assert database.path is not None
    return sqlite3.connect(database.path / "dicomdb.sqlite", isolation_level=None)


def test_made_once_and_removed_with_its_series(
    database: Database, ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.import_paths([ct])
    uid = database.series()[0].uid
    path = database.thumbnail(uid)
    assert path is not None
    with monkeypatch.context() as patched:
        patched.setattr(PAINT, None)
        assert database.thumbnail(uid) == path
        image = database.thumbnail_image(uid)
        assert image.png == path.read_bytes() and not image.reason
    database.remove(series=uid)
    assert not path.exists()
    with pytest.raises(NotFoundError):
        database.thumbnail(uid)


def test_failure_for_good_is_remembered_with_its_reason(
    database: Database,
    tmp_path: Path,
    write_instance: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_instance(tmp_path / "in" / "1", series=1, PixelData=None)
    write_instance(tmp_path / "in" / "2", series=2, Rows=65535, Columns=65535)
    database.import_paths([tmp_path / "in"])
    found = [database.thumbnail_image(series.uid) for series in database.series()]
    assert [one.reason for one in found] == ["no-image", "too-large"]
    assert all(one.png is None and one.again is None and one.text for one in found)
    with index(database) as raw:
        reasons = [row[0] for row in raw.execute("SELECT reason FROM thumbnail ORDER BY series")]
        assert [reason.partition(":")[0] for reason in reasons] == ["no-image", "too-large"]
        raw.execute("UPDATE thumbnail SET made = made - 1e9")
    with monkeypatch.context() as patched:
        patched.setattr(PAINT, None)
        for series in database.series():
            assert database.thumbnail(series.uid) is None
    # Another decoder may decode it.
    monkeypatch.setattr(thumbnails, "_attempt", lambda: "with another decoder")
    asked = []
    monkeypatch.setattr(PAINT, lambda series, source: asked.append(series.uid) or _red())
    for series in database.series():
        assert database.thumbnail(series.uid) is not None
    assert len(asked) == 2


def _red() -> thumbnail_pictures.Picture:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (255, 0, 0)).save(buffer, "PNG")
    return thumbnail_pictures.Picture(buffer.getvalue())


def test_a_series_that_changed_gets_another_picture(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    write_instance(tmp_path / "in" / "1", PixelData=None)
    database.import_paths([tmp_path / "in"])
    uid = database.series()[0].uid
    assert database.thumbnail_image(uid).reason == "no-image"
    write_instance(tmp_path / "in" / "2", 2)
    database.import_paths([tmp_path / "in"])
    assert database.thumbnail(uid) is not None


def test_passing_failures_are_tried_again_later_and_later(
    database: Database, ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.import_paths([ct])
    uid = database.series()[0].uid
    away = ct.rename(ct.with_name("away"))
    now = 1e9
    monkeypatch.setattr("napari_dicomdb.database.thumbnails.time.time", lambda: now)
    distances = []
    for tries in range(1, thumbnails.MOST_TRIES + 1):
        missing = database.thumbnail_image(uid)
        assert missing.reason == "file-missing" and "not there any more" in missing.text
        with index(database) as raw:
            assert raw.execute("SELECT tries FROM thumbnail").fetchone() == (tries,)
        assert database.thumbnail_image(uid) == missing, "not tried again at once"
        if missing.again is not None:
            distances.append(missing.again - now)
            now = missing.again
    assert distances == [60 * 4**k for k in range(thumbnails.MOST_TRIES - 1)]
    away.rename(ct)
    now += 1e9
    assert database.thumbnail(uid) is None, "given up"
    assert database.retry_thumbnails() == 1
    assert database.thumbnail(uid) is not None
    assert database.retry_thumbnails([uid]) == 0


def test_file_that_comes_back(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    uid = database.series()[0].uid
    away = ct.rename(ct.with_name("away"))
    assert database.thumbnail(uid) is None
    away.rename(ct)
    with index(database) as raw:
        raw.execute("UPDATE thumbnail SET made = made - 61")
    assert database.thumbnail(uid) is not None


def test_pictures_of_earlier_versions_are_replaced(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    uid = database.series()[0].uid
    path = database.thumbnail(uid)
    assert path is not None
    Image.new("L", (128, 128)).save(path)
    with index(database) as raw:  # as version 3 of the schema left it
        raw.execute("UPDATE thumbnail SET made_by = '', size = 0, revision = 0")
    away = ct.rename(ct.with_name("away"))
    old = database.thumbnail_image(uid)
    assert old.png == path.read_bytes() and old.reason == "file-missing", "better than none"
    away.rename(ct)
    database.retry_thumbnails()
    assert database.thumbnail(uid) == path
    with Image.open(path) as image:
        assert max(image.size) == thumbnail_pictures.LARGEST_SIDE


def test_read_only_database(database: Database, ct: Path) -> None:
    database.import_paths([ct])
    uid = database.series()[0].uid
    assert database.path is not None
    with Database.open(database.path, read_only=True) as reader:
        assert reader.thumbnail(uid) is None
        image = reader.thumbnail_image(uid)
        assert image.png is not None and image.path is None
        for change in (reader.make_thumbnails, reader.retry_thumbnails, reader.clear_thumbnails):
            with pytest.raises(DatabaseError, match="read-only"):
                change()
        ct.rename(ct.with_name("away"))
        assert reader.thumbnail_image(uid).reason == "file-missing"
    assert list(database.path.rglob("*.png")) == []
    ct.with_name("away").rename(ct)
    made = database.thumbnail(uid)
    with Database.open(database.path, read_only=True) as reader:
        assert reader.thumbnail(uid) == made
        assert reader.thumbnail_image(uid).png == image.png


def test_no_picture_outlives_its_series(
    database: Database, ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.import_paths([ct])
    uid = database.series()[0].uid
    assert database.path is not None
    original = thumbnail_pictures.paint

    def removed_meanwhile(series, source):  # type: ignore[no-untyped-def]
        picture = original(series, source)
        database.remove(series=uid)
        return picture

    monkeypatch.setattr(PAINT, removed_meanwhile)
    assert database.thumbnail(uid) is None
    assert list(database.path.rglob("*.png")) == []
    with index(database) as raw:
        assert raw.execute("SELECT count(*) FROM thumbnail").fetchone() == (0,)


def test_locked_database_shows_its_pictures(
    tmp_path: Path, ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Database, "wait_for_writer", 0.05)
    with Database.open(tmp_path / "db") as database:
        database.import_paths([ct])
        raw = index(database)
        raw.execute("BEGIN IMMEDIATE")
        image = database.thumbnail_image(database.series()[0].uid)
        assert image.png is not None and image.path is None and image.reason == "not-kept"
        raw.execute("ROLLBACK")
        raw.close()
        assert database.thumbnail(database.series()[0].uid) is not None


def test_many_at_once(
    database: Database, tmp_path: Path, ct: Path, write_instance: Callable[..., Path]
) -> None:
    write_instance(tmp_path / "ct" / "report", series=3, PixelData=None, Modality="SR")
    write_instance(tmp_path / "ct" / "large", series=4, Rows=65535, Columns=65535)
    database.import_paths([ct])
    first = database.series(order="number")[0]
    database.thumbnail(first)
    seen: list[tuple[int, int | None]] = []
    report = database.make_thumbnails(progress=lambda done, total, _: seen.append((done, total)))
    assert (report.made, report.there, report.without_image) == (1, 1, 1)
    assert [(uid, reason) for uid, reason, _ in report.failures] == [
        ("1.2.826.0.1.3680043.8.498.77.4", "too-large")
    ]
    assert seen[0] == (0, 4) and seen[-1] == (4, 4)
    assert not report.ok and report.to_json()["failures"][0]["reason"] == "too-large"
    assert report.summary() == ("1 made, 1 there already, 1 series without an image, 1 failed")
    again = database.make_thumbnails([first.uid])
    assert (again.made, again.there) == (0, 1) and again.ok


def test_making_many_can_be_stopped(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    for number in range(1, 21):
        write_instance(tmp_path / "in" / str(number), series=number)
    database.import_paths([tmp_path / "in"])

    def stop(done: int, total: int | None, text: str) -> None:
        if done >= 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        database.make_thumbnails(progress=stop, workers=1)
    with index(database) as raw:
        (kept,) = raw.execute("SELECT count(*) FROM thumbnail WHERE made_by <> ''").fetchone()
    assert 2 <= kept < 20
    assert threading.active_count() < 20


def test_the_limit_holds_while_many_are_made(
    database: Database,
    tmp_path: Path,
    write_instance: Callable[..., Path],
    user_folders: Path,
) -> None:
    user_folders.mkdir(exist_ok=True)
    (user_folders / "settings.json").write_text('{"thumbnail_limit_mb": 0}')
    for number in range(1, 4):
        write_instance(tmp_path / "in" / str(number), series=number)
    database.import_paths([tmp_path / "in"])
    report = database.make_thumbnails()
    assert (report.made, report.evicted) == (3, 3)
    assert list((tmp_path / "database").rglob("*.png")) == []
