"""Gradient tables of a diffusion axis as attributes: b-values, directions, b-matrices.

MR Diffusion macro (PS3.3 Section C.8.13.5.9). Images of one frame have its attributes at
the top level, as those of many makers do: programs look for them there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.diffusion import Directionality

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydicom import Dataset

    from napari_dicomdb.loading.volume import Coord

__all__ = ["DiffusionTable"]

_AXES = ("XX", "XY", "XZ", "YY", "YZ", "ZZ")
_UNIT = "s/mm2"

Numbers = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DiffusionTable:
    """How each step of an axis was weighted.

    Parameters
    ----------
    b_values : tuple of float
        s/mm2.
    directions : tuple of tuple of 3 float or None
        Unit vectors in patient coordinates (LPS); None where there is none.
    directionality : tuple of str
        "DIRECTIONAL", "BMATRIX", "ISOTROPIC", "NONE", or "" where nobody says.
    matrices : tuple of tuple of 6 float or None
        b-matrices in s/mm2: xx, xy, xz, yy, yz, zz.
    """

    b_values: Numbers
    directions: tuple[Numbers | None, ...]
    directionality: tuple[str, ...]
    matrices: tuple[Numbers | None, ...]

    @classmethod
    def of(
        cls, meta: Mapping[str, Any], coord: Coord | None, length: int
    ) -> DiffusionTable | None:
        """Return the table of an axis, None when its b-values are not known.

        Parameters
        ----------
        meta : mapping
            ``Volume.meta`` or the metadata of a layer: ``b_values``, ``directions_lps``,
            ``directionality``, ``b_matrices``. What has another number of steps, or other
            b-values than `coord`, belongs to other data.
        coord : Coord or None
            b-values of the axis.
        length : int
            Number of steps.
        """
        known = _array(meta.get("b_values"), (length,))
        told = None if coord is None else _array(coord.values, (length,))
        if coord is not None and coord.unit not in (_UNIT, ""):
            told = None
        if known is None and told is None:
            return None
        theirs = known is not None and (told is None or bool(np.allclose(known, told)))
        values = known if theirs else told
        if values is None or (values < 0).any():
            return None
        nothing = [None] * length
        vectors = _array(meta.get("directions_lps"), (length, 3)) if theirs else None
        words = _of_length(meta.get("directionality"), length) if theirs else None
        matrices = _of_length(meta.get("b_matrices"), length) if theirs else None
        directions = nothing if vectors is None else [_unit(vector) for vector in vectors]
        return cls(
            tuple(values.tolist()),
            tuple(directions),
            tuple(map(_word, words or nothing, values.tolist(), directions, matrices or nothing)),
            tuple(None if m is None else tuple(map(float, m)) for m in matrices or nothing),
        )

    def put(self, dataset: Dataset, step: int) -> None:
        """Say at the top level of an image how it was weighted."""
        item = self.item(step)
        dataset.DiffusionBValue = item.DiffusionBValue
        if "DiffusionDirectionality" in item:
            dataset.DiffusionDirectionality = item.DiffusionDirectionality
        direction = self.directions[step]
        if direction is not None:
            dataset.DiffusionGradientOrientation = [*direction]
        if self.matrices[step] is not None:
            dataset.MRDiffusionSequence = [item]  # b-matrices are looked for there alone

    def item(self, step: int) -> Dataset:
        """Return the item of MRDiffusionSequence of a step."""
        from pydicom import Dataset

        made = Dataset()
        made.DiffusionBValue = self.b_values[step]
        if self.directionality[step]:
            made.DiffusionDirectionality = self.directionality[step]
        direction, matrix = self.directions[step], self.matrices[step]
        if direction is not None:
            made.DiffusionGradientDirectionSequence = [Dataset()]
            made.DiffusionGradientDirectionSequence[0].DiffusionGradientOrientation = [*direction]
        if matrix is not None:
            made.DiffusionBMatrixSequence = [Dataset()]
            for axes, value in zip(_AXES, matrix, strict=True):
                setattr(made.DiffusionBMatrixSequence[0], f"DiffusionBValue{axes}", value)
        return made


def _word(told: Any, b: float, direction: Numbers | None, matrix: Any) -> str:
    """Return DiffusionDirectionality as it can be said: "BMATRIX" needs the matrix."""
    word = str(told or "")
    if word in list(Directionality) and not (word == Directionality.BMATRIX and matrix is None):
        return word
    if direction is not None:
        return Directionality.DIRECTIONAL
    return Directionality.NONE if b == 0 else ""


def _array(values: Any, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    if values is None:
        return None
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return found if found.shape == shape and bool(np.isfinite(found).all()) else None


def _of_length(values: Any, length: int) -> Sequence[Any] | None:
    return values if isinstance(values, list | tuple) and len(values) == length else None


def _unit(vector: np.ndarray[Any, np.dtype[np.float64]]) -> Numbers | None:
    length = float(np.linalg.norm(vector))
    return tuple((vector / length).tolist()) if length > 0 else None
