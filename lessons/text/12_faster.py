# %% [markdown]
# # 12 · Faster
#
# **The question.** To look at one image, AlexNet does 724 million multiplications and as many additions. A Python loop
# over the elements of an array does a few million in a second. *How can a library written in Python train such a net at
# all?*
#
# By doing the work in another order, in pieces that fit, and with all cores. You need lessons 3, 7, 8 and 10. Reading
# takes about 45 minutes; the three exercises, of which the last is an open one, about 75. All times here are measured
# while the notebook runs. Yours will differ; the reasons will not. (Whether one can do with *fewer* multiplications is
# another question, and another lesson: 19, if you like such things.)

# %%
import time
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from check import check

import tinynet
from tinynet import SGD, Conv2d, Layer, Parameter, SoftmaxCrossEntropy, get_threads, set_threads
from tinynet.models import alexnet

# %% [markdown]
# Two helpers: one that times, and one that makes numbers.

# %%
def seconds(function, repeat=5):
    """The shortest time of several: whatever else the machine is doing can only add to it."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


rng = np.random.default_rng(0)


def numbers(*shape):
    """Random float32 numbers."""
    return rng.normal(size=shape).astype(np.float32)

# %% [markdown]
# ## What the machine can do
#
# One multiplication and one addition, $s \leftarrow s + a\,b$: let us call that a **multiply-add**, and count how many
# there are in a second. Once with a Python loop over the elements of two arrays; once with one call of NumPy for a sum
# of products; once with a product of two large matrices.

# %%
a, b = numbers(20_000_000), numbers(20_000_000)
matrix, other = numbers(1024, 1024), numbers(1024, 1024)


def python_loop(count):
    s = 0.0
    for i in range(count):
        s += a[i] * b[i]
    return s

# %%
speeds = {"loop": 100_000 / seconds(lambda: python_loop(100_000)),
          "a @ b": len(a) / seconds(lambda: a @ b),
          "matrix @ other": 1024 ** 3 / seconds(lambda: matrix @ other)}
for name, speed in speeds.items():
    print(f"{name:14} {speed / 1e6:10,.0f} million multiply-adds a second")

assert np.isclose(python_loop(1000), a[:1000] @ b[:1000], atol=1e-3)

# %% [markdown]
# Thousands of times! (The loop would be a few times quicker over lists, for to take one element out of an array makes
# an object of NumPy each time; nobody would notice the difference here.) Lesson 3 went the way from the first to the
# last: a convolution becomes a matrix product. Why is that so much faster even than `a @ b`, which is no Python loop
# either? Count what has to be fetched from memory. `a @ b` fetches two numbers for each multiply-add. A product of two
# 1024 × 1024 matrices fetches two million numbers, and does a *billion* multiply-adds with them: each number is used a
# thousand times, and while it is in use it stays near.
#
# ## Near and far
#
# A processor has little memory close to it, its **caches**, and much memory far away. Double the numbers of an array,
# again and again, and see how many a second it manages:

# %%
def rate(size):
    """How many numbers a second change their sign, in an array of this size."""
    x = np.ones(size, np.float32)
    times = max(1, 2 ** 20 // size)                                    # a million numbers at least
    return size * times / seconds(lambda: [np.negative(x, out=x) for _ in range(times)])

# %%
sizes = 2 ** np.arange(10, 25)
rates = [rate(size) for size in sizes]

fig, ax = plt.subplots(figsize=(6, 3))
ax.semilogx(sizes * 4, np.array(rates) / 1e9, "o-", base=2)
ax.set_xticks([2 ** k for k in (12, 15, 18, 21, 24)], ["4 kB", "32 kB", "256 kB", "2 MB", "16 MB"])
ax.set(xlabel="size of the array", ylabel="10⁹ numbers a second", ylim=(0, None),
       title="The same work, on arrays of different size");

# %% [markdown]
# At the left, the arrays are so small that Python's part, to make the call, weighs. At the right they are too large for
# the caches, one after another, and every number has to come from afar. In between it is fast. So the rule for all that
# is not a matrix product is: **work in pieces that fit into a cache, and make each number's visit count.**
#
# Take the update rule of section 5, with $v$ the velocity, $m$ the momentum, $\lambda$ the weight decay:
#
# $$v \leftarrow m\,v - \lambda\,\varepsilon\,w - \varepsilon\,g \qquad w \leftarrow w + v$$

# %%
def plain_update(w, g, v, lr, momentum, decay):
    """The paper's rule, as one would write it. Changes w and v, and returns them."""
    v[:] = momentum * v - decay * lr * w - lr * g
    w[:] = w + v
    return w, v

# %% [markdown]
# How much memory does it take besides `w`, `g` and `v`, when it takes most?

# %%
def peak(function):
    """The most memory, in bytes, that a call had taken at any moment."""
    tracemalloc.start()
    function()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


n = 4_000_000
w, g, v = numbers(n), numbers(n), np.zeros(n, np.float32)
extra = peak(lambda: plain_update(w, g, v, 0.01, 0.9, 0.0005)) / w.nbytes
print(f"{extra:.1f} arrays of the size of w, for numbers that nobody wants to see")

# %% [markdown]
# NumPy works out the right side in steps, and puts what lies between two steps into a whole new array, far away, for
# the next step to fetch. (Six results in all; it uses the same memory again where it can. And fresh memory is costly:
# the system hands it out page by page, each cleared first.)
#
# ### Exercise 12.1
#
# The same rule, for arrays with one axis, in pieces of `piece` elements, so that no array you make is larger than that.
# Change `w` and `v` themselves, return both, and leave `g` as it is. The last piece may be shorter. Slices such as
# `w[0:piece]` are no copies: writing into them writes into `w`.

# %%
def update(w, g, v, lr, momentum, decay, piece=16384):
    ...


check("12.1", update);

# %% [markdown]
# *If you like:* your update beside the plain one, on four million weights.

# %%
if check("12.1", update):
    for name, rule in ("plain", plain_update), ("yours", update):
        milliseconds = 1000 * seconds(lambda rule=rule: rule(w, g, v, 0.01, 0.9, 0.0005))
        print(f"{name}: {milliseconds:.1f} ms")

# %% [markdown]
# tinynet's `SGD` does it this way (`tinynet/fast/optim.py`), and on all cores:

# %%
p = Parameter(w.copy())
p.grad = g
sgd = SGD([("w", p)], lr=0.01, momentum=0.9, weight_decay=0.0005)
plain_w, plain_v = w.copy(), np.zeros(n, np.float32)
for _ in range(3):
    sgd.step()
    plain_update(plain_w, g, plain_v, 0.01, 0.9, 0.0005)
assert np.allclose(p.value, plain_w, atol=1e-6)

# %%
plain_time = seconds(lambda: plain_update(w, g, v, 0.01, 0.9, 0.0005))
print(f"plain {1000 * plain_time:.1f} ms, SGD {1000 * seconds(sgd.step):.1f} ms")

# %% [markdown]
# The output of a layer is another matter. You may hold on to it for as long as you like, so each output has to be an
# array of its own. But once nobody holds it any more, its memory can serve the next one, instead of going back to the
# system:

# %%
from tinynet.fast.memory import fresh

big = numbers(16_000_000)
old = np.empty_like(big)


def time_into(output):
    """Milliseconds to compute -big and write it into `output()`."""
    return 1000 * seconds(lambda: np.negative(big, out=output()))


print(f"{time_into(lambda: np.empty_like(big)):4.1f} ms into a new array")
print(f"{time_into(lambda: old):4.1f} ms into always the same array")
print(f"{time_into(lambda: fresh(big.shape, big.dtype, np)):4.1f} ms into a new array from fresh()")

# %% [markdown]
# `fresh` is how tinynet's layers get their outputs: a new array each time, in memory that has served before
# (`tinynet/fast/memory.py`).
#
# ## The order in memory
#
# Memory is one long line. An image of height H, width W and C channels has to be laid out along it, and there are two
# usual orders: all channels of a pixel together, `(H, W, C)`, or each channel as a map of its own, `(C, H, W)`. To make
# a convolution a matrix product, windows are copied out (lesson 3). Here is where the numbers of *one* 3 × 3 window
# lie, of an image with 8 × 8 pixels and 6 channels:

# %%
inside = np.zeros((8, 8, 6))
inside[2:5, 3:6] = 1                                                   # the window
lines = {"(H, W, C)": inside.ravel(), "(C, H, W)": inside.transpose(2, 0, 1).ravel()}

fig, axes = plt.subplots(2, 1, figsize=(9, 1.6))
for ax, (order, line) in zip(axes, lines.items(), strict=True):
    runs = int((np.diff(line) > 0).sum())
    ax.imshow(line[None], aspect="auto", cmap="Blues", vmax=1.3)
    ax.set_title(f"{order}: {runs} runs of {int(line.sum()) // runs} numbers", fontsize=9)
    ax.set(xticks=[], yticks=[])

# %% [markdown]
# A long run is copied at full speed; many short ones are not. With the 256 channels of AlexNet's conv3 the runs are 768
# numbers long in one order, and 3 in the other. (The paper writes sizes as H × W × C, and tinynet stores images in this
# order.)

# %%
from tinynet.fast.im2col import im2col, pad

x = numbers(8, 13, 13, 256)
padded = pad(x, ((1, 1), (1, 1)), np)                                  # (8, 15, 15, 256)
maps = np.ascontiguousarray(padded.transpose(0, 3, 1, 2))              # (8, 256, 15, 15)


def windows_of_maps(x):
    """The windows of images that lie in memory as (N, C, H, W)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(8 * 13 * 13, -1)

# %%
times = {"(N, H, W, C)": seconds(lambda: im2col(padded, (3, 3), (1, 1), np)),
         "(N, C, H, W)": seconds(lambda: windows_of_maps(maps))}
for order, t in times.items():
    print(f"{order}: the windows of conv3 copied in {1000 * t:.1f} ms")

ours = im2col(padded, (3, 3), (1, 1), np).reshape(-1, 9, 256)          # places, window, channels
assert np.array_equal(ours, windows_of_maps(maps).reshape(-1, 256, 9).swapaxes(1, 2))

# %% [markdown]
# With the windows as rows, how much of a convolution is copying, and how much is the product?

# %%
W = numbers(3 * 3 * 256, 384)
cols = im2col(padded, (3, 3), (1, 1), np)                              # (8·13·13, 9·256)
copying, product = times["(N, H, W, C)"], seconds(lambda: cols @ W)
print(f"copying {1000 * copying:.1f} ms, product {1000 * product:.1f} ms")
print(f"the product: {cols.size * 384 / product / 1e9:.0f} billion multiply-adds a second")

# %% [markdown]
# The product is most of it, and a matrix product runs as fast as anything on this machine. That is the end of this
# road: BLAS, the library that multiplies matrices for NumPy, has been tuned for decades; no Python of ours will beat
# it.
#
# ## All cores
#
# Images of a batch do not depend on one another. So tinynet's layers cut the batch, or the rows of its images, into as
# many slices as there are cores, one thread for each. Python runs one thread at a time; but NumPy lets go of Python
# while it computes, so two threads do compute at once, if what they call NumPy for is large enough.

# %%
threads = get_threads()
conv = Conv2d(256, 384, 3, padding=1, algorithm="im2col", rng=rng)
by_threads = {}
for count in range(1, threads + 1):
    set_threads(count)
    by_threads[count] = seconds(lambda: conv.forward(x))
    print(f"conv3 on {count} of {threads} cores: {1000 * by_threads[count]:.1f} ms")
set_threads(threads)

# %% [markdown]
# (If other programs keep the cores busy, more threads are of little use.) Section 3.2 of the paper splits the *kernels*
# in two halves, on two GPUs, for another reason: memory. That is lesson 10.
#
# ## Two functions of one name
#
# Pieces, threads and memory that serves again do not make a program easier to read. So each operation of a layer can be
# there twice, under one name. `lrn_forward` in `tinynet/layers/lrn.py` is the equation, as lesson 8 has it; that is
# what one reads. `lrn_forward` in `tinynet/fast/lrn.py` gives the same, but for rounding, in pieces, on all cores; that
# is what runs on a CPU. (On a GPU it is a kernel of `tinynet/fast/cuda`, lesson 17; on simulated devices what one reads
# is what runs.) `with plain():` switches the fast ones off:

# %%
from tinynet.fast.operation import plain

maps = numbers(16, 27, 27, 256)                                        # conv2's maps of 16 images
layers = tinynet.LRN(), tinynet.MaxPool2d(3, stride=2), Conv2d(256, 384, 3, padding=1, rng=rng)
for layer in layers:
    y, fast = layer.forward(maps), seconds(lambda layer=layer: layer.forward(maps), repeat=3)
    with plain():
        same, slow = layer.forward(maps), seconds(lambda layer=layer: layer.forward(maps), repeat=3)
    assert np.allclose(y, same, atol=1e-4)
    print(f"{layer.label:10} as one reads it {1000 * slow:6.1f} ms, fast {1000 * fast:6.1f} ms")

# %% [markdown]
# The one to read is also the one to test the other with: in the assert above, and in the library's tests for each pair.
#
# ## What an operation costs
#
# Pieces and threads leave one question open: does every operation have to be done? Not all cost the same. For an array
# that fits the caches, in nanoseconds for each number (with `out=`, so that no memory is asked for):

# %%
x, out = np.abs(numbers(16_384)) + 1, np.empty(16_384, np.float32)
costs = {"x + x": lambda: np.add(x, x, out=out), "x * x": lambda: np.multiply(x, x, out=out),
         "x / x": lambda: np.divide(x, x, out=out), "sqrt(x)": lambda: np.sqrt(x, out=out),
         "x ** -0.75": lambda: np.power(x, -0.75, out=out)}
for name, call in costs.items():
    print(f"{name:11} {1e9 * seconds(call, repeat=200) / x.size:6.3f}")

# %% [markdown]
# A power costs ten times as much as a sum or more. So here is a way to make a layer faster that no busy machine can
# hide: count. `counting.py`, beside this notebook, has arrays that do: every number made costs 1, or 10 if by a power.
# (By exp or log 5, as $x^b$ is $e^{b \log x}$.) Response normalisation straight from the equations of lesson 8, forward
# and backward:

# %%
from counting import counted, operations


def neighbours(x, n):
    """The sum over the n maps around each map."""
    C, half = x.shape[-1], n // 2
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (half, half)))
    return sum(padded[..., i:i + C] for i in range(n))


class SlowLRN(Layer):
    """Equations (1) and (2) as they stand."""

    def __init__(self, n, k, alpha, beta):
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def forward(self, x, train=False, keep=False):
        self.x = x
        return x / (self.k + self.alpha * neighbours(x ** 2, self.n)) ** self.beta

    def backward(self, dy):
        x, n, alpha, beta = self.x, self.n, self.alpha, self.beta
        s = self.k + alpha * neighbours(x ** 2, n)
        along = dy * s ** -beta
        return along - 2 * alpha * beta * x * neighbours(dy * x * s ** (-beta - 1), n)

# %%
def cost(layer):
    """Operations for each number of x, forward and backward together."""
    x = counted(rng.normal(size=(2, 4, 4, 16)))
    with operations() as log:
        layer.forward(x, train=True)
        layer.backward(x)
    return log["all"] / x.size


print(f"{cost(SlowLRN(5, 2, 1e-4, 0.75)):.0f} operations for each number")

# %% [markdown]
# ### Exercise 12.2
#
# Make this layer twice as fast: the same numbers, in float32 as in float64, with **at most half of the operations**,
# for any `n`, `k`, `alpha` and `beta`. What is computed twice? What do $b$ and $s^{-\beta}$ have to do with each other?

# %%
class QuickLRN(Layer):
    """Equations (1) and (2), with half of the work."""

    def __init__(self, n, k, alpha, beta):
        ...

    def forward(self, x, train=False, keep=False):
        ...

    def backward(self, dy):
        ...


check("12.2", QuickLRN);

# %% [markdown]
# *If you like:* counted, and by the clock.

# %%
if check("12.2", QuickLRN):
    maps = numbers(16, 27, 27, 96)
    for kind in SlowLRN, QuickLRN:
        layer = kind(5, 2, 1e-4, 0.75)
        spent = seconds(lambda layer=layer: layer.backward(layer.forward(maps, train=True)), 3)
        print(f"{kind.__name__}: {cost(layer):.0f} operations, {1000 * spent:.0f} ms")

# %% [markdown]
# ## Where the time goes
#
# The whole of AlexNet, then: one training step with eight images, and each layer's part of it. (For a time, random
# numbers do.)

# %%
net = alexnet(columns=1, rng=rng)
images, labels = numbers(8, 224, 224, 3), rng.integers(0, 1000, 8)
loss, optimiser = SoftmaxCrossEntropy(), SGD(net.parameters(), lr=0.01)


def timed_step():
    """One step; the seconds of each layer's forward and backward, and of the update."""
    spent, x = {}, images
    for name, layer in net.children():
        start = time.perf_counter()
        x = layer.forward(x, train=True)
        spent[name] = [time.perf_counter() - start]
    loss.forward(x, labels)
    dy = loss.backward()
    for name, layer in reversed(net.children()):
        start = time.perf_counter()
        dy = layer.backward(dy)
        spent[name].append(time.perf_counter() - start)
    start = time.perf_counter()
    optimiser.step()
    spent["update"] = [0, time.perf_counter() - start]
    return np.array(list(spent.values())), list(spent)

# %%
steps = [timed_step() for _ in range(4)]
spent, names = np.min([times for times, _ in steps[1:]], axis=0), steps[0][1]
adds = sum(row.multiply_adds for row in tinynet.summary(net, show=False))
print(f"a step of 8 images: {spent.sum():.2f} s")
print(f"one image forward: {adds / 1e6:.1f} million multiply-adds"
      f" in {spent[:, 0].sum() / 8:.3f} s; a Python loop: {adds / speeds['loop']:.0f} s")

# %%
fig, ax = plt.subplots(figsize=(8, 3.2))
place = np.arange(len(names))
ax.bar(place, 1000 * spent[:, 0], color="C0", label="forward")
backward = np.where(np.array(names) == "update", 0, spent[:, 1])
ax.bar(place, 1000 * backward, 0.8, 1000 * spent[:, 0], color="C3", label="backward")
ax.bar(place[-1], 1000 * spent[-1, 1], color="C2", label="update")
ax.set_xticks(place, names, rotation=60)
ax.set_ylabel("ms")
ax.legend();

# %% [markdown]
# Of the forward pass the convolutions are most. With so few images, the fully-connected layers and the update weigh as
# well: they have nearly all of the sixty million parameters, and to read and write those takes the same time for eight
# images as for a hundred. That is one reason for batches of 128.
#
# ## Where the memory goes
#
# Each parameter is there three times: the value, its gradient, its velocity. And whatever a layer puts out is kept
# until the gradient comes back, for every image of the batch.

# %%
rows = tinynet.summary(net, show=False)
parameters = 4 * tinynet.count_parameters(net)                         # bytes, in float32
outputs = 4 * sum(int(np.prod(row.shape)) for row in rows)             # of one image
windows = 4 * 55 * 55 * 11 * 11 * 3                                    # conv1's windows as rows
print(f"128 images: outputs {128 * outputs / 1e6:.0f} MB; the windows of conv1 alone would be"
      f" {128 * windows / 1e6:.0f} MB, were they kept")

# %%
batch_sizes = [1, 8, 32, 128]
fig, ax = plt.subplots(figsize=(6, 3))
bottom = np.zeros(4)
for name, sizes in {"values": [parameters] * 4, "gradients": [parameters] * 4,
                    "velocities": [parameters] * 4,
                    "outputs of all layers": [outputs * N for N in batch_sizes]}.items():
    ax.bar(range(4), np.array(sizes) / 1e6, bottom=bottom, label=name)
    bottom += np.array(sizes) / 1e6
ax.set_xticks(range(4), [f"batch {N}" for N in batch_sizes])
ax.set_ylabel("MB")
ax.legend(fontsize=8);

# %% [markdown]
# That is why `tinynet/fast/conv.py` makes the windows of a few images at a time, in memory that it uses again and
# again, and backward makes its own (of $dy$, where the stride is 1): to copy again is cheaper than to keep. And it is
# why the paper needed two GPUs: lesson 10 counted the gradients of the outputs too, 2.7 GB in all, and each GPU had 3.2
# (section 3.2) for this and all else.
#
# ### Exercise 12.3, an open one
#
# Pieces, once more, and this time both ends pull. Too large a piece takes too much memory; too small a one takes too
# many calls. Write a convolution, stride 1, without padding or bias, `x` (N, H, W, C) with `W` (K, K, C, F), for **at
# most 300,000 bytes beside its output, and at most 60 products of matrices**. The checker takes 8 images of 30 × 30
# pixels and 16 channels, and 32 kernels of 3 × 3: all windows at once are 3.6 MB, and one row at a time makes 224
# products. Whichever way you go, from windows as rows (lesson 3, `@`) or place by place of the kernel, there is more
# than one answer.

# %%
def lean_conv(x, W):
    ...


check("12.3", lean_conv);

# %% [markdown]
# ## What you know now
#
# - Arithmetic is cheap, and fetching numbers is costly. A matrix product uses each number many times: turn the work
#   into one.
# - For all else: long runs of memory, pieces that fit a cache, no arrays that nobody wants to see.
# - Slices of the batch keep all cores busy.
# - What one reads and what runs fast are two functions of one name, and the first one tests the second.
# - What has been computed once need not be computed again; and a power costs ten sums.
# - Measure. What you believe about speed is a guess until then. Where the clock trembles, count.
#
# This is the last lesson of the first part. You have written, or could now write, every layer of AlexNet and LeNet-5;
# and you know what each idea of AlexNet is for. (The multiplications can be fewer, too: lesson 19, for whoever likes
# polynomials.) `docs/house.md` has a reading order for the library; keep the paper open beside it.
