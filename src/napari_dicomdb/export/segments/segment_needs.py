"""What the writer of segmentations wants to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.export.exporter import Need
from napari_dicomdb.export.images.pixel_encoding import COMPRESSION_NAMES
from napari_dicomdb.export.segments.segment_meanings import fitting
from napari_dicomdb.export.study import value_problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.export.segments.segment_meanings import SegmentMeaning
    from napari_dicomdb.export.source import ExportSource

__all__ = ["CHECKED", "EMPTY", "FRACTIONS", "compression_of", "needs_of", "tiling_of"]

CHECKED = {
    "description": "SeriesDescription",
    "label": "ContentLabel",
    "creator": "ContentCreatorName",
    "algorithm_name": "SegmentAlgorithmName",
}
EMPTY = Need(
    "empty",
    "Segments without a voxel",
    "choice",
    "skip",
    (("skip", "Leave them out"), ("write", "Write them")),
    tip="Some programs refuse segments without a frame.",
)
FRACTIONS = Need(
    "fractional_type",
    "What fractions are",
    "choice",
    "PROBABILITY",
    (("PROBABILITY", "Probability"), ("OCCUPANCY", "Share of the voxel")),
)
_NO_RLE = frozenset({"BINARY"})  # bits are no bytes (PS3.5 Section 8.2.2)


def compression_of(kind: str) -> Need:
    """Return the need of how the frames of a type of segmentation are compressed."""
    kept = ("none", "deflated") if kind in _NO_RLE else ("none", "deflated", "rle")
    return Need(
        "compression",
        "Compression",
        "choice",
        "none",
        tuple((key, COMPRESSION_NAMES[key]) for key in kept),
        tip="All are lossless; every program reads segmentations that are not compressed.",
    )


_TILING = Need(
    "tiling",
    "Tiles of a slide",
    "choice",
    "sparse",
    (("sparse", "Those with labels"), ("full", "All of them")),
    tip="All of them are larger, but some programs want a complete grid of tiles.",
)


def tiling_of(source: ExportSource) -> tuple[Need, ...]:
    """Return the needs of slides only: what is in the patient has no tiles."""
    geometry = source.geometry
    if geometry is not None and geometry.in_patient:
        return ()
    levels = Need(
        "levels",
        "Levels of a slide",
        "choice",
        "all" if source.levels else "one",
        (("one", "That of the layer"), ("all", "That and all coarser ones: a pyramid")),
        tip="A pyramid is quick to look at from afar; it is a series of one object a level.",
    )
    return (_TILING, levels)


def needs_of(source: ExportSource, known: Sequence[SegmentMeaning]) -> tuple[Need, ...]:
    """Return what is asked of all segmentations.

    Parameters
    ----------
    source : ExportSource
    known : sequence of SegmentMeaning
        What is known of its segments: the default.
    """
    told = str(source.meta.get("content_label") or "")
    return (
        Need(
            "description",
            "Series description",
            "text",
            fitting(source.title),
            tip="At most 64 characters.",
        ),
        Need(
            "segments",
            "Segments",
            "segments",
            [one.to_json() for one in known],
            tip="What each label is: name, category and type by code, region, colour.",
        ),
        Need(
            "algorithm_type",
            "All segments were made",
            "choice",
            "MANUAL",
            (
                ("MANUAL", "By hand"),
                ("SEMIAUTOMATIC", "With a program"),
                ("AUTOMATIC", "By a program"),
            ),
            tip="With a program: a person guided it or mended what it made. Segments that were "
            "made otherwise can say so one by one, in their table.",
        ),
        Need(
            "algorithm_name",
            "By which program",
            "text",
            "",
            tip="Name of the algorithm; of no use for what was drawn by hand.",
        ),
        Need("creator", "Who made it", "text", "", tip="Family^Given"),
        Need(
            "label",
            "Content label",
            "text",
            told if told and not value_problem("ContentLabel", told) else "SEGMENTATION",
            tip="Capitals, digits, space and underscore; at most 16.",
        ),
        Need(
            "grid",
            "Grid",
            "choice",
            "image",
            (
                ("image", "That of the image"),
                ("own", "That of the layer"),
                ("upright", "That of the layer, its slices put straight"),
            ),
            tip="Other programs expect the voxels of the image; the nearest label is taken.",
        ),
        Need(
            "other_frame_of_reference",
            "Write it though the image is in another frame of reference",
            "bool",
            False,
        ),
    )
