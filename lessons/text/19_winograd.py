# %% [markdown]
# # 19 · Fewer multiplications
#
# **The question.** In lesson 12 every core multiplied, nearly all the time, as fast as it could. To become faster
# still, one would have to multiply *less*. A convolution has its number of products by definition: for each output, one
# for each place of the kernel. *Is there any way around that?*
#
# There is, and it saves more than half of them in AlexNet's middle layers. This lesson is optional: nothing rests on
# it. You need lessons 3 and 12, and polynomials. Reading takes about 30 minutes; the three exercises, of which the last
# is an open one, about 75.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
from check import check

from tinynet import Conv2d
from tinynet.data import cifar10_sample

rng = np.random.default_rng(0)

# %% [markdown]
# ## Four products for six
#
# A kernel of three numbers $g$, slid along four numbers $d$, gives two outputs:
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
# ### Exercise 19.1
#
# Return $y_0$ and $y_1$, for `d` of four numbers and `g` of three, with four such products. Which sums and differences
# of the $m$ they are is for you to find. The checker counts.

# %%
def two_outputs(d, g):
    ...


check("19.1", two_outputs);

# %% [markdown]
# ## Where the four come from
#
# Multiply two polynomials, $(a_0 + a_1 x)(g_0 + g_1 x + g_2 x^2)$. The coefficients of the result are sums of products
# of the coefficients, six products in all. But the result is a polynomial with *four* coefficients, so four of its
# values determine it. And the value of a product, at any one $x$, is *one* product: the value of the first times the
# value of the second.
#
# > **Polynomials through points.** A polynomial with four coefficients is determined by its values at four different
# > points: to go from the coefficients to the values is a matrix, and to go back is its inverse. "At infinity" stands
# > for the highest coefficient, which is what a polynomial looks like from far away.
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
# So $c = B\,[(A a) \odot (G g)]$, where $\odot$ multiplies number by number: **four** products make the four
# coefficients $c$ of a product of polynomials. But that is no convolution of a layer yet, which takes four numbers to
# *two*, where the product of polynomials takes two to four.
#
# ## Turned around
#
# Hold the kernel $g$ still. Then the coefficients $c$ depend on $a$ by a matrix that has the numbers of $g$ in it, each
# column one place further down:
#
# $$c = \begin{pmatrix} g_0 & 0 \\ g_1 & g_0 \\ g_2 & g_1 \\ 0 & g_2 \end{pmatrix} a
# \qquad\qquad
# y = \begin{pmatrix} g_0 & g_1 & g_2 & 0 \\ 0 & g_0 & g_1 & g_2 \end{pmatrix} d$$
#
# On the right is the layer's convolution of $d$. The two matrices are the same numbers, with rows and columns
# exchanged: one is the *transpose* of the other. With numbers:

# %%
d, g = rng.integers(-3, 4, 4).astype(float), np.array([1.0, 2, 3])
M = np.array([[g[0], 0], [g[1], g[0]], [g[2], g[1]], [0, g[2]]])       # (4, 2): c = M a
print(f"M\n{M}\n\nits transpose\n{M.T}\n")
print(f"M transposed times d: {M.T @ d}   the convolution: {np.correlate(d, g)}")

# %% [markdown]
# Now write $M$ by its three steps, evaluate, multiply, go back: $M = B\,\mathrm{diag}(G g)\,A$. The transpose of a
# product of matrices has the transposed factors in the opposite order, and a diagonal matrix is its own transpose. So
#
# $$M^T = A^T\, \mathrm{diag}(G g)\, B^T \qquad\text{that is}\qquad y = A^T \big[ (G g) \odot (B^T d) \big]$$
#
# Still four products. It is the formula of the exercise, in another guise.

# %%
assert np.allclose(B @ np.diag(G @ g) @ A, M)
y = A.T @ ((G @ g) * (B.T @ d))
assert np.allclose(y, M.T @ d)
y

# %% [markdown]
# ## Tiles
#
# Images have two axes: do the same along both. With the points 0, 1, -1, 2, -½ and infinity, a **tile** of 4 × 4
# outputs is made from 6 × 6 pixels, with 36 products instead of 4 · 4 · 9 = 144. Neighbouring tiles of the output
# touch; the pixels that they are made from overlap by two. (That this serves the nets of today, whose kernels are
# small, Andrew Lavin and Scott Gray showed in 2015.)

# %%
POINTS = (0, 1, -1, 2, -0.5, -2, 0.5)                                  # as many as are needed


def matrices(m, K, points=POINTS, dtype=float):
    """A, G and B for tiles of m × m outputs and kernels of K × K."""
    points = points[:m + K - 2]                                        # and infinity
    A, G, all_of_them = (evaluate(points, n) for n in (m, K, m + K - 1))
    return A.astype(dtype), G.astype(dtype), np.linalg.inv(all_of_them).astype(dtype)


def winograd(image, g, m=4, points=POINTS):
    """The convolution of an image with g (K, K), in tiles of m × m outputs; whole tiles only."""
    K, t = len(g), m + len(g) - 1                                      # t × t pixels make a tile
    A, G, B = matrices(m, K, points, image.dtype)
    U = G @ g @ G.T                                                    # (t, t), once for all tiles
    y = np.zeros([(size - K + 1) // m * m for size in image.shape], image.dtype)
    for i in range(0, y.shape[0], m):
        for j in range(0, y.shape[1], m):
            V = B.T @ image[i:i + t, j:j + t] @ B                      # (t, t)
            y[i:i + m, j:j + m] = A.T @ (U * V) @ A                    # (m, m)
    return y

# %% [markdown]
# Here with a kernel that finds edges, on a photograph (of which the lower rows and right columns are left out, to have
# whole tiles):

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
# ## Many channels
#
# A real layer has many channels. Its sum over input channels can be taken before the last transform, since transforms
# are only sums. Then $\odot$ becomes, at each of the 36 places of a tile, a *matrix product*, (tiles × channels in) ·
# (channels in × channels out): still the thing that machines do best, but with a quarter of the multiplications.
#
# ### Exercise 19.2
#
# The convolution of an image `x` (H, W, C) with `W` (3, 3, C, F), without padding, in tiles of 4 × 4: H and W are such
# that whole tiles fit. `A` (6, 4), `G` (6, 3) and `B` (6, 6) are the matrices of the text. Return y (H - 2, W - 2, F).
# The checker counts: **at most 45 % of the operations** of the plain way, all transforms included, for 32 channels in
# and out. (A multiplication with its addition is one operation in `@`, and two in `*` and `sum`. `np.einsum` is not
# counted, so not allowed; `@` multiplies the last two axes, whatever stands before them. Which axes must come first for
# that?)

# %%
def winograd_layer(x, W, A, G, B):
    ...


check("19.2", winograd_layer);

# %% [markdown]
# *If you like:* against the library's.

# %%
if check("19.2", winograd_layer):
    x, W = rng.normal(size=(26, 26, 32)), rng.normal(size=(3, 3, 32, 16))
    layer = Conv2d(32, 16, 3, algorithm="winograd").astype(np.float64)
    layer.W.value[...] = W
    difference = winograd_layer(x, W, *matrices(4, 3)) - layer.forward(x[None])[0]
    print(f"largest difference {np.abs(difference).max():.0e}")

# %% [markdown]
# The transforms come on top, and they do not save anything: they cost so much for each input channel and for each
# output channel. The products are needed for each *pair* of them. So the more channels, the less do the transforms
# matter. How many multiplications for each output, if there are C channels in and as many out? In a tile, $B^T d B$
# takes two products of 6 × 6 matrices for each channel in; $A^T (\ldots) A$ a (4, 6)·(6, 6) and a (4, 6)·(6, 4) one for
# each channel out.

# %%
C = np.array([1, 2, 4, 8, 16, 32, 64, 128, 256])
products = 36 * C * C / 16                                             # each for an output pixel
transforms = (2 * 6 ** 3 * C + (4 * 6 * 6 + 4 * 6 * 4) * C) / 16
plain = 9 * C * C

fig, ax = plt.subplots(figsize=(6, 3))
ax.loglog(C, products / plain, "o--", base=2, label="products")
ax.loglog(C, (products + transforms) / plain, "s-", base=2, label="and transforms")
ax.axhline(1, color="0.7", linewidth=1)
ax.set(xlabel="channels, in and out", ylabel="share of the plain way")
ax.set_xticks(C, C)
ax.legend();

# %% [markdown]
# ## How large a tile?
#
# For $m \times m$ outputs and a kernel of $K \times K$, there are $(m + K - 1)^2$ products instead of $m^2 K^2$:

# %%
m = np.arange(1, 9)
fig, ax = plt.subplots(figsize=(6, 3))
for K, marker in (3, "o-"), (5, "^-"):
    ax.plot(m, m ** 2 * K ** 2 / (m + K - 1) ** 2, marker, label=f"kernels {K} x {K}")
ax.set(xlabel="m, for tiles of m × m outputs", ylabel="products saved: factor", ylim=(0, None))
ax.legend();

# %% [markdown]
# ($m = 1$ has as many products as the usual convolution.) The larger the better? Two things speak against it. The
# first: whole tiles must cover the outputs, and what hangs over is computed and thrown away. AlexNet's conv3 to conv5
# have 13 × 13 outputs, and 13 is not a multiple of much:

# %%
for m in range(1, 7):
    tiles = -(-13 // m)                                                # along an axis; rounds up
    print(f"m = {m}: {tiles} x {tiles} tiles, {tiles ** 2 * (m + 2) ** 2:4} products; "
          f"the plain way {13 ** 2 * 9}")

# %% [markdown]
# The second: precision. More points mean larger numbers, which are added and taken away again, and every float32 has
# only seven digits or so. Here is the largest error, relative to the largest output, on average over six random images:

# %%
def precision(m, points=POINTS):
    """The error of float32, in tiles of m × m."""
    errors = []
    for seed in range(6):
        draw = np.random.default_rng(seed)
        image, g = draw.normal(size=(50, 50)), draw.normal(size=(3, 3))
        exact = winograd(image, g, m, points)
        rounded = winograd(image.astype(np.float32), g.astype(np.float32), m, points)
        errors.append(np.abs(rounded - exact).max() / np.abs(exact).max())
    return np.mean(errors)


fig, ax = plt.subplots(figsize=(5, 2.6))
ax.semilogy(range(1, 7), [precision(m) for m in range(1, 7)], "o-")
ax.set(xlabel="m", ylabel="relative error", ylim=(5e-8, 2e-5), title="kernels 3 x 3, float32");

# %% [markdown]
# Larger tiles cost up to a digit and a half. A net that learns does not notice; a gradient check would, which is one
# more reason to check in float64.
#
# ### Exercise 19.3, an open one
#
# Tiles of 6 × 6 need seven points and infinity. Whole numbers are a bad choice:

# %%
print(f"0 to 6: {precision(6, (0, 1, 2, 3, 4, 5, 6)):.0e}; "
      f"0, ±1, ±2, ±3: {precision(6, (0, 1, -1, 2, -2, 3, -3)):.0e}")

# %% [markdown]
# **Find seven others with an error below 6e-6.** (The library's are in `POINTS`. Find some of your own, and say what
# makes points good: what happens to a large one, taken to the power of seven? And to two that lie close together?)

# %%
def my_points():
    ...


check("19.3", my_points);

# %% [markdown]
# ## Measured
#
# Counting is one thing. AlexNet's five convolutions, eight images, with the library's two ways. (conv1 is there too,
# with its 11 × 11 kernels and its stride of 4: seen as an image of blocks of 4 × 4 pixels, its kernels are 3 × 3
# blocks. The header of `tinynet/fast/winograd.py` has it, and the gradients.)

# %%
LAYERS = {  # input (H, W, C), kernels, size, stride, padding, groups; 227: 224 and three zeros
    "conv1": ((227, 227, 3), 96, 11, 4, 0, 1), "conv2": ((27, 27, 96), 256, 5, 1, 2, 2),
    "conv3": ((13, 13, 256), 384, 3, 1, 1, 1), "conv4": ((13, 13, 384), 384, 3, 1, 1, 2),
    "conv5": ((13, 13, 384), 256, 3, 1, 1, 2)}


def timed(shape, kernels, size, stride, padding, groups):
    """Milliseconds of a forward pass of eight images, with im2col and with Winograd's tiles."""
    x = rng.normal(size=(8, *shape)).astype(np.float32)
    layers = [Conv2d(shape[2], kernels, size, stride, padding, groups, algorithm=algorithm, rng=rng)
              for algorithm in ("im2col", "winograd")]
    times = np.empty((6, 2))
    for row in times:                                                  # in turns: a busy machine
        for k, layer in enumerate(layers):                             # is busy for both
            start = time.perf_counter()
            layer.forward(x)
            row[k] = time.perf_counter() - start
    return 1000 * times.min(axis=0)

# %%
measured = np.array([timed(*layer) for layer in LAYERS.values()])      # (5, 2)
fig, ax = plt.subplots(figsize=(6, 3))
place = np.arange(5)
ax.bar(place - 0.2, measured[:, 0], 0.4, color="0.7", label="im2col")
ax.bar(place + 0.2, measured[:, 1], 0.4, color="C0", label="Winograd")
ax.set_xticks(place, LAYERS)
ax.set_ylabel("ms for eight images")
ax.legend();

# %% [markdown]
# The times fall by less than the multiplications, as a rule, for what does not multiply remains: gathering tiles,
# writing outputs. And with few channels it does not pay at all. Take 3 × 3 kernels on 26 × 26 pixels, and vary the
# channels alone:

# %%
channels = [4, 16, 64, 256]
ratios = [np.divide(*timed((26, 26, C), C, 3, 1, 1, 1)) for C in channels]
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
# ## What you know now
#
# - A convolution is a product of polynomials turned around, and a product of polynomials is one product a point.
# - Tiles of 4 × 4 take a quarter of the products; they pay where there are many channels, and cost most of a digit.
# - Turned around means transposed: that is also what a backward is (lesson 2).
#
# Open `tinynet/fast/winograd.py`: its header is this lesson on one page.
