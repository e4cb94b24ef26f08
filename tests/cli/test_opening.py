"""The verbs examine, load and convert, from the database and from plain paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest


def _series_folder(reference_data: Path) -> Path:
    return reference_data / "mr_vendors" / "dicom2nifti__siemens_anatomical_001"


def test_convert_a_folder_equals_the_reference(
    dicomdb: Callable[..., Any], reference_data: Path, tmp_path: Path
) -> None:
    folder = _series_folder(reference_data)
    target = tmp_path / "volume.nii.gz"
    outcome = dicomdb("convert", folder / "dicom", "--to", target)
    assert outcome.code == 0, outcome.err
    ours = nibabel.as_closest_canonical(nibabel.load(target))
    (reference,) = (folder / "ref").glob("*.nii*")
    theirs = nibabel.as_closest_canonical(nibabel.load(reference))
    np.testing.assert_allclose(ours.affine, theirs.affine, atol=1e-3)
    np.testing.assert_array_equal(
        np.asarray(ours.dataobj).squeeze(), np.asarray(theirs.dataobj).squeeze()
    )


def test_convert_from_the_database_is_the_same(
    dicomdb: Callable[..., Any], reference_data: Path, tmp_path: Path
) -> None:
    folder = _series_folder(reference_data) / "dicom"
    assert dicomdb("import", folder).code == 0
    (series,) = dicomdb("ls", "--json").json
    a, b = tmp_path / "a.nii", tmp_path / "b.nii"
    assert dicomdb("convert", series["uid"], "--to", a).code == 0
    assert dicomdb("convert", folder, "--to", b).code == 0
    assert a.read_bytes() == b.read_bytes()


@pytest.mark.parametrize("ending", [".nrrd", ".zarr"])
def test_other_formats(
    dicomdb: Callable[..., Any], reference_data: Path, tmp_path: Path, ending: str
) -> None:
    target = tmp_path / f"volume{ending}"
    outcome = dicomdb("convert", _series_folder(reference_data) / "dicom", "--to", target)
    assert outcome.code == 0, outcome.err
    assert target.exists()


def test_an_existing_file_is_not_replaced(
    dicomdb: Callable[..., Any], reference_data: Path, tmp_path: Path
) -> None:
    target = tmp_path / "volume.nii"
    target.write_text("precious")
    folder = _series_folder(reference_data) / "dicom"
    outcome = dicomdb("convert", folder, "--to", target)
    assert outcome.code == 1
    assert "--force" in outcome.err
    assert target.read_text() == "precious"
    assert dicomdb("convert", folder, "--to", target, "--force").code == 0
    assert nibabel.load(target).shape


def test_unknown_format_is_wrong_usage(
    dicomdb: Callable[..., Any], reference_data: Path, tmp_path: Path
) -> None:
    target = tmp_path / "volume.xyz"
    outcome = dicomdb("convert", _series_folder(reference_data) / "dicom", "--to", target)
    assert outcome.code == 2


def test_many_volumes_for_one_file(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    outcome = dicomdb("convert", phantom, "--to", tmp_path / "all.nii")
    assert outcome.code == 1
    assert "--loadable" in outcome.err
    assert dicomdb("convert", phantom, "--to", tmp_path / "all.nii", "--all").code == 0
    assert len(list(tmp_path.glob("all-*.nii"))) == len(
        [x for x in dicomdb("examine", phantom, "--json").json["loadables"] if x["selected"]]
    )


def test_examine_names_the_fault(dicomdb: Callable[..., Any], reference_data: Path) -> None:
    outcome = dicomdb("examine", reference_data / "bad_geometry" / "gantrytilting" / "001")
    assert outcome.code == 0, outcome.err
    assert "[gantry-tilt]" in outcome.out


def test_load_says_what_came_out(dicomdb: Callable[..., Any], reference_data: Path) -> None:
    outcome = dicomdb("load", _series_folder(reference_data) / "dicom", "--json")
    (facts,) = outcome.json["loaded"]
    assert facts["shape"] == [4, 256, 256]
    assert facts["dims"] == ["slice", "row", "column"]


def test_a_folder_without_dicom(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("nothing here")
    outcome = dicomdb("load", tmp_path / "in")
    assert outcome.code == 1
    assert "no DICOM" in outcome.err


def test_neither_path_nor_series(dicomdb: Callable[..., Any], phantom: Path) -> None:
    assert dicomdb("import", phantom).code == 0
    outcome = dicomdb("load", "1.2.3.4.5")
    assert outcome.code == 1
    assert "1.2.3.4.5" in outcome.err


def test_no_such_loadable(dicomdb: Callable[..., Any], phantom: Path) -> None:
    assert dicomdb("load", phantom, "--loadable", "999").code == 2


def test_mistyped_path(dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path) -> None:
    """It says that the path is absent, with and without a database, also beside a path."""
    wrong = str(tmp_path / "absent")
    for words in (("examine", wrong), ("examine", phantom, wrong), ("examine", "")):
        outcome = dicomdb(*words)
        assert (outcome.code, outcome.out) == (1, "")
        assert "no such file or folder" in outcome.err
    assert dicomdb("import", phantom).code == 0
    outcome = dicomdb("convert", "absent.dcm", "--to", tmp_path / "a.nii")
    assert outcome.code == 1
    assert "neither a file or folder nor a series of the database: 'absent.dcm'" in outcome.err


def test_place_that_cannot_be_written(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    series = next(p for p in sorted(phantom.iterdir()) if p.is_dir())
    target = tmp_path / "file" / "a.nii"
    outcome = dicomdb("convert", series, "--to", target)
    assert (outcome.code, outcome.out) == (1, "")
    assert f"there is no folder {target.parent}" in outcome.err


def test_a_report_is_printed_as_a_tree(
    dicomdb: Callable[..., Any], reference_data: Path, tmp_path: Path
) -> None:
    report = reference_data / "sr" / "sr.dcm"
    outcome = dicomdb("load", report)
    assert outcome.code == 0, outcome.err
    assert "SUVbw: 6.01529 {SUVbw}g/ml" in outcome.out
    (loaded,) = dicomdb("load", report, "--json").json["loaded"]
    assert loaded["content"]["nodes"]
    refused = dicomdb("convert", report, "--to", tmp_path / "x.nii")
    assert refused.code == 1
    assert "[no-pixels]" in refused.err
    assert not (tmp_path / "x.nii").exists()


def test_no_folder_is_made_by_a_slip(
    dicomdb: Callable[..., Any], reference_data: Path, tmp_path: Path
) -> None:
    target = tmp_path / "volmes" / "a.nii"
    outcome = dicomdb("convert", _series_folder(reference_data) / "dicom", "--to", target)
    assert outcome.code == 1
    assert "[no-folder]" in outcome.err
    assert not target.parent.exists()


def test_has_findings_says_what_was_not_examined(
    dicomdb: Callable[..., Any], phantom: Path
) -> None:
    dicomdb("import", phantom)
    count = len(dicomdb("ls", "--json").json)
    asked = dicomdb("ls", "--search", "has:findings", "--json")
    assert (asked.code, f"{count} series have not been examined" in asked.err) == (0, True)
    assert "examined" not in dicomdb("ls", "--search", "modality:CT").err
    assert dicomdb("examine", "--all", "--json").json == {"examined": count}
    assert dicomdb("examine", "--all").out.strip() == "0 series examined"
    assert "examined" not in dicomdb("ls", "--search", "has:errors").err
    assert dicomdb("examine").code == 2
    assert dicomdb("examine", phantom, "--all").code == 2
