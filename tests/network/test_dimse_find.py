# ruff: noqa: RUF001 - letters that resemble others are what this is about
"""C-FIND against dcmqrscp, Orthanc and nodes that misbehave, compared with findscu."""

from __future__ import annotations

import fnmatch
import itertools
import threading
from dataclasses import replace

import pynetdicom.service_class
import pytest
from pydicom import Dataset
from tests.servers import PATIENCE

from napari_dicomdb.errors import Cancelled
from napari_dicomdb.network.dimse_find import find_dimse
from napari_dicomdb.network.node import Limits, Node
from napari_dicomdb.network.query import Query

# pynetdicom, as a peer, drops the sockets of associations that were broken off.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)

PENDING, SUCCESS = 0xFF00, 0x0000


def asked(node, level="study", keys=None, **more):
    """Ask; returns the outcome, and the matches."""
    matches = []
    outcome = find_dimse(node, Query(level, keys or {}, **more), matches.extend)
    return outcome, matches


def uids(matches):
    return sorted(match.uid for match in matches)


def study(number, **values):
    answer = Dataset()
    answer.QueryRetrieveLevel = "STUDY"
    answer.StudyInstanceUID = f"1.2.3.{number}"
    for keyword, value in values.items():
        setattr(answer, keyword, value)
    return answer


# -- the same as DCMTK is told --------------------------------------------------------------


@pytest.fixture
def quiver(dcmqrscp, charset_files, reference_data):
    """A dcmqrscp with names in every script, and series of several instances."""
    more = sorted((reference_data / "pet_suv").rglob("*.dcm"))[:40]
    assert more
    return dcmqrscp([*charset_files, *more])


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, []),
        ({"PatientName": "Wang*"}, ["PatientName=Wang*"]),
        ({"PatientID": "SCS????"}, ["PatientID=SCS????"]),
        ({"StudyDate": "2000..2030"}, ["StudyDate=20000101-20301231"]),
        ({"StudyDate": "19990101-"}, ["StudyDate=19990101-"]),
        ({"PatientName": "nobody"}, ["PatientName=nobody"]),
    ],
)
def test_studies_are_those_of_findscu(quiver, findscu, keys, told):
    theirs = findscu(quiver, "STUDY", "StudyInstanceUID", "StudyDescription", "PatientID", *told)
    outcome, ours = asked(quiver, keys=keys)
    assert outcome.ok, outcome
    assert uids(ours) == sorted(one.StudyInstanceUID for one in theirs)
    assert outcome.count == len(theirs)
    described = {one.StudyInstanceUID: one.get("StudyDescription", "") for one in theirs}
    assert {m.study_uid: m.text("StudyDescription") for m in ours} == described
    assert all(match.patient_id == match.text("PatientID") for match in ours)


def test_patients_series_and_instances_are_those_of_findscu(quiver, findscu):
    theirs = findscu(quiver, "PATIENT", "PatientID", root="patient")
    _, patients = asked(quiver, "patient")
    assert uids(patients) == sorted(one.PatientID for one in theirs)
    # A level at a time, as findscu must: every series of every study.
    studies = findscu(quiver, "STUDY", "StudyInstanceUID")
    series = [
        (one.StudyInstanceUID, one.SeriesInstanceUID)
        for study in studies
        for one in findscu(
            quiver, "SERIES", f"StudyInstanceUID={study.StudyInstanceUID}", "SeriesInstanceUID"
        )
    ]
    outcome, ours = asked(quiver, "series")
    assert outcome.ok
    assert sorted((m.study_uid, m.series_uid) for m in ours) == sorted(series)
    assert all(match.text("PatientName") for match in ours)  # told by the level above
    study_uid, series_uid = max(series, key=lambda one: one[1])
    theirs = findscu(
        quiver,
        "IMAGE",
        f"StudyInstanceUID={study_uid}",
        f"SeriesInstanceUID={series_uid}",
        "SOPInstanceUID",
    )
    keys = {"StudyInstanceUID": study_uid, "SeriesInstanceUID": series_uid}
    _, instances = asked(quiver, "instance", keys)
    assert uids(instances) == sorted(one.SOPInstanceUID for one in theirs)
    assert {m.series_uid for m in instances} == {series_uid}
    _, by_patient_root = asked(quiver, "instance", {"PatientID": "SCSFREN"}, root="patient")
    assert [m.patient_id for m in by_patient_root] == ["SCSFREN"]


def test_lists_find_each_of_their_values(quiver):
    _, every = asked(quiver)
    two = uids(every)[:2]
    assert uids(asked(quiver, keys={"StudyInstanceUID": two})[1]) == two
    _, found = asked(quiver, keys={"PatientID": ["SCSFREN", "SCSGERM", "nobody"]})
    assert sorted(m.patient_id for m in found) == ["SCSFREN", "SCSGERM"]
    _, series = asked(quiver, "series", {"StudyInstanceUID": two})
    assert {m.study_uid for m in series} == set(two)


def test_keys_that_a_node_does_not_tell_are_named(quiver):
    outcome, found = asked(quiver, keys={"ModalitiesInStudy": "CR"})
    assert len(found) > 3  # dcmqrscp does not look at this key
    assert outcome.state == "done"
    assert "does not tell ModalitiesInStudy" in outcome.text


# -- character sets -------------------------------------------------------------------------


@pytest.mark.parametrize("character_set", ["", "ISO_IR 192"])
def test_names_come_back_in_every_script(quiver, expected_names, character_set):
    _, found = asked(replace(quiver, character_set=character_set))
    names = {match.text("PatientName").rstrip("=") for match in found}
    assert set(expected_names.values()) <= names


@pytest.mark.parametrize(
    "name",
    ["*Rüdiger", "김희중", "Люкceмбypг", "שרון*", "قباني*", "Διονυσιος", "Buc^Jérôme"],
)
def test_names_are_asked_in_every_script(orthanc, charset_files, name):
    peer = orthanc(DefaultEncoding="Utf8", DicomAlwaysAllowFind=True)
    for file in charset_files:
        peer.ask("/instances", file.read_bytes())
    outcome, found = asked(peer.node, keys={"PatientName": name})
    assert outcome.ok
    (match,) = found
    assert fnmatch.fnmatchcase(match.text("PatientName"), name)
    by_utf8 = replace(peer.node, character_set="ISO_IR 192")
    assert uids(asked(by_utf8, keys={"PatientName": name})[1]) == [match.uid]


def test_a_name_that_the_character_set_of_the_node_lacks_is_refused(quiver):
    outcome, found = asked(
        replace(quiver, character_set="ISO_IR 100"), keys={"PatientName": "김*"}
    )
    assert (outcome.state, outcome.reason, found) == ("failed", "bad-character-set", [])


# -- Orthanc --------------------------------------------------------------------------------


def test_orthanc_at_all_levels(orthanc, phantom_paths):
    import pydicom

    peer = orthanc(DicomAlwaysAllowFind=True)
    for file in phantom_paths:
        peer.ask("/instances", file.read_bytes())
    head = pydicom.dcmread(phantom_paths[0])
    _, (patient,) = asked(peer.node, "patient")
    assert (patient.uid, patient.text("PatientName")) == (head.PatientID, str(head.PatientName))
    _, (one,) = asked(peer.node, "study", {"ModalitiesInStudy": "MR\\CT"})
    assert one.study_uid == head.StudyInstanceUID
    assert one.count == len(phantom_paths)
    assert one.text("NumberOfStudyRelatedSeries") == "1"
    _, (series,) = asked(peer.node, "series", {"Modality": "CT", "PatientID": head.PatientID})
    assert (series.series_uid, series.count) == (head.SeriesInstanceUID, len(phantom_paths))
    _, instances = asked(
        peer.node, "instance", {"InstanceNumber": "3", "SeriesInstanceUID": series.series_uid}
    )
    assert [m.text("InstanceNumber") for m in instances] == ["3"]
    outcome, found = asked(peer.node, "instance", {"StudyInstanceUID": head.StudyInstanceUID})
    assert outcome.ok
    assert uids(found) == sorted(pydicom.dcmread(p).SOPInstanceUID for p in phantom_paths)


def test_orthanc_that_does_not_allow_queries(orthanc):
    outcome, _ = asked(orthanc(DicomAlwaysAllowFind=False).node)
    assert outcome.state == "failed"
    assert outcome.reason in ("bad-status", "no-context", "aborted", "closed", "wrong-called-aet")


# -- what is negotiated ---------------------------------------------------------------------


def test_the_other_information_model_is_used(find_scp):
    requests = []

    def handle(event):
        requests.append((str(event.request.AffectedSOPClassUID), event.identifier))
        answer = study(1, PatientID="P1", PatientName="Doe^Jane", StudyDescription="head")
        if event.identifier.QueryRetrieveLevel == "PATIENT":
            del answer.StudyInstanceUID
        yield PENDING, answer
        yield PENDING, answer

    outcome, found = asked(find_scp(handle, roots=("study",)), "patient", {"PatientSex": "F"})
    assert outcome.ok
    (patient,) = found  # two studies, one patient
    assert (patient.level, patient.uid, patient.study_uid) == ("patient", "P1", "")
    assert "StudyDescription" not in patient.values
    uid, identifier = requests.pop()
    assert uid.endswith("2.2.1")
    assert (identifier.QueryRetrieveLevel, identifier.PatientSex) == ("STUDY", "F")
    # Only Patient Root: the patient first, then the studies of each.
    _, found = asked(find_scp(handle, roots=("patient",)), keys={"StudyDate": "2020"})
    assert [r[1].QueryRetrieveLevel for r in requests] == ["PATIENT", "STUDY"]
    assert requests[1][1].PatientID == "P1"
    assert requests[1][1].StudyDate == "20200101-20201231"
    assert [m.uid for m in found] == ["1.2.3.1"]


def test_no_queries_at_all(storescp):
    outcome, found = asked(storescp().node)
    assert (outcome.state, outcome.reason, found) == ("failed", "no-context", [])
    assert "C-FIND" in outcome.text


def test_relational_queries_ask_once(find_scp):
    requests = []

    def handle(event):
        requests.append(event.identifier)
        answer = study(1, SeriesInstanceUID="1.2.3.1.1", Modality="CT", PatientName="Doe")
        answer.QueryRetrieveLevel = "SERIES"
        yield PENDING, answer

    def grant(event):
        return event.app_info

    node = find_scp(handle, extended=grant)
    outcome, (match,) = asked(node, "series", {"PatientName": "D*", "Modality": "CT"})
    assert outcome.ok
    (request,) = requests
    assert (request.QueryRetrieveLevel, request.PatientName, request.Modality) == (
        "SERIES", "D*", "CT",
    )  # fmt: skip
    assert (match.study_uid, match.series_uid) == ("1.2.3.1", "1.2.3.1.1")


def test_fuzzy_names_are_asked_for(find_scp):
    asked_for = []

    def grant(event):
        asked_for.append(dict(event.app_info))
        return event.app_info

    outcome, _ = asked(
        find_scp(lambda event: iter(()), extended=grant), keys={"PatientName": "doe"}, fuzzy=True
    )
    assert outcome.ok
    assert {info[2] for info in asked_for[0].values()} == {1}
    # Nothing is negotiated where nothing is wanted.
    asked_for.clear()
    asked(find_scp(lambda event: iter(()), extended=grant), keys={"PatientName": "doe"})
    assert asked_for == [{}]


# -- limits, cancelling, faults --------------------------------------------------------------


def test_limit_stops_the_node(find_scp, monkeypatch):
    monkeypatch.setattr("napari_dicomdb.network.dimse_find._GRACE", 30)
    cancelled = threading.Event()

    def handle(event):
        for number in range(25):
            yield PENDING, study(number)
        assert cancelled.wait(PATIENCE)
        yield 0xFE00, None

    outcome, found = asked(find_scp(handle, cancelled=cancelled), limit=20)
    assert (outcome.state, outcome.cut, outcome.reason, outcome.count) == (
        "done", True, "limit", 20,
    )  # fmt: skip
    assert uids(found) == sorted(f"1.2.3.{n}" for n in range(20))
    assert "there are more" in outcome.text
    assert cancelled.is_set()
    # As many as the limit are all that there are: nothing is cut.
    outcome, found = asked(find_scp(lambda e: ((PENDING, study(n)) for n in range(20))), limit=20)
    assert (outcome.cut, len(found)) == (False, 20)
    # The limit of the node, when the query has none.
    cancelled.clear()
    limits = Limits(max_results=7)
    outcome, found = asked(find_scp(handle, cancelled=cancelled, limits=limits))
    assert (outcome.cut, len(found)) == (True, 7)
    assert cancelled.is_set()


def test_node_that_never_ends(find_scp, monkeypatch):
    monkeypatch.setattr("napari_dicomdb.network.dimse_find._GRACE", 0.3)
    outcome, found = asked(
        find_scp(lambda event: ((PENDING, study(n)) for n in itertools.count())), limit=10
    )
    assert (outcome.state, outcome.cut, len(found)) == ("done", True, 10)


@pytest.mark.parametrize("obeys", [True, False])
def test_cancelling(find_scp, monkeypatch, obeys):
    monkeypatch.setattr("napari_dicomdb.network.dimse_find._GRACE", 30 if obeys else 0.3)
    cancelled, over = threading.Event(), threading.Event()

    def handle(event):
        yield PENDING, study(1)
        assert (cancelled if obeys else over).wait(PATIENCE)
        yield 0xFE00, None

    matches = []

    def waiting():
        if matches:
            raise Cancelled("enough")

    outcome = find_dimse(find_scp(handle, cancelled=cancelled), Query(), matches.extend, waiting)
    over.set()
    assert (outcome.state, outcome.reason, outcome.count) == ("cancelled", "cancelled", 1)
    assert len(matches) == 1
    assert cancelled.wait(PATIENCE)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0xA700, "too much to do"),
        (0xA900, "does not understand the keys"),
        (0xC001, "could not do the query"),
        (0x0122, "does not offer this kind of query"),
        (0x0124, "does not allow us"),
        (0xFE00, "stopped the query"),
    ],
)
def test_last_status_in_plain_words(find_scp, status, words):
    def handle(event):
        yield PENDING, study(1)
        yield status, None

    outcome, found = asked(find_scp(handle))
    assert (outcome.state, outcome.reason, outcome.count) == ("failed", "bad-status", 1)
    assert words in outcome.text
    assert f"{status:04X}H" in outcome.text
    assert uids(found) == ["1.2.3.1"]  # what came before it failed counts


def test_warning_that_keys_are_not_looked_at(find_scp):
    node = find_scp(lambda event: iter([(0xFF01, study(1, StudyID="7"))]))
    outcome, found = asked(node, keys={"StudyID": "7"})
    assert len(found) == 1
    assert "does not look at all of these keys" in outcome.text


def test_answers_that_cannot_be_used(find_scp, monkeypatch):
    whole = pynetdicom.service_class.encode
    broken = iter([b"\x08\x00\x52\x00\xff\xff\xff\x7fSTUDY", b"\x08", b""])

    def encode(dataset, *arguments):
        return next(broken) if dataset.get("StudyID") == "broken" else whole(dataset, *arguments)

    monkeypatch.setattr(pynetdicom.service_class, "encode", encode)
    hostile = study(1)
    hostile["StudyInstanceUID"]._value = "../../etc/passwd"
    nameless = study(1)
    del nameless.StudyInstanceUID

    def handle(event):
        yield PENDING, study(1, StudyID="broken")
        yield PENDING, study(2, StudyID="broken")
        yield PENDING, hostile
        yield PENDING, nameless
        yield PENDING, study(5, StudyDescription="red \x1b[31m alert\x07")

    outcome, found = asked(find_scp(handle))
    assert uids(found) == ["1.2.3.5"]
    assert found[0].text("StudyDescription").isprintable()
    assert "4 answers could not be used" in outcome.text
    assert outcome.state == "done"


def test_node_that_is_silent_or_goes(answering, quick):
    node = Node("n", host="127.0.0.1", port=answering(None), limits=quick)
    assert asked(node)[0].reason == "timeout"
    node = replace(node, limits=Limits())
    assert asked(replace(node, port=answering(b"")))[0].reason == "closed"
    assert asked(replace(node, port=answering(b"HTTP/1.1 400")))[0].reason == "not-dicom"


def test_connection_that_is_cut_between_answers(find_scp):
    def handle(event):
        yield PENDING, study(1)
        event.assoc.abort()

    outcome, found = asked(find_scp(handle))
    assert (outcome.state, len(found)) == ("failed", 1)
    assert outcome.reason in ("aborted", "closed")


def test_too_many_studies_to_look_into(find_scp):
    def handle(event):
        if event.identifier.QueryRetrieveLevel == "STUDY":
            for number in range(30):
                yield PENDING, study(number)
            return
        answer = study(0, SeriesInstanceUID=f"{event.identifier.StudyInstanceUID}.1")
        yield PENDING, answer

    outcome, found = asked(find_scp(handle), "series", limit=12)
    assert (outcome.cut, outcome.reason) == (True, "limit")
    assert "12 studies" in outcome.text
    assert len(found) == 12
    # What was asked for is believed, not what a node says instead.
    assert {m.series_uid for m in found} == {f"{m.study_uid}.1" for m in found}


def test_log_has_no_values_of_patients(find_scp, caplog):
    def handle(event):
        yield PENDING, study(1, PatientName="Secret^Sarah", PatientID="S-4711")
        yield 0xC001, None

    with caplog.at_level("DEBUG", logger="napari_dicomdb.network"):
        asked(find_scp(handle), keys={"PatientName": "Secret*"})
    assert "C-FIND at level study: 1 answers, status C001H" in caplog.text
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("napari_dicomdb")]
    assert not any("Secret" in line or "4711" in line for line in ours)
    (record,) = [r for r in caplog.records if "1 answers" in r.getMessage()]
    assert isinstance(record.association, int)


def test_through_tls(orthanc, certificates):
    from napari_dicomdb.network.node import Tls

    peer = orthanc(
        tls=Tls(certificates.ca, certificates.client, certificates.client_key),
        DicomTlsEnabled=True,
        DicomTlsCertificate=certificates.server,
        DicomTlsPrivateKey=certificates.server_key,
        DicomTlsTrustedCertificates=certificates.ca,
        DicomAlwaysAllowFind=True,
    )
    assert asked(peer.node)[0].ok
    assert asked(replace(peer.node, tls=None))[0].state == "failed"


def test_answer_that_is_too_large(find_scp):
    def handle(event):
        yield PENDING, study(1)
        yield PENDING, study(2, TextValue="x" * (2 << 20))

    outcome, found = asked(find_scp(handle))
    assert (outcome.state, outcome.reason) == ("failed", "bad-answer")
    assert uids(found) == ["1.2.3.1"]


def test_cut_anywhere(find_scp, proxy):
    """Whatever the moment at which the connection breaks: whole answers, a plain failure."""
    node = find_scp(lambda event: ((PENDING, study(n, StudyID=f"{n}")) for n in range(40)))
    cuts = [1, 60, 180, 250, 300, 307, 1000, 1501, 3777]
    broken = proxy(node.port, *cuts, of_server=True)
    states = []
    for _ in [*cuts, None]:
        outcome, found = asked(replace(node, port=broken.port))
        states.append(outcome.state)
        assert outcome.count == len(found)
        assert {m.uid: m.text("StudyID") for m in found} == {
            f"1.2.3.{n}": f"{n}" for n in range(len(found))
        }
        assert outcome.reason in ("", "closed", "aborted")
    assert states == ["failed"] * len(cuts) + ["done"]
    assert len(found) == 40
