# %% [markdown]
# # 5 · LeNet-5, 1998
#
# **The question.** The two-layer net of lesson 2 learned 79,510 numbers from 2,000 handwritten digits, knew those
# digits almost by heart, and read new ones noticeably worse. In 1998 there was a net with only 60,000 numbers that read
# cheques for banks. Trained on our 2,000 digits, it will make fewer mistakes. *What does it know about pictures before
# it has seen the first one?*
#
# The paper is LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998; its
# section II.B describes LeNet-5 layer by layer, and so do we. "The paper" is that one here; AlexNet's is "the AlexNet
# paper". You need lessons 2 to 4. Reading takes about 45 minutes; the four exercises, of which the last is an open one,
# about an hour and a half.

# %%
import matplotlib.pyplot as plt
import numpy as np
from check import check

import tinynet
from tinynet import SGD, Conv2d, Linear, Sequential, Subsample2d, TableConv2d
from tinynet.data import batches, mnist_sample
from tinynet.models.lenet5 import C3_TABLE, MAPLoss, digit_codes, lenet5, normalised

# %% [markdown]
# ## What goes in
#
# The digits of lesson 2, 28 × 28. The net sees them in the middle of 32 × 32 pixels, so that every stroke, even one at
# the edge, can come to the middle of a 5 × 5 kernel. And the numbers are stretched: paper is -0.1, ink is 1.175. The
# aim is a mean near 0, for the reason that lesson 1 had: comfortable numbers.

# %%
(images, labels), (test_images, test_labels) = mnist_sample()
x = normalised(images)                                                 # (2000, 32, 32, 1)
print(f"from {x.min():.3f} to {x.max():.3f}, mean {x.mean():.3f}, variance {x.var():.3f}")

fig, axes = plt.subplots(1, 2, figsize=(4, 2), width_ratios=(28, 32))
five = np.flatnonzero(labels == 5)[:1]
for ax, image in zip(axes, (images[five][0], x[five][0]), strict=True):
    ax.imshow(image, vmin=image.min() - 0.15 * np.ptp(image))          # paper light grey
    ax.set_title(f"{image.shape[0]} × {image.shape[1]}")
    ax.axis("off")

# %% [markdown]
# The paper says the variance would be roughly 1. On these digits it is not, and the net learns all the same.
#
# ## The whole net
#
# Convolutions are called C here, subsamplings S, fully-connected layers F; the number is the layer's place in the net.

# %%
net = lenet5("linear", np.random.default_rng(0))
rows = {row.name: row for row in tinynet.summary(net)}
assert tinynet.count_parameters(net) == 60_850

# %% [markdown]
# 60,850, of which 850 belong to the ten neurons at the end, one for each digit, as in lesson 2. The net of 1998 ended
# in another way and had exactly 60,000; that is the second half of this lesson. (The last column, bytes sent, is for
# lesson 10.) Now from the top, layer by layer, each with the one thing that it knows.
#
# ## C1: what is worth seeing here is worth seeing there
#
# Lesson 2's neurons looked at the whole image, and had to learn each stroke anew at each place. C1 looks through a
# window of 5 × 5 pixels, and uses the same 25 weights, and one bias, wherever the window stands: a convolution (lesson
# 3), six of them side by side. What would it cost to give every number of the output its own weights for all 32 × 32
# pixels?

# %%
parameters = 6 * (5 * 5 + 1)
connections = 28 * 28 * parameters                                     # each used at 28 × 28 places
fully_connected = (28 * 28 * 6) * (32 * 32 + 1)
print(f"C1: {parameters} parameters, {connections:,} connections")
print(f"fully connected: {fully_connected:,} parameters")
assert rows["C1"].parameters == parameters == 156 and connections == 122_304

# %% [markdown]
# The first thing that the net knows: *near pixels belong together, and a stroke is a stroke wherever it is.* Section 1
# of the AlexNet paper names the same two assumptions.
#
# ## S2: where exactly does not matter
#
# Each map is divided into windows of 2 × 2, and of each window only the mean $m$ goes on. Then every map $c$ has one
# coefficient and one bias, both learned:
#
# $$y_c = w_c\,m_c + b_c$$
#
# (The paper adds the four up; a mean is the same with a coefficient four times as large.) Many accounts call this
# average pooling. It is almost that, but average pooling learns nothing, and S2 has 12 parameters.

# %%
def subsample(x, w, b):
    """Means of 2 × 2 pixels of x (N, H, W, C), times w (C,), plus b (C,): (N, H/2, W/2, C)."""
    N, H, W, C = x.shape
    mean = x.reshape(N, H // 2, 2, W // 2, 2, C).mean(axis=(2, 4))
    return w * mean + b


library = Subsample2d(6, 2)
library.w.value[:], library.b.value[:] = np.linspace(-1, 1.5, 6), np.linspace(0, 0.5, 6)
maps = net["C1"].forward(x[five])                                      # (1, 28, 28, 6)
small = subsample(maps, library.w.value, library.b.value)              # (1, 14, 14, 6)
assert np.allclose(small, library.forward(maps), atol=1e-6)
assert rows["S2"].parameters == 2 * 6

fig, axes = plt.subplots(1, 3, figsize=(6, 2), width_ratios=(32, 28, 14))
for ax, image, title in zip(axes, (x[five][0], maps[0, ..., 5:], small[0, ..., 5:]),
                            ("32 × 32", "C1, 28 × 28", "S2, 14 × 14"), strict=True):
    ax.imshow(image)
    ax.set_title(title)
    ax.axis("off")

# %% [markdown]
# (The kernel is still random; we shall look again after training.) The map lost three quarters of its numbers and
# little of what can be seen. The second thing that the net knows: *the exact place of a stroke does not matter, only
# roughly where it is, beside which others.*
#
# ### Exercise 5.1
#
# The backward of `subsample`. Given `x`, `w` and `dy` (N, H/2, W/2, C), return `dx`, `dw`, `db`. Which numbers of $y$
# does one pixel touch, and with what factor? `np.repeat` may be handy.

# %%
def subsample_backward(x, w, dy):
    ...


check("5.1", subsample_backward);

# %% [markdown]
# *If you like:* is it the library's? (Forward keeps what backward needs: `train=True`.)

# %%
if check("5.1", subsample_backward):
    y = library.forward(maps, train=True)
    dy = np.random.default_rng(3).normal(size=y.shape).astype(np.float32)
    ours, theirs = subsample_backward(maps, library.w.value, dy), library.backward(dy)
    for mine, its in zip(ours, (theirs, library.w.grad, library.b.grad), strict=True):
        print(f"largest difference {np.abs(mine - its).max():.0e}")

# %% [markdown]
# ## The squash
#
# After every C, S and F layer comes the same nonlinearity, a tanh that is stretched in both directions:
#
# $$f(a) = 1.7159\,\tanh\left(\tfrac{2}{3}\,a\right)$$
#
# These are not arbitrary numbers. Look at the places marked:

# %%
a = np.linspace(-4, 4, 801)
f = tinynet.ScaledTanh().forward(a)
bend = np.abs(np.gradient(np.gradient(f, a), a))                       # how strongly it turns

fig, ax = plt.subplots(figsize=(5, 2.8))
ax.plot(a, f, label="f")
ax.plot(a, bend, "--", label="how bent f is, |f''|")
ax.plot([-1, 1], [-1, 1], "o", color="C3")
ax.set_xlabel("a")
ax.legend()

assert abs(tinynet.ScaledTanh().forward(np.ones(1))[0] - 1) < 1e-4
print(f"most bent at a = ±{abs(a[bend.argmax()]):.2f}; it ends at ±{tinynet.ScaledTanh.A}")

# %% [markdown]
# $f(1) = 1$ and $f(-1) = -1$, and it is most bent almost there. So the targets that the net of 1998 had, 1 and -1, lie
# where the curve still slopes. Had they been at the ends, ±1.7159, only infinite weights could reach them, and on the
# way the slope would fade to nothing: saturation, again (appendix A of the paper; lesson 6 is about it).
#
# ## C3: not every map sees every map
#
# C3 makes 16 maps from the 6 of S2. Each of them sees only those that a table says: six see three neighbours, six see
# four neighbours (in a ring: beside map 5 is map 0), three see two pairs, and the last one sees all.

# %%
table = np.zeros((6, 16))
for f, seen in enumerate(C3_TABLE):
    table[list(seen), f] = 1

fig, ax = plt.subplots(figsize=(6, 2.4))
ax.imshow(table, cmap="Blues", vmax=1.5)
ax.set(xlabel="map of C3", ylabel="map of S2 it sees", xticks=range(16), yticks=range(6))
for place in range(17):
    ax.axvline(place - 0.5, color="white")

# %% [markdown]
# The paper gives two reasons. It kept the number of connections within what a computer of 1998 could bear. And maps
# that see different inputs are forced to look for different things. (AlexNet's two columns, lesson 10, will look like a
# table with two blocks, drawn for the first reason and, the authors found, with the second effect.)
#
# Nothing about it is new to us: it is a convolution whose kernels are 0 wherever the table has no mark. To see that,
# take the library's `TableConv2d`, put its kernels into an ordinary convolution, and compare.

# %%
C3 = TableConv2d(6, C3_TABLE, 5, rng=np.random.default_rng(1))
ordinary = Conv2d(6, 16, 5)                                            # W: (5, 5, 6, 16)
ordinary.W.value[:] = 0
pairs = [(c, f) for f, seen in enumerate(C3_TABLE) for c in seen]      # the marks of the table
for k, (c, f) in enumerate(pairs):
    ordinary.W.value[:, :, c, f] = C3.W.value[:, :, k]

print(f"{len(pairs)} marks of {6 * 16}")
assert np.allclose(C3.forward(small), ordinary.forward(small), atol=1e-6)

# %% [markdown]
# The other way round is more useful: train an *ordinary* convolution, and make it stay C3.
#
# ### Exercise 5.2
#
# `dW` (KH, KW, C, F) is the gradient of an ordinary convolution's kernels. Return it with 0 in place of everything that
# belongs to a pair of maps without a mark: for each output map, `table` holds the input maps that it sees, as
# `C3_TABLE` does. Kernels that start at 0 and get no gradient stay at 0.

# %%
def keep_to_table(dW, table):
    ...


check("5.2", keep_to_table);

# %% [markdown]
# Every kernel that is kept has 25 weights, and every map of C3 has a bias. For C3 the paper says 1,516 parameters; a
# full table would have 2,416.

# %%
assert len(pairs) * 25 + 16 == rows["C3"].parameters == 1516
assert 6 * 16 * 25 + 16 == 2416

# %% [markdown]
# *If you like:* ten steps of the ordinary convolution with your answer, and of the library's `TableConv2d`, towards the
# same maps. Do they stay the same layer?

# %%
if check("5.2", keep_to_table):
    for _ in range(10):
        target = np.ones((1, 10, 10, 16), np.float32)
        for layer in C3, ordinary:
            layer.backward(layer.forward(small, train=True) - target)
        ordinary.W.grad = keep_to_table(ordinary.W.grad, C3_TABLE)
        for layer in C3, ordinary:
            for _, p in layer.parameters():
                p.value -= 0.001 * p.grad
    difference = np.abs(C3.forward(small) - ordinary.forward(small)).max()
    print(f"after ten steps the maps differ by {difference:.0e} at most")

# %% [markdown]
# ## C5: a convolution that looks like something else
#
# S4 leaves 16 maps of 5 × 5. C5 has 120 kernels of 5 × 5: there is one place only where such a kernel fits, so each of
# its maps is a single number. Accounts of LeNet-5 often list it as fully connected. For a 32 × 32 image the numbers are
# the same. But the paper insists on the C, and here is why:

# %%
for width in 32, 64, 96:
    maps = net[:"C5"].forward(np.zeros((1, 32, width, 1), np.float32))  # all layers up to C5
    print(f"an image of 32 × {width}: C5 is {maps.shape[1]} × {maps.shape[2]} × {maps.shape[3]}")

# %% [markdown]
# A wider image, a wider map: no layer has to be changed. We shall use that at the end to read a whole line of digits.
#
# After C5 come two fully-connected layers: F6, 84 neurons, and ten scores.
#
# ## Training
#
# On 2,000 digits, as before; the paper had 60,000. Each batch of 16 is moved by up to one pixel in both directions, so
# that an image does not always come the same: that is lesson 9 in a nutshell. (`SGD` brings momentum, and the learning
# rate shrinks from epoch to epoch: lesson 7.)

# %%
def error(net, prepare, images):
    """The share of wrong answers on the test digits, or on `images` of them."""
    return np.mean(net.forward(prepare(images)).argmax(axis=1) != test_labels)


def train(net, loss, prepare, lr, epochs=15):
    """Train on moved digits; returns the test error after each epoch."""
    rng, sgd, errors = np.random.default_rng(1), SGD(net.parameters(), lr, weight_decay=0), []
    for _ in range(epochs):
        for batch, right in batches(images, labels, 16, rng):
            batch = np.roll(batch, rng.integers(-1, 2, 2), axis=(1, 2))
            loss.forward(net.forward(prepare(batch), train=True), right)
            net.backward(loss.backward())
            sgd.step()
        sgd.lr *= 0.8
        errors.append(error(net, prepare, test_images))
    return errors

# %% [markdown]
# Beside LeNet-5 we train the net of lesson 2, on the same moved images. Each has the learning rate that was the best
# for it of five, so that the comparison is fair.

# %%
def flat(images):
    """Images as rows of numbers from 0 to 1, as in lesson 2."""
    return images.reshape(len(images), -1) / np.float32(255)           # (N, 784)


rng, init = np.random.default_rng(0), tinynet.gaussian(0.1)
two_layers = Sequential(fc1=Linear(784, 100, rng=rng, weight_init=init), relu1=tinynet.ReLU(),
                        fc2=Linear(100, 10, rng=rng, weight_init=init))
errors = {"two layers": train(two_layers, tinynet.SoftmaxCrossEntropy(), flat, lr=0.05),
          "LeNet-5": train(net, tinynet.SoftmaxCrossEntropy(), normalised, lr=0.04)}

# %%
fig, ax = plt.subplots(figsize=(5, 2.8))
for (name, curve), numbers in zip(errors.items(), (79_510, 60_850), strict=True):
    ax.plot(range(1, 16), curve, label=f"{name}, {numbers:,} parameters")
    print(f"{name}: {curve[-1]:.1%} of the 500 new digits wrong")
ax.set(xlabel="epochs", ylabel="wrong answers", ylim=(0, 0.25))
ax.yaxis.set_major_formatter("{x:.0%}")
ax.legend();

# %% [markdown]
# LeNet-5 begins slowly, above the upper edge of the figure: six squashes in a row (lesson 6 will say more). And then:
# fewer parameters, fewer mistakes. What a net knows beforehand need not be learned from examples. Or is it luck? On 500
# digits luck was worth one point (lesson 4), and the gap is more than two. (The rates were chosen on these digits, too,
# which flatters both nets.) Further down, a harder test leaves no doubt. (On all of MNIST the paper reports 0.95 %
# wrong; `examples/train_lenet5.py --data full` trains that.)
#
# ## What it has learned
#
# One digit on its way through the net. Each row shows the maps of one layer, after the squash.

# %%
first = np.flatnonzero(test_labels == 4)[:1]
fig, axes = plt.subplots(4, 16, figsize=(11, 3.2))
for i, (row, title) in enumerate(zip(axes, ("C1", "S2", "C3", "S4"), strict=True), start=1):
    maps = net[:f"squash{i}"].forward(normalised(test_images[first]))[0]
    for c, ax in enumerate(row):
        if c < maps.shape[-1]:
            ax.imshow(maps[..., c], vmin=-1.7159, vmax=1.7159)
        ax.axis("off")
    row[0].set_title(f"{title}, {maps.shape[0]} × {maps.shape[1]}", fontsize=8, loc="left")

# %% [markdown]
# C1 still shows the digit, as six filters see it: edges of one direction or another. In C3 it dissolves: each map says
# where something is that has no name.
#
# ## Does it know what we said it knows?
#
# A stroke is a stroke wherever it is; exactly where does not matter. That can be tested. Both nets were trained on
# digits moved by one pixel at most. Move the test digits further:

# %%
shifts = range(-4, 5)
padded = np.pad(test_images, ((0, 0), (0, 0), (4, 4), (0, 0)))         # (500, 28, 36, 1)
moved = [padded[:, :, 4 - shift:32 - shift] for shift in shifts]
fig, ax = plt.subplots(figsize=(5, 2.8))
for name, net_, prepare in ("two layers", two_layers, flat), ("LeNet-5", net, normalised):
    ax.plot(shifts, [error(net_, prepare, m) for m in moved], ".-", label=name)
ax.set(xlabel="pixels to the right", ylabel="wrong answers", ylim=(0, None))
ax.yaxis.set_major_formatter("{x:.0%}")
ax.legend();

# %% [markdown]
# Both suffer, and LeNet-5 clearly less. It is *less* sensitive to place, not insensitive: two subsamplings forgive a
# few pixels, and C5 knows very well where in its 5 × 5 field a thing is. If it is to cope with more, it must be shown
# more.
#
# ## The output of 1998: how far from a little picture?
#
# You have seen a whole net now. What follows is how the real LeNet-5 ended; nothing later rests on it, but it is worth
# seeing. F6 has 84 numbers, squashed. Why 84? Because $84 = 7 \times 12$: they are to be a picture. For each digit
# somebody drew once and for all what F6 should look like, 1 for ink and -1 for paper. (These drawings are tinynet's
# own, in the manner of the paper's Figure 3.)

# %%
codes = digit_codes()                                                  # (10, 84), of 1 and -1


def draw_codes(ax, numbers, title):
    """F6's 84 numbers, as the picture that they are meant to be."""
    ax.imshow(numbers.reshape(12, 7), vmin=-1.7159, vmax=1.7159)
    ax.set_title(title, fontsize=9)
    ax.axis("off")


fig, axes = plt.subplots(1, 10, figsize=(7, 1.5))
for digit, ax in enumerate(axes):
    draw_codes(ax, codes[digit], digit)

# %% [markdown]
# The output for digit $k$ is the squared distance between F6 and that digit's picture $w_k$, and the nearest wins:
#
# $$d_k = \sum_j (x_j - w_{kj})^2$$
#
# In tinynet the largest output wins everywhere, so its layer `RBF` returns $-d_k$. There is nothing to learn in it:
# *no* parameter. Tables of LeNet-5 that end in a row "84 × 10, 850 parameters" describe another net, with ten learned
# neurons at the end. (That is the one we have trained.)

# %%
def scores(x, codes):
    """Minus the squared distance of each x (N, 84) from each of the codes (K, 84): (N, K)."""
    return -((x[:, None] - codes) ** 2).sum(axis=2)


f6 = np.random.default_rng(2).normal(size=(5, 84)).astype(np.float32)
assert np.allclose(scores(f6, codes), tinynet.RBF(84, codes).forward(f6), rtol=1e-5)

# %% [markdown]
# ### Exercise 5.3
#
# Its backward: given `x` (N, J), `codes` (K, J) and `dy` (N, K), return `dx` (N, J). Every $x_{nj}$ touches all the $K$
# scores of its row.

# %%
def scores_backward(x, codes, dy):
    ...


check("5.3", scores_backward);

# %% [markdown]
# *If you like:* put it in place of the library's `RBF`, at the end of the net. The gradient of all that comes before
# should stay the same.

# %%
class YourRBF(tinynet.Layer):
    def forward(self, x, train=False, keep=False):
        self.x = x
        return scores(x, codes)

    def backward(self, dy):
        return scores_backward(self.x, codes, dy)


if check("5.3", scores_backward):
    f6 = np.random.default_rng(2).normal(size=(5, 84)).astype(np.float32)
    yours, theirs = YourRBF(), tinynet.RBF(84, codes)
    dy = np.random.default_rng(3).normal(size=(5, 10)).astype(np.float32)
    for layer in yours, theirs:
        layer.forward(f6, train=True)
    print(f"largest difference {np.abs(yours.backward(dy) - theirs.backward(dy)).max():.0e}")

# %% [markdown]
# ## The loss of 1998
#
# The distance to the right picture should be small. That alone will not do: if the pictures could move, all would
# become the same, and the distance 0. Here they are fixed, yet the paper adds a second term that pushes the wrong
# pictures away. With $D$ the right digit,
#
# $$L = d_D + \log\left(e^{-j} + \sum_k e^{-d_k}\right)$$
#
# It is $-\log$ of a softmax over $-d_k$, as in lesson 2, with one class more: **rubbish**, at the fixed distance $j$
# from everything. What does it do? Put all wrong pictures far away, and move towards the right one:

# %%
def loss_at(d, j, wrong=60.0):
    """L when the right picture is at the distance d, and nine wrong ones at `wrong`."""
    return d + np.log(np.exp(-j) + np.exp(-d) + 9 * np.exp(-wrong))


d = np.linspace(0, 20, 200)
fig, ax = plt.subplots(figsize=(5, 2.8))
for j, style in (4, "-"), (10, "--"), (np.inf, ":"):
    ax.plot(d, loss_at(d, j), style, label=f"j = {j}")
ax.set(xlabel="distance of the right picture", ylabel="L")
ax.legend()

one = -np.array([[3.0, 5.0, 60.0]])                                    # one image, three classes
by_hand = 3 + np.log(np.exp(-4) + np.exp(-3) + np.exp(-5) + np.exp(-60))
assert np.isclose(MAPLoss(j=4).forward(one, np.array([0])), by_hand)

# %% [markdown]
# As long as the right picture is further away than $j$, the loss pulls with slope 1; nearer than $j$, it lets go.
# Without rubbish ($j = \infty$, the flat line) the loss is content as soon as all *others* are far away, and F6 need
# not look like anything.
#
# ## What F6 draws
#
# Now train it: the same net up to F6, no neurons at the end, the other loss.

# %%
net_1998 = lenet5("rbf", np.random.default_rng(0))
assert tinynet.count_parameters(net_1998) == 60_000
errors["LeNet-5 of 1998"] = train(net_1998, MAPLoss(), normalised, lr=0.002)
for name, curve in errors.items():
    print(f"{name}: {curve[-1]:.1%} of the 500 new digits wrong")

# %% [markdown]
# 1.2 points worse than LeNet-5 above, little more than luck is worth (one point): too few digits to tell them apart.
# But it can do something that the other cannot. F6 draws a digit again, and now a *printed* one:

# %%
some = [np.flatnonzero(test_labels == digit)[0] for digit in range(10)]
f6 = net_1998[:"squash6"].forward(normalised(test_images[some]))            # (10, 84)
fig, axes = plt.subplots(2, 10, figsize=(7, 2.5))
for digit, (above, below) in enumerate(axes.T):
    above.imshow(test_images[some[digit]])
    above.axis("off")
    draw_codes(below, f6[digit], "")

# %% [markdown]
# Ten handwritings in, one typeface out; where the net is unsure, two of its pictures at once. That is what the code is
# for: the net does not only answer, it draws what it believes it sees. Its mistakes, below, can be read the same way.
# Above each, its answer, and the truth in brackets.

# %%
answers = net_1998.forward(normalised(test_images)).argmax(axis=1)
wrong = np.flatnonzero(answers != test_labels)[:10]
f6 = net_1998[:"squash6"].forward(normalised(test_images[wrong]))
fig, axes = plt.subplots(2, 10, figsize=(7, 2.7))
for ax in axes.flat:
    ax.axis("off")
for (above, below), n, numbers in zip(axes.T, wrong, f6, strict=False):
    above.imshow(test_images[n])
    above.set_title(f"{answers[n]} ({test_labels[n]})", fontsize=9)
    draw_codes(below, numbers, "")

# %% [markdown]
# ## A line of digits
#
# Now the C in C5, and what distances are good for. Put four test digits into one image, and let the net run over it as
# it is. C5 gives a row of places, four pixels apart; for each of them the output says how far the 32 pixels there are
# from each picture. How near is near enough? As near as 99 % of the training digits are to the picture that is nearest
# to them.

# %%
nearest = -net_1998.forward(x).max(axis=1)                                  # (2000,)
near = np.quantile(nearest, 0.99)
print(f"training digits: half nearer than {np.median(nearest):.0f}, 99 % nearer than {near:.0f}")

chosen = [np.flatnonzero(test_labels == digit)[n] for digit, n in ((1, 0), (9, 0), (9, 1), (8, 0))]
line = np.concatenate(normalised(test_images[chosen])[:, :, 2:-2], axis=1)     # (32, 4 · 28, 1)
line = np.pad(line, ((0, 0), (2, 2), (0, 0)), constant_values=-0.1)            # (32, 116, 1)

c5 = net_1998[:"squash5"].forward(line[None])                               # (1, 1, 22, 120)
distances = -net_1998["flat":].forward(c5.reshape(-1, 1, 1, 120))           # (22, 10): 22 windows

fig, axes = plt.subplots(2, 1, figsize=(6, 3.8), sharex=True)
axes[0].imshow(line[..., 0], extent=(0, line.shape[1], 32, 0), aspect="auto")
axes[0].set(yticks=[])
middles = 16 + 4 * np.arange(len(distances))                           # of the windows, in pixels
shown = axes[1].pcolormesh(middles, range(10), distances.T, cmap="Blues_r", vmax=150)
axes[1].set(xlabel="middle of the window, in pixels", ylabel="digit", yticks=range(10))
answers = np.where(distances.min(axis=1) < near, distances.argmin(axis=1), -1)
axes[1].plot(middles[answers >= 0], answers[answers >= 0], "o", color="C3")
fig.colorbar(shown, ax=axes[1], label="distance")

print(" ".join(str(digit) if digit >= 0 else "." for digit in answers))

# %% [markdown]
# The red dots are where a picture is near enough. Where a window has a digit in its middle, one should be. Between two
# digits most windows are far from everything. Some come close to a digit that is not there (the dark squares without a
# dot): the net was never shown anything but single digits in the middle, so nothing is promised there. The paper (its
# section VII) trains such a net on lines, and has a further step choose the most probable reading.
#
# That a net costs so little more on a large image is the same saving as in C1: neighbouring windows share nearly all of
# their convolutions.
#
# ## From here to AlexNet
#
# | | LeNet-5, 1998 | AlexNet, 2012 | here |
# |---|---|---|---|
# | images | 32 × 32 grey, 10 digits | 224 × 224 in colour, 1,000 kinds | |
# | parameters | 60,000 | 60 million | lesson 11 |
# | convolutions | 5 × 5, three | 11 × 11, 5 × 5, 3 × 3, five | lesson 3 |
# | subsampling | mean, coefficient and bias, 2 × 2 | maximum, 3 × 3, overlapping | lesson 4 |
# | nonlinearity | stretched tanh | ReLU | lesson 6 |
# | who sees whom | a table | two columns | lesson 10 |
# | output | distances from pictures | softmax | lesson 2 |
#
# The plan is the same. What had to be found were things that let it grow a thousandfold.
#
# ## What you know now
#
# - A convolution shares its weights over all places, so it needs few; subsampling forgives small shifts. Both are
#   knowledge that the net need not learn.
# - C3's table is a convolution with zeros; C5 is a convolution, and so the net takes wider images.
# - An output may be a picture; then mistakes can be read.
#
# ### Exercise 5.4, an open one
#
# Build a net of your own, from any layers of tinynet: images (N, 32, 32, 1) as LeNet-5 sees them in, ten scores (N, 10)
# out, **fewer than 10,000 parameters**. The checker trains it for five epochs on 1,500 of the 2,000 digits (batches of
# 20, momentum 0.9, learning rate 0.01, softmax). The target: **fewer than 7 % of the other 500 wrong**. There are many
# answers; draw all random numbers from `rng`.

# %%
def small_net(rng):
    ...


check("5.4", small_net);

# %% [markdown]
# (Those 500 are not the test digits, on purpose: whoever tries ten nets on the test digits and keeps the best has
# chosen by them, and they no longer say how well it reads *new* ones. Lesson 9 says more.) *If you like:* the test
# digits, once, at the end.

# %%
if check("5.4", small_net):
    yours = small_net(np.random.default_rng(0))
    print(f"your net: {tinynet.count_parameters(yours):,} parameters")
    errors_of_yours = train(yours, tinynet.SoftmaxCrossEntropy(), normalised, lr=0.01, epochs=8)
    print(f"after eight epochs on all 2,000, moved: "
          f"{errors_of_yours[-1]:.1%} of the test digits wrong")

# %% [markdown]
# Open `tinynet/models/lenet5.py`: `lenet5` is ten lines, and you know each. In **lesson 6** the tanh goes.
