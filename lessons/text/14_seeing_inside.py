# %% [markdown]
# # 14 · Seeing inside
#
# **The question.** A net has learned to tell cars from frogs. Nobody has told it what a wheel is. *What does map 10 of
# its third layer look for?* And when it draws us a picture of that, may we believe it?
#
# The paper of this lesson is Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014), ZFNet
# for short. We train nothing: a trained net lies in the package. You need lessons 3, 4 and 11 (the field of a neuron),
# and 8 for the last pages. Reading takes about 45 minutes; the five exercises, of which the last is an open one, about
# 90.

# %%
import matplotlib.pyplot as plt
import numpy as np
from check import check

from tinynet import Conv2d, MaxPool2d, ReLU, SoftmaxCrossEntropy, Unpool2d
from tinynet.data import cifar10_sample
from tinynet.models import build, pretrained

plt.rcParams["image.interpolation"] = "nearest"                        # pixels stay pixels
trained, data = pretrained("80sec"), cifar10_sample()
net, view = trained.net, trained.view
images, labels = data.test.images, data.test.labels                    # (1000, 32, 32, 3)
x = view.center(images)                                                # minus the mean image
wrong = np.mean(net.predict(x).argmax(axis=1) != labels)
print(f"{wrong:.1%} of {len(images):,} test images are wrong")
for name, layer in net.walk():
    print(f"{name:6}", *(layer.W.shape if hasattr(layer, "W") else ""))

# %% [markdown]
# Three convolutions of 5 × 5, each with a ReLU and a pooling of 3 × 3 with stride 2 (the first takes maxima, the others
# means), then two fully-connected layers: `80sec`, from the authors of AlexNet, trained on the 50,000 images of
# CIFAR-10. It is right three times out of four.
#
# ## What one can look at
#
# The kernels of conv1 see red, green and blue. So each of them is a small colour picture; and of all pieces of the same
# strength (sum of squares), the one that it answers most strongly to is its own likeness. Here are the 32, grey is 0:

# %%
def picture(a):
    """An array of numbers as pixels: grey is 0, the largest, of whichever sign, white or black."""
    return 0.5 + a / (2 * np.abs(a).max())


def bare(axes):
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)


kernels = net["conv1"].W.value                                         # (5, 5, 3, 32)
fig, axes = plt.subplots(2, 16, figsize=(8.5, 1.3))
for ax, k in zip(axes.flat, range(32), strict=True):
    ax.imshow(picture(kernels[..., k]))
bare(axes)

# %% [markdown]
# Edges in several directions, and spots of colour: as in Figure 3 of the AlexNet paper. But a kernel of conv2 sees 32
# maps, so it is 32 grey pictures, and what each of these maps means is known only if one knows conv1. Kernel 1 of
# conv2:

# %%
fig, axes = plt.subplots(2, 16, figsize=(8.5, 1.3))
for ax, k in zip(axes.flat, range(32), strict=True):
    ax.imshow(net["conv2"].W.value[:, :, k, 1])
bare(axes)

# %% [markdown]
# That tells nobody anything. *Do not look at the weights above the first layer. Ask the net.*
#
# ## Ask the images
#
# The simplest question: which photographs excite a map most? We show it six thousand, and keep of each image the
# strongest place of the map, so that nine images are nine, and not nine places of one. (From 5,000 of them the net has
# learned. For what follows that does no harm: we do not count errors.)

# %%
from tinynet.look.strongest import strongest

photographs = np.concatenate([data.train.images, images])              # (6000, 32, 32, 3)
found = strongest(net, photographs, ["relu2", "relu3"], view.center)
top = found["relu3"]
print("map 10 of relu3: how strong  ", np.round(top.values[10], 2))
print("                 which image ", top.images[10])
print("                 at which row", top.places[10, :, 0])

# %%
fig, axes = plt.subplots(2, 9, figsize=(8.5, 2.1))
for row, unit in zip(axes, (10, 63), strict=True):
    for ax, i in zip(row, top.images[unit], strict=True):
        ax.imshow(photographs[i])
    row[0].set_ylabel(f"map {unit}")
bare(axes)

# %% [markdown]
# Map 10 likes cars, and most of all a frog; map 63 horses, and a rooster. Why the frog? What the map answers to is not
# the image but a piece of it, the **receptive field** of that one neuron (lesson 11).
#
# ### Exercise 14.1
#
# Which rows of the image does the neuron in row `row` of a map see? `layers` lists `(kernel, stride, padding)` of the
# layers below it, **from the image up**; `height` is that of the image. Return the first row and the last, both of
# which it sees; what lies beyond the edges of the image is cut off. (Row $r$ of a layer's output is made from the rows
# $r S - p$ to $r S - p + K - 1$ of its input. From here it is a walk downwards with two numbers.)

# %%
def rows_seen(row, layers, height):
    ...                                                                # first, last


check("14.1", rows_seen);

# %% [markdown]
# *If you like:* the field of a neuron in the middle of relu3, and of one at its edge.

# %%
if check("14.1", rows_seen):
    three = [(5, 1, 2), (3, 2, 0), (5, 1, 2), (3, 2, 0), (5, 1, 2)]    # from conv1 to conv3
    for row in 0, 4, 7:
        print(f"row {row} of relu3 sees the rows", *rows_seen(row, three, 32))

# %% [markdown]
# The strongest nine of six maps, each cut out by the library to what its neuron sees. What is grey lies beyond the
# edge of the image. (The fields of relu3 are larger than the image: they all reach over some edge.)

# %%
from tinynet.look.strongest import pieces


def strongest_pieces(at, unit):
    """The nine, each with the piece of the image and its projection, of which more below."""
    return pieces(net, photographs, at, unit, found[at], view.center, view.pixels)


def draw_pieces(chosen, what):
    fig, axes = plt.subplots(len(chosen), 9, figsize=(8.5, len(chosen)))
    for row, (at, unit) in zip(axes, chosen, strict=True):
        for ax, piece in zip(row, strongest_pieces(at, unit), strict=True):
            ax.imshow(piece.image if what == "image" else picture(piece.projection))
        row[0].set_ylabel(f"{at}, {unit}", fontsize=8)
    bare(axes)


chosen = [("relu2", 22), ("relu2", 1), ("relu2", 17), ("relu3", 10), ("relu3", 63), ("relu3", 50)]
draw_pieces(chosen, "image")
for at in "relu2", "relu3":
    print(f"a neuron of {at} sees {strongest_pieces(at, 1)[0].image.shape[:2]} pixels")

# %% [markdown]
# Now they can be read. In relu2: 22 blue, whatever it is; 1 a dark slanting edge, mostly below something red; 17 a dark
# upright bar. In relu3: 10 the fronts of cars, and whatever the frog has in common with them; 63 upright things below a
# body, legs mostly; 50 things that slant. But which pixels of a piece are it? All that these nine have in common might
# be it, and the eye finds much.
#
# ## Down again: the deconvnet
#
# Section 2.1 asks the net itself. One activation is kept, all others of its layer are set to 0, and what is left goes
# *down* through the net, each layer undone by a counterpart:
#
# | up | down |
# |---|---|
# | convolution | the same kernels, transposed |
# | max pooling | unpooling, by the switches of the way up |
# | ReLU | ReLU again: what went up was never negative, so what comes down shall not be |
#
# Such a net is called a **deconvnet**. Take the strongest activation of relu2's map 1 in its best image:

# %%
best = found["relu2"].images[1, 0]
x_best = view.center(photographs[best:best + 1])                       # (1, 32, 32, 3)
passed = {}                                                            # what went in, came out
net[:"relu2"].forward(x_best, seen=lambda name, layer, x, y: passed.update({name: (x, y)}))

alone = np.zeros_like(passed["relu2"][1])                              # (1, 16, 16, 32)
row, column = found["relu2"].places[1, 0]
alone[0, row, column, 1] = passed["relu2"][1][0, row, column, 1]
print(f"kept: {alone.max():.2f}, the only one of {alone.size:,} numbers")

# %% [markdown]
# ### The convolution, transposed
#
# Going up, every number of a map looks through a kernel at 5 × 5 pixels. Going down, it puts the kernel *there*, as
# strong as it is itself; where kernels overlap, they add. You know it: it is lesson 3's backward, from $dy$ to $dx$.
# (Nothing is inverted, so "deconvolution" is a misnomer; **transposed convolution** is the better word.)

# %%
below = net["conv2"].transpose(alone, passed["conv2"][0].shape[1:3])   # (1, 16, 16, 32)
print("numbers that are not 0:", np.count_nonzero(below.any(axis=-1)), "places, in",
      np.count_nonzero(below.any(axis=(0, 1, 2))), "maps")

# %% [markdown]
# ### Unpooling
#
# A pooled number came from one pixel of its window, and the switch has noted from which (lesson 4). Unpooling puts it
# there, and 0 elsewhere. What if windows overlap, and one pixel has won several? Backward *adds* what they send: a
# gradient is a sum over all ways. Unpooling *puts back*: what stood there once shall stand there once. So it writes,
# window after window, in the order of reading, and a later one writes over an earlier one. A window that holds 0 has
# nothing to put back, and writes nothing. (The paper says nothing of overlaps; so the library understands it.)
#
# ### Exercise 14.2
#
# Write it. `y` (N, P, Q, C) comes down, `switches` (N, P, Q, C) are as in exercise 4.2: 0 is the upper left pixel of a
# window, 1 the one to its right, and so on, row by row. `shape` is that of the result, `z` and `s` are the window's
# size and its stride.

# %%
def unpool(y, switches, shape, z, s):
    ...


check("14.2", unpool);

# %% [markdown]
# ### All the way
#
# Then the ReLU: negative numbers become 0. Layer by layer, with tinynet's own `Unpool2d`; a mean-pooling spreads its
# number evenly over the window, as its backward does.

# %%
def down(d, at, passed):
    """From `d`, as large as the output of the layer `at`, to the pixels; and all in between."""
    stages = {at: d}
    for name, layer in reversed(net[:at].children()):
        x, y = passed[name]
        if isinstance(layer, Conv2d):
            d = layer.transpose(d, x.shape[1:3])
        elif isinstance(layer, ReLU):
            d = np.maximum(0, d)                                       # of what comes down
        elif isinstance(layer, MaxPool2d):
            layer.forward(x, keep=True)                                # once more, for the switches
            d = Unpool2d(layer).forward(d)
        else:
            layer.forward(x, keep=True)
            d = layer.backward(d)
        stages[f"below {name}"] = d
    return d, stages


pixels, stages = down(alone, "relu2", passed)

# %% [markdown]
# On the way, the size of what comes down, over all maps at each place: one neuron; the kernel that it puts down; those
# on which the switches put it; and at last the pixels, in colour, beside the image.

# %%
fig, axes = plt.subplots(1, 5, figsize=(8.5, 2.1))
for ax, name in zip(axes, ("relu2", "below conv2", "below pool1"), strict=False):
    ax.imshow(np.abs(stages[name][0]).sum(axis=-1))
    ax.set_title(name, fontsize=9)
axes[3].imshow(picture(pixels[0]))
axes[3].set_title("below conv1: pixels", fontsize=9)
axes[4].imshow(photographs[best])
axes[4].set_title("the image", fontsize=9)
bare(axes)

# %% [markdown]
# Of the whole image a red spot above a dark edge is left, in those pixels that the neuron sees. The library's
# `project` does the same, number by number, for any net:

# %%
from tinynet.look.deconvnet import project

assert np.allclose(pixels, project(net, x_best, "relu2", 1, (int(row), int(column))), atol=1e-6)

# %% [markdown]
# And now the six maps once more, not the pieces but what their neurons make of them, projected down:

# %%
draw_pieces(chosen, "projection")

# %% [markdown]
# Blue, indeed, and not what is blue. Red above a dark edge, even where the piece has no red: the map's own preference.
# A dark bar beside a bright one. In relu3 it is an arrangement: an arch, and stripes and red below it; upright bars,
# two and more; slanting stripes. The nine projections of a map look more alike than the nine pieces do, which the paper
# says too (section 4): what the map does not mind has been stripped off. And the frog? It has no arch, but the stripes,
# and those so strong that no car comes before it.
#
# ## Three ways through a ReLU
#
# "It is the gradient, isn't it?" Nearly. A convolution's transpose is its backward. (For the gradient the library sends
# down 1 in place of the activation $a$: then $\partial a / \partial x$ arrives. A factor, the same for all pixels,
# makes no other picture.) But look at the ReLU: backward asks whether its *input* was positive. The deconvnet asks
# whether what comes *down* is. And one can ask for both:
#
# | | passes the ReLU |
# |---|---|
# | **gradient** (Simonyan and others, 2014: **saliency**) | where the ReLU's input x was positive |
# | **deconvnet** (Zeiler and Fergus, 2014) | where d itself, coming down, is positive |
# | **guided back-propagation** (Springenberg and others, 2015) | where both are |
#
# ### Exercise 14.3
#
# One function for the three. `d` comes down, `x` is what the ReLU was given on the way up; `rule` is `"gradient"`,
# `"deconvnet"` or `"guided"`. Return what goes on, and leave `d` as it is.

# %%
def through_relu(d, x, rule):
    ...


check("14.3", through_relu);

# %% [markdown]
# Here is what the three show, for the most excited neuron of relu3 in each of five images:

# %%
from tinynet.look.compare import alike, pick, shown_by

WAYS = "gradient", "deconvnet", "guided"


def picked(of, numbers):
    """The strongest neuron of relu3 in each image; of another net, that at the same place."""
    strong = pick(net, x[numbers], "relu3")
    return strong if of is net else pick(of, x[numbers], "relu3", flat=strong.flat)


def show(of, numbers):
    """A column for each image: the image, and what the three ways show of it."""
    fig, axes = plt.subplots(4, len(numbers), figsize=(1.15 * len(numbers) + 0.5, 4.6))
    for ax, number in zip(axes[0], numbers, strict=True):
        ax.imshow(images[number])
    for row, way in zip(axes[1:], WAYS, strict=True):
        shown = shown_by(way, of, x[numbers], "relu3", picked(of, numbers))
        for ax, a in zip(row, shown, strict=True):
            ax.imshow(picture(a))
        row[0].set_ylabel(way, fontsize=9)
    bare(axes)


five = np.array([20, 62, 45, 57, 49])
show(net, five)

# %% [markdown]
# The gradient is restless; one can just see where something was. The two others are clear, guided back-propagation most
# of all: the back of the airplane, the head of the ostrich, the legs of the horse. Surely they are the better pictures
# of what the neuron has learned?
#
# ## The control
#
# An experiment needs a control: the same, without the thing that one believes to be the cause. We believe that these
# pictures show what was *learned*. So take it away: the same net as it was before its first step, with random weights,
# at the same place of the same layer.

# %%
random_net = build(trained.config["net"], rng=np.random.default_rng(0))
show(random_net, five)

# %% [markdown]
# This net has not learned anything. And yet, in the two lower rows, there are the airplane and the ostrich! How alike
# are these pictures to those of the trained net? Their correlation, as a mean over 32 images; 1 would be the same
# picture.

# %%
many = np.arange(32)
likeness = {}
for way in WAYS:
    a, b = (shown_by(way, of, x[many], "relu3", picked(of, many)) for of in (net, random_net))
    likeness[way] = alike(a, b)
    print(f"{way:10} trained against random weights {likeness[way].mean():.2f}, "
          f"with the image itself: trained {alike(a, x[many]).mean():.2f}, "
          f"random {alike(b, x[many]).mean():.2f}")

# %%
fig, ax = plt.subplots(figsize=(5, 2.6))
for k, way in enumerate(WAYS):
    jitter = np.linspace(-0.15, 0.15, len(many))
    ax.plot(k + jitter, likeness[way], ".", color=f"C{k}")
    ax.plot([k - 0.25, k + 0.25], [likeness[way].mean()] * 2, color=f"C{k}")
ax.axhline(0, color="0.6", linewidth=1)
ax.set_xticks(range(3), WAYS)
ax.set(ylabel="likeness", title="trained against random weights, 32 images")
assert likeness["gradient"].mean() < 0.2 < likeness["deconvnet"].mean()

# %% [markdown]
# So a good part of a deconvnet's picture is the *image*, which comes down through the switches and the ReLUs whatever
# the weights are; of guided back-propagation's even more. The gradient, which looks like noise, has hardly anything of
# it. A picture that looks right is no proof that it shows what the net has learned. (Adebayo and others, "Sanity Checks
# for Saliency Maps", 2018, put many methods to this test.)
#
# And the six maps above? Nine *different* images gave nine like pictures there, which seems to be more than the images
# can do. But that has had no control yet. So for each map of both nets: how alike are its nine projections, each to
# each other, and its nine pieces?

# %%
def of_nine(of, strongest_of, at, unit):
    """The likeness, a mean over all pairs, of a map's nine projections and of its nine pieces."""
    nine = pieces(of, photographs, at, unit, strongest_of[at], view.center, view.pixels)
    projections, images_ = (np.array([getattr(piece, what) for piece in nine])
                            for what in ("projection", "image"))
    one, other = np.triu_indices(9, 1)
    return [alike(shown[one], shown[other]).mean() for shown in (projections, images_)]


found_random = strongest(random_net, photographs, ["relu2", "relu3"], view.center)
for at in "relu2", "relu3":
    for name, of, strongest_of in ("trained", net, found), ("random", random_net, found_random):
        maps = len(strongest_of[at].images)
        projections, images_ = np.transpose([of_nine(of, strongest_of, at, u) for u in range(maps)])
        print(f"{at}, {name:7}: projections alike by {projections.mean():.2f}, pieces "
              f"{images_.mean():.2f}; the projections more than the pieces in "
              f"{np.mean(projections > images_):.0%} of {maps} maps")

# %% [markdown]
# So the eye was right for about seven maps in ten, which is not all. In relu2 the projections are twice as alike as
# with random weights: that has been learned. In relu3 they are alike by as much as with random weights. There it proves
# nothing that the nine are like each other. What training has changed is which pieces a map chooses: random weights
# choose nine that are alike pixel by pixel, the trained net nine that are less so.
#
# *If you like:* your own deconvnet, from your two exercises, for all three rules.

# %%
def your_down(at, unit, x, rule):
    """The strongest activation of one map, in one image, by your `unpool` and `through_relu`."""
    passed = {}
    net[:at].forward(x, seen=lambda name, layer, x, y: passed.update({name: (x, y)}))
    y = passed[at][1]                                                  # (1, P, Q, F)
    begins = y if rule == "deconvnet" else np.ones_like(y)
    d = np.where((y == y[..., unit].max()) & (np.arange(y.shape[-1]) == unit), begins, 0)
    for name, layer in reversed(net[:at].children()):
        given, made = passed[name]
        if isinstance(layer, Conv2d):
            d = layer.transpose(d, given.shape[1:3])
        elif isinstance(layer, ReLU):
            d = through_relu(d, given, rule)
        else:
            layer.forward(given, keep=True)
            if isinstance(layer, MaxPool2d) and rule == "deconvnet":
                d = unpool(d, layer.switches, given.shape, 3, 2)
            else:
                d = layer.backward(d)
    return d


if all([check("14.2", unpool), check("14.3", through_relu)]):
    for rule in WAYS:
        mine = your_down("relu3", 10, x[:1], rule)
        theirs = project(net, x[:1], "relu3", 10, method=rule)
        print(f"{rule:10} largest difference from the library's: {np.abs(mine - theirs).max():.1e}")

# %% [markdown]
# ## Hide it
#
# Here is a question whose answer needs no pictures of weights. Does the net see the airplane, or the sky around it?
# Cover a part of the image with a grey square and ask again; then another part (section 4.2: **occlusion**).
#
# ### Exercise 14.4
#
# `probability(images)` gives for images (N, H, W, C) the probability of the right class, (N,). Slide a grey square over
# `image` (H, W, C): its pixels are 127. Its upper left corner stands at the rows 0, `stride`, 2 `stride`, ..., as long
# as the whole square lies in the image; in the same way at the columns. Return the probabilities, one for each place:
# (P, Q). The image itself stays as it is.

# %%
def occlusion_map(probability, image, square, stride):
    ...


check("14.4", occlusion_map);

# %% [markdown]
# *If you like:* your map for the airplane.

# %%
def probability_of(label):
    return lambda shown: net.predict(view.center(shown))[:, label]


if check("14.4", occlusion_map):
    print(np.round(occlusion_map(probability_of(labels[20]), images[20], 7, 5), 2))

# %% [markdown]
# The library's, with the *middle* of the square at each second pixel. Yellow: the class is as probable as before; blue:
# the square has hidden what mattered. The square in the corner is as large as the one that slides.

# %%
from tinynet.look.occlusion import average, occlusion

four = [20, 62, 19, 21]
fig, axes = plt.subplots(2, 4, figsize=(8, 4))
for (above, below), number in zip(axes.T, four, strict=True):
    name, shown = data.classes[labels[number]], images[number].copy()
    hidden = occlusion(net, images[number], int(labels[number]), view, square=7, stride=2)
    shown[:7, :7] = 127
    above.imshow(shown)
    above.set_title(f"{name}: {hidden.whole:.2f}", fontsize=9)
    seen = below.imshow(hidden.probability, cmap="viridis", vmin=0, vmax=1)
    worst = data.classes[hidden.likeliest.flat[hidden.probability.argmin()]]
    below.set_title(f"at worst {hidden.probability.min():.2f}: {worst}", fontsize=9)
bare(axes)
fig.colorbar(seen, ax=axes[1], shrink=0.8);

# %% [markdown]
# The two ships lose most at their hulls, the ostrich around its beak and below, where it becomes a deer. But look at
# the airplane: it loses most where the square covers *sky*, above its back, and becomes a ship. A grey square is not
# nothing. It is a new thing in the picture, and here perhaps a bridge on a hull.
#
# And four chosen images are four chosen images. Over the first hundred that the net gets right, what is left of the
# probability, as a share of what it was:

# %%
right = np.flatnonzero(net.predict(x).argmax(axis=1) == labels)[:100]
mean = average([occlusion(net, images[i], int(labels[i]), view, 7, 4) for i in right])
print(f"left with the square in the middle {mean.mean[4, 4]:.0%} ± {mean.error[4, 4]:.0%}, "
      f"in the corner {mean.mean[1, 1]:.0%} ± {mean.error[1, 1]:.0%}, "
      f"where it hurts most in each image {mean.lowest[0]:.0%} ± {mean.lowest[1]:.0%}")

# %% [markdown]
# So the middle counts more than the corner, as it should: most objects stand there. (In small AlexNets, three runs of
# them, hiding the middle costs the true class +5.2 points (+2.2 to +8.1) more of its probability than hiding a corner:
# `hiding` in [docs/claims.md](../docs/claims.md).) But one square seldom does much; and where it does, it is another
# place in each image. The net has several reasons for most of its answers.
#
# ## What no one would look for
#
# The gradient was the picture that hid nothing and looked like nothing. It has one use more. It says for each pixel of
# each colour which way the loss grows. What if we go there, a step so small that nobody sees it?

# %%
def gradient(images, labels):
    """How the loss changes with each pixel, 0 to 255: as large as images."""
    x, rest, loss = view.center(images), net["pool1":], SoftmaxCrossEntropy()
    loss.forward(rest.forward(net["conv1"].forward(x), keep=True), labels)
    return net["conv1"].transpose(rest.backward(loss.backward()), x.shape[1:3])


def errors(changed, labels):
    return np.mean(net.predict(view.center(changed)).argmax(axis=1) != labels)


first = np.flatnonzero(net.predict(x).argmax(axis=1) == labels)[:300]  # images that it gets right
coins = np.random.default_rng(0).choice([-4, 4], images[first].shape)
noisy = np.clip(images[first] + coins, 0, 255).astype(np.uint8)
print(f"every number of every pixel 4 grey levels up or down, at random: "
      f"{errors(noisy, labels[first]):.0%} wrong")

# %% [markdown]
# A random change of four levels of 255 is nothing to the net. To the eye it is nothing, either: an image, the same with
# noise, and the difference, ten times as strong.

# %%
fig, axes = plt.subplots(1, 3, figsize=(5, 1.8))
strong = np.clip(127 + 10 * coins[0], 0, 255)
for ax, shown in zip(axes, (images[first[0]], noisy[0], strong), strict=True):
    ax.imshow(shown)
bare(axes)

# %% [markdown]
# ### Exercise 14.5, an open one
#
# Change images so that nobody sees it and the net does not recognise them: no number of a pixel by more than 4 levels,
# all of them still from 0 to 255. The target: **more than 60 % wrong**, of 300 images that the net gets right as they
# are. `gradient(images, labels)` is the function above; ask it as often as you like. Return the changed images, uint8.

# %%
def mislead(images, labels, gradient):
    ...


check("14.5", mislead);

# %%
if check("14.5", mislead):
    misled = mislead(images[first[:1]], labels[first[:1]], gradient)
    fig, axes = plt.subplots(1, 2, figsize=(3.4, 1.8))
    for ax, shown in zip(axes, (images[first[:1]], misled), strict=True):
        ax.imshow(shown[0])
        ax.set_title(data.classes[net.predict(view.center(shown)).argmax()], fontsize=9)
    bare(axes)

# %% [markdown]
# Such images are called **adversarial examples** (Szegedy and others, 2014). That they exist says something about all
# that came before: what the net looks at and what we would look at need not be the same. The frog among the cars was
# the first sign.
#
# ## What you know now
#
# - Only the first layer's kernels can be looked at. Of all others ask: what excites it most, in which piece of the
#   image, by which pixels?
# - The deconvnet goes down by transposed kernels, switches and a ReLU on what comes down. It is not the gradient.
# - Every such picture needs its control. Two of our three ways show much of the image even if nothing was learned.
# - Hiding a part of the image is an experiment on the net itself, and one may count its results. But the square is
#   seen, too.
#
# Open `tinynet/look/deconvnet.py`, which has the three ways in one function, `_leaf`, and `tinynet/look/receptive.py`,
# equation (1) of which is exercise 14.1. `docs/looking-inside.md` goes on: how maps grow during training, and what
# ZFNet found wrong with AlexNet's first layer. **Lesson 15** takes the maps that we have looked at, and uses them for
# pictures that the net was never made for.
