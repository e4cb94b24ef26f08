"""What headers say of the axes beside space, attribute by attribute."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.loading.axes import (
    Axis,
    columns_of,
    is_mentioned,
    number_of,
    pointer_columns,
    quantity_codes,
    series_column,
)
from napari_dicomdb.loading.frames import FrameSet


def frames_of(series, records, *steps):
    for attributes in steps:
        series.slice((0, 0, 0), **attributes)
    return FrameSet.of(records(series.paths))


@pytest.mark.parametrize(
    ("keyword", "said", "name", "unit", "labels"),
    [
        ("EchoTime", ("9.2", "4.6"), "echo_time", "ms", [4.6, 9.2]),
        ("EchoNumbers", (2, 1), "echo", "", [1, 2]),
        ("InversionTime", (900, 100), "inversion_time", "ms", [100, 900]),
        ("FlipAngle", (15, 3), "flip_angle", "deg", [3, 15]),
        ("RepetitionTime", (20, 10), "repetition_time", "ms", [10, 20]),
        ("DiffusionBValue", (1000.0, 0.0), "b_value", "s/mm2", [0, 1000]),
        ("NominalPercentageOfCardiacPhase", (70.0, 30.0), "cardiac_phase", "%", [30, 70]),
        ("NominalPercentageOfRespiratoryPhase", (50.0, 0.0), "respiratory_phase", "%", [0, 50]),
        ("ScanOptions", ("TP75PC", "TP5PC"), "cardiac_phase", "%", [5, 75]),
        ("KVP", (140, 80), "tube_voltage", "kV", [80, 140]),
        ("ConvolutionKernel", ("B70f", "B30f"), "kernel", "", ["B70f", "B30f"]),
        ("ComplexImageComponent", ("PHASE", "MAGNITUDE"), "component", "", ["magnitude", "phase"]),
    ],
)
def test_an_attribute_is_an_axis(series, records, keyword, said, name, unit, labels):
    frames = frames_of(series, records, *({keyword: value} for value in said))
    (column,) = columns_of(frames)
    assert (column.name, column.unit, column.keyword) == (name, unit, keyword)
    assert column.labels == labels
    assert [labels[k] for k in column.codes] == (
        list(said) if isinstance(labels[0], str) and name == "kernel" else labels[::-1]
    )
    assert column.axis() == Axis(name, unit, tuple(labels))


@pytest.mark.parametrize(
    ("types", "name", "labels"),
    [
        (
            ("ORIGINAL\\PRIMARY\\P\\ND", "ORIGINAL\\PRIMARY\\M\\ND"),
            "component",
            ["magnitude", "phase"],
        ),
        (("DERIVED\\PRIMARY\\DIXON\\W", "DERIVED\\PRIMARY\\DIXON\\F"), "image_type", ["w", "f"]),
    ],
)
def test_words_of_the_image_type(series, records, types, name, labels):
    frames = frames_of(series, records, *({"ImageType": t.split("\\")} for t in types))
    (column,) = columns_of(frames)
    assert (column.name, column.labels) == (name, labels)


def test_an_axis_may_say_itself_what_it_is(series, records):
    comments = ("dose 2/3 = 1 [Gy]", "dose 1/3 = 5 [Gy]", "dose 3/3 = 2.5 [Gy]")
    frames = frames_of(series, records, *({"ImageComments": text} for text in comments))
    (column,) = columns_of(frames)
    assert (column.name, column.unit, column.keyword) == ("dose", "Gy", "ImageComments")
    assert (column.labels, column.codes.tolist()) == ([5.0, 1.0, 2.5], [1, 0, 2])
    frames = frames_of(series, records, *({"ImageComments": f"scan {k}/3"} for k in (1, 2)))
    assert list(columns_of(frames)) == []


def test_what_some_images_lack_is_no_axis(series, records):
    frames = frames_of(series, records, {"EchoTime": 5}, {"EchoTime": 9}, {})
    assert list(columns_of(frames)) == []


def test_what_is_equal_is_no_axis(series, records):
    frames = frames_of(series, records, {"EchoTime": "5"}, {"EchoTime": "5.00"})
    assert list(columns_of(frames)) == []


def test_pointers_name_axes_that_no_attribute_names(series, records):
    path = series.enhanced(
        [(0, 0, z) for z in (0, 0, 2, 2)],
        np.zeros((4, 6, 5), np.int16),
        FrameContentSequence__DimensionIndexValues=[[1, 1, 7], [1, 1, 9], [1, 2, 7], [1, 2, 9]],
    )
    frames = FrameSet.of(records([path]))
    assert list(pointer_columns(frames)) == []  # nothing says what the indices mean
    frames.tables[0].shared["DimensionIndexPointers"] = [
        "StackID",
        "InStackPositionNumber",
        "(2005,106E)",
    ]
    (column,) = pointer_columns(frames)
    assert (column.name, column.labels) == ("dimension_3", [7, 9])
    frames.tables[0].shared["DimensionIndexPointers"][2] = "RespiratoryCyclePosition"
    assert next(pointer_columns(frames)).name == "respiratory_cycle_position"


def test_an_enhanced_object_tells_what_differs(series, records):
    path = series.enhanced(
        [(0, 0, 0), (0, 0, 0)],
        np.zeros((2, 6, 5), np.int16),
        MREchoSequence__EffectiveEchoTime=[4.6, 9.2],
    )
    frames = FrameSet.of(records([path]))
    assert is_mentioned(frames, "EchoTime")
    assert not is_mentioned(frames, "FlipAngle")
    (column,) = columns_of(frames)
    assert (column.name, column.labels) == ("echo_time", [4.6, 9.2])


def test_series_that_differ_in_a_number(another_series, records):
    def together(*words):
        paths = []
        for k, text in enumerate(words):
            one = another_series()
            paths.append(one.slice((0, 0, 0), SeriesDescription=text, SeriesNumber=8 - k))
        return series_column(FrameSet.of(r for path in paths for r in records([path])))

    phases = together("4D 60% B30", "4D 0.0% B31")
    assert (phases.name, phases.unit, phases.labels) == ("respiratory_phase", "%", [0.0, 60.0])
    numbered = together("perfusion 2", "perfusion 1")
    assert (numbered.name, numbered.labels) == ("series", [7.0, 8.0])
    assert numbered.codes.tolist() == [1, 0]
    assert together("T1", "T1 SE") is None
    assert together("T1") is None


def test_quantities(series, records):
    plain = {"RescaleSlope": 1, "RescaleIntercept": 0}
    frames = frames_of(
        series,
        records,
        {"ImageType": ["ORIGINAL", "PRIMARY", "M"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "P"]},
        {"ImageType": ["DERIVED", "PRIMARY", "ADC"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "M"], "RescaleType": "Hz", **plain},
    )
    assert quantity_codes(frames).tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("4.60", 4.6),
        ((90.0, 1.0), 90.0),
        (7, 7.0),
        ("", None),
        ((), None),
        ("x", None),
        (float("nan"), None),
        (None, None),
    ],
)
def test_numbers(value, number):
    assert number_of(value) == number


def test_axes_have_a_plural():
    assert [Axis(n, "", ()).plural for n in ("time", "b_value", "echo_time", "component")] == [
        "time points",
        "b-values",
        "echo times",
        "components",
    ]
