"""A way to open a set of instances, and the protocol of those who know ways."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from napari_dicomdb.errors import LoadError
from napari_dicomdb.plugins import failing_as
from napari_dicomdb.progress import no_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_dicomdb.database.records import InstanceRecord
    from napari_dicomdb.dicom.content import ContentTree
    from napari_dicomdb.dicom.findings import Finding
    from napari_dicomdb.loading.volume import Volume
    from napari_dicomdb.progress import Progress

    Companions = Callable[[Sequence[str]], Sequence[InstanceRecord]]

__all__ = ["LayerData", "Loadable", "Loader"]

LayerData = tuple[Any, dict[str, Any], str]


@runtime_checkable
class Loader(Protocol):
    """Turns instances into loadables and loadables into volumes.

    Registered through the entry-point group ``napari_dicomdb.loaders``; the
    entry point names a class (called without arguments) or an object.

    A loader may also have ``further(loadable)``: it returns more loadables beside
    one of its own, once what that refers to can be asked for (`loading.companions`).
    """

    name: str
    version: str

    def examine(self, instances: Sequence[InstanceRecord]) -> Sequence[Loadable]:
        """Return the ways this loader knows to open `instances`; opens no file."""

    def load(self, loadable: Loadable, *, progress: Progress, lazy: bool) -> Volume:
        """Load what `examine` offered."""


@dataclass(frozen=True, eq=False)
class Loadable:
    """One way to open some instances.

    Parameters
    ----------
    name : str
        For people: "4: T1 AX", "4: T1 AX, echo 2".
    kind : str
        What it gives: "scalar-volume", "image", "rgb-volume", ...
    confidence : float
        0 to 1, computed from `reasons` and `findings`.
    reasons : tuple of str
        Why the confidence is what it is, in plain words.
    findings : tuple of Finding
        What is wrong with it or worth knowing, before loading.
    instances : tuple of InstanceRecord
        In slice order.
    loader : Loader
    options : mapping
        What the loader needs to tell its loadables apart (e.g. the remedy).
    selected : bool
        Whether it belongs to the default choice, which covers each instance once.
    shape : tuple of int
        Shape it will have, as far as the index tells.
    spacing : tuple of float or None
        Slice, row, column spacing in mm.
    referenced_uids : tuple of str
        SOP or series instance UIDs that should be offered with it; a frame of reference
        where the object names none.
    dims : tuple of str
        Names of the axes of `shape` but for that of colour, as `Volume.dims`
        will have them; () where the loader does not say.
    parts : str
        What `shape` does not say, in words: "3 segments".
    companions : callable, optional
        Finds the instances of referenced series or objects in the index that it came
        from; None where there is no index. Set by whoever asked the loaders.
    """

    name: str
    kind: str
    confidence: float
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    instances: tuple[InstanceRecord, ...]
    loader: Loader = field(repr=False)
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    selected: bool = False
    shape: tuple[int, ...] = ()
    spacing: tuple[float, ...] | None = None
    referenced_uids: tuple[str, ...] = ()
    dims: tuple[str, ...] = ()
    parts: str = ""
    companions: Companions | None = field(default=None, repr=False)

    def find_companions(self) -> Sequence[InstanceRecord]:
        """Return the instances of `referenced_uids` in the index that it came from."""
        if self.companions is None or not self.referenced_uids:
            return ()
        return self.companions(self.referenced_uids)

    def load(self, *, progress: Progress | None = None, lazy: bool = True) -> Volume:
        """Load it.

        Parameters
        ----------
        progress : Progress, optional
            Called as slices arrive; may raise `Cancelled`.
        lazy : bool
            False reads everything into one numpy array now; True reads slices
            when they are looked at, where the file format allows.

        Raises
        ------
        LoadError
            When nothing can be shown; the message says why for each file.
            "loader-failed": the loader raised what it should not.
        """
        with failing_as(LoadError, f"loader {self.loader.name}", "loader-failed"):
            return self.loader.load(self, progress=progress or no_progress, lazy=lazy)

    def to_layers(self, volume: Volume | None = None, **placement: Any) -> list[LayerData]:
        """Return napari ``LayerData`` tuples for `volume` (loaded lazily if None).

        `placement` goes to the layer maker (``frame=``: the viewer's frame).
        """
        from napari_dicomdb.loading.registry import layer_maker

        if volume is None:
            volume = self.load()
        return layer_maker()(volume, **placement)

    def content(self, instance: int = 0) -> ContentTree:
        """Read what one of its instances says, as a tree that a person can read.

        Of an image these are its attributes; an object without an image (a
        report, a structure set, a waveform) has nothing else to show.

        Raises
        ------
        LoadError
            If the file cannot be read.
        """
        from napari_dicomdb.loading.content import read_content

        return read_content(self.instances[instance])

    def to_json(self) -> dict[str, Any]:
        """Return what `examine --json` prints for it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "loader": self.loader.name,
            "confidence": round(self.confidence, 4),
            "selected": self.selected,
            "reasons": list(self.reasons),
            "findings": [f.to_json() for f in self.findings],
            "shape": list(self.shape),
            "dims": list(self.dims),
            "spacing": None if self.spacing is None else list(self.spacing),
            "instances": [i.uid for i in self.instances],
            "options": dict(self.options),
            "referenced_uids": list(self.referenced_uids),
        }
