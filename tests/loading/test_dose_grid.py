"""RT Dose: values in Gy and planes where GridFrameOffsetVector has them."""

from __future__ import annotations

import json

import numpy as np
import pydicom
import pytest

from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.dose_grid import RT_DOSE

STORED = np.arange(4 * 6 * 5, dtype=np.uint32).reshape(4, 6, 5) * 10_000_000
HEAD_FIRST = [1, 0, 0, 0, 1, 0]


@pytest.fixture
def dose(series, records):
    """Write a dose of four planes and examine it."""

    def make(offsets, stored=STORED, orientation=HEAD_FIRST, position=(-10, -20, 30), **more):
        facts = {"DoseGridScaling": "2e-8", "DoseUnits": "GY"} | more
        ds = series.header(
            SOPClassUID=RT_DOSE,
            Modality="RTDOSE",
            NumberOfFrames=len(stored),
            ImagePositionPatient=list(position),
            ImageOrientationPatient=orientation,
            PixelSpacing=[2, 3],
            FrameIncrementPointer=0x3004000C,
            GridFrameOffsetVector=offsets,
            **{k: v for k, v in facts.items() if v is not None},
        )
        path = series.write(ds, stored)
        return examine(records([path]))

    return make


def codes(loadable, severity):
    return {f.code for f in loadable.findings if f.severity is severity}


def test_dose_of_a_plan_is_stored_values_times_scaling(reference_data, records):
    path = reference_data / "rt_dvh" / "rtdose.dcm"
    ds = pydicom.dcmread(path)
    best = examine(records([path]))[0]
    assert (best.loader.name, best.kind) == ("scalar-volume", "scalar-volume")
    volume = best.load()
    wanted = ds.pixel_array * float(ds.DoseGridScaling)
    np.testing.assert_allclose(volume.numpy(), wanted, rtol=1e-6)
    assert volume.units == "GY"
    assert volume.geometry.in_patient
    offsets = np.array(ds.GridFrameOffsetVector, dtype=float)
    last = volume.geometry.affine @ [len(offsets) - 1, 0, 0, 1]
    x, y, z = map(float, ds.ImagePositionPatient)
    np.testing.assert_allclose(last[:3], [x, y, z + offsets[-1] - offsets[0]], atol=1e-3)
    assert volume.geometry.spacing == pytest.approx((3.0, 2.5, 2.5))
    # As the planning system: the highest dose anywhere is no less than that of the heart.
    summary = json.loads((reference_data / "rt_dvh" / "ref" / "dvh_summary.json").read_text())
    assert summary
    assert volume.numpy().max() > 3.10


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize(
    "offsets",
    [[0, 2.5, 5, 7.5], [30, 32.5, 35, 37.5]],
    ids=["relative", "absolute"],
)
def test_both_ways_to_tell_planes_give_one_dose(dose, offsets, lazy):
    best = dose(offsets)[0]
    volume = best.load(lazy=lazy)
    np.testing.assert_allclose(volume.numpy(), STORED * 2e-8, rtol=1e-6)
    np.testing.assert_allclose(
        volume.geometry.affine,
        [[0, 0, 3, -10], [0, 2, 0, -20], [2.5, 0, 0, 30], [0, 0, 0, 1]],
        atol=1e-9,
    )
    assert not codes(best, Severity.WARNING) | codes(best, Severity.ERROR)


def test_descending_planes_are_turned_with_their_values(dose):
    volume = dose([0, -2.5, -5, -7.5])[0].load()
    np.testing.assert_allclose(volume.numpy(), STORED[::-1] * 2e-8, rtol=1e-6)
    np.testing.assert_allclose(volume.geometry.affine[:3, 3], [-10, -20, 22.5])


def test_decubitus_planes_go_along_their_own_normal(dose):
    # Row direction -y, column direction x (dicompyler's grid): the normal is z.
    volume = dose([0, 2.5, 5, 7.5], orientation=[0, -1, 0, 1, 0, 0])[0].load()
    np.testing.assert_allclose(
        volume.geometry.affine,
        [[0, 2, 0, -10], [0, 0, -3, -20], [2.5, 0, 0, 30], [0, 0, 0, 1]],
        atol=1e-9,
    )


def test_oblique_planes_are_relative_to_the_first(dose):
    best = dose([0, 2, 4, 6], orientation=[1, 0, 0, 0, 0, -1])[0]
    np.testing.assert_allclose(best.load().geometry.affine[:3, 0], [0, 2, 0], atol=1e-9)


def test_vector_that_begins_somewhere_is_read_relative_and_told(dose):
    best = dose([5, 7.5, 10, 12.5])[0]
    assert FindingCode.BAD_HEADER_VALUE in codes(best, Severity.WARNING)
    np.testing.assert_allclose(best.load().geometry.affine[:3, 3], [-10, -20, 30])


def test_uneven_planes_are_resampled_and_told(dose):
    best = dose([0, 2, 4, 9])[0]
    assert best.findings
    assert best.load().geometry.is_regular


def test_vector_of_another_length_places_nothing(dose):
    best = dose([0, 2.5, 5])[0]
    volume = best.load()
    assert not volume.geometry.in_patient
    assert FindingCode.MULTIFRAME_INCONSISTENT in codes(best, Severity.ERROR)
    np.testing.assert_allclose(volume.numpy(), STORED * 2e-8, rtol=1e-6)  # still Gy
    assert volume.units == "GY"


def test_a_dose_without_scaling_is_refused(dose):
    best = dose([0, 2.5, 5, 7.5], DoseGridScaling=None)[0]
    assert FindingCode.BAD_HEADER_VALUE in codes(best, Severity.ERROR)
    with pytest.raises(LoadError, match="DoseGridScaling") as caught:
        best.load()
    assert caught.value.reason == "no-dose-grid-scaling"


def test_planes_in_files_of_their_own_are_stacked(series, records):
    for k in range(3):
        series.slice(
            (-10, -20, 2.0 * k),
            STORED[k],
            SOPClassUID=RT_DOSE,
            Modality="RTDOSE",
            DoseGridScaling=f"{k + 1}e-8",
            DoseUnits="GY",
        )
    volume = examine(records(series.paths))[0].load()
    wanted = [STORED[k] * (k + 1) * 1e-8 for k in range(3)]
    np.testing.assert_allclose(volume.numpy(), wanted, rtol=1e-6)
