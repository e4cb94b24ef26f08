"""The presentation contexts under which a node may send us objects (C-GET)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from napari_dicomdb.network.negotiation import MOST_CONTEXTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dicomdb.network.negotiation import Proposal

__all__ = ["COMMON_CLASSES", "ONE_BY_ONE", "SYNTAXES", "all_classes", "storage_proposals"]

_JPEG, _JPEG_2 = "1.2.840.10008.1.2.4", "1.2.840.10008.1.2.4.2"
SYNTAXES = (
    "1.2.840.10008.1.2.1",  # explicit VR little endian
    "1.2.840.10008.1.2",  # implicit VR little endian
    f"{_JPEG}.90",  # JPEG 2000, lossless
    f"{_JPEG}.70",  # JPEG lossless, first-order prediction
    f"{_JPEG}.50",  # JPEG baseline
    f"{_JPEG}.91",  # JPEG 2000
    "1.2.840.10008.1.2.5",  # RLE
    f"{_JPEG}.80",  # JPEG-LS, lossless
    f"{_JPEG}.51",  # JPEG extended
    f"{_JPEG}.57",  # JPEG lossless
    f"{_JPEG}.81",  # JPEG-LS, near lossless
    "1.2.840.10008.1.2.1.99",  # deflated
    "1.2.840.10008.1.2.2",  # explicit VR big endian
    f"{_JPEG_2}01",  # high-throughput JPEG 2000, lossless
    f"{_JPEG_2}02",  # the same with RPCL
    f"{_JPEG_2}03",  # high-throughput JPEG 2000
    f"{_JPEG}.102",  # MPEG-4
    f"{_JPEG}.103",
    f"{_JPEG}.104",
    f"{_JPEG}.105",
    f"{_JPEG}.106",
    f"{_JPEG}.100",  # MPEG-2
    f"{_JPEG}.101",
    f"{_JPEG}.107",  # HEVC
    f"{_JPEG}.108",
    f"{_JPEG}.110",  # JPEG XL, lossless
    f"{_JPEG}.112",  # JPEG XL
    f"{_JPEG}.92",  # JPEG 2000 part 2
    f"{_JPEG}.93",
)
"""Those in which servers keep objects; the usual ones first."""
_LAST = ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2")
ONE_BY_ONE = (*(uid for uid in SYNTAXES if uid not in _LAST), *_LAST)
"""In the order in which they are offered alone: those last into which a server converts others."""

_STORAGE = "1.2.840.10008.5.1.4.1.1"
COMMON_CLASSES = tuple(
    f"{_STORAGE}.{ending}"
    for ending in (
        "2",  # CT
        "4",  # MR
        "7",  # secondary capture
        "1.1",  # digital X-ray
        "1",  # computed radiography
        "6.1",  # ultrasound
        "3.1",  # ultrasound, multi-frame
        "128",  # PET
        "20",  # nuclear medicine
        "12.1",  # angiography
        "1.2",  # mammography
        "2.1",  # enhanced CT
        "4.1",  # enhanced MR
        "13.1.3",  # tomosynthesis
        "66.4",  # segmentation
        "481.3",  # RT structure set
        "481.2",  # RT dose
        "481.5",  # RT plan
        "481.1",  # RT image
        "88.22",  # enhanced SR
        "88.11",  # basic text SR
        "88.33",  # comprehensive SR
        "88.67",  # radiation dose SR
        "11.1",  # presentation state
        "88.59",  # key objects
        "104.1",  # PDF
        "77.1.6",  # whole slide
        "66.1",  # registration
        "66",  # raw data
        "7.4",  # multi-frame true colour
    )
)
"""Asked for where a node does not tell what it has."""


def all_classes() -> tuple[str, ...]:
    """Return the storage classes that are known, the usual ones first."""
    from pynetdicom import AllStoragePresentationContexts

    known = (str(context.abstract_syntax) for context in AllStoragePresentationContexts)
    return tuple(dict.fromkeys([*COMMON_CLASSES, *known]))


def storage_proposals(
    sop_classes: Iterable[str], *, syntaxes: Sequence[str] = SYNTAXES, room: int = MOST_CONTEXTS
) -> list[Proposal]:
    """Return presentation contexts for objects of these SOP classes.

    Each transfer syntax has its own context, so that the node can send an object in the one
    in which it keeps it. Where they do not all fit, every SOP class has the usual ones.

    Parameters
    ----------
    sop_classes : iterable of str
    syntaxes : sequence of str
        Transfer syntaxes to offer.
    room : int
        How many contexts there may be.
    """
    classes = list(dict.fromkeys(sop_classes))
    every = ((sop_class, syntax) for syntax in syntaxes for sop_class in classes)
    return list(islice(every, room))
