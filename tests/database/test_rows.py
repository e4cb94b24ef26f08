"""Rows made of headers: columns, bounds, and what is shared by a series."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.database.rows import (
    INSTANCE_COLUMNS,
    instance_row,
    missing_uids,
    plain_text,
    rows_of,
)
from napari_dicomdb.dicom.header import Header

UIDS = {"SOPInstanceUID": "1.1", "SeriesInstanceUID": "1.2", "StudyInstanceUID": "1.3"}


def columns(**values: Any) -> dict[str, Any]:
    return dict(zip(INSTANCE_COLUMNS, instance_row(Header({**UIDS, **values}), ""), strict=True))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1\\2\\-3.5e1", (1.0, 2.0, -35.0)),
        (" 1 \\2\\3", (1.0, 2.0, 3.0)),
        ("1\\2", (None,) * 3),
        ("1\\2\\x", (None,) * 3),
        ("1\\2\\nan", (None,) * 3),
        ("1\\2\\1e999", (None,) * 3),
        ("", (None,) * 3),
        ([1.0, 2, 3], (1.0, 2.0, 3.0)),
    ],
)
def test_positions(value: Any, expected: tuple[float | None, ...]) -> None:
    row = columns(ImagePositionPatient=value)
    assert (row["position_x"], row["position_y"], row["position_z"]) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("12", 12), (" +7", 7), ("junk", None), ("9" * 30, None), ("", None), ("3\\4", 3), (5, 5)],
)
def test_instance_numbers(value: Any, expected: int | None) -> None:
    assert columns(InstanceNumber=value)["number"] == expected


def test_impossible_sizes_are_harmless() -> None:
    row = columns(Rows=[512, 512], Columns="wide", NumberOfFrames="0", BitsAllocated=2**70)
    assert (row["rows"], row["columns"], row["frame_count"], row["bits_allocated"]) == (
        512,
        0,
        1,
        0,
    )


def test_missing_uids() -> None:
    assert missing_uids(UIDS) == []
    assert missing_uids({**UIDS, "StudyInstanceUID": ""}) == ["StudyInstanceUID"]


@given(st.text())
def test_plain_text_can_be_stored(text: str) -> None:
    plain = plain_text(text)
    plain.encode("utf-8")
    assert "\0" not in plain and "\n" not in plain
    assert len(plain_text("x" * 10_000_000)) <= 1024


kept = st.dictionaries(
    st.sampled_from(["KVP", "ImageType", "EchoTime", "Rows", "WindowCenter", "Laterality"]),
    st.one_of(st.text(max_size=4), st.integers(0, 3), st.lists(st.integers(0, 2), max_size=2)),
)


@given(st.lists(kept, min_size=1, max_size=6))
def test_shared_and_own_values_give_back_the_header(of_all: list[dict[str, Any]]) -> None:
    """What all have in common, overlaid with an instance's own (null: absent), is its header."""
    headers = [
        Header({**UIDS, "SOPInstanceUID": f"1.{i}", **values}) for i, values in enumerate(of_all)
    ]
    groups, accepted = rows_of(headers)
    (group,) = groups
    for header, row in zip(headers, accepted, strict=True):
        merged = {**group.constants, **(json.loads(row.row[-1]) if row.row[-1] else {})}
        merged["SOPInstanceUID"] = header.values["SOPInstanceUID"]
        assert {k: v for k, v in merged.items() if v is not None} == header.values


picture = st.fixed_dictionaries(
    {},
    optional={
        "Rows": st.sampled_from([4, 5]),
        "NumberOfFrames": st.sampled_from(["1", "3"]),
        "RescaleSlope": st.sampled_from(["1", "2"]),
        "ImagePositionPatient": st.sampled_from(["0\\0\\1", "0\\0\\2", "bad"]),
        "PixelSpacing": st.sampled_from(["1\\1", "2\\2"]),
        "InstanceNumber": st.sampled_from(["1", "+2", "x"]),
    },
)


@given(st.lists(picture, min_size=1, max_size=5), st.sampled_from(["1.2", "1.2.1"]))
def test_rows_of_a_group_are_those_of_its_instances(
    of_all: list[dict[str, Any]], last_syntax: str
) -> None:
    headers = [
        Header({**UIDS, "SOPInstanceUID": f"1.{i}", **values}, transfer_syntax_uid="1.2")
        for i, values in enumerate(of_all)
    ]
    headers[-1].transfer_syntax_uid = last_syntax
    _, accepted = rows_of(headers)
    for header, row in zip(headers, accepted, strict=True):
        assert row.row[:-1] == instance_row(header, "")[:-1]


def test_series_of_two_patients_make_two_groups() -> None:
    headers = [Header({**UIDS, "PatientName": name}) for name in ("A", "B", "A")]
    groups, accepted = rows_of(headers)
    assert [row.group for row in accepted] == [0, 1, 0]
    assert [group.patient[2] for group in groups] == ["A", "B"]
