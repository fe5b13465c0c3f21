"""Batches in the background: the same bits as without, bounded memory, no thread left behind."""
import pickle
import subprocess
import sys
import threading
import time
import traceback
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from tinynet import cpu, simulated
from tinynet.data import Loader, Split, View, batches
from tinynet.data import loader as loader_module
from tinynet.data.augment import random_crops
from tinynet.fast import parallel, workers

N, B = 23, 4                                              # six batches, the last one of three images
X = np.random.default_rng(0).integers(0, 256, (N, 6, 7, 3), np.uint8)
SPLIT = Split(X, np.arange(N))


class Decoded:
    """Images that are no array: made when they are asked for, and counted."""

    def __init__(self):
        self.lock, self.asked = threading.Lock(), []

    def __len__(self):
        return N

    def __getitem__(self, part):
        with self.lock:
            self.asked.append(part)
        return X[part]


def augment(images, rng):
    return random_crops(images, 4, rng) + rng.normal(size=(len(images), 1, 1, 1))


def slow_at_first(images, rng=None):
    time.sleep(0.02 * (images[0, 0, 0, 0] > 100))         # so that batches do not get ready in order
    return images / 2


def same(got, expected):
    got, expected = list(got), list(expected)
    assert len(got) == len(expected) > 0
    for (x, labels), (expected_x, expected_labels) in zip(got, expected, strict=True):
        assert x.dtype == expected_x.dtype
        np.testing.assert_array_equal(x, expected_x)
        np.testing.assert_array_equal(labels, expected_labels)


def working():
    """How many threads serve a loader: those in a crew's loop that are not the layers'."""
    layers = [workers.queue for workers in (parallel._workers, parallel._columns)]
    frames = [frame for top in sys._current_frames().values() for frame, _ in traceback.walk_stack(top)]
    return sum(frame.f_code is workers._serve.__code__ and frame.f_locals["queue"] not in layers for frame in frames)


def no_worker_left():
    """They end by themselves once they have nothing to do."""
    end = time.monotonic() + 10
    while working() and time.monotonic() < end:
        time.sleep(0.001)
    return not working()


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_an_epoch_is_that_of_batches_and_draws_nothing_else(workers):
    ours, theirs = np.random.default_rng(1), np.random.default_rng(1)
    loader = Loader(SPLIT, B, ours, workers=workers)
    assert (loader.size, len(loader)) == (23, 6)
    for _ in range(2):
        same(loader.epoch(), batches(*SPLIT, B, theirs))
        assert ours.bit_generator.state == theirs.bit_generator.state


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_the_number_of_workers_changes_no_bit(workers):
    def two_epochs(workers):
        loader = Loader(Split(Decoded(), SPLIT.labels), B, np.random.default_rng(2),
                        lambda images, rng: slow_at_first(augment(images, rng)), workers=workers)
        return [*loader.epoch(), *loader.epoch()]

    def by_hand():
        rng = np.random.default_rng(2)
        for _ in range(2):
            order, seeds = rng.permutation(N), rng.integers(0, 2 ** 63, size=6)
            for i, seed in enumerate(seeds):
                part = order[B * i:B * i + B]
                yield augment(X[part], np.random.default_rng(seed)) / 2, part
    same(two_epochs(workers), by_hand())


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("skip", [0, 1, 5, 6])
def test_skipping_goes_on_where_an_epoch_was_left_and_reads_nothing_before(workers, skip):
    rng, images = np.random.default_rng(3), Decoded()
    loader = Loader(Split(images, SPLIT.labels), B, rng, augment, workers=workers)
    start = rng.bit_generator.state
    whole = [*loader.epoch(), *loader.epoch()]
    rng.bit_generator.state = start
    images.asked.clear()
    rest = list(loader.epoch(skip))
    assert len(images.asked) == len(rest) == 6 - skip
    same([*rest, *loader.epoch()], whole[skip:])


@pytest.mark.parametrize("workers", [0, 2])
def test_without_a_generator_in_order(workers):
    same(Loader(SPLIT, B, workers=workers).epoch(), batches(*SPLIT, B))
    same(Loader(SPLIT, B, transform=slow_at_first, workers=workers).epoch(skip=2),
         [(x / 2, labels) for x, labels in batches(*SPLIT, B)][2:])


def test_without_a_generator_the_transform_gets_none():
    got = []
    list(Loader(SPLIT, B, transform=lambda images, rng: got.append(rng)).epoch())
    assert got == [None] * 6


@pytest.mark.parametrize("workers", [0, 2])
def test_a_transform_in_place_cannot_change_the_data(workers):
    """In order, batches are slices of the data set itself."""
    def halved(images, rng):
        images //= 2
        return images
    before = X.copy()
    with pytest.raises(ValueError, match="read-only"):
        list(Loader(SPLIT, B, transform=halved, workers=workers).epoch())
    for x, _ in Loader(SPLIT, B, workers=workers).epoch():
        with pytest.raises(ValueError, match="read-only"):
            x[...] = 0
    assert X.flags.writeable and np.array_equal(X, before)
    same(Loader(SPLIT, B, np.random.default_rng(0), halved, workers=workers).epoch(),      # copies may be written to
         [(x // 2, labels) for x, labels in shuffled()])
    assert np.array_equal(X, before)


def test_copies_of_a_memory_map_may_be_written_to(tmp_path):
    def halved(images, rng):
        images //= 2
        return images
    np.save(tmp_path / "x.npy", X)
    mapped = Split(np.load(tmp_path / "x.npy", mmap_mode="r"), SPLIT.labels)
    same(Loader(mapped, B, np.random.default_rng(0), halved).epoch(), [(x // 2, labels) for x, labels in shuffled()])


def shuffled():
    return batches(*SPLIT, B, np.random.default_rng(0))


def test_workers_work_at_the_same_time_and_without_them_the_caller_does():
    meeting = threading.Barrier(2)                         # breaks, if two do not come together

    def meet(images, rng):
        meeting.wait(timeout=10)
        return images
    assert len(list(Loader(SPLIT, B, transform=meet, workers=2).epoch())) == 6
    threads = []
    list(Loader(SPLIT, B, transform=lambda images, rng: threads.append(threading.current_thread())).epoch())
    assert threads == [threading.current_thread()] * 6


@pytest.mark.parametrize("workers", [1, 3])
def test_at_most_one_batch_more_than_workers_is_made_ahead(workers):
    images, taken = Decoded(), 0
    for _ in Loader(Split(images, np.arange(N)), 2, workers=workers).epoch():
        taken += 1
        expected = min(taken + workers + 1, 12)
        for _ in range(1000):
            if len(images.asked) >= expected:
                break
            time.sleep(0.005)
        time.sleep(0.01)                                  # time enough for one too many
        assert len(images.asked) == expected


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_that_were_taken_are_let_go(workers):
    made, most = [], 0

    def transform(images, rng):
        x = images.astype(np.float32)
        made.append(weakref.ref(x))
        return x

    for _ in Loader(SPLIT, 1, np.random.default_rng(0), transform=transform, workers=workers).epoch():
        most = max(most, sum(x() is not None for x in made))
    assert len(made) == N and 1 <= most <= workers + 3     # those made ahead, ours, and the one that ours replaces


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_an_error_is_raised_in_its_turn_with_its_own_traceback(workers):
    def spoilt_image(images, rng):
        if 9 in images:
            raise OSError("image 9 is spoilt")
        return images
    split = Split(np.arange(N), np.arange(N))
    loader, got = Loader(split, B, transform=spoilt_image, workers=workers), []
    with pytest.raises(OSError, match="image 9 is spoilt") as error:
        for _, labels in loader.epoch():
            got.extend(labels)
    assert got == list(range(8))
    assert "spoilt_image" in [frame.name for frame in traceback.extract_tb(error.value.__traceback__)]
    assert no_worker_left()
    assert sum(1 for _ in loader.epoch(skip=3)) == 3


@pytest.mark.parametrize("workers", [0, 2])
def test_an_end_of_iteration_in_a_batch_does_not_pass_for_the_end_of_the_epoch(workers):
    def transform(images, rng):
        raise StopIteration
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(Loader(SPLIT, B, transform=transform, workers=workers).epoch())


def leave_by_break(loader):
    for _ in loader.epoch():
        break


def leave_by_error(loader):
    for _ in loader.epoch():
        raise KeyboardInterrupt


@pytest.mark.parametrize("leave", [leave_by_break, leave_by_error])
def test_leaving_early_cancels_what_waits_and_ends_the_threads(leave):
    images = Decoded()
    loader = Loader(Split(images, SPLIT.labels), 1, transform=lambda x, rng: time.sleep(0.1), workers=1)
    try:
        leave(loader)
    except KeyboardInterrupt:                             # already then, with the error and its traceback still there
        assert no_worker_left()
    assert no_worker_left()
    assert len(images.asked) <= 2                         # the one taken and the one in work; a third had been waiting


def test_an_interrupt_in_the_loader_itself_ends_the_threads_too(monkeypatch):
    clock = iter([0.0, 0.0])

    def interrupted():
        try:
            return next(clock)
        except StopIteration:
            raise KeyboardInterrupt from None
    monkeypatch.setattr(loader_module, "time", SimpleNamespace(perf_counter=interrupted))
    try:
        for _ in Loader(SPLIT, B, workers=2).epoch():
            assert working()
    except KeyboardInterrupt:
        assert no_worker_left()
    else:
        pytest.fail("not interrupted")


def test_closing_and_never_starting():
    loader = Loader(SPLIT, B, workers=2)
    epoch, never_started = loader.epoch(), loader.epoch()
    next(epoch)
    assert working()
    epoch.close()
    never_started.close()
    assert no_worker_left() and list(epoch) == []


@pytest.mark.parametrize("last_line", ["", "raise SystemExit(0)", "sys.last_epoch = epoch"])
def test_the_interpreter_ends_with_an_epoch_still_open(last_line):
    code = ("import sys, time, numpy as np; from tinynet.data import Loader, Split\n"
            "def slow(x, rng): time.sleep(.02); return x\n"
            "epoch = Loader(Split(np.zeros(99), np.zeros(99)), 1, transform=slow, workers=3).epoch()\n"
            f"next(epoch)\n{last_line}")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_waited_is_the_time_that_the_consumer_stood_still():
    def transform(images, rng):
        time.sleep(0.03)
        return images
    loader = Loader(SPLIT, B, transform=transform)
    assert loader.waited == 0
    for _ in loader.epoch():
        time.sleep(0.01)
    assert loader.waited >= 6 * 0.03
    loader = Loader(SPLIT, B, transform=transform, workers=1)
    for _ in range(2):
        epoch = loader.epoch()
        assert loader.waited == 0
        for _ in epoch:
            time.sleep(0.1)                               # in which the next one gets ready
        assert 0.02 < loader.waited < 0.3                 # the first one's 0.03 s, and what a busy machine adds


def test_errstate_holds_in_the_workers():
    big = Split(np.full((2, 1), 3e38, np.float32), np.arange(2))
    loader = Loader(big, 1, transform=lambda x, rng: x * x, workers=1)
    with np.errstate(over="ignore"):
        assert np.isinf([x for x, _ in loader.epoch()]).all()
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        list(loader.epoch())


def test_a_loader_is_an_epoch_of_batches():
    first, second = (Loader(SPLIT, B, np.random.default_rng(0)) for _ in range(2))
    for _ in range(2):  # the second epoch in another order
        for (x, labels), (x2, labels2) in zip(first, second.epoch(), strict=True):
            np.testing.assert_array_equal(x, x2)
            np.testing.assert_array_equal(labels, labels2)
    assert len(list(first)) == len(first)


def test_a_loader_out_of_a_pickle_gives_the_same_batches():
    loader = Loader(SPLIT, B, np.random.default_rng(0), augment)
    for (x, labels), (x2, labels2) in zip(pickle.loads(pickle.dumps(loader)), loader, strict=True):
        np.testing.assert_array_equal(x, x2)
        np.testing.assert_array_equal(labels, labels2)


@pytest.mark.parametrize("arguments, options, error, message", [
    ((Split(X, np.arange(5)), B), {}, ValueError, "Loader: expected one label per image, got 23 images and 5 labels"),
    ((Split(X[:0], np.arange(0)), B), {}, ValueError, "Loader: expected at least one image"),
    ((SPLIT, 0), {}, ValueError, "Loader: expected a batch_size of 1 or more, got 0"),
    ((SPLIT, 2.5), {}, TypeError, "Loader: expected a whole number as batch_size, got 2.5, a float"),
    ((SPLIT, None), {}, TypeError, "Loader: expected a whole number as batch_size, got None, a NoneType"),
    ((SPLIT, True), {}, TypeError, "Loader: expected a whole number as batch_size, got True, a bool"),
    ((SPLIT, B, 0), {}, TypeError, "Loader: expected rng to be None or a Generator, got 0"),
    ((SPLIT, B), {"transform": 3}, TypeError, r"a transform that can be called with \(images, rng\), got 3"),
    ((SPLIT, B), {"finish": 3}, TypeError, "a finish that can be called with what transform gives, got 3"),
    ((SPLIT, B), {"device": (cpu, cpu)}, TypeError, r"expected one device, as gpu\(0\) gives it, got \(cpu, cpu"),
    ((SPLIT, B), {"workers": -1}, ValueError, "Loader workers: expected a whole number of 0 or more, got -1"),
    ((SPLIT, B), {"workers": 1.5}, ValueError, "Loader workers: .* got 1.5"),
    ((SPLIT, B), {"share": (0, 5)}, ValueError, "ranks as images in a batch, got 5 ranks and batches of 4"),
    ((SPLIT, 99), {"share": (0, 24)}, ValueError, "ranks as images in a batch, got 24 ranks and batches of 23"),
])
def test_wrong_arguments(arguments, options, error, message):
    with pytest.raises(error, match=message):
        Loader(*arguments, **options)


@pytest.mark.parametrize("skip, message", [(7, "at most the 6 batches there are, got 7"), (-1, "got -1")])
def test_a_wrong_skip_raises_at_the_call_and_draws_nothing(skip, message):
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    with pytest.raises(ValueError, match=message):
        Loader(SPLIT, B, rng).epoch(skip)
    assert rng.bit_generator.state == before


# ---------------------------------------------------------------------------------------- with a device


VIEW = View(np.arange(6 * 7 * 3, dtype=np.float32).reshape(6, 7, 3), 50.0, 5, True)


@pytest.fixture
def busy(monkeypatch):
    """A simulated device that says it is asynchronous, as a GPU is."""
    monkeypatch.setattr(simulated(0), "asynchronous", True, raising=False)
    return simulated(0)


@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("shuffled", [False, True])
def test_a_device_gets_the_batches_that_the_cpu_gets(busy, workers, resident, shuffled):
    split = SPLIT._replace(images=busy.asarray(X)) if resident else SPLIT
    whole, halves = (VIEW.train, (VIEW.draw, VIEW.show)) if shuffled else (VIEW.center, (None, VIEW.center))

    def rng():
        return np.random.default_rng(4) if shuffled else None
    expected = list(Loader(SPLIT, B, rng(), whole).epoch())
    same(Loader(SPLIT, B, rng(), halves[0], finish=halves[1], workers=workers).epoch(), expected)
    got = list(Loader(split, B, rng(), halves[0], finish=halves[1], device=busy, workers=workers).epoch())
    assert all(busy.holds(x) and isinstance(labels, np.ndarray) for x, labels in got)
    same([(busy.tohost(x), labels) for x, labels in got], expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_who_does_what(busy, workers):
    """A worker makes a batch and sends it, the consumer finishes it; without a GPU a worker does all."""
    did = []

    def note(what):
        did.append((what, threading.current_thread() is threading.main_thread()))
    for device, by_consumer in (cpu, workers == 0), (simulated(1), workers == 0), (busy, True):
        did.clear()
        for x, _ in Loader(SPLIT, B, None, lambda x, rng: note("transform") or x, device=device, workers=workers,
                           finish=lambda x: note("finish") or x).epoch():
            assert device.holds(x) == (device is not simulated(1))
        assert {where for what, where in did if what == "transform"} == {workers == 0}
        assert {where for what, where in did if what == "finish"} == {by_consumer}


def test_an_error_of_the_second_half_ends_the_threads(busy):
    def spoilt(x):
        raise OSError("spoilt")
    with pytest.raises(OSError, match="spoilt"):
        list(Loader(SPLIT, B, finish=spoilt, device=busy, workers=2).epoch())
    assert no_worker_left()


# ---------------------------------------------------------------------------------------- a short last batch


def test_a_short_last_batch_is_left_out():
    def all_batches(**how):
        loader = Loader(Split(np.arange(11)[:, None], np.arange(11)), 4, np.random.default_rng(0), **how)
        return loader, [y.tolist() for _, y in loader.epoch()]
    (whole, every), (loader, some) = all_batches(), all_batches(drop_last=True)
    assert some == every[:2] and len(every) == len(whole) == 3 and len(loader) == 2
    assert (whole.size, loader.size) == (11, 8)
    with pytest.raises(ValueError, match="expected to skip at most the 2 batches there are, got 3"):
        loader.epoch(skip=3)


def test_a_transform_gets_the_same_generators_without_the_last_batch():
    data = Split(np.zeros((5, 1)), np.arange(5))
    drawn = [[x for x, _ in Loader(data, 2, np.random.default_rng(0), lambda x, rng: rng.integers(99), drop_last=drop
                                   ).epoch()] for drop in (False, True)]
    assert len(drawn[0]) == 3 and drawn[1] == drawn[0][:2]


def test_no_batch_left():
    with pytest.raises(ValueError, match="Loader: drop_last leaves no batch: 3 images, batch_size=4"):
        Loader(Split(np.zeros((3, 1)), np.arange(3)), 4, drop_last=True)


# ---------------------------------------------------------------------------------------- one of several ranks


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("shuffled", [False, True])
def test_each_rank_has_its_part_of_each_batch_about_as_many_images(ranks, shuffled):
    whole, *loaders = (Loader(SPLIT, 10, np.random.default_rng(0) if shuffled else None, share=share)
                       for share in [(0, 1), *((rank, ranks) for rank in range(ranks))])
    for batch, *parts in zip(whole, *loaders, strict=True):
        same([tuple(map(np.concatenate, zip(*parts, strict=True)))], [batch])
        counts = [len(labels) for _, labels in parts]
        assert max(counts) - min(counts) <= 1                                        # of the last three images, too
