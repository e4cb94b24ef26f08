"""Colours that a file asks for beside its RGB: ICC profile to sRGB, supplemental palette."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dicomdb.dicom.photometric import palette_from_dataset
from napari_dicomdb.dicom.unreadable import unreadable
from napari_dicomdb.dicom.voi import windows_of
from napari_dicomdb.errors import LoadError
from napari_dicomdb.loading.sorting import is_colour

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.photometric import Palette
    from napari_dicomdb.loading.loadable import Loadable
    from napari_dicomdb.loading.reading import Frames

__all__ = [
    "COLOURS_OPTION",
    "ProfiledReader",
    "SupplementalReader",
    "colour_reader",
    "colour_variants",
    "has_supplemental_palette",
]

COLOURS_OPTION = "colours"
"""Option of a loadable: "icc" (converted to sRGB) or "supplemental" (palette over grey)."""

_COLOURED = frozenset({"COLOR", "MIXED", "TRUE_COLOR"})


def has_supplemental_palette(record: InstanceRecord) -> bool:
    """Whether high values of a grey image stand for colours (PS3.3 Section C.7.6.19)."""
    values = record.values
    return (
        record.samples == 1
        and record.photometric.startswith("MONOCHROME")
        and values.get("PixelPresentation") in _COLOURED
        and bool(values.get("RedPaletteColorLookupTableDescriptor"))
    )


def colour_variants(loadable: Loadable) -> list[Loadable]:
    """Return `loadable` and the same in the colours that its file describes.

    A supplemental palette is how the image is meant to be seen: it is proposed
    and the grey values are the alternative. An ICC profile is the alternative:
    as stored, pixels are those of the file.
    """
    first = loadable.instances[0]
    if has_supplemental_palette(first):
        shown = replace(
            loadable,
            name=f"{loadable.name} (colour)",
            shape=(*loadable.shape, 3),
            options={**loadable.options, COLOURS_OPTION: "supplemental"},
            reasons=(*loadable.reasons, "the file has a palette for its high values"),
        )
        return [shown, replace(loadable, selected=False)]
    if is_colour(first) and first.values.get("ICCProfile") and first.bits_allocated == 8:
        converted = replace(
            loadable,
            name=f"{loadable.name} (sRGB)",
            selected=False,
            options={**loadable.options, COLOURS_OPTION: "icc"},
            reasons=(*loadable.reasons, "colours are converted from the ICC profile of the file"),
        )
        return [loadable, converted]
    return [loadable]


def colour_reader(loadable: Loadable) -> Callable[[Frames], Frames] | None:
    """Return what puts the colours that `loadable` was offered with over its images."""
    wanted = loadable.options.get(COLOURS_OPTION)
    if wanted is None:
        return None
    path = loadable.instances[0].path
    header = _header(path)
    if wanted == "icc":
        profile = header.get("ICCProfile")
        if not profile:
            raise LoadError(f"{path}: there is no ICC profile in it", reason="no-icc-profile")
        return partial(ProfiledReader, profile=bytes(profile), path=path)
    windows = windows_of(loadable.instances[0].values)
    grey = windows[0].limits() if windows else None
    return partial(SupplementalReader, palette=palette_from_dataset(header), grey=grey)


def _header(path: Path) -> Dataset:
    from pydicom import dcmread

    try:
        return dcmread(path, stop_before_pixels=True, force=True)
    except unreadable() as error:
        raise LoadError(f"{path}: {error}", reason="bad-header") from error


class _Coloured(ABC):
    """What both readers share: RGB of 8 bits over other frames."""

    def __init__(self, source: Frames) -> None:
        self._source = source
        self.dtype: np.dtype[Any] = np.dtype(np.uint8)
        self.fill = 0.0
        self.problems = source.problems
        self.frame_shape: tuple[int, ...] = (*source.frame_shape[:2], 3)

    def __len__(self) -> int:
        return len(self._source)

    def read(self, index: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Read frame `index` in colour (into `out`)."""
        colours = self._colours(self._source.read(index))
        if out is None:
            return colours
        out[...] = colours
        return out

    @abstractmethod
    def _colours(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the colours of `values`."""


class ProfiledReader(_Coloured):
    """RGB frames in sRGB, from the colour space of an ICC profile.

    Parameters
    ----------
    source : Frames
        RGB, 8 bits.
    profile : bytes
        ICCProfile (0028,2000).
    path : Path
        For messages.

    Raises
    ------
    LoadError
        If the profile cannot be used.
    """

    def __init__(self, source: Frames, *, profile: bytes, path: Path) -> None:
        from PIL import ImageCms

        super().__init__(source)
        try:
            self._transform = ImageCms.buildTransform(
                ImageCms.ImageCmsProfile(BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                "RGB",
                "RGB",
                renderingIntent=ImageCms.Intent.PERCEPTUAL,
            )
        except (ImageCms.PyCMSError, OSError) as error:
            raise LoadError(
                f"{path}: the ICC profile cannot be used: {error}", reason="bad-icc-profile"
            ) from error

    def _colours(self, values: NDArray[Any]) -> NDArray[Any]:
        from PIL import Image, ImageCms

        image = ImageCms.applyTransform(Image.fromarray(np.asarray(values)), self._transform)
        return np.array(image)


class SupplementalReader(_Coloured):
    """Grey frames whose values from the palette's first one upwards are colours.

    Parameters
    ----------
    source : Frames
        Grey.
    palette : Palette
        Its first mapped value is where colours begin.
    grey : (float, float), optional
        Values shown black and white among the others; by default 0 and the
        last one below the palette.

    Notes
    -----
    PS3.3 Section C.7.6.19 and Section C.8.16.2.1.1.1.
    """

    def __init__(
        self, source: Frames, *, palette: Palette, grey: tuple[float, float] | None = None
    ) -> None:
        super().__init__(source)
        self._palette = palette
        self._low, self._high = grey or (0.0, float(max(palette.first - 1, 1)))

    def _colours(self, values: NDArray[Any]) -> NDArray[Any]:
        span = max(self._high - self._low, 1e-6)
        grey = np.clip((values.astype(np.float32) - self._low) / span, 0, 1) * 255
        shown = np.repeat(np.rint(grey).astype(np.uint8)[..., np.newaxis], 3, axis=-1)
        coloured = values >= self._palette.first
        shown[coloured] = self._palette.apply(values[coloured].astype(np.int64))
        return shown
