"""Write every image of the reference data in every form we offer; ask everybody what is in it.

    python scripts/validate_export.py [--data FOLDER] [--to docs/validation-export.md]
        [--only SET ...]

The folder is ``DICOMDB_REFERENCE_DATA``, or ``../shared/data`` beside the checkout.
Each series that opens as an image or volume is written in each form that an exporter
offers, and its thresholds as segmentations. `dciodvfy` checks the first and the last
file; we, highdicom, dcmqi, SimpleITK and dcm2niix read what was written, and voxels
and places are compared with what was written. Long volumes are cropped (`MOST_SLICES`,
`MOST_STEPS`). Then follow the acceptance points of segmentations and de-identification
(`validate_segmentations`, `validate_deidentification`). Exit code 1 when something is
wrong that is not explained.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import validate_deidentification
import validate_segmentations
from export_rows import PEERS, SIGNS, WORDS, Row, table
from peer_comparison import AFFINE_TOLERANCE, Outcome, Placed, compare, error_kinds, inherited
from peer_readings import (
    UnreadError,
    by_dcm2niix,
    by_highdicom,
    by_simpleitk,
    by_us,
    error_lines,
    map_by_dcmqi,
    segments_by_dcmqi,
    segments_by_highdicom,
    without_folders,
)

from napari_dicomdb import Database
from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.export.registry import examine_for_export
from napari_dicomdb.export.results import write_results
from napari_dicomdb.export.source import ExportSource, Label
from napari_dicomdb.export.study import StudyTarget
from napari_dicomdb.loading.volume import Coord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_dicomdb.export.exporter import Exportable
    from napari_dicomdb.loading import Loadable

LONG, MOST_SLICES, MOST_STEPS, MOST_ACROSS = 24, 8, 2, 768
LABELS = {1: Label(1, "liver"), 2: Label(2, "spleen"), 5: Label(5, "kidney_left")}
QUANTILES = (0.6, 0.85, 0.97)
ROUNDINGS = 4  # of positions in the original, that a reader may be off


def cropped(source: ExportSource) -> ExportSource:
    """Take the first steps and slices; of slides, the first rows and columns."""
    steps = [slice(0, MOST_STEPS)] * len(source.leading)
    uneven = source.geometry is not None and not source.geometry.is_regular
    slices = source.grid[0] if uneven or source.grid[0] <= LONG else MOST_SLICES
    cut = [*steps, slice(0, slices)]
    if source.geometry is not None and source.geometry.in_slide:
        cut += [slice(0, MOST_ACROSS)] * 2
    array = np.asarray(source.array[tuple(cut)])
    lead = len(source.leading)
    geometry = source.geometry
    if geometry is not None:
        k, r, c = array.shape[lead : lead + 3]
        geometry = replace(geometry, shape=(k, r, c))
    coords = {
        name: Coord(coord.values[:MOST_STEPS], coord.unit) for name, coord in source.coords.items()
    }
    meta = dict(source.meta)
    if source.dims[0] == "diffusion":  # the table goes with its volumes
        tables = ("b_values", "directions_lps", "directionality", "b_matrices")
        meta |= {key: meta[key][:MOST_STEPS] for key in tables if key in meta}
    return replace(source, array=array, geometry=geometry, coords=coords, meta=meta)


def volumes_of(source: ExportSource) -> list[np.ndarray]:
    """Return its volumes in the order of the leading axes."""
    array = source.numpy()
    if source.is_rgb:
        array = array[..., :3]
    return list(array.reshape(-1, *array.shape[len(source.leading) :]))


def leans(source: ExportSource) -> bool:
    """Whether its slices are not stacked along their normal, or not evenly."""
    place, geometry = place_of(source), source.geometry
    if place is None or geometry is None or source.grid[0] < 2:
        return False
    axes = place[:3, :3] / np.linalg.norm(place[:3, :3], axis=0)
    return not geometry.is_regular or float(np.abs(axes.T @ axes - np.eye(3)).max()) > 1e-4


def roundness(database: Database, source: ExportSource) -> float:
    """Return how far the positions in the original files are off the affine, in mm."""
    place, uids = place_of(source), source.references
    if place is None or len(uids) < source.grid[0] or source.leading:
        return 0.0
    worst = 0.0
    for k, uid in enumerate(uids[: source.grid[0]]):
        for record in database.instances(uid=uid):
            told = str(record.get("ImagePositionPatient") or "").split("\\")
            if len(told) != 3:
                return 0.0
            off = np.array(told, float) - (place @ [k, 0, 0, 1])[:3]
            worst = max(worst, float(np.abs(off).max()))
    return worst


def place_of(source: ExportSource) -> np.ndarray | None:
    geometry = source.geometry
    return geometry.affine if geometry is not None and geometry.in_patient else None


def grey(source: ExportSource) -> np.ndarray:
    """Return the first volume as one finite number a voxel."""
    first = volumes_of(source)[0]
    if source.is_rgb:
        first = first.mean(axis=-1)
    if first.dtype.kind == "c":
        first = np.abs(first)
    return np.nan_to_num(first.astype(np.float64), posinf=0.0, neginf=0.0)


def thresholds(source: ExportSource) -> tuple[ExportSource, ExportSource]:
    """Return labels of three segments and shares of two, of the first volume."""
    values = grey(source)
    limits = np.quantile(values, QUANTILES)
    labels = np.zeros(values.shape, np.uint8)
    for value, limit in zip(LABELS, limits, strict=True):
        labels[values > limit] = value
    if not labels.any():
        labels[0, : labels.shape[1] // 2 + 1] = 1
    low, high = float(limits[0]), float(values.max())
    ramp = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    shares = np.stack([ramp, (labels > 1) * 0.5]).astype(np.float32)
    if not shares.any():
        shares[0, 0, 0] = 1.0
    plain = {"is_rgb": False, "units": "", "window": None, "findings": (), "levels": ()}
    meta = {key: source.meta[key] for key in ("study_uid", "series_uid") if key in source.meta}
    present = {value: LABELS[value] for value in LABELS if (labels == value).any()}
    return (
        replace(source, name="Thresholds", array=labels, dims=source.dims[-3:], role="labels",
                labels=present, meta=meta, coords={}, **plain),
        replace(source, name="Shares", array=shares, dims=("segment", *source.dims[-3:]),
                coords={"segment": Coord(("ramp", "half"))}, meta=meta, **plain),
    )  # fmt: skip


def quantum_of(one: Exportable, source: ExportSource) -> float:
    """Return the error that the offer states, with its rounding to three digits."""
    if one.options.get("type") == "FRACTIONAL":
        return 1 / 510
    if source.is_rgb and source.dtype.kind == "f":
        return 1.0
    told = [t for t in one.losses if "to within" in t and "colours" not in t]
    return float(told[0].split("to within ")[1].split()[0]) * 1.006 if told else 0.0


def answers(one: Exportable) -> dict[str, Any]:
    """Answer what an offer wants to know: to write it as it is, where that can be."""
    chosen: dict[str, Any] = {}
    for need in one.unanswered:
        values = [value for value, _ in need.choices]
        chosen[need.key] = "keep" if "keep" in values else values[0] if values else "x"
    return chosen


def _images_read(
    one: Exportable, source: ExportSource, files: list[Path], folder: Path, row: Row
) -> dict[str, Outcome]:
    wanted, place = volumes_of(source), place_of(source)
    placed, count = place is not None, len(wanted)
    readers: dict[str, Callable[[], list[Placed]]] = {
        "us": lambda: by_us(files),
        "highdicom": lambda: by_highdicom(files, count, placed=placed),
    }
    if one.kind == "parametric-map":
        readers["dcmqi"] = lambda: map_by_dcmqi(files[0], folder / "dcmqi")
    else:
        readers["SimpleITK"] = lambda: by_simpleitk(files, count, placed=placed)
        readers["dcm2niix"] = lambda: by_dcm2niix(folder / "out", folder / "nifti", placed=placed)
    return {peer: outcome_of(reader, wanted, place, row, None) for peer, reader in readers.items()}


def _segments_read(
    one: Exportable, source: ExportSource, files: list[Path], folder: Path, row: Row
) -> dict[str, Outcome]:
    wanted, place = volumes_of(source), place_of(source)
    kind, path = one.options["type"], files[0]
    if kind == "BINARY":  # numbered from 1
        present = sorted({int(v) for v in np.unique(wanted[0])} - {0})
        wanted = [np.searchsorted([0, *present], wanted[0]).astype(np.uint8)]
    shares = kind == "FRACTIONAL"
    if shares:
        wanted = [one for one in wanted if one.any()]
    readers: dict[str, Callable[[], list[Placed]]] = {
        "us": lambda: by_us([path]),
        "highdicom": lambda: segments_by_highdicom(
            path, combine=not shares, placed=place is not None, slices=len(wanted[0])
        ),
        "dcmqi": lambda: segments_by_dcmqi(path, folder / "dcmqi", scale=255.0 if shares else 0.0),
    }
    return {peer: outcome_of(reader, wanted, place, row, 0.0) for peer, reader in readers.items()}


def outcome_of(
    reader: Callable[[], Sequence[Placed]],
    wanted: Sequence[np.ndarray],
    place: np.ndarray | None,
    row: Row,
    fill: float | None,
) -> Outcome:
    """Read and compare; what a program says when it does not read."""
    try:
        return compare(
            wanted, place, reader(), quantum=row.quantum, fill=fill, tolerance=row.tolerance
        )
    except (UnreadError, DicomDbError) as error:
        return Outcome("unread", text=without_folders(str(error)))


def write_form(
    row: Row, one: Exportable, target: StudyTarget, before: set[str], folder: Path
) -> None:
    """Write one form, and fill the row."""
    if one.refusal:
        row.verdict, row.notes = "refused", [one.refusal]
        return
    source, chosen = one.source, answers(one)
    if chosen.get("geometry") == "resample":
        row.verdict, row.notes = "refused", ["only after resampling, which was not asked for"]
        return
    row.quantum, row.leans = quantum_of(one, source), leans(source)
    try:
        report = write_results(None, [one.with_options(**chosen)], target, folder=folder / "out")
    except DicomDbError as error:
        row.verdict, row.notes = "refused", [without_folders(str(error))]
        return
    files = sorted(Path(path) for path in report.files)
    errors = {line for path in {files[0], files[-1]} for line in error_lines(path)}
    kinds = error_kinds(errors)
    row.new_errors, row.old_errors = sorted(kinds - before), len(kinds & before)
    reads = _segments_read if one.kind == "segmentation" else _images_read
    row.outcomes = reads(one, source, files, folder, row)


def offers_of(source: ExportSource) -> list[Exportable]:
    """Return all forms: of the image, and of its thresholds as segments."""
    labels, shares = thresholds(source)
    images = [o for o in examine_for_export(source) if o.kind in ("image", "parametric-map")]
    segments = [
        o
        for part in (labels, shares)
        for o in examine_for_export(part)
        if o.kind == "segmentation"
    ]
    return images + segments


def form_of(one: Exportable) -> str:
    options = one.options
    return str(options.get("type") or (one.kind if one.kind != "image" else options["form"]))


def validate_offer(name: str, database: Database, offer: Loadable, label: str) -> Iterator[Row]:
    """Write one volume in all forms."""
    try:
        volume = offer.load(lazy=True)
        if "row" not in volume.dims:
            return
        source = cropped(ExportSource.of_volume(volume))
    except DicomDbError as error:
        yield Row(name, label, "-", "unopened", notes=[without_folders(str(error))])
        return
    try:
        target = StudyTarget.of_study(database, source.study_uid, source.references)
    except DicomDbError as error:
        yield Row(name, label, "all", "refused", notes=[without_folders(str(error))])
        return
    originals = [offer.instances[0].path, offer.instances[-1].path]
    before = inherited(
        error_kinds(
            line for path in set(originals) if Path(path).is_file() for line in error_lines(path)
        )
    )
    rounded = 0.0 if leans(source) else ROUNDINGS * roundness(database, source)
    for one in offers_of(source):
        row = Row(name, label, form_of(one), tolerance=AFFINE_TOLERANCE + rounded)
        with tempfile.TemporaryDirectory(prefix="dicomdb-validate-") as folder:
            write_form(row, one, target, before, Path(folder))
        row.judge()
        yield row


def validate_set(root: Path, name: str) -> list[Row]:
    """Validate all images of one set, in a process of its own."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    rows: list[Row] = []
    with Database.in_memory() as database:
        database.import_paths([root / name], workers=0)
        counts: dict[str, int] = {}
        for series in database.series():
            for offer in database.examine(series):
                if not offer.selected or offer.kind == "content" or "segment" in offer.kind:
                    continue
                folder = Path(offer.instances[0].path).relative_to(root / name).parts[:-1]
                shape = "×".join(map(str, offer.shape))
                where = "/".join(part for part in folder if part != "dicom") or "."
                label = f"{where} {series.modality or '?'} {shape}"
                counts[label] = counts.get(label, 0) + 1
                if counts[label] > 1:
                    label = f"{label} ({counts[label]})"
                rows += validate_offer(name, database, offer, label)
    return rows


def page(rows: list[Row], sections: list[str], seconds: float) -> str:
    """Return the whole page."""
    counts = {word: sum(row.verdict == word for row in rows) for word in WORDS}
    read = [o for row in rows for o in row.outcomes.values()]
    peers = ", ".join(
        f"{peer} {sum(r.outcomes[peer].good for r in rows if peer in r.outcomes)} of "
        f"{sum(peer in r.outcomes for r in rows)}"
        for peer in PEERS
    )
    offs = [o.off for o in read if o.good and o.off is not None]
    head = f"""# What is written, read back by others

Written by `python scripts/validate_export.py`, in {seconds / 60:.0f} minutes; run it again to
see for yourself (`--only SET`). Every series of the reference data that opens as an image or a
volume is written in every form that our exporters offer, and its thresholds as segmentations
(three segments by quantiles, labels 1, 2 and 5; two segments of shares). Taken are at most
{MOST_SLICES} slices of more than {LONG}, unless they are uneven, at most {MOST_STEPS} steps of an
axis beside space, the first {MOST_ACROSS} rows and columns of slides; segments are of the first
step. Segmentations of the reference data are in a section of their own, below.

- **dciodvfy**: kinds of Error lines, in the first and the last file, that the original files do
  not have; in brackets those that they have, too (by attribute and rule, whatever the value).
- **us** and the peers: `=` every voxel is equal, at its place; `≈` not farther off than the
  error that the exporter states before it writes (behind the form); `≠` different; `∅` not
  read; empty: not asked, it is no reader of this form. Voxels are compared by their place in
  the patient, whatever way round a program keeps them; by slice, row and column where they
  have none.
- **affine**: greatest displacement of a corner in mm ({AFFINE_TOLERANCE:g} allowed, and
  {ROUNDINGS} times what the positions in the original files are off a line: programs fit or
  extend them in their own ways).
- **verdict**: "equal, but": we read what was written; the note tells who does not, or who
  complains, and why that is no fault of the file. "refused": not written; the note has the
  reason that the user is given. The notes are a list (`scripts/export_notes.py`) made by looking
  at what first differed; what it has not is "DIFFERS". Of shifted slices (gantry tilt) it excuses
  any displacement by programs that cannot hold them, not by us.

{len(rows)} times written or refused: {counts["equal"]} equal, {counts["explained"]} equal with an
explanation, {counts["refused"]} refused, {counts["unopened"]} not opened, {counts["differs"]} that
differ. Read as written: {peers}. Greatest displacement: {max(offs, default=0.0):.1e} mm.

"""
    lines = [head]
    for name in dict.fromkeys(row.set_name for row in rows):
        lines += [f"## {name}", "", *table([row for row in rows if row.set_name == name])]
    return "\n".join([*lines, *sections]).rstrip() + "\n"


def validate(root: Path, sets: Sequence[str] = ()) -> list[Row]:
    """Validate all sets, or those named, on two processes."""
    names = [p.name for p in sorted(root.iterdir()) if p.is_dir()]
    names = [name for name in names if not sets or name in sets]
    if len(names) == 1:
        return validate_set(root, names[0])
    with ProcessPoolExecutor(2) as pool:
        jobs = [pool.submit(validate_set, root, name) for name in names]
        return [row for job in jobs for row in job.result()]


def main() -> int:
    here = Path(__file__).resolve().parents[1]
    default = os.environ.get("DICOMDB_REFERENCE_DATA") or here.parent / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--to", type=Path, default=here / "docs" / "validation-export.md")
    parser.add_argument("--only", action="append", default=[], metavar="SET")
    arguments = parser.parse_args()
    if not (arguments.data / "references.json").is_file():
        print(f"no reference data in {arguments.data}: use --data", file=sys.stderr)
        return 2
    started = time.monotonic()
    rows = validate(arguments.data, arguments.only)
    for row in rows:
        told = " ".join(f"{peer}{SIGNS[o.state]}" for peer, o in row.outcomes.items())
        print(f"{row.verdict:9} {row.set_name:16} {row.series:50} {row.form:18} {told}")
        if row.verdict != "equal":
            print("".join(f"          {note}\n" for note in row.notes), end="")
    failed = any(row.failed for row in rows)
    if not arguments.only:
        segments = validate_segmentations.validate(arguments.data)
        copies = validate_deidentification.validate(arguments.data)
        sections = [validate_segmentations.section(segments, rows),
                    validate_deidentification.section(copies)]  # fmt: skip
        failed |= any(point.failed for point in segments) or copies.failed
        text = page(rows, sections, time.monotonic() - started)
        arguments.to.write_text(text, encoding="utf-8")
        print(f"written to {arguments.to}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
