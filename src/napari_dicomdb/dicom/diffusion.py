"""How a frame was diffusion-weighted: b-value and gradient direction, of every vendor.

Each source of `SOURCES` is asked in turn; the first that knows a b-value answers
(reference/diffusion.md). Directions come out in patient coordinates (LPS), whatever
frame the scanner wrote them in.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.values import parse_ds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Lookup = Callable[[str], Any]
    """Keyword (`dicom.keywords`) -> value of one frame, None or "" when absent."""
    Cosines = Sequence[float] | None

__all__ = [
    "DIFFUSION_KEYWORDS",
    "LOW_B_VALUE",
    "DiffusionWeighting",
    "Directionality",
    "direction_of_matrix",
    "weighting_of",
]

LOW_B_VALUE = 50.0
"""s/mm2: up to here an image without a direction is an unweighted one.

What other gradients (crushers, slice selection) weight is stated by some: UIH's b=0 is 1.25.
"""

Vector = tuple[float, float, float]
Matrix = tuple[float, float, float, float, float, float]

_WORST_COSINE = 2.0
_WORST_B_VALUE = 1e6

_SEQUENCE = "MRDiffusionSequence."
_MATRIX_SEQUENCE = "DiffusionBMatrixSequence."
_GRADIENT = "DiffusionGradientDirectionSequence.DiffusionGradientOrientation"
_MATRIX = tuple(f"DiffusionBValue{axes}" for axes in ("XX", "XY", "XZ", "YY", "YZ", "ZZ"))

DIFFUSION_KEYWORDS: tuple[str, ...] = (
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "DiffusionDirectionality",
    *_MATRIX,
    f"{_SEQUENCE}DiffusionBValue",
    f"{_SEQUENCE}{_GRADIENT}",
    f"{_SEQUENCE}DiffusionDirectionality",
    *(f"{_SEQUENCE}{_MATRIX_SEQUENCE}{name}" for name in _MATRIX),
    "SIEMENS_CSA_B_value",
    "SIEMENS_CSA_DiffusionGradientDirection",
    "SIEMENS_CSA_B_matrix",
    "SIEMENS_CSA_DiffusionDirectionality",
    "SIEMENS_0019_100C",
    "SIEMENS_0019_100D",
    "SIEMENS_0019_100E",
    "SIEMENS_0019_1027",
    "GE_0043_1039",
    "GE_0019_10BB",
    "GE_0019_10BC",
    "GE_0019_10BD",
    "PHILIPS_2001_1003",
    "PHILIPS_2001_1004",
    "PHILIPS_2005_10B0",
    "PHILIPS_2005_10B1",
    "PHILIPS_2005_10B2",
    "UIH_0065_1009",
    "UIH_0065_100A",
    "UIH_0065_1037",
    "ImageComments",
    "InPlanePhaseEncodingDirection",
    "Manufacturer",
)
"""All that `weighting_of` may ask for: frames that agree in it are weighted alike."""


class Directionality(StrEnum):
    """DiffusionDirectionality (0018,9075), PS3.3 Section C.8.13.5.9."""

    NONE = "NONE"
    DIRECTIONAL = "DIRECTIONAL"
    BMATRIX = "BMATRIX"
    ISOTROPIC = "ISOTROPIC"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class DiffusionWeighting:
    """Diffusion weighting of one frame.

    Parameters
    ----------
    b_value : float
        s/mm2.
    direction_lps : tuple of 3 float or None
        Unit vector of the gradient in patient coordinates; None without
        weighting, for isotropic weighting, or when nobody says.
    b_matrix : tuple of 6 float or None
        bxx, bxy, bxz, byy, byz, bzz in s/mm2, patient coordinates.
    directionality : Directionality
    source : str
        Who says so: "standard", "siemens-csa", "siemens", "ge", "philips", "uih",
        "canon-comments".
    polarity_known : bool
        False where the vector may as well be its opposite: it is only an axis.
    doubt : str
        Why the direction should not be trusted blindly; "" when there is no doubt.
    """

    b_value: float
    direction_lps: Vector | None = None
    b_matrix: Matrix | None = None
    directionality: Directionality = Directionality.UNKNOWN
    source: str = "standard"
    polarity_known: bool = True
    doubt: str = ""

    @property
    def is_isotropic(self) -> bool:
        """Whether it is weighted, but in no direction: a trace image, made of several."""
        return self.directionality is Directionality.ISOTROPIC

    @property
    def is_weighted(self) -> bool:
        """Whether diffusion gradients were on."""
        return self.directionality is not Directionality.NONE and self.b_value > 0

    @property
    def vector(self) -> Vector:
        """The direction, (0, 0, 0) where there is none, as gradient tables have it."""
        return self.direction_lps or (0.0, 0.0, 0.0)


def weighting_of(get: Lookup, orientation: Cosines = None) -> DiffusionWeighting | None:
    """Return how a frame was weighted, None when its header does not say.

    Parameters
    ----------
    get : callable
        Value of a kept keyword for this frame.
    orientation : (6,) sequence of float, optional
        ImageOrientationPatient; vendors that write directions along the image
        (GE, UIH, Canon comments) cannot be understood without.
    """
    found: DiffusionWeighting | None = None
    for source in SOURCES:
        answer = source(get, orientation)
        if answer is None:
            continue
        if found is None:
            found = answer
        elif _lacks_direction(found) and _adds_direction(found, answer):
            # A header that keeps to the standard for b may keep the direction private.
            found = answer if answer.source == "ge" else replace(answer, b_value=found.b_value)
        if not _lacks_direction(found):
            break
    return None if found is None else _completed(found)


def _lacks_direction(weighting: DiffusionWeighting) -> bool:
    return (
        weighting.b_value > LOW_B_VALUE
        and weighting.direction_lps is None
        and weighting.b_matrix is None
        and not weighting.is_isotropic
    )


def _adds_direction(known: DiffusionWeighting, answer: DiffusionWeighting) -> bool:
    if answer.direction_lps is None and not answer.is_isotropic:
        return False
    # GE scales b by the squared norm of the vector: half the nominal value is the same b.
    return answer.source == "ge" or math.isclose(known.b_value, answer.b_value, abs_tol=1)


def _completed(weighting: DiffusionWeighting) -> DiffusionWeighting:
    if weighting.b_value <= 0:
        return replace(weighting, direction_lps=None, directionality=Directionality.NONE)
    if weighting.direction_lps is None and weighting.b_matrix is not None:
        axis = direction_of_matrix(weighting.b_matrix)
        if axis is None:
            return replace(weighting, directionality=Directionality.ISOTROPIC)
        return replace(
            weighting,
            direction_lps=axis,
            directionality=Directionality.BMATRIX,
            polarity_known=False,
            doubt="the direction is the main axis of the b-matrix: its sign is arbitrary",
        )
    if weighting.direction_lps is not None:
        known = weighting.directionality in (Directionality.DIRECTIONAL, Directionality.BMATRIX)
        return (
            weighting if known else replace(weighting, directionality=Directionality.DIRECTIONAL)
        )
    if weighting.b_value <= LOW_B_VALUE and not weighting.is_isotropic:
        return replace(weighting, directionality=Directionality.NONE)
    return weighting


def direction_of_matrix(matrix: Sequence[float]) -> Vector | None:
    """Return the main axis of a b-matrix, None when it has none.

    Parameters
    ----------
    matrix : (6,) sequence of float
        bxx, bxy, bxz, byy, byz, bzz.

    Returns
    -------
    tuple of 3 float or None
        Unit vector with its largest component positive: a b-matrix does not
        tell a gradient from its opposite.

    Examples
    --------
    >>> direction_of_matrix((0, 0, 0, 1000, 0, 0))
    (0.0, 1.0, 0.0)
    """
    xx, xy, xz, yy, yz, zz = matrix
    values, vectors = np.linalg.eigh(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    if values[2] <= 0 or values[1] > 0.5 * values[2]:
        return None
    axis = vectors[:, 2] * np.sign(vectors[np.argmax(np.abs(vectors[:, 2])), 2])
    return _unit(axis.tolist())


# -- vendors, most trustworthy first ----------------------------------------------------


def _standard(get: Lookup, _: Cosines) -> DiffusionWeighting | None:
    """MRDiffusionSequence per frame or at the top level, or its attributes by themselves."""
    b = _number(get("DiffusionBValue"), get(f"{_SEQUENCE}DiffusionBValue"))
    if b is None:
        return None
    vector = _numbers(get("DiffusionGradientOrientation")) or _numbers(
        get(f"{_SEQUENCE}{_GRADIENT}")
    )
    direction = _unit(vector)
    told = get("DiffusionDirectionality") or get(f"{_SEQUENCE}DiffusionDirectionality")
    entries = [_number(get(name), get(f"{_SEQUENCE}{_MATRIX_SEQUENCE}{name}")) for name in _MATRIX]
    return DiffusionWeighting(b, direction, _matrix(entries), _directionality(told))


def _siemens_csa(get: Lookup, _: Cosines) -> DiffusionWeighting | None:
    """Fields of the CSA image header (0029,1010), where the index keeps them."""
    b = _number(get("SIEMENS_CSA_B_value"))
    if b is None:
        return None
    return DiffusionWeighting(
        b,
        _unit(_numbers(get("SIEMENS_CSA_DiffusionGradientDirection"))),
        _matrix(get("SIEMENS_CSA_B_matrix")),
        _directionality(get("SIEMENS_CSA_DiffusionDirectionality")),
        source="siemens-csa",
    )


def _siemens(get: Lookup, _: Cosines) -> DiffusionWeighting | None:
    b = _number(get("SIEMENS_0019_100C"))
    if b is None:
        return None
    return DiffusionWeighting(
        b,
        _unit(_numbers(get("SIEMENS_0019_100E"))),
        _matrix(get("SIEMENS_0019_1027")),
        _directionality(get("SIEMENS_0019_100D")),
        source="siemens",
    )


def _ge(get: Lookup, orientation: Cosines) -> DiffusionWeighting | None:
    """Frequency, phase and slice components; b may carry flags beyond its five digits."""
    b = _number(get("GE_0043_1039"))
    if b is None:
        return None
    b = b % 100_000 if b > 10_000 else b  # "1000001000": flags, then b
    parts = [_number(get(f"GE_0019_10B{k}")) for k in "BCD"]
    if b <= 0 or None in parts or not any(parts):
        return DiffusionWeighting(max(b, 0.0), source="ge")
    x, y, z = (float(part or 0) for part in parts)
    norm = math.sqrt(x * x + y * y + z * z)
    if 0.03 < norm < 0.97:
        # One nominal b for several shells: the vector's length scales the gradient, b its square.
        b = 5 * math.floor(b * norm * norm / 5 + 0.5)
    phase = str(get("InPlanePhaseEncodingDirection") or "").strip().upper()
    doubt = ""
    if phase == "ROW":
        x, y = y, -x
        doubt = "the phase runs along rows: how GE means the direction then was never verified"
    elif phase != "COL":
        doubt = "the header does not say along which axis the phase runs; columns are assumed"
    axes = _image_axes(orientation)
    if axes is None:
        return DiffusionWeighting(b, source="ge", doubt="the image has no orientation")
    axial = bool(abs(axes[2][2]) >= math.sqrt(0.5))
    if not doubt and not axial:
        # MRtrix reads them by the same formula, dcm2niix turns some axes round.
        doubt = "GE's directions were verified for axial slices only"
    return DiffusionWeighting(
        b,
        _along_image((-x, -y, z), orientation),
        source="ge",
        polarity_known=axial and phase != "ROW",
        doubt=doubt,
    )


def _philips(get: Lookup, _: Cosines) -> DiffusionWeighting | None:
    b = _number(get("PHILIPS_2001_1003"))
    if b is None:
        return None
    parts = [_number(get(f"PHILIPS_2005_10B{k}")) for k in "012"]
    kind = str(get("PHILIPS_2001_1004") or "").strip().upper()
    return DiffusionWeighting(
        b,
        None if None in parts else _unit([float(part or 0) for part in parts]),
        directionality=Directionality.ISOTROPIC if kind.startswith("I") else _directionality(""),
        source="philips",
    )


def _uih(get: Lookup, orientation: Cosines) -> DiffusionWeighting | None:
    """United Imaging: b as applied, else as asked for; directions along the image."""
    b = _number(get("UIH_0065_1009"), get("UIH_0065_100A"))
    if b is None:
        return None
    return DiffusionWeighting(
        b, _along_image(_numbers(get("UIH_0065_1037")), orientation), source="uih"
    )


_COMMENT = re.compile(r"b\s*=\s*([\d.]+)\s*(?:\(([^)]*)\))?", re.IGNORECASE).match


def _canon_comments(get: Lookup, orientation: Cosines) -> DiffusionWeighting | None:
    """Canon V6.0: ImageComments "b=1500(0.445,0.000,0.895)", directions along the image."""
    found = _COMMENT(str(get("ImageComments") or "").strip())
    maker = str(get("Manufacturer") or "").upper()
    if found is None or not maker.startswith(("CANON", "TOSHIBA")):
        return None
    b = _number(found[1])
    if b is None:
        return None
    vector = _numbers((found[2] or "").replace(",", "\\"))
    return DiffusionWeighting(b, _along_image(vector, orientation), source="canon-comments")


SOURCES: tuple[Callable[[Lookup, Cosines], DiffusionWeighting | None], ...] = (
    _standard,
    _siemens_csa,
    _siemens,
    _ge,
    _philips,
    _uih,
    _canon_comments,
)


# -- values -------------------------------------------------------------------------------


def _directionality(told: Any) -> Directionality:
    text = str(told[0] if isinstance(told, (list, tuple)) and told else told or "").strip().upper()
    try:
        return Directionality(text)
    except ValueError:
        return Directionality.UNKNOWN


def _numbers(value: Any) -> tuple[float, ...]:
    """Return the numbers of a value: a number, a list (of lists), or text."""
    if isinstance(value, (int, float)):
        return (float(value),) if math.isfinite(value) else ()
    if isinstance(value, str):
        return parse_ds(value, lenient=True)
    return tuple(number for part in value or () for number in _numbers(part))


def _number(*values: Any) -> float | None:
    """Return the first number of the first value that has one."""
    for value in values:
        numbers = _numbers(value)
        if numbers and math.isfinite(numbers[0]):
            return numbers[0]
    return None


def _unit(vector: Sequence[float]) -> Vector | None:
    if len(vector) != 3:
        return None
    norm = math.sqrt(sum(v * v for v in vector))
    if not math.isfinite(norm) or norm < 1e-3:
        return None
    x, y, z = (v / norm + 0.0 for v in vector)  # no negative zeros
    return (x, y, z)


def _matrix(value: Any) -> Matrix | None:
    numbers = _numbers(value)
    if len(numbers) != 6 or not any(numbers) or max(map(abs, numbers)) > _WORST_B_VALUE:
        return None
    xx, xy, xz, yy, yz, zz = numbers
    return (xx, xy, xz, yy, yz, zz)


def _image_axes(orientation: Cosines) -> Any:
    """Directions of columns, of rows, and the normal, as rows of a matrix; None when unknown."""
    if orientation is None:
        return None
    cosines = np.asarray(orientation, dtype=np.float64).reshape(2, 3)
    if not (np.abs(cosines) < _WORST_COSINE).all():  # NaN too
        return None
    normal = np.cross(cosines[0], cosines[1])
    if np.linalg.norm(normal) < 0.1:
        return None
    return np.vstack([cosines, normal / np.linalg.norm(normal)])


def _along_image(vector: Sequence[float], orientation: Cosines) -> Vector | None:
    axes = _image_axes(orientation)
    unit = _unit(vector)
    if axes is None or unit is None:
        return None
    return _unit((np.asarray(unit) @ axes).tolist())
