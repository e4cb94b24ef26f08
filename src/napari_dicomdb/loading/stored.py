"""What loaders said of a series as text, and back: loadables without asking a loader.

A loadable is kept only if nothing of it is lost: the options of a loader must
be what JSON can say. What a repair may cure (a loader that failed, a decoder
that is missing) is not kept either, so that it is asked for again.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb import __version__
from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity, worst
from napari_dicomdb.loading import registry
from napari_dicomdb.loading.loadable import Loadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dicomdb.database.records import InstanceRecord

__all__ = [
    "LoadableSummary",
    "as_stored",
    "fingerprint",
    "from_stored",
    "summaries_of",
    "summaries_to_json",
    "summary_of",
]

FORMAT = 1
"""Raise it when loadables of an unchanged loader come out differently."""

_CURABLE = frozenset({FindingCode.LOADER_FAILED, FindingCode.UNDECODABLE_PIXELS})


@dataclass(frozen=True, slots=True)
class LoadableSummary:
    """What to list of a loadable before anybody clicks.

    Parameters
    ----------
    name, kind, loader : str
        As of the `Loadable`; the loader by its name.
    confidence : float
    selected : bool
        Whether it belongs to the default choice.
    shape : tuple of int
    dims : tuple of str
        Names of the axes of `shape` but for that of colour.
    spacing : tuple of float or None
        mm.
    findings : tuple of Finding
    instance_count : int
    parts : str
        What `shape` does not say: "3 segments".
    """

    name: str
    kind: str
    loader: str
    confidence: float
    selected: bool
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    spacing: tuple[float, ...] | None
    findings: tuple[Finding, ...]
    instance_count: int
    parts: str = ""

    @property
    def severity(self) -> Severity | None:
        """The gravest of its findings, None when there are none."""
        return worst(self.findings)


def fingerprint() -> str:
    """Return which loaders of which versions would be asked now."""
    known = (f"{loader.name} {loader.version}" for loader in registry.loaders())
    return "; ".join((f"napari-dicomdb {__version__}, format {FORMAT}", *known))


def summary_of(loadable: Loadable) -> LoadableSummary:
    """Return what to list of `loadable`."""
    return LoadableSummary(
        loadable.name,
        loadable.kind,
        loadable.loader.name,
        loadable.confidence,
        loadable.selected,
        loadable.shape,
        loadable.dims,
        loadable.spacing,
        loadable.findings,
        len(loadable.instances),
        loadable.parts,
    )


def summaries_to_json(loadables: Iterable[Loadable]) -> str:
    """Return the summaries of `loadables` as JSON."""
    return _dumped(
        [
            {
                **_facts(loadable),
                # The numbers of findings may be long lists: what is listed is their text.
                "findings": [(f.code, f.severity, f.text, {}) for f in loadable.findings],
                "instance_count": len(loadable.instances),
            }
            for loadable in loadables
        ]
    )


def summaries_of(text: str) -> list[LoadableSummary]:
    """Return what `summaries_to_json` wrote."""
    return [
        LoadableSummary(
            **{
                **facts,
                "shape": tuple(facts["shape"]),
                "dims": tuple(facts["dims"]),
                "spacing": None if facts["spacing"] is None else tuple(facts["spacing"]),
                "findings": _findings(facts["findings"]),
            }
        )
        for facts in json.loads(text)
    ]


def as_stored(loadables: Sequence[Loadable]) -> bytes | None:
    """Return loadables of one series in a form to keep, None when they cannot be kept."""
    if not loadables or any(f.code in _CURABLE for one in loadables for f in one.findings):
        return None
    facts = [
        {
            **_facts(loadable),
            "reasons": loadable.reasons,
            "findings": [(f.code, f.severity, f.text, dict(f.numbers)) for f in loadable.findings],
            "instances": [instance.key for instance in loadable.instances],
            "options": dict(loadable.options),
            "referenced_uids": loadable.referenced_uids,
        }
        for loadable in loadables
    ]
    try:
        text = _dumped(facts)
    except (TypeError, ValueError):  # a loader's options are its own affair
        return None
    for loadable, back in zip(loadables, json.loads(text), strict=True):
        if back["options"] != loadable.options:
            return None
    return zlib.compress(text.encode(), 1)


def from_stored(data: bytes, instances: Iterable[InstanceRecord]) -> list[Loadable]:
    """Return the loadables that `as_stored` wrote, of the series' instances as they are now.

    Raises
    ------
    KeyError
        If an instance or a loader is not there any more.
    ValueError
        If `data` is not what `as_stored` wrote.
    """
    by_key = {instance.key: instance for instance in instances}
    by_name = {loader.name: loader for loader in registry.loaders()}
    try:
        text = zlib.decompress(data)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    found = []
    for facts in json.loads(text):
        found.append(
            Loadable(
                name=facts["name"],
                kind=facts["kind"],
                confidence=facts["confidence"],
                reasons=tuple(facts["reasons"]),
                findings=_findings(facts["findings"]),
                instances=tuple([by_key[key] for key in facts["instances"]]),
                loader=by_name[facts["loader"]],
                options=facts["options"],
                selected=facts["selected"],
                shape=tuple(facts["shape"]),
                spacing=None if facts["spacing"] is None else tuple(facts["spacing"]),
                referenced_uids=tuple(facts["referenced_uids"]),
                dims=tuple(facts["dims"]),
                parts=facts["parts"],
            )
        )
    return found


def _facts(loadable: Loadable) -> dict[str, Any]:
    return {
        "name": loadable.name,
        "kind": loadable.kind,
        "loader": loadable.loader.name,
        "confidence": loadable.confidence,
        "selected": loadable.selected,
        "shape": loadable.shape,
        "dims": loadable.dims,
        "spacing": loadable.spacing,
        "parts": loadable.parts,
    }


def _findings(told: Iterable[Any]) -> tuple[Finding, ...]:
    return tuple(
        Finding(FindingCode(code), Severity(severity), text, numbers)
        for code, severity, text, numbers in told
    )


def _dumped(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is nothing that JSON can say")
