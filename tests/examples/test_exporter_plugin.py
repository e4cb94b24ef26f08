"""The page for exporter authors: its code is run, its package is installed and writes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from tests.export.sources import errors_of

from napari_dicomdb import Database
from napari_dicomdb.viewer.phantom import write_phantom_study

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "exporter_plugin"
CT = "Phantom head CT 2.5 mm"
GUIDE = ROOT / "docs" / "exporter-guide.md"

WRITE = """
import json, sys
from napari_dicomdb import Database
from napari_dicomdb.export import ExportSource, examine_for_export, failures
with Database.open(sys.argv[1]) as database:
    volume = database.load(sys.argv[2], lazy=False)
    offers = examine_for_export(ExportSource.of_volume(volume))
    (one,) = [offer for offer in offers if offer.exporter.name == "projection"]
    report = database.write(one, volume.meta["study_uid"])
    print(json.dumps([report.to_json(), one.losses, len(offers), len(failures()),
                      volume.numpy().max(axis=0).tolist(),
                      [m for m in sys.modules if m in ("napari", "qtpy")]]))
"""


def shown() -> list[tuple[str, str]]:
    return re.findall(r"^```(python|toml)\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one CT."""
    place = tmp_path_factory.mktemp("home")
    write_phantom_study(place / "phantom")
    with Database.open(place / "db") as database:
        database.import_paths(place / "phantom", workers=0)
        for series in database.series():
            if series.description != CT:
                database.remove(series=series)
    return place / "db"


def test_the_call_for_other_plugins(
    home: Path, monkeypatch: pytest.MonkeyPatch, program: Callable[[str], str]
) -> None:
    monkeypatch.setenv("DICOMDB_DATABASE", str(home))
    code = shown()[0][1]
    values: dict[str, object] = {}
    exec(compile(code, str(GUIDE), "exec"), values)
    with Database.open(home) as database:
        images = [database.find_series(uid) for uid in values["report"].series_uids]
        (segments,) = [database.find_series(uid) for uid in values["segments"].series_uids]
        volume = values["volume"]
        assert [(one.description, one.modality) for one in images] == [("Smoothed", "CT")]
        back = database.load(images[0], lazy=False)
        np.testing.assert_array_equal(back.numpy(), values["smooth"])
        np.testing.assert_allclose(back.geometry.affine, volume.geometry.affine, atol=1e-4)
        assert (segments.modality, segments.description) == ("SEG", "Bones")
        path = database.instances(segments)[0].path
        assert errors_of(program, path) == []
        made = pydicom.dcmread(path)
        assert made.SegmentSequence[0].SegmentLabel == "Bone"
        assert made.ReferencedSeriesSequence[0].SeriesInstanceUID == values["series"].uid


def test_the_package_is_found_and_writes(
    home: Path, tmp_path: Path, program: Callable[[str], str]
) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--no-index", "--no-compile"),
            *("--target", str(tmp_path), str(EXAMPLE)),
        ],
        check=True,
        timeout=60,
    )
    with Database.open(home, read_only=True) as database:
        (source,) = [one.uid for one in database.series() if one.description == CT]
    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(home), source],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    report, losses, offers, broken, brightest, windows = json.loads(done.stdout)
    assert (report["imported"], report["losses"], broken, windows) == (1, losses, 0, [])
    assert offers > 1
    with Database.open(home, read_only=True) as database:
        (written,) = database.instances(database.find_series(report["series_uids"][0]))
        assert errors_of(program, written.path) == []
        pixels = pydicom.dcmread(written.path).pixel_array
    expected = np.array(brightest, float)
    scale = (expected - expected.min()) / np.ptp(expected) * 255
    assert np.abs(pixels - scale).max() <= 0.5


def test_the_page_shows_the_example_as_it_is() -> None:
    code = (EXAMPLE / "src" / "dicomdb_projection" / "__init__.py").read_text(encoding="utf-8")
    settings = (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
    assert ("python", code) in shown()
    assert all(text in settings for kind, text in shown() if kind == "toml")
