"""Pictures and movies of the view from the export dock, by mouse."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def viewer(make_napari_viewer):
    made = make_napari_viewer(show=True)
    made.add_image(np.arange(5 * 16 * 16, dtype=np.float32).reshape(5, 16, 16))
    return made


@pytest.fixture
def dock(viewer, database, qtbot):
    _, made = viewer.window.add_plugin_dock_widget("napari-dicomdb", "DICOM export")
    qtbot.waitUntil(lambda: made.session.database is not None, timeout=20_000)
    made.show_page("view")
    return made


@pytest.fixture
def page(dock):
    return dock.view


@pytest.fixture
def named(monkeypatch, tmp_path):
    """Answer the question for a file by this name."""

    def answer(name):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / name), ""))
        return tmp_path / name

    return answer


def click(qtbot, button):
    qtbot.mouseClick(button, LEFT)


def test_the_page_offers_the_sliders_and_no_export(dock, page):
    assert [page.axis.itemText(k) for k in range(page.axis.count())] == ["-3 (5 steps)"]
    assert dock.export_button.isHidden()
    assert dock.problem.isHidden()
    dock.show_page("layers")
    assert not dock.export_button.isHidden()


def test_a_picture(qtbot, viewer, page, named):
    named("shown")
    click(qtbot, page.picture_button)
    path = named("shown.png")
    saved = np.asarray(Image.open(path))
    assert np.array_equal(saved, viewer.screenshot(canvas_only=True, flash=False)[..., :3])
    assert page.outcome.text() == f"Saved {path}"
    assert not page.outcome.button.isHidden()


def test_a_picture_of_each_step(qtbot, viewer, page, named):
    folder = named("steps")
    before = viewer.dims.point
    click(qtbot, page.pictures_button)
    assert sorted(p.name for p in folder.iterdir()) == [f"{k:05d}.png" for k in range(5)]
    assert viewer.dims.point == before
    click(qtbot, page.pictures_button)
    assert "exists" in page.outcome.text()
    assert page.outcome.severity == "error"


def test_a_movie(qtbot, viewer, page, named):
    av = pytest.importorskip("av")
    path = named("view.mp4")
    page.rate.setText("4")
    click(qtbot, page.movie_button)
    with av.open(str(path)) as movie:
        assert sum(1 for _ in movie.decode(video=0)) == 5
        assert movie.streams.video[0].average_rate == 4


def test_a_movie_that_is_stopped_leaves_nothing(qtbot, viewer, page, named):
    pytest.importorskip("av")
    path = named("view.mp4")
    # Between two pictures the button can be pressed.
    viewer.dims.events.current_step.connect(lambda *_: click(qtbot, page.cancel_button))
    click(qtbot, page.movie_button)
    assert page.outcome.text() == "Cancelled: nothing was saved."
    assert list(path.parent.glob("*.mp4")) == []
    assert list(path.parent.glob(".picture*")) == []
    assert page.movie_button.isEnabled()


def test_without_a_slider(qtbot, viewer, page):
    viewer.layers.clear()
    viewer.add_image(np.zeros((8, 8)))
    page.show_axes()
    assert not page.movie_button.isEnabled()
    assert page.picture_button.isEnabled()


def test_the_sliders_are_those_of_the_view_as_it_is(qtbot, viewer, page):
    viewer.dims.ndisplay = 3
    assert [page.axis.itemText(k) for k in range(page.axis.count())] == ["Once around (3D)"]
    viewer.dims.ndisplay = 2
    assert [page.axis.itemText(k) for k in range(page.axis.count())] == ["-3 (5 steps)"]
    viewer.add_image(np.zeros((7, 16, 16)))
    assert page.axis.itemText(0) == "-3 (7 steps)"
