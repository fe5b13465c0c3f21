"""Lesson 13: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np

from tinynet.claims.claim import T


def _interval(a, b, factor=None, ddof=1, root=True, sign=1):
    d = sign * (np.asarray(a) - np.asarray(b))
    n = len(d)
    half = (T[n - 2] if factor is None else factor) * d.std(ddof=ddof) / (np.sqrt(n) if root else 1)
    return d.mean() - half, d.mean() + half


def exercise_1_not_in_pairs(a, b):
    a, b = np.asarray(a), np.asarray(b)
    half = T[len(a) - 2] * np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(a))
    return (a - b).mean() - half, (a - b).mean() + half


def exercise_1_two_for_all(a, b):
    return _interval(a, b, factor=2)


def exercise_1_the_next_factor(a, b):
    return _interval(a, b, factor=T[len(a) - 1])


def exercise_1_divides_by_n(a, b):
    return _interval(a, b, ddof=0)


def exercise_1_of_single_pairs(a, b):
    return _interval(a, b, root=False)


def exercise_1_b_minus_a(a, b):
    return _interval(a, b, sign=-1)


def exercise_1_the_upper_end_first(a, b):
    return _interval(a, b)[::-1]


def exercise_1_the_scatter_only(a, b):
    low, high = _interval(a, b)
    return np.mean(a) - np.mean(b), (high - low) / 2


def _flips(differences, sides=2, above=False, own=True):
    d = np.asarray(differences)
    n = len(d)
    signs = 1 - 2 * ((np.arange(2 ** n)[:, None] >> np.arange(n)) & 1)
    means, ours = signs @ d / n, abs(d.mean())
    means = np.abs(means) if sides == 2 else means
    far = means > ours + 1e-9 if above else means >= ours - 1e-9
    return np.mean(far) if own else (far.sum() - 1) / (2 ** n - 1)


def exercise_2_one_side(differences):
    return _flips(differences, sides=1)


def exercise_2_only_those_further(differences):
    return _flips(differences, above=True)


def exercise_2_without_our_own(differences):
    return _flips(differences, own=False)


def exercise_2_how_many(differences):
    return _flips(differences) * 2 ** len(differences)


def exercise_2_the_mean_of_the_sizes(differences):
    d = np.asarray(differences)
    return np.mean(np.abs(d) >= abs(d.mean()) - 1e-9)


def exercise_2_a_hundred_at_random(differences):
    d = np.asarray(differences)
    signs = np.random.default_rng(0).choice([-1, 1], (100, len(d)))
    return np.mean(np.abs(signs @ d) >= abs(d.sum()) - 1e-9)


def exercise_2_permutes_the_pairs(differences):
    d, rng = np.asarray(differences), np.random.default_rng(0)
    return np.mean([abs(rng.permutation(d).mean()) >= abs(d.mean()) - 1e-9 for _ in range(200)])


def _script(x, labels, fit, strengths, rng, statistics="train", by="choose", on="test", trained=6,
            labels_of="train"):
    n, order = len(x), rng.permutation(len(x))
    parts = {"train": order[:trained * n // 10], "choose": order[6 * n // 10:8 * n // 10],
             "test": order[8 * n // 10:], "all": order, "first": range(trained * n // 10)}
    x = (x - x[parts[statistics]].mean(axis=0)) / x[parts[statistics]].std()
    errors = {}
    for s in strengths:
        W, b = fit(x[parts["train"]], labels[parts[labels_of]], s)
        errors[s] = {name: np.mean((x[part] @ W + b).argmax(axis=1) != labels[part]) for name, part in parts.items()}
    best = min(strengths, key=lambda s: errors[s][by])
    return best, errors[best][on]


def exercise_3_statistics_of_all(x, labels, fit, strengths, rng):
    return _script(x, labels, fit, strengths, rng, statistics="all")


def exercise_3_statistics_of_the_test_images(x, labels, fit, strengths, rng):
    return _script(x, labels, fit, strengths, rng, statistics="test")


def exercise_3_chosen_by_the_test_images(x, labels, fit, strengths, rng):
    return _script(x, labels, fit, strengths, rng, by="test")


def exercise_3_chosen_by_the_training_images(x, labels, fit, strengths, rng):
    return _script(x, labels, fit, strengths, rng, by="train")


def exercise_3_the_validation_error(x, labels, fit, strengths, rng):
    return _script(x, labels, fit, strengths, rng, on="choose")


def exercise_3_trains_with_eight_tenths(x, labels, fit, strengths, rng):
    return _script(x, labels, fit, strengths, rng, trained=8)


def exercise_3_labels_of_other_images(x, labels, fit, strengths, rng):
    return _script(x, labels, fit, strengths, rng, labels_of="first")


def exercise_3_as_it_was(x, labels, fit, strengths, rng):
    x = (x - x.mean(axis=0)) / x.std()
    order = rng.permutation(len(x))
    train, test, errors = order[:8 * len(x) // 10], order[6 * len(x) // 10:], {}
    for strength in strengths:
        W, b = fit(x[train], labels[train], strength)
        errors[strength] = np.mean((x[test] @ W + b).argmax(axis=1) != labels[test])
    best = min(errors, key=errors.get)
    return best, errors[best]


def exercise_4_one_pair(run):
    return "a" if run("a", 0) < run("b", 0) else "b"


def exercise_4_whoever_is_ahead(run):
    a, b = (np.mean([run(side, k) for k in range(12)]) for side in "ab")
    return "a" if a < b else "b"


def exercise_4_not_in_pairs(run):
    a = np.array([run("a", k) for k in range(12)])
    b = np.array([run("b", 100 + k) for k in range(12)])
    half = 2.07 * np.sqrt(a.var(ddof=1) / 12 + b.var(ddof=1) / 12)
    return "not seen" if abs(a.mean() - b.mean()) < half else "a" if a.mean() < b.mean() else "b"


def exercise_4_three_pairs(run):
    d = np.array([run("a", k) - run("b", k) for k in range(3)])
    half = T[1] * d.std(ddof=1) / np.sqrt(3)
    return "not seen" if abs(d.mean()) < half else "b" if d.mean() > 0 else "a"


def exercise_4_never_sure(run):
    run("a", 0)
    return "not seen"


def exercise_4_too_many_runs(run):
    d = np.array([run("a", k) - run("b", k) for k in range(40)])
    return "not seen" if abs(d.mean()) < 0.4 else "b" if d.mean() > 0 else "a"


def exercise_4_the_other_way_round(run):
    d = np.array([run("a", k) - run("b", k) for k in range(12)])
    half = T[10] * d.std(ddof=1) / np.sqrt(12)
    return "not seen" if abs(d.mean()) < half else "a" if d.mean() > 0 else "b"
