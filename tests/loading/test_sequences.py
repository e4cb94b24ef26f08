from __future__ import annotations

import numpy as np
import pytest

from napari_dicomdb.loading.sequences import frame_times


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"FrameTime": 50}, [0, 0.05, 0.1]),
        ({"FrameTimeVector": [0, 40, 60]}, [0, 0.04, 0.1]),
        ({"CineRate": 25}, [0, 0.04, 0.08]),
        ({"RecommendedDisplayFrameRate": 10}, [0, 0.1, 0.2]),
        ({"FrameTime": 0}, None),
        ({"FrameTimeVector": [0, 40]}, None),
        ({}, None),
    ],
)
def test_frame_times(series, records, attributes, expected):
    ds = series.header(Modality="US", NumberOfFrames=3, **attributes)
    series.write(ds, np.zeros((3, 4, 4), np.uint8))
    times = frame_times(records(series.paths)[0])
    assert times == (expected if expected is None else pytest.approx(expected))
