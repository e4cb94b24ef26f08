"""What a scan has found so far, and which elements it is to look for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dicomdb.dicom._charset import charsets_of
from napari_dicomdb.dicom._decode import (
    MAX_TEXT,
    PADDING,
    decode_value,
    fit_to_vr,
    is_number_vr,
    vr_of_bytes,
)
from napari_dicomdb.dicom.csa import csa_values, is_csa_wanted
from napari_dicomdb.dicom.functional_groups import DERIVATION, GROUPS_TREE, SOURCES_TREE
from napari_dicomdb.dicom.keywords import (
    CSA_HEADER,
    KEPT_KEYWORDS,
    NESTED_TREES,
    NOTED_GROUPS,
    PRIVATE_ELEMENTS,
    PRIVATE_TREES,
    REFERRED_INSTANCES,
    REFERRED_SERIES,
    SOURCES,
    TAG_OF,
    UNRESERVED_ELEMENTS,
    VR_OF,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dicomdb.dicom._dictionary import Tree
    from napari_dicomdb.dicom._sequences import Item
    from napari_dicomdb.dicom.values import Value

__all__ = ["CREATORS", "NUMBER_KEYWORDS", "PIXELS", "SEQUENCES", "Found"]

PIXELS = {
    0x7FE00008: "FloatPixelData",
    0x7FE00009: "DoubleFloatPixelData",
    0x7FE00010: "PixelData",
}
SEQUENCES: Tree = {
    TAG_OF[k]: (k, "SQ", NESTED_TREES.get(TAG_OF[k], ("", "", {}))[2])
    for k in KEPT_KEYWORDS
    if VR_OF[k] == "SQ"
} | GROUPS_TREE
NUMBER_KEYWORDS = frozenset(k for k in KEPT_KEYWORDS if is_number_vr(VR_OF[k]))
UNRESERVED_NAMES = frozenset(name for name, _ in UNRESERVED_ELEMENTS.values())
_ALL_ITEMS = frozenset((*REFERRED_SERIES, *REFERRED_INSTANCES, *SOURCES))
_SOURCE_IMAGES = TAG_OF["SourceImageSequence"]
_OF_FRAMES = SOURCES[-1]
_PATH_OF_FRAMES = tuple(_OF_FRAMES.split(".")[1:])
_SPREAD = 8  # source images of one object that are kept
CREATORS = {group: {c for g, c in PRIVATE_ELEMENTS if g == group} for group, _ in PRIVATE_ELEMENTS}


class Found:
    """What the walk has found so far."""

    __slots__ = (
        "_derivations",
        "cut",
        "end",
        "groups",
        "image_type",
        "orphans",
        "pixel_keyword",
        "pixel_length",
        "pixel_offset",
        "private",
        "problems",
        "values",
    )

    def __init__(self) -> None:
        self.values: dict[str, Value] = {}
        self.groups: dict[str, list[Item]] = {}
        self._derivations: list[Item] = []
        self.problems: list[tuple[str, str]] = []
        self.private = UNRESERVED_ELEMENTS  # until the first creator
        self.orphans: set[str] = set()  # found before it
        self.image_type = ""  # where it is not among the values
        self.pixel_keyword = ""
        self.pixel_offset: int | None = None
        self.pixel_length: int | None = None
        self.end = 0  # how far, roughly
        self.cut = ""  # why the walk ended before its time

    @property
    def charsets(self) -> tuple[str, ...]:
        """Terms of SpecificCharacterSet, as far as seen."""
        return charsets_of(str(self.values.get("SpecificCharacterSet", "")))

    def keep_raw(
        self, name: str, raw: bytes, vr: str, little: bool, *, stated: bool = False
    ) -> None:
        """Keep a value that is not plain ASCII text or one short.

        `stated`: the file itself says `vr`.
        """
        if name == CSA_HEADER:
            self.values.update(csa_values(raw))
            return
        if len(raw) > MAX_TEXT and vr != "OB":
            self.problems.append(
                ("long-value", f"{name} has {len(raw)} bytes; it is cut or left out")
            )
        if name in VR_OF:
            # Text like that of the hot loop: its character set is applied at the end.
            value = decode_value(raw, vr, little)
            if value is not None:
                value = fit_to_vr(value, VR_OF[name])
        else:
            vr = vr if stated else vr_of_bytes(raw, vr)
            value = decode_value(raw, vr, little, self.charsets)
        if value is not None:
            self.values[name] = value

    def keep_items(self, keyword: str, items: list[Item]) -> None:
        """Keep what NESTED_KEYWORDS wants of a top-level sequence."""
        tree = PRIVATE_TREES.get(keyword)
        if keyword not in VR_OF and tree is None:
            self.groups[keyword] = items
            self._keep_sources(items)
            return
        self.values[keyword] = len(items)
        if tree is None:
            _, _, tree = NESTED_TREES.get(TAG_OF[keyword], ("", "", None))
        if tree:
            for path in _paths(tree):
                name = ".".join((keyword, *path))
                if name in _ALL_ITEMS:
                    self._keep_references(name, items, path)
                    continue
                column = [_dig(item, path) for item in items]
                if any(value != "" for value in column):
                    self.values[name] = column

    def _keep_references(self, name: str, items: list[Item], path: tuple[str, ...]) -> None:
        uids = list(dict.fromkeys(_uids(items, path)))
        if len(uids) > _SPREAD and name in SOURCES:
            uids = [uids[k * (len(uids) - 1) // (_SPREAD - 1)] for k in range(_SPREAD)]
        if uids:
            value: Value = list(uids)
            self.values[name] = "\\".join(uids) if name in SOURCES else value

    def _keep_sources(self, items: list[Item]) -> None:
        """Take what frames were made from out of their functional groups, shared and their own."""
        self._derivations += [one for item in items for one in item.pop(DERIVATION, ())]
        if self._derivations:
            self._keep_references(_OF_FRAMES, self._derivations, _PATH_OF_FRAMES)

    def sequence(self, tag: int) -> tuple[str, str, Tree | None] | None:
        """Return keyword, VR and what to read of the sequence `tag`, if it is wanted."""
        entry = SEQUENCES.get(tag)
        if entry is None:
            return self.private_sequence(tag)
        if tag == _SOURCE_IMAGES:
            return None if self._is_original() else entry
        if tag in SOURCES_TREE and not self._has_sources():
            return SOURCES_TREE[tag]
        return entry

    def _is_original(self) -> bool:
        return str(self.values.get("ImageType", self.image_type)).startswith("ORIGINAL")

    def _has_sources(self) -> bool:
        """Tell whether it is known what the frames were made from, or that it is nothing."""
        return (
            "ReferencedSeriesSequence" in self.values
            or "SourceImageSequence" in self.values
            or self._is_original()
        )

    def add_creator(self, group: int, element: int, creator: str) -> None:
        """Note that the block `element` of `group` is reserved by `creator`."""
        if self.private is UNRESERVED_ELEMENTS:
            self.private = {}
            self.orphans = self.values.keys() & UNRESERVED_NAMES
        creator = creator.strip(PADDING)
        wanted = PRIVATE_ELEMENTS.get((group, creator))
        if wanted:
            for low, entry in wanted.items():
                if entry[0] != CSA_HEADER or is_csa_wanted(self.values.get("ImageType")):
                    self.private[group << 16 | element << 8 | low] = entry
        elif group in NOTED_GROUPS and (group, creator) not in PRIVATE_ELEMENTS:
            self.values.setdefault(f"PrivateCreator_{group:04X}", creator[:64])

    def settle_orphans(self) -> None:
        """Keep private elements without a creator if the maker of the file would have them."""
        orphans = self.orphans
        if self.private is UNRESERVED_ELEMENTS:
            orphans = self.values.keys() & UNRESERVED_NAMES
        if not orphans:
            return
        maker = str(self.values.get("Manufacturer", "")).upper()
        for name in orphans:
            vendor = name.partition("_")[0]
            if maker.startswith(vendor):
                self.values["PrivateWithoutCreator"] = vendor
            else:
                del self.values[name]

    def private_sequence(self, tag: int) -> tuple[str, str, Tree] | None:
        """Return keyword, VR and what to read of the private sequence `tag`, if it is wanted."""
        name, vr = self.private.get(tag, ("", ""))
        return (name, vr, PRIVATE_TREES[name]) if vr == "SQ" else None


def _paths(tree: Tree) -> list[tuple[str, ...]]:
    paths: list[tuple[str, ...]] = []
    for keyword, _, below in tree.values():
        paths += [(keyword, *rest) for rest in _paths(below)] if below else [(keyword,)]
    return paths


def _uids(items: list[Item], path: tuple[str, ...]) -> Iterator[str]:
    """Go through the values at `path`, of all items of all nested sequences."""
    for item in items:
        here: Any = item.get(path[0])
        if len(path) > 1:
            yield from _uids(here or [], path[1:])
        elif here and isinstance(here, str):
            yield here


def _dig(item: Item, path: tuple[str, ...]) -> Value:
    """Value at `path`; "" when absent; of nested sequences the first item that has it."""
    here: Any = item.get(path[0], "")
    if len(path) == 1:
        return here  # type: ignore[no-any-return]
    for below in here or []:
        value = _dig(below, path[1:])
        if value != "":
            return value
    return ""
