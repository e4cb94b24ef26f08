"""Decides whether a request for an association is granted, and for which contexts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dicomdb.dicom._meta import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from napari_dicomdb.network.storage_classes import (
    STORAGE_COMMITMENT,
    VERIFICATION,
    choose_syntax,
    is_storage_class,
)

if TYPE_CHECKING:
    from napari_dicomdb.network.association_pdus import AssociationRequest
    from napari_dicomdb.network.listener_settings import ListenerSettings

__all__ = ["Acceptance", "Rejection", "decide", "too_many"]

_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_PLAIN = (EXPLICIT_LITTLE, IMPLICIT_LITTLE)
# PS3.8 Table 9-21: result, source, reason of an A-ASSOCIATE-RJ
_PERMANENT, _TRANSIENT = 1, 2
_USER, _ACSE, _PRESENTATION = 1, 2, 3
# PS3.8 Table 9-18
_ACCEPTED, _NO_ABSTRACT, _NO_TRANSFER = 0, 3, 4


@dataclass(frozen=True, slots=True)
class Rejection:
    """No association.

    Attributes
    ----------
    result, source, reason : int
        Of the PDU (PS3.8 Table 9-21).
    code : str
        Our reason code.
    text : str
        Plain words.
    """

    result: int
    source: int
    reason: int
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An association.

    Attributes
    ----------
    contexts : dict of int to (str, str)
        Of what was accepted: abstract and transfer syntax by number.
    answers : dict of int to (int, str)
        For the answer: result and transfer syntax of every context.
    roles : dict of str to (bool, bool)
        For the answer: whether the peer may be user, provider of a SOP class.
    """

    contexts: dict[int, tuple[str, str]]
    answers: dict[int, tuple[int, str]]
    roles: dict[str, tuple[bool, bool]]


def decide(
    request: AssociationRequest,
    settings: ListenerSettings,
    address: str,
    *,
    stores: bool = True,
) -> Acceptance | Rejection:
    """Grant a request for an association, or say why not.

    Parameters
    ----------
    request : AssociationRequest
    settings : ListenerSettings
    address : str
        Of the peer.
    stores : bool
        Whether objects are stored at all.
    """
    if not request.version & 1:
        return Rejection(_PERMANENT, _ACSE, 2, "version", "another version of the protocol")
    if request.application_context != _APPLICATION_CONTEXT:
        text = "another application context than DICOM's"
        return Rejection(_PERMANENT, _USER, 2, "application-context", text)
    if not settings.allows_address(address):
        text = f"{address} is not among the addresses that may store here"
        return Rejection(_PERMANENT, _USER, 1, "address-not-allowed", text)
    if not settings.any_called_aet and request.called_aet != settings.aet.strip():
        text = f"it called {request.called_aet!r}: we are {settings.aet!r}"
        return Rejection(_PERMANENT, _USER, 7, "wrong-called-aet", text)
    if settings.allowed_aets and request.calling_aet not in settings.allowed_aets:
        text = f"{request.calling_aet!r} is not among the AE titles that may store here"
        return Rejection(_PERMANENT, _USER, 3, "wrong-calling-aet", text)
    return _accepted(request, stores)


def too_many(settings: ListenerSettings) -> Rejection:
    """Return what to answer when there are as many associations as are allowed."""
    text = f"there are {settings.max_associations} associations already"
    return Rejection(_TRANSIENT, _PRESENTATION, 2, "busy", text)


def _accepted(request: AssociationRequest, stores: bool) -> Acceptance:
    contexts: dict[int, tuple[str, str]] = {}
    answers: dict[int, tuple[int, str]] = {}
    for offer in request.offers:
        abstract, fallback = offer.abstract_syntax, (offer.transfer_syntaxes or ("",))[0]
        if abstract in (VERIFICATION, STORAGE_COMMITMENT):
            syntax = next((x for x in _PLAIN if x in offer.transfer_syntaxes), "")
        elif stores and is_storage_class(abstract):
            syntax = choose_syntax(offer.transfer_syntaxes)
        else:
            answers[offer.number] = (_NO_ABSTRACT, fallback or IMPLICIT_LITTLE)
            continue
        if syntax:
            contexts[offer.number] = (abstract, syntax)
            answers[offer.number] = (_ACCEPTED, syntax)
        else:
            answers[offer.number] = (_NO_TRANSFER, fallback or IMPLICIT_LITTLE)
    taken = {abstract for abstract, _ in contexts.values()}
    roles = {
        # Objects come to us; results of storage commitment go either way.
        uid: wanted if uid == STORAGE_COMMITMENT else (wanted[0], False)
        for uid, wanted in request.roles.items()
        if uid in taken
    }
    return Acceptance(contexts, answers, roles)
