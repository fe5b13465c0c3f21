# %% [markdown]
# # 16 · After AlexNet
#
# **The question.** AlexNet won in 2012. In the three years after it came four nets on which everybody has built since:
# Network in Network (NiN), VGG, GoogLeNet, and the residual net (ResNet). All of them are better, and some have a tenth
# of its parameters. *What did each of them change, and what did it save?*
#
# It is five ideas, and each fits into a few lines: kernels of one pixel, small kernels in a row, kernels side by side,
# a normalisation that needs the whole batch, and a plus sign. You need lessons 2 to 9 and 11. Reading takes about 50
# minutes; the five exercises, of which the last is an open one, about 120.

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from check import check

import tinynet
from tinynet import (
    SGD,
    BatchNorm2d,
    Branches,
    Conv2d,
    GlobalAvgPool2d,
    Identity,
    Layer,
    Linear,
    MaxPool2d,
    Parameter,
    ReLU,
    Sequential,
    Sum,
    fan_in,
    gradcheck,
    summary,
)
from tinynet.data import batches, cifar10_sample, mnist_sample
from tinynet.models import alexnet, googlenet, nin_cifar, vgg

# %% [markdown]
# ## Three nets on the scales
#
# Three of the nets are for ImageNet's photographs. We build them, empty (all weights zero is enough to count), and let
# `summary` do what lesson 11 did by hand. The errors are those that the papers report of one net: how often the right
# class is not among the first five. (AlexNet's is the mean of ten views of an image, GoogLeNet's is of one.)

# %%
empty = {"weight_init": tinynet.constant(0.0)}
nets = {"AlexNet": (alexnet(columns=1), 18.2),
        "VGG-16": (vgg("D", **empty), 8.8),
        "GoogLeNet": (googlenet(heads=False), 10.1)}
counts = {}
for name, (net, error) in nets.items():
    rows = summary(net, show=False)
    weights, work = (sum(getattr(row, what) for row in rows)
                     for what in ("parameters", "multiply_adds"))
    counts[name] = weights / 1e6, work / 1e6, error
    print(f"{name:9} {weights / 1e6:6.1f} million parameters, {work / 1e6:8,.0f} million "
          f"multiply-adds an image, {error} % errors")

# %%
fig, axes = plt.subplots(1, 3, figsize=(8, 1.9), sharey=True)
titles = "million parameters", "million multiply-adds", "published error, %"
for ax, values, title in zip(axes, zip(*counts.values(), strict=True), titles, strict=True):
    ax.barh(list(counts), values, color=["C0", "C1", "C2"])
    ax.set_title(title)
axes[0].invert_yaxis()

# %% [markdown]
# Two roads. VGG halves the error with twice the parameters and twenty times the work. GoogLeNet gets nearly as far with
# a *ninth* of AlexNet's parameters and twice its work. So parameters, work and errors are three different things, and a
# good idea may save one and spend another.
#
# Where are AlexNet's parameters? Lesson 11 knew: in the fully-connected layers.

# %%
rows = [row for row in summary(nets["AlexNet"][0], show=False) if row.parameters]
fig, ax = plt.subplots(figsize=(6.5, 2.4))
place = np.arange(len(rows))
for shift, what in (-0.2, "parameters"), (0.2, "multiply_adds"):
    values = np.array([getattr(row, what) for row in rows])
    ax.bar(place + shift, values / values.sum(), 0.4, label=what.replace("_", "-"))
ax.set(xticks=place, xticklabels=[row.name for row in rows], ylabel="share of AlexNet's")
ax.yaxis.set_major_formatter("{x:.0%}")
ax.legend()
del nets                                                               # they are large

# %% [markdown]
# ## A kernel of one pixel
#
# NiN (Lin, Chen, Yan 2014) asks: a kernel is a linear function of what its window shows; why not look at each place
# with a small *net* instead? The first layer of that net is the convolution. Each further one is a linear layer that
# sees the maps at one pixel, and does the same at every pixel. That is a convolution whose kernel is one pixel large,
# a **1 × 1 convolution**: lesson 2's linear layer, at every pixel.
#
# $$y_{nijf} = \sum_c x_{nijc}\,W_{cf} + b_f \qquad (1)$$
#
# On pixels it mixes colours. Here with three kernels, chosen by hand, on a photograph: what there is of brightness, of
# red against green, of blue against yellow. No kernel knows what is to the left of anything.

# %%
photos = cifar10_sample()
x = photos.train.images[:8] / 255                                      # (8, 32, 32, 3)
mix = np.array([[1, 1, 1], [1, -1, 0], [-0.5, -0.5, 1]]).T / 3         # (3 colours, 3 maps)
one_by_one = Conv2d(3, 3, 1).astype(np.float64)
one_by_one.W.assign(mix[None, None])                                   # (1, 1, 3, 3)
y = one_by_one.forward(x)                                              # (8, 32, 32, 3)
assert np.allclose(y, x @ mix)                                         # eq. (1)

fig, axes = plt.subplots(1, 4, figsize=(7, 1.9))
titles = "a photograph", "brightness", "red - green", "blue - yellow"
for ax, image, title in zip(axes, [x[4], *np.moveaxis(y[4], -1, 0)], titles, strict=True):
    ax.imshow(image, cmap="gray")
    ax.set_title(title)
    ax.axis("off")

# %% [markdown]
# On maps it mixes what the maps have found: "an ear *and* fur, but no wheel". It is cheap: a kernel of 5 × 5 costs
# twenty-five times as much.
#
# ## A map for each class
#
# NiN's second idea gets rid of the fully-connected layers. Let the last 1 × 1 convolution make *one map for each
# class*, and let the class's score be the mean of its map: **global average pooling**. It has no parameters at all.
# Here is such a net for digits:

# %%
def digits_net(rng):
    """Three convolutions, 1 × 1 kernels behind each, and no fully-connected layer."""
    how = {"rng": rng, "weight_init": fan_in(2.0)}
    return Sequential(
        conv1=Conv2d(1, 16, 5, stride=2, padding=2, input_grad=False, **how), relu1=ReLU(),
        mix1=Conv2d(16, 16, 1, **how), relu2=ReLU(),                   # (N, 14, 14, 16)
        conv2=Conv2d(16, 32, 5, stride=2, padding=2, **how), relu3=ReLU(),
        mix2=Conv2d(32, 32, 1, **how), relu4=ReLU(),                   # (N, 7, 7, 32)
        conv3=Conv2d(32, 32, 5, padding=2, **how), relu5=ReLU(),
        classes=Conv2d(32, 10, 1, rng=rng, weight_init=fan_in(1.0)),   # (N, 7, 7, 10)
        pool=GlobalAvgPool2d())                                        # (N, 10)


def learn(net, x, labels, epochs, lr, rng):
    """Training as in lesson 7; the rate is divided by ten for the last quarter."""
    loss, sgd = tinynet.SoftmaxCrossEntropy(), SGD(net.parameters(), lr)
    for epoch in range(epochs):
        sgd.lr = lr if epoch < 0.75 * epochs else lr / 10
        for batch, right in batches(x, labels, 50, rng):
            loss.forward(net.forward(batch, train=True), right)
            net.backward(loss.backward())
            sgd.step()


(digits, labels), (new_digits, new_labels) = mnist_sample()
digits, new_digits = ((part / 255).astype(np.float32) for part in (digits, new_digits))
net = digits_net(np.random.default_rng(0))
learn(net, digits, labels, 12, 0.05, np.random.default_rng(0))
answers = net.predict(new_digits).argmax(axis=1)
print(f"{tinynet.count_parameters(net):,} parameters, {np.mean(answers != new_labels):.1%} of "
      f"{len(new_labels)} new digits wrong")

# %% [markdown]
# Nothing in this net knows how large the image is: so it takes any image. Show it three digits in a row, 28 × 84
# pixels. Its maps become wider, too, and the mean over a *part* of each map, as wide as one digit, is what the net
# thinks of that part of the image. Here for fifteen windows, each 4 pixels further to the right: the darker, the more
# probable is the class.

# %%
wanted = [np.flatnonzero((new_labels == d) & (answers == d))[0] for d in (4, 0, 7)]
row = np.concatenate(new_digits[wanted], axis=1)[None]                 # (1, 28, 84, 1)
maps = net[:"classes"].forward(row)                                    # (1, 7, 21, 10)
scores = np.stack([maps[0, :, k:k + 7].mean(axis=(0, 1)) for k in range(15)])   # (15, 10)
likely = np.exp(scores - scores.max(axis=1, keepdims=True))
likely /= likely.sum(axis=1, keepdims=True)                            # softmax

fig, (above, below) = plt.subplots(2, 1, figsize=(6, 3.6), sharex=True,
                                   gridspec_kw={"height_ratios": [1.2, 2]})
above.imshow(row[0, :, :, 0], aspect="auto", extent=(0, 84, 28, 0))
above.set(yticks=[])
below.imshow(likely.T, aspect="auto", extent=(12, 72, 9.5, -0.5), vmin=0, vmax=1)
below.set(xlim=(0, 84), yticks=range(10), ylabel="class", xlabel="middle of the window, in pixels")
print("in front of each digit:", likely[[0, 7, 14]].argmax(axis=1))

# %% [markdown]
# Nobody told the net *where* anything is: the labels say only what. The maps know all the same. (Between two digits it
# sees halves of both, and says something.) How much does it save? NiN's net for CIFAR-10 beside the same with two
# fully-connected layers of AlexNet's kind behind it:

# %%
rows = [row for row in summary(nin_cifar(), show=False) if row.parameters]
nin, last = sum(row.parameters for row in rows), rows[-2]
dense = np.prod(last.shape) * 1024 + 1024 * 1024 + 1024 * 10
print(f"all of NiN {nin / 1e6:.2f} million; two layers of 1,024 and the classes, on its last "
      f"{last.shape} maps: {dense / 1e6:.1f} million more")

# %% [markdown]
# ## Small kernels in a row
#
# VGG (Simonyan, Zisserman 2014) has nothing but 3 × 3 kernels, and more of them: sixteen layers, or nineteen. Two 3 × 3
# in a row see 5 × 5 pixels, three see 7 × 7 (the **receptive field** of lesson 11: each adds 2). One kernel of 7 × 7,
# with C maps in and C out, has $49\,C^2$ weights, three of 3 × 3 have $27\,C^2$; and between the three there is room
# for two ReLUs.
#
# (One textbook's table of VGG-16 has kernels of 26 × 26 in the third layer of the third block. Its own column of
# parameters shows the misprint: $(3 \cdot 3 \cdot 256 + 1) \cdot 256$. With 26 × 26 that layer alone would have 44
# million.)
#
# Here is the gradient of one unit with respect to the pixels, its mean size over 200 random weights: *which pixels
# matter to it, and how much?*

# %%
def who_matters(kernels):
    """The mean |∂y/∂x| of the middle unit of convolutions in a row, (11, 11)."""
    total = np.zeros((11, 11))
    for seed in range(200):
        rng = np.random.default_rng(seed)
        layers = {f"conv{i}": Conv2d(1 if i == 0 else 4, 4, K, padding=K // 2, rng=rng,
                                     weight_init=fan_in(2.0)) for i, K in enumerate(kernels)}
        row = Sequential(**{name: part for conv in layers for name, part in
                            ((conv, layers[conv]), (f"relu_{conv}", ReLU()))})
        y = row.forward(rng.normal(size=(1, 11, 11, 1)).astype(np.float32), keep=True)
        dy = np.zeros_like(y)
        dy[0, 5, 5, 0] = 1
        total += np.abs(row.backward(dy)[0, :, :, 0])
    return total


fig, axes = plt.subplots(1, 4, figsize=(8, 2.1))
for ax, kernels in zip(axes, ([3], [3, 3], [3, 3, 3], [7]), strict=True):
    size = who_matters(kernels)
    seen = int((size > 0).any(axis=0).sum())
    ax.imshow(size)
    ax.set_title(f"{', '.join(f'{K} × {K}' for K in kernels)}\nsees {seen} × {seen}", fontsize=8)
    ax.set(xticks=[], yticks=[])

# %% [markdown]
# The same field, but not the same eye: in a row the middle counts most, as there are many ways from a pixel in the
# middle to the unit, and one from a corner.
#
# ### Exercise 16.1
#
# Build what stands in for one `K` × `K` convolution of `C` maps into `C` maps (`K` odd, 3 or more): 3 × 3 convolutions
# in a row with a ReLU between any two of them, as few as give the same field, and maps of the same size. Return a
# `Sequential`; take initial weights from `rng`, `fan_in(2.0)` wide.

# %%
def small_kernels(K, C, rng):
    ...


check("16.1", small_kernels);

# %% [markdown]
# ## Side by side
#
# Which size of kernel is the right one? GoogLeNet (Szegedy and others 2014) does not choose. Its **Inception module**
# has a 1 × 1, a 3 × 3, a 5 × 5 kernel and a pooling side by side, all on the same maps, and lays what they make side by
# side along the channels. That alone would be costly: 5 × 5 kernels on 192 maps. So a 1 × 1 convolution first *reduces*
# the maps that the large kernels see. This is module 3a, with its numbers from the paper's Table 1, and without the
# reductions:

# %%
H = W = 28
C, one, reduce3, three, reduce5, five, pooled = 192, 64, 96, 128, 16, 32, 32
without = {"1 × 1": [C * one], "3 × 3": [9 * C * three], "5 × 5": [25 * C * five],
           "pooling": [C * pooled]}
with_them = {"1 × 1": [C * one], "3 × 3": [C * reduce3, 9 * reduce3 * three],
             "5 × 5": [C * reduce5, 25 * reduce5 * five], "pooling": [C * pooled]}
fig, axes = plt.subplots(1, 2, figsize=(8, 2), sharex=True, sharey=True)
both = ("without", without), ("with reductions", with_them)
for ax, (title, parts) in zip(axes, both, strict=True):
    for place, products in enumerate(parts.values()):
        work = [H * W * n / 1e6 for n in products]
        ax.barh(place, work[-1], color="C0")
        if len(work) == 2:
            ax.barh(place, work[0], left=work[1], color="C1")
    total = sum(H * W * sum(products) for products in parts.values()) / 1e6
    ax.set(title=f"{title}: {total:.0f} million multiply-adds", yticks=range(4),
           yticklabels=list(parts), xlabel="million")
axes[0].invert_yaxis()
print(f"the reductions: {H * W * C * (reduce3 + reduce5) / 1e6:.0f} million")

# %% [markdown]
# Blue: the kernels themselves; orange: what the reductions cost, 17 million, to save 197. (A 1 × 1 convolution that
# narrows the way is called a **bottleneck**.)
#
# ### Exercise 16.2
#
# Write the layer that holds branches side by side. Forward: every branch sees `x` (N, H, W, C), the outputs are laid
# side by side along the last axis, in the order of the branches; hand `train` on to them. Backward: which part of `dy`
# belongs to which branch, and what becomes of the gradients that they return? Branches may have any number of maps.

# %%
class SideBySide(Layer):
    """y = [f₁(x), f₂(x), ...] along the channels."""

    def __init__(self, **branches):
        self.branches = branches

    def children(self):
        return list(self.branches.items())

    def forward(self, x, train=False, keep=False):
        ...

    def backward(self, dy):
        ...


check("16.2", SideBySide);

# %% [markdown]
# In tinynet it is `Branches`, and an Inception module is a dozen lines (`tinynet/models/inception.py`). A small one, in
# your class if it is right, in the library's if it is not; its gradient against nudges:

# %%
def inception(kind, C, rng):
    """1 × 1, reduced 3 × 3, and pooling, 8 maps each."""
    def conv(inputs, outputs, K):
        return Conv2d(inputs, outputs, K, padding=K // 2, rng=rng, weight_init=fan_in(2.0))

    return kind(one=conv(C, 8, 1), three=Sequential(reduce=conv(C, 4, 1), conv=conv(4, 8, 3)),
                pool=Sequential(pool=MaxPool2d(3, stride=1, padding=1), proj=conv(C, 8, 1)))


kind = SideBySide if check("16.2", SideBySide) else Branches
module = inception(kind, 6, np.random.default_rng(0))
report = gradcheck(module, np.random.default_rng(1).normal(size=(2, 5, 5, 6)), train=True)
print(f"{len(report)} arrays, worst relative error {max(report.values()):.0e}")

# %% [markdown]
# ## What becomes of a signal in twenty layers
#
# More layers, then. But lesson 7 warned: weights a little too small, and after a few layers the signal is gone; a
# little too large, and it explodes. Twenty 3 × 3 convolutions with ReLUs, photographs at the bottom, and four widths of
# the initial weights. (Their variance is `gain` / inputs.)

# %%
def halved(images):
    return images.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4))


small = halved(photos.train.images[:64])                               # (64, 16, 16, 3)
small = ((small - small.mean(axis=0)) / small.std()).astype(np.float32)


def tower(gain, normalised, rng, layers=20):
    parts, inputs = {}, 3
    for i in range(1, layers + 1):
        parts[f"conv{i}"] = Conv2d(inputs, 16, 3, padding=1, rng=rng, weight_init=fan_in(gain))
        if normalised:
            parts[f"norm{i}"] = BatchNorm2d(16)
        parts[f"relu{i}"], inputs = ReLU(), 16
    return Sequential(**parts)


def spreads(net):
    """The standard deviation of the output of each ReLU."""
    found = []
    net.forward(small, train=True,
                seen=lambda name, layer, x, y: found.append(y.std()) if "relu" in name else None)
    return found


fig, axes = plt.subplots(1, 2, figsize=(8, 2.6), sharey=True)
for ax, normalised in zip(axes, (False, True), strict=True):
    for gain, marker in zip((0.5, 1.0, 2.0, 4.0), "osv^", strict=True):
        ax.semilogy(range(1, 21), spreads(tower(gain, normalised, np.random.default_rng(0))),
                    marker=marker, markersize=3, label=f"gain {gain:g}")
    ax.set(xlabel="layer", xticks=range(1, 21, 3),
           title="batch normalisation" if normalised else "convolution, ReLU")
axes[0].set_ylabel("spread of the outputs")
axes[0].legend(fontsize=8);

# %% [markdown]
# On the left, after twenty layers the four differ by a factor of many millions; only a gain of 2 keeps the scale, as
# lesson 7 found. On the right stands **batch normalisation** (Ioffe, Szegedy 2015) between each convolution and its
# ReLU, and all four towers are one: whatever the weights' width, the signal has the same spread.
#
# ## Batch normalisation
#
# Lesson 2 had `Centre`: each row minus its mean. Now take a *map*, with all its $m = N H W$ values in the whole batch,
# and give it the mean 0 and the variance 1; then a scale $\gamma$ and a shift $\beta$ that are learned, for who says
# that 0 and 1 are best?
#
# $$\mu = \frac1m \sum_i x_i \qquad \sigma^2 = \frac1m \sum_i (x_i - \mu)^2 \qquad
# \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}} \qquad y_i = \gamma\,\hat x_i + \beta \qquad (2)$$
#
# ($\epsilon$ = 0.00001 keeps a map that is the same everywhere from dividing by zero.) Something is new here: an
# image's output depends on *which other images are in the batch*. Here is one photograph in thirty batches, the others
# drawn at random, at one pixel of one map:

# %%
first = Conv2d(3, 1, 3, padding=1, rng=np.random.default_rng(5), weight_init=fan_in(1.0))
norm, rng = BatchNorm2d(1), np.random.default_rng(6)
values = []
for _ in range(30):
    others = rng.choice(np.arange(1, 64), 7, replace=False)
    y = norm.forward(first.forward(small[[0, *others]]), train=True)
    values.append(y[0, 8, 8, 0])
at_test = norm.forward(first.forward(small[:1]))[0, 8, 8, 0]

fig, ax = plt.subplots(figsize=(6.5, 2.2))
ax.plot(values, "o", markersize=4, label="in training, in 30 batches of 8")
ax.axhline(at_test, color="C3", label="at test")
ax.set(xlabel="batch", ylabel="one value of y", ylim=(min(values) - 0.1, max(values) + 0.4))
ax.legend(fontsize=8, loc="upper right", ncols=2);

# %% [markdown]
# At test an answer must not depend on its neighbours. So in training each layer keeps **running averages** of $\mu$ and
# $\sigma^2$, with a share of 0.1 for the newest batch, and at test takes these in their place.
#
# Now backward. Nudge one $x_i$: its own $y_i$ moves, but so do $\mu$ and $\sigma$, and with them *all* $y$ of the map.
# See it for a batch of twelve values, one of them far out: how each $y_j$ moves when each $x_i$ is nudged.

# %%
twelve = np.array([-1.2, -0.9, -0.7, -0.4, -0.2, 0.0, 0.1, 0.3, 0.5, 0.8, 1.0, 4.0])


def normalise(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


nudges = np.array([(normalise(twelve + nudge) - normalise(twelve - nudge)) / 2e-6
                   for nudge in 1e-6 * np.eye(12)])                    # (i, j)
fig, axes = plt.subplots(1, 2, figsize=(7.5, 2.8))
most = np.abs(nudges).max()
image = axes[0].imshow(nudges, cmap="RdBu_r", vmin=-most, vmax=most)
axes[0].set(xlabel="j: which y moves", ylabel="i: which x is nudged", title="∂y / ∂x",
            xticks=range(0, 12, 2), yticks=range(0, 12, 2))
fig.colorbar(image, ax=axes[0])
axes[1].bar(range(12), np.diag(nudges), label="on its own y")
axes[1].bar(range(12), nudges.sum(axis=1) - np.diag(nudges), label="on all others together")
axes[1].set(xlabel="i: which x is nudged", title="what a nudge does", ylim=(-0.8, 1.2))
axes[1].legend(fontsize=8, loc="upper left");

# %% [markdown]
# A nudge of one value is a gain for it and a loss for the others, and in the end nothing is gained: the two kinds of
# bars add up to zero. (Why must they? If all $x$ move up together, $\mu$ does, and no $y$ does.) The value that lies
# far out hardly moves its own $y$: pushed further out, it widens $\sigma$ by nearly as much.
#
# ### Exercise 16.3
#
# Write batch normalisation, forward and backward, for `x` (N, H, W, C). In training (2), and the running averages:
# `self.mean` and `self.var` become 0.9 of what they were plus 0.1 of the batch's. Otherwise (2) with the running
# averages, which then stay as they are. Backward is called after a training forward only: it writes `gamma`'s and
# `beta`'s gradients (`self.gamma.grad = ...`) and returns $dx$.
#
# *Do not look further down yet.* Two ways lead to $dx$: follow each of the three uses of $x$ (in $x_i$ itself, in
# $\mu$, in $\sigma$) with pencil and paper; or make it a relay of two layers as in lesson 2, centre, then divide by the
# spread. The checker nudges.

# %%
class MyBatchNorm(Layer):
    """Equation (2), for each of C maps."""

    def __init__(self, C, eps=1e-5):
        self.gamma = Parameter(np.ones(C, np.float32))
        self.beta = Parameter(np.zeros(C, np.float32))
        self.mean, self.var, self.eps = np.zeros(C, np.float32), np.ones(C, np.float32), eps

    def forward(self, x, train=False, keep=False):
        ...

    def backward(self, dy):
        ...


check("16.3", MyBatchNorm);

# %% [markdown]
# ## The gradient, derived
#
# Write $s = \sqrt{\sigma^2 + \epsilon}$ and $g_i = \gamma\,dy_i$, the gradient of $\hat x_i$. $\hat x_j = (x_j - \mu) /
# s$ depends on $x_i$ in three ways: if $j = i$, directly; through $\mu$, with $\partial\mu / \partial x_i = 1/m$; and
# through $s$. For the last, $\partial\sigma^2 / \partial x_i = \frac2m (x_i - \mu)$ (that $\mu$ moves too changes
# nothing: the sum of all $x - \mu$ is zero), so $\partial s / \partial x_i = \frac{x_i - \mu}{m\,s} = \hat x_i / m$.
# Together
#
# $$\frac{\partial \hat x_j}{\partial x_i} = \frac1s \left( [j = i] - \frac1m - \frac{\hat x_j\,\hat x_i}{m} \right)$$
#
# which is the picture above: a diagonal, minus the same everywhere, minus a part that is large where both lie far out.
# Sum over all $j$ that $x_i$ has touched:
#
# $$dx_i = \sum_j g_j \frac{\partial \hat x_j}{\partial x_i} = \frac{\gamma}{s} \left( dy_i - \frac1m \sum_j dy_j -
# \frac{\hat x_i}{m} \sum_j dy_j\,\hat x_j \right) \qquad (3)$$
#
# The two sums are the gradients of $\beta$ and $\gamma$, which are needed anyway. The picture's numbers come out, and
# the library has the same formula as its equation (7):

# %%
z = normalise(twelve)
formula = (np.eye(12) - 1 / 12 - np.outer(z, z) / 12) / np.sqrt(twelve.var() + 1e-5)
assert np.allclose(formula, nudges, atol=1e-6)

report = gradcheck(BatchNorm2d(3), np.random.default_rng(2).normal(size=(4, 3, 3, 3)), train=True)
print({name: f"{error:.0e}" for name, error in report.items()})

# %% [markdown]
# *If you like:* the digits' net without it, and with your layer behind each of its three large convolutions.

# %%
if check("16.3", MyBatchNorm):
    parts, plain = {}, digits_net(np.random.default_rng(0))
    for name, layer in plain.children():
        parts[name] = layer
        if name in ("conv1", "conv2", "conv3"):
            parts[f"norm_{name}"] = MyBatchNorm(layer.out_channels)
    for name, each in {"without": digits_net(np.random.default_rng(0)),
                       "with yours": Sequential(**parts)}.items():
        learn(each, digits, labels, 4, 0.05, np.random.default_rng(0))
        wrong = np.mean(each.predict(new_digits).argmax(axis=1) != new_labels)
        print(f"{name}: {wrong:.1%} of the new digits wrong after four epochs")

# %% [markdown]
# ## More layers, worse
#
# With the signal kept alive, may one go on adding layers? He, Zhang, Ren and Sun (2015) tried: from some depth on a
# deeper net is *worse*, and worse on the **training** images. So it is not overfitting. The deeper net could copy the
# shallower one and do nothing in its further layers; it does not find the way there.
#
# Their remedy is a plus sign. Let two convolutions, $F$, learn not what should come out but what should be *added* to
# what came in:
#
# $$y = \mathrm{relu}(F(x) + x) \qquad (4)$$
#
# To do nothing is now easy: $F = 0$. This is the **residual block**, its second way around is the **shortcut** (or skip
# connection), and a net of such blocks a residual net. We have trained both kinds, with 8, 20 and 32 layers, batch
# normalisation in all of them, on 4,000 photographs of 16 × 16 pixels, fifteen epochs, two starts each
# (`stored/depth.py`). The loss on the training images:

# %%
runs = json.loads(Path("stored/depth.json").read_text("utf-8"))
chosen = {}                                                            # (kind, depth): its runs
for kind in "plain", "residual":
    for depth in 8, 20, 32:
        by_start = {rate: [run for name, run in runs.items()
                           if name.startswith(f"{kind} {depth}, rate {rate}, ")]
                    for rate in (0.02, 0.1)}
        chosen[kind, depth] = max(by_start.values(), key=len)          # the better rate: 2 starts

fig, axes = plt.subplots(1, 2, figsize=(8, 2.8), sharey=True)
for ax, kind in zip(axes, ("plain", "residual"), strict=True):
    for depth, color, style in zip((8, 20, 32), ("C0", "C1", "C3"), ("-", "--", ":"), strict=True):
        for k, run in enumerate(chosen[kind, depth]):
            ax.plot(range(1, 16), run["loss"], color=color, linestyle=style,
                    label=f"{depth} layers" if k == 0 else None)
    ax.set(title=kind, xlabel="epoch")
    ax.legend(fontsize=8)
axes[0].set_ylabel("loss in training");

# %%
for (kind, depth), both in chosen.items():
    training, test = (", ".join(f"{run[part]:.1%}" for run in both)
                      for part in ("training", "test"))
    print(f"{kind:8} {depth:2} layers: training images {training} wrong; test images {test}")

# %% [markdown]
# On the left each step of depth makes it worse: with 32 layers a plain net still gets most of its *training* images
# wrong. On the right 20 layers learn nearly all of them by heart, where 8 do not; 32 layers have learned about as much
# as 8 after the same fifteen epochs, and far more than any deep plain net. The test images tell another story: there no
# depth helps, and nets of 8 layers are the best. Four thousand photographs are too few for more; that is lesson 9's
# sickness. The plus sign lets a deep net *learn*. (In the paper, with the whole of CIFAR-10 and some 160 epochs, the
# deeper residual nets were better on test images, too.)
#
# Why does the plus sign help? Look at what comes back. From (4), where the ReLU is on,
#
# $$dx = dy + F'(x)^T\,dy$$
#
# Whatever $F$ does, $dy$ arrives below as it is. Twenty blocks, forty convolutions, *without* batch normalisation, and
# with weights that are a little too small for a plain net (gain 1): the size of the gradient that arrives at each
# block.

# %%
def blocks(residual, rng, gain=1.0, normalised=False, number=20, C=16):
    parts = {"first": Conv2d(3, C, 3, padding=1, rng=rng, weight_init=fan_in(2.0))}
    for i in range(1, number + 1):
        conv1, conv2 = (Conv2d(C, C, 3, padding=1, rng=rng, weight_init=fan_in(gain)) for _ in "12")
        norm1, norm2 = (BatchNorm2d(C) if normalised else Identity() for _ in "12")
        F = Sequential(conv1=conv1, norm1=norm1, relu1=ReLU(), conv2=conv2, norm2=norm2)
        parts[f"block{i}"] = Sequential(
            way=Sum(residual=F, shortcut=Identity()) if residual else F, relu=ReLU())
    return Sequential(**parts, pool=GlobalAvgPool2d(), fc=Linear(C, 10, rng=rng))


def arriving(net):
    """The size of the gradient that comes to each block's output, from block 1 up."""
    loss, sizes = tinynet.SoftmaxCrossEntropy(), []
    loss.forward(net.forward(small, train=True), photos.train.labels[:64])
    dy = loss.backward()
    for name, layer in reversed(net.children()):
        if name.startswith("block"):
            sizes.append(np.sqrt(np.mean(dy ** 2)))
        dy = layer.backward(dy)
    return sizes[::-1]


fig, ax = plt.subplots(figsize=(6, 2.6))
for residual, name, marker in (False, "plain", "o"), (True, "residual", "s"):
    ax.semilogy(range(1, 21), arriving(blocks(residual, np.random.default_rng(0))),
                marker=marker, markersize=3, label=name)
ax.set(xlabel="block", ylabel="gradient at its output", xticks=range(1, 21, 3))
ax.legend();

# %% [markdown]
# Read it from the right, as backward does. In the plain net each block takes its toll, and at the bottom next to
# nothing is left. In the residual net the gradient even *grows* on its way down, for each block adds its part. How
# much, for other widths of the weights, and with batch normalisation inside $F$? In four nets each:

# %%
for normalised in False, True:
    for gain in 1.0, 2.0, 4.0:
        sizes = [arriving(blocks(True, np.random.default_rng(seed), gain, normalised))
                 for seed in range(4)]
        grown = sorted(below / above for below, *_, above in sizes)
        print(f"{'with' if normalised else 'without'} batch normalisation, gain {gain:g}: "
              f"{grown[0]:,.0f} to {grown[-1]:,.0f} times")

# %% [markdown]
# Without batch normalisation all hangs on the weights; with it, the gradient grows as much with one width as with the
# other. So the two ideas go well together.
#
# ### Exercise 16.4
#
# Build a residual block: return a layer that takes `C_in` maps and gives `C_out`, equation (4), where $F$ is two 3 × 3
# convolutions without biases, batch normalisation behind each and a ReLU between them; the first has the `stride`. If
# `stride` is 1 and `C_in` is `C_out`, the shortcut is $x$ itself. If not, a plus needs both sides to be of one shape:
# let the shortcut be a 1 × 1 convolution with this stride, without biases, and batch normalisation behind it. (`Sum`
# adds what its layers make of the same x, as `Branches` lays it side by side; `Identity` returns x.)

# %%
def my_block(C_in, C_out, stride, rng):
    ...


check("16.4", my_block);

# %% [markdown]
# *If you like:* a residual net of your blocks, in one line for each stage, and how it learns 64 photographs by heart.

# %%
def by_heart(net, steps=40, lr=0.05):
    """The losses of so many steps on the same 64 photographs."""
    loss, sgd, losses = tinynet.SoftmaxCrossEntropy(), SGD(net.parameters(), lr), []
    for _ in range(steps):
        losses.append(loss.forward(net.forward(small, train=True), photos.train.labels[:64]))
        net.backward(loss.backward())
        sgd.step()
    return np.array(losses)


if check("16.4", my_block):
    rng = np.random.default_rng(3)
    mine = Sequential(a=my_block(3, 8, 1, rng), b=my_block(8, 16, 2, rng),
                      c=my_block(16, 32, 2, rng), pool=GlobalAvgPool2d(),
                      fc=Linear(32, 10, rng=rng))
    print("the loss, every tenth step:", by_heart(mine)[9::10])

# %% [markdown]
# The library's is `resnet_cifar`. The five ideas in one table, and where you find each in `tinynet`:
#
# | net | new | saves | spends | file |
# |---|---|---|---|---|
# | NiN | 1 × 1 kernels, a map for each class | parameters | a little work | `models/nin.py` |
# | VGG | 3 × 3 only, in a row | weights for a field | twenty times the work | `models/vgg.py` |
# | GoogLeNet | side by side, reduced | parameters, work | simplicity | `models/inception.py` |
# | batch normalisation | mean, spread of a batch | care for the scale | images on their own | `layers/norm.py` |
# | ResNet | $+\,x$ | gradient, at any depth | next to nothing | `models/resnet.py` |
#
# ### Exercise 16.5, an open one
#
# Build a deep net that learns: **at least 24 convolutions with kernels of 3 × 3, at most 40,000 parameters, and a loss
# below 1 after 40 steps** on 64 photographs of 16 × 16 pixels (`by_heart`, with your rate). The checker changes
# a weight of every convolution and looks whether the answer changes: idle ones do not count. Return the net and the
# rate.

# %%
def my_deep_net(rng):
    ...


check("16.5", my_deep_net);

# %% [markdown]
# ## What you know now
#
# - A 1 × 1 convolution is a linear layer at every pixel: it mixes maps, and narrows the way for costly kernels.
# - A map for each class and its mean take the place of the fully-connected layers, and show where a class was found.
# - Small kernels in a row see as far as a large one, with fewer weights; kernels side by side spare the choice.
# - Batch normalisation keeps the scale of the signal, whatever the weights; its gradient goes through mean and spread.
# - Deeper plain nets learn worse; with "+ x" doing nothing is easy, and the gradient comes down undiminished.
#
# In **lesson 17**: what happens in a GPU when one of these nets runs on it.
