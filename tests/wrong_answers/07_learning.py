"""Lesson 7: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np


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
