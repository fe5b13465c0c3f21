# %% [markdown]
# # 13 · Is it true?
#
# **The question.** AlexNet's section 3.4 says that overlapping pooling, windows of 3 × 3 pixels 2 apart, makes fewer
# errors than windows of 2 × 2 side by side: 0.4 points fewer. You build both nets, train both, and count. One has
# 51.9 % wrong, the other 54.0 %. *What do you know now?*
#
# Less than it seems, and this lesson is about how to know more: what scatters, and by how much; how to compare; and in
# what ways one deceives oneself. You need lessons 4, 8 and 9. Reading takes about 40 minutes; the four exercises, of
# which the last is an open one, about 90.

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from check import check

stored = json.loads(Path("stored/scatter.json").read_text("utf-8"))
RATE = {"2x2": 0.01, "3x3": 0.03}                                      # the best of five for each


def pairs(pool, rate=None):
    """The twelve runs of one net: with seeds 0 to 11, and its rate."""
    return [stored[f"{pool}, pair {k}, rate {rate or RATE[pool]:g}"] for k in range(12)]


for pool in RATE:
    print(f"{pool}: {pairs(pool)[0]['test'][-1]:.1%} of 1,000 test images are wrong")

# %% [markdown]
# Two small nets of two convolutions, on CIFAR-10 in 16 × 16 pixels: 4,000 images to learn from, 1,000 to choose by,
# 1,000 to test. Each takes some ten seconds to train, and one run says little, so `python lessons/stored/scatter.py`
# has trained them many times, and has written down the errors after each of the 12 epochs, and which test images are
# wrong at the end.
#
# ## What scatters
#
# **The images.** Another thousand test images would have given another error. We have no others. But we can draw a
# thousand *from the thousand*, with replacement: some come twice, some not at all, as in a new sample. The
# **bootstrap** does that a few thousand times and looks at the errors:

# %%
def wrong(run):
    """Which of the 1,000 test images a stored run gets wrong at the end."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(run["wrong"]), np.uint8)) == 1


rng = np.random.default_rng(0)
w = wrong(pairs("2x2")[0])
again = np.array([w[rng.integers(0, 1000, 1000)].mean() for _ in range(3000)])

fig, ax = plt.subplots(figsize=(5, 2.6))
ax.hist(again, np.arange(0.46, 0.59, 0.004), color="C5")
ax.axvline(w.mean(), color="k", linewidth=1)
ax.set(xlabel="error", ylabel="samples", title="3,000 samples of the same images", yticks=[])
ax.xaxis.set_major_formatter("{x:.0%}")
p = w.mean()
print(f"bootstrap: ± {again.std():.2%};  formula of lesson 4, √(p(1-p)/n): "
      f"± {np.sqrt(p * (1 - p) / 1000):.2%}")

# %% [markdown]
# The same as the formula; and the bootstrap works for things that no formula is known for.
#
# **The start, the order, the last digit.** Now the same 1,000 test images, and the same net trained again: from another
# start of its weights; or from the same start, with the batches in another order; or with the same of both, and *one*
# weight changed by none to seven units in its last digit, as another processor's rounding may do. Each eight times:

# %%
errors = {"images": again[:8]}                                         # eight of those samples
for kind in "start", "order", "last digits":
    errors[kind] = np.array([stored[f"2x2, {kind} {k}"]["test"][-1] for k in range(8)])

fig, ax = plt.subplots(figsize=(6, 2.8))
for place, (kind, values) in enumerate(errors.items()):
    ax.plot(place + np.linspace(-0.2, 0.2, 8), values, "o", markersize=4)
    print(f"{kind:12} from {values.min():.1%} to {values.max():.1%}, "
          f"spread {values.std(ddof=1):.2%}")
ax.set_xticks(range(4), errors)
ax.set(ylabel="test error", title="what is different from run to run")
ax.yaxis.set_major_formatter("{x:.0%}")

# %% [markdown]
# Other images scatter most: a thousand are few. Another start changes the error nearly as much, another order of the
# batches somewhat less. And a difference that no one could see, in a single weight, becomes one of several test images:
# the many small steps of training drive apart two nets that began as one. This scatter is what a "±" states; the seed
# of a run names one draw from it.
#
# ## Pairs
#
# So each of the two numbers above scatters by more than the paper's 0.4 points. But not everything scatters
# *separately*. Both nets saw the same images (lesson 8); both may begin with the same weights and see the same batches
# in the same order. What a lucky order gives, it may give to both. So train in **pairs**: one seed, both nets, and look
# at the differences. Here are twelve pairs:

# %%
a, b = (np.array([run["test"][-1] for run in pairs(pool)]) for pool in RATE)
difference = 100 * (a - b)                                             # points that 3 × 3 saves

fig, axes = plt.subplots(1, 2, figsize=(8, 2.8))
axes[0].plot([0, 1], np.array([a, b]), "o-", color="C0", linewidth=0.8, markersize=4)
axes[0].set_xticks([0, 1], ["2 × 2", "3 × 3"])
axes[0].set(xlim=(-0.3, 1.3), ylabel="test error", title="twelve pairs")
axes[0].yaxis.set_major_formatter("{x:.0%}")
axes[1].axhline(0, color="0.6", linewidth=1)
axes[1].plot(range(12), difference, "o", color="C2")
axes[1].set(xlabel="seed", ylabel="points", title="what 3 × 3 saves")
print("points that 3 x 3 saves:", ", ".join(f"{d:+.1f}" for d in difference))

# %% [markdown]
# If the n differences scatter by $s$, their mean scatters by $s / \sqrt{n}$ (lesson 4). But $s$ is itself estimated,
# from a few numbers, and may by luck be too small. William Gosset, who wrote as "Student" in 1908, worked out by how
# much one has to widen the error bar for that. The **confidence interval** is
#
# $$\bar d \;\pm\; t_{n-1}\, \frac{s}{\sqrt n} \qquad s^2 = \frac{1}{n - 1} \sum_k (d_k - \bar d)^2$$
#
# where $t$ is 12.7 for two pairs, 4.3 for three, 2.2 for twelve, and 2 in the end. What does the "95 %" mean that goes
# with it? Not that the truth lies in *this* interval with so much probability. If one does it again and again, 95 of
# 100 intervals hold the truth.
#
# ### Exercise 13.1
#
# `a` and `b` are the errors of two nets, in pairs: `a[k]` and `b[k]` have one seed. Return the lower and the upper end
# of the interval of the difference, a minus b. `T[n - 2]` is Student's factor for n pairs.

# %%
from tinynet.claims.claim import T


def interval(a, b):
    ...                                                                # low, high


check("13.1", interval);

# %% [markdown]
# *If you like:* a hundred experiments with two nets whose true difference is 1. How many intervals hold it?

# %%
if check("13.1", interval):
    rng, hold = np.random.default_rng(1), 0
    fig, ax = plt.subplots(figsize=(8, 2.2))
    for k in range(100):
        luck = rng.normal(0, 2, 6)                                     # of the seed, for both
        low, high = interval(50 + luck + rng.normal(0, 1, 6), 49 + luck + rng.normal(0, 1, 6))
        hold += low <= 1 <= high
        ax.plot([k, k], [low, high], color="C0" if low <= 1 <= high else "C3")
    ax.axhline(1, color="k", linewidth=1)
    ax.set(xlabel="experiment", ylabel="difference")
    print(hold, "of 100 hold the true difference")

# %% [markdown]
# For our twelve pairs, by the library:

# %%
from tinynet.claims.claim import interval as of_differences

mean, low, high = of_differences(difference)
print(f"3 x 3 saves {mean:.2f} points, 95 % interval from {low:.2f} to {high:.2f}")
unpaired = T[-1] * np.sqrt(a.var(ddof=1) / 12 + b.var(ddof=1) / 12) * 100
print(f"half its width: {(high - low) / 2:.2f} points; as if they were no pairs {unpaired:.2f}")

# %% [markdown]
# The whole interval is far below 0: 3 × 3 does not save anything, it *costs* some four points. The paper's claim, it
# seems, is contradicted. (And the pairs have gained nothing here: a seed that is lucky for the one net is not for the
# other. Pairs cost nothing, either.) Keep this result in mind. We are not done with it.
#
# ## Without the normal distribution
#
# Student's factor supposes that the differences are normally distributed. Twelve numbers cannot show that they are. But
# there is a test that supposes nothing. *If* the pooling made no difference at all, the two nets of a pair could as
# well have exchanged their names: each difference could as well have the other sign. Twelve pairs have $2^{12}$ ways to
# choose the signs. In how many of them is the mean as far from 0 as ours, or further?
#
# ### Exercise 13.2
#
# `differences` (n,), n at most 14. Return the share of all $2^n$ choices of signs for which the mean is at least as
# large as that of the differences as they are, plus or minus, without its sign: $|\bar d|$. (Sums that ought to be
# equal may differ in their last digit: allow for 1e-9.)

# %%
def sign_flips(differences):
    ...


check("13.2", sign_flips);

# %% [markdown]
# Here is the whole distribution, all 4,096 means; ours is the line. The share of those beyond it, left and right, is
# called the **p-value**, and this way to get at it a **permutation test**.

# %%
signs = 1 - 2 * np.array(list(np.ndindex(*[2] * 12)))                  # (4096, 12)
means = signs @ difference / 12
fig, ax = plt.subplots(figsize=(5, 2.6))
ax.hist(means, 41, color="C5")
for side in -1, 1:
    ax.axvline(side * difference.mean(), color="k", linewidth=1)
ax.set(xlabel="mean difference, points", yticks=[], title="if the names could be exchanged");

# %%
if check("13.2", sign_flips):
    print(f"{sign_flips(difference):.4f} of all choices are as far from 0 as ours")

# %% [markdown]
# ## On other images?
#
# One thing does not scatter in our twelve pairs, though it should: all of them were tested on the *same* thousand
# images. The interval says what twelve other seeds would give *there*. For other images we draw both anew, seeds and
# images, as the bootstrap does:

# %%
both = np.array([[wrong(run) for run in pairs(pool)] for pool in RATE])   # (2, 12, 1000)
of_image = 100 * (both[0].astype(float) - both[1])                     # (12, 1000): +100, 0, -100
rng, drawn = np.random.default_rng(2), {"seeds": [], "images": [], "both": []}
for _ in range(2000):
    seeds, chosen = rng.integers(0, 12, 12), rng.integers(0, 1000, 1000)
    drawn["seeds"].append(of_image[seeds].mean())
    drawn["images"].append(of_image[:, chosen].mean())
    drawn["both"].append(of_image[seeds][:, chosen].mean())
for name, values in drawn.items():
    print(f"drawn anew: {name:7} the mean difference scatters by {np.std(values):.2f} points")

# %% [markdown]
# As much from the images as from the seeds, so whoever means all images in the world has to widen the interval. Four
# points are still far more than that.
#
# ## How many pairs?
#
# Before one trains for a night one would like to know whether the night can be enough. Suppose the true difference is
# the paper's 0.4 points, or 1, or 2, and pairs scatter as ours do. In what share of experiments with n pairs does the
# whole interval lie above 0? That is the **power** of an experiment.

# %%
rng, spread, numbers = np.random.default_rng(3), difference.std(ddof=1), (3, 4, 6, 8, 12, 16, 20)
fig, ax = plt.subplots(figsize=(5.5, 2.8))
for true, style in ((0.4, "-"), (1, "--"), (2, ":")):
    power = []
    for n in numbers:
        d = rng.normal(true, spread, (4000, n))
        power.append(np.mean(d.mean(axis=1) > T[n - 2] * d.std(axis=1, ddof=1) / np.sqrt(n)))
    ax.plot(numbers, power, style, marker=".", label=f"true difference {true}")
ax.set(xlabel="pairs", ylabel="share that see it", ylim=(0, 1),
       title=f"pairs that scatter by {spread:.1f}")
ax.yaxis.set_major_formatter("{x:.0%}")
ax.legend(fontsize=8)
print(f"pairs for 0.4 points, at two standard errors: {(2 * spread / 0.4) ** 2:.0f}")

# %% [markdown]
# With that many pairs one sees the paper's 0.4 points in nets like ours every second time: half of all means are below
# the true one. Twice as many see it four times out of five. And it takes ten times as many test images. The authors had
# 150,000 of those; of seeds, their paper does not speak.
#
# ## The best of several
#
# Now the ways to deceive oneself. **The best epoch.** Whoever watches the test error during training, and reports the
# lowest, reports a number that no one will see again. Of our 24 runs: the last epoch; the one that is best by the
# *validation* images; the one that is best by the test images themselves:

# %%
runs = pairs("2x2") + pairs("3x3")
test = np.array([run["test"] for run in runs])                         # (24, 12 epochs)
valid = np.array([run["validation"] for run in runs])
reported = {"the last epoch": test[:, -1],
            "best by validation": test[np.arange(24), valid.argmin(axis=1)],
            "best by test": test.min(axis=1)}
for name, values in reported.items():
    print(f"{name:20} {values.mean():.2%}")

# %% [markdown]
# A gain of a quarter of a point, out of nothing; and as large as many that are published. (Here the learning rate falls
# at the end, and the errors are quiet. Where they jump, it is more. The best by validation is not better than the last
# one: choosing has its own luck. But it does not lie.)
#
# **The best seed.** The same with twelve seeds, of which one reports the best. And if one tries a hundred *equally
# good* nets, and reports the best, one will have made progress without any:

# %%
print(f"2 x 2: the mean of twelve seeds {a.mean():.1%}, the best {a.min():.1%}")
rng, tried = np.random.default_rng(4), (1, 3, 10, 30, 100)
scatter = a.std(ddof=1)
best = [rng.normal(a.mean(), scatter, (2000, n)).min(axis=1).mean() for n in tried]
fig, ax = plt.subplots(figsize=(5, 2.6))
ax.semilogx(tried, best, "o-")
ax.set_xticks(tried, tried)
ax.set(xlabel="equally good nets tried", ylabel="error of the best",
       title="progress, by luck alone")
ax.yaxis.set_major_formatter("{x:.1%}");

# %% [markdown]
# Hence three kinds of images (lesson 9): choose by the second, and count on the third once.
#
# **One rate for both.** Nets want different learning rates. Who tunes one's own net, and runs the rival with the same
# rate, compares rates. Here are both of ours, by the *validation* images, with one seed:

# %%
rates = 0.003, 0.01, 0.03, 0.1, 0.3
fig, ax = plt.subplots(figsize=(5, 2.8))
for pool, style in ("2x2", "o-"), ("3x3", "s--"):
    by_rate = [stored[f"{pool}, tuning, rate {r:g}"]["validation"][-1] for r in rates]
    ax.semilogx(rates, by_rate, style, label=pool)
ax.set_xticks(rates, rates)
ax.set_xticks([], minor=True)
ax.set(xlabel="learning rate", ylabel="validation error")
ax.yaxis.set_major_formatter("{x:.0%}")
ax.legend()
for r in rates[:4]:
    two, three = (stored[f"{pool}, tuning, rate {r:g}"]["validation"][-1] for pool in RATE)
    print(f"rate {r:5}: 3 x 3 saves {100 * (two - three):+.1f} points")

# %% [markdown]
# At *each single rate* of these 3 × 3 does worse, by one point or by 24, as one likes. So each net gets the best of its
# own: 0.01 for 2 × 2, 0.03 for 3 × 3. That is what we have done above, and it is good practice. Is it?
#
# **A choice by one run.** Look once more: each rate of ours was chosen by *one* run with each. We have learned by now
# what one run is worth. Both nets have also been trained in all twelve pairs with the rate that was second:

# %%
fig, ax = plt.subplots(figsize=(5.5, 2.8))
by_twelve = {}
for place, (pool, r) in enumerate((pool, r) for pool in RATE for r in (0.01, 0.03)):
    runs = pairs(pool, r)
    by_twelve[pool, r] = np.mean([run["validation"][-1] for run in runs])
    ax.plot(place + np.linspace(-0.2, 0.2, 12), [run["test"][-1] for run in runs], "o",
            color=f"C{place // 2}", markersize=4)
    one = stored[f"{pool}, tuning, rate {r:g}"]["validation"][-1]
    print(f"{pool}, rate {r}: validation {one:.1%} in one run, {by_twelve[pool, r]:.1%} in twelve")
ax.set_xticks(range(4), [f"{pool}, rate {r}" for pool, r in by_twelve], fontsize=8)
ax.set(ylabel="test error")
ax.yaxis.set_major_formatter("{x:.0%}")

# %%
chosen = {pool: min((0.01, 0.03), key=lambda r: by_twelve[pool, r]) for pool in RATE}
c, d = (np.array([run["test"][-1] for run in pairs(pool, r)]) for pool, r in chosen.items())
fair = 100 * (c - d)
mean, low, high = of_differences(fair)
print("rates chosen by twelve runs:", chosen)
print(f"3 x 3 saves {mean:.2f} points, 95 % interval from {low:.2f} to {high:.2f}")
unpaired = T[-1] * np.sqrt(c.var(ddof=1) / 12 + d.var(ddof=1) / 12) * 100
print(f"half its width: {(high - low) / 2:.2f} points; as if they were no pairs {unpaired:.2f}")
scatter = fair.std(ddof=1)
print(f"they scatter by {scatter:.1f}: pairs for 0.4 points {(2 * scatter / 0.4) ** 2:.0f}")

# %% [markdown]
# The one run that had recommended 0.03 for 3 × 3 was a lucky one. With the rate that twelve runs choose, the four
# points are *gone*. Twelve pairs, an interval, a permutation test, and all of it said with great certainty what one
# careless choice had put in. The statistics were right: *these* two trainings do differ by four points. They do not
# say why.
#
# (Now that both nets have the same rate, the pairs do help: the interval is narrower than without them. And the plan
# above changes, too: these pairs scatter by 1.4 points, so 0.4 points would be seen every second time by some 50 of
# them, four times out of five by some 100.)
#
# ### Exercise 13.3
#
# Here is a script as one finds them. It has three **leaks**, through which test images have a say in what is learned or
# chosen.

# %%
def leaky(x, labels, fit, strengths, rng):
    """The error of a linear classifier on images that it has not seen. Or has it?"""
    x = (x - x.mean(axis=0)) / x.std()
    order = rng.permutation(len(x))
    train, test = order[:8 * len(x) // 10], order[6 * len(x) // 10:]
    errors = {}
    for strength in strengths:
        W, b = fit(x[train], labels[train], strength)
        errors[strength] = np.mean((x[test] @ W + b).argmax(axis=1) != labels[test])
    best = min(errors, key=errors.get)
    return best, errors[best]

# %% [markdown]
# Mend it. Of the same `order`, the first 6 tenths are to train with, the next 2 tenths to choose by, the rest to test.
# The mean (of each number of x) and the spread (one number, the standard deviation of all) are those of the training
# images. `fit` is called with training images only. Return the chosen strength, and its error on the test images.

# %%
def honest(x, labels, fit, strengths, rng):
    ...                                                                # strength, error


check("13.3", honest);

# %% [markdown]
# How much do the leaks lie? A linear classifier of 200 digits of lesson 1, by both scripts. Only the leaky one runs
# without your answer:

# %%
from tinynet.data import mnist_sample

digits = mnist_sample().train
pixels, truth = digits.images[:200].reshape(200, -1).astype(float), digits.labels[:200]


def ridge(x, labels, strength):
    """Least squares, 1 for the right class and 0 for the others, with decay (lesson 15)."""
    t = np.eye(10)[labels] - 0.1
    return x.T @ np.linalg.solve(x @ x.T + strength * len(x) * np.eye(len(x)), t), 0.1


strengths = 0.1, 1.0, 10.0, 100.0
lied = [leaky(pixels, truth, ridge, strengths, np.random.default_rng(k))[1] for k in range(20)]
print(f"leaky : {np.mean(lied):.1%} wrong")
if check("13.3", honest):
    told = [honest(pixels, truth, ridge, strengths, np.random.default_rng(k))[1] for k in range(20)]
    print(f"honest: {np.mean(told):.1%} wrong")

# %% [markdown]
# ## A plan before the run
#
# The last deception is the best hidden: to decide what one has been looking for when one has seen what there is. The
# remedy is old: write down *before* the first run what is compared, what is kept equal, how many pairs there will be,
# and what would refute the claim (**preregistration**). The library has done so for each claim of the papers that a
# small machine can test. Not all of it could be kept; what was changed after the first runs, each plan says, in
# brackets. This one's:

# %%
from tinynet.claims.catalogue import CLAIMS
from tinynet.claims.claim import verdict

claim = CLAIMS["pooling"]
print(claim.about)

# %% [markdown]
# And the rule by which the pairs are judged, as it would judge ours, of a smaller net: with the rates that one run had
# chosen, and with those that twelve have.

# %%
for name, points in ("by one run", difference), ("by twelve", fair):
    said = verdict(claim, list(points))
    print(f"rates chosen {name}: {said.word}: {said.reason}")
    print(f"  {said.mean:+.2f} points ({said.low:+.2f} to {said.high:+.2f}), published "
          f"{claim.published:+.1f}")

# %% [markdown]
# There are five verdicts: held; held weaker; not seen at this scale; contradicted; and not run yet. Mind the third. An
# interval that holds 0 does not say that there is no difference. It says that this experiment cannot see one, and its
# width says how large one could hide. `python -m tinynet claims` lists all of them, and `docs/claims.md` is the page
# that they make. (Read it with what you know now: where an effect is small, three runs choose between the best two
# rates of each side; elsewhere one run does.)
#
# Nobody is safe from it. Take *lesson 4*'s five nets after four epochs: mean-pooling seems to help little, with error
# bars that are right. The nets had not finished learning:

# %%
pooling = json.loads(Path("stored/pooling.json").read_text("utf-8"))
for epochs in "4 epochs", "16 epochs":
    moved = {name: np.mean([pooling[f"{name}, start {k}"][epochs]["moved"][3] for k in range(3)])
             for name in ("no pooling", "mean, z = 3, s = 2", "max, z = 2, s = 2")}
    print(f"{epochs}:", ", ".join(f"{name} {value:.1%}" for name, value in moved.items()))

# %% [markdown]
# At four epochs, no pooling and mean-pooling look much alike; at sixteen they do not. No interval protects from a
# comparison that is not one. *What is kept equal* must be what matters: the images, the effort of tuning, and that both
# have learned what they can.
#
# ### Exercise 13.4, an open one
#
# You are the referee. `run(side, seed)` trains a net, side `"a"` or `"b"`, with a seed, and gives its error in points.
# You may call it 24 times. Return `"a"` or `"b"`, whichever makes fewer errors, or `"not seen"` if you cannot tell. The
# checker has 400 claims. Half of them are true, one side is better by 1.2 points; in the other half there is no
# difference, and the right verdict is "not seen". Errors scatter by 1.7 points from seed to seed. The target: **at
# least 85 % right verdicts.**

# %%
def referee(run):
    ...


check("13.4", referee);

# %% [markdown]
# ## What you know now
#
# - Everything scatters: images, starts, orders, even the last digit. Measure it before you compare.
# - Compare in pairs, and look at the differences. An interval says what other seeds would give; for other images, draw
#   these anew, too.
# - Ask for the power before the run. Some questions cannot be answered in a night.
# - The best of several is always too good: epochs, seeds, rates, nets. Choose by other images than you count on.
# - Write the plan first. Tune both sides, by more than one run. And look whether the nets have learned.
# - A significant difference is a difference between two *trainings*. Whether it is the one you mean is for you to show.
#
# Open `tinynet/claims/claim.py`: equation (1) is exercise 13.1, `verdict` the rule. In **lesson 14** we look inside a
# net, and shall need a control.
