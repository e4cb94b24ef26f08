"""Retrieving from a DICOMweb node by WADO-RS: what is missing, study by study."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari_dicomdb.database.instance_paths import instance_paths
from napari_dicomdb.database.receiving import Inbox
from napari_dicomdb.errors import Cancelled, NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_dicomdb.network.dicomweb.client import DicomWebClient
    from napari_dicomdb.network.node import Node
    from napari_dicomdb.network.retrieve_report import Wanted
    from napari_dicomdb.network.retrieve_watch import Watch

__all__ = ["retrieve_web"]

_Place = tuple[str, str, str]
_PAGE = 200
_MOST_STUDIES = 100_000
_log = logging.getLogger(__name__)


def retrieve_web(
    watch: Watch,
    node: Node,
    wanted: Sequence[Wanted],
    only_missing: bool,
    pauses: Sequence[float],
) -> None:
    """Retrieve from a DICOMweb node; see `retrieving.retrieve`.

    Parameters
    ----------
    watch : Watch
        Takes what has come.
    node : Node
    wanted : sequence of Wanted
    only_missing : bool
    pauses : sequence of float

    Raises
    ------
    NetworkError
        If the node gives nothing at all.
    Cancelled
        When the progress callback says so.
    """
    from napari_dicomdb.network.dicomweb.client import DicomWebClient

    settle = 0.05 if watch.arrived is not None else 0.3
    with (
        DicomWebClient(node, waiting=watch.tell, pauses=pauses) as client,
        Inbox(watch.database, settle_seconds=settle) as inbox,
    ):
        fetching = _Fetching(watch, node, client, inbox, only_missing, pauses)
        try:
            fetching.run(wanted)
        finally:
            inbox.flush()
            watch.look(force=True)


class _Fetching:
    def __init__(
        self,
        watch: Watch,
        node: Node,
        client: DicomWebClient,
        inbox: Inbox,
        only_missing: bool,
        pauses: Sequence[float],
    ) -> None:
        self._watch, self._node, self._client, self._inbox = watch, node, client, inbox
        self._only_missing, self._pauses = only_missing, pauses
        self._said: dict[str, tuple[str, str]] = {}

    def run(self, wanted: Sequence[Wanted]) -> None:
        report = self._watch.report
        places = list(dict.fromkeys(place for one in wanted for place in self._places(one)))
        if not places:
            text = f"{self._node.name} has nothing of what is wanted"
            report.failed.append(("", "not-found", text))
        plan = [(place, self._skipped(place)) for place in places]
        reason, text = "not-sent", f"{self._node.name} has not sent it"
        reached = False
        try:
            for place, skip in plan:
                if skip is not None:
                    reached = self._fetch(place, skip, reached)
        except Cancelled:
            reason, text = "cancelled", "cancelled: it has not come"
            raise
        finally:
            told = {uid for uid, _, _ in report.failed}
            report.failed += [
                (uid, *self._said.get(uid, (reason, text)))
                for uid in self._watch.missing
                if uid not in told
            ]

    def _places(self, one: Wanted) -> Iterator[_Place]:
        if one.level == "patient":
            yield from ((study, "", "") for study in self._studies(one.patient_id))
        elif one.level == "instance":
            yield from ((one.study_uid, one.series_uid, uid) for uid in one.instance_uids)
        else:
            yield one.study_uid, one.series_uid if one.level == "series" else "", ""

    def _studies(self, patient_id: str) -> list[str]:
        from napari_dicomdb.network.dicomweb.json_model import items_of, text_of

        found: dict[str, None] = {}
        while len(found) < _MOST_STUDIES:
            params = [
                ("PatientID", patient_id),
                ("limit", str(_PAGE)),
                ("offset", str(len(found))),
            ]
            answer = self._client.get("studies", params=params)
            items = items_of(answer.json()) if answer.content.strip() else []
            # Some servers know no such key and return all: the value is looked at again.
            mine = [i for i in items if text_of(i, "00100020") in ("", patient_id)]
            fresh = {uid: None for i in mine if (uid := text_of(i, "0020000D"))}
            if not fresh.keys() - found.keys():
                break
            found |= fresh
        return list(found)

    def _skipped(self, place: _Place) -> set[str] | None:
        """Return what of a place is here already; None: all of it."""
        study, series, instance = place
        listed = [instance] if instance else self._listed(study, series)
        database, watch = self._watch.database, self._watch
        held: dict[str, Path] = {}
        if self._only_missing and listed:
            held = instance_paths(database._connections, database._root, listed)
            watch.report.already += len(held)
        watch.expect(uid for uid in listed if uid not in held)
        return None if listed and len(held) == len(set(listed)) else set(held)

    def _listed(self, study: str, series: str) -> list[str]:
        from napari_dicomdb.network.dicomweb.fetching import instance_uids

        try:
            return [uid for _, uid in instance_uids(self._client, study, series)]
        except NetworkError as error:
            _log.info("%s does not say what it has: %s", self._node.name, error.reason)
            return []

    def _fetch(self, place: _Place, skip: set[str], reached: bool) -> bool:
        from napari_dicomdb.network.dicomweb.fetching import fetch_instances

        try:
            fetched = fetch_instances(
                self._node,
                *place,
                store=self._inbox.open,
                skip=skip,
                arrived=self._keep,
                waiting=self._watch.tell,
                pauses=self._pauses,
                client=self._client,
            )
        except NetworkError as error:
            if not reached and not self._watch.report.received:
                raise
            uids = [place[2]] if place[2] else list(self._watch.missing)
            self._said.update(dict.fromkeys(uids, (error.reason, str(error))))
            if not uids:
                self._watch.report.failed.append(("", error.reason, str(error)))
            return reached
        self._watch.report.size += fetched.size
        self._watch.report.failed += fetched.failed
        return True

    def _keep(self, uid: str, path: Path) -> None:
        self._watch.keep(uid, path)
        self._watch.tell()
