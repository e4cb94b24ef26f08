"""What a node says when it wants no association, or ends one: in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dicomdb.errors import NetworkError

if TYPE_CHECKING:
    from napari_dicomdb.network.node import Node

__all__ = ["abort_error", "context_words", "rejection_error"]

# PS3.8 Table 9-21: source, reason of an A-ASSOCIATE-RJ
_USER, _ACSE, _PRESENTATION = 1, 2, 3
# PS3.8 Table 9-26
_ABORT_REASONS = {
    1: "it did not know a PDU of ours",
    2: "it did not expect a PDU of ours",
    4: "it did not know a parameter of ours",
    5: "it did not expect a parameter of ours",
    6: "a parameter of ours was not valid",
}
# PS3.8 Table 9-18
_CONTEXT_RESULTS = {
    1: "it was refused",
    2: "it gives no reason",
    3: "it does not know this kind of object or service",
    4: "it does not take this transfer syntax",
}


def rejection_error(node: Node, source: int, reason: int) -> NetworkError:
    """Return what an A-ASSOCIATE-RJ means.

    Parameters
    ----------
    node : Node
    source, reason : int
        Of the PDU (PS3.8 Section 9.3.4).
    """
    if (source, reason) == (_USER, 7):
        return NetworkError(
            f"the node says that it is not called {node.called_aet!r}: wrong called AE title (or "
            f"it does not know us as {node.calling_aet!r})",
            reason="wrong-called-aet",
        )
    if (source, reason) == (_USER, 3):
        return NetworkError(
            f"the node does not know us as {node.calling_aet!r}: have this calling AE title "
            "entered there, or use one that it knows",
            reason="wrong-calling-aet",
        )
    if source == _PRESENTATION and reason in (1, 2):
        why = "it is busy" if reason == 1 else "it has as many associations as it allows"
        return NetworkError(f"the node refuses for now: {why}; try again later", reason="busy")
    if (source, reason) == (_USER, 2):
        return NetworkError(
            "the node does not know DICOM's application context", reason="rejected"
        )
    if (source, reason) == (_ACSE, 2):
        return NetworkError("the node speaks another version of the protocol", reason="rejected")
    hint = (
        "it gives no reason: look at the AE titles, and whether it allows this computer"
        if reason == 1
        else f"source {source}, reason {reason}"
    )
    return NetworkError(f"the node refuses the association: {hint}", reason="rejected")


def abort_error(source: int, reason: int) -> NetworkError:
    """Return what an A-ABORT means (PS3.8 Section 9.3.8)."""
    why = _ABORT_REASONS.get(reason) if source == 2 else None
    told = f": {why}" if why else ""
    return NetworkError(f"the node broke the association off{told}", reason="aborted")


def context_words(result: int) -> str:
    """Return why a presentation context was not accepted."""
    return _CONTEXT_RESULTS.get(result, f"result {result}")
