"""Diffusion-weighted series: volumes with b-values and gradients, computed maps apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.diffusion import DiffusionWeighting, Directionality
from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.building import build_volume
from napari_dicomdb.loading.coding import codes_of, members_of
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.describing import pixel_findings, referenced_uids, series_name
from napari_dicomdb.loading.examination import remembered
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.grouping import places_of, split_apart, stack_of
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.naming import name_of_part
from napari_dicomdb.loading.sorting import by_series, images_of, is_colour, is_placed
from napari_dicomdb.loading.stacking import Remedy, StackPlan, plan_for, plans_for
from napari_dicomdb.loading.volume import Coord, VolumeGeometry
from napari_dicomdb.loading.volumes import VolumesReader
from napari_dicomdb.loading.weightings import (
    TRACE,
    WEIGHTED,
    WeightedVolumes,
    contrast_codes,
    contrast_labels,
    kinds_of,
    sort_into_volumes,
    weightings_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.grouping import Part
    from napari_dicomdb.loading.reading import Frames
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = ["DIFFUSION_DIM", "DiffusionLoader"]

DIFFUSION_DIM = "diffusion"
"""Name of the axis: one step is one weighting. Its coordinates are the b-values, s/mm2."""

_SPATIAL = ("slice", "row", "column")
_AS_THEY_ARE = (Remedy.NONE, Remedy.SHEAR, Remedy.AS_STACKED)
_MOST_B_VALUES_NAMED = 4


class DiffusionLoader:
    """MR diffusion of all vendors as (diffusion, slice, row, column)."""

    name = "diffusion"
    version = "1"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return the diffusion volumes of each series, and the maps that lie among them."""
        key = ("diffusion", id(instances))  # the maps computed of them ask, too
        return list(remembered(key, instances, lambda: self._examine(instances)))

    def _examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        found: list[Loadable] = []
        for series in by_series(i for i in images_of(instances) if not is_colour(i)):
            if series[0].values.get("Modality") != "MR":
                continue
            frames = FrameSet.of(series)
            placed = np.flatnonzero(is_placed(frames))
            if len(placed) > 1:
                found += self._examine_series(frames.take(placed))
        return found

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> Volume:
        """Load what `examine` offered.

        ``Volume.meta`` has ``b_values`` (N,) in s/mm2 and ``directions_lps``
        (N, 3), unit vectors in patient coordinates, zeros where there is none; where a
        b-matrix is all that is said, also ``b_matrices``: xx, xy, xz, yy, yz, zz, or None.
        """
        frames = FrameSet.of_loadable(loadable)
        if len(frames) == 0:
            raise LoadError(f"{loadable.name}: there is no image in it", reason="no-pixels")
        options = loadable.options
        index = _index_of(len(frames), options["volumes"], options.get("holes", []))
        stack = stack_of(frames.take(WeightedVolumes(index, ()).representatives()))
        plan = plan_for(stack, Remedy(options.get("remedy", Remedy.NONE)))
        index = index[:, list(stack.order)]

        def reader(images: Frames) -> Frames:
            return VolumesReader(images, index, plan.reader)

        in_order = np.array_equal(index.reshape(-1), np.arange(len(frames)))
        direct = in_order and plan.remedy in _AS_THEY_ARE
        alone = len(index) == 1
        meta: dict[str, Any] = {"remedy": str(plan.remedy), "filled_slices": list(plan.filled)}
        coords = {}
        if "b_values" in options:
            meta["b_values"] = np.array(options["b_values"], dtype=np.float64)
            meta["directions_lps"] = np.array(options["directions_lps"], dtype=np.float64)
            meta["directionality"] = list(options["directionality"])
            if "b_matrices" in options:
                meta["b_matrices"] = list(options["b_matrices"])
            coords = {DIFFUSION_DIM: Coord(tuple(options["b_values"]), "s/mm2")}
        return build_volume(
            loadable,
            frames,
            VolumeGeometry(
                plan.affine,
                plan.shape,
                frames.frame_of_reference_uid,
                is_regular=plan.is_regular,
            ),
            _SPATIAL if alone else (DIFFUSION_DIM, *_SPATIAL),
            lazy=lazy,
            progress=progress,
            reader=None if direct else reader,
            leading=(plan.shape[0],) if alone else (len(index), plan.shape[0]),
            coords={} if alone else coords,
            findings=loadable.findings,
            meta=meta,
        )

    def _examine_series(self, frames: FrameSet) -> Iterator[Loadable]:
        for part in split_apart(frames):
            group = frames.take(part.indices) if len(part.indices) < len(frames) else frames
            weightings = weightings_of(group)
            if any(w is not None and w.is_weighted for w in weightings):
                yield from self._examine_part(group, weightings, part)

    def _examine_part(
        self, frames: FrameSet, weightings: list[DiffusionWeighting | None], part: Part
    ) -> Iterator[Loadable]:
        kinds = kinds_of(frames, weightings)
        offers: list[Loadable] = []
        for members in members_of(codes_of(kinds)):
            of_kind, told = frames.take(members), [weightings[k] for k in members]
            contrasts = members_of(contrast_codes(of_kind, told))
            names = contrast_labels(of_kind, [int(chosen[0]) for chosen in contrasts])
            for chosen, labels in zip(contrasts, names, strict=True):
                offers += self._offers(
                    of_kind.take(chosen),
                    [told[k] for k in chosen],
                    kinds[members[0]],
                    replace(part, labels=(*part.labels, *labels)),
                )
        # Maps and single volumes alone are no diffusion series: other loaders know them.
        if any(len(offer.shape) == 4 for offer in offers):
            yield from offers

    def _offers(
        self,
        frames: FrameSet,
        weightings: list[DiffusionWeighting | None],
        kind: str,
        part: Part,
    ) -> Iterator[Loadable]:
        """Yield all plans for images of one kind and contrast, the best proposed."""
        place = places_of(stack_of(frames), len(frames))
        volumes = sort_into_volumes(frames, weightings, place)
        weighted = kind in (WEIGHTED, TRACE)
        if volumes is None or (weighted and not _is_series(volumes) and len(volumes) > 1):
            return
        stack = stack_of(frames.take(volumes.representatives()))
        if len(stack.order) != volumes.index.shape[1]:
            return
        plans, pieces = plans_for(stack)
        best = not (pieces and plans[0].remedy is Remedy.AS_STACKED)
        for k, plan in enumerate(plans):
            yield self._offer(frames, volumes, plan, kind, part, selected=best and k == 0)

    def _offer(
        self,
        frames: FrameSet,
        volumes: WeightedVolumes,
        plan: StackPlan,
        kind: str,
        part: Part,
        *,
        selected: bool,
    ) -> Loadable:
        weighted = kind in (WEIGHTED, TRACE)
        in_order = volumes.reordered(plan.stack.order)
        ordered = frames.take(in_order.frames())
        holes = np.flatnonzero(in_order.index.reshape(-1) < 0).tolist()
        findings = (*plan.findings, *part.findings, *_incomplete(volumes))
        findings += (*_doubts(ordered, volumes), *pixel_findings(ordered)) if weighted else ()
        confidence, reasons = assess(_claims(volumes, plan, weighted), findings)
        alone = len(volumes) == 1
        name = name_of_part(series_name(frames.instances[0]), part.labels)
        if kind != WEIGHTED:
            name = f"{name}, {kind}"
        if weighted and not alone:
            name = f"{name}, {len(volumes)} diffusion volumes ({_b_values_in_words(volumes)})"
        told = _table(volumes) if weighted else {}
        return Loadable(
            name=f"{name} ({plan.words})" if plan.words else name,
            kind="diffusion" if weighted and not alone else "diffusion-map",
            confidence=confidence,
            reasons=reasons,
            findings=findings,
            instances=ordered.instances,
            loader=self,
            options={
                **ordered.options(),
                "remedy": str(plan.remedy),
                "volumes": len(volumes),
                **({"holes": holes} if holes else {}),
                **told,
            },
            selected=selected,
            shape=plan.shape if alone else (len(volumes), *plan.shape),
            dims=_SPATIAL if alone else (DIFFUSION_DIM, *_SPATIAL),
            spacing=plan.spacing,
            referenced_uids=referenced_uids(ordered),
        )


def _is_series(volumes: WeightedVolumes) -> bool:
    return any(w is not None and w.is_weighted for w in volumes.weightings)


def _table(volumes: WeightedVolumes) -> dict[str, Any]:
    """Return the gradient table as JSON; what nobody says is taken for b = 0."""
    told = [w or DiffusionWeighting(0.0) for w in volumes.weightings]
    matrices = [w.b_matrix if w.directionality is Directionality.BMATRIX else None for w in told]
    return {
        "b_values": [w.b_value for w in told],
        "directions_lps": [list(w.vector) for w in told],
        "directionality": [str(w.directionality) for w in told],
        **({"b_matrices": [m and list(m) for m in matrices]} if any(matrices) else {}),
    }


def _b_values_in_words(volumes: WeightedVolumes) -> str:
    values = sorted({round(w.b_value) if w else 0 for w in volumes.weightings})
    if len(values) > _MOST_B_VALUES_NAMED:
        return f"b {values[0]} to {values[-1]}"
    return "b " + ", ".join(map(str, values))


def _claims(volumes: WeightedVolumes, plan: StackPlan, weighted: bool) -> list[Claim]:
    positions = volumes.index.shape[1]
    images = int(np.count_nonzero(volumes.index >= 0))
    claims = [
        # The plan was made of one volume; all others lie where it does.
        Claim(f"all {images} images have a position and an orientation in the patient"),
        *plan.claims[1:],
        Claim("there is only one slice: a volume is a matter of taste", False)
        if positions == 1
        else Claim(f"{plan.shape[0]} slices"),
        Claim(f"{volumes.missing} places of the volumes have no image", False)
        if volumes.missing
        else Claim(f"every position has one image in each of {len(volumes)} volumes"),
    ]
    if not weighted:
        return claims
    silent = sum(w is None for w in volumes.weightings)
    told = [w for w in volumes.weightings if w is not None and w.is_weighted]
    lost = sum(w.direction_lps is None and not w.is_isotropic for w in told)
    claims.append(
        Claim(f"{silent} volumes do not say their b-value", False)
        if silent
        else Claim("every volume says its b-value")
    )
    claims.append(
        Claim(f"{lost} of {len(told)} weighted volumes do not say their gradient", False)
        if lost
        else Claim("every weighted volume says its gradient direction, or that it has none")
    )
    claims.append(Claim("b-values and directions go with the volumes"))
    return claims


def _incomplete(volumes: WeightedVolumes) -> tuple[Finding, ...]:
    if not volumes.missing:
        return ()
    lacking = np.flatnonzero((volumes.index < 0).any(axis=1))
    return (
        Finding(
            FindingCode.MULTIFRAME_INCONSISTENT,
            Severity.WARNING,
            f"{len(lacking)} of {len(volumes)} diffusion volumes lack slices: "
            f"{volumes.missing} places are filled with padding",
            {"volumes": lacking.tolist(), "slices": volumes.missing},
        ),
    )


def _doubts(frames: FrameSet, volumes: WeightedVolumes) -> Iterator[Finding]:
    """Yield what is uncertain of b-values and directions."""
    silent = [k for k, w in enumerate(volumes.weightings) if w is None]
    if silent:
        yield Finding(
            FindingCode.UNKNOWN_WEIGHTING,
            Severity.WARNING,
            f"{len(silent)} of {len(volumes)} volumes do not say their b-value: 0 is assumed",
            {"volumes": silent},
        )
    reasons: dict[str, list[int]] = {}
    for k, w in enumerate(volumes.weightings):
        if w is not None and w.is_weighted:
            if w.doubt:
                reasons.setdefault(w.doubt, []).append(k)
            elif w.direction_lps is None and not w.is_isotropic:
                reasons.setdefault("the headers do not tell them", []).append(k)
    for reason, affected in reasons.items():
        yield Finding(
            FindingCode.UNCERTAIN_DIRECTIONS,
            Severity.WARNING,
            f"Gradient directions of {len(affected)} volumes are uncertain: {reason}",
            {"volumes": affected},
        )
    vendor = frames.instances[0].values.get("PrivateWithoutCreator")
    if vendor:
        yield Finding(
            FindingCode.PRIVATE_WITHOUT_CREATOR,
            Severity.INFO,
            f"Private elements have lost their creator (an anonymiser's doing?) and are read as "
            f"those of {vendor}, as the manufacturer is",
            {"vendor": vendor},
        )


def _index_of(count: int, volumes: int, holes: Sequence[int]) -> np.ndarray[Any, Any]:
    """Return (volume, position) -> frame as `_offer` wrote it down."""
    flat = np.full(count + len(holes), -1, dtype=np.intp)
    present = np.ones(len(flat), dtype=bool)
    present[list(holes)] = False
    flat[present] = np.arange(count)
    return flat.reshape(volumes, -1)
