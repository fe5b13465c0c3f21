# %% [markdown]
# # 11 · AlexNet
#
# **The question.** Section 3.5 of the paper describes the whole net in three paragraphs, and Figure 2 gives the number
# of its neurons, layer by layer. That should be enough to build it. *Is it? Do all the numbers come out?*
#
# Nearly all. Those that do not come out will teach us more than the rest. You need lessons 3 to 10, and a pencil.
# Reading takes about 45 minutes; the four exercises, of which the first is to build the net and the last is an open
# one, about 90.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
from check import check

import tinynet
from tinynet import LRN, Conv2d, MaxPool2d, ReLU, gradcheck, pair, summary
from tinynet.data import cifar10_sample, mean_image
from tinynet.data.augment import enlarge
from tinynet.models import alexnet, convert

# %% [markdown]
# ## 224, stride 4
#
# The first sentence about the first layer: it filters the 224 × 224 × 3 image with kernels of 11 × 11 pixels, 4 pixels
# apart. Lesson 3 counted how many windows of size $K$ fit into $n$ pixels, $S$ apart: the first one, and then one more
# for every $S$ pixels of the rest.
#
# $$\frac{n - K}{S} + 1$$

# %%
(224 - 11) / 4 + 1

# %% [markdown]
# Not a whole number, and we are in the very first layer. The windows 0, 4, 8, ..., 212 fit. The one at 216 would end at
# pixel 226, and the last pixel is 223.

# %%
fig, ax = plt.subplots(figsize=(7, 1.8))
for k, start in enumerate([200, 204, 208, 212, 216]):
    fits = start + 11 <= 224
    ax.barh(k, 11, left=start, color="C0" if fits else "C3", alpha=0.7)
    ax.text(start + 0.3, k, f"window {start // 4 + 1}", va="center", fontsize=8)
ax.axvline(224, color="0.2")
ax.text(224.2, 0, "here the image ends")
ax.set(xlabel="pixel", yticks=[], xlim=(199, 234))
ax.invert_yaxis()

# %% [markdown]
# So is the output 54 wide, or 55? Figure 2 says 55: the program of 2012 *rounded up*. Its last window hung three pixels
# over the edge, and read zeros there. This is why you will meet AlexNets with a 227 × 227 input: $(227 - 11)/4 + 1 =
# 55$ exactly, without any hanging over. Both are 55 wide; they are not the same net.

# %%
def hanging_conv(x, W, stride):
    """Convolution whose last window may hang over the right and the lower edge."""
    K = len(W)
    size = -(-(x.shape[1] - K) // stride) + 1                          # -(-a // b) rounds up
    y = np.zeros((len(x), size, size, W.shape[-1]))
    for p in range(size):
        for q in range(size):
            window = x[:, p * stride:p * stride + K, q * stride:q * stride + K]
            inside = W[:window.shape[1], :window.shape[2]]             # of the kernel
            y[:, p, q] = np.tensordot(window, inside, axes=3)
    return y

# %% [markdown]
# In tinynet it is padding, three zeros at the right and at the bottom and none elsewhere, which says the same in the
# words of a layer. Number by number, on a real image (a CIFAR-10 photograph, every pixel enlarged to 7 × 7):

# %%
data = cifar10_sample()
photos = enlarge(data.train.images[[4, 33, 54, 75]], 7)                # (4, 224, 224, 3)
centred = (photos - mean_image(photos)).astype(np.float32)

rng = np.random.default_rng(0)
conv1 = Conv2d(3, 96, 11, stride=4, padding=((0, 3), (0, 3)), rng=rng).astype(np.float64)
x = centred[:1].astype(np.float64)
ours, theirs = hanging_conv(x, conv1.W.value, stride=4), conv1.forward(x)
assert ours.shape == theirs.shape == (1, 55, 55, 96)
assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-9)
print(f"largest difference {np.abs(ours - theirs).max():.0e} of {np.abs(theirs).max():.0f}")

# %% [markdown]
# Backward must leave those zeros out: they are no pixels, and get no gradient. Nudges agree (on a smaller layer, whose
# last window hangs over too; the numbers are the relative errors):

# %%
small = Conv2d(2, 3, 5, stride=4, padding=((0, 3), (0, 3)), rng=rng)
gradcheck(small, rng.normal(size=(2, 10, 10, 2)))

# %% [markdown]
# ## The whole way down
#
# Now we only have to follow the sizes. Pooling is 3 × 3 with stride 2 (section 3.4). The later convolutions must be
# padded so that the maps keep their size, or Figure 2's 27, 13, 13, 13 would shrink: 2 zeros around for a 5 × 5 kernel,
# 1 for 3 × 3. The paper does not mention padding at all; the numbers leave no choice.

# %%
def after(name, size, kernel, stride=1, padding=0):
    size = (size + 2 * padding - kernel) / stride + 1
    print(f"{name}: {kernel}x{kernel}, stride {stride}, padding {padding} -> {size:g}")
    return size


size = after("pool1", 55, 3, stride=2)
size = after("conv2", size, 5, padding=2)
size = after("pool2", size, 3, stride=2)
for name in "conv3", "conv4", "conv5":
    size = after(name, size, 3, padding=1)
size = after("pool5", size, 3, stride=2)
assert size == 6

# %% [markdown]
# After the first layer everything divides: 55, 27, 13, 6. Begin with 54 instead, and the first pooling gives the next
# half pixel. The number 55 is no accident.
#
# ## Neurons
#
# The caption of Figure 2 says: the input has 150,528 dimensions, and the layers 253,440 - 186,624 - 64,896 - 64,896 -
# 43,264 - 4096 - 4096 - 1000 neurons. A neuron is one output: height times width times kernels, of both columns.

# %%
assert 224 * 224 * 3 == 150_528                                        # 227 would be 154,587

# %%
NAMES = ["conv1", "conv2", "conv3", "conv4", "conv5"]
SIDES, KERNELS = (55, 27, 13, 13, 13), (96, 256, 384, 384, 256)
PAPER = (253_440, 186_624, 64_896, 64_896, 43_264)

neurons = {}
for name, side, kernels, paper in zip(NAMES, SIDES, KERNELS, PAPER, strict=True):
    neurons[name] = side * side * kernels
    agree = "" if neurons[name] == paper else "  !"
    print(f"{name}: {neurons[name]:8,} here, {paper:8,} in the paper{agree}")

# %% [markdown]
# One of them disagrees. Could it be that our 55, or our 96, is wrong? If conv1 has 96 kernels, then each map of the
# paper's conv1 has

# %%
places = 253_440 / 96
places, places ** 0.5

# %% [markdown]
# places: no square, and the maps are square. So the paper's number cannot be right, whatever the size. But 2640 is $55
# \cdot 48$, and 48 is the number of kernels in *one* column: somebody multiplied $55 \cdot 48 \cdot 96$ instead of $55
# \cdot 55 \cdot 96$. conv1 has 290,400 neurons.

# %%
assert 55 * 48 * 96 == 253_440 and 55 * 55 * 96 == 290_400
total = sum(neurons.values()) + 4096 + 4096 + 1000
slip = total - 290_400 + 253_440
print(f"in all {total:,}; with the paper's conv1 {slip:,}")
assert abs(total - 650_000) < abs(slip - 650_000)

# %% [markdown]
# The paper's abstract says 650,000: the right conv1 comes closer to that than the caption's.
#
# ## Parameters
#
# A kernel of conv2 has $5 \cdot 5 \cdot 48$ weights, since it sees only the 48 maps of its own column (lesson 10), and
# one bias. There are 256 of them, 128 in each column.

# %%
assert 256 * (5 * 5 * 48 + 1) == 307_456

# %% [markdown]
# You have all it takes for the rest, and for more than counting.
#
# | layer | kernel | sees | kernels or neurons | then |
# |---|---|---|---|---|
# | conv1 | 11 × 11, 4 apart | the image | 96 | ReLU, normalise, pool |
# | conv2 | 5 × 5 | its own column | 256 | ReLU, normalise, pool |
# | conv3 | 3 × 3 | both columns | 384 | ReLU |
# | conv4 | 3 × 3 | its own column | 384 | ReLU |
# | conv5 | 3 × 3 | its own column | 256 | ReLU, pool |
# | fc6 | 6 × 6 places | both columns | 4096 | ReLU, dropout |
# | fc7 | | both columns | 4096 | ReLU, dropout |
# | fc8 | | both columns | 1000 | |
#
# ### Exercise 11.1
#
# Build it, on one device: return a `Sequential` whose layers have the paper's names, `conv1`, `relu1`, `norm1`,
# `pool1`, ..., `flat`, `fc6`, `relu6`, `drop6`, ..., `fc8`, the last without softmax. What sees its own column only is
# a convolution with `groups=2` (lesson 10), and so is normalisation, `LRN(groups=2)`. Weights need nothing said: N(0,
# 0.01) is what the layers begin with. Biases begin at 0; in conv2, conv4, conv5, fc6 and fc7 at 1,
# `bias_init=tinynet.constant(1.0)`. Give `rng=rng` to each layer that draws. `kernels`, `hidden` and `classes` are the
# numbers of the fourth column. The checker compares it with the library's net, row by row. (What is not imported above
# is there as `tinynet.Linear`, `tinynet.Sequential` and so on.)

# %%
def my_alexnet(kernels=(96, 256, 384, 384, 256), hidden=4096, classes=1000, rng=None):
    ...


check("11.1", my_alexnet);

# %% [markdown]
# ### Exercise 11.2
#
# How many parameters has it? Count them with a pencil first, for any net of this form, in one column or two: `kernels`
# are the five numbers of kernels, of all columns together, `hidden` the neurons of fc6 and of fc7, `columns` 1 or 2.
# For the table above, the first sentence of section 4 knows the first two digits.

# %%
def total_parameters(kernels=(96, 256, 384, 384, 256), hidden=4096, classes=1000, columns=2):
    ...


check("11.2", total_parameters);

# %% [markdown]
# ## The net, built
#
# `tinynet/models/alexnet.py` is that table as code, and `summary` sends zeros through it and reports what comes by. The
# numbers below are what the net *is*, not what somebody believes about it.

# %%
net = alexnet(devices=pair("cpu"), rng=np.random.default_rng(0))
rows = {row.name: row for row in summary(net)}
assert {name: rows[name].neurons for name in neurons} == neurons

# %% [markdown]
# *If you like:* your own net, with the parameters of the library's. (`convert` carries them over, from two columns to
# one.)

# %%
if check("11.1", my_alexnet):
    mine = convert(net, my_alexnet(rng=np.random.default_rng(1)))
    mine_says, theirs_say = mine.predict(centred), net.predict(centred)
    print(f"largest difference of two probabilities: {np.abs(mine_says - theirs_say).max():.0e}")

# %% [markdown]
# What does it consist of? A bar for each layer that has parameters: its share of all neurons, of all multiply-adds, and
# of all parameters; convolutions blue, fully-connected layers orange.

# %%
weighted = [row for row in rows.values() if row.parameters]
fig, axes = plt.subplots(1, 3, figsize=(9, 2.6), sharey=True)
for ax, what in zip(axes, ("neurons", "multiply_adds", "parameters"), strict=True):
    values = np.array([getattr(row, what) for row in weighted])
    ax.barh([row.name for row in weighted], values / values.sum(), color=["C0"] * 5 + ["C1"] * 3)
    ax.set_title(f"{what.replace('_', '-')}: {values.sum():,}")
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.set_xlabel("share")
axes[0].invert_yaxis()

# %% [markdown]
# Three views of one net. Most neurons are in its first layers, most work in its convolutions, and most parameters in
# its last layers: fc6 alone holds more than half. Remember it when you want to make such a net smaller (fc6) or faster
# (conv2).
#
# The net as the paper draws it, to scale: the height of a box is the side of its maps, its width stands for the number
# of maps in one column, red arrows cross. (fc6, fc7 and fc8 have no maps; their boxes are not to scale.)

# %%
def draw(rows, names, crossings):
    fig, ax = plt.subplots(figsize=(9, 3.4))
    left, before = 0, None                                             # this begins, the last ended
    for name in names:
        shape = rows[name].shape
        side, width = (shape[0], shape[2] / 8) if len(shape) == 3 else (60, 8)
        for middle in (35, -35) if name != "fc8" else (35,):
            ax.add_patch(plt.Rectangle((left, middle - side / 2), width, side, fc="0.9", ec="0.3"))
            arrows = [(middle, "C0")] * (left > 0) + [(-middle, "C3")] * (name in crossings)
            for start, color in arrows:
                ax.annotate("", (left, middle), (before, start),
                            arrowprops={"arrowstyle": "->", "color": color})
        ax.text(left + width / 2, 68, name, ha="center")
        ax.text(left + width / 2, -76, "x".join(map(str, shape)), ha="center", fontsize=8)
        left, before = left + width + 24, left + width
    ax.set(xlim=(-8, left - 12), ylim=(-82, 76))
    ax.axis("off")


boxes = "conv1 pool1 conv2 pool2 conv3 conv4 conv5 pool5 fc6 fc7 fc8".split()
draw(rows, boxes, ["conv3", "fc6", "fc7", "fc8"])

# %% [markdown]
# ## More numbers of the paper
#
# Let us be thorough, and check a few sentences that are not in Figure 2.

# %%
parameters = sum(row.parameters for row in weighted)
print(f"60 million parameters: {parameters:,}")
print(f"a label is 10 bits (section 4): {np.log2(1000):.2f}")
for row in weighted[:5]:
    share = row.parameters / parameters
    agree = "" if share <= 0.01 else "  !"
    print(f"at most 1 % in a convolution (section 1): {row.name} {share:.2%}{agree}")

# %% [markdown]
# conv3 and conv4 have more than one percent: not much, but more.
#
# And section 4.1: crops of 224 × 224 from images of 256 × 256, and their mirror images, make the training set 2048
# times as large. $2048 = 32 \cdot 32 \cdot 2$, and $32 = 256 - 224$. But a crop that fits may begin at 0, at 32, and
# anywhere between.

# %%
starts = range(256 - 224 + 1)
len(starts), len(starts) ** 2 * 2

# %% [markdown]
# A fence of 32 gaps has 33 posts. None of these slips did any harm to the *net*: a program does not read its paper.
# That is the point. When a text and a number disagree, build it and count.
#
# Textbooks and blogs about AlexNet are no safer. Three mistakes that go around: conv3 sees 384 maps (it sees 256, all
# that conv2 has; with 384 it would have half as many parameters again); normalisation comes after pooling, or before
# ReLU (it is convolution, ReLU, normalisation, pooling: sections 3.3 and 3.5); fc8 counted twice because there are two
# GPUs (there is one fc8, and one softmax).

# %%
assert rows["conv3"].parameters == 384 * (3 * 3 * 256 + 1) == 885_120
assert 384 * (3 * 3 * 384 + 1) == 1_327_488
assert rows["fc8"].parameters == 1000 * (4096 + 1) == 4_097_000

# %% [markdown]
# ## How far a neuron sees
#
# A neuron of conv1 sees 11 × 11 pixels: its **receptive field**, or *field* for short. A neuron of pool5 sees ... let
# us measure it. Send a gradient back from *one place* of pool5, in all its maps, and look which pixels of the image get
# any.

# %%
one = alexnet(columns=1, hidden=8, rng=np.random.default_rng(0))       # all convolutions
one["conv1"].input_grad = True                                         # gradient of the pixels
part = one[:"pool5"]
y = part.forward(centred, keep=True)                                   # (4, 6, 6, 256)
dy = np.zeros_like(y)
dy[:, 2, 2] = rng.normal(size=y[:, 2, 2].shape)                        # the third place each way
dx = np.abs(part.backward(dy)).max(axis=(0, 3))                        # (224, 224)

# %%
seen = np.flatnonzero(dx.max(axis=1) > 1e-5 * dx.max())                # below: rounding
first, last = seen.min(), seen.max()
print(f"rows {first} to {last}")

fig, axes = plt.subplots(1, 2, figsize=(6, 3.3))
axes[0].imshow(photos[0])
axes[1].imshow(np.log10(dx + 1e-12), vmin=np.log10(dx.max()) - 2.5)
axes[0].set_title("what one neuron of pool5 sees")
axes[1].set_title("pixels that get a gradient")
side = last - first + 1
axes[0].add_patch(plt.Rectangle((first, first), side, side, fill=False, ec="C3", linewidth=2))
for ax in axes:
    ax.set(xlabel="pixel", ylabel="pixel")

# %% [markdown]
# Dark: much gradient (the scale is logarithmic). The middle of the field counts far more than its rim, since many paths
# lead there and few to the rim.
#
# ### Exercise 11.3
#
# How many pixels wide is the field of one neuron, after a row of `layers`, each a pair `(kernel, stride)`, from the
# image up? For a single layer it is the kernel. Think of two neighbours in a map: how far apart are their fields in the
# image? Then try it on AlexNet: conv1 (11, 4), pool1 (3, 2), conv2 (5, 1), and so on up to pool5, and compare with the
# picture.

# %%
def field(layers):
    ...


check("11.3", field);

# %% [markdown]
# ### Exercise 11.4, an open one
#
# Three pictures ago: fc6 holds most parameters and does hardly any work. So make AlexNet smaller: a net for the same
# photographs, 224 × 224 pixels, a thousand classes, with **at most a tenth of the parameters, 6,096,522, and no more
# multiply-adds than AlexNet's 724,406,816**. It must still see: a neuron of its last maps, before they are flattened or
# averaged, has a field of at least 195 pixels. And it must be able to begin: a loss near log 1000, and a gradient in
# every parameter. Return the net. (Smaller layers? No fc6 at all? 1 × 1 kernels, that see both columns?
# `tinynet.GlobalAvgPool2d` makes one number of each map. Lesson 16 will tell what others did.)

# %%
def smaller(rng):
    ...


check("11.4", smaller);

# %% [markdown]
# ## At the start
#
# The net knows nothing yet. So whatever it is shown, a thousand classes should be about equally likely, and the loss
# about $-\log \frac{1}{1000}$. It is a good habit (lesson 2) to look before the first step: a net that begins with
# another loss has a bug or bad weights.

# %%
p = net.predict(centred)                                               # (4, 1000)
L = -np.log(p).mean()                                                  # of all possible labels
print(f"loss {L:.2f}, log 1000 = {np.log(1000):.2f}")
print(f"probabilities from {p.min():.5f} to {p.max():.5f}")
assert abs(L - np.log(1000)) < 0.2

# %% [markdown]
# ## What the program of 2012 did
#
# Long after, the Computer History Museum published the program itself. It differs from its paper in more than rounding
# up.
#
# | | paper | program |
# |---|---|---|
# | conv1 | conv, ReLU, normalise, pool | conv, normalise, pool, ReLU |
# | conv2 | conv, ReLU, normalise, pool | conv, ReLU, normalise, normalise *within* each map, pool |
# | conv5 | conv, ReLU, pool | conv, pool, ReLU |
# | normalisation | α = 0.0001 times the sum | α = 0.0001 / 5 times the sum |
# | weights | N(0, 0.01) | N(0, 0.01), but N(0, 0.03) in conv3, conv4, conv5 |
# | biases | learn as weights do | keep a learning rate of 0.02, do not decay |
# | colour noise | an eigenvalue times a random number | its square root, then the image divided by 1.1 |
#
# `alexnet(variant="source")` builds the right-hand side, all but the noise (lesson 9). Does it matter? Take the
# differences one by one. First the order of ReLU and pooling:

# %%
maps = one["conv1"].forward(centred)                                   # (4, 55, 55, 96), no ReLU
relu, pool, norm = ReLU(), MaxPool2d(3, stride=2), LRN()
assert np.array_equal(pool.forward(relu.forward(maps)), relu.forward(pool.forward(maps)))

# %% [markdown]
# No difference at all: the largest of several numbers, cut off at 0, is the largest of the numbers cut off at 0. But
# one order is cheaper: after pooling, ReLU has a quarter of the numbers to look at. So in conv5 the program's order
# only saves work. In conv1 it changes the net:

# %%
paper = pool.forward(norm.forward(relu.forward(maps)))
program = relu.forward(pool.forward(norm.forward(maps)))
difference = np.abs(paper - program)
fig, ax = plt.subplots(figsize=(4, 3.2))
ax.plot(paper.ravel()[::97], program.ravel()[::97], ".", markersize=2)
ax.plot([0, paper.max()], [0, paper.max()], color="0.5", linewidth=1)
ax.set(xlabel="conv, ReLU, normalise, pool", ylabel="conv, normalise, pool, ReLU")
print(f"largest difference {difference.max():.2f}, of numbers up to {paper.max():.0f}")

# %% [markdown]
# Never above the line: in the program's order, normalisation still sees the negative responses, and they too make a
# neighbourhood strong. Its sum of squares is larger, and it divides by more.

# %%
assert (program <= paper * (1 + 1e-5)).all()

# %% [markdown]
# How much a difference in α means depends on the strength of the responses. A map and its four neighbours, all of
# strength $a$, become $a / (2 + 5 \alpha a^2)^{0.75}$:

# %%
a = np.linspace(0, 200, 200)
fig, ax = plt.subplots(figsize=(5, 2.8))
for alpha, name in (1e-4, "paper"), (1e-4 / 5, "program"):
    five_maps = np.repeat(a[None, None, :, None], 5, axis=3)           # (1, 1, 200, 5)
    y = LRN(alpha=alpha).forward(five_maps)[0, 0, :, 2]                # the middle one
    ax.plot(a, y, label=f"{name}: α = {alpha:g}")
ax.set(xlabel="strength going in", ylabel="coming out")
ax.legend();

# %% [markdown]
# Weak responses do not care, strong ones do, very much. If you port the paper's α to a library, find out whether it
# divides by $n$, as the program did and many libraries do.
#
# Now the weights. Send our photographs through both nets, new-born, and ask of every layer: how much do its outputs
# differ from image to image, compared with their size? Where this falls to nothing, the net no longer knows which image
# it sees.

# %%
def how_different(variant):
    """For each convolution of a new net: its outputs' spread over the images, by their mean."""
    net = alexnet(columns=1, hidden=8, variant=variant, rng=np.random.default_rng(0))
    spreads, y = {}, centred
    for name, layer in net.children():
        y = layer.forward(y)
        if name.startswith("relu") and y.ndim == 4:
            spreads[f"conv{name[-1]}"] = y.std(axis=0).mean() / y.mean()
    return spreads

# %%
fig, ax = plt.subplots(figsize=(5, 2.8))
for variant, label, marker in ("paper", "paper", "o-"), ("source", "program", "s--"):
    spreads = how_different(variant)
    ax.semilogy(spreads.keys(), spreads.values(), marker, label=label)
ax.set_ylabel("spread / mean")
ax.legend();

# %% [markdown]
# From conv4 on, with N(0, 0.01), what the weights make of the image is small beside the biases, which are 1 there, and
# all images look nearly alike. With N(0, 0.03) in conv3, conv4 and conv5 more comes through: the program had an easier
# start than the net of its paper. (What weights should be, and why, is lesson 7.)
#
# Last, the learning rates. The weights' rate was divided by ten three times; by the log of the run, after epochs 25, 51
# and 79 of 91. The biases' stayed where it was. In tinynet a parameter has a factor `lr` for the optimiser's rate, or a
# fixed rate of its own: below, 1.0 is a factor, 0.02 a rate.

# %%
edges, rates = [0, 25, 51, 79, 91], [1e-2, 1e-3, 1e-4, 1e-5]
fig, ax = plt.subplots(figsize=(5, 2.4))
ax.stairs(rates, edges, baseline=None, label="weights", color="C0", linewidth=2)
ax.plot([0, 91], [0.02, 0.02], "--", color="C1", label="biases, in the program")
ax.set(xlabel="epoch", ylabel="learning rate", yscale="log", ylim=(5e-6, 0.1))
ax.legend();

# %%
source = alexnet(columns=1, hidden=8, variant="source", rng=np.random.default_rng(0))
rates = {name: float(p.lr) for name, p in source.parameters() if name.startswith("conv2")}
assert tinynet.count_parameters(source) == tinynet.count_parameters(one)
rates

# %% [markdown]
# ## Ninety times through 1.2 million images
#
# Training took five to six days (section 5). What would it take here? Backward costs about twice as much as forward,
# since it makes two products where forward makes one (lesson 2: $dW$ and $dx$).

# %%
work = 3 * sum(row.multiply_adds for row in weighted) * 90 * 1.2e6
print(f"{work:.1e} multiply-adds; in 5.5 days {work / (5.5 * 86_400):.1e} a second on two GPUs")

# %%
images = np.repeat(centred, 4, axis=0)                                 # (16, 224, 224, 3)
for _ in range(2):                                                     # the first one warms up
    start = time.perf_counter()
    net.backward(np.ones_like(net.forward(images, train=True)))        # any gradient takes as long
    seconds = (time.perf_counter() - start) / len(images)
print(f"here {seconds:.3f} s an image: {seconds * 90 * 1.2e6 / 86_400:,.0f} days")

# %% [markdown]
# Patience, then, or other devices, or a smaller task; `examples/train_imagenet.py` trains AlexNet on ImageNet or on a
# part of it. Making each step faster is **lesson 12**.
#
# ## What you know now
#
# - Sizes: window by window; 224 gives 55 because the last window hangs over the edge.
# - A convolution's parameters count what a kernel *sees*: its own column, or both.
# - Neurons in the first layers, work in the convolutions, parameters in the last layers.
# - Papers have slips, retellings have more, and programs differ from both. Build it, count it, and write down where you
#   deviate.
