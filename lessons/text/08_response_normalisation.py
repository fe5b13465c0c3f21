# %% [markdown]
# # 8 · Local response normalisation
#
# **The question.** After the ReLUs of conv1 and conv2, AlexNet has a layer without a single parameter. It divides each
# activation by the strength of its neighbours, and took 1.4 points off the error, says section 3.3. A few years later
# hardly anybody used it. *What does it do, whom does it call a neighbour, and does it help?*
#
# $$b_i = \frac{a_i}{\left(k + \alpha \sum_{j \,\in\, \text{neighbours of } i} a_j^2\right)^{\beta}}$$
#
# $a_i$ is the activation of map $i$ at some pixel, after the ReLU; $b_i$ is what goes on. Four constants: $n = 5$
# neighbours, $i$ itself among them, $k = 2$, $\alpha = 10^{-4}$, $\beta = 0.75$. (There are copies of the paper about
# in which $\alpha$ has become $10^{-94}$. We shall see what that would do.) You need lessons 2 to 4. Reading takes
# about 45 minutes; the four exercises, of which the last is an open one, about an hour.

# %%
import json
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from check import check

import tinynet
from tinynet import LRN, SGD, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, gaussian
from tinynet.data import batches, cifar10_sample

# %% [markdown]
# ## Activations to work on
#
# A small net on the 5,000 colour images of the bundled CIFAR-10 sample; the paper tried LRN on CIFAR-10, too. To be
# quick, we halve the images to 16 × 16. As in 2012, pixels go in as they are, 0 to 255, minus their mean. That matters
# here: it makes large activations. Four thousand images are for training; a thousand are set aside, to compare nets by
# (the validation images of lesson 7).

# %%
data = cifar10_sample()


def halved(images):
    """Means of 2 × 2 pixels: (N, 32, 32, 3) to (N, 16, 16, 3)."""
    return images.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4)).astype(np.float32)


x_all = halved(data.train.images)
x_all -= x_all[:4000].mean(axis=0)                                     # training images' mean
x, x_valid = x_all[:4000], x_all[4000:]                                # each (N, 16, 16, 3)
labels, labels_valid = data.train.labels[:4000], data.train.labels[4000:]

# %% [markdown]
# Twice convolution, ReLU and pooling, then a fully-connected layer. `norm`, which we need later, makes one more layer
# after each ReLU.

# %%
def block(number, inputs, size, norm, **how):
    """Layers that make 32 maps, of half the width and height, from `inputs` maps."""
    layers = {"conv": Conv2d(inputs, 32, size, padding=size // 2, **how), "relu": ReLU()}
    layers |= {"norm": norm()} if norm else {}
    layers |= {"pool": MaxPool2d(3, 2, ceil_mode=True)}
    return {f"{name}{number}": layer for name, layer in layers.items()}


def net(seed, norm=None):
    rng = np.random.default_rng(seed)
    return Sequential(
        **block(1, 3, 5, norm, rng=rng, input_grad=False),             # pixels need no gradient
        **block(2, 32, 3, norm, rng=rng, weight_init=gaussian(0.03)),
        flat=Flatten(), fc=Linear(4 * 4 * 32, 10, rng=rng))

# %% [markdown]
# Train it for four epochs, and look at what conv1 and its ReLU then make of a hundred new images:

# %%
def train(net, seed, epochs=4):
    rng, loss = np.random.default_rng(seed), tinynet.SoftmaxCrossEntropy()
    sgd = SGD(net.parameters(), 0.0005)
    for _ in range(epochs):
        for batch, right in batches(x, labels, 64, rng):
            loss.forward(net.forward(batch, train=True), right)
            net.backward(loss.backward())
            sgd.step()
    return net

# %%
without = train(net(seed=0), seed=0)
a = without[:"relu1"].forward(x_valid[:100])                           # (100, 16, 16, 32)
print(f"{np.mean(a > 0):.0%} of the activations are above 0, those around {a[a > 0].mean():.0f}, "
      f"the largest {a.max():.0f}")

# %% [markdown]
# ## Whom it calls a neighbour
#
# Not the pixel beside it: the *map* beside it, at the same pixel. The 32 activations of one pixel stand in a row, in
# the order in which the maps happen to be numbered, and the window covers five of them: below, dark and light orange
# (and one of those is 0). At the ends of the row there are fewer.

# %%
image, row, column = 51, 10, 9
pixel = a[image, row, column]                                          # (32,)
i, half = 8, 2
fig, axes = plt.subplots(1, 2, figsize=(8, 2.6), width_ratios=(1, 2.5))
axes[0].imshow(a[image, ..., i])
axes[0].plot(column, row, "s", color="C3", markersize=8, fillstyle="none")
axes[0].set_title("one map, and a pixel of it")
colors = ["C3" if j == i else "C1" if abs(j - i) <= half else "0.8" for j in range(32)]
axes[1].bar(range(32), pixel, color=colors)
axes[1].set(xlabel="map", ylabel="a", title="all maps of that pixel: one, and its neighbours",
            xlim=(-1, 32));

# %% [markdown]
# Straight from the formula, with loops (maps are counted from 0 here):

# %%
def lrn_by_loops(x, n=5, k=2.0, alpha=1e-4, beta=0.75):
    y = np.zeros(x.shape)
    for image, row, column, i in np.ndindex(x.shape):
        a = x[image, row, column]                                      # all maps of one pixel
        first, last = max(0, i - n // 2), min(len(a) - 1, i + n // 2)
        strength = sum(a[j] ** 2 for j in range(first, last + 1))
        y[image, row, column, i] = a[i] / (k + alpha * strength) ** beta
    return y

# %% [markdown]
# And without loops: put `n // 2` zeros before the first map and after the last, then add up $n$ shifted copies.

# %%
def neighbours(x, n):
    """The sum over the n maps around each map: of the shape of x (N, H, W, C)."""
    C, half = x.shape[-1], n // 2
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (half, half)))         # (N, H, W, C + 2·half)
    return sum(padded[..., i:i + C] for i in range(n))


def lrn(x, n=5, k=2.0, alpha=1e-4, beta=0.75):
    return x / (k + alpha * neighbours(x ** 2, n)) ** beta


few = a[:2, :4, :4].astype(np.float64)
assert np.allclose(lrn(few), lrn_by_loops(few), rtol=1e-12)
assert np.allclose(lrn(few), LRN().forward(few), rtol=1e-12)           # and the library's
assert np.allclose(lrn(few, 3, 1, 0.5, 1), LRN(3, 1, 0.5, 1).forward(few), rtol=1e-12)

# %% [markdown]
# The last assert uses constants of our own. With the paper's, a mistake in the neighbourhood might be too
# small to be seen; more on that below.
#
# (There is a brother, in the nets that AlexNet's authors had for CIFAR-10 before, `WithinMapNorm`: its neighbours are
# the 3 × 3 pixels around, *in the same map*.)
#
# ## Competition
#
# The paper calls it *lateral inhibition*, after nerve cells that quieten those beside them. With a large $\alpha$ one
# can see it: a map whose neighbours are silent gains rank, one in a crowd loses.

# %%
def bars(ax, values, title):
    ax.bar(range(len(values)), values / values.max(), color="C0")
    ax.set(xlabel="map", title=title)


one = pixel[None, None, None].astype(np.float64)                       # (1, 1, 1, 32)
fig, axes = plt.subplots(1, 3, figsize=(9, 2.4), sharey=True)
bars(axes[0], pixel, "before")
bars(axes[1], lrn(one)[0, 0, 0], "the paper's α")
bars(axes[2], lrn(one, alpha=0.1)[0, 0, 0], "α = 0.1")
axes[0].set_ylabel("share of the tallest");

# %% [markdown]
# With the paper's own $\alpha$ the picture hardly changes. How much *does* it divide by, on real activations?

# %%
s = 2 + 1e-4 * neighbours(a ** 2, 5)
fig, ax = plt.subplots(figsize=(5, 2.4))
ax.hist(s.ravel(), bins=80)
ax.set(xlabel="k + α Σ a²", yscale="log", ylabel="how many", title="k alone is 2")
print(f"median {np.median(s):.3f}, one in a hundred above {np.quantile(s, 0.99):.2f}, "
      f"the largest {s.max():.1f}")

# %% [markdown]
# Mostly by little more than $2^{0.75}$, which is the same for all: the next layer's weights could undo it. Only the
# strongest places are held down. And that depends on the scale of the numbers: had we fed the net inputs of variance 1,
# with activations around 1, then $\alpha\sum a^2$ would be about 0.0005, and the layer little but a multiplication by
# $2^{-0.75}$. Whoever copies the four constants must copy the scale of the inputs too. And with $\alpha = 10^{-94}$,
# the assert says, it is that multiplication exactly:

# %%
constant = 2 ** -0.75
small = (a / a.std())[:10].astype(np.float64)                          # activations around 1
away = np.abs(lrn(small)[small > 0] / (constant * small[small > 0]) - 1)
print(f"2^-0.75 = {constant:.3f}; on activations of scale 1, LRN is a multiplication by that, "
      f"to within {away.mean():.2%} on average")
assert np.array_equal(lrn(few, alpha=1e-94), few / 2 ** 0.75)

# %% [markdown]
# Another trap with $\alpha$: the code of 2012, and many libraries after it, divide it by $n$ before they multiply. The
# paper multiplies the sum itself, and so does tinynet. Constants that come from there have to be divided by hand.
#
# ## One map alone
#
# What comes out for what goes in, when the neighbours are silent?

# %%
v = np.linspace(0, 1000, 500)
alone = v / (2 + 1e-4 * v ** 2) ** 0.75
fig, ax = plt.subplots(figsize=(5, 2.8))
ax.plot(v, alone, label="neighbours silent")
for other in 200, 500:
    beside = v / (2 + 1e-4 * (v ** 2 + other ** 2)) ** 0.75
    ax.plot(v, beside, "--", label=f"a neighbour of {other}")
ax.set(xlabel="a", ylabel="b")
ax.legend();

# %% [markdown]
# At first a straight line; then something that is rarely told: it has a *top*. Beyond it, the stronger the activation,
# the weaker what goes on, for its own square is in the sum as well, and $\beta = 0.75$ is more than one half.
#
# ### Exercise 8.1
#
# For which $a$ is it highest, when the neighbours are silent? Return that $a$. (For $\beta$ of one half or less it
# rises for ever: return `np.inf`.)

# %%
def loudest(k, alpha, beta):
    ...


check("8.1", loudest);

# %% [markdown]
# ## Brightness
#
# The paper says its scheme would be better called *brightness normalisation*: unlike the contrast normalisation of
# others, it does not subtract a mean. Darken half of an image, so that its activations there shrink to a third, and
# normalise with an $\alpha$ large enough:

# %%
maps = a[image:image + 1].astype(np.float64)                           # (1, 16, 16, 32)
dark = maps.copy()
dark[:, :, 8:] *= 0.33

fig, axes = plt.subplots(2, 3, figsize=(6, 3.8))
for column, (title, f) in zip(axes.T, (("no LRN", lambda m: m), ("paper's α", lrn),
                                       ("α = 0.01", lambda m: lrn(m, alpha=0.01))), strict=True):
    for ax, m in zip(column, (maps, dark), strict=True):
        ax.imshow(f(m)[0].sum(axis=-1), vmin=0, vmax=f(maps)[0].sum(axis=-1).max())
        ax.axis("off")
    ratio = f(dark)[:, :, 8:].sum() / f(maps)[:, :, 8:].sum()
    column[0].set_title(f"{title}\nright half keeps {ratio:.0%}", fontsize=9)

# %% [markdown]
# Above the sum of all maps; below the same with the right half darkened. Strong normalisation gives back much of what
# the darkness took: what counts is more which maps respond, less how loudly.
#
# ## Backward
#
# One $a_j$ now touches several $b_i$: its own, and those of its neighbours. With $s_i = k + \alpha\sum a^2$:
#
# $$\frac{\partial b_i}{\partial a_j} = \underbrace{s_i^{-\beta}}_{\text{only if } i = j}
# \;-\; \underbrace{2\alpha\beta\; a_i\, a_j\; s_i^{-\beta-1}}_{\text{if } j \text{ is a neighbour of } i,
# \text{ or } i \text{ itself}}$$
#
# The picture of all these slopes for one pixel, by nudging each of its maps:

# %%
nudge = 1e-4 * np.eye(32)[:, None, None]                               # (32, 1, 1, 32): one a map
slopes = (lrn(one + nudge, alpha=0.001) - lrn(one - nudge, alpha=0.001)) / 2e-4
slopes = slopes.reshape(32, 32).T

fig, ax = plt.subplots(figsize=(3.8, 3.2))
shown = ax.imshow(slopes, cmap="RdBu_r", vmin=-0.15, vmax=0.15)
ax.set(xlabel="nudged: a of map j", ylabel="what b of map i does", title="α = 0.001")
fig.colorbar(shown);

# %% [markdown]
# Red on the diagonal: more of $a_i$ makes more of $b_i$, unless it is past its top. Blue beside it: more of $a_j$ makes
# less of its neighbours. Beyond two maps, nothing.
#
# To run it backwards, lesson 2's rule: whatever a number touched, its gradient comes back from there and adds up,
# $dx_j = \sum_i dy_i \,\partial b_i / \partial a_j$. Being a neighbour is mutual, so the sum over the $i$ is the same
# `neighbours` as before. (As in all our code, $x$ is what goes in, here $a$, and $y$ what comes out, $b$.)
#
# ### Exercise 8.2
#
# The backward of `lrn`: given `x` and `dy` (N, H, W, C) and the constants, return `dx`. You may call `neighbours`.

# %%
def lrn_backward(x, dy, n, k, alpha, beta):
    ...


check("8.2", lrn_backward);

# %% [markdown]
# *If you like:* a layer of the library with your backward, in our net, which has another step to learn by then. (A
# layer's `forward` puts aside what backward needs; `self.take()` fetches it: for LRN that is $x$ and $s$.)

# %%
class MyLRN(LRN):
    """The library's forward, and your backward."""

    def backward(self, dy):
        x, _ = self.take()
        return lrn_backward(x, dy, self.n, self.k, self.alpha, self.beta).astype(dy.dtype)


if check("8.2", lrn_backward):
    for layer in LRN(), MyLRN():
        tinynet.gradcheck(layer, few[:1, :2, :2, :8])
    mine = train(net(0, MyLRN), 0, epochs=1)
    theirs = train(net(0, LRN), 0, epochs=1)
    same = mine.predict(x_valid).argmax(axis=1) == theirs.predict(x_valid).argmax(axis=1)
    print(f"one epoch with yours and with the library's: {same.mean():.1%} of the answers agree")

# %% [markdown]
# ## A test that cannot fail
#
# Suppose somebody forgets the second term. That backward is wrong by the whole of the competition. How wrong does it
# look, to a test that uses activations around 1? (`self.take()` gives what forward has kept for backward, here $x$ and
# $s$.)

# %%
class Forgetful(LRN):
    """An LRN whose backward knows the first term only."""

    def backward(self, dy):
        x, s = self.take()
        return dy * s ** -self.beta


def error_of_forgetting(alpha):
    """The relative error of dx, for activations of scale 1."""
    rng, right, wrong = np.random.default_rng(0), LRN(alpha=alpha), Forgetful(alpha=alpha)
    x, dy = rng.normal(size=(2, 3, 3, 8)), rng.normal(size=(2, 3, 3, 8))
    for layer in right, wrong:
        layer.forward(x, keep=True)
    expected = right.backward(dy)
    return np.abs(wrong.backward(dy) - expected).max() / np.abs(expected).max()

# %%
alphas = 10.0 ** np.arange(-6, 2)
fig, ax = plt.subplots(figsize=(5, 2.8))
ax.loglog(alphas, [error_of_forgetting(alpha) for alpha in alphas], ".-")
ax.axhline(1e-3, color="C3", linestyle="--", label="a tolerance of 0.001")
ax.axvline(1e-4, color="0.6", linestyle=":", label="the paper's α")
ax.set(xlabel="α in the test", ylabel="relative error of the wrong dx")
ax.legend()
assert error_of_forgetting(1e-4) < 1e-3 < error_of_forgetting(1.0)

# %% [markdown]
# With the paper's constants and a tolerance as one has it in float32, the wrong layer passes. It has happened. The
# remedy is cheap: test with constants that make every term count.

# %%
for alpha in 1e-4, 1.0:
    tinynet.gradcheck(LRN(alpha=alpha), few[:1, :2, :2, :8] / 10)
try:
    tinynet.gradcheck(Forgetful(alpha=1.0), few[:1, :2, :2, :8] / 10)
except AssertionError as error:
    print(error)
else:
    raise AssertionError("the check has not noticed")

# %% [markdown]
# ## Where it stands
#
# Sections 3.3 and 3.5: LRN follows the *ReLUs* of conv1 and conv2, and the pooling follows LRN. Accounts that place it
# after the pooling, or before the ReLU, do not describe the paper. They are not all wrong about the net, though: the
# source code of 2012 has convolution, LRN, pooling, ReLU in its first layer (lesson 11). It is not the same, for before
# the ReLU negative activations have squares too:

# %%
z = without["conv1"].forward(x_valid[:100])                            # before the ReLU
for name, values in ("after the ReLU", np.maximum(0, z)), ("before it", z):
    print(f"{name}: α Σ a² is {1e-4 * neighbours(values ** 2, 5).mean():.3f} on average")

# %% [markdown]
# In AlexNet, conv1's 96 maps lie on two devices, 48 on each, and a window never reaches across: asking the other device
# for two maps would cost a transfer. `LRN(groups=2)` is that on one device.

# %%
halves = np.concatenate([lrn(few[..., :16]), lrn(few[..., 16:])], axis=-1)
assert np.allclose(LRN(groups=2).forward(few), halves, rtol=1e-12)
across = np.flatnonzero(~np.isclose(halves, lrn(few), rtol=1e-12).all(axis=(0, 1, 2)))
print("maps that notice the difference:", across)
assert set(across) <= {14, 15, 16, 17}

# %% [markdown]
# ## Does it help?
#
# The paper: 1.4 points fewer errors in ImageNet, and on CIFAR-10 11 % in place of 13 %. Our small net, with and
# without, from the same start. The constants are those of the authors' own CIFAR-10 nets, $n = 9$, $k = 1$, $\alpha =
# 0.001/9$: with $k = 2$ the mere multiplication by 0.59 would make the steps smaller as well, and we would be measuring
# the learning rate.

# %%
def authors_norm():
    return LRN(n=9, k=1.0, alpha=0.001 / 9)


with_lrn = train(net(0, authors_norm), 0)
wrong = {name: trained.predict(x_valid).argmax(axis=1) != labels_valid
         for name, trained in (("without", without), ("with LRN", with_lrn))}
for name, w in wrong.items():
    p = w.mean()
    print(f"{name:8} {p:.1%} wrong, ± {np.sqrt(p * (1 - p) / len(w)):.1%}")

# %% [markdown]
# Before you say who has won, look at the ±. If a net is wrong on a share $p$ of all images in the world, then its error
# on $N$ of them scatters by $\sqrt{p(1-p)/N}$ (lesson 4). But we can do better than compare two numbers that both
# scatter, for both nets saw *the same* images. Many are wrong in both nets, many right in both; those say nothing about
# the difference. What counts are the images on which exactly one net is wrong.

# %%
a_only = np.sum(wrong["without"] & ~wrong["with LRN"])
b_only = np.sum(wrong["with LRN"] & ~wrong["without"])
print(f"wrong in both {np.sum(wrong['without'] & wrong['with LRN'])}, "
      f"only without LRN {a_only}, only with it {b_only}")

# %% [markdown]
# Each image contributes $+1$, $0$ or $-1$ to the difference. Let $n_{10}$ be the number of images on which only the
# first net is wrong, $n_{01}$ that on which only the second is. If the nets were equally good, every image on which
# they differ would be a throw of a fair coin. There are $n_{10} + n_{01}$ of them, and so many throws scatter by
# $\sqrt{n_{10} + n_{01}}$. Hence
#
# $$\text{difference} = \frac{n_{10} - n_{01}}{N} \;\pm\; \frac{\sqrt{n_{10} + n_{01}}}{N}$$
#
# This is a **paired comparison**. (Statisticians call the test by these two numbers McNemar's.)
#
# ### Exercise 8.3
#
# `wrong_a` and `wrong_b` are arrays of True and False, one for each image: is the net wrong there? Return the
# difference of the two errors, a's minus b's, and its ±.

# %%
def paired(wrong_a, wrong_b):
    ...


check("8.3", paired);

# %% [markdown]
# *If you like:* the two nets above, by your function.

# %%
if check("8.3", paired):
    difference, scatter = paired(wrong["without"], wrong["with LRN"])
    print(f"LRN saves {difference:.1%} ± {scatter:.1%}")

# %% [markdown]
# So an effect of one or two points cannot be seen on 1,000 images with one start, *whatever the two numbers look like.*
# It takes more of both, and more time than a lesson has. The command `python lessons/stored/lrn.py` trained the same
# two nets on 10,000 images for 20 epochs, from eight starts each, every net with the best of three learning rates
# (chosen by validation images), and counted errors on all 10,000 test images of CIFAR-10. Here is what it found:

# %%
stored = json.loads(Path("stored/lrn.json").read_text("utf-8"))
starts = [stored[f"start {k}"] for k in range(8)]
N = starts[0]["of"]
saved = np.array([r["only the first"] - r["only the second"] for r in starts]) / N
paired_scatter = np.sqrt([r["only the first"] + r["only the second"] for r in starts]) / N
errors = np.array([r["wrong"] for r in starts]) / N                    # (8, 2): without, with

# %%
fig, axes = plt.subplots(1, 2, figsize=(8.5, 2.9))
for k, (name, marker) in enumerate((("without", "o"), ("with LRN", "s"))):
    axes[0].plot(range(8), errors[:, k], marker, color=f"C{k}", label=name)
axes[0].set(xlabel="start", ylabel="test error", title="two nets, eight starts")
axes[0].legend()
axes[1].errorbar(range(8), saved, paired_scatter, fmt="o", color="C2", capsize=3)
axes[1].axhline(0, color="0.5", linewidth=1)
axes[1].axhline(saved.mean(), color="C2", linestyle="--")
axes[1].set(xlabel="start", ylabel="what LRN saves", title="paired: without minus with")
for ax in axes:
    ax.yaxis.set_major_formatter("{x:.1%}")

mean_saved, its_scatter = saved.mean(), saved.std(ddof=1) / np.sqrt(len(saved))
print(f"test error: {errors[:, 0].mean():.1%} without, {errors[:, 1].mean():.1%} with LRN")
print(f"LRN saves {mean_saved:.2%} ± {its_scatter:.2%} (the mean of eight starts)")
print("start by start:", ", ".join(f"{100 * s:+.1f}" for s in saved), "points")

# %% [markdown]
# Half a point, give or take a quarter: about twice its own scatter, so perhaps something, and surely little. And look
# at the single starts. With one of them LRN saves a point and a half, with another it costs nearly one. Whoever has run
# only the one would report the paper's gain, whoever has run only the other would report the opposite, and both would
# be honest: what a net becomes depends on where it starts as much as on its layers.
#
# What this experiment says, then: in this small net, not two points; half a point, maybe. It does not say what LRN does
# in a net of another size, trained for longer. (In the net that the paper means with its 11 %, at half its width, on
# 10,000 images, each side at its best learning rate, twenty pairs say -0.2 points (-0.8 to +0.4): `lrn` in
# [docs/claims.md](../docs/claims.md). So there it is not worth half a point.) The paper had 150,000 test images, enough
# to see 1.4 points; of several starts it does not speak.
#
# Two years later the authors of VGG trained a net with LRN and the same without (A-LRN and A, their section 4.1), found
# no gain, and left it out from there on. (GoogLeNet, of the same year, still has two.) Soon nearly everybody did
# without. What took its place, batch normalisation (`tinynet/layers/norm.py`), brings every map to mean 0 and variance
# 1 over the batch, and so makes a net indifferent to the scale of its activations, which LRN never did.
#
# And it is not free. The time for a batch of 128 images, forward (`layer.label` is what error messages call a layer:
# its name in the net and its kind):

# %%
maps = without[:"relu1"].forward(x[:128])
for layer, given in (without["conv1"], x[:128]), (ReLU(), maps), (LRN(), maps):
    seconds = []
    for _ in range(10):
        start = time.perf_counter()
        layer.forward(given)
        seconds.append(time.perf_counter() - start)
    print(f"{layer.label:15} {min(seconds) * 1000:6.2f} ms")

# %% [markdown]
# ### Exercise 8.4, an open one
#
# Four epochs on 4,000 images, as above, and **fewer than 55.5 % wrong** of the thousand set aside. Our net without
# normalisation has 56 to 58. At most 20,000 parameters. `rng` is for your layers; return the net, for images (N, 16,
# 16, 3) as above; a learning rate for each of the four epochs, in a list; and the size of a batch. LRN,
# `tinynet.BatchNorm2d` (after which other rates are right, by far), none of them: find out, and write down what you
# try. The checker trains it, in some seconds.

# %%
def my_net(rng):
    ...                                                                # return net, rates, batch


check("8.4", my_net);

# %% [markdown]
# *Before you believe your gain:* a thousand images, one start, and you have tried several nets and kept the best. How
# much of it would be left on new images? (Lesson 9 has three kinds of images, for this reason.)
#
# ## What you know now
#
# - LRN divides by the strength of the neighbouring *maps* at the same pixel. It is competition, and it evens out
#   brightness.
# - Its constants mean something only together with the scale of the activations.
# - A test must use numbers at which a mistake would show; and so must an experiment.
# - Two nets that saw the same images are compared by those on which they differ.
#
# Open `tinynet/layers/lrn.py`: equation (1) is `lrn`, equation (2) is exercise 8.2, and `maps_around` is our
# `neighbours`. The version for speed, `tinynet/fast/lrn.py`, has one idea more: it puts all pixels into a single long
# row, with zeros between them, so that the shifted copies are one addition each. **Lesson 9** is about what a net knows
# by heart, and what it has understood.
