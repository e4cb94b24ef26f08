"""Overlays go whole, or lose what they say."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from napari_dicomdb.export.deidentification.overlays import drop_overlays


def _overlays() -> Dataset:
    dataset = Dataset()
    for group, kind in ((0x6000, "G"), (0x6002, "R "), (0x601E, "R")):
        dataset.add_new(group << 16 | 0x10, "US", 8)
        dataset.add_new(group << 16 | 0x22, "LO", "CANARY")
        dataset.add_new(group << 16 | 0x40, "CS", kind)
        dataset.add_new(group << 16 | 0x1500, "LO", "CANARY")
        dataset.add_new(group << 16 | 0x3000, "OW", b"\0\1")
    dataset.add_new(0x60040022, "LO", "CANARY")
    dataset.Rows = 8
    return dataset


@pytest.mark.parametrize("keep", [False, True])
def test_regions_stay_without_words(keep: bool) -> None:
    dataset = _overlays()
    effects = list(drop_overlays(dataset, keep_regions=keep))
    assert "CANARY" not in str(dataset)
    assert dataset.Rows == 8
    groups = {tag.group for tag in dataset.keys()} - {0x28}  # noqa: SIM118
    assert groups == ({0x6002, 0x601E} if keep else set())
    assert effects.count((0x60000022, "removed")) == 4
    assert {action for _, action in effects} == {"removed"}
