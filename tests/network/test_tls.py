"""Encryption is not weakened by default. What goes wrong is tested in test_echo."""

from __future__ import annotations

import ssl

import pytest

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.node import Tls
from napari_dicomdb.network.tls import client_context


def test_certificates_and_names_are_checked(certificates):
    context = client_context(Tls(ca=certificates.ca))
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert [c["subject"] for c in context.get_ca_certs()] == [((("commonName", "test CA"),),)]
    unchecked = client_context(Tls(ca=certificates.ca, check_hostname=False))
    assert unchecked.verify_mode == ssl.CERT_REQUIRED


def test_key_with_a_password_does_not_ask_at_the_terminal(tmp_path, certificates):
    from cryptography.hazmat.primitives import serialization

    with open(certificates.client_key, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
    )
    with pytest.raises(NetworkError, match="password") as caught:
        client_context(Tls(certificates.ca, certificates.client, str(locked)))
    assert caught.value.reason == "tls-files"
