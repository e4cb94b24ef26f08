"""What another plugin does: a layer made from ours goes back to its study in one call."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image, Layer

from napari_dicomdb import Database, store_result
from napari_dicomdb.errors import ExportError, NotFoundError
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.viewer.layers import volume_to_layers


def test_a_filtered_layer_goes_back_to_its_study(reference_data: Path, tmp_path: Path) -> None:
    with Database.open(tmp_path / "user" / "database", create=True) as database:
        database.import_paths(reference_data / "rt_dvh_slicerrt" / "ct", workers=0)
        series = database.series()[0]
        volume = database.load(series, lazy=False)
        layer = Layer.create(*volume_to_layers(volume)[0])
        result = Image(layer.data // 2, name="Halved", metadata=layer.metadata,
                       scale=layer.scale, translate=layer.translate, rotate=layer.rotate,
                       affine=layer.affine, units=layer.units)  # fmt: skip
        report = store_result(result, database=database, folder=tmp_path / "out")
        assert report.imported == len(report.files) == series.instance_count
        stored = database.find_series(report.series_uids[0])
        assert (stored.description, stored.study_uid) == ("Halved", series.study_uid)
        back = database.load(stored, lazy=False)
        np.testing.assert_allclose(back.geometry.affine, volume.geometry.affine, atol=1e-6)
        np.testing.assert_array_equal(back.numpy(), volume.numpy() // 2)
        assert dict(database.activity()[0].counts) == {"files": series.instance_count}
        assert store_result(volume, database=database, into_database=False,
                            folder=tmp_path / "v", description="V").imported == 0  # fmt: skip
        lost = ExportSource("x", np.zeros((1, 2, 2)), ("slice", "row", "column"))
        with pytest.raises(ExportError) as error:
            store_result(lost, database=database)
        assert error.value.reason == "no-study"
        bare = store_result(lost, study=series.study_uid, database=database)
        assert bare.imported == 1
    # Without a database it is the default one, which the fixture points here.
    again = store_result(lost, study=series.study_uid)
    assert again.imported == 1


def test_an_array_with_a_place_from_any_thread(reference_data: Path, tmp_path: Path) -> None:
    with Database.open(tmp_path / "db", create=True) as database:
        database.import_paths(reference_data / "rt_dvh_slicerrt" / "ct", workers=0)
        series = database.series()[0]
        volume = database.load(series, lazy=False)
        box = np.zeros(volume.array.shape, np.uint8)
        box[3:9, 5:20, 7:30] = 2

        def store(k: int) -> object:
            return store_result(
                box,
                geometry=volume.geometry if k else volume.geometry.affine,
                source=series.uid,
                database=database,
                role="labels",
                labels={2: "Box"},
                name=f"Box {k}",
            )

        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(store, range(2)))
        for report in reports:
            stored = database.find_series(report.series_uids[0])
            assert (stored.modality, stored.study_uid) == ("SEG", series.study_uid)
            back = database.load(stored, lazy=False)
            assert int((back.numpy() > 0).sum()) == int((box > 0).sum())
        for array, geometry in (
            (np.zeros((4, 4)), None),
            (box, np.eye(3)),
            (box[1:], volume.geometry),
        ):
            with pytest.raises(ExportError) as error:
                store_result(array, geometry=geometry, source=series.uid, database=database)
            assert error.value.reason == "bad-source"
        assert len(database.series()) == 3


def test_labels_that_are_floats_with_whole_values(reference_data: Path, tmp_path: Path) -> None:
    with Database.open(tmp_path / "db", create=True) as database:
        database.import_paths(reference_data / "rt_dvh_slicerrt" / "ct", workers=0)
        series = database.series()[0]
        volume = database.load(series, lazy=False)
        mask = np.zeros(volume.array.shape)  # floats, as nibabel, torch and others hand them out
        mask[1:3, 5:20, 7:30] = 2
        known = {"geometry": volume.geometry, "source": series.uid, "database": database}
        report = store_result(mask, role="labels", labels={2: "Bone"}, **known)
        back = database.load(report.series_uids[0], lazy=False)
        np.testing.assert_array_equal(back.numpy() > 0, mask > 0)
        for wrong in (mask + 0.5, np.where(mask > 0, np.nan, 0), mask * 1e12):
            with pytest.raises(ExportError, match="no whole numbers") as error:
                store_result(wrong, role="labels", **known)
            assert error.value.reason == "bad-source"


def test_overlapping_segments_go_back_into_one_object(
    reference_data: Path, tmp_path: Path
) -> None:
    with Database.open(tmp_path / "db", create=True) as database:
        database.import_paths(reference_data / "seg" / "partial_overlaps.dcm", workers=0)
        (series,) = database.series()
        volume = database.load(series, lazy=False)
        assert volume.dims[0] == "group"
        for report in (
            store_result(volume, database=database),
            database.write(volume, series.study_uid),
            store_result(ExportSource.of_volume(volume, role="labels"), database=database),
        ):
            assert len(report.instance_uids) == 1
            back = database.load(report.series_uids[0], lazy=False)
            told = [[s.label for s in group] for group in back.meta["segments"]]
            assert told == [[s.label for s in group] for group in volume.meta["segments"]]
            np.testing.assert_array_equal(back.numpy(), volume.numpy())
            np.testing.assert_allclose(back.geometry.affine, volume.geometry.affine, atol=1e-4)


def test_what_cannot_be_stored_is_told_in_words(reference_data: Path, tmp_path: Path) -> None:
    with Database.open(tmp_path / "db", create=True) as database:
        database.import_paths(reference_data / "rt_dvh_slicerrt" / "ct", workers=0)
        series = database.series()[0]
        known = {"source": series.uid, "database": database}
        array = np.ones((2, 3, 4), np.uint8)
        before = len(database.series())
        for wrong in ([[1, 2]], None, "text", Path("file.nii")):
            with pytest.raises(ExportError, match="store_result also takes") as error:
                store_result(wrong, **known)
            assert error.value.reason == "bad-source"
        with pytest.raises(ExportError, match="store_result also takes"):
            database.write(array, series.study_uid)
        skewed = np.diag([1.0, 1, 1, 2])  # not affine: divides by two
        for geometry in ("no", skewed, np.eye(3), np.full((4, 4), np.nan)):
            with pytest.raises(ExportError, match="matrix of numbers"):
                store_result(array, geometry=geometry, **known)
        for labels in ({"a": "b"}, ["Bone"], {1: {"label": "Bone"}}):
            with pytest.raises(ExportError, match="whole numbers to names"):
                store_result(array, role="labels", labels=labels, geometry=np.eye(4), **known)
        with pytest.raises(NotFoundError, match="no study 5"):
            store_result(array, study=5, database=database)
        assert len(database.series()) == before


def test_masked_values_are_not_stored(reference_data: Path, tmp_path: Path) -> None:
    values = np.arange(60, dtype=np.int16).reshape(3, 4, 5) % 7
    masked = np.ma.masked_equal(values, 3)
    with Database.open(tmp_path / "db", create=True) as database:
        database.import_paths(reference_data / "rt_dvh_slicerrt" / "ct", workers=0)
        study = database.studies()[0]
        axial = np.eye(4)[[2, 1, 0, 3]]
        known = {"study": study, "database": database, "geometry": axial}
        report = store_result(masked, **known)
        assert any("no number" in loss for loss in report.losses)
        kept = database.load(report.series_uids[0], lazy=False).numpy()
        np.testing.assert_array_equal(kept[values != 3], values[values != 3])
        assert not (kept[values == 3] == 3).any()
        report = store_result(masked, role="labels", grid="own",
                              other_frame_of_reference=True, **known)  # fmt: skip
        back = database.load(report.series_uids[0], lazy=False)
        np.testing.assert_array_equal(back.numpy() > 0, (values > 0) & (values != 3))
