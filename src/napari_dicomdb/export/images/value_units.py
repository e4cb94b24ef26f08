"""Units of the values of images that have no attribute of their own for them.

RealWorldValueMappingSequence of General Image (PS3.3 Section C.7.6.1): the same line as the
rescale, and its unit. RescaleType of a multi-frame secondary capture says nothing but "US".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.images.frame_dimensions import items
from napari_dicomdb.export.images.quantities import unit_code

if TYPE_CHECKING:
    from pydicom import Dataset

    from napari_dicomdb.export.images.stored_values import StoredValues
    from napari_dicomdb.export.source import ExportSource

__all__ = ["can_be_said", "say_units"]

_LONGEST = 64


def can_be_said(units: str) -> bool:
    """Return whether a unit is one that a code of UCUM can say."""
    try:
        return unit_code(units).value != "1"
    except ExportError:
        return False


def say_units(dataset: Dataset, source: ExportSource, stored: StoredValues) -> None:
    """Say in which unit values are, where nothing else in a data set does.

    Parameters
    ----------
    dataset : Dataset
        Of an image, its rescale included.
    source : ExportSource
    stored : StoredValues
        One line for all.
    """
    told = str(dataset.get("RescaleType") or "") not in ("", "US") or dataset.get("Units")
    if told or source.is_rgb or stored.by_plane or not can_be_said(source.units):
        return
    unit = unit_code(source.units)
    (made,) = items(
        RealWorldValueSlope=stored.slope,
        RealWorldValueIntercept=stored.intercept,
        LUTExplanation=(str(source.meta.get("quantity") or "") or source.units)[:_LONGEST],
        LUTLabel="1",
        MeasurementUnitsCodeSequence=items(
            CodeValue=unit.value,
            CodingSchemeDesignator=unit.scheme_designator,
            CodeMeaning=unit.meaning,
        ),
    )
    bits = stored.dtype.itemsize * 8
    limits = np.iinfo(stored.dtype)
    first, last = int(limits.min), int(limits.max)
    if stored.padding == first:
        first += 1
    elif stored.padding == last:
        last -= 1
    if bits > 16:  # US and SS have no room for these
        made.DoubleFloatRealWorldValueFirstValueMapped = float(first)
        made.DoubleFloatRealWorldValueLastValueMapped = float(last)
    else:
        vr = "SS" if stored.is_signed else "US"
        made.add_new(0x00409216, vr, first)
        made.add_new(0x00409211, vr, last)
    dataset.RealWorldValueMappingSequence = [made]
