"""Search by QIDO-RS (PS3.18 Section 10.6), page by page, into the matches of a query."""

from __future__ import annotations

import logging
from itertools import islice, product
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.dicomweb.client import DicomWebClient
from napari_dicomdb.network.dicomweb.json_model import items_of, values_of
from napari_dicomdb.network.query import Match, NodeOutcome, Query
from napari_dicomdb.network.wire import Waiting, no_waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari_dicomdb.network.dicomweb.client import Answer
    from napari_dicomdb.network.node import Node

__all__ = ["search_dicomweb"]

PAGE = 200
"""Answers asked for at a time."""

_MOST_REQUESTS = 100  # that lists of values may become
_UIDS = {
    "study": ("StudyInstanceUID", "study_uid"),
    "series": ("SeriesInstanceUID", "series_uid"),
    "instance": ("SOPInstanceUID", "instance_uid"),
}
_PLURALS = {
    "patient": "patients", "study": "studies", "series": "series", "instance": "instances"
}  # fmt: skip
_UID_KEYS = frozenset(keyword for keyword, _ in _UIDS.values())
# What servers that know less of the standard stumble over.
_REFUSED = frozenset({"bad-request", "not-offered", "server-error"})
_log = logging.getLogger(__name__)

Params = list[tuple[str, str]]


def search_dicomweb(
    node: Node,
    query: Query,
    found: Callable[[list[Match]], None],
    waiting: Waiting = no_waiting,
) -> NodeOutcome:
    """Ask a DICOMweb node; what it answers goes to `found` as it arrives.

    Parameters
    ----------
    node : Node
        Of kind "dicomweb".
    query : Query
        At the level of patients, which QIDO-RS does not have, studies are asked for.
    found : callable
        Receives the matches of each page.
    waiting : callable
        Called a few times a second; may raise `Cancelled`.

    Returns
    -------
    NodeOutcome
        "done", with `cut` at the limit; or "failed", with reason and text.

    Raises
    ------
    NodeError
        If the node's password cannot be had from the keyring.
    MissingLibraryError
        If httpx is not installed.
    """
    with DicomWebClient(node, waiting=waiting) as client:
        search = _Search(client, query, found)
        try:
            search.run()
        except NetworkError as error:
            _log.info("QIDO-RS of %s: %s", node.name, error.reason)
            return NodeOutcome(node.name, "failed", search.count, False, error.reason, str(error))
    return search.outcome()


class _Search:
    def __init__(
        self, client: DicomWebClient, query: Query, found: Callable[[list[Match]], None]
    ) -> None:
        self._client, self._query, self._found = client, query, found
        self._node = client.node
        self._limit = query.limit or self._node.limits.max_results
        self._level = "study" if query.level == "patient" else query.level
        self._seen: set[str] = set()
        self._patients: dict[tuple[str, str], dict[str, Any]] = {}
        self._with_fields = True
        self._cut = False
        self._nameless = 0
        self._remarks: dict[str, None] = {}

    @property
    def count(self) -> int:
        return len(self._patients) if self._query.level == "patient" else len(self._seen)

    def run(self) -> None:
        for path, params in self._requests():
            if not self._all_pages(path, params):
                break
        if self._query.level == "patient":
            self._tell_patients()

    def outcome(self) -> NodeOutcome:
        count = self.count
        if self._cut:
            things = _PLURALS[self._query.level]
            told = f"stopped after {count} {things}: there are more; narrow the search"
            self._remarks = {told: None, **self._remarks}
        if self._nameless:
            self._remarks[f"{self._nameless} answers without a UID were left out"] = None
        reason = "limit" if self._cut else ""
        return NodeOutcome(
            self._node.name, "done", count, self._cut, reason, "; ".join(self._remarks)
        )

    # -- what is asked ------------------------------------------------------------------------

    def _requests(self) -> Iterator[tuple[str, Params]]:
        """Give paths and parameters; lists of values become a request each (but for UIDs)."""
        keys = self._query.matching()
        path = self._path(keys)
        choices: list[list[tuple[str, str]]] = []
        for keyword, value in keys.items():
            name = _attribute(keyword)
            if keyword in _UID_KEYS:
                choices.append([(name, value.replace("\\", ","))])
            else:
                choices.append([(name, one) for one in value.split("\\") if one])
        if self._query.fuzzy:
            choices.append([("fuzzymatching", "true")])
        combined = product(*choices)
        for given in islice(combined, _MOST_REQUESTS):
            yield path, list(given)
        if next(combined, None) is not None:
            raise NetworkError(
                "too many values are listed for a DICOMweb server: ask for fewer at a time",
                reason="bad-query",
            )

    def _path(self, keys: dict[str, str]) -> str:
        """Take single UIDs out of `keys` and into the path."""
        if self._level == "study":
            return "studies"
        parts: list[str] = []
        above = ["study"] if self._level == "series" else ["study", "series"]
        for level in above:
            keyword = _UIDS[level][0]
            uid = keys.get(keyword, "")
            if not uid or "\\" in uid or "*" in uid or "?" in uid:
                break
            del keys[keyword]
            parts += ["studies" if level == "study" else "series", quote(uid, safe="")]
        return "/".join([*parts, "series" if self._level == "series" else "instances"])

    def _fields(self) -> Params:
        if not self._with_fields:
            return []
        wanted = [k for k in self._query.wanted(self._level) if k not in _UID_KEYS]
        if self._query.level == "patient":
            wanted = list(dict.fromkeys([*wanted, *self._query.wanted()]))
        names = dict.fromkeys(_attribute(k.partition(".")[0]) for k in wanted)
        return [("includefield", name) for name in names if name]

    def _all_pages(self, path: str, params: Params) -> bool:
        """Ask until there is no more; False when the limit is reached."""
        offset = 0
        while True:
            page = min(PAGE, self._limit + 1 - self.count)
            window = [("limit", str(page)), ("offset", str(offset))]
            items = self._items(self._asked(path, params, window))
            fresh = self._take(items)
            if self._cut:
                return False
            # Pages shorter than asked for may be the server's limit: ask for more until
            # nothing comes, or only what came before from one that knows no offset.
            if not items or not fresh or self._is_exact:
                return True
            offset += len(items)

    @property
    def _is_exact(self) -> bool:
        uid = self._query.keys.get(_UIDS[self._level][0], "")
        return bool(uid) and not any(mark in uid for mark in "\\*?")

    def _asked(self, path: str, params: Params, window: Params) -> Answer:
        try:
            return self._client.get(path, params=[*params, *self._fields(), *window])
        except NetworkError as error:
            if error.reason not in _REFUSED or not self._with_fields:
                raise
            # Some know no includefield, or not all of these.
            self._with_fields = False
            return self._client.get(path, params=[*params, *window])

    def _items(self, answer: Answer) -> list[Mapping[str, Any]]:
        for warning in answer.warnings:
            if any(c.isalpha() for c in warning):
                self._remarks[f"the server remarks: {warning}"] = None
        if answer.status == 204 or not answer.content.strip():
            return []
        return items_of(answer.json())

    # -- what comes ---------------------------------------------------------------------------

    def _take(self, items: list[Mapping[str, Any]]) -> bool:
        """Hand on what is new; False when nothing is."""
        matches: list[Match] = []
        keyword = _UIDS[self._level][0]
        any_new = False
        for item in items:
            values = values_of(item)
            uid = str(values.get(keyword) or "")
            if not uid:
                self._nameless += 1
                continue
            if uid in self._seen:
                continue
            any_new = True
            if self._query.level == "patient":
                self._seen.add(uid)
                self._add_patient(values)
                if self._cut:
                    return True
                continue
            if len(self._seen) >= self._limit:
                self._cut = True
                break
            self._seen.add(uid)
            matches.append(self._match(values))
        if matches:
            self._found(matches)
        return any_new

    def _match(self, values: dict[str, Any]) -> Match:
        known = {field: str(values.get(keyword) or "") for keyword, field in _UIDS.values()}
        for keyword, field in _UIDS.values():
            # What was asked for in the path need not be said again.
            asked = self._query.keys.get(keyword, "")
            if not known[field] and asked and not any(mark in asked for mark in "\\*?"):
                known[field] = asked
                values[keyword] = asked
        return Match(
            self._node.name,
            self._query.level,
            values,
            patient_id=str(values.get("PatientID") or ""),
            study_uid=known["study_uid"],
            series_uid=known["series_uid"] if self._level != "study" else "",
            instance_uid=known["instance_uid"] if self._level == "instance" else "",
        )

    def _add_patient(self, values: dict[str, Any]) -> None:
        key = (str(values.get("PatientID") or ""), str(values.get("IssuerOfPatientID") or ""))
        patient = self._patients.get(key)
        if patient is None:
            if len(self._patients) >= self._limit:
                self._cut = True
                return
            patient = {k: v for k, v in values.items() if k.startswith(("Patient", "Issuer"))}
            self._patients[key] = patient | {"studies": 0, "series": 0, "instances": 0}
            patient = self._patients[key]
        patient["studies"] += 1
        for name in ("Series", "Instances"):
            told = str(values.get(f"NumberOfStudyRelated{name}") or "")
            known = patient[name.lower()]
            is_number = told.isascii() and told.isdigit() and known is not None
            patient[name.lower()] = known + int(told) if is_number else None

    def _tell_patients(self) -> None:
        matches = []
        for (patient_id, _), patient in self._patients.items():
            counts = {
                f"NumberOfPatientRelated{name.title()}": str(patient.pop(name))
                for name in ("studies", "series", "instances")
                if patient[name] is not None
            }
            values = {k: v for k, v in patient.items() if v is not None} | counts
            matches.append(Match(self._node.name, "patient", values, patient_id=patient_id))
        if matches:
            self._found(matches)


def _attribute(keyword: str) -> str:
    """Return the attribute ID of a keyword, or of a path of them, as tags."""
    from pydicom.datadict import tag_for_keyword

    tags = [tag_for_keyword(part) for part in keyword.split(".")]
    return ".".join(f"{tag:08X}" for tag in tags if tag is not None)
