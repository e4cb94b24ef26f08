"""What `Database` remembers of examined series, and tells a browser before a click."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest

from napari_dicomdb import Cancelled, Database, NotFoundError, loading
from napari_dicomdb.loading import registry
from napari_dicomdb.loading.choosing import frames_of
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.sorting import is_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class CountingLoader:
    """Asks to be counted, offers nothing."""

    name = "counting"
    version = "1"

    def __init__(self) -> None:
        self.asked: list[int] = []

    def examine(self, instances: Any) -> list[Any]:
        self.asked.append(len(instances))
        return []

    def load(self, loadable: Any, *, progress: Any, lazy: bool) -> Any:
        raise NotImplementedError


@pytest.fixture
def counting() -> Iterator[CountingLoader]:
    loader = CountingLoader()
    registry.register(loader)
    yield loader
    registry.unregister(loader.name)


@pytest.fixture
def database(tmp_path: Path, reference_data: Path) -> Iterator[Database]:
    """A database on disk with one series of a CT whose slices are uneven: it has remedies."""
    folder = tmp_path / "ct"
    shutil.copytree(reference_data / "bad_geometry" / "sliceincrement", folder)
    with Database.open(tmp_path / "db") as made:
        made.import_paths([folder], workers=0)
        yield made


def test_the_second_examine_asks_no_loader(database: Database, counting: CountingLoader) -> None:
    (series,) = database.series()
    first = database.examine(series)
    second = database.examine(series.uid)
    assert counting.asked == [series.instance_count]
    assert [o.to_json() for o in first] == [o.to_json() for o in second]
    assert [i.path for i in first[0].instances] == [i.path for i in second[0].instances]
    assert (first[0].load().numpy() == second[0].load().numpy()).all()


def test_nothing_is_listed_before_the_first_examine(database: Database) -> None:
    (series,) = database.series()
    assert database.loadables(series) is None
    offers = database.examine(series)
    listed = database.loadables(series.uid)
    assert listed is not None
    assert [(s.name, s.shape, s.dims, s.spacing, s.selected) for s in listed] == [
        (o.name, o.shape, o.dims, o.spacing, o.selected) for o in offers
    ]
    with pytest.raises(NotFoundError):
        database.loadables("1.2.3")


def test_a_new_loader_is_asked(database: Database, counting: CountingLoader) -> None:
    (series,) = database.series()
    database.examine(series)
    counting.version = "2"
    assert database.loadables(series) is None
    database.examine(series)
    database.examine(series)
    assert len(counting.asked) == 2


def test_a_series_that_lost_an_instance_is_examined_anew(
    database: Database, counting: CountingLoader
) -> None:
    (series,) = database.series()
    database.examine(series)
    database.remove(instance=database.instances(series)[0])
    assert database.loadables(series) is None
    offers = database.examine(series)
    assert counting.asked == [series.instance_count, series.instance_count - 1]
    assert max(len(o.instances) for o in offers) == series.instance_count - 1


def test_instances_alone_are_always_examined(database: Database, counting: CountingLoader) -> None:
    (series,) = database.series()
    for _ in range(2):
        database.examine(database.instances(series))
    assert len(counting.asked) == 2
    assert database.loadables(series) is None


def test_damaged_memory_is_no_obstacle(database: Database, counting: CountingLoader) -> None:
    (series,) = database.series()
    database.examine(series)
    with database._connections.borrow() as connection:
        connection.execute("UPDATE examination SET loadables = x'00'")
    assert database.examine(series)
    assert len(counting.asked) == 2


def test_a_read_only_database_examines_without_memory(
    database: Database, counting: CountingLoader
) -> None:
    assert database.path is not None
    (series,) = database.series()
    with Database.open(database.path, read_only=True) as reader:
        assert reader.examine(series)
        assert reader.loadables(series) is None
        database.examine(series)
        assert reader.loadables(series)
        reader.examine(series)
    assert len(counting.asked) == 2


def test_examine_each_fills_what_is_missing(database: Database, counting: CountingLoader) -> None:
    (series,) = database.series()
    done: list[tuple[int, int | None]] = []
    found = list(
        database.examine_each(
            [series, "1.2.3", series.uid], progress=lambda k, n, _: done.append((k, n))
        )
    )
    assert [uid for uid, _ in found] == [series.uid, series.uid]
    assert [s.name for s in found[0][1]] == [s.name for s in database.loadables(series) or ()]
    assert len(counting.asked) == 1
    assert done == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_examine_each_passes_over_what_was_removed(database: Database) -> None:
    (series,) = database.series()
    database.remove(series=series)
    assert list(database.examine_each([series, series.uid])) == []


def test_examine_each_can_be_cancelled(database: Database, counting: CountingLoader) -> None:
    def stop(done: int, total: int | None, text: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        list(database.examine_each(database.series(), progress=stop))
    assert counting.asked == []


def test_many_threads_may_examine(database: Database) -> None:
    (series,) = database.series()
    found: list[list[Any]] = []
    threads = [
        threading.Thread(target=lambda: found.append(database.examine(series))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({repr([o.to_json() for o in offers]) for offers in found}) == 1


def test_every_series_of_the_reference_has_one_default(reference_data: Path) -> None:
    """All loaders together: what is chosen shows every image exactly once."""
    with Database.in_memory() as database:
        database.import_paths([reference_data], workers=0)
        series = database.series()
        assert len(series) > 50
        for one in series:
            instances = database.instances(one)
            offers = loading.examine(instances)
            assert offers, one
            chosen = [offer for offer in offers if offer.selected]
            shown = [frame for offer in chosen for frame in frames_of(offer)]
            assert len(shown) == len(set(shown)), (one.description, [o.name for o in chosen])
            frames = FrameSet.of([i for i in instances if is_image(i)])
            every = {(frames.instance(k).uid, int(frames.number[k])) for k in range(len(frames))}
            every |= {(i.uid, 0) for i in instances if not is_image(i)}
            assert set(shown) == every, (one.modality, one.description)
            # Best first, and what was preferred to a rival says why.
            assert [o.selected for o in offers] == sorted(
                (o.selected for o in offers), reverse=True
            )
            assert all(o.reasons for o in offers), one
            # The axes have names, as many as there are, colour aside.
            for offer in offers:
                assert len(offer.shape) - len(offer.dims) in (0, 1), offer
                assert not offer.shape or offer.dims[-2:] == ("row", "column"), offer
