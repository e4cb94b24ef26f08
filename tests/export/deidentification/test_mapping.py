"""Which pseudonym stands for whom: apart, for its owner alone, encrypted by choice."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from napari_dicomdb.errors import ExportError, MissingLibraryError
from napari_dicomdb.export.deidentification.mapping import (
    Found,
    Mapping,
    is_encrypted,
    mapping_place,
    read_mapping,
    write_mapping,
)

MAPPING = Mapping({"4711": "ABCDEFGH", "Müller": "HGFEDCBA"}, {"1.2.3": "2.25.7"})
PASSPHRASE = "correct horse"


@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_it_is_read_as_it_was_written(tmp_path: Path, passphrase: str) -> None:
    path = tmp_path / "map"
    write_mapping(path, MAPPING, passphrase)
    assert read_mapping(path, passphrase) == MAPPING
    assert is_encrypted(path) is bool(passphrase)
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600
    raw = path.read_bytes()
    assert (b"4711" in raw) is not bool(passphrase)
    assert b"4711" not in repr(MAPPING).encode()
    with pytest.raises(ExportError):
        write_mapping(path, MAPPING)
    assert path.read_bytes() == raw


def test_only_its_passphrase_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "map"
    write_mapping(path, MAPPING, PASSPHRASE)
    for wrong in ("", "another one"):
        with pytest.raises(ExportError) as refused:
            read_mapping(path, wrong)
        assert refused.value.reason == "bad-passphrase"
    content = json.loads(path.read_text())
    sealed = content["sealed"]
    for key, value in (
        ("sealed", sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:]),
        ("nonce", ""),
        ("salt", 7),
        ("scrypt", {"n": 1 << 40, "r": 8, "p": 1}),
        ("scrypt", {"n": 3, "r": 8, "p": 1}),
        ("cipher", "ROT13"),
    ):
        path.write_text(json.dumps({**content, key: value}))
        with pytest.raises(ExportError):
            read_mapping(path, PASSPHRASE)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"patients": 1, "uids": {}}', b"\xff"]
)
def test_what_is_no_mapping(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "map"
    path.write_bytes(content)
    with pytest.raises(ExportError) as refused:
        read_mapping(path)
    assert refused.value.reason == "bad-mapping"
    with pytest.raises(ExportError):
        read_mapping(tmp_path / "none")


def test_looking_up_both_ways() -> None:
    assert MAPPING.look_up() == [
        Found("patient", "4711", "ABCDEFGH"),
        Found("patient", "Müller", "HGFEDCBA"),
    ]
    assert MAPPING.look_up(["2.25.7"]) == [Found("uid", "1.2.3", "2.25.7")]
    assert MAPPING.look_up(["4711", "nobody"]) == [Found("patient", "4711", "ABCDEFGH")]


def test_where_it_may_not_be(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (tmp_path / "link").symlink_to(target, target_is_directory=True)
    for inside in (target, target / "map", tmp_path / "link" / "map", target / "a" / ".." / "map"):
        with pytest.raises(ExportError):
            mapping_place(inside, target, "")
    with pytest.raises(ExportError) as short:
        mapping_place(tmp_path / "map", target, "short")
    assert short.value.reason == "bad-passphrase"
    (tmp_path / "there").write_text("x")
    with pytest.raises(ExportError):
        mapping_place(tmp_path / "there", None, "")
    assert mapping_place(tmp_path / "map", target, PASSPHRASE) == tmp_path / "map"
    assert os.listdir(target) == []


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(MissingLibraryError, match="encrypt"):
        mapping_place(tmp_path / "map", None, PASSPHRASE)
    assert mapping_place(tmp_path / "map", None, "") == tmp_path / "map"


def test_a_mapping_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="there is no file") as refused:
        read_mapping(tmp_path / "gone.json")
    assert refused.value.reason == "bad-mapping"
