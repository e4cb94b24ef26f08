"""Enhanced objects as they are, and as bad writers make them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from napari_dicomdb.dicom.findings import FindingCode, Severity
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.multiframe import concatenation_key
from napari_dicomdb.loading.sorting import by_concatenation, number_order

US_VOLUME_CLASS = "1.2.840.10008.5.1.4.1.1.6.2"
ENHANCED_CT_CLASS = "1.2.840.10008.5.1.4.1.1.2.1"
ENHANCED_PET_CLASS = "1.2.840.10008.5.1.4.1.1.130"
XA_3D_CLASS = "1.2.840.10008.5.1.4.1.1.13.1.1"


def ramp(count: int, dtype: Any = np.uint16) -> np.ndarray:
    return np.arange(count, dtype=dtype)[:, None, None] * np.ones((1, 6, 5), dtype)


def heights(count: int) -> list[tuple[float, float, float]]:
    return [(-10.0, -20.0, 2.0 * k) for k in range(count)]


def again(path, change) -> None:
    """Write the file anew after `change` of its data set."""
    import pydicom

    ds = pydicom.dcmread(path)
    change(ds)
    ds.save_as(path)


def told(loadable, code: FindingCode = FindingCode.MULTIFRAME_INCONSISTENT) -> list[str]:
    return [finding.text for finding in loadable.findings if finding.code == code]


def selected(found) -> list:
    return [one for one in found if one.selected]


# --- counts


@pytest.mark.parametrize("stated", [2, 9, None])
def test_pixel_data_decide_between_two_counts(series, records, stated) -> None:
    path = series.enhanced(heights(5), ramp(5))

    def change(ds: Dataset) -> None:
        if stated is None:
            del ds.NumberOfFrames
        else:
            ds.NumberOfFrames = stated

    again(path, change)
    (best,) = selected(examine(records([path])))
    assert best.shape == (5, 6, 5)
    assert "5" in told(best)[0]
    assert best.findings[0].code is not FindingCode.TRUNCATED_PIXELS
    assert np.asarray(best.load().array)[:, 0, 0].tolist() == [0, 1, 2, 3, 4]


def test_frames_that_no_group_describes_are_shown_apart(series, records) -> None:
    path = series.enhanced(heights(5), ramp(7))
    volume, rest = selected(examine(records([path])))
    assert volume.shape == (5, 6, 5)
    assert "7 frames, functional groups describe 5" in told(volume)[0]
    assert np.asarray(volume.load().array)[:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert np.asarray(rest.load().array)[:, 0, 0].tolist() == [5, 6]


def test_frames_without_a_position_are_shown_apart(series, records) -> None:
    path = series.enhanced(heights(10), ramp(10))

    def change(ds: Dataset) -> None:
        del ds.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
        ds.PerFrameFunctionalGroupsSequence[6].PlanePositionSequence[0] = Dataset()

    again(path, change)
    found = selected(examine(records([path])))
    volume = next(one for one in found if one.kind == "scalar-volume")
    text = told(volume)[0]
    assert "2 of 10 frames" in text
    assert "(3, 7)" in text
    assert FindingCode.MISSING_SLICES in {finding.code for finding in volume.findings}
    shown = np.concatenate([np.asarray(one.load().array).reshape(-1, 6, 5) for one in found])
    assert set(range(10)) <= set(shown[:, 0, 0].tolist())


def test_what_all_frames_share_may_be_at_the_top(series, records) -> None:
    path = series.enhanced(heights(3), ramp(3))

    def change(ds: Dataset) -> None:
        del ds.SharedFunctionalGroupsSequence
        ds.ImageOrientationPatient, ds.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.5, 0.75]

    again(path, change)
    (best,) = selected(examine(records([path])))
    assert best.spacing == pytest.approx((2, 0.5, 0.75))


def test_a_group_that_is_missing_altogether(series, records) -> None:
    path = series.enhanced(heights(3), ramp(3))
    again(path, lambda ds: ds.SharedFunctionalGroupsSequence[0].pop("PixelMeasuresSequence"))
    (best,) = selected(examine(records([path])))
    assert best.kind == "image-sequence"
    assert best.load().shape == (3, 6, 5)


# --- indices


def indexed(series, values, pointers=(0x00209056, 0x00209057), **columns):
    path = series.enhanced(
        heights(len(values)),
        ramp(len(values)),
        FrameContentSequence__DimensionIndexValues=values,
        **columns,
    )

    def change(ds: Dataset) -> None:
        ds.DimensionIndexSequence = []
        for pointer in pointers:
            item = Dataset()
            item.DimensionIndexPointer = pointer
            ds.DimensionIndexSequence.append(item)

    again(path, change)
    return path


def test_indices_that_jump_are_told_and_do_no_harm(series, records) -> None:
    path = indexed(series, [[1, 2], [1, 9], [1, 37]])
    (best,) = selected(examine(records([path])))
    assert best.shape == (3, 6, 5)
    (finding,) = best.findings
    assert finding.severity is Severity.INFO
    assert "InStackPositionNumber (2, 9, 37)" in finding.text
    assert "StackID" not in finding.text


def test_a_dimension_may_extend_over_objects(series, records) -> None:
    for k in (1, 2):
        indexed(
            series,
            [[1, n, k] for n in (1, 2, 3)],
            (0x00209056, 0x00209057, 0x00209128),
            FrameContentSequence__TemporalPositionIndex=[k] * 3,
        )
    found = examine(records(series.paths))
    assert not any(told(one) for one in found)
    assert found[0].shape == (2, 3, 6, 5)


def test_index_values_of_another_number_than_dimensions(series, records) -> None:
    (best,) = selected(examine(records([indexed(series, [[1, 1], [1], [1, 3, 4]])])))
    assert "another number of DimensionIndexValues than the 2" in told(best)[0]


def test_positions_win_over_numbers_in_the_stack(series, records) -> None:
    path = series.enhanced(
        heights(4), ramp(4), FrameContentSequence__InStackPositionNumber=[1, 1, 4, 2]
    )
    (best,) = selected(examine(records([path])))
    assert "contradicts ImagePositionPatient" in told(best)[0]
    assert np.asarray(best.load().array)[:, 0, 0].tolist() == [0, 1, 2, 3]


# --- stacks


def test_stacks_of_one_object_are_apart(series, records) -> None:
    places = [*heights(3), *[(40.0, 0.0, 5.0 * k) for k in range(4)]]
    path = series.enhanced(places, ramp(7), FrameContentSequence__StackID=["1"] * 3 + ["2"] * 4)
    first, second = sorted(selected(examine(records([path]))), key=lambda one: one.shape)
    assert (first.shape, second.shape) == ((3, 6, 5), (4, 6, 5))
    assert second.load().geometry.affine[:3, 3].tolist() == [40, 0, 0]


def test_a_stack_for_each_frame_is_none(series, records) -> None:
    path = series.enhanced(heights(4), ramp(4), FrameContentSequence__StackID=list("1234"))
    (best,) = selected(examine(records([path])))
    assert best.shape == (4, 6, 5)


# --- concatenations


def parts_of(series, sizes, *, placed: bool = True, numbers=None, total: int | None = None):
    uid = generate_uid()
    start = 0
    for k, size in enumerate(sizes):
        frames = ramp(sum(sizes))[start : start + size]
        if placed:
            path = series.enhanced(heights(sum(sizes))[start : start + size], frames)
        else:
            ds = series.header(Modality="US", NumberOfFrames=size, ImageOrientationPatient=None)
            path = series.write(ds, frames)

        def change(ds: Dataset, k=k, start=start) -> None:
            ds.ConcatenationUID = uid
            ds.InConcatenationNumber = (numbers or range(1, 100))[k]
            if total != 0:
                ds.InConcatenationTotalNumber = total or len(sizes)
            ds.ConcatenationFrameOffsetNumber = start
            ds.InstanceNumber = 50 - k  # in no useful order

        again(path, change)
        start += size


def test_a_concatenation_is_one_volume(series, records) -> None:
    parts_of(series, [3, 3, 2])
    (best,) = selected(examine(records(series.paths)))
    assert best.shape == (8, 6, 5)
    assert not told(best)
    assert np.asarray(best.load().array)[:, 0, 0].tolist() == list(range(8))


@pytest.mark.parametrize(
    ("numbers", "total", "missing"), [((1, 3), 3, "2"), ((1, 3), 0, "2"), ((1, 2), 4, "3, 4")]
)
def test_parts_that_are_missing_are_told(series, records, numbers, total, missing) -> None:
    parts_of(series, [3, 3], numbers=numbers, total=total)
    (best, *_) = selected(examine(records(series.paths)))
    assert f"of a concatenation are missing ({missing})" in told(best)[0]


def test_a_concatenation_without_places_is_one_loop(series, records) -> None:
    parts_of(series, [2, 3, 2], placed=False)
    known = records(series.paths)
    assert [key and key[1] for key in map(concatenation_key, known)] == [1, 2, 3]
    shuffled = [known[2], known[0], known[1]]
    assert by_concatenation(shuffled) == [known]
    frames = FrameSet.of(shuffled)
    assert frames.take(number_order(frames)).instances == tuple(known)
    (best,) = selected(examine(shuffled))
    assert best.shape == (7, 6, 5)
    assert np.asarray(best.load().array)[:, 0, 0].tolist() == list(range(7))


# --- kinds of objects


def change_class(path, uid: str, modality: str, **attributes: Any) -> None:
    def change(ds: Dataset) -> None:
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = uid
        ds.Modality = modality
        for keyword, value in attributes.items():
            setattr(ds, keyword, value)

    again(path, change)


@pytest.mark.parametrize(
    ("uid", "modality", "units"),
    [(ENHANCED_CT_CLASS, "CT", "HU"), (ENHANCED_PET_CLASS, "PT", "BQML")],
)
def test_values_are_transformed_frame_by_frame(series, records, uid, modality, units) -> None:
    slopes, shifts = [1.0, 2.0, 0.5], [-10.0, 0.0, 3.0]
    path = series.enhanced(
        heights(3),
        ramp(3) + np.uint16(4),
        PixelValueTransformationSequence__RescaleSlope=slopes,
        PixelValueTransformationSequence__RescaleIntercept=shifts,
        PixelValueTransformationSequence__RescaleType=[units] * 3,
    )
    change_class(path, uid, modality)
    (best,) = selected(examine(records([path])))
    volume = best.load()
    expected = [(4 + k) * slopes[k] + shifts[k] for k in range(3)]
    assert np.asarray(volume.array)[:, 0, 0].tolist() == pytest.approx(expected)
    assert volume.units == units


def test_a_rotational_angiography_is_a_volume(series, records) -> None:
    path = series.enhanced(heights(4), ramp(4))
    change_class(path, XA_3D_CLASS, "XA")
    (best,) = selected(examine(records([path])))
    assert (best.kind, best.shape) == ("scalar-volume", (4, 6, 5))


def ultrasound_volume(series, repeats: int = 1):
    places = [[0.0, 0.0, 1.5 * k] for k in range(4)] * repeats
    times = [float(t) for t in range(repeats) for _ in range(4)]
    path = series.enhanced(places, ramp(len(places), np.uint8))
    volume = generate_uid()

    def change(ds: Dataset) -> None:
        del ds.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
        orientation = Dataset()
        orientation.ImageOrientationVolume = [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        ds.SharedFunctionalGroupsSequence[0].PlaneOrientationVolumeSequence = [orientation]
        for k, item in enumerate(ds.PerFrameFunctionalGroupsSequence):
            del item.PlanePositionSequence
            position = Dataset()
            position.ImagePositionVolume = [1.5 * (k % 4), 0.0, 0.0]
            item.PlanePositionVolumeSequence = [position]
            time = Dataset()
            time.TemporalPositionTimeOffset = times[k]
            item.TemporalPositionSequence = [time]

    again(path, change)
    change_class(path, US_VOLUME_CLASS, "US", VolumeFrameOfReferenceUID=volume)
    return path, volume


def test_an_ultrasound_volume_is_in_its_own_space(series, records) -> None:
    path, uid = ultrasound_volume(series)
    (best,) = selected(examine(records([path])))
    assert best.shape == (4, 6, 5)
    (finding,) = best.findings
    assert finding.code is FindingCode.OTHER_FRAME_OF_REFERENCE
    volume = best.load()
    assert volume.geometry.frame_of_reference_uid == uid
    assert volume.geometry.affine[:3, 0].tolist() == [1.5, 0, 0]
    assert np.asarray(volume.array)[:, 0, 0].tolist() == [0, 1, 2, 3]


def test_an_ultrasound_volume_over_time(series, records) -> None:
    path, uid = ultrasound_volume(series, repeats=3)
    best = examine(records([path]))[0]
    assert best.shape == (3, 4, 6, 5)
    volume = best.load()
    assert np.asarray(volume.array)[2, :, 0, 0].tolist() == [8, 9, 10, 11]
    assert volume.geometry.frame_of_reference_uid == uid


@pytest.mark.parametrize("kind", ["CT", "MR", "PT"])
def test_legacy_converted_objects_are_their_classic_series(
    series, another_series, records, kind
) -> None:
    legacy = pytest.importorskip("highdicom.legacy")
    classes = {
        "CT": ("1.2.840.10008.5.1.4.1.1.2", "LegacyConvertedEnhancedCTImage"),
        "MR": ("1.2.840.10008.5.1.4.1.1.4", "LegacyConvertedEnhancedMRImage"),
        "PT": ("1.2.840.10008.5.1.4.1.1.128", "LegacyConvertedEnhancedPETImage"),
    }
    uid, name = classes[kind]
    for k in range(4):
        series.slice(
            (1.0, 2.0, 10.0 - 2.5 * k),
            np.full((6, 5), 7 * k, np.int16),
            SOPClassUID=uid,
            Modality=kind,
            RescaleSlope=1 + (k if kind == "PT" else 0),
            RescaleIntercept=-5,
            SliceThickness=2,
            AcquisitionNumber=1,
            StudyDate="20200101",
            StudyTime="120000",
            PatientBirthDate="",
            PatientSex="",
            StudyID="1",
            AccessionNumber="",
            ReferringPhysicianName="",
            Manufacturer="x",
            AcquisitionTime=f"12000{k}",
            AcquisitionDate="20200101",
        )
    import pydicom

    classic = [pydicom.dcmread(path) for path in series.paths]
    converted = getattr(legacy, name)(
        legacy_datasets=classic,
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
    )
    target = another_series()
    path = target.folder / "converted.dcm"
    converted.save_as(path)
    (one,) = selected(examine(records(series.paths)))
    (other,) = selected(examine(records([path])))
    ours, theirs = one.load(), other.load()
    np.testing.assert_array_equal(np.asarray(ours.array), np.asarray(theirs.array))
    np.testing.assert_allclose(ours.geometry.affine, theirs.geometry.affine, atol=1e-9)
    assert ours.geometry.frame_of_reference_uid == theirs.geometry.frame_of_reference_uid
    assert ours.units == theirs.units


# --- more than three dimensions


def test_private_dimensions_are_axes_where_nothing_else_tells(series, records) -> None:
    values = [[1, n, 5 * k] for k in (1, 2) for n in (1, 2, 3)]
    path = series.enhanced(
        [*heights(3), *heights(3)], ramp(6), FrameContentSequence__DimensionIndexValues=values
    )

    def change(ds: Dataset) -> None:
        ds.DimensionIndexSequence = []
        for pointer in (0x00209056, 0x00209057, 0x2005106E):
            item = Dataset()
            item.DimensionIndexPointer = pointer
            ds.DimensionIndexSequence.append(item)

    again(path, change)
    best = examine(records([path]))[0]
    assert best.shape == (2, 3, 6, 5)
    assert np.asarray(best.load().array)[:, :, 0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_each_stack_has_its_own_time_course(series, records) -> None:
    places = [*heights(3), *heights(3), *[(40.0, 0.0, 5.0 * k) for k in range(4)] * 2]
    path = series.enhanced(
        places,
        ramp(14),
        FrameContentSequence__StackID=["1"] * 6 + ["2"] * 8,
        FrameContentSequence__TemporalPositionIndex=[1] * 3 + [2] * 3 + [1] * 4 + [2] * 4,
    )
    found = selected(examine(records([path])))
    assert sorted(one.shape for one in found) == [(2, 3, 6, 5), (2, 4, 6, 5)]


def test_a_concatenation_may_be_cut_anywhere(series, records) -> None:
    uid = generate_uid()
    places, times = heights(4) * 3, [t for t in (1, 2, 3) for _ in range(4)]
    for k, (start, stop) in enumerate([(0, 5), (5, 11), (11, 12)]):
        path = series.enhanced(
            places[start:stop],
            ramp(12)[start:stop],
            FrameContentSequence__TemporalPositionIndex=times[start:stop],
        )

        def change(ds: Dataset, k=k) -> None:
            ds.ConcatenationUID, ds.InConcatenationNumber = uid, k + 1

        again(path, change)
    best = examine(records(series.paths))[0]
    assert best.shape == (3, 4, 6, 5)
    assert not told(best)
    values = np.asarray(best.load().array)[:, :, 0, 0]
    assert values.tolist() == np.arange(12).reshape(3, 4).tolist()


def test_one_object_a_volume(reference_data, records) -> None:
    folder = reference_data / "enhanced/dcm_qa_enh__Siemens_REST1_w_SMS_PF7-8_6/dicom"
    best = examine(records(folder.iterdir()))[0]
    assert best.shape == (4, 6, 64, 64)
    assert best.load(lazy=True).coords["time"].values == pytest.approx((0, 0.5, 1, 1.5))
