"""Which plugin napari opens DICOM files with: shown, set when asked to, and undone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

from napari_dicomdb.settings import Settings, change_settings, load_settings
from napari_dicomdb.viewer.browse import PLUGIN

__all__ = ["PATTERNS", "ReaderState", "reader_state", "restore_readers", "use_for_dicom"]

PATTERNS = (
    "*.dcm", "*.DCM", "*.dicom", "*.DICOM", "*.dic", "*.DIC", "*.ima", "*.IMA", "*DICOMDIR",
)  # fmt: skip
"""Names of DICOM files, as napari's own preferences write them."""

_BEFORE = "readers_before"


@dataclass(frozen=True, slots=True)
class ReaderState:
    """What napari's preferences say about DICOM files.

    Parameters
    ----------
    readers : dict of str to str
        Plugin by pattern, for those of `PATTERNS` that have one.
    can_undo : bool
        Whether `use_for_dicom` set them, so that `restore_readers` undoes it.
    """

    readers: dict[str, str]
    can_undo: bool

    @property
    def is_ours(self) -> bool:
        """Whether this plugin opens all of them without being asked."""
        return all(self.readers.get(pattern) == PLUGIN for pattern in PATTERNS)

    def summary(self) -> str:
        """Return it in one sentence for people."""
        others = sorted({reader for reader in self.readers.values() if reader != PLUGIN})
        if self.is_ours:
            return "napari opens DICOM files with this plugin."
        if others:
            return f"napari opens some DICOM files with {', '.join(others)}."
        return "napari asks when several plugins can open a DICOM file."


def reader_state() -> ReaderState:
    """Return what napari's preferences say now."""
    from napari.settings import get_settings

    present = get_settings().plugins.extension2reader
    readers = {pattern: present[pattern] for pattern in PATTERNS if pattern in present}
    ours = any(reader == PLUGIN for reader in readers.values())
    return ReaderState(readers, ours and _before() is not None)


def use_for_dicom() -> ReaderState:
    """Have napari open DICOM files with this plugin; what was set before is kept."""
    from napari.settings import get_settings

    state = reader_state()
    if _before() is None:
        _keep({p: r for p, r in state.readers.items() if r != PLUGIN})
    plugins = get_settings().plugins
    # Another dictionary: napari notices (and writes) assignments only.
    plugins.extension2reader = {**plugins.extension2reader, **dict.fromkeys(PATTERNS, PLUGIN)}
    return reader_state()


def restore_readers() -> ReaderState:
    """Undo `use_for_dicom`: what was set before it is set again.

    Patterns that somebody gave to another plugin meanwhile stay with it.
    """
    from napari.settings import get_settings

    plugins = get_settings().plugins
    before = _before() or {}
    kept = {
        pattern: reader
        for pattern, reader in plugins.extension2reader.items()
        if not (pattern in PATTERNS and reader == PLUGIN)
    }
    plugins.extension2reader = {**before, **kept}
    _keep(None)
    return reader_state()


def _before() -> dict[str, str] | None:
    kept = load_settings().others.get(_BEFORE)
    if not isinstance(kept, dict):
        return None
    return {str(pattern): str(reader) for pattern, reader in kept.items()}


def _keep(readers: dict[str, str] | None) -> None:
    def change(settings: Settings) -> Settings:
        others = {key: value for key, value in settings.others.items() if key != _BEFORE}
        if readers is not None:
            others[_BEFORE] = readers
        return replace(settings, others=MappingProxyType(others))

    change_settings(change)
