"""Pictures in the background: what is in sight first, each once, bounded, with reasons."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from PIL import Image
from qtpy.QtCore import QRect
from qtpy.QtGui import QColor, QImage, QPainter

from napari_dicomdb.database import Thumbnail
from napari_dicomdb.widgets import _placeholders, thumbnails
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets._theme import current_palette
from napari_dicomdb.widgets.thumbnails import ThumbnailCache, as_image


@pytest.fixture
def runner():
    made = TaskRunner("test-thumbnail", 2)
    yield made
    made.close()


@pytest.fixture
def red(tmp_path):
    path = tmp_path / "red.png"
    Image.new("RGB", (600, 300), (255, 0, 0)).save(path)
    return path


class Maker:
    """Makes pictures when it may, and remembers for which series it was asked."""

    def __init__(self, answer):
        self.answer, self.asked, self.go = answer, [], threading.Event()
        self.first = threading.Event()

    def __call__(self, uid):
        self.asked.append(uid)
        self.first.set()
        assert self.go.wait(60)
        return self.answer(uid) if callable(self.answer) else self.answer


def test_last_asked_for_first(qtbot, runner, red):
    make = Maker(red)
    cache = ThumbnailCache(runner, make, workers=1)
    cache.picture("1")
    assert make.first.wait(60)
    for uid in ("2", "3", "4", "3"):
        assert cache.picture(uid) is None
    make.go.set()
    qtbot.waitUntil(lambda: len(make.asked) == 4)
    assert make.asked == ["1", "3", "4", "2"], "what is on the screen now before the rest"
    qtbot.waitUntil(lambda: cache.picture("2") is not None)
    picture = cache.picture("2")
    assert (picture.width(), picture.height()) == (256, 128), "shape is kept"
    assert picture.toImage().pixelColor(40, 20) == QColor(255, 0, 0)


def test_what_is_in_sight_comes_first_and_what_scrolled_away_not_at_all(qtbot, runner, red):
    make = Maker(red)
    cache = ThumbnailCache(runner, make, workers=1)
    cache.picture("other")  # by another view
    assert make.first.wait(60)
    cache.picture("elsewhere")
    cache.want(["a", "b", "c"], ["d"])
    cache.want(["c", "d", "e"], ["f"])
    make.go.set()
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert make.asked == ["other", "c", "d", "e", "elsewhere", "f"]


def test_several_at_once_but_one_while_held(qtbot, runner, red):
    make = Maker(red)
    cache = ThumbnailCache(runner, make)
    cache.want(list("abcdef"))
    qtbot.waitUntil(lambda: len(make.asked) == 2)
    cache.hold(True)
    assert len(cache._making) == 2
    make.go.set()
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert sorted(make.asked) == list("abcdef")
    make.go.clear()
    cache.want(list("ghi"))
    qtbot.waitUntil(lambda: len(make.asked) == 7)
    assert len(cache._making) == 1
    cache.hold(False)
    qtbot.waitUntil(lambda: len(make.asked) == 8)
    make.go.set()
    qtbot.waitUntil(lambda: not runner.is_busy)


def test_a_queue_is_no_longer_than_a_screen(qtbot, runner, red, monkeypatch):
    monkeypatch.setattr(thumbnails, "_WANTED", 3)
    make = Maker(red)
    cache = ThumbnailCache(runner, make, workers=1)
    cache.picture("0")
    assert make.first.wait(60)
    for number in range(1, 100):
        cache.picture(str(number))
    make.go.set()
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert make.asked == ["0", "99", "98", "97"]


def test_a_series_without_a_picture_is_asked_once(qtbot, runner):
    calls, ready = [], []

    def make(uid):
        calls.append(uid)
        if uid == "broken":
            raise OSError("unreadable")

    cache = ThumbnailCache(runner, make)
    cache.ready.connect(ready.append)
    for _ in range(3):
        cache.picture("none")
        cache.picture("broken")
        qtbot.waitUntil(lambda: not runner.is_busy)
    assert sorted(calls) == ["broken", "none"]
    assert cache.reason("none") == "" and cache.tip("broken") == "No picture: unreadable"
    assert ready == ["broken"]
    cache.forget(["none", "unknown"])
    assert ready == ["broken", "none"], "who shows it asks again"
    cache.picture("none")
    qtbot.waitUntil(lambda: len(calls) == 3)


def test_reasons_and_notes(qtbot, runner, red, monkeypatch):
    png = red.read_bytes()
    now = 1000.0
    monkeypatch.setattr(thumbnails.time, "time", lambda: now)
    answers = {
        "report": Thumbnail(None, "no-image", "no instance has pixels"),
        "gone": Thumbnail(None, "file-missing", "it is gone", again=1060.0),
        "stale": Thumbnail(png, "file-missing", "it is gone"),
        "alone": Thumbnail(png, note="its image is not there"),
        "fine": Thumbnail(png),
        "damaged": b"no picture",
    }
    make = Maker(answers.get)
    make.go.set()
    cache = ThumbnailCache(runner, make)
    for uid in answers:
        cache.picture(uid)
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert {uid: cache.tip(uid) for uid in answers} == {
        "report": "",
        "gone": "No picture: it is gone",
        "stale": "The picture may be out of date: it is gone",
        "alone": "Picture: its image is not there",
        "fine": "",
        "damaged": "No picture: the picture cannot be read",
    }
    assert [uid for uid in answers if cache.can_retry(uid)] == ["gone", "stale", "damaged"]
    assert [uid for uid in answers if cache.picture(uid) is None] == ["report", "gone", "damaged"]
    asked = len(make.asked)
    now = 1061.0
    answers["gone"] = Thumbnail(png)
    cache.picture("gone")
    qtbot.waitUntil(lambda: cache.picture("gone") is not None)
    assert make.asked[asked:] == ["gone"]


def test_retry_tells_the_database_and_asks_again(qtbot, runner, red):
    answers = {"1": Thumbnail(None, "bad-pixels", "broken"), "2": Thumbnail(red.read_bytes())}
    forgotten = []

    def forget(uids):
        forgotten.append(uids)
        answers["1"] = answers["2"]

    cache = ThumbnailCache(runner)
    cache.reset(answers.get, forget)
    cache.want(["1", "2"])
    qtbot.waitUntil(lambda: cache.reason("1") == "broken")
    cache.retry(["1", "2"])
    qtbot.waitUntil(lambda: cache.picture("1") is not None)
    assert forgotten == [["1"]]


def test_reset_drops_what_is_on_its_way(qtbot, runner, red):
    ready, make = [], Maker(red)
    cache = ThumbnailCache(runner, make)
    cache.ready.connect(ready.append)
    cache.picture("1")
    cache.reset(lambda uid: None)
    make.go.set()
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert cache.picture("1") is None
    assert ready == []


def test_memory_is_bounded(qtbot, runner, red, monkeypatch):
    monkeypatch.setattr(thumbnails, "_KEPT_BYTES", 3 * 256 * 128 * 4)
    cache = ThumbnailCache(runner, lambda uid: red)
    for k in range(6):
        cache.picture(str(k))
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert len(cache._kept) == 3 and cache._bytes == 3 * 256 * 128 * 4
    monkeypatch.setattr(thumbnails, "_KEPT", 2)
    cache.picture("9")
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert len(cache._kept) == 2 and cache._bytes == 2 * 256 * 128 * 4


def test_sources(red, tmp_path):
    assert as_image(None) is None
    assert as_image(tmp_path / "absent.png") is None
    assert as_image(b"no picture") is None
    image = as_image(red.read_bytes())
    assert image.width() == 256
    assert image.format() == QImage.Format.Format_RGB32, "no conversion is left to the GUI thread"


@pytest.mark.parametrize("side", [44, 160])
def test_every_kind_has_its_own_icon(qtbot, side):
    palette = current_palette("dark")
    seen = {}
    for modality in ("CT", "SR", "PR", "RTPLAN", "RTSTRUCT", "RTDOSE", "SEG", "REG", "ECG", "DOC"):
        series = SimpleNamespace(modality=modality, sop_class_uid="1.2.3")
        image = QImage(side, side, QImage.Format.Format_RGB32)
        image.fill(QColor(1, 2, 3))
        painter = QPainter(image)
        _placeholders.draw_placeholder(painter, QRect(0, 0, side, side), series, palette)
        painter.end()
        assert image.pixelColor(0, 0) == QColor(palette.primary)
        seen[bytes(image.constBits().asarray(image.sizeInBytes()))] = modality
    assert len(seen) == 10
    report = SimpleNamespace(modality="OT", sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33")
    assert _placeholders.kind_of(report) == "report"
    assert _placeholders.kind_of(None) == "image"


def test_pictures_are_sharp_at_any_density(qtbot, runner, red):
    cache = ThumbnailCache(runner, lambda uid: red)
    cache.picture("1")
    qtbot.waitUntil(lambda: cache.picture("1") is not None)
    image = QImage(88, 88, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(2.0)
    image.fill(QColor(9, 9, 9))
    painter = QPainter(image)
    _placeholders.draw_picture(painter, QRect(0, 0, 44, 44), cache.picture("1"))
    painter.end()
    column = [image.pixelColor(44, y) for y in range(88)]
    assert column[0] == QColor(0, 0, 0) and column[44] == QColor(255, 0, 0)
    assert column.count(QColor(255, 0, 0)) == 44, "half as high as wide, in device pixels"


def test_switched_off(qtbot, runner, red):
    ready, make = [], Maker(red)
    make.go.set()
    cache = ThumbnailCache(runner, make)
    cache.picture("1")
    qtbot.waitUntil(lambda: cache.picture("1") is not None)
    cache.ready.connect(ready.append)
    cache.is_enabled = False
    assert cache.picture("1") is None and cache.picture("2") is None
    cache.want(["3"])
    assert ready == ["1"] and not runner.is_busy and make.asked == ["1"]
    cache.is_enabled = True
    assert cache.picture("1") is not None


def test_refresh_asks_for_all_anew(qtbot, runner, red):
    make = Maker(red)
    make.go.set()
    cache = ThumbnailCache(runner, make)
    cache.ready.connect(cache.picture)  # as a view that shows it
    cache.picture("1")
    qtbot.waitUntil(lambda: cache.picture("1") is not None)
    cache.refresh()
    assert cache.picture("1") is None
    qtbot.waitUntil(lambda: cache.picture("1") is not None)
    assert make.asked == ["1", "1"]
