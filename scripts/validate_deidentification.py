"""De-identified copies of the reference data: as valid as the originals, and as equal.

Of every series that can be de-identified the first file is copied by the Basic Profile
and with all that may be kept. `dciodvfy` must not say of a copy what it does not say of
its original: compared by attribute and rule, not by how many lines there are, and not by
value. Every line that says two UIDs are the same is looked at: they must be the same in
the original.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from peer_comparison import error_kinds
from peer_readings import error_lines

from napari_dicomdb import Database
from napari_dicomdb.errors import DicomDbError
from napari_dicomdb.export.deidentification.profile import RETAINABLE, Profile

if TYPE_CHECKING:
    from collections.abc import Iterable

PROFILES = {
    "Basic Profile": Profile(pixels_confirmed=True),
    "all that may be kept, dates shifted": Profile.retaining(
        [one.name for one in RETAINABLE], dates="shift", pixels_confirmed=True
    ),
}
SAME = "has same value as"


@dataclass
class Copies:
    """How the copies of one profile fared."""

    profile: str
    checked: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    new: list[str] = field(default_factory=list)
    before: int = 0
    after: int = 0
    same: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    bytewise: list[str] = field(default_factory=list)
    decoded: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether a copy is less valid than its original, or another picture."""
        return bool(self.new or self.unlike or self.changed)


@dataclass
class Report:
    """All profiles."""

    profiles: list[Copies]

    @property
    def failed(self) -> bool:
        """Whether one of them failed."""
        return any(one.failed for one in self.profiles)


def new_errors(original: Iterable[str], copy: Iterable[str]) -> list[str]:
    """Return the kinds of Error lines that only the copy has."""
    return sorted(error_kinds(copy) - error_kinds(original))


def same_uids(lines: Iterable[str]) -> set[tuple[str, str]]:
    """Return the pairs of attributes that dciodvfy says have one UID."""
    pairs = set()
    for line in lines:
        if SAME in line:
            first, _, rest = line.removeprefix("Error - ").partition(f" {SAME} ")
            pairs.add((first.strip(), rest.partition(" ")[0].strip()))
    return pairs


def _compare(found: Copies, name: str, original: Path, copy: Path) -> None:
    before, after = error_lines(original), error_lines(copy)
    found.checked += 1
    found.before += len(error_kinds(before))
    found.after += len(error_kinds(after))
    found.new += [f"{name}: {line}" for line in new_errors(before, after)]
    header = pydicom.dcmread(original, force=True)
    again = pydicom.dcmread(copy)
    for first, second in sorted(same_uids(after)):
        equal = header.get(first) == header.get(second) and header.get(first)
        where = found.same if equal and (first, second) in same_uids(before) else found.unlike
        where.append(f"{name}: {first} and {second}")
    if "PixelData" in header:
        same = same_pixels(header, again)
        where = {"bytes": found.bytewise, "": found.changed}.get(same, found.decoded)
        where.append(f"{name}: {same}" if where is found.decoded else name)


def same_pixels(original: pydicom.Dataset, copy: pydicom.Dataset) -> str:
    """Return "bytes" when nothing changed, why not when the pixels are the same, else ""."""
    if original.PixelData == copy.get("PixelData"):
        return "bytes"
    try:
        if np.array_equal(original.pixel_array, copy.pixel_array):
            return "the same pixels; what the encoder left beside them is emptied"
    except (AttributeError, ValueError, RuntimeError, NotImplementedError):
        one = original.Rows * original.Columns * original.BitsAllocated // 8
        if original.PixelData[:one] == copy.PixelData[:one]:
            return "how many frames there are cannot be read: the first is kept, the rest emptied"
    return ""


def validate_profile(root: Path, name: str) -> Copies:
    """De-identify the first file of every series, set by set, and compare."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    found, profile = Copies(name), PROFILES[name]
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        with Database.in_memory() as database, tempfile.TemporaryDirectory() as place:
            database.import_paths([folder], workers=0)
            firsts = [database.instances(series)[0] for series in database.series()]
            if not firsts:
                continue
            out, mapping = Path(place) / "out", Path(place) / "map.json"
            try:
                report = database.deidentify(firsts, out, profile, mapping=mapping)
            except DicomDbError as error:
                found.refused[str(error.reason)] += len(firsts)
                continue
            found.refused.update(str(reason) for _, reason, _ in report.rejected)
            new_of = json.loads(mapping.read_text(encoding="utf-8"))["uids"]
            copies = {
                str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID): path
                for path in out.rglob("*.dcm")
            }
            for one in firsts:
                copy = copies.get(new_of.get(one.uid, one.uid))
                if copy is not None:
                    original = Path(one.path)
                    shown = original.relative_to(root) if original.is_file() else folder.name
                    if original.is_file():
                        _compare(found, str(shown), original, copy)
    return found


def validate(root: Path) -> Report:
    """Validate all profiles, on two processes."""
    with ProcessPoolExecutor(2) as pool:
        jobs = [pool.submit(validate_profile, root, name) for name in PROFILES]
        return Report([job.result() for job in jobs])


def section(report: Report) -> str:
    """Return the section of the page."""
    lines = [
        "## De-identification",
        "",
        "The first file of every series, copied by the Basic Profile and with all that may be",
        "kept. Error lines of `dciodvfy` are compared by attribute and rule, whatever the value",
        "and however many they are: a copy must have none that its original has not. Copies keep",
        "which UIDs are the same: where `dciodvfy` says that two attributes have one UID, it says",
        "so of the original, too, and they are the same there (whoever compares whole lines takes",
        "these for new ones, because the new UIDs have another length). Pixels that may show a",
        "name were confirmed to show none.",
        "",
        "| profile | verdict | files | kinds of Error lines before, after | new | same UIDs, "
        "also in the original | pixels bit for bit | no copy |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in report.profiles:
        refused = ", ".join(f"{count} {reason}" for reason, count in one.refused.items())
        lines.append(
            f"| {one.profile} | {'**FAILS**' if one.failed else '**as valid**'} | {one.checked} | "
            f"{one.before}, {one.after} | {len(one.new)} | {len(one.same)} of "
            f"{len(one.same) + len(one.unlike)} | {len(one.bytewise)} of "
            f"{len(one.bytewise + one.decoded + one.changed)} | {refused or 'none'} |"
        )
    lines.append("")
    for one in report.profiles:
        lines += [f"- {one.profile}: {text}" for text in (*one.new, *one.unlike)]
        lines += [f"- {one.profile}: other pixels in {text}" for text in one.changed]
    told = sorted({text for one in report.profiles for text in one.decoded})
    if told:
        lines += ["Not bit for bit:", ""]
        lines += [f"- {text}" for text in told]
    told = sorted({text for one in report.profiles for text in one.same})
    if told:
        lines += ["", "The same UID in the original and in the copy:", ""]
        lines += [f"- {text}" for text in told]
    return "\n".join([*lines, ""])
