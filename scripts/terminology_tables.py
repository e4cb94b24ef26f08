"""Write the codes of segments: categories, property types, anatomic regions, modifiers; names.

From the context groups of PS3.16 as pydicom has them (CID 7150, 7191 to 7198, 4, 244):
`python scripts/terminology_tables.py` writes src/napari_dicomdb/export/data/terminology.json.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pydicom
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts

TARGET = Path(__file__).parents[1] / "src/napari_dicomdb/export/data/terminology.json"
TYPES_OF = {
    "Tissue": 7191,
    "Anatomical Structure": 7192,
    "Physical object": 7193,
    "Morphologically Abnormal Structure": 7194,
    "Function": 7195,
    "Spatial and Relational Concept": 7196,
    "Body Substance": 7197,
    "Substance": 7198,
}

# What programs (those of TotalSegmentator first) and people call it, and the SNOMED code that the
# standard has for it; of several words in any order. Where it has none for a muscle or a bone,
# that it is a muscle, a bone.
NAMES = {
    "69748006": "thyroid; thyroid gland",
    "12691009": "brachiocephalic trunk; brachiocephalic artery; innominate artery",
    "8887007": "brachiocephalic vein; innominate vein",
    "33626005": "atrial appendage left; left auricle; laa",
    "68300000": "atrial appendage right; right auricle",
    "32764006": "portal vein; portal vein splenic vein",
    "244411005": "iliac vein; iliac vena",
    "51299004": "clavicle; clavicula; collarbone",
    "127954009": "skeletal muscle; muscles; gluteus maximus; gluteus medius; gluteus minimus; "
    "iliopsoas; psoas; quadriceps; quadriceps femoris; sartorius; triceps brachii; "
    "biceps brachii; "
    "thigh medial compartment; thigh posterior compartment; coracobrachial; pectoralis; "
    "rectus abdominis; serratus anterior; latissimus dorsi; teres major; digastric; "
    "levator scapulae; anterior scalene; middle scalene; posterior scalene; sternothyroid; "
    "thyrohyoid; platysma; prevertebral; autochthon prevertebral; masseter; temporalis; "
    "lateral pterygoid; medial pterygoid; paravertebral",
    "50016007": "costal cartilage",
    "122448007": "myocardium; heart myocardium; heart muscle",
    "82471001": "heart atrium left; la",
    "73829009": "heart atrium right; ra",
    "87878005": "left ventricle; heart ventricle left; lv",
    "53085002": "right ventricle; heart ventricle right; rv",
    "59820001": "blood vessel; vessel; vessels; vasculature",
    "110726009": "trachea bronchus; lung trachea bronchia; airway tree",
    "89187006": "airway; airways",
    "71966008": "subcutaneous tissue",
    "55603005": "fat; subcutaneous fat; torso fat; intermuscular fat; visceral fat; "
    "adipose tissue",
    "22943007": "trunk; torso; body trunc; body trunk",
    "66019005": "extremity; limb; body extremities",
    "60046008": "pleural effusion",
    "373945007": "pericardial effusion",
    "3120008": "pleura; lung pleural",
    "12611008": "tibia; shinbone",
    "23416004": "ulna",
    "62413002": "radius; radius bone",
    "272673000": "bone; bones; tarsal; metatarsal; carpal; metacarpal; phalanges feet; "
    "phalanges hand; phalanx; styloid process",
    "40388003": "implant; hip implant; prosthesis",
    "41801008": "coronary artery; coronary arteries",
    "50960005": "hemorrhage; haemorrhage; bleeding; haematoma",
    "78076003": "lens; eye lens",
    "18234004": "optic nerve",
    "31389004": "oropharynx",
    "71836000": "nasopharynx",
    "279549004": "nasal cavity",
    "49460000": "soft palate",
    "117590005": "ear; auditory canal",
    "309312004": "cartilage; thyroid cartilage; cricoid; cricoid cartilage",
    "21387005": "hyoid; hyoid bone",
    "4596009": "larynx; larynx air",
    "13881006": "zygomatic bone; zygomatic arch",
    "38199008": "tooth; teeth; teeth lower; teeth upper; lower teeth; upper teeth",
    "15924003": "maxillary sinus; sinus maxillary",
    "55060009": "frontal sinus; sinus frontal",
    "119238007": "brainstem; brain stem",
    "36169008": "insula; insular cortex",
    "85637007": "internal capsule",
    "228793007": "planning target volume; ptv",
    "228792002": "clinical target volume; ctv",
    "228791009": "gross tumor volume; gtv",
    "76752008": "breast",
    "65216001": "cerebrospinal fluid; csf",
    "59441001": "lymph node; lymph nodes; node",
    "35259002": "deltoid; deltoid muscle",
    "72573008": "infraspinatus",
    "6423006": "supraspinatus",
    "90588001": "subscapularis",
    "31764008": "trapezius",
    "22823000": "sternocleidomastoid",
    "44947003": "autochthon; erector spinae; erector spinae muscle",
    "54735007": "vertebra s1; sacrum",
    "51282000": "vertebra body; vertebral body",
    "12738006": "septum pellucidum; lentiform nucleus; central sulcus",
    "29092000": "venous sinus; dural sinus",
    "123851003": "hard palate; mouth",
    "2812003": "femur head; femoral head; head of femur",
    "15158005": "air; gas",
    "108369006": "lesion tumor; enhancing tumor; whole tumor; tumor core; tumour core; tumor mass",
}
KINDS_OF = {"228793007": "Spatial and Relational Concept", "228792002":
            "Spatial and Relational Concept", "228791009": "Spatial and Relational Concept",
            "60046008": "Morphologically Abnormal Structure",
            "373945007": "Morphologically Abnormal Structure",
            "50960005": "Morphologically Abnormal Structure",
            "108369006": "Morphologically Abnormal Structure",
            "40388003": "Physical object", "65216001": "Body Substance",
            "15158005": "Body Substance", "55603005": "Tissue"}  # fmt: skip


def plain(meaning: str) -> str:
    """Return a SNOMED name as people say it: without what kind of thing it is."""
    text = re.sub(r"\s*\([^)]*\)", "", meaning).strip()
    text = re.sub(r"^(?:structure of|entire)\s+|\s+structure$", "", text, flags=re.IGNORECASE)
    text = re.sub(r"^(\w+) structure of ", r"\1 of ", text, flags=re.IGNORECASE)
    return text[:1].upper() + text[1:]


def add_names(tables: dict[str, Any], by_meaning: dict[str, list[str]]) -> None:
    """Add the codes that names stand for, where the context groups lack them."""
    known = {code[0] for codes in tables["types"].values() for code in codes}
    meanings = {
        value: meaning
        for codes in concepts["SCT"].values()
        for value, (meaning, _) in codes.items()
    }
    names = {}
    for value, told in NAMES.items():
        if value not in known:
            if value not in meanings:
                print(f"the standard has no {value} ({told})")
                continue
            kind = by_meaning[KINDS_OF.get(value, "Anatomical Structure")][0]
            tables["types"][kind].append([value, "SCT", plain(meanings[value])])
            tables["types"][kind].sort(key=lambda code: code[2].lower())
        names |= dict.fromkeys((name.strip() for name in told.split(";")), value)
    tables["names"] = names


def codes_of(cid: int) -> list[list[str]]:
    found = []
    for scheme, names in cid_concepts[cid].items():
        for name in names:
            for value, (meaning, cids) in concepts[scheme][name].items():
                if cid in cids:
                    found.append([value, scheme, meaning])
    return sorted(found, key=lambda code: code[2].lower())


def main() -> None:
    categories = codes_of(7150)
    by_meaning = {code[2]: code for code in categories}
    tables: dict[str, Any] = {
        "origin": f"DICOM PS3.16, by way of pydicom {pydicom.__version__}",
        "categories": categories,
        "types": {by_meaning[name][0]: codes_of(cid) for name, cid in TYPES_OF.items()},
        "regions": codes_of(4),
        "modifiers": codes_of(244),
    }
    add_names(tables, by_meaning)
    TARGET.write_text(json.dumps(tables, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
