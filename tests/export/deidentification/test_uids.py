"""The same for the same, another for another, and valid."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from napari_dicomdb.export.deidentification.project import Project, open_project
from napari_dicomdb.export.deidentification.uids import UidMapper, is_uid

KEY = bytes(range(32))
UIDS = st.from_regex(r"1\.3(\.[1-9][0-9]{0,8}){1,5}", fullmatch=True)


@given(UIDS, UIDS)
def test_a_uid_is_valid_and_follows_the_key(one: str, other: str) -> None:
    mapper = UidMapper(Project("", KEY))
    new = mapper(one)
    assert UID(new).is_valid
    assert len(new) <= 64
    assert uuid.UUID(int=int(new.removeprefix("2.25."))).version == 8
    assert new == UidMapper(Project("again", KEY))(f"{one}\0")
    assert new != UidMapper(Project("", KEY[::-1]))(one)
    assert (mapper(other) == new) is (other == one)


def test_registered_uids_and_nothing_stay() -> None:
    mapper = UidMapper(Project("", KEY))
    for uid in ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.4.1.1", ""):
        assert mapper(uid) == uid
    assert mapper.made == {}


def test_words_are_no_uids() -> None:
    mapper = UidMapper(open_project())
    for text in ("Doe^Jane", "1.2.840.10008.Jane"):
        assert not is_uid(text)
        assert mapper(text).startswith("2.25.")
    assert is_uid("1.2.840.10008.1.2 \0")
