"""Slices with a place in the patient, classic or multi-frame, grey or colour, as volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.describing import pixel_findings, referenced_uids, series_name
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.grouping import Part, split_apart, split_repeats, stack_of
from napari_dicomdb.loading.loadable import Loadable
from napari_dicomdb.loading.naming import name_of_part
from napari_dicomdb.loading.sequences import (
    SEQUENCE,
    load_sequence,
    sequence_dims,
    sequence_options,
)
from napari_dicomdb.loading.sorting import by_series, images_of, is_colour, is_placed
from napari_dicomdb.loading.stacking import Remedy, StackPlan, plan_for, plans_for
from napari_dicomdb.loading.stacks import STACK_DIMS, load_stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.geometry import Stack
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

__all__ = ["ScalarVolumeLoader"]

_MOST_SINGLES = 3  # a three-plane localizer; more directions are one picture book


class ScalarVolumeLoader:
    """Volumes of slices whose headers say where they are in the patient."""

    name = "scalar-volume"
    version = "1"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return the volumes that `instances` make, with the remedies for bad geometry."""
        found: list[Loadable] = []
        for series in by_series(images_of(instances)):
            frames = FrameSet.of(series)
            placed = np.flatnonzero(is_placed(frames))
            if len(placed):
                found += self.examine_frames(frames.take(placed))
        return found

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> Volume:
        """Load what `examine` offered."""
        frames = FrameSet.of_loadable(loadable)
        if len(frames) == 0:
            raise LoadError(f"{loadable.name}: there is no image in it", reason="no-pixels")
        if loadable.options.get("remedy") == SEQUENCE:
            return load_sequence(loadable, frames, progress=progress, lazy=lazy)
        return load_stack(loadable, frames, lazy=lazy, progress=progress)

    def examine_frames(self, frames: FrameSet) -> list[Loadable]:
        """Return the volumes that frames of one series, all with geometry, make."""
        apart = split_apart(frames)
        singles = [part for part in apart if len(part.indices) == 1]
        found: list[Loadable] = []
        if len(singles) > _MOST_SINGLES and 2 * len(singles) > len(apart):
            rest = [part for part in apart if len(part.indices) > 1]
            found.append(self._picture_book(frames, singles))
        else:
            rest = apart
        count = len(found)
        for outer in rest:
            group = frames.take(outer.indices) if len(rest) > 1 or found else frames
            stack = stack_of(group)
            inners = split_repeats(group, stack)
            count += len(inners)
            for inner in inners:
                if len(inners) == 1:
                    found += self._offers(group, stack, outer, inner)
                else:
                    part = group.take(inner.indices)
                    found += self._offers(part, stack_of(part), outer, inner)
        if count > 1 and _one_matrix(frames):
            found.append(self._as_is(frames))
        return found

    def _offers(self, frames: FrameSet, stack: Stack, outer: Part, inner: Part) -> list[Loadable]:
        """Offer all plans for one stack, the best proposed."""
        if len(stack.order) == 1 and len(frames) > 1:
            return [self._one_position(frames, stack, outer, inner)]
        labels = (*outer.labels, *inner.labels)
        name = name_of_part(series_name(frames.instances[0]), labels)
        told = (*outer.findings, *inner.findings, *pixel_findings(frames))
        plans, pieces = plans_for(stack)
        by_parts = bool(pieces) and plans[0].remedy is Remedy.AS_STACKED
        offers = [
            self._offer(frames, plan, name, told, inner, selected=not by_parts and k == 0)
            for k, plan in enumerate(plans)
        ]
        for k, piece in enumerate(pieces):
            part = frames.take(piece)
            plan = plan_for(stack_of(part), Remedy.NONE)
            offers.append(
                self._offer(
                    part,
                    plan,
                    f"{name}, part {k + 1} of {len(pieces)}",
                    (*told, _split_at_gaps(len(pieces))),
                    inner,
                    selected=by_parts,
                    more={"split": "gaps", "part": k + 1, "parts": len(pieces)},
                )
            )
        return offers

    def _offer(
        self,
        frames: FrameSet,
        plan: StackPlan,
        name: str,
        told: tuple[Finding, ...],
        inner: Part,
        *,
        selected: bool,
        more: dict[str, Any] | None = None,
    ) -> Loadable:
        ordered = frames.take(plan.stack.order)
        findings = (*plan.findings, *told)
        claims = [
            *plan.claims,
            Claim("it was split by the order of the images alone", False)
            if inner.by_order
            else Claim("every position has one image"),
            Claim("there is only one slice: a volume is a matter of taste", False)
            if plan.shape[0] == 1
            else Claim(f"{plan.shape[0]} slices"),
        ]
        if inner.labels:
            claims.append(Claim("it is one of several volumes at the same place", False))
        confidence, reasons = assess(claims, findings)
        colour = is_colour(frames.instances[0])
        return Loadable(
            name=f"{name} ({plan.words})" if plan.words else name,
            kind="rgb-volume" if colour else "scalar-volume",
            confidence=confidence,
            reasons=reasons,
            findings=findings,
            instances=ordered.instances,
            loader=self,
            options={**ordered.options(), "remedy": str(plan.remedy), **(more or {})},
            selected=selected,
            shape=(*plan.shape, 3) if colour else plan.shape,
            spacing=plan.spacing,
            referenced_uids=referenced_uids(ordered),
            dims=STACK_DIMS,
        )

    def _one_position(self, frames: FrameSet, stack: Stack, outer: Part, inner: Part) -> Loadable:
        """Images of one place, one after another: a time course without a time yet."""
        name = name_of_part(series_name(frames.instances[0]), (*outer.labels, *inner.labels))
        return self._sequence(
            frames,
            f"{name} (images of one position)",
            (*stack.findings, *outer.findings, *inner.findings),
            Claim("all images show one position"),
            selected=True,
        )

    def _picture_book(self, frames: FrameSet, singles: list[Part]) -> Loadable:
        """Images of many directions, one each: radial planes, views."""
        chosen = np.sort(np.concatenate([part.indices for part in singles]))
        finding = Finding(
            FindingCode.MIXED_ORIENTATION,
            Severity.WARNING,
            f"{len(chosen)} images differ in orientation, matrix or spacing from each other: "
            "they are shown one after another, without a place in the patient",
            {"count": len(chosen)},
        )
        return self._sequence(
            frames.take(chosen),
            f"{series_name(frames.instances[0])} (images of many directions)",
            (finding,),
            Claim("no two images share a plane", False),
            selected=True,
        )

    def _as_is(self, frames: FrameSet) -> Loadable:
        finding = Finding(
            FindingCode.NO_GEOMETRY,
            Severity.ERROR,
            f"All {len(frames)} images one after another, in the order of their numbers: "
            "without a place in the patient",
            {"count": len(frames)},
        )
        return self._sequence(
            frames,
            f"{series_name(frames.instances[0])} (all images, as they are)",
            (finding,),
            Claim("the images belong to different stacks", False),
            selected=False,
        )

    def _sequence(
        self,
        frames: FrameSet,
        name: str,
        findings: tuple[Finding, ...],
        claim: Claim,
        *,
        selected: bool,
    ) -> Loadable:
        findings = (*findings, *pixel_findings(frames))
        confidence, reasons = assess((claim, Claim("pixels are as they were acquired")), findings)
        ordered, options, shape, spacing = sequence_options(frames)
        return Loadable(
            name=name,
            kind="image-sequence",
            confidence=confidence,
            reasons=reasons,
            findings=findings,
            instances=ordered.instances,
            loader=self,
            options=options,
            selected=selected,
            shape=shape,
            spacing=spacing,
            referenced_uids=referenced_uids(ordered),
            dims=sequence_dims(ordered),
        )


def _one_matrix(frames: FrameSet) -> bool:
    sizes = {(i.rows, i.columns, i.samples > 1) for i in frames.instances}
    return len(sizes) == 1


def _split_at_gaps(count: int) -> Finding:
    return Finding(
        FindingCode.SPLIT_SERIES,
        Severity.INFO,
        f"One of {count} evenly spaced parts of an uneven stack",
        {"parts": count},
    )
