"""Archives go into private blocks and out again without being held in memory."""

import tracemalloc

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from napari_dicomdb.errors import Cancelled, LoadError
from napari_dicomdb.export.scenes import private_block
from napari_dicomdb.export.scenes.private_block import archive_in, hide_archive


def _object(archive, path, syntax=ExplicitVRLittleEndian):
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    hide_archive(made, archive, lambda: None)
    made.ensure_file_meta()
    made.file_meta.TransferSyntaxUID = syntax
    made.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(np.random.default_rng(0).bytes(4 * 2**20 + 1))
    return path


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_in_parts_and_back(archive, tmp_path, monkeypatch, syntax):
    monkeypatch.setattr(private_block, "CHUNK", 2**20)
    path = _object(archive, tmp_path / "x.dcm", syntax)
    read = dcmread(path)
    assert [len(read[0x0099, 0x1010 + k].value) for k in range(5)] == [2**20] * 4 + [2]
    with archive_in(path) as found:
        assert found.read() == archive.read_bytes()


def test_no_more_than_a_part_is_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(private_block, "CHUNK", 2**20)
    monkeypatch.setattr(private_block, "_IN_MEMORY", 2**20)
    large = tmp_path / "large"
    large.write_bytes(bytes(40 * 2**20))
    tracemalloc.start()
    path = _object(large, tmp_path / "x.dcm")
    archive_in(path).close()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 12 * 2**20


def test_stopped_between_parts(archive, monkeypatch):
    monkeypatch.setattr(private_block, "CHUNK", 2**20)
    told = []

    def stop():
        told.append(1)
        if len(told) == 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        hide_archive(Dataset(), archive, stop)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_ends_too_early(archive, tmp_path, at):
    path = _object(archive, tmp_path / "x.dcm")
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * at)])
    with pytest.raises((LoadError, OSError, EOFError, ValueError)):
        archive_in(path).close()
