"""TLS of a node, and in plain words what is wrong with it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from napari_dicomdb.errors import NetworkError

if TYPE_CHECKING:
    from napari_dicomdb.network.node import Tls

__all__ = ["client_context", "server_context", "tls_error"]

# X509_V_ERR_... of OpenSSL
_EXPIRED, _NOT_YET = 10, 9
_UNTRUSTED = frozenset({2, 18, 19, 20, 21, 24, 27})
_WRONG_HOST = frozenset({62, 64})
_SILENT = ("EOF occurred", "UNEXPECTED_EOF")
_NO_TLS = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")
# Alerts by which a server says that it wants a certificate of ours, or another one.
_CERTIFICATE_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_ACCESS_DENIED",
)


def client_context(tls: Tls) -> ssl.SSLContext:
    """Return what encrypts our side of a connection.

    Raises
    ------
    NetworkError
        If a file cannot be read or does not fit (reason "tls-files").
    """
    try:
        context = ssl.create_default_context(cafile=tls.ca or None)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(tls.ca, "certificates to trust", error) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # BCP 195 profile, PS3.15 Annex B.9
    context.check_hostname = tls.check_hostname
    if tls.certificate:
        try:
            # No password: OpenSSL would ask at the terminal.
            context.load_cert_chain(tls.certificate, tls.key or None, password=_refuse_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise _unusable(tls.certificate, "our certificate and key", error) from error
    return context


def server_context(certificate: str, key: str = "", ca: str = "") -> ssl.SSLContext:
    """Return what encrypts the connections that others make to us.

    Parameters
    ----------
    certificate, key : str
        Our certificate and its key (PEM files); the key may lie in the certificate's file.
    ca : str
        File of certificates (PEM): whoever connects must show one that these signed;
        "": nobody must.

    Raises
    ------
    NetworkError
        If a file cannot be read or does not fit (reason "tls-files").
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # BCP 195 profile, PS3.15 Annex B.9
    try:
        context.load_cert_chain(certificate, key or None, password=_refuse_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise _unusable(certificate, "our certificate and key", error) from error
    if ca:
        try:
            context.load_verify_locations(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise _unusable(ca, "certificates to trust", error) from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _refuse_password() -> str:
    raise ValueError("the key is protected by a password: use one that is not")


def _unusable(path: str, what: str, error: Exception) -> NetworkError:
    why = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
    return NetworkError(f"{what} cannot be read from {path}: {why}", reason="tls-files")


def tls_error(error: ssl.SSLError | OSError, host: str) -> NetworkError:
    """Say in plain words why there is no encrypted connection to `host`."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_error(error, host)
    text = " ".join(str(part) for part in (getattr(error, "reason", "") or "", error))
    if any(alert in text for alert in _NO_TLS):
        return NetworkError(
            f"{host} does not speak TLS on this port: turn TLS off for this node, or use the "
            "port for TLS",
            reason="tls-not-spoken",
        )
    if any(alert in text for alert in _CERTIFICATE_ALERTS):
        return NetworkError(
            f"{host} wants a certificate of ours that it trusts: set certificate and key of "
            "this node, and have them accepted there",
            reason="tls-client-certificate",
        )
    if "HANDSHAKE_FAILURE" in text or "NO_PROTOCOLS" in text or "PROTOCOL_VERSION" in text:
        return NetworkError(
            f"{host} and we have no version or cipher of TLS in common (or it wants a "
            "certificate of ours)",
            reason="tls-no-common-cipher",
        )
    if isinstance(error, ssl.SSLEOFError | ConnectionError) or any(x in text for x in _SILENT):
        return NetworkError(
            f"{host} closed the connection when TLS began: perhaps it does not speak TLS on "
            "this port",
            reason="tls-closed",
        )
    why = getattr(error, "reason", None) or type(error).__name__
    return NetworkError(f"TLS with {host} failed: {why}", reason="tls")


def _certificate_error(error: ssl.SSLCertVerificationError, host: str) -> NetworkError:
    code = error.verify_code
    if code in _WRONG_HOST:
        return NetworkError(
            f"the certificate is not for {host}: use the name that it was made for, or turn the "
            "check of the host name off",
            reason="tls-hostname",
        )
    if code in _UNTRUSTED:
        return NetworkError(
            f"the certificate of {host} is signed by nobody we trust: name the file of its CA",
            reason="tls-unknown-ca",
        )
    if code == _EXPIRED:
        return NetworkError(f"the certificate of {host} has expired", reason="tls-expired")
    if code == _NOT_YET:
        return NetworkError(
            f"the certificate of {host} is not valid yet: compare the clocks",
            reason="tls-not-yet-valid",
        )
    return NetworkError(
        f"the certificate of {host} is not accepted: {error.verify_message}",
        reason="tls-certificate",
    )
