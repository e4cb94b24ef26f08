"""Which instances a DIMSE node has of what is wanted: asked by C-FIND, level by level."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from napari_dicomdb.dicom._meta import IMPLICIT_LITTLE
from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.commands import C_FIND_RQ, RESPONSE, WITH_DATA_SET
from napari_dicomdb.network.identifiers import decode_identifier, encode_identifier
from napari_dicomdb.network.wire import Waiting, no_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.retrieve_report import Wanted

__all__ = ["Listed", "list_instances"]

_STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
_PENDING = (0xFF00, 0xFF01)
_MOST = 1_000_000
"""Answers of one node: one that never ends is left."""


class Listed(NamedTuple):
    """An instance that a node says it has."""

    study_uid: str
    series_uid: str
    uid: str
    sop_class_uid: str = ""
    number: int = 0


def list_instances(
    node: Node, wanted: Sequence[Wanted], *, waiting: Waiting = no_waiting
) -> list[Listed]:
    """Ask a node for the instances of what is wanted.

    Parameters
    ----------
    node : Node
        A DIMSE node.
    wanted : sequence of Wanted
    waiting : callable
        Called a few times a second; may raise `Cancelled`.

    Returns
    -------
    list of Listed
        In the order of their InstanceNumber within each series, each once.

    Raises
    ------
    NetworkError
        Reason "no-query": the node answers no queries of the study root. Others: there is
        no association, or it broke.
    """
    proposal = (_STUDY_ROOT_FIND, IMPLICIT_LITTLE)
    association = Association.request(node, [proposal], waiting=waiting)
    try:
        if proposal not in association.accepted:
            raise NetworkError(f"{node.name} answers no queries", reason="no-query")
        asking = _Asking(association, association.accepted[proposal], node, waiting)
        found = {one.uid: one for one in asking.all_of(wanted)}
        association.release()
    except BaseException:
        association.abort()
        raise
    return sorted(found.values(), key=lambda one: (one.study_uid, one.series_uid, one.number))


class _Asking:
    def __init__(
        self, association: Association, context: int, node: Node, waiting: Waiting
    ) -> None:
        self._association, self._context = association, context
        self._node, self._waiting = node, waiting
        self._count = 0

    def all_of(self, wanted: Sequence[Wanted]) -> Iterator[Listed]:
        for one in wanted:
            studies = [one.study_uid]
            if one.level == "patient":
                keys = {"PatientID": one.patient_id}
                studies = self._uids("study", "StudyInstanceUID", keys)
            for study in studies:
                keys = {"StudyInstanceUID": study}
                series = [one.series_uid]
                if one.level in ("patient", "study"):
                    series = self._uids("series", "SeriesInstanceUID", keys)
                for uid in series:
                    listed = list(self._instances(study, uid))
                    if one.level == "instance":
                        listed = self._chosen(listed, one)
                    yield from listed

    def _chosen(self, listed: list[Listed], one: Wanted) -> list[Listed]:
        """Return the instances that are wanted, also those that the node does not name."""
        by_uid = {instance.uid: instance for instance in listed}
        return [
            by_uid.get(uid) or Listed(one.study_uid, one.series_uid, uid)
            for uid in one.instance_uids
        ]

    def _uids(self, level: str, keyword: str, keys: Mapping[str, str]) -> list[str]:
        answers = self._ask(level, {**keys, keyword: ""})
        return [uid for uid in dict.fromkeys(a.get(keyword, "") for a in answers) if _is_one(uid)]

    def _instances(self, study: str, series: str) -> Iterator[Listed]:
        keys = {
            "StudyInstanceUID": study,
            "SeriesInstanceUID": series,
            "SOPInstanceUID": "",
            "SOPClassUID": "",
            "InstanceNumber": "",
        }
        for answer in self._ask("instance", keys):
            uid, sop_class = answer.get("SOPInstanceUID", ""), answer.get("SOPClassUID", "")
            if _is_one(uid):
                number = _number(answer.get("InstanceNumber", ""))
                yield Listed(study, series, uid, sop_class if _is_one(sop_class) else "", number)

    def _ask(self, level: str, keys: Mapping[str, str]) -> list[dict[str, str]]:
        request: dict[str, int | str] = {
            "AffectedSOPClassUID": _STUDY_ROOT_FIND,
            "CommandField": C_FIND_RQ,
            "Priority": 0,
            "CommandDataSetType": WITH_DATA_SET,
        }
        identifier = encode_identifier(keys, level=level, character_set=self._node.character_set)
        message = self._association.send_request(self._context, request, identifier)
        answers: list[dict[str, str]] = []
        while True:
            answer = self._association.read_message()
            self._waiting()
            command = answer.command
            status = command.get("Status")
            if (
                command.get("CommandField") != C_FIND_RQ | RESPONSE
                or command.get("MessageIDBeingRespondedTo") != message
                or not isinstance(status, int)
            ):
                raise NetworkError("the node answered something else", reason="bad-answer")
            if status in _PENDING:
                self._count += 1
                if self._count > _MOST:
                    raise NetworkError(
                        f"{self._node.name} lists more than {_MOST} entries", reason="bad-answer"
                    )
                answers.append(decode_identifier(answer.data or b""))
                continue
            if status != 0:
                comment = str(command.get("ErrorComment", ""))
                raise NetworkError(
                    f"{self._node.name} does not say what it has (status {status:04X}H)"
                    + (f": {comment}" if comment else ""),
                    reason="no-query",
                )
            return answers


def _is_one(uid: str) -> bool:
    """Tell whether a UID can be asked for: no list, nothing that would match others."""
    return 0 < len(uid) <= 64 and uid.isascii() and not any(c in uid for c in "\\*?")


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0
