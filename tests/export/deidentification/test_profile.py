"""What can be asked for, and what cannot."""

from __future__ import annotations

import json

import pytest

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.deidentification.profile import (
    RETAINABLE,
    Profile,
    Rectangle,
    parse_rectangle,
)
from napari_dicomdb.export.deidentification.table import Row, rows


def test_all_options_have_their_codes() -> None:
    every = Profile.retaining([o.name for o in RETAINABLE], dates="shift")
    codes = [code for code, _ in every.codes(pixels=True, faces=True)]
    assert codes == [str(n) for n in range(113100, 113113) if n != 113106]
    assert [c for c, _ in Profile(dates="keep").codes()] == ["113100", "113106"]


def test_the_basic_profile_keeps_nothing_that_is_listed() -> None:
    assert {Profile().action(row) for row in rows().values()}.isdisjoint({"K", "C"})


def test_keeping_wins_over_cleaning() -> None:
    row = Row("x", "X", {"device": "K", "descriptors": "C"})
    both = Profile(retain_device=True, clean_descriptors=True)
    assert (both.action(row), both.column(row)) == ("K", "device")
    assert Profile(clean_descriptors=True).action(row) == "C"
    assert Profile().column(row) == ""


@pytest.mark.parametrize(
    ("text", "rectangle"),
    [
        ("0,0,640,48", Rectangle(0, 0, 640, 48)),
        ("1, 2, 3, 4@US", Rectangle(1, 2, 3, 4, "US")),
        ("1,2,3,4@1.2.3", Rectangle(1, 2, 3, 4, "1.2.3")),
    ],
)
def test_rectangles(text: str, rectangle: Rectangle) -> None:
    assert parse_rectangle(text) == rectangle


def test_whom_a_rectangle_concerns() -> None:
    assert Rectangle(0, 0, 1, 1).concerns("CT", "1", "2")
    assert Rectangle(0, 0, 1, 1, "us").concerns("US", "1", "2")
    assert not Rectangle(0, 0, 1, 1, "US").concerns("CT", "1", "2")
    assert Rectangle(0, 0, 1, 1, "1.5").concerns("CT", "1.5", "2")


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,0,4", "a,b,c,d", "-1,0,5,5", "1,2,3,4@"])
def test_wrong_rectangles(text: str) -> None:
    with pytest.raises(ExportError, match="rectangle"):
        parse_rectangle(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dates": "forget"},
        {"patient_id": "{name}"},
        {"patient_id": "a\\b"},
        {"patient_name": " "},
        {"patient_name": "x" * 65},
        {"patient_id": "{code.__class__}"},
        {"pseudonyms": {"4711": "Åsa"}},
    ],
)
def test_wrong_wishes(wrong: dict[str, str]) -> None:
    with pytest.raises(ExportError):
        Profile(**wrong)


def test_unknown_option_lists_the_known_ones() -> None:
    with pytest.raises(ExportError, match="safe-private"):
        Profile.retaining(["everything"])


def test_report_of_a_profile_tells_nobody() -> None:
    profile = Profile(pseudonyms={"4711 Jane": "S1"}, blackout=(Rectangle(0, 0, 1, 2, "1.2.3"),))
    text = json.dumps(profile.to_json())
    assert "Jane" not in text
    assert "1.2.3" not in text
    assert "0,0,1,2" in text
    assert "Dates are removed" in profile.words()
