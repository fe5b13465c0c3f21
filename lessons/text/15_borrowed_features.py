# %% [markdown]
# # 15 · Borrowed features
#
# **The question.** Somebody gives you ten pictures of each of ten things, a hundred in all. A net of 145,000 parameters
# would learn them by heart, and understand too little (lesson 9). But you have a net that has seen 50,000 photographs,
# of *other* things. *Can it lend you what it knows?*
#
# We make it hard. The net is that of lesson 14, which knows dogs and ships in colour. The pictures are handwritten
# digits. You need lessons 9 and 14. Reading takes about 35 minutes; the four exercises, of which the last is an open
# one, about 90. The papers: ZFNet, sections 5.2 and 5.3, and AlexNet, section 6.1.

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from check import check

from tinynet.data import mnist_sample
from tinynet.look.neighbors import features, nearest
from tinynet.models import build, pretrained
from tinynet.training.probe import Probe, draw_per_class, mean_and_error

plt.rcParams["image.interpolation"] = "nearest"
trained, data = pretrained("80sec"), mnist_sample()
net, view = trained.net, trained.view

digits = np.concatenate([data.train.images, data.test.images])         # (2500, 28, 28, 1)
labels = np.concatenate([data.train.labels, data.test.labels])
images = np.repeat(np.pad(digits, ((0, 0), (2, 2), (2, 2), (0, 0))), 3, axis=3)
drawn_from, chosen_by, tested_by = slice(0, 1000), slice(1000, 1500), slice(1500, 2500)
print(images.shape, images.dtype)

# %% [markdown]
# A rim of black paper makes 32 × 32 pixels of 28 × 28, and three equal colours make one of grey: what the net expects.
# As in lesson 9 there are three kinds of images: a thousand to draw our few from, 500 to choose by, 1,000 to test.
#
# What does it say to digits, as it is?

# %%
answers = net.predict(view.center(images[tested_by]))                  # (1000, 10)
taken_for, sure = answers.argmax(axis=1), answers.max(axis=1)
for k, name in enumerate(trained.classes):
    if k in taken_for:
        print(f"{np.sum(taken_for == k):4} {name:10} {sure[taken_for == k].mean():.0%} sure")

# %% [markdown]
# Nonsense, and quite sure of it. The last layer has ten classes, and a digit is none of them. So the last layer goes.
# What is below it has never heard of classes: edges, bars, arches (lesson 14). A digit has edges, too.
#
# ## Features
#
# What a layer gives for an image, as a row of numbers, are the **features** of the image. Here is a digit, and some of
# what the first two convolutions see in it:

# %%
five = int(np.flatnonzero(labels == 5)[0])
one = view.center(images[five:five + 1])
fig, axes = plt.subplots(2, 9, figsize=(8.5, 2))
for row, at in zip(axes, ("relu1", "relu2"), strict=True):
    maps = net[:at].forward(one)[0]                                    # (P, Q, F)
    strong = np.argsort(-maps.std(axis=(0, 1)))[:8]
    row[0].imshow(digits[five, :, :, 0])
    for ax, k in zip(row[1:], strong, strict=True):
        ax.imshow(maps[:, :, k])
        ax.set_title(f"map {k}", fontsize=8)
    row[0].set_title(at, fontsize=8)
for ax in axes.flat:
    ax.axis("off")

# %% [markdown]
# Strokes of one direction in one map, the side of a stroke in another. The net stays as it is, or **frozen**: no weight
# of it will change. The features of all digits are computed once, for four layers; and, since lesson 14 has taught us
# to ask for a control, those of the same net with random weights; and the bare pixels.

# %%
random_net = build(trained.config["net"], rng=np.random.default_rng(0))
LAYERS = "pool1", "pool2", "pool3", "relu4"
x = {"pixels": digits.reshape(len(digits), -1).astype(np.float32)}     # (2500, 784)
for name, of in ("trained", net), ("random", random_net):
    for at in LAYERS:
        x[f"{name} {at}"] = features(of, images, at, view.center)
print({name: array.shape[1] for name, array in x.items()})

# %% [markdown]
# Do they know anything of digits? Take the two directions in which the features of a thousand digits spread most
# (lesson 9's principal components), and write 400 of them there. Left pixels, right pool2:

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 3.6))
for ax, name in zip(axes, ("pixels", "trained pool2"), strict=True):
    some = x[name][drawn_from] - x[name][drawn_from].mean(axis=0)
    _, _, directions = np.linalg.svd(some, full_matrices=False)
    a, b = (some @ directions[:2].T).T
    ax.scatter(a, b, s=0)
    for i in range(400):
        digit = labels[i]
        ax.text(a[i], b[i], digit, fontsize=7, color=f"C{digit % 6}")
    ax.set(xticks=[], yticks=[], title=name)

# %% [markdown]
# Both have the zeros and the ones apart and much of the rest on a heap; two directions of hundreds do not decide it.
# What decides is a test.
#
# ## A hundred digits
#
# We draw ten of each class. A draw is luck, too, so we shall draw several times, and compare ways to learn *on the same
# draws*. And as we shall ask what 1, 3, 10, ... digits of each class are worth, the smaller sets are the beginnings of
# the larger ones.
#
# ### Exercise 15.1
#
# Draw `k` images of each class. `labels` (N,) are whole numbers, of as many classes as there are; `rng` is a generator
# of NumPy. Return the indices of the images, (classes · k,), none of them twice, all images of a class equally likely.
# With a generator of the same seed, a larger `k` gives the same images **and more** (in which order does not matter).

# %%
def draw(labels, k, rng):
    ...


check("15.1", draw);

# %% [markdown]
# *If you like:* one draw of three.

# %%
if check("15.1", draw):
    three = draw(labels[drawn_from], 3, np.random.default_rng(0))
    print(np.sort(labels[three]))

# %% [markdown]
# On the drawn features we train what lesson 1 ended with: a linear classifier, with a softmax. Its input is scaled to a
# length of about 1, so that one learning rate serves for 64 features and for 8,192:

# %%
def wrong(name, k, seed, decay=1e-4, part=tested_by):
    """The share of wrong answers of a softmax that has learned k digits of each class."""
    chosen = draw_per_class(labels[drawn_from], k, seed)
    probe = Probe(x[name].shape[1], 10, np.random.default_rng(seed))
    probe.fit(x[name][chosen], labels[chosen], decay=decay, lr=5.0)
    return np.mean(probe.scores(x[name][part]).argmax(axis=1) != labels[part])


for name in "pixels", "trained pool2":
    print(f"{name:14} {wrong(name, 10, seed=0):.1%} wrong")

# %% [markdown]
# Photographs of dogs and ships have halved the errors. Or have they? Let us see it layer by layer: four draws each, as
# dots; a line at their mean. (On the 500 images to choose by: we are going to choose a layer.)

# %%
DRAWS = range(4)
by_layer = {name: [wrong(name, 10, seed, part=chosen_by) for seed in DRAWS] for name in x}

fig, ax = plt.subplots(figsize=(7, 3))
places = {"pixels": 0}
for k, at in enumerate(LAYERS):
    places |= {f"trained {at}": 1 + k, f"random {at}": 1.3 + k}
for name, place in places.items():
    color = {"trained": "C0", "random": "C3"}.get(name.split()[0], "0.4")
    ax.plot([place] * len(DRAWS), by_layer[name], ".", color=color)
    ax.plot([place - 0.12, place + 0.12], [np.mean(by_layer[name])] * 2, color=color)
ax.plot([], [], color="C0", label="trained on photographs")
ax.plot([], [], color="C3", label="random weights")
ax.set_xticks([0, 1.15, 2.15, 3.15, 4.15], ["pixels", *LAYERS])
ax.set(ylabel="wrong answers", ylim=(0, None), title="a softmax on ten digits of each class")
ax.yaxis.set_major_formatter("{x:.0%}")
ax.legend(fontsize=8, loc="lower left");

# %%
for name, errors in by_layer.items():
    mean, error = mean_and_error(errors)
    print(f"{name:14} {mean:.1%} ± {error:.1%}")
assert np.mean(by_layer["trained pool2"]) < 0.75 * np.mean(by_layer["pixels"])

# %% [markdown]
# Three things can be read from it.
#
# - The best layers are in the middle (pool2 and pool3 are within their scatter; we take pool2 from here on). ZFNet's
#   Table 6 has the higher layers as the better ones, for other *photographs*. Digits are further away: the more a layer
#   knows of dogs and ships, the less of what it knows is of use.
# - The control is not far behind. *Random* kernels, ReLU and pooling: up to pool3 they are better than pixels, too. So
#   about half of the gain or more was not learned. It is the wiring: neighbours taken together, small moves forgiven
#   (lessons 3 and 4).
# - What is left between blue and red is what the photographs have taught: some points, in every layer.
#
# Without the control we would have given the photographs credit for all of it.
#
# ## Or in closed form
#
# A linear classifier can be found without any steps. Give each class a target, 1 for the right one and 0 for the
# others, and ask for the least squares:
#
# $$L(W, b) = \sum_n |x_n W + b - t_n|^2 + s\,|W|^2$$
#
# with $s > 0$ for weight decay (**ridge regression**). There the gradient is 0, which is a *linear* equation.
#
# ### Exercise 15.2
#
# `x` (N, D), `labels` (N,) from 0 to `classes` - 1, the `strength` s. Return the `W` (D, classes) and the `b`
# (classes,) at which L is smallest. Mind that b does not decay; subtract the means from x and t, and W can be found
# without b. `np.linalg.solve(A, B)` gives the X with A X = B.

# %%
def least_squares(x, labels, classes, strength):
    ...                                                                # W, b


check("15.2", least_squares);

# %% [markdown]
# *If you like:* yours against the softmax, on pool2, with features scaled as above.

# %%
if check("15.2", least_squares):
    chosen = draw_per_class(labels[drawn_from], 10, 0)
    mine = x["trained pool2"][chosen]
    length = np.linalg.norm(mine - mine.mean(axis=0), axis=1).mean()
    for strength in 0.01, 0.1, 1.0:
        W, b = least_squares(mine / length, labels[chosen], 10, strength)
        found = (x["trained pool2"][tested_by] / length @ W + b).argmax(axis=1)
        print(f"strength {strength:4}: {np.mean(found != labels[tested_by]):.1%} wrong")

# %% [markdown]
# (Three strengths, tried on the test images: to choose one of them now would be the mistake of lesson 9. Choose by
# `chosen_by`.)
#
# ## How many are enough?
#
# With more digits of each class the borrowed features should be worth less. Pool2 of both nets, and the pixels; the
# decay of each is the best of three, by the images to choose by, with a draw of its own.

# %%
SHOTS = 1, 3, 10, 30, 80
curves = {}
for name in "pixels", "random pool2", "trained pool2":
    curves[name] = []
    for k in SHOTS:
        decay = min((1e-2, 1e-3, 1e-4), key=lambda d: wrong(name, k, 100, d, chosen_by))
        curves[name].append([wrong(name, k, seed, decay) for seed in DRAWS])

# %% [markdown]
# And what would the whole net learn? Training it takes longer than a lesson may: `python lessons/stored/borrowed.py`
# has written down two ways. **From scratch**: the same layers from random weights, all of which learn. **Fine-tuned**:
# all layers learn, but begin with the borrowed weights. Both on the same draws, with the best of three learning
# rates, chosen as above.

# %%
stored = json.loads(Path("stored/borrowed.json").read_text("utf-8"))
for side in "from scratch", "fine-tuned":
    curves[f"whole net, {side}"] = [
        [stored[f"{side}, {k} a class, draw {d}"]["test"] for d in DRAWS] for k in SHOTS]

styles = {"pixels": ("0.4", "--"), "random pool2": ("C3", "--"), "trained pool2": ("C0", "-"),
          "whole net, from scratch": ("C1", ":"), "whole net, fine-tuned": ("C2", "-.")}
fig, ax = plt.subplots(figsize=(7, 3.6))
for name, (color, style) in styles.items():
    mean, error = np.transpose([mean_and_error(errors) for errors in curves[name]])
    ax.plot(SHOTS, mean, style, color=color, marker=".", label=name)
    ax.fill_between(SHOTS, mean - error, mean + error, color=color, alpha=0.2, linewidth=0)
ax.set_xscale("log")
ax.set_xticks(SHOTS, SHOTS)
ax.set_xticks([], minor=True)
ax.set(xlabel="digits of each class to learn from", ylabel="wrong answers", ylim=(0, 0.75))
ax.yaxis.set_major_formatter("{x:.0%}")
ax.legend(fontsize=8);

# %%
print(f"{'':25}" + "".join(f"{k:>14}" for k in SHOTS))
for name, errors in curves.items():
    cells = ("{:.1%} ± {:.1%}".format(*mean_and_error(each)) for each in errors)
    print(f"{name:25}" + "".join(f"{cell:>14}" for cell in cells))

# %% [markdown]
# - With few digits, frozen features and a small classifier are the best of all. Up to ten of each class the borrowed
#   features are worth about as much as twice the digits are to a net from scratch. (ZFNet's Tables 3 and 4 say so
#   of photographs, with larger nets and far larger gaps. With thirty images a class, and features learned from five
#   other classes of CIFAR-10 alone, it is +6.2 points (+3.7 to +8.8): `frozen` in [docs/claims.md](../docs/claims.md).)
# - Fine-tuning the whole net is no better there: a few digits cannot tell 145,000 parameters where to go.
# - The more digits of one's own, the less there is to borrow. With eighty of each class the net from scratch has nearly
#   caught up, and fine-tuning, which has both, is at least as good as frozen features.
# - And look at the dashed red line. A net that has learned *nothing*, with a softmax on top, is ahead of one that
#   learns *everything*, up to thirty digits of each class. So much is the wiring worth.
#
# (Of the whole nets' rates the largest tried was the best in some places; a still larger one might do a little better.
# With 200 steps for all k the net from scratch would not have finished with eighty, and would look worse than it is:
# lesson 4's mistake, once more.)
#
# ## What travels along
#
# A net is not its weights alone. It has learned on pixels from 0 to 255 minus the mean image of CIFAR-10, and its
# biases are made for that. Does one have to show it digits in the same way? Left, a softmax that learns from the
# features of another input and is tested with it; right, one that has learned from the usual features, and is then
# given the other ones.

# %%
others = {"as it was trained": view.center,
          "mean not subtracted": lambda a: a.astype(np.float32),
          "divided by 255, too": lambda a: view.center(a) / 255,
          "black on white": lambda a: view.center(255 - a)}
few = draw_per_class(labels[drawn_from], 10, 0)


def of_few(name):
    """A softmax that has learned from the features called `name` of ten digits of each class."""
    return Probe(x[name].shape[1], 10, np.random.default_rng(0)).fit(
        x[name][few], labels[few], decay=1e-4, lr=5.0)


usual = of_few("trained pool2")
for name, prepare in others.items():
    x[name] = features(net, images, "pool2", prepare)
    both = [np.mean(probe.scores(x[name][tested_by]).argmax(axis=1) != labels[tested_by])
            for probe in (of_few(name), usual)]
    print(f"{name:20} {both[0]:6.1%} wrong, {both[1]:6.1%} with the usual softmax")

# %% [markdown]
# Left, it hardly matters. A convolution, a ReLU and a pooling pass a factor on to their output, and only the biases do
# not; and the new softmax learns from whatever comes. Right is what happens in programs: the softmax has learned
# from one kind of input, and is used with another. One division by 255 too many, and it guesses. Nothing warns, there
# is no error message. So the view travels along: `pretrained` gives the net *and* what it sees of an image.
#
# ## Frozen, and what that saves
#
# Between "frozen" and "fine-tuned" lies everything: the first layers frozen, the others learn. It is less work, too. A
# frozen layer needs no gradient of its weights; and if all layers *below* are frozen as well, nobody needs its $dx$.
#
# ### Exercise 15.3
#
# One step of training, in which all layers of `net` up to and including the one called `last_frozen` are frozen:
# forward, `loss`, backward, and $w \leftarrow w - \text{rate} \cdot g$ for all parameters of the layers above. Return
# the loss. Frozen layers may only go *forward*. (`net[:"pool2"]` are the layers up to pool2; `net["conv3"]` is one
# layer; `net.children()` lists `(name, layer)`; `Sequential(**layers)` makes a net of layers. A parameter p has
# `p.value` and `p.grad`; both are arrays.)

# %%
def frozen_step(net, last_frozen, loss, x, labels, rate):
    ...


check("15.3", frozen_step);

# %% [markdown]
# How much work is it? Multiplications for one image: forward through all layers, and backward, which takes about twice
# as many, through those that learn:

# %%
from tinynet import summary

work = {row.name: row.multiply_adds for row in summary(net, (32, 32, 3), show=False)}
names = list(work)
total = 3 * sum(work.values())
for last in "none", "pool1", "pool2", "pool3":
    learning = names if last == "none" else names[names.index(last) + 1:]
    step = sum(work.values()) + 2 * sum(work[name] for name in learning)
    print(f"frozen up to {last:6} {step / total:.0%} of a whole step")

# %% [markdown]
# And with features that are computed once, as ours were, even the forward pass falls away: then a step costs next to
# nothing, and that is why we could afford hundreds of them in seconds.
#
# ## Who is like whom?
#
# Features are good for one thing more, without any training at all (AlexNet, section 6.1 and Figure 4). Two images are
# alike if their features are near. For five digits, the six nearest of the thousand: by pixels, and by pool2.

# %%
queries = np.arange(1500, 2500)
closest = {name: nearest(x[name][queries], x[name][drawn_from], 6)[0]
           for name in ("pixels", "random pool2", "trained pool2")}
for name, found in closest.items():
    alike = labels[found] == labels[queries][:, None]                  # (1000, 6)
    print(f"{name:14} {alike.mean():.1%} of the six nearest are of the same class")

# %%
other = labels[closest["pixels"]] != labels[queries][:, None]          # (1000, 6)
unlike = np.flatnonzero(other.sum(axis=1) >= 4)[:5]
fig, axes = plt.subplots(5, 13, figsize=(8, 3.4), width_ratios=[1.6, *[1] * 12])
for row, q in zip(axes, unlike, strict=True):
    row[0].imshow(digits[queries[q], :, :, 0])
    for k in range(6):
        row[1 + k].imshow(digits[closest["pixels"][q, k], :, :, 0])
        row[7 + k].imshow(digits[closest["trained pool2"][q, k], :, :, 0], cmap="Blues")
for ax in axes.flat:
    ax.axis("off")
axes[0, 3].set_title("by pixels", fontsize=9)
axes[0, 9].set_title("by pool2", fontsize=9);

# %% [markdown]
# (Chosen: five digits for which most of the nearest by pixels are of another class.) Two strokes that do not quite
# overlap have nothing in common in pixels, and nearly everything in pooled maps.
#
# ### Exercise 15.4, an open one
#
# Ten digits of each class, and **fewer than 10.5 % wrong**, as the mean over five draws. Return a function that gives
# the classes (N,) of images (N, 28, 28, 1). You may ask `see(images, at)`, which gives the features (N, D) of images
# (M, 28, 28, 1), seen by the trained net as above, in the layer called `at`. `images` (100, 28, 28, 1) and `labels`
# (100,) are the drawn ones. A softmax on pool2 has about 12 %. Other classifiers, several layers, more digits made of
# those there are (lesson 9; but who may mirror a digit?): try it on `chosen_by`, not on the test images.

# %%
def learner(images, labels, see):
    ...                                                                # a function


check("15.4", learner);

# %% [markdown]
# ## What you know now
#
# - The layers below the last one have learned something that is of use beyond their classes. One takes their features,
#   frozen, and trains a small classifier: with few images that is hard to beat. With more, let the whole net learn on.
# - Which layer is the best depends on how far away the new task is.
# - Ask for the control. Much of what borrowed features can do, random ones can do, too.
# - What goes in must look as it did when the net was trained.
# - Few images are luck. Several draws, the same for all; and three kinds of images as ever.
#
# Open `tinynet/training/probe.py`, which has the linear classifier and the draws, and `tinynet/training/finetune.py`,
# which changes the last layer and freezes others. `python -m tinynet features` does all of this with photographs of
# your own.
