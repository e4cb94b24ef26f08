"""Progress and outcome of imports."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import QObject, Qt, Signal

from napari_dicomdb.database.report import ImportReport
from napari_dicomdb.widgets._session import ImportRequest
from napari_dicomdb.widgets.import_bar import ImportBar


class Session(QObject):
    """The signals of a session, emitted by the test."""

    import_started = Signal(object)
    import_progressed = Signal(object, object, str)
    import_finished = Signal(object, object)
    import_failed = Signal(object, object)
    import_cancelled = Signal(object)
    waiting_count = 2
    cancelled = False

    def cancel_import(self):
        self.cancelled = True


REQUEST = ImportRequest((Path("/cd"),))


@pytest.fixture
def bar(qtbot, palette):
    session = Session()
    widget = ImportBar(session)
    widget.session = session
    qtbot.addWidget(widget)
    widget.apply_palette(palette)
    return widget


def test_progress(bar):
    assert bar.isHidden(), "costs no room while nothing is imported"
    bar.session.import_started.emit(REQUEST)
    assert bar.is_running
    assert bar.bar.maximum() == 0, "not known yet: it runs to and fro"
    bar.session.import_progressed.emit(1200, 3_000_000_000, "Reading headers")
    assert bar.label.text() == (
        "Reading headers: 1\u2009200 of 3\u2009000\u2009000\u2009000, 2 imports waiting"
    )
    bar.session.import_progressed.emit(1_500_000_000, 3_000_000_000, "Reading headers")
    assert bar.bar.value() * 2 == bar.bar.maximum()


def test_cancel(qtbot, bar):
    bar.session.import_started.emit(REQUEST)
    bar.show()
    qtbot.mouseClick(bar.cancel_button, Qt.MouseButton.LeftButton)
    assert bar.session.cancelled
    bar.session.import_progressed.emit(1, 2, "Reading headers")
    assert bar.label.text() == "Cancelling…"
    bar.session.import_cancelled.emit(REQUEST)
    assert bar.isHidden()


def test_outcome_and_report(qtbot, bar):
    bar.session.import_started.emit(REQUEST)
    report = ImportReport(added=1, rejected=[("/cd/x", "not-dicom", "text")])
    bar.session.import_finished.emit(REQUEST, report)
    assert not bar.is_running
    assert bar.outcome.text() == "1 file added, 1 refused"
    with qtbot.waitSignal(bar.report_requested) as caught:
        bar.outcome.button.click()
    assert caught.args == [report]
    bar.session.import_finished.emit(REQUEST, ImportReport(added=1))
    assert bar.outcome.button.isHidden(), "nothing to report"


def test_failure_is_told(bar):
    bar.session.import_failed.emit(REQUEST, OSError("the disk is full"))
    assert bar.outcome.severity == "error"
    assert "the disk is full" in bar.outcome.text()
    assert not bar.isHidden()
