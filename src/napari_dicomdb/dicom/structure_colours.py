"""Colours for segments that recommend none, from the code of what they are.

The table is our own: hues as tissue looks or as anatomical drawings have it by old
habit (arteries red, veins blue, nerves yellow, bile green), chosen by eye so that
neighbours differ. No other program's table was taken. Codes are of SNOMED CT; its older
codes (SRT, SNM3, 99SDM) are looked up in pydicom's table of both.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["structure_colour", "varied"]

_Colour = tuple[int, int, int]

_BY_CODE: Mapping[str, _Colour] = {
    # Bone, cartilage, muscle, fat, skin
    "272673000": (232, 216, 170), "3138006": (232, 216, 170), "421060004": (228, 210, 160),
    "51282000": (228, 210, 160), "122494005": (228, 210, 160), "122495006": (220, 202, 152),
    "122496007": (236, 218, 172), "113197003": (222, 204, 150), "89546000": (240, 228, 190),
    "71341001": (226, 208, 158), "12611008": (218, 198, 146), "85050009": (230, 212, 164),
    "79601000": (224, 206, 154), "91609006": (242, 226, 184), "54735007": (224, 202, 150),
    "56873002": (234, 212, 160), "309312004": (150, 205, 220), "91727004": (176, 80, 70),
    "71616004": (176, 80, 70), "55603005": (240, 205, 90), "256674009": (240, 205, 90),
    "39937001": (230, 185, 155), "14016003": (200, 140, 90),
    # Blood and its vessels
    "87612001": (190, 35, 35), "59820001": (200, 60, 55), "51114001": (215, 45, 40),
    "15825003": (225, 60, 45), "81040000": (120, 130, 220), "69105007": (230, 70, 60),
    "29092000": (60, 100, 200), "48345005": (70, 110, 205), "64131007": (60, 100, 200),
    "32764006": (80, 120, 215), "122972007": (220, 90, 80), "12691009": (215, 70, 60),
    "50018008": (220, 75, 65),
    # Heart
    "80891009": (195, 70, 75), "87878005": (225, 85, 80), "53085002": (85, 120, 200),
    "82471001": (235, 120, 110), "73829009": (110, 140, 210), "76848001": (230, 190, 120),
    "59652004": (235, 120, 110),
    # Chest
    "39607008": (150, 190, 225), "44714003": (165, 200, 230), "45653009": (165, 200, 230),
    "31094006": (130, 175, 205), "72481006": (150, 195, 215), "44567001": (120, 205, 225),
    "89187006": (160, 220, 230), "3120008": (130, 155, 185), "72410000": (205, 195, 170),
    "32849002": (225, 195, 165),
    # Abdomen
    "10200004": (160, 82, 68), "64033007": (185, 98, 83), "28231008": (120, 175, 75),
    "78961009": (150, 75, 120),
    "15776009": (235, 170, 90), "69695003": (235, 155, 130), "38848004": (205, 160, 120),
    "30315005": (225, 150, 145), "71854001": (200, 150, 110), "34402009": (180, 125, 90),
    "14742008": (200, 150, 110), "23451007": (245, 190, 70), "89837001": (235, 215, 110),
    "87953007": (240, 200, 130), "41216001": (200, 130, 150), "35039007": (215, 120, 150),
    "15497006": (225, 150, 175), "15425007": (205, 195, 150),
    # Head and nerves
    "12738006": (235, 185, 180), "389080008": (245, 245, 235), "113305005": (215, 155, 135),
    "35764002": (80, 160, 215), "72107004": (75, 105, 190), "42695009": (190, 140, 200),
    "2748008": (240, 220, 120), "18234004": (240, 220, 100), "81745001": (120, 200, 190),
    "69748006": (205, 110, 125), "56329008": (230, 155, 120), "45289007": (230, 150, 110),
    "385294005": (230, 150, 110), "21974007": (220, 110, 110),
    # What should not be there
    "4147007": (150, 200, 60), "108369006": (170, 205, 50), "86049000": (170, 205, 50),
    "14799000": (140, 170, 50), "52988006": (160, 195, 70), "49755003": (160, 195, 70),
    "27925004": (150, 190, 65), "79654002": (230, 215, 110), "6574001": (110, 100, 60),
    "50960005": (140, 30, 40), "35566002": (140, 30, 40), "41699000": (110, 175, 225),
    "59441001": (110, 185, 110), "30746006": (110, 185, 110),
}  # fmt: skip

# For codes of other schemes (FMA, UBERON, private ones): the first word found decides.
_BY_WORD: tuple[tuple[str, _Colour], ...] = (
    (r"tumou?rs?|neoplasms?|metastas[ie]s|carcinoma|cancer|lesions?|masse?s?|nodules?",
     (170, 205, 50)),
    (r"bile|biliary|gall ?bladder", (120, 175, 75)),
    (r"oedema|edema|cysts?|effusion|fluid|ventricles?(?= of (the )?brain)", (110, 175, 225)),
    (r"ha?emorrhage|ha?ematoma|thrombus", (140, 30, 40)),
    (r"ventricle|atrium|heart|cardiac|myocardium|myocardial", (195, 70, 75)),
    (r"aorta|arter(?:y|ies|ial)", (215, 45, 40)),
    (r"vena|veins?|venous|portal", (60, 100, 200)),
    (r"vessels?|vascular|blood", (200, 60, 55)),
    (r"cartilage|dis[ck]s?", (120, 195, 215)),
    (r"muscles?", (176, 80, 70)),
    (r"lymph", (110, 185, 110)),
    (r"nerves?", (240, 220, 100)),
    (r"bones?|vertebrae?|ribs?|femur|humerus|skull|mandible|sternum|scapula|clavicle|sacrum|"
     r"pelvis|hip|tibia|fibula|spine|patella", (232, 216, 170)),
    (r"liver|hepatic", (160, 82, 68)),
    (r"spleen", (150, 75, 120)),
    (r"kidneys?|renal", (185, 98, 83)),
    (r"pancreas", (235, 170, 90)),
    (r"lungs?|lobes?(?= of (?:the )?lung)|pulmonary", (150, 190, 225)),
    (r"trachea|bronch\w+|airways?", (120, 205, 225)),
    (r"fat|adipose", (240, 205, 90)),
    (r"skin", (230, 185, 155)),
    (r"white matter", (245, 245, 235)),
    (r"gr[ae]y matter", (170, 160, 165)),
    (r"brain|cerebr\w+|cerebell\w+", (235, 185, 180)),
    (r"bladder", (235, 215, 110)),
    (r"prostate|prostatic", (200, 130, 150)),
    (r"stomach", (235, 155, 130)),
    (r"colon|bowel|intestine|duodenum|rectum", (200, 150, 110)),
    (r"o?esophagus", (225, 195, 165)),
    (r"thyroid", (205, 110, 125)),
)  # fmt: skip

_OLDER = frozenset({"SRT", "SNM3", "99SDM"})
_STEPS = (0.0, -0.22, 0.3, -0.36, 0.5, -0.12, 0.16)


def structure_colour(value: str, scheme: str, meaning: str) -> _Colour | None:
    """Return red, green, blue (0 to 255) of a coded structure, None when it is not a known one.

    Parameters
    ----------
    value, scheme, meaning : str
        CodeValue, CodingSchemeDesignator, CodeMeaning.

    Examples
    --------
    >>> structure_colour("10200004", "SCT", "Liver") == structure_colour("T-62000", "SRT", "")
    True
    """
    code = value
    if scheme in _OLDER:
        code = _of_older().get(value, value)
    if scheme in _OLDER or scheme == "SCT":
        known = _BY_CODE.get(code)
        if known is not None:
            return known
    words = meaning.lower()
    for pattern, colour in _BY_WORD:
        if re.search(rf"\b(?:{pattern})\b", words):
            return colour
    return None


def varied(colour: _Colour, turn: int) -> _Colour:
    """Return `colour` lighter or darker, so that several of one kind differ; as it is for 0."""
    step = _STEPS[turn % len(_STEPS)]
    towards = 255.0 if step > 0 else 0.0
    red, green, blue = (round(c + (towards - c) * abs(step)) for c in colour)
    return red, green, blue


@cache
def _of_older() -> Mapping[str, str]:
    from pydicom.sr._snomed_dict import mapping

    return mapping["SRT"]
