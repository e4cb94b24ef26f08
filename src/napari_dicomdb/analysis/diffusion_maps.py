"""Quick maps offered beside a diffusion series: trace-weighted, ADC, FA.

A loader as any other, found by its entry point; it stands above `loading`
because it computes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.analysis.diffusion import (
    apparent_diffusion,
    can_fit_tensor,
    diffusion_tensor,
    foreground,
    fractional_anisotropy,
    geometric_mean,
    shells_of,
)
from napari_dicomdb.dicom.voi import Window
from napari_dicomdb.loading.confidence import Claim, assess
from napari_dicomdb.loading.loaders.diffusion import DiffusionLoader
from napari_dicomdb.loading.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.progress import Progress

__all__ = ["DiffusionMapsLoader"]

_MAP = "map"
_LEAST_FOR_TRACE = 3  # directions
_MICROMETRES = np.float32(1e6)  # mm2/s -> um2/s

_UNITS = {"ADC": "um2/s", "FA": "", "trace": ""}
_WINDOWS = {
    "ADC": (Window(1500, 3000, "ADC", "LINEAR_EXACT"),),
    "FA": (Window(0.5, 1, "FA", "LINEAR_EXACT"),),
    "trace": (),
}
# What was said of the images and does not hold for what is computed of them.
_OF_IMAGES = frozenset(
    {"padding", "value_range", "voi_luts", "b_values", "directions_lps", "directionality"}
)


class DiffusionMapsLoader:
    """Maps computed of diffusion series when they are asked for."""

    name = "diffusion-maps"
    version = "1"

    def examine(self, instances: Sequence[InstanceRecord]) -> list[Loadable]:
        """Return the maps that can be computed of `instances`; none is proposed."""
        series = [one for one in DiffusionLoader().examine(instances) if one.selected]
        return [
            self._offer(one, name)
            for one in series
            if one.kind == "diffusion"
            for name in _maps_of(one)
        ]

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> Volume:
        """Compute a map; it is never lazy, but reads one volume at a time."""
        options = dict(loadable.options)
        name = options.pop(_MAP)
        volume = DiffusionLoader().load(
            replace(loadable, options=options, kind="diffusion"), progress=progress, lazy=True
        )
        array = _COMPUTE[name](volume, progress)
        return Volume(
            array=array,
            dims=volume.dims[1:],
            geometry=volume.geometry,
            units=_UNITS[name],
            meta={
                **{k: v for k, v in volume.meta.items() if k not in _OF_IMAGES},
                "name": loadable.name,
                "kind": loadable.kind,
                "loader": self.name,
                "rescale": [(1.0, 0.0)],
                "windows": _WINDOWS[name],
                "padding": None,
                "value_range": (float(array.min()), float(array.max())),
                "computed_of": volume.meta["b_values"].tolist(),
            },
        )

    def _offer(self, series: Loadable, name: str) -> Loadable:
        # What speaks for and against the series does so for what is computed of it.
        claims = [
            Claim(text.removeprefix("but "), not text.startswith("but "))
            for text in series.reasons
            if not text.startswith("lowered by ")
        ]
        claims.append(Claim(f"it is computed of {series.shape[0]} volumes, not acquired", False))
        confidence, reasons = assess(claims, series.findings)
        return replace(
            series,
            name=f"{series.name}: {_NAMES[name]}",
            kind="diffusion-map",
            confidence=confidence,
            reasons=reasons,
            loader=self,
            options={**series.options, _MAP: name},
            selected=False,
            shape=series.shape[1:],
            dims=series.dims[1:],
        )


_NAMES = {
    "trace": "trace-weighted image",
    "ADC": "apparent diffusion (ADC)",
    "FA": "fractional anisotropy (FA)",
}


def _maps_of(series: Loadable) -> Iterator[str]:
    b_values, directions = series.options["b_values"], series.options["directions_lps"]
    shells = shells_of(b_values)
    last = shells[-1]
    if last.is_weighted and sum(any(directions[k]) for k in last.indices) >= _LEAST_FOR_TRACE:
        yield "trace"
    if len(shells) > 1:
        yield "ADC"
    if can_fit_tensor(b_values, directions):
        yield "FA"


def _brain(volume: Volume) -> NDArray[np.bool_]:
    """Return the foreground of the least weighted image."""
    return foreground(geometric_mean(volume.array, shells_of(volume.meta["b_values"])[0].indices))


def _trace(volume: Volume, progress: Progress) -> NDArray[np.float32]:
    shell = shells_of(volume.meta["b_values"])[-1]
    return geometric_mean(volume.array, shell.indices, progress=progress)


def _adc(volume: Volume, progress: Progress) -> NDArray[np.float32]:
    b_values = volume.meta["b_values"]
    found = apparent_diffusion(volume.array, b_values, mask=_brain(volume), progress=progress)
    return np.maximum(found, 0) * _MICROMETRES


def _fa(volume: Volume, progress: Progress) -> NDArray[np.float32]:
    tensor = diffusion_tensor(
        volume.array,
        volume.meta["b_values"],
        volume.meta["directions_lps"],
        mask=_brain(volume),
        progress=progress,
    )
    return fractional_anisotropy(tensor)


_COMPUTE: dict[str, Callable[[Volume, Progress], NDArray[Any]]] = {
    "trace": _trace,
    "ADC": _adc,
    "FA": _fa,
}
