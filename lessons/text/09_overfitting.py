# %% [markdown]
# # 9 · Overfitting
#
# **The question.** AlexNet has sixty million parameters. The label of a training image, one class of a thousand, says
# ten bits about them (section 4), and there are 1.2 million images: one fifth of a bit for each parameter. Such a net
# could learn its images by heart, and understand nothing. *What keeps it from that?*
#
# Two things, says section 4: more images, made from those there are; and dropout. We take a net that does learn its
# images by heart, and try them one after another. You need lessons 2 to 7. About 35 minutes, three exercises.

# %%
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
# We train on no more than 1,000 images of CIFAR-10, of ten classes, and keep 1,000 others for the test. They are 32 ×
# 32 pixels large; the net sees the 24 × 24 in the middle. (What the rim is for, we shall see.) The pixels are minus
# their mean image and divided by their spread, as lesson 6 recommends.

# %%
data = cifar10_sample()
images, labels = data.train.images[:1000], data.train.labels[:1000]
test_labels = data.test.labels

mean = mean_image(images)
spread = (images - mean).std()
x, x_test = (images - mean) / spread, (data.test.images - mean) / spread    # (1000, 32, 32, 3)

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
# Every four epochs we stop and count errors, on the training images and on the test images *in the same way*: middles
# only, nothing random.

# %%
def middle(x, rng):
    """The central 24 × 24 pixels. (Others will want the `rng`.)"""
    return np.ascontiguousarray(center_crop(x, 24))


def error(net, x, labels):
    """The share of wrong answers for the middles of the images x."""
    return np.mean(net.predict(middle(x, None)).argmax(axis=1) != labels)


def train(net, change, epochs=20, lr=0.02):
    """Train; returns [(epoch, training error, test error), ...]."""
    rng, history = np.random.default_rng(1), []
    loss = tinynet.SoftmaxCrossEntropy()
    sgd = SGD(net.parameters(), lr, momentum=0.9, weight_decay=0.0)
    for epoch in range(1, epochs + 1):
        sgd.lr = lr if epoch <= 0.75 * epochs else lr / 10
        for batch, right in batches(x, labels, 25, rng):
            loss.forward(net.forward(change(batch, rng), train=True), right)
            net.backward(loss.backward())
            sgd.step()
        if epoch % 4 == 0:
            history.append((epoch, error(net, x, labels), error(net, x_test, test_labels)))
    return np.array(history)

# %%
nets, histories = {"plain": new_net()}, {}
histories["plain"] = train(nets["plain"], middle)

# %%
def draw(*names):
    """Training error dashed, test error solid, and the gap between them filled."""
    fig, axes = plt.subplots(1, len(names), figsize=(3.6 * len(names) + 0.8, 2.8), sharey=True)
    for ax, name in zip(np.atleast_1d(axes), names, strict=True):
        epochs, training, test = histories[name].T
        ax.plot(epochs, test, "C3", label="test images")
        ax.plot(epochs, training, "C0--", label="training images")
        ax.fill_between(epochs, training, test, color="0.92")
        ax.yaxis.set_major_formatter("{x:.0%}")
        ax.set(xlabel="epochs", xticks=range(0, 21, 4), ylim=(0, 0.9),
               title=f"{name}: gap {test[-1] - training[-1]:.0%}")
        ax.legend(fontsize=8, loc="lower left")
    np.atleast_1d(axes)[0].set_ylabel("wrong answers")


draw("plain")
assert histories["plain"][-1, 2] - histories["plain"][-1, 1] > 0.4

# %% [markdown]
# There is the sickness, in pure form. The net knows its thousand images nearly by heart; of others it gets far more
# wrong. Guessing would be 90 %, so it *has* understood something. But look when: in its first epochs. After those the
# red curve hardly falls, and the net only learns by heart. The grey gap is **overfitting**.
#
# ## More images from those there are
#
# A dog two pixels further to the left is still a dog. So is its mirror image. The first remedy (section 4.1) cuts a
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
# images, and take the mean of its ten answers (section 4.1).

# %%
def ten_view_error(net):
    answers = [net.predict(np.ascontiguousarray(view)) for view in ten_views(x_test, 24)]
    return np.mean(np.mean(answers, axis=0).argmax(axis=1) != test_labels)


for name, net in nets.items():
    one = histories[name][-1, 2]
    print(f"{name:15} one view {one:.1%} wrong, ten views {ten_view_error(net):.1%}")

# %% [markdown]
# ## Is it luck?
#
# Before we go on: a thousand test images are not many. If a net is wrong with probability $p$, then the share of wrong
# answers among $n$ images scatters around $p$ with a spread of $\sqrt{p(1-p)/n}$ (lesson 8). No test error is more
# exact than that:

# %%
def luck(p, n=1000):
    return np.sqrt(p * (1 - p) / n)


for name, history in histories.items():
    print(f"{name:15} {history[-1, 2]:.1%} ± {luck(history[-1, 2]):.1%}")

# %% [markdown]
# Another start of the weights would move the numbers, too. Differences of one or two points mean little here; one run
# each is a demonstration, not a proof. The authors had 150,000 test images and could see smaller ones.
#
# ## Another light
#
# The second form of section 4.1: the same thing in another light is the same thing. But light does not change colours
# at random. Take all pixels of all images as points in the space of red, green and blue:

# %%
rng = np.random.default_rng(3)
pixels = images.reshape(-1, 3) / 255                                   # (1,024,000, 3), from 0 to 1
some = rng.choice(pixels, 1500, replace=False)
values, vectors = np.linalg.eigh(np.cov(pixels.T))                     # the smallest first
values, vectors = values[::-1], vectors[:, ::-1]
vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), range(3)])      # signs are free
print("eigenvalues", values)

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
# `alpha` (N, 3) the drawn numbers of each image. Return the images with colour noise, without changing `x`.

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
print(f"typical change: {255 * 0.1 * values[0]:.1f} of 255 grey levels along p₁")

# %% [markdown]
# That is what the formula says. The code of 2012 multiplied $\alpha_i$ with $\sqrt{\lambda_i}$ instead, which is a few
# times stronger; the library has both. We follow the paper, on top of the crops:

# %%
def crops_and_color(x, rng):
    return color_noise(crops(x, rng), components, rng, std=0.1 / spread)    # x is in spreads


nets["+ colour"] = new_net()
histories["+ colour"] = train(nets["+ colour"], crops_and_color)
draw("plain", "crops, mirrors", "+ colour")

# %% [markdown]
# Compare the last two with the luck of a thousand images in mind. The paper found a gain of more than one point, on
# ImageNet; we could hardly see so little.
#
# ## Dropout
#
# The other remedy does not touch the images (section 4.2). In training, every hidden neuron is silenced with
# probability one half, by a new throw of the coin for each neuron, each image and each step. No neuron can rely on a
# certain other one being there to correct it; each has to be of use in ever new company. At test time all are there; as
# twice as many speak as in training, each is multiplied by one half.
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
some = middle(x_test[:100], None)
unsure = nets["plain"].predict(some).max(axis=1).argmin()              # not an easy image
h = nets["plain"][:"relu3"].forward(some[unsure:unsure + 1])[0]        # (128,)
ten = np.argsort(h)[-10:]                                              # the ten most active

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
draw("plain", "dropout")

# %% [markdown]
# And all three together:

# %%
nets["all three"] = new_net(tinynet.Dropout(0.5, np.random.default_rng(6)))
histories["all three"] = train(nets["all three"], crops_and_color)
draw("crops, mirrors", "all three")

# %% [markdown]
# ## The balance

# %%
names = list(histories)
last = np.array([histories[name][-1, 1:] for name in names])           # (5, 2)
for name, (training, test) in zip(names, last, strict=True):
    print(f"{name:15} training {training:.1%}, test {test:.1%} ± {luck(test):.1%}")

gap = dict(zip(names, last[:, 1] - last[:, 0], strict=True))
assert max(gap["crops, mirrors"], gap["all three"]) < gap["plain"] / 2
assert gap["dropout"] < gap["plain"]

# %%
place = np.arange(len(names))
fig, ax = plt.subplots(figsize=(7, 3.2))
ax.bar(place - 0.2, last[:, 0], 0.4, color="C0", label="training images")
ax.bar(place + 0.2, last[:, 1], 0.4, color="C3", label="test images", yerr=luck(last[:, 1]))
ax.yaxis.set_major_formatter("{x:.0%}")
ax.set_xticks(place, names)
ax.set(ylabel="wrong answers", ylim=(0, 0.9), title="after 20 epochs")
ax.legend(fontsize=8, loc="upper center", ncols=2);

# %% [markdown]
# Read it with the error bars in mind:
#
# - Crops with mirrors raise the training error far, and dropout raises it too. So the gap closes from below, at least.
#   Whether it closes from above as well, which is what we want, the red bars say.
# - What colour noise does at this size, they can hardly say.
# - All three together leave a small gap, and a training error that is still high: this net is no longer overfitting, it
#   has not finished learning. The paper says that dropout about doubles the steps a net needs. With crops it has more
#   to learn as well. Whoever adds remedies must add time; set `epochs=80`, get a coffee, and see.
#
# ## What you know now
#
# - Overfitting is the gap between training and test error. Watch both; measure them in the same way.
# - Crops and mirrors make more images of those there are, colour noise other lights. A label must survive what you do
#   to its image.
# - Dropout silences neurons at random, and the halved net answers for all the others at once.
# - A test error is a measurement. It has an error bar.
#
# Open `tinynet/data/augment.py`, which draws crops and colours, and `tinynet/data/view.py`, which puts them together: a
# `View` is what a net sees of an image, in training, in a test and in ten crops, and a `Loader` shows batches through
# it. `tinynet/layers/dropout.py` has exercise 9.3.
#
# In **lesson 10** the net is cut in two.
