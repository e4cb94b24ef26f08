"""What a DIMSE node offers: asked by proposing it, said in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom._meta import IMPLICIT_LITTLE
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.wire import no_waiting

if TYPE_CHECKING:
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.wire import Waiting

__all__ = ["Offer", "ask_offer"]

_QUERY_RETRIEVE = "1.2.840.10008.5.1.4.1.2"
_SERVICES = {
    "echo": ("1.2.840.10008.1.1",),
    "query by study": (f"{_QUERY_RETRIEVE}.2.1",),
    "query by patient": (f"{_QUERY_RETRIEVE}.1.1",),
    "retrieve by C-GET": (f"{_QUERY_RETRIEVE}.2.3", f"{_QUERY_RETRIEVE}.1.3"),
    "retrieve by C-MOVE": (f"{_QUERY_RETRIEVE}.2.2", f"{_QUERY_RETRIEVE}.1.2"),
    "storing": (
        "1.2.840.10008.5.1.4.1.1.2",  # CT
        "1.2.840.10008.5.1.4.1.1.4",  # MR
        "1.2.840.10008.5.1.4.1.1.7",  # secondary capture
    ),
    "storage commitment": ("1.2.840.10008.1.20.1",),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """Services that a node has accepted, and those that it has not.

    Parameters
    ----------
    services, lacking : tuple of str
        Plain words: "query by study".
    """

    services: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What to tell of it; "" when nothing was asked."""
        lines = []
        if self.services:
            lines.append(f"It offers {', '.join(self.services)}.")
        if self.lacking:
            lines.append(f"Not offered: {', '.join(self.lacking)}.")
        return " ".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the offer as a dict that `json.dumps` accepts."""
        return {"services": list(self.services), "lacking": list(self.lacking)}


def ask_offer(node: Node, *, waiting: Waiting = no_waiting) -> Offer:
    """Ask a DIMSE node what it offers: one association that proposes all of it.

    Parameters
    ----------
    node : Node
    waiting : callable
        Called a few times a second; may raise `Cancelled`.

    Raises
    ------
    NetworkError
        If there is no association (also when the node is a DICOMweb one).
    NodeError
        If its password cannot be had from the keyring.
    MissingLibraryError
        If pynetdicom is not installed.
    """
    proposals = [(uid, IMPLICIT_LITTLE) for uids in _SERVICES.values() for uid in uids]
    association = Association.request(node, proposals, waiting=waiting)
    taken = {uid for uid, _ in association.accepted}
    association.release()
    services = tuple(name for name, uids in _SERVICES.items() if taken.intersection(uids))
    return Offer(services, tuple(name for name in _SERVICES if name not in services))
