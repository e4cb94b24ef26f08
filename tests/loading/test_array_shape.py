from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.loading.array_shape import ArrayShape


@pytest.mark.parametrize("shape", [(3, 4, 5), (7,), (0, 2), (1 << 20, 1 << 20, 1 << 20)])
def test_as_numpy_says(shape: tuple[int, ...]) -> None:
    array = ArrayShape()
    array.shape, array.dtype = shape, np.dtype(np.uint16)
    numpy = np.broadcast_to(np.uint16(0), shape) if max(shape) < 100 else None
    assert (array.ndim, len(array)) == (len(shape), shape[0])
    if numpy is None:
        assert (array.size, array.nbytes) == (1 << 60, 1 << 61)  # no overflow
    else:
        assert (array.size, array.nbytes) == (numpy.size, numpy.size * 2)
    assert repr(array) == f"ArrayShape(shape={shape}, dtype=uint16)"
