"""Volumes beside their sidecars, read back by nibabel and pynrrd."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import nibabel
import nrrd
import numpy as np
import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import ExportError, LoadError
from napari_dicomdb.loading.volume import Volume
from napari_dicomdb.viewer.phantom import write_phantom_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Files of an axial CT and of a CT that lacks slices."""
    folder = tmp_path_factory.mktemp("phantom")
    made = write_phantom_study(folder, ("axial-ct", "missing-slice"), matrix=16, slices=6)
    return {series.name: list(series.paths) for series in made}


def test_nifti_of_a_study_with_sidecars(study: dict[str, list[Path]], tmp_path: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths([p for paths in study.values() for p in paths], workers=0)
        report = database.export(database.studies(), tmp_path / "out", form=".nii.gz")
        assert dict(database.activity()[0].counts) == {"volumes": report.written}
        assert database.activity()[0].kind == "export"
        series = {s.uid: s for s in database.series()}
    files = sorted((tmp_path / "out").rglob("*.nii.gz"))
    assert (report.written, report.rejected) == (len(files), [])
    assert not list((tmp_path / "out").glob(".*"))
    told = [json.loads(p.with_name(p.name.replace(".nii.gz", ".json")).read_text()) for p in files]
    assert {uid for one in told for uid in one["series_uids"]} == set(series)
    for path, one in zip(files, told, strict=True):
        image = nibabel.load(path)
        # NIfTI is (column, row, slice) in RAS.
        flipped = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.array(one["affine_lps"])
        np.testing.assert_allclose(image.affine[:, :3], flipped[:, 2::-1], atol=1e-4)
        assert image.shape == tuple(one["shape"][::-1])
        assert len(path.relative_to(tmp_path / "out").parts) == 4
    irregular = [one for one in told if one["findings"]]
    assert any(f["code"] == "missing-slices" for one in irregular for f in one["findings"])


def test_nrrd_has_the_stored_values(study: dict[str, list[Path]], tmp_path: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths(study["axial-ct"], workers=0)
        database.export(database.series(), tmp_path / "out", form=".nrrd")
    (path,) = (tmp_path / "out").rglob("*.nrrd")
    values, _ = nrrd.read(str(path), index_order="C")
    slices = [pydicom.dcmread(p) for p in study["axial-ct"]]
    slices.sort(key=lambda ds: ds.ImagePositionPatient[2])
    wanted = [s.pixel_array * s.RescaleSlope + s.RescaleIntercept for s in slices]
    np.testing.assert_array_equal(values, np.stack(wanted))


def test_again_keeps_what_is_there(study: dict[str, list[Path]], tmp_path: Path) -> None:
    with Database.in_memory() as database:
        database.import_paths(study["axial-ct"], workers=0)
        for _ in range(2):
            database.export(database.series(), tmp_path / "out", form=".nii")
    names = sorted(p.name for p in (tmp_path / "out").rglob("*.nii"))
    assert len(names) == 2
    assert names[0].replace(" (2)", "") == names[1]


def test_unknown_form(tmp_path: Path) -> None:
    with Database.in_memory() as database, pytest.raises(ExportError, match="mp4"):
        database.export([], tmp_path, form=".mp4")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("Doe^Jane"), "not-written"),
        (LoadError("too many axes", reason="unsupported-shape"), "unsupported-shape"),
        (OSError(errno.ENOSPC, "no space left"), "disk-full"),
    ],
)
def test_a_volume_that_cannot_be_written_leaves_nothing(
    study: dict[str, list[Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    reason: str,
) -> None:
    def fail(self: Volume, path: Path) -> None:
        Path(path).write_text("half")
        raise error

    monkeypatch.setattr(Volume, "to_nrrd", fail)
    with Database.in_memory() as database:
        database.import_paths(study["axial-ct"], workers=0)
        if reason == "disk-full":  # the next would not fit either
            with pytest.raises(ExportError) as caught:
                database.export(database.series(), tmp_path / "out", form=".nrrd")
            assert caught.value.reason == reason
        else:
            report = database.export(database.series(), tmp_path / "out", form=".nrrd")
            assert (report.written, [r[1] for r in report.rejected]) == (0, [reason])
            assert "Doe" not in str(report.rejected)
    assert list(tmp_path.iterdir()) == []
