"""Which SOP classes are stored, and in which of the offered transfer syntaxes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._meta import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["STORAGE_COMMITMENT", "VERIFICATION", "choose_syntax", "is_storage_class", "is_uid"]

VERIFICATION = "1.2.840.10008.1.1"
STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"

is_uid = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+").fullmatch
# Services of the standard's own root that store nothing, whatever a later edition adds.
_SERVICES = (
    "1.2.840.10008.1.",
    "1.2.840.10008.3.",
    "1.2.840.10008.5.1.1.",
    "1.2.840.10008.5.1.4.1.2.",
    "1.2.840.10008.5.1.4.3",
    "1.2.840.10008.5.1.4.4",
)
# They belong to no patient and no study: a database of patients cannot keep them.
_OF_NO_PATIENT = re.compile(
    r"Hanging Protocol|Color Palette|Implant|Defined Procedure Protocol|Inventory"
    r"|Protocol Approval|Basic Directory"
).search
# What a DIMSE message cannot carry as a data set: video streams, MIME, XML.
_NO_DATA_SET = ("1.2.840.10008.1.2.6.", "1.2.840.10008.1.2.7.")


@lru_cache(maxsize=2048)
def is_storage_class(uid: str) -> bool:
    """Whether objects of this SOP class are stored: all of patients, private ones, too.

    Examples
    --------
    >>> is_storage_class("1.2.840.10008.5.1.4.1.1.2"), is_storage_class("1.2.840.10008.1.1")
    (True, False)
    """
    from pydicom.uid import UID

    if not uid or len(uid) > 64 or not is_uid(uid):
        return False
    known = UID(uid)
    if not known.type:
        return not uid.startswith(_SERVICES)
    if known.type != "SOP Class" or "Storage" not in known.name:
        return False
    return not uid.startswith("1.2.840.10008.1.") and not _OF_NO_PATIENT(known.name)


def choose_syntax(offered: Sequence[str]) -> str:
    """Return the transfer syntax that we take of those offered; "" for none.

    The peer's first wish that the standard knows; only instead of a plain syntax is
    explicit VR little endian preferred, which keeps the VRs of private elements.
    """
    from pydicom.uid import UID

    usable = [
        uid
        for uid in offered
        if uid and len(uid) <= 64 and is_uid(uid) and not uid.startswith(_NO_DATA_SET)
    ]
    known = [uid for uid in usable if UID(uid).type == "Transfer Syntax"]
    private = [uid for uid in usable if not UID(uid).type]
    for uid in (*known, *private):
        if uid in (IMPLICIT_LITTLE, EXPLICIT_BIG) and EXPLICIT_LITTLE in known:
            return EXPLICIT_LITTLE
        return uid
    return ""
