"""Which loadables are opened by default: each frame once, ties settled by stated reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_dicomdb.loading.examination import once
from napari_dicomdb.loading.frames import FRAMES_OPTION, FrameSet, frame_count_of
from napari_dicomdb.loading.mosaics import sheets_among

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dicomdb.loading.loadable import Loadable

__all__ = ["choose", "frames_of"]

_TIE = 1e-9


@once
def frames_of(loadable: Loadable) -> frozenset[tuple[str, int]]:
    """Return what `loadable` shows: (SOPInstanceUID, frame) pairs, frames from 0."""
    wanted = loadable.options.get(FRAMES_OPTION)
    if wanted is not None:
        return frozenset((loadable.instances[i].uid, int(n)) for i, n in wanted)
    if any(sheets_among(loadable.instances)):  # each tile of a mosaic is a frame
        frames = FrameSet.of(loadable.instances)
        owners = zip(frames.owner.tolist(), frames.number.tolist(), strict=True)
        return frozenset((frames.instances[i].uid, n) for i, n in owners)
    return frozenset((i.uid, n) for i in loadable.instances for n in range(frame_count_of(i)))


def choose(loadables: Sequence[Loadable]) -> list[Loadable]:
    """Set `selected` so that every frame is opened once, and sort best first.

    A loader proposes by `selected` which of its own loadables belong together.
    Proposals are taken by confidence; among equally sure ones that which shows
    more frames, then the order in which the loaders answered. What no proposal
    covers is filled from the other loadables in the same order, as long as they
    do not overlap with what is chosen. A confidence of 0 is never chosen.

    Parameters
    ----------
    loadables : sequence of Loadable
        Of all loaders.

    Returns
    -------
    list of Loadable
        Chosen ones first; within both parts by confidence, then in the order
        in which they came.
    """
    shown = [frames_of(loadable) for loadable in loadables]

    def rank(i: int) -> tuple[bool, float, int, int]:
        loadable = loadables[i]
        sure = round(loadable.confidence / _TIE)
        return (not loadable.selected, -sure, -len(shown[i]), i)

    covered: set[tuple[str, int]] = set()
    chosen: set[int] = set()
    reasons: dict[int, str] = {}
    for i in sorted(range(len(loadables)), key=rank):
        if loadables[i].confidence <= 0:  # its loader says that there is nothing to open
            continue
        if covered.isdisjoint(shown[i]):
            chosen.add(i)
            covered |= shown[i]
        else:
            rival = next((c for c in chosen if not shown[c].isdisjoint(shown[i])), None)
            if rival is None:
                continue
            surer = loadables[i].confidence > loadables[rival].confidence + _TIE
            if loadables[i].selected or surer:
                reasons.setdefault(rival, _why(loadables[rival], loadables[i]))
    result = [
        replace(
            loadable,
            selected=i in chosen,
            reasons=(*loadable.reasons, reasons[i]) if i in reasons else loadable.reasons,
        )
        for i, loadable in enumerate(loadables)
    ]
    return sorted(result, key=lambda one: (not one.selected, -one.confidence))


def _why(chosen: Loadable, other: Loadable) -> str:
    if not other.selected and len(frames_of(chosen)) > len(frames_of(other)):
        return (
            f"preferred to surer parts: it shows all {len(frames_of(chosen))} images at once, "
            f"“{other.name}” {len(frames_of(other))}"
        )
    if chosen.confidence > other.confidence + _TIE:
        why = f"confidence {chosen.confidence:.2f} against {other.confidence:.2f}"
    elif len(frames_of(chosen)) > len(frames_of(other)):
        why = "as sure, and it shows more images"
    else:
        why = f"as sure; the loader {chosen.loader.name} answered first"
    return f"preferred to “{other.name}” ({other.loader.name}): {why}"
