from __future__ import annotations

import pydicom.sr._concepts_dict as concepts
import pytest

from napari_dicomdb.errors import ExportError
from napari_dicomdb.export.images.quantities import QUANTITIES, quantity_code, unit_code


@pytest.mark.parametrize("key", [k for k, (_, scheme, _) in QUANTITIES.items() if scheme == "DCM"])
def test_codes_mean_what_they_say(key: str) -> None:
    code = quantity_code(key)
    known = {c: meaning for group in concepts.concepts["DCM"].values()
             for c, (meaning, *_) in group.items()}  # fmt: skip
    assert known[code.value].lower() == code.meaning.lower()


def test_units_are_ucum() -> None:
    assert unit_code("HU").value == "[hnsf'U]"
    assert (unit_code("").value, unit_code("").meaning) == ("1", "no units")
    assert unit_code("mm2/s").scheme_designator == "UCUM"
    for wrong in ("x" * 17, "µm", "a\\b", "arb. units"):
        with pytest.raises(ExportError) as error:
            unit_code(wrong)
        assert error.value.reason == "bad-value"
    with pytest.raises(ExportError) as error:
        quantity_code("taste")
    assert error.value.reason == "bad-option"
