"""Lesson 14: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import numpy as np


def exercise_1_by_size_and_offset(row, layers, height):
    size, apart, start = 1, 1, 0
    for kernel, stride, padding in layers:
        start -= padding * apart
        size += (kernel - 1) * apart
        apart *= stride
    first = start + row * apart
    return [np.clip(first, 0, None), np.clip(first + size - 1, None, height - 1)]


def exercise_1_all_rows(row, layers, height):
    rows = {row}
    for kernel, stride, padding in layers[::-1]:
        rows = {r * stride - padding + k for r in rows for k in range(kernel)}
    # whatever is skipped between two windows does not change the first and the last
    rows = [r for r in rows if 0 <= r < height]
    return min(rows), max(rows)


def exercise_1_cut_at_the_edges_of_every_map(row, layers, height):
    heights = [height]
    for kernel, stride, padding in layers:
        heights.append((heights[-1] + 2 * padding - kernel) // stride + 1)
    first = last = row
    for (kernel, stride, padding), rows in zip(layers[::-1], heights[-2::-1], strict=True):
        first, last = max(first * stride - padding, 0), min(last * stride - padding + kernel, rows) - 1
    return first, last


def exercise_2_offset_by_offset(y, switches, shape, z, s):
    x = np.zeros(shape, y.dtype)
    P, Q = y.shape[1:3]
    for k in reversed(range(z * z)):                     # a later window has the pixel further to its upper left
        i, j = divmod(k, z)
        pixels = x[:, i:i + P * s:s, j:j + Q * s:s]
        mine, up = (a[:, :pixels.shape[1], :pixels.shape[2]] for a in (switches, y))
        writes = (mine == k) & (up != 0)
        pixels[writes] = up[writes]
    return x


def exercise_2_windows_in_order(y, switches, shape, z, s):
    x = np.zeros(shape, dtype=y.dtype)
    n, c = np.ogrid[:shape[0], :shape[3]]
    for p in range(y.shape[1]):
        for q in range(y.shape[2]):
            k = switches[:, p, q].astype(int)
            h, w, value = p * s + k // z, q * s + k % z, y[:, p, q]
            x[n, h, w, c] = np.where(value != 0, value, x[n, h, w, c])
    return x


def exercise_3_a_table(d, x, rule):
    return np.where({"gradient": x > 0, "deconvnet": d > 0, "guided": np.minimum(d, x) > 0}[rule], d, d.dtype.type(0))


def exercise_3_step_by_step(d, x, rule):
    d = d.copy()
    if rule in ("deconvnet", "guided"):
        d = np.maximum(d, 0)
    if rule in ("gradient", "guided"):
        d[x <= 0] = 0
    return d


def exercise_4_one_image_at_a_time(probability, image, square, stride):
    rows = []
    for i in range(0, image.shape[0] - square + 1, stride):
        rows.append([])
        for j in range(0, image.shape[1] - square + 1, stride):
            hidden = image.copy()
            hidden[i:i + square, j:j + square, :] = 127
            rows[-1].append(probability(hidden[None])[0])
    return np.array(rows)


def exercise_4_in_float(probability, image, square, stride):
    P, Q = (image.shape[0] - square) // stride + 1, (image.shape[1] - square) // stride + 1
    images = np.empty((P, Q, *image.shape))
    images[:] = image
    for p in range(P):
        for q in range(Q):
            images[p, q, p * stride:p * stride + square, q * stride:q * stride + square] = 127.0
    return probability(images.reshape(-1, *image.shape)).reshape(P, Q)


def exercise_5_in_one_step(images, labels, gradient):
    changed = images + 4.0 * np.sign(gradient(images, labels))
    return np.clip(changed, 0, 255).astype(np.uint8)
