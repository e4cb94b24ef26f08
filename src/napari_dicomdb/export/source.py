"""What is to be written: an image or labels that knows where it is and what it is made from.

Made from a napari layer (`viewer.export_source`), from a file of another program
(`export.read_source`), from a `Volume`, or by any other program. Knows no napari.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Severity
from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.one_slice import with_slice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.dicom.findings import Finding
    from napari_dicomdb.loading.volume import Coord, Volume, VolumeGeometry

__all__ = ["ExportSource", "Label"]

_GROUP = "group"  # the axis of labels that overlap, see `loading.segments`
_SPATIAL = ("slice", "row", "column")


@dataclass(frozen=True, slots=True)
class Label:
    """What one value of a labels array stands for.

    Parameters
    ----------
    value : int
        As in the array; not 0, which is the background.
    name : str
        For people, "" when nobody named it.
    colour : tuple of 3 float or None
        Red, green, blue, 0 to 1.
    features : mapping
        Anything else that is known of it, by the column names of `layer.features`
        (codes, algorithm, tracking identifiers).
    """

    value: int
    name: str = ""
    colour: tuple[float, float, float] | None = None
    features: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ExportSource:
    """An array with a place in the patient, about to be written as DICOM.

    Parameters
    ----------
    name : str
        Of the layer, file or volume; becomes the description of the series.
    array : array_like
        (..., slice, row, column) or, with `is_rgb`, (..., slice, row, column, 3 or 4).
        numpy, or lazy: ``shape``, ``dtype``, ``__getitem__`` (which may return another
        array), ``__array__``. Values after the modality LUT: HU for CT.
    dims : tuple of str
        Name of every axis but the colour one; the last three are slice, row, column.
    role : str
        "image" or "labels".
    geometry : VolumeGeometry or None
        Maps (k, row, column) of `array` to LPS mm, whatever the view shows; None when
        nothing says how large a pixel is. Its `in_patient` is False where only the
        spacing is known.
    coords : mapping of str to Coord
        Values of leading axes.
    units : str
        Of the values ("HU", "BQML", "mm2/s", ...; "" when unknown).
    is_rgb : bool
    meta : mapping
        ``layer.metadata["dicomdb"]`` or ``Volume.meta`` where it is ours: ``modality``,
        ``series_uid``, ``study_uid``, ``windows``, ``rescale``, ``padding`` ...
    labels : mapping of int to Label
        Of the role "labels": names and colours by value.
    references : tuple of str
        SOP Instance UIDs of the images that it was made from or drawn on.
    together : tuple of ExportSource
        More of the same role that may go into the same object (overlapping labels).
    findings : tuple of Finding
        What is wrong with it or was done to it on the way here (resampled by the view).
    window : tuple of 2 float or None
        Lowest and highest value of the display, to be kept as window.
    levels : tuple of array_like
        Of labels (or fractions) on a whole slide: the same as `array`, coarser and coarser, as its
        pyramid has them; () otherwise.
    """

    name: str
    array: Any = field(repr=False)
    dims: tuple[str, ...]
    role: str = "image"
    geometry: VolumeGeometry | None = None
    coords: Mapping[str, Coord] = field(default_factory=dict)
    units: str = ""
    is_rgb: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict, repr=False)
    labels: Mapping[int, Label] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    together: tuple[ExportSource, ...] = ()
    findings: tuple[Finding, ...] = ()
    window: tuple[float, float] | None = None
    levels: tuple[Any, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if self.role not in ("image", "labels"):
            raise ValueError(f'the role must be "image" or "labels", not {self.role!r}')
        if self.dims[-3:] != _SPATIAL:
            raise ValueError(f"the last three axes must be slice, row, column: {self.dims}")
        if len(self.dims) + self.is_rgb != len(self.array.shape):
            raise ValueError(f"{len(self.dims)} names for the axes of shape {self.array.shape}")

    @classmethod
    def of_volume(cls, volume: Volume, *, role: str = "image") -> ExportSource:
        """Make a source of a loaded volume; a slice axis is added where there is none.

        Labels of segments that overlap, which a volume has side by side, are `together`.
        """
        array, dims = volume.array, volume.dims
        groups = volume.meta.get("segments") or ()
        if role == "labels" and dims[0] == _GROUP and len(groups) == array.shape[0]:
            first, *others = (_of_group(cls, volume, k) for k in range(len(groups)))
            return replace(first, together=tuple(others))
        segments = role == "labels" or bool(volume.meta.get("segments"))
        levels = tuple(volume.levels[1:]) if segments else ()
        if dims[-3:] != _SPATIAL:
            lead = len(dims) - 2
            array = with_slice(array, lead)
            levels = tuple(with_slice(level, lead) for level in levels)
            dims = (*dims[:lead], *_SPATIAL)
        return cls(
            name=str(volume.meta.get("name") or "Volume"),
            array=array,
            dims=dims,
            role=role,
            geometry=volume.geometry,
            coords=dict(volume.coords),
            units=volume.units,
            is_rgb=volume.is_rgb,
            meta=dict(volume.meta),
            labels=_labels_of(volume),
            # Of a segmentation: the images it was made on, not itself.
            references=tuple(
                volume.meta.get("references") or volume.meta.get("instance_uids", ())
            ),
            # What is wrong when it is looked at is no reason not to write it: each slice says
            # where it really is.
            findings=tuple(
                replace(one, severity=Severity.WARNING) if one.severity == Severity.ERROR else one
                for one in volume.findings
            ),
            levels=levels,
        )

    @classmethod
    def of_result(cls, result: ExportSource | Volume) -> ExportSource:
        """Return a source as it is, and one of a volume: labels where that holds labels.

        Raises
        ------
        ExportError
            "bad-source": it is neither.
        """
        from napari_dicomdb.loading.volume import Volume as Loaded

        if isinstance(result, cls):
            return result
        if not isinstance(result, Loaded):
            raise ExportError(
                "what is written is a Volume, an ExportSource or an Exportable, no "
                f"{type(result).__name__}; store_result also takes layers and arrays of numpy",
                reason="bad-source",
            )
        labels = bool(result.meta.get("segments")) and result.array.dtype.kind in "biu"
        return cls.of_volume(result, role="labels" if labels else "image")

    @property
    def title(self) -> str:
        """`name` without the number of the series that our layers begin with ("4: T1" is "T1").

        What is written has a number of its own.
        """
        return re.sub(r"^\s*\d+: (?=\s*\S)", "", self.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `array`, colour samples included."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    @property
    def leading(self) -> tuple[int, ...]:
        """Lengths of the axes before slice, row and column."""
        return self.shape[: len(self.dims) - 3]

    @property
    def grid(self) -> tuple[int, int, int]:
        """Numbers of slices, rows and columns."""
        slices, rows, columns = self.shape[len(self.dims) - 3 : len(self.dims)]
        return (slices, rows, columns)

    @property
    def study_uid(self) -> str:
        """StudyInstanceUID it came from, "" when unknown: the study offered to write to."""
        return str(self.meta.get("study_uid") or "")

    @property
    def modality(self) -> str:
        """Modality it came from, "" when unknown."""
        return str(self.meta.get("modality") or "")

    def plane(self, lead: tuple[int, ...], slice_index: int) -> NDArray[Any]:
        """Return one (row, column[, colour]) plane in memory."""
        return np.asarray(self.array[(*lead, slice_index)])

    def planes(
        self, order: Sequence[int] | None = None
    ) -> Iterator[tuple[tuple[int, ...], int, NDArray[Any]]]:
        """Yield (place along the leading axes, slice, plane); the last leading axis runs faster.

        Chunks of a dask array that hold several slices are computed once, not for each.

        Parameters
        ----------
        order : sequence of int, optional
            Of the slices; all of them from the first by default.
        """
        thick = _slabs(self.array, len(self.dims) - 3)
        for lead in np.ndindex(self.leading):
            low, high, held = 0, 0, None
            for k in range(self.grid[0]) if order is None else order:
                if not thick:
                    yield lead, k, self.plane(lead, k)
                    continue
                if held is None or not low <= k < high:
                    low, high = next(pair for pair in thick if pair[0] <= k < pair[1])
                    held = np.asarray(self.array[(*lead, slice(low, high))])
                yield lead, k, held[k - low]

    def numpy(self) -> NDArray[Any]:
        """Return all of it in memory."""
        return np.asarray(self.array)

    def with_array(self, array: Any, geometry: VolumeGeometry | None) -> ExportSource:
        """Return the same with other voxels (resampled)."""
        return replace(self, array=array, geometry=geometry, levels=())


def _slabs(array: Any, axis: int) -> list[tuple[int, int]]:
    """Return where the chunks of a dask array begin and end along an axis; [] of any other."""
    chunks = getattr(array, "chunks", None)
    if isinstance(array, np.ndarray) or not isinstance(chunks, tuple) or len(chunks) <= axis:
        return []
    if not isinstance(chunks[axis], tuple):
        return []  # zarr: the length of one
    ends = np.cumsum(chunks[axis]).tolist()
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _of_group(cls: type[ExportSource], volume: Volume, k: int) -> ExportSource:
    """Return the labels of one group of segments that do not overlap."""
    coords = {name: coord for name, coord in volume.coords.items() if name != _GROUP}
    meta = {**volume.meta, "segments": (volume.meta["segments"][k],)}
    levels = tuple(level[k] for level in volume.levels)
    part = replace(
        volume,
        array=volume.array[k],
        dims=volume.dims[1:],
        coords=coords,
        meta=meta,
        levels=levels,
    )
    return cls.of_volume(part, role="labels")


def _labels_of(volume: Volume) -> dict[int, Label]:
    """Return what the segments of a segmentation are, of any other volume nothing."""
    found = {}
    for group in volume.meta.get("segments") or ():
        for one in group:
            red, green, blue = (c / 255 for c in one.colour)
            found[one.value] = Label(one.value, one.label, (red, green, blue), one.features())
    return found
