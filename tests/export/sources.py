"""Sources from reference data and analytic ones, for the tests of all exporters."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_dicomdb import Database
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.export.study import StudyForm, StudyTarget
from napari_dicomdb.loading.volume import VolumeGeometry

DIMS = ("slice", "row", "column")


def errors_of(program: Callable[[str], str], path: Path | str) -> list[str]:
    """Return the Error lines of dciodvfy."""
    done = subprocess.run([program("dciodvfy"), str(path)], capture_output=True, text=True)
    return [line for line in done.stderr.splitlines() if line.startswith("Error")]


def of_data(database: Database, folder: Path) -> tuple[ExportSource, StudyTarget]:
    """Load the largest series of a folder; where it goes is its own study."""
    database.import_paths(folder, workers=0)
    series = max(database.series(), key=lambda s: s.instance_count)
    offer = next(o for o in database.examine(series) if o.selected)
    source = ExportSource.of_volume(offer.load(lazy=False))
    return source, StudyTarget.of_study(database, series.study_uid, source.references)


def oblique(shape: tuple[int, int, int] = (5, 6, 7)) -> np.ndarray:
    """Return an affine at right angles that is along no axis of the patient."""
    a, b, c = 0.3, -0.7, 1.1
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    affine = np.eye(4)
    turned = rz @ ry @ rx
    # Columns along x, rows along y, slices along z, as an axial image, then turned.
    affine[:3, :3] = turned[:, [2, 1, 0]] * (2.3456789, 0.7123456789, 1 / 3)
    affine[:3, 3] = (-123.45678901234, 1 / 7, 1234.56789)
    return affine


def made_up(array: np.ndarray, affine: np.ndarray | None = None, **more: Any) -> ExportSource:
    """Return a source of an array in (..., slice, row, column)."""
    rgb = bool(more.get("is_rgb"))
    lead = array.ndim - 3 - rgb
    grid = array.shape[lead : lead + 3]
    if "geometry" not in more:
        matrix = oblique() if affine is None else affine
        more["geometry"] = VolumeGeometry(matrix, (grid[0], grid[1], grid[2]))
    dims = more.pop("dims", (*(f"axis_{k}" for k in range(lead)), *DIMS))
    return ExportSource(more.pop("name", "Result"), array, dims, **more)


def anybody() -> StudyTarget:
    """Return a new study of a person that is none."""
    return StudyForm(patient_name="Doe^Jane", patient_id="4711", patient_sex="F").target()
