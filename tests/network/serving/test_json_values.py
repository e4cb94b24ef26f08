"""Kept values in the DICOM JSON model, against pydicom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.network.serving.json_values import element, json_of, tag_of


@pytest.mark.parametrize(
    ("vr", "value", "told"),
    [
        (
            "PN",
            "Yamada^Tarou=山田^太郎",
            [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}],
        ),
        ("DS", "1.5\\\\-2", [1.5, None, -2.0]),
        ("IS", " 12 ", [12]),
        ("IS", "no number", ["no number"]),
        ("US", [1, 2], [1, 2]),
        ("FD", float("nan"), None),
        ("LT", "a\\b", ["a\\b"]),
        ("LO", "", None),
        ("DA", "1997.04.24", ["19970424"]),
        ("TM", "10:20:30", ["102030"]),
        ("CS", "A\\B", ["A", "B"]),
    ],
)
def test_element(vr: str, value: Any, told: Any) -> None:
    expected = {"vr": vr} if told is None else {"vr": vr, "Value": told}
    assert element(vr, value) == expected
    json.dumps(element(vr, value), allow_nan=False)


@pytest.mark.parametrize("name", ["charset", "enhanced", "compressed"])
def test_it_is_what_pydicom_says(reference_data: Path, name: str) -> None:
    with Database.in_memory() as database:
        database.import_paths([reference_data / name], workers=0)
        compared = 0
        for record in database.instances():
            ours = json_of(record.values)
            theirs = pydicom.dcmread(record.path, stop_before_pixels=True).to_json_dict(
                1 << 30, str
            )
            for tag, one in ours.items():
                if tag == "00080005" or tag not in theirs or theirs[tag]["vr"] in ("DS", "IS"):
                    continue
                assert one == theirs[tag], (record.path, tag)
                compared += 1
        assert compared > 100


def test_tags() -> None:
    assert tag_of("PatientName") == 0x00100010
    assert tag_of("RetrieveURL") == 0x00081190
    assert tag_of("Nonsense") is None
