from __future__ import annotations

import pytest

from napari_dicomdb.dicom.axis_labels import axis_of_labels, labels_of_axis


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ((1.5, 2.5, 7.0), "kg"),
        ((7, 1, 3), ""),  # not in their order
        ((2.5, 2.5, 2.5), "mm"),
        (("red", "green", "far red"), ""),
        (("a = b", "c/d", "größer"), "1/cm"),
        ((0.1, 1e-30, 1 / 3), ""),
    ],
)
def test_what_is_written_is_read(values, unit):
    labels = labels_of_axis("dose_2", values, unit, length=3)
    assert len(set(labels)) == 3
    found = axis_of_labels(labels[::-1] * 2)
    assert found is not None
    assert (found.name, found.unit, found.values) == ("dose_2", unit, values)
    assert found.steps == (2, 1, 0) * 2


def test_the_number_alone_where_there_are_no_values():
    labels = labels_of_axis("channel", (), length=2)
    assert labels == ("channel 1/2", "channel 2/2")
    found = axis_of_labels(labels)
    assert found is not None
    assert found.values == (1, 2)
    assert labels_of_axis("channel", (5.0,), "s", length=2) == labels


@pytest.mark.parametrize(
    ("name", "values", "unit"),
    [
        ("Dose", (1.0, 2.0), ""),
        ("slice", (1.0, 2.0), ""),
        ("dose", ("x" * 60, "y"), ""),  # longer than a label may be
        ("dose", ("a\\b", "c"), ""),
        ("dose", ("line\nbreak", "c"), ""),
        ("dose", ("1", "2"), ""),  # would be numbers
        ("dose", ("a", None), ""),
        ("dose", ("a [b]", "c"), ""),
        ("dose", (float("nan"), 1.0), ""),
        ("dose", (float("inf"), 1.0), ""),
        ("dose", (1.0, 2.0), "[x]"),
    ],
)
def test_what_would_not_come_back_has_no_labels(name, values, unit):
    assert labels_of_axis(name, values, unit, length=2) == ()


@pytest.mark.parametrize(
    "labels",
    [
        [],
        [None, None],
        ["dose 1/2", None],
        ["dose 1/3", "dose 2/3"],
        ["dose 1/2", "mass 2/2"],
        ["dose 1/2 = 1 [Gy]", "dose 2/2 = 1 [mm]"],
        ["dose 1/2 = 3", "dose 1/2 = 4"],
        ["dose 0/2", "dose 1/2"],
        ["b=1500(0.4,0.0,0.9)", "b=0"],
        ["slice 1/2", "slice 2/2"],
        ["Image 1/2", "Image 2/2"],
        [3, 4],
    ],
)
def test_comments_of_others_are_no_labels(labels):
    assert axis_of_labels(labels) is None


def test_values_that_are_no_numbers_are_texts() -> None:
    """Of other programs: an axis has places, and JSON has neither of these."""
    found = axis_of_labels(["dose 1/3 = 5", "dose 2/3 = nan", "dose 3/3 = 1e999"])
    assert found is not None
    assert found.values == ("5", "nan", "1e999")
