"""Reading only the beginning of a header, and what is broken in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.errors import PixelError
from napari_dicomdb.loading.pictures.headers import items, read_header, referenced_uids, values_of


def test_only_what_comes_before(scene: Any) -> None:
    header = read_header(scene.images.paths[0], lambda tag: tag >= 0x00200000)
    assert header.PatientID == scene.headers[0].PatientID
    assert "FrameOfReferenceUID" not in header and "PixelData" not in header


def test_a_cut_file(tmp_path: Path, scene: Any) -> None:
    whole = scene.images.paths[0].read_bytes()
    (tmp_path / "cut").write_bytes(whole[:700])
    try:
        read_header(tmp_path / "cut", lambda tag: tag >= 0x7FE00000)
    except PixelError as error:
        assert error.reason == "bad-header"
    with pytest.raises(OSError, match="absent"):
        read_header(tmp_path / "absent", lambda tag: False)


def test_values_and_items() -> None:
    ds = Dataset()
    ds.PatientID, ds.PixelSpacing = "P", ["1", "2"]
    ds.add_new(0x00200013, "IS", None)
    assert values_of(ds, "PatientID") == ["P"]
    assert [float(v) for v in values_of(ds, "PixelSpacing")] == [1, 2]
    assert values_of(ds, "InstanceNumber") == [] and values_of(ds, "Rows") == []
    assert items(ds, "PatientID") == [] and items(ds, "ReferencedSeriesSequence") == []
    series, image = Dataset(), Dataset()
    image.ReferencedSOPInstanceUID = "1.2.3"
    series.ReferencedInstanceSequence = [image]
    ds.ReferencedSeriesSequence = [series]
    assert list(referenced_uids(ds)) == ["1.2.3"]
