"""Sending with storage commitment: to Orthanc, to ourselves, to who does not offer it."""

from __future__ import annotations

import csv
import io
import json

import pytest
from tests.servers import free_port

from napari_dicomdb.errors import Cancelled
from napari_dicomdb.network.listener_settings import ListenerSettings, save_listener_settings
from napari_dicomdb.network.sending import send_instances


def test_orthanc_answers_on_an_association_of_its_own(orthanc, phantom_database):
    port = free_port()
    save_listener_settings(ListenerSettings(port=port))
    peer = orthanc(DicomModalities={"us": ["DICOMDB", "127.0.0.1", port]})
    report = send_instances(phantom_database.instances(), peer.node, commit=True)
    assert report.committed == {"committed": 10}
    assert report.ok
    assert "10 committed to by the node" in report.summary()
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert {row["committed"] for row in rows} == {"committed"}
    assert json.loads(json.dumps(report.to_json()))["committed"] == {"committed": 10}


def test_our_own_listener(receiver, phantom_database):
    ours = receiver()
    save_listener_settings(ListenerSettings(port=ours.port))  # its port is taken
    report = send_instances(phantom_database.instances(), ours.node, commit=True)
    assert report.committed == {"committed": 10}


def test_node_that_does_not_offer_it(storescp, phantom_database):
    report = send_instances(phantom_database.instances()[:2], storescp().node, commit=True)
    assert report.committed == {"not-offered": 2}
    assert report.ok
    assert "does not offer" in report.summary()


def test_what_is_not_kept_is_told(receiver, phantom_database, monkeypatch):
    from napari_dicomdb.network import served_association
    from napari_dicomdb.network.commitment_data import CommitmentResult

    def none(inbox, request):
        return CommitmentResult(
            request.transaction_uid, failed=dict.fromkeys(request.references, 0x0112)
        )

    monkeypatch.setattr(served_association, "check_commitment", none)
    ours = receiver()
    report = send_instances(phantom_database.instances()[:2], ours.node, commit=True)
    assert report.stored == 2
    assert not report.ok
    assert {reason for _, reason, _ in report.rejected} == {"not-committed"}


def test_cancelled_while_it_is_waited_for(receiver, phantom_database, monkeypatch):
    from napari_dicomdb.network import committing

    def stop(*args, waiting, **kwargs):
        raise Cancelled("stop")

    monkeypatch.setattr(committing, "request_commitment", stop)
    report = send_instances(phantom_database.instances()[:2], receiver().node, commit=True)
    assert report.committed == {"no-answer": 2}
    assert report.stored == 2


@pytest.mark.parametrize("asked", [False])
def test_nothing_is_asked_unless_wanted(receiver, phantom_database, asked):
    ours = receiver()
    report = send_instances(phantom_database.instances()[:1], ours.node, commit=asked)
    assert report.committed == {}
    assert "commitment" not in ours.kinds()
