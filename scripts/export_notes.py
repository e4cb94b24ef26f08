"""What is known of readers that do not understand a form, and of validators that do not."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """Why a peer says something of a form, though nothing is wrong with what is written.

    `forms`, `peer` and `says` are regular expressions; with `leaning` it holds only for
    slices that are not stacked evenly along their normal.
    """

    forms: str
    peer: str
    says: str
    why: str
    leaning: bool = False


KNOWN = (
    Known(
        "LABELMAP",
        "dciodvfy",
        "Information Object Not found",
        "this version does not know label map segmentations (PS3.3 A.51, Supplement 243) "
        "and checks them as any object",
    ),
    Known(
        "LABELMAP",
        "dciodvfy",
        "SegmentNumber not monotonically",
        "it asks of label maps what PS3.3 C.8.20.2 asks of BINARY and FRACTIONAL only: "
        "in a label map the number of a segment is its value (it says so of those that dcmqi "
        "made, in data/seg, too)",
    ),
    Known(
        "BINARY|LABELMAP|FRACTIONAL",
        "dcmqi",
        "Failed to get image directions",
        "it reads only what has a place in the patient",
    ),
    Known(
        ".*",
        "highdicom",
        "regularly-spaced",
        "it reads no volume whose slices are shifted (gantry tilt) or uneven",
        leaning=True,
    ),
    Known(
        ".*",
        "SimpleITK|dcmqi",
        "another grid|mm off",
        "an ITK image cannot hold shifted slices (gantry tilt): voxels are equal, places are not",
        leaning=True,
    ),
    Known(
        "BINARY|LABELMAP|FRACTIONAL",
        "dcmqi",
        "outside image geometry",
        "it refuses segmentations of shifted slices (gantry tilt)",
        leaning=True,
    ),
    Known(
        ".*",
        "dcm2niix",
        "2 volumes for 1",
        "beside the volume it writes a second one that it straightened (gantry tilt); the first "
        "is equal in the legacy converted form, and up to 0.45 mm off in single-frame forms (of "
        "the original gantrytilting, too, by as much; the original of sliceincrement has a slice "
        "less and says nothing)",
        leaning=True,
    ),
    Known(
        ".*",
        ".*",
        "as one stack of slices",
        "it knows no axis beside space here: all volumes in one stack of slices, voxels and "
        "places equal",
    ),
    Known(
        "parametric-map",
        "dcmqi",
        "Declared slice spacing",
        "it refuses maps of a single slice unless it is 1 mm thick; the original, too",
    ),
)


def explained(form: str, peer: str, text: str, *, leans: bool = False) -> str:
    """Return why a peer says this of this form, "" when nobody knows."""
    for one in KNOWN:
        if (
            re.fullmatch(one.forms, form)
            and re.fullmatch(one.peer, peer)
            and re.search(one.says, text)
            and (leans or not one.leaning)
        ):
            return one.why
    return ""
