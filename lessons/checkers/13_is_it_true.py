"""Lesson 13: the checkers of its exercises."""
import numpy as np
from check import require, same, several, untouched

SEED_LUCK, OWN_LUCK, BETTER, CALLS, CLAIMS = 1.5, 0.7, 1.2, 24, 400      # of exercise 4; the first three in points


def exercise_1(interval):
    rng = np.random.default_rng(1)
    hold, widths = {3: 0, 6: 0, 15: 0}, {3: [], 6: [], 15: []}
    for n in hold:
        for _ in range(1500):
            luck = rng.normal(0, 3, n)                                    # shared: whoever does not pair is too wide
            a, b = 50 + luck + rng.normal(0, 0.5, n), 48 + luck + rng.normal(0, 0.5, n)
            low, high = several(untouched(interval, a, b), "low, high")
            require(np.ndim(low) == 0 and np.ndim(high) == 0 and low <= high,
                    f"the lower end should not lie above the upper one, yours are {low} and {high}.")
            require(abs((low + high) / 2 - (a - b).mean()) < 1e-6, "the middle of the interval should be the mean of "
                                                                   "the differences a minus b.")
            hold[n] += low <= 2 <= high
            widths[n].append(high - low)
        share = hold[n] / 1500
        require(share > 0.93, f"of 1,500 experiments with {n} pairs, whose true difference is 2, only {share:.1%} of "
                              "your intervals hold it; it should be 95 %.")
        require(share < 0.97, f"of 1,500 experiments with {n} pairs, {share:.1%} of your intervals hold the true "
                "difference; it should be 95 %: they are too wide. What scatters in both nets alike does not scatter "
                "in the difference.")
    wide = np.array([[np.mean(widths[n]), 2 * 0.5 * np.sqrt(2 / n)] for n in widths])
    exact = np.array([4.303 * 0.8862, 2.571 * 0.9515, 2.145 * 0.9823])    # t, and the mean of s over its true value
    require(np.allclose(wide[:, 0] / wide[:, 1], exact, rtol=0.035), "nearly: of the true differences the intervals "
            "hold about as many as they should. But they are not as wide as Student's. Is s divided by n - 1? Which "
            "factor belongs to n pairs?")
    few = np.array([3.0, 1.0, 2.5]), np.array([2.0, 1.5, 1.0])
    low, high = several(untouched(interval, *few), "low, high")
    d = np.subtract(*few)
    same(np.array([low, high]), d.mean() + np.array([-1, 1]) * 4.303 * d.std(ddof=1) / 3 ** 0.5,
         "for three pairs, the ends", "nearly: for three pairs the factor is T[1], 4.303.", 1e-6)


def exercise_2(sign_flips):
    rng = np.random.default_rng(2)
    for d in (np.array([1.0, 2.0]), np.array([1.0, -2.0, 4.0]), np.ones(5), np.array([0.1, 0.2, -0.3, 0.4]),
              np.zeros(3), -np.arange(1.0, 7.0), rng.normal(0.5, 1, 9), rng.normal(-1, 1, 12)):
        share = untouched(sign_flips, d)
        require(np.ndim(share) == 0 and 0 <= share <= 1, f"it should return a share, from 0 to 1, yours is {share!r}.")
        sums = np.zeros(1)
        for value in d:
            sums = np.concatenate([sums + value, sums - value])
        far = np.abs(sums) >= abs(d.sum()) - 1e-8
        wanted = np.mean(far)
        case = f"for the differences {np.round(d, 2).tolist()}"
        require(not np.isclose(share, 0) or wanted == 0, f"{case} it cannot be 0: the signs as they are belong to the "
                                                         "choices, too.")
        require(np.isclose(share, wanted) or not np.isclose(2 * share, wanted), f"{case} you have half of it. A mean "
                "as far below 0 as ours is above it is as far from 0.")
        require(np.isclose(share, wanted), f"{case} you have {share:.4f}. How many choices of signs are there, and for "
                                           "how many is the mean at least as far from 0?")


def exercise_3(honest):
    for seed, N in enumerate((50, 100, 200)):
        rng = np.random.default_rng(seed)
        x, labels = rng.normal(3, 2, (N, 6)) + rng.normal(0, 4, (1, 6)), rng.integers(0, 3, N)
        strengths, given = (0.5, 1.0, 2.0, 4.0, 8.0), []              # the images and labels that `fit` was given
        order = np.random.default_rng(9).permutation(N)
        train, choose, test = order[:6 * N // 10], order[6 * N // 10:8 * N // 10], order[8 * N // 10:]
        z = (x - x[train].mean(axis=0)) / x[train].std()
        weights = {s: (rng.normal(size=(6, 3)), rng.normal(size=3)) for s in strengths}

        def fit(x, labels, strength, given=given, weights=weights):
            given.append((np.array(x), np.array(labels)))
            require(len(np.shape(labels)) == 1 and len(labels) == len(x), "`fit` wants as many labels as images.")
            return weights[strength]

        def error(part, s, weights=weights, z=z, labels=labels):
            W, b = weights[s]
            return np.mean((z[part] @ W + b).argmax(axis=1) != labels[part])

        best, told = several(untouched(honest, x, labels, fit, strengths, np.random.default_rng(9)), "strength, error")
        require(given, "`fit` was never called.")
        for rows, its_labels in given:
            require(len(rows) == len(train), f"of {N} images, `fit` was given {len(rows)}; the first 6 tenths of the "
                                             f"order are {len(train)}.")
            require(not np.allclose(rows, (x[train] - x.mean(axis=0)) / x.std()), "`fit` was given the right images. "
                    "But their mean and spread are those of all images, also of the test images: a leak.")
            require(np.allclose(rows, z[train]), "`fit` should be given the first 6 tenths of the order, minus the "
                    "mean of these, divided by their spread.")
            require(np.array_equal(its_labels, labels[train]), "`fit` was given the right images, with the labels of "
                    "others.")
        require(best in strengths, f"the first thing returned should be one of the strengths, yours is {best!r}.")
        by = {what: min(error(part, s) for s in strengths) for what, part in (("choose", choose), ("test", test))}
        require(np.isclose(error(choose, best), by["choose"]), "the strength should be the best by the images to "
                "choose by. " + ("Yours is the best by the test images: a leak."
                                 if np.isclose(error(test, best), by["test"]) else "How are these normalised?"))
        require(np.isclose(told, error(test, best)), "the strength is right. The error should be that of the test "
                                                     "images, of that strength.")


def exercise_4(referee):
    rng, right = np.random.default_rng(4), 0
    for claim in range(CLAIMS):
        better = (None, "a", None, "b")[claim % 4]
        luck, calls = {}, [0]

        def run(side, seed, better=better, luck=luck, calls=calls):
            require(side in ("a", "b"), f'`run` was asked for the side {side!r}; there are "a" and "b".')
            calls[0] += 1
            require(calls[0] <= CALLS, f"`run` was called more than {CALLS} times for one claim.")
            if (side, seed) not in luck:
                shared = luck.setdefault(seed, rng.normal(0, SEED_LUCK))
                luck[side, seed] = 30 + shared + rng.normal(0, OWN_LUCK) - BETTER * (side == better)
            return luck[side, seed]

        said = untouched(referee, run)
        require(isinstance(said, str) and said in ("a", "b", "not seen"), 'it should return "a", "b" or "not seen", '
                                                                          f"yours is {said!r}.")
        right += said == (better or "not seen")
    require(right >= 0.85 * CLAIMS, f"{right / CLAIMS:.0%} of {CLAIMS} verdicts are right; the target is 85 %. Which "
            "of the 24 runs belong together? And how sure is sure enough?")
