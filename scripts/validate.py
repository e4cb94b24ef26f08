"""Load every series of the reference data and compare it with its known answer.

    python scripts/validate.py [--data FOLDER] [--to docs/validation.md] [--set NAME ...]

The folder is ``DICOMDB_REFERENCE_DATA``, or ``../shared/data`` beside the
checkout. For each series that has a NIfTI answer in ``references.json`` the
default choice of `examine` is loaded; shape, affine (1e-3 mm) and voxels are
compared after both are brought to the closest canonical (RAS) axes. A volume with
an axis beside space is compared whole, in its order, with a NIfTI of as many
volumes; where the NIfTI holds one of them (dcm2niix gives each echo a file), with
each. Series of
``bad_geometry`` pass when they load with the finding that names their fault.
Exit code 1 when one does not agree.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np

from napari_dicomdb import Database

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_dicomdb.loading import Loadable, Volume

FIRST = ("ctmrpet_rtstruct", "mr_vendors")
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
AFFINE_TOLERANCE = 1e-3

# What each series of bad_geometry is bad in, as its README says.
FAULTS = {
    "gantrytilting": {"gantry-tilt"},
    "sliceincrement": {"missing-slices", "uneven-spacing"},
    "slicecount": {"few-slices"},
}


# Answers that are wrong themselves: what is known of them.
BROKEN_ANSWERS = {
    "dicom2nifti__philips_enhanced_dti_001": "three of the four volumes of the answer are empty, "
    "the fourth has another volume's b-value; dcm2niix agrees with us",
}
# Answers that are a part of the series in SUV, with the factor that the set's README gives.
SUV_CROPS = {"STS_001_FDG_PET_raw": 0.0002429029766}
CROP_TOLERANCE, SUV_TOLERANCE = 0.01, 0.003  # mm, ratio
B_TOLERANCE, ANGLE_TOLERANCE = 1.0, 0.1  # s/mm2, degrees


@dataclass
class Result:
    """How one series fared.

    `status` is "equal", "found" (bad geometry, the fault is named), "broken"
    (the answer itself is wrong) or "differs".
    """

    set_name: str
    series: str
    status: str
    loaded: str = ""
    reference: str = ""
    affine: str = ""
    voxels: str = ""
    gradients: str = ""
    note: str = ""
    findings: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether it must agree and does not."""
        return self.status == "differs"


def canonical(array: np.ndarray, affine_lps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bring (slice, row, column, ...) to the closest RAS axes, (x, y, z, ...)."""
    affine = RAS_FROM_LPS @ affine_lps[:, [2, 1, 0, 3]]
    data = np.transpose(array, [2, 1, 0, *range(3, array.ndim)])
    ornt = nib.orientations.io_orientation(affine)
    turned = nib.orientations.apply_orientation(data, ornt)
    return turned, affine @ nib.orientations.inv_ornt_aff(ornt, data.shape[:3])


def digest(array: np.ndarray, dtype: str) -> str:
    return hashlib.sha256(np.ascontiguousarray(array.astype(dtype)).tobytes()).hexdigest()


def stored_values(volume: Volume) -> np.ndarray | None:
    """Undo the modality LUT, to compare with the raw hash; None when that is inexact."""
    values = volume.numpy()
    if volume.is_rgb:
        return values
    rescale = volume.meta["rescale"]
    slices = values.reshape(-1, *values.shape[-2:]).astype(np.float64)
    if len(rescale) not in (1, len(slices)):
        return None
    slopes = np.array([slope for slope, _ in rescale])[:, None, None]
    shifts = np.array([shift for _, shift in rescale])[:, None, None]
    raw = np.rint((slices - shifts) / slopes)
    # float32 values are exact enough when they point at whole numbers.
    off = np.abs(raw * slopes + shifts - slices) / np.abs(slopes)
    return raw.reshape(values.shape) if off.max() < 0.01 else None


def references_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the NIfTIs that are images (masks of RTSTRUCTs are for a later issue)."""
    return [n for n in entry["nifti"] if "mask" not in Path(n["path"]).name.lower()]


def steps_of(volume: Volume, count: int) -> list[tuple[str, slice]]:
    """Return which steps of the axes beside space to compare with `count` volumes."""
    lead = volume.dims[: len(volume.dims) - 3]
    total = int(np.prod(volume.shape[: len(lead)], dtype=int))
    if total == count:
        return [("", slice(0, total))]
    if count == 1:
        return [(f"{' '.join(lead)} {k + 1}", slice(k, k + 1)) for k in range(total)]
    return []


def compare(root: Path, reference: dict[str, Any], volume: Volume) -> tuple[bool, str, str, str]:
    """Return whether all agrees, and how shape, affine and voxels compare."""
    expected_shape = tuple(reference["canonical_shape"])
    while len(expected_shape) > 3 and expected_shape[-1] == 1:
        expected_shape = expected_shape[:-1]
    count = int(np.prod(expected_shape[3:], dtype=int))
    values, raw = volume.numpy(), stored_values(volume)
    lead = len(volume.dims) - 3
    shape = "x".join(map(str, [*values.shape[lead : lead + 3][::-1], *values.shape[:lead]]))
    outcome = (False, shape, "", "shapes differ")
    for step, chosen in steps_of(volume, count):
        data, affine = canonical(volumes_last(values, lead, chosen), volume.geometry.affine)
        if data.shape[: len(expected_shape)] != expected_shape:
            continue
        error = float(np.abs(affine - np.array(reference["canonical_affine_ras"])).max())
        voxels, same = "", False
        if raw is not None and not volume.is_rgb:
            turned, _ = canonical(volumes_last(raw, lead, chosen), volume.geometry.affine)
            same = digest(turned, "<i4") == reference.get("sha256_raw_canonical_i4")
            voxels = "stored values identical"
        if not same:
            same, voxels = compare_voxels(root, reference, data)
        shape = f"{shape}, {step}" if step and same else shape
        outcome = (same and error <= AFFINE_TOLERANCE, shape, f"{error:.1e}", voxels)
        if outcome[0]:
            break
    return outcome


def compare_crop(
    root: Path, reference: dict[str, Any], volume: Volume, factor: float
) -> tuple[bool, str, str]:
    """Compare with an answer that is a part of the volume, in units `factor` times ours."""
    image = nib.load(root / reference["path"])
    answer = np.asarray(image.dataobj).T  # z, y, x as our slice, row, column
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    corners = np.array([(0, 0, 0, 1), [*(n - 1 for n in image.shape), 1]]).T
    indices = np.linalg.solve(volume.geometry.affine, lps @ corners)[:3]
    first, last = np.rint(indices).astype(int).T
    off = float((np.abs(indices.T - (first, last)) * volume.geometry.spacing).max())
    part = tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))
    ours = volume.numpy()[part].astype(np.float64) * factor
    if ours.shape != answer.shape:
        return False, f"{off:.1e}", f"the crop has {ours.shape}, the answer {answer.shape}"
    counted = answer > 0.01 * answer.max()
    worst = float(np.abs(ours[counted] / answer[counted] - 1).max())
    # Slices of this scanner are not quite even: the answer's affine is a fit as ours is.
    same = off < CROP_TOLERANCE and worst < SUV_TOLERANCE
    return same, f"{off:.1e}", f"ratio within {worst:.1e} of 1"


def volumes_last(array: np.ndarray, lead: int, chosen: slice) -> np.ndarray:
    """Return (slice, row, column[, colour][, volume]) of the chosen volumes."""
    volumes = array.reshape(-1, *array.shape[lead:])[chosen]
    return volumes[0] if len(volumes) == 1 else np.moveaxis(volumes, 0, -1)


def compare_voxels(root: Path, reference: dict[str, Any], data: np.ndarray) -> tuple[bool, str]:
    """Compare with the voxels of the NIfTI itself."""
    image = nib.as_closest_canonical(nib.load(root / reference["path"]))
    raw = np.asanyarray(image.dataobj)
    if raw.dtype.fields:
        raw = np.stack([raw[name] for name in "RGB"], axis=-1)
    while raw.ndim > data.ndim and raw.shape[-1] == 1:
        raw = raw[..., 0]
    if raw.shape != data.shape:
        return False, f"the reference has voxels {raw.shape}"
    if np.array_equal(raw, data):
        return True, "values identical"
    scale = float(np.abs(raw).max()) or 1.0
    worst = float(np.abs(raw.astype(np.float64) - data).max()) / scale
    if worst < 1e-6:
        return True, f"values equal ({worst:.0e} of the maximum)"
    return False, f"values differ by up to {worst:.1e} of the maximum"


def compare_gradients(reference: dict[str, Any], volume: Volume) -> tuple[bool, str]:
    """Compare b-values and directions, with polarity, in patient coordinates.

    dcm2niix writes vectors along the voxels of its file, x reversed when the determinant is
    positive (FSL). dicom2nifti writes them along DICOM's rows, against its columns, along the
    normal (Siemens, GE), or leaves them in patient coordinates (Philips), whatever its file.
    """
    b_values = np.array(reference["bval"], dtype=float)
    vectors = np.array(reference["bvec"], dtype=float)
    ours = volume.meta.get("directions_lps")
    if ours is None or len(ours) != len(b_values):
        return False, "no gradients"
    axes = np.array(reference["affine_ras"])[:3, :3]
    axes = np.diag([-1.0, -1.0, 1.0]) @ axes / np.linalg.norm(axes, axis=0)
    if np.linalg.det(axes) > 0:
        axes[:, 0] *= -1
    row, column = (volume.geometry.affine[:3, k] / volume.geometry.spacing[k] for k in (2, 1))
    conventions = {"": axes}
    if "dicom2nifti" in reference["path"]:
        conventions["along the image"] = np.column_stack([row, -column, np.cross(row, column)])
        conventions["in the patient"] = np.eye(3)
    error = float(np.abs(volume.meta["b_values"] - b_values).max())
    angles = {name: worst_angle(ours, (m @ vectors).T) for name, m in conventions.items()}
    name = min(angles, key=lambda name: angles[name])
    text = f"b {error:.1g}, {angles[name]:.1g}°" + (f" ({name})" if name else "")
    return error <= B_TOLERANCE and angles[name] <= ANGLE_TOLERANCE, text


def worst_angle(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the greatest angle in degrees; 180 where only one has a direction."""
    crossed = np.linalg.norm(np.cross(ours, theirs), axis=1)
    angles = np.degrees(np.arctan2(crossed, (ours * theirs).sum(axis=1)))
    angles[ours.any(axis=1) != theirs.any(axis=1)] = 180
    return float(angles.max())


def selected_images(db: Database, uids: Iterable[str]) -> list[Loadable]:
    return [
        loadable
        for uid in uids
        for loadable in db.examine(uid)
        if loadable.selected and loadable.kind != "content"
    ]


def validate_entry(root: Path, entry: dict[str, Any]) -> Result:
    result = Result(entry["set"], entry["id"], "differs")
    references = references_of(entry)
    result.reference = ", ".join("x".join(map(str, r["shape"])) for r in references)
    with Database.in_memory() as db:
        db.import_paths([root / entry["dicom"]])
        chosen = selected_images(db, entry["series_uids"])
        loaded = [loadable.load(lazy=False) for loadable in chosen]
        loaded = [v for v in loaded if "slice" in v.dims and v.geometry.in_patient]
        if not loaded:
            result.loaded, result.note = f"{len(chosen)} parts", "no volume"
            return result
        result.findings = sorted({str(f.code) for volume in loaded for f in volume.findings})
        # Each answer must be equal to one of the volumes.
        rows = []
        for reference in references:
            tried = [compare(root, reference, volume) for volume in loaded]
            rows.append(max(tried, key=lambda row: row[0]))
        result.loaded, result.affine, result.voxels = (
            ", ".join(dict.fromkeys(row[k] for row in rows)) for k in (1, 2, 3)
        )
        gradients = [compare_gradients(r, loaded[0]) for r in references if r.get("bvec")]
        result.gradients = ", ".join(text for _, text in gradients)
        if all(row[0] for row in rows) and all(same for same, _ in gradients):
            result.status = "equal"
        elif entry["id"] in BROKEN_ANSWERS:
            result.status, result.note = "broken", BROKEN_ANSWERS[entry["id"]]
        elif entry["id"] in SUV_CROPS:
            same, result.affine, result.voxels = compare_crop(
                root, references[0], loaded[0], SUV_CROPS[entry["id"]]
            )
            result.status = "equal" if same else "differs"
            result.note = "the answer is a crop in SUV: compared where it lies, times its factor"
        if len(loaded) > 1:
            result.note = f"{len(loaded)} volumes, {len(rows)} answers"
    return result


def validate_bad_geometry(root: Path) -> Iterator[Result]:
    for folder in sorted(p for p in (root / "bad_geometry").iterdir() if p.is_dir()):
        result = Result("bad_geometry", folder.name, "differs")
        with Database.in_memory() as db:
            db.import_paths([folder])
            chosen = selected_images(db, [series.uid for series in db.series()])
            volume = chosen[0].load(lazy=False)
            result.findings = [str(finding.code) for finding in volume.findings]
            result.loaded = "x".join(map(str, reversed(volume.shape)))
            result.note = chosen[0].findings[0].text if chosen[0].findings else ""
            if FAULTS[folder.name] & set(result.findings):
                result.status = "found"
        yield result


def validate(root: Path, sets: Iterable[str] = ()) -> list[Result]:
    """Validate all sets, or those named."""
    wanted = set(sets)
    series = json.loads((root / "references.json").read_text(encoding="utf-8"))["series"]
    results = []
    for name in sorted(series, key=lambda name: (name not in FIRST, name)):
        if not wanted or name in wanted:
            results += [validate_entry(root, entry) for entry in series[name].values()]
    if not wanted or "bad_geometry" in wanted:
        results += validate_bad_geometry(root)
    return results


WORDS = {
    "equal": "**equal**",
    "found": "**fault named**",
    "broken": "answer is wrong",
    "differs": "**DIFFERS**",
}


def table(results: list[Result]) -> str:
    lines = [
        "# What was compared with known answers",
        "",
        "Written by `python scripts/validate.py`; run it again to see for yourself. Each series",
        "is imported, opened by its default choice, brought to the closest canonical axes and",
        "compared with a NIfTI made by others (`references.json` of the reference data): shape,",
        f"affine (greatest difference in mm, {AFFINE_TOLERANCE:g} allowed) and voxels (stored",
        "values by hash, or values after the modality LUT). Series with more than three",
        "dimensions are compared whole, in their order.",
        "",
        "Dimensions are in the order x, y, z (, t). `bad_geometry` has no answer to be equal to:",
        "there the finding that names the fault is asked for. Of diffusion, the greatest",
        f"differences of b-values ({B_TOLERANCE:g} s/mm2 allowed) and of directions in patient",
        f"coordinates, with polarity ({ANGLE_TOLERANCE:g} degrees allowed), are given. dcm2niix",
        "writes FSL's convention; dicom2nifti writes vectors along the image, or leaves them in",
        "patient coordinates, as said.",
        "",
        "What we write, read back by others: [validation-export.md](validation-export.md).",
        "",
    ]
    for name in dict.fromkeys(result.set_name for result in results):
        lines += [
            f"## {name}",
            "",
            "| series | result | loaded | reference | affine | voxels | findings | note |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for r in (r for r in results if r.set_name == name):
            cells = (
                r.series,
                WORDS[r.status],
                r.loaded,
                r.reference,
                r.affine,
                ", ".join(filter(None, (r.voxels, r.gradients))),
                ", ".join(r.findings),
                r.note.replace("|", "/"),
            )
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    counts = {s: sum(r.status == s for r in results) for s in WORDS}
    lines += [
        f"{len(results)} series: {counts['equal']} equal, {counts['found']} with their fault "
        f"named, {counts['broken']} with a wrong answer, {counts['differs']} that differ.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    here = Path(__file__).resolve().parents[1]
    default = os.environ.get("DICOMDB_REFERENCE_DATA") or here.parent / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--to", type=Path, default=here / "docs" / "validation.md")
    parser.add_argument("--set", action="append", default=[], dest="sets")
    arguments = parser.parse_args()
    if not (arguments.data / "references.json").is_file():
        print(f"no reference data in {arguments.data}: use --data", file=sys.stderr)
        return 2
    results = validate(arguments.data, arguments.sets)
    if not arguments.sets:
        arguments.to.write_text(table(results), encoding="utf-8")
        print(f"written to {arguments.to}")
    for result in results:
        told = f"{result.voxels} {result.gradients}".strip()
        print(f"{result.status:8} {result.set_name:18} {result.series:60} {told}")
    return int(any(result.failed for result in results))


if __name__ == "__main__":
    sys.exit(main())
