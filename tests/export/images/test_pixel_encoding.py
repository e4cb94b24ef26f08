"""Each compression against pydicom's own decoders; see exporters/test_image.py for whole files."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import pixel_array

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.images.pixel_encoding import COMPRESSION_NAMES, COMPRESSIONS, set_pixels


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize(
    ("dtype", "shape"),
    [(dtype, shape) for dtype in ("u1", "u2", "i2") for shape in ((3, 5), (1, 1))]
    + [(dtype, (4, 4, 3)) for dtype in ("u1", "u2")],  # colours have no sign
)
def test_pixels_come_back(dtype: str, shape: tuple[int, ...], compression: str) -> None:
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(3)
    frames = [rng.integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)
              for _ in range(3)]  # fmt: skip
    made = Dataset()
    syntax = set_pixels(made, frames, compression)
    made.NumberOfFrames = 3
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    np.testing.assert_array_equal(pixel_array(made), np.stack(frames))
    assert len(made.PixelData) % 2 == 0
    assert syntax == COMPRESSIONS[compression]


def test_what_cannot_be_encoded_is_said() -> None:
    with pytest.raises(ExportError, match="use one of none"):
        set_pixels(Dataset(), [np.zeros((2, 2), np.uint8)], "jpeg")
    with pytest.raises(ExportError) as error:
        set_pixels(Dataset(), [np.broadcast_to(np.uint8(0), (70000, 1))], "none")
    assert error.value.reason == "too-large"
    huge = [np.broadcast_to(np.uint16(0), (60000, 60000))]
    with pytest.raises(ExportError, match="4 GB"):
        set_pixels(Dataset(), huge, "none")
    assert COMPRESSION_NAMES.keys() == COMPRESSIONS.keys()
