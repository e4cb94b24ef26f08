"""Sheets of tiles: cut as the header says (DIF-3), or with what had to be assumed told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from napari_dicomdb.dicom.findings import FindingCode
from napari_dicomdb.loading import examine
from napari_dicomdb.loading import reading as reading_module
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.mosaics import Tiling, is_sheet, tilings_of

MR = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.4", "Modality": "MR"}
ROW = np.array([0.0, 1.0, 0.0])
COLUMN = np.array([math.sin(0.2), 0.0, -math.cos(0.2)])
NORMAL = np.cross(ROW, COLUMN)
FIRST = np.array([12.0, -30.0, 7.0])
SPACING = (2.0, 3.0)  # between rows, between columns
ROWS, COLUMNS = 4, 5
STEP = 2.5


@pytest.fixture
def mosaic(series, csa_header):
    """Write mosaics of slices whose pixels hold 1 + their number, and say where slice 0 is.

    `where` is the direction from slice to slice; `csa` and `block` leave private parts out.
    """

    def write(
        count: int = 7,
        *,
        where: int = 1,
        csa: bool = True,
        block: bool = True,
        creator: str = "SIEMENS MR HEADER",
        across: int = 0,
        **attributes,
    ):
        across = across or math.ceil(math.sqrt(count))
        sheet = np.zeros((ROWS * across, COLUMNS * across), np.uint16)
        for k in range(min(count, across**2)):
            down, beside = divmod(k, across)
            tile = sheet[down * ROWS :, beside * COLUMNS :][:ROWS, :COLUMNS]
            tile[...] = 1 + k + 100 * np.arange(ROWS)[:, None]
        # As Siemens writes it: the sheet as one slice around the same centre.
        corner = FIRST - ROW * SPACING[1] * (sheet.shape[1] - COLUMNS) / 2
        corner = corner - COLUMN * SPACING[0] * (sheet.shape[0] - ROWS) / 2
        header = {
            **MR,
            "ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"],
            "ImagePositionPatient": [f"{v:.9g}" for v in corner],
            "ImageOrientationPatient": [f"{v:.9g}" for v in (*ROW, *COLUMN)],
            "PixelSpacing": list(SPACING),
            "SpacingBetweenSlices": STEP,
            "SliceThickness": 2,
            **attributes,
        }
        ds = series.header(**header)
        if block:
            ds.private_block(0x19, creator, create=True).add_new(0x0A, "US", count)
        if csa:
            elements = {
                "NumberOfImagesInMosaic": [str(count)],
                "SliceNormalVector": [f"{v:.8f}" for v in where * NORMAL],
            }
            raw = csa_header(elements)
            ds.private_block(0x29, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", raw)
        return series.write(ds, sheet)

    return write


def only(found):
    (best, *rest) = found
    assert not any(one.selected for one in rest)
    return best


def expected_affine(where: int = 1) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, 0] = where * NORMAL * STEP
    affine[:3, 1], affine[:3, 2] = COLUMN * SPACING[0], ROW * SPACING[1]
    affine[:3, 3] = FIRST
    return affine


def codes(loadable) -> set[FindingCode]:
    return {finding.code for finding in loadable.findings}


def assumed(loadable) -> str:
    return " ".join(f.text for f in loadable.findings if f.code == FindingCode.MOSAIC_ASSUMED)


@pytest.mark.parametrize("lazy", [False, True])
def test_tiles_become_slices(mosaic, series, records, lazy) -> None:
    mosaic(7)
    best = only(examine(records(series.paths)))
    assert best.shape == (7, ROWS, COLUMNS)
    assert codes(best) == set()
    volume = best.load(lazy=lazy)
    array = np.asarray(volume.array)
    assert array[:, 0, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert array[2, :, 4].tolist() == [3, 103, 203, 303]
    np.testing.assert_allclose(volume.geometry.affine, expected_affine(), atol=1e-6)


def test_slices_that_go_against_the_normal(mosaic, series, records) -> None:
    mosaic(7, where=-1)
    volume = only(examine(records(series.paths))).load()
    # Sorted along the normal, as every stack: the last tile comes first.
    assert np.asarray(volume.array)[:, 0, 0].tolist() == [7, 6, 5, 4, 3, 2, 1]
    last = volume.geometry.affine @ [6, 0, 0, 1]
    np.testing.assert_allclose(last[:3], FIRST, atol=1e-6)
    np.testing.assert_allclose(volume.geometry.affine[:3, 0], NORMAL * STEP, atol=1e-6)


def test_without_csa_the_order_is_assumed(mosaic, series, another_series, records) -> None:
    mosaic(7)
    sure = only(examine(records(series.paths)))
    series.paths.clear()
    mosaic(7, csa=False)
    best = only(examine(records(series.paths)))
    assert best.shape == (7, ROWS, COLUMNS)
    assert "upside down" in assumed(best)
    assert best.confidence < sure.confidence
    np.testing.assert_allclose(best.load().geometry.affine, expected_affine(), atol=1e-6)


@pytest.mark.parametrize("count", [5, 7, 9, 10])
def test_without_any_count_the_tiles_are_counted(mosaic, series, records, count) -> None:
    mosaic(count, csa=False, block=False, AcquisitionMatrix=[COLUMNS, 0, 0, ROWS])
    best = only(examine(records(series.paths)))
    assert best.shape == (count, ROWS, COLUMNS)
    assert "not stated" in assumed(best)
    assert f"{count} tiles" in assumed(best)


def test_empty_last_slices_do_not_change_the_grid(mosaic, series, records) -> None:
    path = mosaic(4, across=3, csa=False, block=False, AcquisitionMatrix=[COLUMNS, 0, 0, ROWS])
    # Nine tiles are for five slices at least; the last of them is empty.
    assert only(examine(records([path]))).shape == (5, ROWS, COLUMNS)


def test_counting_stays_with_one_file(mosaic, series, records, monkeypatch) -> None:
    from napari_dicomdb.loading import mosaics

    for k in range(5):
        mosaic(
            7,
            csa=False,
            block=False,
            AcquisitionMatrix=[COLUMNS, 0, 0, ROWS],
            AcquisitionNumber=k + 1,
        )
    opened = []
    monkeypatch.setattr(
        mosaics, "read_frame", lambda path, *_: opened.append(path) or np.ones((12, 15))
    )
    cuts = tilings_of(records(series.paths))
    assert opened == series.paths[:1]
    assert [cut.count for cut in cuts] == [9] * 5
    assert all(cut is cuts[0] for cut in cuts)


def test_a_file_that_is_gone_counts_as_full(mosaic, series, records) -> None:
    path = mosaic(7, csa=False, block=False, AcquisitionMatrix=[COLUMNS, 0, 0, ROWS])
    known = records([path])
    path.unlink()
    (cut,) = tilings_of(known)
    assert isinstance(cut, Tiling)
    assert cut.count == 9


def test_a_sheet_beyond_reason_does_no_harm(mosaic, series, records) -> None:
    from dataclasses import replace

    path = mosaic(7, csa=False, block=False, AcquisitionMatrix=[8191, 0, 0, 8191])
    (cut,) = tilings_of([replace(record, rows=65528, columns=65528) for record in records([path])])
    assert isinstance(cut, Tiling)
    assert 49 < cut.count <= 64


def test_private_values_of_another_maker_are_not_used(mosaic, series, records) -> None:
    mosaic(7, csa=False, creator="SOMEBODY ELSE", AcquisitionMatrix=[COLUMNS, 0, 0, ROWS])
    best = only(examine(records(series.paths)))
    assert best.shape == (7, ROWS, COLUMNS)
    assert "group 0019 is that of “SOMEBODY ELSE”" in assumed(best)


def test_nothing_says_how_many(mosaic, series, records) -> None:
    mosaic(7, csa=False, block=False)
    best = only(examine(records(series.paths)))
    assert best.kind == "image"
    assert best.shape == (3 * ROWS, 3 * COLUMNS)
    assert "nothing says how many slices" in assumed(best)
    assert best.load().shape == best.shape


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"ImagePositionPatient": None}, "no position"),
        ({"SpacingBetweenSlices": None, "SliceThickness": None}, "distance between its slices"),
    ],
)
def test_sheets_that_cannot_be_cut_are_shown_as_they_are(
    mosaic, series, records, attributes, why
) -> None:
    mosaic(7, **attributes)
    best = only(examine(records(series.paths)))
    assert best.kind == "image"
    assert why in assumed(best)


def test_a_count_that_does_not_fit_the_sheet(mosaic, series, records) -> None:
    mosaic(17, across=3)
    assert "cannot hold 5 × 5 tiles" in assumed(only(examine(records(series.paths))))


def test_a_count_beyond_reason_is_not_believed(mosaic, series, records) -> None:
    mosaic(60000, across=3, csa=False, AcquisitionMatrix=[COLUMNS, 0, 0, ROWS])
    best = only(examine(records(series.paths)))
    assert best.shape == (9, ROWS, COLUMNS)
    assert "not stated" in assumed(best)


def test_thickness_stands_in_for_the_distance(mosaic, series, records) -> None:
    mosaic(7, SpacingBetweenSlices=None)
    best = only(examine(records(series.paths)))
    assert best.spacing[0] == pytest.approx(2)
    assert "SliceThickness is taken" in assumed(best)


def test_a_normal_that_is_none(mosaic, series, records, csa_header) -> None:
    path = mosaic(7)
    (record,) = records([path])
    from dataclasses import replace

    text = record.defaults_json.replace(
        '"SIEMENS_CSA_SliceNormalVector": [', '"SIEMENS_CSA_SliceNormalVector": [0, 0, 0, '
    )
    (cut,) = tilings_of([replace(record, defaults_json=text)])
    assert "upside down" in cut.findings[0].text


def test_time_courses_and_single_slices(mosaic, series, records) -> None:
    for k in range(3):
        mosaic(7, AcquisitionNumber=k + 1, AcquisitionTime=f"12000{k}")
    best = only(examine(records(series.paths)))
    assert best.shape == (3, 7, ROWS, COLUMNS)
    assert np.asarray(best.load().array)[2, :, 0, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    frames = FrameSet.of(records(series.paths))
    assert frames.label(8) == "0001.dcm, tile 2"
    assert frames.options() == {}
    part = frames.take([8, 9])
    assert part.options() == {"frames": [[0, 1], [0, 2]]}


def test_slices_know_when_they_were_acquired(reference_data, records) -> None:
    folder = reference_data / "mosaic/dcm_qa_mosaic__5_ep2d_Int_HF/dicom"
    volume = examine(records(folder.iterdir()))[0].load(lazy=True)
    times = volume.meta["slice_times"]
    # Acquired from the head to the feet, stored head first: sorted, the feet come first.
    assert times[:3] == [1340, 0, 1415]
    assert len(times) == 36
    assert set(volume.meta["frame_numbers"]) == {1}


def test_one_slice_is_no_sheet(mosaic, series, records) -> None:
    mosaic(1, across=1)
    (record,) = records(series.paths)
    assert not is_sheet(record)
    assert only(examine([record])).shape == (1, ROWS, COLUMNS)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_sheet_is_decoded_once(mosaic, series, records, monkeypatch, lazy) -> None:
    mosaic(9)
    best = only(examine(records(series.paths)))
    decoded = []
    real = reading_module.read_frame
    monkeypatch.setattr(
        reading_module, "read_frame", lambda *a, **k: decoded.append(a) or real(*a, **k)
    )
    assert np.asarray(best.load(lazy=lazy).array)[:, 0, 0].tolist() == list(range(1, 10))
    assert len(decoded) == 1


def test_a_sheet_that_is_cut_off_shows_what_there_is(mosaic, series, records) -> None:
    path = mosaic(9)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 3 * COLUMNS * ROWS * 2 * 2])
    best = only(examine(records([path])))
    assert FindingCode.TRUNCATED_PIXELS in codes(best)
    volume = best.load()
    assert np.asarray(volume.array)[:3, 0, 0].tolist() == [1, 2, 3]
    assert not np.asarray(volume.array)[8].any()


# --- UIH


def grid(series, heights, *, count: int | None = None, **attributes):
    """Write a UIH grid of slices at `heights`; None leaves a position out."""
    across = math.ceil(math.sqrt(len(heights)))
    down = math.ceil(len(heights) / across)
    sheet = np.zeros((ROWS * down, COLUMNS * across), np.uint16)
    for k in range(len(heights)):
        sheet[k // across * ROWS :, k % across * COLUMNS :][:ROWS, :COLUMNS] = k + 1
    ds = series.header(
        **MR, ImageType=["ORIGINAL", "PRIMARY", "M", "VFRAME"], Manufacturer="UIH", **attributes
    )
    block = ds.private_block(0x65, "Image Private Header", create=True)
    block.add_new(0x50, "DS", str(len(heights) if count is None else count))
    items = []
    for height in heights:
        item = Dataset()
        if height is not None:
            item.ImagePositionPatient = [1, 2, height]
        items.append(item)
    block.add_new(0x51, "SQ", Sequence(items))
    return series.write(ds, sheet)


def test_grids_have_a_position_for_each_slice(series, records) -> None:
    grid(series, [5, 4, 3, 2, 1, 0])  # 3 × 2 tiles
    best = only(examine(records(series.paths)))
    assert best.shape == (6, ROWS, COLUMNS)
    volume = best.load()
    assert np.asarray(volume.array)[:, 0, 0].tolist() == [6, 5, 4, 3, 2, 1]
    assert volume.geometry.affine[:3, 3].tolist() == [1, 2, 0]
    assert volume.geometry.spacing[0] == 1


def test_grids_whose_count_is_wrong(series, records) -> None:
    grid(series, [0, 1, 2, 3], count=9)
    best = only(examine(records(series.paths)))
    assert best.shape == (4, ROWS, COLUMNS)
    assert "should have 9 slices" in assumed(best)


def test_grids_without_all_positions_are_shown_as_they_are(series, records) -> None:
    grid(series, [0, 1, None, 3])
    best = only(examine(records(series.paths)))
    assert best.kind == "image"
    assert "incomplete" in assumed(best)


# --- real ones


@pytest.mark.parametrize(
    ("folder", "shape"),
    [
        ("mosaic/dcm_qa_mosaic__2_ep2d_Asc", (6, 36, 64, 64)),
        ("mosaic/dcm_qa_mosaic__5_ep2d_Int_HF", (6, 36, 64, 64)),
        ("4d_fmri/dcm_qa_nih__EPI_PEAP_3", (2, 5, 72, 72)),
        ("dwi/dcm_qa_uih__dti_tra_dir16_AP_9_134431", (17, 20, 64, 64)),
    ],
)
def test_real_mosaics_are_those_of_dcm2niix(reference_data, records, folder, shape) -> None:
    import nibabel as nib

    found = examine(records((reference_data / folder / "dicom").iterdir()))
    best = found[0]
    assert best.shape == shape
    assert FindingCode.MOSAIC_ASSUMED not in codes(best)
    volume = best.load()
    reference = nib.load(next((reference_data / folder / "ref").glob("*.nii*")))
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.geometry.affine[:, [2, 1, 0, 3]]
    ours = nib.as_closest_canonical(
        nib.Nifti1Image(np.transpose(volume.numpy(), (3, 2, 1, 0)).astype(np.float32), ras)
    )
    theirs = nib.as_closest_canonical(reference)
    np.testing.assert_allclose(ours.affine, theirs.affine, atol=1e-3)
    np.testing.assert_array_equal(np.asarray(ours.dataobj), np.asarray(theirs.dataobj))


@pytest.mark.parametrize(("name", "upside_down"), [("2_ep2d_Asc", False), ("5_ep2d_Int_HF", True)])
def test_real_mosaics_without_their_private_part(
    reference_data, records, tmp_path, name, upside_down
) -> None:
    import pydicom

    path = sorted((reference_data / f"mosaic/dcm_qa_mosaic__{name}/dicom").iterdir())[0]
    ds = pydicom.dcmread(path)
    ds.remove_private_tags()
    ds.save_as(tmp_path / "stripped.dcm")
    whole = only(examine(records([path])))
    best = only(examine(records([tmp_path / "stripped.dcm"])))
    assert best.shape == whole.shape == (36, 64, 64)
    assert "36 tiles of 6 × 6" in assumed(best)
    assert best.confidence < whole.confidence
    ours, true = best.load(), whole.load()
    # The finding warns of just this: nothing but the order of the slices is assumed.
    turn = slice(None, None, -1 if upside_down else 1)
    np.testing.assert_array_equal(np.asarray(ours.array)[turn], np.asarray(true.array))
    np.testing.assert_allclose(
        ours.geometry.affine[:3, :3], true.geometry.affine[:3, :3], atol=1e-6
    )
