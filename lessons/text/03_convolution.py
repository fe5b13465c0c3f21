# %% [markdown]
# # 3 · Convolution
#
# **The question.** The net of lesson 2 reads most new digits correctly. Move each of them three pixels to the right.
# You would hardly notice. *How many does the net still read, and what would a layer look like that does not mind?*
#
# First the experiment. Then the layer: one small idea, seven loops, and three steps that make it thousands of times
# faster. Reading takes about 50 minutes; the three exercises, of which the second and the third are hard, about an
# hour.

# %%
import timeit

import matplotlib.pyplot as plt
import numpy as np
from check import check

import tinynet
from tinynet import Conv2d, Layer, Linear, Parameter, ReLU, Sequential, gaussian, gradcheck
from tinynet.data import batches, mnist_sample

# %% [markdown]
# ## A net that has learned places
#
# Here is lesson 2 again, in a few lines: a hundred hidden neurons, each with a weight for every pixel. An `SGD` without
# momentum and weight decay is lesson 1's step downhill.

# %%
(images, labels), (test_images, test_labels) = mnist_sample()
x = images / np.float32(255)                                           # (2000, 28, 28, 1)
x_test = test_images / np.float32(255)                                 # (500, 28, 28, 1)


def train(net, epochs, lr):
    """Train `net` on the digits, in batches of 50."""
    rng, loss = np.random.default_rng(1), tinynet.SoftmaxCrossEntropy()
    sgd = tinynet.SGD(net.parameters(), lr, momentum=0, weight_decay=0)
    for _ in range(epochs):
        for batch, right in batches(x, labels, 50, rng):
            loss.forward(net.forward(batch, train=True), right)
            net.backward(loss.backward())
            sgd.step()


rng = np.random.default_rng(0)
dense_net = Sequential(flat=tinynet.Flatten(), fc1=Linear(784, 100, rng=rng), relu1=ReLU(),
                       fc2=Linear(100, 10, rng=rng))
train(dense_net, epochs=20, lr=0.2)

# %%
def moved(images, d):
    """The images (N, H, W, C), d pixels further right; what comes in from the left is paper."""
    return np.pad(images, ((0, 0), (0, 0), (d, 0), (0, 0)))[:, :, :images.shape[2]]


def errors(net):
    """The share of wrong answers on the new digits, moved by 0, 1, ..., 6 pixels."""
    return [np.mean(net.predict(moved(x_test, d)).argmax(axis=1) != test_labels) for d in range(7)]


fig, axes = plt.subplots(1, 8, figsize=(9, 1.9), width_ratios=[1] * 7 + [3])
for d, ax in enumerate(axes[:7]):
    ax.imshow(np.pad(moved(x_test, d)[0, :, :, 0], 1, constant_values=0.2))
    ax.set_title(f"{d}")
    ax.axis("off")
axes[7].plot(errors(dense_net), ".-")
axes[7].set(xlabel="pixels moved", title="wrong answers", ylim=(0, 1))
axes[7].yaxis.set_major_formatter("{x:.0%}")

# %% [markdown]
# Three pixels, and more than half of the digits are misread. The net has not learned what a stroke is. It has learned
# which *pixels* are dark, and each hidden neuron would have to learn every stroke again at every place.
#
# ## One neuron, at every place
#
# Section 1 of the paper says what convolutional nets do about it: they make two assumptions about images, strong and
# mostly right. A pixel has to do with the pixels *near* it. And what is worth knowing at one place is worth knowing
# *everywhere*. So:
#
# - a neuron looks at a small **window** only, of 3 × 3 pixels, say;
# - the *same* neuron, with the same weights, looks at every window.
#
# Its weights are then a little image of 3 × 3, called a **kernel**. Its outputs, one for each place, are an image
# again, called a **map** (or **feature map**). Here are two kernels that we make by hand. One looks for paper above and
# ink below, the top edge of a stroke; the other for paper at the left and ink at the right.

# %%
top_edge = np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]])
left_edge = top_edge.T


def slide(image, kernel):
    """The map (H - K + 1, W - K + 1) of an image (H, W) and a kernel (K, K)."""
    K = len(kernel)
    y = np.zeros((image.shape[0] - K + 1, image.shape[1] - K + 1))
    for p, q in np.ndindex(*y.shape):
        y[p, q] = (image[p:p + K, q:q + K] * kernel).sum()
    return y


digit, digit_moved = x_test[0, :, :, 0], moved(x_test, 3)[0, :, :, 0]
fig, axes = plt.subplots(2, 3, figsize=(6, 4.2))
for row, image, name in zip(axes, (digit, digit_moved), ("a digit", "moved"), strict=True):
    row[0].imshow(image)
    row[1].imshow(slide(image, top_edge), cmap="RdBu_r", vmin=-3, vmax=3)
    row[2].imshow(slide(image, left_edge), cmap="RdBu_r", vmin=-3, vmax=3)
    for ax, title in zip(row, (name, "top edges", "left edges"), strict=True):
        ax.set_title(title)
        ax.axis("off")

# %% [markdown]
# Red: the kernel has found what it looks for; blue: the opposite of it. Nine weights have read the whole image. And
# look at the lower row: the maps of the moved digit are the *same* maps, moved.

# %%
assert np.array_equal(slide(digit_moved, top_edge)[:, 3:], slide(digit, top_edge)[:, :-3])

# %% [markdown]
# Mathematicians call that **equivariance**: move what goes in, and what comes out moves along. A kernel cannot tell one
# place from another, so what it learns at one, it knows at all of them. This is the layer we asked for. It lacks a few
# things still, and it must become fast.
#
# ## The whole layer, in seven loops
#
# Four things are still missing:
#
# - **Channels.** A photograph has three numbers in each pixel, red, green and blue; a layer behind 32 kernels sees 32
#   maps. So a window is a block of $K_H \times K_W \times C$ numbers, and so is a kernel.
# - **Many kernels**, $F$ of them: $F$ maps. And a bias for each.
# - **Padding.** At the rim, windows run out of image. With a rim of zeros around the image, the map need not be
#   smaller.
# - **Stride.** The window may move by $S$ pixels at a time, which makes fewer places.
#
# With $\hat x$ for the padded images, output $f$ of image $n$ at place $p, q$ is
#
# $$y_{npqf} = b_f + \sum_{i,\,j,\,c} \hat x_{n,\;pS+i,\;qS+j,\;c}\; W_{ijcf} \qquad (1)$$
#
# with $i$ and $j$ running over the window and $c$ over the channels, all from 0. Along an axis of $H$ pixels, with a
# rim of $R$ zeros on both sides, a window of $K$ has
#
# $$\left\lfloor \frac{H + 2R - K}{S} \right\rfloor + 1$$
#
# places: the first one, and one more for every $S$ pixels that it can move (and none, if the window is larger than the
# axis).

# %%
def draw_windows(ax, size, kernel, stride, padding):
    """The padded image as a grid, and the first windows of two rows, as outlines."""
    ax.imshow(np.pad(np.ones((size, size)), padding), vmin=0, vmax=4)
    places = (size + 2 * padding - kernel) // stride + 1
    for k, (p, q) in enumerate([(0, 0), (0, 1), (1, 0)]):
        left, top, side = q * stride - 0.5 + k / 12, p * stride - 0.5 + k / 12, kernel - k / 6
        style = {"fill": False, "edgecolor": f"C{k}", "linewidth": 2.5, "zorder": 3}
        ax.add_patch(plt.Rectangle((left, top), side, side, **style))
    lines = np.arange(size + 2 * padding + 1) - 0.5
    ax.vlines(lines, -0.5, lines[-1], color="0.8", linewidth=1)
    ax.hlines(lines, -0.5, lines[-1], color="0.8", linewidth=1)
    ax.set(xlim=(-0.7, lines[-1] + 0.2), ylim=(lines[-1] + 0.2, -0.7))
    ax.set_title(f"stride {stride}, padding {padding}:\n{places} × {places} places")
    ax.axis("off")


fig, axes = plt.subplots(1, 4, figsize=(8.5, 2.6))
for ax, (stride, padding) in zip(axes, [(1, 0), (1, 1), (2, 0), (2, 1)], strict=True):
    draw_windows(ax, 5, 3, stride, padding)

# %% [markdown]
# An image of 5 × 5 pixels (grey), zeros around it (white), a kernel of 3 × 3, and its first windows: the upper left
# one, the next to the right, and the next below.
#
# Now equation (1), letter by letter. The padding is done before, by `np.pad`.

# %%
def seven_loops(x, W, b, stride=1):
    """y (N, P, Q, F) of padded images x (N, H, W, C), kernels W (KH, KW, C, F), biases b (F,)."""
    (N, H, W_, C), (KH, KW, _, F) = x.shape, W.shape                   # W_: the width
    P, Q = (H - KH) // stride + 1, (W_ - KW) // stride + 1
    y = np.zeros((N, P, Q, F), x.dtype)
    for n in range(N):                                                 # every image
        for p in range(P):                                             # every place
            for q in range(Q):
                for f in range(F):                                     # every kernel
                    total = b[f]
                    for i in range(KH):                                # every number of a window
                        for j in range(KW):
                            for c in range(C):
                                total += x[n, p * stride + i, q * stride + j, c] * W[i, j, c, f]
                    y[n, p, q, f] = total                              # (1)
    return y


both = np.stack([top_edge, left_edge], axis=-1)[:, :, None]            # (3, 3, 1, 2): two kernels
y = seven_loops(digit[None, :, :, None], both, np.zeros(2))            # (1, 26, 26, 2)
assert np.allclose(y[0, :, :, 0], slide(digit, top_edge), atol=1e-6)
assert np.allclose(y[0, :, :, 1], slide(digit, left_edge), atol=1e-6)

# %% [markdown]
# Strictly speaking, a mathematician's *convolution* would turn the kernel round by 180° first. Our sum is called
# cross-correlation. The field says convolution all the same: a net that learns its kernels can learn them either way
# round.
#
# Mind the third size of a kernel. In AlexNet, the kernels of conv3 are 3 × 3 × 256 (section 3.5), since conv2 has 256
# maps and conv3 sees them all. Some commentaries have 384 there; that is the number of conv3's *own* kernels, $F$ and
# not $C$.
#
# What does a layer cost? A kernel has a number for each place of its window and each channel, and a bias; and for each
# output there are as many multiply-adds as the window has numbers. For AlexNet's conv1, 96 kernels of 11 × 11 × 3, four
# pixels apart on 227 pixels (the paper says 224, and these do not fit: lesson 11 tells that story):

# %%
places, window = (227 - 11) // 4 + 1, 11 * 11 * 3
print(f"{places} × {places} places, {96 * (window + 1):,} parameters, "
      f"{places ** 2 * 96 * window:,} multiply-adds an image")

# %% [markdown]
# ### Exercise 3.1
#
# Make a layer by hand that finds little pictures. `patterns` (F, KH, KW) are F of them, of zeros and ones. Return
# kernels `W` (KH, KW, 1, F) and biases `b` (F,), such that on every image of zeros and ones output $f$ is **above zero
# wherever the window is pattern $f$, pixel by pixel, and zero or less everywhere else**. (What should a pixel of ink
# add where the pattern has ink? And where it has paper? What is the highest sum then, and the second highest?)

# %%
def detectors(patterns):
    ...


check("3.1", detectors);

# %% [markdown]
# *If you like:* your layer on the digit, in black and white. Four patterns, and where they are found.

# %%
if check("3.1", detectors):
    ink = (digit > 0.5).astype(float)
    corner = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 1]])
    patterns = np.stack([corner, corner[:, ::-1], corner[::-1], corner[::-1, ::-1]])
    found = seven_loops(ink[None, :, :, None], *detectors(patterns))[0] > 0        # (26, 26, 4)
    fig, axes = plt.subplots(1, 4, figsize=(8, 2.2))
    for ax, pattern, where in zip(axes, patterns, np.moveaxis(found, -1, 0), strict=True):
        ax.imshow(ink, vmax=3)
        rows, columns = np.nonzero(where)
        ax.plot(columns + 1, rows + 1, "C3o", markersize=4)
        ax.set_title("\n".join("".join("·#"[n] for n in row) for row in pattern), fontsize=7,
                     family="monospace")
        ax.axis("off")

# %% [markdown]
# ## From seven loops to one product
#
# Seven loops in Python are as clear as code can be, and slow. How slow? Let us measure the multiply-adds per second of
# a layer such as nets really have: 32 maps in, 32 kernels of 5 × 5. We give it real maps: those of 32 random kernels
# over our digits.

# %%
rng = np.random.default_rng(0)
first = Conv2d(1, 32, 5, padding=2, rng=rng, weight_init=gaussian(0.2))
maps = np.maximum(0, first.forward(x[:16]))                            # (16, 28, 28, 32)
maps = np.pad(maps, ((0, 0), (2, 2), (2, 2), (0, 0)))                  # (16, 32, 32, 32)
small = maps[:1, 12:20, 12:20]                                         # (1, 8, 8, 32): 4 × 4 places

W = rng.normal(0, 0.05, (5, 5, 32, 32)).astype(np.float32)
b = rng.normal(0, 0.05, 32).astype(np.float32)
expected = seven_loops(small, W, b)                                    # (1, 4, 4, 32)
speeds = {}


def measure(name, convolve, x):
    """Print, and keep in `speeds`, the multiply-adds per second of the fastest of twenty runs."""
    terms = convolve(x, W, b).size * 5 * 5 * 32
    seconds = min(timeit.repeat(lambda: convolve(x, W, b), number=1, repeat=20))
    speeds[name] = terms / seconds
    print(f"{name}: {speeds[name] / 1e6:,.1f} million multiply-adds per second")


measure("seven loops", seven_loops, small)

# %% [markdown]
# AlexNet needs 724 million multiply-adds for a single image. Divide, and be glad of the next three steps.
#
# **Step 1.** The three inner loops add up the products of two blocks of numbers. NumPy can do that in one go:

# %%
def four_loops(x, W, b, stride=1):
    (N, H, W_, _), (KH, KW, _, F) = x.shape, W.shape
    P, Q = (H - KH) // stride + 1, (W_ - KW) // stride + 1
    y = np.zeros((N, P, Q, F), x.dtype)
    for n, p, q, f in np.ndindex(*y.shape):
        window = x[n, p * stride:p * stride + KH, q * stride:q * stride + KW]
        y[n, p, q, f] = (window * W[:, :, :, f]).sum() + b[f]
    return y


assert np.allclose(four_loops(small, W, b), expected, atol=1e-4)
measure("four loops", four_loops, small)

# %% [markdown]
# **Step 2.** All kernels look at the same window. Write the window as one row of $K_H K_W C$ numbers, and the kernels
# as $F$ columns: at each place the layer is lesson 2's `Linear`, $y = x\,W + b$.

# %%
def three_loops(x, W, b, stride=1):
    (N, H, W_, _), (KH, KW, _, F) = x.shape, W.shape
    P, Q = (H - KH) // stride + 1, (W_ - KW) // stride + 1
    y = np.zeros((N, P, Q, F), x.dtype)
    for n, p, q in np.ndindex(N, P, Q):
        window = x[n, p * stride:p * stride + KH, q * stride:q * stride + KW]
        y[n, p, q] = window.reshape(-1) @ W.reshape(-1, F) + b         # (KH·KW·C) · (KH·KW·C, F)
    return y


assert np.allclose(three_loops(small, W, b), expected, atol=1e-4)
measure("three loops", three_loops, maps)

# %% [markdown]
# **Step 3.** Places are to windows what images were in lesson 2: rows of a table. So write *all* windows as rows, one
# below the other, and the whole layer is one matrix product. Laying out the windows is called **im2col**, "image to
# columns", after a function in MATLAB that lays them out upright.

# %%
def im2col(x, kernel, stride=1):
    """All windows of x (N, H, W, C) as rows: (N · P · Q, KH · KW · C)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(1, 2))
    windows = windows[:, ::stride, ::stride]                           # (N, P, Q, C, KH, KW)
    N, P, Q, C, KH, KW = windows.shape
    windows = windows.transpose(0, 1, 2, 4, 5, 3)                      # (N, P, Q, KH, KW, C)
    return windows.reshape(N * P * Q, KH * KW * C)                     # the first copy is made here

# %% [markdown]
# An image of 16 numbers has four windows of 3 × 3:

# %%
numbers = np.arange(16).reshape(1, 4, 4, 1)
cols = im2col(numbers, (3, 3))                                         # (4, 9)

fig, axes = plt.subplots(1, 2, figsize=(8.5, 2.6), width_ratios=[1, 2.3])
for ax, table in zip(axes, (numbers[0, :, :, 0], cols), strict=True):
    ax.imshow(np.ones(table.shape), vmin=0, vmax=9)
    for (r, s), value in np.ndenumerate(table):
        ax.text(s, r, value, ha="center", va="center")
    ax.axis("off")
for k in range(4):
    left, top = k % 2 + 0.1 * k - 0.6, k // 2 + 0.1 * k - 0.6
    style = {"fill": False, "edgecolor": f"C{k}", "linewidth": 2}
    axes[0].add_patch(plt.Rectangle((left, top), 2.9, 2.9, **style))
    axes[1].add_patch(plt.Rectangle((-0.45, k - 0.42), 8.9, 0.84, **style))
axes[0].set(title="an image of 4 × 4 pixels", xlim=(-0.8, 3.9), ylim=(3.9, -0.8))
axes[1].set_title("its four windows of 3 × 3, as rows");

# %% [markdown]
# The layer is now two lines:

# %%
def convolve(x, W, b, stride=1):
    """The same as seven_loops, as one matrix product."""
    (N, H, W_, _), (KH, KW, _, F) = x.shape, W.shape
    y = im2col(x, (KH, KW), stride) @ W.reshape(-1, F) + b             # (N·P·Q, F)
    return y.reshape(N, (H - KH) // stride + 1, (W_ - KW) // stride + 1, F)


assert np.allclose(convolve(small, W, b), expected, atol=1e-4)
assert np.allclose(convolve(maps, W, b, 3), three_loops(maps, W, b, 3), atol=1e-4)
measure("one product", convolve, maps)

# %% [markdown]
# No loop is left in Python, and the multiplying is done by BLAS, the library behind `@`, in which decades of work have
# gone into this one operation. Nothing comes for free, though: pixels stand in several rows. (Find pixel 5 in the
# picture: it is in all four.)

# %%
cols = im2col(maps, (5, 5))
print(f"the maps: {maps.nbytes / 1e6:.1f} MB, their windows as rows: {cols.nbytes / 1e6:.1f} MB")

# %% [markdown]
# ### Exercise 3.2
#
# There is another way, without rows of windows and without copies. Keep *two* loops, over the offsets $i, j$ within the
# kernel. For one offset, which pixels of all images does it meet, over all places $p, q$? They are a slice of `x`, of
# shape $(N, P, Q, C)$. Multiply this by the right part of `W`, and add up. (`@` takes arrays of more than two axes: it
# multiplies along the last one. The checker does not count loops: the lesson's own functions would pass, and teach you
# nothing.)

# %%
def two_loops(x, W, b, stride=1):
    ...


check("3.2", two_loops);

# %% [markdown]
# ## Backward
#
# Half of it is done already. As a product of rows, the layer *is* lesson 2's `Linear`, whose backward you know: with
# `cols` for the windows as rows,
#
# $$db = \sum dy \qquad (2) \qquad\qquad dW = \mathrm{cols}^T dy \qquad (3) \qquad\qquad d\mathrm{cols} = dy\,W^T
# \qquad (4)$$
#
# New is only the way from $d\mathrm{cols}$ back to $dx$. A pixel was copied into several rows, and lesson 2's rule
# says: *whatever a number touched, its gradient comes back from there, and adds up.* So each row is added back to the
# pixels that it was copied from: **col2im**.

# %%
def col2im(d_cols, shape, kernel, stride=1):
    """im2col backwards: dx of the given shape (N, H, W, C). Where windows overlap, they add up."""
    (N, H, W_, C), (KH, KW) = shape, kernel
    P, Q = (H - KH) // stride + 1, (W_ - KW) // stride + 1
    d_windows = d_cols.reshape(N, P, Q, KH, KW, C)
    dx = np.zeros(shape, d_cols.dtype)
    for p, q in np.ndindex(P, Q):
        dx[:, p * stride:p * stride + KH, q * stride:q * stride + KW] += d_windows[:, p, q]
    return dx

# %% [markdown]
# Give it nothing but ones, and it counts the windows that each pixel is in:

# %%
fig, axes = plt.subplots(1, 3, figsize=(8.5, 3))
for ax, (kernel, stride) in zip(axes, [(3, 1), (3, 2), (2, 2)], strict=True):
    places = (8 - kernel) // stride + 1
    ones = np.ones((places ** 2, kernel ** 2))
    count = col2im(ones, (1, 8, 8, 1), (kernel, kernel), stride)
    ax.imshow(count[0, :, :, 0], vmin=0, vmax=24)
    for (h, w), n in np.ndenumerate(count[0, :, :, 0]):
        ax.text(w, h, int(n), ha="center", va="center")
    ax.set_title(f"kernel {kernel}, stride {stride}")
    ax.axis("off")

# %% [markdown]
# With a stride of 1 a pixel in the middle gets its gradient from nine places, one in the corner from one only. Where
# the stride does not divide what is left, as with a kernel of 3 and a stride of 2 here, the last row and the last
# column are in no window at all: their gradient is 0.
#
# That is all. The layer:

# %%
class Conv(Layer):
    """Convolution with F square kernels: x (N, H, W, C) to y (N, P, Q, F)."""

    def __init__(self, C, F, kernel, stride=1, padding=0, rng=None, std=0.1):
        self.kernel, self.stride, self.padding = (kernel, kernel), stride, padding
        self.W = Parameter(rng.normal(0, std, (kernel, kernel, C, F)).astype(np.float32))
        self.b = Parameter(np.zeros(F, np.float32))

    def forward(self, x, train=False, keep=False):
        rim = (self.padding, self.padding)
        padded = np.pad(x, ((0, 0), rim, rim, (0, 0)))
        if train or keep:
            self.padded = padded
        return convolve(padded, self.W.value, self.b.value, self.stride)  # (1)

    def backward(self, dy):
        cols = im2col(self.padded, self.kernel, self.stride)           # (N·P·Q, KH·KW·C)
        rows = dy.reshape(-1, dy.shape[-1])                            # (N·P·Q, F)
        self.b.grad = rows.sum(axis=0)                                 # (2)
        self.W.grad = (cols.T @ rows).reshape(self.W.shape)            # (3)
        d_cols = rows @ self.W.value.reshape(-1, dy.shape[-1]).T       # (4)
        dx = col2im(d_cols, self.padded.shape, self.kernel, self.stride)
        R = self.padding
        return dx[:, R:dx.shape[1] - R, R:dx.shape[2] - R]             # the rim was not part of x


for stride, padding in (1, 0), (1, 2), (2, 1), (3, 0):
    print(gradcheck(Conv(2, 3, 3, stride, padding, rng), rng.normal(size=(2, 7, 6, 2))))

# %% [markdown]
# ### Exercise 3.3
#
# For stride 1 and no padding there is a way to $dx$ without col2im. Pixel $h$ stands in the windows
# $p = h, h - 1, \ldots$ and meets there the weights $i = 0, 1, \ldots$. So its gradient is a sum of products of
# neighbouring places of $dy$ with weights, and that is a convolution again: of $dy$ with zeros around it. How many
# zeros? Which way round do the kernels lie? And which are its channels, which its kernels now? You may call `convolve`.
# (col2im would do, too; here the point is to do without.) What comes out has the precision of what went in: give
# `np.zeros` a dtype.
#
# The picture is the same thing along one axis, for a row of five pixels and a kernel of three weights. On the left the
# three places, forward: pixel 2 meets the weight $w_2$ at place 0, $w_1$ at place 1, $w_0$ at place 2. On the right the
# way back, with zeros around $dy$: the window of each pixel, and the weight that it gives to each $dy$.

# %%
fig, axes = plt.subplots(1, 2, figsize=(8.5, 2.7))
for ax, cells, title in ((axes[0], [f"x{h}" for h in range(5)], "forward: windows of x"),
                         (axes[1], ["0", "0", "dy0", "dy1", "dy2", "0", "0"],
                          "backward: windows of dy and its zeros")):
    windows, back = len(cells) - 2, len(cells) == 7
    for s, cell in enumerate(cells):
        ax.text(s, 0, cell, ha="center", bbox={"boxstyle": "square", "facecolor": "0.92"})
    for p in range(windows):
        for i in range(3):
            ax.text(p + i, -1 - p, f"w{2 - i if back else i}", ha="center",
                    color="C3" if back and p == 2 or not back and p + i == 2 else "0.3")
        ax.text(-1.6, -1 - p, f"dx{p}" if back else f"y{p}", ha="center")
    ax.set(xlim=(-2.2, 6.6), ylim=(-windows - 0.6, 0.7), title=title)
    ax.axis("off")

# %%
def input_gradient(dy, W):
    """dx (N, H, W, C) of dy (N, P, Q, F), for kernels W (KH, KW, C, F)."""
    ...


check("3.3", input_gradient);

# %% [markdown]
# *If you like:* a layer with *your* forward and *your* way back (at stride 1, without padding), through the gradient
# check, and then in a net that learns from fifty digits.

# %%
class YourConv(Conv):
    """Stride 1, no padding."""

    def forward(self, x, train=False, keep=False):
        self.padded = x
        return two_loops(x, self.W.value, self.b.value)

    def backward(self, dy):
        super().backward(dy)                                           # dW and db
        return input_gradient(dy, self.W.value)


if all([check("3.2", two_loops), check("3.3", input_gradient)]):
    rng = np.random.default_rng(0)
    print(gradcheck(YourConv(2, 3, 3, rng=rng), rng.normal(size=(2, 7, 6, 2))))
    yours = Sequential(conv1=YourConv(1, 4, 5, rng=rng), relu1=ReLU(),
                       conv2=YourConv(4, 4, 5, rng=rng), relu2=ReLU(),
                       flat=tinynet.Flatten(), fc3=Linear(20 * 20 * 4, 10, rng=rng))
    loss, sgd = tinynet.SoftmaxCrossEntropy(), tinynet.SGD(yours.parameters(), 0.02, weight_decay=0)
    for step in range(31):
        L = loss.forward(yours.forward(x[:50], train=True), labels[:50])
        yours.backward(loss.backward())
        sgd.step()
        if step % 10 == 0:
            print(f"step {step}: loss {L:.3f}")

# %% [markdown]
# ## The same in tinynet
#
# The library's layer is called `Conv2d`. The same weights, the same images, and a gradient $dy$ that is different
# everywhere: are all numbers the same?

# %%
for stride, padding in (1, 2), (2, 1):
    ours = Conv(32, 16, 5, stride, padding, rng).astype(np.float64)
    theirs = Conv2d(32, 16, 5, stride, padding).astype(np.float64)
    theirs.W.value[:], theirs.b.value[:] = ours.W.value, ours.b.value
    inputs = maps.astype(np.float64)
    y = ours.forward(inputs, train=True)
    dy = rng.normal(size=y.shape)
    for mine, library in ((y, theirs.forward(inputs, train=True)),
                          (ours.backward(dy), theirs.backward(dy)),
                          (ours.W.grad, theirs.W.grad), (ours.b.grad, theirs.b.grad)):
        assert mine.shape == library.shape
        assert np.allclose(mine, library, rtol=0, atol=1e-10 * np.abs(mine).max())
    print(f"stride {stride}, padding {padding}: all agree, {y.size:,} outputs and all gradients")

# %% [markdown]
# How fast is it, beside ours?

# %%
layer = Conv2d(32, 32, 5, algorithm="im2col")
layer.W.value[:], layer.b.value[:] = W, b
measure("tinynet", lambda x, W, b: layer.forward(x), maps)

fig, ax = plt.subplots(figsize=(7, 2.3))
ax.barh(list(speeds), speeds.values())
ax.invert_yaxis()
ax.set(xscale="log", xlabel="multiply-adds per second", xlim=(1e5, None))
faster = speeds["tinynet"] / speeds["seven loops"]
print(f"from seven loops to the library: {faster:,.0f} times as fast")

# %% [markdown]
# Mind the scale: each number on the axis is ten times the last. Lesson 12 is about how the library gets there. Now open
# `tinynet/layers/conv.py`; the equations stand at the top. One argument of `Conv2d` we have passed over: `groups` lets
# kernels see only a part of the maps. It is for AlexNet's two columns, lesson 10.

# %% [markdown]
# ## Does it help?
#
# Back to the question. A net with two convolutions, now the library's. Both move by two pixels at a time, so that the
# maps get smaller: 28, 14, 7. In the end there are 16 maps of 7 × 7, and a `Linear` reads the digit from them. (The
# first weights of so small a net must be larger than the paper's, which have a standard deviation of 0.01; why, is for
# lesson 7. And conv1 need not work out the gradient of the images, for nobody asks for it: `input_grad=False`.)

# %%
rng = np.random.default_rng(0)
conv1 = Conv2d(1, 8, 5, stride=2, padding=2, input_grad=False, rng=rng, weight_init=gaussian(0.1))
conv2 = Conv2d(8, 16, 5, stride=2, padding=2, rng=rng, weight_init=gaussian(0.1))
conv_net = Sequential(conv1=conv1, relu1=ReLU(), conv2=conv2, relu2=ReLU(),
                      flat=tinynet.Flatten(), fc3=Linear(7 * 7 * 16, 10, rng=rng))
train(conv_net, epochs=8, lr=0.1)

fig, ax = plt.subplots(figsize=(5, 2.8))
for name, net in ("every pixel (lesson 2)", dense_net), ("convolution", conv_net):
    wrong = errors(net)
    ax.plot(wrong, ".-", label=name)
    print(f"{name}: {tinynet.count_parameters(net):,} parameters, "
          f"{wrong[0]:.1%} wrong where the digits are, {wrong[3]:.1%} three pixels further right")
ax.set(xlabel="pixels moved", ylabel="wrong answers", ylim=(0, 1))
ax.yaxis.set_major_formatter("{x:.0%}")
ax.legend();

# %% [markdown]
# A seventh of the parameters, and fewer errors on moved digits. But the new curve rises as well. There are two reasons.
# One is easy to see: behind the maps comes a `Linear`, which looks at every place with weights of its own.
#
# The other is the stride. At stride 1 a map follows its image exactly. At stride $S$ it does so only if the image moves
# by $S$, $2S$, ...; in between, each window meets other pixels, and the map changes. Test it, with one kernel of conv1
# at stride 2, and digits moved by two and by three pixels:

# %%
kernel, no_bias = conv_net["conv1"].W.value[..., :1], np.zeros(1, np.float32)
still = convolve(x_test[:20], kernel, no_bias, 2)                      # (20, 12, 12, 1)
by_two = convolve(moved(x_test[:20], 2), kernel, no_bias, 2)
assert np.allclose(by_two[:, :, 1:], still[:, :, :-1], atol=1e-5)      # by one place: exact

by_three = convolve(moved(x_test[:20], 3), kernel, no_bias, 2)
for d in 1, 2:
    off = np.abs(by_three[:, :, d:] - still[:, :, :-d]).mean() / np.abs(still).mean()
    print(f"three pixels, and the map moved by {d}: off by {off:.0%} of its size")
assert not np.allclose(by_three[:, :, 2:], still[:, :, :-2], atol=1e-2)

# %% [markdown]
# Our net has stride 2 twice, so its maps follow exactly only moves of 4, 8, ... pixels. That is half of the answer to
# the question, then. Lesson 4 brings another piece.
#
# What have the kernels become? Here are the eight of conv1, and below each the map that it makes of one digit.

# %%
kernels = conv_net["conv1"].W.value                                    # (5, 5, 1, 8)
found = conv_net[:"relu1"].forward(x_test[:1])                         # up to relu1: (1, 14, 14, 8)
fig, axes = plt.subplots(2, 8, figsize=(8.5, 2.3))
for f in range(8):
    axes[0, f].imshow(kernels[:, :, 0, f], cmap="RdBu_r", vmin=-0.6, vmax=0.6)
    axes[1, f].imshow(found[0, :, :, f], vmin=0, vmax=found.max())
for ax in axes.flat:
    ax.axis("off")

# %% [markdown]
# Some answer to ink at one side of their window; much is still the noise that they started from, for 2,000 digits are
# not many. Figure 3 of the paper shows what AlexNet's kernels learn from a million photographs.
#
# ## What you know now
#
# - A convolution is one small neuron that looks at every place. It has few weights, and what it learns, it knows
#   everywhere.
# - A map follows when its image moves: at stride $S$, by multiples of $S$. It is what comes behind the maps that
#   decides whether the *answer* stays.
# - All of it is a matrix product of windows and kernels; backward, whatever was copied adds up.
# - The clear version is the one to test against, the fast version the one to train with. Keep both.
#
# **Lesson 4**: maps that shrink, and do not mind a pixel here or there.
