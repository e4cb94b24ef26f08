"""A viewer never waits for a server; what arrives is painted."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from napari_dicomdb import Database
from napari_dicomdb.dicom.pixels import PixelDescription
from napari_dicomdb.dicom.streamed import COMING, StreamedPath, WholeFile, may_wait
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.loading import examine
from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.phantom import write_phantom_study
from napari_dicomdb.viewer.remote_frames import stream_of


class Stream:
    """A server whose frames come when the test lets them."""

    def __init__(self) -> None:
        self.always_waits = True
        self.on_arrived: list = []
        self.is_open = False
        self.asked: list[str] = []
        self.in_main: list[str] = []


class Frames:
    def __init__(self, stream, record):
        self.stream, self.record = stream, record

    def fetch(self, frame):
        self.stream.asked.append(self.record.uid)
        if not self.stream.always_waits and not may_wait() and not self.stream.is_open:
            raise NetworkError("on its way", reason=COMING)
        return WholeFile(self.record.path, PixelDescription.from_record(self.record))


@pytest.fixture
def remote(tmp_path):
    write_phantom_study(tmp_path, ("axial-ct",), matrix=32, slices=8)
    stream = Stream()
    with Database.in_memory() as database:
        database.import_paths([tmp_path], workers=0)
        records = database.instances()
    made = [
        replace(r, path=StreamedPath.of(r.path, Frames(stream, r)), pixel_offset=None)
        for r in records
    ]
    return stream, examine(made)[0], examine(records)[0]


def test_a_slice_is_painted_when_it_arrives(make_napari_viewer, qtbot, remote) -> None:
    stream, loadable, local = remote
    viewer = make_napari_viewer()
    volume = loadable.load()  # waits: nothing shows it yet
    assert stream_of(volume) is stream
    (layer,) = add_volume(viewer, volume)
    assert not stream.always_waits
    assert len(stream.on_arrived) == 1
    # The middle slice is here since it was probed; go where nothing is.
    viewer.dims.set_current_step(0, 1)
    empty = np.asarray(layer._slice.image.raw)
    assert len(np.unique(empty)) == 1
    stream.is_open = True
    threading.Thread(target=stream.on_arrived[0]).start()
    qtbot.waitUntil(lambda: len(np.unique(np.asarray(layer._slice.image.raw))) > 1, timeout=5000)
    (expected,) = add_volume(make_napari_viewer(), local.load())
    np.testing.assert_array_equal(np.asarray(layer.data[1]), np.asarray(expected.data[1]))
    assert volume.array.findings == ()


def test_a_plane_across_all_slices_does_not_wait_either(make_napari_viewer, remote) -> None:
    loadable = remote[1]
    viewer = make_napari_viewer()
    volume = loadable.load()
    add_volume(viewer, volume)
    plane = np.asarray(volume.array[:, 16, :])
    assert plane.shape == (8, 32)
    assert sum(len(np.unique(row)) > 1 for row in plane) < 8
    done: list[np.ndarray] = []
    worker = threading.Thread(target=lambda: done.append(np.asarray(volume.array[:2])))
    worker.start()
    worker.join(20)
    assert len(np.unique(done[0][0])) > 1  # a worker waits
    # All of it is asked for by whoever computes with it.
    np.testing.assert_array_equal(np.asarray(volume.array), np.asarray(remote[2].load().array))


def test_a_removed_layer_is_not_followed_any_more(make_napari_viewer, qtbot, remote) -> None:
    stream, loadable, _ = remote
    viewer = make_napari_viewer()
    add_volume(viewer, loadable.load())
    viewer.layers.clear()
    stream.on_arrived[0]()
    qtbot.waitUntil(lambda: stream.on_arrived == [], timeout=5000)


def test_volumes_of_files_have_no_stream(remote) -> None:
    assert stream_of(remote[2].load()) is None
