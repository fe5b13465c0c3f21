# %% [markdown]
# # 10 · Two devices
#
# **The question.** The GPUs that AlexNet was trained on had 3 GB of memory, and its authors wanted a larger net than
# one of them could hold. So half of the kernels went to one GPU and half to another (section 3.2). Whoever cuts a net
# in two has three worries: *what has to cross from one half to the other, what does that cost, and is it still the same
# net?*
#
# The answers do not need two GPUs. They do not even need one. (What this lesson cuts is called **model parallelism**:
# each device has a part of the net. Its brother, below, is **data parallelism**.) You need lessons 2 to 8. Reading
# takes about 45 minutes; the four exercises, of which the last is an open one, about 75.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
from check import check

import tinynet
from tinynet import Columns, Conv2d, Exchange, Fork, Join, gradcheck, pair, send, summary, traffic
from tinynet.columns import Pair
from tinynet.data import cifar10_sample, mean_image
from tinynet.data.augment import enlarge
from tinynet.models import alexnet, convert

# %% [markdown]
# ## Almost too large for one
#
# Let us count what one training step has to hold. For every parameter three numbers: its value, its gradient, and its
# velocity (lesson 7). For every one of 128 images the output of every layer, since backward needs it, and the gradient
# of each of these outputs. `summary` knows all sizes; a row that has `columns` is there twice, once in each column.

# %%
net = alexnet(devices=pair("cpu"), rng=np.random.default_rng(0))
rows = {row.name: row for row in summary(net, show=False)}
FLOAT = 4                                                              # bytes of a float32
BATCH = 128                                                            # images of a step

parameters = sum(row.parameters for row in rows.values())
layers = [row for row in rows.values() if row.kind not in ("Fork", "Flatten")]
in_a_column = sum(np.prod(row.shape) for row in layers)
in_one_net = sum(np.prod(row.shape) * (2 if row.columns else 1)
                 for row in layers if row.kind != "Exchange")

# %%
kinds = ["parameters", "their gradients and velocities", "outputs", "the outputs' gradients"]
needs = {"one GPU": (parameters, in_one_net), "two GPUs: each": (parameters / 2, in_a_column)}
fig, ax = plt.subplots(figsize=(7.5, 1.9))
for name, (weights, outputs) in needs.items():
    sizes = np.array([weights, 2 * weights, outputs * BATCH, outputs * BATCH]) * FLOAT / 1e9
    for k, kind in enumerate(kinds):
        label = kind if name == "one GPU" else None
        ax.barh(name, sizes[k], left=sizes[:k].sum(), color=f"C{k}", label=label)
    print(f"{name}: {sizes.sum():.2f} GB")
there_was = 3 * 2 ** 30 / 1e9                                          # "3 GB" of memory chips
ax.axvline(there_was, color="0.2", linestyle="--", label="what there was")
print(f"there was {there_was:.2f} GB")
ax.set(xlabel="GB", xlim=(0, 6), xticks=range(5))
ax.legend(loc="center right")
ax.invert_yaxis()

# %% [markdown]
# (A GB is $10^9$ bytes here; makers of memory count in $2^{30}$.) It fits, just so: five sixths are gone, and this
# count leaves out working memory, the images, and whatever else a program holds. Two GPUs with half of it each have
# room to spare.
#
# ## A device that you can watch
#
# Every GPU has a memory of its own, and computes with what lies in it. What lies elsewhere has to be sent first. Forget
# to, and you may not even notice: CuPy, which is NumPy for GPUs, warns of some mixes and says nothing about others. So,
# to learn with, tinynet has **simulated devices**: NumPy arrays that know where they live and refuse *every* mix.

# %%
left, right = pair("simulated")
a, b = left.asarray(np.ones(3)), right.asarray(np.ones(3))
try:
    a + b
except tinynet.DeviceMismatch as error:
    print(error)

# %% [markdown]
# One function alone carries an array across, `send`, and `traffic` writes down each crossing. So a forgotten crossing
# raises, and an unnecessary one shows in the list.

# %%
with traffic() as log:
    there = send(b, left, label="my first crossing")

print(a + there)
log

# %% [markdown]
# ## Two columns
#
# Split a convolution: each device gets half of the *kernels*, and the whole image. Nothing has to cross. Each side
# computes half of the maps, and together they are all the maps. A net that is split so in all its layers is two
# **columns**.

# %%
data = cifar10_sample()
centred = (data.train.images - mean_image(data.train.images)).astype(np.float32)
rng = np.random.default_rng(0)
x = centred[7:8]                                                       # one image, (1, 32, 32, 3)
conv_left = Conv2d(3, 6, 5, padding=2, device=left, rng=rng)
conv_right = Conv2d(3, 6, 5, padding=2, device=right, rng=rng)
x_left = conv_left.forward(left.asarray(x))                            # (1, 32, 32, 6), left
x_right = conv_right.forward(right.asarray(x))                         # (1, 32, 32, 6), right

# %% [markdown]
# Now the next layer. Its kernels in the left column have two choices. They may look at the left column's 6 maps only;
# again nothing crosses. Or they may look at all 12; then the other column's 6 maps must come over. That is an
# **exchange**: each column sends its maps, and lays what it receives beside its own. Always left first, so that both
# hold the same 12 maps in the same order.

# %%
def exchange(x_left, x_right):
    """Both columns' maps in both columns."""
    to_right = send(x_left, right, label="exchange")
    to_left = send(x_right, left, label="exchange")
    y_left = left.xp.concatenate([x_left, to_left], axis=-1)           # xp: the device's NumPy
    y_right = right.xp.concatenate([to_right, x_right], axis=-1)
    return y_left, y_right


with traffic() as log:
    y_left, y_right = exchange(x_left, x_right)                        # (1, 32, 32, 12) on each

assert [crossing.bytes for crossing in log] == [32 * 32 * 6 * FLOAT] * 2
log

# %%
fig, axes = plt.subplots(2, 13, figsize=(9, 1.6))
for row, device, name, maps, own in zip(axes, (left, right), ("left", "right"), (y_left, y_right),
                                        (range(6), range(6, 12)), strict=True):
    row[0].text(0, 0.5, name, va="center")
    row[0].axis("off")
    for k, ax in enumerate(row[1:]):
        ax.imshow(device.tohost(maps)[0, :, :, k])                     # as a plain NumPy array
        ax.set(xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set(visible=True, linewidth=2, color="C0" if k in own else "C3")

# %% [markdown]
# Blue frames: computed here. Red frames: came across. (The kernels are still random, so the maps are no more than
# blurred versions of the image.)
#
# ## The way back
#
# In backward, the layer above hands each column a gradient for all 12 maps: `d_left` on the left device, `d_right` on
# the right one. But the left column wants to know the gradient of *its own* 6 maps, and these were used twice: here,
# and over there. Lesson 2's rule holds across devices too: whatever a number touched, its gradient comes back from
# there, and adds up.
#
# ### Exercise 10.1
#
# Return `dx_left`, on the left device, and `dx_right`, on the right one. `C` is the number of maps of the left column;
# the right one may have another number. Let no byte cross that need not. (`left`, `right` and `send` are as above.)

# %%
def exchange_backward(d_left, d_right, C):
    ...


check("10.1", exchange_backward);

# %% [markdown]
# ## The same in tinynet
#
# In tinynet, columns hand on a pair of arrays, one on each device. Four layers, in `tinynet/columns.py`, make or take
# such pairs: `Fork` brings the images to both devices, `Columns` holds two layers side by side, `Exchange` is what you
# have just written, and `Join` brings both columns onto one device. Is our `exchange` the library's?

# %%
theirs = Exchange().forward((x_left, x_right))
for device, mine, their in zip((left, right), (y_left, y_right), theirs, strict=True):
    assert np.array_equal(device.tohost(mine), device.tohost(their))

# %% [markdown]
# A net of all four, by hand, and its gradient checked against nudges. The columns need not be equally wide.

# %%
def conv(inputs, outputs, device):
    return Conv2d(inputs, outputs, 3, device=device, rng=rng, weight_init=tinynet.fan_in())


tiny = tinynet.Sequential(
    fork=Fork((left, right)),
    conv1=Columns(conv(3, 2, left), conv(3, 4, right)),
    tanh1=Columns(tinynet.Tanh(), tinynet.Tanh()),
    cross=Exchange(),
    conv2=Columns(conv(6, 2, left), conv(6, 1, right)),
    join=Join(left))
report = gradcheck(tiny, rng.normal(size=(2, 6, 6, 3)))
print(f"{len(report)} arrays, worst relative error {max(report.values()):.0e}")

# %% [markdown]
# *If you like:* the same net with your backward in it.

# %%
class MyExchange(Exchange):
    """The library's forward, and your backward; `take` fetches what forward has kept."""

    def backward(self, dy):
        C, devices = self.take()
        return Pair(exchange_backward(*dy, C), devices)


if check("10.1", exchange_backward):
    mine = tinynet.Sequential(**dict(tiny.children()) | {"cross": MyExchange()})
    report = gradcheck(mine, rng.normal(size=(2, 6, 6, 3)))
    print(f"yours: {len(report)} arrays, worst relative error {max(report.values()):.0e}")

# %% [markdown]
# Now the large one, as a picture:

# %%
def draw_columns(stages, crossings):
    """Boxes in two rows, one for each device; the columns meet before each of `crossings`."""
    fig, ax = plt.subplots(figsize=(9, 1.7))
    look = {"ha": "center", "va": "center", "bbox": {"boxstyle": "round,pad=0.4", "fc": "0.93"}}
    for i, stage in enumerate(stages):
        for y in (1, 0) if stage != stages[-1] else (1,):              # the last on one device
            ax.text(i, y, stage, **look)
            arrows = [(y, "C0")] * (i > 0) + [(1 - y, "C3")] * (stage in crossings)
            for start, color in arrows:
                ax.annotate("", (i - 0.3, y), (i - 0.7, start),
                            arrowprops={"arrowstyle": "->", "color": color})
    ax.set(xlim=(-0.6, len(stages) - 0.4), ylim=(-0.6, 1.6))
    ax.axis("off")


convolutions = ["conv1", "conv2", "conv3", "conv4", "conv5"]
draw_columns(["image", *convolutions, "fc6", "fc7", "fc8"], ["conv3", "fc6", "fc7", "fc8"])

# %% [markdown]
# This is AlexNet. Above the left device, below the right one, and red is what crosses: before conv3, fc6, fc7 and fc8,
# and nowhere else (section 3.5). In `tinynet/models/alexnet.py` each of the four is one line. Here is a small AlexNet,
# for images of 64 × 64 pixels, on the simulated devices: if any line forgot a crossing, this would raise. Expect seven
# crossings: there and back for each exchange, and one for the join, whose other half is there already.

# %%
SMALL = {"classes": 10, "input_size": 64, "kernels": (16, 24, 32, 32, 24), "hidden": 64}
small = alexnet(devices=(left, right), rng=np.random.default_rng(1), **SMALL)
photos = enlarge(centred[:32], 2)                                      # (32, 64, 64, 3)
labels = data.train.labels[:32]

with traffic() as log:
    scores = small.forward(photos, keep=True)
for crossing in log:
    print(crossing)

# %% [markdown]
# ## What crosses, and what it costs
#
# Section 3.2 says that the pattern of connections lets one tune the amount of communication, until it is an acceptable
# fraction of the computation. Let us tune. What does each column of AlexNet bring to the door of each layer, and how
# much would cross there?

# %%
below = {"conv2": "pool1", "conv3": "pool2", "conv4": "relu3", "conv5": "relu4",
         "fc6": "pool5", "fc7": "drop6", "fc8": "drop7"}
would_cross = {name: 2 * FLOAT * np.prod(rows[source].shape) for name, source in below.items()}
would_cross["fc8"] //= 2                                               # a join: one way only

# %%
patterns = {"nowhere": ["fc8"],
            "the paper": ["conv3", "fc6", "fc7", "fc8"],
            "everywhere": list(below)}
colors = [*(f"C{i}" for i in range(6)), "0.6"]
fig, ax = plt.subplots(figsize=(7, 1.9))
for pattern, where in patterns.items():
    start = 0
    for i, name in enumerate(below):
        if name in where:
            ax.barh(pattern, would_cross[name] / 1000, left=start / 1000, color=colors[i])
            start += would_cross[name]
    print(f"{pattern:10} {start:9,} bytes for each image, forward")
ax.set_xlabel("kilobytes for one image, forward")
handles = [plt.Rectangle((0, 0), 1, 1, color=color) for color in colors]
ax.legend(handles, below, ncols=2, loc="upper right", fontsize=8)
ax.invert_yaxis()

sent = sum(would_cross[name] for name in patterns["the paper"])
assert sent == sum(row.bytes for row in rows.values()) == 234_496

# %% [markdown]
# The paper meets once among the convolutions, at the narrowest place: after the second pooling the maps are small and
# not yet many. Wherever columns meet they also pay a second time: a kernel that sees both columns is twice as deep,
# with twice the parameters and twice the multiply-adds.
#
# Is that an acceptable fraction? Put in round numbers for two cards of that time: about 1.5 million million operations
# a second each, and 8 thousand million bytes a second between them, in each direction. Both are what the makers
# promise. (A multiply-add is two operations.)

# %%
OPERATIONS, BYTES = 1.5e12, 8e9                                        # a second; try others
multiply_adds = sum(row.multiply_adds for row in rows.values())
computing = 2 * multiply_adds / 2 / OPERATIONS                         # each card does half
crossing = sent / 2 / BYTES                                            # both directions at once
print(f"forward, an image: computing {1e6 * computing:.0f} µs, crossing {1e6 * crossing:.0f} µs, "
      f"{crossing / (computing + crossing):.0%} of the time")

# %% [markdown]
# ## Or copies instead of columns
#
# There is another way to use two devices (data parallelism): give each a copy of the *whole* net and half of the
# *images*. Forward and backward, nothing crosses at all. But at the end of each step the copies must agree, so each
# sends the other its gradient, a number for each parameter, 4 bytes each. Which is cheaper, for each layer and 128
# images? Columns send maps, forward, and as many gradients, backward.

# %%
fig, ax = plt.subplots(figsize=(7, 2.8))
places = np.arange(len(below))
maps = [2 * BATCH * would_cross[name] / 1e6 for name in below]         # forward and backward
gradients = [2 * FLOAT * rows[name].parameters / 1e6 for name in below]  # there and back
ax.bar(places - 0.2, maps, 0.4, label="columns that meet here")
ax.bar(places + 0.2, gradients, 0.4, label="copies")
ax.set(xticks=places, xticklabels=below, ylabel="megabytes a step", yscale="log", ylim=(1, 500))
ax.legend();

# %% [markdown]
# A convolution has few weights and many outputs; a fully-connected layer has many weights and few outputs. So copies
# suit the one and columns the other. (AlexNet's first author wrote that up two years later, as "one weird trick".) But
# copies do not make a net fit that is too large for one device, and that was the point here.
#
# ### Exercise 10.2
#
# What columns send grows with the batch, what copies send does not. Return the number of images of a step at which both
# send the same, as a number that need not be whole. `parameters` is the number of the net's parameters; copies send
# their gradients both ways. `bytes_per_image` is what crosses between the columns, both ways together, *forward, for
# one image*.

# %%
def break_even(parameters, bytes_per_image):
    ...


check("10.2", break_even);

# %% [markdown]
# With AlexNet's 60,965,224 and 234,496: is it more or less than its 128?
#
# ## Is it still one net?
#
# A column that sees only its own maps: what is that, seen as *one* layer? Let us ask conv2 and conv3 which of their
# outputs move when one input map is nudged.

# %%
def outputs(layer, maps, exchanged):
    """What a layer of both columns makes of maps (1, 5, 5, C), as one array."""
    C = maps.shape[-1] // (1 if exchanged else 2)                      # maps in each column
    pair_of_maps = left.asarray(maps[..., :C]), right.asarray(maps[..., -C:])
    y_left, y_right = layer.forward(pair_of_maps)
    return np.concatenate([left.tohost(y_left), right.tohost(y_right)], axis=-1)


def connections(layer, C, exchanged):
    """Which output maps change when each of the C input maps does: (C, F)."""
    maps = np.zeros((C, 1, 5, 5, C), np.float32)                       # C times one image
    for k in range(C):
        maps[k, ..., k] = 1                                            # maps[k]: 1 in map k, else 0
    nothing = outputs(layer, 0 * maps[0], exchanged)
    return np.array([(outputs(layer, m, exchanged) != nothing).any(axis=(0, 1, 2)) for m in maps])

# %%
fig, axes = plt.subplots(1, 2, figsize=(6, 2.6))
for ax, name, C, exchanged in (axes[0], "conv2", 16, False), (axes[1], "conv3", 24, True):
    ax.imshow(connections(small[name], C, exchanged), aspect="auto", vmin=0, vmax=1)
    ax.set(xlabel="output map", ylabel="input map", title=name)

# %% [markdown]
# Black: connected. conv3, after the exchange, is an ordinary convolution whose kernels happen to be stored in two
# places. conv2 is an ordinary convolution too, of which two quarters of the weights are zero and stay zero. So two
# columns are one net, with fewer connections. Libraries say *groups*: `Conv2d(..., groups=2)`.
#
# ### Exercise 10.3
#
# The left column's kernels are `W_left` (KH, KW, C, F), the right one's `W_right` (KH, KW, C', F'). Return the weights
# of the one convolution that takes all C + C' maps, left first, and gives the F + F' maps that the two columns give.

# %%
def one_kernel(W_left, W_right):
    ...


check("10.3", one_kernel);

# %% [markdown]
# Now the proof for the whole net. `alexnet(columns=1)` is AlexNet on one device, with groups; `convert` carries all
# parameters over. Same images, same gradient of the scores, double precision, so that a wrong term cannot hide in the
# rounding; no dropout, whose dice would fall differently. Then compare *all* outputs and *all* gradients.

# %%
def awake(net):
    """In float64, weights scaled by their number of inputs: N(0, 0.01) is for wider layers."""
    rng = np.random.default_rng(2)
    for name, p in net.parameters():
        if name.endswith("W") and name != "conv1.W":
            p.value[...] = tinynet.fan_in(2.0)(rng, p.shape)
    return net.astype(np.float64)


one = awake(alexnet(columns=1, rng=np.random.default_rng(1), **SMALL))
two = alexnet(devices=(left, right), rng=np.random.default_rng(3), **SMALL).astype(np.float64)
convert(one, two)
images = photos.astype(np.float64)

# %%
y_one, y_two = one.forward(images, keep=True), two.forward(images, keep=True)
dy = np.random.default_rng(4).normal(size=y_one.shape)
one.backward(dy)
two.backward(left.asarray(dy))

# %%
def relative_error(a, b):
    return np.max(np.abs(a - b)) / np.max(np.abs(b))


def joined(net, name):
    """The gradient of parameter `name` from both columns, left first."""
    layer, kind = name.split(".")
    parts = [p for full, p in net.parameters()
             if full.startswith(f"{layer}.") and full.endswith(kind)]
    return np.concatenate([p.device.tohost(p.grad) for p in parts], axis=-1)

# %%
errors = {"scores": relative_error(left.tohost(y_two), y_one)}
errors |= {name: relative_error(joined(two, name), p.grad) for name, p in one.parameters()}
print(f"{len(errors)} arrays, worst relative error {max(errors.values()):.0e}")
assert max(errors.values()) < 1e-10

# %% [markdown]
# Equal but for the last digits' rounding. And so they stay. Train both on the same 32 images. (To **overfit one batch**
# is the cheapest test of a whole net and its training: a net that cannot even learn 32 images by heart is broken
# somewhere. Do it before every long run.)

# %%
def train(net, steps=25):
    """The loss of each step, on 32 images, without dropout."""
    loss, sgd = tinynet.SoftmaxCrossEntropy(), tinynet.SGD(net.parameters(), lr=0.002)
    losses = []
    for _ in range(steps):
        losses.append(loss.forward(net.forward(images, keep=True), labels))
        net.backward(loss.backward())
        sgd.step()
    return np.array(losses)

# %%
losses_one, losses_two = train(one), train(two)
fig, ax = plt.subplots(figsize=(6, 2.8))
ax.plot(losses_one, color="C1", linewidth=5, alpha=0.5, label="one net")
ax.plot(losses_two, color="C0", label="two columns")
ax.set(xlabel="step", ylabel="loss on 32 images", ylim=(0, None))
ax.legend()
print(f"largest relative difference of the losses: {relative_error(losses_two, losses_one):.0e}")

# %% [markdown]
# ## Where the border shows
#
# One layer needs care: response normalisation (lesson 8) divides each map by the strength of its *neighbours*, two to
# either side. On two devices, the last map on the left and the first one on the right are neighbours in number only:
# between them lies a border. A one-device net that forgot it, `LRN(groups=1)`, is another net. By how much, and where?

# %%
maps = np.maximum(0, one["conv1"].forward(images))                     # (32, 15, 15, 16), rectified
across, within = tinynet.LRN(groups=1).forward(maps), tinynet.LRN(groups=2).forward(maps)
difference = np.abs(across - within).max(axis=(0, 1, 2)) / np.abs(within).max()

fig, ax = plt.subplots(figsize=(6, 2.4))
ax.bar(range(16), difference)
ax.axvline(7.5, color="C3")
ax.set(xlabel="map; red: the border of the columns", ylabel="relative difference", xticks=range(16))
assert np.flatnonzero(difference).tolist() == [6, 7, 8, 9]

# %% [markdown]
# Four maps of sixteen, exactly those whose neighbourhood reaches over. No shape would have told, nothing would have
# crashed: it took two forms of the same net, and numbers compared.
#
# ## At the same time
#
# Two devices are of use only if both work at once. Here is one training step of the whole AlexNet, sixteen images of
# full size, on two plain columns of this machine's processor, with a clock at every layer.

# %%
def clocked(function, row, name, clock):
    """`function`, which writes down when it ran."""
    def call(*args, **kwargs):
        start = time.perf_counter()
        result = function(*args, **kwargs)
        clock.append((row, name, start, time.perf_counter()))
        return result
    return call

# %%
clock, large = [], enlarge(centred[:16], 7)                            # (16, 224, 224, 3)
net.backward(net.forward(large, train=True))                           # once to warm up
for name, layer in net.children():
    alone = "left" if name == "fc8" else ""                            # its device is the first
    parts = layer.children() if isinstance(layer, Columns) else [(alone, layer)]
    for row, part in parts:
        part.forward = clocked(part.forward, row, name, clock)
        part.backward = clocked(part.backward, row, name, clock)
net.backward(net.forward(large, train=True));

# %%
colors, start = {"conv": "C0", "fc": "C1"}, min(begin for _, _, begin, _ in clock)
fig, ax = plt.subplots(figsize=(9, 2))
for row, name, begin, end in sorted(clock):
    if row:
        color = colors.get(name.rstrip("12345678"), "0.7")
        ax.barh(row, end - begin, left=begin - start, color=color)
    elif name.startswith("to_"):
        ax.axvline(begin - start, color="C3", linewidth=1)
ax.set(xlabel="seconds: first forward, then backward", yticks=["left", "right"], xlim=(0, None))
ax.invert_yaxis()
ax.legend([plt.Rectangle((0, 0), 1, 1, color=c) for c in ("C0", "C1", "0.7", "C3")],
          ["convolution", "fully connected", "other", "crossing"], ncols=4, fontsize=8,
          loc="lower center", bbox_to_anchor=(0.5, 1));

# %%
for row in "left", "right", "":
    seconds = sum(end - begin for r, _, begin, end in clock if r == row)
    print(f"{row or 'crossing':8} {seconds:.4f} s")

# %% [markdown]
# Blue, orange and grey: this side computes. White: it waits, for the other side or for the processor. Left and right
# work at the same time, but neither passes a red line before the other has come to it; and while fc8 runs on the left,
# in the middle, the right one has nothing to do. (So few images are unkind to the fully-connected layers, whose many
# weights are fetched for each step.) The crossings themselves take next to nothing. Here they are copies in one memory,
# and no cable is as fast; but you have seen above how little there is to carry.
#
# What was it good for? With both GPUs the paper's net beats a net of one GPU that has half the kernels in each
# convolution but the last, by 1.7 points of top-1 and 1.2 of top-5 error, in slightly less time (section 3.2). (The
# last convolution and the fully-connected layers keep their sizes, so that most of the parameters stay: footnote 2.)
# That smaller net is `alexnet_half`, and `python examples/alexnet_columns.py` times both on your machine. In miniature,
# six pairs of nets on 64 × 64 pixels, it is +5.1 points (+2.7 to +7.5); and nets of as many kernels that see *all* maps
# are not seen to be better than the two columns, in twenty pairs, +0.2 points (-0.2 to +0.7): `columns` and `free` in
# [docs/claims.md](../docs/claims.md).
#
# And one thing that nobody had asked for: the columns *specialise*. In every run, the first layer's kernels came to
# look for shapes in one column and for colours in the other (section 6.1, Figure 3). That takes days of training, and
# two columns that seldom meet. In minutes, on small photographs, it is not to be seen: two columns differ in their
# share of colour by +0.5 points (-4.1 to +5.1) more than the halves of a net with free connections do (`colors`).
#
# ### Exercise 10.4, an open one
#
# Build a net in two columns for 32 × 32 photographs that seldom meets, and yet learns. The checker trains it for 40
# steps on 32 photographs, on simulated devices. The target: **a loss below 0.1, and at most 3,000 bytes across for each
# image and step**, forward and backward together. Each column has at most 20,000 parameters, and the last convolution
# of each must see, directly or not, what both columns' conv1 have seen. `left` and `right` are the devices; return the
# net, which begins with a `Fork((left, right))` and ends with ten scores on `left`, and a learning rate. (Momentum is
# 0.9. Look at `tiny` for the pieces, and at "What crosses" for where to meet.)

# %%
def my_columns(left, right, rng):
    ...                                                                # net, rate


check("10.4", my_columns);

# %% [markdown]
# ## What you know now
#
# - Split by kernels, each column computes half of the maps; only a layer that sees both columns makes anything cross.
# - Backward sends home, and adds, what forward sent out.
# - What crosses is a choice: meet where maps are few and small.
# - Columns send maps and grow with the batch; copies send gradients and do not.
# - Two columns are one net with fewer connections; the proof is the same numbers from both, in all outputs and
#   gradients.
#
# Open `tinynet/columns.py` for the four layers, `tinynet/devices/crossing.py` for `send` and `traffic`, and
# `tinynet/devices/simulated.py` to see how an array can refuse.
#
# You have met every part of AlexNet. **Lesson 11** puts it together, and checks every number that the paper gives.
