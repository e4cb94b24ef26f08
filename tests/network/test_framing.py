"""Messages in pieces of any size, streamed and bounded."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network.commands import encode_command
from napari_dicomdb.network.framing import Framing, PeerReleased, encode_pdu

WITH = {"CommandField": 0x20, "MessageID": 1, "CommandDataSetType": 1}
WITHOUT = {"CommandField": 0x30, "MessageID": 1, "CommandDataSetType": 0x101}


class Pipe:
    """What was sent into it can be received from it, a few bytes at a time."""

    host = "pipe"

    def __init__(self, content=b"", step=1 << 20):
        self.content, self.step, self.place = bytearray(content), step, 0

    def send(self, content, seconds):
        self.content += content

    def receive_into(self, view, seconds):
        part = self.content[self.place : self.place + min(self.step, len(view))]
        if not part:
            raise NetworkError("gone", reason="closed")
        view[: len(part)] = part
        self.place += len(part)
        return len(part)

    def close(self):
        self.content.clear()


def framing(content=b"", step=1 << 20, largest=1 << 20):
    return Framing(Pipe(content, step), seconds=1, largest_pdu=largest)


def value(context, flags, content):
    return struct.pack(">LBB", len(content) + 2, context, flags) + content


@given(
    size=st.integers(0, 5000).map(lambda n: 2 * n),
    share=st.integers(8, 3000),
    step=st.integers(1, 4000),
    streamed=st.booleans(),
    as_file=st.booleans(),
)
def test_what_is_sent_is_read(size, share, step, streamed, as_file):
    content = bytes(i % 251 for i in range(size))
    one = framing(step=step)
    one.peer_max_pdu = share
    source = io.BytesIO(content) if as_file else content
    one.send_message(3, WITH, source, len(content))
    one.send_message(5, WITHOUT)
    sink = io.BytesIO()
    asked = []

    def open_sink(context, command):
        asked.append((context, command["CommandField"]))
        return sink if streamed else None

    first, second = one.read_message(open_sink), one.read_message(open_sink)
    assert (first.context, first.command["MessageID"]) == (3, 1)
    assert asked == [(3, 0x20)]
    assert (sink.getvalue() if streamed else first.data) == content
    assert (first.data is None) == streamed
    assert (second.context, second.data) == (5, None)
    assert not one.has_input


def test_several_values_in_one_pdu_and_unknown_flags():
    command = encode_command(WITH)
    body = (
        value(1, 1, command[:10]) + value(1, 0xF3, command[10:])
        + value(1, 0, b"ab") + value(1, 0, b"") + value(1, 2, b"cd")
        + value(3, 3, encode_command(WITHOUT))
    )  # fmt: skip
    one = framing(encode_pdu(4, body), step=7)
    assert one.read_message().data == b"abcd"
    assert one.read_message().context == 3


def test_no_more_than_is_allowed():
    body = value(1, 3, encode_command(WITH)) + value(1, 2, bytes(1000))
    with pytest.raises(NetworkError) as caught:
        framing(encode_pdu(4, body)).read_message(largest=999)
    assert caught.value.reason == "bad-answer"
    assert framing(encode_pdu(4, body)).read_message(largest=1000).data == bytes(1000)
    with pytest.raises(NetworkError):
        framing(encode_pdu(4, body), largest=500).read_message()
    endless = encode_pdu(4, value(1, 1, bytes(60_000)))
    with pytest.raises(NetworkError, match="no end"):
        framing(endless * 2).read_message()
    with pytest.raises(NetworkError, match="no end"):
        framing(encode_pdu(4, value(1, 1, b"")) * 1002).read_message()
    begin = encode_pdu(4, value(1, 3, encode_command(WITH)))
    with pytest.raises(NetworkError, match="no end"):
        framing(begin + encode_pdu(4, value(1, 0, b"")) * 1002).read_message()


def test_what_a_sink_raises_comes_through():
    class Broken:
        def write(self, content):
            raise OSError("full")

    body = value(1, 3, encode_command(WITH)) + value(1, 2, b"ab")
    with pytest.raises(OSError, match="full"):
        framing(encode_pdu(4, body)).read_message(lambda context, command: Broken())


def test_end_of_the_association():
    with pytest.raises(PeerReleased) as caught:
        framing(encode_pdu(5)).read_message()
    assert caught.value.reason == "closed"
    with pytest.raises(NetworkError) as caught:
        framing(encode_pdu(7, b"\0\0\2\6")).read_message()
    assert caught.value.reason == "aborted"
    with pytest.raises(NetworkError) as caught:
        framing(encode_pdu(7, b"\0\0\2\6")).read_pdu()
    assert caught.value.reason == "aborted"
    with pytest.raises(NetworkError) as caught:
        framing(encode_pdu(6)).read_message()
    assert caught.value.reason == "bad-answer"


def test_read_pdu_takes_the_rest_of_one_that_was_begun():
    body = value(1, 3, encode_command(WITHOUT)) + value(1, 3, encode_command(WITHOUT))
    one = framing(encode_pdu(4, body) + encode_pdu(6))
    one.read_message()
    assert one.read_pdu() == (4, value(1, 3, encode_command(WITHOUT)))
    assert one.read_pdu() == (6, bytes(4))


def test_file_that_ends_too_early():
    with pytest.raises(EOFError):
        framing().send_message(1, WITH, io.BytesIO(b"ab"), 10)


@given(st.binary(max_size=300))
def test_any_bytes(content):
    one = framing(content, step=5)
    with pytest.raises(NetworkError):
        while True:
            one.read_message(lambda context, command: io.BytesIO())
