"""Statuses of C-STORE, against pynetdicom's tables."""

from __future__ import annotations

from pynetdicom.status import QR_FIND_SERVICE_CLASS_STATUS, STORAGE_SERVICE_CLASS_STATUS

from napari_dicomdb.network.statuses import find_status, store_status

KINDS = {"Success": "success", "Warning": "warning", "Failure": "failure"}


def test_kinds():
    for status, (kind, _) in STORAGE_SERVICE_CLASS_STATUS.items():
        if kind in KINDS:
            assert store_status(status).kind == KINDS[kind], f"{status:04X}"


def test_what_may_pass():
    assert store_status(0xA700).is_passing
    assert not store_status(0xC000).is_passing
    assert store_status(0xFFFF).kind == "failure"


def test_queries():
    for status, (kind, _) in QR_FIND_SERVICE_CLASS_STATUS.items():
        if kind in ("Success", "Failure", "Cancel"):
            expected = "success" if kind == "Success" else "failure"
            assert find_status(status).kind == expected, f"{status:04X}"
    assert find_status(0xC123).text == find_status(0xC000).text
    assert find_status(0xA701) == find_status(0xA700)
    assert find_status(0x1234).kind == "failure"
