"""A drive that is pulled out and plugged in again."""

from __future__ import annotations

import pytest

from napari_dicomdb import Database
from napari_dicomdb.widgets._drive import DriveWatch


@pytest.fixture
def index(tmp_path):
    Database.open(tmp_path / "drive").close()
    return tmp_path / "drive" / "dicomdb.sqlite"


@pytest.fixture
def watch(qapp, index):
    made = DriveWatch()
    made.follow(index)
    yield made
    made.close()


def test_gone_and_back(qtbot, watch, index):
    heard = []
    watch.lost.connect(lambda: heard.append("lost"))
    watch.found.connect(lambda: heard.append("found"))
    qtbot.waitUntil(lambda: watch._identity is not None)
    drive = index.parent
    drive.rename(drive.with_name("unplugged"))
    with qtbot.waitSignal(watch.lost):
        watch.look()
    assert watch.is_lost
    # The mount point is there already, its drive is not.
    drive.mkdir()
    index.touch()
    watch.look()
    qtbot.waitUntil(lambda: not watch._is_asking)
    assert heard == ["lost"]
    index.unlink()
    drive.rmdir()
    drive.with_name("unplugged").rename(drive)
    with qtbot.waitSignal(watch.found):
        watch.look()
    assert heard == ["lost", "found"]


def test_another_file_in_its_place_is_told(qtbot, watch, index, tmp_path):
    qtbot.waitUntil(lambda: watch._identity is not None)
    Database.open(tmp_path / "other").close()
    (tmp_path / "other" / "dicomdb.sqlite").rename(index)
    with qtbot.waitSignal(watch.found):
        watch.look()


def test_nothing_to_follow(qtbot, watch):
    watch.follow(None)
    watch.look()
    assert not watch.timer.isActive()
    assert not watch.is_lost
