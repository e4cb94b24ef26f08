"""The first slice that arrives is shown once, by whichever object is an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_dicomdb import Database
from napari_dicomdb.viewer.frame import dicom_metadata
from napari_dicomdb.widgets._tasks import TaskRunner
from napari_dicomdb.widgets.first_slice import FirstSlice, FirstSlices

HERE = Path()


@pytest.fixture
def runner():
    made = TaskRunner("slice")
    yield made
    made.close()


@pytest.fixture
def here(phantom):
    with Database.in_memory() as made:
        made.import_paths(phantom["axial-ct"].paths, workers=0)
        yield made


def test_only_the_first_few_are_tried():
    taken = []
    first = FirstSlice(taken.append)
    for number in range(10):
        first.arrived(str(number), HERE)
    assert taken == ["0", "1", "2"]
    first = FirstSlice(taken.append)
    first.done()
    first.arrived("late", HERE)
    assert "late" not in taken


def test_slice_is_shown_where_it_is_in_the_patient(qtbot, make_napari_viewer, runner, here):
    viewer = make_napari_viewer()
    slices = FirstSlices(viewer, runner)
    first = slices.expect(here)
    instances = here.instances()
    with qtbot.waitSignal(slices.shown) as caught:
        first.arrived("no such UID", HERE)
        first.arrived(instances[3].uid, HERE)
        first.arrived(instances[4].uid, HERE)
    (layer,) = caught.args[0]
    qtbot.waitUntil(lambda: not runner.is_busy)
    assert list(viewer.layers) == [layer]
    assert layer.name.endswith("(arriving)")
    place = dicom_metadata(layer)["lps_from_data"] @ [0, 0, 0, 1]
    corners = [dicom_metadata(layer)["lps_from_data"] @ [0, r, c, 1] for r in (0, 31)
               for c in (0, 31)]  # fmt: skip
    assert np.isfinite(place).all()
    assert len({tuple(np.round(corner, 3)) for corner in corners}) == 4


def test_what_the_user_took_away_is_not_missed(qtbot, make_napari_viewer, runner, here):
    viewer = make_napari_viewer()
    slices = FirstSlices(viewer, runner)
    with qtbot.waitSignal(slices.shown):
        slices.expect(here).arrived(here.instances()[0].uid, HERE)
    viewer.layers.clear()
    slices.replace([here.series()[0].uid], [])
    assert not viewer.layers


def test_a_hidden_first_slice_hides_what_takes_its_place(qtbot, make_napari_viewer, runner, here):
    viewer = make_napari_viewer()
    slices = FirstSlices(viewer, runner)
    with qtbot.waitSignal(slices.shown) as caught:
        slices.expect(here).arrived(here.instances()[0].uid, HERE)
    (arriving,) = caught.args[0]
    arriving.visible = False
    new = viewer.add_image(np.zeros((4, 4, 4)), name="volume", units="mm")
    slices.replace([here.series()[0].uid], [new])
    assert list(viewer.layers) == [new]
    assert not new.visible


def test_without_a_viewer_nothing_is_read(qtbot, runner, here):
    slices = FirstSlices(None, runner)
    slices.expect(here).arrived(here.instances()[0].uid, HERE)
    qtbot.waitUntil(lambda: not runner.is_busy)
