"""Lesson 11: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import math

from tinynet import (
    LRN,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    constant,
    gaussian,
)

ALEXNET = (96, 256, 384, 384, 256)


def _alexnet(kernels=ALEXNET, hidden=4096, classes=1000, rng=None, padding=((0, 3), (0, 3)), groups=(2, 1, 2, 2),
             norm=2, bias=1.0, conv_bias=0.0, wide=0.01, drop=True, **tail):
    k1, k2, k3, k4, k5 = kernels
    draw = {"rng": rng, "weight_init": gaussian(wide)}
    zero, one = draw | {"bias_init": constant(conv_bias)}, draw | {"bias_init": constant(bias)}
    layers = {
        "conv1": Conv2d(3, k1, 11, stride=4, padding=padding, input_grad=False, **zero), "relu1": ReLU(),
        "norm1": LRN(groups=norm), "pool1": MaxPool2d(3, stride=2),
        "conv2": Conv2d(k1, k2, 5, padding=2, groups=groups[0], **one), "relu2": ReLU(),
        "norm2": LRN(groups=norm), "pool2": MaxPool2d(3, stride=2),
        "conv3": Conv2d(k2, k3, 3, padding=1, groups=groups[1], **zero), "relu3": ReLU(),
        "conv4": Conv2d(k3, k4, 3, padding=1, groups=groups[2], **one), "relu4": ReLU(),
        "conv5": Conv2d(k4, k5, 3, padding=1, groups=groups[3], **one), "relu5": ReLU(), "pool5": MaxPool2d(3, 2),
        "flat": Flatten(), "fc6": Linear(6 * 6 * k5, hidden, **one), "relu6": ReLU(), "drop6": Dropout(0.5, rng),
        "fc7": Linear(hidden, hidden, **one), "relu7": ReLU(), "drop7": Dropout(0.5, rng),
        "fc8": Linear(hidden, classes, **draw)}
    return Sequential(**{name: layer for name, layer in layers.items() if drop or "drop" not in name} | tail)


def exercise_1_padded_all_around(kernels=ALEXNET, hidden=4096, classes=1000, rng=None):
    return _alexnet(kernels, hidden, classes, rng, padding=((1, 2), (2, 1)))


def exercise_1_not_padded(kernels=ALEXNET, hidden=4096, classes=1000, rng=None):
    return _alexnet(kernels, hidden, classes, rng, padding=0)


def exercise_1_no_groups(kernels=ALEXNET, hidden=4096, classes=1000, rng=None):
    return _alexnet(kernels, hidden, classes, rng, groups=(1, 1, 1, 1))


def exercise_1_groups_in_conv3(kernels=ALEXNET, hidden=4096, classes=1000, rng=None):
    return _alexnet(kernels, hidden, classes, rng, groups=(2, 2, 2, 2))


def exercise_1_normalises_across_the_border(kernels=ALEXNET, hidden=4096, classes=1000, rng=None):
    return _alexnet(kernels, hidden, classes, rng, norm=1)


def exercise_1_all_biases_at_0(kernels=ALEXNET, hidden=4096, classes=1000, rng=None):
    return _alexnet(kernels, hidden, classes, rng, bias=0.0)


def exercise_1_all_biases_at_1(kernels=ALEXNET, hidden=4096, classes=1000, rng=None):
    return _alexnet(kernels, hidden, classes, rng, conv_bias=1.0)


def exercise_1_wider_weights(kernels=ALEXNET, hidden=4096, classes=1000, rng=None):
    return _alexnet(kernels, hidden, classes, rng, wide=0.03)


def exercise_1_forgets_dropout(kernels=ALEXNET, hidden=4096, classes=1000, rng=None):
    return _alexnet(kernels, hidden, classes, rng, drop=False)


def exercise_1_one_layer_more(kernels=ALEXNET, hidden=4096, classes=1000, rng=None):
    return _alexnet(kernels, hidden, classes, rng, relu8=ReLU())


def exercise_1_knows_alexnet_only(kernels=ALEXNET, hidden=4096, classes=1000, rng=None):
    return _alexnet(ALEXNET, 2, 1000, rng)


def exercise_1_another_default(kernels=ALEXNET, hidden=2048, classes=1000, rng=None):
    return _alexnet(kernels, hidden, classes, rng)


def _total(kernels, hidden, classes, see, bias=1, places=36, fc8=1):
    k1, k2, k3, k4, k5 = kernels
    return (k1 * (363 + bias) + k2 * (25 * k1 // see[0] + bias) + k3 * (9 * k2 // see[1] + bias)
            + k4 * (9 * k3 // see[2] + bias) + k5 * (9 * k4 // see[2] + bias)
            + hidden * (places * k5 // see[3] + bias) + hidden * (hidden // see[3] + bias)
            + fc8 * classes * (hidden + bias))


def exercise_2_no_biases(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (columns, 1, columns, 1), bias=0)


def exercise_2_conv3_sees_its_own_column(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (columns, columns, columns, 1))


def exercise_2_all_see_all(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (1, 1, 1, 1))


def exercise_2_fc_see_their_own_column(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (columns, 1, columns, columns))


def exercise_2_counts_fc8_twice(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (columns, 1, columns, 1), fc8=columns)


def exercise_2_fc6_sees_13_by_13(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (columns, 1, columns, 1), places=169)


def exercise_2_ignores_columns(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return _total(kernels, hidden, classes, (2, 1, 2, 1))


def exercise_2_knows_alexnet_only(kernels=ALEXNET, hidden=4096, classes=1000, columns=2):
    return 60_965_224


def exercise_3_adds_kernels(layers):
    return sum(kernel for kernel, _ in layers)


def exercise_3_ignores_strides(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def exercise_3_multiplies_kernels(layers):
    return math.prod(kernel for kernel, _ in layers)


def exercise_3_stride_too_early(layers):
    size, apart = 1, 1
    for kernel, stride in layers:
        apart *= stride
        size += (kernel - 1) * apart
    return size


def exercise_3_last_stride_only(layers):
    size, before = 1, 1
    for kernel, stride in layers:
        size += (kernel - 1) * before
        before = stride
    return size


def exercise_3_upside_down(layers):
    size, apart = 1, 1
    for kernel, stride in reversed(layers):
        size += (kernel - 1) * apart
        apart *= stride
    return size


def exercise_3_empties_the_list_and_forgets_strides(layers):
    size = 1
    while layers:
        size += layers.pop()[0] - 1
    return size


def _with_mean(rng, kernels=ALEXNET, last="pool5", **how):
    convolutions = _alexnet(kernels, 2, 1000, rng, **how)[:last]
    maps = kernels[int(last[-1]) - 1]
    return Sequential(**dict(convolutions.children()), mean=GlobalAvgPool2d(), fc=Linear(maps, 1000, rng=rng))


def exercise_4_alexnet_narrower(rng):
    return _alexnet(hidden=1024, rng=rng)


def exercise_4_too_much_work(rng):
    return _with_mean(rng, kernels=(96, 320, 384, 384, 256), groups=(1, 1, 2, 2))


def exercise_4_sees_too_little(rng):
    return _with_mean(rng, last="relu3")


def exercise_4_does_not_begin(rng):
    return _with_mean(rng, wide=0.0)


def exercise_4_begins_with_large_weights(rng):
    return _with_mean(rng, wide=0.1)


def exercise_4_ten_classes(rng):
    convolutions = _alexnet(ALEXNET, 2, 1000, rng)[:"pool5"]
    return Sequential(**dict(convolutions.children()), mean=GlobalAvgPool2d(), fc=Linear(256, 10, rng=rng))
