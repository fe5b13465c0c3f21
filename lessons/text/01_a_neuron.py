# %% [markdown]
# # 1 · A neuron, a loss, a gradient
#
# **The question.** Below are 400 handwritten digits, twos and sevens, and a formula with three numbers in it that is to
# tell them apart. Nobody knows the three numbers. *How can they be found, by a machine, from the examples alone?*
#
# The answer takes three ideas: a neuron, a loss, a gradient. The same three found the sixty million numbers of AlexNet,
# the net of 2012 that this course leads up to. (Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep
# Convolutional Neural Networks": that is *the paper* from here on.) You need Python, NumPy arrays and the chain rule of
# calculus. Reading takes about 30 minutes, the three exercises about 30 more.
#
# Three exercises wait on the way. Write your code in place of the `...` and run the cell: the checker says whether it
# is right, and gives a hint if it is not.

# %%
import matplotlib.pyplot as plt
import numpy as np
from check import check

from tinynet.data import mnist_sample

# %% [markdown]
# ## From a picture to two numbers
#
# The images come from MNIST: 28 × 28 grey pixels, 0 for paper, 255 for full ink. A sample of it lies inside tinynet.

# %%
(images, labels), (test_images, test_labels) = mnist_sample()
twos, sevens = images[labels == 2], images[labels == 7]

fig, axes = plt.subplots(2, 8, figsize=(6, 1.7))
for ax, image in zip(axes.flat, [*twos[:8], *sevens[:8]], strict=True):
    ax.imshow(image)
    ax.axis("off")

# %% [markdown]
# A two rests on a long foot; a seven carries a bar on its head. So let us measure just two things in each image: how
# much ink is in its top half, and how much in its bottom half.

# %%
def ink(images):
    """The mean ink, 0 to 1, in the top half and the bottom half of each image: (N, 2)."""
    x = images[..., 0] / 255                                           # (N, 28, 28)
    return np.stack([x[:, :14].mean(axis=(1, 2)), x[:, 14:].mean(axis=(1, 2))], axis=1)


def twos_and_sevens(images, labels):
    """The images that are twos or sevens, and for each a target t: 1 for a seven, 0 for a two."""
    chosen = (labels == 2) | (labels == 7)
    return images[chosen], (labels[chosen] == 7).astype(float)


digits, t = twos_and_sevens(images, labels)
raw = ink(digits)
raw.shape, t.shape, raw.mean(axis=0).round(2)

# %% [markdown]
# Both measures are small numbers, around 0.1. We shift and stretch them to have mean 0 and spread 1. (*Spread* is our
# word for the standard deviation.) That adds no knowledge; it makes the numbers comfortable to work with.

# %%
mean, spread = raw.mean(axis=0), raw.std(axis=0)
x = (raw - mean) / spread                                              # (400, 2)


def scatter(ax, title):
    """The 400 examples as points."""
    for target, name, marker, color in (0, "two", "o", "C0"), (1, "seven", "^", "C1"):
        ax.plot(*x[t == target].T, marker, color=color, markersize=3, alpha=0.7, label=name)
    ax.set(xlabel="ink in the top half, x₁", ylabel="ink in the bottom half, x₂", title=title,
           xlim=(-3, 4.2), ylim=(-3, 4.2))


fig, ax = plt.subplots(figsize=(4, 3.6))
scatter(ax, "400 digits, two numbers each")
ax.legend();

# %% [markdown]
# Two clouds that overlap a little. A straight line between them would tell most of the digits apart.
#
# ## A neuron
#
# A neuron weighs its inputs, adds them up, and squashes the sum to a number between 0 and 1:
#
# $$z = w_1 x_1 + w_2 x_2 + b \qquad\qquad p = \frac{1}{1 + e^{-z}}$$
#
# $w_1$ and $w_2$ are the **weights**, $b$ is the **bias**, $z$ is the **score** (elsewhere you will find
# it called the **logit**). We read $p$ as the neuron's
# probability that the digit is a seven. The squashing function is called the *sigmoid*. Section 3.1 of the AlexNet
# paper names it, with tanh, as the usual neuron of the time, before it proposes another one; we shall meet that in
# lesson 2.

# %%
def neuron(x, w, b):
    """Probabilities (N,) of "seven", for inputs x (N, 2), weights w (2,) and a bias b."""
    z = x @ w + b                                                      # (N,)
    return 1 / (1 + np.exp(-z))


z = np.linspace(-6, 6, 200)
fig, ax = plt.subplots(figsize=(5, 2.4))
ax.plot(z, neuron(z[:, None], np.ones(1), 0))
ax.axhline(0.5, color="0.8", linewidth=1)
ax.set(xlabel="score z", ylabel="p", title="The sigmoid: score 0 is undecided");

# %% [markdown]
# Which weights? Let us guess. A seven looks thin, so we let ink of either kind speak against it:

# %%
w, b = np.array([-1.0, -1.0]), 0.0


def error(x, t, w, b):
    """The share of wrong answers, if p above one half means "seven"."""
    return np.mean((neuron(x, w, b) > 0.5) != t)


print(f"{error(x, t, w, b):.1%} wrong")

# %% [markdown]
# One in three is wrong. A poor guess, then. Which way should each of the three numbers move?
#
# ## A loss: how wrong, in one number
#
# "Move so that fewer answers are wrong" sounds right, and cannot work. The number of wrong answers changes in jumps:
# turn a weight a little and usually *nothing* happens, so it cannot say which way is better. We need a measure that
# notices every small step in the right direction. Take the probability that the neuron gave to the **right** answer:
# $p$ for a seven, $1 - p$ for a two. One example costs
#
# $$L = -\log(\text{probability of the right answer})$$
#
# and the **loss** of the whole set is the mean over all examples. (We write $L$ for both. The field calls it the
# **cross-entropy**.)

# %%
def loss(x, t, w, b):
    """The mean over the examples of -log(probability of the right answer)."""
    p = neuron(x, w, b)
    return np.mean(-np.log(np.where(t == 1, p, 1 - p)))


right = np.linspace(0.01, 1, 200)
fig, ax = plt.subplots(figsize=(5, 2.6))
ax.plot(right, -np.log(right))
ax.plot(0.5, np.log(2), "o", color="C1")
ax.annotate("undecided: log 2 = 0.69", (0.5, np.log(2)), xytext=(8, 4), textcoords="offset points")
ax.set(xlabel="probability given to the right answer", ylabel="cost L")
ax.set_title("Sure and wrong is expensive");

# %% [markdown]
# AlexNet's loss is the same for a thousand classes: section 3.5 says that the net *maximises* the mean of the log of
# the right answer's probability, and the largest mean of the log is the smallest mean of minus the log.
#
# Now turn one weight, $w_1$, slowly, leave the others, and watch both measures: first from afar, then each through a
# magnifying glass, around our guess $w_1 = -1$.

# %%
def along_w1(measure, w1):
    """The measure while w₁ goes through the values `w1`."""
    return [measure(x, t, np.array([v, w[1]]), b) for v in w1]


afar, near = np.linspace(-4, 4, 200), np.linspace(-1.03, -0.97, 300)
fig, axes = plt.subplots(1, 3, figsize=(8.5, 2.6))
axes[0].plot(afar, along_w1(error, afar), "--", color="C3", label="share of wrong answers")
axes[0].plot(afar, along_w1(loss, afar), color="C0", label="loss")
axes[1].plot(near, along_w1(error, near), "--", color="C3")
axes[2].plot(near, along_w1(loss, near), color="C0")
axes[0].legend(loc="upper right")
axes[0].set_ylim(0, 2.5)
for ax, title in zip(axes, ["both", "wrong answers, magnified", "loss, magnified"], strict=True):
    ax.set(xlabel="w₁", title=title)

# %% [markdown]
# The dashed line is a staircase: on each step it is level, and a level line points nowhere. The solid one slopes
# everywhere but at its lowest point, which is what we look for.
#
# ## The slope, by trying
#
# How steep is the loss at our $w_1$? Nudge $w_1$ by a tiny $h$ to both sides, and see what the loss does:
#
# $$\frac{\partial L}{\partial w_1} \approx \frac{L(w_1 + h) - L(w_1 - h)}{2h}$$

# %%
h = 1e-6
nudge = np.array([h, 0])
slope = (loss(x, t, w + nudge, b) - loss(x, t, w - nudge, b)) / (2 * h)

w1 = np.linspace(-3, 3, 100)
fig, ax = plt.subplots(figsize=(5, 2.8))
ax.plot(w1, [loss(x, t, np.array([v, w[1]]), b) for v in w1])
ax.plot(w1, loss(x, t, w, b) + slope * (w1 - w[0]), "--", color="C1", label=f"slope {slope:.3f}")
ax.plot(w[0], loss(x, t, w, b), "o", color="C1")
ax.set(xlabel="w₁", ylabel="loss")
ax.legend();

# %% [markdown]
# The sign of the slope answers the question for $w_1$: if it is positive, more $w_1$ means more loss, so $w_1$ should
# become smaller; if it is negative, larger. The slopes of all the numbers together are the **gradient**.

# %%
numbers = np.array([*w, b])                                            # w₁, w₂, b in one array
by_trying = np.zeros(3)
for i in range(3):
    nudge = h * np.eye(3)[i]                                           # h at place i, else 0
    above, below = numbers + nudge, numbers - nudge
    by_trying[i] = (loss(x, t, above[:2], above[2]) - loss(x, t, below[:2], below[2])) / (2 * h)

by_trying

# %% [markdown]
# ### Exercise 1.1
#
# Write this for any function and an array of any shape: `f(w)` is a number, and the result is an array of the shape of
# `w`, each element the slope of `f` when that element of `w` is nudged. Leave the caller's `w` as it was.

# %%
def numerical_gradient(f, w, h=1e-6):
    ...


check("1.1", numerical_gradient);

# %% [markdown]
# ## The slope, by hand
#
# Trying costs two runs through all the examples for every number. For three numbers that is fine. For AlexNet's sixty
# million it would be 120 million runs, for one step. Calculus gives all slopes in one go.
#
# Follow one example through the formula: $w, b \to z \to p \to L$. By the chain rule, the slope of the whole way is the
# product of the slopes of its parts. One of them is the sigmoid's, $e^{-z} / (1 + e^{-z})^2$, which is $p\,(1 - p)$.
# Going backwards from $L$, for a seven ($t = 1$, so $L = -\log p$):
#
# $$\frac{\partial L}{\partial p} = -\frac{1}{p}
# \qquad \frac{\partial p}{\partial z} = p\,(1 - p)
# \qquad\Rightarrow\qquad \frac{\partial L}{\partial z} = -(1 - p) = p - 1$$
#
# and for a two ($t = 0$, so $L = -\log(1 - p)$):
#
# $$\frac{\partial L}{\partial p} = \frac{1}{1 - p}
# \qquad \frac{\partial p}{\partial z} = p\,(1 - p)
# \qquad\Rightarrow\qquad \frac{\partial L}{\partial z} = p = p - 0$$
#
# Both are $\partial L / \partial z = p - t$: *what the neuron said, minus what it should have said.* The last part of
# the way is short, since $z = w_1 x_1 + w_2 x_2 + b$:
#
# $$\frac{\partial L}{\partial w_1} = (p - t)\,x_1 \qquad
# \frac{\partial L}{\partial w_2} = (p - t)\,x_2 \qquad
# \frac{\partial L}{\partial b} = p - t$$
#
# The loss is a mean over $N$ examples, so its gradient is the mean of theirs.

# %%
def gradient(x, t, w, b):
    """∂L/∂w (2,) and ∂L/∂b."""
    dz = (neuron(x, w, b) - t) / len(t)                                # (N,): p - t, of the mean
    return x.T @ dz, dz.sum()


dw, db = gradient(x, t, w, b)
print("by hand  ", dw, db)
print("by trying", by_trying[:2], by_trying[2])

# %% [markdown]
# ## The check that catches a wrong gradient
#
# Two ways to the same numbers, and they share nothing but the loss: so each checks the other. This is the **gradient
# check**. It compares the difference with the size of the numbers themselves:

# %%
def relative_error(a, b):
    """The largest difference of two arrays, relative to their largest element."""
    return np.max(np.abs(a - b)) / max(np.max(np.abs(a)), np.max(np.abs(b)))


by_hand = np.array([*dw, db])
print(f"relative error {relative_error(by_hand, by_trying):.0e}")
assert relative_error(by_hand, by_trying) < 1e-6

# %% [markdown]
# Why bother, when a wrong formula would surely fail in some loud way? It need not. Here is a slip that is easy to make:
# the factor $p\,(1-p)$ of the sigmoid, written down although it has cancelled already.

# %%
def wrong_gradient(x, t, w, b):
    p = neuron(x, w, b)
    dz = (p - t) * p * (1 - p) / len(t)
    return x.T @ dz, dz.sum()

# %% [markdown]
# Let the neuron learn with it, by small steps against the gradient. (Why that is learning, we shall see further down.)

# %%
def descend(gradient, steps, lr=1.0):
    """Take `steps` steps against the gradient, from our w and b; returns each loss, each (w, b)."""
    losses, path = [], [(w, b)]
    for _ in range(steps):
        losses.append(loss(x, t, *path[-1]))
        dw, db = gradient(x, t, *path[-1])
        path.append((path[-1][0] - lr * dw, path[-1][1] - lr * db))
    return losses, path


fig, ax = plt.subplots(figsize=(5, 2.8))
for name, function in ("right", gradient), ("wrong", wrong_gradient):
    ax.plot(descend(function, 60)[0], label=f"the {name} gradient")
ax.set(xlabel="steps", ylabel="loss", ylim=(0, None))
ax.legend();

# %% [markdown]
# It *learns*. Nothing crashes, the loss falls, only more slowly, and if this were all you saw, you would blame the
# data. The check sees through it at once:

# %%
dw_wrong, db_wrong = wrong_gradient(x, t, w, b)
print(f"relative error {relative_error(np.array([*dw_wrong, db_wrong]), by_trying):.2f}")
assert relative_error(np.array([*dw_wrong, db_wrong]), by_trying) > 0.1

# %% [markdown]
# How small should $h$ be? Too large, and the loss bends within the nudge. Too small, and the two losses are so nearly
# equal that their difference is mostly rounding. See both, in numbers of 64 bits and of 32:

# %%
def error_of_check(h, dtype):
    """Relative error of the slope along w₁, all numbers being of `dtype`."""
    X, T, W, B, nudge = (np.array(a, dtype) for a in (x, t, w, b, [h, 0]))
    return relative_error((loss(X, T, W + nudge, B) - loss(X, T, W - nudge, B)) / (2 * h), dw[0])


sizes = 10.0 ** np.arange(-12, 1)
fig, ax = plt.subplots(figsize=(5, 3))
for dtype in np.float64, np.float32:
    ax.loglog(sizes, [error_of_check(h, dtype) for h in sizes], ".-", label=dtype.__name__)
ax.set(xlabel="h", ylabel="relative error of the check", title="Neither too large nor too small")
ax.legend();

# %% [markdown]
# In float64, $h = 10^{-6}$ leaves about nine correct digits: room enough to see any wrong term. In float32 the best $h$
# leaves about five, and $10^{-6}$ hardly any. So tinynet checks its gradients in float64, and trains in float32.
#
# ### Exercise 1.2
#
# Another loss, older than ours: the mean of $(p - t)^2$. Find its gradient by hand, with the same neuron, and return
# `dw` and `db`. The checker nudges, as you have just learned to. (So nudging would pass; you would learn nothing.) The
# number of examples, and that of their numbers, may be any.

# %%
def squared_gradient(x, t, w, b):
    ...


check("1.2", squared_gradient);

# %% [markdown]
# *If you like:* does a neuron learn with it?

# %%
if check("1.2", squared_gradient):
    losses, path = descend(squared_gradient, 200)
    print(f"after 200 steps by your gradient {error(x, t, *path[-1]):.1%} are wrong")

# %% [markdown]
# When it is right, look at it for a neuron that is quite sure *and wrong*, say $t = 1$ and $p = 0.001$. How large is
# $\partial L/\partial z$? How large is it with our loss? The paper calls such neurons *saturating* (section 3.1).
#
# ## Downhill
#
# The gradient says which way is up, so go the other way, a little, and look again:
#
# $$w \leftarrow w - \varepsilon\,\frac{\partial L}{\partial w} \qquad b \leftarrow b - \varepsilon\,\frac{\partial
# L}{\partial b}$$
#
# $\varepsilon$ is the **learning rate**, `lr` in code; the walk is called **gradient descent**. That is what `descend`
# did. Its path, seen from above on the
# landscape of the loss, and the line where $p = \frac12$, before (dashed) and after:

# %%
losses, path = descend(gradient, 200)
w_end, b_end = path[-1]

fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.8))
w1, w2 = np.meshgrid(np.linspace(-3, 5, 60), np.linspace(-7, 1, 60))
landscape = [loss(x, t, np.array(point), b_end) for point in zip(w1.flat, w2.flat, strict=True)]
lines = axes[0].contour(w1, w2, np.reshape(landscape, w1.shape), levels=np.arange(0.2, 3, 0.2),
                        cmap="viridis")
axes[0].clabel(lines, lines.levels[:5], fontsize=8)
axes[0].plot(*np.array([w for w, _ in path]).T, ".-", color="C3", markersize=4)
axes[0].set(xlabel="w₁", ylabel="w₂", title="200 steps down the loss (b as at the end)")

scatter(axes[1], f"wrong: {error(x, t, w, b):.0%} before, {error(x, t, w_end, b_end):.1%} after")
for weights, bias, style in (w, b, "--"), (w_end, b_end, "-"):
    x1 = np.array([-3, 4.2])
    axes[1].plot(x1, -(weights[0] * x1 + bias) / weights[1], style, color="0.2")    # z = 0

# %% [markdown]
# The three numbers are found: ink at the top speaks for a seven, ink at the bottom against it.
#
# Section 5 of the paper gives AlexNet's rule, which is this one with two additions. One of them, momentum, waits for
# lesson 7. The other is the subject of your last exercise.
#
# ### Exercise 1.3
#
# In the paper's rule, every step also takes $0.0005 \cdot \varepsilon \cdot w$ away from each weight: **weight decay**.
# It is the gradient of something: of the loss with a penalty for large weights,
#
# $$L + \frac{\lambda}{2} \left(w_1^2 + w_2^2\right), \qquad \lambda = 0.0005$$
#
# Write the gradient of that sum, `dw` and `db`. You may call `gradient`. The bias is not in the penalty, as it is not
# in the authors' own code of 2012.

# %%
def gradient_with_decay(x, t, w, b, decay=0.0005):
    ...


check("1.3", gradient_with_decay);

# %% [markdown]
# *If you like:* let the neuron learn by your gradients. (Cells like this one do nothing until your answer is right; the
# rest of the lesson does not need them.) The first line is that of the lesson, the second yours with a hundred times
# the paper's decay: its weights stay smaller, and the loss on these examples a little higher.

# %%
if check("1.3", gradient_with_decay):
    def strong(*numbers):
        return gradient_with_decay(*numbers, decay=0.05)

    for name, function in ("the lesson's", gradient), ("yours, λ = 0.05", strong):
        losses, path = descend(function, 200)
        print(f"{name}: loss {losses[-1]:.3f}, weights {path[-1][0].round(2)}")

# %% [markdown]
# ## All the pixels
#
# We chose the two measures ourselves. Let the neuron see all 784 pixels instead, and choose. Not a line of `neuron`,
# `loss` or `gradient` changes; there are 785 numbers now, not three.

# %%
def pixels(images):
    """Images as rows of numbers from 0 to 1: (N, 784)."""
    return images.reshape(len(images), -1) / 255


w_all, b_all = np.zeros(784), 0.0
for _ in range(300):
    dw, db = gradient(pixels(digits), t, w_all, b_all)
    w_all, b_all = w_all - 0.1 * dw, b_all - 0.1 * db

fig, ax = plt.subplots(figsize=(3.4, 2.8))
largest = np.abs(w_all).max()
shown = ax.imshow(w_all.reshape(28, 28), cmap="RdBu_r", vmin=-largest, vmax=largest)
ax.set_title("the weights, as an image")
ax.axis("off")
fig.colorbar(shown, label="weight");

# %% [markdown]
# Red pixels speak for a seven, blue ones for a two. The red bar, and the red end of the stem at the very bottom, are
# the seven's; the blue arch above the bar and the blue foot are the two's. Nobody drew them: they are what 300 steps
# downhill have made of the examples.
#
# Is it any good? Only digits that it has never seen can tell:

# %%
new_digits, new_t = twos_and_sevens(test_images, test_labels)
print(f"two measures: {error((ink(new_digits) - mean) / spread, new_t, w_end, b_end):.0%} wrong")
all_pixels = error(pixels(new_digits), new_t, w_all, b_all)
print(f"784 pixels:   {all_pixels:.0%} wrong, of {len(new_t)} digits")

# %% [markdown]
# ## The same in tinynet
#
# The library has this neuron, a `Linear` of one output, with this loss, `SigmoidCrossEntropy`. More often one needs
# what it becomes for many classes: `Linear`, a score for each class, and `SoftmaxCrossEntropy`, which turns scores into
# probabilities and takes $-\log$ of the right one. For two classes whose scores are $0$ and $z$, the probability of the
# second is
#
# $$\frac{e^z}{e^0 + e^z} = \frac{1}{1 + e^{-z}}$$
#
# our sigmoid. So the two should agree, number by number. (A layer takes inputs of the precision of its weights, no
# other, so that nothing is rounded unnoticed. It begins with float32, for training; our pixels are float64, which
# leaves more digits to compare. `astype` turns the layer to float64, as it would an array.)

# %%
from tinynet import Linear, SoftmaxCrossEntropy, gradcheck

layer, cross_entropy = Linear(784, 2).astype(np.float64), SoftmaxCrossEntropy()
layer.W.value[:, 0], layer.b.value[0] = 0, 0                           # the score of a two
layer.W.value[:, 1], layer.b.value[1] = w_all, b_all                   # the score of a seven

scores = layer.forward(pixels(digits), train=True)                     # (400, 2)
L = cross_entropy.forward(scores, t.astype(int))
layer.backward(cross_entropy.backward())

dw, db = gradient(pixels(digits), t, w_all, b_all)
ours = loss(pixels(digits), t, w_all, b_all)
print(f"loss: ours {ours:.12f}, tinynet's {L:.12f}")
print(f"gradients: relative error {relative_error(layer.W.grad[:, 1], dw):.0e}")
assert np.isclose(L, ours, rtol=1e-12)
assert np.allclose(layer.W.grad[:, 1], dw, atol=1e-12)
assert np.isclose(layer.b.grad[1], db, atol=1e-12)

# %% [markdown]
# And the library brings its own gradient check, for any layer. It returns the worst relative error of the input and of
# each parameter, and raises if one is wrong.

# %%
gradcheck(Linear(3, 2), np.random.default_rng(0).normal(size=(4, 3)))

# %% [markdown]
# ## What you know now
#
# - A neuron is a weighted sum and a squashing function.
# - A loss is one number that feels every small step; the share of wrong answers does not.
# - A gradient says, for each number, which way the loss goes up and how steeply. By hand it is the chain rule; by
#   nudging it is slow and sure; and the second checks the first.
# - Learning is walking downhill.
#
# One neuron can only draw one straight line. **Lesson 2** puts neurons behind one another, and finds a way not to
# derive a new formula for each new net.
