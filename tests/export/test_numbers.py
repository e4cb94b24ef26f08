from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.valuerep import DSfloat

from napari_dicomdb.export.numbers import decimal_string, decimal_strings, window_strings


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_sixteen_characters_as_precise_as_they_can_be(value: float) -> None:
    text = decimal_string(value)
    assert len(text) <= 16
    assert re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text)
    # Sign, point, and an exponent of five leave nine digits at least.
    assert math.isclose(float(text), value, rel_tol=6e-9)
    if abs(value) < 1e4 and abs(value) > 1e-2:
        assert math.isclose(float(text), value, rel_tol=1e-11)
    best = DSfloat(value, auto_format=True)
    assert abs(float(text) - value) <= abs(float(str(best)) - value) * 1.0001


def test_what_is_short_is_exact() -> None:
    assert decimal_strings([0.1, -0.0, 3, 1e15]) == ["0.1", "0", "3", "1000000000000000"]
    with pytest.raises(ValueError, match="nan"):
        decimal_string(float("nan"))


def test_windows_of_no_use_are_not_written() -> None:
    assert window_strings(-0.5, 0.5) == ("0.5", "2")
    for low, high in ((-1.7e308, 1.7e308), (0, 2.0**63), (2, 0), (0, float("nan"))):
        assert window_strings(low, high) is None
