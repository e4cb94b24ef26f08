"""A search over all known databases, in the browser."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_dicomdb import Database
from napari_dicomdb.settings import remember_database
from napari_dicomdb.widgets.several_search import SearchScope, SeveralResults

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def other(tmp_path, phantom):
    """Another database, with the oblique series alone."""
    with Database.open(tmp_path / "other") as made:
        made.import_paths([phantom["oblique-mr"].paths[0].parent], workers=0)
    remember_database(tmp_path / "other")
    return tmp_path / "other"


def search_everywhere(browser, qtbot, text):
    qtbot.keyClicks(browser.search, text)
    qtbot.waitUntil(lambda: not browser.bar.scope.isHidden())
    qtbot.keyClick(browser.bar.scope, Qt.Key.Key_Down)
    page = browser.several.page
    qtbot.waitUntil(lambda: browser._stack.currentWidget() is page)
    qtbot.waitUntil(lambda: not page.words.text().startswith("Searching"), timeout=20_000)
    return page


def groups(page):
    tops = [page.tree.topLevelItem(n) for n in range(page.tree.topLevelItemCount())]
    return {top.text(0).split(" · ")[0]: top for top in tops}


def test_hits_are_grouped_by_database(browser, qtbot, other, phantom):
    remember_database(other.parent / "gone")
    page = search_everywhere(browser, qtbot, "modality:MR")
    found = groups(page)
    assert set(found) == {"database", "other"}
    assert found["other"].childCount() == 1
    mr = [s for s in browser.database.series() if s.modality == "MR"]
    assert found["database"].childCount() == len(mr)
    assert "Phantom" in found["other"].child(0).text(2)
    assert "gone" in page.notice.text(), "one that is away is told"
    assert str(other.parent / "gone") in page.notice.toolTip()
    assert found["other"].isFirstColumnSpanned()


def test_enter_switches_and_selects(browser, qtbot, other, phantom):
    page = search_everywhere(browser, qtbot, "modality:MR")
    page.tree.setCurrentItem(groups(page)["other"].child(0))
    with qtbot.waitSignal(browser._session.opened, timeout=20_000):
        qtbot.keyClick(page.tree, Qt.Key.Key_Return)
    assert browser.database.path == other
    uid = phantom["oblique-mr"].series_uid
    qtbot.waitUntil(
        lambda: [s.uid for s in browser.views.selected_series()] == [uid], timeout=20_000
    )
    assert browser._stack.currentWidget() is not page
    assert not browser.bar.scope.searches_all


def test_it_loads_straight_from_there(browser, qtbot, other, database):
    page = search_everywhere(browser, qtbot, "modality:MR")
    page.tree.setCurrentItem(groups(page)["other"].child(0))
    qtbot.mouseClick(page.load_button, LEFT)
    qtbot.waitUntil(lambda: len(browser._viewer.layers) == 1, timeout=30_000)
    assert browser.database.path == database.path


def test_back_to_this_database(browser, qtbot, other):
    page = search_everywhere(browser, qtbot, "nobodyhasthis")
    assert page.words.text() == "Nothing found in any known database."
    assert not page.show_button.isEnabled()
    qtbot.keyClick(browser.bar.scope, Qt.Key.Key_Up)
    qtbot.waitUntil(lambda: browser._stack.currentWidget() is not page)


def test_failures_are_told_in_plain_words(qtbot, palette):
    page = SeveralResults()
    qtbot.addWidget(page)
    page.apply_palette(palette)
    page.show_failure(ValueError("the field size: wants a number"))
    assert page.notice.text() == "the field size: wants a number"
    page.choose()
    page.load()
    scope = SearchScope()
    qtbot.addWidget(scope)
    with qtbot.waitSignal(scope.scope_changed) as caught:
        scope.setCurrentIndex(1)
    assert caught.args == [True]
