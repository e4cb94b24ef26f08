from __future__ import annotations

import builtins
import json
import os

import numpy as np
import pytest

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.dicom.voi import Window
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.loadable import Loader
from napari_dicomdb.loading.loaders.scalar_volume import ScalarVolumeLoader


def test_it_is_a_loader():
    assert isinstance(ScalarVolumeLoader(), Loader)


def test_a_ct(series, records):
    for z in (4, 0, 2):
        series.slice(
            (-10, -20, z),
            np.full((6, 5), 100 + z, np.uint16),
            RescaleSlope=1,
            RescaleIntercept=-1024,
            BitsStored=12,
            WindowCenter=[40, -600],
            WindowWidth=[400, 1500],
        )
    (best,) = examine(records(series.paths))
    assert best.selected
    assert best.name == "4: Thorax"
    assert best.kind == "scalar-volume"
    assert best.shape == (3, 6, 5)
    assert np.allclose(best.spacing, (2, 0.5, 0.75))
    assert best.findings == ()
    assert "all 3 images have a position and an orientation in the patient" in best.reasons
    volume = best.load(lazy=False)
    assert volume.dims == ("slice", "row", "column")
    assert volume.array[:, 0, 0].tolist() == [100 - 1024, 102 - 1024, 104 - 1024]
    assert volume.units == "HU"
    assert volume.geometry.frame_of_reference_uid == series.frame
    assert volume.geometry.is_regular
    assert volume.geometry.in_patient
    expected = [[0, 0, 0.75, -10], [0, 0.5, 0, -20], [2, 0, 0, 0], [0, 0, 0, 1]]
    assert np.allclose(volume.geometry.affine, expected)
    meta = volume.meta
    assert meta["windows"] == (Window(40, 400), Window(-600, 1500))
    assert meta["rescale"] == [(1.0, -1024.0)]
    assert meta["value_range"] == (-1024, 3071)
    assert meta["instance_uids"] == [i.uid for i in best.instances]
    assert [os.path.basename(p) for p in meta["source_paths"]] == [
        "0001.dcm",
        "0002.dcm",
        "0000.dcm",
    ]
    assert (meta["series_uid"], meta["study_uid"]) == (series.series, series.study)
    assert (meta["patient_id"], meta["modality"], meta["loader"]) == ("p1", "CT", "scalar-volume")
    json.dumps(best.to_json())


def test_examine_opens_no_file(series, records, monkeypatch):
    series.axial(range(20))
    series.enhanced([(0, 0, z) for z in range(3)], np.zeros((3, 4, 4), np.uint16))
    known = records(series.paths)
    examine(known)  # imports are done

    def refuse(*args, **kwargs):
        raise AssertionError(f"opened {args}")

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "stat", refuse)
    assert len(examine(known)) >= 2


def test_the_measured_step_counts_not_what_the_header_claims(series, records):
    series.axial([0, 2, 4], SliceThickness=5, SpacingBetweenSlices=5)
    assert examine(records(series.paths))[0].spacing[0] == pytest.approx(2)


def test_echoes_are_opened_apart_and_all_together_as_they_are(series, records):
    for z in range(4):
        for echo, te in ((1, 4.6), (2, 9.2)):
            series.axial([z], EchoNumbers=echo, EchoTime=te, Modality="MR")
    first, second, everything = examine(records(series.paths), using=[ScalarVolumeLoader()])
    assert [first.name, second.name] == ["4: Thorax, echo 1", "4: Thorax, echo 2"]
    assert first.selected
    assert second.selected
    assert not everything.selected
    assert everything.kind == "image-sequence"
    volume = everything.load(lazy=False)
    assert volume.dims == ("frame", "row", "column")
    assert not volume.geometry.in_patient
    assert volume.array[:, 0, 0].tolist() == list(range(8))


def test_a_three_plane_localizer_is_three_volumes(series, records):
    for orientation in ([1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]):
        for k in range(3):
            normal = np.cross(orientation[:3], orientation[3:])
            series.slice(5 * k * normal, ImageOrientationPatient=orientation)
    chosen = [one for one in examine(records(series.paths)) if one.selected]
    assert [one.name for one in chosen] == [
        "4: Thorax, axial",
        "4: Thorax, coronal",
        "4: Thorax, sagittal",
    ]
    assert [one.shape[0] for one in chosen] == [3, 3, 3]


def test_planes_of_many_directions_are_one_picture_book(series, records):
    for degrees in range(0, 180, 15):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        series.slice((0, 0, 0), ImageOrientationPatient=[c, s, 0, 0, 0, -1])
    best = examine(records(series.paths))[0]
    assert best.selected
    assert best.kind == "image-sequence"
    assert best.shape == (12, 6, 5)
    assert best.findings[0].code == FindingCode.MIXED_ORIENTATION
    assert best.load().numpy()[:, 0, 0].tolist() == list(range(12))


def test_one_position_again_and_again_is_a_sequence(series, records):
    series.axial([5.0] * 6)
    best = examine(records(series.paths))[0]
    assert best.kind == "image-sequence"
    assert FindingCode.SINGLE_POSITION in {f.code for f in best.findings}
    assert best.load().dims == ("frame", "row", "column")


def test_a_single_slice_has_its_place(series, records):
    series.slice((1, 2, 3), SliceThickness=4)
    best = examine(records(series.paths))[0]
    volume = best.load()
    assert volume.shape == (1, 6, 5)
    assert np.allclose(volume.geometry.affine[:3, 3], (1, 2, 3))


def test_an_enhanced_object_is_sorted_by_position(series, records):
    pixels = np.arange(4, dtype=np.uint16)[:, None, None] * np.ones((1, 6, 5), np.uint16)
    series.enhanced(
        [(0, 0, z) for z in (6, 2, 4, 0)],
        pixels,
        PixelValueTransformationSequence__RescaleSlope=[1, 2, 1, 1],
        PixelValueTransformationSequence__RescaleIntercept=[0, 0, 0, 0.5],
    )
    best = examine(records(series.paths))[0]
    assert best.shape == (4, 6, 5)
    assert np.allclose(best.spacing, (2, 0.5, 0.75))
    volume = best.load(lazy=False)
    assert volume.array[:, 0, 0].tolist() == [3.5, 2, 2, 0]
    assert volume.meta["frame_numbers"] == [4, 2, 3, 1]
    assert len(volume.meta["instance_uids"]) == 1
    assert np.array_equal(best.load().numpy(), volume.array)


def test_time_points_of_one_enhanced_object_are_apart(series, records):
    pixels = np.arange(6, dtype=np.uint16)[:, None, None] * np.ones((1, 6, 5), np.uint16)
    series.enhanced(
        [(0, 0, z) for z in (0, 0, 1, 1, 2, 2)],
        pixels,
        FrameContentSequence__TemporalPositionIndex=[1, 2] * 3,
    )
    known = records(series.paths)
    first, second, *_ = examine(known, using=[ScalarVolumeLoader()])
    assert first.load(lazy=False).array[:, 0, 0].tolist() == [0, 2, 4]
    assert second.load().numpy()[:, 0, 0].tolist() == [1, 3, 5]
    assert first.selected
    assert second.selected


def test_instances_of_two_series_stay_apart(series, another_series, records):
    series.axial([0, 2])
    other = another_series()
    other.axial([1, 3])
    loadables = examine(records([*series.paths, *other.paths]))
    assert [one.shape[0] for one in loadables] == [2, 2]


def test_nothing_to_examine():
    assert examine([]) == []


def test_a_loadable_without_frames_is_refused(series, records):
    series.axial([0, 1])
    best = examine(records(series.paths))[0]
    empty = type(best)(**{**vars(best), "instances": ()})
    with pytest.raises(LoadError, match="no image"):
        empty.load()
