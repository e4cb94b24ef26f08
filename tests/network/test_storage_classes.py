"""What is stored, in which transfer syntax: against pynetdicom's and pydicom's dictionaries."""

from __future__ import annotations

import pytest
from pydicom.uid import UID_dictionary
from pynetdicom import AllStoragePresentationContexts

from napari_dicomdb.network.storage_classes import choose_syntax, is_storage_class

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
BIG, JPEG = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.4.70"
_OF_NO_PATIENT = ("Hanging", "Palette", "Implant", "Defined Procedure", "Approval", "Inventory")


def test_every_storage_class_of_a_patient():
    refused = {
        str(context.abstract_syntax)
        for context in AllStoragePresentationContexts
        if not is_storage_class(str(context.abstract_syntax))
    }
    names = {UID_dictionary[uid][0] for uid in refused if uid in UID_dictionary}
    assert all(any(word in name for word in _OF_NO_PATIENT) for name in names), names


def test_no_other_service():
    for uid, (name, kind, *_) in UID_dictionary.items():
        if kind == "SOP Class" and "Storage" not in name:
            assert not is_storage_class(uid), name
        if kind != "SOP Class":
            assert not is_storage_class(uid), name


@pytest.mark.parametrize(
    ("uid", "stored"),
    [
        ("1.3.12.2.1107.5.9.1", True),  # a private one
        ("1.2.840.10008.5.1.4.1.1.999.1", True),  # a later edition's
        ("1.2.840.10008.5.1.4.1.2.9.1", False),
        ("1.2.840.10008.1.20.1", False),
        ("1.2.840.10008.1.3.10", False),
        ("", False),
        ("..", False),
        ("1.2.3/../4", False),
        ("1." * 33 + "1", False),
    ],
)
def test_unknown_ones(uid, stored):
    assert is_storage_class(uid) is stored


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([JPEG, EXPLICIT], JPEG),
        ([IMPLICIT, EXPLICIT], EXPLICIT),
        ([BIG, IMPLICIT], BIG),
        ([IMPLICIT], IMPLICIT),
        (["1.3.46.670589.33.1.4.1"], "1.3.46.670589.33.1.4.1"),  # a private one
        (["1.3.46.670589.33.1.4.1", JPEG], JPEG),
        (["1.2.840.10008.1.2.7.1"], ""),
        (["1.2.840.10008.5.1.4.1.1.2"], ""),
        (["", "not a uid"], ""),
        ([], ""),
    ],
)
def test_choice(offered, chosen):
    assert choose_syntax(offered) == chosen
