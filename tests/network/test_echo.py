"""What the test of a node says, against servers that really are so."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from napari_dicomdb.errors import Cancelled, NetworkError
from napari_dicomdb.network.echo import check_node, echo
from napari_dicomdb.network.node import Node, Tls
from napari_dicomdb.network.secrets import keep_secret


def test_dcmtk_answers(storescp):
    result = check_node(storescp().node)
    assert (result.ok, result.reason) == (True, "")
    assert result.text.startswith("ANY-SCP at 127.0.0.1:")
    assert result.to_json()["node"] == "scp"


def test_orthanc_answers_and_knows_its_title(orthanc):
    node = orthanc(DicomCheckCalledAet=True).node
    assert check_node(node).ok
    result = check_node(replace(node, called_aet="WRONG"))
    assert result.reason == "wrong-called-aet"
    assert "it is not called 'WRONG'" in result.text


def test_wrong_calling_title(orthanc):
    modalities = {"friend": ["FRIEND", "127.0.0.1", 11112]}
    made = orthanc(
        DicomAlwaysAllowEcho=False, DicomAlwaysAllowStore=False, DicomModalities=modalities
    )
    assert check_node(replace(made.node, calling_aet="FRIEND")).ok
    result = check_node(replace(made.node, calling_aet="STRANGER"))
    assert result.reason == "wrong-calling-aet"
    assert "does not know us as 'STRANGER'" in result.text


def test_dcmtk_names_the_wrong_title(tmp_path, program, serve):
    """Both titles are in the words: dcmqrscp says "called" when it does not know the calling."""
    (tmp_path / "area").mkdir()
    configuration = tmp_path / "dcmqrscp.cfg"

    def words(port):
        configuration.write_text(
            f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 4\n"
            "HostTable BEGIN\nfriend = (FRIEND, localhost, 11112)\nfriends = friend\n"
            "HostTable END\nVendorTable BEGIN\nVendorTable END\nAETable BEGIN\n"
            f"ARCHIVE {tmp_path / 'area'} RW (9, 10mb) friends\nAETable END\n"
        )
        return [program("dcmqrscp"), "-c", str(configuration), str(port)]

    port = serve(words)
    node = Node("qr", host="localhost", port=port, called_aet="ARCHIVE", calling_aet="FRIEND")
    assert check_node(node).ok
    text = check_node(replace(node, calling_aet="STRANGER")).text
    assert "'ARCHIVE'" in text
    assert "'STRANGER'" in text


def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        result = check_node(Node("x", host="127.0.0.1", port=taken.getsockname()[1]))
    assert result.reason == "refused"
    assert "nothing listens at 127.0.0.1" in result.text


def test_name_that_nobody_knows():
    result = check_node(Node("x", host="no-such-host.invalid", port=104))
    assert result.reason == "name-not-resolved"
    assert "no-such-host.invalid" in result.text


def test_silent_peer(answering, quick):
    result = check_node(Node("x", host="127.0.0.1", port=answering(None), limits=quick))
    assert result.reason == "timeout"
    assert "does not answer" in result.text


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not-dicom", "a web server"),
        (b"220 mail.example.org ESMTP\r\n", "not-dicom", "something else"),
        (b"", "closed", "closed the connection"),
        (b"\x03\x00\x00\x00\x00\x04\x00\x02\x03\x01", "busy", "busy"),
        (b"\x03\x00\x00\x00\x00\x04\x00\x01\x01\x01", "rejected", "gives no reason"),
        (b"\x07\x00\x00\x00\x00\x04\x00\x00\x02\x06", "aborted", "not valid"),
        (b"\x02\x00\x00\x00\x00\x04\x00\x01\x01\x01", "bad-answer", "does not know"),
        (b"\x02\x00\xff\xff\xff\xff\x00\x01\x01\x01", "bad-answer", "more than was agreed"),
        (b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x02\x01\x03", "bad-answer", "does not know"),
    ],
)
def test_strange_answers(answering, answer, reason, words):
    result = check_node(Node("x", host="127.0.0.1", port=answering(answer)))
    assert result.reason == reason
    assert words in result.text


def test_no_verification_offered(tmp_path, program, serve):
    """An SCP that stores, but has no presentation context for C-ECHO."""
    profile = tmp_path / "storescp.cfg"
    profile.write_text(
        "[[TransferSyntaxes]]\n[Plain]\nTransferSyntax1 = LittleEndianImplicit\n"
        "[[PresentationContexts]]\n[Only]\n"
        "PresentationContext1 = CTImageStorage\\Plain\n"
        "[[Profiles]]\n[Default]\nPresentationContexts = Only\n"
    )
    words = [program("storescp"), "-xf", str(profile), "Default", "-od", str(tmp_path)]
    port = serve(lambda port: [*words, str(port)])
    result = check_node(Node("x", host="127.0.0.1", port=port))
    assert result.reason == "no-context"
    assert "does not offer verification" in result.text


def test_a_question_can_be_cancelled(answering):
    turns = []

    def waiting():
        turns.append(1)
        if len(turns) == 2:
            raise Cancelled("enough")

    node = Node("x", host="127.0.0.1", port=answering(None))
    with pytest.raises(Cancelled):
        check_node(node, waiting=waiting)


def test_dicomweb_node_is_tested_as_one():
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    result = check_node(Node("web", kind="dicomweb", url=f"http://127.0.0.1:{port}/dicom-web"))
    assert (result.ok, result.reason) == (False, "refused")
    assert result.offer is None


def test_facts(storescp, orthanc):
    assert check_node(storescp().node).offer is None
    result = check_node(storescp().node, facts=True)
    assert result.ok and result.offer is not None
    assert result.offer.services == ("echo", "storing")
    plain = result.to_json()
    assert "query by study" in plain["offer"]["lacking"]
    assert "storage commitment" in check_node(orthanc().node, facts=True).offer.services
    nobody = Node("gone", host="127.0.0.1", port=1)
    assert check_node(nobody, facts=True).offer is None


def test_facts_of_a_node_without_echo():
    from pynetdicom import AE
    from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

    entity = AE("FINDER")
    entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    server = entity.start_server(("127.0.0.1", 0), block=False)
    try:
        port = server.socket.getsockname()[1]
        result = check_node(Node("n", host="127.0.0.1", port=port), facts=True)
    finally:
        server.shutdown()
    assert (result.ok, result.reason) == (False, "no-context")
    assert result.offer.services == ("query by study",)


# -- TLS ------------------------------------------------------------------------------------


@pytest.fixture
def encrypted(storescp, certificates):
    """Start storescp with TLS; it asks for no certificate of ours."""

    def start(name="server", *options):
        peer = storescp(
            "+tls",
            getattr(certificates, f"{name}_key"),
            getattr(certificates, name),
            *(options or ("-ic",)),
            tls=Tls(ca=certificates.ca),
        )
        return replace(peer.node, host="localhost")

    return start


def test_tls(encrypted):
    result = check_node(encrypted())
    assert result.ok
    assert "encrypted" in result.text


def test_tls_of_orthanc(orthanc, certificates):
    made = orthanc(
        tls=Tls(ca=certificates.ca),
        DicomTlsEnabled=True,
        DicomTlsCertificate=certificates.server,
        DicomTlsPrivateKey=certificates.server_key,
        DicomTlsTrustedCertificates=certificates.ca,
        DicomTlsRemoteCertificateRequired=False,
    )
    assert check_node(made.node).ok
    assert check_node(replace(made.node, tls=None)).reason == "tls-needed"


def test_tls_server_asked_in_plain(encrypted):
    result = check_node(replace(encrypted(), tls=None))
    assert result.reason == "tls-needed"
    assert "turn TLS on" in result.text


def test_plain_server_asked_by_tls(storescp, certificates):
    node = replace(storescp().node, tls=Tls(ca=certificates.ca))
    result = check_node(node)
    assert result.reason == "tls-not-spoken"
    assert "turn TLS off" in result.text


def test_unknown_ca(encrypted, certificates):
    node = encrypted()
    assert check_node(replace(node, tls=Tls())).reason == "tls-unknown-ca"
    assert check_node(replace(node, tls=Tls(ca=certificates.stranger))).reason == "tls-unknown-ca"


def test_certificate_for_another_host(encrypted, certificates):
    node = encrypted("elsewhere")
    result = check_node(node)
    assert result.reason == "tls-hostname"
    assert "not for localhost" in result.text
    unchecked = Tls(ca=certificates.ca, check_hostname=False)
    assert check_node(replace(node, tls=unchecked)).ok


def test_expired_certificate(encrypted):
    assert check_node(encrypted("expired")).reason == "tls-expired"


def test_client_certificate(encrypted, certificates):
    node = encrypted("server", "-rc", "+cf", certificates.ca)
    result = check_node(node)
    assert result.reason == "tls-client-certificate"
    assert "wants a certificate of ours" in result.text
    ours = Tls(certificates.ca, certificates.client, certificates.client_key)
    assert check_node(replace(node, tls=ours)).ok
    stranger = Tls(certificates.ca, certificates.stranger, certificates.stranger_key)
    assert check_node(replace(node, tls=stranger)).reason == "tls-client-certificate"


def test_files_of_certificates_that_are_not_there(encrypted, certificates, tmp_path):
    node = encrypted()
    for tls in (Tls(ca=str(tmp_path / "no.pem")), Tls(certificate=str(tmp_path / "no.pem"))):
        result = check_node(replace(node, tls=tls))
        assert result.reason == "tls-files"
        assert "no.pem" in result.text
    mixed = Tls(certificates.ca, certificates.client, certificates.server_key)
    assert check_node(replace(node, tls=mixed)).reason == "tls-files"


# -- logging in -------------------------------------------------------------------------------


def test_password_is_taken_from_the_keyring(storescp, memory_keyring):
    node = replace(storescp().node, credentials="basic", user="me", secret=keep_secret("pass"))
    assert check_node(node).ok
    memory_keyring.clear()
    result = check_node(node)
    assert result.reason == "no-secret"


def test_echo_raises_what_is_wrong(answering):
    node = Node("x", host="127.0.0.1", port=answering(b""))
    with pytest.raises(NetworkError, match="closed") as caught:
        echo(node)
    assert caught.value.reason == "closed"
