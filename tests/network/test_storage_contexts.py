"""Presentation contexts for what a node may send."""

from __future__ import annotations

from pydicom.uid import UID, AllTransferSyntaxes
from pynetdicom.sop_class import _STORAGE_CLASSES

from napari_dicomdb.network.storage_contexts import COMMON_CLASSES, SYNTAXES, storage_proposals


def test_known_to_others() -> None:
    known = set(_STORAGE_CLASSES.values())
    assert known.issuperset(COMMON_CLASSES)
    # JPEG XL (Supplement 232) is younger than pydicom 3.0.1.
    jpeg_xl = {f"1.2.840.10008.1.2.4.{n}" for n in (110, 111, 112)}
    assert all(UID(uid).is_transfer_syntax for uid in set(SYNTAXES) - jpeg_xl)
    assert len(set(SYNTAXES)) == len(SYNTAXES)
    # What pydicom reads beyond is fragmentable video and reports of JPIP.
    assert len({str(uid) for uid in AllTransferSyntaxes} - set(SYNTAXES)) <= 12


def test_few_classes_have_all_syntaxes() -> None:
    proposals = storage_proposals(["1.1", "1.2", "1.1"])
    assert len(proposals) == len(set(proposals)) == 2 * len(SYNTAXES)


def test_many_classes_have_the_usual_ones() -> None:
    proposals = storage_proposals(COMMON_CLASSES, room=127)
    assert len(proposals) == 127
    for sop_class in COMMON_CLASSES:
        mine = [syntax for one, syntax in proposals if one == sop_class]
        assert mine == list(SYNTAXES[: len(mine)])
        assert len(mine) >= 4


def test_one_syntax() -> None:
    assert storage_proposals(["1.1"], syntaxes=["9"]) == [("1.1", "9")]
