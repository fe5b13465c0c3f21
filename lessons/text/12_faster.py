# %% [markdown]
# # 12 · Faster
#
# **The question.** To look at one image, AlexNet does 724 million multiplications and as many additions. Python, on its
# own, does a few million in a second. *How can a library written in Python train such a net at all? And when it is as
# fast as the machine allows, can it become faster still?*
#
# It can: by doing the work in another order, with all cores, and by not doing two thirds of it. You need lessons 3, 7
# and 10. About 40 minutes, three exercises. All times here are measured while the notebook runs. Yours will differ; the
# reasons will not.

# %%
import time
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
from check import check

import tinynet
from tinynet import SGD, Conv2d, Parameter, SoftmaxCrossEntropy, get_threads, set_threads
from tinynet.data import cifar10_sample
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
# there are in a second. Once with Python's own loop; once with one call of NumPy for a sum of products; once with a
# product of two large matrices.

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
# Thousands of times! Lesson 3 went the way from the first to the last: a convolution becomes a matrix product. Why is
# that so much faster even than `a @ b`, which is no Python loop either? Count what has to be fetched from memory.
# `a @ b` fetches two numbers for each multiply-add. A product of two 1024 × 1024 matrices fetches two million numbers,
# and does a *billion* multiply-adds with them: each number is used a thousand times, and while it is in use it stays
# near.
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
# the next step to fetch. (Six results in all; it uses the same memory again where it can. And fresh memory is dear: the
# system hands it out page by page, each cleared first.)
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
# tinynet's `SGD` does it so (`tinynet/fast/optim.py`), and on all cores:

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
# numbers long in one order, and 3 in the other. (The paper writes sizes as H × W × C, and tinynet stores images so.)

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
# is what runs on a CPU. (On other devices, what one reads is what runs.) `with plain():` switches the fast ones off:

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
# Now every core multiplies, nearly all the time, as fast as it can. To become faster still, we would have to multiply
# *less*.
#
# ## Fewer multiplications
#
# Is that possible? A kernel of three numbers $g$, slid along four numbers $d$, gives two outputs:
#
# $$y_0 = d_0 g_0 + d_1 g_1 + d_2 g_2 \qquad y_1 = d_1 g_0 + d_2 g_1 + d_3 g_2$$
#
# Six products. In 1980 Shmuel Winograd showed that four are enough:
#
# $$m_1 = (d_0 - d_2)\,g_0 \qquad m_2 = (d_1 + d_2)\,\frac{g_0 + g_1 + g_2}{2}$$
#
# $$m_3 = (d_2 - d_1)\,\frac{g_0 - g_1 + g_2}{2} \qquad m_4 = (d_1 - d_3)\,g_2$$
#
# The sums of $g$ and the halves cost nothing here: they are taken once for the kernel, and the kernel is used at
# thousands of places. What counts is a number made of $d$ times a number made of $g$.
#
# ### Exercise 12.2
#
# Return $y_0$ and $y_1$, for `d` of four numbers and `g` of three, with four such products. Which sums and differences
# of the $m$ they are is for you to find. The checker counts.

# %%
def two_outputs(d, g):
    ...


check("12.2", two_outputs);

# %% [markdown]
# ## Where the four come from
#
# Multiply two polynomials, $(a_0 + a_1 x)(g_0 + g_1 x + g_2 x^2)$. The coefficients of the result are sums of products
# of the coefficients, six products in all. But the result is a polynomial with *four* coefficients, so four of its
# values determine it. And the value of a product, at any one $x$, is *one* product: the value of the first times the
# value of the second.
#
# So take four points, evaluate both, multiply four times, and find the coefficients that have these values. Evaluating
# is a matrix. We take 0, 1, -1 and "infinity", where the value of a polynomial is its highest coefficient:

# %%
def evaluate(points, coefficients):
    """The matrix that evaluates polynomials with so many coefficients at points and infinity."""
    finite = np.power.outer(np.array(points, float), np.arange(coefficients))
    return np.vstack([finite, np.eye(coefficients)[-1:]])


points = (0, 1, -1)
A, G = evaluate(points, 2), evaluate(points, 3)                        # (4, 2), (4, 3)
B = np.linalg.inv(evaluate(points, 4))                                 # (4, 4): the way back
first, second = rng.normal(size=2), rng.normal(size=3)
assert np.allclose(B @ ((A @ first) * (G @ second)), np.convolve(first, second))
print(f"A\n{A}\n\nG\n{G}\n\nB\n{B}")

# %% [markdown]
# A layer's convolution is this map turned around: it takes four numbers to two, where the product of polynomials takes
# two to four. Turned around means transposed, and a transposed product of matrices has its factors in the opposite
# order:
#
# $$y = A^T \big[ (G g) \odot (B^T d) \big]$$
#
# where $\odot$ multiplies number by number. It is the formula of the exercise, in another guise.

# %%
d, g = rng.normal(size=4), rng.normal(size=3)
y = A.T @ ((G @ g) * (B.T @ d))
assert np.allclose(y, [d[:3] @ g, d[1:] @ g])
y, np.correlate(d, g)

# %% [markdown]
# ## Tiles
#
# Images have two axes: do the same along both. With the points 0, 1, -1, 2, -½ and infinity, a **tile** of 4 × 4
# outputs is made from 6 × 6 pixels, with 36 products instead of 4 · 4 · 9 = 144. Neighbouring tiles of the output
# touch; the pixels that they are made from overlap by two. Here with a kernel that finds edges, on a photograph (of
# which the lower rows and right columns are left out, to have whole tiles):

# %%
points = (0, 1, -1, 2, -0.5)
A, G, B = evaluate(points, 4), evaluate(points, 3), np.linalg.inv(evaluate(points, 6))


def winograd(image, g):
    """The convolution of image (4r + 2, 4c + 2) with g (3, 3), tile by tile: (4r, 4c)."""
    U = G @ g @ G.T                                                    # (6, 6), once for all tiles
    y = np.zeros((image.shape[0] - 2, image.shape[1] - 2))
    for i in range(0, y.shape[0], 4):
        for j in range(0, y.shape[1], 4):
            V = B.T @ image[i:i + 6, j:j + 6] @ B                      # (6, 6)
            y[i:i + 4, j:j + 4] = A.T @ (U * V) @ A                    # (4, 4)
    return y

# %%
photo = cifar10_sample().train.images[3, :30, :30].mean(axis=2)        # (30, 30), grey
edges = winograd(photo, np.array([[1.0, 2, 1], [0, 0, 0], [-1, -2, -1]]))

fig, axes = plt.subplots(1, 2, figsize=(7, 3.4))
axes[0].imshow(photo, cmap="gray", extent=(0, 30, 30, 0))
axes[1].imshow(edges, cmap="gray", extent=(0, 28, 28, 0))
for (i, j), color in zip(((8, 8), (8, 12), (20, 16)), ("C1", "C0", "C3"), strict=True):
    for ax, size in zip(axes, (6, 4), strict=True):
        ax.add_patch(plt.Rectangle((j, i), size, size, fill=False, edgecolor=color, linewidth=2))
axes[1].set(xticks=range(0, 29, 4), yticks=range(0, 29, 4))
axes[1].grid(color="0.5", linewidth=0.5)
axes[0].set_title("6 x 6 pixels, overlapping ...")
axes[1].set_title("... make 4 x 4 outputs");

# %% [markdown]
# Is it the same convolution? tinynet's layer has both ways, and ours makes three:

# %%
kernel = rng.normal(size=(3, 3))
results = {"ours": winograd(photo, kernel)}
for algorithm in "winograd", "im2col":
    layer = Conv2d(1, 1, 3, algorithm=algorithm).astype(np.float64)
    layer.W.value[:, :, 0, 0] = kernel
    results[algorithm] = layer.forward(photo[None, :, :, None])[0, :, :, 0]
for name, result in results.items():
    print(f"{name:9}", result[0, :4])
    assert np.allclose(result, results["im2col"], atol=1e-9)

# %% [markdown]
# ## Where it saves
#
# A real layer has many channels. Its sum over input channels can be taken before the last transform, since transforms
# are only sums. Then $\odot$ becomes, at each of the 36 places of a tile, a *matrix product*, (tiles × channels in) ·
# (channels in × channels out): still the thing that machines do best, but with a quarter of the multiplications. The
# transforms come on top, and they do not save anything. They cost so much for each input channel and each output
# channel, while the products are needed for each *pair* of them. So the more channels, the less do transforms matter.
#
# How large should a tile be? For $m \times m$ outputs and a kernel of $K \times K$, there are $(m + K - 1)^2$ products
# instead of $m^2 K^2$:

# %%
m = np.arange(1, 9)
fig, ax = plt.subplots(figsize=(6, 3))
for K, marker in (3, "o-"), (5, "^-"):
    ax.plot(m, m ** 2 * K ** 2 / (m + K - 1) ** 2, marker, label=f"kernels {K} x {K}")
ax.set(xlabel="m, for tiles of m × m outputs", ylabel="products saved: factor", ylim=(0, None))
ax.legend();

# %% [markdown]
# The larger the better? Two things speak against it. The first: the outputs must be covered by whole tiles. AlexNet's
# conv3 to conv5 have 13 × 13 outputs, and 13 is not a multiple of much.
#
# ### Exercise 12.3
#
# How many products, for each pair of an input and an output channel, do `P` × `P` outputs take in tiles of `m` × `m`,
# with kernels of `K` × `K`? What hangs over counts too: it is computed, and thrown away.

# %%
def products(P, m, K):
    ...


check("12.3", products);

# %% [markdown]
# The second: precision. More points mean larger numbers, which are added and taken away again, and every float32 has
# only seven digits or so. The library's parts, put together for any size of tile (a `Form`):

# %%
from tinynet.fast.winograd import Form, convolve, weights


def winograd_layer(x, W, form):
    """The convolution of x (N, H, W, C) with W (K, K, C, F), without padding, by the library."""
    (N, H, W_, C), (K, _, _, F) = x.shape, W.shape
    U = np.empty((form.t ** 2, C, F), x.dtype)
    weights(W, U, form)
    y = np.empty((N, H - K + 1, W_ - K + 1, F), x.dtype)
    hang_over = (0, form.pixels(H - K + 1) - H), (0, form.pixels(W_ - K + 1) - W_)
    convolve(pad(x, hang_over, np), U, y, form)
    return y

# %% [markdown]
# Here is the largest error of a convolution, relative to the largest output, for tiles of different size:

# %%
x32, W32 = numbers(1, 26, 26, 64), numbers(3, 3, 64, 8)
exact = winograd_layer(x32.astype(np.float64), W32.astype(np.float64), Form(2, 3))
tiles = range(1, 7)
deviations = [np.abs(winograd_layer(x32, W32, Form(m, 3)) - exact).max() / np.abs(exact).max()
              for m in tiles]

fig, ax = plt.subplots(figsize=(5, 2.6))
ax.semilogy(tiles, deviations, "o-")
ax.set(xlabel="m", ylabel="relative error", ylim=(1e-7, 1e-4), title="kernels 3 x 3, float32");

# %% [markdown]
# ($m = 1$ is the usual convolution.) Larger tiles cost a digit or two. A net that learns does not notice; a gradient
# check would, which is one more reason to check in float64.
#
# tinynet counts the multiplications for each size of tile, transforms included, and takes the least. Let us count, and
# then measure, for AlexNet's five convolutions:

# %%
from tinynet.fast.winograd import best_form

LAYERS = {  # input (H, W, C), kernels, size, stride, padding, groups; 227: 224 and three zeros
    "conv1": ((227, 227, 3), 96, 11, 4, 0, 1), "conv2": ((27, 27, 96), 256, 5, 1, 2, 2),
    "conv3": ((13, 13, 256), 384, 3, 1, 1, 1), "conv4": ((13, 13, 384), 384, 3, 1, 1, 2),
    "conv5": ((13, 13, 384), 256, 3, 1, 1, 2)}

# %%
def counted(shape, kernels, size, stride, padding, groups):
    """Million multiplications for an image: the plain way; Winograd's products; his transforms."""
    C, F = shape[2] // groups, kernels // groups
    P = (shape[0] + 2 * padding - size) // stride + 1
    form = best_form(size, stride, P, P, C, F)
    m, s, t, tiles = form.m, form.s, form.t, groups * form.tiles(P) ** 2
    transforms = 2 * t ** 3 * C * s ** 2 + m * t * (m + t) * F         # Bᵀ d B, and Aᵀ (...) A
    return np.array([groups * P ** 2 * size ** 2 * C * F, tiles * t ** 2 * C * s ** 2 * F,
                     tiles * transforms]) / 1e6

# %%
def timed(shape, kernels, size, stride, padding, groups):
    """Milliseconds of a forward pass of eight images, with each algorithm."""
    x = numbers(8, *shape)
    layers = [Conv2d(shape[2], kernels, size, stride, padding, groups, algorithm=algorithm, rng=rng)
              for algorithm in ("im2col", "winograd")]
    one, two = (layer.forward(x) for layer in layers)
    assert one.shape == two.shape
    times = [[seconds(lambda layer=layer: layer.forward(x), repeat=1) for layer in layers]
             for _ in range(8)]                                        # in turns: a busy machine
    return 1000 * np.min(times, axis=0)                                # is busy for both

# %%
counts = np.array([counted(*layer) for layer in LAYERS.values()])      # (5, 3)
layer_times = np.array([timed(*layer) for layer in LAYERS.values()])   # (5, 2)
assert (counts[:, 1:].sum(axis=1) < counts[:, 0]).all()
print(f"all five: {counts[:, 0].sum():.0f} million become {counts[:, 1:].sum():.0f}")

# %%
place = np.arange(5)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2))
axes[0].bar(place - 0.2, counts[:, 0], 0.4, color="0.7", label="plain")
axes[0].bar(place + 0.2, counts[:, 1], 0.4, color="C0", label="Winograd's products")
axes[0].bar(place + 0.2, counts[:, 2], 0.4, counts[:, 1], color="C1", label="his transforms")
axes[0].set_title("million multiplications for an image, counted")
axes[1].bar(place - 0.2, layer_times[:, 0], 0.4, color="0.7", label="im2col")
axes[1].bar(place + 0.2, layer_times[:, 1], 0.4, color="C0", label="Winograd")
axes[1].set_title("milliseconds for eight images, measured")
for ax in axes:
    ax.set_xticks(place, LAYERS)
    ax.legend(fontsize=8)

# %% [markdown]
# The measured times fall by less than the counted multiplications, as a rule, for what does not multiply remains:
# gathering tiles, writing outputs. (conv1 is there too, with its 11 × 11 kernels and its stride of 4: seen as an image
# of blocks of 4 × 4 pixels, its kernels are 3 × 3 blocks. The header of `tinynet/fast/winograd.py` has it, and the
# gradients.)
#
# With few channels it does not pay, since the transforms stay. Take 3 × 3 kernels on 26 × 26 pixels, and vary the
# channels alone:

# %%
channels = [4, 8, 16, 32, 64, 128, 256]
ratios = []
for C in channels:
    im2col_time, winograd_time = timed((26, 26, C), C, 3, 1, 1, 1)
    ratios.append(im2col_time / winograd_time)

# %%
fig, ax = plt.subplots(figsize=(5, 2.8))
ax.semilogx(channels, ratios, "o-", base=2)
ax.set_xticks(channels, channels)
ax.axhline(1, color="0.7", linewidth=1)
ax.set(xlabel="channels, in and out", ylabel="times faster", ylim=(0, None),
       title="Winograd against im2col");

# %% [markdown]
# Below the grey line Winograd is slower. tinynet's rule (`best_algorithm` in `tinynet/fast/conv.py`) looks at the size
# of the kernel and the channels, and at how many tiles there are: for a single small image, to transform the weights is
# more work than it saves. The two numbers in it were chosen once, by measurements like these, and are not tuned for
# each machine.
#
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
      f" in {spent[:, 0].sum() / 8:.3f} s; Python's loop: {adds / speeds['loop']:.0f} s")

# %%
fig, ax = plt.subplots(figsize=(8, 3.2))
place = np.arange(len(names))
ax.bar(place, 1000 * spent[:, 0], color="C0", label="forward")
ax.bar(place, 1000 * spent[:, 1], 0.8, 1000 * spent[:, 0], color="C3", label="backward")
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
# again, and makes them a second time for backward: to copy them twice is cheaper than to keep them. And it is why the
# paper needed two GPUs: lesson 10 counted the gradients of the outputs too, 2.5 GB in all, and each GPU had 3 GB
# (section 3.2) for this and all else.
#
# ## What you know now
#
# - Arithmetic is cheap, and fetching numbers is dear. A matrix product uses each number many times: turn the work into
#   one.
# - For all else: long runs of memory, pieces that fit a cache, no arrays that nobody wants to see.
# - Slices of the batch keep all cores busy.
# - What one reads and what runs fast are two functions of one name, and the first one tests the second.
# - Winograd's tiles take fewer multiplications than the definition; they pay where there are many channels, and cost a
#   digit or two.
# - Measure. What you believe about speed is a guess until then.
#
# This is the last lesson of the first part. You have written, or could now write, every layer of tinynet; and you know
# what each idea of AlexNet is for. `README.md` has a reading order for the library itself. The left half of the screen
# is for the paper.
