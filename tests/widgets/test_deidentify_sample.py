"""The files that stand for all."""

from __future__ import annotations

import pytest
from tests.export.deidentification.conftest import write_ultrasound

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.deidentification.regions import Rectangle, blackout_presets
from napari_dicomdb.widgets._deidentify_sample import PER_SERIES, keep_preset, sample_of


def test_a_few_of_each_series(database):
    chosen, total = sample_of(database, database.series())
    assert total == len(database.instances())
    for series in database.series():
        seen = [i for i in chosen if i.series_key == series.key]
        assert len(seen) == min(PER_SERIES, series.instance_count)


def test_the_device_is_that_of_the_image_that_is_meant(database, tmp_path):
    write_ultrasound(tmp_path / "us.dcm", database, Manufacturer="ACME")
    chosen, _ = sample_of(database, database.series())
    both = [Rectangle(0, 0, 5, 5, "US"), Rectangle(1, 1, 2, 2, "XA")]
    preset = keep_preset("Echo", both, chosen)
    assert (preset.manufacturer, preset.rows, preset.columns) == ("ACME", 20, 30)
    assert preset.rectangles == (Rectangle(0, 0, 5, 5),)
    assert blackout_presets() == (preset,)
    with pytest.raises(ExportError):
        keep_preset("None", both[1:], chosen)
