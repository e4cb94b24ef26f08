"""What tells the frames of a multi-frame object apart: axes beside space, place in the stack.

PS3.3 Sections C.7.6.16.2.2 (Frame Content) and C.7.6.17 (Multi-frame Dimension).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.export.images.leading_axes import leading_axes, with_labels
from napari_dicomdb.export.numbers import decimal_string
from napari_dicomdb.export.study import new_uid

if TYPE_CHECKING:
    from pydicom import Dataset

    from napari_dicomdb.export.images.leading_axes import LeadingAxis
    from napari_dicomdb.export.source import ExportSource

__all__ = ["FrameDimensions", "items"]

_FRAME_CONTENT = 0x00209111
_STACK_POSITION = 0x00209057
# Keyword of `leading_axes`: functional group, attribute in it, and that attribute's tag.
_GROUPS = {
    "EchoTime": ("MREchoSequence", 0x00189114, "EffectiveEchoTime", 0x00189082),
    "DiffusionBValue": ("MRDiffusionSequence", 0x00189117, "DiffusionBValue", 0x00189087),
    "InversionTime": ("MRModifierSequence", 0x00189115, "InversionTimes", 0x00189079),
    "FlipAngle": ("MRTimingAndRelatedParametersSequence", 0x00189112, "FlipAngle", 0x00181314),
}
_LABEL = ("FrameLabel", 0x00209453)
_TIME = "TemporalPositionIdentifier"
# For time, and for any other axis: numbers of steps in the Frame Content macro.
_COUNTERS = (
    ("TemporalPositionIndex", 0x00209128),
    ("FrameAcquisitionNumber", 0x00209156),
)


@dataclass(frozen=True, slots=True)
class _Dimension:
    axis: LeadingAxis
    pointer: int
    group: int
    group_keyword: str = ""
    keyword: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether the object says what the axis means."""
        if self.axis.has_repeats:
            return bool(self.axis.labels)
        if self.group_keyword or self.group != _FRAME_CONTENT or self.axis.diffusion is not None:
            return True
        if self.keyword == _LABEL[0]:
            return True
        return self.axis.is_kept and self.axis.keyword == _TIME


@dataclass(frozen=True)
class FrameDimensions:
    """The dimensions of a multi-frame object: the stack, then leading axes of its source.

    Parameters
    ----------
    dimensions : tuple
        One for each leading axis.
    """

    dimensions: tuple[_Dimension, ...]

    @classmethod
    def of(cls, source: ExportSource, quantity_axis: str = "") -> FrameDimensions:
        """Choose what each leading axis is said by: one by labels, at most one by a mere counter.

        Parameters
        ----------
        source : ExportSource
        quantity_axis : str
            Name of the axis along which the label of the real-world value map changes.
        """
        found: list[_Dimension] = []
        used: set[str] = set()
        counters = list(_COUNTERS[1:])
        for axis in leading_axes(source):
            if axis.name == quantity_axis:
                found.append(_Dimension(axis, 0x00409210, 0x00409096))
            elif axis.keyword in _GROUPS and axis.keyword not in used:
                used.add(axis.keyword)
                group, group_tag, keyword, tag = _GROUPS[axis.keyword]
                found.append(_Dimension(axis, tag, group_tag, group, keyword))
            elif axis.keyword == _TIME and axis.is_kept and (axis.times_ms or not axis.labels):
                keyword, tag = _COUNTERS[0]
                found.append(_Dimension(axis, tag, _FRAME_CONTENT, "", keyword))
            else:
                labelled = None
                if axis.diffusion is None and _LABEL[0] not in {one.keyword for one in found}:
                    labelled = with_labels(axis, source)
                if labelled is not None and labelled.labels:
                    found.append(_Dimension(labelled, _LABEL[1], _FRAME_CONTENT, "", _LABEL[0]))
                    continue
                keyword, tag = counters.pop(0) if counters else ("", _COUNTERS[-1][1])
                found.append(_Dimension(axis, tag, _FRAME_CONTENT, "", keyword))
        return cls(tuple(found))

    @property
    def not_kept(self) -> tuple[str, ...]:
        """Names of the axes whose meaning is lost."""
        return tuple(one.axis.name for one in self.dimensions if not one.is_kept)

    @property
    def labelled(self) -> LeadingAxis | None:
        """The axis whose times or b-values are said by labels beside its counter, if any."""
        if any(one.keyword == _LABEL[0] for one in self.dimensions):
            return None
        axes = (one.axis for one in self.dimensions)
        return next((a for a in axes if a.labels and (a.times_ms or a.diffusion)), None)

    @property
    def sorted_ones(self) -> tuple[str, ...]:
        """Names of the axes whose steps readers put into ascending order."""
        found = (one for one in self.dimensions if one.group_keyword or one.axis.diffusion)
        return tuple(one.axis.name for one in found if one.axis.will_be_sorted)

    @property
    def are_told_apart(self) -> bool:
        """Whether every axis is said by something of its own."""
        return all(one.keyword or one.group != _FRAME_CONTENT for one in self.dimensions)

    def describe(self, dataset: Dataset) -> None:
        """Put the Multi-frame Dimension module into a data set."""
        organization = new_uid()
        # Place before time, as scanners do: dcm2niix takes the last for the slowest.
        pointers = [(_STACK_POSITION, _FRAME_CONTENT, "slice")]
        pointers += [(one.pointer, one.group, one.axis.name) for one in self.dimensions[::-1]]
        dataset.DimensionOrganizationSequence = items(DimensionOrganizationUID=organization)
        dataset.DimensionIndexSequence = [
            items(
                DimensionOrganizationUID=organization,
                DimensionIndexPointer=pointer,
                FunctionalGroupPointer=group,
                DimensionDescriptionLabel=name[:64],
            )[0]
            for pointer, group, name in pointers
        ]

    def put(self, groups: Dataset, lead: tuple[int, ...], place: int) -> None:
        """Say in the functional groups of a frame which one it is.

        Parameters
        ----------
        groups : Dataset
            Item of PerFrameFunctionalGroupsSequence; its FrameContentSequence is kept.
        lead : tuple of int
            Steps along the leading axes.
        place : int
            Slice, from 0, in the order of the stack.
        """
        from pydicom import Dataset
        from pydicom.datadict import dictionary_VR

        content = groups.get("FrameContentSequence") or [Dataset()]
        content[0].StackID = "1"
        content[0].InStackPositionNumber = place + 1
        content[0].DimensionIndexValues = [place + 1, *(step + 1 for step in lead[::-1])]
        labelled = self.labelled
        for one, step in zip(self.dimensions, lead, strict=True):
            axis = one.axis
            if one.group_keyword:
                number = float(axis.values[step])
                # Of a decimal string pydicom writes more digits than fit.
                is_text = dictionary_VR(one.keyword) == "DS"
                value = decimal_string(number) if is_text else number
                setattr(groups, one.group_keyword, items(**{one.keyword: value}))
            elif one.keyword:
                is_label = one.keyword == _LABEL[0]
                setattr(content[0], one.keyword, axis.labels[step] if is_label else step + 1)
            if axis is labelled:
                content[0].FrameLabel = axis.labels[step]
            if axis.diffusion is not None:
                groups.MRDiffusionSequence = [axis.diffusion.item(step)]
            if axis.times_ms:
                groups.TemporalPositionSequence = items(
                    TemporalPositionTimeOffset=axis.times_ms[step] / 1e3
                )
        groups.FrameContentSequence = content

    def groups(self, lead: tuple[int, ...], place: int) -> Dataset:
        """Return new functional groups of a frame, see `put`."""
        from pydicom import Dataset

        made = Dataset()
        self.put(made, lead, place)
        return made


def items(**values: Any) -> list[Dataset]:
    """Return a sequence of one item with these attributes."""
    from pydicom import Dataset

    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return [made]
