# %% [markdown]
# # 17 · What a GPU does
#
# **The question.** `net.to(gpu(0))`, and the same lines run on a graphics card: CuPy in place of NumPy. AlexNet's
# authors owed their net to two such cards. *Why is it fast, when is it not, and what does one have to know that NumPy
# never told?*
#
# You need no GPU here. A card that is not there, a queue with a clock, shows what matters; and beside it stand figures
# that were measured on a real one. You need lessons 4, 7, 10 and 12. Reading takes about 50 minutes; the four
# exercises, of which the last is an open one, about 90.

# %%
import csv
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from card import HOST, Card, Memory, Race, from_cuda, run, source_of
from check import check

from tinynet import SGD, MaxPool2d, Parameter, ReLU, summary
from tinynet.data import cifar10_sample
from tinynet.models import alexnet

lines = Path("stored/gpu.csv").read_text("utf-8").splitlines()
real = {}                                                              # of a real card, in ms
for row in csv.DictReader(line for line in lines if not line.startswith("#")):
    real.setdefault(row["what"], {})[row["name"]] = float(row["milliseconds"])
print("\n".join(line for line in lines if line.startswith("#")))

# %% [markdown]
# ## Asking is not doing
#
# A card has a memory and processors of its own. The program runs on the **host**, your computer, and *asks*: "when you
# have done what I asked before, do this". The asking takes microseconds, and then the host goes on, at once. The card
# works through its queue, which is called a **stream**. Only whoever wants to *see* a number must wait.
#
# `card.py`, beside this notebook, has such a card, with a clock. Three tasks of two milliseconds; then the host looks
# at its watch; then it waits.

# %%
card = Card(ask=0.0003)                                                # slow, to be seen
for name in "conv1", "relu1", "pool1":
    card.launch(name, 0.002)
watch = card.now
card.synchronize()
print(f"by the watch {1000 * watch:.1f} ms; done after {1000 * card.now:.1f} ms")


def draw(card, title="", rows=None):
    """Who does what and when: the host's row, and one for each stream."""
    rows = rows or [HOST, *sorted({task.stream for task in card.tasks} - {HOST}, key=str)]
    fig, ax = plt.subplots(figsize=(8, 0.5 + 0.45 * len(rows)))
    for task in card.tasks:
        y, width = rows.index(task.stream), 1000 * (task.end - task.start)
        waits, hosts = task.name == "wait", task.stream == HOST
        color = "0.9" if waits else "C1" if hosts else "C0"
        ax.barh(y, width, left=1000 * task.start, color=color, edgecolor="w")
        if width > 40 * card.now and (waits or not hosts):
            ax.text(1000 * (task.start + task.end) / 2, y, task.name, ha="center", va="center",
                    fontsize=7, color="k" if waits else "w")
    ax.set(yticks=range(len(rows)), xlabel="ms", title=title,
           yticklabels=[row if row == HOST else f"stream {row}" for row in rows])
    ax.invert_yaxis()
    return ax


ax = draw(card)
ax.axvline(1000 * watch, color="C3", linestyle="--");

# %% [markdown]
# Orange: the host asks. Blue: the card works. Red: the moment at which the host looked at its watch, when the first of
# three tasks was not half done. Whoever measures like this will find every program fast. (And an error that the card
# meets is heard of later, too, at the next waiting, far from the line that caused it.)
#
# ### Exercise 17.1
#
# Write a timer that is right: return how many seconds the card takes for what `work()` asks of it. The card may still
# be busy with other things when the timer is called; these do not count. And the first call of any work takes longer,
# for the card's program has to be compiled first; this does not count either. (`card.now` is the host's watch;
# `card.synchronize()` waits.)

# %%
def timed(card, work):
    ...


check("17.1", timed);

# %% [markdown]
# ## Small nets lose
#
# If asking takes longer than doing, the card waits for the host. A training step of AlexNet with 128 images takes the
# real card 10.7 ms. Say that the host has to ask for 480 tasks, 5 µs each: 2.4 ms in all, as the prototype in the list
# above took ("fused"). Let what the card does grow with the number of images (though no task is shorter than 2 µs), and
# see what a step takes:

# %%
TASKS, ASK, AN_IMAGE = 480, 5e-6, 0.0107 / 128                         # seconds
batch_sizes, seconds = [1, 2, 4, 8, 16, 32, 64, 128, 256], []
for images in batch_sizes:
    card = Card(ask=ASK)
    for _ in range(TASKS):
        card.launch("task", max(2e-6, images * AN_IMAGE / TASKS))
    card.synchronize()
    seconds.append(card.now)

fig, ax = plt.subplots(figsize=(6, 2.7))
ax.loglog(batch_sizes, 1000 * np.array(seconds), "o-", markersize=4, label="a step")
ax.axhline(1000 * TASKS * ASK, color="C1", linestyle="--", label="to ask for it")
ax.set(xlabel="images in a batch", ylabel="ms", xticks=batch_sizes, xticklabels=batch_sizes,
       yticks=[2, 5, 10, 20], yticklabels=[2, 5, 10, 20])
ax.minorticks_off()
ax.legend();

# %% [markdown]
# Below some 28 images a step takes as long as it takes to ask for, whether for one image or for twenty. (tinynet's
# Python took 8.3 ms to ask: there it is some 100 images.) That is why small nets and small batches gain little from a
# large card, and why a library should ask *seldom*, for much at once: without kernels of its own tinynet asked for
# about 2,000 tasks in each step. We come to that.
#
# Or it asks *once*. CUDA can write down the tasks of a whole step instead of doing them, each with the places in the
# memory that it reads and writes: a **graph**. One call does all of them again. So only the numbers in these places may
# change from step to step, not the places, and nothing in between may go through the host. `tinynet/devices/graph.py`
# sees to that, and `train` makes use of it. A step of the small net for CIFAR-10, 80sec, then takes an H200 0.7 ms;
# asked for piece by piece it takes 4.1, nearly all of it Python's (`docs/gpu.md`).
#
# ## One thread, one number
#
# What is such a task? A **kernel** (not of the convolution's kind): a small function that computes *one* number of the
# result. The card runs it thousands of times side by side, each time as another **thread** with another number $i$, in
# blocks of 128. This is ReLU's backward, as it stands in `tinynet/fast/cuda/activation.py`, in CUDA C++:

# %%
from tinynet.fast.cuda import activation

print(source_of(activation.SOURCE, "relu_back"))

# %% [markdown]
# `real` is float or double, `index` a whole number. `THREAD` is the thread's number; since threads come in whole
# blocks, the last ones have nothing to do and return. A card is needed to run this *fast*; to run it, one after
# another, Python will do: `from_cuda` reads the few words of C++ as Python, and `run` lets the threads go, one by one,
# the blocks in any order. `Memory` is an array that notes who reads and writes what.

# %%
photos = cifar10_sample().train.images[:2] / 255 - 0.5
relu = ReLU()
y = relu.forward(photos, train=True)
dy = np.random.default_rng(0).normal(size=y.shape)

relu_back = from_cuda(activation.SOURCE, "relu_back")
there = Memory(dy), Memory(y), Memory(np.zeros(y.size))                # dy, y, dx
moved = run(relu_back, y.size, *there, y.size, rng=np.random.default_rng(1))
assert np.array_equal(there[2].values, relu.backward(dy).ravel())
print(f"{y.size:,} threads; {moved / y.size / 8:.0f} numbers read or written by each")

# %% [markdown]
# The same numbers as the layer's. (The library's tests do this with all of its kernels, with a C++ compiler in place of
# `from_cuda`: `tests/fast/kernels_on_cpu.py`. So a kernel is known to be right before it meets a card.)
#
# ## Neighbours
#
# Thirty-two threads, a **warp**, run in step, and the card moves memory in lines of 32 numbers. If the 32 threads want
# 32 neighbouring numbers, that is one line. If they want numbers far apart, it is a line for each, of which one number
# is used. Two kernels that copy a matrix of 64 × 64, one as it is, one turned round:

# %%
def copied(i, x, y):
    y[i] = x[i]


def transposed(i, x, y):
    y[i] = x[i % 64 * 64 + i // 64]


fig, axes = plt.subplots(1, 2, figsize=(8, 2.5), sharey=True)
for ax, kernel in zip(axes, (copied, transposed), strict=True):
    x = Memory(np.zeros(64 * 64, np.float32))
    run(kernel, 64 * 64, x, Memory(x.values))
    thread, place = np.array(x.reads)[:32].T                           # the first warp
    ax.plot(thread, place, ".")
    ax.set(title=f"{kernel.__name__}: lines read: {len(set(place // 32))}", xlabel="thread",
           ylim=(-60, 2100))
    ax.set_yticks(range(0, 2049, 512))
axes[0].set_ylabel("place it reads");

# %% [markdown]
# (Neighbouring threads, neighbouring numbers: **coalesced** reading. It is lesson 12's long runs of memory, once more.)
#
# ## Bytes and operations
#
# How long will a layer take? Two numbers tell nearly all. This card, measured, does up to $51 \cdot 10^{12}$ operations
# a second (a multiplication is one, an addition is one), and moves up to $4.13 \cdot 10^{12}$ bytes. A layer has to do
# its operations, and to read its inputs and write its outputs at least once, so it takes at least
#
# $$\max\left( \frac{\text{operations}}{51 \cdot 10^{12}},\ \frac{\text{bytes}}{4.13 \cdot 10^{12}} \right) \qquad (1)$$
#
# (This is called the **roofline**.) Beside it, what tinynet took on that card without kernels of its own ("early" in
# the list above), forward, with 128 images:

# %%
PEAK, COPY, BATCH = 51e12, 4.13e12, 128
rows = {row.name: row for row in summary(alexnet(columns=1), show=False)}
below = dict(zip(list(rows)[1:], list(rows), strict=False))            # what each layer reads


def at_least(name):
    """The seconds of (1), and whether bytes decide."""
    row, source = rows[name], rows[below[name]].shape if name in below else (224, 224, 3)
    operations = 2 * BATCH * row.multiply_adds
    numbers = BATCH * (np.prod(source) + np.prod(row.shape)) + row.parameters
    return max(operations / PEAK, 4 * numbers / COPY), 4 * numbers / COPY > operations / PEAK


early = real["early forward"]
fig, ax = plt.subplots(figsize=(8, 2.8))
for place, (name, ms) in enumerate(early.items()):
    seconds, by_bytes = at_least(name)
    ax.bar(place - 0.2, 1000 * seconds, 0.4, color="C2" if by_bytes else "C0")
    ax.bar(place + 0.2, ms, 0.4, color="C1")
    print(f"{name:6} {1000 * seconds:.3f} ms at least, {ms:.1f} measured: "
          f"{ms / 1000 / seconds:4.0f} times ({'bytes' if by_bytes else 'operations'})")
ax.set(yscale="log", ylabel="ms", xticks=range(len(early)), xticklabels=early, ylim=(3e-4, 30))
labels = {"C0": "at least, by operations", "C2": "at least, by bytes", "C1": "measured"}
ax.legend([plt.Rectangle((0, 0), 1, 1, color=color) for color in labels], labels.values(),
          ncols=3, fontsize=8, loc="upper center");

# %% [markdown]
# The convolutions take two to six times as long as they must. The *cheap* layers, which hardly compute at all, take 35
# times and more, dropout two thousand times; and together they take longer than the convolutions. Why? An expression
# such as `dy * (1 - y * y)` is three tasks for CuPy, each a kernel of its own, and between each two of them a whole
# array is written and read again. (Dropout drew its random numbers on the host, and sent them over.)
#
# ## All in one
#
# The remedy is to **fuse**: one kernel that reads each number once, does all there is to do, and writes once. Take the
# update rule of lesson 7. With arrays, as CuPy runs it, one expression after another:

# %%
steps = [("a = decay * w", 1, 1), ("a = a + g", 2, 1), ("a = rate * a", 1, 1),
         ("v = momentum * v", 1, 1), ("v = v - a", 2, 1), ("w = w + v", 2, 1)]
moved = 4 * sum(reads + writes for _, reads, writes in steps)
print(f"{len(steps)} tasks, {moved} bytes moved for each parameter")

# %% [markdown]
# ### Exercise 17.2
#
# Write it as one kernel: what thread `i` does. `w`, `g` and `v` are arrays in the card's memory, `total` how many
# numbers they have; $v \leftarrow m v - \varepsilon\,(\lambda w + g)$ and then $w \leftarrow w + v$, with `rate`
# $\varepsilon$, `momentum` $m$, `decay` $\lambda$. Move at most 20 bytes for each parameter, in float32; mind the
# threads too many. (A kernel returns nothing.)

# %%
def my_update(i, w, g, v, total, rate, momentum, decay):
    ...


check("17.2", my_update);

# %% [markdown]
# The library's, read as Python, run thread by thread, against its optimiser on the CPU:

# %%
from tinynet.fast.cuda import optim

print(source_of(optim.SOURCE, "sgd"), "\n")
rng = np.random.default_rng(2)
p = Parameter(rng.normal(size=1000))
w, p.grad = Memory(p.value), rng.normal(size=1000)
g, v = Memory(p.grad), Memory(np.zeros(1000))
sgd = SGD([("w", p)], lr=0.01, momentum=0.9, weight_decay=0.0005)
for _ in range(3):
    sgd.step()
    moved = run(from_cuda(optim.SOURCE, "sgd"), 1000, w, g, v, 1000, 0.01, 0.9, 0.0005)
assert np.allclose(w.values, p.value, rtol=1e-12)
must = 20 * 60_965_224 / COPY
early, fused = real["early update"]["sgd"], real["fused update"]["sgd"]
print(f"{moved / 1000 / 8:.0f} numbers moved; AlexNet's update takes {1000 * must:.2f} ms at "
      f"least; measured: early {early} ms, in one kernel {fused} ms")

# %% [markdown]
# From 2.8 ms to 0.46, for six lines of C++. So it went with all the cheap layers, and Winograd's tiles (lesson 19) with
# the convolutions. The whole training step, AlexNet and the small net for CIFAR-10, on the real card: without kernels
# of its own, as tinynet is now, the same repeated as a graph, and PyTorch.

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 1.7))
for ax, (what, title) in zip(axes, (("step", "AlexNet"), ("step of 80sec", "80sec")), strict=True):
    ax.barh(list(real[what]), list(real[what].values()), color=["C1", "C0", "C0", "0.6"])
    ax.set(xlabel="ms a step of 128 images", title=title)
    ax.invert_yaxis()

# %% [markdown]
# ## Who writes where
#
# Max-pooling's backward: each window hands its $dy$ to the pixel that has won. A thread for each *window* is the
# obvious way. But windows overlap (lesson 4), and a pixel may win two of them. Then two threads read the same $dx$, at
# the same moment, each adds its own, each writes: one of the two is lost. NumPy can show it, for an index that stands
# twice does not count twice there either:

# %%
dx = np.zeros(5)
winners, dy = np.array([1, 3, 3]), np.array([10.0, 20.0, 30.0])
dx[winners] += dy                                                      # pixel 3 has won two windows
print(dx, "and it should be [0, 10, 0, 50, 0]")


def scatter(p, dy, winners, dx, total):
    """A thread for each window."""
    if p < total:
        dx[winners[p]] = dx[winners[p]] + dy[p]


try:
    run(scatter, 3, Memory(dy), Memory(winners), Memory(np.zeros(5)), 3)
except Race as race:
    print(f"Race: {race}")

# %% [markdown]
# On a card the result would be wrong on some days and right on others. That is a **race**. The way out: turn the
# question round. A thread for each *pixel*, which asks all windows that could have it: "have I won you?" It reads
# more, but nobody else writes its number. The one is called to **scatter**, the other to **gather**.

# %%
fig, axes = plt.subplots(1, 2, figsize=(7.5, 2.2), sharey=True)
arrows = {"scatter: a thread a window": [(p, winners[p]) for p in range(3)],
          "gather: a thread a pixel": [(p, p + k) for p in range(3) for k in range(3)]}
for ax, (title, pairs) in zip(axes, arrows.items(), strict=True):
    for p, i in pairs:
        color = "0.8" if winners[p] != i else "C3" if i == 3 and "scatter" in title else "C0"
        ax.annotate("", (i, 0.12), (p + 1, 0.88), arrowprops={"arrowstyle": "->", "color": color})
    ax.plot(range(1, 4), [1] * 3, "ks", markersize=9)
    ax.plot(range(5), [0] * 5, "ks", markersize=9, markerfacecolor="w")
    ax.set(title=title, yticks=[0, 1], yticklabels=["dx", "dy"], xticks=[], ylim=(-0.2, 1.2))

# %% [markdown]
# Above three windows of three pixels, a pixel apart; below five pixels. Red: two threads write to one number. On the
# right each pixel looks at up to three windows (grey: not won), and writes once.
#
# ### Exercise 17.3
#
# Write the gathering kernel, along one axis. `dy` and `switches` have a number for each window; window $p$ begins at
# pixel $pS$ and is $K$ pixels long; `switches[p]` is the winner's place *within* its window, 0 to $K - 1$. Thread `i`
# writes `dx[i]`, `total` pixels there are; every window lies within them. Let it read only windows that have pixel `i`,
# not all.

# %%
def my_pool_back(i, dy, switches, dx, total, K, S):
    ...


check("17.3", my_pool_back);

# %% [markdown]
# The library's is the same along two axes. Here it is, to be read; its two inner loops are the windows that hold a row
# and a column of pixels. The outer one goes through a few maps of the pixel: where the windows lie, which takes seven
# divisions, is worked out once for all of them.

# %%
from tinynet.fast.cuda import pool

print(source_of(pool.SOURCE, "max_pool_back"))

# %% [markdown]
# *If you like:* your kernel against the library's layer, on a row of pixels.

# %%
if check("17.3", my_pool_back):
    row = photos[:1, 8:9, :31, :1]                                     # (1, 1, 31, 1)
    layer = MaxPool2d((1, 3), stride=(1, 2))
    y = layer.forward(row, train=True)
    switches, dy = Memory(layer.switches), Memory(np.ones(y.size))
    dx = Memory(np.zeros(31))
    run(my_pool_back, 31, dy, switches, dx, 31, 3, 2, rng=np.random.default_rng(3))
    assert np.array_equal(dx.values, layer.backward(np.ones_like(y)).ravel())
    print("the same, pixel by pixel")

# %% [markdown]
# ## Two streams
#
# A card may have several streams, each in order, and side by side. (Ours run as if each were alone. On a real card they
# share its processors, so this pays where one task does not fill them, and for copies, which need none.) AlexNet's two
# columns on one card are two streams. But who says that the right column has finished its maps when the left one comes
# to read them?

# %%
def columns(card, with_events):
    for side in "left", "right":
        seconds = 0.001 if side == "left" else 0.0016
        card.launch(f"conv2 {side}", seconds, side, writes=[f"maps {side}"])
    if with_events:
        left, right = card.record("left"), card.record("right")
        card.wait(right, "left")
        card.wait(left, "right")
    for side in "left", "right":
        card.launch(f"conv3 {side}", 0.001, side, reads=["maps left", "maps right"])
    card.synchronize()


try:
    columns(Card(), with_events=False)
except Race as race:
    print(f"Race: {race}")
card = Card()
columns(card, with_events=True)
draw(card, rows=[HOST, "left", "right"]);

# %% [markdown]
# An **event** is a mark in a stream; another stream can be told to wait for it, and the host does not wait at all. (See
# the gap in the left stream.) That is what tinynet's `send` does on a GPU, at each crossing of lesson 10.
#
# ## The road to the card
#
# Images come from the host's memory. On the real card, 128 of them (227 × 227) took:

# %%
uploads = {f"{kind}, {name}": ms for kind in ("float32", "uint8")
           for name, ms in real[f"upload of 128 {kind} images"].items()}
fig, ax = plt.subplots(figsize=(6.5, 1.7))
ax.barh(list(uploads), list(uploads.values()), color=["C1", "C2", "C0"])
ax.axvline(real["step"]["asked for"], color="0.2", linestyle="--", label="a training step")
ax.set_xlabel("ms")
ax.invert_yaxis()
ax.legend();

# %% [markdown]
# As float32 from ordinary memory they take longer than the whole training step. **Pinned** memory, which the system
# promises not to move, can be copied at full speed, and while the card computes. Simpler still: send the bytes as they
# are stored, a quarter as many, and turn them into numbers there. tinynet does both.
#
# ### Exercise 17.4, an open one
#
# A step of two columns as 14 tasks: what each takes, reads and writes stands in the table. Ask for all of them, each
# once, so that nothing races and **the card is done after at most 4.6 ms**. One after another they take 9.7.
# `ask(name, stream)` asks for a task; streams may be called as you like; `card.record(stream)`, `card.wait(event,
# stream)` and `card.synchronize()` are as above. (The next images are of use to the next step only.)

# %%
WORK = {}                                                              # name: ms, reads, writes
for me, other in ("left", "right"), ("right", "left"):
    WORK |= {f"conv1 {me}": (1.0, ["images"], [f"a {me}"]),
             f"conv2 {me}": (0.9, [f"a {me}"], [f"b {me}"]),
             f"send {me}": (0.15, [f"b {me}"], [f"b {me} there"]),
             f"conv3 {me}": (0.8, [f"b {me}", f"b {other} there"], [f"c {me}"]),
             f"conv4 {me}": (0.7, [f"c {me}"], [f"d {me}"]),
             f"conv5 {me}": (0.5, [f"d {me}"], [f"e {me}"])}
WORK |= {"join": (0.1, ["e left", "e right"], ["scores"]),
         "next images": (1.5, [], ["next images"])}
print(f"{len(WORK)} tasks, one after another {sum(ms for ms, _, _ in WORK.values()):.1f} ms")

# %%
def my_schedule(card, ask):
    ...


check("17.4", my_schedule);

# %% [markdown]
# *If you like:* see it.

# %%
if check("17.4", my_schedule):
    card = Card()

    def ask(name, stream):
        ms, reads, writes = WORK[name]
        card.launch(name, ms / 1000, stream, reads, writes)

    my_schedule(card, ask)
    card.synchronize()
    draw(card)

# %% [markdown]
# ## What you know now
#
# - The host asks, the card does it later: a clock must wait on both sides, and small tasks cost what it takes to ask.
# - A kernel computes one number; thousands of threads run it, in any order; neighbours should read neighbours.
# - A layer takes at least its operations or its bytes; cheap layers are all bytes, so fuse them.
# - Nobody may write where another writes or reads: gather, do not scatter. Between streams, events keep the order.
# - What crosses to the card should be small, and cross while it computes.
#
# In **lesson 18**: not one card but many machines.
