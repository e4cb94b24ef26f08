from __future__ import annotations

import pytest

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.loading.nuclear_axes import grid_of


def test_energies_and_detectors_of_a_whole_body_scan(acquisition, item):
    windows = [
        item(
            EnergyWindowName=name,
            EnergyWindowRangeSequence=[
                item(EnergyWindowLowerLimit=low, EnergyWindowUpperLimit=high)
            ],
        )
        for name, low, high in (("Tc99m", 126, 154), ("", 70.5, 90))
    ]
    record = acquisition(
        {"EnergyWindowVector": [1, 1, 2, 2], "DetectorVector": [2, 1, 2, 1]},
        EnergyWindowInformationSequence=windows,
    )
    grid = grid_of(record)
    assert grid.order.tolist() == [1, 0, 3, 2]
    assert grid.shape == (2, 2)
    energy, detector = grid.axes
    assert (energy.dim, detector.dim) == ("energy", "detector")
    assert energy.coord.values == ("Tc99m (126–154 keV)", "70.5–90 keV")
    assert detector.coord.values == (1, 2)
    assert grid.findings == ()


def test_angles_of_a_tomographic_acquisition(acquisition, item):
    rotation = item(AngularStep=3, RotationDirection="CW", StartAngle=180)
    record = acquisition(
        {
            "EnergyWindowVector": [1] * 60,
            "RotationVector": [1] * 60,
            "AngularViewVector": list(range(1, 61)),
        },
        RotationInformationSequence=[rotation],
    )
    (view,) = grid_of(record).axes
    assert (view.dim, view.coord.unit) == ("view", "deg")
    assert view.coord.values[:3] == (180, 177, 174)


def test_gated_acquisitions_have_time_slots(acquisition, item):
    gated = item(DataInformationSequence=[item(FrameTime=62.5)])
    slots = [1, 2, 3, 4] * 2
    record = acquisition(
        {"RRIntervalVector": [1] * 8, "TimeSlotVector": slots, "SliceVector": [1] * 4 + [2] * 4},
        GatedInformationSequence=[gated],
    )
    grid = grid_of(record)
    assert [axis.dim for axis in grid.axes] == ["time_slot", "slice"]
    assert grid.axes[0].coord.values == pytest.approx((0, 0.0625, 0.125, 0.1875))
    assert grid.order.tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


def test_dynamic_phases_make_one_time_axis(acquisition, item):
    phases = [
        item(ActualFrameDuration=1000, PhaseDelay=0, PauseBetweenFrames=0),
        item(ActualFrameDuration=5000, PhaseDelay=500, PauseBetweenFrames=100),
    ]
    record = acquisition(
        {"PhaseVector": [1, 1, 1, 2, 2], "TimeSliceVector": [1, 2, 3, 1, 2]},
        PhaseInformationSequence=phases,
    )
    (time,) = grid_of(record).axes
    assert (time.dim, time.coord.unit) == ("time", "s")
    assert time.coord.values == pytest.approx((0, 1, 2, 3.5, 8.6))


def test_times_of_a_dynamic_study_without_phases(acquisition):
    record = acquisition({"TimeSliceVector": [1, 2, 3]}, ActualFrameDuration=2000)
    assert grid_of(record).axes[0].coord.values == (0, 2, 4)


def test_an_axis_that_repeats_another_is_left_out(acquisition):
    record = acquisition({"DetectorVector": [1, 1, 2, 2], "AngularViewVector": [1, 2, 3, 4]})
    assert [axis.dim for axis in grid_of(record).axes] == ["view"]


def test_what_fills_no_grid_is_a_row_of_frames(acquisition):
    record = acquisition({"DetectorVector": [1, 1, 2], "EnergyWindowVector": [1, 2, 1]})
    grid = grid_of(record)
    assert [axis.dim for axis in grid.axes] == ["frame"]
    (finding,) = grid.findings
    assert finding.code == FindingCode.MULTIFRAME_INCONSISTENT
    assert "3 frames do not fill the grid of 2 detector × 2 energy" in finding.text


def test_a_vector_of_the_wrong_length_is_not_used(acquisition):
    record = acquisition({"TimeSliceVector": [1, 2, 3], "DetectorVector": [1, 2]})
    grid = grid_of(record)
    assert [axis.dim for axis in grid.axes] == ["time"]
    assert "DetectorVector has 2 values for 3 frames" in grid.findings[0].text


def test_ten_thousand_frames(acquisition, series):
    count = 10_000
    vector = [1 + k // 100 for k in range(count)]
    within = [1 + k % 100 for k in range(count)]
    grid = grid_of(acquisition({"RotationVector": vector, "AngularViewVector": within}))
    assert grid.shape == (100, 100)
    assert grid.order.tolist() == list(range(count))


def test_without_vectors_frames_may_still_have_times(acquisition):
    record = acquisition({"DetectorVector": [1, 1, 1]}, FrameTime=500)
    (axis,) = grid_of(record).axes
    assert (axis.dim, axis.coord.values) == ("time", (0, 0.5, 1))
