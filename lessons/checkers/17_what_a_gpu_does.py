"""Lesson 17: the checkers of its exercises."""
import numpy as np
from card import HOST, Card, Memory, Race, run
from check import require, same, untouched

NOTHING = "it returns nothing. It does nothing, either: write your code in place of the `...`."


class _Work:
    """So many tasks; the first time, the host compiles before it asks."""

    def __init__(self, card, tasks, seconds):
        self.card, self.tasks, self.seconds, self.compiled, self.calls = card, tasks, seconds, False, 0

    def __call__(self):
        self.calls += 1
        if not self.compiled:
            self.card.work(0.3, "compile")
        self.compiled = True
        for _ in range(self.tasks):
            self.card.launch("task", self.seconds, self.tasks % 3)


def exercise_1(timed):
    for tasks, seconds, before in (5, 0.01, 0), (3, 0.002, 0.5), (200, 1e-6, 0.05), (1, 0.1, 2):
        card = Card()
        card.launch("something else", before, "another")
        work = _Work(card, tasks, seconds)
        got = untouched(timed, card, work)
        require(isinstance(got, float | int | np.number), "it should return one number.")
        require(work.calls > 0, "it never calls work().")
        truth = Card()
        for _ in range(tasks):
            truth.launch("task", seconds)
        truth.synchronize()
        ratio = got / truth.now
        at = f"for {tasks} tasks of {1000 * seconds:g} ms, which take {1000 * truth.now:.4g} ms, you find " \
             f"{1000 * got:.4g} ms. "
        require(ratio > 0.9, f"{at}Has the card done them when you look at the watch?")
        require(ratio < 1.1, f"{at}What else is in it: what the card was busy with before? The compiling, at the first "
                             "call? More than one call?")


def exercise_2(my_update):
    rng = np.random.default_rng(1)
    for size in 5, 128, 300:
        w, g, v = (rng.normal(size=size).astype(np.float32) for _ in range(3))
        for momentum, decay in (0.9, 0.0005), (0.5, 0.3):
            there = Memory(w), Memory(g), Memory(v)
            at = f"for {size} parameters in blocks of 128 "
            moved = _ran(my_update, at, size, *there, size, np.float32(0.1), np.float32(momentum), np.float32(decay))
            new_v = momentum * v - 0.1 * (decay * w + g)
            same(there[2].values, new_v, "v", f"{at}v is not what the rule says.", 1e-5)
            same(there[0].values, w + new_v, "w", f"{at}v is right, w is not: it moves by the new v.", 1e-5)
            same(there[1].values, g, "g", f"{at}the gradient has changed.", 1e-7)
            require(moved <= 20 * size, f"right, but {at}it moves {moved / size:.0f} bytes for each parameter; the "
                    "target is 20. Keep what you have read, and what you have computed, in a name.")


def _ran(kernel, at, total, *arguments):
    """The bytes that a run has moved; NotYet for threads that get in one another's way, and if nothing was written."""
    try:
        moved = run(kernel, total, *arguments, rng=np.random.default_rng(2))
    except Race as race:
        require(False, f"{at}a race: {race}.")
    except IndexError as error:
        require("reaches for" not in str(error), f"{at}{error}: is that a thread too many, or a wrong place?")
        raise
    require(any(a.writes for a in arguments if isinstance(a, Memory)), NOTHING)
    return moved


def exercise_3(my_pool_back):
    rng = np.random.default_rng(3)
    for windows, K, S in (6, 3, 2), (10, 3, 1), (7, 2, 2), (5, 4, 1), (4, 2, 3), (150, 3, 2):
        total = (windows - 1) * S + K
        switches, dy = rng.integers(0, K, windows), rng.normal(size=windows)
        expected = np.zeros(total)
        np.add.at(expected, np.arange(windows) * S + switches, dy)
        there = Memory(dy), Memory(switches), Memory(np.full(total, 9.0))
        at = f"for {windows} windows of {K} pixels, {S} apart, "
        _ran(my_pool_back, at, total, *there, total, K, S)
        same(there[2].values, expected, "dx", f"{at}dx is wrong, first at pixel "
             f"{int(np.argmax(np.abs(there[2].values - expected) > 1e-9))}. Which windows have a pixel? Does every "
             "number of dx get written, also where nobody has won?", 1e-9)
        looks = max(np.bincount([thread for thread, _ in {*each.reads}], minlength=1).max() for each in there[:2])
        require(looks <= -(-K // S), f"right, but {at}a thread looks at {looks} windows; no pixel is in more than "
                                     f"{-(-K // S)}.")
        require(len(there[2].writes) == total, f"right, but {at}a number of dx is written more than once.")


def _tasks():
    """Those of the lesson."""
    tasks = {}
    for me, other in ("left", "right"), ("right", "left"):
        tasks |= {f"conv1 {me}": (1.0, ["images"], [f"a {me}"]), f"conv2 {me}": (0.9, [f"a {me}"], [f"b {me}"]),
                  f"send {me}": (0.15, [f"b {me}"], [f"b {me} there"]),
                  f"conv3 {me}": (0.8, [f"b {me}", f"b {other} there"], [f"c {me}"]),
                  f"conv4 {me}": (0.7, [f"c {me}"], [f"d {me}"]), f"conv5 {me}": (0.5, [f"d {me}"], [f"e {me}"])}
    return tasks | {"join": (0.1, ["e left", "e right"], ["scores"]), "next images": (1.5, [], ["next images"])}


def exercise_4(my_schedule):
    tasks, card, written = _tasks(), Card(), {"images"}
    left = dict(tasks)

    def ask(name, stream):
        require(name in tasks, f"there is no task {name!r}.")
        require(name in left, f"{name} is asked for twice.")
        require(stream != HOST, f"a stream cannot be called {HOST!r}.")
        ms, reads, writes = left.pop(name)
        missing = [array for array in reads if array not in written]
        require(not missing, f"{name} reads {', '.join(missing)}, and nobody has been asked to write that yet.")
        written.update(writes)
        try:
            card.launch(name, ms / 1000, stream, reads, writes)
        except Race as race:
            require(False, f"a race: {race}.")

    my_schedule(card, ask)
    require(len(left) < len(tasks), NOTHING)
    require(not left, f"nobody has asked for {', '.join(left)}.")
    done = max(task.end for task in card.tasks if task.stream != HOST)
    require(done <= 0.0046, f"nothing races. But the card is done after {1000 * done:.2f} ms; the target is 4.6. What "
                            "could run side by side? Who waits for something that is not needed yet?")
