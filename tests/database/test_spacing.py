"""Voxel sizes: measured as the positions say, whatever else lies in the series."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_dicomdb.database import Database


def test_spacing_at_import_and_as_slices_come(
    database: Database, tmp_path: Path, write_series: Callable[..., list[Path]]
) -> None:
    files = write_series(tmp_path / "in", 5)
    database.import_paths(files[:1])
    (series,) = database.series()
    assert (series.spacing, series.slice_spacing) == ((0.5, 0.7), None)
    database.import_paths(files)
    assert database.series()[0].slice_spacing == pytest.approx(2.5)
    # Every second slice goes.
    for instance in database.instances()[1::2]:
        database.remove(instance=instance.uid)
    assert database.series()[0].slice_spacing == pytest.approx(5.0)


def test_median_repeats_and_other_orientations(
    database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    oblique = [0.8, 0, 0.6, 0, 1, 0]
    for number, along in enumerate([0, 0, 3, 3, 6, 9, 29], 1):
        position = [-0.6 * along, 0, 0.8 * along]
        write_instance(
            tmp_path / f"{number}",
            number,
            ImagePositionPatient=position,
            ImageOrientationPatient=oblique,
        )
    write_instance(tmp_path / "scout", 99, ImagePositionPatient=[0, 0, 500])
    database.import_paths([tmp_path])
    assert database.series()[0].slice_spacing == pytest.approx(3.0)


def test_changed_file(
    database: Database,
    tmp_path: Path,
    write_series: Callable[..., list[Path]],
    write_instance: Callable[..., Path],
    touch: Callable[[Path], None],
) -> None:
    files = write_series(tmp_path / "in", 2)
    database.import_paths(files)
    write_instance(files[1], 2, ImagePositionPatient=[0, 0, 12.5])
    touch(files[1])
    assert database.import_paths(files).updated == 1
    assert database.series()[0].slice_spacing == pytest.approx(10.0)


@pytest.mark.parametrize(
    "values",
    [
        {"PixelSpacing": None, "ImagePositionPatient": None},
        {"PixelSpacing": [0, 0], "ImageOrientationPatient": [0, 0, 0, 0, 0, 0]},
    ],
)
def test_unknown(
    database: Database,
    tmp_path: Path,
    write_series: Callable[..., list[Path]],
    values: dict[str, Any],
) -> None:
    database.import_paths(write_series(tmp_path, 3, **values))
    (series,) = database.series()
    assert (series.spacing, series.slice_spacing) == (None, None)
    assert database.search("spacing:<1") == []
    assert len(database.search("-spacing:<1")) == 1


def test_enhanced_object(database: Database, reference_data: Path) -> None:
    """Against what the functional groups of each object say."""
    import pydicom

    database.import_paths([reference_data])
    checked = 0
    for series in database.series(text="slices:>1 instances:1"):
        (instance,) = database.instances(series)
        dataset = pydicom.dcmread(instance.path, stop_before_pixels=True)
        shared = dataset.get("SharedFunctionalGroupsSequence")
        if not shared or "PixelMeasuresSequence" not in shared[0]:
            continue
        measures = shared[0].PixelMeasuresSequence[0]
        if "PixelSpacing" in measures:
            assert series.spacing == pytest.approx(tuple(measures.PixelSpacing))
            checked += 1
    assert checked
