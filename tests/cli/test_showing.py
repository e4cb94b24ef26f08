"""The verb show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom


def _file(phantom: Path) -> Path:
    return next(p for p in sorted(phantom.rglob("*")) if p.is_file())


def test_show_a_file(dicomdb: Callable[..., Any], phantom: Path) -> None:
    dataset = pydicom.dcmread(_file(phantom))
    outcome = dicomdb("show", _file(phantom))
    assert outcome.code == 0
    assert f"(0020,000D) UI Study Instance UID: {dataset.StudyInstanceUID}" in outcome.out
    assert "(7FE0,0010)" not in outcome.out


def test_show_as_dicom_json(dicomdb: Callable[..., Any], phantom: Path) -> None:
    dataset = pydicom.dcmread(_file(phantom))
    shown = dicomdb("show", _file(phantom), "--json").json
    assert shown["00080018"] == {"vr": "UI", "Value": [dataset.SOPInstanceUID]}


def test_show_an_instance_of_the_database(dicomdb: Callable[..., Any], phantom: Path) -> None:
    assert dicomdb("import", phantom).code == 0
    uid = pydicom.dcmread(_file(phantom)).SOPInstanceUID
    outcome = dicomdb("show", uid, "--filter", "sop instance")
    assert uid in outcome.out
    assert all("sop instance" in line.casefold() for line in outcome.out.splitlines())


def test_show_what_is_not_dicom(dicomdb: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no")
    outcome = dicomdb("show", tmp_path / "a.txt")
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
