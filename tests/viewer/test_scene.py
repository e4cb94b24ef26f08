"""A scene opens to the very picture it was saved with."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from napari.components import ViewerModel

from napari_dicomdb import Database
from napari_dicomdb.errors import LoadError
from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.phantom import write_phantom_study
from napari_dicomdb.viewer.scene import load_scene, open_scene, save_scene


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom_study(folder, ("axial-ct", "oblique-mr"), matrix=32, slices=8)
    return folder


@pytest.fixture
def database(user_folders, phantom):
    with Database.open() as made:
        made.import_paths([phantom], workers=0)
        yield made


def _picture(viewer):
    # Of one size, whatever rows of sliders and messages leave to the canvas.
    return viewer.screenshot(size=(500, 400), canvas_only=True, flash=False)


def _full_scene(viewer, database):
    """Every kind of layer, over two DICOM volumes, seen from a chosen place."""
    for series in database.series():
        add_volume(viewer, database.load(series.uid))
    ct = viewer.layers[0]
    ct.contrast_limits_range = (-2000, 4000)
    ct.contrast_limits = (-100, 300)
    ct.gamma = 0.7
    viewer.layers[1].opacity = 0.4
    viewer.layers[1].blending = "additive"
    viewer.layers[1].colormap = "magma"
    placing = {
        "scale": ct.scale, "translate": ct.translate, "rotate": ct.rotate,
        "affine": np.asarray(ct.affine), "units": ct.units, "axis_labels": ct.axis_labels,
    }  # fmt: skip
    shape = ct.data.shape
    labels = np.zeros(shape, np.uint16)
    labels[:, 8:16, 10:20], labels[:, 18:24, 4:9] = 1, 7
    viewer.add_labels(
        labels, name="drawn",
        colormap={None: "transparent", 0: "transparent", 1: "red", 7: "cyan"},
        features={"index": [0, 1, 7], "name": ["", "liver", "Größe"]}, **placing,
    )  # fmt: skip
    viewer.add_labels(labels[::-1].copy(), name="cyclic", opacity=0.2, **placing)
    middle = [n // 2 for n in shape]
    viewer.add_points(
        [middle, [middle[0], 5, 6]], name="marks", size=[3, 5], symbol=["disc", "star"],
        features={"what": ["a", "b"]}, text="what", face_color=["red", "blue"], **placing,
    )  # fmt: skip
    corners = np.array([[middle[0], 4, 4], [middle[0], 4, 20], [middle[0], 14, 20]], float)
    viewer.add_shapes(
        [corners[:2], corners], shape_type=["line", "polygon"], edge_color=["lime", "yellow"],
        name="drawing", **placing,
    )  # fmt: skip
    vectors = np.array([[middle, [0, 4, 4]]], float)
    viewer.add_vectors(vectors, name="arrows", edge_color="orange", **placing)
    viewer.add_tracks(
        np.array([[0, *middle], [0, middle[0] + 1, 9, 9]], float), name="path",
        features={"how": [1, 2]}, visible=False, units=ct.units, axis_labels=ct.axis_labels,
    )  # fmt: skip
    viewer.add_surface(
        (corners + np.array([0, 3, 3]), np.array([[0, 1, 2]]), np.array([0.0, 0.5, 1.0])),
        name="skin",
        colormap="viridis", **placing,
    )  # fmt: skip
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.scene.overlays.axes.visible = True
    viewer.canvas.overlays.text.visible = True
    viewer.canvas.overlays.text.text = "as it was"
    viewer.layers.selection.active = viewer.layers["drawn"]
    viewer.scene.camera.zoom *= 1.3
    viewer.scene.camera.center = tuple(
        np.asarray(viewer.scene.camera.center) + np.array([0, 5, -7])
    )


def _state(viewer):
    return (
        viewer.dims.order, viewer.dims.point, viewer.dims.ndisplay, viewer.dims.axis_labels,
        viewer.scene.camera.zoom, viewer.scene.camera.center, viewer.scene.camera.angles,
        [(layer.name, layer.visible, layer.opacity, layer.blending) for layer in viewer.layers],
    )  # fmt: skip


@pytest.mark.parametrize("embed", [False, True])
def test_the_picture_is_the_same_to_the_pixel(
    database, make_napari_viewer, tmp_path, embed, user_folders
):
    viewer = make_napari_viewer(show=True)
    _full_scene(viewer, database)
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, viewer.dims.point[1] + 4)
    before, state = _picture(viewer), _state(viewer)
    assert np.ptp(before[..., :3].reshape(-1, 3), axis=0).min() > 100  # there is something in it
    path = tmp_path / "round.dicomscene"
    scene = save_scene(viewer, path, database=database, embed=embed)
    assert scene.notes == []
    drawn = [layer.data for layer in viewer.layers]
    viewer.close()

    other = make_napari_viewer(show=True)
    opened = open_scene(other, path, database=database)
    assert opened.problems == ()
    assert np.array_equal(_picture(other), before)
    assert _state(other) == state
    assert other.layers[0].contrast_limits_range == [-2000, 4000]
    assert other.layers.selection.active.name == "drawn"
    assert list(other.layers["drawn"].features["name"]) == ["", "liver", "Größe"]
    for layer, data in zip(opened.layers, drawn, strict=True):
        for one, was in zip(_arrays(layer.data), _arrays(data), strict=True):
            assert np.asarray(one).dtype == np.asarray(was).dtype
            assert np.array_equal(np.asarray(one), np.asarray(was))
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert ["reference" in layer for layer in manifest["layers"]][:2] == [not embed] * 2
    assert not any("reference" in layer for layer in manifest["layers"][2:])
    assert str(tmp_path) not in json.dumps(manifest)


def _arrays(data):
    return [data] if hasattr(data, "dtype") else list(data)


def test_in_3d(database, make_napari_viewer, tmp_path):
    viewer = make_napari_viewer(show=True)
    add_volume(viewer, database.load(database.series()[0].uid))
    viewer.dims.ndisplay = 3
    viewer.scene.camera.angles = (12, 30, 50)
    viewer.layers[0].rendering = "attenuated_mip"
    before = _picture(viewer)
    save_scene(viewer, tmp_path / "x.dicomscene", database=database)
    viewer.close()
    other = make_napari_viewer(show=True)
    assert open_scene(other, tmp_path / "x.dicomscene", database=database).problems == ()
    assert np.array_equal(_picture(other), before)


def test_what_the_database_has_not_is_told_and_the_rest_opens(
    database, make_napari_viewer, tmp_path
):
    viewer = make_napari_viewer()
    _full_scene(viewer, database)
    save_scene(viewer, tmp_path / "x.dicomscene")  # by the default database
    names = [layer.name for layer in viewer.layers]
    gone = database.series()[0]
    database.remove(series=gone)
    other = make_napari_viewer()
    already = other.add_image(np.zeros((4, 4)), name="mine")
    opened = open_scene(other, tmp_path / "x.dicomscene")
    assert [layer.name for layer in opened.layers] == names[1:]
    (problem,) = opened.problems
    assert gone.uid in problem
    assert "not in the database" in problem
    assert not already.visible


def test_a_changed_layer_keeps_its_data(database, make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    add_volume(viewer, database.load(database.series()[0].uid, lazy=False))
    assert save_scene(viewer, tmp_path / "a.dicomscene", database=database).layers[0].reference
    viewer.layers[0].data[0, 0, 0] += 1
    scene = save_scene(viewer, tmp_path / "b.dicomscene", database=database)
    assert scene.layers[0].reference is None
    (made,) = load_scene(tmp_path / "b.dicomscene").layers
    assert np.array_equal(made[0], viewer.layers[0].data)


def test_lengths_and_areas_are_in_the_archive(database, make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    _full_scene(viewer, database)
    scene = save_scene(viewer, tmp_path / "x.dicomscene", database=database)
    line, triangle = (m for m in scene.measurements if m["layer"] == "drawing")
    step = np.abs(viewer.layers[0].scale)
    assert line["length_mm"] == pytest.approx(16 * step[2])
    assert triangle["area_mm2"] == pytest.approx(16 * step[2] * 10 * step[1] / 2)
    assert [m["kind"] for m in scene.measurements if m["layer"] == "marks"] == ["point"] * 2


def test_no_scene(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    (tmp_path / "x.dicomscene").write_bytes(b"PK\3\4" + bytes(100))
    with pytest.raises(LoadError) as caught:
        open_scene(viewer, tmp_path / "x.dicomscene")
    assert caught.value.reason == "bad-scene"
    assert not viewer.layers


@pytest.fixture
def by_reference(database, tmp_path):
    """A scene that refers to one CT and has points of its own."""
    viewer = ViewerModel()
    ct = next(one for one in database.series() if one.modality == "CT")
    for layer in add_volume(viewer, database.load(ct.uid)):
        layer.name = "CT"
    viewer.add_points([[1, 2, 3]], name="mark")
    save_scene(viewer, tmp_path / "x.dicomscene", database=database)
    return tmp_path / "x.dicomscene", ct


def _copied(phantom, folder):
    return shutil.copytree(phantom, folder)


def test_a_database_elsewhere_that_has_the_same_images(by_reference, phantom, tmp_path):
    with Database.open(tmp_path / "other") as other:
        other.import_paths([_copied(phantom, tmp_path / "moved")], workers=0)
        loaded = load_scene(by_reference[0], database=other)
    assert loaded.problems == []
    assert [layer is None for layer in loaded.layers] == [False, False]


def test_files_that_are_gone_are_told(by_reference, phantom, tmp_path):
    path, ct = by_reference
    folder = _copied(phantom, tmp_path / "moved")
    with Database.open(tmp_path / "other") as other:
        other.import_paths([folder], workers=0)
        for instance in other.instances(ct.uid):
            Path(instance.path).unlink()
        loaded = load_scene(path, database=other)
    (problem,) = loaded.problems
    assert problem.startswith("CT: ")
    assert [layer is None for layer in loaded.layers] == [True, False]


def test_images_that_are_not_what_they_were_are_told(by_reference, phantom, tmp_path):
    path, ct = by_reference
    folder = _copied(phantom, tmp_path / "moved")
    for file in folder.rglob("*.dcm"):
        read = pydicom.dcmread(file)
        if read.SeriesInstanceUID == ct.uid:
            read.PixelData = bytes(len(read.PixelData))
            read.save_as(file)
    with Database.open(tmp_path / "other") as other:
        other.import_paths([folder], workers=0)
        loaded = load_scene(path, database=other)
    assert loaded.problems == [
        "CT: its images are not those it was saved with; they are shown as they are now"
    ]
    assert [layer is None for layer in loaded.layers] == [False, False]
