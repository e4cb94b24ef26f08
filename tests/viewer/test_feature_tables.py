"""Tables of features come back with every column as it was."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from napari_dicomdb.export.scenes.values import encode
from napari_dicomdb.viewer.feature_tables import columns_of, table_of


def test_every_kind_of_column():
    times = pd.to_datetime(["2020-01-01T00:00:00.000", "2021-02-03T04:05:06.789", None])
    table = pd.DataFrame(
        {
            "category": pd.Categorical(["a", "b", None], categories=["b", "a", "z"], ordered=True),
            "numbers of categories": pd.Categorical([5, 7, 5]),
            "float": np.array([1, np.nan, 3], np.float32),
            "int": np.array([1, 2, 3], np.int8),
            "bool": [True, False, True],
            "text": ["x", "ü", "z"],
            "gap": pd.Series(["x", None, "z"], dtype="str"),
            "string": pd.array(["p", None, "q"], dtype="string"),
            "object": pd.Series(["x", None, 3], dtype="object"),
            "Int64": pd.array([1, None, 3], dtype="Int64"),
            "boolean": pd.array([True, None, False], dtype="boolean"),
            "time": times,
            "zone": times.tz_localize("Europe/Zurich"),
            "span": pd.to_timedelta([1, 2, None], unit="h"),
        }
    )
    columns = columns_of(table)
    encode(columns, lambda _: {})
    assert_frame_equal(table_of(columns), table)


@pytest.mark.parametrize("rows", [0, 1])
def test_small_tables(rows):
    table = pd.DataFrame(
        {"a": pd.Categorical(["x"] * rows), "b": np.zeros(rows), "c": ["t"] * rows}
    )
    assert_frame_equal(table_of(columns_of(table)), table)


@pytest.mark.parametrize(
    "columns",
    [
        [1],
        [{"name": "a"}],
        [{"name": "a", "kind": "numbers", "values": np.zeros((2, 2))}],
        [{"name": "a", "kind": "category", "values": np.array([9]), "categories": {
            "kind": "numbers", "values": np.arange(2)}}],
        [{"name": "a", "kind": "values", "dtype": "Int8", "values": np.array(["x"], object)}],
    ],
)  # fmt: skip
def test_what_is_no_table(columns):
    with pytest.raises((TypeError, ValueError, KeyError)):
        table_of(columns)
