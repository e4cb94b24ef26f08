"""Words of the recent activity; its window is driven in test_browser."""

from __future__ import annotations

import pytest

from napari_dicomdb.widgets.recent_activity import age, what_was_done


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "just now"), (320, "5 min ago"), (7300, "2 h ago"), (90_000, "yesterday"),
     (300_000, "3 days ago")],
)  # fmt: skip
def test_age(seconds, words):
    assert age(seconds) == words


def test_what_was_done():
    assert what_was_done("import", {"added": 1200, "refused": 0}) == "Imported: 1\u2009200 added"
    assert what_was_done("vacuum", {}) == "Compacted"
    assert what_was_done("some_new-thing", {}) == "Some new thing"


def test_activity_uses_the_words_of_reports():
    assert what_was_done("import", {"added": 3, "rejected": 2}) == "Imported: 3 added, 2 refused"
