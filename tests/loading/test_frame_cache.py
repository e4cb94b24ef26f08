"""Frames are read once for all who wait, and no more are held than was agreed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from napari_dicomdb.errors import PixelError
from napari_dicomdb.loading.frame_cache import FrameCache


def frame(value: int) -> np.ndarray:
    return np.full(10, value, np.int16)  # 20 bytes


def test_the_least_recently_used_go_first() -> None:
    cache = FrameCache(60)
    for k in range(3):
        cache.get((0, k), lambda k=k: frame(k))
    cache.get((0, 0), lambda: pytest.fail("it is there"))
    cache.get((0, 3), lambda: frame(3))
    assert cache.nbytes == 60
    read = []
    for k in (0, 2, 3, 1):
        cache.get((0, k), lambda k=k: read.append(k) or frame(k))
    assert read == [1]
    assert [(0, k) in cache for k in range(4)] == [False, True, True, True]


def test_what_is_too_large_is_given_and_not_held() -> None:
    cache = FrameCache(10)
    assert cache.get((0, 0), lambda: frame(7))[0] == 7
    assert cache.nbytes == 0


def test_all_who_wait_get_the_one_that_is_read() -> None:
    cache, barrier, read = FrameCache(1 << 10), Barrier(8), []

    def look(_: int) -> np.ndarray:
        barrier.wait()
        return cache.get((0, 0), lambda: read.append(1) or frame(1))

    with ThreadPoolExecutor(8) as pool:
        frames = list(pool.map(look, range(8)))
    assert len(read) == 1
    assert all(one is frames[0] for one in frames)


def test_a_failure_is_told_and_not_remembered() -> None:
    cache = FrameCache(1 << 10)

    def broken() -> np.ndarray:
        raise PixelError("broken", reason="bad-pixels")

    with pytest.raises(PixelError):
        cache.get((0, 0), broken)
    assert cache.get((0, 0), lambda: frame(2))[0] == 2


def test_frames_of_one_owner_are_forgotten() -> None:
    cache = FrameCache(1 << 10)
    for owner in (1, 2):
        cache.get((owner, 0), lambda owner=owner: frame(owner))
    cache.forget(1)
    assert cache.nbytes == 20
    cache.get((2, 0), lambda: pytest.fail("it is there"))


def test_what_is_given_cannot_be_spoiled() -> None:
    with pytest.raises(ValueError, match="read-only"):
        FrameCache(1 << 10).get((0, 0), lambda: frame(1))[0] = 5


def test_the_garbage_collector_may_call_at_any_moment() -> None:
    """Also while this very thread holds the lock: it allocates there, which collects."""
    cache = FrameCache(1 << 10)
    cache.get((1, 0), lambda: frame(1))
    with cache._lock:
        cache.forget(1)
    assert cache.nbytes == 20
    cache.forget(2)
    assert cache.nbytes == 0
