"""What the status of an answer to C-STORE means, in plain words."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Meaning", "store_status"]


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
