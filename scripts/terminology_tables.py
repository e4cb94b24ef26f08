"""Write the codes of segments: categories, property types, anatomic regions, modifiers.

From the context groups of PS3.16 as pydicom has them (CID 7150, 7191 to 7198, 4, 244):
`python scripts/terminology_tables.py` writes src/napari_dicomdb/export/data/terminology.json.
"""

from __future__ import annotations

import json
from pathlib import Path

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
    tables = {
        "origin": f"DICOM PS3.16, by way of pydicom {pydicom.__version__}",
        "categories": categories,
        "types": {by_meaning[name][0]: codes_of(cid) for name, cid in TYPES_OF.items()},
        "regions": codes_of(4),
        "modifiers": codes_of(244),
    }
    TARGET.write_text(json.dumps(tables, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
