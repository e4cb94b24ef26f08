"""Frames of any instances side by side: classic slices, multi-frame frames, tiles of mosaics.

Grouping, sorting and reading look at frames only; whether a frame is a file of
its own, one of a thousand in an enhanced object or a tile of a sheet makes no
difference to them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.dicom.functional_groups import FrameTable
from napari_dicomdb.loading.coding import codes_of
from napari_dicomdb.loading.examination import remembered
from napari_dicomdb.loading.frame_places import classic_places, frame_places, tile_places
from napari_dicomdb.loading.mosaics import Tiling, tilings_of
from napari_dicomdb.loading.multiframe import multiframe_findings, with_true_count
from napari_dicomdb.loading.remarks import remarks_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.loadable import Loadable

__all__ = ["FRAMES_OPTION", "FrameLabels", "FrameSet", "comparable", "frame_count_of"]

FRAMES_OPTION = "frames"
"""Option of a loadable that uses some frames only: [[instance index, frame], ...]."""

_MOST_LOST = 16
_MOST_REMARKS = 5

# What a classic object says at its top level, an enhanced one says per frame by another name.
_PER_FRAME_NAME = {
    "AcquisitionNumber": "FrameAcquisitionNumber",
    "AcquisitionDateTime": "FrameAcquisitionDateTime",
    "EchoTime": "EffectiveEchoTime",
    "ImageType": "FrameType",
    "TemporalPositionIdentifier": "TemporalPositionIndex",
    "TriggerTime": "NominalCardiacTriggerDelayTime",
}


def frame_count_of(record: InstanceRecord) -> int:
    """Return how many frames of `record` can exist: NumberOfFrames is not trusted blindly.

    A file of a few kB may claim 2**31 frames; there are no more than its bytes
    can hold (a compressed frame needs at least an item header).
    """
    count = max(record.frame_count, 1)
    if count == 1 or not record.file_size:
        return count
    if record.pixel_length is None:
        return max(1, min(count, record.file_size // 8))
    cells = record.rows * record.columns * max(record.samples, 1)
    least = max(cells * max(record.bits_allocated, 1) / 8, 1 / 8)
    if "422" in record.photometric or "420" in record.photometric:
        least /= 2
    # A download that broke off keeps its frames, the lost ones empty; a length that is
    # beyond all measure is no more believed than a count.
    length = min(record.pixel_length, _MOST_LOST * record.file_size)
    return max(1, min(count, math.ceil(length / least)))


def comparable(value: Any) -> Any:
    """Return `value` as something that can be compared and hashed; None when empty."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, (list, tuple)):
        return tuple(comparable(v) for v in value) or None
    return value


@dataclass(frozen=True, eq=False)
class FrameSet:
    """Frames as columns.

    Parameters
    ----------
    instances : tuple of InstanceRecord
    tables : tuple of FrameTable or None
        Functional groups of each instance; None for a classic one.
    owner, number : (N,) ndarray of int
        For each frame the index of its instance, and which frame, or tile, of
        it (from 0) it is.
    positions, orientations, spacings : (N, 3), (N, 6), (N, 2) ndarray of float
        ImagePositionPatient, ImageOrientationPatient, PixelSpacing; NaN where
        the header has none.
    tilings : tuple of Tiling or None
        How the image of each instance is cut, where it is a sheet of tiles.
    remarks : tuple of tuple of Finding
        For each instance what its multi-frame header gets wrong, or what had
        to be assumed of its tiles.
    """

    instances: tuple[InstanceRecord, ...]
    tables: tuple[FrameTable | None, ...]
    owner: NDArray[np.intp]
    number: NDArray[np.intp]
    positions: NDArray[np.float64]
    orientations: NDArray[np.float64]
    spacings: NDArray[np.float64]
    tilings: tuple[Tiling | None, ...]
    remarks: tuple[tuple[Finding, ...], ...]

    @classmethod
    def of(cls, instances: Iterable[InstanceRecord]) -> FrameSet:
        """Make the set of all frames of `instances`, in their order."""
        records = tuple(instances)
        key = (FrameSet, tuple(map(id, records)))
        return remembered(key, records, lambda: cls._of(records))

    @classmethod
    def _of(cls, records: tuple[InstanceRecord, ...]) -> FrameSet:
        tables = tuple(
            FrameTable.from_bytes(r.frames_json) if r.frames_json else None for r in records
        )
        cuts = tilings_of(records)
        tilings = tuple(cut if isinstance(cut, Tiling) else None for cut in cuts)
        if not any(
            r.frame_count > 1 or t or cut
            for r, t, cut in zip(records, tables, tilings, strict=True)
        ):
            count = len(records)
            return cls(
                records,
                tables,
                np.arange(count),
                np.zeros(count, dtype=np.intp),
                *classic_places(records),
                tilings,
                tuple(
                    (cut,) if isinstance(cut, Finding) else remarks_on(record)
                    for record, cut in zip(records, cuts, strict=True)
                ),
            )
        records = tuple(with_true_count(r, t) for r, t in zip(records, tables, strict=True))
        counts = [
            frame_count_of(r) if cut is None else cut.count
            for r, cut in zip(records, tilings, strict=True)
        ]
        owner = np.repeat(np.arange(len(records)), counts)
        number = np.concatenate([np.arange(n) for n in counts])
        blocks = [
            frame_places(r, t, n) if cut is None else tile_places(r, cut)
            for r, t, cut, n in zip(records, tables, tilings, counts, strict=True)
        ]
        places, cosines, spacings = (np.concatenate(b) for b in zip(*blocks, strict=True))
        remarks = [
            (*remarks_on(record), *found)
            for record, found in zip(records, multiframe_findings(records, tables), strict=True)
        ]
        for k, cut in enumerate(cuts):
            if cut is not None:
                remarks[k] = cut.findings if isinstance(cut, Tiling) else (cut,)
        return cls(
            records, tables, owner, number, places, cosines, spacings, tilings, tuple(remarks)
        )

    @classmethod
    def of_loadable(cls, loadable: Loadable) -> FrameSet:
        """Make the set of the frames that `loadable` uses, in its order."""
        frames = cls.of(loadable.instances)
        wanted = loadable.options.get(FRAMES_OPTION)
        if wanted is None:
            return frames
        first = np.searchsorted(frames.owner, np.arange(len(frames.instances)))
        pairs = np.asarray(wanted, dtype=np.intp).reshape(-1, 2)
        return frames.take(first[pairs[:, 0]] + pairs[:, 1])

    def __len__(self) -> int:
        return len(self.owner)

    def take(self, indices: ArrayLike) -> FrameSet:
        """Return the frames at `indices`, in that order; other instances are left out."""
        chosen = np.asarray(indices, dtype=np.intp)
        if len(chosen) == len(self) and np.array_equal(chosen, np.arange(len(self))):
            return self
        used, first = np.unique(self.owner[chosen], return_index=True)
        used = used[np.argsort(first)]  # instances in the order of their first frame
        renumbered = np.zeros(len(self.instances), dtype=np.intp)
        renumbered[used] = np.arange(len(used))
        return FrameSet(
            tuple(self.instances[i] for i in used),
            tuple(self.tables[i] for i in used),
            renumbered[self.owner[chosen]],
            self.number[chosen],
            self.positions[chosen],
            self.orientations[chosen],
            self.spacings[chosen],
            tuple(self.tilings[i] for i in used),
            tuple(self.remarks[i] for i in used),
        )

    def instance(self, frame: int) -> InstanceRecord:
        """Return the instance that frame `frame` of this set belongs to."""
        return self.instances[int(self.owner[frame])]

    def values(self, keyword: str) -> list[Any]:
        """Return what each frame says of `keyword`, comparable; None where it says nothing.

        Nobody may change the list: loaders share it while they examine.
        """
        key = (FrameSet.values, id(self), keyword)
        return remembered(key, self, lambda: self._values(keyword))

    def _values(self, keyword: str) -> list[Any]:
        if self._is_in_tables(keyword):
            columns = [
                _column(i, t, keyword) for i, t in zip(self.instances, self.tables, strict=True)
            ]
            pairs = zip(self.owner.tolist(), self.number.tolist(), strict=True)
            return [columns[owner](number) for owner, number in pairs]
        if not self._may_differ(keyword):
            return [comparable(self.instances[0].values.get(keyword))] * len(self)
        raw = [i.get(keyword) for i in self.instances]
        own = [comparable(value) for value in raw]
        return own if self._one_each else [own[i] for i in self.owner.tolist()]

    def distinct(self, keyword: str) -> list[Any]:
        """Return the different `values` of `keyword`, in the order of their appearance."""
        if not self._may_differ(keyword) and not self._is_in_tables(keyword):
            return [comparable(self.instances[0].get(keyword))]
        return list(dict.fromkeys(self.values(keyword)))

    def codes(self, keyword: str) -> NDArray[np.intp]:
        """Return `values` as numbers, equal for equal ones (`coding.codes_of`).

        What all frames of an instance share is looked at once for all of them.
        """
        if self._is_in_tables(keyword):
            return codes_of(self.values(keyword))
        if not self._may_differ(keyword):
            return np.zeros(len(self), dtype=np.intp)
        if self._one_each:
            return codes_of(self.values(keyword))
        raw = [i.get(keyword) for i in self.instances]
        return codes_of([comparable(value) for value in raw])[self.owner]

    def value(self, keyword: str, frame: int) -> Any:
        """Return what frame `frame` says of `keyword`: its own word, else its instance's."""
        owner = self.owner[frame]
        return _column(self.instances[owner], self.tables[owner], keyword)(int(self.number[frame]))

    def fields(self, name: str) -> NDArray[Any]:
        """Return attribute `name` of the instance record of each frame.

        ``"rows"`` and ``"columns"`` are those of the frame: of the tile, not of the sheet.
        """
        cuts = self.tilings if name in ("rows", "columns") else (None,) * len(self.instances)
        pairs = zip(self.instances, cuts, strict=True)
        return np.array([getattr(i if c is None else c, name) for i, c in pairs])[self.owner]

    @property
    def is_in_volume(self) -> bool:
        """Whether positions are those in an ultrasound volume, not in the patient."""
        tables = [t for t in self.tables if t is not None]
        return any("ImagePositionVolume" in t.per_frame for t in tables) and not any(
            "ImagePositionPatient" in {*t.per_frame, *t.shared} for t in tables
        )

    @property
    def frame_of_reference_uid(self) -> str:
        """Of the first frame; that of the volume where positions are those in it."""
        own = "VolumeFrameOfReferenceUID" if self.is_in_volume else "FrameOfReferenceUID"
        return str(self.instances[0].values.get(own) or "")

    def label(self, frame: int) -> str:
        """Name a frame for a person: its file, and its number where there are several."""
        record = self.instance(frame)
        number = f", frame {self.number[frame] + 1}" if record.frame_count > 1 else ""
        if self.tilings[self.owner[frame]] is not None:
            number = f", tile {self.number[frame] + 1}"
        return f"{record.path.name}{number}"

    def findings(self) -> tuple[Finding, ...]:
        """Return the remarks on all instances, once each, and which space the frames are in."""
        found = {finding.text: finding for remarks in self.remarks for finding in remarks}
        told = list(found.values())
        if len(told) > _MOST_REMARKS:
            more = f"{len(told) - _MOST_REMARKS} more remarks of this kind on other files"
            last = told[_MOST_REMARKS]
            told = [*told[:_MOST_REMARKS], Finding(last.code, last.severity, more)]
        if self.is_in_volume:
            told.append(
                Finding(
                    FindingCode.OTHER_FRAME_OF_REFERENCE,
                    Severity.INFO,
                    "Positions are those in the ultrasound volume: where the transducer was on "
                    "the patient is not known",
                )
            )
        return tuple(told)

    def _is_in_tables(self, keyword: str) -> bool:
        """Whether functional groups of any instance say something of `keyword`."""
        named = self._named_in_tables
        return keyword in named or _PER_FRAME_NAME.get(keyword, keyword) in named

    @cached_property
    def _named_in_tables(self) -> frozenset[str]:
        tables = [table for table in self.tables if table is not None]
        return frozenset().union(*(t.per_frame for t in tables), *(t.shared for t in tables))

    def _may_differ(self, keyword: str) -> bool:
        """Whether instances may say different things; what a series shares is kept once."""
        differing = self._differing
        return differing is None or keyword in differing

    @cached_property
    def _differing(self) -> frozenset[str] | None:
        """Keywords in which instances may differ; None: any, as they are of several series."""
        shared = self.instances[0].defaults_json if self.instances else ""
        if any(i.defaults_json is not shared for i in self.instances):
            return None
        return frozenset({"SOPInstanceUID"}.union(*(i.overrides for i in self.instances)))

    @property
    def _one_each(self) -> bool:
        # Instances are in the order of their first frame, so that this is enough.
        return len(self.instances) == len(self.owner)

    def options(self) -> Mapping[str, Any]:
        """Return the loadable options from which `of_loadable` makes this set again."""
        counts = [
            frame_count_of(i) if cut is None else cut.count
            for i, cut in zip(self.instances, self.tilings, strict=True)
        ]
        whole = np.repeat(np.arange(len(self.instances)), counts)
        if len(whole) == len(self) and np.array_equal(whole, self.owner):
            starts = np.searchsorted(whole, whole)
            if np.array_equal(np.arange(len(whole)) - starts, self.number):
                return {}
        return {FRAMES_OPTION: np.column_stack([self.owner, self.number]).tolist()}


def _column(
    record: InstanceRecord, table: FrameTable | None, keyword: str
) -> Callable[[int], Any]:
    """Return what gives the value of `keyword` for each frame of one instance.

    The frame's own word comes first, then the shared one, then the instance's.
    A table with fewer items than there are frames says nothing of the rest.
    """
    always = comparable(record.values.get(keyword))
    if table is None:
        return lambda number: always
    own: list[list[Any]] = []
    for name in (_PER_FRAME_NAME.get(keyword), keyword):
        if name is None:
            continue
        column = table.per_frame.get(name)
        if (shared := comparable(table.shared.get(name))) is not None:
            always, own = shared, []
        if column is not None:
            own.insert(0, column)
    if not own:
        return lambda number: always

    def value(number: int) -> Any:
        for column in own:
            if number < len(column) and (said := comparable(column[number])) is not None:
                return said
        return always

    return value


class FrameLabels(Sequence[str]):
    """`FrameSet.label` of each frame, made when it is asked for."""

    def __init__(self, frames: FrameSet) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self._frames.label(k) for k in range(*index.indices(len(self)))]
        return self._frames.label(index)
