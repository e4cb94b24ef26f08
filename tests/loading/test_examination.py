from concurrent.futures import ThreadPoolExecutor

from napari_dicomdb import loading
from napari_dicomdb.loading.examination import examination, once, remembered
from napari_dicomdb.loading.frames import FrameSet
from napari_dicomdb.loading.grouping import split_apart, stack_of


def counting():
    asked = []

    @once
    def answer(thing):
        asked.append(thing)
        return [thing]

    return answer, asked


def test_without_an_examination_everything_is_computed():
    answer, asked = counting()
    assert answer("a") == answer("a") == ["a"]
    assert asked == ["a", "a"]


def test_in_an_examination_the_same_thing_is_asked_once():
    answer, asked = counting()
    thing, other = object(), object()
    with examination():
        first = answer(thing)
        with examination():  # one within another is the same
            assert answer(thing) is first
        assert answer(other) is not first
        assert answer(thing) is first
    assert asked == [thing, other]


def test_all_is_forgotten_at_the_end():
    answer, asked = counting()
    thing = object()
    for _ in range(2):
        with examination():
            answer(thing)
    assert asked == [thing, thing]


def test_threads_share_nothing():
    answer, asked = counting()
    thing = object()

    def task():
        with examination():
            return answer(thing)

    with examination(), ThreadPoolExecutor(2) as pool:
        mine = answer(thing)
        others = [pool.submit(task).result() for _ in range(2)]
    assert len(asked) == 3
    assert all(other is not mine for other in others)


def test_what_is_kept_keeps_its_identity():
    with examination():
        for k in range(100):  # a freed object's id may be given to the next one
            thing = [k]
            assert remembered(("key", id(thing)), thing, lambda: thing[0]) == k  # noqa: B023


def test_frames_of_the_same_instances_are_made_once(series, records):
    series.axial([0, 1, 2])
    found = records(series.paths)
    with examination():
        frames = FrameSet.of(found)
        assert FrameSet.of(tuple(found)) is frames
        assert FrameSet.of(found[:2]) is not frames
        assert frames.take([0, 1, 2]) is frames
        assert stack_of(frames) is stack_of(frames)
        assert split_apart(frames) is split_apart(frames)
    assert FrameSet.of(found) is not frames


def test_loaders_of_one_call_share_it_and_the_next_call_does_not(series, records):
    seen = []

    class Looking:
        name, version = "looking", "1"

        def examine(self, instances):
            seen.append(FrameSet.of(instances))
            return []

        def load(self, loadable, *, progress, lazy):
            raise NotImplementedError

    series.axial([0, 1, 2])
    found = records(series.paths)
    loading.examine(found, using=[Looking(), Looking()])
    loading.examine(found, using=[Looking()])
    assert seen[0] is seen[1]
    assert seen[2] is not seen[0]


def test_a_value_is_the_same_for_all_unless_one_differs(series, records):
    series.axial([0, 1])
    series.axial([2], EchoTime="4", KVP=None)
    frames = FrameSet.of(records(series.paths))
    assert frames.values("EchoTime")[-1] == "4"
    assert frames.values("Modality") == [frames.value("Modality", k) for k in range(3)]
    assert frames.values("SOPInstanceUID") == [i.uid for i in frames.instances]
    for keyword in frames.instances[0].values:
        assert frames.values(keyword) == [frames.value(keyword, k) for k in range(3)]


def test_values_are_read_once(series, records):
    series.axial([0, 1, 2])
    with examination():
        frames = FrameSet.of(records(series.paths))
        assert frames.values("InstanceNumber") is frames.values("InstanceNumber")
        assert frames.values("InstanceNumber") == ["1", "2", "3"]
        assert frames.codes("InstanceNumber").tolist() == [0, 1, 2]
        assert frames.codes("Modality").tolist() == [0, 0, 0]


def test_different_values_are_told_once_each(series, records):
    series.axial([0, 1], EchoTime="4")
    series.axial([2], EchoTime="8")
    frames = FrameSet.of(records(series.paths))
    assert frames.distinct("EchoTime") == ["4", "8"]
    assert frames.distinct("Modality") == ["CT"]
    assert frames.distinct("StudyDescription") == [None]
