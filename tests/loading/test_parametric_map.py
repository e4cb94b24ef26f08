"""Parametric maps: values, geometry, quantity and unit of their makers."""

from __future__ import annotations

import json
from inspect import signature

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.loaders.parametric_map import MAP_OPTION, ParametricMapLoader

nrrd = pytest.importorskip("nrrd")

SEQUENCE = "RealWorldValueMappingSequence"
MM2_S = Code("mm2/s", "UCUM", "mm2/s")
PERCENT = Code("%", "UCUM", "percent")
ADC = Code("113041", "DCM", "Apparent Diffusion Coefficient")
FRACTION = Code("113245", "DCM", "Perfusion fraction")

NEWER = "voi_lut_transformations" in signature(highdicom.pm.ParametricMap.__init__).parameters
WINDOW = (
    {"voi_lut_transformations": [highdicom.VOILUTTransformation(100, 50)]}
    if NEWER
    else {"window_center": 100, "window_width": 50}
)


def mapping(label, unit, quantity, slope=1.0, intercept=0.0, last=65535, **more):
    return highdicom.pm.RealWorldValueMapping(
        lut_label=label,
        lut_explanation=label,
        unit=unit,
        value_range=(type(last)(0), last),
        quantity_definition=quantity,
        **({"slope": slope, "intercept": intercept} | more),
    )


@pytest.fixture
def make_map(series, tmp_path):
    """Write a parametric map of four CT slices, oblique, with highdicom."""
    tilted = [1, 0, 0, 0, 0.8, 0.6]
    for k in range(4):
        series.slice(
            np.array([-10.0, -20, 5]) + 3 * k * np.array([0, -0.6, 0.8]),
            np.zeros((6, 5), np.int16),
            ImageOrientationPatient=tilted,
            PatientBirthDate="",
            PatientSex="",
            AccessionNumber="",
            StudyDate="20200101",
            StudyTime="",
            StudyID="",
            ReferringPhysicianName="",
            Manufacturer="maker",
            PositionReferenceIndicator="",
            InstanceNumber=k + 1,
            SliceThickness=3,
        )
    sources = [pydicom.dcmread(path) for path in series.paths]

    def make(pixels, mappings):
        map_object = highdicom.pm.ParametricMap(
            sources,
            pixels,
            series_instance_uid=generate_uid(),
            series_number=9,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="maker",
            manufacturer_model_name="model",
            software_versions="1",
            device_serial_number="1",
            contains_recognizable_visual_features=False,
            real_world_value_mappings=mappings,
            **WINDOW,
        )
        path = tmp_path / "map.dcm"
        map_object.save_as(path)
        return path

    return make


def test_map_of_dcmqi_is_the_nrrd_it_was_made_of(reference_data, records):
    folder = reference_data / "parametric_map"
    wanted, header = nrrd.read(folder / "ref" / "pm-example-float.nrrd")
    best = examine(records([folder / "pm-example-float_by_dcmqi.dcm"]))[0]
    assert best.loader.name == "parametric-map"
    assert best.selected
    for lazy in (True, False):
        volume = best.load(lazy=lazy)
        np.testing.assert_array_equal(volume.numpy(), wanted.T)
    assert volume.dtype == np.float32
    affine = volume.geometry.affine
    np.testing.assert_allclose(affine[:3, 3], header["space origin"], atol=1e-3)
    np.testing.assert_allclose(affine[:3, [2, 1, 0]].T, header["space directions"], atol=1e-5)
    said = json.loads((folder / "json" / "pm-example-float.json").read_text())
    assert volume.units == said["MeasurementUnitsCode"]["CodeValue"]
    assert volume.meta["quantity"] == said["QuantityValueCode"]["CodeMeaning"]
    assert volume.meta["name"].endswith("[m2/s]")


@pytest.mark.parametrize("name", ["parametric_map_float", "parametric_map_double_float"])
def test_floating_pixels_keep_their_precision(reference_data, records, name):
    folder = reference_data / "parametric_map"
    facts = json.loads((folder / "ref" / "pydicom_parametric_map_values.json").read_text())[name]
    volume = examine(records([folder / f"{name}.dcm"]))[0].load()
    values = volume.numpy()[0]
    assert (values.shape, str(values.dtype)) == (tuple(facts["shape"]), facts["dtype"])
    assert (values.min(), values.max()) == (facts["min"], facts["max"])
    assert values.mean(dtype=np.float64) == pytest.approx(facts["mean"], rel=1e-7)
    assert volume.units == ""
    assert volume.meta["quantity"] == "feature_001"


def test_integers_become_real_world_values(make_map, records):
    pixels = np.arange(4 * 30, dtype=np.uint16).reshape(4, 6, 5)
    path = make_map(pixels, [mapping("ADC", MM2_S, ADC, slope=1e-6, intercept=1e-4)])
    best = examine(records([path]))[0]
    assert (best.kind, best.loader.name) == ("parametric-map", "parametric-map")
    volume = best.load()
    np.testing.assert_allclose(volume.numpy(), pixels * 1e-6 + 1e-4, rtol=1e-6)
    assert volume.units == "mm2/s"
    assert volume.meta["rescale"] == [(1e-6, 1e-4)]
    # The window is told in values of the modality, which here are those stored.
    (window,) = volume.meta["windows"]
    assert window.center == pytest.approx(100e-6 + 1e-4)
    assert window.width == pytest.approx(50e-6)
    np.testing.assert_allclose(volume.geometry.affine[:3, 0], [0, -1.8, 2.4], atol=1e-6)


def test_quantities_of_one_object_are_maps_apart(make_map, records):
    pixels = np.random.default_rng(1).random((4, 6, 5, 2)).astype(np.float32)
    path = make_map(
        pixels,
        [[mapping("ADC", MM2_S, ADC, last=1.0)], [mapping("f", PERCENT, FRACTION, last=1.0)]],
    )
    chosen = [one for one in examine(records([path])) if one.selected]
    assert {one.options[MAP_OPTION][0] for one in chosen} == {ADC.meaning, FRACTION.meaning}
    for one in chosen:
        volume = one.load()
        channel = 0 if volume.units == "mm2/s" else 1
        np.testing.assert_array_equal(volume.numpy(), pixels[..., channel])


def test_several_maps_of_one_image_are_choices(make_map, records):
    pixels = np.full((4, 6, 5), 3, dtype=np.uint16)
    both = [
        mapping("ADC", MM2_S, ADC, slope=2.0),
        mapping("f", PERCENT, FRACTION, slope=10.0),
    ]
    offers = [
        one
        for one in examine(records([make_map(pixels, both)]))
        if one.loader.name == "parametric-map"
    ]
    assert [one.selected for one in offers] == [True, False]
    assert [float(one.load().numpy().max()) for one in offers] == [6.0, 30.0]


def test_a_lookup_table_is_read_from_the_file(make_map, records):
    pixels = np.arange(4 * 30, dtype=np.uint8).reshape(4, 6, 5)
    table = [v**0.5 for v in range(100)]
    one = mapping("root", MM2_S, ADC, last=99, slope=None, intercept=None, lut_data=table)
    volume = examine(records([make_map(pixels, [one])]))[0].load()
    wanted = np.where(pixels < 100, np.sqrt(pixels.astype(float)), np.nan)
    np.testing.assert_allclose(volume.numpy(), wanted, rtol=1e-6)


def real_world_item(slope, intercept):
    item = Dataset()
    item.RealWorldValueSlope, item.RealWorldValueIntercept = slope, intercept
    item.LUTLabel = "T1"
    item.LUTExplanation = "T1 time"
    unit = Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "ms", "UCUM", "ms"
    item.MeasurementUnitsCodeSequence = [unit]
    return item


def test_maps_of_an_ordinary_image_apply_to_stored_values(series, records):
    pixels = np.arange(30, dtype=np.int16).reshape(6, 5)
    for k in range(3):
        series.slice(
            (0, 0, 2.0 * k),
            pixels,
            RescaleSlope=3,
            RescaleIntercept=-1000,
            RealWorldValueMappingSequence=[real_world_item(0.5 + k, 7.0)],
        )
    first, *rest = examine(records(series.paths))
    assert first.loader.name == "scalar-volume"
    (other,) = [one for one in rest if one.loader.name == "parametric-map"]
    assert not other.selected
    assert other.name == "4: Thorax, real-world values [ms]"
    volume = other.load()
    wanted = [pixels * (0.5 + k) + 7 for k in range(3)]  # each slice by its own line
    np.testing.assert_allclose(volume.numpy(), wanted, rtol=1e-6)
    assert volume.units == "ms"
    assert volume.meta["quantity"] == "T1 time"


def test_padding_is_no_real_world_value(series, records):
    pixels = np.full((6, 5), 4, dtype=np.int16)
    pixels[0, 0] = -2000
    for k in range(3):
        series.slice(
            (0, 0, 2.0 * k),
            pixels,
            PixelPaddingValue=-2000,
            RealWorldValueMappingSequence=[real_world_item(2.0, 0.0)],
        )
    offers = ParametricMapLoader().examine(records(series.paths))
    values = offers[0].load().numpy()
    assert np.isnan(values[:, 0, 0]).all()
    assert np.nanmin(values) == np.nanmax(values) == 8


def test_images_without_maps_are_left_to_others(series, records):
    series.axial([0, 2, 4])
    assert ParametricMapLoader().examine(records(series.paths)) == []


def test_maps_to_nothing_in_particular_are_not_offered(series, records):
    item = real_world_item(2.0, 0.0)
    item.MeasurementUnitsCodeSequence[0].CodeValue = "1"
    for z in range(3):
        series.slice((0, 0, z), RealWorldValueMappingSequence=[item])
    assert ParametricMapLoader().examine(records(series.paths)) == []


def test_a_map_that_vanished_is_refused(make_map, records):
    path = make_map(np.ones((4, 6, 5), np.uint16), [mapping("ADC", MM2_S, ADC)])
    offer = ParametricMapLoader().examine(records([path]))[0]
    offer.options[MAP_OPTION][0] = "another quantity"
    with pytest.raises(LoadError, match="no such map"):
        offer.load()
