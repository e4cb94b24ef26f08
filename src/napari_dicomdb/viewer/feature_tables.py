"""Tables of features as plain columns, and back: every column keeps what it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pandas import DataFrame, Series

__all__ = ["columns_of", "table_of"]

_EXTENDED = re.compile(r"U?Int(8|16|32|64)|Float(32|64)|boolean|string|str|object")
_TIME = re.compile(r"(datetime|timedelta)64\[(s|ms|us|ns)(?:, ([\w/+:-]{1,60}))?\]")


def columns_of(table: DataFrame) -> list[dict[str, Any]]:
    """Return the columns of a table as plain values and arrays.

    Returns
    -------
    list of dict
        ``name``, ``kind`` and ``values``; see docs/scenes.md.
    """
    return [{"name": str(name), **_plain(table[name])} for name in table.columns]


def _plain(column: Series) -> dict[str, Any]:
    dtype = column.dtype
    if hasattr(dtype, "categories"):
        categories = column.cat.categories.to_series()
        return {
            "kind": "category",
            "values": np.asarray(column.cat.codes),
            "categories": _plain(categories),
            "ordered": bool(column.cat.ordered),
        }
    if _TIME.fullmatch(str(dtype)):
        return {"kind": "time", "dtype": str(dtype), "values": column.astype("int64").to_numpy()}
    if isinstance(dtype, np.dtype) and dtype.kind in "biufc":
        return {"kind": "numbers", "values": column.to_numpy()}
    values = column.to_numpy(dtype=object, copy=True)
    values[column.isna().to_numpy()] = None
    return {"kind": "values", "dtype": str(dtype), "values": values}


def table_of(columns: Sequence[Mapping[str, Any]]) -> DataFrame:
    """Return the table whose columns `columns_of` gave.

    Raises
    ------
    TypeError, ValueError, KeyError
        They are none.
    """
    from pandas import DataFrame

    if not all(isinstance(one, dict) for one in columns):
        raise TypeError("a column is no mapping")
    return DataFrame({str(one["name"]): _column(one) for one in columns})


def _column(column: Mapping[str, Any]) -> Any:
    import pandas as pd

    kind, values = column["kind"], np.asarray(column["values"])
    if values.ndim != 1:
        raise ValueError("a column has one axis")
    if kind == "category":
        categories = _column(column["categories"])
        ordered = bool(column.get("ordered"))
        made = pd.Categorical.from_codes(values, categories=pd.Index(categories), ordered=ordered)
        return pd.Series(made)
    dtype = str(column.get("dtype") or "")
    time = _TIME.fullmatch(dtype)
    if kind == "time" and time is not None:
        moments = pd.Series(values.astype("int64").view(f"{time[1]}64[{time[2]}]"))
        return moments.dt.tz_localize("UTC").dt.tz_convert(time[3]) if time[3] else moments
    if kind == "values":
        known = dtype if _EXTENDED.fullmatch(dtype) else "object"
        return pd.Series(list(values), dtype=known)
    return pd.Series(values)
