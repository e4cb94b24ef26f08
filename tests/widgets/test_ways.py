"""How ways to open a series are written."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading.stored import LoadableSummary
from napari_dicomdb.widgets import _ways

VOLUME = LoadableSummary(
    "4: T1 AX", "scalar-volume", "scalar-volume", 0.8, True, (60, 256, 256),
    ("slice", "row", "column"), (2.5, 1.0, 1.0), (), 60,
)  # fmt: skip
TILT = Finding(FindingCode.GANTRY_TILT, Severity.WARNING, "Tilted by 15 degrees")
FEW = Finding(FindingCode.FEW_SLICES, Severity.INFO, "Only 2 slices")
NO_GEOMETRY = Finding(FindingCode.NO_GEOMETRY, Severity.ERROR, "No geometry")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "60 × 256 × 256 · 2.5 × 1 × 1 mm"),
        (
            {"shape": (10, 15, 64, 64), "dims": ("time", "slice", "row", "column")},
            "time 10 × 15 × 64 × 64 · 2.5 × 1 × 1 mm",
        ),
        (
            {
                "shape": (24, 2, 9, 8, 7),
                "dims": ("time", "echo_time", "slice", "row", "column"),
                "spacing": None,
            },
            "time 24 × echo time 2 × 9 × 8 × 7",
        ),
        (
            {"shape": (150, 200, 3), "dims": ("row", "column"), "spacing": (1500.0, 0.00025)},
            "150 × 200 · 1500 × 0.00025 mm · colour",
        ),
        ({"dims": (), "spacing": None}, "60 × 256 × 256"),
        ({"kind": "content", "shape": (), "dims": (), "spacing": None}, "content"),
    ],
)
def test_what_opens_in_short(changes, words):
    assert _ways.opens_as([replace(VOLUME, **changes)]) == words


def test_what_opens_is_what_is_chosen_by_default():
    other = replace(VOLUME, selected=False, shape=(1, 2, 3))
    assert _ways.opens_as([]) == ""
    assert _ways.opens_as([other]) == "nothing opens by default"
    assert _ways.opens_as([other, VOLUME]) == "60 × 256 × 256 · 2.5 × 1 × 1 mm"
    assert _ways.opens_as([VOLUME, VOLUME]).endswith(" mm + 1 more")


def test_only_a_choice_is_counted():
    assert _ways.ways_count([]) == ""
    assert _ways.ways_count([VOLUME]) == ""
    assert _ways.ways_count([VOLUME] * 4) == "4 ways"


def test_the_gravest_of_what_opens_by_default():
    unchosen = replace(VOLUME, selected=False, findings=(NO_GEOMETRY,))
    assert _ways.default_severity([VOLUME, unchosen]) is None
    flawed = replace(VOLUME, findings=(FEW, TILT))
    assert _ways.default_severity([VOLUME, flawed, unchosen]) is Severity.WARNING


def test_every_way_is_listed_with_its_findings():
    unchosen = replace(
        VOLUME, name="as stacked", selected=False, instance_count=1, findings=(FEW, NO_GEOMETRY)
    )
    chosen = replace(VOLUME, findings=(TILT,))
    lines = [line.strip() for line in _ways.ways_text([unchosen, chosen]).split("\n")]
    axes = "scalar volume · slice 60 × row 256 × column 256 · 2.5 × 1 × 1 mm"
    assert lines == [
        "2 ways to open it:",
        "• 4: T1 AX (by default)",
        f"{axes} · 60 files",
        "Warning: Tilted by 15 degrees",
        "• as stacked",
        f"{axes} · 1 file",
        "Error: No geometry",
        "Info: Only 2 slices",
    ]
    assert _ways.ways_text([]) == ""


def test_a_tool_tip_fits_on_a_screen():
    text = _ways.ways_text([VOLUME, *[replace(VOLUME, selected=False)] * 49])
    assert text.startswith("50 ways to open it:")
    assert text.endswith("and 42 more ways; select the series to see all")
    assert len(text.split("\n")) == 1 + 2 * 8 + 1


def test_content_is_said_once():
    report = replace(VOLUME, kind="content", shape=(), dims=(), spacing=None, instance_count=1)
    assert _ways.way_facts(report) == "content · 1 file"


def test_names_say_what_tells_ways_apart():
    title = "7: Phantom CT, slices missing"
    names = [f"{title} (missing slices filled)", f"{title}, part 1 of 2", f"{title}, part 2 of 2"]
    ways = [SimpleNamespace(name=name) for name in names]
    assert _ways.short_names(ways) == ["Missing slices filled", "Part 1 of 2", "Part 2 of 2"]
    assert _ways.short_names(ways[1:]) == ["1 of 2", "2 of 2"]
    assert _ways.short_names(ways[:1]) == names[:1]
    assert _ways.short_names([ways[0], ways[0]]) == [names[0], names[0]]
