"""Data sets of storage commitment: pydicom reads ours; any bytes are survived."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.filereader import read_dataset

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.commitment_data import (
    CommitmentRequest,
    CommitmentResult,
    decode_request,
    decode_result,
    encode_request,
    encode_result,
)

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
ONE, OTHER = ("1.2.840.10008.5.1.4.1.1.2", "1.2.3"), ("1.2.840.10008.5.1.4.1.1.2", "1.2.4")


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_there_and_back(syntax):
    request = CommitmentRequest("1.2.9", (ONE, OTHER))
    raw = encode_request(request, syntax)
    assert decode_request(raw, syntax) == request
    read = read_dataset(io.BytesIO(raw), syntax == IMPLICIT, True)
    assert [i.ReferencedSOPInstanceUID for i in read.ReferencedSOPSequence] == ["1.2.3", "1.2.4"]
    for result in (
        CommitmentResult("1.2.9", (ONE,), {OTHER: 0x0112}),
        CommitmentResult("1.2.9", (ONE, OTHER)),
        CommitmentResult("1.2.9", (), {OTHER: 0x0119}),
    ):
        assert decode_result(encode_result(result, syntax), syntax) == result


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_uids_that_are_none(syntax):
    """No warning of pydicom's (which would be an error here) prints what came."""
    written = CommitmentRequest("1.02.9", (("1.2.03", "1.2.04"),))  # as some devices do
    assert decode_request(encode_request(written, syntax), syntax) == written
    result = CommitmentResult("1.02.9", (), {("1.2.03", "1.2.04"): 0x0112})
    assert decode_result(encode_result(result, syntax), syntax) == result
    for strange in (
        CommitmentRequest("DOE^JANE", (ONE,)),
        CommitmentRequest("1.2.9", (ONE, (ONE[0], "DOE^JANE"))),
        CommitmentRequest("1.2.9", ((ONE[0], ""),)),
    ):
        with pytest.raises(NetworkError, match="no UID") as caught:
            decode_request(encode_request(strange, syntax), syntax)
        assert "DOE" not in str(caught.value)


def test_wrong_ones():
    for raw in (b"", b"abcdefgh", encode_request(CommitmentRequest("", (ONE,)), IMPLICIT)):
        with pytest.raises(NetworkError):
            decode_request(raw, IMPLICIT)
    nothing = encode_result(CommitmentResult("1.2"), IMPLICIT)
    with pytest.raises(NetworkError):
        decode_request(nothing, IMPLICIT)


@pytest.mark.filterwarnings("ignore")
@given(st.binary(max_size=200), st.sampled_from([IMPLICIT, EXPLICIT]))
def test_any_bytes(raw, syntax):
    for tail in (b"", encode_request(CommitmentRequest("1.2.9", (ONE,)), syntax)):
        for decode in (decode_request, decode_result):
            try:
                decode(tail + raw, syntax)
            except NetworkError as error:
                assert error.reason == "bad-answer"
