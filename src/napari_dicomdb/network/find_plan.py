"""How a query becomes requests: which levels are asked one after another, which lists split.

C-FIND is hierarchical (PS3.4 Section C.4.1.3.1): below a level only its unique key may
restrict, and it must name one thing. What a user asks at once is asked level by level.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from napari_dicomdb.errors import QueryError
from napari_dicomdb.network.query_keys import (
    LEVELS,
    UNIQUE_KEYS,
    default_keys,
    level_of,
    vr_of_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_dicomdb.network.query import Query

__all__ = ["Plan", "Stage", "plan_query", "single_keys", "split_lists"]

MOST_REQUESTS = 100
"""Requests that the lists of one query may become."""
MOST_ABOVE = 1_000
"""Combinations of studies, or studies and series, that one query may name."""
_UIDS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Stage:
    """One level that is asked.

    Parameters
    ----------
    level : str
    keys : mapping of str to str
        What restricts and what is wanted back, without the unique keys above.
    """

    level: str
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a node.

    Parameters
    ----------
    above : mapping of str to str
        Unique keys that are known from the beginning, perhaps lists of values.
    stages : sequence of Stage
        From the highest level to that of the answers.
    patients_of_studies : bool
        Studies are asked for, and their patients are the answers.
    """

    above: Mapping[str, str]
    stages: Sequence[Stage]
    patients_of_studies: bool = False


def plan_query(query: Query, root: str, *, relational: bool = False) -> Plan:
    """Return what is asked, in the information model of `root`.

    Parameters
    ----------
    query : Query
    root : str
        "study" or "patient": what the node offers.
    relational : bool
        Whether the node answers without the keys of the levels above.
    """
    of_patients = query.level == "patient" and root == "study"
    target = "study" if of_patients else query.level
    chain = [level for level in LEVELS if level != "patient" or root == "patient"]
    chain = chain[: chain.index(target) + 1]
    by_level: dict[str, dict[str, str]] = {level: {} for level in chain}
    asked = {**query.keys, **{k: "" for k in query.returned if k not in query.keys}}
    for keyword, value in asked.items():
        level = level_of(keyword) or target
        by_level[level if level in by_level else chain[0]][keyword] = value
    first = target if relational else _first(chain, by_level)
    above: dict[str, str] = {}
    if not relational:
        for level in chain[: chain.index(first)]:
            above[UNIQUE_KEYS[level]] = by_level[level][UNIQUE_KEYS[level]]
    stages = []
    for level in chain[chain.index(first) :]:
        own = by_level[level]
        if relational:
            own = {k: v for one in chain for k, v in by_level[one].items()}
        wanted = dict.fromkeys(_wanted(level, chain, relational), "")
        stages.append(Stage(level, {**wanted, **own}))
    return Plan(above, stages, of_patients)


def _first(chain: Sequence[str], by_level: Mapping[str, Mapping[str, str]]) -> str:
    """Return the highest level that must be asked."""
    for level in chain[:-1]:
        keys = by_level[level]
        unique = keys.get(UNIQUE_KEYS[level], "")
        if not unique or "*" in unique or "?" in unique or len(keys) > 1:
            return level
    return chain[-1]


def _wanted(level: str, chain: Sequence[str], relational: bool) -> list[str]:
    levels = [level]
    if relational:
        levels = list(chain)
    if chain[0] == "study" and level == "study":
        levels = ["patient", *levels]
    wanted = [keyword for one in levels for keyword in default_keys(one)]
    return [*wanted, "PatientID", "PatientName"] if relational else wanted


def split_lists(keys: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Make lists of values one request each, but for UIDs, of which many can be asked at once.

    Raises
    ------
    QueryError
        If that are too many.
    """
    names = list(keys)
    choices = [_choices(name, value) for name, value in keys.items()]
    for values in _combined(choices, MOST_REQUESTS):
        yield dict(zip(names, values, strict=True))


def single_keys(above: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Give each combination of single values of the unique keys above the first level asked.

    Raises
    ------
    QueryError
        If there are too many.
    """
    choices = [value.split("\\") for value in above.values()]
    for values in _combined(choices, MOST_ABOVE):
        yield dict(zip(above, values, strict=True))


def _combined(choices: list[list[str]], most: int) -> Iterator[tuple[str, ...]]:
    count = prod(map(len, choices))
    if count > most:
        raise QueryError(
            f"the lists of this query make {count} requests, more than {most}: ask for fewer "
            "values at once",
            reason="too-many-values",
        )
    yield from product(*choices)


def _choices(keyword: str, value: str) -> list[str]:
    parts = value.split("\\")
    if len(parts) == 1:
        return [value]
    if vr_of_key(keyword) != "UI":
        return parts
    return ["\\".join(parts[i : i + _UIDS_AT_ONCE]) for i in range(0, len(parts), _UIDS_AT_ONCE)]
