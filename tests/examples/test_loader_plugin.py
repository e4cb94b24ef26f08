"""The example of the guide for loader authors, installed as anybody's package is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, XRayAngiographicImageStorage, generate_uid

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "loader_plugin"
GUIDE = ROOT / "docs" / "loader-guide.md"
FRAMES = np.random.default_rng(3).integers(0, 1000, (5, 6, 8)).astype(np.uint16)


def write_run(path: Path, **values: Any) -> Path:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = XRayAngiographicImageStorage, generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.PatientID, ds.Modality, ds.SeriesDescription = "P1", "XA", "Left coronary"
    ds.PixelIntensityRelationship = "LOG"
    ds.NumberOfFrames, ds.Rows, ds.Columns = FRAMES.shape
    ds.FrameTime = "66.7"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.PixelData = FRAMES.tobytes()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process in which the example is installed."""
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--no-index", "--no-compile"),
            *("--target", str(target), str(EXAMPLE)),
        ],
        check=True,
        timeout=60,
    )
    return {**os.environ, "PYTHONPATH": str(target)}


def run(code: str, environment: dict[str, str], *arguments: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LOADERS = """
import json
from napari_dicomdb.loading import failures, registry
print(json.dumps([[one.name for one in registry.loaders()], [one.text for one in failures()]]))
"""

OPEN = """
import json, sys
from napari_dicomdb import examine
(found,) = [one for one in examine(sys.argv[1]) if one.loader.name == "subtraction"]
volume = found.load()
print(json.dumps({
    **found.to_json(),
    "values": volume.numpy().tolist(),
    "volume_dims": volume.dims,
    "times": volume.coords["time"].values,
}))
"""

STORED = """
import json, sys
from napari_dicomdb import Database
with Database.open(sys.argv[2]) as database:
    database.import_paths([sys.argv[1]], workers=0)
    (series,) = database.series()
    database.examine(series)
    print(json.dumps([
        [(one.name, one.loader, one.dims, one.selected) for one in database.loadables(series)],
        [one.options.get("mask") for one in database.examine(series)],
    ]))
"""


def test_it_is_found_once_it_is_installed(installed: dict[str, str]) -> None:
    names, broken = run(LOADERS, installed)
    assert "subtraction" in names
    assert broken == []
    without, _ = run(LOADERS, {k: v for k, v in installed.items() if k != "PYTHONPATH"})
    assert "subtraction" not in without
    assert set(names) - set(without) == {"subtraction"}


def test_it_subtracts(installed: dict[str, str], tmp_path: Path) -> None:
    found = run(OPEN, installed, write_run(tmp_path / "run.dcm"))
    assert found["name"] == "Left coronary, subtracted"
    assert found["dims"] == found["volume_dims"] == ["time", "row", "column"]
    assert found["shape"] == list(FRAMES.shape)
    assert not found["selected"]
    assert found["findings"] == []
    expected = FRAMES.astype(float) - FRAMES[0]
    np.testing.assert_array_equal(found["values"], expected)
    assert found["times"] == pytest.approx([0.0667 * k for k in range(5)])


def test_it_says_what_is_wrong(installed: dict[str, str], tmp_path: Path) -> None:
    path = write_run(tmp_path / "run.dcm", PixelIntensityRelationship="LIN")
    (finding,) = run(OPEN, installed, path)["findings"]
    assert finding["severity"] == "warning"
    assert "linear" in finding["text"]


def test_what_it_offers_is_kept_with_the_series(installed: dict[str, str], tmp_path: Path) -> None:
    listed, masks = run(STORED, installed, write_run(tmp_path / "run.dcm"), tmp_path / "db")
    assert [one[1] for one in listed] == ["cine", "subtraction"]
    assert listed[1][2:] == [["time", "row", "column"], False]
    assert masks == [None, 0]


def test_the_guide_shows_the_example_as_it_is() -> None:
    code = (EXAMPLE / "src" / "dicomdb_subtraction" / "__init__.py").read_text(encoding="utf-8")
    settings = (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
    shown = re.findall(r"^```(python|toml)\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)
    assert ("python", code) in shown
    assert all(text in settings for kind, text in shown if kind == "toml")
    assert any(kind == "toml" for kind, _ in shown)
