"""What a worker of a cluster is asked to do."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import napari_dicomdb
from napari_dicomdb.database import cluster_tasks
from napari_dicomdb.database.scanning import Refused, Scanned, scan_paths


def scanned(paths: list[Path], sizes: list[int]) -> Scanned:
    task = pickle.dumps([([str(path) for path in paths], sizes)])
    (answer,) = pickle.loads(cluster_tasks.scan_chunks(cluster_tasks.fingerprint(), task))
    result: Scanned = pickle.loads(answer)
    return result


def test_it_scans_as_a_worker_of_our_own(
    tmp_path: Path, write_series: Callable[..., list[Path]]
) -> None:
    paths = write_series(tmp_path, 3)
    sizes = [path.stat().st_size for path in paths]
    expected = scan_paths([str(path) for path in paths], sizes)
    found = scanned(paths, sizes)
    assert found.accepted == expected.accepted
    assert [group.series for group in found.groups] == [g.series for g in expected.groups]


def test_another_file_under_the_same_path_is_not_taken_for_it(
    tmp_path: Path, write_series: Callable[..., list[Path]]
) -> None:
    paths = write_series(tmp_path, 2)
    found = scanned([*paths, tmp_path / "gone"], [paths[0].stat().st_size, 17, 5])
    assert found.files[0] == 0
    assert [entry.reason for entry in found.files if isinstance(entry, Refused)] == [
        "worker-cannot-see",
        "vanished",
    ]


def test_a_worker_with_another_version_reads_nothing() -> None:
    version, scan, kept = cluster_tasks.fingerprint()
    assert version == napari_dicomdb.__version__
    with pytest.raises(cluster_tasks.OtherVersion):
        cluster_tasks.scan_chunks((version, scan + 1, kept), b"not even a pickle")


def test_what_is_seen(tmp_path: Path) -> None:
    assert cluster_tasks.seen([str(tmp_path), str(tmp_path / "none")]) == [True, False]
