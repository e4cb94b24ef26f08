"""What is missing and what has come."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import Cancelled
from napari_dicomdb.network import retrieve_watch
from napari_dicomdb.network.retrieve_report import RetrieveReport
from napari_dicomdb.network.retrieve_watch import Watch
from napari_dicomdb.progress import no_progress


def test_seen_in_the_index(tmp_path: Path, phantom_paths: list[Path]) -> None:
    uids = [pydicom.dcmread(path).SOPInstanceUID for path in phantom_paths]
    came: list[str] = []
    with Database.open(tmp_path / "db") as database:
        report = RetrieveReport("n")
        watch = Watch(database, report, no_progress, lambda uid, path: came.append(uid))
        watch.expect(uids)
        watch.is_received_elsewhere = True
        assert watch.count() == 0
        with Database.open(tmp_path / "db") as other:
            other.import_paths(phantom_paths[:4], workers=0)
        assert watch.count() == 4
        assert sorted(came) == sorted(uids[:4])
        assert list(watch.missing) == uids[4:]
        watch.settle(0.0)
        assert report.received_uids == came


def test_told_by_a_listener(tmp_path: Path) -> None:
    with Database.open(tmp_path / "db") as database:
        report = RetrieveReport("n")
        watch = Watch(database, report, no_progress, None)
        watch.expect(["1", "2"], held={"3"})
        for uid in ("1", "1", "3", "stranger"):
            watch.keep_later(uid, None, 10)
        assert watch.count() == 2
        assert report.received_uids == ["1", "3"]
        assert list(watch.missing) == ["2"]
        assert watch.has("3")
        assert not watch.has("stranger")


def test_cancelled_while_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieve_watch, "_TURN", 3600.0)
    told: list[str] = []

    def progress(done: int, total: int | None, text: str) -> None:
        told.append(text)
        raise Cancelled("enough")

    with Database.open(tmp_path / "db") as database:
        watch = Watch(database, RetrieveReport("n"), progress, None)
        with pytest.raises(Cancelled):
            watch.tell()
        watch.tell()  # not again at once
        with pytest.raises(Cancelled):
            watch.rest(60.0, "pacs")
    assert told == ["Retrieving", "Waiting to try pacs again"]


def test_the_last_count_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieve_watch, "_TURN", 3600.0)
    told: list[tuple[int, int | None]] = []
    with Database.open(tmp_path / "db") as database:
        report = RetrieveReport("n")
        watch = Watch(database, report, lambda done, total, _: told.append((done, total)), None)
        watch.expect(["1", "2"])
        watch.tell()
        for uid in ("1", "2"):
            watch.keep(uid)
            watch.tell()  # too soon
        watch.finish()
    assert told == [(0, 2), (2, 2)]
