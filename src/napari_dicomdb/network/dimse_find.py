"""C-FIND: asks a DIMSE node for patients, studies, series or instances (PS3.4 annex C)."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom._meta import IMPLICIT_LITTLE
from napari_dicomdb.errors import Cancelled, NetworkError, QueryError
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.commands import C_FIND_RQ, RESPONSE, WITH_DATA_SET
from napari_dicomdb.network.find_plan import plan_query, single_keys, split_lists
from napari_dicomdb.network.identifiers import (
    LARGEST_IDENTIFIER,
    decode_identifier,
    encode_identifier,
)
from napari_dicomdb.network.query import LEVELS, UNIQUE_KEYS, Match, NodeOutcome, Query
from napari_dicomdb.network.query_keys import default_keys
from napari_dicomdb.network.rejections import context_words
from napari_dicomdb.network.statuses import find_status
from napari_dicomdb.network.stopping import Stop
from napari_dicomdb.network.wire import Waiting, no_waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari_dicomdb.network.find_plan import Stage
    from napari_dicomdb.network.node import Node

__all__ = ["find_dimse"]

_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_SOP_CLASS = {
    "patient": "1.2.840.10008.5.1.4.1.2.1.1",
    "study": "1.2.840.10008.5.1.4.1.2.2.1",
}
_PENDING, _PENDING_UNSUPPORTED = 0xFF00, 0xFF01
_CANCELLED = 0xFE00
_GRACE = 3.0  # seconds for the node to end after a C-CANCEL
_WAVE = 50  # matches that are handed on together
_RELATIONAL, _FUZZY = 0, 2  # places in the extended negotiation (PS3.4 C.5.1.1)
_SAFE_UID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}").fullmatch
_PLURALS = {
    "patient": "patients", "study": "studies", "series": "series", "instance": "instances"
}  # fmt: skip
_log = logging.getLogger(__name__)


def find_dimse(
    node: Node,
    query: Query,
    found: Callable[[list[Match]], None],
    waiting: Waiting = no_waiting,
) -> NodeOutcome:
    """Ask a DIMSE node; what it answers goes to `found` as it arrives.

    Parameters
    ----------
    node : Node
        Of kind "dimse".
    query : Query
    found : callable
        Receives matches, several at a time; it is called in this thread.
    waiting : callable
        Called a few times a second; when it raises `Cancelled` the node is told to stop.

    Returns
    -------
    NodeOutcome
        "done", with `cut` at the limit; "failed", with reason and text; or "cancelled".

    Raises
    ------
    NodeError
        If the node's password cannot be had from the keyring.
    MissingLibraryError
        If pynetdicom is not installed.
    """
    search = _Search(node, query, found, waiting)
    try:
        search.run()
    except Cancelled as error:
        return search.outcome("cancelled", "cancelled", str(error))
    except NetworkError as error:
        _log.info(
            "C-FIND failed: %s", error.reason,
            extra={"peer": f"{node.called_aet}@{node.host}:{node.port}"},
        )  # fmt: skip
        return search.outcome("failed", error.reason, str(error))
    except QueryError as error:
        return search.outcome("failed", error.reason, str(error))
    return search.outcome()


class _Search:
    def __init__(
        self,
        node: Node,
        query: Query,
        found: Callable[[list[Match]], None],
        waiting: Waiting,
    ) -> None:
        self._node, self._query, self._found = node, query, found
        self._limit = query.limit or node.limits.max_results
        self._asked_for = [k for k in query.matching() if "." not in k]
        self._stop = Stop(waiting, _GRACE)
        self._seen: set[str] = set()
        self._wave: list[Match] = []
        self._unusable = 0
        self._unsupported = False
        self._untold: set[str] = set()
        self._cut_above = ""
        self._cut = False

    def outcome(self, state: str = "done", reason: str = "", text: str = "") -> NodeOutcome:
        self._hand_on()
        remarks = [text] if text else []
        count = len(self._seen)
        is_cut = self._cut or bool(self._cut_above)
        if is_cut:
            reason = reason or "limit"
            things = _PLURALS[self._cut_above or self._query.level]
            remarks.append(
                f"looked into {self._limit} {things} only: there are more; narrow the search"
                if self._cut_above
                else f"stopped after {count} {things}: there are more; narrow the search"
            )
        if self._unusable:
            remarks.append(f"{self._unusable} answers could not be used and were left out")
        if self._untold:
            told = ", ".join(sorted(self._untold))
            remarks.append(f"the node does not tell {told}: not all that it lists may match")
        elif self._unsupported:
            remarks.append("the node does not look at all of these keys: it may find too much")
        return NodeOutcome(self._node.name, state, count, is_cut, reason, "; ".join(remarks))

    # -- the association ----------------------------------------------------------------------

    def run(self) -> None:
        roots = [self._query.root, "patient" if self._query.root == "study" else "study"]
        if self._query.level == "patient":
            roots = ["patient", "study"]
        proposals = [
            (_SOP_CLASS[root], syntax)
            for root in roots
            for syntax in (_EXPLICIT_LITTLE, IMPLICIT_LITTLE)
        ]
        self._association = Association.request(
            self._node, proposals, extended=self._wishes(), waiting=self._stop.turn
        )
        self._stop.association = self._association
        try:
            self._run(roots, proposals)
        except BaseException:
            self._association.abort()
            raise
        self._stop.is_over = True
        self._association.release()

    def _run(self, roots: list[str], proposals: list[tuple[str, str]]) -> None:
        accepted = self._association.accepted
        for proposal in proposals:
            if proposal in accepted:
                break
        else:
            raise NetworkError(
                "the node is there and knows us, but does not offer queries (C-FIND): "
                + context_words(self._association.refused[proposals[0]]),
                reason="no-context",
            )
        self._sop_class, syntax = proposal
        self._context, self._explicit = accepted[proposal], syntax == _EXPLICIT_LITTLE
        root = next(root for root in roots if _SOP_CLASS[root] == self._sop_class)
        granted = self._association.extended.get(self._sop_class, b"")
        relational = self._asks_relations and granted[:1] == b"\1"
        self._plan = plan_query(self._query, root, relational=relational)
        for above in single_keys(self._plan.above):
            self._descend(0, above, {})

    @property
    def _asks_relations(self) -> bool:
        return len(plan_query(self._query, "study").stages) > 1

    def _wishes(self) -> dict[str, bytes]:
        wishes = bytearray(4)
        wishes[_RELATIONAL] = self._asks_relations
        wishes[_FUZZY] = self._query.fuzzy
        return {uid: bytes(wishes) for uid in _SOP_CLASS.values()} if any(wishes) else {}

    # -- level by level -----------------------------------------------------------------------

    def _descend(self, number: int, above: Mapping[str, str], known: Mapping[str, Any]) -> None:
        stage = self._plan.stages[number]
        is_last = number == len(self._plan.stages) - 1
        below: list[dict[str, Any]] = []
        taken: set[str] = set()
        for keys in split_lists(stage.keys):
            if self._cut or (self._cut_above == stage.level and not is_last):
                break
            for values in self._ask(stage, {**keys, **above}, is_last=is_last):
                told = {k: v for k, v in values.items() if v or k not in known}
                whole = {**known, **told, **above}
                if is_last:
                    self._take(whole)
                elif (uid := self._key_of(stage, whole)) and uid not in taken:
                    taken.add(uid)
                    below.append(whole)
        self._hand_on()
        unique = UNIQUE_KEYS[stage.level]
        for values in below:
            if self._cut:
                return
            self._descend(number + 1, {**above, unique: values[unique]}, values)

    def _ask(
        self, stage: Stage, keys: Mapping[str, str], *, is_last: bool
    ) -> Iterator[dict[str, Any]]:
        """Send one request; gives its answers."""
        raw = encode_identifier(
            keys,
            level=stage.level,
            explicit=self._explicit,
            character_set=self._node.character_set,
        )
        message = self._association.send_request(
            self._context,
            {
                "AffectedSOPClassUID": self._sop_class,
                "CommandField": C_FIND_RQ,
                "Priority": 0,
                "CommandDataSetType": WITH_DATA_SET,
            },
            raw,
        )
        self._stop.begin(self._context, message)
        answers, is_cut = 0, False
        most = 20 * self._limit if self._plan.patients_of_studies else self._limit
        while True:
            status, data = self._next_answer(message)
            if status not in (_PENDING, _PENDING_UNSUPPORTED):
                break
            self._unsupported |= status == _PENDING_UNSUPPORTED
            if self._stop.is_asked:
                continue
            answers += 1
            if answers > most:
                is_cut = True
            elif (values := self._decoded(data)) is not None:
                yield values
            if is_cut or self._cut:
                self._hand_on()
                self._stop.ask()
        self._association.log.info(
            "C-FIND at level %s: %d answers%s, status %04XH",
            stage.level, answers, ", stopped" if self._stop.is_asked else "", status,
        )  # fmt: skip
        if is_cut and is_last:
            self._cut = True
        elif is_cut:
            self._cut_above = stage.level
        self._end(status, stopped=is_cut or self._cut)

    def _next_answer(self, message: int) -> tuple[int, bytes | None]:
        try:
            self._stop.turn()
            answer = self._association.read_message(
                largest=LARGEST_IDENTIFIER, seconds=self._stop.seconds_left()
            )
        except NetworkError:
            if not self._stop.is_asked:
                raise
            # It does not stop, or does not say so: enough.
            self._association.abort()
            return _CANCELLED, None
        command = answer.command
        if (
            command.get("MessageIDBeingRespondedTo") != message
            or "Status" not in command
            or command.get("CommandField") != C_FIND_RQ | RESPONSE
        ):
            raise NetworkError("the node answered something else", reason="bad-answer")
        self._comment = str(command.get("ErrorComment", ""))
        return int(command["Status"]), answer.data

    def _decoded(self, data: bytes | None) -> dict[str, Any] | None:
        try:
            if data:
                return decode_identifier(data, explicit=self._explicit)
        except NetworkError as error:
            self._association.log.warning("an answer is left out: %s", error)
        self._unusable += 1
        return None

    def _end(self, status: int, *, stopped: bool) -> None:
        self._stop.end()
        if self._stop.error is not None:
            raise self._stop.error
        if status == 0 or (status == _CANCELLED and stopped):
            return
        meaning = find_status(status)
        comment = f" ({self._comment})" if self._comment else ""
        raise NetworkError(f"{meaning.text}: status {status:04X}H{comment}", reason="bad-status")

    # -- answers ------------------------------------------------------------------------------

    def _key_of(self, stage: Stage, values: dict[str, Any]) -> str:
        """Return what names an answer on the way down; "" when it cannot be used."""
        key = str(values.get(UNIQUE_KEYS[stage.level], ""))
        good = key if stage.level == "patient" else _SAFE_UID(key)
        if not good:
            self._unusable += 1
        return key if good else ""

    def _take(self, values: dict[str, Any]) -> None:
        match = self._match(values)
        if match is None:
            self._unusable += 1
            return
        key = match.uid
        if match.level == "patient":
            key = "\\".join((key, match.text("IssuerOfPatientID"), match.text("PatientName")))
        if key in self._seen:
            return
        if len(self._seen) >= self._limit:
            self._cut = True
            return
        self._seen.add(key)
        self._untold.update(k for k in self._asked_for if not values.get(k))
        self._wave.append(match)
        if len(self._wave) >= _WAVE or len(self._seen) <= 1:
            self._hand_on()

    def _match(self, values: dict[str, Any]) -> Match | None:
        level = self._query.level
        uids = {name: str(values.get(UNIQUE_KEYS[name], "")) for name in UNIQUE_KEYS}
        if level != "patient" and not _SAFE_UID(uids[level]):
            return None
        if any(uids[one] and not _SAFE_UID(uids[one]) for one in ("study", "series", "instance")):
            return None
        if self._plan.patients_of_studies:
            values = {k: values[k] for k in default_keys("patient") if k in values}
        values.pop("QueryRetrieveLevel", None)
        below = LEVELS[LEVELS.index(level) + 1 :]
        keys = [("" if name in below else uids[name]) for name in LEVELS]
        return Match(
            self._node.name,
            level,
            values,
            patient_id=keys[0],
            study_uid=keys[1],
            series_uid=keys[2],
            instance_uid=keys[3],
        )

    def _hand_on(self) -> None:
        wave, self._wave = self._wave, []
        if wave:
            self._found(wave)
