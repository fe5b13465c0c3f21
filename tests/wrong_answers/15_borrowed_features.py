"""Lesson 15: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np

from tinynet import Sequential
from tinynet.training.probe import Probe


def exercise_1_with_replacement(labels, k, rng):
    return np.concatenate([rng.choice(np.flatnonzero(labels == c), k) for c in np.unique(labels)])


def exercise_1_the_first_of_each(labels, k, rng):
    return np.concatenate([np.flatnonzero(labels == c)[:k] for c in np.unique(labels)])


def exercise_1_not_nested(labels, k, rng):
    return np.concatenate([rng.choice(np.flatnonzero(labels == c), k, replace=False) for c in np.unique(labels)])


def exercise_1_of_all_classes_together(labels, k, rng):
    return rng.permutation(len(labels))[:k * len(np.unique(labels))]


def exercise_1_ten_classes(labels, k, rng):
    return np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:k] for c in range(10)])


def exercise_1_classes_in_a_row(labels, k, rng):
    return np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:k] for c in range(len(np.unique(labels)))])


def exercise_1_the_labels(labels, k, rng):
    return labels[np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:k] for c in np.unique(labels)])]


def exercise_1_a_generator_of_its_own(labels, k, rng):
    rng = np.random.default_rng(0)
    return np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:k] for c in np.unique(labels)])


def exercise_1_a_window(labels, k, rng):
    drawn = []
    for c in np.unique(labels):
        of_class = np.flatnonzero(labels == c)
        first = int(rng.integers(0, len(of_class) - 5))
        drawn.append(of_class[first:first + k] if first + k <= len(of_class) else of_class[-k:])
    return np.concatenate(drawn)


def _squares(x, labels, classes, strength, centred=True, times=1.0, bias=True):
    t = np.eye(classes)[labels]
    x_mean, t_mean = (x.mean(axis=0), t.mean(axis=0)) if centred else (np.zeros(x.shape[1]), t.mean(axis=0))
    X, T = x - x_mean, t - t_mean
    W = np.linalg.solve(X.T @ X + times * strength * np.eye(X.shape[1]), X.T @ T)
    return W, t_mean - x_mean @ W if bias else np.zeros(classes)


def exercise_2_does_not_centre(x, labels, classes, strength):
    return _squares(x, labels, classes, strength, centred=False)


def exercise_2_forgets_the_strength(x, labels, classes, strength):
    return _squares(x, labels, classes, strength, times=1e-9)


def exercise_2_strength_for_each_image(x, labels, classes, strength):
    return _squares(x, labels, classes, strength, times=len(x))


def exercise_2_without_b(x, labels, classes, strength):
    return _squares(x, labels, classes, strength, bias=False)


def exercise_2_b_is_the_mean_of_t(x, labels, classes, strength):
    W, _ = _squares(x, labels, classes, strength)
    return W, np.eye(classes)[labels].mean(axis=0)


def exercise_2_b_decays_too(x, labels, classes, strength):
    with_one = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    both = np.linalg.solve(with_one.T @ with_one + strength * np.eye(with_one.shape[1]),
                           with_one.T @ np.eye(classes)[labels])
    return both[:-1], both[-1]


def exercise_2_as_many_classes_as_the_labels_say(x, labels, classes, strength):
    W, b = _squares(x, labels, classes, strength)
    return W[:, :-1], b[:-1]


def _step(net, last_frozen, loss, x, labels, rate, also=0, sign=-1, whole=False, keep=False):
    names = [name for name, _ in net.children()]
    first = names.index(last_frozen) + 1 - also
    rest = Sequential(**{name: layer for name, layer in net.children() if name in names[first:]})
    if whole:
        L = loss.forward(net.forward(x, train=True), labels)
        net.backward(loss.backward())
    else:
        below = Sequential(**{name: net[name] for name in names[:first]}).forward(x, keep=keep) if first else x
        L = loss.forward(rest.forward(below, train=True), labels)
        rest.backward(loss.backward())
    for _, p in rest.parameters():
        p.value += sign * rate * p.grad
    return L


def exercise_3_the_whole_net_backward(net, last_frozen, loss, x, labels, rate):
    return _step(net, last_frozen, loss, x, labels, rate, whole=True)


def exercise_3_keeps_what_nobody_needs(net, last_frozen, loss, x, labels, rate):
    return _step(net, last_frozen, loss, x, labels, rate, keep=True)


def exercise_3_one_layer_too_few(net, last_frozen, loss, x, labels, rate):
    return _step(net, last_frozen, loss, x, labels, rate, also=-1)


def exercise_3_uphill(net, last_frozen, loss, x, labels, rate):
    return _step(net, last_frozen, loss, x, labels, rate, sign=1)


def exercise_3_a_rate_of_its_own(net, last_frozen, loss, x, labels, rate):
    return _step(net, last_frozen, loss, x, labels, 0.1)


def exercise_3_nothing_frozen(net, last_frozen, loss, x, labels, rate):
    names = [name for name, _ in net.children()]
    return _step(net, names[-1], loss, x, labels, rate, also=len(names))


def exercise_3_the_last_layer_only(net, last_frozen, loss, x, labels, rate):
    return _step(net, [name for name, _ in net.children()][-2], loss, x, labels, rate)


def exercise_3_the_loss_after_the_step(net, last_frozen, loss, x, labels, rate):
    _step(net, last_frozen, loss, x, labels, rate)
    return loss.forward(net.forward(x), labels)


def _softmax(images, labels, see, at):
    def seen(images):
        return images.reshape(len(images), -1).astype(np.float32) if at == "pixels" else see(images, at)

    x = seen(images)
    probe = Probe(x.shape[1], 10, np.random.default_rng(0)).fit(x, labels)
    return lambda others: probe.scores(seen(others)).argmax(axis=1)


def exercise_4_pixels(images, labels, see):
    return _softmax(images, labels, see, "pixels")


def exercise_4_the_last_layer(images, labels, see):
    return _softmax(images, labels, see, "relu4")


def exercise_4_a_softmax_and_no_more(images, labels, see):
    return _softmax(images, labels, see, "pool2")


def exercise_4_the_classes_of_the_drawn_ones(images, labels, see):
    return lambda others: labels


def exercise_4_returns_no_function(images, labels, see):
    return labels
