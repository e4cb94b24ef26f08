"""Who gets an association, and for which contexts."""

from __future__ import annotations

from napari_dicomdb.network.acceptor import Acceptance, Rejection, decide, too_many
from napari_dicomdb.network.association_pdus import AssociationRequest, Offer
from napari_dicomdb.network.listener_settings import ListenerSettings

ECHO, COMMITMENT = "1.2.840.10008.1.1", "1.2.840.10008.1.20.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


def request(*offers, **changes):
    known = {
        "version": 1,
        "called_aet": "DICOMDB",
        "calling_aet": "PEER",
        "called_raw": b"DICOMDB".ljust(16),
        "calling_raw": b"PEER".ljust(16),
        "application_context": "1.2.840.10008.3.1.1.1",
        "offers": offers,
    }
    return AssociationRequest(**{**known, **changes})


def test_contexts():
    asked = request(
        Offer(1, ECHO, (IMPLICIT,)),
        Offer(3, CT, (IMPLICIT, EXPLICIT)),
        Offer(5, "1.2.840.10008.5.1.4.1.2.2.1", (IMPLICIT,)),
        Offer(7, CT, ()),
        Offer(9, COMMITMENT, (EXPLICIT,)),
        Offer(11, ECHO, ("1.2.840.10008.1.2.4.50",)),
        roles={CT: (True, True), COMMITMENT: (False, True), "1.2.3": (True, True)},
    )
    found = decide(asked, ListenerSettings(), "127.0.0.1")
    assert isinstance(found, Acceptance)
    assert found.contexts == {
        1: (ECHO, IMPLICIT),
        3: (CT, EXPLICIT),
        9: (COMMITMENT, EXPLICIT),
    }
    assert {n: result for n, (result, _) in found.answers.items()} == {
        1: 0, 3: 0, 5: 3, 7: 4, 9: 0, 11: 4,
    }  # fmt: skip
    assert all(syntax for _, syntax in found.answers.values())
    assert found.roles == {CT: (True, False), COMMITMENT: (False, True)}


def test_nothing_is_stored_without_a_database():
    asked = request(Offer(1, CT, (IMPLICIT,)), Offer(3, COMMITMENT, (IMPLICIT,)))
    found = decide(asked, ListenerSettings(), "127.0.0.1", stores=False)
    assert found.contexts == {3: (COMMITMENT, IMPLICIT)}


def test_rejections():
    def codes(settings=None, address="127.0.0.1", **changes):
        found = decide(request(**changes), settings or ListenerSettings(), address)
        assert isinstance(found, Rejection)
        assert found.text
        return found.code, found.result, found.source, found.reason

    assert codes(version=2) == ("version", 1, 2, 2)
    assert codes(application_context="1.2") == ("application-context", 1, 1, 2)
    assert codes(called_aet="dicomdb") == ("wrong-called-aet", 1, 1, 7)
    only = ListenerSettings(allowed_aets=("OTHER",))
    assert codes(only) == ("wrong-calling-aet", 1, 1, 3)
    near = ListenerSettings(allowed_addresses=("10.0.0.0/8",))
    assert codes(near, "192.168.1.1") == ("address-not-allowed", 1, 1, 1)
    assert isinstance(decide(request(), near, "10.9.9.9"), Acceptance)
    full = too_many(ListenerSettings(max_associations=3))
    assert (full.result, full.source, full.reason) == (2, 3, 2)
    assert "3" in full.text
