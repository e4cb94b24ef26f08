"""What is asked of a de-identification: the options of PS3.15 E.3, in plain words."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from string import Formatter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.deidentification.regions import (
    BlackoutPreset,
    Rectangle,
    parse_rectangle,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from napari_dicomdb.export.deidentification.defacing import Defacer
    from napari_dicomdb.export.deidentification.table import Row

__all__ = ["RETAINABLE", "Option", "Profile", "Rectangle", "parse_rectangle"]


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be kept beyond the Basic Profile.

    Parameters
    ----------
    name : str
        As on the command line.
    field : str
        Of `Profile`.
    label, tip : str
        For people.
    code : str
        DCM code of the option of PS3.15; "" for what is none.
    """

    name: str
    field: str
    label: str
    tip: str
    code: str = ""


RETAINABLE = (
    Option(
        "characteristics", "retain_characteristics", "Sex, age, weight and size",
        "Needed for SUV. Ages above 89 become 90.", "113108",
    ),
    Option(
        "descriptors", "clean_descriptors", "Descriptions, cleaned word by word",
        "Of free text, the words that name anatomy and technique are kept.", "113105",
    ),
    Option(
        "structured-content", "clean_structured", "Text of reports, cleaned word by word",
        "Measurements, codes and references of reports are always kept.", "113104",
    ),
    Option(
        "graphics", "clean_graphics", "Drawings over images, without their text",
        "Lines and outlines of annotations, and overlays that are regions.", "113103",
    ),
    Option(
        "device", "retain_device", "Devices",
        "Serial numbers, station names and the like.", "113109",
    ),
    Option(
        "institution", "retain_institution", "Institutions",
        "Names and addresses of hospitals.", "113112",
    ),
    Option(
        "uids", "retain_uids", "UIDs",
        "Who has the originals can then tell which ones these are.", "113110",
    ),
    Option(
        "safe-private", "retain_safe_private", "Private attributes that the standard calls safe",
        "Diffusion weighting of Siemens and Philips, SUV factors of Philips.", "113111",
    ),
    Option(
        "extended-private", "extended_private",
        "Further private attributes needed to understand images",
        "Diffusion gradients of GE, mosaics and phases of Siemens: not listed by the standard.",
    ),
)  # fmt: skip
"""What can be kept, in the order it is offered."""

_CODES = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113102": "Clean Recognizable Visual Features Option",
    "113103": "Clean Graphics Option",
    "113104": "Clean Structured Content Option",
    "113105": "Clean Descriptors Option",
    "113106": "Retain Longitudinal Temporal Information Full Dates Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
    "113109": "Retain Device Identity Option",
    "113110": "Retain UIDs Option",
    "113111": "Retain Safe Private Option",
    "113112": "Retain Institution Identity Option",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """The Basic Profile and what is kept or cleaned beyond it.

    Parameters
    ----------
    dates : {"remove", "shift", "keep"}
        Shifting moves all dates of a patient by the same number of days, back by
        one to ten years, so that intervals stay to the second.
    retain_uids, retain_device, retain_institution, retain_characteristics : bool
        Keep these: see `RETAINABLE`.
    retain_safe_private, extended_private : bool
        Keep private attributes of PS3.15 Table E.3.10-1; and of our own list.
    clean_descriptors, clean_structured, clean_graphics : bool
        Keep descriptions, text of reports, drawings after cleaning.
    allowed_texts : frozenset of str
        Values of free text that are kept as they are (with `clean_descriptors`).
    patient_id, patient_name : str
        Templates of the pseudonyms: "{code}" is a keyed code of eight letters,
        "{number}" counts the patients of the project.
    pseudonyms : mapping of str to str
        New PatientID by the original one, for those who have such a list.
    project : str
        Name of the project whose key makes UIDs, pseudonyms and shifts; the same
        patient is the same in all its exports. "": a key that is forgotten.
    blackout : tuple of Rectangle
    presets : tuple of BlackoutPreset
        Rectangles for images of some devices.
    outside_regions : bool
        Black out all outside of the regions that ultrasound images say they have.
    recompress : bool
        Compress pixels that had to be decoded again, without loss.
    pixels_confirmed : bool or frozenset of str
        Somebody has looked: no text is burned into the images; or only into none of
        the series with these UIDs.
    deface : callable, optional
        Given header and pixels (frames, rows, columns[, samples]), returns the
        pixels without recognisable features, or None to leave them; see `defacing`.
    """

    dates: str = "remove"
    retain_uids: bool = False
    retain_device: bool = False
    retain_institution: bool = False
    retain_characteristics: bool = False
    retain_safe_private: bool = False
    extended_private: bool = False
    clean_descriptors: bool = False
    clean_structured: bool = False
    clean_graphics: bool = False
    allowed_texts: frozenset[str] = frozenset()
    patient_id: str = "{code}"
    patient_name: str = "{code}"
    pseudonyms: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    project: str = ""
    blackout: tuple[Rectangle, ...] = ()
    presets: tuple[BlackoutPreset, ...] = ()
    outside_regions: bool = False
    recompress: bool = True
    pixels_confirmed: bool | frozenset[str] = False
    deface: Defacer | None = None

    def __post_init__(self) -> None:
        if self.dates not in ("remove", "shift", "keep"):
            raise ExportError(
                f"dates can be removed, shifted or kept, not {self.dates!r:.40}",
                reason="bad-profile",
            )
        for template in (self.patient_id, self.patient_name):
            _check_template(template)
        for pseudonym in self.pseudonyms.values():
            _check_pseudonym(pseudonym)

    @classmethod
    def retaining(cls, names: Iterable[str], **others: Any) -> Profile:
        """Return a profile that keeps what `RETAINABLE` calls so.

        Raises
        ------
        ExportError
            If there is no such option.
        """
        names = list(names)
        by_name = {option.name: option.field for option in RETAINABLE}
        unknown = [name for name in names if name not in by_name]
        if unknown:
            raise ExportError(
                f"{unknown[0]!r:.40} cannot be kept: use one of {', '.join(by_name)}",
                reason="bad-profile",
            )
        chosen: dict[str, Any] = {by_name[name]: True for name in names}
        return cls(**chosen, **others)

    def action(self, row: Row) -> str:
        """Return what happens to an attribute: its basic action, or K or C by an option."""
        found = {row.options.get(column, "") for column in self._columns()}
        return "K" if "K" in found else "C" if "C" in found else row.basic

    def column(self, row: Row) -> str:
        """Return the option's column that decided, "" for the Basic Profile."""
        action = self.action(row)
        named = (c for c in self._columns() if row.options.get(c, "") == action)
        return next(named, "")

    def _columns(self) -> list[str]:
        return [
            column
            for column, chosen in (
                ("uids", self.retain_uids),
                ("device", self.retain_device),
                ("institution", self.retain_institution),
                ("characteristics", self.retain_characteristics),
                ("full_dates", self.dates == "keep"),
                ("modified_dates", self.dates == "shift"),
                ("descriptors", self.clean_descriptors),
                ("structured", self.clean_structured),
                ("graphics", self.clean_graphics),
            )
            if chosen
        ]

    def codes(self, *, pixels: bool = False, faces: bool = False) -> list[tuple[str, str]]:
        """Return code and meaning of what was done, for the copies to tell.

        Parameters
        ----------
        pixels, faces : bool
            Pixel data were cleaned; recognisable features were.
        """
        codes = ["113100"]
        codes += ["113101"] if pixels else []
        codes += ["113102"] if faces else []
        codes += {"remove": [], "shift": ["113107"], "keep": ["113106"]}[self.dates]
        codes += [o.code for o in RETAINABLE if o.code and getattr(self, o.field)]
        return [(code, _CODES[code]) for code in sorted(codes)]

    def words(self) -> list[str]:
        """Return the choices for people, one a line."""
        dates = {"remove": "Dates are removed", "shift": "Dates are shifted", "keep": "Dates stay"}
        return [dates[self.dates], *(f"Kept: {o.label.lower()}" for o in RETAINABLE
                                     if getattr(self, o.field))]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return the choices for reports; nothing that tells who a patient is."""
        hidden = {"pseudonyms", "deface", "allowed_texts", "patient_id", "patient_name",
                  "blackout", "presets", "pixels_confirmed"}  # fmt: skip
        chosen = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in hidden}
        return {
            **chosen,
            "blackout": [str(replace(r, where="")) for r in self.blackout],
            "presets": len(self.presets),
            "pixels_confirmed": bool(self.pixels_confirmed),
            "codes": [code for code, _ in self.codes()],
        }

    def to_choices(self) -> dict[str, Any]:
        """Return all that is asked for, as a job keeps it: only what is not the default.

        Raises
        ------
        ExportError
            If it has a function, which cannot be kept.
        """
        if self.deface is not None:
            raise ExportError(
                "a defacer cannot be kept with a job: do it at once", reason="bad-profile"
            )
        plain = Profile()
        made: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if value == getattr(plain, one.name):
                continue
            made[one.name] = _WRITTEN.get(one.name, _as_it_is)(value)
        return made

    @classmethod
    def from_choices(cls, choices: Mapping[str, Any]) -> Profile:
        """Return the profile that `to_choices` was made of.

        Raises
        ------
        ExportError
            If there is no such choice, or a value is not possible.
        """
        known = {one.name: one for one in fields(cls)}
        plain = cls()
        made: dict[str, Any] = {}
        try:
            for name, value in choices.items():
                if name not in known or name == "deface":
                    raise KeyError(name)
                made[name] = _READ.get(name, _as_it_is)(value)
                default = getattr(plain, name)
                if name not in _READ and type(made[name]) is not type(default):
                    raise TypeError(name)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, ExportError):
                raise
            raise ExportError(
                f"{next(iter(error.args), '')!r:.40} is no choice of a profile",
                reason="bad-profile",
            ) from error
        return cls(**made)


def _as_it_is(value: Any) -> Any:
    return value


_WRITTEN: dict[str, Callable[[Any], Any]] = {
    "allowed_texts": sorted,
    # As pairs: what may name a patient is looked for in values, not in keys.
    "pseudonyms": lambda pairs: [[old, new] for old, new in pairs.items()],
    "blackout": lambda several: [str(one) for one in several],
    "presets": lambda several: [one.to_json() for one in several],
    "pixels_confirmed": lambda said: said if isinstance(said, bool) else sorted(said),
}
_READ: dict[str, Callable[[Any], Any]] = {
    "allowed_texts": lambda several: frozenset(map(str, several)),
    "pseudonyms": lambda pairs: {str(old): str(new) for old, new in pairs},
    "blackout": lambda several: tuple(parse_rectangle(one) for one in several),
    "presets": lambda several: tuple(BlackoutPreset.from_json(one) for one in several),
    "pixels_confirmed": lambda said: said if isinstance(said, bool) else frozenset(said),
}


def _check_template(template: str) -> None:
    try:
        names = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
        if not names <= {"code", "number"}:
            raise KeyError(*names)
        made = template.format(code="ABCDEFGH", number=1)
    except (AttributeError, IndexError, KeyError, ValueError) as error:
        raise ExportError(
            f"{template!r:.80} cannot be filled in: use {{code}} and {{number}}",
            reason="bad-profile",
        ) from error
    _check_pseudonym(made)


def _check_pseudonym(text: str) -> None:
    # ASCII, as every character set of DICOM has it.
    good = text.strip() and len(text) <= 64 and text.isascii() and text.isprintable()
    if not good or "\\" in text:
        raise ExportError(
            f"{text!r:.80} is no pseudonym: use up to 64 ASCII letters and no backslash",
            reason="bad-profile",
        )
