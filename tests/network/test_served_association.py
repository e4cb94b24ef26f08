"""What one association tells of itself: events, counts, C-MOVE's originator, slow peers."""

from __future__ import annotations

import logging

import pydicom

from napari_dicomdb.network import served_association
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.echo import check_node
from napari_dicomdb.network.sending import send_instances

CT, ECHO = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"


def test_events_of_objects(receiver, phantom_paths, data_set_of):
    ours = receiver()
    dataset = pydicom.dcmread(phantom_paths[0])
    uid, syntax = str(dataset.SOPInstanceUID), str(dataset.file_meta.TransferSyntaxUID)
    association = Association.request(ours.node, [(CT, syntax)])
    message = association.send_request(
        1,
        {
            "AffectedSOPClassUID": CT,
            "CommandField": 1,
            "Priority": 0,
            "CommandDataSetType": 1,
            "AffectedSOPInstanceUID": uid,
            "MoveOriginatorApplicationEntityTitle": "ASKER",
            "MoveOriginatorMessageID": 42,
        },
        data_set_of(phantom_paths[0]),
    )
    answer = association.read_answer(message)
    assert answer["AffectedSOPInstanceUID"] == uid
    assert answer["AffectedSOPClassUID"] == CT
    association.release()
    (event,) = ours.wait_for("stored")
    assert (event.uid, event.status, event.association) == (uid, 0, 1)
    assert (event.originator, event.originator_message) == ("ASKER", 42)
    assert event.peer == "DICOMDB@127.0.0.1"
    assert event.size == len(data_set_of(phantom_paths[0]))
    (indexed,) = ours.wait_for("indexed")
    assert "1 added" in indexed.text
    ours.wait_for("released")


def test_log_has_uids_and_no_values_of_patients(receiver, phantom_database, caplog):
    caplog.set_level(logging.DEBUG, "napari_dicomdb.network")
    ours = receiver()
    assert send_instances(phantom_database.instances()[:1], ours.node).ok
    ours.wait_for("released")
    ours.listener.stop()
    records = [r for r in caplog.records if "served_association" in r.name]
    (number,) = {r.association for r in records if getattr(r, "association", None)}
    asked = [r.association for r in caplog.records if r.name.endswith("network.association")]
    assert asked and number not in asked
    assert any(getattr(r, "peer", "") == "DICOMDB@127.0.0.1" for r in records)
    (patient,) = phantom_database.patients()
    said = "\n".join(r.getMessage() for r in caplog.records) + str(ours.events)
    assert phantom_database.instances()[0].uid in said
    assert patient.name not in said


def test_slow_request_is_not_waited_for(receiver, raw_peer, monkeypatch):
    monkeypatch.setattr(served_association, "_REQUEST_SECONDS", 0.3)
    ours = receiver()
    peer = raw_peer(ours.port)
    request = peer.request((1, ECHO, IMPLICIT))
    peer.send(request[:50])
    assert peer.read()[0] == 7
    (event,) = ours.wait_for("broken")
    assert event.reason == "timeout"
    assert check_node(ours.node).ok


def test_connection_without_a_word_is_no_event(receiver, raw_peer):
    ours = receiver()
    raw_peer(ours.port).socket.close()
    assert check_node(ours.node).ok
    ours.listener.stop()
    assert "broken" not in ours.kinds()
    assert ours.listener.statistics.broken_associations == 0
