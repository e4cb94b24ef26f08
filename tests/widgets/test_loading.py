"""Loading in the background, with progress and cancel in napari's activity dock."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
from napari.utils.progress import progress as napari_progress

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.volume import Volume, VolumeGeometry
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.loading import LayerLoader

GAP = Finding(FindingCode.MISSING_SLICES, Severity.ERROR, "3 slices are missing.")


@dataclass
class Slow:
    """A loader that waits until the test lets it go on."""

    go: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    name: str = "slow"
    version: str = "1"

    def examine(self, instances):
        return []

    def load(self, loadable, *, progress, lazy):
        step = 0
        while not self.go.is_set():
            progress(min(step, 4), 5, "Reading")
            step += 1
        if self.error is not None:
            raise self.error
        geometry = VolumeGeometry(np.diag([3.0, 2.0, 1.0, 1.0])[[2, 1, 0, 3]], (4, 5, 6), "1.2")
        meta = {"name": loadable.name, "modality": "CT", "findings": loadable.findings}
        return Volume(
            np.zeros((4, 5, 6), np.int16), ("slice", "row", "column"), geometry, meta=meta
        )


def loadable(loader, *findings):
    return Loadable("a volume", "scalar-volume", 1.0, (), findings, (), loader, selected=True)


@pytest.fixture
def runner():
    made = TaskRunner("test-load")
    yield made
    made.close()


@pytest.fixture
def loading(make_napari_viewer, runner):
    made = LayerLoader(make_napari_viewer(), runner)
    yield made
    made.close()


def test_layers_and_activity(qtbot, loading, capfd):
    slow = Slow()
    loading.load([loadable(slow)])
    (bar,) = napari_progress._all_instances
    qtbot.waitUntil(lambda: bar.total == 5)
    slow.go.set()
    with qtbot.waitSignal(loading.loaded) as caught:
        pass
    assert [layer.name for layer in caught.args[1]] == ["a volume"]
    np.testing.assert_allclose(loading._viewer.layers[0].scale, (3, 2, 1))
    qtbot.waitUntil(lambda: not loading.is_busy)
    assert not napari_progress._all_instances
    assert "a volume" not in "".join(capfd.readouterr())


def test_cancel_in_the_activity_dock(qtbot, loading):
    loading.load([loadable(Slow())])
    (bar,) = napari_progress._all_instances
    with qtbot.waitSignal(loading.idle):
        bar.cancel()
    assert len(loading._viewer.layers) == 0
    assert not napari_progress._all_instances


def test_failure(qtbot, loading):
    slow = Slow(error=LoadError("no slice could be read"))
    slow.go.set()
    with qtbot.waitSignal(loading.failed) as caught:
        loading.load([loadable(slow)])
    assert str(caught.args[1]) == "no slice could be read"
    qtbot.waitUntil(lambda: not loading.is_busy)


def test_errors_found_are_told_once_more(qtbot, loading, monkeypatch):
    warned = []
    monkeypatch.setattr("napari_dicomdb.widgets.loading.show_warning", warned.append)
    slow = Slow()
    slow.go.set()
    with qtbot.waitSignal(loading.loaded):
        loading.load([loadable(slow, GAP)])
    assert warned == ["Loaded with errors: 3 slices are missing."]


def test_nothing_is_said_after_the_end(qtbot, loading, monkeypatch):
    """napari's bar handles events while it is drawn, and the end of the work may be one."""
    slow = Slow()
    one = loadable(slow)
    loading.load([one])
    ((task, bar),) = loading._bars.items()
    told = []
    loading.progressed.connect(lambda *said: told.append("progressed"))
    loading.idle.connect(lambda: told.append("idle"))
    monkeypatch.setattr(bar, "show_progress", lambda done, total: loading._end(task))
    loading._tell(one, bar, 4, 5)
    assert told == ["progressed", "idle"]
    slow.go.set()


def test_close_ends_all(qtbot, loading, runner):
    loading.load([loadable(Slow()), loadable(Slow())])
    loading.close()
    runner.close()
    assert not napari_progress._all_instances
    assert len(loading._viewer.layers) == 0


def test_what_has_no_image_is_read(qtbot, loading):
    from pydicom.data import get_testdata_file

    from napari_dicomdb import examine

    (report,) = examine(get_testdata_file("test-SR.dcm"))
    with qtbot.waitSignal(loading.content_read) as caught:
        loading.load([report])
    loadables, tree, place = caught.args
    assert loadables == [report]
    assert tree.title == "Comprehensive SR: Demonstration of SR Features"
    assert place == 0
    assert len(loading._viewer.layers) == 0
