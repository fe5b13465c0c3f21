"""Lesson 11: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import numpy as np

from tinynet import (
    LRN,
    Branches,
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


def exercise_1_layer_by_layer(kernels=(96, 256, 384, 384, 256), hidden=4096, classes=1000, rng=None):
    layers = {}
    settings = [(11, 4, ((0, 3), (0, 3)), 1, 0.0), (5, 1, 2, 2, 1.0), (3, 1, 1, 1, 0.0), (3, 1, 1, 2, 1.0),
                (3, 1, 1, 2, 1.0)]
    inputs = 3
    for i, (outputs, (size, stride, padding, groups, bias)) in enumerate(zip(kernels, settings, strict=True), 1):
        layers[f"conv{i}"] = Conv2d(inputs, outputs, size, stride, padding, groups, weight_init=gaussian(0.01),
                                    bias_init=constant(bias), rng=rng)
        layers[f"relu{i}"] = ReLU()
        if i <= 2:
            layers[f"norm{i}"] = LRN(5, 2.0, 1e-4, 0.75, groups=2)
        if i in (1, 2, 5):
            layers[f"pool{i}"] = MaxPool2d(3, 2, ceil_mode=True)
        inputs = outputs
    layers["flat"] = Flatten()
    inputs *= 36
    for i in 6, 7:
        layers[f"fc{i}"] = Linear(inputs, hidden, bias_init=constant(1.0), rng=rng)
        layers[f"relu{i}"], layers[f"drop{i}"] = ReLU(), Dropout(rng=rng)
        inputs = hidden
    return Sequential(**layers, fc8=Linear(hidden, classes, rng=rng))


def exercise_2_with_numpy(kernels=(96, 256, 384, 384, 256), hidden=4096, classes=1000, columns=2):
    outputs = np.array([*kernels, hidden, hidden, classes])
    sees = np.array([3, *kernels, hidden, hidden]) // np.array([1, columns, 1, columns, columns, 1, 1, 1])
    places = np.array([121, 25, 9, 9, 9, 36, 1, 1])
    return (outputs * (places * sees + 1)).sum()


def exercise_3_from_the_top(layers):
    layers.reverse()
    size = 1
    while layers:
        kernel, stride = layers.pop(0)
        size = (size - 1) * stride + kernel
    return size


def exercise_4_thinner_everywhere(rng):
    """Half the kernels, small fully-connected layers."""
    net, inputs = {}, 3
    for i, (maps, size, stride) in enumerate(((48, 11, 4), (128, 5, 1), (192, 3, 1), (192, 3, 1), (128, 3, 1)), 1):
        net[f"conv{i}"] = Conv2d(inputs, maps, size, stride, size // 2, rng=rng)
        net[f"relu{i}"], inputs = ReLU(), maps
        if i in (1, 2, 5):
            net[f"pool{i}"] = MaxPool2d(3, 2, ceil_mode=True)
    return Sequential(**net, flat=Flatten(), fc6=Linear(7 * 7 * 128, 512, rng=rng), relu6=ReLU(),
                      fc8=Linear(512, 1000, rng=rng))


def _rectified(inputs, maps, size, stride, padding, rng):
    return Sequential(conv=Conv2d(inputs, maps, size, stride, padding, rng=rng), relu=ReLU())


def _first_four(rng):
    """AlexNet's, with padding 2 in conv1, as other libraries have it."""
    return {"conv1": _rectified(3, 48, 11, 4, 2, rng), "pool1": MaxPool2d(3, 2),
            "conv2": _rectified(48, 96, 5, 1, 2, rng), "pool2": MaxPool2d(3, 2),
            "conv3": _rectified(96, 128, 3, 1, 1, rng), "conv4": _rectified(128, 128, 3, 1, 1, rng)}


def exercise_4_with_other_padding(rng):
    return Sequential(**_first_four(rng), conv5=_rectified(128, 128, 3, 1, 1, rng), pool5=MaxPool2d(3, 2),
                      mean=GlobalAvgPool2d(), fc=Linear(128, 1000, rng=rng))


def exercise_4_with_branches_last(rng):
    both = Branches(wide=_rectified(128, 64, 3, 1, 1, rng), narrow=_rectified(128, 64, 1, 1, 0, rng))
    return Sequential(**_first_four(rng), pool4=MaxPool2d(3, 2), both=both, mean=GlobalAvgPool2d(),
                      fc=Linear(128, 1000, rng=rng))


def exercise_4_all_but_the_last_layer_in_one(rng):
    body = Sequential(**_first_four(rng), conv5=_rectified(128, 128, 3, 1, 1, rng), pool5=MaxPool2d(3, 2),
                      mean=GlobalAvgPool2d())
    return Sequential(body=body, fc=Linear(128, 1000, rng=rng))
