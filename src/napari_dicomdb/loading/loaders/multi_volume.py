"""Volumes with axes beside space: time courses, echoes, phases, components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.axes import Axis, quantity_codes, series_column
from napari_dicomdb.loading.building import build_volume
from napari_dicomdb.loading.coding import codes_of, members_of
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.describing import pixel_findings, referenced_uids, series_name
from napari_dicomdb.loading.dimensions import Factorisation, factorise
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.grouping import places_of, split_apart, stack_of
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.naming import name_of_part
from napari_dicomdb.loading.real_world import (
    RealWorldReader,
    map_codes,
    map_of_all,
    name_of_map,
    real_world_meta,
)
from napari_dicomdb.loading.sorting import by_series, images_of, is_colour, is_placed
from napari_dicomdb.loading.stacking import Remedy, StackPlan, plan_for, plans_for
from napari_dicomdb.loading.volume import Coord, VolumeGeometry
from napari_dicomdb.loading.volumes import VolumesReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.axes import Column
    from napari_dicomdb.loading.grouping import Part
    from napari_dicomdb.loading.reading import FrameReader, Frames
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = ["MultiVolumeLoader"]

_SPATIAL = ("slice", "row", "column")
_DIRECTIONS = (
    "DiffusionGradientOrientation",
    "SIEMENS_0019_100E",
    "GE_0019_10BB",
    "PHILIPS_2005_10B0",
    "UIH_0065_1037",
)


class MultiVolumeLoader:
    """Images that repeat positions, sorted by what differs between the repeats."""

    name = "multi-volume"
    version = "2"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return the volumes of more than three dimensions that `instances` make."""
        images = images_of(instances)
        series = by_series(images)
        found: list[Loadable] = []
        for one in series:
            found += self._examine_frames(FrameSet.of(one))
        if len(series) > 1:
            found += self._examine_together(FrameSet.of(images))
        return found

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> Volume:
        """Load what `examine` offered."""
        frames = FrameSet.of_loadable(loadable)
        if len(frames) == 0:
            raise LoadError(f"{loadable.name}: there is no image in it", reason="no-pixels")
        options = loadable.options
        axes = [Axis(a["name"], a["unit"], tuple(a["values"])) for a in options["axes"]]
        index = _index_of(len(frames), options)
        stack = stack_of(frames.take(_representatives(index)))
        plan = plan_for(stack, Remedy(options.get("remedy", Remedy.NONE)))
        index = index[:, list(stack.order)]
        leading = tuple(map(len, axes))
        chosen = map_of_all(frames)

        def values(images: Frames) -> Frames:
            if chosen is None:
                return images
            return RealWorldReader(cast("FrameReader", images), chosen.key)

        def reader(images: Frames) -> Frames:
            return VolumesReader(values(images), index, plan.reader)

        in_order = np.array_equal(index.reshape(-1), np.arange(len(frames)))
        direct = in_order and plan.shape[0] == index.shape[1] and plan.remedy in _AS_THEY_ARE
        return build_volume(
            loadable,
            frames,
            VolumeGeometry(
                plan.affine,
                plan.shape,
                frames.frame_of_reference_uid,
                is_regular=plan.is_regular,
            ),
            (*(axis.name for axis in axes), *_SPATIAL),
            lazy=lazy,
            progress=progress,
            reader=values if direct else reader,
            leading=(*leading, plan.shape[0]),
            coords={axis.name: Coord(axis.values, axis.unit) for axis in axes},
            units=None if chosen is None else chosen.units,
            findings=loadable.findings,
            meta={
                **({} if chosen is None else real_world_meta(frames, chosen)),
                "remedy": str(plan.remedy),
                "filled_slices": list(plan.filled),
                "axis_keywords": list(options.get("keywords", ())),
            },
        )

    def _examine_frames(self, frames: FrameSet) -> Iterator[Loadable]:
        """Yield what the images of one series offer."""
        placed = np.flatnonzero(is_placed(frames))
        if len(placed) < 2:
            return
        frames = frames.take(placed)
        apart = split_apart(frames)
        for part in apart:
            if len(part.indices) > 1:
                group = frames.take(part.indices) if len(apart) > 1 else frames
                yield from self._examine_part(group, part)

    def _examine_part(self, frames: FrameSet, part: Part) -> Iterator[Loadable]:
        place = places_of(stack_of(frames), len(frames))
        if int(np.bincount(place).max()) < 2:
            return
        quantity = quantity_codes(frames)
        of_map = map_codes(frames)
        if of_map.any():
            quantity = codes_of(list(zip(quantity.tolist(), of_map.tolist(), strict=True)))
        count = int(place.max()) + 1
        if len(np.unique(quantity * count + place)) == count:  # it only varies along the stack
            quantity[:] = 0
        for members in members_of(quantity):
            group = frames.take(members) if quantity.any() else frames
            labels = part.labels
            if quantity.any() and not of_map.any():  # maps are told apart by their quantity
                labels = (*labels, ("ImageType", group.value("ImageType", 0)))
            yield from self._offers(group, labels, part.findings)

    def _examine_together(self, frames: FrameSet) -> Iterator[Loadable]:
        """Yield what several series make together: 4D CT has one series a phase."""
        placed = np.flatnonzero(is_placed(frames))
        if len(placed) < 2:
            return
        frames = frames.take(placed)
        kinds = list(
            zip(frames.values("Modality"), frames.values("FrameOfReferenceUID"), strict=True)
        )
        if len(set(kinds)) > 1 or kinds[0][1] is None:
            return
        for part in split_apart(frames):
            group = frames.take(part.indices)
            column = series_column(group)
            if column is not None and not quantity_codes(group).any():
                yield from self._offers(group, part.labels, part.findings, column)

    def _offers(
        self,
        frames: FrameSet,
        labels: tuple[tuple[str, Any], ...],
        told: tuple[Finding, ...],
        series: Column | None = None,
    ) -> Iterator[Loadable]:
        """Yield all plans for one grid, the best proposed."""
        stack = stack_of(frames)
        place = places_of(stack, len(frames))
        grid = factorise(frames, place, more=() if series is None else (series,))
        if grid is None or (series is not None and series.keyword not in grid.keywords):
            return
        if grid.by_order and len(stack.order) == 1:
            return  # a picture book: nothing says that it is anything else
        flat = grid.index.reshape(-1, grid.index.shape[-1])
        stack = stack_of(frames.take(_representatives(flat)))
        plans, pieces = plans_for(stack)
        name = name_of_part(series_name(frames.instances[0]), labels)
        chosen = map_of_all(frames)
        if chosen is not None:
            name = name_of_map(name, chosen, meant=True)
        told = (*told, *pixel_findings(frames))
        best = not (pieces and plans[0].remedy is Remedy.AS_STACKED)
        for k, plan in enumerate(plans):
            yield self._offer(frames, grid, plan, name, told, selected=best and k == 0)
        whole = grid.complete_steps() if grid.missing else None
        if whole is not None and not whole.missing:
            left_out = f"{len(grid.axes[0]) - len(whole.axes[0])} incomplete left out"
            yield self._offer(frames, whole, plans[0], name, told, selected=False, words=left_out)

    def _offer(
        self,
        frames: FrameSet,
        grid: Factorisation,
        plan: StackPlan,
        name: str,
        told: tuple[Finding, ...],
        *,
        selected: bool,
        words: str = "",
    ) -> Loadable:
        """Offer one plan for one grid; `words` are added to the name."""
        index = grid.index[..., list(plan.stack.order)].reshape(-1)
        holes = np.flatnonzero(index < 0)
        ordered = frames.take(index[index >= 0])
        findings = (*plan.findings, *_incomplete(grid), *told)
        confidence, reasons = assess(_claims(frames, grid, plan), findings)
        sizes = " × ".join(f"{len(axis)} {axis.plural}" for axis in grid.axes)
        remarks = "; ".join(text for text in (plan.words, words) if text)
        said = f" ({remarks})" if remarks else ""
        shape = (*map(len, grid.axes), *plan.shape)
        return Loadable(
            name=f"{name}, {sizes}{said}",
            kind="multi-volume",
            confidence=confidence,
            reasons=reasons,
            findings=findings,
            instances=ordered.instances,
            loader=self,
            options={
                **ordered.options(),
                "remedy": str(plan.remedy),
                "axes": [
                    {"name": a.name, "unit": a.unit, "values": list(a.values)} for a in grid.axes
                ],
                "keywords": list(grid.keywords),
                **({"holes": holes.tolist()} if len(holes) else {}),
            },
            selected=selected,
            shape=(*shape, 3) if is_colour(frames.instances[0]) else shape,
            spacing=plan.spacing,
            referenced_uids=referenced_uids(ordered),
            dims=(*(axis.name for axis in grid.axes), *_SPATIAL),
        )


_AS_THEY_ARE = (Remedy.NONE, Remedy.SHEAR, Remedy.AS_STACKED)


def _claims(frames: FrameSet, grid: Factorisation, plan: StackPlan) -> list[Claim]:
    positions = grid.index.shape[-1]
    named = " and ".join(
        f"{axis.name} ({keyword}, {len(axis)})"
        for axis, keyword in zip(grid.axes, grid.keywords, strict=True)
    )
    claims = [
        Claim(f"all {len(frames)} images have a position and an orientation in the patient"),
        *plan.claims[1:],
        Claim("there is only one slice: a volume is a matter of taste", False)
        if positions == 1
        else Claim(f"{plan.shape[0]} slices"),
    ]
    if grid.by_order:
        claims.append(
            Claim("nothing but the order of the images tells those of one position apart", False)
        )
    elif not grid.missing:
        claims.append(Claim(f"every combination of {named} occurs once at every position"))
    else:
        claims.append(Claim(f"no combination of {named} occurs twice at a position"))
    claims.append(Claim(f"all {len(frames)} images are in one place of the same array"))
    if any(len(set(frames.values(keyword))) > 1 for keyword in _DIRECTIONS):
        claims.append(Claim("diffusion gradients differ, and no axis says how", False))
    return claims


def _incomplete(grid: Factorisation) -> tuple[Finding, ...]:
    if not grid.missing:
        return ()
    volumes = grid.incomplete
    total = int(np.prod(grid.index.shape[:-1]))
    names = []
    for place in volumes[:3]:
        steps = zip(grid.axes, place, strict=True)
        names.append(", ".join(f"{axis.name} {k + 1} of {len(axis)}" for axis, k in steps))
    more = f" and {len(volumes) - 3} more" if len(volumes) > 3 else ""
    lack = "lacks" if len(volumes) == 1 else "lack"
    return (
        Finding(
            FindingCode.MULTIFRAME_INCONSISTENT,
            Severity.WARNING,
            f"{len(volumes)} of {total} volumes {lack} slices ({'; '.join(names)}{more}): "
            f"{grid.missing} {'place is' if grid.missing == 1 else 'places are'} filled with "
            "padding",
            {"volumes": [list(place) for place in volumes], "slices": grid.missing},
        ),
    )


def _index_of(count: int, options: Mapping[str, Any]) -> NDArray[np.intp]:
    """Return (volume, position) -> frame as `_offer` wrote it down."""
    holes = options.get("holes", [])
    flat = np.full(count + len(holes), -1, dtype=np.intp)
    present = np.ones(len(flat), dtype=bool)
    present[holes] = False
    flat[present] = np.arange(count)
    volumes = int(np.prod([len(axis["values"]) for axis in options["axes"]]))
    return flat.reshape(volumes, -1)


def _representatives(index: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return one frame of each position: that of the first volume that has it."""
    first = np.argmax(index >= 0, axis=0)
    chosen: NDArray[np.intp] = index[first, np.arange(index.shape[1])]
    return chosen
