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

    from numpy.typing import NDArray
    from pydicom import Dataset

    from napari_dicomdb.loading.volume import Coord

__all__ = ["DiffusionTable", "turned_gradients"]

_AXES = ("XX", "XY", "XZ", "YY", "YZ", "ZZ")
_UNIT = "s/mm2"
_ALIKE = 1e-3  # cosine: what rounding leaves of a right angle

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

    @property
    def has_gradients(self) -> bool:
        """Whether more is known of any step than its b-value."""
        return any(one is not None for one in (*self.directions, *self.matrices))

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
        told_matrices = _of_length(meta.get("b_matrices"), length) if theirs else None
        matrices = [_matrix(one) for one in told_matrices or nothing]
        directions = nothing if vectors is None else [_unit(vector) for vector in vectors]
        return cls(
            tuple(values.tolist()),
            tuple(directions),
            tuple(map(_word, words or nothing, values.tolist(), directions, matrices)),
            tuple(matrices),
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


def turned_gradients(
    meta: Mapping[str, Any], was: NDArray[np.float64], now: NDArray[np.float64]
) -> dict[str, Any]:
    """Return metadata whose gradients were turned with the image.

    Parameters
    ----------
    meta : mapping
        ``directions_lps`` and ``b_matrices``, if any, belong to `was`.
    was, now : (3 or 4, 3 or 4) ndarray
        LPS from data before and after it was moved. Axes of the data that were exchanged or
        reversed turn nothing in the patient; shear and scale do not turn gradients.
    """
    was, now = was[:3, :3], now[:3, :3]
    axes = np.linalg.solve(was, now)
    axes = np.abs(axes) / np.linalg.norm(axes, axis=0)
    left, _, right = np.linalg.svd(now @ np.linalg.inv(was))
    turn = left @ right
    if np.allclose(np.sort(axes, axis=0)[:2], 0, atol=_ALIKE) or np.linalg.det(turn) < 0:
        return dict(meta)
    made = dict(meta)
    told = meta.get("directions_lps")
    count = len(told) if isinstance(told, list | tuple | np.ndarray) else 0
    vectors = _array(told, (count, 3))
    if vectors is not None:
        made["directions_lps"] = (vectors @ turn.T).tolist()
    if isinstance(meta.get("b_matrices"), list | tuple):
        made["b_matrices"] = [_turned(one, turn) for one in meta["b_matrices"]]
    return made


def _turned(matrix: Any, turn: NDArray[np.float64]) -> Numbers | None:
    found = _array(matrix, (len(_AXES),))
    if found is None:
        return None
    xx, xy, xz, yy, yz, zz = found
    full = turn @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ turn.T
    return tuple(full[np.triu_indices(3)].tolist())


def _word(told: Any, b: float, direction: Numbers | None, matrix: Any) -> str:
    """Return DiffusionDirectionality as it can be said.

    "BMATRIX" needs the matrix, "DIRECTIONAL" the direction (PS3.3 Section C.8.13.5.9).
    """
    word = str(told or "")
    needed = {Directionality.BMATRIX: matrix, Directionality.DIRECTIONAL: direction}
    if word in list(Directionality) and needed.get(Directionality(word), word) is not None:
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


def _matrix(values: Any) -> Numbers | None:
    found = _array(values, (len(_AXES),))
    return None if found is None else tuple(found.tolist())


def _of_length(values: Any, length: int) -> Sequence[Any] | None:
    return values if isinstance(values, list | tuple) and len(values) == length else None


def _unit(vector: np.ndarray[Any, np.dtype[np.float64]]) -> Numbers | None:
    length = float(np.linalg.norm(vector))
    return tuple((vector / length).tolist()) if length > 0 else None
