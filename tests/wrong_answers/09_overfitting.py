"""Lesson 9: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np

from tinynet import Conv2d, Flatten, Layer, Linear, MaxPool2d, ReLU, Sequential, fan_in
from tinynet.data.augment import center_crop


def _crops(images, size, rng, room=1, axis=1, own=True, coin=None, swap=False):
    N, H, W, C = images.shape
    crops = np.empty((N, size, size, C), images.dtype)
    top, left = rng.integers(0, H - size + room), rng.integers(0, W - size + room)
    for n in range(N):
        if own:
            top, left = rng.integers(0, H - size + room), rng.integers(0, W - size + room)
        if swap:
            top, left = rng.integers(0, W - size), rng.integers(0, H - size + 1)
        crop = images[n, top:top + size, left:left + size]
        mirrored = rng.random() < 0.5 if coin is None else coin(top)
        crops[n] = np.flip(crop, axis) if mirrored else crop
    return crops


def exercise_1_misses_the_last_place(images, size, rng):
    return _crops(images, size, rng, room=0)


def exercise_1_upside_down(images, size, rng):
    return _crops(images, size, rng, axis=0)


def exercise_1_mirrors_colours(images, size, rng):
    return _crops(images, size, rng, axis=2)


def exercise_1_one_place_for_all(images, size, rng):
    return _crops(images, size, rng, own=False)


def exercise_1_never_mirrors(images, size, rng):
    return _crops(images, size, rng, coin=lambda top: False)


def exercise_1_always_mirrors(images, size, rng):
    return _crops(images, size, rng, coin=lambda top: True)


def exercise_1_mirrors_by_place(images, size, rng):
    return _crops(images, size, rng, coin=lambda top: top == 1)


def exercise_1_swaps_height_and_width(images, size, rng):
    return _crops(images, size, rng, swap=True)


def exercise_1_draws_elsewhere(images, size, rng):
    return _crops(images, size, np.random.default_rng())


def exercise_1_always_the_same(images, size, rng):
    return _crops(images, size, np.random.default_rng(0))


def exercise_1_a_list(images, size, rng):
    return list(_crops(images, size, rng))


def exercise_1_mostly_in_the_middle(images, size, rng):
    N, H, W, C = images.shape
    tops = (rng.integers(0, H - size + 1, (N, 6)).mean(axis=1) + 0.5).astype(int)
    lefts = rng.integers(0, W - size + 1, N)
    crops = np.stack([image[i:i + size, j:j + size] for image, i, j in zip(images, tops, lefts, strict=True)])
    mirrored = rng.random(N) < 0.5
    crops[mirrored] = crops[mirrored, :, ::-1]
    return crops


def exercise_1_of_the_first_image(images, size, rng):
    return _crops(np.repeat(images[:1], len(images), axis=0), size, rng)


def _cut(images, size, tops, lefts, mirrored):
    crops = np.stack([image[i:i + size, j:j + size] for image, i, j in zip(images, tops, lefts, strict=True)])
    crops[mirrored] = crops[mirrored, :, ::-1]
    return crops


def _drawn(images, size, rng):
    N, H, W, _ = images.shape
    return rng.integers(0, H - size + 1, N), rng.integers(0, W - size + 1, N)


def exercise_1_every_second_is_mirrored(images, size, rng):
    return _cut(images, size, *_drawn(images, size, rng), np.arange(len(images)) % 2 == 1)


def exercise_1_mirrors_less_than_half(images, size, rng):
    return _cut(images, size, *_drawn(images, size, rng), rng.random(len(images)) < 0.45)


def exercise_1_mirrors_exactly_half(images, size, rng):
    return _cut(images, size, *_drawn(images, size, rng), rng.permutation(len(images)) < len(images) // 2)


def exercise_1_pairs_share_place_and_coin(images, size, rng):
    half = _drawn(images[::2], size, rng)
    tops, lefts, mirrored = (np.repeat(a, 2)[:len(images)] for a in (*half, rng.random(len(images[::2])) < 0.5))
    return _cut(images, size, tops, lefts, mirrored)


def exercise_1_mirrors_the_left_ones_more(images, size, rng):
    tops, lefts = _drawn(images, size, rng)
    return _cut(images, size, tops, lefts, rng.random(len(images)) < np.where(lefts == 0, 0.6, 0.45))


def exercise_1_always_float64(images, size, rng):
    return _crops(images, size, rng).astype(float)


def exercise_1_halves_of_the_batch_share_places(images, size, rng):
    tops, lefts = _drawn(images, size, rng)
    tops[1::2], lefts[1::2] = tops[:len(tops) // 2 * 2:2], lefts[:len(lefts) // 2 * 2:2]
    return _cut(images, size, tops, lefts, rng.random(len(images)) < 0.5)


def exercise_2_components_as_rows(x, values, vectors, alpha):
    return x + (255 * (alpha * values) @ vectors)[:, None, None]


def exercise_2_standard_deviations(x, values, vectors, alpha):
    return x + (255 * (alpha * np.sqrt(values)) @ vectors.T)[:, None, None]


def exercise_2_forgets_255(x, values, vectors, alpha):
    return x + ((alpha * values) @ vectors.T)[:, None, None]


def exercise_2_one_colour_for_all(x, values, vectors, alpha):
    return x + 255 * (alpha[0] * values) @ vectors.T


def exercise_2_no_components(x, values, vectors, alpha):
    return x + 255 * (alpha * values)[:, None, None]


def exercise_2_only_the_colour(x, values, vectors, alpha):
    return (255 * (alpha * values) @ vectors.T)[:, None, None]


def exercise_2_cuts_off_at_0_and_255(x, values, vectors, alpha):
    return np.clip(x + (255 * (alpha * values) @ vectors.T)[:, None, None], 0, 255)


def exercise_2_forgets_255_in_float32(x, values, vectors, alpha):
    return (x + ((alpha * values) @ vectors.T)[:, None, None]).astype(np.float32)


def exercise_2_changes_x(x, values, vectors, alpha):
    x += (255 * (alpha * values) @ vectors.T)[:, None, None]
    return x


class _Dropout(Layer):
    def __init__(self, p, rng):
        self.p, self.rng = p, rng

    def draw(self, shape):
        return self.rng.random(shape) >= self.p

    def forward(self, x, train=False, keep=False):
        if not train:
            return x * (1 - self.p)
        self.mask = self.draw(x.shape)
        return x * self.mask

    def backward(self, dy):
        return dy * self.mask


class exercise_3_scales_in_training(_Dropout):
    def forward(self, x, train=False, keep=False):
        return super().forward(x, True) / (1 - self.p) if train else x.copy()


class exercise_3_does_not_scale_at_test(_Dropout):
    def forward(self, x, train=False, keep=False):
        return super().forward(x, True) if train else x.copy()


class exercise_3_scales_by_p(_Dropout):
    def forward(self, x, train=False, keep=False):
        return super().forward(x, True) if train else x * self.p


class exercise_3_drops_at_test_too(_Dropout):
    def forward(self, x, train=False, keep=False):
        return super().forward(x, True)


class exercise_3_keeps_what_it_should_drop(_Dropout):
    def draw(self, shape):
        return self.rng.random(shape) < self.p


class exercise_3_one_mask_for_the_batch(_Dropout):
    def draw(self, shape):
        return np.broadcast_to(self.rng.random(shape[1:]) >= self.p, shape)


class exercise_3_whole_images(_Dropout):
    def draw(self, shape):
        return np.broadcast_to(self.rng.random((shape[0], 1)) >= self.p, shape)


class exercise_3_the_same_mask_for_ever(_Dropout):
    def draw(self, shape):
        return np.random.default_rng(0).random(shape) >= self.p


class exercise_3_backward_without_mask(_Dropout):
    def backward(self, dy):
        return dy.copy()


class exercise_3_backward_scales(_Dropout):
    def backward(self, dy):
        return dy * (1 - self.p)


class exercise_3_backward_draws_anew(_Dropout):
    def backward(self, dy):
        return dy * self.draw(dy.shape)


class exercise_3_backward_masks_and_scales(_Dropout):
    def backward(self, dy):
        return dy * self.mask * (1 - self.p)


class exercise_3_drops_nothing(_Dropout):
    def draw(self, shape):
        return np.ones(shape, bool)


class exercise_3_only_forward(_Dropout):
    def backward(self, dy):
        ...


class exercise_3_knows_one_p(_Dropout):
    def draw(self, shape):
        return self.rng.random(shape) >= 0.3


class exercise_3_draws_elsewhere(_Dropout):
    def draw(self, shape):
        return np.random.default_rng().random(shape) >= self.p


class exercise_3_keeps_the_mask_on_the_class(_Dropout):
    def forward(self, x, train=False, keep=False):
        if not train:
            return x * (1 - self.p)
        type(self).mask = self.draw(x.shape)
        return x * self.mask


class exercise_3_throws_coins_at_test_too(_Dropout):
    def forward(self, x, train=False, keep=False):
        mask = self.draw(x.shape)
        if not train:
            return x * (1 - self.p)
        self.mask = mask
        return x * self.mask


class exercise_3_the_same_number_in_each_image(_Dropout):
    def draw(self, shape):
        numbers = self.rng.random((shape[0], int(np.prod(shape[1:]))))
        rank = numbers.argsort(axis=1).argsort(axis=1)
        return (rank >= round(self.p * numbers.shape[1])).reshape(shape)


class exercise_3_the_mask_from_y(_Dropout):
    def forward(self, x, train=False, keep=False):
        y = super().forward(x, train)
        self.mask = y != 0
        return y


class exercise_3_two_axes_only(_Dropout):
    def draw(self, shape):
        rows, columns = shape
        return self.rng.random((rows, columns)) >= self.p


class exercise_3_always_float64(_Dropout):
    def draw(self, shape):
        return (self.rng.random(shape) >= self.p).astype(float)


def _net(rng, hidden):
    how = {"rng": rng, "weight_init": fan_in(2.0)}
    return Sequential(
        conv1=Conv2d(3, 16, 5, padding=2, input_grad=False, **how), relu1=ReLU(),
        pool1=MaxPool2d(3, stride=2, ceil_mode=True),
        conv2=Conv2d(16, 32, 5, padding=2, **how), relu2=ReLU(), pool2=MaxPool2d(3, stride=2, ceil_mode=True),
        flat=Flatten(), fc3=Linear(6 * 6 * 32, hidden, **how), relu3=ReLU(),
        fc4=Linear(hidden, 10, rng=rng, weight_init=fan_in(1.0)))


def exercise_4_the_plain_net_with_too_large_a_rate(rng):
    return _net(rng, 128), lambda x, rng: center_crop(x, 24), [0.03] * 8 + [0.003] * 2, 25


def exercise_4_too_many_parameters(rng):
    return _net(rng, 512), lambda x, rng: center_crop(x, 24), [0.01] * 10, 25


def exercise_4_too_many_epochs(rng):
    return _net(rng, 128), lambda x, rng: center_crop(x, 24), [0.01] * 20, 25
