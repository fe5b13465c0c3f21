# %% [markdown]
# # 9 · Overfitting
#
# **The question.** AlexNet has sixty million parameters. The label of a training image, one class of a thousand, says
# ten bits about them (section 4), and there are 1.2 million images: one fifth of a bit for each parameter. Such a net
# could learn its images by heart, and understand nothing. *What keeps it from that?*
#
# Two things, says section 4: more images, made from those there are; and dropout. We take a net that does learn its
# images by heart, and try them one after another. (Whatever keeps a net from learning by heart is called
# **regularisation**; the weight decay of lessons 1 and 7 is of the kind, too.) You need lessons 2 to 7. Reading takes
# about 45 minutes; the four exercises, of which the last is an open one, about 75.

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from check import check

import tinynet
from tinynet import SGD, Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Sequential, fan_in
from tinynet.data import batches, cifar10_sample, mean_image
from tinynet.data.augment import center_crop, random_crops, ten_views

bits, parameters = 1.2e6 * np.log2(1000), 60_965_224
print(f"{bits / 1e6:.1f} million bits for {parameters / 1e6:.0f} million parameters")

# %% [markdown]
# ## A thousand photographs
#
# We train on no more than 1,000 images of CIFAR-10, of ten classes. They are 32 × 32 pixels large; the net sees the 24
# × 24 in the middle. (What the rim is for, we shall see.) The pixels are minus their mean image and divided by their
# spread, as lesson 6 recommends.
#
# Of others we need two kinds. A thousand **validation images**: by these we compare nets and choose. And a thousand
# **test images**, which stay in the drawer until everything is chosen. Why two kinds? Of several nets, the one that
# does best on the images we choose by is partly the best and partly the luckiest on these very images. So its error
# there is too small, and only images that had no say can tell what it is worth.

# %%
data = cifar10_sample()
images, labels = data.train.images[:1000], data.train.labels[:1000]
valid_labels, test_labels = data.train.labels[1000:2000], data.test.labels

mean = mean_image(images)                                              # of the training images
spread = (images - mean).std()
three_kinds = images, data.train.images[1000:2000], data.test.images   # (1000, 32, 32, 3) each
x, x_valid, x_test = ((part - mean) / spread for part in three_kinds)

# %%
fig, axes = plt.subplots(1, 10, figsize=(8, 1.1))
for ax, image, label in zip(axes, images, labels, strict=False):
    ax.imshow(image[4:28, 4:28])
    ax.set_title(data.classes[label], fontsize=8)
    ax.axis("off")

# %%
def new_net(dropout=None):
    """Two convolutions, two fully-connected layers; `dropout`, if there is one, between those."""
    rng = np.random.default_rng(0)
    start = {"rng": rng, "weight_init": fan_in(2.0)}
    layers = {
        "conv1": Conv2d(3, 16, 5, padding=2, input_grad=False, **start), "relu1": ReLU(),
        "pool1": MaxPool2d(3, stride=2, ceil_mode=True),               # (N, 12, 12, 16)
        "conv2": Conv2d(16, 32, 5, padding=2, **start), "relu2": ReLU(),
        "pool2": MaxPool2d(3, stride=2, ceil_mode=True),               # (N, 6, 6, 32)
        "flat": Flatten(), "fc3": Linear(6 * 6 * 32, 128, **start), "relu3": ReLU()}
    if dropout:
        layers["drop3"] = dropout
    return Sequential(**layers, fc4=Linear(128, 10, rng=rng, weight_init=fan_in(1.0)))


print(f"{tinynet.count_parameters(new_net()):,} parameters, for 1,000 images")

# %% [markdown]
# A hundred and sixty parameters for each image. Training is what you know from lesson 7; the learning rate is divided
# by ten for the last quarter of the epochs. What is new is the argument `change`: a function that may change a batch
# before the net sees it. For now it only cuts out the middle.
#
# Now and then we stop and count errors, on the training images and on the validation images *in the same way*: middles
# only, nothing random.

# %%
def middle(x, rng):
    """The central 24 × 24 pixels. (Others will want the `rng`.)"""
    return np.ascontiguousarray(center_crop(x, 24))


def error(net, x, labels):
    """The share of wrong answers for the middles of the images x."""
    return np.mean(net.predict(middle(x, None)).argmax(axis=1) != labels)


def train(net, change, epochs=20, lr=0.01):
    """Train; returns rows of (epoch, training error, validation error)."""
    rng, history = np.random.default_rng(1), []
    loss = tinynet.SoftmaxCrossEntropy()
    sgd = SGD(net.parameters(), lr, momentum=0.9, weight_decay=0.0)
    for epoch in range(1, epochs + 1):
        sgd.lr = lr if epoch <= 0.75 * epochs else lr / 10
        for batch, right in batches(x, labels, 25, rng):
            loss.forward(net.forward(change(batch, rng), train=True), right)
            net.backward(loss.backward())
            sgd.step()
        if epoch <= 3 or epoch % 4 == 0:
            history.append((epoch, error(net, x, labels), error(net, x_valid, valid_labels)))
    return np.array(history)

# %%
nets, histories = {"plain": new_net()}, {}
histories["plain"] = train(nets["plain"], middle)

# %% [markdown]
# (The rate, 0.01, was chosen by the validation images too: twice as large a one is worse for all the nets of this
# lesson.) How does it go?

# %%
def draw(*names):
    """Training error dashed, validation error solid, and the gap between them filled."""
    fig, axes = plt.subplots(1, len(names), figsize=(3.6 * len(names) + 0.8, 2.8), sharey=True)
    for ax, name in zip(np.atleast_1d(axes), names, strict=True):
        epochs, training, valid = histories[name].T
        ax.plot(epochs, valid, "C3o-", markersize=3, label="validation images")
        ax.plot(epochs, training, "C0o--", markersize=3, label="training images")
        ax.fill_between(epochs, training, valid, color="0.92")
        ax.yaxis.set_major_formatter("{x:.0%}")
        ax.set(xlabel="epochs", xticks=range(0, 21, 4), ylim=(0, 0.9),
               title=f"{name}: gap {valid[-1] - training[-1]:.0%}")
        ax.legend(fontsize=8, loc="lower left")
    np.atleast_1d(axes)[0].set_ylabel("wrong answers")


draw("plain")
assert histories["plain"][-1, 2] - histories["plain"][-1, 1] > 0.4

# %% [markdown]
# There is the sickness, in pure form. The net knows its thousand images nearly by heart; of others it gets far more
# wrong. Guessing would be 90 %, so it *has* understood something. But look when: in its first epochs, where the two
# curves fall together. After those the red curve hardly falls, and the net only learns by heart. The grey gap is
# **overfitting**.
#
# ## More images from those there are
#
# A dog two pixels further to the left is still a dog. So is its mirror image. The first remedy (section 4.1), **data
# augmentation**, cuts a
# random 24 × 24 window out of each 32 × 32 image, anew for each epoch, and mirrors half of them left to right.
# (AlexNet: 224 × 224 out of 256 × 256.)
#
# ### Exercise 9.1
#
# `images` has the shape (N, H, W, C). Cut from each image a window of `size` × `size` pixels at a random place, and
# mirror it left to right with probability one half; every image has its own place and its own coin. All places must be
# equally likely, and the window must be able to reach every edge. Draw from `rng`: `rng.integers(0, 5)` is 0, 1, 2, 3
# or 4.

# %%
def my_random_crops(images, size, rng):
    ...


check("9.1", my_random_crops);

# %% [markdown]
# *If you like:* four epochs with your crops.

# %%
if check("9.1", my_random_crops):
    for epoch, training, valid in train(new_net(), lambda x, rng: my_random_crops(x, 24, rng), 4):
        print(f"epoch {epoch:.0f}: training {training:.1%} wrong, validation {valid:.1%}")

# %% [markdown]
# Here are one photograph and fifteen views of it, by the library's own:

# %%
views = random_crops(np.repeat(images[3:4], 15, axis=0), 24, np.random.default_rng(2))

fig, axes = plt.subplots(2, 8, figsize=(8, 2.2))
for ax, view in zip(axes.flat, [images[3], *views], strict=True):
    ax.imshow(view)
    ax.axis("off")

# %% [markdown]
# How many views are there of one image? The window's corner can stand at 0, 1, ..., up to the difference of the sizes,
# along each axis:

# %%
def count_views(whole, window):
    return 2 * (whole - window + 1) ** 2


print(f"ours, 24 of 32: {count_views(32, 24)};  AlexNet's, 224 of 256: {count_views(256, 224)}")

# %% [markdown]
# The paper says that the training set grows by a factor of 2048. That is $2 \cdot 32^2$; with the corner at 0, 1, ...,
# 32 it is $2 \cdot 33^2 = 2178$. A small slip, if it is one. (And where a translation of section 4.1 speaks of
# translating the images as one translates a language: to *translate* is to shift, here.)
#
# Of course 162 views of a dog are not 162 dogs. Does it help?

# %%
def crops(x, rng):
    return random_crops(x, 24, rng)


nets["crops, mirrors"] = new_net()
histories["crops, mirrors"] = train(nets["crops, mirrors"], crops)
draw("plain", "crops, mirrors")

# %% [markdown]
# The gap has shrunk from both sides. The *training* error is higher: the net hardly ever sees the same picture twice,
# so there is little to learn by heart. And that is how to read a training error from here on: a low one is no merit.
#
# At the end the views can serve once more: show the net ten of them, four corners and the middle and their mirror
# images, and take the mean of its ten answers (section 4.1). To another net, with ten times as many images and six
# starts, that was worth +3.2 points (+2.7 to +3.7), `views` in [docs/claims.md](../docs/claims.md); to these:

# %%
def ten_view_error(net):
    answers = [net.predict(np.ascontiguousarray(view)) for view in ten_views(x_valid, 24)]
    return np.mean(np.mean(answers, axis=0).argmax(axis=1) != valid_labels)


for name, net in nets.items():
    one = histories[name][-1, 2]
    print(f"{name:15} one view {one:.1%} wrong, ten views {ten_view_error(net):.1%}")

# %% [markdown]
# ## Is it luck?
#
# Before we go on: a thousand images are not many. If a net is wrong with probability $p$, then the share of wrong
# answers among $n$ images scatters around $p$ with a spread of $\sqrt{p(1-p)/n}$ (lesson 4). No error is more exact
# than that:

# %%
def luck(p, n=1000):
    return np.sqrt(p * (1 - p) / n)


for name, history in histories.items():
    print(f"{name:15} {history[-1, 2]:.1%} ± {luck(history[-1, 2]):.1%}")

# %% [markdown]
# Another start of the weights would move the numbers, too. (The difference of two nets on the same images scatters
# less: lesson 8.) Differences of one or two points mean little here; one run each is a demonstration, not a proof. The
# authors had 150,000 test images and could see smaller ones.
#
# ## Another light
#
# The second form of section 4.1: the same thing in another light is the same thing. But light does not change colours
# at random. Take all pixels of all images as points in the space of red, green and blue:
#
# > **Which way is a cloud long?** The *covariance* of the three colours is a 3 × 3 table: how each varies, and how any
# > two vary together. Its eigenvectors (lesson 7) are the axes of the cloud, at right angles to one another, and each
# > eigenvalue is the variance along its axis.

# %%
rng = np.random.default_rng(3)
pixels = images.reshape(-1, 3) / 255                                   # (1,024,000, 3), from 0 to 1
some = rng.choice(pixels, 1500, replace=False)
values, vectors = np.linalg.eigh(np.cov(pixels.T))                     # the smallest first
values, vectors = values[::-1], vectors[:, ::-1]
vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), range(3)])      # signs are free
print("eigenvalues", values)

# %% [markdown]
# A sample of the pixels, each a dot in its own colour, and the axes as arrows:

# %%
fig, axes = plt.subplots(1, 2, figsize=(6.5, 3.2))
for ax, (i, j), names in zip(axes, ((0, 1), (0, 2)), ("red green", "red blue"), strict=True):
    ax.scatter(some[:, i], some[:, j], s=3, c=some)
    for k in range(3):
        a, b = pixels.mean(axis=0)[[i, j]], 2 * np.sqrt(values[k]) * vectors[[i, j], k]
        ax.annotate("", a + b, a, arrowprops={"arrowstyle": "->", "linewidth": 2})
    ax.set(xlabel=names.split()[0], ylabel=names.split()[1], aspect="equal")

# %% [markdown]
# A long thin cloud: bright and dark make nearly all of the difference, warm and cold a little, the rest almost nothing.
# Its axes are the **principal components** $p_1, p_2, p_3$, the eigenvectors of the covariance; the eigenvalues
# $\lambda_i$ are the variances along them. (Each arrow is two standard deviations long.) They are the library's, number
# by number:

# %%
from tinynet.data.augment import color_components, color_noise

components = color_components(images)
assert np.allclose(components[0], values, rtol=1e-5)
assert np.allclose(components[1], vectors, atol=1e-4)

# %% [markdown]
# The colour noise moves all pixels of an image by the same colour, along these axes. A pixel $x$, from 0 to 255,
# becomes
#
# $$y = x + 255 \sum_{i=1}^{3} \alpha_i \lambda_i\, p_i \qquad \alpha_i \sim N(0, 0.1)$$
#
# The three $\alpha_i$ are drawn anew for each image, each time it is used. 0.1 is their *standard deviation*. (One
# translation calls it the variance, and would make the noise three times as strong.)
#
# ### Exercise 9.2
#
# `x` (N, H, W, 3) are images from 0 to 255, `values` (3,) the $\lambda_i$, `vectors` (3, 3) the $p_i$ **as columns**,
# `alpha` (N, 3) the drawn numbers of each image. Return the images with colour noise, which may go below 0
# and above 255, without changing `x`.

# %%
def add_color(x, values, vectors, alpha):
    ...


check("9.2", add_color);

# %% [markdown]
# At the left the photograph, then seven draws. Above as the paper has it, which is so little that one hardly sees it;
# so below, ten times as much:

# %%
fig, axes = plt.subplots(2, 8, figsize=(8, 2.2))
for row, std in zip(axes, (0.1, 1.0), strict=True):
    seven = np.repeat(images[3:4], 7, axis=0)
    noisy = color_noise(seven, components, np.random.default_rng(4), std)
    for ax, image in zip(row, [images[3], *noisy], strict=True):
        ax.imshow(np.clip(image, 0, 255).astype(np.uint8))
        ax.axis("off")
change = 255 * 0.1 * values[0] * vectors[:, 0]
print(f"typical change: {np.linalg.norm(change):.1f} of 255 levels along p₁, that is "
      f"{', '.join(f'{c:.1f}' for c in change)} in red, green and blue")

# %% [markdown]
# That is what the formula says. The code of 2012 multiplied $\alpha_i$ with $\sqrt{\lambda_i}$ instead, which is a few
# times stronger; the library has both. The paper found a gain of more than one point, on ImageNet; a thousand images
# cannot show so little, and we come back to it with more of them, below.
#
# ## Dropout
#
# The other remedy does not touch the images (section 4.2). In training, every neuron of a hidden fully-connected layer
# is silenced with probability one half, by a new throw of the coin for each neuron, each image and each step. (In
# AlexNet: the neurons of fc6 and fc7, nowhere else; ours: fc3. Not behind the convolutions, which have few weights.) No
# neuron can rely on a certain other one being there to correct it; each has to be of use in ever new company. At test
# time all are there; as twice as many speak as in training, each is multiplied by one half.
#
# ### Exercise 9.3
#
# Write the layer, for any probability `p` of being silenced: in training $y = x \cdot m$ with a mask $m$ of zeros and
# ones; otherwise $y = (1 - p)\,x$. What does backward do with a neuron that was silenced? (It is called after a
# training forward only.) `self.rng.random(shape)` draws numbers evenly from 0 to 1.

# %%
class MyDropout(Layer):
    """y = x · m in training, (1 - p) · x at test."""

    def __init__(self, p, rng):
        self.p, self.rng = p, rng

    def forward(self, x, train=False, keep=False):
        ...

    def backward(self, dy):
        ...


check("9.3", MyDropout);

# %% [markdown]
# *If you like:* four epochs with your layer.

# %%
if check("9.3", MyDropout):
    mine = new_net(MyDropout(0.5, np.random.default_rng(6)))
    for epoch, training, valid in train(mine, middle, 4):
        print(f"epoch {epoch:.0f}: training {training:.1%} wrong, validation {valid:.1%}")

# %% [markdown]
# Thirty hidden neurons of our plain net, the most active ones, for eight images; the same in training, with tinynet's
# `Dropout`, twice; and at test.

# %%
hidden = nets["plain"][:"relu3"].forward(middle(x[:8], None))           # (8, 128)
hidden = hidden[:, np.argsort(-hidden.mean(axis=0))[:30]]              # (8, 30)
layer = tinynet.Dropout(0.5, np.random.default_rng(5))

fig, axes = plt.subplots(4, 1, figsize=(7, 4.2))
shown = {"without dropout": hidden, "training": layer.forward(hidden, train=True),
         "training, once more": layer.forward(hidden, train=True), "test": layer.forward(hidden)}
for ax, (title, y) in zip(axes, shown.items(), strict=True):
    ax.imshow(y, vmin=0, vmax=np.percentile(hidden, 95), aspect="auto")
    ax.set_title(title, fontsize=9)
    ax.set(xticks=[], yticks=[], ylabel="images")
axes[-1].set_xlabel("neurons");

# %% [markdown]
# Why one half? With every mask the net is another net, and all of them share their weights. A hidden layer of 128
# neurons has $2^{128}$ masks. One would like the mean of the answers of all. The paper says that halving is a
# reasonable approximation to their *geometric* mean: take the mean of the logarithms, and scale the result to the sum
# 1.
#
# If the neurons feed the softmax directly, as ours do, it is no approximation, it is exact. See for yourself, with ten
# neurons and all of their 1,024 masks:

# %%
W, b = nets["plain"]["fc4"].W.value, nets["plain"]["fc4"].b.value      # (128, 10), (10,)
some = middle(x_valid[:100], None)
unsure = nets["plain"].predict(some).max(axis=1).argmin()              # not an easy image
h = nets["plain"][:"relu3"].forward(some[unsure:unsure + 1])[0]        # (128,)
ten = np.argsort(h)[-10:]                                              # the ten most active

# %% [markdown]
# All 1,024 answers, one for each mask; their geometric mean; and the answer of the halved net:

# %%
masks = np.array(list(np.ndindex(*[2] * 10)))                          # (1024, 10)
answers = tinynet.softmax(masks * h[ten] @ W[ten] + b, np)             # (1024, 10): all of the nets
geometric = np.exp(np.log(answers).mean(axis=0))
geometric /= geometric.sum()
halved = tinynet.softmax((h[ten] / 2 @ W[ten] + b)[None], np)[0]       # one net, once
assert np.allclose(geometric, halved, atol=1e-5)

# %%
fig, ax = plt.subplots(figsize=(7, 2.8))
ax.boxplot(answers, whis=(0, 100), showfliers=False, medianprops={"color": "0.5"})
ax.plot(range(1, 11), geometric, "o", color="C3", markersize=9, label="geometric mean of all")
ax.plot(range(1, 11), halved, "x", color="k", label="halved, in one go")
ax.set_xticks(range(1, 11), data.classes, fontsize=8)
ax.set(ylabel="probability", title="The answers of 1,024 nets to one image")
ax.legend(fontsize=8);

# %% [markdown]
# Each box holds the middle half of the answers, its whiskers reach to the extremes. (Why exact? The scores are a sum
# over neurons, so their mean over all masks is the score with each neuron halved; the logarithm of a softmax is the
# score, minus a number that is the same for all classes.)
#
# Now train with it: on the middles alone, to see it on its own.

# %%
nets["dropout"] = new_net(tinynet.Dropout(0.5, np.random.default_rng(6)))
histories["dropout"] = train(nets["dropout"], middle)
draw("plain", "crops, mirrors", "dropout")
for name, history in histories.items():
    training, valid = history[-1, 1:]
    print(f"{name:15} training {training:.1%}, validation {valid:.1%} ± {luck(valid):.1%}")

gap = {name: history[-1, 2] - history[-1, 1] for name, history in histories.items()}
assert gap["crops, mirrors"] < gap["plain"] / 2 and gap["dropout"] < gap["plain"]

# %% [markdown]
# Crops with mirrors raise the training error a great deal; dropout raises it a little in the end, and makes the way
# there longer. (The paper: dropout about doubles the steps that a net needs. Twenty pairs of small AlexNets say 1.08
# times (0.97 to 1.20), `iterations` in [docs/claims.md](../docs/claims.md). One net without dropout, whose ReLUs had
# died, learned nothing in as many steps as it was given. The mean of the other nineteen pairs is 1.13 times: longer,
# but far from twice.) So the gap closes from below, at least. Whether it closes from above as well, which is what we
# want, the red curves say.
#
# ## The balance
#
# One run of each on a thousand images is not enough for more than that. So here is a larger experiment, made by `python
# lessons/stored/remedies.py`: the same net with 512 neurons in fc3, five thousand training images, 60 epochs; three
# starts of each; every error on all 10,000 test images of CIFAR-10. "All three" has crops, dropout and colour noise.

# %%
stored = json.loads(Path("stored/remedies.json").read_text("utf-8"))
names = ["plain", "dropout", "crops, mirrors", "crops and dropout", "all three"]
runs = {name: [stored[f"{name}, start {k}"] for k in range(3)] for name in names}
for name, three in runs.items():
    training, test = (np.mean([run[what] for run in three]) for what in ("training", "test"))
    each = ", ".join(format(run["test"], ".1%") for run in three)
    print(f"{name:18} training {training:5.1%}, test {test:.1%} (the three starts: {each})")
print(f"± {luck(0.4, 10_000):.1%} each")

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.2))
for k, (what, color) in enumerate((("training", "C0"), ("test", "C3"))):
    values = np.array([[run[what] for run in three] for three in runs.values()])   # (5, 3)
    places = np.arange(len(names)) + 0.4 * k - 0.2
    ax.bar(places, values.mean(axis=1), 0.4, color=color, alpha=0.5, label=f"{what} images")
    ax.plot(places, values, "o", color=color, markersize=4)            # each start
ax.yaxis.set_major_formatter("{x:.0%}")
ax.set_xticks(range(len(names)), names)
ax.set(ylabel="wrong answers", ylim=(0, 0.7), title="5,000 images, 60 epochs, three starts")
ax.legend(fontsize=8, loc="upper right", ncols=2);

# %% [markdown]
# Now it can be read, and but for the colour noise every start says the same:
#
# - The plain net knows its five thousand images by heart, every single one, and is wrong on half of all others.
# - Dropout alone does not keep it from that: the training error is 0 as before. But what it has learned on the way is
#   worth more: seven points of test error. So a gap that stays is no proof that nothing was gained.
# - Crops and mirrors do twice as much, and here the training error rises a great deal. (With another net, twice as
#   many images and the best learning rate for each side: +6.9 points (+2.8 to +11.1), `crops` in
#   [docs/claims.md](../docs/claims.md).)
# - Dropout on top of them still gains one to two points. The paper says that without dropout its net "exhibits
#   substantial overfitting" (section 4.2); ours, with crops, does so a little. (A small AlexNet on twice as many
#   images, with twenty starts: +2.5 points (-2.4 to +7.4), `dropout` on the same page. The interval is so wide because
#   of the one net that learned nothing; without that pair the mean is +0.2.)
# - Colour noise adds nothing that could be seen; if anything, it costs a little. (Nor does it elsewhere: -0.0 points
#   (-0.4 to +0.4), `colornoise`.) The paper's one point came from photographs in a thousand kinds of light, and from
#   240 times as many.
# - All that after sixty epochs. Remedies take time: the fewer the steps, the less they show. Whoever adds remedies must
#   add steps.
#
# ### Exercise 9.4, an open one
#
# A thousand training images and ten epochs, no more: **fewer than 62 % wrong** of the thousand validation images. (The
# plain net above has about 63 after ten.) `rng` is for your layers. Return four things: a net for 24 × 24 pixels, of at
# most 200,000 parameters; a function `change(x, rng)` that makes of a batch (N, 32, 32, 3) what the net sees in
# training, (N, 24, 24, 3); a learning rate for each epoch, in a list of ten; and the size of a batch. The checker
# trains with momentum 0.9, without decay.

# %%
def recipe(rng):
    ...                                                                # net, change, rates, batch


check("9.4", recipe);

# %% [markdown]
# ## The drawer
#
# All choices are made. Now, and only once, the test images, for the three nets of this lesson:

# %%
for name, net in nets.items():
    wrong = error(net, x_test, test_labels)
    print(f"{name:15} validation {histories[name][-1, 2]:.1%}, test {wrong:.1%} "
          f"± {luck(wrong):.1%}")

# %% [markdown]
# With three nets to choose from, and choices as coarse as ours, the two agree within their scatter. With a hundred
# tried nets they would not: the best of a hundred is always too good.
#
# ## What you know now
#
# - Overfitting is the gap between the error on training images and that on others. Watch both; measure them in the same
#   way.
# - Images for learning, images for choosing, images for the final word: three kinds.
# - Crops and mirrors make more images of those there are, colour noise other lights. A label must survive what you do
#   to its image.
# - Dropout silences neurons at random, and the halved net answers for all the others at once.
# - An error is a measurement. It has an error bar.
#
# Open `tinynet/data/augment.py`, which draws crops and colours, and `tinynet/data/view.py`, which puts them together: a
# `View` is what a net sees of an image, in training, in a test and in ten crops, and a `Loader`
# (`tinynet/data/loader.py`) shows batches through it. `tinynet/layers/dropout.py` has exercise 9.3.
#
# In **lesson 10** the net is cut in two.
