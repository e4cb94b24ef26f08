"""What the status of an answer to C-STORE or C-FIND means, in plain words."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Meaning", "find_status", "retrieve_status", "store_status"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a status means.

    Parameters
    ----------
    kind : str
        "success"; "warning": stored, with a remark; "failure".
    text : str
        Plain words.
    is_passing : bool
        A failure that may be over when it is tried again.
    """

    kind: str
    text: str
    is_passing: bool = False


# PS3.4 Section B.2.3, PS3.7 Annex C
_KNOWN = {
    0x0000: Meaning("success", "stored"),
    0x0001: Meaning("warning", "stored; one of the values that it wanted is missing"),
    0x0107: Meaning("warning", "stored; the node passed over some of its attributes"),
    0x0116: Meaning("warning", "stored; a value is out of the range that the node allows"),
    0xB000: Meaning("warning", "stored; the node changed some of its values"),
    0xB006: Meaning("warning", "stored; the node threw some of its elements away"),
    0xB007: Meaning("warning", "stored; it does not fit its SOP class in the node's eyes"),
    0x0105: Meaning("failure", "the node knows an attribute that it does not allow"),
    0x0106: Meaning("failure", "the node does not accept a value"),
    0x0110: Meaning("failure", "the node could not process it", True),
    0x0111: Meaning("failure", "the node has an object with this UID already"),
    0x0112: Meaning("failure", "the node knows no such object"),
    0x0117: Meaning("failure", "the node does not accept its SOP Instance UID"),
    0x0118: Meaning("failure", "the node does not know its SOP class"),
    0x0120: Meaning("failure", "an attribute that the node needs is missing"),
    0x0122: Meaning("failure", "the node does not store this SOP class"),
    0x0124: Meaning("failure", "the node does not allow us to store: ask its administrator"),
    0x0210: Meaning("failure", "the node took it for a repetition"),
    0x0211: Meaning("failure", "the node does not know C-STORE"),
    0x0212: Meaning("failure", "the node did not understand the request"),
    0x0213: Meaning("failure", "the node has run out of resources", True),
}
_RANGES = (
    (0xA700, 0xA7FF, Meaning("failure", "the node is out of resources, perhaps its disk", True)),
    (0xA800, 0xA8FF, Meaning("failure", "the node does not store this SOP class")),
    (0xA900, 0xA9FF, Meaning("failure", "it does not fit its SOP class in the node's eyes")),
    (0xB000, 0xBFFF, Meaning("warning", "stored, with a remark of the node's own")),
    (0xC000, 0xCFFF, Meaning("failure", "the node does not understand the object")),
)  # fmt: skip


def store_status(status: int) -> Meaning:
    """Return what a status of C-STORE means.

    Parameters
    ----------
    status : int
        0 to 0xFFFF.

    Examples
    --------
    >>> store_status(0xA702).is_passing
    True
    """
    known = _KNOWN.get(status)
    if known is not None:
        return known
    for first, last, meaning in _RANGES:
        if first <= status <= last:
            return meaning
    return Meaning("failure", "the node refused it")


# PS3.4 Section C.4.1.1.4, PS3.7 Annex C
_FIND = {
    0x0000: Meaning("success", "found"),
    0xFE00: Meaning("failure", "the node stopped the query"),
    0x0105: Meaning("failure", "the node does not allow one of the keys"),
    0x0106: Meaning("failure", "the node does not accept the value of a key"),
    0x0110: Meaning("failure", "the node could not do the query", True),
    0x0112: Meaning("failure", "the node knows no such object"),
    0x0117: Meaning("failure", "the node does not accept a UID of the query"),
    0x0118: Meaning("failure", "the node does not know this kind of query"),
    0x0120: Meaning("failure", "the node misses a key that it needs"),
    0x0122: Meaning("failure", "the node does not offer this kind of query"),
    0x0124: Meaning("failure", "the node does not allow us to query: ask its administrator"),
    0x0211: Meaning("failure", "the node does not know C-FIND"),
    0x0212: Meaning("failure", "the node did not understand the query"),
    0x0213: Meaning("failure", "the node has run out of resources", True),
    0xA700: Meaning("failure", "the node has too much to do for this query", True),
    0xA900: Meaning("failure", "the node does not understand the keys at this level"),
}


def find_status(status: int) -> Meaning:
    """Return what the last status of a C-FIND means.

    Parameters
    ----------
    status : int
        0 to 0xFFFF.

    Examples
    --------
    >>> find_status(0xA900).kind
    'failure'
    """
    known = _FIND.get(status)
    if known is not None:
        return known
    if 0xC000 <= status <= 0xCFFF:
        return Meaning("failure", "the node could not do the query")
    if 0xA700 <= status <= 0xA7FF:
        return _FIND[0xA700]
    return Meaning("failure", "the node refused the query")


# PS3.4 Sections C.4.2.1.5 and C.4.3.1.4
_RETRIEVED = {
    0x0000: Meaning("success", "all sent"),
    0xB000: Meaning("warning", "the node could not send everything"),
    0xFE00: Meaning("cancelled", "cancelled"),
    0xA701: Meaning(
        "failure", "the node has not the resources to count what it should send", True
    ),
    0xA702: Meaning("failure", "the node has not the resources to send it", True),
    0xA801: Meaning(
        "failure",
        "the node does not know the AE title to which it should send: its administrator must "
        "enter ours, with our address and port",
    ),
    0xA900: Meaning("failure", "the node does not understand what is asked for"),
    0xAA00: Meaning("failure", "none of it could be sent by the node"),
    0xAA02: Meaning("failure", "the node finds nothing of what is asked for"),
    0xAA03: Meaning("failure", "the node cannot take frames out of an object"),
    0x0110: Meaning("failure", "the node could not process it", True),
    0x0112: Meaning("failure", "the node knows no such object"),
    0x0122: Meaning("failure", "the node does not offer this way to retrieve"),
    0x0124: Meaning("failure", "the node does not allow us to retrieve: ask its administrator"),
    0x0211: Meaning("failure", "the node does not know this operation"),
    0x0212: Meaning("failure", "the node did not understand the request"),
    0x0213: Meaning("failure", "the node has run out of resources", True),
}


def retrieve_status(status: int) -> Meaning:
    """Return what a final status of C-GET or C-MOVE means.

    Parameters
    ----------
    status : int
        0 to 0xFFFF.

    Examples
    --------
    >>> retrieve_status(0xA801).kind
    'failure'
    """
    known = _RETRIEVED.get(status)
    if known is not None:
        return known
    if 0xC000 <= status <= 0xCFFF:
        return Meaning("failure", "the node is unable to process the request")
    if status == 1 or 0xB000 <= status <= 0xBFFF:
        return Meaning("warning", "done, with a remark of the node's own")
    return Meaning("failure", "the node refused it")
