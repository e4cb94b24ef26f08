"""Sigmoid windows and VOI LUTs as colormaps, against the formulas and pydicom, to the canvas."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from napari.utils.colormaps import Colormap
from pydicom.pixels import apply_modality_lut, apply_voi

from napari_dicomdb import examine
from napari_dicomdb.dicom.voi import LookupTable, Window
from napari_dicomdb.viewer.curves import PREFIX, curve_of
from napari_dicomdb.viewer.layers import volume_to_layers
from napari_dicomdb.viewer.open import add_volume
from napari_dicomdb.viewer.windows import apply_preset, presets

ONE_GREY = 1 / 255


def film(count=4096, bits=12):
    """The S shape of film, flat at both ends."""
    inputs = np.arange(count)
    shape = 1 / (1 + np.exp(-(inputs - count / 2) / (count / 14)))
    shape = (shape - shape[count // 8]) / (shape[-count // 8] - shape[count // 8])
    return np.rint(np.clip(shape, 0, 1) * ((1 << bits) - 1)).astype(np.uint16)


def shown(curve, values, inverted=False):
    """Grey that napari gives to `values`, from the colormap alone."""
    colours = Colormap(**curve.colormap(inverted=inverted)).map(
        np.clip((values - curve.low) / (curve.high - curve.low), 0, 1)
    )
    assert np.ptp(colours[:, :3], axis=1).max() == 0
    assert (colours[:, 3] == 1).all()
    return colours[:, 0]


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize(("center", "width"), [(40, 400), (0.5, 1), (-600, 1500), (1e4, 2.5e4)])
def test_sigmoid_is_the_formula_of_the_standard(center, width, inverted):
    values = np.linspace(center - 5 * width, center + 5 * width, 4001)
    # PS3.3 C.11.2.1.3.1, y from 0 to 1.
    expected = 1 / (1 + np.exp(-4 * (values - center) / width))
    curve = curve_of(Window(center, width, "", "SIGMOID"))
    grey = shown(curve, values, inverted)
    assert np.abs(grey - (1 - expected if inverted else expected)).max() < ONE_GREY


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize(
    ("count", "bits", "first"), [(256, 8, 0), (4096, 12, -1024), (1000, 16, 7)]
)
def test_a_table_maps_every_value_as_the_standard_says(count, bits, first, inverted):
    entries = film(count, bits)
    values = np.arange(first - 50, first + count + 50)
    # PS3.3 C.11.2.1.1: below the first the first, above the last the last.
    expected = entries[np.clip(values - first, 0, count - 1)] / ((1 << bits) - 1)
    curve = curve_of(LookupTable(first, entries, "film", "", bits))
    assert len(curve.grey) <= 1024
    grey = shown(curve, values, inverted)
    assert np.abs(grey - (1 - expected if inverted else expected)).max() < ONE_GREY


def test_straight_windows_and_flat_tables_need_no_curve():
    assert curve_of(Window(40, 400)) is None
    assert curve_of(Window(40, 400, "", "LINEAR_EXACT")) is None
    assert curve_of(LookupTable(0, np.full(16, 3, np.uint16))) is None


def test_names_are_of_the_curve_not_of_the_file():
    one = curve_of(Window(40, 400, "one", "SIGMOID")).colormap()
    same = curve_of(Window(140, 800, "two", "SIGMOID")).colormap()
    other = curve_of(LookupTable(0, film())).colormap()
    assert one["name"] == same["name"] != other["name"]
    assert one["name"].startswith(PREFIX)


def write_image(path, *, photometric="MONOCHROME2", lut=None, **attributes):
    """A ramp over 12 bits at -1024."""
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.SOPInstanceUID = pydicom.uid.generate_uid()
    ds.StudyInstanceUID = ds.SeriesInstanceUID = pydicom.uid.generate_uid()
    ds.Modality, ds.PatientID = "CT", "p1"
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [1, 1]
    ds.Rows = ds.Columns = 64
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.PixelData = np.arange(0, 4096, dtype="<u2").tobytes()
    if lut is not None:
        item = pydicom.Dataset()
        # Inputs are HU: the first, -1024, is signed.
        item.add_new("LUTDescriptor", "SS", [len(lut), -1024, 12])
        item.add_new("LUTData", "OW", lut.astype("<u2").tobytes())
        item.LUTExplanation = "FILM"
        ds.VOILUTSequence = [item]
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path


def load(path):
    return examine(path)[0].load()


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "attributes",
    [
        {"lut": film()},
        {"WindowCenter": 300, "WindowWidth": 700, "VOILUTFunction": "SIGMOID"},
    ],
    ids=["lut", "sigmoid"],
)
def test_the_canvas_shows_what_the_standard_says(
    make_napari_viewer, tmp_path, attributes, photometric
):
    from qtpy.QtWidgets import QApplication

    path = write_image(tmp_path / "a.dcm", photometric=photometric, **attributes)
    viewer = make_napari_viewer(show=True)
    [layer] = add_volume(viewer, load(path))
    layer.interpolation2d = "nearest"
    viewer.fit_to_view()
    QApplication.processEvents()
    canvas = viewer.screenshot(canvas_only=True, flash=False)[..., 0].astype(float)

    ds = pydicom.dcmread(path)
    hu = apply_modality_lut(ds.pixel_array, ds)
    if "lut" in attributes:
        expected = attributes["lut"][(hu + 1024).astype(int)] / 4095
        with np.errstate(over="ignore"):
            assert np.array_equal(apply_voi((hu + 0).astype(np.int16), ds) / 4095, expected)
    else:
        expected = 1 / (1 + np.exp(-4 * (hu - 300) / 700))
    if photometric == "MONOCHROME1":
        expected = 1 - expected
    # Where the centre of each pixel of the image is on the canvas.
    zoom, centre = viewer.scene.camera.zoom, viewer.scene.camera.center
    rows, columns = np.indices((64, 64))
    index = np.stack([np.zeros(rows.size), rows.ravel(), columns.ravel()], axis=1)
    world = np.array([layer.data_to_world(i) for i in index.tolist()])[:, -2:]
    place = (world - np.asarray(centre)[-2:]) * zoom + np.array(canvas.shape) / 2
    down, right = np.floor(place).astype(int).T
    data = np.asarray(layer.data)[0].astype(float).ravel()
    order = np.argsort(hu.ravel())
    expected_at = np.interp(data, hu.ravel()[order], expected.ravel()[order])
    assert np.abs(canvas[down, right] - expected_at * 255).max() <= 1.01


def test_a_window_comes_before_a_table_and_presets_change_between_them(tmp_path):
    path = write_image(
        tmp_path / "a.dcm",
        photometric="MONOCHROME1",
        lut=film(),
        WindowCenter=[40, -600],
        WindowWidth=[400, 1500],
        WindowCenterWidthExplanation=["SOFT", "LUNG"],
    )
    [layer] = add_volume(ViewerModel(), load(path))
    assert layer.colormap.name == "gray_r"
    assert tuple(layer.contrast_limits) == (-160, 239)
    labels = [label for label, _, _ in presets(layer)]
    assert labels[:3] == ["SOFT", "LUNG", "FILM"]

    apply_preset(layer, "FILM")
    assert layer.colormap.name.startswith(PREFIX)
    _, low, high = presets(layer)[2]
    assert tuple(layer.contrast_limits) == (low, high)
    # The ends of the curve are where the table stops changing; MONOCHROME1: white first.
    first = np.flatnonzero(np.diff(film()))[0] - 1024
    assert low == first
    assert np.allclose(layer.colormap.colors[0], 1)
    assert np.allclose(layer.colormap.colors[-1], (0, 0, 0, 1))

    apply_preset(layer, "LUNG")
    assert layer.colormap.name == "gray_r"
    assert tuple(layer.contrast_limits) == (-1350, 149)
    layer.colormap = "magma"
    apply_preset(layer, "SOFT")
    assert layer.colormap.name == "magma"


def test_a_table_is_taken_when_no_window_shows_anything(tmp_path):
    path = write_image(tmp_path / "a.dcm", lut=film(), WindowCenter=30000, WindowWidth=10)
    [(data, kwargs, _)] = volume_to_layers(load(path))
    assert kwargs["colormap"]["name"].startswith(PREFIX)
    layer = Image(data, **kwargs)
    assert layer.colormap.name == kwargs["colormap"]["name"]


def test_a_sigmoid_is_first_when_the_file_says_so(tmp_path):
    path = write_image(
        tmp_path / "a.dcm", WindowCenter=300, WindowWidth=700, VOILUTFunction="SIGMOID"
    )
    [layer] = add_volume(ViewerModel(), load(path))
    assert layer.colormap.name.startswith(PREFIX)
    assert tuple(layer.contrast_limits) == (300 - 1400, 300 + 1400)
    # The usual windows of CT are straight.
    apply_preset(layer, "CT bone")
    assert layer.colormap.name == "gray"
