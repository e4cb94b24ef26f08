"""Sending to real peers: what arrives, what is told, and what a broken connection does."""

from __future__ import annotations

import io
import json
import os
import shutil
from dataclasses import replace

import pydicom
import pytest

from napari_dicomdb import Database
from napari_dicomdb.errors import Cancelled, NetworkError, NotFoundError
from napari_dicomdb.network.node import Limits, Node, Tls
from napari_dicomdb.network.sending import send_instances

UIDS = {
    "ct": "1.2.840.10008.5.1.4.1.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "implicit": "1.2.840.10008.1.2",
}


@pytest.fixture
def instances(phantom_database):
    return phantom_database.instances()


def test_all_arrive_byte_for_byte_over_one_association(storescp, instances, data_set_of):
    peer = storescp()
    told = []
    report = send_instances(
        instances, peer.node, progress=lambda done, total, text: told.append((done, total))
    )
    assert (report.ok, report.associations, report.transcoded) == (True, 1, 0)
    assert [o.uid for o in report.outcomes] == [i.uid for i in instances]
    assert {(o.state, o.status, o.attempts) for o in report.outcomes} == {("sent", 0, 1)}
    received = peer.received
    assert received.keys() == {i.uid for i in instances}
    for one in instances:
        assert data_set_of(received[one.uid]) == data_set_of(one.path)
    assert report.size == sum(len(data_set_of(i.path)) for i in instances)
    assert told[0] == (0, len(instances))
    assert told[-1] == (len(instances), len(instances))


@pytest.fixture
def varied(reference_data):
    """Compressed, colour, and non-ASCII instances that every peer stores."""
    # Encapsulated in a transfer syntax that is not; of a SOP class younger than the peers.
    others = {"SC_rgb_jpeg.dcm", "sparse-labelmap-noppv.dcm"}
    with Database.in_memory() as database:
        folders = [reference_data / name for name in ("compressed", "charset", "rgb_sc", "seg")]
        database.import_paths(folders, workers=0)
        yield [i for i in database.instances() if i.path.name not in others]


def test_every_transfer_syntax_arrives_as_it_is(storescp, varied, data_set_of):
    peer = storescp("+xa")  # accept all
    report = send_instances(varied, peer.node)
    assert report.rejected == []
    assert report.transcoded == 0
    assert len({o.transfer_syntax_uid for o in report.outcomes}) >= 9
    received = peer.received
    assert len(received) == len(varied) > 60
    for one in varied:
        assert data_set_of(received[one.uid]) == data_set_of(one.path)
        meta = pydicom.filereader.read_file_meta_info(received[one.uid])
        assert meta.TransferSyntaxUID == one.transfer_syntax_uid


def same_elements(one, other):
    """Whether two files say the same: Orthanc writes lengths of sequences its own way."""
    first, second = pydicom.dcmread(one, force=True), pydicom.dcmread(other)
    for dataset in (first, second):
        dataset.remove_private_tags()  # creators without elements do not survive DCMTK
        for element in [e for e in dataset if e.tag.element == 0 or e.tag == 0xFFFCFFFC]:
            del dataset[element.tag]
    return first == second


def test_round_trip_through_orthanc(orthanc, varied):
    peer = orthanc()
    report = send_instances(varied, peer.node)
    assert report.rejected == []
    differing = [
        one.path.name for one in varied
        if not same_elements(one.path, io.BytesIO(peer.file(one.uid)))
    ]  # fmt: skip
    assert differing == []


def test_encrypted_to_orthanc_with_a_certificate_of_ours(orthanc, certificates, instances):
    peer = orthanc(
        tls=Tls(certificates.ca, certificates.client, certificates.client_key),
        DicomTlsEnabled=True,
        DicomTlsCertificate=certificates.server,
        DicomTlsPrivateKey=certificates.server_key,
        DicomTlsTrustedCertificates=certificates.ca,
        DicomTlsRemoteCertificateRequired=True,
    )
    assert send_instances(instances, peer.node).ok
    for one in instances:
        assert same_elements(one.path, io.BytesIO(peer.file(one.uid)))
    with pytest.raises(NetworkError) as caught:
        send_instances(instances, replace(peer.node, tls=Tls(certificates.ca)))
    assert caught.value.reason == "tls-client-certificate"


@pytest.mark.parametrize("option", ["+x=", "+xi"])
def test_what_the_peer_does_not_take_is_decompressed(storescp, varied, decoded, option):
    """Pixels of what arrives, read by pydicom and DCMTK, are those of the files."""
    peer = storescp(option)
    compressed = [i for i in varied if i.transfer_syntax_uid.startswith("1.2.840.10008.1.2.4")]
    lossless = [i for i in compressed if i.transfer_syntax_uid[-2:] in ("70", "80", "90")]
    report = send_instances(compressed, peer.node)
    assert report.rejected == []
    assert report.transcoded == len(compressed) > 15
    received = peer.received
    wanted = UIDS["implicit"] if option == "+xi" else UIDS["explicit"]
    for one in compressed:
        new = pydicom.dcmread(received[one.uid])
        assert new.file_meta.TransferSyntaxUID == wanted
        if one.transfer_syntax_uid[-2:] in ("50", "51", "81", "91"):
            assert new.LossyImageCompression == "01"
    assert len(lossless) >= 5
    for one in lossless:
        old, new = decoded(one.path), pydicom.dcmread(received[one.uid])
        assert (new.pixel_array == old.pixel_array).all()
        assert new.PatientName == old.PatientName


def test_unwanted_change_of_transfer_syntax(storescp, varied):
    peer = storescp("+x=")
    report = send_instances(varied, peer.node, transcode=False)
    native = {i.uid for i in varied if i.transfer_syntax_uid in UIDS.values()}
    assert peer.received.keys() == native
    assert {o.uid for o in report.outcomes if o.state == "sent"} == native
    refused = [o for o in report.outcomes if o.state == "refused"]
    assert {o.reason for o in refused} == {"no-context"}
    assert "JPEG" in refused[0].text or "RLE" in refused[0].text


def test_sop_class_that_the_peer_does_not_store(tmp_path, program, serve, varied):
    profile = tmp_path / "storescp.cfg"
    profile.write_text(
        "[[TransferSyntaxes]]\n[Plain]\nTransferSyntax1 = LittleEndianExplicit\n"
        "[[PresentationContexts]]\n[Only]\n"
        "PresentationContext1 = SecondaryCaptureImageStorage\\Plain\n"
        "[[Profiles]]\n[Default]\nPresentationContexts = Only\n"
    )
    words = [program("storescp"), "-xf", str(profile), "Default", "--ignore"]
    port = serve(lambda port: [*words, str(port)])
    report = send_instances(varied, Node("x", host="127.0.0.1", port=port))
    assert report.stored > 0
    assert {o.reason for o in report.outcomes if o.state != "sent"} == {"no-context"}
    assert any("does not store CT Image Storage" in o.text for o in report.outcomes)


def test_more_contexts_than_an_association_can_have(program, serve, instances):
    """70 SOP classes need 140 contexts: two associations."""
    port = serve(lambda port: [program("storescp"), "--ignore", "-pm", str(port)])
    many = [
        replace(instances[0], uid=f"1.2.3.{number}", sop_class_uid=f"1.2.3.{number}")
        for number in range(70)
    ]
    report = send_instances(many, Node("x", host="127.0.0.1", port=port))
    assert report.ok
    assert report.associations == 2


# -- connections that break -------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.02, 0.35, 0.5])
def test_a_connection_cut_in_mid_transfer(storescp, proxy, instances, data_set_of, share):
    peer = storescp()
    whole = sum(i.file_size for i in instances)
    relay = proxy(peer.node.port, int(whole * share), 20_000)
    report = send_instances(
        instances, replace(peer.node, port=relay.port), pauses=(0.01, 0.01, 0.01, 0.01)
    )
    assert report.ok, report.summary()
    assert relay.connections == report.associations == 3
    received = peer.received
    for one in instances:
        assert data_set_of(received[one.uid]) == data_set_of(one.path)
    assert max(o.attempts for o in report.outcomes) >= 2


def test_nothing_counts_as_sent_that_was_not_acknowledged(storescp, proxy, instances):
    """The peer never comes back: what it has acknowledged, and only that, is sent."""
    peer = storescp()
    size = instances[0].file_size
    relay = proxy(peer.node.port, *[int(size * 3.5)] + [300] * 30)
    report = send_instances(instances, replace(peer.node, port=relay.port), pauses=(0.01,))
    sent = {o.uid for o in report.outcomes if o.state == "sent"}
    assert 1 <= len(sent) <= 4
    assert sent <= peer.received.keys()
    failed = [o for o in report.outcomes if o.state == "failed"]
    assert len(failed) == len(instances) - len(sent)
    assert {o.reason for o in failed} <= {"closed", "aborted"}
    assert {o.status for o in failed} == {None}


def test_peer_that_goes_away(storescp, proxy, instances):
    peer = storescp()
    relay = proxy(peer.node.port, 5 * instances[0].file_size)
    done = []

    def progress(number, total, text):
        done.append(number)
        if number == 2:
            relay.refuse()

    node = replace(peer.node, port=relay.port)
    report = send_instances(instances, node, pauses=(0.01,), progress=progress)
    assert 2 <= report.stored < len(instances)
    assert not report.ok


def test_peer_that_cannot_be_reached_at_first_is_an_error(instances, quick, answering):
    with pytest.raises(NetworkError) as caught:
        send_instances(instances, Node("x", host="no-such-host.invalid"))
    assert caught.value.reason == "name-not-resolved"
    silent = Node("x", host="127.0.0.1", port=answering(None), limits=quick)
    with pytest.raises(NetworkError) as caught:
        send_instances(instances, silent)
    assert caught.value.reason == "timeout"


def test_busy_peer_is_asked_again(instances, answering):
    port = answering(b"\x03\x00\x00\x00\x00\x04\x00\x02\x03\x01")
    told = []
    with pytest.raises(NetworkError) as caught:
        send_instances(
            instances,
            Node("x", host="127.0.0.1", port=port),
            pauses=(0.01, 0.01),
            progress=lambda done, total, text: told.append(text),
        )
    assert caught.value.reason == "busy"
    assert "Waiting to try x again" in told


def test_storescp_that_aborts_each_store(storescp, instances):
    peer = storescp("--abort-during")
    node = replace(peer.node, limits=Limits(answer_seconds=5))
    report = send_instances(instances[:2], node, pauses=(0.01,))
    assert report.stored == 0
    assert {o.reason for o in report.outcomes} <= {"aborted", "closed"}
    assert all(o.attempts == 2 for o in report.outcomes)


def test_cancel_between_files(storescp, instances):
    peer = storescp()

    def progress(done, total, text):
        if done == 3:
            raise Cancelled("enough")

    report = send_instances(instances, peer.node, progress=progress)
    assert report.cancelled
    assert report.counts == {"sent": 3, "not-sent": len(instances) - 3}
    assert peer.received.keys() == {o.uid for o in report.outcomes if o.state == "sent"}
    assert "cancelled" in report.summary()


# -- files that are not what they were ----------------------------------------------------------


@pytest.fixture
def changing(phantom_paths, tmp_path):
    """Copies that a test may change after they were imported."""
    folder = tmp_path / "changing"
    folder.mkdir()
    for path in phantom_paths[:5]:
        shutil.copy(path, folder)
    with Database.in_memory() as database:
        database.import_paths([folder], workers=0)
        yield database.instances()


def test_files_gone_cut_and_replaced_since_import(storescp, changing, phantom_paths):
    peer = storescp()
    gone, cut, other, touched, whole = changing
    gone.path.unlink()
    raw = cut.path.read_bytes()
    cut.path.write_bytes(raw[:-1000])
    shutil.copy(phantom_paths[7], other.path)
    os.utime(touched.path, ns=(1, 1))
    report = send_instances(changing, peer.node)
    found = {o.uid: (o.state, o.reason) for o in report.outcomes}
    assert found == {
        gone.uid: ("refused", "missing"),
        cut.uid: ("refused", "truncated"),
        other.uid: ("refused", "changed"),
        touched.uid: ("sent", ""),
        whole.uid: ("sent", ""),
    }
    assert peer.received.keys() == {touched.uid, whole.uid}


def test_odd_files_of_the_reference_data(storescp, reference_data):
    """Without file meta information, big endian, deflated: sent, or refused with a reason."""
    peer = storescp("+xa", bit_preserving=False)
    with Database.in_memory() as database:
        database.import_paths([reference_data / "bad"], workers=0)
        known = database.instances()
        report = send_instances(known, peer.node, pauses=())
    assert report.stored >= 7
    assert peer.received.keys() >= {o.uid for o in report.outcomes if o.state == "sent"}
    by_name = {os.path.basename(o.path): o for o in report.outcomes}
    for name in ("image_dfl.dcm", "ExplVR_BigEndNoMeta.dcm"):
        assert by_name[name].state == "sent"
    assert by_name["explicit_VR-UN.dcm"].reason == "status-c000"


# -- through the database -------------------------------------------------------------------------


def test_database_notes_what_was_sent(storescp, phantom_paths, tmp_path):
    peer = storescp()
    with Database.open(tmp_path / "db") as database:
        database.import_paths([phantom_paths[0].parent], workers=0)
        report = database.send(database.patients(), peer.node)
        latest = database.activity(1)[0]
    assert report.ok
    assert (latest.kind, dict(latest.counts)) == ("send", {"instances": len(phantom_paths)})
    with Database.open(tmp_path / "db", read_only=True) as database:
        assert database.send(database.series(), peer.node).ok
        with pytest.raises(NotFoundError, match="no node is called"):
            database.send(database.series(), "elsewhere")


def test_report_as_json_and_csv_names_nobody(storescp, instances):
    report = send_instances(instances, storescp().node)
    text = json.dumps(report.to_json()) + report.to_csv()
    name = str(pydicom.dcmread(instances[0].path).PatientName)
    assert name not in text
    assert io.StringIO(report.to_csv()).readline().startswith("uid,path,state,status")
