"""Statuses of C-STORE, against pynetdicom's tables."""

from __future__ import annotations

from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from napari_dicomdb.network.statuses import store_status

KINDS = {"Success": "success", "Warning": "warning", "Failure": "failure"}


def test_kinds():
    for status, (kind, _) in STORAGE_SERVICE_CLASS_STATUS.items():
        if kind in KINDS:
            assert store_status(status).kind == KINDS[kind], f"{status:04X}"


def test_what_may_pass():
    assert store_status(0xA700).is_passing
    assert not store_status(0xC000).is_passing
    assert store_status(0xFFFF).kind == "failure"
