"""A remote series looks like the imported one, and a server that goes away is said so."""

from __future__ import annotations

import gc
import threading
import urllib.request

import numpy as np
import pydicom
import pytest
from tests.servers import PATIENCE

from napari_dicomdb import Database
from napari_dicomdb.errors import Cancelled, LoadError, NetworkError
from napari_dicomdb.network import frame_stream
from napari_dicomdb.network.streaming import open_remote_series


@pytest.fixture
def local(reference_data):
    with Database.in_memory() as database:

        def load(*names):
            database.import_paths([reference_data / name for name in names], workers=0)
            return database

        yield load


SETS = [
    "mosaic",  # geometry from CSA headers, which are bulk data
    "enhanced",  # multi-frame, functional groups
    "compressed",
    "cine",  # JPEG, RLE with palettes, many frames
    "seg",  # one bit: whole files
    "parametric_map",  # floats: whole files
    "multiecho",
    "charset",
]


@pytest.mark.parametrize("name", SETS)
def test_equal_to_the_imported_series(web, local, name) -> None:
    database = local(name)
    assert database.send(database.patients(), web.node).stored
    compared = 0
    for study in database.studies():
        for series in database.series(study)[:4]:
            if not series.rows:
                continue
            offers = database.examine(series)
            remote = open_remote_series(web.node, study.uid, series.uid)
            if offers[0].kind == "content":
                continue  # a header alone, or a document
            told = [(o.name, o.kind, o.shape, o.confidence) for o in offers]
            assert [(o.name, o.kind, o.shape, o.confidence) for o in remote] == told
            ours, theirs = offers[0].load(), remote[0].load()
            assert theirs.dtype == ours.dtype
            assert theirs.dims == ours.dims
            np.testing.assert_array_equal(np.asarray(theirs.array), np.asarray(ours.array))
            # Segments take the grid of their image where that is here: the same but for rounding.
            place = 1e-5 if name == "seg" else 0
            np.testing.assert_allclose(
                theirs.geometry.affine, ours.geometry.affine, rtol=0, atol=place
            )
            assert theirs.units == ours.units
            compared += 1
    assert compared


@pytest.fixture
def phantom(web, phantom_paths):
    web.add(*phantom_paths)
    dataset = pydicom.dcmread(phantom_paths[0], stop_before_pixels=True)
    return dataset.StudyInstanceUID, dataset.SeriesInstanceUID


def stream_of(loadable):
    return loadable.instances[0].path.source.stream


def test_frames_come_when_they_are_looked_at(web, phantom) -> None:
    (loadable, *_) = open_remote_series(web.node, "", phantom[1])
    stream = stream_of(loadable)
    headers = list(stream.folder.iterdir())
    assert sum(path.stat().st_size for path in headers) < 64 * 64 * 2 * len(headers)
    volume = loadable.load()
    before = stream.fetched
    assert before <= 1 + 8  # that which was probed, and its neighbours
    assert volume.array[0].shape == (64, 64)
    np.asarray(volume.array)
    count = stream.fetched
    assert count == 10
    np.asarray(volume.array)
    assert stream.fetched == count


def test_nothing_is_left_when_nobody_looks_any_more(web, phantom) -> None:
    loadables = open_remote_series(web.node, *phantom)
    folder = stream_of(loadables[0]).folder
    assert folder.is_dir()
    del loadables
    gc.collect()
    assert not folder.exists()


def test_nothing_is_in_the_database(web, phantom, local) -> None:
    database = local()
    open_remote_series(web.node, *phantom)
    assert database.series() == []


def test_a_server_that_goes_away_and_comes_back(
    web, phantom, phantom_paths, scripted, answer, monkeypatch
) -> None:
    monkeypatch.setattr(frame_stream, "_COOL_DOWN", 0.0)
    is_up = True

    def answering(request):
        if not is_up:
            return b""  # closed without a word
        url = f"{web.url}/dicom-web{request.line.split()[1].removeprefix('/rs')}"
        asked = urllib.request.Request(url, headers={"Accept": request.headers["accept"]})
        with urllib.request.urlopen(asked, timeout=20) as got:
            return answer(got.read(), kind=got.headers["Content-Type"])

    (loadable, *_) = open_remote_series(scripted(answering).node, *phantom)
    stream = stream_of(loadable)
    volume = loadable.load()
    stream.fetches_ahead = False
    arrived = threading.Event()
    stream.on_arrived.append(arrived.set)
    while stream._coming:  # ahead of the eye
        assert arrived.wait(PATIENCE)
        arrived.clear()
    away = next(n for n in range(10) if not stream.has(n))
    is_up = False
    lost = np.asarray(volume.array[away])
    assert (lost == volume.array.frames.fill).all()
    (finding,) = volume.array.findings
    assert finding.numbers["reason"] == "closed"
    assert "closed the connection" in finding.text
    is_up = True
    back = np.asarray(volume.array[away])
    with Database.in_memory() as database:
        database.import_paths([phantom_paths[0].parent], workers=0)
        expected = database.load(phantom[1])
        np.testing.assert_array_equal(back, np.asarray(expected.array[away]))
    assert volume.array.findings == ()


def test_no_such_series(web) -> None:
    for study in ("", "1.2.3"):
        with pytest.raises(NetworkError) as caught:
            open_remote_series(web.node, study, "1.2.3.4")
        assert caught.value.reason == "not-found"


def test_no_server(web) -> None:
    with pytest.raises(NetworkError) as caught:
        open_remote_series(web.through(1), "1.2", "1.2.3")
    assert caught.value.reason == "refused"


def test_cancelled_while_headers_are_read(web, phantom) -> None:
    def progress(done, total, text):
        if text.startswith("Reading headers") and done == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        open_remote_series(web.node, *phantom, progress=progress)


def test_metadata_that_lie_refuse_the_instance_alone(scripted, answer) -> None:
    body = '[{"0020000E": {"vr": "UI", "Value": ["1.3"]}}, {"00080018": {"vr": "UI", "Value": 7}}]'
    server = scripted(lambda request: answer(body))
    with pytest.raises(LoadError) as caught:
        open_remote_series(server.node, "1.2", "1.3")
    assert caught.value.reason == "no-loader"
