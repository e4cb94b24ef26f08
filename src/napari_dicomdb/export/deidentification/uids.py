"""New UIDs for old ones: the same for the same, wherever it occurs in a project."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dicomdb.export.deidentification.project import Project

__all__ = ["UidMapper", "is_uid"]

_REGISTERED = "1.2.840.10008."  # SOP classes, well-known frames of reference, coding schemes


_UID = re.compile(r"[0-9.]{0,64}")


def is_uid(text: str) -> bool:
    """Tell whether a value may be a UID, or is none at all: it holds no words.

    Examples
    --------
    >>> is_uid("1.2.840"), is_uid("Doe^Jane")
    (True, False)
    """
    return _UID.fullmatch(text.strip(" \0")) is not None


class UidMapper:
    """Makes UIDs below 2.25 of a keyed digest.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self.made: dict[str, str] = {}

    def __call__(self, uid: str) -> str:
        """Return the new UID; those that DICOM itself registered stay."""
        uid = uid.strip(" \0")
        if not uid or (uid.startswith(_REGISTERED) and is_uid(uid)):
            return uid
        new = self.made.get(uid)
        if new is None:
            # 128 bits, marked as a UUID of version 8: what X.667 asks of 2.25.
            value = int.from_bytes(self._project.digest("uid", uid)[:16], "big")
            value = value & ~(0xF << 76) | (0x8 << 76)
            value = value & ~(0x3 << 62) | (0x2 << 62)
            new = self.made[uid] = f"2.25.{value}"
        return new
