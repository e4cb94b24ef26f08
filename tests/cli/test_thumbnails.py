"""The verb thumbnails: makes pictures ahead, tells what cannot be drawn, keeps a limit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom


def pngs(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "database" / "thumbnails").glob("*.png"))


def test_makes_all_ahead(dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path) -> None:
    dicomdb("import", phantom)
    count = len(dicomdb("ls", "--json").json)
    outcome = dicomdb("thumbnails", "--json", "--workers", 2)
    assert (outcome.code, outcome.json["made"], outcome.json["failures"]) == (0, count, [])
    assert len(pngs(tmp_path)) == count
    again = dicomdb("thumbnails")
    assert again.code == 0 and f"0 made, {count} there already" in again.out


def test_only_some(dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path) -> None:
    dicomdb("import", phantom)
    first, second, *_ = dicomdb("ls", "--json").json
    outcome = dicomdb("thumbnails", "--series", first["uid"], "--series", second["uid"])
    assert outcome.code == 0 and len(pngs(tmp_path)) == 2
    unknown = dicomdb("thumbnails", "--series", "1.2.3")
    assert unknown.code == 1 and "1.2.3" in unknown.err


def test_failures_are_told_and_tried_again(
    dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(phantom, copy)
    dicomdb("import", copy)
    away = copy.rename(tmp_path / "away")
    count = len(dicomdb("ls", "--json").json)
    outcome = dicomdb("thumbnails")
    assert outcome.code == 1 and f"{count} failed" in outcome.out
    assert outcome.err.count("[file-missing]") == count
    away.rename(copy)
    assert dicomdb("thumbnails").code == 1, "not so soon"
    outcome = dicomdb("thumbnails", "--retry", "--json")
    assert (outcome.code, outcome.json["made"]) == (0, count)


def test_what_has_no_image_is_no_failure(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    report = pydicom.Dataset()
    report.file_meta = pydicom.dataset.FileMetaDataset()
    report.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = (
        pydicom.uid.ComprehensiveSRStorage
    )
    report.SOPInstanceUID = report.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    report.StudyInstanceUID, report.SeriesInstanceUID, report.Modality = "1.2", "1.2.3", "SR"
    report.save_as(tmp_path / "report.dcm", enforce_file_format=True)
    dicomdb("import", tmp_path / "report.dcm")
    outcome = dicomdb("thumbnails")
    assert outcome.code == 0 and "1 series without an image" in outcome.out


def test_clear_and_limit(dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path) -> None:
    dicomdb("import", phantom)
    dicomdb("thumbnails")
    count = len(pngs(tmp_path))
    size = sum(path.stat().st_size for path in pngs(tmp_path))
    outcome = dicomdb("thumbnails", "--limit", size * 0.8 / 1e6, "--json")
    assert outcome.code == 0 and 0 < outcome.json["deleted"] < count
    assert sum(path.stat().st_size for path in pngs(tmp_path)) <= size * 0.8
    assert len(pngs(tmp_path)) == count - outcome.json["deleted"]
    assert dicomdb("thumbnails", "--clear").code == 0
    assert pngs(tmp_path) == []
    assert dicomdb("thumbnails", "--clear", "--retry").code == 2
    assert dicomdb("thumbnails", "--limit", "-1").code == 2
