"""Settings of the listener: refused where they are wrong, kept as they are."""

from __future__ import annotations

import json

import pytest

from napari_dicomdb.errors import NodeError
from napari_dicomdb.network.listener_settings import (
    ListenerSettings,
    ListenerTls,
    load_listener_settings,
    save_listener_settings,
)
from napari_dicomdb.settings import settings_path

FULL = ListenerSettings(
    aet="ME",
    port=104,
    bind="0.0.0.0",
    any_called_aet=True,
    allowed_aets=(" SCANNER ", "PACS"),
    allowed_addresses=("10.0.0.0/8", "::1"),
    max_associations=5,
    max_object_bytes=1000,
    max_pdu=16_384,
    idle_seconds=5,
    tls=ListenerTls("c.pem", "k.pem", "ca.pem"),
)


def test_kept_with_the_other_settings():
    assert load_listener_settings() == ListenerSettings()
    save_listener_settings(FULL)
    assert load_listener_settings() == FULL
    assert FULL.allowed_aets == ("SCANNER", "PACS")
    content = json.loads(settings_path().read_text())
    assert content["listener"]["allowed_aets"] == ["SCANNER", "PACS"]


def test_what_cannot_be_used_is_not_used():
    save_listener_settings(FULL)
    content = json.loads(settings_path().read_text())
    content["listener"]["port"] = "104"
    settings_path().write_text(json.dumps(content))
    assert load_listener_settings() == ListenerSettings()


@pytest.mark.parametrize(
    "wrong",
    [
        {"aet": ""},
        {"aet": "much too long a title"},
        {"aet": "a\\b"},
        {"aet": None},
        {"port": 70_000},
        {"port": True},
        {"bind": "localhost"},
        {"bind": None},
        {"allowed_aets": "ONE"},
        {"allowed_aets": (1,)},
        {"allowed_aets": ("",)},
        {"allowed_addresses": ("everybody",)},
        {"max_associations": 0},
        {"max_object_bytes": 0},
        {"max_pdu": 100},
        {"idle_seconds": 0},
        {"idle_seconds": float("nan")},
        {"tls": {"certificate": ""}},
        {"tls": {"unknown": 1}},
        {"tls": 5},
    ],
)
def test_wrong_values(wrong):
    with pytest.raises(NodeError) as caught:
        ListenerSettings.from_json(wrong)
    assert caught.value.reason == "bad-listener"


def test_addresses():
    assert ListenerSettings().allows_address("198.51.100.1")
    some = ListenerSettings(allowed_addresses=("10.1.0.0/16", "192.0.2.7", "fe80::/10"))
    assert some.allows_address("10.1.2.3")
    assert some.allows_address("::ffff:10.1.2.3")
    assert some.allows_address("192.0.2.7")
    assert some.allows_address("fe80::1%eth0")
    assert not some.allows_address("10.2.0.1")
    assert not some.allows_address("nonsense")


def test_who_may_come():
    assert ListenerSettings().is_local
    assert ListenerSettings(bind="::1").is_local
    assert not ListenerSettings().is_open
    assert ListenerSettings(bind="0.0.0.0").is_open
    assert not FULL.is_open
    assert not ListenerSettings(bind="0.0.0.0", tls=ListenerTls("c", "k", "ca")).is_open
    assert ListenerSettings(bind="0.0.0.0", tls=ListenerTls("c", "k")).is_open
