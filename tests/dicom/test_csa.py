"""CSA headers against nibabel's reader, real ones, and whatever else may be in the bytes."""

from __future__ import annotations

import importlib
import struct
import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dicomdb.dicom.csa import CSA_KEYWORDS, csa_elements, csa_values, is_csa_wanted
from napari_dicomdb.dicom.header import scan_file
from napari_dicomdb.dicom.keywords import CSA_HEADER

PREFIX = "SIEMENS_CSA_"


@pytest.fixture(scope="module")
def csareader() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nibabel calls its DICOM readers experimental
        return importlib.import_module("nibabel.nicom.csareader")


def old_header(elements: dict[str, list[str]], first_items: int = 6) -> bytes:
    """A CSA1 header: no magic, lengths counted from the items of the first element."""
    raw = struct.pack("<LL", len(elements) + 1, 77)
    for name, values in {"First": ["x"], **elements}.items():
        items = first_items if name == "First" else len(values)
        vr = b"CS" if name == "DiffusionDirectionality" else b"FD"
        raw += struct.pack("<64sl4slll", name.encode(), len(values), vr, 4, items, 77)
        texts = [*values, *[""] * (items - len(values))]
        for text in texts:
            data = text.encode() + b"\0" if text else b""
            raw += struct.pack("<llll", len(data) + first_items, len(data), 77, len(data))
            raw += data + b"\0" * (-len(data) % 4)
    return raw


def test_old_and_new_headers_say_the_same(csa_header, csareader) -> None:
    elements = {
        "EchoLinePosition": ["32", "32"],
        "NumberOfImagesInMosaic": ["36"],
        "SliceNormalVector": ["0.0", "-0.15988136", "-0.98713624"],
        "DiffusionDirectionality": ["DIRECTIONAL"],
        "B_value": [],
    }
    expected = {
        "NumberOfImagesInMosaic": ["36"],
        "SliceNormalVector": ["0.0", "-0.15988136", "-0.98713624"],
        "DiffusionDirectionality": ["DIRECTIONAL"],
    }
    new, old = csa_header(elements), old_header(elements)
    assert csa_elements(new) == csa_elements(old) == expected
    assert csa_values(new) == {
        f"{PREFIX}NumberOfImagesInMosaic": 36,
        f"{PREFIX}SliceNormalVector": [0, -0.15988136, -0.98713624],
        f"{PREFIX}DiffusionDirectionality": "DIRECTIONAL",
    }
    # nibabel 5 stumbles over CSA1 headers; the rule of their lengths is that of SPM.
    theirs = csareader.read(new)["tags"]
    assert theirs["SliceNormalVector"]["items"] == [0.0, -0.15988136, -0.98713624]


def test_nibabels_own_headers(csareader) -> None:
    folder = Path(csareader.__file__).parent / "tests" / "data"
    samples = sorted(folder.glob("csa2_b*.bin"))
    if not samples:
        pytest.skip("this nibabel comes without its test data")
    for sample in samples:
        raw = sample.read_bytes()
        theirs = csareader.read(raw)["tags"]
        ours = csa_values(raw)
        for name in CSA_KEYWORDS:
            items = theirs[name]["items"]
            got = ours.get(f"{PREFIX}{name}", [])
            got = got if isinstance(got, list) else [got]
            if CSA_KEYWORDS[name]:
                assert got == pytest.approx(items, abs=0.006), name
            else:
                assert got == items, name


def test_real_mosaics_as_nibabel_reads_them(reference_data, csareader) -> None:
    for series in (
        "mosaic/dcm_qa_mosaic__2_ep2d_Asc",
        "mosaic/dcm_qa_mosaic__5_ep2d_Int_HF",
        "4d_fmri/dcm_qa_nih__EPI_PEAP_3",
    ):
        path = sorted((reference_data / series / "dicom").iterdir())[0]
        theirs = csareader.get_csa_header(pydicom.dcmread(path))
        for by in ("walker", "pydicom"):
            values = scan_file(path, by=by).values
            assert values[f"{PREFIX}NumberOfImagesInMosaic"] == csareader.get_n_mosaic(theirs)
            assert values[f"{PREFIX}SliceNormalVector"] == pytest.approx(
                list(csareader.get_slice_normal(theirs))
            )
            times = theirs["tags"]["MosaicRefAcqTimes"]["items"]
            assert values[f"{PREFIX}MosaicRefAcqTimes"] == pytest.approx(times, abs=0.006)
            assert CSA_HEADER not in values


def test_only_images_that_need_it_are_looked_into() -> None:
    assert is_csa_wanted("ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC")
    assert is_csa_wanted("ORIGINAL\\PRIMARY\\DIFFUSION\\NONE")
    assert not is_csa_wanted("ORIGINAL\\PRIMARY\\M\\NORM")
    assert not is_csa_wanted(None)


def test_values_that_are_no_numbers_are_left_out(csa_header) -> None:
    raw = csa_header({"B_value": ["much"], "SliceNormalVector": ["0", "nan", "1"], "Rows": ["3"]})
    assert csa_values(raw) == {}


def test_lists_end_where_their_multiplicity_says(csa_header) -> None:
    raw = csa_header({"B_value": ["700", "1", "2"]}, multiplicity=1)
    assert csa_values(raw) == {f"{PREFIX}B_value": 700}


def test_what_is_cut_off_keeps_what_came_before(csa_header) -> None:
    raw = csa_header({"B_value": ["700"], "SliceNormalVector": ["0", "0", "1"]})
    seen = [csa_values(raw[:length]) for length in range(len(raw) + 1)]
    assert seen[-1].keys() == {f"{PREFIX}B_value", f"{PREFIX}SliceNormalVector"}
    assert seen[0] == {}
    sizes = [len(values) for values in seen]
    assert sizes == sorted(sizes)


@given(st.binary(max_size=600), st.booleans(), st.integers(0, 2**32 - 1))
def test_any_bytes_are_survived(data: bytes, new: bool, count: int) -> None:
    raw = (b"SV10\4\3\2\1" if new else b"") + struct.pack("<LL", count, 77) + data
    assert isinstance(csa_values(raw), dict)


@given(st.data())
def test_damaged_headers_are_survived(data: st.DataObject) -> None:
    raw = bytearray(old_header({"B_value": ["700"], "SliceNormalVector": ["0", "0", "1"]}))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(csa_values(bytes(raw)), dict)
