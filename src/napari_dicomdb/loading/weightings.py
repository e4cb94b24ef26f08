"""Diffusion-weighted frames sorted into volumes, in the order of their acquisition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.diffusion import (
    DIFFUSION_KEYWORDS,
    DiffusionWeighting,
    Directionality,
    weighting_of,
)
from napari_dicomdb.loading.coding import codes_of, combined_codes, mapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.loading.frames import FrameSet

__all__ = [
    "TRACE",
    "WEIGHTED",
    "WeightedVolumes",
    "acquisition_rank",
    "contrast_codes",
    "contrast_labels",
    "kinds_of",
    "sort_into_volumes",
    "weightings_of",
]

WEIGHTED = ""
"""Kind of the images that gradients of one direction, or none, were applied to."""

TRACE = "trace"
"""Kind of the images that are weighted alike in all directions: means of several."""

LEAST_FILLED = 0.75
"""Share of the grid of volumes and positions that must be there."""

# Words of ImageType or FrameType, parted at "_" too: what has one is computed, not acquired.
_MAPS = {
    "ADC": "ADC",
    "EADC": "eADC",
    "FA": "FA",
    "COLFA": "coloured FA",
    "TENSOR": "tensor",
    "RA": "RA",
    "VR": "VR",
    "EXP": "eADC",
}
_TRACES = frozenset({"TRACEW", "TRACE", "ISOTROPIC"})
_CONTRASTS = (
    "ComplexImageComponent",
    "PHILIPS_2005_1011",
    "GE_0043_102F",
    "EchoNumbers",
    "EchoTime",
)


@dataclass(frozen=True, eq=False)
class WeightedVolumes:
    """Frames sorted into volumes.

    Parameters
    ----------
    index : (V, P) ndarray of int
        Which frame is at each position of each volume; -1 where none is.
    weightings : tuple of DiffusionWeighting or None
        One for each volume; None where its frames do not say.
    """

    index: NDArray[np.intp]
    weightings: tuple[DiffusionWeighting | None, ...]

    def __len__(self) -> int:
        return len(self.index)

    @property
    def missing(self) -> int:
        """How many places have no frame."""
        return int(np.count_nonzero(self.index < 0))

    def frames(self) -> NDArray[np.intp]:
        """Return the frames in the order of volumes, then positions."""
        flat = self.index.reshape(-1)
        return flat[flat >= 0]

    def representatives(self) -> NDArray[np.intp]:
        """Return one frame of each position: that of the first volume that has it."""
        first = np.argmax(self.index >= 0, axis=0)
        chosen: NDArray[np.intp] = self.index[first, np.arange(self.index.shape[1])]
        return chosen

    def reordered(self, positions: Sequence[int]) -> WeightedVolumes:
        """Return the volumes with their positions in another order."""
        return WeightedVolumes(self.index[:, list(positions)], self.weightings)


def weightings_of(frames: FrameSet) -> list[DiffusionWeighting | None]:
    """Return how each frame was weighted; None where it does not say.

    Parameters
    ----------
    frames : FrameSet
        Of one orientation.
    """
    keywords: Sequence[str] = DIFFUSION_KEYWORDS
    if any(frames.tables):  # one frame after another is asked: only for what is there
        names = {name for t in frames.tables if t for name in (*t.shared, *t.per_frame)}
        names.update(*(record.values for record in frames.instances))
        keywords = [keyword for keyword in keywords if keyword in names]
    columns: dict[str, list[Any]] = {}
    for keyword in keywords:
        values = frames.values(keyword)
        if values.count(None) < len(values):
            columns[keyword] = values
    if not columns:
        return [None] * len(frames)
    columns["ImageType"] = frames.values("ImageType")
    cosines = frames.orientations[0]
    orientation = cosines.tolist() if np.isfinite(cosines).all() else None

    def weighting(row: tuple[Any, ...]) -> DiffusionWeighting | None:
        said = dict(zip(columns, row, strict=True))
        return _as_its_type_says(weighting_of(said.get, orientation), said["ImageType"])

    return mapped(weighting, list(zip(*columns.values(), strict=True)))


def _as_its_type_says(
    weighting: DiffusionWeighting | None, image_type: Any
) -> DiffusionWeighting | None:
    """Return the weighting, isotropic where only ImageType tells that it is."""
    if weighting is None or not weighting.is_weighted or weighting.direction_lps is not None:
        return weighting
    if _map_of(image_type) != TRACE:
        return weighting
    return replace(weighting, directionality=Directionality.ISOTROPIC)


def kinds_of(frames: FrameSet, weightings: Sequence[DiffusionWeighting | None]) -> list[str]:
    """Return what each frame shows: `WEIGHTED`, `TRACE`, or the name of a computed map.

    Where nothing has a direction, trace images and the unweighted ones belong
    together: a map of the diffusivity needs both.
    """
    maps = mapped(_map_of, frames.values("ImageType"))
    kinds = [
        TRACE if name == WEIGHTED and weighting is not None and weighting.is_isotropic else name
        for name, weighting in zip(maps, weightings, strict=True)
    ]
    directed = any(
        weighting is not None and weighting.is_weighted
        for kind, weighting in zip(kinds, weightings, strict=True)
        if kind == WEIGHTED
    )
    return kinds if directed else [WEIGHTED if kind == TRACE else kind for kind in kinds]


def _map_of(image_type: Any) -> str:
    words = str(image_type or "").upper().replace("\\", " ").replace("_", " ").split()
    for word in words:
        if word in _MAPS:
            return _MAPS[word]
    return TRACE if _TRACES.intersection(words) else WEIGHTED


def contrast_codes(
    frames: FrameSet, weightings: Sequence[DiffusionWeighting | None]
) -> NDArray[np.intp]:
    """Return a number for each frame: those that differ are other contrasts, not volumes.

    Magnitude and phase, or several echoes, of one weighting; an echo time that
    goes with the b-value tells nothing apart.
    """
    labels = _labels(weightings)
    chosen = [np.zeros(len(frames), dtype=np.intp)]
    for keyword in _CONTRASTS:
        codes = frames.codes(keyword)
        pairs = np.unique(np.column_stack([labels, codes]), axis=0)
        if len(pairs) > len(np.unique(labels)):
            chosen.append(codes)
    return combined_codes(chosen)


def contrast_labels(
    frames: FrameSet, examples: Sequence[int]
) -> list[tuple[tuple[str, Any], ...]]:
    """Return what tells contrasts, each with a frame as its example, apart."""
    columns = [(keyword, [frames.value(keyword, k) for k in examples]) for keyword in _CONTRASTS]
    telling = [(keyword, values) for keyword, values in columns if len(set(values)) > 1]
    return [tuple((keyword, v[k]) for keyword, v in telling) for k in range(len(examples))]


def sort_into_volumes(
    frames: FrameSet,
    weightings: Sequence[DiffusionWeighting | None],
    place: NDArray[np.intp],
) -> WeightedVolumes | None:
    """Sort frames of one stack geometry and one contrast into volumes.

    Frames weighted alike that share a position (averages, several b=0) are
    volumes of their own, the first of each position in the first: nothing is
    taken for a duplicate (reference/diffusion.md DIF-2).

    Parameters
    ----------
    frames : FrameSet
    weightings : sequence of DiffusionWeighting or None
        Of each frame.
    place : (N,) ndarray of int
        For each frame its position along the stack.

    Returns
    -------
    WeightedVolumes or None
        In the order of acquisition; None when they do not fill a grid.
    """
    labels = _labels(weightings)
    rank = acquisition_rank(frames)
    positions = int(place.max()) + 1
    group = labels * positions + place
    order = np.lexsort((rank, group))
    turn = np.empty(len(frames), dtype=np.intp)
    turn[order] = np.arange(len(frames)) - np.searchsorted(group[order], group[order])
    volume = combined_codes([labels, turn])
    index = np.full((int(volume.max()) + 1, positions), -1, dtype=np.intp)
    index[volume, place] = np.arange(len(frames))
    filled = index >= 0
    if filled.mean() < LEAST_FILLED:
        index = index[filled.all(axis=1)]
        if len(index) == 0:
            return None
    # Positions are asked from the first: by it alone the slices of a volume do not matter.
    firsts = index[np.arange(len(index)), np.argmax(index >= 0, axis=1)]
    index = index[np.argsort(rank[firsts], kind="stable")]
    return WeightedVolumes(
        index,
        tuple(weightings[int(max(row))] for row in index),  # any frame of a volume
    )


def acquisition_rank(frames: FrameSet) -> NDArray[np.intp]:
    """Return the place of each frame in the order of acquisition.

    Objects with functional groups: InstanceNumber, then DimensionIndexValues from
    the last to the first.
    Others: the numbers of b-value and gradient that Philips gives, then
    AcquisitionNumber, InstanceNumber.
    """
    number = [np.inf if i.number is None else float(i.number) for i in frames.instances]
    instance = np.array(number)[frames.owner]
    keys: list[NDArray[Any]] = []
    if any(frames.tables):
        rows = frames.values("DimensionIndexValues")
        if all(isinstance(row, tuple) for row in rows) and len({len(row) for row in rows}) == 1:
            # The last index is the slowest, as dcm2niix has it: Philips' b=0, whose gradient
            # has the highest number, comes last.
            keys += list(np.array(rows, dtype=np.float64).T[::-1])
        keys.insert(0, instance)
        keys.append(_numbers(frames, "AcquisitionNumber"))
    else:
        keys += [
            _numbers(frames, "PHILIPS_2005_1412"),
            _numbers(frames, "PHILIPS_2005_1413"),
            _numbers(frames, "AcquisitionNumber"),
            instance,
        ]
    order = np.lexsort((frames.number, frames.owner, *reversed(keys)))
    rank = np.empty(len(frames), dtype=np.intp)
    rank[order] = np.arange(len(frames))
    return rank


def _numbers(frames: FrameSet, keyword: str) -> NDArray[np.float64]:
    """Return a number for each frame; nothing but zeros when one has none."""
    values = frames.values(keyword)
    try:
        return np.array([float(value) for value in values])
    except (TypeError, ValueError):
        return np.zeros(len(frames))


def _labels(weightings: Sequence[DiffusionWeighting | None]) -> NDArray[np.intp]:
    # Frames that say the same share one object: hundreds, not thousands, are looked at.
    labels = {key: _label(w) for key, w in {id(w): w for w in weightings}.items()}
    return codes_of([labels[id(w)] for w in weightings])


def _label(weighting: DiffusionWeighting | None) -> Any:
    if weighting is None:
        return None
    kind = weighting.directionality is Directionality.ISOTROPIC
    return (round(weighting.b_value, 2), *(round(v, 4) for v in weighting.vector), kind)
