"""What tells repeated images of one position apart, by name, unit and value.

Each attribute that may be an axis beside space has a name ("echo_time"), a unit
and a way to read it from headers, most telling first (`reference/multivolume.md`
MV-1, MV-4). Attributes that mean the same are one axis: the first that is there
gives it its values.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.axis_labels import axis_of_labels
from napari_dicomdb.dicom.values import parse_ds
from napari_dicomdb.loading.coding import codes_of, first_come, mapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.loading.frames import FrameSet

__all__ = [
    "Axis",
    "Column",
    "columns_of",
    "is_mentioned",
    "number_of",
    "pointer_columns",
    "quantity_codes",
    "series_column",
    "without_numbers",
]

_PHASE_OF_SCAN = re.compile(r"TP\s*(\d+(?:\.\d+)?)\s*PC")  # Siemens cardiac CT
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_GE_B_VALUE = 100_000  # GE adds 10^9 to mark multi-b series
_COMPONENTS = {"M": "magnitude", "P": "phase", "R": "real", "I": "imaginary"}
_TURN = {word: k for k, word in enumerate(_COMPONENTS.values())}
_PLURALS = {"time": "time points", "b_value": "b-values", "series": "series"}
# Values of ImageType that name a computed map: another quantity than the images beside it.
_MAPS = frozenset(
    {
        *("ADC", "EADC", "FA", "TRACEW", "TENSOR", "FIELD_MAP", "B0", "MAP"),
        *("T1_MAP", "T2_MAP", "T2_STAR_MAP", "R2_MAP", "CBF", "CBV", "MTT", "TTP", "PERFUSION"),
    }
)


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis beside space, as a loadable remembers it.

    Parameters
    ----------
    name : str
        "echo_time", "time", "component" ...
    unit : str
        UCUM-like; "" for labels and plain numbers.
    values : tuple
        Numbers or words, one for each step.
    """

    name: str
    unit: str
    values: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def plural(self) -> str:
        """What several steps are called: "echo times"."""
        return _PLURALS.get(self.name, self.name.replace("_", " ") + "s")


@dataclass(frozen=True, eq=False)
class Column:
    """What every frame says of one attribute that may be an axis.

    Parameters
    ----------
    name, unit : str
        Of the axis.
    keyword : str
        Where the values were found.
    labels : list
        The distinct values in the order in which the axis shows them.
    codes : (N,) ndarray of int
        For each frame its place among `labels`.
    """

    name: str
    unit: str
    keyword: str
    labels: list[Any]
    codes: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def partition(self) -> NDArray[np.intp]:
        """Codes by first appearance: equal for columns that divide the frames alike."""
        return first_come(self.codes)

    def axis(self) -> Axis:
        """Return the axis that the column makes."""
        return Axis(self.name, self.unit, tuple(self.labels))


def number_of(value: Any) -> float | None:
    """Return the (first) number of a header value, None when there is none.

    Examples
    --------
    >>> number_of("4.92"), number_of((90.0, 1.0)), number_of("no")
    (4.92, 90.0, None)
    """
    if isinstance(value, tuple):
        return number_of(value[0]) if value else None
    if isinstance(value, str):
        numbers = parse_ds(value, lenient=True)
        value = numbers[0] if numbers else None
    if isinstance(value, (int, float)) and math.isfinite(value):
        return round(float(value), 4)
    return None


def _scan_phase(value: Any) -> float | None:
    found = _PHASE_OF_SCAN.search(str(value or ""))
    return float(found[1]) if found else None


def _ge_b_value(value: Any) -> float | None:
    number = number_of(value)
    return None if number is None else number % _GE_B_VALUE


def _component(value: Any) -> str | None:
    word = str(value or "").strip()
    return _COMPONENTS.get(word.upper(), word.lower()) or None


def _ge_component(value: Any) -> str | None:
    number = number_of(value)
    words = tuple(_COMPONENTS.values())
    return words[int(number)] if number is not None and 0 <= number < len(words) else None


def _word(value: Any) -> str | None:
    return str(value).strip().lower() or None if value is not None else None


def _direction(value: Any) -> str | None:
    return None if value is None else str(value)


# Name, unit, keywords with how each is read: the first keyword that tells frames apart counts.
_KINDS: tuple[tuple[str, str, tuple[tuple[str, Callable[[Any], Any]], ...]], ...] = (
    ("echo_time", "ms", (("EchoTime", number_of),)),
    ("echo", "", (("EchoNumbers", number_of),)),
    (
        "b_value",
        "s/mm2",
        (
            ("DiffusionBValue", number_of),
            ("MRDiffusionSequence.DiffusionBValue", number_of),
            ("GE_0043_1039", _ge_b_value),
            ("SIEMENS_0019_100C", number_of),
            ("PHILIPS_2001_1003", number_of),
            ("UIH_0065_1009", number_of),
        ),
    ),
    ("inversion_time", "ms", (("InversionTime", number_of), ("InversionTimes", number_of))),
    ("flip_angle", "deg", (("FlipAngle", number_of),)),
    ("repetition_time", "ms", (("RepetitionTime", number_of),)),
    (
        "cardiac_phase",
        "%",
        (("NominalPercentageOfCardiacPhase", number_of), ("ScanOptions", _scan_phase)),
    ),
    ("respiratory_phase", "%", (("NominalPercentageOfRespiratoryPhase", number_of),)),
    ("label", "", (("ASLContext", _word),)),
    ("velocity_encoding", "", (("VelocityEncodingDirection", _direction),)),
    ("tube_voltage", "kV", (("KVP", number_of),)),
    ("kernel", "", (("ConvolutionKernel", _direction),)),
    (
        "component",
        "",
        (
            ("ComplexImageComponent", _component),
            ("PHILIPS_2005_1011", _component),
            ("GE_0043_102F", _ge_component),
        ),
    ),
)
_POINTED_AT_SPACE = frozenset(
    {
        "StackID",
        "InStackPositionNumber",
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "ImagePositionVolume",
        "ImageOrientationVolume",
    }
)


def is_mentioned(frames: FrameSet, keyword: str) -> bool:
    """Return whether `keyword` may differ between frames: cheap to ask before reading all."""
    if len(frames.instances) > 1 or not any(frames.tables):
        return True
    table = frames.tables[0]
    names = table.per_frame if table is not None else ()
    return any(name in names for name in (keyword, *_OTHER_NAMES.get(keyword, ())))


_OTHER_NAMES = {
    "EchoTime": ("EffectiveEchoTime",),
    "TriggerTime": ("NominalCardiacTriggerDelayTime",),
    "TemporalPositionIdentifier": ("TemporalPositionIndex",),
    "AcquisitionNumber": ("FrameAcquisitionNumber",),
    "AcquisitionDateTime": ("FrameAcquisitionDateTime",),
    "ImageType": ("FrameType",),
}


def columns_of(frames: FrameSet) -> Iterator[Column]:
    """Yield the attributes that differ between `frames`, most telling first."""
    names = set()
    for name, unit, sources in _KINDS:
        for keyword, read in sources:
            if not is_mentioned(frames, keyword):
                continue
            column = _column(name, unit, keyword, mapped(read, frames.values(keyword)))
            if column is not None:
                names.add(name)
                yield column
                break
    if is_mentioned(frames, "ImageType"):
        labels = _image_types(frames.values("ImageType"))
        complex_parts = "component" not in names and set(labels) <= _TURN.keys()
        name = "component" if complex_parts else "image_type"
        column = _column(name, "", "ImageType", labels)
        if column is not None:
            yield column
    for keyword in ("FrameLabel", "ImageComments"):
        column = _labelled(frames, keyword, names) if is_mentioned(frames, keyword) else None
        if column is not None:
            yield column
            break


def _labelled(frames: FrameSet, keyword: str, names: set[str]) -> Column | None:
    """Return the column of an axis that says itself what it is."""
    found = axis_of_labels(frames.values(keyword))
    if found is None or len(found.values) < 2 or found.name in names:
        return None
    codes = np.array(found.steps, dtype=np.intp)
    return Column(found.name, found.unit, keyword, list(found.values), codes)


def pointer_columns(frames: FrameSet) -> Iterator[Column]:
    """Yield the dimensions that enhanced objects index and no known attribute names.

    Only that the indices differ is believed: they need not begin at 1 nor be
    without gaps (`reference/multivolume.md` MV-5).
    """
    pointers = {
        tuple(map(str, (t.shared.get("DimensionIndexPointers") if t else None) or ()))  # type: ignore[arg-type]
        for t in frames.tables
    }
    if len(pointers) != 1:
        return
    rows = None
    for k, pointer in enumerate(pointers.pop()):
        if pointer in _POINTED_AT_SPACE:
            continue
        rows = frames.values("DimensionIndexValues") if rows is None else rows
        if all(isinstance(row, tuple) and k < len(row) for row in rows):
            name = _snake(pointer) if pointer[:1].isalpha() else f"dimension_{k + 1}"
            column = _column(name, "", pointer, [row[k] for row in rows])
            if column is not None:
                yield column


def series_column(frames: FrameSet) -> Column | None:
    """Return what tells several series that belong together apart, None when they do not.

    They do when their descriptions differ in nothing but numbers: 4D CT has one
    series a phase, "... 30%".
    """
    names = [str(i.values.get("SeriesDescription") or "") for i in frames.instances]
    series = [i.series_uid for i in frames.instances]
    if len({without_numbers(name) for name in names}) != 1 or len(set(series)) < 2:
        return None
    described = dict(zip(series, names, strict=True))
    percents = {uid: _PERCENT.search(name) for uid, name in described.items()}
    owners = frames.owner.tolist()
    numbers = {uid: float(found[1]) for uid, found in percents.items() if found}
    if len(numbers) == len(described) == len(set(numbers.values())):
        phases = [numbers[series[i]] for i in owners]
        return _column("respiratory_phase", "%", "SeriesDescription", phases)
    order = {
        uid: number_of(i.values.get("SeriesNumber"))
        for uid, i in zip(series, frames.instances, strict=True)
    }
    if None in order.values() or len(set(order.values())) != len(order):
        return None
    return _column("series", "", "SeriesNumber", [order[series[i]] for i in owners])


def without_numbers(name: str) -> str:
    """Return a description with # for each number in it.

    Examples
    --------
    >>> without_numbers("Thorax 30.0% B30f")
    'Thorax #% B#f'
    """
    return _NUMBER.sub("#", name)


def quantity_codes(frames: FrameSet) -> NDArray[np.intp]:
    """Return for each frame a number for the quantity it shows: what differs is no axis.

    Original and derived images, computed maps, and values of different units
    share neither a window nor a colour map.
    """
    kinds = mapped(_quantity, frames.values("ImageType"))
    units = [
        frames.values(keyword) if is_mentioned(frames, keyword) else [None] * len(frames)
        for keyword in ("MeasurementUnits", "RescaleType", "Units", "SOPClassUID")
    ]
    return codes_of(list(zip(kinds, *units, strict=True)))


def _quantity(image_type: Any) -> Any:
    words = [word.strip() for word in str(image_type or "").upper().split("\\")]
    return (*words[:1], *sorted(_MAPS.intersection(words)))


def _image_types(values: Sequence[Any]) -> list[str | None]:
    """Return of each ImageType the words that not all have; complex components by name."""
    split = {value: str(value or "").split("\\") for value in set(values)}
    common = set.intersection(*(set(words) for words in split.values()))
    words = {}
    for value, parts in split.items():
        own = [word for word in parts if word and word not in common]
        words[value] = " ".join(_COMPONENTS.get(w, w.lower()) for w in own) or "other"
    return [words[value] for value in values]


def _column(name: str, unit: str, keyword: str, values: Sequence[Any]) -> Column | None:
    """Return the column of `values`, None when they do not differ or are not all there."""
    distinct = set(values)
    if len(distinct) < 2 or None in distinct:
        return None
    if all(isinstance(value, (int, float)) for value in distinct):
        labels = sorted(distinct)
    else:
        labels = sorted(dict.fromkeys(values), key=lambda v: _TURN.get(v, len(_TURN)))
    at = {value: k for k, value in enumerate(labels)}
    return Column(name, unit, keyword, labels, np.array([at[v] for v in values], dtype=np.intp))


def _snake(keyword: str) -> str:
    """Return a DICOM keyword as the name of an axis.

    Examples
    --------
    >>> _snake("NominalCardiacTriggerDelayTime")
    'nominal_cardiac_trigger_delay_time'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", keyword).lower()
