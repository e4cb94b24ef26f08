from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading import examine
from napari_dicomdb.loading.content import document_of, read_content

PDF = b"%PDF-1.7 odd"  # 12 bytes, of which 11 count


@pytest.fixture
def document(tmp_path, records):
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.5"
    dataset.Modality = "DOC"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = PDF
    dataset.EncapsulatedDocumentLength = 11
    path = tmp_path / "letter.dcm"
    dataset.save_as(path, enforce_file_format=True)
    (record,) = records([path])
    return record


def test_a_loadable_without_an_image_shows_its_content(document):
    (only,) = examine([document])
    assert (only.kind, only.selected) == ("content", True)
    tree = only.content()
    assert tree.sop_instance_uid == document.uid
    assert {n.label: n.value for n in tree.nodes}["Kind"] == "application/pdf"


def test_the_document_comes_out_without_padding(document):
    assert document_of(document) == (PDF[:11], ".pdf")


def test_no_document_in_an_image(series, records):
    series.axial([0])
    (record,) = records(series.paths)
    with pytest.raises(LoadError, match="no document"):
        document_of(record)


def test_an_image_has_attributes_to_show(series, records):
    series.axial([0, 1])
    first = examine(records(series.paths))[0]
    labels = {n.label for n in first.content(1).nodes}
    assert {"Rows", "Image Position (Patient)"} <= labels


def test_a_file_that_is_gone_or_another(document):
    with pytest.raises(LoadError) as gone:
        read_content(replace(document, path=Path("nowhere.dcm")))
    assert gone.value.reason == "file-missing"
    with pytest.raises(LoadError) as other:
        read_content(replace(document, uid="9.9.9"))
    assert other.value.reason == "other-object"


def test_a_damaged_file_has_a_reason(document):
    document.path.write_bytes(document.path.read_bytes()[:150])
    with pytest.raises(LoadError, match=r"letter\.dcm"):
        read_content(document)
