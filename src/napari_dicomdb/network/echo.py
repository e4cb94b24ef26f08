"""The test of a node: does it answer, and if not, what is wrong, in plain words."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom._meta import IMPLICIT_LITTLE
from napari_dicomdb.errors import DicomDbError, NetworkError
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.commands import C_ECHO_RQ, NO_DATA_SET
from napari_dicomdb.network.node import Limits, Tls
from napari_dicomdb.network.offering import Offer, ask_offer
from napari_dicomdb.network.rejections import context_words
from napari_dicomdb.network.wire import Wire, no_waiting

if TYPE_CHECKING:
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.wire import Waiting

__all__ = ["EchoResult", "check_node", "echo"]

_VERIFICATION = "1.2.840.10008.1.1"
# Said when a connection ends before a word was spoken: perhaps one side speaks TLS.
_SILENT = frozenset({"closed", "timeout", "aborted", "bad-answer"})
_TLS_FAILED = frozenset({"tls-closed", "tls", "tls-no-common-cipher"})
_PROBE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class EchoResult:
    """What a test of a node found.

    Parameters
    ----------
    node : str
        Its name.
    ok : bool
        It answered as it should.
    reason : str
        Reason code of what is wrong; "" when nothing is.
    text : str
        Plain words.
    seconds : float
        From the start to the answer.
    offer : Offer, optional
        What the node offers besides, where that was asked.
    """

    node: str
    ok: bool
    reason: str
    text: str
    seconds: float
    offer: Offer | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the result as a dict that `json.dumps` accepts."""
        plain = asdict(self)
        plain["offer"] = None if self.offer is None else self.offer.to_json()
        return plain


def check_node(node: Node, *, facts: bool = False, waiting: Waiting = no_waiting) -> EchoResult:
    """Test a node; whatever is wrong is in the result.

    Parameters
    ----------
    node : Node
    facts : bool
        Ask a DIMSE node also which services it offers; the answer to the echo counts.
    waiting : callable
        Called a few times a second; may raise `Cancelled`.
    """
    started = time.monotonic()
    ok, reason = True, ""
    try:
        text = echo(node, waiting=waiting)
    except DicomDbError as error:
        if error.reason == "cancelled":
            raise
        ok, reason, text = False, error.reason, str(error)
    seconds = time.monotonic() - started
    offer = None
    # A node without C-ECHO may offer all that is wanted of it.
    if facts and node.kind == "dimse" and (ok or reason == "no-context"):
        offer = _offer(node, waiting)
    return EchoResult(node.name, ok, reason, text, seconds, offer)


def _offer(node: Node, waiting: Waiting) -> Offer | None:
    try:
        return ask_offer(node, waiting=waiting)
    except NetworkError:
        return None  # it has just answered: that it takes no second association is no fault


def echo(node: Node, *, waiting: Waiting = no_waiting) -> str:
    """Ask a node for an echo (DICOMweb: for a search); return what to tell of it.

    Raises
    ------
    NetworkError
        If it does not answer as it should; the message says what is wrong.
    NodeError
        If its password cannot be had from the keyring.
    MissingLibraryError
        If pynetdicom (DICOMweb: httpx) is not installed.
    """
    if node.kind == "dicomweb":
        from napari_dicomdb.network.dicomweb.checking import check_dicomweb

        return check_dicomweb(node, waiting=waiting)
    proposal = (_VERIFICATION, IMPLICIT_LITTLE)
    try:
        association = Association.request(node, [proposal], waiting=waiting)
    except NetworkError as error:
        raise _explained(node, error, waiting) from error
    if proposal not in association.accepted:
        association.release()
        raise NetworkError(
            "the node is there and knows us, but does not offer verification (C-ECHO): "
            + context_words(association.refused[proposal]),
            reason="no-context",
        )
    try:
        message = association.send_request(
            association.accepted[proposal],
            {
                "AffectedSOPClassUID": _VERIFICATION,
                "CommandField": C_ECHO_RQ,
                "CommandDataSetType": NO_DATA_SET,
            },
        )
        status = association.read_answer(message)["Status"]
    except BaseException:
        association.abort()
        raise
    association.release()
    if status:
        raise NetworkError(f"the node answered with status {status:04X}H", reason="bad-status")
    with_tls = ", encrypted" if node.tls else ""
    return f"{node.address} answers{with_tls}"


def _explained(node: Node, error: NetworkError, waiting: Waiting) -> NetworkError:
    """Find out whether one side speaks TLS and the other does not."""
    if node.tls is None and error.reason in _SILENT and _speaks_tls(node, waiting):
        return NetworkError(
            f"{node.host} speaks TLS on this port: turn TLS on for this node", reason="tls-needed"
        )
    if node.tls is not None and error.reason in _TLS_FAILED and _speaks_plainly(node, waiting):
        return NetworkError(
            f"{node.host} does not speak TLS on this port: turn TLS off for this node, or use "
            "the port for TLS",
            reason="tls-not-spoken",
        )
    return error


def _speaks_tls(node: Node, waiting: Waiting) -> bool:
    try:
        wire = Wire(
            node.host,
            node.port,
            tls=Tls(check_hostname=False),
            seconds=min(_PROBE_SECONDS, node.limits.connect_seconds),
            waiting=waiting,
        )
    except NetworkError as error:
        # That it shows us a certificate is enough, or that it wants one.
        return error.reason in ("tls-unknown-ca", "tls-expired", "tls-client-certificate")
    wire.close()
    return True


def _speaks_plainly(node: Node, waiting: Waiting) -> bool:
    seconds = min(_PROBE_SECONDS, node.limits.connect_seconds)
    # Without credentials: nothing secret goes over a line that is not encrypted.
    plain = replace(
        node, tls=None, credentials="none", user="", secret="",
        limits=Limits(connect_seconds=seconds, answer_seconds=seconds),
    )  # fmt: skip
    try:
        association = Association.request(
            plain, [(_VERIFICATION, IMPLICIT_LITTLE)], waiting=waiting
        )
    except NetworkError as error:
        return error.reason.startswith("wrong-") or error.reason in ("rejected", "busy")
    association.release()
    return True
