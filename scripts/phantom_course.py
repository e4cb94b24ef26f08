"""A time course of two echoes made of a phantom MR: a contrast agent comes and goes.

    python scripts/phantom_course.py FOLDER

Every slice is multiplied by exp(-TE R2*), and brightens after 20 s inside a ball
in the middle by half its value, falling back with a time constant of 30 s.
"""

from __future__ import annotations

import copy
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

ECHOES = (4.92, 24.6)  # ms
DECAY = 0.02  # 1/ms
STEP = 2.5  # s
ARRIVAL, WASHOUT, GAIN = 20.0, 30.0, 0.5  # s, s, share
REACH = 0.2  # of the image's width


def gain(seconds: float) -> float:
    """Return by which share the ball is brighter."""
    late = seconds - ARRIVAL
    return 0.0 if late < 0 else GAIN * float(np.exp(-late / WASHOUT))


def write_time_course(
    folder: Path,
    *,
    volumes: int = 24,
    matrix: int = 96,
    slices: int = 20,
    echoes: Sequence[float] = ECHOES,
    description: str = "Phantom perfusion, two echoes",
) -> list[Path]:
    """Write the series into `folder` as classic MR images, one echo after the other."""
    import pydicom
    from pydicom.uid import generate_uid

    from napari_dicomdb.viewer.phantom import write_phantom_study

    folder.mkdir(parents=True, exist_ok=True)
    series_uid, written = generate_uid(), []
    with tempfile.TemporaryDirectory(prefix="dicomdb-phantom-") as temporary:
        (source,) = write_phantom_study(temporary, ("oblique-mr",), matrix=matrix, slices=slices)
        images = [pydicom.dcmread(path) for path in source.paths]
    pixels = [ds.pixel_array.astype(float) for ds in images]
    rows, columns = np.indices(pixels[0].shape)
    ball = np.hypot(rows - rows.mean(), columns - columns.mean()) < REACH * matrix
    for ds in images:
        ds.SeriesInstanceUID, ds.SeriesNumber = series_uid, 21
        ds.SeriesDescription = description
        del ds.PixelData
    for t in range(volumes):
        seconds = 36_000 + t * STEP
        clock = f"{int(seconds // 3600):02d}{int(seconds // 60) % 60:02d}{seconds % 60:09.6f}"
        brighter = 1 + gain(t * STEP) * ball
        for te in echoes:
            for image, ds in zip(pixels, images, strict=True):
                out = copy.deepcopy(ds)
                out.SOPInstanceUID = out.file_meta.MediaStorageSOPInstanceUID = generate_uid()
                out.InstanceNumber = len(written) + 1
                out.EchoTime, out.AcquisitionTime = te, clock
                shown = np.rint(image * brighter * np.exp(-DECAY * te)).astype(np.uint16)
                out.add_new("PixelData", "OW", shown.tobytes())
                written.append(folder / f"{out.InstanceNumber:05d}.dcm")
                out.save_as(written[-1], enforce_file_format=True)
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{len(write_time_course(Path(sys.argv[1])))} images in {sys.argv[1]}")
