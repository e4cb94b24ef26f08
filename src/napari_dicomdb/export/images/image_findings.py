"""What stands against writing an array as images, or is to be known of its values first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.export.images.frame_dimensions import FrameDimensions
from napari_dicomdb.export.images.leading_axes import leading_axes, lost_times

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_dicomdb.export.images.stored_values import ValueRange
    from napari_dicomdb.export.source import ExportSource

__all__ = [
    "axis_losses",
    "dimension_losses",
    "frame_findings",
    "lacking_findings",
    "out_of_reach",
    "unwritable",
    "value_findings",
]

_MOST_PIXELS = 65535
# Type 1 (PS3.3 Sections C.8.9.1, C.8.9.4), of those that an index keeps.
_NEEDED_OF_PET = (
    *("Units", "SeriesType", "DecayCorrection"),
    *("FrameReferenceTime", "ActualFrameDuration", "DecayFactor"),
)
_LEAST, _MOST = 1e-30, 1e38


def unwritable(source: ExportSource) -> Finding | None:
    """Return why no image can be made of values of this kind."""
    kind, size = source.dtype.kind, source.dtype.itemsize
    text = ""
    if kind == "c":
        text = "complex numbers cannot be written: write their magnitude and phase"
    elif kind not in "biuf":
        text = f"values of the type {source.dtype} cannot be written: numbers can"
    elif source.is_rgb and (kind == "i" or (kind == "u" and size > 2)):
        text = f"colours of the type {source.dtype} cannot be written: uint8, uint16, floats can"
    elif 0 in source.shape:
        text = "it is empty"
    elif max(source.grid[1:]) > _MOST_PIXELS:
        text = (
            f"an image of {source.grid[1]} x {source.grid[2]} pixels is too large: DICOM has at "
            f"most {_MOST_PIXELS} rows and columns"
        )
    if not text:
        return None
    return Finding(FindingCode.VALUES_CLIPPED, Severity.ERROR, text)


def out_of_reach(source: ExportSource, found: ValueRange) -> Finding | None:
    """Return why values of float64 cannot be those of an image: programs read float32."""
    biggest = max(abs(found.low), abs(found.high))
    if source.dtype.kind != "f" or biggest == 0 or _LEAST < biggest < _MOST:
        return None
    text = (
        f"values of the order of {biggest:.0e} are out of the range of float32, as which programs "
        "read images: write a parametric map of 64 bits, or scale them"
    )
    return Finding(FindingCode.VALUES_CLIPPED, Severity.ERROR, text)


def frame_findings(source: ExportSource, form: str) -> tuple[Finding, ...]:
    """Return what stands against writing it as frames of one object."""
    if form not in ("enhanced", "multi-frame") or FrameDimensions.of(source).are_told_apart:
        return ()
    text = "it has too many axes beside space to tell frames apart: write one file a slice"
    return (Finding(FindingCode.MULTIFRAME_INCONSISTENT, Severity.ERROR, text),)


def value_findings(found: ValueRange) -> tuple[Finding, ...]:
    """Return how many values are no number."""
    if not found.strange:
        return ()
    text = f"{found.strange} voxels are no number (NaN or infinite)"
    return (
        Finding(FindingCode.VALUES_CLIPPED, Severity.WARNING, text, {"voxels": found.strange}),
    )


def lacking_findings(source: ExportSource) -> tuple[Finding, ...]:
    """Return what a PET image must say and the images it was made from do not, as read."""
    known = source.meta.get("pet")
    if source.modality != "PT" or not isinstance(known, Mapping):
        return ()
    lacking = [keyword for keyword in _NEEDED_OF_PET if not _is_said(known.get(keyword))]
    if known.get("DecayCorrection") == "NONE" and "DecayFactor" in lacking:
        lacking.remove("DecayFactor")
    if not lacking:
        return ()
    text = (
        f"a PET image needs what only its source images say ({', '.join(lacking)}), and they do "
        "not: write secondary captures or a parametric map instead"
    )
    about = {"keywords": lacking}
    return (Finding(FindingCode.BAD_HEADER_VALUE, Severity.ERROR, text, about),)


def _is_said(value: Any) -> bool:
    """Whether a value of the series, or that of each slice, is there."""
    each = value if isinstance(value, list | tuple) else [value]
    return bool(each) and all(one not in (None, "") for one in each)


def axis_losses(source: ExportSource, form: str) -> list[str]:
    """Return what is lost of the axes beside space, in words."""
    axes = leading_axes(source)
    if form in ("classic", "secondary-capture"):
        labelled = next((axis for axis in axes if axis.labels), None)
        return [
            *_lost(axis.name for axis in axes if not axis.is_kept),
            *lost_times(source, labelled),
            *_sorted(axis.name for axis in axes if axis.will_be_sorted),
        ]
    if source.geometry is not None and source.geometry.in_patient:
        return dimension_losses(source, FrameDimensions.of(source))
    if len(axes) == 1 and source.grid[0] == 1 and axes[0].is_rising:  # a loop
        return lost_times(source, None)
    return _lost(axis.name for axis in axes)


def dimension_losses(source: ExportSource, dimensions: FrameDimensions) -> list[str]:
    """Return what is lost of axes that are dimensions of one object, in words."""
    return [
        *_lost(dimensions.not_kept),
        *lost_times(source, dimensions.labelled),
        *_sorted(dimensions.sorted_ones),
    ]


def _sorted(names: Iterable[str]) -> list[str]:
    return [f"steps of the axis {name!r} will be in ascending order" for name in names]


def _lost(names: Iterable[str]) -> list[str]:
    return [f"what the axis {name!r} means is not kept, only its order" for name in names]
