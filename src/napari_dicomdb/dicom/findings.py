"""What is wrong, or worth knowing, about the data: code, severity, words, numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Finding", "FindingCode", "Severity", "worst"]


class Severity(StrEnum):
    """How much a finding matters to somebody who opens the data."""

    INFO = "info"  # worth knowing; the result is right
    WARNING = "warning"  # the result may mislead unless one knows
    ERROR = "error"  # the result is wrong or incomplete as it stands


class FindingCode(StrEnum):
    """Stable names of the findings (DESIGN 4, reference/slicer.md 3.4)."""

    MISSING_SLICES = "missing-slices"
    DUPLICATE_SLICES = "duplicate-slices"
    UNEVEN_SPACING = "uneven-spacing"
    GANTRY_TILT = "gantry-tilt"
    IN_PLANE_SHIFT = "in-plane-shift"
    MIXED_ORIENTATION = "mixed-orientation"
    MIXED_MATRIX = "mixed-matrix"
    MIXED_PIXEL_SPACING = "mixed-pixel-spacing"
    MIXED_FRAME_OF_REFERENCE = "mixed-frame-of-reference"
    MIXED_PIXEL_FORMAT = "mixed-pixel-format"
    DRIFT = "drift"
    SINGLE_POSITION = "single-position"
    SINGLE_SLICE = "single-slice"
    FEW_SLICES = "few-slices"
    NO_GEOMETRY = "no-geometry"
    BAD_ORIENTATION = "bad-orientation"
    SLICE_OVERLAP = "slice-overlap"
    SPACING_CONTRADICTED = "spacing-contradicted"
    MOSAIC_ASSUMED = "mosaic-assumed"
    MULTIFRAME_INCONSISTENT = "multiframe-inconsistent"
    UNCALIBRATED_SPACING = "uncalibrated-spacing"
    NO_SPACING = "no-spacing"
    FOR_PROCESSING = "for-processing"
    TRUNCATED_PIXELS = "truncated-pixels"
    UNDECODABLE_PIXELS = "undecodable-pixels"
    VALUES_CLIPPED = "values-clipped"
    BAD_HEADER_VALUE = "bad-header-value"
    FILE_MISSING = "file-missing"
    FILE_CHANGED = "file-changed"
    OTHER_OBJECT = "other-object"
    CONFLICTING_COPIES = "conflicting-copies"
    SPLIT_SERIES = "split-series"
    RESAMPLED = "resampled"
    BURNED_IN_ANNOTATION = "burned-in-annotation"
    LOSSY_COMPRESSION = "lossy-compression"
    OTHER_FRAME_OF_REFERENCE = "other-frame-of-reference"
    LOADER_FAILED = "loader-failed"
    UNCERTAIN_DIRECTIONS = "uncertain-directions"
    UNKNOWN_WEIGHTING = "unknown-weighting"
    PRIVATE_WITHOUT_CREATOR = "private-without-creator"
    NOT_CORRECTED = "not-corrected"
    SEGMENTS_OVERLAP = "segments-overlap"


_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a selection of instances.

    Parameters
    ----------
    code : FindingCode
        Machine-readable name.
    severity : Severity
        How much it matters.
    text : str
        Plain words with the numbers in them, for a user.
    numbers : mapping of str to JSON value
        The same numbers for machines; lengths in mm, angles in degrees.
    """

    code: FindingCode
    severity: Severity
    text: str
    numbers: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def to_json(self) -> dict[str, Any]:
        """Return the finding as a dict that `json.dumps` accepts."""
        return {
            "code": str(self.code),
            "severity": str(self.severity),
            "text": self.text,
            "numbers": dict(self.numbers),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Finding:
        """Return the finding that `to_json` described.

        Raises
        ------
        KeyError, ValueError
            It is none: a member is missing, or not one of ours.
        """
        return cls(
            FindingCode(told["code"]),
            Severity(told["severity"]),
            str(told["text"]),
            dict(told.get("numbers") or {}),
        )


def worst(findings: tuple[Finding, ...] | list[Finding]) -> Severity | None:
    """Return the gravest severity among `findings`, or None when there are none."""
    return max((f.severity for f in findings), key=_RANK.__getitem__, default=None)
