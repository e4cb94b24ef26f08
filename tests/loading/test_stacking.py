from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.grouping import stack_of
from napari_dicomdb.loading.stacking import Remedy, plans_for


def plans(series, records):
    return plans_for(stack_of(FrameSet.of(records(series.paths))))


def remedies(loadables):
    return [one.options["remedy"] for one in loadables]


def test_an_even_stack_needs_no_remedy(series, records):
    series.axial([4, 2, 0])
    ((plan,), parts) = plans(series, records)
    assert plan.remedy is Remedy.NONE
    assert plan.is_regular
    assert parts == ()
    assert np.allclose(plan.affine[:3, 0], (0, 0, 2))
    assert plan.sources() == [0, 1, 2]


def test_a_tilted_gantry_is_sheared_exactly(series, records):
    for k in range(5):
        series.slice((0, 2.0 * k, 5.0 * k))
    result, parts = plans(series, records)
    assert [plan.remedy for plan in result] == ["shear", "resample", "as-stacked"]
    assert parts == ()
    shear, resampled, stacked = result
    assert np.allclose(shear.affine[:3, 0], (0, 2, 5))
    assert shear.is_regular
    assert np.allclose(resampled.affine[:3, 0], (0, 0, 5))
    assert resampled.shape == (5, 6 + 16, 5)  # 8 mm of shift in rows of 0.5 mm
    assert np.allclose(stacked.affine[:3, 0], (0, 0, 5))
    assert not stacked.is_regular
    assert {f.severity for f in stacked.findings} == {Severity.ERROR}


def test_a_missing_slice_is_filled_in_its_place(series, records):
    for z in (0, 2, 4, 6, 10, 12):
        series.slice((0, 0, z), np.full((6, 5), z * 10, np.int16))
    loadables = examine(records(series.paths))
    best = loadables[0]
    assert best.options["remedy"] == "fill"
    assert best.selected
    assert best.shape == (7, 6, 5)
    codes = {f.code: f for f in best.findings}
    assert codes[FindingCode.MISSING_SLICES].numbers["positions_mm"] == [8.0]
    assert codes[FindingCode.RESAMPLED].numbers == {"slices": 1, "of": 7}
    for lazy in (True, False):
        volume = best.load(lazy=lazy)
        assert volume.numpy()[:, 0, 0].tolist() == [0, 20, 40, 60, 80, 100, 120]
        assert volume.meta["filled_slices"] == [4]
        assert volume.meta["slice_sources"] == [0, 1, 2, 3, None, 4, 5]
        assert volume.geometry.is_regular
    assert remedies(loadables) == ["fill", "none", "none", "as-stacked"]
    assert [one.selected for one in loadables] == [True, False, False, False]
    assert [one.shape[0] for one in loadables[1:3]] == [4, 2]


def test_a_gap_too_wide_to_invent_splits_the_stack(series, records):
    series.axial([0, 1, 2, 20, 21, 22])
    loadables = examine(records(series.paths))
    assert [(one.options["remedy"], one.selected) for one in loadables[:2]] == [
        ("none", True),
        ("none", True),
    ]
    assert [one.name[-13:] for one in loadables[:2]] == [", part 1 of 2", ", part 2 of 2"]
    assert sorted(remedies(loadables[2:])) == ["as-stacked", "fill"]
    second = loadables[1].load()
    assert np.allclose(second.geometry.affine[:3, 3], (-10, -20, 20))
    assert second.shape == (3, 6, 5)


def test_uneven_slices_are_resampled_to_where_they_are(series, records):
    # A ramp along z: linear interpolation keeps it exactly, wherever slices are.
    heights = [0, 1, 2, 4.5, 7, 9, 11.7]
    for z in heights:
        series.slice((0, 0, z), np.full((6, 5), 100 * z, np.float64).astype(np.int16))
    loadables = examine(records(series.paths))
    best = loadables[0]
    assert best.options["remedy"] == "resample"
    volume = best.load(lazy=False)
    z = volume.geometry.affine[2, 3] + volume.geometry.affine[2, 0] * np.arange(best.shape[0])
    assert np.allclose(volume.array[:, 2, 2], 100 * z, atol=0.51)
    assert np.array_equal(best.load().numpy(), volume.array)
    stacked = next(one for one in loadables if one.options["remedy"] == "as-stacked")
    assert stacked.confidence < best.confidence
    assert not stacked.load().geometry.is_regular
    assert any(f.severity is Severity.ERROR for f in stacked.findings)


def test_a_tilted_stack_resampled_shows_the_same_points(series, records):
    # Each image has a bright pixel at y = 6 mm; at right angles they are in one row.
    for k in range(4):
        image = np.zeros((20, 5), np.int16)
        image[12 - 2 * k, 2] = 1000
        series.slice((0, 1.0 * k, 4.0 * k), image)
    resampled = next(
        one for one in examine(records(series.paths)) if one.options["remedy"] == "resample"
    )
    volume = resampled.load(lazy=False)
    rows = [int(np.argmax(image[:, 2])) for image in volume.array]
    points = [volume.geometry.affine @ (k, r, 2, 1) for k, r in enumerate(rows)]
    assert np.allclose([p[1] for p in points], 6.0)
    assert volume.array.max() == 1000


def test_colour_is_resampled_sample_by_sample(series, records):
    for z in (0, 1, 3, 4, 5):
        colour = np.full((6, 5, 3), (10 * z, 20 * z, 30 * z), np.uint8)
        series.slice((0, 0, z), colour, Modality="OT")
    best = examine(records(series.paths))[0]
    assert best.options["remedy"] == "fill"
    assert best.kind == "rgb-volume"
    assert best.load(lazy=False).array[2, 0, 0].tolist() == [20, 40, 60]
    resampled_from = [0, 1, 2, 3.5, 5]
    series.paths.clear()
    for z in resampled_from:
        colour = np.full((6, 5, 3), (10 * z, 20 * z, 30 * z), np.uint8)
        series.slice((0, 0, z), colour, Modality="OT")
    best = examine(records(series.paths))[0]
    assert best.options["remedy"] == "resample"
    volume = best.load(lazy=False)
    assert volume.is_rgb
    assert volume.array[0, 0, 0].tolist() == [0, 0, 0]
    assert volume.array[-1, 0, 0].tolist() == [50, 100, 150]


@pytest.mark.parametrize(
    ("name", "code", "remedy"),
    [
        ("gantrytilting", "gantry-tilt", "shear"),
        ("sliceincrement", "missing-slices", "fill"),
        ("slicecount", "few-slices", "none"),
    ],
)
def test_bad_geometry_is_named_and_remedied(reference_data, records, name, code, remedy):
    folder = reference_data / "bad_geometry" / name
    best = examine(records(folder.rglob("*.dcm")))[0]
    assert best.options["remedy"] == remedy
    volume = best.load()
    assert code in {str(f.code) for f in volume.findings}
    # Every acquired slice is where its header says.
    sources = volume.meta["slice_sources"]
    for k, source in enumerate(sources):
        if source is not None:
            place = volume.geometry.affine @ (k, 0, 0, 1)
            assert np.allclose(place[:3], best.instances[source].position, atol=0.01)
