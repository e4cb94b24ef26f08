"""What real peers offer, against what their manuals say."""

from __future__ import annotations

import pytest

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.offering import Offer, ask_offer


def test_storescp_stores_and_answers_echoes_only(storescp):
    offer = ask_offer(storescp().node)
    assert offer.services == ("echo", "storing")
    assert "query by study" in offer.lacking
    assert offer.text.startswith("It offers echo, storing. Not offered: query by study")
    assert offer.to_json()["services"] == ["echo", "storing"]


def test_orthanc_is_an_archive(orthanc):
    # Orthanc book, "DICOM conformance": C-ECHO, C-STORE, C-FIND, C-MOVE, C-GET, N-ACTION.
    offer = ask_offer(orthanc().node)
    assert offer == Offer(
        (
            "echo", "query by study", "query by patient", "retrieve by C-GET",
            "retrieve by C-MOVE", "storing", "storage commitment",
        )
    )  # fmt: skip


def test_dicomweb_node_is_not_asked():
    with pytest.raises(NetworkError) as raised:
        ask_offer(Node("web", kind="dicomweb", url="https://example.org/dicom-web"))
    assert raised.value.reason == "wrong-kind"
