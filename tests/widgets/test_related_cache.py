"""A result says in the window whose it is, and leads there; an image says what it has."""

from __future__ import annotations

import threading

import pytest
from browser_hands import pick_row
from pydicom import Dataset, dcmread

from napari_dicomdb.database.related import UNRELATED, Related
from napari_dicomdb.widgets.card_layout import Spot
from napari_dicomdb.widgets.models import SecondaryTextRole
from napari_dicomdb.widgets.related_cache import RelatedCache


@pytest.fixture
def result(database, phantom, tmp_path):
    """UID of a derived series of one image, in the database: made from axial-ct."""
    made = dcmread(phantom["axial-ct"].paths[0])
    made.SOPInstanceUID, made.SeriesInstanceUID = "2.25.77.1", "2.25.77"
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.SeriesNumber, made.SeriesDescription = 77, "Denoised"
    made.ImageType = ["DERIVED", "SECONDARY"]
    source = Dataset()
    source.SeriesInstanceUID = phantom["axial-ct"].series_uid
    made.ReferencedSeriesSequence = [source]
    made.save_as(tmp_path / "result.dcm")
    database.import_paths(tmp_path / "result.dcm", workers=0)
    return "2.25.77"


def test_rows_cards_and_menus_lead_from_one_to_the_other(
    result, database, phantom, make_browser, qtbot
):
    browser = make_browser()
    model, view = browser.lists.series_model, browser.lists.series
    image = phantom["axial-ct"].series_uid

    def second_line(uid):
        return model.index(model.row_of(uid), 0).data(SecondaryTextRole) or ""

    qtbot.waitUntil(lambda: model.rowCount() == 5, timeout=20_000)
    qtbot.waitUntil(lambda: "1 result" in second_line(image), timeout=20_000)
    name = database.find_series(image)
    words = f"of {name.number}: {name.description}"
    qtbot.waitUntil(lambda: words in second_line(result), timeout=20_000)
    tip = model.index(model.row_of(image), 0).data(3)
    assert "Results: 77: Denoised (CT)" in tip

    pick_row(qtbot, view, model.index(model.row_of(image), 0), "Go to its result")
    chosen = browser.lists.selected_series
    qtbot.waitUntil(lambda: [s.uid for s in chosen()] == [result], timeout=20_000)
    pick_row(qtbot, view, model.index(model.row_of(result), 0), "Go to its image")
    qtbot.waitUntil(lambda: [s.uid for s in chosen()] == [image], timeout=20_000)

    browser.show_view("cards")
    cards = browser.views.cards
    qtbot.waitUntil(lambda: len(cards.model) == 1 and cards.model.card(0) is not None)
    tiles = [Spot(0, k) for k in range(cards.area.layout_.shown(0))]
    qtbot.waitUntil(
        lambda: any("Results: 77: Denoised" in cards.area.tip(spot) for spot in tiles),
        timeout=20_000,
    )

    database.remove(series=image)
    browser._on_changed()
    browser.show_view("tables")
    qtbot.waitUntil(lambda: "its source is not here" in second_line(result), timeout=20_000)


class Slow:
    """A database that answers when it may."""

    def __init__(self):
        self.go, self.asked = threading.Event(), []

    def related_each(self, series):
        self.asked.append([one.uid for one in series])
        self.go.wait(60)
        return {one.uid: Related(missing=1) for one in series}


class Row:
    def __init__(self, uid):
        self.uid = uid


@pytest.fixture
def cache(qtbot):
    made = RelatedCache()
    yield made
    made.runner.close()


def test_what_is_painted_together_is_asked_together(cache, qtbot):
    slow = Slow()
    cache.reset(slow)
    assert [cache.of(Row(uid)) for uid in "ab"] == [UNRELATED, UNRELATED]
    qtbot.waitUntil(lambda: bool(slow.asked))
    assert cache.of(Row("c")) is UNRELATED  # while the first are asked for
    slow.go.set()
    qtbot.waitUntil(lambda: len(slow.asked) == 2)
    qtbot.waitUntil(lambda: cache.of(Row("c")).missing == 1)
    assert slow.asked == [["a", "b"], ["c"]]
    assert cache.of(Row("a")).missing == 1


def test_an_answer_of_before_a_change_is_dropped(cache, qtbot):
    slow, told = Slow(), []
    cache.ready.connect(told.append)
    cache.reset(slow)
    cache.of(Row("a"))
    qtbot.waitUntil(lambda: bool(slow.asked))
    cache.reset(None)
    slow.go.set()
    qtbot.waitUntil(lambda: cache._task is None)
    assert told == []
    assert cache.of(Row("a")) is UNRELATED
    assert len(slow.asked) == 1
