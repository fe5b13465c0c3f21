"""Lesson 4: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np


def _pool(x, z, s, P, Q, value=-np.inf):
    """Windows from a padded copy of x."""
    x = np.pad(x, ((0, 0), (0, z + s), (0, z + s), (0, 0)), constant_values=value)
    return np.stack([np.stack([x[:, p * s:p * s + z, q * s:q * s + z].max(axis=(1, 2)) for q in range(Q)], 1)
                     for p in range(P)], 1)


def _up(length, z, s):
    return min(-(-(length - z) // s) + 1, -(-length // s))


def exercise_1_rounds_down(x, z, s):
    return _pool(x, z, s, (x.shape[1] - z) // s + 1, (x.shape[2] - z) // s + 1)


def exercise_1_begins_beyond_the_end(x, z, s):
    return _pool(x, z, s, *(-(-(length - z) // s) + 1 for length in x.shape[1:3]))


def exercise_1_always_one_more(x, z, s):
    return _pool(x, z, s, *((length - z) // s + 2 for length in x.shape[1:3]))


def exercise_1_divides_the_length(x, z, s):
    return _pool(x, z, s, *(-(-length // s) for length in x.shape[1:3]))


def exercise_1_pads_with_zeros(x, z, s):
    return _pool(x, z, s, *(_up(length, z, s) for length in x.shape[1:3]), value=0)


def exercise_1_square_images(x, z, s):
    return _pool(x, z, s, _up(x.shape[1], z, s), _up(x.shape[1], z, s))


def exercise_1_windows_side_by_side(x, z, s):
    return _pool(x, z, z, *(_up(length, z, s) for length in x.shape[1:3]))


def exercise_1_the_mean(x, z, s):
    P, Q = (_up(length, z, s) for length in x.shape[1:3])
    return np.stack([np.stack([x[:, p * s:p * s + z, q * s:q * s + z].mean(axis=(1, 2)) for q in range(Q)], 1)
                     for p in range(P)], 1)


def exercise_1_of_another_precision(x, z, s):
    return _pool(x.astype(float), z, s, *(_up(length, z, s) for length in x.shape[1:3]))


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


def exercise_2_of_another_precision(dy, switches, shape, z, s):
    return _sum_to_winners(dy, switches, shape, z, s, np.float64)


def exercise_3_of_another_precision(dy, shape, z, s):
    return _mean_backward(dy, shape, z, s, np.float64)


def _sum_to_winners(dy, switches, shape, z, s, dtype):
    dx = np.zeros(shape, dtype)
    for n, p, q, c in np.ndindex(*dy.shape):
        i, j = divmod(switches[n, p, q, c], z)
        dx[n, p * s + i, q * s + j, c] += dy[n, p, q, c]
    return dx


def _mean_backward(dy, shape, z, s, dtype):
    dx = np.zeros(shape, dtype)
    for p, q in np.ndindex(*dy.shape[1:3]):
        dx[:, p * s:p * s + z, q * s:q * s + z] += dy[:, p:p + 1, q:q + 1] / z ** 2
    return dx
