"""The conformance statement is true: its tables against the program, and against real peers."""

from __future__ import annotations

import io
import logging
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import httpx
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, UID_dictionary, generate_uid
from pynetdicom import AE, evt
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from napari_dicomdb import Database
from napari_dicomdb.database import key_search
from napari_dicomdb.dicom.file_meta import IMPLEMENTATION_NAME, IMPLEMENTATION_UID
from napari_dicomdb.dicom.keywords import VR_OF
from napari_dicomdb.errors import DicomDbError, NetworkError
from napari_dicomdb.network import (
    acceptor,
    association,
    commitment_data,
    commitment_service,
    getting,
    identifiers,
    negotiation,
    query_keys,
    rejections,
    retrieving,
    sending,
    served_association,
    statuses,
    storage_contexts,
    storage_service,
    transcoding,
)
from napari_dicomdb.network.association_pdus import AssociationRequest, Offer
from napari_dicomdb.network.commitment import request_commitment
from napari_dicomdb.network.dicomweb import http_statuses
from napari_dicomdb.network.dicomweb.client import PAUSES, DicomWebClient
from napari_dicomdb.network.dicomweb.searching import search_dicomweb
from napari_dicomdb.network.dicomweb.storing import LARGEST_BATCH, MOST_IN_BATCH
from napari_dicomdb.network.dimse_find import find_dimse
from napari_dicomdb.network.echo import echo
from napari_dicomdb.network.listener import Listener
from napari_dicomdb.network.listener_settings import ListenerSettings
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.query import Query
from napari_dicomdb.network.retrieving import Wanted, retrieve
from napari_dicomdb.network.sending import send_instances
from napari_dicomdb.network.serving import Server, ServerSettings, application, frames
from napari_dicomdb.network.serving import searching as serving_search
from napari_dicomdb.network.serving import storing as serving_store
from napari_dicomdb.network.storage_classes import choose_syntax, is_storage_class

DOCUMENT = Path(__file__).parents[2] / "docs" / "conformance.md"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
CT = "1.2.840.10008.5.1.4.1.1.2"
NAMES = {"Explicit VR Little Endian": EXPLICIT, "Implicit VR Little Endian": IMPLICIT}


def read_tables() -> dict[str, list[list[str]]]:
    """Return the rows of the marked tables of the document, without their heads."""
    found: dict[str, list[list[str]]] = {}
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, body in re.findall(r"<!-- table: ([\w-]+) -->\n\n((?:\|.*\n)+)", text):
        rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in body.splitlines()]
        assert name not in found
        assert len({len(row) for row in rows}) == 1, name
        found[name] = rows[2:]
    return found


TABLES = read_tables()


def table(name: str) -> list[list[str]]:
    return TABLES[name]


def words(cell: str) -> list[str]:
    return [word for word in cell.split(", ") if word]


def limits(name: str) -> list[int]:
    return [int(row[1]) for row in table(name)]


# -- as user: what peers see ----------------------------------------------------------------


@dataclass
class Seen:
    """What a peer saw of the requests for associations."""

    port: int
    requests: list[Any] = field(default_factory=list)

    @property
    def contexts(self) -> list[tuple[str, str]]:
        return [
            (str(one.abstract_syntax), str(syntax))
            for request in self.requests
            for one in request.presentation_context_definition_list
            for syntax in one.transfer_syntax
        ]

    def items(self, kind: str) -> list[Any]:
        return [
            one
            for request in self.requests
            for one in request.user_information
            if type(one).__name__.startswith(kind)
        ]


@pytest.fixture
def peer() -> Iterator[Callable[..., Seen]]:
    """Start peers that note requests for associations and take these abstract syntaxes."""
    servers = []

    def start(*supported: str, handlers: tuple[Any, ...] = ()) -> Seen:
        entity = AE("PEER")
        for uid in supported or ("1.2.3",):
            entity.add_supported_context(uid, [EXPLICIT, IMPLICIT])
        seen = Seen(0)

        def requested(event: Any) -> None:
            seen.requests.append(event.assoc.requestor.primitive)

        server = entity.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_REQUESTED, requested), *handlers]
        )
        servers.append(server)
        seen.port = server.server_address[1]
        return seen

    yield start
    for server in servers:
        server.shutdown()


def node_of(seen: Seen, **more: Any) -> Node:
    return Node("peer", host="127.0.0.1", port=seen.port, called_aet="PEER", **more)


def service_rows(name: str, service: str) -> list[tuple[str, str]]:
    return [
        (uid, NAMES[syntax])
        for one, _, uid, syntaxes in table(name)
        for syntax in words(syntaxes)
        if one == service
    ]


def test_names_are_those_of_the_standard() -> None:
    for name in ("services-scu", "services-scp"):
        for _, title, uid, _ in table(name):
            assert UID(uid).name == title
    for name in ("not-stored", "not-accepted-syntaxes", "get-syntaxes", "get-classes"):
        for title, uid in table(name):
            assert UID(uid).name in (title, uid)  # some are younger than pydicom


def test_identity_in_every_role(
    peer: Callable[..., Seen], listener: Callable[..., Listener]
) -> None:
    said = dict(table("identity"))
    assert said["Implementation Class UID"] == IMPLEMENTATION_UID
    assert said["Implementation Version Name"] == IMPLEMENTATION_NAME
    seen = peer(Verification)
    echo(node_of(seen))
    (request,) = seen.requests
    assert request.application_context_name == said["Application context"]
    (uid,) = seen.items("ImplementationClass")
    assert uid.implementation_class_uid == IMPLEMENTATION_UID
    (name,) = seen.items("ImplementationVersion")
    assert name.implementation_version_name == IMPLEMENTATION_NAME
    (longest,) = seen.items("MaximumLength")
    assert longest.maximum_length_received == limits("limits-scu")[0]
    assert not seen.items("Async")
    assert not seen.items("UserIdentity")
    with associated(listener(), [Verification]) as made:
        assert str(made.acceptor.implementation_class_uid) == IMPLEMENTATION_UID
        assert made.acceptor.implementation_version_name == IMPLEMENTATION_NAME
        assert made.acceptor.maximum_length == limits("limits-scp")[3]


def test_verification_and_query_propose_what_is_said(peer: Callable[..., Seen]) -> None:
    seen = peer(Verification)
    echo(node_of(seen))
    assert seen.contexts == service_rows("services-scu", "echo")
    seen = peer()
    outcome = find_dimse(node_of(seen), Query(), lambda matches: None)
    assert (outcome.state, outcome.reason) == ("failed", "no-context")
    assert sorted(seen.contexts) == sorted(service_rows("services-scu", "query"))
    assert not seen.items("SOPClassExtended")
    # The Study Root first; for patients the other one.
    roots = [uid for uid, _ in seen.contexts]
    assert roots[0].startswith("1.2.840.10008.5.1.4.1.2.2")
    seen = peer()
    find_dimse(node_of(seen), Query("patient", fuzzy=True), lambda matches: None)
    assert seen.contexts[0] == ("1.2.840.10008.5.1.4.1.2.1.1", EXPLICIT)
    assert len(seen.items("SOPClassExtended")) == 2
    seen = peer()
    find_dimse(node_of(seen), Query("series", {"PatientName": "DOE"}), lambda matches: None)
    information = {one.service_class_application_information for one in seen.items("SOPClassExt")}
    assert information == {b"\1\0\0\0"}


def test_every_presentation_context_has_one_transfer_syntax(peer: Callable[..., Seen]) -> None:
    seen = peer()
    find_dimse(node_of(seen), Query(), lambda matches: None)
    for one in seen.requests[0].presentation_context_definition_list:
        assert len(one.transfer_syntax) == 1


@pytest.mark.parametrize("way", ["get", "move"])
def test_retrieve_proposes_what_is_said(
    peer: Callable[..., Seen], tmp_path: Path, way: str, free_port_of: Callable[[], int]
) -> None:
    seen = peer()
    node = node_of(seen, retrieve=way, move_port=free_port_of())
    with Database.open(tmp_path / "db") as database, pytest.raises(NetworkError) as refused:
        retrieve(database, node, [Wanted("study", study_uid="1.2.3")], pauses=())
    assert refused.value.reason == "no-context"
    asking, getting_request = seen.requests
    assert str(asking.presentation_context_definition_list[0].abstract_syntax) == (
        "1.2.840.10008.5.1.4.1.2.2.1"
    )
    rows = service_rows("services-scu", f"C-{way.upper()}")
    proposed = Seen(0, [getting_request])
    models = [one for one in proposed.contexts if one in rows]
    others = [one for one in proposed.contexts if one not in rows]
    assert models
    if way == "move":
        assert (sorted(models), others) == (sorted(rows), [])
        return
    # It is not known what the node has: the common classes, the usual syntaxes first.
    assert {uid for uid, _ in others} == {uid for _, uid in table("get-classes")}
    syntaxes = [uid for _, uid in table("get-syntaxes")]
    met = list(dict.fromkeys(syntax for _, syntax in others))
    assert met == syntaxes[: len(met)]
    assert len(proposed.contexts) == limits("limits-scu")[5] == negotiation.MOST_CONTEXTS
    roles = proposed.items("SCP_SCU")
    assert {str(one.sop_class_uid) for one in roles} == {uid for uid, _ in others}
    assert {(one.scu_role, one.scp_role) for one in roles} == {(False, True)}


def test_get_offers_these_syntaxes_and_models() -> None:
    assert [uid for _, uid in table("get-syntaxes")] == list(storage_contexts.SYNTAXES)
    assert [uid for _, uid in table("get-classes")] == list(storage_contexts.COMMON_CLASSES)
    assert {uid for uid, _ in service_rows("services-scu", "C-GET")} == set(
        getting._MODELS.values()
    )


def test_sending_proposes_what_is_said(
    peer: Callable[..., Seen], phantom_database: Database
) -> None:
    seen = peer()
    record = replace(phantom_database.instances()[0], transfer_syntax_uid="1.2.840.10008.1.2.4.70")
    report = send_instances([record], node_of(seen), pauses=())
    assert not report.ok
    proposed = [syntax for _, syntax in seen.contexts]
    assert proposed == ["1.2.840.10008.1.2.4.70", *(uid for _, uid in table("send-syntaxes"))]
    assert {uid for uid, _ in seen.contexts} == {record.sop_class_uid}
    assert [uid for _, uid in table("send-syntaxes")] == list(transcoding.TARGETS)


def test_commitment_proposes_what_is_said(peer: Callable[..., Seen]) -> None:
    seen = peer()
    asked = request_commitment(node_of(seen), [(CT, "1.2.3")], seconds=5)
    assert asked.states["1.2.3"][0] == "not-offered"
    assert sorted(seen.contexts) == sorted(service_rows("services-scu", "commitment"))
    assert not seen.items("SCP_SCU")


@pytest.mark.parametrize(("credentials", "kind"), [("basic", 2), ("bearer", 5)])
def test_user_identity(
    peer: Callable[..., Seen],
    memory_keyring: dict[tuple[str, str], str],
    credentials: str,
    kind: int,
) -> None:
    from napari_dicomdb.network.secrets import keep_secret

    seen = peer(Verification)
    keep_secret("a secret", "peer")
    user = "jane" if credentials == "basic" else ""
    echo(node_of(seen, credentials=credentials, user=user, secret="peer"))
    (identity,) = seen.items("UserIdentity")
    assert (identity.user_identity_type, identity.positive_response_requested) == (kind, False)


@pytest.mark.parametrize("row", table("rejections-scu"), ids=lambda row: "-".join(row[:2]))
def test_rejections_are_told(row: list[str]) -> None:
    node = Node("peer", host="h")
    error = rejections.rejection_error(node, int(row[0]), int(row[1]))
    assert f"`{error.reason}`" == row[2]
    assert (error.reason in sending._PASSING) == (row[3] == "yes")
    assert (error.reason in retrieving._PASSING) == (row[3] == "yes")


def test_limits_of_the_client() -> None:
    plain = Limits()
    assert limits("limits-scu") == [
        plain.max_pdu,
        int(plain.connect_seconds),
        int(plain.answer_seconds),
        int(association._RELEASE_SECONDS),
        plain.max_results,
        negotiation.MOST_CONTEXTS,
        identifiers.LARGEST_IDENTIFIER,
    ]
    assert sending.PAUSES == retrieving.PAUSES == PAUSES == (1.0, 4.0, 15.0)
    assert (MOST_IN_BATCH, LARGEST_BATCH) == (64, 32 << 20)
    assert commitment_service.PAUSES == (1.0, 5.0, 30.0)


# -- as user: keys and statuses -------------------------------------------------------------


@pytest.mark.parametrize("row", table("find-keys"), ids=lambda row: row[0])
def test_keys_of_queries(row: list[str]) -> None:
    level, unique, always, more = row
    assert query_keys.UNIQUE_KEYS[level] == unique
    assert list(query_keys.default_keys(level)) == words(always)
    assert all(query_keys.level_of(keyword) == level for keyword in words(always) + words(more))
    known = [keyword for keyword, one in query_keys._LEVEL_OF.items() if one == level]
    assert sorted(known) == sorted({*words(always), *words(more)})


def test_the_keys_that_are_always_asked_for_are_sent(peer: Callable[..., Seen]) -> None:
    asked: list[Dataset] = []

    def find(event: Any) -> Iterator[tuple[int, None]]:
        asked.append(event.identifier)
        yield 0x0000, None

    model = "1.2.840.10008.5.1.4.1.2.2.1"
    for level, _, always, _ in table("find-keys")[1:]:
        seen = peer(model, handlers=((evt.EVT_C_FIND, find),))
        above = {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.3"}
        number = ["study", "series", "instance"].index(level)
        keys = dict(list(above.items())[:number])
        outcome = find_dimse(node_of(seen), Query(level, keys), lambda matches: None)
        assert outcome.ok
        sent = {element.keyword for element in asked[-1]}
        assert set(words(always)) <= sent
        assert asked[-1].QueryRetrieveLevel == ("IMAGE" if level == "instance" else level.upper())


STATUS_TABLES = {
    "store-statuses-scu": (statuses.store_status, statuses._KNOWN),
    "find-statuses": (statuses.find_status, statuses._FIND),
    "retrieve-statuses": (statuses.retrieve_status, statuses._RETRIEVED),
}


@pytest.mark.parametrize("name", STATUS_TABLES)
def test_statuses_are_treated_as_said(name: str) -> None:
    meaning_of, known = STATUS_TABLES[name]
    rows = {}
    for status, *meant in table(name):
        first, _, last = status.partition("-")
        if status != "any other":
            rows[int(first, 16), int(last or first, 16)] = meant
    others = table(name)[-1]
    assert others[0] == "any other"
    assert set(known) <= {first for first, last in rows if first == last}
    for status in range(0x10000):
        fitting = [
            (last - first, row) for (first, last), row in rows.items() if first <= status <= last
        ]
        row = min(fitting)[1] if fitting else others[1:]
        meaning = meaning_of(status)
        if name == "retrieve-statuses" and status == 1:
            continue  # no status of the standard's; a warning
        said = [meaning.kind, meaning.text, "yes" if meaning.is_passing else "no"]
        assert said == row, f"{status:04X}"


def test_failures_of_commitment_are_told() -> None:
    rows = {int(code, 16): text for code, text in table("commitment-failures-scu")}
    assert rows == commitment_data.FAILURES


def test_character_sets_of_queries() -> None:
    names = [name for (name,) in table("query-charsets")]
    assert names == list(identifiers._CODECS)
    letters = {
        "ISO_IR 6": "Doe", "ISO_IR 13": "ﾔﾏﾀﾞ", "ISO_IR 58": "王", "ISO_IR 87": "山田",
        "ISO_IR 100": "é", "ISO_IR 101": "ł", "ISO_IR 109": "ħ", "ISO_IR 110": "ā",
        "ISO_IR 126": "Ω", "ISO_IR 127": "ق", "ISO_IR 138": "ש", "ISO_IR 144": "Ж",
        "ISO_IR 148": "ğ", "ISO_IR 149": "김", "ISO_IR 159": "丂", "ISO_IR 166": "ก",
        "ISO_IR 192": "山é", "ISO_IR 203": "€", "GB18030": "王", "GBK": "王",
    }  # fmt: skip
    assert list(letters) == names
    for name, text in letters.items():
        term = name
        if name in ("ISO_IR 58", "ISO_IR 87", "ISO_IR 149", "ISO_IR 159"):
            term = name.replace("ISO_IR", "ISO 2022 IR")  # no complete one by itself
        raw = identifiers.encode_identifier({"PatientName": text}, character_set=term)
        assert identifiers.decode_identifier(raw)["PatientName"] == text
        if name == "ISO_IR 203":  # younger than pydicom
            assert text.encode("iso8859_15") in raw
            continue
        independent = pydicom.dcmread(io.BytesIO(raw), force=True)
        # pydicom leaves the escape sequence of ISO 2022 IR 58 (PS3.5 Annex K) in the text.
        assert str(independent.PatientName).removeprefix("\x1b$)A") == text, name
        assert identifiers.decode_identifier(raw)["PatientName"] == text
    with pytest.raises(DicomDbError):  # of JIS X 0208, which ISO 2022 IR 159 is not
        identifiers.encode_identifier({"PatientName": "亜"}, character_set="ISO 2022 IR 159")
    for text, wanted in (("é", "ISO_IR 100"), ("山", "ISO_IR 192")):
        raw = identifiers.encode_identifier({"PatientName": text})
        assert pydicom.dcmread(io.BytesIO(raw), force=True).SpecificCharacterSet == wanted


# -- as provider ----------------------------------------------------------------------------


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Callable[..., Listener]]:
    """Start listeners of a database at a free port."""
    made: list[Any] = []

    def start(**settings: Any) -> Listener:
        database = Database.open(tmp_path / f"db{len(made)}")
        one = Listener(database, ListenerSettings(**{"port": 0, **settings})).start()
        made.append((one, database))
        return one

    yield start
    for one, database in made:
        one.stop()
        database.close()


class associated:
    """An association of pynetdicom with a listener."""

    def __init__(self, listener: Listener, contexts: list[Any], **more: Any) -> None:
        entity = AE(more.pop("calling", "PYNETDICOM"))
        for one in contexts:
            uid, syntaxes = one if isinstance(one, tuple) else (one, [IMPLICIT])
            entity.add_requested_context(uid, syntaxes)
        host, port = listener.address
        self.made = entity.associate(
            host, port, ae_title=more.pop("called", listener.settings.aet), **more
        )

    def __enter__(self) -> Any:
        return self.made

    def __exit__(self, *exc_info: object) -> None:
        if self.made.is_established:
            self.made.release()


def test_limits_of_the_listener() -> None:
    plain = ListenerSettings()
    assert limits("limits-scp") == [
        plain.port,
        plain.max_associations,
        plain.max_object_bytes,
        plain.max_pdu,
        int(plain.idle_seconds),
        int(served_association._REQUEST_SECONDS),
        served_association._LARGEST_REQUEST,
        served_association._LARGEST_DATA,
    ]
    assert plain.bind == "127.0.0.1"
    assert plain.aet == "DICOMDB"


def test_rejections_in_this_order() -> None:
    good = AssociationRequest(
        1, "DICOMDB", "US", b"", b"", "1.2.840.10008.3.1.1.1", (Offer(1, "1.2", ("1.2",)),)
    )
    settings = ListenerSettings(allowed_aets=("US",), allowed_addresses=("10.0.0.1",))
    # Each with all that is wrong in the rows behind it, too.
    wrong = [{"version": 2}, {"application_context": "1.2"}, {}, {"called_aet": "X"}]
    wrong += [{"calling_aet": "X"}, {}]
    rows = [tuple(map(int, row[1:])) for row in table("rejections-scp")]
    for number, row in enumerate(rows):
        changes: dict[str, Any] = {}
        for one in wrong[number:]:
            changes |= one
        address = "10.0.0.2" if number <= 2 else "10.0.0.1"
        answer: Any = acceptor.decide(replace(good, **changes), settings, address)
        if number == 5:
            assert isinstance(answer, acceptor.Acceptance)
            answer = acceptor.too_many(settings)
        assert (answer.result, answer.source, answer.reason) == row


def test_rejections_on_real_associations(listener: Callable[..., Listener]) -> None:
    rows = [tuple(map(int, row[1:])) for row in table("rejections-scp")]
    one = listener(max_associations=1, allowed_aets=("PYNETDICOM",))
    came: list[Any] = []
    # pynetdicom forgets an answer that comes before it looks whether it is connected.
    watch = {"evt_handlers": [(evt.EVT_PDU_RECV, lambda event: came.append(event.pdu))]}

    def rejection() -> tuple[int, ...]:
        pdu = came.pop()
        return (pdu.result, pdu.source, pdu.reason_diagnostic)

    cases = [(3, {"called": "ANOTHER"}), (4, {"calling": "STRANGER"})]
    for number, more in cases:
        with associated(one, [Verification], **more, **watch) as made:
            assert not made.is_established
            assert rejection() == rows[number]
    with (
        associated(one, [Verification]) as first,
        associated(one, [Verification], **watch),
    ):
        assert first.is_established
        assert rejection() == rows[5]


def test_all_storage_classes_are_accepted_but_for_those_named(
    listener: Callable[..., Listener],
) -> None:
    refused = {uid for _, uid in table("not-stored")}
    stored = [
        uid
        for uid, known in UID_dictionary.items()
        if known[1] == "SOP Class"
        and "Storage" in known[0]
        and not uid.startswith("1.2.840.10008.1.20.")
    ]
    assert {uid for uid in stored if not is_storage_class(uid)} == refused
    private = ["1.3.6.1.4.1.12345.1", generate_uid()]
    offered = [*stored, *private]
    one = listener()
    for start in range(0, len(offered), 128):
        part = offered[start : start + 128]
        with associated(one, part) as made:
            accepted = {str(c.abstract_syntax) for c in made.accepted_contexts}
            results = {str(c.abstract_syntax): c.result for c in made.rejected_contexts}
        assert accepted == set(part) - refused
        assert results == {uid: 3 for uid in part if uid in refused}


def test_all_transfer_syntaxes_are_accepted_but_for_those_named(
    listener: Callable[..., Listener],
) -> None:
    refused = {uid for _, uid in table("not-accepted-syntaxes")}
    every = [uid for uid, known in UID_dictionary.items() if known[1] == "Transfer Syntax"]
    assert {uid for uid in every if not choose_syntax([uid])} == refused
    one = listener()
    with associated(one, [(CT, [uid]) for uid in [*every, "1.2.3.4"]]) as made:
        accepted = {str(c.transfer_syntax[0]) for c in made.accepted_contexts}
        assert {c.result for c in made.rejected_contexts} == {4}
    assert accepted == {*every, "1.2.3.4"} - refused
    # The first that is named, but explicit instead of the other plain ones.
    lossless, big = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.2"
    wishes = [[lossless, EXPLICIT], [IMPLICIT, lossless], [IMPLICIT, EXPLICIT], [big, EXPLICIT]]
    with associated(one, [(CT, wish) for wish in wishes]) as made:
        got = [str(c.transfer_syntax[0]) for c in made.accepted_contexts]
    assert got == [lossless, IMPLICIT, EXPLICIT, EXPLICIT]


def test_verification_and_commitment_are_accepted_as_said(
    listener: Callable[..., Listener],
) -> None:
    one = listener()
    for service in ("echo", "commitment"):
        rows = service_rows("services-scp", service)
        uid = rows[0][0]
        with associated(one, [(uid, [s]) for s in (*NAMES.values(), "1.2.840.10008.1.2.2")]) as m:
            taken = {
                (str(c.abstract_syntax), str(c.transfer_syntax[0])) for c in m.accepted_contexts
            }
        assert taken == set(rows)
        with associated(one, [(uid, [IMPLICIT, EXPLICIT])]) as made:
            (context,) = made.accepted_contexts
            assert str(context.transfer_syntax[0]) == rows[0][1]


def test_echoscu_and_findscu(
    listener: Callable[..., Listener], program: Callable[..., str]
) -> None:
    one = listener()
    where = ["-aec", "DICOMDB", "127.0.0.1", str(one.address[1])]
    done = subprocess.run([program("echoscu"), "-v", *where], capture_output=True, text=True)
    assert done.returncode == 0
    assert "Success" in done.stderr + done.stdout
    done = subprocess.run(
        [program("findscu"), "-v", "-S", "-k", "QueryRetrieveLevel=STUDY", *where],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0  # no query as a provider: the context is not accepted
    assert "No presentation context" in done.stderr + done.stdout or "No Acceptable" in (
        done.stderr + done.stdout
    )


def instance(**values: Any) -> Dataset:
    made = Dataset()
    made.SOPClassUID = CT
    made.SOPInstanceUID = str(generate_uid())
    made.StudyInstanceUID, made.SeriesInstanceUID = str(generate_uid()), str(generate_uid())
    made.PatientID, made.Modality = "1", "CT"
    for keyword, value in values.items():
        if value is None:
            delattr(made, keyword)
        else:
            setattr(made, keyword, value)
    return made


def store(made: Any, data: bytes | None, uid: str, class_uid: str = CT) -> int:
    """Send a C-STORE with these bytes, whatever they are; return the status."""
    from pynetdicom.dimse_primitives import C_STORE

    request = C_STORE()
    request.MessageID = 7
    request.AffectedSOPClassUID = class_uid
    request._affected_sop_instance_uid = UID(uid)
    request.Priority = 2
    request.DataSet = io.BytesIO(data or b"")
    (context,) = [c for c in made.accepted_contexts if c.abstract_syntax == CT]
    answers: SimpleQueue[Any] = SimpleQueue()

    def take(event: evt.Event) -> None:
        answers.put(event.message.message_to_primitive())

    # Its own thread would take the answer for a request.
    made.dimse.get_msg = lambda block=False: (None, None)
    made.bind(evt.EVT_DIMSE_RECV, take)
    made.dimse.send_msg(request, context.context_id)
    answer = answers.get(timeout=30)
    made.unbind(evt.EVT_DIMSE_RECV, take)
    return int(answer.Status)


def test_statuses_of_storage(listener: Callable[..., Listener], tmp_path: Path) -> None:
    one = listener(max_object_bytes=100_000)
    good = instance()
    raw = encode(good, True, True)
    large = instance()
    large.add_new(0x7FE00010, "OW", bytes(120_000))
    lacking = instance(StudyInstanceUID=None)
    met: dict[str, int] = {}
    with associated(one, [CT]) as made:
        met["0000"] = store(made, raw, good.SOPInstanceUID)
        met["again"] = store(made, raw, good.SOPInstanceUID)
        met["A700"] = store(made, encode(large, True, True), large.SOPInstanceUID)
        met["A900"] = store(made, encode(instance(), True, True), str(generate_uid()))
        met["0122"] = store(made, raw, good.SOPInstanceUID, "1.2.840.10008.5.1.4.1.1.4")
        met["C000"] = store(made, b"\x08\x00\x18\x00\xff\xff\xff\x7f", good.SOPInstanceUID)
        met["lacking"] = store(made, encode(lacking, True, True), lacking.SOPInstanceUID)
        met["cut"] = store(made, encode(large, True, True)[:900], large.SOPInstanceUID)
        assert one.inbox is not None
        with pytest.MonkeyPatch.context() as patch:

            def closed(*args: Any) -> None:
                raise DicomDbError("closed", reason="closed")

            patch.setattr(one.inbox, "open", closed)
            met["0110"] = store(made, raw, good.SOPInstanceUID)
        # pynetdicom does not send what is no UID.
    assert met.pop("again") == 0
    assert met.pop("lacking") == met.pop("cut") == 0xC000
    assert {f"{status:04X}": status for status in met.values()} == met
    # What pynetdicom does not let us say is looked at by itself.
    from napari_dicomdb.network.storage_service import StoreOperation

    command: Any = {"AffectedSOPInstanceUID": "../../etc", "AffectedSOPClassUID": CT}
    operation = StoreOperation(one.inbox, command, CT, IMPLICIT, source="X", largest=1 << 20)
    operation.write(memoryview(raw))
    met["0117"] = operation.finish().status
    assert met["0117"] == 0x0117
    rows = {row[0] for row in table("store-statuses-scp")}
    assert set(met) == rows
    assert {f"{status:04X}" for status in (0, *storage_service._COMMENT)} == rows
    one.inbox.flush()
    assert one._database is not None
    assert [i.uid for i in one._database.instances()] == [good.SOPInstanceUID]


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # of the sender
def test_uid_with_leading_zeros_is_told_as_it_is(listener: Callable[..., Listener]) -> None:
    """Some devices write such; a C-MOVE must know what came by the listener's events."""
    one = listener()
    events: list[Any] = []
    one.on_event = events.append
    raw = encode(instance(SOPInstanceUID="1.2.13.4"), True, True)
    assert raw is not None
    with associated(one, [CT]) as made:
        assert store(made, raw.replace(b"1.2.13.4", b"1.2.03.4"), "1.2.03.4") == 0
    assert [event.uid for event in events if event.kind == "stored"] == ["1.2.03.4"]


def test_file_meta_of_what_is_stored(listener: Callable[..., Listener]) -> None:
    one = listener()
    good = instance()
    good.add_new(0x00091001, "UN", b"private!")
    good.add_new(0x00090010, "LO", "OURS")
    raw = encode(good, True, True)
    assert raw is not None
    with associated(one, [CT], calling="SENDER") as made:
        assert store(made, raw, good.SOPInstanceUID) == 0
    assert one.inbox is not None and one._database is not None
    one.inbox.flush()
    (record,) = one._database.instances()
    whole = record.path.read_bytes()
    assert whole.endswith(raw)
    meta = pydicom.dcmread(record.path).file_meta
    assert (meta.SourceApplicationEntityTitle, meta.TransferSyntaxUID) == ("SENDER", IMPLICIT)
    assert meta.ImplementationClassUID == IMPLEMENTATION_UID


def test_statuses_of_objects_that_come_by_get() -> None:
    rows = {int(row[0], 16) for row in table("get-store-statuses")}
    assert rows == {
        0, *getting._STATUS_OF.values(), getting._NOT_PROCESSED, getting._NOT_UNDERSTOOD
    }  # fmt: skip


def test_statuses_of_commitment(listener: Callable[..., Listener]) -> None:
    one = listener()
    request = Dataset()
    request.TransactionUID = str(generate_uid())
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, "1.2.3"
    request.ReferencedSOPSequence = [item]
    empty = Dataset()
    empty.TransactionUID = str(generate_uid())
    model, known = StorageCommitmentPushModel, "1.2.840.10008.1.20.1.1"
    met: list[int] = []
    reports: list[Dataset] = []

    def reported(event: Any) -> int:
        reports.append(event.event_information)
        return 0x0000

    handlers = [(evt.EVT_N_EVENT_REPORT, reported)]
    with associated(one, [model, CT], evt_handlers=handlers) as made:
        for data, action, uid, meta in (
            (request, 1, known, None),
            (request, 1, "1.2.3", None),
            (empty, 1, known, None),
            (request, 2, known, None),
            (request, 1, known, CT),
        ):
            status, _ = made.send_n_action(data, action, model, uid, meta_uid=meta)
            met.append(status.Status)
    assert [f"{status:04X}" for status in met] == [row[0] for row in table("action-statuses")]
    rows = {int(row[0], 16) for row in table("commitment-failures-scp")}
    assert rows == {
        commitment_service._NOT_CHECKED,
        commitment_service._NOT_HERE,
        commitment_service._OTHER_CLASS,
    }


# -- web services ---------------------------------------------------------------------------


@pytest.fixture
def server(phantom_database: Database) -> Iterator[Server]:
    """Serve the phantoms, read-only or not."""
    with Server(phantom_database, ServerSettings(port=0)) as made:
        yield made


def test_resources_are_these(server: Server) -> None:
    rows = {(method, path) for _, method, path in table("resources")}
    uids = {"study": "1.2", "series": "1.3", "instance": "1.4", "frames": "1", "tags": "7FE00010"}
    told = httpx.get(server.url).json()["services"]
    listed = {
        ("POST" if name == "STOW-RS" else "GET", path)
        for name, service in told.items()
        for path in service["paths"]
    }
    assert {(method, path.strip("`")) for method, path in rows} == listed
    with httpx.Client() as client:
        for method, marked in rows:
            path = re.sub(r"\{(\w+)\}", lambda found: uids[found[1]], marked.strip("`"))
            answer = client.request(method, f"{server.url}{path}")
            assert answer.status_code not in (404, 405) or "database has no" in answer.text
            assert client.request("DELETE", f"{server.url}{path}").status_code == 405
        for other in ("/patients", "/studies/1.2/delete", "/workitems"):
            assert client.get(f"{server.url}{other}").status_code == 404
            assert "database" not in client.get(f"{server.url}{other}").text


def test_attributes_of_searches(server: Server) -> None:
    for level, names in table("qido-keys"):
        known = [
            keyword
            for keyword in (*key_search.COMPUTED, *VR_OF)
            if key_search.vr_of(keyword) and key_search.level_of(keyword) == level
        ]
        assert sorted(known) == sorted(words(names))
    resources = {"study": "studies", "series": "series", "instance": "instances"}
    told = {"SpecificCharacterSet", "InstanceAvailability", "RetrieveURL"}
    for level, names in table("qido-attributes"):
        assert words(names) == list(serving_search._DEFAULTS[level])
        (first, *_) = httpx.get(f"{server.url}/{resources[level]}", params={"limit": 1}).json()
        keywords = {pydicom.datadict.keyword_for_tag(int(tag, 16)) for tag in first}
        assert set(words(names)) | told <= keywords
    every = [word for _, names in table("qido-keys") for word in words(names)[::9]]
    with httpx.Client() as client:
        for keyword in every:
            answer = client.get(f"{server.url}/studies", params={keyword: '""'})
            if answer.status_code == 400:
                # Not of text: "no value" is none of its values.
                answer = client.get(f"{server.url}/studies", params={keyword: "1"})
            assert answer.status_code in (200, 204), keyword
        assert client.get(f"{server.url}/studies", params={"Occupation": "x"}).status_code == 400


def test_media_types_of_frames() -> None:
    rows = {
        syntax: media_type.strip("`")
        for media_type, syntaxes in table("frame-media-types")
        for syntax in words(syntaxes)
    }
    assert rows == frames.MEDIA_TYPES


def test_failures_of_storing() -> None:
    rows = {int(row[0], 16) for row in table("stow-failures")}
    assert rows == {*serving_store._REASONS.values(), serving_store._FAILED}


def test_limits_of_the_server() -> None:
    plain = ServerSettings()
    assert limits("limits-web") == [
        plain.port,
        plain.max_connections,
        int(plain.idle_seconds),
        plain.largest_request,
        plain.largest_object,
        plain.most_results,
    ]
    assert plain.bind == "127.0.0.1"


def test_statuses_of_the_server(server: Server, phantom_database: Database) -> None:
    rows = {int(row[0]) for row in table("http-statuses-server")}
    source = Path(application.__file__).parent
    said = {
        int(number)
        for path in source.glob("*.py")
        for number in re.findall(
            r"(?:HTTPException\(|_refused\(|_told\(|status_code=|return |else )(\d{3})\b",
            path.read_text(encoding="utf-8"),
        )
    }
    assert said | set(application._STATUSES.values()) <= rows
    record = phantom_database.instances()[0]
    series = phantom_database.find_series(record.series_uid)
    one = f"{server.url}/studies/{series.study_uid}/series/{series.uid}/instances/{record.uid}"
    dicom = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=x'}
    empty = b"--x\r\nContent-Type: application/dicom\r\n\r\nno\r\n--x--\r\n"
    part10 = record.path.read_bytes()
    whole = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + part10 + b"\r\n--x--\r\n"
    both = whole.removesuffix(b"--x--\r\n") + empty
    with httpx.Client() as client:
        met = [
            client.get(one).status_code,
            client.post(f"{server.url}/studies", content=both, headers=dicom).status_code,
            client.get(f"{server.url}/studies", params={"PatientID": "nobody"}).status_code,
            client.get(
                one,
                headers={"Accept": "application/dicom; transfer-syntax=*", "Range": "bytes=0-9"},
            ).status_code,
            client.get(f"{server.url}/studies", params={"limit": "x"}).status_code,
            client.get(f"{server.url}/studies", headers={"Origin": "http://a.org"}).status_code,
            client.get(f"{one}/frames/999").status_code,
            client.delete(one).status_code,
            client.get(one, headers={"Accept": "text/plain"}).status_code,
            client.post(f"{server.url}/studies", content=empty, headers=dicom).status_code,
            client.post(f"{server.url}/studies", json={}).status_code,
            client.get(one, headers={"Host": "evil.example.org"}).status_code,
        ]
    assert met == [200, 202, 204, 206, 400, 403, 404, 405, 406, 409, 415, 421]
    assert set(met) <= rows
    with (
        Server(phantom_database, ServerSettings(port=0, token="0123456789abcdef")) as guarded,
        httpx.Client() as client,
    ):
        assert client.get(f"{guarded.url}/studies").status_code == 401 in rows


def test_statuses_that_the_web_client_knows() -> None:
    rows = [
        (int(status), reason.strip("`"), text)
        for status, reason, text in table("http-statuses-client")
    ]
    assert rows == [(s, *meant) for s, meant in http_statuses._MEANINGS.items()]
    node = Node("web", kind="dicomweb", url="http://h/x")
    errors = {status: http_statuses.status_error(status, node, {}) for status, *_ in rows}
    busy = {status for status, error in errors.items() if error.reason == "busy"}
    assert busy == {429, 502, 503, 504}


def test_requests_of_the_web_client(
    server: Server,
    phantom_database: Database,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What our server notes of our client's requests is in the table."""
    from napari_dicomdb.network.dicomweb.frames import fetch_frame

    node = Node("web", kind="dicomweb", url=server.url)
    series = phantom_database.series()[0]
    record = phantom_database.instances(series)[0]
    caplog.set_level(logging.INFO, "napari_dicomdb.network.serving")
    for level in ("patient", "study", "series", "instance"):
        assert search_dicomweb(node, Query(level), lambda matches: None).ok
    within = {"StudyInstanceUID": series.study_uid}
    assert search_dicomweb(node, Query("series", within), lambda matches: None).ok
    within["SeriesInstanceUID"] = series.uid
    assert search_dicomweb(node, Query("instance", within), lambda matches: None).ok
    with Database.open(tmp_path / "other") as other:
        wanted = [
            Wanted("series", study_uid=series.study_uid, series_uid=series.uid),
            Wanted("study", study_uid=series.study_uid),
        ]
        assert retrieve(other, node, wanted, pauses=()).ok
    with DicomWebClient(node) as client, suppress(NetworkError):
        fetch_frame(client, series.study_uid, series.uid, record.uid, 1)
    assert send_instances([record], node, pauses=()).ok
    allowed = set()
    for _, requests, _ in table("web-client"):
        method = requests.split(" ")[0]
        for path in re.findall(r"`([^`]+)`", requests):
            allowed.add((method, re.sub(r"\{\w+\}", "*", path)))
    met = set()
    for entry in caplog.records:
        if entry.args and entry.msg == "%s %s: %d":
            method, path, _ = entry.args  # type: ignore[misc]
            path = re.sub(r"(?<=/)[0-9.]+(?=/|$)", "*", str(path).removeprefix("/dicom-web"))
            met.add((method, path))
    assert len(met) >= 7
    assert met <= allowed


def test_every_table_is_looked_at() -> None:
    """Each marked table is named by a test of this module."""
    source = Path(__file__).read_text(encoding="utf-8")
    lacking = [name for name in TABLES if f'"{name}"' not in source]
    assert lacking == []
    assert len(TABLES) >= 25


def test_settings_that_are_named_exist() -> None:
    """Section 10 names what can be set; each field of the settings is one of them."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert {f.name for f in fields(Limits)} == {
        "connect_seconds", "answer_seconds", "max_pdu", "max_results"
    }  # fmt: skip
    for word in ("AE title", "port", "TLS", "login", "character set", "destination"):
        assert word in text.partition("## 10.")[2]
