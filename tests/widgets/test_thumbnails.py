"""Pictures in the background: the last asked for first, each once, bounded."""

from __future__ import annotations

import threading

import pytest
from PIL import Image
from qtpy.QtGui import QColor

from napari_dicomdb.widgets import thumbnails
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.thumbnails import ThumbnailCache, as_image


@pytest.fixture
def runner():
    made = TaskRunner("test-thumbnail")
    yield made
    made.close()


@pytest.fixture
def red(tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (300, 150), (255, 0, 0)).save(path)
    return path


def test_last_asked_for_first(qtbot, runner, red):
    made, first, go = [], threading.Event(), threading.Event()

    def make(uid):
        first.set()
        go.wait(5)
        made.append(uid)
        return red

    cache = ThumbnailCache(runner, make)
    cache.picture("1")
    assert first.wait(5)
    for uid in ("2", "3", "4", "3"):
        assert cache.picture(uid) is None
    go.set()
    qtbot.waitUntil(lambda: len(made) == 4)
    assert made == ["1", "3", "4", "2"], "what is on the screen now comes before the rest"
    qtbot.waitUntil(lambda: cache.picture("2") is not None)
    picture = cache.picture("2")
    assert (picture.width(), picture.height()) == (96, 48), "shape is kept"
    assert picture.toImage().pixelColor(40, 20) == QColor(255, 0, 0)


def test_a_series_without_a_picture_is_asked_once(qtbot, runner):
    calls = []

    def make(uid):
        calls.append(uid)
        if uid == "broken":
            raise OSError("unreadable")

    cache = ThumbnailCache(runner, make)
    for _ in range(3):
        cache.picture("none")
        cache.picture("broken")
        qtbot.waitUntil(lambda: not runner.is_busy)
    assert sorted(calls) == ["broken", "none"]
    cache.forget(["none"])
    cache.picture("none")
    qtbot.waitUntil(lambda: len(calls) == 3)


def test_reset_drops_what_is_on_its_way(qtbot, runner, red):
    go, ready = threading.Event(), []

    def slow(uid):
        go.wait(5)
        return red

    cache = ThumbnailCache(runner, slow)
    cache.ready.connect(ready.append)
    cache.picture("1")
    cache.reset(lambda uid: None)
    go.set()
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert cache.picture("1") is None
    assert ready == []


def test_memory_is_bounded(qtbot, runner, red, monkeypatch):
    monkeypatch.setattr(thumbnails, "_KEPT", 3)
    cache = ThumbnailCache(runner, lambda uid: red)
    for k in range(6):
        cache.picture(str(k))
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert len(cache._pictures) == 3


def test_sources(red, tmp_path):
    assert as_image(None) is None
    assert as_image(tmp_path / "absent.png") is None
    assert as_image(b"no picture") is None
    assert as_image(red.read_bytes()).width() == 96
