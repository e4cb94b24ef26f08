from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from napari_dicomdb import Database
from napari_dicomdb.dicom.findings import Finding, FindingCode, Severity
from napari_dicomdb.loading import examine, registry, stored


def with_keys(found):
    return [replace(record, key=10 + k) for k, record in enumerate(found)]


def same(one, other):
    """Whether two loadables are the same in all that they say."""
    facts = [
        (
            *(x.name, x.kind, x.confidence, x.reasons, x.loader, dict(x.options)),
            [(f.code, f.severity, f.text, dict(f.numbers)) for f in x.findings],
            *(x.selected, x.shape, x.spacing, x.referenced_uids, x.dims),
            [i.uid for i in x.instances],
        )
        for x in (one, other)
    ]
    return repr(facts[0]) == repr(facts[1])


def test_loadables_come_back_as_they_were(series, records):
    series.axial([0, 1, 2, 4, 5])  # one is missing: remedies
    known = with_keys(records(series.paths))
    offers = examine(known)
    data = stored.as_stored(offers)
    assert data is not None
    back = stored.from_stored(data, known[::-1])
    assert len(back) == len(offers) > 1
    assert all(same(a, b) for a, b in zip(offers, back, strict=True))
    assert (back[0].load().numpy() == offers[0].load().numpy()).all()


def test_the_summary_says_size_spacing_dims_and_findings(series, records):
    series.axial([0, 2.5, 5], Rows=6)
    offers = examine(with_keys(records(series.paths)))
    (summary,) = stored.summaries_of(stored.summaries_to_json(offers))
    assert summary.name == "4: Thorax"
    assert (summary.kind, summary.loader) == ("scalar-volume", "scalar-volume")
    assert summary.shape == (3, 6, 5)
    assert summary.dims == ("slice", "row", "column")
    assert summary.spacing == pytest.approx((2.5, 0.5, 0.75))
    assert summary.selected and summary.instance_count == 3
    assert [f.text for f in summary.findings] == [f.text for f in offers[0].findings]
    assert summary.severity is None or summary.severity in Severity
    assert stored.summary_of(offers[0]).confidence == summary.confidence


def test_numpy_numbers_become_plain_ones(series, records):
    series.axial([0, 1])
    (offer, *_) = examine(with_keys(records(series.paths)))
    odd = replace(
        offer,
        shape=(np.int64(2), 6, 5),
        options=MappingProxyType({"scale": np.float32(0.5), "axes": [1, None, "x"]}),
    )
    data = stored.as_stored([odd])
    assert data is not None
    (back,) = stored.from_stored(data, odd.instances)
    assert back.shape == (2, 6, 5)
    assert dict(back.options) == {"scale": 0.5, "axes": [1, None, "x"]}


@pytest.mark.parametrize("option", [object(), (1, 2), {1: "int as key"}, b"bytes", float("nan")])
def test_what_json_cannot_say_is_not_kept(series, records, option):
    series.axial([0, 1])
    (offer, *_) = examine(with_keys(records(series.paths)))
    assert stored.as_stored([replace(offer, options={"x": option})]) is None


@pytest.mark.parametrize("code", [FindingCode.LOADER_FAILED, FindingCode.UNDECODABLE_PIXELS])
def test_what_a_repair_may_cure_is_not_kept(series, records, code):
    series.axial([0, 1])
    (offer, *_) = examine(with_keys(records(series.paths)))
    cured = replace(offer, findings=(Finding(code, Severity.ERROR, "today"),))
    assert stored.as_stored([cured]) is None
    assert stored.as_stored([]) is None


def test_names_that_are_no_unicode_are_kept(series, records):
    series.axial([0, 1])
    (offer, *_) = examine(with_keys(records(series.paths)))
    odd = replace(offer, findings=(Finding(FindingCode.DRIFT, Severity.INFO, "file \udcff.dcm"),))
    data = stored.as_stored([odd])
    assert data is not None
    assert stored.from_stored(data, odd.instances)[0].findings == odd.findings
    assert stored.summaries_of(stored.summaries_to_json([odd]))[0].findings == odd.findings


def test_what_is_gone_is_missed(series, records, monkeypatch):
    series.axial([0, 1])
    known = with_keys(records(series.paths))
    data = stored.as_stored(examine(known))
    assert data is not None
    with pytest.raises(KeyError):
        stored.from_stored(data, known[:1])
    monkeypatch.setattr(registry, "loaders", lambda: ())
    with pytest.raises(KeyError):
        stored.from_stored(data, known)
    with pytest.raises(ValueError):
        stored.from_stored(b"not compressed", known)


def test_the_fingerprint_names_loaders_and_versions(monkeypatch):
    class New:
        name, version = "new", "1"

        def examine(self, instances):
            return []

        def load(self, loadable, *, progress, lazy):
            raise NotImplementedError

    before = stored.fingerprint()
    assert "scalar-volume 1" in before
    loader = New()
    registry.register(loader)
    try:
        first = stored.fingerprint()
        assert first != before and "new 1" in first
        loader.version = "2"
        assert "new 2" in stored.fingerprint()
    finally:
        registry.unregister("new")
    assert stored.fingerprint() == before


def test_every_series_of_the_reference_can_be_kept(reference_data):
    """Loaders of ours put nothing into options that JSON cannot say."""
    with Database.in_memory() as database:
        database.import_paths([reference_data], workers=0)
        for one in database.series():
            instances = database.instances(one)
            offers = examine(instances)
            curable = any(
                f.code in (FindingCode.LOADER_FAILED, FindingCode.UNDECODABLE_PIXELS)
                for offer in offers
                for f in offer.findings
            )
            data = stored.as_stored(offers)
            assert data is not None or curable, (one.description, [o.options for o in offers])
            if data is not None:
                back = stored.from_stored(data, instances)
                for a, b in zip(offers, back, strict=True):
                    assert same(a, b), a
