"""A whole slide made of nothing: tissue with nuclei as a pyramid, and the label of the glass.

python scripts/phantom_slide.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
GLASS, TISSUE, NUCLEUS = (244, 242, 245), (226, 152, 190), (92, 58, 140)
SPACING = 0.002  # mm
ORIGIN = (19.0, 38.0)  # mm, of the first pixel's centre
LEVELS = 4


def tissue(rows: int, columns: int) -> np.ndarray:
    """Return (rows, columns, 3) uint8: a lobed section with some thousand nuclei."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1.3 : 1.3 : columns * 1j].astype(np.float32)
    angle, radius = np.arctan2(y, x), np.hypot(x, y)
    edge = 0.75 + 0.08 * np.sin(5 * angle) + 0.05 * np.sin(11 * angle + 1)
    inside = radius < edge
    stripes = 0.5 + 0.5 * np.sin(60 * radius + 6 * np.sin(7 * angle))
    image = np.empty((rows, columns, 3), np.float32)
    for channel in range(3):
        shade = TISSUE[channel] - 26 * stripes * (channel != 2)
        image[..., channel] = np.where(inside, shade, GLASS[channel])
    places = np.flatnonzero(inside)
    for place in rng.choice(places, 4000, replace=False):
        row, column = divmod(int(place), columns)
        size = int(rng.integers(3, 7))
        top, left = max(row - size, 0), max(column - size, 0)
        part = image[top : row + size + 1, left : column + size + 1]
        r, c = np.indices(part.shape[:2])
        spot = np.hypot(r + top - row, (c + left - column) * rng.uniform(1, 1.6)) < size
        part[spot] = NUCLEUS
    image += rng.normal(0, 4, image.shape[:2])[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def write_slide(folder: Path, *, rows: int = 1536, columns: int = 2048) -> list[Path]:
    """Write a pyramid of four levels and a label into `folder`."""
    from pydicom.uid import generate_uid

    folder.mkdir(parents=True, exist_ok=True)
    uids = {k: generate_uid() for k in ("StudyInstanceUID", "SeriesInstanceUID")}
    uids["FrameOfReferenceUID"] = generate_uid()
    written = []
    level = tissue(rows, columns)
    for number in range(LEVELS):
        spacing = SPACING * 2**number
        half = (spacing - SPACING) / 2
        origin = (ORIGIN[0] - half, ORIGIN[1] - half)
        written.append(_write(folder / f"level-{number}.dcm", level, spacing, origin, uids))
        halves = level.reshape(level.shape[0] // 2, 2, level.shape[1] // 2, 2, 3)
        level = halves.mean(axis=(1, 3)).astype(np.uint8)
    label = np.full((96, 128, 3), 250, np.uint8)
    label[20:76:8, 16:112] = 40
    written.append(_write(folder / "label.dcm", label, 0.02, (19.0, 41.0), uids, "LABEL"))
    return written


def _write(
    path: Path,
    image: np.ndarray,
    spacing: float,
    origin: tuple[float, float],
    uids: dict[str, Any],
    flavour: str = "VOLUME",
    tile: int = 256,
) -> Path:
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    rows, columns = image.shape[:2]
    down, across = min(tile, rows), min(tile, columns)
    tiles = []
    for top in range(0, rows, down):
        for left in range(0, columns, across):
            cell = np.zeros((down, across, 3), np.uint8)
            part = image[top : top + down, left : left + across]
            cell[: part.shape[0], : part.shape[1]] = part
            tiles.append(cell)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = WHOLE_SLIDE, generate_uid()
    ds.PatientName, ds.PatientID = "Phantom^Slide", "phantom-slide"
    ds.Modality, ds.SeriesNumber, ds.SeriesDescription = "SM", 31, "Phantom slide"
    ds.ImageType = ["ORIGINAL", "PRIMARY", flavour, "NONE"]
    for keyword, uid in uids.items():
        setattr(ds, keyword, uid)
    ds.Rows, ds.Columns, ds.NumberOfFrames = down, across, len(tiles)
    ds.TotalPixelMatrixRows, ds.TotalPixelMatrixColumns = rows, columns
    ds.DimensionOrganizationType = "TILED_FULL"
    ds.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    corner, measures, shared = Dataset(), Dataset(), Dataset()
    corner.XOffsetInSlideCoordinateSystem = f"{origin[0]:.6f}"
    corner.YOffsetInSlideCoordinateSystem = f"{origin[1]:.6f}"
    ds.TotalPixelMatrixOriginSequence = [corner]
    measures.PixelSpacing = [spacing, spacing]
    shared.PixelMeasuresSequence = [measures]
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.add_new("PixelData", "OB", np.stack(tiles).tobytes())
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{len(write_slide(Path(sys.argv[1])))} images in {sys.argv[1]}")
