"""Load every series of the reference data and compare it with its known answer.

    python scripts/validate.py [--data FOLDER] [--to docs/validation.md] [--set NAME ...]

The folder is ``DICOMDB_REFERENCE_DATA``, or ``../shared/data`` beside the
checkout. For each series that has a NIfTI answer in ``references.json`` the
default choice of `examine` is loaded; shape, affine (1e-3 mm) and voxels are
compared after both are brought to the closest canonical (RAS) axes. Series of
``bad_geometry`` pass when they load with the finding that names their fault.
Exit code 1 when a series of the sets that must agree does not.
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

REQUIRED = ("ctmrpet_rtstruct", "mr_vendors")
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
AFFINE_TOLERANCE = 1e-3

# What each series of bad_geometry is bad in, as its README says.
FAULTS = {
    "gantrytilting": {"gantry-tilt"},
    "sliceincrement": {"missing-slices", "uneven-spacing"},
    "slicecount": {"few-slices"},
}


@dataclass
class Result:
    """How one series fared.

    `status` is "equal", "found" (bad geometry, the fault is named), "later"
    (an issue to come) or "differs".
    """

    set_name: str
    series: str
    status: str
    loaded: str = ""
    reference: str = ""
    affine: str = ""
    voxels: str = ""
    note: str = ""
    findings: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether it must agree and does not."""
        return self.status == "differs" and self.set_name in (*REQUIRED, "bad_geometry")


def canonical(array: np.ndarray, affine_lps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bring (slice, row, column[, 3]) to the closest RAS axes, (x, y, z[, 3])."""
    affine = RAS_FROM_LPS @ affine_lps[:, [2, 1, 0, 3]]
    axes = [2, 1, 0, *range(3, array.ndim)]
    data = np.transpose(array, axes)
    ornt = nib.orientations.io_orientation(affine)
    turned = nib.orientations.apply_orientation(data, ornt)
    return turned, affine @ nib.orientations.inv_ornt_aff(ornt, data.shape[:3])


def digest(array: np.ndarray, dtype: str) -> str:
    return hashlib.sha256(np.ascontiguousarray(array.astype(dtype)).tobytes()).hexdigest()


def stored_values(volume: Volume) -> np.ndarray | None:
    """Undo the modality LUT, to compare with the raw hash; None when that is inexact."""
    rescale = volume.meta["rescale"]
    slopes = np.array([slope for slope, _ in rescale])
    shifts = np.array([shift for _, shift in rescale])
    if volume.is_rgb:
        return volume.numpy()
    values = volume.numpy().astype(np.float64)
    raw = np.rint((values - shifts[:, None, None]) / slopes[:, None, None])
    # float32 values are exact enough when they point at whole numbers.
    again = raw * slopes[:, None, None] + shifts[:, None, None]
    off = np.abs(again - values) / np.abs(slopes[:, None, None])
    return raw if off.max() < 0.01 else None


def references_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the NIfTIs that are images (masks of RTSTRUCTs are for a later issue)."""
    return [n for n in entry["nifti"] if "mask" not in Path(n["path"]).name.lower()]


def compare(root: Path, reference: dict[str, Any], volume: Volume) -> tuple[bool, str, str, str]:
    """Return whether all agrees, and how shape, affine and voxels compare."""
    data, affine = canonical(volume.numpy(), volume.geometry.affine)
    expected_shape = tuple(reference["canonical_shape"])
    while len(expected_shape) > 3 and expected_shape[-1] == 1:
        expected_shape = expected_shape[:-1]
    shape = "x".join(map(str, data.shape[:3]))
    if data.shape[:3] != expected_shape:
        return False, shape, "", "shapes differ"
    error = float(np.abs(affine - np.array(reference["canonical_affine_ras"])).max())
    raw = stored_values(volume)
    expected = reference.get("sha256_raw_canonical_i4")
    voxels, same = "", False
    if expected and raw is not None and not volume.is_rgb:
        turned, _ = canonical(raw, volume.geometry.affine)
        same = digest(turned, "<i4") == expected
        voxels = "stored values identical" if same else "stored values differ"
    if not same:
        same, voxels = compare_voxels(root, reference, data, volume)
    return same and error <= AFFINE_TOLERANCE, shape, f"{error:.1e}", voxels


def compare_voxels(
    root: Path, reference: dict[str, Any], data: np.ndarray, volume: Volume
) -> tuple[bool, str]:
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


def selected_images(db: Database, uids: Iterable[str]) -> list[Loadable]:
    return [
        loadable
        for uid in uids
        for loadable in db.examine(uid)
        if loadable.selected and loadable.kind != "no-image"
    ]


def validate_entry(root: Path, entry: dict[str, Any]) -> Result:
    result = Result(entry["set"], entry["id"], "differs")
    references = references_of(entry)
    result.reference = ", ".join("x".join(map(str, r["shape"])) for r in references)
    volumes = max(int(np.prod(r["shape"][3:], dtype=int)) for r in references)
    with Database.in_memory() as db:
        db.import_paths([root / entry["dicom"]])
        chosen = selected_images(db, entry["series_uids"])
        if volumes > 1:
            return later(result, chosen, f"{volumes} volumes: more than 3 dimensions, issue 3")
        loaded = [loadable.load(lazy=False) for loadable in chosen]
        loaded = [v for v in loaded if "slice" in v.dims and v.geometry.in_patient]
        if not loaded:
            return later(result, chosen, "no volume yet: issue 3")
        result.findings = sorted({str(f.code) for volume in loaded for f in volume.findings})
        # Each answer must be equal to one of the volumes.
        rows = []
        for reference in references:
            tried = [compare(root, reference, volume) for volume in loaded]
            rows.append(max(tried, key=lambda row: row[0]))
        result.loaded, result.affine, result.voxels = (
            ", ".join(dict.fromkeys(row[k] for row in rows)) for k in (1, 2, 3)
        )
        if all(row[0] for row in rows):
            result.status = "equal"
        elif entry["set"] == "pet_suv":
            result.status, result.note = "later", "the answer is a crop, in SUV"
        elif entry["set"] not in REQUIRED:
            result.status, result.note = "later", "issue 3"
        if len(loaded) > 1:
            result.note = f"{len(loaded)} volumes, {len(rows)} answers"
    return result


def later(result: Result, chosen: list[Loadable], note: str) -> Result:
    result.status, result.note = "later", note
    result.loaded = f"{len(chosen)} parts"
    if chosen:
        result.loaded += f" of {'x'.join(map(str, chosen[0].shape))}"
        result.findings = sorted({str(f.code) for f in chosen[0].findings})
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
    for name in sorted(series, key=lambda name: (name not in REQUIRED, name)):
        if not wanted or name in wanted:
            results += [validate_entry(root, entry) for entry in series[name].values()]
    if not wanted or "bad_geometry" in wanted:
        results += validate_bad_geometry(root)
    return results


WORDS = {
    "equal": "**equal**",
    "found": "**fault named**",
    "later": "later",
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
        "values by hash, or values after the modality LUT). *Later*: series with more than three",
        "dimensions, and mosaics, which a later version opens as one volume.",
        "",
        "Dimensions are in the order x, y, z (, t). `bad_geometry` has no answer to be equal to:",
        "there the finding that names the fault is asked for.",
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
                r.voxels,
                ", ".join(r.findings),
                r.note.replace("|", "/"),
            )
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    counts = {s: sum(r.status == s for r in results) for s in WORDS}
    lines += [
        f"{len(results)} series: {counts['equal']} equal, {counts['found']} with their fault "
        f"named, {counts['later']} later, {counts['differs']} that differ.",
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
        print(f"{result.status:8} {result.set_name:18} {result.series:60} {result.voxels}")
    return int(any(result.failed for result in results))


if __name__ == "__main__":
    sys.exit(main())
