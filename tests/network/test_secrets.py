"""Passwords lie in the keyring and nowhere else."""

from __future__ import annotations

import keyring
import pytest
from keyring.backends.fail import Keyring

from napari_dicomdb.errors import NodeError
from napari_dicomdb.network.node import Node
from napari_dicomdb.network.secrets import (
    forget_secret,
    is_in_environment,
    keep_secret,
    read_secret,
    secret_of,
    secret_variable,
)


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
            keep_secret("hunter2")
        forget_secret("anything")
    finally:
        keyring.set_keyring(before)
    assert caught.value.reason == "no-keyring"
    assert "hunter2" not in str(caught.value)
    assert "keyrings.alt" in str(caught.value)
    assert "DICOMDB_SECRET_<NAME OF THE NODE>" in str(caught.value)


def test_environment_comes_before_the_keyring(memory_keyring, monkeypatch):
    node = Node("PACS-2 näh", host="h", credentials="basic", user="u", secret=keep_secret("kept"))
    variable = "DICOMDB_SECRET_PACS_2_N_H"
    assert secret_variable(node.name) == variable
    monkeypatch.delenv(variable, raising=False)
    assert (secret_of(node), is_in_environment(node.name)) == ("kept", False)
    monkeypatch.setenv(variable, "of the environment")
    assert (secret_of(node), is_in_environment(node.name)) == ("of the environment", True)
    monkeypatch.setenv(variable, "")
    assert secret_of(node) == "kept"
    forget_secret(node.secret)
    with pytest.raises(NodeError, match=variable) as caught:
        secret_of(node)
    assert caught.value.reason == "no-secret"


def test_environment_needs_no_keyring(monkeypatch):
    monkeypatch.setenv("DICOMDB_SECRET_WEB", "token")
    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())
    try:
        assert secret_of(Node("web", host="h", credentials="bearer")) == "token"
    finally:
        keyring.set_keyring(before)
