"""Which segments the fractions of an image are of; whole objects are in exporters/."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.export.sources import DIMS, anybody, made_up

from napari_dicomdb import Database
from napari_dicomdb.export.exporters.segmentation import SegmentationExporter
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.segments.segment_fractions import (
    fraction_limits,
    fraction_meanings,
    fraction_planes,
)
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.loading.volume import Coord

SAID = {
    "value": 1, "label": "Liver", "type": ["10200004", "SCT", "Liver"], "colour": [10, 20, 30],
    "category": ["123037004", "SCT", "Anatomical Structure"], "tracking_id": "T1",
    "algorithm_type": "AUTOMATIC", "algorithm_name": "net",
}  # fmt: skip


def fractions(**more) -> ExportSource:
    array = np.linspace(0, 1, 2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    return made_up(array, dims=("segment", *DIMS), **more)


def test_what_was_loaded_is_written_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    # A volume lost colours, codes and tracking of its segments; a layer the colours.
    (offer,) = SegmentationExporter().examine(fractions())
    report = write_results(
        None, [offer.with_options(segments=[SAID])], anybody(), folder=tmp_path / "out"
    )
    with Database.in_memory() as database:
        database.import_paths(report.files, workers=0)
        (series,) = database.series()
        loadable = next(one for one in database.examine(series) if one.selected)
        volume = loadable.load(lazy=False)
        _, kwargs, _ = loadable.to_layers(volume)[0]
    of_volume = ExportSource.of_volume(volume)
    of_layer = made_up(volume.numpy()[0], meta=kwargs["metadata"]["dicomdb"])
    for source in (of_volume, of_layer):
        found = fraction_meanings(source)[0]
        assert {key: found.to_json()[key] for key in SAID} == SAID
    assert len(fraction_meanings(of_volume)) == 2


def test_names_of_the_axis_and_of_the_image() -> None:
    named = fractions(coords={"segment": Coord(("Liver", "Tumor"))})
    assert [one.label for one in fraction_meanings(named)] == ["Liver", "Tumor"]
    assert [one.label for one in fraction_meanings(made_up(np.zeros((1, 2, 2))))] == ["Result"]
    odd = fractions(meta={"segments": [{"name": "A", "colour": "red"}, {}]})
    assert [one.label for one in fraction_meanings(odd)] == ["A", "Result"]


def test_planes_are_of_one_segment_each() -> None:
    source = fractions()
    first, second = fraction_planes(source)
    np.testing.assert_array_equal(second.array, source.array[1])
    assert first.dims == DIMS
    assert fraction_planes(first) == [first]


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        ([0, 0.5, 1], (0, 1, False)),
        ([0, np.nan, 1.02], (0, 1.02, True)),
        ([0, 1.2, 0.5], None),
        ([0, np.inf, 0.5], None),
        ([0, 1e-4, 0], None),
    ],
)
def test_what_fractions_are(values: list[float], limits: tuple | None) -> None:
    found = fraction_limits(made_up(np.array(values).reshape(1, 1, 3)))
    assert found == (None if limits is None else pytest.approx(limits))
