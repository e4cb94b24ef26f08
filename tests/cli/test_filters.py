"""Saved searches, and the lists that use them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_filters(dicomdb: Callable[..., Any], phantom: Path) -> None:
    assert dicomdb("import", phantom).code == 0
    assert dicomdb("filters", "add", "my CTs", "modality:CT").code == 0
    assert dicomdb("filters", "ls", "--json").json == {"my CTs": "modality:CT"}
    listed = dicomdb("ls", "--search", '@"my CTs"', "--json").json
    assert listed
    assert {one["modality"] for one in listed} == {"CT"}
    assert dicomdb("filters", "rm", "my CTs").code == 0
    assert dicomdb("filters", "rm", "my CTs").code == 1
    assert dicomdb("filters", "ls", "--json").json == {}


def test_bad_name_and_remark(dicomdb: Callable[..., Any]) -> None:
    assert dicomdb("filters", "add", "  ", "x").code == 1
    assert "modalty" in dicomdb("filters", "add", "typo", "modalty:CT").err


def test_sorted_limited_and_paged(
    dicomdb: Callable[..., Any], phantom: Path, monkeypatch: Any
) -> None:
    assert dicomdb("import", phantom).code == 0
    whole = dicomdb("ls", "--sort", "-size", "--json").json
    assert [s["size"] for s in whole] == sorted((s["size"] for s in whole), reverse=True)
    assert dicomdb("ls", "--sort", "-size", "--limit", "1", "--json").json == whole[:1]
    monkeypatch.setattr("napari_dicomdb.cli.browsing._PAGE", 1)
    assert dicomdb("ls", "--sort", "-size", "--json").json == whole
    assert len(dicomdb("ls", "instances", "--limit", "3", "--json").json) == 3
    assert dicomdb("ls", "--sort", "shoe-size").code == 2


def test_several_databases(dicomdb: Callable[..., Any], phantom: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert dicomdb("import", phantom, "--db", tmp_path / name).code == 0
    both = ("--db", tmp_path / "one", "--db", tmp_path / "two")
    single = dicomdb("ls", "--db", tmp_path / "one", "--json").json
    found = dicomdb("ls", *both, "--json").json
    assert len(found["hits"]) == 2 * len(single)
    assert {hit["database"] for hit in found["hits"]} == {str(both[1]), str(both[3])}
    missing = dicomdb("ls", *both, "--db", tmp_path / "absent")
    assert missing.code == 1
    assert "absent" in missing.err
    assert missing.out.count(single[0]["uid"]) == 2
    assert dicomdb("ls", "studies", *both).code == 2


def test_a_filter_that_names_itself_is_refused(dicomdb: Callable[..., Any]) -> None:
    assert dicomdb("filters", "add", "loop", "@loop").code == 2
    assert dicomdb("filters", "add", "one", "@two").code == 0
    assert dicomdb("filters", "add", "two", "CT @one").code == 2
    assert list(dicomdb("filters", "ls", "--json").json) == ["one"]
