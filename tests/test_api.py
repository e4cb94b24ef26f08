"""The calls that users meet, over files written by pydicom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

import napari_dicomdb
from napari_dicomdb import Database, LoadError, NotFoundError, examine
from napari_dicomdb.loading.loadable import Loadable

if TYPE_CHECKING:
    from pathlib import Path

ROWS, COLUMNS, SLICES = 6, 5, 4
SPACING, STEP = (0.7, 0.6), 2.5


def stored(k: int) -> np.ndarray:
    """Stored values of slice k: all voxels of a volume differ."""
    return (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) + 100 * k).astype(np.int16)


@pytest.fixture
def ct_folder(tmp_path: Path) -> Path:
    """An axial CT, slices written from head to feet under names that do not sort."""
    folder = tmp_path / "ct"
    folder.mkdir()
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    for k in range(SLICES):
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, generate_uid()
        ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
        ds.FrameOfReferenceUID = frame
        ds.PatientID, ds.PatientName, ds.Modality = "P1", "Doe^Jo", "CT"
        ds.SeriesNumber, ds.InstanceNumber = 4, SLICES - k
        ds.ImagePositionPatient = [-10, -20, 30 + STEP * k]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing = list(SPACING)
        ds.SliceThickness = 5
        ds.Rows, ds.Columns = ROWS, COLUMNS
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
        ds.PixelRepresentation = 1
        ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
        ds.PixelData = stored(k).tobytes()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.save_as(folder / f"IM{(k * 3) % SLICES}", enforce_file_format=True)
    return folder


def test_database_is_the_public_one() -> None:
    assert napari_dicomdb.Database is Database
    with Database.in_memory() as database:
        assert isinstance(database, Database)
        assert database.series() == []


def test_examine_and_load_a_series(ct_folder: Path, tmp_path: Path) -> None:
    with Database.open(tmp_path / "db") as database:
        assert isinstance(database, Database)
        assert database.import_paths([ct_folder]).added == SLICES
        (series,) = database.series()
        loadables = database.examine(series.uid)
        assert loadables == sorted(loadables, key=lambda one: -one.confidence)
        volume = database.load(series)
    expected = np.stack([stored(k) for k in range(SLICES)]).astype(np.int32) - 1024
    np.testing.assert_array_equal(volume.numpy(), expected)
    # PS3.3 C.7.6.2.1-1 for an axial series: columns along x, rows along y, slices along z.
    affine = np.array([[0, 0, SPACING[1], -10], [0, SPACING[0], 0, -20], [STEP, 0, 0, 30]])
    np.testing.assert_allclose(volume.geometry.affine[:3], affine, atol=1e-9)


def test_uid_record_and_instances_examine_alike(ct_folder: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths([ct_folder])
        (series,) = database.series()
        by_uid = database.examine(series.uid)
        by_record = database.examine(series)
        by_instances = database.examine(database.instances(series))
        part = database.examine(database.instances(series)[:2])
    names = [[one.to_json() for one in found] for found in (by_uid, by_record, by_instances)]
    assert names[0] == names[1] == names[2]
    assert len(part[0].instances) == 2


def test_examine_reports_progress(ct_folder: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with Database.in_memory() as database:
        database.import_paths([ct_folder])
        uid = database.series()[0].uid
        database.examine(uid, progress=lambda done, total, _: seen.append((done, total)))
    assert seen == [(0, SLICES), (SLICES, SLICES)]


def test_an_unknown_series_is_not_found() -> None:
    with Database.in_memory() as database, pytest.raises(NotFoundError, match=r"1\.2\.3"):
        database.examine("1.2.3")


def test_loading_nothing_says_so() -> None:
    with Database.in_memory() as database, pytest.raises(LoadError, match="no way to open"):
        database.load([])


def test_examine_paths_needs_no_database(ct_folder: Path, user_folders: Path) -> None:
    loadables = examine(ct_folder)
    assert isinstance(loadables[0], Loadable)
    assert loadables[0].shape == (SLICES, ROWS, COLUMNS)
    # The index is gone by now; the loadable still loads.
    assert loadables[0].load().numpy()[0, 0, 0] == -1024
    assert not user_folders.exists()


def test_examine_one_file(ct_folder: Path) -> None:
    (best, *_) = examine(ct_folder / "IM0")
    assert len(best.instances) == 1


def test_examine_paths_says_why_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not DICOM")
    with pytest.raises(NotFoundError, match=r"no DICOM object in .*\n.*notes\.txt"):
        examine(tmp_path)


def test_examine_needs_a_path() -> None:
    with pytest.raises(TypeError, match="at least one path"):
        examine()


def test_the_index_learns_of_files_that_changed(ct_folder: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths([ct_folder])
        series = database.series()[0]
        path = next(ct_folder.iterdir())
        ds = dcmread(path)
        ds.PatientComments = "a longer header" * 30
        ds.save_as(path)
        before = {r.uid: r.pixel_offset for r in database.instances(series)}
        volume = database.load(series, lazy=False)
        assert np.array_equal(
            volume.array, np.stack([stored(k) for k in range(SLICES)]).astype(np.int32) - 1024
        )
        after = {r.uid: r.pixel_offset for r in database.instances(series)}
        assert [uid for uid in before if before[uid] != after[uid]] == [ds.SOPInstanceUID]
        assert not database.load(series).meta["changed_instances"]
