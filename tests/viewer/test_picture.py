"""Pictures of the view, one or many, are what the canvas shows."""

import itertools

import av
import numpy as np
import pytest
from PIL import Image

from napari_dicomdb.errors import Cancelled, ExportError
from napari_dicomdb.viewer.picture import (
    TURN,
    picture_of,
    pictures_along,
    pictures_around,
    save_movie,
    save_picture,
    save_pictures,
)


@pytest.fixture
def viewer(make_napari_viewer):
    made = make_napari_viewer(show=True)
    steps = np.zeros((5, 40, 60), np.uint8)
    for k in range(5):
        steps[k] = 50 * k
    made.add_image(steps, contrast_limits=(0, 255), name="steps")
    made.dims.set_current_step(0, 3)
    return made


def _middle(picture):
    return picture[picture.shape[0] // 2, picture.shape[1] // 2].tolist()


def test_png(viewer, tmp_path):
    path = save_picture(viewer, tmp_path / "x.png")
    with Image.open(path) as image:
        shown = np.asarray(image)
    assert np.array_equal(shown, viewer.screenshot(canvas_only=True, flash=False)[..., :3])
    assert _middle(shown) == [150] * 3
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]
    larger = picture_of(viewer, scale=2)
    assert larger.shape[0] == pytest.approx(2 * shown.shape[0], abs=2)


def test_png_for_each_step(viewer, tmp_path):
    told = []
    paths = save_pictures(
        viewer, tmp_path / "s", 0, step=2, progress=lambda *said: told.append(said[:2])
    )
    assert [p.name for p in paths] == ["00000.png", "00002.png", "00004.png"]
    assert [_middle(np.asarray(Image.open(p)))[0] for p in paths] == [0, 100, 200]
    assert viewer.dims.current_step[0] == 3
    assert told == [(0, 3), (1, 3), (2, 3)]
    with pytest.raises(ExportError) as caught:
        save_pictures(viewer, tmp_path / "s", 0)
    assert caught.value.reason == "file-exists"


def test_mp4(viewer, tmp_path):
    path = save_movie(viewer, tmp_path / "x.mp4", 0, frame_rate=5)
    with av.open(str(path)) as file:
        (stream,) = file.streams.video
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(stream)]
    assert stream.average_rate == 5
    assert len(frames) == 5
    for k, frame in enumerate(frames):
        assert np.abs(np.array(_middle(frame)) - 50 * k).max() <= 4
    assert [p.name for p in tmp_path.iterdir()] == ["x.mp4"]


def test_stopping_leaves_nothing(viewer, tmp_path):
    def stop(done, total, text):
        if done == 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        save_movie(viewer, tmp_path / "x.mp4", 0, progress=stop)
    with pytest.raises(Cancelled):
        save_pictures(viewer, tmp_path / "s", 0, progress=stop)
    assert list(tmp_path.iterdir()) == []
    assert viewer.dims.current_step[0] == 3


@pytest.mark.parametrize("axis", [-1, 1, 3])
def test_axes_without_a_slider(viewer, axis):
    with pytest.raises(ExportError) as caught:
        list(itertools.islice(pictures_along(viewer, axis), 1))
    assert caught.value.reason == "bad-option"


def test_a_place_that_is_not_there(viewer, tmp_path):
    with pytest.raises(ExportError, match="cannot be written"):
        save_picture(viewer, tmp_path / "no" / "x.png")
    with pytest.raises(ExportError, match="frame rate"):
        save_movie(viewer, tmp_path / "x.mp4", 0, frame_rate=0)


def test_once_around(viewer, tmp_path):
    viewer.dims.ndisplay = 3
    viewer.scene.camera.angles = before = (10, 20, 30)
    up = viewer.scene.camera.up_direction
    ahead = []
    for _ in pictures_around(viewer, count=4):
        ahead.append(viewer.scene.camera.view_direction)
        assert np.allclose(viewer.scene.camera.up_direction, up, atol=1e-6)
    assert np.allclose(ahead[0], np.negative(ahead[2]), atol=1e-6)
    assert abs(np.dot(ahead[0], ahead[1])) < 1e-6
    assert np.allclose(viewer.scene.camera.angles, before)
    path = save_movie(viewer, tmp_path / "turn.mp4", TURN, step=40)
    with av.open(str(path)) as file:
        assert sum(1 for _ in file.decode(video=0)) == 3


def test_only_what_is_in_3d_is_turned(viewer, tmp_path):
    with pytest.raises(ExportError, match="3D"):
        save_movie(viewer, tmp_path / "x.mp4", TURN)
    assert list(tmp_path.iterdir()) == []


def test_a_canvas_without_room_has_no_picture(viewer, tmp_path):
    """Docks beside it leave it nothing in a small window."""
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFixedWidth(0)
    assert picture_of(viewer) is None
    with pytest.raises(ExportError) as caught:
        save_picture(viewer, tmp_path / "x.png")
    assert caught.value.reason == "no-canvas"
    assert not list(tmp_path.iterdir())
