"""A diffusion series made of a phantom MR: fibres run in circles about the middle.

    python scripts/phantom_diffusion.py FOLDER

Every slice of the phantom's MR is weighted by exp(-b g'Dg) for two shells of
evenly spread gradients; D is a cigar along the circle through the voxel. The
right answers are therefore known: ADC, FA, and the fibres' directions.
"""

from __future__ import annotations

import copy
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

ALONG, ACROSS = 1.7e-3, 0.3e-3  # mm2/s
SHELLS = ((0.0, 1), (1000.0, 12), (2000.0, 24))


def directions(count: int) -> NDArray[np.float64]:
    """Return `count` directions spread over half a sphere along a spiral."""
    k = np.arange(count) + 0.5
    height = k / count
    turn = np.pi * (1 + np.sqrt(5)) * k
    around = np.sqrt(1 - height**2)
    return np.column_stack([around * np.cos(turn), around * np.sin(turn), height])


def gradients() -> list[tuple[float, NDArray[np.float64]]]:
    """Return b-value and direction of every volume."""
    return [(b, vector if b else np.zeros(3)) for b, n in SHELLS for vector in directions(n)]


def place_of(ds: Dataset) -> NDArray[np.float64]:
    """Return the affine from (0, row, column, 1) of an image to LPS mm."""
    from napari_dicomdb.dicom.plane import affine_from_plane

    return affine_from_plane(
        ds.ImagePositionPatient, ds.ImageOrientationPatient, ds.PixelSpacing, (0, 0, 1)
    )


def write_diffusion_series(folder: Path, *, matrix: int = 96, slices: int = 24) -> list[Path]:
    """Write the series into `folder` as classic MR images."""
    import pydicom
    from pydicom.uid import generate_uid

    from napari_dicomdb.viewer.phantom import write_phantom_study

    folder.mkdir(parents=True, exist_ok=True)
    series_uid, written = generate_uid(), []
    with tempfile.TemporaryDirectory(prefix="dicomdb-phantom-") as temporary:
        (source,) = write_phantom_study(temporary, ("oblique-mr",), matrix=matrix, slices=slices)
        images = [pydicom.dcmread(path) for path in source.paths]
    pixels = [ds.pixel_array.copy() for ds in images]
    half = (0, (matrix - 1) / 2, (matrix - 1) / 2, 1)
    middle = np.mean([place_of(ds) @ half for ds in images], axis=0)[:3]
    for ds in images:
        ds.SeriesInstanceUID, ds.SeriesNumber = series_uid, 20
        ds.SeriesDescription = "Phantom diffusion"
        del ds.PixelData
        ds.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
    for number, (b, vector) in enumerate(gradients()):
        for k, ds in enumerate(images):
            rows, columns = np.indices((ds.Rows, ds.Columns))
            grid = np.stack([np.zeros_like(rows), rows, columns, np.ones_like(rows)])
            x, y, _, _ = np.einsum("ij,jrc->irc", place_of(ds), grid) - [
                [[v]] for v in (*middle, 1)
            ]
            reach = np.hypot(x, y) + 1e-9
            beside = (vector[1] * x - vector[0] * y) / reach  # g along the circle
            diffusivity = ACROSS + (ALONG - ACROSS) * beside**2
            weighted = pixels[k] * np.exp(-b * diffusivity)
            out = copy.deepcopy(ds)
            out.SOPInstanceUID = out.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            out.InstanceNumber = number * len(images) + k + 1
            out.AcquisitionNumber = number + 1
            out.DiffusionBValue = b
            if b:
                out.DiffusionGradientOrientation = vector.tolist()
            out.add_new("PixelData", "OW", np.rint(weighted).astype(pixels[k].dtype).tobytes())
            written.append(folder / f"{out.InstanceNumber:05d}.dcm")
            out.save_as(written[-1], enforce_file_format=True)
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{len(write_diffusion_series(Path(sys.argv[1])))} images in {sys.argv[1]}")
