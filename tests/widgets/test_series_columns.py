"""What the cells of series say about files and sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_dicomdb.widgets.models import SERIES_COLUMNS, place_of
from napari_dicomdb.widgets.models.series_columns import (
    cell_of_series,
    whereabouts,
    whereabouts_text,
)


@pytest.fixture
def series(database, phantom):
    return database.find_series(phantom["axial-ct"].series_uid)


def test_without_an_examination_the_index_tells(series, phantom):
    column = SERIES_COLUMNS[place_of(SERIES_COLUMNS, "spacing")]
    known = replace(series, spacing=(0.5, 0.25), slice_spacing=2.0)
    assert cell_of_series(known, column, ()) == "2 × 0.5 × 0.25"
    assert cell_of_series(replace(known, slice_spacing=None), column, ()) == "0.5 × 0.25"
    assert cell_of_series(replace(known, spacing=None), column, ()) == ""


def test_where_files_lie(series):
    assert whereabouts(series) == "linked"
    gone = replace(series, missing_count=3)
    assert whereabouts(gone) == "missing"
    assert whereabouts_text(gone) == f"3 of {series.instance_count} files missing"
    assert "copied" in whereabouts_text(replace(series, storage="copied"))


def test_names_of_columns_are_unique():
    names = [column.name for column in SERIES_COLUMNS]
    assert len(set(names)) == len(names)
    assert [c.name for c in SERIES_COLUMNS if c.rank == 0] == ["series"]
