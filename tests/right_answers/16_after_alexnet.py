"""Lesson 16: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import numpy as np

from tinynet import (
    BatchNorm2d,
    Conv2d,
    GlobalAvgPool2d,
    Identity,
    Layer,
    Linear,
    Parameter,
    ReLU,
    Sequential,
    Sum,
    fan_in,
)


def exercise_1_relu_at_the_end_too(K, C, rng):
    layers = {}
    for i in range(K // 2):
        layers[f"conv{i}"] = Conv2d(C, C, (3, 3), 1, (1, 1), bias=False, rng=rng, weight_init=fan_in())
        layers[f"relu{i}"] = ReLU()
    return Sequential(**layers)


def exercise_1_one_in_another(K, C, rng):
    conv = Conv2d(C, C, 3, padding=1, rng=rng, weight_init=fan_in(2.0))
    if K == 3:
        return Sequential(conv=conv)
    return Sequential(conv=conv, relu=ReLU(), rest=exercise_1_one_in_another(K - 2, C, rng))


class exercise_2_with_loops(Layer):
    def __init__(self, **branches):
        self.branches = branches

    def children(self):
        return list(self.branches.items())

    def forward(self, x, train=False, keep=False):
        self.shape, self.dtype = x.shape, x.dtype
        self.ys = [layer.forward(x, train=train, keep=keep) for layer in self.branches.values()]
        return np.concatenate(self.ys, axis=3)

    def backward(self, dy):
        dx, start = np.zeros(self.shape, self.dtype), 0
        for layer, y in zip(self.branches.values(), self.ys, strict=True):
            dx += layer.backward(dy[:, :, :, start:start + y.shape[3]])
            start += y.shape[3]
        return dx


class exercise_3_as_a_relay(Layer):
    def __init__(self, C, eps=1e-5):
        self.gamma = Parameter(np.ones(C, np.float32))
        self.beta = Parameter(np.zeros(C, np.float32))
        self.mean, self.var, self.eps = np.zeros(C, np.float32), np.ones(C, np.float32), eps

    def forward(self, x, train=False, keep=False):
        if not train:
            scale = self.gamma.value / np.sqrt(self.var + self.eps)
            return ((x - self.mean) * scale + self.beta.value).astype(x.dtype)
        mean = x.mean((0, 1, 2), keepdims=True)
        self.centred = x - mean
        var = (self.centred ** 2).mean((0, 1, 2), keepdims=True)
        self.inverse = (var + self.eps) ** -0.5
        self.mean = 0.9 * self.mean + 0.1 * mean.reshape(-1)
        m = x.size // x.shape[-1]
        self.var = 0.9 * self.var + 0.1 * var.reshape(-1) * (m / max(m - 1, 1))
        return self.gamma.value * self.centred * self.inverse + self.beta.value

    def backward(self, dy):
        axes = 0, 1, 2
        self.gamma.grad = np.sum(dy * self.centred * self.inverse, axis=axes)
        self.beta.grad = np.sum(dy, axis=axes)
        d_normal = dy * self.gamma.value
        d_inverse = np.sum(d_normal * self.centred, axis=axes, keepdims=True)
        d_var = -0.5 * d_inverse * self.inverse ** 3
        d_centred = d_normal * self.inverse + 2 * self.centred * d_var / (dy.size // dy.shape[-1])
        return d_centred - d_centred.mean(axis=axes, keepdims=True)


def exercise_4_the_other_way_round(C_in, C_out, stride, rng):
    how = {"bias": False, "rng": rng, "weight_init": fan_in()}
    same = C_in == C_out and stride == 1
    around = Identity() if same else Sequential(project=Conv2d(C_in, C_out, 1, stride=stride, **how),
                                                scale=BatchNorm2d(C_out))
    through = Sequential(a=Conv2d(C_in, C_out, 3, stride=stride, padding=1, **how), b=BatchNorm2d(C_out), c=ReLU(),
                         d=Conv2d(C_out, C_out, 3, padding=1, **how), e=BatchNorm2d(C_out))
    return Sequential(both=Sum(around=around, through=through), bent=ReLU())


class exercise_4_as_a_class(Layer):
    def __init__(self, C_in, C_out, stride, rng):
        def conv(inputs, K, step):
            return Conv2d(inputs, C_out, K, step, K // 2, bias=False, rng=rng, weight_init=fan_in())

        self.F = Sequential(conv1=conv(C_in, 3, stride), norm1=BatchNorm2d(C_out), relu1=ReLU(),
                            conv2=conv(C_out, 3, 1), norm2=BatchNorm2d(C_out))
        self.shortcut = Identity()
        if stride > 1 or C_in != C_out:
            self.shortcut = Sequential(conv=conv(C_in, 1, stride), norm=BatchNorm2d(C_out))
        self.relu = ReLU()

    def children(self):
        return [("F", self.F), ("shortcut", self.shortcut), ("relu", self.relu)]

    def forward(self, x, train=False, keep=False):
        both = self.F.forward(x, train, keep) + self.shortcut.forward(x, train, keep)
        return self.relu.forward(both, train, keep)

    def backward(self, dy):
        dy = self.relu.backward(dy)
        return self.F.backward(dy) + self.shortcut.backward(dy)


def exercise_5_blocks_of_one_width(rng):
    layers = {"conv": Conv2d(3, 12, 3, padding=1, rng=rng, weight_init=fan_in()), "relu": ReLU()}
    for i in range(12):
        layers[f"block{i}"] = exercise_4_the_other_way_round(12, 12, 2 if i in (3, 7) else 1, rng)
    return Sequential(**layers, pool=GlobalAvgPool2d(), fc=Linear(12, 10, rng=rng, weight_init=fan_in(1.0))), 0.05
