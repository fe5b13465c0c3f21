# %% [markdown]
# # 2 · Layers
#
# **The question.** In lesson 1 we derived the gradient of one neuron by hand. A net has thousands of neurons, behind
# one another; AlexNet has eight layers of them. *Must we derive a new formula for each new net?*
#
# No. The chain rule can be run as a relay: each layer knows its own small rule, takes a gradient from the layer behind
# it, and hands one on to the layer before it. Write a layer once, and it works in every net. That is all there is to
# "backpropagation", and this library is nothing but a collection of such layers. Reading takes
# about 40 minutes, the three exercises about 40 more.

# %%
import matplotlib.pyplot as plt
import numpy as np
from check import check

import tinynet
from tinynet import Layer, Parameter, Sequential, gradcheck
from tinynet.data import batches, mnist_sample

# %% [markdown]
# ## A relay with three runners
#
# Take $y = (3x + 1)^2$. It is three steps: times 3, plus 1, square. For each we write a class with two methods.
# `forward` computes the step. `backward` is given $dy$, and returns $dx$. We write $dy$ for $\partial L/\partial y$:
# how much the loss at the far end changes with *this* step's output; and $dx$ for $\partial L/\partial x$: how much
# it changes with this step's input. The chain rule says how to get one from the other:
#
# $$dx = dy \cdot \frac{\partial y}{\partial x}$$

# %%
class Times:
    """y = k · x"""

    def __init__(self, k):
        self.k = k

    def forward(self, x):
        return self.k * x

    def backward(self, dy):
        return dy * self.k

# %% [markdown]
# What is added does not change the slope, which is 1:

# %%
class Plus:
    """y = x + k"""

    def __init__(self, k):
        self.k = k

    def forward(self, x):
        return x + self.k

    def backward(self, dy):
        return dy

# %% [markdown]
# The slope of $x^2$ is $2x$. To know it on the way back, the layer has to remember the $x$ that went through:

# %%
class Square:
    """y = x²"""

    def forward(self, x):
        self.x = x
        return x ** 2

    def backward(self, dy):
        return dy * 2 * self.x

# %% [markdown]
# Forward, the values run from left to right. Backward, the gradient starts as $\partial y / \partial y = 1$ and runs
# from right to left, through the same layers in the opposite order.

# %%
steps = [Times(3), Plus(1), Square()]
values = [1.0]                                                         # x = 1
for step in steps:
    values.append(step.forward(values[-1]))

gradients = [1.0]
for step in reversed(steps):
    gradients.insert(0, step.backward(gradients[0]))

values, gradients

# %%
def draw_relay(names, above, below, width=6.0):
    """Boxes in a row; above the arrows what runs forward, below them what runs backward."""
    fig, ax = plt.subplots(figsize=(width, 1.3))
    box = {"boxstyle": "round,pad=0.6", "facecolor": "0.93"}
    for i, name in enumerate(names):
        ax.text(2 * i + 1, 0, name, ha="center", va="center", bbox=box)
    for row, texts, color in (0.35, above, "C0"), (-0.35, below, "C3"):
        for i, text in enumerate(texts):
            tail, head = 2 * i - row, 2 * i + row
            arrow = {"arrowstyle": "->", "color": color}
            ax.annotate("", (head, row), (tail, row), arrowprops=arrow)
            ax.text(2 * i, 2 * row, text, ha="center", va="center", color=color)
    ax.set(xlim=(-0.8, 2 * len(names) + 0.8), ylim=(-1.2, 1.2))
    ax.axis("off")


draw_relay(["times 3", "plus 1", "square"], values, gradients)

# %% [markdown]
# Above the arrows runs what goes forward, below them what goes backward. The last number that comes back, 24, is the
# slope of the whole. Lesson 1's nudge agrees:

# %%
h = 1e-6
slope = ((3 * (1 + h) + 1) ** 2 - (3 * (1 - h) + 1) ** 2) / (2 * h)
assert abs(slope - gradients[0]) < 1e-6

# %% [markdown]
# Nobody derived $6\,(3x + 1)$. And the runners do not know one another: shuffle them, add ten more, and the relay still
# arrives. Now with neurons.
#
# ## Many neurons at once
#
# The digits again, this time all ten of them. Each image is a row of 784 numbers; a batch of $N$ images is a table.

# %%
(images, labels), (test_images, test_labels) = mnist_sample()
x = images.reshape(len(images), -1) / np.float32(255)                  # (2000, 784)
x_test = test_images.reshape(len(test_images), -1) / np.float32(255)   # (500, 784)

fig, axes = plt.subplots(1, 10, figsize=(8, 0.9))
for digit, ax in enumerate(axes):
    ax.imshow(images[labels == digit][0])
    ax.axis("off")

# %% [markdown]
# A neuron's score was `x @ w + b`, with one weight for each input. Ten neurons have ten such columns of weights, side
# by side in a matrix $W$, and ten biases. All scores of all images are then one product, of shape $(N, 784) \cdot
# (784, 10) = (N, 10)$:
#
# $$y = x\,W + b \qquad (1)$$
#
# Its backward needs three things. Look at one number of $y$, the score of image $n$ at neuron $j$:
#
# $$y_{nj} = \sum_i x_{ni}\,W_{ij} + b_j$$
#
# - $W_{ij}$ touches $y_{nj}$ with the factor $x_{ni}$, in every image. So
#   $dW_{ij} = \sum_n x_{ni}\,dy_{nj}$, which is the matrix product $dW = x^T dy \quad (2)$.
# - $b_j$ touches $y_{nj}$ with the factor 1, in every image: $db_j = \sum_n dy_{nj} \quad (3)$.
# - $x_{ni}$ touches the scores of all neurons $j$, with the factors $W_{ij}$: $dx_{ni} = \sum_j dy_{nj}\,W_{ij}$,
#   which is $dx = dy\,W^T \quad (4)$.
#
# Each time the rule is the same: *whatever a number touched, its gradient comes back from there, and adds up.* Should
# you forget where the transpose goes, the shapes will tell you: $dW$ has the shape of $W$, and there is one product
# only that has it.
#
# A `Layer` of tinynet brings names, checks, a way into a file and back, and no mathematics. A `Parameter` is an array,
# `value`, with a place for its gradient, `grad`.
#
# Forward is told `train=True` in training, and `keep=True` by whoever wants gradients without training, such as the
# gradient check. What backward needs must be kept when `train` or `keep` is true. (Ours keep it always; the end of the
# lesson says what that costs.)

# %%
class Linear(Layer):
    """y = x · W + b, for x (N, inputs)."""

    def __init__(self, inputs, outputs, rng, std=0.01):
        self.W = Parameter(rng.normal(0, std, (inputs, outputs)).astype(np.float32))
        self.b = Parameter(np.zeros(outputs, np.float32))

    def forward(self, x, train=False, keep=False):
        self.x = x
        return x @ self.W.value + self.b.value                         # (1), (N, outputs)

    def backward(self, dy):
        self.W.grad = self.x.T @ dy                                    # (2), (inputs, outputs)
        self.b.grad = dy.sum(axis=0)                                   # (3), (outputs,)
        return dy @ self.W.value.T                                     # (4), (N, inputs)


rng = np.random.default_rng(0)
gradcheck(Linear(5, 3, rng), rng.normal(size=(4, 5)))

# %% [markdown]
# About nine digits: the layer is right, alone, before it is part of anything. That is how every layer of this library
# is made.
#
# ## Something between them
#
# Two such layers behind one another should be cleverer than one. They are not:

# %%
fc1, fc2 = Linear(784, 100, rng), Linear(100, 10, rng)
two_layers = fc2.forward(fc1.forward(x))
one_layer = x @ (fc1.W.value @ fc2.W.value)                            # both biases are 0
assert np.allclose(two_layers, one_layer, rtol=1e-4, atol=1e-6)

# %% [markdown]
# $(x\,W_1)\,W_2 = x\,(W_1 W_2)$: a single layer with the weights $W_1 W_2$ does the same. Between them has to come
# something that is not a straight line. Lesson 1 had the sigmoid; section 3.1 of the paper replaces it, and tanh, by
#
# $$y = \max(0, x)$$
#
# the *rectified linear unit*, **ReLU**. The picture shows the idea: backward multiplies by the slope. Where a sigmoid
# or a tanh has levelled out, the slope is almost 0, and almost no gradient comes through. They *saturate*. A ReLU
# that is on has the slope 1, however large its input.

# %%
z = np.linspace(-5, 5, 400)
sigmoid, tanh = 1 / (1 + np.exp(-z)), np.tanh(z)
fig, axes = plt.subplots(1, 2, figsize=(8, 2.8))
for name, style, y, slope in (("ReLU", "-", np.maximum(0, z), z > 0),
                              ("tanh", "--", tanh, 1 - tanh ** 2),
                              ("sigmoid", ":", sigmoid, sigmoid * (1 - sigmoid))):
    axes[0].plot(z, y, style, label=name)
    axes[1].plot(z, slope, style)
axes[0].set(xlabel="x", title="y", ylim=(-1.2, 3))
axes[1].set(xlabel="x", title="slope: the factor in backward")
axes[0].legend();

# %% [markdown]
# ### Exercise 2.1
#
# The backward of ReLU. You are given the `x` that went in and the `dy` that comes back, of the same shape, and return
# `dx`. At exactly 0 there is no slope; take 0 there, as tinynet does. Do not write into `x` or `dy`: they belong to
# others. As everywhere in a net, what comes out has the precision of what went in.

# %%
def relu_backward(x, dy):
    ...


check("2.1", relu_backward);

# %% [markdown]
# ## Scores, probabilities, loss
#
# The last layer gives ten scores. Lesson 1 squashed one score to a probability. For ten there is **softmax** (section
# 3.5): make all scores positive by $e^{z}$, then divide by their sum.
#
# $$p_k = \frac{e^{z_k}}{\sum_j e^{z_j}} \qquad\qquad L = -\log p_{\text{right}}$$
#
# Here are the scores of an untrained net for one image, enlarged since they are tiny, and what softmax makes of them.

# %%
def softmax(z):
    """Scores (N, K) to probabilities (N, K)."""
    e = np.exp(z - z.max(axis=1, keepdims=True))                       # same quotients, no overflow
    return e / e.sum(axis=1, keepdims=True)


z = fc2.forward(np.maximum(0, fc1.forward(x[:1])))                     # (1, 10)
z *= 0.5 / np.abs(z).max()                                             # enlarged
fig, axes = plt.subplots(1, 3, figsize=(8, 2.2))
for ax, heights, title in zip(axes, (z, softmax(z), softmax(5 * z)),
                              ("scores z", "softmax(z)", "softmax(5 z): more sure"), strict=True):
    ax.bar(range(10), heights[0])
    ax.set(title=title, xlabel="digit", xticks=range(10))

# %% [markdown]
# ### Exercise 2.2
#
# The gradient of the mean loss of a batch, with respect to the scores `z` (N, K); `labels` (N,) are the right
# classes, as whole numbers. Lesson 1 ended in $p - t$. Guess what that becomes for $K$ classes, or derive it; the
# checker nudges. You may call `softmax`.

# %%
def softmax_loss_gradient(z, labels):
    ...


check("2.2", softmax_loss_gradient);

# %% [markdown]
# ## The net
#
# From here on we use tinynet's own `ReLU` and `SoftmaxCrossEntropy`, which are what you have just written. A
# `Sequential` is the relay: its forward calls its layers' forwards in order, its backward calls their backwards in
# the opposite order.

# %%
def two_layer_net():
    rng = np.random.default_rng(0)
    return Sequential(fc1=Linear(784, 100, rng), relu1=tinynet.ReLU(), fc2=Linear(100, 10, rng))


net, loss = two_layer_net(), tinynet.SoftmaxCrossEntropy()
print(f"{tinynet.count_parameters(net):,} parameters")
shapes = ["(50, 784)", "(50, 100)", "(50, 100)", "(50, 10)"]
draw_relay(["fc1", "relu1", "fc2", "loss"], [*shapes, "L"], [*shapes, "1"], width=8)

# %% [markdown]
# What runs back has the shape of what ran forward, at every place. fc1 is a **hidden layer**: nobody sees its
# outputs, and nobody says what they should be.
#
# 79,510 parameters, and we never derived a formula for the net as a whole. Is its gradient right? Ask forty numbers of
# each array:

# %%
gradcheck(net, x[:3], samples=40)

# %% [markdown]
# Training is lesson 1's walk downhill. One thing is new: a step looks at a **batch** of 50 images only, drawn at
# random. (Elsewhere it is called a **minibatch**.) Its gradient is a rough guess at that of all 2,000, but forty times
# cheaper, and usually forty rough steps lead further than one exact one. (AlexNet: 128 images, section 5.) Since chance
# has a hand in each step, this is **stochastic** gradient descent, **SGD**. One pass through all images is an
# **epoch**.
#
# Before the first long training of a net, two quick tests. They cost seconds, and find most mistakes. The first: a net
# that knows nothing gives each of ten classes a tenth, so its loss should be $\log 10$.

# %%
at_start = loss.forward(net.forward(x), labels)
print(f"loss at the start {at_start:.4f}, log 10 = {np.log(10):.4f}")
assert abs(at_start - np.log(10)) < 0.01

# %% [markdown]
# The second: can it learn *one* batch by heart? Fifty images, again and again. It should, to the last one, whatever the
# net will be worth later. (**Overfit one batch**, they say.) A net that cannot has a mistake in it, or a wrong learning
# rate.

# %%
one_batch, curve = two_layer_net(), []
for _ in range(200):
    curve.append(loss.forward(one_batch.forward(x[:50], train=True), labels[:50]))
    one_batch.backward(loss.backward())
    for _, p in one_batch.parameters():
        p.value -= 0.2 * p.grad

fig, ax = plt.subplots(figsize=(5, 2.4))
ax.semilogy(curve)
ax.axhline(np.log(10), color="0.7", linestyle="--")
ax.annotate("log 10", (150, np.log(10)), xytext=(0, 4), textcoords="offset points")
ax.set(xlabel="steps", ylabel="loss of the one batch")
assert np.array_equal(one_batch.forward(x[:50]).argmax(axis=1), labels[:50])

# %% [markdown]
# Both are as they should be. Now all the images.

# %%
def error(net, x, labels):
    """The share of wrong answers."""
    return np.mean(net.forward(x).argmax(axis=1) != labels)


def train(net, epochs=20, lr=0.2):
    """Train `net`; returns its error on the training and on the test images, after each epoch."""
    rng, history = np.random.default_rng(1), []
    for _ in range(epochs):
        for batch, right in batches(x, labels, 50, rng):
            loss.forward(net.forward(batch, train=True), right)
            net.backward(loss.backward())
            for _, p in net.parameters():
                p.value -= lr * p.grad
        history.append((error(net, x, labels), error(net, x_test, test_labels)))
    return np.array(history)

# %% [markdown]
# Two nets: ten neurons alone, and our two layers.

# %%
ten_neurons = Sequential(fc=Linear(784, 10, np.random.default_rng(0)))
histories = {"ten neurons": train(ten_neurons), "two layers": train(net)}

fig, ax = plt.subplots(figsize=(6, 3))
for (name, history), color in zip(histories.items(), ("C0", "C1"), strict=True):
    epochs = range(1, len(history) + 1)
    ax.plot(epochs, history[:, 0], "--", color=color, label=f"{name}, training images")
    ax.plot(epochs, history[:, 1], color=color, label=f"{name}, new images")
    print(f"{name}: {history[-1, 0]:.1%} of training images wrong, {history[-1, 1]:.1%} of new")
ax.set(xlabel="epochs", ylabel="wrong answers", ylim=(0, 0.35), xticks=range(0, 21, 5))
ax.yaxis.set_major_formatter("{x:.0%}")
ax.legend();

# %% [markdown]
# *If you like:* the same net with *your* ReLU and *your* loss's gradient. Three epochs, and the errors should be the
# same as above, to the digit.

# %%
class YourReLU(Layer):
    def forward(self, x, train=False, keep=False):
        self.x = x
        return np.maximum(0, x)

    def backward(self, dy):
        return relu_backward(self.x, dy)


if check("2.1", relu_backward):
    yours = Sequential(fc1=two_layer_net()["fc1"], relu1=YourReLU(), fc2=two_layer_net()["fc2"])
    print("yours:       ", train(yours, epochs=3)[:, 1])
    print("the library's:", train(two_layer_net(), epochs=3)[:, 1])

# %%
if check("2.2", softmax_loss_gradient):
    yours, rng = two_layer_net(), np.random.default_rng(1)
    for epoch in range(3):
        for batch, right in batches(x, labels, 50, rng):
            yours.backward(softmax_loss_gradient(yours.forward(batch, train=True), right))
            for _, p in yours.parameters():
                p.value -= 0.2 * p.grad
        print(f"after epoch {epoch + 1}, by your gradient: "
              f"{error(yours, x_test, test_labels):.1%} of new images wrong")

# %% [markdown]
# The hidden layer pays: two layers know the training images almost by heart. On new images (solid lines) they are
# better too, but not by as much; and this is one run each, on 500 images, where a percent may be luck. The gap
# between the dashed and the solid line is called **overfitting**. Two sections of the paper, 4.1 and 4.2, fight it.
#
# ## What the hidden neurons look for
#
# Each of the hundred neurons of fc1 has 784 weights: an image, as in lesson 1. These are the twenty that fc2 listens to
# most.

# %%
loudest = np.argsort(-np.abs(net["fc2"].W.value).sum(axis=1))[:20]
fig, axes = plt.subplots(2, 10, figsize=(8, 1.8))
for ax, j in zip(axes.flat, loudest, strict=True):
    ax.imshow(net["fc1"].W.value[:, j].reshape(28, 28), cmap="RdBu_r", vmin=-0.2, vmax=0.2)
    ax.axis("off")

# %% [markdown]
# Red strokes that a neuron looks for, blue ones that it does not want, all over the image. Each neuron sees the whole
# image at once; a stroke that moves a little to the right is news to it. Lesson 3, on convolution, is about that.
#
# And here is what the net gets wrong. Its answer stands above, with its probability; the truth in brackets.

# %%
p = softmax(net.forward(x_test))
wrong = np.flatnonzero(p.argmax(axis=1) != test_labels)[:10]
fig, axes = plt.subplots(1, 10, figsize=(9, 1.3))
for ax, n in zip(axes, wrong, strict=True):
    ax.imshow(test_images[n])
    ax.set_title(f"{p[n].argmax()} ({test_labels[n]})\n{p[n].max():.0%}", fontsize=8)
    ax.axis("off")

# %% [markdown]
# ## Why the weights start at random
#
# Why not start from zero, as we did with one neuron? Watch a single backward:

# %%
lazy = two_layer_net()
for name in "fc1", "fc2":
    lazy[name].W.value[:] = 0
loss.forward(lazy.forward(x[:50], train=True), labels[:50])
lazy.backward(loss.backward())
{name: float(np.abs(p.grad).max()) for name, p in lazy.parameters()}

# %% [markdown]
# The forward carries nothing through fc1, the backward nothing through fc2; only fc2's biases get a gradient, and so it
# stays. Equal weights of another size would be no better: the hundred hidden neurons would get the same gradient for
# ever, and be one neuron a hundred times. So they must differ from the start. The paper draws all weights from a normal
# distribution with mean 0 and standard deviation 0.01 (section 5), and so did we.
#
# ### Exercise 2.3
#
# A layer of your own, from the equation to the gradient check. It takes from every row of `x` (N, K) the row's mean:
#
# $$y_{nk} = x_{nk} - \frac{1}{K} \sum_j x_{nj}$$
#
# Which numbers of $y$ does one $x_{nk}$ touch, and with what factor? (AlexNet takes a mean from its images too, that of
# all training images: section 2. That one is a constant, and has no gradient. Yours depends on $x$.)

# %%
class Centre(Layer):
    """y = x minus the mean of its row, for x (N, K)."""

    def forward(self, x, train=False, keep=False):
        ...

    def backward(self, dy):
        ...


check("2.3", Centre);

# %% [markdown]
# *If you like:* put it between the two layers of the net, and see whether it still learns.

# %%
if check("2.3", Centre):
    fresh = two_layer_net()
    centred = Sequential(fc1=fresh["fc1"], relu1=tinynet.ReLU(), centre1=Centre(), fc2=fresh["fc2"])
    print("new images wrong, epoch by epoch:", train(centred, epochs=5)[:, 1])

# %% [markdown]
# ## The same in tinynet
#
# Is our `Linear` the library's? Give the library's our weights, and compare all numbers.

# %%
theirs = Sequential(fc1=tinynet.Linear(784, 100), relu1=tinynet.ReLU(), fc2=tinynet.Linear(100, 10))
for (_, p), (_, q) in zip(theirs.parameters(), net.parameters(), strict=True):
    p.value[:] = q.value

for n in net, theirs:
    L = loss.forward(n.forward(x[:50], train=True), labels[:50])
    dx = n.backward(loss.backward())
    print(f"loss {L:.6f}, three numbers of dx {dx[0, 400:403]}")

for (name, p), (_, q) in zip(theirs.parameters(), net.parameters(), strict=True):
    assert np.allclose(p.grad, q.grad, atol=1e-6), name

# %% [markdown]
# Now open `tinynet/layers/linear.py`, and you can read it: the same four equations, with checks of what comes in, and
# three differences worth knowing. It keeps `x` only if `train` or `keep` asks for it, since what is kept costs memory;
# it lets go of it after one backward; and it refuses an `x` of another precision than its weights have. (`@operation`
# says that the same may be there once more, for all cores of the machine: in `tinynet/fast/linear.py`. Lesson 12
# compares the two.) `tinynet/layers/activation.py` and `tinynet/loss.py` hold the rest of this lesson.
#
# ## What you know now
#
# - A layer is a `forward`, and a `backward` that takes $dy$, writes its parameters' gradients, and returns $dx$.
# - Gradients come back from wherever a number went, and add up. Shapes catch most slips, the gradient check the rest.
# - Without something bent between them, layers collapse to one; ReLU is bent, and does not saturate when it is on.
# - Nobody derives the gradient of a net.
#
# In **lesson 3** a layer stops looking at the whole image: convolution.
