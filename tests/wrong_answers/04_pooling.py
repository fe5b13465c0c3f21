"""Lesson 4: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np


def exercise_1_always_rounds_down(length, z, s, ceil=False):
    return (length - z) // s + 1


def exercise_1_always_rounds_up(length, z, s, ceil=True):
    return min(-(-(length - z) // s) + 1, -(-length // s))


def exercise_1_forgets_the_first_window(length, z, s, ceil=False):
    return -(-(length - z) // s) if ceil else (length - z) // s


def exercise_1_divides_the_length(length, z, s, ceil=False):
    return -(-length // s) if ceil else length // s


def exercise_1_always_adds_one(length, z, s, ceil=False):
    return (length - z) // s + (2 if ceil else 1)


def exercise_1_begins_beyond_the_end(length, z, s, ceil=False):
    return (-(-(length - z) // s) if ceil else (length - z) // s) + 1


def exercise_1_with_a_point(length, z, s, ceil=False):
    return (length - z) / s + 1


def exercise_1_rounds_up_unless_told(length, z, s, ceil=True):
    windows = (-(-(length - z) // s) if ceil else (length - z) // s) + 1
    return windows - 1 if (windows - 1) * s >= length else windows


def _to_winners(dy, switches, shape, z, s):
    for n, p, q, c in np.ndindex(*dy.shape):
        i, j = divmod(switches[n, p, q, c], z)
        yield (n, p * s + i, q * s + j, c), dy[n, p, q, c]


def exercise_2_writes_and_does_not_add(dy, switches, shape, z, s):
    dx = np.zeros(shape)
    for place, gradient in _to_winners(dy, switches, shape, z, s):
        dx[place] = gradient
    return dx


def exercise_2_adds_by_index(dy, switches, shape, z, s):
    dx, places = np.zeros(shape), [place for place, _ in _to_winners(dy, switches, shape, z, s)]
    dx[tuple(np.array(places).T)] += dy.reshape(-1)
    return dx


def exercise_2_windows_side_by_side(dy, switches, shape, z, s):
    dx = np.zeros((shape[0], shape[1] * z, shape[2] * z, shape[3]))
    for place, gradient in _to_winners(dy, switches, shape, z, z):
        dx[place] += gradient
    return dx[:, :shape[1], :shape[2]]


def exercise_2_columns_first(dy, switches, shape, z, s):
    dx = np.zeros(shape)
    for place, gradient in _to_winners(dy, switches % z * z + switches // z, shape, z, s):
        dx[place] += gradient
    return dx


def exercise_2_always_the_first_pixel(dy, switches, shape, z, s):
    dx = np.zeros(shape)
    for place, gradient in _to_winners(dy, 0 * switches, shape, z, s):
        dx[place] += gradient
    return dx


def exercise_2_to_the_whole_window(dy, switches, shape, z, s):
    return z * z * _shares(dy, shape, z, s)


def exercise_2_pools_the_gradient(dy, switches, shape, z, s):
    return dy * switches


def _shares(dy, shape, z, s):
    dx = np.zeros(shape)
    for p, q in np.ndindex(*dy.shape[1:3]):
        dx[:, p * s:p * s + z, q * s:q * s + z] += dy[:, p:p + 1, q:q + 1] / z ** 2
    return dx


def exercise_3_whole_dy_for_each(dy, shape, z, s):
    return z * z * _shares(dy, shape, z, s)


def exercise_3_divides_by_z(dy, shape, z, s):
    return z * _shares(dy, shape, z, s)


def exercise_3_writes_and_does_not_add(dy, shape, z, s):
    dx = np.zeros(shape)
    for p, q in np.ndindex(*dy.shape[1:3]):
        dx[:, p * s:p * s + z, q * s:q * s + z] = dy[:, p:p + 1, q:q + 1] / z ** 2
    return dx


def exercise_3_to_one_pixel_only(dy, shape, z, s):
    dx = np.zeros(shape)
    dx[:, :s * dy.shape[1]:s, :s * dy.shape[2]:s] = dy
    return dx


def exercise_3_windows_side_by_side(dy, shape, z, s):
    return (dy / z ** 2).repeat(z, axis=1).repeat(z, axis=2)


def exercise_3_writes_into_dy(dy, shape, z, s):
    dy /= z ** 2
    return z ** 2 * _shares(dy, shape, z, s)
