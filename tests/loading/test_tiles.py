"""Arrays of tiles against the numpy array that was cut up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dicomdb.errors import PixelError
from napari_dicomdb.loading.frame_cache import FrameCache
from napari_dicomdb.loading.lazy import LazyArray
from napari_dicomdb.loading.reading import ReadProblems
from napari_dicomdb.loading.tiles import TiledArray

ROWS, COLUMNS, TILE = 23, 31, (8, 10)


class Cut:
    """Tiles of an array, in order, as a reader of frames."""

    def __init__(self, whole: np.ndarray, broken: tuple[int, ...] = ()) -> None:
        self.frame_shape = (*TILE, *whole.shape[3:])
        self.dtype, self.fill, self.problems = whole.dtype, 0, ReadProblems()
        self.reads: list[int] = []
        self.broken = broken
        self.place: list[tuple[int, int, int]] = []
        self.tiles = []
        for k, plane in enumerate(whole):
            for top in range(0, whole.shape[1], TILE[0]):
                for left in range(0, whole.shape[2], TILE[1]):
                    tile = np.full(self.frame_shape, 77, whole.dtype)
                    part = plane[top : top + TILE[0], left : left + TILE[1]]
                    tile[: part.shape[0], : part.shape[1]] = part
                    self.tiles.append(tile)
                    self.place.append((k, top, left))

    def __len__(self) -> int:
        return len(self.tiles)

    def read(self, index, out=None):
        self.reads.append(index)
        if index in self.broken:
            raise PixelError("no such tile")
        return self.tiles[index].copy()


def tiled(shape=(1, ROWS, COLUMNS), leading=(), **options):
    whole = np.random.default_rng(0).integers(0, 250, shape).astype(np.uint8)
    cut = Cut(whole, **options)
    lazy = LazyArray(cut, cache=FrameCache(1 << 24))
    array = TiledArray(lazy, np.array(cut.place), leading, ROWS, COLUMNS, background=9)
    return whole, cut, array


WHOLE, _, ARRAY = tiled()
indices = st.one_of(
    st.integers(-ROWS, ROWS - 1),
    st.slices(ROWS),
    st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=5),
)


@settings(max_examples=150, deadline=None)
@given(rows=st.one_of(st.integers(-ROWS, ROWS - 1), st.slices(ROWS)), columns=indices)
def test_any_index_gives_what_numpy_gives(rows, columns):
    np.testing.assert_array_equal(ARRAY[rows, columns], WHOLE[0][rows, columns])


def test_all_of_it_with_colour_and_planes():
    whole, _, array = tiled((6, ROWS, COLUMNS, 3), (2, 3))
    planes = whole.reshape(2, 3, ROWS, COLUMNS, 3)
    assert (array.shape, array.ndim, len(array)) == (planes.shape, 5, 2)
    assert (array.size, array.nbytes) == (planes.size, planes.nbytes)
    np.testing.assert_array_equal(np.asarray(array), planes)
    np.testing.assert_array_equal(array[1, ..., 3:9, 2], planes[1, ..., 3:9, 2])
    np.testing.assert_array_equal(array[:, 2], planes[:, 2])
    np.testing.assert_array_equal(array.plane(1), planes[1])
    np.testing.assert_array_equal(array.plane(1).plane(2)[4:5], planes[1, 2, 4:5])
    assert np.asarray(array, dtype=np.float32).dtype == np.float32


def test_only_tiles_in_view_are_read_and_once():
    _, cut, array = tiled()
    array[3:9, 11:19]
    assert sorted(cut.reads) == [1, 5]
    array[0:16, 10:20]
    assert sorted(cut.reads) == [1, 5]


def test_where_there_is_no_tile_there_is_background():
    whole, cut, _ = tiled()
    kept = [k for k in range(len(cut)) if k != 1]
    cut.tiles, cut.place = [cut.tiles[k] for k in kept], [cut.place[k] for k in kept]
    array = TiledArray(LazyArray(cut), np.array(cut.place), (), ROWS, COLUMNS, background=9)
    wanted = whole[0].copy()
    wanted[0:8, 10:20] = 9
    np.testing.assert_array_equal(array[...], wanted)


def test_a_tile_that_cannot_be_read_is_told():
    whole, _, array = tiled(broken=(0,))
    np.testing.assert_array_equal(array[8:], whole[0][8:])
    assert not array.findings
    assert (array[:8, :10] == 0).all()
    assert [f.code for f in array.findings] == ["undecodable-pixels"]


@pytest.mark.parametrize(
    ("key", "error"),
    [((None, 0), "takes numbers"), ((..., ...), "single ellipsis"), ((0, 0, 0), "too many")],
)
def test_indices_that_make_no_sense_are_refused(key, error):
    with pytest.raises(IndexError, match=error):
        ARRAY[key]
    with pytest.raises(IndexError):
        ARRAY[ROWS]
    with pytest.raises(IndexError, match="one plane"):
        ARRAY.plane(0)
    with pytest.raises(ValueError, match="no memory to share"):
        ARRAY.__array__(copy=False)
    assert repr(ARRAY) == "TiledArray(shape=(23, 31), dtype=uint8)"
