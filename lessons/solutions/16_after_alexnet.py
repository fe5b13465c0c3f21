"""Lesson 16: solutions. Look here after you have tried."""
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


# Exercise 16.1: each 3 × 3 widens the field by 2, and a padding of 1 keeps the size. Behind the last one may stand a
# ReLU or not; here as behind the one convolution that they stand in for, none.
def small_kernels(K, C, rng):
    layers = {}
    for i in range(1, (K - 1) // 2 + 1):
        if i > 1:
            layers[f"relu{i - 1}"] = ReLU()
        layers[f"conv{i}"] = Conv2d(C, C, 3, padding=1, rng=rng, weight_init=fan_in(2.0))
    return Sequential(**layers)


# Exercise 16.2: forward joins, so backward splits; forward hands x to all, so backward adds.
class SideBySide(Layer):
    def __init__(self, **branches):
        self.branches = branches

    def children(self):
        return list(self.branches.items())

    def forward(self, x, train=False, keep=False):
        outputs = [branch.forward(x, train, keep) for branch in self.branches.values()]
        self.ends = np.cumsum([y.shape[-1] for y in outputs])
        return np.concatenate(outputs, axis=-1)

    def backward(self, dy):
        parts = np.split(dy, self.ends[:-1], axis=-1)
        return sum(branch.backward(part) for branch, part in zip(self.branches.values(), parts, strict=True))


# Exercise 16.3: equation (3); its two sums are the gradients of beta and gamma.
class MyBatchNorm(Layer):
    def __init__(self, C, eps=1e-5):
        self.gamma = Parameter(np.ones(C, np.float32))
        self.beta = Parameter(np.zeros(C, np.float32))
        self.mean, self.var, self.eps = np.zeros(C, np.float32), np.ones(C, np.float32), eps

    def forward(self, x, train=False, keep=False):
        mean, var = self.mean.astype(x.dtype), self.var.astype(x.dtype)
        if train:
            mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
            self.mean = 0.9 * self.mean + 0.1 * mean
            self.var = 0.9 * self.var + 0.1 * var
        self.s = np.sqrt(var + self.eps)
        self.normal = (x - mean) / self.s
        return self.gamma.value * self.normal + self.beta.value

    def backward(self, dy):
        m = dy.size // dy.shape[-1]
        self.beta.grad = dy.sum(axis=(0, 1, 2))
        self.gamma.grad = (dy * self.normal).sum(axis=(0, 1, 2))
        both = self.beta.grad / m + self.normal * (self.gamma.grad / m)
        return self.gamma.value / self.s * (dy - both)


# Exercise 16.4
def my_block(C_in, C_out, stride, rng):
    def conv(inputs, K, stride):
        return Conv2d(inputs, C_out, K, stride, K // 2, bias=False, rng=rng, weight_init=fan_in(2.0))

    F = Sequential(conv1=conv(C_in, 3, stride), norm1=BatchNorm2d(C_out), relu1=ReLU(),
                   conv2=conv(C_out, 3, 1), norm2=BatchNorm2d(C_out))
    if stride == 1 and C_in == C_out:
        shortcut = Identity()
    else:
        shortcut = Sequential(conv=conv(C_in, 1, stride), norm=BatchNorm2d(C_out))
    return Sequential(sum=Sum(F=F, shortcut=shortcut), relu2=ReLU())


# Exercise 16.5: one of many. A first convolution and twelve blocks, most of them where the maps are small. The same
# convolutions without "+ x" are at 1.5 or more after 40 steps, with whatever rate.
def my_deep_net(rng):
    layers = {"conv": Conv2d(3, 8, 3, padding=1, rng=rng, weight_init=fan_in(2.0)), "relu": ReLU()}
    widths = [8] * 3 + [12] * 4 + [16] * 5
    for i, (C_in, C_out) in enumerate(zip([8, *widths], widths)):  # noqa: B905 one is longer
        layers[f"block{i + 1}"] = my_block(C_in, C_out, 1 if C_in == C_out else 2, rng)
    return Sequential(**layers, pool=GlobalAvgPool2d(), fc=Linear(16, 10, rng=rng)), 0.05
