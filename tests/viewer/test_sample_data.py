"""The samples: through files and index, in the right place, leaving nothing behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from napari_dicomdb.viewer import sample_data
from napari_dicomdb.viewer.phantom import phantom_value


@pytest.mark.parametrize(
    ("sample", "contrasts"),
    [
        ("phantom_ct", ["ct"]),
        ("phantom_oblique_mr", ["mr"]),
        ("phantom_study", ["ct", "mr"]),
    ],
)
def test_samples_show_the_phantom(sample, contrasts, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    layers = getattr(sample_data, sample)()
    # The index in memory keeps an empty folder until the process ends.
    assert [p for p in Path(tmp_path).rglob("*") if p.is_file()] == []
    assert len(layers) == len(contrasts)
    for (data, kwargs, kind), contrast in zip(layers, contrasts, strict=True):
        assert kind == "image"
        matrix = kwargs["metadata"]["dicomdb"]["lps_from_data"]
        plane = data.shape[0] // 2
        rows, columns = np.mgrid[8 : data.shape[1] - 8 : 5, 8 : data.shape[2] - 8 : 5]
        indices = np.stack(
            [np.full(rows.shape, plane), rows, columns, np.ones(rows.shape)], axis=-1
        )
        truth = phantom_value((indices @ matrix.T)[..., :3], contrast)
        shown = np.asarray(data[plane])[rows, columns].astype(float)
        error = np.abs(shown - truth) / np.ptp(truth)
        assert np.median(error) < 0.02
        assert np.mean(error < 0.15) > 0.9
    if sample == "phantom_study":
        native = [kwargs["metadata"]["dicomdb"]["native"] for _, kwargs, _ in layers]
        assert native == [True, False]


def test_napari_lists_and_opens_them(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.open_sample("napari-dicomdb", "phantom-oblique-mr")
    [layer] = viewer.layers
    assert layer.metadata["dicomdb"]["native"]
    assert layer.source.sample == ("napari-dicomdb", "phantom-oblique-mr")
