"""What the browser says when something fails, and when it offers to look for files."""

from __future__ import annotations

from napari_dicomdb.errors import LoadError
from napari_dicomdb.widgets.browser_notice import BrowserNotice


def test_the_remedy_is_offered_only_for_missing_files(qtbot):
    notice = BrowserNotice()
    qtbot.addWidget(notice)
    assert notice.isHidden()
    notice.tell(LoadError("/cd/1.dcm: not found", reason="file-missing"))
    assert not notice.isHidden()
    assert not notice.button.isHidden()
    notice.tell(ValueError("something else"))
    assert notice.text() == "something else"
    assert notice.button.isHidden()
    notice.tell_missing([object(), object()])
    assert "2 series" in notice.text()
    assert not notice.button.isHidden()
