# %% [markdown]
# # 4 · Pooling
#
# **The question.** The convolutional net of lesson 3 still lost the digits when they moved by a few pixels: its maps
# changed with its strides, and what read the maps knew one place only. *Can a layer say that there is a stroke about
# here, and not mind where exactly? And when four numbers become one, who gets the gradient?*
#
# The layer is called pooling. It has no weights, its forward is one line, and its backward has more to it than one
# would think. Reading takes about 45 minutes, the three exercises about 45 more.

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from check import check

import tinynet
from tinynet import AvgPool2d, Conv2d, MaxPool2d, ReLU, Sequential, gaussian, gradcheck
from tinynet.data import batches, mnist_sample

(images, labels), (test_images, test_labels) = mnist_sample()
x = images / np.float32(255)                                           # (2000, 28, 28, 1)
x_test = test_images / np.float32(255)                                 # (500, 28, 28, 1)

# %% [markdown]
# ## One number for four
#
# We need maps to pool. Lesson 3's two kernels by hand will do, one for the top edges of strokes and one for their left
# edges, with a ReLU behind them: how much edge, and 0 where there is none.

# %%
top_edge = np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]])
conv = Conv2d(1, 2, 3, padding=1)
conv.W.value[:, :, 0, 0], conv.W.value[:, :, 0, 1] = top_edge, top_edge.T


def edges(images):
    """Maps (N, 28, 28, 2) of images (N, 28, 28, 1): top edges and left edges."""
    return np.maximum(0, conv.forward(images))


maps = edges(x_test)                                                   # (500, 28, 28, 2)

# %% [markdown]
# Cut each map into windows of 2 × 2 pixels, and keep the largest number of each. That is **max-pooling**. Do it twice:

# %%
def halve(maps):
    """The largest number of each 2 × 2 window: (N, H, W, C) to (N, H/2, W/2, C)."""
    N, H, W_, C = maps.shape
    return maps.reshape(N, H // 2, 2, W_ // 2, 2, C).max(axis=(2, 4))


fig, axes = plt.subplots(1, 4, figsize=(8.5, 2.4))
for ax, map_, title in zip(axes, (x_test, maps, halve(maps), halve(halve(maps))),
                           ("a digit", "its top edges", "pooled", "pooled twice"), strict=True):
    ax.imshow(map_[0, :, :, 0])
    ax.set_title(f"{title}\n{map_.shape[1]} × {map_.shape[2]}")
    ax.axis("off")

# %% [markdown]
# Each number now says: *somewhere in this window* there is an edge, this strong. Where exactly, is gone. That has a
# price, to be sure, and it buys two things. The layers behind have four times fewer numbers to work on, so that we can
# afford more maps. And they need not mind a pixel here or there.
#
# Is the second one true? Move all digits, and see how far their maps go. As a measure of "far" we take the distance
# between the maps of *different* digits: 1 means that the moved digit is as far from itself as from another one. There
# are other ways to get from 28 × 28 to 7 × 7, so let us ask them too: every fourth number, and the mean of 4 × 4.

# %%
def moved(images, d):
    """The images (N, H, W, C), d pixels further right; what comes in from the left is paper."""
    return np.pad(images, ((0, 0), (0, 0), (d, 0), (0, 0)))[:, :, :images.shape[2]]


def distance(a, b):
    return np.sqrt(((a - b) ** 2).sum())


ways = {"all 28 × 28": lambda maps: maps,
        "every fourth": lambda maps: maps[:, ::4, ::4],
        "mean of 4 × 4": AvgPool2d(4).forward,
        "largest of 2 × 2, twice": lambda maps: halve(halve(maps))}

fig, ax = plt.subplots(figsize=(5.5, 3))
for (name, reduce), style in zip(ways.items(), ("-", ":", "--", "-"), strict=True):
    still = reduce(maps)
    other = distance(still, np.roll(still, 1, axis=0))                 # each digit and the next
    far = [distance(reduce(edges(moved(x_test, d))), still) / other for d in range(5)]
    ax.plot(far, style, marker=".", label=name)
ax.set(xlabel="pixels moved", ylabel="distance of the maps", ylim=(0, 1.1),
       xticks=range(5))
ax.legend();

# %% [markdown]
# Leaving out fifteen numbers of sixteen is no help: an edge that moves falls through the gaps. Summing up a
# neighbourhood is, whether by its mean or its largest number. For moves of up to three pixels it does not make the maps
# *stay*, but go less far. (To stay altogether would be called **invariance**. Lesson 3's word was equivariance: to move
# along. Pooling is a step from the one to the other.)
#
# ## Windows: how large, how far apart
#
# Section 3.4 of the paper describes a pooling layer by two numbers: its windows are $z \times z$ pixels large, and $s$
# pixels apart. With $s = z$ they lie side by side, as above. With $s < z$ they **overlap**: AlexNet has $z = 3$,
# $s = 2$ throughout.

# %%
def draw_row(ax, length, z, s, windows):
    """A row of `length` pixels, and below it the windows."""
    for i in range(length):
        ax.add_patch(plt.Rectangle((i, 0), 0.94, 0.8, color="0.8"))
    for k in range(windows):
        inside = min(z, length - k * s)                                # the rest hangs over the end
        height = -0.4 - 0.4 * (k % 2)
        ax.hlines(height, k * s + 0.05, k * s + inside - 0.1, color=f"C{k}", lw=5)
        if inside < z:
            ax.hlines(height, k * s + inside, k * s + z - 0.1, color=f"C{k}", lw=3, ls=":")
    ax.set(xlim=(-0.2, 9.7), ylim=(-1.1, 1))
    ax.axis("off")


fig, axes = plt.subplots(2, 2, figsize=(8.5, 2.6))
rows = [(8, 2, 2, False), (9, 3, 2, False), (8, 3, 2, False), (8, 3, 2, True)]
for ax, (length, z, s, ceil) in zip(axes.flat, rows, strict=True):
    windows = MaxPool2d(z, s, ceil_mode=ceil).output_size(length, length)[0]
    draw_row(ax, length, z, s, windows)
    how = "" if (length - z) % s == 0 else ", rounded up" if ceil else ", rounded down"
    ax.set_title(f"z = {z}, s = {s} on {length} pixels{how}: {windows} windows", fontsize=10)

# %% [markdown]
# The lower row shows what there is to decide. Eight pixels have room for three windows of $z = 3$, $s = 2$, and one
# pixel is left over. Rounding down forgets it. Rounding up adds a window that hangs over the end and takes what pixels
# there are.
#
# ### Exercise 4.1
#
# Write max-pooling that rounds up: `y` (N, P, Q, C) for maps `x` (N, H, W, C). The windows begin at pixel 0, `s` pixels
# apart. If pixels are left over behind the last whole window, there is one window more, which has fewer pixels, unless
# it would begin beyond the last pixel. (That can happen where $s > z$.) Loops are fine.

# %%
def pool_up(x, z, s):
    ...


check("4.1", pool_up);

# %% [markdown]
# AlexNet's maps shrink from 55 to 27 to 13 to 6. Section 3.4 compares its overlapping windows with $z = 2$, $s = 2$,
# which give output "of equivalent dimensions". Do they?

# %%
for z, s, ceil in (3, 2, False), (3, 2, True), (2, 2, False), (2, 2, True):
    sizes = [55]
    for _ in range(3):
        sizes.append(MaxPool2d(z, s, ceil_mode=ceil).output_size(sizes[-1], sizes[-1])[0])
    print(f"z = {z}, s = {s}, rounded {'up  ' if ceil else 'down'}:", " → ".join(map(str, sizes)))

# %% [markdown]
# If one rounds down, they do. The authors' own code rounded up; for $z = 3$ that changes nothing here, for $z = 2$ it
# does.
#
# Now any $z$ and $s$, rounding down. As in lesson 3, we lay out the windows. This time we note not only the largest
# number of a window, but also *which one* it was, counted row by row: its **switch**. (The name is from the paper of
# ZFNet, section 2.1: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks". The reason comes next.)

# %%
def max_pool(x, z, s):
    """y and switches, both (N, P, Q, C), of x (N, H, W, C)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (z, z), axis=(1, 2))[:, ::s, ::s]
    windows = windows.reshape(*windows.shape[:4], z * z)               # (N, P, Q, C, z·z)
    return windows.max(axis=-1), windows.argmax(axis=-1)


assert np.array_equal(max_pool(maps, 2, 2)[0], halve(maps))

# %% [markdown]
# ## Who gets the gradient?
#
# Lesson 2's rule asks what a number touched, and how strongly. Nudge a number that is *not* the largest of its window:
# nothing happens, the slope is 0. Nudge the largest: the output moves along with it, the slope is 1. So all of $dy$
# goes to the winner, and nothing to the others.
#
# With $z = 2$, $s = 2$ that seems to be one line: "where x equals the maximum of its window, dy".

# %%
def spread(a):
    """Each number four times, as a 2 × 2 window: (N, P, Q, C) to (N, 2P, 2Q, C)."""
    return a.repeat(2, axis=1).repeat(2, axis=2)


def gradient_of_equals(x, y, dy):
    return (x == spread(y)) * spread(dy)


for name, map_ in ("edges", maps[:100]), ("pixels", x_test[:100]):
    dy = np.ones(halve(map_).shape)
    dx = gradient_of_equals(map_, halve(map_), dy)
    print(f"{name}: dy adds up to {dy.sum():,.0f}, dx to {dx.sum():,.0f}")

# %% [markdown]
# More gradient comes out than went in. The reason is **ties**: windows whose largest number is there more than once.
# Behind a ReLU most windows hold nothing but zeros, and so does paper. But there are ties elsewhere, too:

# %%
for name, map_ in ("edges", maps[:100]), ("pixels", x_test[:100]):
    winners = AvgPool2d(2).forward((map_ == spread(halve(map_))).astype(float)) * 4
    print(f"{name}: a tie in {np.mean(winners > 1):.0%} of all windows, "
          f"and in {np.mean(winners[halve(map_) > 0] > 1):.0%} of those that are not zero")

# %% [markdown]
# (Zeros behind a ReLU would do little harm: ReLU's own backward lets nothing through there. The others would.) One
# output is one number, and should send its gradient to one place. So, **one tie, one winner**: the first in the order
# of reading. `argmax` picks just that one, and it is the switch. (Where two numbers tie, the function has a kink, as
# ReLU has at 0. There is no slope; one has to choose.)
#
# With overlapping windows there is a second thing. A pixel may be the largest of several windows. It touched several
# outputs, so its gradients *add up*. Here are 5 × 5 pixels of a real map and four windows with $z = 3$, $s = 2$; in
# colour, the winners.

# %%
scores = conv.forward(x_test[:100])                                    # maps before the ReLU
crop = scores[:1, 10:15, 11:16, :1]                                    # (1, 5, 5, 1)
pool = MaxPool2d(3, 2)
y = pool.forward(crop, keep=True)                                      # (1, 2, 2, 1)
dy = np.array([[1, 2], [4, 8]], np.float32)[None, :, :, None]
dx = pool.backward(dy)

fig, axes = plt.subplots(1, 4, figsize=(8.5, 2.6), width_ratios=[5, 3, 3, 5])
for ax, (name, a) in zip(axes, {"x": crop, "y": y, "dy": dy, "dx": dx}.items(), strict=True):
    won = dx if a.shape == dx.shape else np.ones(a.shape)
    ax.imshow(won[0, :, :, 0] > 0, cmap="Oranges", vmin=0, vmax=3)
    for (h, w), value in np.ndenumerate(a[0, :, :, 0]):
        ax.text(w, h, f"{round(float(value), 2):g}", ha="center", va="center", fontsize=9)
    ax.set_title(name)
    ax.axis("off")

# %% [markdown]
# Check it with your finger: find the largest number of each window in x, and where its dy has gone. In sum, what goes
# in comes out: nothing is lost, nothing is doubled.

# %%
assert dx.sum() == dy.sum()
gradcheck(MaxPool2d(3, 2), np.random.default_rng(0).normal(size=(2, 7, 8, 3)))

# %% [markdown]
# ### Exercise 4.2
#
# Write this backward. `switches` (N, P, Q, C) are those of `max_pool`: 0 is the upper left pixel of a window, 1 the one
# to its right, and so on, row by row. `shape` is that of `x`. Loops are fine.

# %%
def max_pool_backward(dy, switches, shape, z, s):
    ...


check("4.2", max_pool_backward);

# %% [markdown]
# *If you like:* a layer with your backward. The gradient check is the judge.

# %%
class YourMaxPool(tinynet.Layer):
    def __init__(self, z, s):
        self.z, self.s = z, s

    def forward(self, x, train=False, keep=False):
        y, self.switches = max_pool(x, self.z, self.s)
        self.shape = x.shape
        return y

    def backward(self, dy):
        return max_pool_backward(dy, self.switches, self.shape, self.z, self.s)


if check("4.2", max_pool_backward):
    print(gradcheck(YourMaxPool(3, 2), np.random.default_rng(0).normal(size=(2, 7, 8, 3))))

# %% [markdown]
# How often does it happen? A backward with nothing but ones counts the windows that each pixel has won.

# %%
fig, axes = plt.subplots(1, 3, figsize=(8.5, 2.7))
axes[0].imshow(maps[0, :, :, 0])
axes[0].set_title("top edges")
for ax, (size, stride) in zip(axes[1:], [(2, 2), (3, 2)], strict=True):
    pool = MaxPool2d(size, stride)
    y = pool.forward(maps, keep=True)
    wins = pool.backward(np.ones_like(y))                              # (500, 28, 28, 2)
    wins[maps == 0] = 0                                                # windows of zeros
    seen = ax.imshow(wins[0, :, :, 0], cmap="Oranges", vmin=0, vmax=4)
    ax.set_title(f"windows won, z = {size}, s = {stride}")
    print(f"z = {size}, s = {stride}: {np.mean(wins[maps > 0] > 1):.0%} of the edge pixels won "
          f"more than one window, {np.mean(wins[maps > 0] == 0):.0%} won none")
fig.colorbar(seen, ticks=range(5))
for ax in axes:
    ax.axis("off")

# %% [markdown]
# Where a pixel won no window, no gradient comes through. A kernel learns only from the places where its answer was the
# strongest around.
#
# ## Up again, through the switches
#
# A pooled map has lost where things were. But the switches know. ZFNet (section 2.1), which looks into a trained net,
# uses them to go *up* again: each number is put back where it came from, and all else is 0. With windows side by side
# that is what backward does with $dy = y$. Two poolings down, and two up:

# %%
pool1, pool2 = MaxPool2d(2), MaxPool2d(2)
pooled = pool2.forward(pool1.forward(maps, keep=True), keep=True)      # (500, 7, 7, 2)
with_switches = pool1.backward(pool2.backward(pooled))                 # (500, 28, 28, 2)
without = np.zeros_like(maps)
without[:, ::4, ::4] = pooled                                          # always at the upper left

shown = {"the map": maps, "pooled twice": pooled,
         "up, with switches": with_switches, "up, without": without}
fig, axes = plt.subplots(1, 4, figsize=(8.5, 2.3))
for ax, (title, map_) in zip(axes, shown.items(), strict=True):
    ax.imshow(map_[0, :, :, 0])
    ax.set_title(title)
    ax.axis("off")

nothing = distance(maps, 0)
print(f"distance from the maps: with switches {distance(maps, with_switches) / nothing:.2f}, "
      f"without {distance(maps, without) / nothing:.2f} (all zeros would be 1)")

# %% [markdown]
# Of sixteen numbers one has survived, the strongest. With the switches it stands where it stood, on the stroke; without
# them we know its window, and no more. That needs the *switches of this image*: the pooled numbers alone say nothing of
# the kind. (With overlapping windows backward is not quite the same. A pixel that has won two windows gets two
# gradients, which add up; going up, its number is written once.)
#
# ## Mean-pooling
#
# The older kind: the mean of a window in place of its largest number. No ties, no switches; each pixel touched the
# output, and each a little.
#
# ### Exercise 4.3
#
# Its backward, for any $z$ and $s$, rounding down. How much does $y$ change with one pixel of its window? And if
# windows overlap?

# %%
def mean_pool_backward(dy, shape, z, s):
    ...


check("4.3", mean_pool_backward);

# %% [markdown]
# *If you like:* a net with your backward, on fifty digits.

# %%
class YourMeanPool(AvgPool2d):
    """The library's forward, and your backward."""

    def forward(self, x, train=False, keep=False):
        self.shape = x.shape
        return super().forward(x)

    def backward(self, dy):
        return mean_pool_backward(dy, self.shape, 2, 2)


if check("4.3", mean_pool_backward):
    rng, loss = np.random.default_rng(0), tinynet.SoftmaxCrossEntropy()
    conv1 = Conv2d(1, 8, 5, padding=2, rng=rng, weight_init=gaussian(0.1))
    yours = Sequential(conv1=conv1, relu1=ReLU(), pool1=YourMeanPool(2), flat=tinynet.Flatten(),
                       fc2=tinynet.Linear(14 * 14 * 8, 10, rng=rng))
    sgd = tinynet.SGD(yours.parameters(), 0.05, weight_decay=0)
    for step in range(41):
        L = loss.forward(yours.forward(x[:50], train=True), labels[:50])
        yours.backward(loss.backward())
        sgd.step()
        if step % 10 == 0:
            print(f"step {step}: loss {L:.3f}")

# %% [markdown]
# ## Does it help?
#
# Back to the question of lesson 3: moved digits. Five nets with the same two convolutions. In the first they move by
# two pixels at a time, as in lesson 3; in the others by one, and a pooling layer follows. Each has 16 maps of 7 × 7 in
# the end, and the same number of weights. (It is not only the pooling that differs, then: at stride 1 the convolutions
# do four times the work, and their maps follow the digit exactly.)

# %%
def net_with(pooling, seed):
    """conv, ReLU, pooling, twice; then a Linear. Without pooling the convolutions have stride 2."""
    rng, stride = np.random.default_rng(seed), 1 if pooling else 2
    layers = {}
    for k, (maps_in, maps_out) in enumerate([(1, 8), (8, 16)], start=1):
        layers[f"conv{k}"] = Conv2d(maps_in, maps_out, 5, stride, padding=2, rng=rng,
                                    input_grad=k > 1, weight_init=gaussian(0.1))
        layers[f"relu{k}"] = ReLU()
        if pooling:
            layers[f"pool{k}"] = pooling()
    return Sequential(**layers, flat=tinynet.Flatten(), fc3=tinynet.Linear(7 * 7 * 16, 10, rng=rng))

# %% [markdown]
# Training is that of lesson 3.

# %%
def train(net, seed, epochs=4, lr=0.1):
    """Train `net` on the digits."""
    rng, loss = np.random.default_rng(seed), tinynet.SoftmaxCrossEntropy()
    sgd = tinynet.SGD(net.parameters(), lr, momentum=0, weight_decay=0)
    for _ in range(epochs):
        for batch, right in batches(x, labels, 50, rng):
            loss.forward(net.forward(batch, train=True), right)
            net.backward(loss.backward())
            sgd.step()


def error(net, images, labels):
    return np.mean(net.predict(images).argmax(axis=1) != labels)

# %% [markdown]
# We train two of them for four epochs, as a first look:

# %%
poolings = {"no pooling": None, "mean, z = 2, s = 2": lambda: AvgPool2d(2),
            "mean, z = 3, s = 2": lambda: AvgPool2d(3, 2, ceil_mode=True),
            "max, z = 2, s = 2": lambda: MaxPool2d(2),
            "max, z = 3, s = 2": lambda: MaxPool2d(3, 2, ceil_mode=True)}

for name in "no pooling", "mean, z = 2, s = 2":
    net = net_with(poolings[name], seed=0)
    train(net, seed=0)
    wrong = error(net, moved(x_test, 3), test_labels)
    print(f"{name:18}  wrong: {error(net, x, labels):5.1%} of the training digits, "
          f"{wrong:5.1%} of the new ones, moved by three pixels")

# %% [markdown]
# Does mean-pooling help so little? *Look at the training errors before you compare.* A net that gets six to eight of a
# hundred training digits wrong has not finished learning, and says nothing about its layers. (Whoever stops here draws
# the wrong conclusion.) All five nets for sixteen epochs, from three starts each, take some minutes, so that has been
# done before: `python lessons/stored/pooling.py` wrote down the errors of both moments.

# %%
stored = json.loads(Path("stored/pooling.json").read_text("utf-8"))


def found(name, when, what):
    """Of the three starts of a net: training errors (3,), or errors on moved digits (3, 7)."""
    return np.array([stored[f"{name}, start {start}"][when][what] for start in range(3)])


fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.4), sharey=True)
for ax, when in zip(axes, ("4 epochs", "16 epochs"), strict=True):
    for name, style in zip(poolings, ("k:", "C0--", "C0-", "C1--", "C1-"), strict=True):
        wrong = found(name, when, "moved")
        ax.plot(wrong.mean(axis=0), style, label=name)
        ax.fill_between(range(7), wrong.min(axis=0), wrong.max(axis=0), color=style.rstrip("-:"),
                        alpha=0.15)
    ax.set(xlabel="pixels moved", title=f"after {when}", ylim=(0, 1))
axes[0].set_ylabel("wrong answers")
axes[0].yaxis.set_major_formatter("{x:.0%}")
axes[0].legend(fontsize=8)

for name in poolings:
    for when in "4 epochs", "16 epochs":
        training, wrong = found(name, when, "training"), found(name, when, "moved")
        three = " ".join(f"{e:.0%}" for e in wrong[:, 3])
        print(f"{name:18} {when:>9}: training {training.mean():5.1%}, "
              f"new {wrong[:, 0].mean():5.1%}, moved by three {three}")

# %% [markdown]
# There it is, once the nets have learned (lines are means of three starts, bands reach from the best to the worst).
# Every kind of pooling keeps more of the moved digits, overlapping windows keep more than those side by side, and
# overlapping max-pooling keeps the most, though nobody has shown these nets a moved digit. Overlapping mean-pooling
# does about as well as max-pooling side by side. The distances of the maps, above, foretold it: whatever sums up a
# neighbourhood goes less far. The three starts of one net differ by up to nine points, so the four points between the
# two kinds of mean-pooling prove little by themselves; but from two pixels on, overlapping windows are better in each
# of the three, for both kinds of pooling.
#
# What the paper reports of overlapping is another measurement. Compared with $z = 2$, it takes 0.4 percentage points
# off the top-1 error (the answer is wrong) and 0.3 off the top-5 error (the right class is not among the five best
# answers), and the nets are a little harder to overfit (section 3.4). Is 0.4 points much? Could *we* see it? If a net
# is wrong with probability $p$, then on $n$ test images its error scatters around $p$, only through the luck of which
# images there are. Each image is a throw of a coin that falls on "wrong" with probability $p$. Its variance is $p\,(1 -
# p)$, that of a mean of $n$ throws is $n$ times smaller, and the root of it is the spread:
#
# $$\sqrt{\frac{p\,(1 - p)}{n}}$$
#
# (This is called the **standard error**.) Let us throw: a thousand test sets of 500 images, and a net that is wrong on
# 5 % of all images in the world.

# %%
errors = np.random.default_rng(3).binomial(500, 0.05, size=1000) / 500
luck = np.sqrt(0.05 * 0.95 / 500)

fig, ax = plt.subplots(figsize=(5, 2.4))
ax.hist(errors, bins=np.arange(-0.001, 0.1, 0.002))
ax.axvspan(0.05 - luck, 0.05 + luck, color="C1", alpha=0.3)
ax.xaxis.set_major_formatter("{x:.0%}")
ax.set(xlabel="error on 500 images", ylabel="test sets", title="The same net, a thousand test sets")
within = np.mean(np.abs(errors - 0.05) <= luck)
print(f"spread of the errors {errors.std():.4f}, by the formula {luck:.4f}; "
      f"{within:.0%} lie within ± one of it")

# %% [markdown]
# So:

# %%
for name, p, n in ("our digits", 0.05, len(x_test)), ("the paper's test images", 0.375, 150_000):
    print(f"{name}: {n:,} images, luck is worth {100 * np.sqrt(p * (1 - p) / n):.2f} points")

# %% [markdown]
# With 150,000 test images (section 2) the paper can see 0.4 points. With 500 we cannot: our table says nothing about
# such a difference. Mind this whenever you compare two errors. (If two nets are tested on *the same* images, one can do
# a little better, by counting only those on which they differ: lesson 8. And one can train more nets: twenty pairs
# of them on photographs, each tested on 10,000, say +0.4 points (-0.2 to +0.9), `pooling` in
# [docs/claims.md](../docs/claims.md), and even that is not enough.)
#
# ## Where it stands
#
# In AlexNet, conv1 and conv2 are followed by ReLU, then response normalisation (lesson 8), then pooling; conv5 by ReLU
# and pooling (section 3.5). Some commentaries have another order, with normalisation behind the pooling, and ReLU last.
# That is not what the paper says. For ReLU and max-pooling alone the order makes no difference, since ReLU never puts a
# smaller number above a larger one:

# %%
pool, relu = MaxPool2d(3, 2), ReLU()
assert np.array_equal(pool.forward(relu.forward(scores)), relu.forward(pool.forward(scores)))

mean = AvgPool2d(3, 2)
assert not np.allclose(mean.forward(relu.forward(scores)), relu.forward(mean.forward(scores)))

# %% [markdown]
# Pooling first leaves ReLU less to do, and the authors' code did so behind conv5 (and, differently, behind conv1:
# lesson 11). With the mean in place of the largest
# number, or with normalisation in between, the order is not free.
#
# ## The same in tinynet
#
# `MaxPool2d` and `AvgPool2d` have been with us for a while. Do our own versions give the same, number by number?

# %%
for size, stride in (2, 2), (3, 2), (3, 1), (2, 3):
    pool, mean = MaxPool2d(size, stride), AvgPool2d(size, stride)
    y, switches = max_pool(maps, size, stride)
    assert np.array_equal(y, pool.forward(maps, keep=True))
    assert np.array_equal(switches, pool.switches)
    windows = np.lib.stride_tricks.sliding_window_view(maps, (size, size), axis=(1, 2))
    means = windows[:, ::stride, ::stride].mean(axis=(4, 5))
    assert np.allclose(means, mean.forward(maps), atol=1e-6)
    print(f"z = {size}, s = {stride}: {y.size:,} maxima, switches and means are the same")

# %% [markdown]
# Now read `tinynet/layers/pool.py`. It never lays out the windows: for each offset within a window there is one slice
# of the map, and the maximum of these slices is the result (exercise 3.2 again). It rounds down or up, and a mean
# divides by the pixels that its window really has. `GlobalAvgPool2d` is the mean of a whole map: its window is as large
# as can be, and what it says no longer depends on place at all.
#
# ## What you know now
#
# - Pooling sums up a neighbourhood: fewer numbers, and less fuss about a pixel here or there.
# - The gradient goes to the winner; one tie, one winner; a pixel that has won twice gets both.
# - Switches remember where a maximum came from. Backward needs them, and so does the way up from a map to the image.
# - A difference counts when it is larger than luck, and when both nets have finished learning.
#
# You have all layers of a classic now. **Lesson 5** builds LeNet-5, of 1998.
