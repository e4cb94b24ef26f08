"""The frames of multi-frame objects are where they say; peers are in exporters/test_image.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from tests.export.sources import DIMS, anybody, errors_of, made_up, oblique, of_data

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.images.multi_frames import (
    write_legacy_converted,
    write_multi_frame_capture,
)
from napari_dicomdb.export.images.single_frames import IMAGE_CLASSES, SECONDARY_CAPTURE, Drawing
from napari_dicomdb.export.images.stored_values import StoredValues, plan_stored, value_range
from napari_dicomdb.export.study import NewSeries
from napari_dicomdb.loading.volume import Coord
from napari_dicomdb.progress import no_progress


def drawing(array: np.ndarray, sop_class: str = SECONDARY_CAPTURE, **more) -> Drawing:
    source = made_up(array, **more)
    stored = (
        StoredValues(array.dtype) if source.is_rgb else plan_stored(source, value_range(source))
    )
    return Drawing(source, anybody(), NewSeries("MR"), sop_class, stored)


def test_every_frame_says_where_it_is(tmp_path: Path) -> None:
    array = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)
    (path,) = write_multi_frame_capture(drawing(array), tmp_path, "none", no_progress)
    made = pydicom.dcmread(path)
    assert (made.NumberOfFrames, made.SOPClassUID) == (6, "1.2.840.10008.5.1.4.1.1.7.3")
    np.testing.assert_array_equal(made.pixel_array, array.reshape(6, 4, 5))
    for n, frame in enumerate(made.PerFrameFunctionalGroupsSequence):
        at = oblique() @ [n % 3, 0, 0, 1]
        position = frame.PlanePositionSequence[0].ImagePositionPatient
        assert [float(x) for x in position] == pytest.approx(at[:3])
        content = frame.FrameContentSequence[0]
        assert list(content.DimensionIndexValues) == [n % 3 + 1, n // 3 + 1]
        assert (content.FrameLabel, content.InStackPositionNumber) == (
            f"axis_0 {n // 3 + 1}/2",
            n % 3 + 1,
        )


def test_without_a_place_there_are_no_functional_groups(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (4, 1, 5, 6, 3)).astype(np.uint8)
    one = drawing(colours, geometry=None, is_rgb=True)
    (path,) = write_multi_frame_capture(one, tmp_path, "none", no_progress)
    made = pydicom.dcmread(path)
    assert "PerFrameFunctionalGroupsSequence" not in made
    np.testing.assert_array_equal(made.pixel_array, colours[:, 0])
    wide = drawing(colours.astype(np.uint16), geometry=None, is_rgb=True)
    with pytest.raises(ExportError, match="8 bits"):
        write_multi_frame_capture(wide, tmp_path, "none", no_progress)


def test_a_legacy_image_without_sources_is_refused(tmp_path: Path) -> None:
    one = drawing(np.zeros((3, 4, 5), np.uint16), IMAGE_CLASSES["MR"])
    with pytest.raises(ExportError) as error:
        write_legacy_converted(one, tmp_path, "none", no_progress)
    assert error.value.reason == "no-source"
    assert list(tmp_path.iterdir()) == []


def test_a_loop_keeps_its_times(tmp_path: Path, program) -> None:
    array = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 1, 5, 6)
    times = Coord((0.0, 40.0, 80.0, 130.0), "ms")
    dims = ("time", "slice", "row", "column")
    one = drawing(array, geometry=None, dims=dims, coords={"time": times})
    (path,) = write_multi_frame_capture(one, tmp_path, "none", no_progress)
    assert errors_of(program, path) == []
    with Database.in_memory() as database:
        database.import_paths(path, workers=0)
        back = database.load(database.series()[0], lazy=False)
    assert back.dims[0] == "time"
    assert back.coords["time"].values == pytest.approx((0, 0.04, 0.08, 0.13))
    np.testing.assert_array_equal(back.numpy(), array[:, 0])


def test_an_enhanced_image_of_one_slice(reference_data: Path, tmp_path: Path, program) -> None:
    with Database.in_memory() as database:
        source, target = of_data(database, reference_data / "rt_dvh_slicerrt/ct")
    geometry = replace(source.geometry, shape=(1, *source.grid[1:]))
    one = Drawing(
        source.with_array(source.numpy()[:1], geometry),
        target,
        NewSeries("CT"),
        IMAGE_CLASSES["CT"],
        StoredValues(np.dtype(np.int16)),
    )
    (path,) = write_legacy_converted(one, tmp_path, "none", no_progress)
    # UnassignedPerFrameConvertedAttributesSequence, of type 2, was missing.
    assert errors_of(program, path) == []
    # dcm2niix took images of "Highdicom" for Hitachi's, and their volumes apart.
    makers = {str(i.Manufacturer) for i in pydicom.dcmread(path).ContributingEquipmentSequence}
    assert makers == {"napari-dicomdb"}


@pytest.mark.parametrize(("name", "values"), [("flip_angle", (100 / 3, 60.0)),
                                              ("tube_voltage", (80.0, 140.0))])  # fmt: skip
def test_nothing_is_said_of_all_frames_that_is_of_one(
    name: str, values: tuple[float, ...], tmp_path: Path, program
) -> None:
    # The voltage of the first was said of all; an angle had more digits than fit.
    unit = {"flip_angle": "deg", "tube_voltage": "kV"}[name]
    one = drawing(
        np.ones((2, 3, 4, 5), np.uint16),
        dims=(name, "slice", "row", "column"),
        coords={name: Coord(values, unit)},
    )
    (path,) = write_multi_frame_capture(one, tmp_path, "none", no_progress)
    made = pydicom.dcmread(path)
    assert "KVP" not in made and "FlipAngle" not in made
    assert errors_of(program, path) == []
    groups = made.PerFrameFunctionalGroupsSequence[0]
    if name == "flip_angle":
        angle = groups.MRTimingAndRelatedParametersSequence[0].FlipAngle
        assert float(angle) == pytest.approx(values[0], abs=1e-12) and len(str(angle)) <= 16


def test_a_loop_keeps_its_window(tmp_path: Path, program) -> None:
    array = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 1, 5, 6)
    one = drawing(array, geometry=None, dims=("time", *DIMS), window=(10.0, 50.0))
    (path,) = write_multi_frame_capture(one, tmp_path, "none", no_progress)
    made = pydicom.dcmread(path)
    assert (made.WindowCenter, made.WindowWidth) == (30.5, 41)
    assert errors_of(program, path) == []
