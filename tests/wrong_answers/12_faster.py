"""Lesson 12: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np


def _pieces(w, g, v, lr, momentum, decay, piece):
    for n in piece:
        v[n] = momentum * v[n] - decay * lr * w[n] - lr * g[n]
        w[n] += v[n]
    return w, v


def exercise_1_the_plain_one(w, g, v, lr, momentum, decay, piece=16384):
    return _pieces(w, g, v, lr, momentum, decay, [slice(None)])


def exercise_1_one_large_array(w, g, v, lr, momentum, decay, piece=16384):
    step = lr * (decay * w + g)
    for start in range(0, len(w), piece):
        n = slice(start, start + piece)
        v[n] = momentum * v[n] - step[n]
        w[n] += v[n]
    return w, v


def exercise_1_leaves_out_the_rest(w, g, v, lr, momentum, decay, piece=16384):
    starts = range(0, len(w) - len(w) % piece, piece) if len(w) > piece else [0]
    return _pieces(w, g, v, lr, momentum, decay, [slice(start, start + piece) for start in starts])


def exercise_1_only_the_first_piece(w, g, v, lr, momentum, decay, piece=16384):
    return _pieces(w, g, v, lr, momentum, decay, [slice(0, piece)])


def exercise_1_pieces_overlap(w, g, v, lr, momentum, decay, piece=16384):
    return _pieces(w, g, v, lr, momentum, decay, [slice(i, i + piece + 1) for i in range(0, len(w), piece)])


def exercise_1_new_arrays(w, g, v, lr, momentum, decay, piece=16384):
    v = momentum * v - decay * lr * w - lr * g
    return w + v, v


def exercise_1_gives_new_names(w, g, v, lr, momentum, decay, piece=16384):
    for start in range(0, len(w), piece):
        n = slice(start, start + piece)
        some_v = momentum * v[n] - decay * lr * w[n] - lr * g[n]
        some_w = w[n]
        some_w = some_w + some_v
    return w, v


def exercise_1_moves_by_the_old_velocity(w, g, v, lr, momentum, decay, piece=16384):
    for start in range(0, len(w), piece):
        n = slice(start, start + piece)
        old = v[n].copy()
        v[n] = momentum * v[n] - decay * lr * w[n] - lr * g[n]
        w[n] += old
    return w, v


def exercise_1_writes_into_g(w, g, v, lr, momentum, decay, piece=16384):
    g *= lr
    return _pieces(w, g / lr, v, lr, momentum, decay, [slice(i, i + piece) for i in range(0, len(w), piece)])


def exercise_1_forgets_the_momentum(w, g, v, lr, momentum, decay, piece=16384):
    return _pieces(w, g, v, lr, 1.0, decay, [slice(i, i + piece) for i in range(0, len(w), piece)])


def _m(d, g):
    return ((d[0] - d[2]) * g[0], (d[1] + d[2]) * (g[0] + g[1] + g[2]) / 2, (d[2] - d[1]) * (g[0] - g[1] + g[2]) / 2,
            (d[1] - d[3]) * g[2])


def exercise_2_six_products(d, g):
    return d[0] * g[0] + d[1] * g[1] + d[2] * g[2], d[1] * g[0] + d[2] * g[1] + d[3] * g[2]


def exercise_2_computes_m_twice(d, g):
    return sum(_m(d, g)[:3]), _m(d, g)[1] - _m(d, g)[2] - _m(d, g)[3]


def exercise_2_a_wrong_sign(d, g):
    m1, m2, m3, m4 = _m(d, g)
    return m1 + m2 + m3, m2 - m3 + m4


def exercise_2_the_other_way_round(d, g):
    m1, m2, m3, m4 = _m(d, g)
    return m2 - m3 - m4, m1 + m2 + m3


def exercise_2_only_one(d, g):
    return sum(_m(d, g)[:3])


def exercise_2_turns_the_kernel(d, g):
    m1, m2, m3, m4 = _m(d, g[::-1])
    return m1 + m2 + m3, m2 - m3 - m4


def exercise_3_the_plain_way(P, m, K):
    return P ** 2 * K ** 2


def exercise_3_nothing_hangs_over(P, m, K):
    return (P // m) ** 2 * (m + K - 1) ** 2


def exercise_3_parts_of_tiles(P, m, K):
    return (P / m) ** 2 * (m + K - 1) ** 2


def exercise_3_one_axis(P, m, K):
    return -(-P // m) * (m + K - 1)


def exercise_3_tiles_too_large(P, m, K):
    return int(np.ceil(P / m)) ** 2 * (m + K) ** 2


def exercise_3_places_of_the_output(P, m, K):
    return (-(-P // m)) ** 2 * m ** 2
