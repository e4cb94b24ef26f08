"""Every error is ours, is a builtin, and says in one word and one sentence what happened."""

from __future__ import annotations

import pytest

from napari_dicomdb import errors

ALL = [getattr(errors, name) for name in errors.__all__ if name[0].isupper()]


@pytest.mark.parametrize("kind", ALL)
def test_error_carries_a_message_and_a_reason(kind: type[errors.DicomDbError]) -> None:
    error = kind("IM0001: Rows is missing")
    assert isinstance(error, errors.DicomDbError)
    assert str(error) == "IM0001: Rows is missing"
    assert error.reason == kind.default_reason
    assert kind("x", reason="missing-uid").reason == "missing-uid"
    assert str(kind("")) == ""


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.NotDicomError, ValueError),
        (errors.HeaderError, ValueError),
        (errors.GeometryError, ValueError),
        (errors.MissingDecoderError, errors.PixelError),
        (errors.DatabaseBusyError, OSError),
        (errors.NotFoundError, KeyError),
        (errors.MissingLibraryError, ImportError),
    ],
)
def test_error_is_the_builtin_it_resembles(
    kind: type[errors.DicomDbError], builtin: type[Exception]
) -> None:
    with pytest.raises(builtin):
        raise kind("something")


def test_reasons_are_distinct_and_kebab_case() -> None:
    reasons = [kind.default_reason for kind in ALL]
    assert len(set(reasons)) == len(reasons)
    assert all(reason == reason.lower() and " " not in reason for reason in reasons)


def test_of_an_error_its_kind_and_place_are_told_without_its_words() -> None:
    try:
        int("DOE^JOHN")
    except ValueError as error:
        assert errors.place_of(error).startswith("ValueError in test_errors.py line ")
    assert errors.place_of(ValueError("DOE")) == "ValueError"
    assert errors.place_of(None) == ""
