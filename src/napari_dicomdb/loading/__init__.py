"""Ways to open instances (`examine`), and opening them: loaders, volumes, remedies.

Loaders are found by entry points (`registry`); each turns instances into
loadables, of which `choosing` selects the default.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading import registry
from napari_dicomdb.loading.choosing import choose, frames_of
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.describing import series_name
from napari_dicomdb.loading.examination import examination
from napari_dicomdb.loading.frames import frame_count_of
from napari_dicomdb.loading.loadable import Loadable, Loader
from napari_dicomdb.loading.registry import failures, loader_named, register
from napari_dicomdb.loading.volume import Coord, Volume, VolumeGeometry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dicomdb.database.records import InstanceRecord

__all__ = [
    "Claim",
    "Coord",
    "Finding",
    "FindingCode",
    "Loadable",
    "Loader",
    "Severity",
    "Volume",
    "VolumeGeometry",
    "assess",
    "examine",
    "failures",
    "frame_count_of",
    "loader_named",
    "register",
    "series_name",
]


def examine(
    instances: Iterable[InstanceRecord], *, using: Sequence[Loader] | None = None
) -> list[Loadable]:
    """Return the ways to open `instances`, best first; opens no file.

    Parameters
    ----------
    instances : iterable of InstanceRecord
        Of one series or of several.
    using : sequence of Loader, optional
        The loaders to ask; by default all that are installed.

    Returns
    -------
    list of Loadable
        Those with `selected` open every image once. A loader that fails is
        named in a finding of all the others' loadables, and in `failures`.
    """
    records = tuple(instances)
    offers: list[Loadable] = []
    broken: list[Finding] = []
    with examination():
        for loader in registry.loaders() if using is None else using:
            with registry.attempt(loader.name) as failed:
                offers += _checked(loader, records)
            broken += [
                Finding(
                    FindingCode.LOADER_FAILED,
                    Severity.INFO,
                    f"The loader {failure.name} could not examine this: {failure.text}",
                    {"loader": failure.name},
                )
                for failure in failed
            ]
        if broken:
            offers = [replace(one, findings=(*one.findings, *broken)) for one in offers]
        return choose(offers)


def _checked(loader: Loader, records: tuple[InstanceRecord, ...]) -> list[Loadable]:
    offers = list(loader.examine(records))
    for offer in offers:
        if not isinstance(offer, Loadable):
            raise TypeError(f"examine() returned {type(offer).__name__} instead of Loadable")
        if not 0 <= offer.confidence <= 1:
            raise ValueError(f"confidence {offer.confidence} is not between 0 and 1")
        if not all(isinstance(finding, Finding) for finding in offer.findings):
            raise TypeError(f"{offer.name}: findings must be of the type Finding")
        frames_of(offer)  # raises where options name frames that there are not
    return offers
