"""Values of chosen attributes over a series."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from napari_dicomdb import Database
from napari_dicomdb.errors import Cancelled, NotFoundError
from napari_dicomdb.loading.columns import column_of, sorted_instances, values_over
from napari_dicomdb.viewer.phantom import PhantomSeries, write_phantom_study


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> PhantomSeries:
    (made,) = write_phantom_study(
        tmp_path_factory.mktemp("phantom"), ["axial-ct"], matrix=16, slices=6
    )
    return made


@pytest.fixture
def database(phantom: PhantomSeries) -> Iterator[Database]:
    with Database.in_memory() as made:
        made.import_paths(phantom.paths, workers=0)
        yield made


def test_from_the_index_no_file_is_opened(
    database: Database, phantom: PhantomSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("a file was opened"))
    table = values_over(
        database.instances(), [column_of("InstanceNumber"), column_of("ImagePositionPatient")]
    )
    assert [row[0] for row in table.cells] == [str(k) for k in range(1, 7)]
    lines = table.numbers(1)
    assert len(lines) == 3
    by_uid = dict(zip(phantom.instance_uids, phantom.positions[:, 2], strict=True))
    assert lines[2] == pytest.approx([by_uid[one.uid] for one in table.instances])


def test_from_the_headers_what_the_index_does_not_keep(
    database: Database, phantom: PhantomSeries
) -> None:
    columns = [column_of("0008,0018"), column_of("(0002,0010)"), column_of("SOP Class UID")]
    assert not columns[1].is_indexed
    table = values_over(database.instances(), columns)
    assert table.problems == []
    heads = {str(p): dcmread(p) for p in phantom.paths}
    for one, row in zip(table.instances, table.cells, strict=True):
        head = heads[str(one.path)]
        assert row == [head.SOPInstanceUID, head.file_meta.TransferSyntaxUID, head.SOPClassUID]
    assert table.numbers(0) == []


def test_files_that_are_gone_are_told(
    database: Database, phantom: PhantomSeries, tmp_path: Path
) -> None:
    from dataclasses import replace

    records = database.instances()
    records[0] = replace(records[0], path=tmp_path / "gone.dcm")
    table = values_over(records, [column_of("TransferSyntaxUID")])
    assert [path for path, _ in table.problems] == [tmp_path / "gone.dcm"]
    assert [row[0] is None for row in table.cells].count(True) == 1


def test_export(database: Database) -> None:
    table = values_over(database.instances(), [column_of("SliceThickness"), column_of("EchoTime")])
    rows = list(csv.reader(io.StringIO(table.to_csv(), newline="")))
    assert rows[0] == ["InstanceNumber", "SOPInstanceUID", "SliceThickness", "EchoTime"]
    assert rows[1][0] == "1"
    assert len(rows) == 7
    one = table.to_json()[0]
    assert one["InstanceNumber"] == 1
    assert isinstance(one["SliceThickness"], int | float)
    assert one["EchoTime"] is None
    assert all(math.isnan(x) for line in table.numbers(1) for x in line)
    assert table.to_csv(byte_order_mark=True).startswith("\ufeff")


def test_titles_and_errors() -> None:
    assert column_of("EchoTime").title == "Echo Time (ms)"
    nested = column_of("PixelMeasuresSequence.PixelSpacing")
    assert nested.path == (0x00289110, 0x00280030)
    assert not nested.is_indexed
    with pytest.raises(NotFoundError):
        column_of("NoSuchAttribute")


def test_cancelled(database: Database) -> None:
    def stop(_done: int, _total: int | None, _text: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        values_over(database.instances(), [column_of("TransferSyntaxUID")], progress=stop)


def test_order(database: Database) -> None:
    records = database.instances()
    assert [r.number for r in sorted_instances(records[::-1])] == [1, 2, 3, 4, 5, 6]
