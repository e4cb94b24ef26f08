"""Frames fetched once, ahead of the eye, within bounds; whole files where there are none."""

from __future__ import annotations

import socket
import threading
import urllib.request
from dataclasses import replace

import pydicom
import pytest
from tests.servers import PATIENCE

from napari_dicomdb.database.private_folders import copies_folder, remove_abandoned
from napari_dicomdb.dicom.streamed import COMING, FetchedFrame, WholeFile, waiting_allowed
from napari_dicomdb.errors import Cancelled, NetworkError
from napari_dicomdb.network.frame_stream import FrameStream, InstanceFrames, encoded_cache
from napari_dicomdb.network.node import Limits


@pytest.fixture
def numbers(scripted, answer):
    """A server whose frame n of instance 1.5 is 1000 bytes of n."""

    def answering(request):
        number = int(request.line.split()[1].rpartition("/")[2])
        part = b"--b\r\nContent-Type: application/octet-stream\r\n\r\n" + bytes([number]) * 1000
        return answer(part + b"\r\n--b--", kind="multipart/related; boundary=b")

    return scripted(answering)


@pytest.fixture
def stream(numbers):
    made = FrameStream(numbers.node, "1.2", "1.3")
    made.set_order([("1.5", n) for n in range(40)])
    yield made
    made.close()


def wait_for(stream, is_so) -> None:
    """Wait for what arrives until something is so."""
    arrived = threading.Event()
    stream.on_arrived.append(arrived.set)
    while not is_so():
        assert arrived.wait(PATIENCE)
        arrived.clear()


def test_a_frame_is_fetched_once(stream, numbers) -> None:
    stream.fetches_ahead = False
    for _ in range(3):
        came = stream.fetch("1.5", 7)
        assert came == FetchedFrame(bytes([8]) * 1000, "1.2.840.10008.1.2.1")
    assert [r.line.split()[1] for r in numbers.requests] == [
        "/rs/studies/1.2/series/1.3/instances/1.5/frames/8"
    ]
    assert InstanceFrames(stream, "1.5").fetch(7) == came


def test_neighbours_are_fetched_ahead(stream) -> None:
    stream.fetch("1.5", 20)
    wait_for(stream, lambda: all(stream.has(n) for n in range(18, 27)))
    assert not stream.has(30)
    assert not stream.has(17)
    stream.fetch("1.5", 19)  # the other way
    wait_for(stream, lambda: all(stream.has(n) for n in range(13, 22)))


def test_what_is_kept_is_bounded(stream, monkeypatch) -> None:
    monkeypatch.setattr(encoded_cache(), "limit", 5_500)
    stream.fetches_ahead = False
    for n in range(20):
        stream.fetch("1.5", n)
    assert encoded_cache().nbytes <= 5_500
    assert [n for n in range(40) if stream.has(n)] == [15, 16, 17, 18, 19]
    assert isinstance(stream.fetch("1.5", 0), FetchedFrame)
    assert stream.fetched == 21


def test_many_threads_share_one_request(stream, numbers) -> None:
    stream.fetches_ahead = False
    threads = [threading.Thread(target=stream.fetch, args=("1.5", 3)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(numbers.requests) == 1


def test_a_server_without_frames_gives_whole_files(web, reference_data, scripted, answer) -> None:
    path = reference_data / "bad" / "MR_small.dcm"
    web.add(path)
    dataset = pydicom.dcmread(path)
    uid = dataset.SOPInstanceUID

    def answering(request):
        if "/frames/" in request.line:
            return answer("", "501 Not Implemented")
        url = f"{web.url}/dicom-web{request.line.split()[1].removeprefix('/rs')}"
        asked = urllib.request.Request(url, headers={"Accept": request.headers["accept"]})
        with urllib.request.urlopen(asked, timeout=20) as got:
            return answer(got.read(), kind=got.headers["Content-Type"])

    server = scripted(answering)
    stream = FrameStream(server.node, dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
    stream.set_order([(uid, 0)])
    for _ in range(2):
        found = stream.fetch(uid, 0)
        assert isinstance(found, WholeFile)
        assert found.description.rows == dataset.Rows
    assert len(server.requests) == 2
    stream.close()
    assert not stream.folder.exists()


def test_a_server_that_is_away_is_not_asked_at_every_look(scripted) -> None:
    server = scripted(lambda request: b"")  # closes without a word
    stream = FrameStream(server.node, "1.2", "1.3")
    stream.set_order([("1.5", n) for n in range(40)])
    for n in range(20):
        with pytest.raises(NetworkError) as caught:
            stream.fetch("1.5", n)
        assert caught.value.reason == "closed"
    assert len(server.requests) == 2  # once, and once more
    stream.close()


def test_the_end_cancels_what_is_under_way(numbers) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(PATIENCE)
    url = f"http://127.0.0.1:{server.getsockname()[1]}/"
    node = replace(numbers.node, url=url, limits=Limits())
    stream = FrameStream(node, "1.2", "1.3")
    stream.set_order([("1.5", 0)])
    caught: list[BaseException] = []

    def look() -> None:
        try:
            stream.fetch("1.5", 0)
        except (Cancelled, NetworkError) as error:
            caught.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    client, _ = server.accept()
    with server, client:
        client.settimeout(PATIENCE)
        assert client.recv(3) == b"GET"  # it is asked, and does not answer
        stream.close()
        thread.join(PATIENCE)
    assert len(caught) == 1


def test_the_window_does_not_wait_but_is_told(stream, numbers) -> None:
    told = threading.Event()
    stream.on_arrived.append(told.set)
    stream.always_waits = False
    with pytest.raises(NetworkError) as caught:
        stream.fetch("1.5", 11)  # pytest runs in the main thread, as a window does
    assert caught.value.reason == COMING
    assert told.wait(PATIENCE)
    wait_for(stream, lambda: stream.has(11))
    assert stream.fetch("1.5", 11) == FetchedFrame(bytes([12]) * 1000, "1.2.840.10008.1.2.1")
    with waiting_allowed(True):
        assert stream.fetch("1.5", 35).content == bytes([36]) * 1000


def test_headers_lie_where_the_next_database_removes_what_a_killed_process_left(numbers) -> None:
    stream = FrameStream(numbers.node, "1.2", "1.3")
    assert stream.folder.is_relative_to(copies_folder())
    assert remove_abandoned() == 0
    assert stream.folder.is_dir()
    stream.close()
    assert list(copies_folder().iterdir()) == []
