"""Files of scenes in napari: opened and saved as any user does."""

import numpy as np
import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import LoadError
from napari_dicomdb.export.scene_archive import read_scene
from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.phantom import write_phantom_study
from napari_dicomdb.viewer.scene_files import get_reader, read, write

PLUGIN = "napari-dicomdb"


@pytest.fixture
def database(user_folders, tmp_path):
    write_phantom_study(tmp_path / "phantom", ("axial-ct",), matrix=16, slices=4)
    with Database.open() as made:
        made.import_paths([tmp_path / "phantom"], workers=0)
        yield made


def test_save_all_layers_and_open_again(database, make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    add_volume(viewer, database.load(database.series()[0].uid))
    viewer.add_points([[1, 2, 3]], name="marks", size=2, scale=viewer.layers[0].scale)
    viewer.scene.camera.zoom = 3.3
    path = tmp_path / "board.dicomscene"
    assert viewer.layers.save(str(path), plugin=PLUGIN) == [str(path)]
    scene = read_scene(path)
    assert [layer.kind for layer in scene.layers] == ["image", "points"]
    assert scene.layers[0].reference is not None
    assert scene.layers[0].extra["contrast_limits_range"] is not None
    assert scene.name == "board"

    other = make_napari_viewer()
    other.open(path, plugin=PLUGIN)
    assert [layer.name for layer in other.layers] == [layer.name for layer in viewer.layers]
    assert other.scene.camera.zoom == 3.3
    assert np.array_equal(other.layers["marks"].data, [[1, 2, 3]])


def test_some_layers_only(database, make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    kept = viewer.add_image(np.arange(16.0).reshape(4, 4), name="kept")
    viewer.add_image(np.ones((4, 4)), name="left out")
    assert write(str(tmp_path / "a.dicomscene"), [kept.as_layer_data_tuple()]) == [
        str(tmp_path / "a.dicomscene")
    ]
    (layer,) = read_scene(tmp_path / "a.dicomscene").layers
    assert np.array_equal(layer.data, kept.data)


def test_only_files_of_that_name(tmp_path):
    (tmp_path / "a.dicomscene").write_bytes(b"x")
    (tmp_path / "a.png").write_bytes(b"x")
    assert get_reader(str(tmp_path / "a.dicomscene")) is read
    assert get_reader([str(tmp_path / "a.dicomscene"), str(tmp_path / "a.png")]) is None
    assert get_reader(str(tmp_path / "b.dicomscene")) is None


def test_without_a_viewer_its_layers_are_returned(user_folders, tmp_path):
    data = np.arange(12.0).reshape(3, 4)
    write(str(tmp_path / "a.dicomscene"), [(data, {"name": "x", "gamma": 0.5}, "image")])
    ((array, arguments, kind),) = read(str(tmp_path / "a.dicomscene"))
    assert np.array_equal(array, data)
    assert (arguments["name"], arguments["gamma"], kind) == ("x", 0.5, "image")


def test_no_scene(tmp_path, user_folders):
    (tmp_path / "a.dicomscene").write_bytes(b"x" * 200)
    with pytest.raises(LoadError):
        read(str(tmp_path / "a.dicomscene"))
