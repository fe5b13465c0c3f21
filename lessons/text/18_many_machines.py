# %% [markdown]
# # 18 · Many machines
#
# **The question.** Ninety times through 1.2 million images took AlexNet's authors five to six days on two GPUs. With a
# hundred machines, is it done in an hour and a half? *Is one step on many machines still the same step, what has to
# cross between them, and where does it stop paying?*
#
# Lesson 10 split a *net*. Here every machine has the whole net, and its share of the images: **data parallelism**. You
# need lessons 7 and 10; no second machine. Reading takes about 45 minutes; the four exercises, of which the last is an
# open one, about 90.

# %%
import copy

import matplotlib.pyplot as plt
import numpy as np
from check import check

from tinynet import (
    SGD,
    BatchNorm1d,
    Dropout,
    Linear,
    ReLU,
    Sequential,
    SoftmaxCrossEntropy,
    fan_in,
    send,
    simulated,
    summary,
    traffic,
)
from tinynet.data import batches, mnist_sample
from tinynet.models import alexnet, googlenet

# %% [markdown]
# ## Four machines, ten images
#
# Simulated devices (lesson 10) stand for the machines: arrays that know where they live, refuse to mix with others, and
# cross by `send` only, which `traffic` writes down. In the field's words each program that takes part is a **rank**,
# and its number is from 0 to $p - 1$. Four of them, with the same small net on each, for digits:

# %%
(images, labels), (new_images, new_labels) = mnist_sample()
x, new_x = ((part / 255).reshape(len(part), -1) for part in (images, new_images))  # (N, 784)
machines = [simulated(rank) for rank in range(4)]


def small_net(seed=0, between=None):
    rng = np.random.default_rng(seed)
    return Sequential(fc1=Linear(784, 64, rng=rng, weight_init=fan_in(2.0)), relu1=ReLU(),
                      **({"between": between} if between else {}),
                      fc2=Linear(64, 10, rng=rng, weight_init=fan_in(1.0)))


def copies(net, devices):
    return [copy.deepcopy(net).to(device) for device in devices]


def gradient(net, x, labels):
    """The gradient of the mean loss, all parameters in one line of numbers, where the net lives."""
    loss = SoftmaxCrossEntropy()
    loss.forward(net.forward(x, train=True), labels)
    net.backward(loss.backward())
    with net.device:
        return net.device.xp.concatenate([p.grad.ravel() for _, p in net.parameters()])


net = small_net().astype(np.float64)                                   # so that nothing hides
nets = copies(net, machines)
whole = gradient(net, x[:10], labels[:10])
print(f"{len(whole):,} numbers in a gradient")

# %% [markdown]
# Ten images: three each for the first two machines, two each for the others. Every machine takes the gradient of the
# mean loss *of its own images*. What do the four gradients have to do with that of all ten? Here are thirty of their
# numbers: each machine's own (grey), their mean, and, as a line, the gradient of all ten on one machine.

# %%
shares = np.array_split(np.arange(10), 4)                              # 3, 3, 2, 2
counts = np.array([len(share) for share in shares])
own = [net.device.tohost(gradient(net, x[share], labels[share]))
       for net, share in zip(nets, shares, strict=True)]               # 4 times (50,890,)
plain_mean = np.mean(own, axis=0)

some = np.argsort(-np.abs(whole))[:30]
fig, ax = plt.subplots(figsize=(7.5, 2.8))
for g in own:
    ax.plot(g[some], ".", color="0.7", label="each machine's" if g is own[0] else None)
ax.plot(plain_mean[some], "C3x", label="the mean of the four")
ax.plot(whole[some], "C0-", linewidth=1, label="all ten images on one")
ax.set(xlabel="thirty of the numbers", ylabel="gradient")
ax.legend(fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.25))
off = np.abs(plain_mean - whole).max() / np.abs(whole).max()
print(f"the mean of the four is off by {off:.1%}")

# %% [markdown]
# Close, and wrong. The mean of the four gives an image of the last machine, which has two, more weight than an image of
# the first, which has three: it is a mean of means. Let $n_r$ be the number of machine $r$'s images and $N$ that of all
# of them. Then
#
# $$g = \frac1N \sum_{\text{images}} g_i = \sum_r \frac{n_r}{N}\; g_r \qquad (1)$$

# %%
weighted = sum(n / 10 * g for n, g in zip(counts, own, strict=True))
print(f"by (1): {np.abs(weighted - whole).max() / np.abs(whole).max():.0e}")
assert np.allclose(weighted, whole, rtol=1e-12, atol=1e-15)

# %% [markdown]
# So one step on many machines *is* one step on one, but for the order in which sums are rounded.
#
# ### Exercise 18.1
#
# Who takes which image? Nobody deals them out: each machine works it out for itself, alone. Return the indices, in
# order, of the images that machine `rank` of `machines` sees in epoch `epoch`, of `images` there are (0, 1, ...).
# Together the machines see every image exactly once; the shares differ by at most one image; the order is shuffled, and
# in another way in each epoch and for each `seed`; whoever calls it with the same arguments gets the same answer.
# (`np.random.default_rng([3, 7])` makes a generator from two numbers.)

# %%
def my_share(images, machines, rank, epoch, seed):
    ...


check("18.1", my_share);

# %% [markdown]
# ## Everybody to one
#
# What crosses is the gradient. In the end all machines need the sum of all $n_r / N \cdot g_r$. The plain way: all send
# theirs to machine 0, which adds, and sends the sum back.

# %%
def sum_at_zero(arrays, devices):
    """The sum of `arrays`, one on each of `devices`, on each device: through the first one."""
    total = arrays[0]
    for array in arrays[1:]:
        total = total + send(array, devices[0])
    return [total] + [send(total, device) for device in devices[1:]]


def bytes_by(devices, log):
    """How much each device sends, and how much it receives, in megabytes."""
    return [[sum(c.bytes for c in log if c[end] == device.name) / 1e6 for device in devices]
            for end in (0, 1)]


eight = [simulated(rank) for rank in range(8)]
parts = [device.asarray(np.full(1_000_000, 1.0, np.float32)) for device in eight]    # 4 MB each
with traffic() as log:
    sums = sum_at_zero(parts, eight)
assert all((device.tohost(s) == 8).all() for device, s in zip(eight, sums, strict=True))

# %%
fig, ax = plt.subplots(figsize=(6, 2.4))
sent, received = bytes_by(eight, log)
ax.bar(np.arange(8) - 0.2, sent, 0.4, label="sends")
ax.bar(np.arange(8) + 0.2, received, 0.4, label="receives")
ax.set(xlabel="machine", ylabel="megabytes", xticks=range(8))
ax.legend();

# %% [markdown]
# A gradient has 4 MB; 28 MB go in and 28 MB out through one door, while the seven others wait. With a hundred machines
# it would be 396 MB each way. Adding machines makes each step *slower*.
#
# ## In a ring
#
# Put the machines in a ring, where each sends to the next one only, and cut every gradient into $p$ pieces. Let *all*
# send at once, each another piece. After the first move every machine has one piece with two shares in it; it sends on
# just this piece, and after the second move somebody has three shares of it ... After $p - 1$ moves each machine holds
# one piece with everybody's share in it. Then the finished pieces go round once more, for $p - 1$ moves, and replace
# what they find. That is the **ring all-reduce**. How many shares each piece holds, on four machines:

# %%
p = 4
pictures = [np.ones((p, p), int)]                                      # (machine, piece)
for move in range(1, 2 * p - 1):
    held = np.ones((p, p), int)
    for piece in range(p):
        for way in range(p):                                           # from where it started
            held[(piece + way) % p, piece] = min(way, move) + 1 if way <= move else 1
            if move >= p and (way - (p - 1)) % p <= move - (p - 1):
                held[(piece + way) % p, piece] = p
    pictures.append(held)

fig, axes = plt.subplots(1, 7, figsize=(9, 2), sharey=True)
for move, (ax, held) in enumerate(zip(axes, pictures, strict=True)):
    ax.imshow(held, vmin=0, vmax=p + 1, cmap="Blues")
    for (machine, piece), number in np.ndenumerate(held):
        ax.text(piece, machine, number, ha="center", va="center",
                color="w" if number == p else "k")
    ax.set(title=f"{move} move{'s' * (move != 1)}", xticks=range(p), yticks=range(p))
axes[0].set(xlabel="piece", ylabel="machine");

# %% [markdown]
# Each row is a machine, each column a piece, each number how many of the four shares are in it. Follow piece 0 down
# from machine 0: 1, 2, 3, 4; and then the 4 goes on round the ring.
#
# ### Exercise 18.2
#
# Write it. `arrays` has an array of one axis for each of `devices`, on that device, all equally long, but not
# necessarily a multiple of the number of devices, and maybe shorter. Return a list of the sums, one on each device, and
# leave `arrays` as they are. Use `send` only, from each device to the next one (from the last to the first); no device
# may send more than its fair part, $2(p-1)/p$ of an array, up to rounding. (`device.xp` is the NumPy of a device.)

# %%
def ring_all_reduce(arrays, devices):
    ...


check("18.2", ring_all_reduce);

# %% [markdown]
# In each move a machine sends a $p$-th of an array, and there are $2(p-1)$ moves: each sends $2(p-1)/p$ arrays, *never
# as much as two*, however many machines there are. How much passes the busiest door, for AlexNet's gradient?

# %%
GRADIENT = 4 * 60_965_224                                              # bytes, in float32
p = np.arange(2, 65)
fig, ax = plt.subplots(figsize=(6, 2.6))
ax.loglog(p, (p - 1) * GRADIENT / 1e6, "C3--", label="through machine 0")
ax.loglog(p, 2 * (p - 1) / p * GRADIENT / 1e6, "C0", label="ring")
ax.set(xlabel="machines", ylabel="MB that the busiest sends", xticks=[2, 4, 8, 16, 32, 64],
       xticklabels=[2, 4, 8, 16, 32, 64])
ax.minorticks_off()
ax.legend();

# %% [markdown]
# *If you like:* yours, counted.

# %%
if check("18.2", ring_all_reduce):
    with traffic() as log:
        ring_all_reduce(parts, eight)
    print("MB that each sends:   ", np.round(bytes_by(eight, log)[0], 2))
    print("MB that each receives:", np.round(bytes_by(eight, log)[1], 2))

# %% [markdown]
# ## The step
#
# ### Exercise 18.3
#
# Put it together: one training step on many machines. `nets[r]` is the copy on machine `r`, `optimisers[r]` its
# optimiser, `shares[r]` its images and labels, as arrays of the host (a net takes them). Every net takes the gradient
# of its own share only; then each parameter's gradient, `p.grad`, becomes that of *all* images, by (1); then every
# optimiser steps. Shares may differ in size, none is empty. To sum use `sum_at_zero` above, or your ring. Return the
# mean loss over all images.

# %%
def my_step(nets, optimisers, shares):
    ...


check("18.3", my_step);

# %% [markdown]
# The same in the lesson's way: all parameters' gradients in one line of numbers, so that there is one sum and not four.
# (Libraries do that, too: each message costs time, also a small one.) Then the proof, as in lesson 10: forty steps with
# 50 images on one machine, and on four with 13, 13, 12 and 12 images.

# %%
def step(nets, optimisers, shares):
    """One step; the mean loss over all shares."""
    total, losses, lines = sum(len(part[1]) for part in shares), [], []
    for net, (x, labels) in zip(nets, shares, strict=True):
        loss = SoftmaxCrossEntropy()
        losses.append(float(loss.forward(net.forward(x, train=True), labels)))
        net.backward(loss.backward())
        line = net.device.xp.concatenate([p.grad.ravel() for _, p in net.parameters()])
        lines.append(line * (len(labels) / total))                     # n_r / N · g_r
    for net, optimiser, line in zip(nets, optimisers, sum_at_zero(lines, [n.device for n in nets]),
                                    strict=True):
        for _, p in net.parameters():
            p.grad[...] = line[:p.size].reshape(p.shape)
            line = line[p.size:]
        optimiser.step()
    return sum(len(part[1]) / total * loss for part, loss in zip(shares, losses, strict=True))


def losses_on(devices, net, steps=40, batch=50):
    """The losses of steps on copies of `net` on these devices, and the nets."""
    nets = copies(net, devices)
    optimisers = [SGD(net.parameters(), lr=0.02) for net in nets]
    losses, rng = [], np.random.default_rng(1)
    while len(losses) < steps:
        for xs, right in batches(x, labels, batch, rng):
            shares = list(zip(np.array_split(xs, len(nets)), np.array_split(right, len(nets)),
                              strict=True))
            losses.append(step(nets, optimisers, shares))
    return np.array(losses[:steps]), nets


def relative_difference(a, b):
    return np.abs(a - b).max() / np.abs(b).max()

# %%
alone, _ = losses_on(machines[:1], net)
together, nets = losses_on(machines, net)
fig, ax = plt.subplots(figsize=(6, 2.6))
ax.plot(alone, color="C1", linewidth=5, alpha=0.5, label="one machine")
ax.plot(together, color="C0", label="four machines")
ax.set(xlabel="step", ylabel="loss", ylim=(0, None))
ax.legend()
first, *others = ([p.device.tohost(p.value) for _, p in net.parameters()] for net in nets)
assert all(np.array_equal(a, b) for net in others for a, b in zip(first, net, strict=True))
print(f"largest difference of the losses: {relative_difference(together, alone):.0e}")
assert relative_difference(together, alone) < 1e-10

# %% [markdown]
# And the four nets never differ by a single bit: same start, same sums, same steps. Nobody ever has to send weights.
#
# ## What is not the same
#
# Two layers break it. **Dropout** draws a mask for each image: on four machines that start with the same generator,
# images of different machines get the same masks; with generators of their own, other masks than on one machine. And
# **batch normalisation** (lesson 16) takes mean and spread over the batch: on each machine over its *share*. How far do
# the losses of forty steps go apart?

# %%
kinds = {"plain": None, "dropout": Dropout(0.5, np.random.default_rng(2)),
         "batch norm": BatchNorm1d(64)}
fig, axes = plt.subplots(1, 3, figsize=(8.5, 2.4), sharey=True)
for ax, (name, layer) in zip(axes, kinds.items(), strict=True):
    net_with = small_net(0, layer).astype(np.float64)
    one, four = (losses_on(devices, net_with)[0] for devices in (machines[:1], machines))
    ax.plot(one, color="C1", linewidth=4, alpha=0.5, label="one")
    ax.plot(four, color="C0", label="four")
    ax.set(title=f"{name}: {relative_difference(four, one):.0e}", xlabel="step")
axes[0].set_ylabel("loss")
axes[0].legend(fontsize=8);

# %% [markdown]
# Neither is wrong; each is a different training, and whoever compares two runs has to know. (With two images a machine,
# a mean over the share would be a poor one. Some programs send the means across as well; tinynet does not.)
#
# ## When it stops paying
#
# A step takes as long as the computing of one share, and then the sum. On a line that carries $B$ bytes a second and
# takes $\ell$ seconds for the shortest message, the ring takes
#
# $$2\,(p - 1) \left( \ell + \frac{\text{bytes}}{p\,B} \right) \qquad (2)$$
#
# Numbers for AlexNet: the paper's two cards took about 5 days for 90 times 1.2 million images, 4 ms an image. Let such
# a pair be one machine, and let the line be one of 10 gigabits (1.25 GB) a second, and 50 µs. For GoogLeNet let the
# time grow with its multiply-adds.

# %%
BYTES, LATENCY = 1.25e9, 50e-6                                         # a second; seconds
AN_IMAGE = 5 * 24 * 3600 / (90 * 1.2e6)                                # seconds, of AlexNet
costs = {}
for name, big in ("AlexNet", alexnet(columns=1)), ("GoogLeNet", googlenet(heads=False)):
    rows = summary(big, show=False)
    costs[name] = (4 * sum(row.parameters for row in rows), sum(row.multiply_adds for row in rows))
for name, (gradient_bytes, adds) in costs.items():
    an_image = adds / costs["AlexNet"][1] * AN_IMAGE
    print(f"{name}: {gradient_bytes / 1e6:.0f} MB, {1000 * an_image:.1f} ms an image")


def step_seconds(name, p, share):
    """Computing `share` images on each of p machines, and the ring."""
    gradient_bytes, adds = costs[name]
    computing = share * AN_IMAGE * adds / costs["AlexNet"][1]
    return computing + 2 * (p - 1) * (LATENCY + gradient_bytes / (p * BYTES))


p = 2 ** np.arange(8)
fig, axes = plt.subplots(1, 2, figsize=(8, 2.9), sharey=True)
for ax, title in zip(axes, ("128 images for all", "128 images for each"), strict=True):
    for name, marker in zip(costs, "os", strict=True):
        share = 128 / p if "all" in title else 128 + 0 * p
        faster = share * p / 128 * step_seconds(name, 1, 128) / step_seconds(name, p, share)
        ax.loglog(p, faster, marker=marker, markersize=3, label=name)
    ax.plot(p, p, ":", color="0.5", label="as one would like")
    ax.set(title=title, xlabel="machines", xticks=p, xticklabels=p)
    ax.minorticks_off()
axes[0].set(ylabel="times as fast", yticks=p, yticklabels=p)
axes[0].legend(fontsize=8);

# %% [markdown]
# With the paper's 128 images for all machines together, AlexNet gains less than a third, whatever the number of
# machines: each has less and less to compute, and the sum takes as long as ever. Its 244 MB are its fully-connected
# layers (lesson 11); GoogLeNet has a ninth of it to send, twice as much to compute, and goes on gaining up to some
# hundred machines, though little after sixty. If on the other hand each machine takes 128 images of its own, things
# look far better: the right panel. But then a step is one with $128\,p$ images. Is that as good?
#
# (Programs gain some more: the gradient of the last layer is ready first, and can be on its way while backward computes
# the others. That hides the smaller of the two times behind the larger one.)
#
# ## Larger batches
#
# What does one have of more images in a step? A better gradient. The spread of the gradients of batches around that of
# all images, at the start of training:

# %%
start = small_net()
x32, new_x32 = x.astype(np.float32), new_x.astype(np.float32)
everything, rng = gradient(start, x32, labels), np.random.default_rng(3)
sizes, off = [5, 20, 80, 320], []
for size in sizes:
    draws = [rng.choice(len(x), size, replace=False) for _ in range(20)]
    errors = [np.linalg.norm(gradient(start, x32[d], labels[d]) - everything) for d in draws]
    off.append(np.mean(errors) / np.linalg.norm(everything))
fig, ax = plt.subplots(figsize=(5.5, 2.6))
ax.loglog(sizes, off, "o", label="measured")
ax.loglog(sizes, off[0] * np.sqrt(sizes[0] / np.array(sizes)), "0.5", label="1 / √size")
ax.set(xlabel="images in a batch", ylabel="error / size of the gradient",
       xticks=sizes, xticklabels=sizes, yticks=[0.5, 1, 2, 4], yticklabels=[0.5, 1, 2, 4])
ax.minorticks_off()
ax.legend();

# %% [markdown]
# Four times the images, half the error (lesson 4's root). Diminishing returns, then. And with a batch $k$ times as
# large, an epoch has $k$ times fewer steps. If each went as far as before, we would not get far. So one lets each go
# further, with $k$ times the rate: **linear scaling**. (Goyal and others trained ResNet this way in an hour, on 256
# GPUs, in 2017. They began with a small rate and raised it over the first epochs, a **warm-up**.) Eight epochs with
# each size of batch, with the rate of the smallest, 0.02; with the rate that grows with the batch; and with that and a
# warm-up over the first quarter. Three starts each:

# %%
def error_after(batch, rates, seed):
    """The share of new digits wrong after a step with each of `rates`."""
    net, rng, loss = small_net(seed), np.random.default_rng(100 + seed), SoftmaxCrossEntropy()
    optimiser, left = SGD(net.parameters(), 1.0), list(rates)
    while left:
        for xs, right in list(batches(x32, labels, batch, rng))[:len(left)]:
            loss.forward(net.forward(xs, train=True), right)
            net.backward(loss.backward())
            optimiser.lr = left.pop(0)
            optimiser.step()
    return np.mean(net.predict(new_x32).argmax(axis=1) != new_labels)


sizes = [25, 50, 100, 200, 400, 1000]
errors = {"same rate": [], "linear": [], "linear, warm-up": []}
for size in sizes:
    steps = 8 * len(x) // size
    flat = np.full(steps, 0.02)
    ramp = np.minimum(1, np.arange(1, steps + 1) / (steps / 4))
    for name, rates in zip(errors, (flat, flat * size / 25, flat * size / 25 * ramp), strict=True):
        errors[name].append([error_after(size, rates, seed) for seed in range(3)])

# %%
fig, ax = plt.subplots(figsize=(6, 2.9))
for (name, found), marker, style in zip(errors.items(), "osv", ("--", "-", ":"), strict=True):
    found = np.array(found)
    ax.plot(sizes, found.mean(axis=1), marker=marker, markersize=4, linestyle=style, label=name)
    ax.fill_between(sizes, found.min(axis=1), found.max(axis=1), alpha=0.15)
ax.set(xscale="log", xlabel="images in a batch", ylabel="new digits wrong", ylim=(0, 0.42),
       xticks=sizes, xticklabels=sizes)
ax.yaxis.set_major_formatter("{x:.0%}")
ax.minorticks_off()
ax.legend(fontsize=8)
for name, found in errors.items():
    print(f"{name:16}", *(f"{np.mean(three):6.1%}" for three in found))

# %% [markdown]
# With the same rate, larger batches learn less in the same number of epochs. Linear scaling holds the error up to
# batches of 200 or 400, and then it breaks: so large a rate is too large. A warm-up is of no use here; in so shallow a
# net the first steps are not the dangerous ones. (That is what we measured, for this net. Where the border lies, the
# net and the data decide.)
#
# ## On real machines
#
# Ranks are processes, one for each GPU or machine, and the sum is **MPI**'s or NCCL's, libraries that know rings, trees
# and the wires. This is our step in mpi4py, on as many machines as one likes; it is the same program on all of them:
#
# ```
# from mpi4py import MPI
#
# team = MPI.COMM_WORLD                       # team.rank: who am I?  team.size: how many are we?
# for epoch in range(epochs):
#     mine = my_share(len(x), team.size, team.rank, epoch, seed)
#     ...
#         line *= len(right) / total          # this rank's part of (1)
#         team.Allreduce(MPI.IN_PLACE, line)  # the sum, on all ranks
# ```
#
# `mpiexec` starts it, here four times on this machine:
#
# ```
# mpiexec -n 4 python train.py
# ```
#
# tinynet's training commands are such programs: `mpiexec -n 4 python -m tinynet train-cifar10 --net 18pct` deals out
# each batch and sums the gradients so (`tinynet/distributed.py`). And `python -m tinynet scale alexnet` plans like (2),
# layer by layer.
#
# One rule costs everybody an evening once: **all ranks must make the same calls in the same order.** Whoever leaves the
# loop early, on an error or because its share had one batch less, leaves the others waiting for ever in `Allreduce`.
#
# ### Exercise 18.4, an open one
#
# You have **at most 16 machines that take 25 images each, and 60 steps**. Bring the error on new digits **below 11.5
# %**, as the mean of three starts of the lesson's net. Return the number of machines and the rates of all steps. (One
# machine alone, with the best rate, is at some 17 % after 60 steps.)

# %%
def my_team():
    ...


check("18.4", my_team);

# %% [markdown]
# ## What you know now
#
# - One step on many machines is one step on one: the sum of the gradients, weighted by the number of images. The mean
#   of means is something else.
# - A ring sends less than two gradients a machine, however many machines there are; a sum at one place chokes there.
# - Batch normalisation and dropout see only their share.
# - It pays while computing a share takes longer than the ring: few parameters, much work, many images.
# - Larger batches have better gradients and fewer steps: a larger rate makes up for it, up to a point.
#
# **Lesson 19** is optional: how a convolution can do with fewer products.
