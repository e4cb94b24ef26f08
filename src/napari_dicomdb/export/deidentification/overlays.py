"""Overlay groups: drawings over images, which go, but for regions when those are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.dicom import _attribute_values as text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom import Dataset

__all__ = ["drop_overlays"]

_TYPE = 0x40
_TEXTS = (0x22, 0x1500, 0x4000)


def drop_overlays(dataset: Dataset, *, keep_regions: bool) -> Iterator[tuple[int, str]]:
    """Remove overlay groups; of those that are kept, their texts.

    Parameters
    ----------
    dataset : Dataset
        Changed in place.
    keep_regions : bool
        Keep overlays that outline a region (OverlayType R).

    Yields
    ------
    tag : int
        In group 6000 for all of them.
    action : str
    """
    groups = {int(t) >> 16 for t in dataset.keys() if int(t) >> 24 == 0x60}  # noqa: SIM118
    for group in groups:
        kind_tag = group << 16 | _TYPE
        element = dataset.get_item(kind_tag) if kind_tag in dataset else None
        kind = [] if element is None else text.values_of(element, "CS", ())
        words = kind if isinstance(kind, list) else []
        keep = keep_regions and [str(word).strip() for word in words] == ["R"]
        for tag in [int(t) for t in dataset.keys() if int(t) >> 16 == group]:  # noqa: SIM118
            if not keep or tag & 0xFFFF in _TEXTS:
                del dataset[tag]
                yield tag & 0xFF00FFFF, "removed"
