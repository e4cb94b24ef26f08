"""What several series make together, beside what each is by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dicomdb.loading import examine
from napari_dicomdb.loading.axes import without_numbers
from napari_dicomdb.loading.choosing import frames_of
from napari_dicomdb.loading.sorting import by_series

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.loadable import Loadable

__all__ = ["related", "with_joined"]


def with_joined(offers: Iterable[Loadable]) -> list[Loadable]:
    """Add the ways to open several series as one to those of each; opens no file.

    Parameters
    ----------
    offers : iterable of Loadable
        Series by series, as `examine` gives them.

    Returns
    -------
    list of Loadable
        First those that join series and are chosen (4D CT with one series a
        phase); then `offers`; then other ways to join. Those with `selected`
        open every image once.
    """
    single = list(offers)
    records = {record.uid: record for offer in single for record in offer.instances}
    joined = [
        offer
        for group in related(by_series(records.values()))
        for offer in examine([record for one in group for record in one])
        if len({record.series_uid for record in offer.instances}) > 1
    ]
    chosen = [offer for offer in joined if offer.selected]
    shown = frozenset().union(*(frames_of(offer) for offer in chosen))
    single = [
        replace(offer, selected=False)
        if shown and offer.selected and not shown.isdisjoint(frames_of(offer))
        else offer
        for offer in single
    ]
    return [*chosen, *single, *(offer for offer in joined if not offer.selected)]


def related(
    groups: Iterable[Sequence[InstanceRecord]],
) -> list[list[Sequence[InstanceRecord]]]:
    """Return which series may belong together: alike in all but the numbers in their names."""
    alike: dict[tuple[str, ...], list[Sequence[InstanceRecord]]] = {}
    for group in groups:
        if not group:
            continue
        get = group[0].values.get
        frame, modality = str(get("FrameOfReferenceUID") or ""), str(get("Modality") or "")
        if frame:
            name = without_numbers(str(get("SeriesDescription") or ""))
            alike.setdefault((frame, modality, name), []).append(group)
    return [found for found in alike.values() if len(found) > 1]
