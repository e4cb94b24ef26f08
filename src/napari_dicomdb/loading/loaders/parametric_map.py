"""Maps of a quantity: parametric maps, and images that say what their values are in the world."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.coding import codes_of, members_of
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.loaders.scalar_volume import ScalarVolumeLoader
from napari_dicomdb.loading.real_world import (
    PARAMETRIC_MAP,
    RealWorldReader,
    maps_of_frames,
    name_of_map,
    real_world_meta,
)
from napari_dicomdb.loading.sequences import SEQUENCE
from napari_dicomdb.loading.sorting import by_series, images_of, is_colour, is_placed
from napari_dicomdb.loading.stacks import load_stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.real_world import RealWorldMap
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.reading import FrameReader, Frames
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = ["MAP_OPTION", "PARAMETRIC_MAP", "ParametricMapLoader"]

MAP_OPTION = "real_world_map"
"""Option: which of the maps, as [quantity, unit, label]."""


class ParametricMapLoader:
    """Volumes of real-world values: stored values mapped to a quantity with its unit.

    Of a Parametric Map object this is what its maker meant, so it is proposed;
    of any other image with real-world value maps it is offered beside the values
    of the modality.
    """

    name = "parametric-map"
    version = "1"

    def __init__(self) -> None:
        self._stacks = ScalarVolumeLoader()

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return the maps that `instances` make, each quantity apart."""
        found: list[Loadable] = []
        for series in by_series(i for i in images_of(instances) if not is_colour(i)):
            frames = FrameSet.of(series)
            placed = np.flatnonzero(is_placed(frames))
            if len(placed):
                found += self._examine_frames(frames.take(placed))
        return found

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> Volume:
        """Load what `examine` offered."""
        frames = FrameSet.of_loadable(loadable)
        if len(frames) == 0:
            raise LoadError(f"{loadable.name}: there is no image in it", reason="no-pixels")
        quantity, units, label = loadable.options[MAP_OPTION]
        key = (str(quantity), str(units), str(label))
        chosen = next((one for one in maps_of_frames(frames)[0] if one.key == key), None)
        if chosen is None:
            raise LoadError(
                f"{loadable.name}: its files have no such map any more",
                reason="no-real-world-map",
            )

        def values(images: Frames) -> Frames:
            return RealWorldReader(cast("FrameReader", images), key)

        return load_stack(
            loadable,
            frames,
            lazy=lazy,
            progress=progress,
            values=values,
            units=chosen.units,
            meta=real_world_meta(frames, chosen),
        )

    def _examine_frames(self, frames: FrameSet) -> Iterator[Loadable]:
        maps = maps_of_frames(frames)
        if not any(maps):
            return
        for members in members_of(codes_of([tuple(one.key for one in m) or None for m in maps])):
            choices = maps[int(members[0])]
            if not choices:
                continue
            group = frames.take(members) if len(members) < len(frames) else frames
            for offer in self._stacks.examine_frames(group):
                if offer.options.get("remedy") != SEQUENCE:
                    meant = all(i.sop_class_uid == PARAMETRIC_MAP for i in offer.instances)
                    for k, chosen in enumerate(choices):
                        if meant or chosen.units or chosen.pieces[0].quantity:
                            yield self._offer(offer, chosen, meant=meant, first=k == 0)

    def _offer(
        self, offer: Loadable, chosen: RealWorldMap, *, meant: bool, first: bool
    ) -> Loadable:
        unit = f" in {chosen.units}" if chosen.units else ""
        claims = (
            Claim("it is a parametric map")
            if meant
            else Claim("the values of the modality are what most people expect", False),
            Claim(f"values are {chosen.quantity}{unit}"),
            Claim("every position has one image"),
            Claim("all images have a position and an orientation in the patient"),
            Claim(f"{offer.shape[0]} slices"),
            Claim("pixels are as they were acquired"),
        )
        confidence, reasons = assess(claims, offer.findings)
        # Never surer than the geometry allows: an uneven stack is one of maps as well.
        worse = offer.confidence < 0.5
        options: dict[str, Any] = {**offer.options, MAP_OPTION: list(chosen.key)}
        return replace(
            offer,
            name=name_of_map(offer.name, chosen, meant=meant),
            kind="parametric-map",
            confidence=min(confidence, offer.confidence) if worse else confidence,
            reasons=reasons,
            loader=self,
            options=options,
            selected=offer.selected and meant and first,
        )
