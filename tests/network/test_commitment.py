"""Storage commitment asked of pynetdicom (same association) and of peers that answer oddly."""

from __future__ import annotations

import threading

import pydicom
import pytest
from pynetdicom import AE, evt
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.sop_class import StorageCommitmentPushModel

from napari_dicomdb.errors import Cancelled
from napari_dicomdb.network.commitment import request_commitment, take_result
from napari_dicomdb.network.commitment_data import CommitmentResult
from napari_dicomdb.network.node import Node

CT = "1.2.840.10008.5.1.4.1.1.2"
REFERENCES = [(CT, f"1.2.3.{number}") for number in range(4)]


@pytest.fixture
def keeper():
    """Run pynetdicom as a provider; it keeps what `kept` says."""
    servers, threads = [], []

    def start(kept, *, status=0, reports=True, transaction=None):
        to_report = []
        entity = AE("KEEPER")
        entity.add_supported_context(StorageCommitmentPushModel)

        def report(association, asked):
            result = pydicom.Dataset()
            result.TransactionUID = transaction or asked.TransactionUID
            good, bad = [], []
            for item in asked.ReferencedSOPSequence:
                (good if item.ReferencedSOPInstanceUID in kept else bad).append(item)
            for item in bad:
                item.FailureReason = 0x0112
            if good:
                result.ReferencedSOPSequence = good
            if bad:
                result.FailedSOPSequence = bad
            association.send_n_event_report(
                result,
                2 if bad else 1,
                StorageCommitmentPushModel,
                "1.2.840.10008.1.20.1.1",
            )

        def handle(event):
            asked = event.action_information
            if reports and not status:
                to_report.append(asked)
            return status, None

        def sent(event):
            if to_report and isinstance(event.pdu, P_DATA_TF):  # the answer to that
                words = (event.assoc, to_report.pop())
                threads.append(threading.Thread(target=report, args=words))
                threads[-1].start()

        handlers = [(evt.EVT_N_ACTION, handle), (evt.EVT_PDU_SENT, sent)]
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        servers.append(server)
        return Node(
            "keeper",
            host="127.0.0.1",
            port=server.socket.getsockname()[1],
            called_aet="KEEPER",
        )

    yield start
    for thread in threads:
        thread.join()
    for server in servers:
        server.shutdown()


def test_node_says_what_it_keeps(keeper):
    found = request_commitment(keeper({"1.2.3.0", "1.2.3.2"}), REFERENCES)
    assert {uid: state for uid, (state, _) in found.states.items()} == {
        "1.2.3.0": "committed",
        "1.2.3.1": "failed",
        "1.2.3.2": "committed",
        "1.2.3.3": "failed",
    }
    assert not found.ok
    assert found.states["1.2.3.1"][1] == "the node does not have it"


def test_node_keeps_everything(keeper):
    assert request_commitment(keeper({uid for _, uid in REFERENCES}), REFERENCES).ok


def test_node_refuses_the_action(keeper):
    found = request_commitment(keeper(set(), status=0x0110), REFERENCES)
    assert {state for state, _ in found.states.values()} == {"no-answer"}
    assert "0110H" in found.states["1.2.3.0"][1]


def test_node_that_says_nothing(keeper):
    found = request_commitment(keeper(set(), reports=False), REFERENCES, seconds=0.3)
    assert {state for state, _ in found.states.values()} == {"no-answer"}


def test_report_of_another_transaction_is_not_ours(keeper):
    node = keeper({uid for _, uid in REFERENCES}, transaction="1.2.9")
    found = request_commitment(node, REFERENCES, seconds=0.5)
    assert {state for state, _ in found.states.values()} == {"no-answer"}


def test_cancelling_ends_the_waiting(keeper):
    calls = []

    def waiting():
        calls.append(1)
        if len(calls) > 2:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        request_commitment(keeper(set(), reports=False), REFERENCES, waiting=waiting)


def test_node_that_does_not_offer_it(storescp):
    found = request_commitment(storescp().node, REFERENCES)
    assert {state for state, _ in found.states.values()} == {"not-offered"}


def test_result_that_nobody_waits_for():
    assert not take_result(CommitmentResult("1.2.3"))
