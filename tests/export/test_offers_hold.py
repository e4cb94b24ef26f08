"""What exporters offer is written, passes dciodvfy and comes back: over many made-up sources."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pydicom
from tests.export.sources import DIMS, anybody, errors_of, oblique

from napari_dicomdb import Database
from napari_dicomdb.export.exporter import Exportable
from napari_dicomdb.export.exporters.image import ImageExporter
from napari_dicomdb.export.exporters.parametric_map import ParametricMapExporter
from napari_dicomdb.export.exporters.segmentation import SegmentationExporter
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.source import ExportSource
from napari_dicomdb.loading.volume import Coord, Volume, VolumeGeometry

COUNT = 50
_TYPES = ("?", "u1", "i1", "u2", ">i2", "i4", "u4", "i8", "u8", "f2", "f4", ">f8")
_AXES = {
    "time": Coord((0.0, 1.5, 3.0), "s"),
    "echo_time": Coord((2.5, 5.0, 80.0), "ms"),
    "b_value": Coord((0.0, 50.0, 1000.0), "s/mm2"),
    "cardiac_phase": Coord((0.0, 25.0, 50.0), "%"),
    "channel": None,
}
_NAMES = ("Result", "", "x" * 90, "tab\there\\back", "Ünïcødé 心臓", "a\x00b")
_PLACES = ("none", "flat", "axial", "oblique", "left", "sheared", "tilted", "nan", "uneven")


def _geometry(rng: np.random.Generator, grid: tuple[int, int, int]) -> VolumeGeometry | None:
    place = str(rng.choice(_PLACES, p=(0.1, 0.1, 0.2, 0.25, 0.15, 0.05, 0.05, 0.05, 0.05)))
    affine = oblique() if place != "axial" else np.eye(4)[[2, 1, 0, 3]] * (0.5, 2, 3, 1)
    if place == "left":
        affine[:3, 0] *= -1
    if place == "sheared":
        affine[:3, 1] += affine[:3, 2] * 0.3
    if place == "tilted":
        affine[:3, 0] += affine[:3, 1] * 0.4
    if place == "nan":
        affine[0, 0] = np.nan
    even, placed = place != "uneven", place != "flat"
    made = VolumeGeometry(affine, grid, is_regular=even, in_patient=placed)
    return None if place == "none" else made


def _values(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind == "f":
        array = rng.normal(size=shape) * 10.0 ** rng.uniform(-3, 3)
        array[rng.random(shape) < 0.1 * (rng.random() < 0.3)] = np.nan
        return array.astype(dtype)
    limits = np.iinfo(dtype)
    wide = rng.random() < 0.5
    low, high = (limits.min, limits.max) if wide else (max(limits.min, -9), 99)
    return rng.integers(low, high, shape, dtype.newbyteorder("="), endpoint=True).astype(dtype)


def made(seed: int) -> ExportSource:
    """Return any source; the same for the same seed."""
    rng = np.random.default_rng(seed)
    axes = [str(a) for a in rng.permutation(list(_AXES))[: rng.choice(3, p=(0.5, 0.35, 0.15))]]
    grid = (int(rng.integers(1, 6)), int(rng.integers(1, 12)), int(rng.integers(1, 12)))
    leading = tuple(int(n) for n in rng.integers(2, 4, len(axes)))
    role = "labels" if rng.random() < 0.25 else "image"
    rgb = role == "image" and rng.random() < 0.12
    shape = (*leading, *grid, *((int(rng.choice((3, 4))),) if rgb else ()))
    array = _values(rng, shape, np.dtype(str(rng.choice(_TYPES))))
    if role == "labels" and array.dtype.kind in "iu":
        array = rng.integers(0, 4, shape).astype(array.dtype)
    lengths = dict(zip(axes, leading, strict=True))
    coords = {
        name: Coord(coord.values[: lengths[name]], coord.unit)
        for name, coord in _AXES.items()
        if name in axes and coord is not None
    }
    return ExportSource(
        str(rng.choice(_NAMES)),
        array,
        (*axes, *DIMS),
        role,
        _geometry(rng, grid),
        coords,
        str(rng.choice(("", "HU", "mm2/s", "a very long unit indeed"))),
        rgb,
        {"modality": str(rng.choice(("", "CT", "MR", "US", "no modality!")))},
    )


def differing(source: ExportSource, volume: Volume, within: float) -> str:
    """Return how a volume is not its source, "" when it is; its axes may be in another order."""
    wanted = source.numpy()[..., :3] if source.is_rgb else source.numpy()
    wanted = wanted.astype(np.float64) * (
        255 if source.is_rgb and wanted.dtype.kind in "bf" else 1
    )
    if source.is_rgb and source.dtype.kind == "f":
        wanted, within = np.clip(np.nan_to_num(wanted), 0, 255), 0.51
    found = np.asarray(volume.array, np.float64)
    if found.size != wanted.size:
        return f"{volume.shape} of {source.shape}"
    geometry = source.geometry
    if geometry is not None and geometry.in_patient and volume.geometry.in_patient:
        affine = volume.geometry.affine
        if affine[:3, 0] @ geometry.affine[:3, 0] < 0:
            found = np.flip(found, volume.dims.index("slice"))
            affine = np.column_stack(
                [
                    -affine[:, 0],
                    *affine[:, 1:3].T,
                    affine[:, 3] + affine[:, 0] * (source.grid[0] - 1),
                ]
            )
        skip = int(source.grid[0] == 1)  # of one slice, nobody knows the step
        if np.abs(affine - geometry.affine)[:, skip:].max() > 1e-4:
            return "it is somewhere else"
    rest = wanted.shape[len(source.leading) :]
    for order in itertools.permutations(range(len(source.leading))):
        turned = found.reshape(*(source.leading[k] for k in order), *rest)
        off = np.abs(np.moveaxis(turned, range(len(order)), order) - wanted)
        if np.nanmax(off, initial=0) <= within * 1.006:
            return ""
    return f"values are more than {within} off"


def _within(one: Exportable) -> float:
    told = [loss for loss in one.losses if "kept to within" in loss and "1/510" not in loss]
    return float(told[0].split("within ")[1].split()[0].strip(",")) if told else 0.0


def test_what_is_offered_is_written_and_read_again(tmp_path: Path, program) -> None:
    problems, target, made_of = [], anybody(), {}
    for seed in range(COUNT):
        source = made(seed)
        exporters = (ImageExporter(), ParametricMapExporter(), SegmentationExporter())
        offers = [one for exporter in exporters for one in exporter.examine(source)]
        assert offers, seed
        good = [one for one in offers if not one.refusal]
        for one in good[:1] if seed % 2 else good[-1:]:
            asked = {need.key: need.choices[0][0] for need in one.unanswered}
            one = one.with_options(**asked)
            folder = tmp_path / str(seed)
            paths = write_results(None, [one], target, folder=folder).files
            header = pydicom.dcmread(paths[0], stop_before_pixels=True)
            made_of[str(header.SeriesInstanceUID)] = (seed, source, one)
            if one.options.get("type") != "LABELMAP":  # unknown to it
                problems += [(seed, line) for line in errors_of(program, paths[-1])]
    assert len(made_of) > COUNT * 0.7  # the others are refused, with words
    with Database.in_memory() as database:
        database.import_paths(tmp_path, workers=0)
        found = {one.uid: one for one in database.series()}
        for uid, (seed, source, one) in made_of.items():
            offers = [offer for offer in database.examine(found[uid]) if offer.selected]
            if one.options.get("geometry") == "resample" or one.kind == "segmentation":
                problems += [] if offers else [(seed, "it cannot be read")]
                continue
            (offer,) = offers
            wrong = differing(source, offer.load(lazy=False), _within(one))
            problems += [(seed, f"{one.name}: {wrong}")] if wrong else []
    assert problems == [], "\n".join(map(str, problems))
