"""Passwords lie in the keyring and nowhere else."""

from __future__ import annotations

import keyring
import pytest
from keyring.backends.fail import Keyring

from napari_dicomdb.errors import NodeError
from napari_dicomdb.network.secrets import forget_secret, keep_secret, read_secret


def test_keep_read_forget(memory_keyring):
    name = keep_secret("pässword")
    assert memory_keyring == {("napari-dicomdb", name): "pässword"}
    assert read_secret(name) == "pässword"
    forget_secret(name)
    forget_secret(name)
    with pytest.raises(NodeError) as caught:
        read_secret(name)
    assert caught.value.reason == "no-secret"


def test_system_without_a_keyring():
    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    try:
        with pytest.raises(NodeError) as caught:
            keep_secret("password")
        forget_secret("anything")
    finally:
        keyring.set_keyring(before)
    assert caught.value.reason == "no-keyring"
    assert "password" not in str(caught.value).replace("passwords", "")
