"""What other programs, and we, read from DICOM files: arrays with their places."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import highdicom
import nibabel as nib
import nrrd
import numpy as np
import pydicom
import SimpleITK
from peer_comparison import Placed

from napari_dicomdb import Database

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from napari_dicomdb import Volume

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


class UnreadError(Exception):
    """A program does not read a file; what it said."""


@cache
def program(name: str) -> str:
    """Return where a peer is: in the path, or beside this interpreter."""
    found = which(name) or which(name, path=str(Path(sys.executable).parent))
    if found is None:
        raise SystemExit(f"{name} is not installed: scripts/setup-system.sh peers")
    return found


def run(*command: str | os.PathLike[str]) -> str:
    """Run a program and return all that it says; its exit code is for who looks at files."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, check=False, timeout=120
    )
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def error_lines(path: Path | str) -> list[str]:
    """Return the Error lines of dciodvfy."""
    said = run(program("dciodvfy"), path)
    return [line for line in said.splitlines() if line.startswith("Error")]


def without_folders(text: str) -> str:
    """Leave the names of files: in which folders they lie on this computer is nobody's matter."""
    return re.sub(r"(?<![\w.:/~-])/(?:[^\s/:]+/)+|\b[A-Z]:\\(?:[^\s\\:]+\\)+", "", text)


def _said(text: str) -> str:
    lines = [line.strip() for line in without_folders(text).splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower()] or lines[-1:]
    return told[0][:160] if told else "nothing written"


def _parts(volume: Volume, place: np.ndarray | None) -> list[Placed]:
    """Take apart the leading axes."""
    array = volume.numpy()
    lead = len(volume.dims) - (3 if "slice" in volume.dims else 2)
    tail = array.shape[lead:]
    each = array.reshape(-1, *tail)
    if "slice" not in volume.dims:
        each = each[:, None]
    return [Placed(one, place) for one in each]


def by_us(paths: Sequence[Path]) -> list[Placed]:
    """Import them into a database and open what it offers first."""
    with Database.in_memory() as database:
        database.import_paths(list(paths), workers=0)
        found: list[Placed] = []
        for series in database.series():
            for offer in database.examine(series):
                if offer.selected:
                    volume = offer.load(lazy=False)
                    placed = volume.geometry.in_patient
                    found += _parts(volume, volume.geometry.affine if placed else None)
    return found


def _groups(paths: Sequence[Path], count: int) -> list[list[Path]]:
    """Give one volume of files at a time, as they were written."""
    each = max(1, len(paths) // count)
    return [list(paths[k : k + each]) for k in range(0, len(paths), each)]


def by_simpleitk(paths: Sequence[Path], count: int, *, placed: bool) -> list[Placed]:
    """Read `count` volumes of single files, or one file."""
    found = []
    for group in _groups(paths, count):
        names = [str(path) for path in group]
        try:
            image = SimpleITK.ReadImage(names if len(names) > 1 else names[0])
        except RuntimeError as error:
            raise UnreadError(_said(str(error))) from error
        array = SimpleITK.GetArrayFromImage(image)
        colours = image.GetNumberOfComponentsPerPixel() > 1
        if array.ndim - colours == 2:
            array = array[None]
        found.append(Placed(array, _itk_affine(image) if placed else None))
    return found


def _itk_affine(image: Any) -> np.ndarray:
    many = image.GetDimension()
    turned = np.array(image.GetDirection()).reshape(many, many) * np.array(image.GetSpacing())
    affine = np.eye(4)
    affine[:3, :3] = turned[:3, 2::-1] if many > 2 else np.eye(3)
    affine[: min(many, 3), 3] = image.GetOrigin()[:3]
    return affine


def by_dcm2niix(folder: Path, out: Path, *, placed: bool) -> list[Placed]:
    """Convert a folder; volumes of all files that come of it."""
    out.mkdir()
    flags = ["-b", "n", "-z", "n", "-m", "y", "-f", "%s_%p_%e", "-o"]
    said = run(program("dcm2niix"), *flags, out, folder)
    found = []
    for path in sorted(out.glob("*.nii")):
        image = nib.load(path)
        data = np.asanyarray(image.dataobj)
        if data.dtype.fields:
            data = np.stack([data[name] for name in "RGB"], axis=-1)
            data = data.reshape(*data.shape[:2], -1, 1, 3)
        else:
            data = data.reshape(*data.shape[:2], data.shape[2] if data.ndim > 2 else 1, -1)[
                ..., None
            ]
        affine = (LPS_FROM_RAS @ image.affine)[:, [2, 1, 0, 3]]
        for k in range(data.shape[3]):
            one = np.transpose(data[:, :, :, k], (2, 1, 0, 3))
            if not placed:
                one = one[:, ::-1]  # NIfTI's rows run upwards
            one = one[..., 0] if one.shape[-1] == 1 else one
            found.append(Placed(one, affine if placed else None))
    if not found:
        raise UnreadError(_said(said))
    return found


HIGHDICOM_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


def _error_said(error: Exception) -> str:
    return f"{type(error).__name__}: {without_folders(str(error))[:120]}"


def by_highdicom(paths: Sequence[Path], count: int, *, placed: bool) -> list[Placed]:
    """Read volumes with highdicom; what has no place, or several volumes in a file, by frame."""
    try:
        if not placed:
            frames = [highdicom.imread(str(path)).get_frames(dtype=np.float64) for path in paths]
            return [
                Placed(np.asarray(one)) for one in np.array_split(np.concatenate(frames), count)
            ]
        if len(paths) > 1:
            return [
                _of_highdicom(
                    highdicom.get_volume_from_series(
                        [pydicom.dcmread(path) for path in group], dtype=np.float64
                    )
                )
                for group in _groups(paths, count)
            ]
        image = highdicom.imread(str(paths[0]))
        if count == 1:
            return [_of_highdicom(image.get_volume(dtype=np.float64))]
        frames = np.asarray(image.get_frames(dtype=np.float64))
    except HIGHDICOM_ERRORS as error:
        raise UnreadError(_error_said(error)) from error
    return [Placed(frames)]


def _of_highdicom(volume: Any) -> Placed:
    return Placed(volume.array, volume.affine)


def segments_by_highdicom(path: Path, *, combine: bool, placed: bool, slices: int) -> list[Placed]:
    """Read a segmentation: labels, or a share for each segment.

    Without a place, the frames of the first `slices` images or frames it was made on.
    """
    try:
        image = highdicom.seg.segread(str(path))
        if "TotalPixelMatrixRows" in image:
            array = image.get_total_pixel_matrix(combine_segments=combine)[None]
            affine = None
        elif placed:
            volume = image.get_volume(combine_segments=combine)
            array, affine = volume.array, volume.affine
        else:
            source = image.SourceImageSequence
            uids = [item.ReferencedSOPInstanceUID for item in source]
            how = {"combine_segments": combine, "ignore_spatial_locations": True}
            if len(uids) == 1 and slices > 1:
                numbers = list(range(1, slices + 1))
                array = image.get_pixels_by_source_frame(uids[0], numbers, **how)
            else:
                array = image.get_pixels_by_source_instance(uids[:slices], **how)
            affine = None
    except HIGHDICOM_ERRORS as error:
        raise UnreadError(_error_said(error)) from error
    if combine:
        return [Placed(array, affine)]
    return [Placed(array[..., k], affine) for k in range(array.shape[-1])]


def _nrrd(path: Path) -> Placed:
    data, header = nrrd.read(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(header["space directions"], float).T[:, ::-1]
    affine[:3, 3] = header["space origin"]
    return Placed(data.T, affine)


def segments_by_dcmqi(path: Path, out: Path, *, scale: float = 0.0) -> list[Placed]:
    """Read a segmentation as segimage2itkimage does; `scale` of fractions: a file for each."""
    out.mkdir()
    merge = [] if scale else ["--mergeSegments"]
    said = run(
        program("segimage2itkimage"), "--inputDICOM", path, "--outputDirectory", out,
        "-t", "nrrd", "-p", "seg", *merge,
    )  # fmt: skip
    found = [_nrrd(one) for one in sorted(out.glob("*.nrrd"))]
    if not found:
        raise UnreadError(_said(said))
    if scale:
        found = [Placed(one.array / scale, one.affine) for one in found]
    return found


def map_by_dcmqi(path: Path, out: Path) -> list[Placed]:
    """Read a parametric map as paramap2itkimage does."""
    out.mkdir()
    said = run(
        program("paramap2itkimage"), "--inputDICOM", path, "--outputDirectory", out,
        "--prefix", "map",
    )  # fmt: skip
    found = [_nrrd(one) for one in sorted(out.glob("*.nrrd"))]
    if not found:
        raise UnreadError(_said(said))
    return found
