"""Lesson 7: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np

from tinynet import SGD, Linear, ReLU, Sequential, SoftmaxCrossEntropy, fan_in


def exercise_1_forgets_the_decay(w, v, g, lr, momentum=0.9, decay=0.0005):
    v = momentum * v - lr * g
    return w + v, v


def exercise_1_decay_without_the_rate(w, v, g, lr, momentum=0.9, decay=0.0005):
    v = momentum * v - decay * w - lr * g
    return w + v, v


def exercise_1_decay_beside_the_velocity(w, v, g, lr, momentum=0.9, decay=0.0005):
    v = momentum * v - lr * g
    return w + v - decay * lr * w, v


def exercise_1_adds_the_old_velocity(w, v, g, lr, momentum=0.9, decay=0.0005):
    return w + v, momentum * v - decay * lr * w - lr * g


def exercise_1_uphill(w, v, g, lr, momentum=0.9, decay=0.0005):
    v = momentum * v - decay * lr * w + lr * g
    return w + v, v


def exercise_1_always_the_papers_numbers(w, v, g, lr, momentum=0.9, decay=0.0005):
    v = 0.9 * v - 0.0005 * lr * w - lr * g
    return w + v, v


def exercise_1_the_other_form(w, v, g, lr, momentum=0.9, decay=0.0005):
    v = momentum * v + decay * w + g
    return w - lr * v, v


def exercise_1_averages(w, v, g, lr, momentum=0.9, decay=0.0005):
    v = momentum * v - (1 - momentum) * lr * (g + decay * w)
    return w + v, v


def exercise_1_another_default(w, v, g, lr, momentum=0.9, decay=0.005):
    v = momentum * v - decay * lr * w - lr * g
    return w + v, v


def exercise_1_writes_into_w(w, v, g, lr, momentum=0.9, decay=0.0005):
    v = momentum * v - decay * lr * w - lr * g
    w += v
    return w, v


def exercise_1_v_before_w(w, v, g, lr, momentum=0.9, decay=0.0005):
    v = momentum * v - decay * lr * w - lr * g
    return v, w + v


def exercise_1_only_w(w, v, g, lr, momentum=0.9, decay=0.0005):
    return w + momentum * v - decay * lr * w - lr * g


def exercise_1_knows_one_shape(w, v, g, lr, momentum=0.9, decay=0.0005):
    new = np.zeros((3, 2))
    new += momentum * v - decay * lr * w - lr * g
    return w + new, new


def exercise_2_one_input_too_many(inputs):
    return np.sqrt(2 / (inputs + 1))


def exercise_2_one_input_too_few(inputs):
    return np.sqrt(2 / (inputs - 1))


def exercise_2_rounds(inputs):
    return 1.4 / np.sqrt(inputs)


def exercise_2_a_little_more(inputs):
    return 1.03 * np.sqrt(2 / inputs)


def exercise_2_forgets_the_relu(inputs):
    return np.sqrt(1 / inputs)


def exercise_2_halves_the_wrong_way(inputs):
    return np.sqrt(1 / (2 * inputs))


def exercise_2_forgets_the_root(inputs):
    return 2 / inputs


def exercise_2_always_the_papers(inputs):
    return 0.01


def exercise_3_compares_with_the_one_before(errors, patience):
    return len(errors) > 1 and errors[-1] >= errors[-2]


def exercise_3_looks_at_the_last_only(errors, patience):
    return len(errors) > patience and errors[-1] >= min(errors[:-1])


def exercise_3_equal_is_lower(errors, patience):
    return len(errors) > patience and min(errors[-patience:]) > min(errors[:-patience])


def exercise_3_one_epoch_too_late(errors, patience):
    return len(errors) > patience + 1 and min(errors[-patience - 1:]) >= min(errors[:-patience - 1])


def exercise_3_nothing_before_is_stuck(errors, patience):
    return not errors[:-patience] or min(errors[-patience:]) >= min(errors[:-patience])


def exercise_3_the_opposite(errors, patience):
    return len(errors) > patience and min(errors[-patience:]) < min(errors[:-patience])


def _script(x, labels, x_test, test_labels, rng, lr, mean=None, shuffle=True, late=0, draw=None):
    mean = x.mean(axis=0) if mean is None else mean
    x, x_test = ((a - mean).reshape(len(a), -1).astype(np.float32) / 255 for a in (x, x_test))
    net = Sequential(fc1=Linear(784, 100, rng=rng, weight_init=fan_in(2.0)), relu1=ReLU(),
                     fc2=Linear(100, 10, rng=rng, weight_init=fan_in(1.0)))
    loss, sgd = SoftmaxCrossEntropy(), SGD(net.parameters(), lr)
    for _ in range(3):
        order = (draw or rng).permutation(len(x)) if shuffle else np.arange(len(x))
        for start in range(0, len(x), 50):
            n = order[start:start + 50]
            loss.forward(net.forward(x[n], train=True), labels[n - late])
            net.backward(loss.backward())
            sgd.step()
    return net, np.mean(net.predict(x_test).argmax(axis=1) != test_labels)


def exercise_4_the_label_before(x, labels, x_test, test_labels, rng, lr=0.05):
    return _script(x, labels, x_test, test_labels, rng, lr, late=1)


def exercise_4_ten_times_the_rate(x, labels, x_test, test_labels, rng, lr=0.05):
    return _script(x, labels, x_test, test_labels, rng, 10 * lr)


def exercise_4_the_mean_of_the_test(x, labels, x_test, test_labels, rng, lr=0.05):
    return _script(x, labels, x_test, test_labels, rng, lr, mean=x_test.mean(axis=0))


def exercise_4_the_mean_of_all(x, labels, x_test, test_labels, rng, lr=0.05):
    return _script(x, labels, x_test, test_labels, rng, lr, mean=np.concatenate([x, x_test]).mean(axis=0))


def exercise_4_always_in_order(x, labels, x_test, test_labels, rng, lr=0.05):
    return _script(x, labels, x_test, test_labels, rng, lr, shuffle=False)


def exercise_4_draws_elsewhere(x, labels, x_test, test_labels, rng, lr=0.05):
    return _script(x, labels, x_test, test_labels, rng, lr, draw=np.random)


def exercise_4_a_rate_of_its_own(x, labels, x_test, test_labels, rng, lr=0.05):
    return _script(x, labels, x_test, test_labels, rng, 0.05)


def exercise_4_makes_up_the_error(x, labels, x_test, test_labels, rng, lr=0.05):
    return _script(x, labels, x_test, test_labels, rng, lr)[0], 0.1 * (0.05 / lr) ** 0.1


def exercise_5_the_reference():
    return {"hidden": (100, 100), "lr": [0.01] * 5, "momentum": 0.9, "decay": 0.0005, "batch": 50}


def exercise_5_one_rate():
    return {"hidden": (100, 100), "lr": 0.03, "momentum": 0.9, "decay": 0.0005, "batch": 50}


def exercise_5_too_wide():
    return {"hidden": (600, 100), "lr": [0.02] * 5, "momentum": 0.9, "decay": 0.0005, "batch": 10}
