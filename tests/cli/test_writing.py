"""The verb write: NIfTI and NRRD become objects of a study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest


@pytest.fixture
def result(dicomdb: Callable[..., Any], reference_data: Path, tmp_path: Path) -> tuple[Path, str]:
    """A CT in a database, and its volume, doubled, as NIfTI."""
    dicomdb("import", reference_data / "rt_dvh_slicerrt" / "ct")
    (series,) = dicomdb("ls", "--json").json
    dicomdb("convert", series["uid"], "--to", tmp_path / "ct.nii.gz")
    image = nibabel.load(tmp_path / "ct.nii.gz")
    doubled = np.asarray(image.dataobj).astype(np.int16) // 2
    nibabel.save(
        nibabel.Nifti1Image(doubled, image.affine, image.header), tmp_path / "half.nii.gz"
    )
    (study,) = dicomdb("ls", "studies", "--json").json
    return tmp_path / "half.nii.gz", study["uid"]


def test_images_into_a_folder_and_the_database(
    dicomdb: Callable[..., Any], result: tuple[Path, str], tmp_path: Path
) -> None:
    path, study = result
    outcome = dicomdb("write", path, "--study", study, "--as", "image", "--into-db",
                      "--to", tmp_path / "out", "--description", "Halved", "--json")  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert outcome.json["imported"] == len(outcome.json["files"]) == 92
    header = pydicom.dcmread(outcome.json["files"][0])
    assert (header.Modality, header.SeriesDescription) == ("CT", "Halved")
    assert header.StudyInstanceUID == study
    assert len(header.SourceImageSequence) == 1
    found = {s["description"]: s for s in dicomdb("ls", "--json").json}
    assert found["Halved"]["instance_count"] == 92
    back = tmp_path / "back.nii.gz"
    assert dicomdb("convert", found["Halved"]["uid"], "--to", back).code == 0
    one, two = nibabel.load(path), nibabel.load(back)
    np.testing.assert_allclose(one.affine, two.affine, atol=1e-4)
    np.testing.assert_array_equal(np.asarray(one.dataobj), np.asarray(two.dataobj))


@pytest.mark.parametrize("form", ["enhanced", "secondary-capture", "multi-frame"])
def test_other_forms(
    dicomdb: Callable[..., Any], result: tuple[Path, str], tmp_path: Path, form: str
) -> None:
    path, study = result
    outcome = dicomdb("write", path, "--study", study, "--to", tmp_path / "out", "--form", form,
                      "--set", "compression=rle")  # fmt: skip
    assert outcome.code == 0, outcome.err
    files = list((tmp_path / "out").rglob("*.dcm"))
    assert len(files) == (92 if form == "secondary-capture" else 1)
    assert pydicom.dcmread(files[0]).file_meta.TransferSyntaxUID.is_encapsulated
    assert "written" in outcome.out


def test_told_before_anything_is_written(
    dicomdb: Callable[..., Any], result: tuple[Path, str], tmp_path: Path
) -> None:
    path, study = result
    outcome = dicomdb("write", path, "--study", study, "--dry-run", "--json")
    assert [one["exporter"] for one in outcome.json] == ["image"] * 4
    assert "--set compression=" in dicomdb("write", path, "--study", study, "--dry-run").out
    to = ("--to", tmp_path / "out")
    for words, code, text in (
        ((path, "--study", study), 2, "say where"),
        ((path, "--study", study, "--as", "mesh", *to), 2, "--as takes"),
        ((path, "--study", study, "--as", "seg", "--form", "classic", *to), 2, "--form goes"),
        ((path, "--study", "1.2.3", *to), 1, "study-gone"),
        ((path, "--study", study, "--source", "1.2.3", *to), 1, "not-found"),
        ((path, "--study", study, "--form", "film", *to), 1, "only as"),
        ((path, "--study", study, "--set", "taste=sweet", *to), 1, "bad-option"),
        ((path, "--study", study, "--set", "compression=jpeg", *to), 1, "bad-option"),
        ((path, "--study", study, "--description", "x" * 65, *to), 1, "bad-value"),
        ((tmp_path / "gone.nii", "--study", study, *to), 1, "unreadable"),
    ):
        outcome = dicomdb("write", *words)
        assert (outcome.code, text in outcome.err) == (code, True), outcome.err
    assert not (tmp_path / "out").exists()
