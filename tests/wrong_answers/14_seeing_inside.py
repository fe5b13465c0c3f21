"""Lesson 14: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np


def _rows(row, layers, height, order=-1, pad=1, less=1, cut=True):
    first = last = row
    for kernel, stride, padding in layers[::order]:
        first, last = first * stride - pad * padding, last * stride - pad * padding + kernel - less
    return (max(first, 0), min(last, height - 1)) if cut else (first, last)


def exercise_1_from_the_image_up(row, layers, height):
    return _rows(row, layers, height, order=1)


def exercise_1_forgets_the_padding(row, layers, height):
    return _rows(row, layers, height, pad=0)


def exercise_1_one_too_many(row, layers, height):
    return _rows(row, layers, height, less=0)


def exercise_1_forgets_the_edges(row, layers, height):
    return _rows(row, layers, height, cut=False)


def exercise_1_the_size_only(row, layers, height):
    first, last = _rows(row, layers, height)
    return last - first + 1


def exercise_1_the_last_walks_like_the_first(row, layers, height):
    first, _ = _rows(row, layers, height)
    return first, min(first + sum(kernel - 1 for kernel, _, _ in layers), height - 1)


def exercise_1_the_middle_only(row, layers, height):
    stride = int(np.prod([s for _, s, _ in layers]))
    size = 1
    for kernel, s, _ in layers[::-1]:
        size = size * s + kernel - s
    return max(row * stride - size // 2, 0), min(row * stride + size // 2, height - 1)


def _unpool(y, switches, shape, z, s, add=False, zeros=False, backwards=False, swap=False):
    x = np.zeros(shape, y.dtype)
    places = list(np.ndindex(y.shape))
    for n, p, q, c in reversed(places) if backwards else places:
        row, column = divmod(int(switches[n, p, q, c]), z)
        row, column = (column, row) if swap else (row, column)
        if add:
            x[n, p * s + row, q * s + column, c] += y[n, p, q, c]
        elif zeros or y[n, p, q, c] != 0:
            x[n, p * s + row, q * s + column, c] = y[n, p, q, c]
    return x


def exercise_2_adds(y, switches, shape, z, s):
    return _unpool(y, switches, shape, z, s, add=True)


def exercise_2_zeros_wipe_out(y, switches, shape, z, s):
    return _unpool(y, switches, shape, z, s, zeros=True)


def exercise_2_the_first_stays(y, switches, shape, z, s):
    return _unpool(y, switches, shape, z, s, backwards=True)


def exercise_2_rows_and_columns_exchanged(y, switches, shape, z, s):
    return _unpool(y, switches, shape, z, s, swap=True)


def exercise_2_the_largest_stays(y, switches, shape, z, s):
    x = np.full(shape, -np.inf)
    for n, p, q, c in np.ndindex(y.shape):
        row, column = divmod(int(switches[n, p, q, c]), z)
        at = n, p * s + row, q * s + column, c
        x[at] = max(x[at], y[n, p, q, c])
    return np.where(np.isinf(x), 0, x)


def exercise_2_side_by_side(y, switches, shape, z, s):
    return _unpool(y, switches, (shape[0], y.shape[1] * z, y.shape[2] * z, shape[3]), z, z)


def exercise_2_always_the_corner(y, switches, shape, z, s):
    return _unpool(y, 0 * switches, shape, z, s)


def exercise_2_the_first_image_only(y, switches, shape, z, s):
    x = _unpool(y, switches, shape, z, s)
    x[1:] = 0
    return x


def exercise_2_float64(y, switches, shape, z, s):
    return _unpool(y, switches, shape, z, s).astype(np.float64)


def exercise_3_always_the_gradient(d, x, rule):
    return d * (x > 0)


def exercise_3_exchanged(d, x, rule):
    return d * {"gradient": d > 0, "deconvnet": x > 0, "guided": (x > 0) & (d > 0)}[rule]


def exercise_3_guided_is_either(d, x, rule):
    return d * {"gradient": x > 0, "deconvnet": d > 0, "guided": (x > 0) | (d > 0)}[rule]


def exercise_3_the_mask_itself(d, x, rule):
    return {"gradient": x > 0, "deconvnet": d > 0, "guided": (x > 0) & (d > 0)}[rule].astype(d.dtype)


def exercise_3_the_size(d, x, rule):
    return np.abs(d) * {"gradient": x > 0, "deconvnet": d > 0, "guided": (x > 0) & (d > 0)}[rule]


def exercise_3_in_place(d, x, rule):
    d *= {"gradient": x > 0, "deconvnet": d > 0, "guided": (x > 0) & (d > 0)}[rule]
    return d


def _map(probability, image, square, stride, beyond=0, grey=127, copy=True, channels=3):
    rows = range(0, image.shape[0] - square + 1 + beyond, stride)
    columns = range(0, image.shape[1] - square + 1 + beyond, stride)
    found, hidden = np.empty((len(rows), len(columns))), image.copy()
    for p, i in enumerate(rows):
        for q, j in enumerate(columns):
            hidden = image.copy() if copy else hidden
            hidden[i:i + square, j:j + square, :channels] = grey
            found[p, q] = probability(hidden[None])[0]
    return found


def exercise_4_misses_the_last_place(probability, image, square, stride):
    return _map(probability, image, square, stride, beyond=-1)


def exercise_4_hangs_over_the_edge(probability, image, square, stride):
    return _map(probability, image, square, stride, beyond=square - 1)


def exercise_4_black(probability, image, square, stride):
    return _map(probability, image, square, stride, grey=0)


def exercise_4_squares_stay(probability, image, square, stride):
    return _map(probability, image, square, stride, copy=False)


def exercise_4_one_colour(probability, image, square, stride):
    return _map(probability, image, square, stride, channels=1)


def exercise_4_in_the_image_itself(probability, image, square, stride):
    found = _map(probability, image, square, stride)
    image[:square, :square] = 127
    return found


def exercise_4_on_its_side(probability, image, square, stride):
    return _map(probability, image, square, stride).T


def exercise_4_what_is_lost(probability, image, square, stride):
    return probability(image[None])[0] - _map(probability, image, square, stride)


def exercise_5_noise(images, labels, gradient):
    noise = np.random.default_rng(0).choice([-4, 4], images.shape)
    return np.clip(images + noise, 0, 255).astype(np.uint8)


def exercise_5_downhill(images, labels, gradient):
    return np.clip(images - 4 * np.sign(gradient(images, labels)), 0, 255).astype(np.uint8)


def exercise_5_without_clipping(images, labels, gradient):
    return (images + 4 * np.sign(gradient(images, labels)).astype(np.int64)).astype(np.uint8)


def exercise_5_too_much(images, labels, gradient):
    return np.clip(images + 8 * np.sign(gradient(images, labels)), 0, 255).astype(np.uint8)


def exercise_5_by_the_gradients_own_size(images, labels, gradient):
    step = gradient(images, labels)
    return np.clip(images + 4 * step / np.abs(step).max(), 0, 255).astype(np.uint8)


def exercise_5_another_image(images, labels, gradient):
    return np.roll(images, 1, axis=0)
