from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dicomdb.errors import LoadError, NetworkError, PixelError
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.lazy import FrameCache, LazyArray, frame_cache
from napari_dicomdb.loading.reading import ReadProblems


class Stub:
    """Frames from an array; counts what is read."""

    def __init__(self, array, broken=()):
        self.array, self.broken = array, set(broken)
        self.frame_shape, self.dtype, self.fill = array.shape[1:], array.dtype, -7
        self.problems = ReadProblems()
        self.reads: list[int] = []
        self._lock = Lock()

    def __len__(self):
        return len(self.array)

    def read(self, index, out=None):
        with self._lock:
            self.reads.append(index)
        if index in self.broken:
            raise PixelError(f"file {index}: broken", reason="bad-pixels")
        return self.array[index].copy()


def lazy(shape=(9, 6, 5), **options):
    array = np.random.default_rng(0).integers(-99, 99, shape).astype(np.int16)
    stub = Stub(array, options.pop("broken", ()))
    return array, stub, LazyArray(stub, cache=options.pop("cache", FrameCache(1 << 20)))


part = st.one_of(
    st.integers(-5, 4),
    st.slices(5),
    st.just(slice(None)),
    st.lists(st.integers(-5, 4), max_size=4),
)


@given(key=st.lists(st.one_of(st.integers(-5, 4), st.slices(5)), max_size=3), dots=st.booleans())
@settings(max_examples=150, deadline=None)
def test_it_indexes_like_numpy(key, dots):
    array, _, view = lazy((5, 5, 5))
    key = tuple(key)
    if dots:
        key = (*key[:1], ..., *key[1:])
    expected = array[key]
    assert np.array_equal(view[key], expected)
    assert np.asarray(view[key]).shape == expected.shape


def test_lists_of_slices_and_whole(series):
    array, _, view = lazy()
    assert np.array_equal(view[[3, 1, 3]], array[[3, 1, 3]])
    assert np.array_equal(view[:, 2, :], array[:, 2, :])
    assert np.array_equal(np.asarray(view), array)
    assert np.asarray(view, dtype=np.float32).dtype == np.float32
    assert (view.shape, view.ndim, view.size, view.dtype) == (array.shape, 3, 270, np.int16)
    assert view.nbytes == array.nbytes
    assert np.min(view) == array.min()
    assert len(view) == 9
    for bad in ((0, 0, 0, 0), (None, 0), (..., ...)):
        with pytest.raises(IndexError):
            view[bad]
    with pytest.raises(IndexError):
        view[9]
    with pytest.raises(ValueError, match="copy"):
        np.asarray(view, copy=False)


def test_one_slice_is_one_read_and_only_the_first_time():
    array, stub, view = lazy()
    assert np.array_equal(view[4], array[4])
    assert np.array_equal(view[4:5], array[4:5])
    assert view[4, 1, 1] == array[4, 1, 1]
    assert stub.reads == [4]


def test_a_coronal_plane_reads_all_once():
    array, stub, view = lazy()
    assert np.array_equal(view[:, 3, :], array[:, 3, :])
    assert np.array_equal(view[:, 1, ::2], array[:, 1, ::2])
    assert sorted(stub.reads) == list(range(9))


def test_the_cache_is_bounded():
    cache = FrameCache(3 * 60)  # three frames of 6 x 5 int16
    array, stub, view = lazy(cache=cache)
    for k in range(9):
        view[k]
        assert cache.nbytes <= 180
    view[8], view[7]
    assert stub.reads == list(range(9))  # the last ones are still there
    view[0]
    assert stub.reads[-1] == 0
    # More than the cache holds goes past it, and leaves what is in it alone.
    assert np.array_equal(np.asarray(view), array)
    before = len(stub.reads)
    view[0]
    assert len(stub.reads) == before


def test_frames_are_dropped_with_the_array():
    cache = FrameCache(1 << 20)
    _, _, view = lazy(cache=cache)
    view[:]
    assert cache.nbytes > 0
    del view
    assert cache.nbytes == 0


def test_what_it_gives_out_of_the_cache_cannot_be_spoiled():
    _, _, view = lazy()
    with pytest.raises(ValueError, match="read-only"):
        view[2][0, 0] = 1


def test_many_threads_at_once_read_each_frame_once():
    array, stub, view = lazy((40, 8, 8))
    barrier = Barrier(8)

    def look(seed):
        barrier.wait()
        order = np.random.default_rng(seed).permutation(40)
        return all(np.array_equal(view[k], array[k]) for k in order.tolist())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, range(8)))
    assert sorted(stub.reads) == list(range(40))


def test_leading_axes_and_holes():
    array, stub, _ = lazy((6, 4, 3))
    index = np.array([[0, 1, 2], [3, -1, 5]])
    view = LazyArray(stub, index, cache=FrameCache(1 << 20))
    full = array[[[0, 1, 2], [3, 0, 5]]]
    full[1, 1] = -7
    assert view.shape == (2, 3, 4, 3)
    assert np.array_equal(np.asarray(view), full)
    assert np.array_equal(view[1, :, 2], full[1, :, 2])
    assert np.array_equal(view[:, 0, ..., 1], full[:, 0, ..., 1])
    single = LazyArray(stub, np.array(2), cache=FrameCache(1 << 20))
    assert single.shape == (4, 3)
    assert np.array_equal(single[1:], array[2, 1:])
    assert np.array_equal(np.asarray(single), array[2])


def test_a_broken_frame_is_filled_and_told_once(caplog):
    array, _, view = lazy(broken=[3])
    assert (view[3] == -7).all()
    assert "bad-pixels" in caplog.text
    assert "file 3" not in caplog.text  # its name may be a patient's
    view[3]
    assert np.array_equal(view[2], array[2])
    (finding,) = view.findings
    assert finding.numbers["frames"] == ["slice 4"]


def test_probe_finds_out_whether_anything_can_be_read():
    lazy(broken=[4])[2].probe()
    with pytest.raises(LoadError, match="broken") as caught:
        lazy(broken=range(9))[2].probe()
    assert caught.value.reason == "bad-pixels"


def test_every_reference_series_is_the_same_lazily(reference_data, records):
    for folder in sorted((reference_data / "mr_vendors").iterdir()):
        if not folder.is_dir():
            continue
        for loadable in examine(records((folder / "dicom").iterdir())):
            if loadable.loader.name == "diffusion-maps":
                continue  # computed when loaded
            now, then = loadable.load(lazy=False), loadable.load(lazy=True)
            assert isinstance(then.array, LazyArray)
            assert then.dtype == now.dtype
            assert then.shape == now.shape == loadable.shape
            k = now.shape[0] // 2
            assert np.array_equal(then.array[k], now.array[k])
            assert np.array_equal(then.array[..., 5, :], now.array[..., 5, :])
            assert np.array_equal(then.numpy(), now.array)


def test_the_shared_cache_is_bounded_by_the_machine():
    assert 256 << 20 <= frame_cache().limit <= 4 << 30
    assert frame_cache() is frame_cache()


def test_a_frame_that_a_server_did_not_give_is_asked_for_again():
    array, stub, view = lazy()
    read, is_up = stub.read, False

    def fetch(index, out=None):
        if index == 4 and not is_up:
            raise NetworkError("the server is away", reason="timeout")
        return read(index, out)

    stub.read = fetch
    assert (view[4] == -7).all()
    assert (view[4] == -7).all()
    np.testing.assert_array_equal(view[3], array[3])
    (finding,) = view.findings
    assert "the server is away" in finding.text
    assert finding.numbers == {"frames": ["slice 5"], "reason": "timeout"}
    is_up = True
    np.testing.assert_array_equal(view[4], array[4])
    assert view.findings == ()


def test_a_broken_frame_stays_told_when_another_comes_back():
    _, stub, view = lazy(broken=[2])
    view[2]
    stub.problems.forget("slice 9")
    assert len(view.findings) == 1
    stub.problems.forget("slice 3")
    assert view.findings == ()
