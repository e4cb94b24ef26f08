"""Real-world value maps against the standard's formula and highdicom."""

from __future__ import annotations

import json

import highdicom
import numpy as np
import pytest
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from napari_dicomdb.dicom.real_world import (
    RealWorldMap,
    RealWorldValueMapping,
    mappings_of_dataset,
    mappings_of_text,
    mappings_of_values,
    maps_of,
    real_world_dtype,
)

ADC = Code("113041", "DCM", "Apparent Diffusion Coefficient")
MM2_S = Code("mm2/s", "UCUM", "square millimetre per second")


def test_a_line_maps_what_highdicom_maps() -> None:
    item = highdicom.pm.RealWorldValueMapping(
        lut_label="ADC",
        lut_explanation="diffusion",
        unit=MM2_S,
        value_range=(0, 4095),
        slope=1e-6,
        intercept=2e-5,
        quantity_definition=ADC,
    )
    (mapping,) = mappings_of_dataset([item])
    stored = np.array([[0, 17], [4000, 4095]], dtype=np.uint16)
    np.testing.assert_allclose(mapping.apply(stored), item.apply(stored), rtol=1e-15)
    assert (mapping.units, mapping.quantity) == ("mm2/s", ADC.meaning)
    assert (mapping.label, mapping.explanation) == ("ADC", "diffusion")
    assert (mapping.first, mapping.last) == (0, 4095)


def test_a_table_maps_what_highdicom_maps() -> None:
    data = [float(v) ** 2 for v in range(11)]
    item = highdicom.pm.RealWorldValueMapping(
        lut_label="square",
        lut_explanation="",
        unit=codes.UCUM.NoUnits,
        value_range=(5, 15),
        lut_data=data,
    )
    (mapping,) = mappings_of_dataset([item])
    stored = np.array([5, 9, 15], dtype=np.uint16)
    np.testing.assert_array_equal(mapping.apply(stored), item.apply(stored))
    beyond = mapping.apply(np.array([4, 16], dtype=np.uint16))
    assert np.isnan(beyond).all()
    assert RealWorldMap((mapping,)).units == ""


def test_values_that_no_mapping_covers_are_no_numbers() -> None:
    mapping = RealWorldValueMapping(2.0, 1.0, first=10, last=20)
    values = mapping.apply(np.array([9, 10, 20, 21]))
    np.testing.assert_array_equal(values, [np.nan, 21, 41, np.nan])


def test_mapping_without_slope_and_table_says_so() -> None:
    with pytest.raises(ValueError, match="'feature' has no slope and no table"):
        RealWorldValueMapping(None, explanation="feature").apply(np.array([1]))


def test_pieces_of_one_quantity_make_one_map() -> None:
    low = RealWorldValueMapping(1.0, 0.0, 0, 99, units="Cel", quantity="Temperature")
    high = RealWorldValueMapping(0.5, 50.0, 100, 199, units="Cel", quantity="Temperature")
    other = RealWorldValueMapping(1.0, 273.15, 0, 199, units="K", quantity="Temperature")
    both, kelvin = maps_of([low, other, high])
    values = both.apply(np.array([50, 100, 199, 200]), np.dtype(np.float32))
    np.testing.assert_array_equal(values, np.array([50, 100, 149.5, np.nan], np.float32))
    assert both.line is None
    assert kelvin.line == (1.0, 273.15)
    assert kelvin.units == "K"


def test_overlapping_ranges_are_choices() -> None:
    one = RealWorldValueMapping(1.0, 0.0, 0, 99, units="Cel")
    two = RealWorldValueMapping(2.0, 0.0, 50, 150, units="Cel")
    assert len(maps_of([one, two])) == 2


@pytest.mark.parametrize(
    ("kind", "bits", "given", "read"),
    [
        ("i", 16, (63536, 2000), (-2000, 2000)),  # VR US in a signed image
        ("u", 16, (0, 4095), (0, 4095)),
        ("u", 16, (0, 0), (None, None)),  # a filler
        ("f", 32, (0, 1), (None, None)),
    ],
)
def test_ranges_are_read_as_the_pixels_are_stored(kind, bits, given, read) -> None:
    mapping = RealWorldValueMapping(1.0, 0.0, *given).for_pixels(kind, bits)
    assert (mapping.first, mapping.last) == read


def test_an_identity_keeps_the_very_values() -> None:
    stored = np.array([1.1, np.float32(1e-30)], dtype=np.float32)
    one = RealWorldMap((RealWorldValueMapping(1.0, 0.0, 0, 0),)).for_pixels("f", 32)
    assert one.apply(stored, np.dtype(np.float32)) is stored


@pytest.mark.parametrize(
    ("stored", "real"),
    [("u2", "f4"), ("i2", "f4"), ("f4", "f4"), ("f8", "f8"), ("u4", "f8")],
)
def test_type_of_real_world_values_holds_the_stored_digits(stored: str, real: str) -> None:
    assert real_world_dtype(np.dtype(stored)) == np.dtype(real)


def test_text_and_columns_of_the_index_say_the_same() -> None:
    text = json.dumps(
        [
            {
                "RealWorldValueSlope": 0.25,
                "RealWorldValueIntercept": -1.0,
                "RealWorldValueFirstValueMapped": 0,
                "RealWorldValueLastValueMapped": 255,
                "LUTLabel": "T1",
                "MeasurementUnitsCodeSequence": [{"CodeValue": "ms"}],
                "QuantityDefinitionSequence": [
                    {"ConceptCodeSequence": [{"CodeMeaning": "T1 time"}]},
                    {"ConceptCodeSequence": [{"CodeMeaning": "a method"}]},
                ],
            }
        ]
    )
    start = "RealWorldValueMappingSequence"
    values = {
        start: 1,
        f"{start}.RealWorldValueSlope": [0.25],
        f"{start}.RealWorldValueIntercept": [-1.0],
        f"{start}.RealWorldValueFirstValueMapped": [0],
        f"{start}.RealWorldValueLastValueMapped": [255],
        f"{start}.LUTLabel": ["T1"],
        f"{start}.MeasurementUnitsCodeSequence.CodeValue": ["ms"],
        f"{start}.QuantityDefinitionSequence.ConceptCodeSequence.CodeMeaning": ["T1 time"],
    }
    (one,), (other,) = mappings_of_text(text), mappings_of_values(values)
    facts = ("slope", "intercept", "first", "last", "label", "units", "quantity")
    assert [getattr(one, f) for f in facts] == [0.25, -1.0, 0, 255, "T1", "ms", "T1 time"]
    assert [getattr(other, f) for f in facts] == [getattr(one, f) for f in facts]
    assert mappings_of_values({}) == ()
