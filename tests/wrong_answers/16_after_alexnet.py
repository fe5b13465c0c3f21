"""Lesson 16: wrong answers, which its checkers must not pass. Each name begins with its exercise."""
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


def _row(number, C, rng, K=3, rectified=True, **how):
    layers, how = {}, {"padding": K // 2, "rng": rng, "weight_init": fan_in(2.0)} | how
    for i in range(number):
        if i and rectified:
            layers[f"relu{i}"] = ReLU()
        layers[f"conv{i}"] = Conv2d(C, C, K, **how)
    return Sequential(**layers)


def exercise_1_the_large_kernel(K, C, rng):
    return _row(1, C, rng, K)


def exercise_1_one_too_many(K, C, rng):
    return _row((K + 1) // 2, C, rng)


def exercise_1_always_two(K, C, rng):
    return _row(2, C, rng)


def exercise_1_no_padding(K, C, rng):
    return _row((K - 1) // 2, C, rng, padding=0)


def exercise_1_no_relu(K, C, rng):
    return _row((K - 1) // 2, C, rng, rectified=False)


def exercise_1_narrow_weights(K, C, rng):
    return _row((K - 1) // 2, C, rng, weight_init=fan_in(0.02))


def exercise_1_no_rng(K, C, rng):
    return _row((K - 1) // 2, C, np.random.default_rng(0))


def exercise_1_a_list(K, C, rng):
    return list(_row((K - 1) // 2, C, rng))


def exercise_1_relu_at_the_wrong_end(K, C, rng):
    return Sequential(relu=ReLU(), **dict(_row((K - 1) // 2, C, rng, rectified=False).children()))


def exercise_1_relu_before_the_first_too(K, C, rng):
    return Sequential(relu=ReLU(), **dict(_row((K - 1) // 2, C, rng).children()))


class _Side(Layer):
    def __init__(self, **branches):
        self.branches = branches

    def children(self):
        return list(self.branches.items())

    def forward(self, x, train=False, keep=False):
        outputs = [branch.forward(x, train, keep) for branch in self.branches.values()]
        self.widths = [y.shape[-1] for y in outputs]
        return np.concatenate(outputs, axis=-1)

    def parts(self, dy):
        ends = np.cumsum(self.widths)
        return [dy[..., end - width:end] for end, width in zip(ends, self.widths, strict=True)]

    def backward(self, dy):
        return sum(branch.backward(part) for branch, part in zip(self.branches.values(), self.parts(dy), strict=True))


class exercise_2_equal_parts(_Side):
    def parts(self, dy):
        return np.array_split(dy, len(self.branches), axis=-1)


class exercise_2_joins_the_gradients(_Side):
    def backward(self, dy):
        parts = zip(self.branches.values(), self.parts(dy), strict=True)
        return np.concatenate([branch.backward(part) for branch, part in parts], axis=-1)


class exercise_2_the_mean_of_the_gradients(_Side):
    def backward(self, dy):
        return super().backward(dy) / len(self.branches)


class exercise_2_the_first_branch_only(_Side):
    def backward(self, dy):
        return next(iter(self.branches.values())).backward(self.parts(dy)[0])


class exercise_2_one_after_another(_Side):
    def forward(self, x, train=False, keep=False):
        self.widths, outputs = [], []
        for branch in self.branches.values():
            outputs.append(branch.forward(x if not outputs else np.pad(x, ((0, 0),) * 3 + ((0, 1),)), train))
            self.widths.append(outputs[-1].shape[-1])
        return np.concatenate(outputs[::-1], axis=-1)


class exercise_2_forgets_train(_Side):
    def forward(self, x, train=False, keep=False):
        return super().forward(x, False, True)


class exercise_2_always_trains(_Side):
    def forward(self, x, train=False, keep=False):
        return super().forward(x, True)


class exercise_2_adds_in_place(_Side):
    def backward(self, dy):
        total = None
        for branch, part in zip(self.branches.values(), self.parts(dy), strict=True):
            dx = branch.backward(part)
            if total is None:
                total = dx
            else:
                total += dx
        return total


class exercise_2_along_the_columns(_Side):
    def forward(self, x, train=False, keep=False):
        y = super().forward(x, train)
        outputs = [branch.forward(x, train) for branch in self.branches.values()]
        return np.concatenate(outputs, axis=2) if len(set(self.widths)) == 1 else y


class _Norm(Layer):
    axes = (0, 1, 2)

    def __init__(self, C, eps=1e-5):
        self.gamma = Parameter(np.ones(C, np.float32))
        self.beta = Parameter(np.zeros(C, np.float32))
        self.mean, self.var, self.eps = np.zeros(C, np.float32), np.ones(C, np.float32), eps

    def statistics(self, x, train):
        if not train:
            return self.mean, self.var
        mean, var = x.mean(axis=self.axes), x.var(axis=self.axes)
        self.mean, self.var = 0.9 * self.mean + 0.1 * mean, 0.9 * self.var + 0.1 * var
        return mean, var

    def forward(self, x, train=False, keep=False):
        mean, var = (a.astype(x.dtype) for a in self.statistics(x, train))
        self.s = np.sqrt(var + self.eps)
        self.normal = (x - mean) / self.s
        return self.gamma.value * self.normal + self.beta.value

    def backward(self, dy):
        m = dy.size // dy.shape[-1]
        self.beta.grad = dy.sum(axis=(0, 1, 2))
        self.gamma.grad = (dy * self.normal).sum(axis=(0, 1, 2))
        return self.gamma.value / self.s * (dy - self.beta.grad / m - self.normal * self.gamma.grad / m)


class exercise_3_mean_and_spread_are_constants(_Norm):
    def backward(self, dy):
        super().backward(dy)
        return self.gamma.value / self.s * dy


class exercise_3_forgets_the_spread(_Norm):
    def backward(self, dy):
        super().backward(dy)
        return self.gamma.value / self.s * (dy - dy.mean(axis=(0, 1, 2)))


class exercise_3_forgets_the_mean(_Norm):
    def backward(self, dy):
        super().backward(dy)
        return self.gamma.value / self.s * (dy - self.normal * (dy * self.normal).mean(axis=(0, 1, 2)))


class exercise_3_forgets_gamma(_Norm):
    def backward(self, dy):
        return super().backward(dy) / self.gamma.value


class exercise_3_means_of_the_gradients(_Norm):
    def backward(self, dy):
        dx, m = super().backward(dy), dy.size // dy.shape[-1]
        self.beta.grad = self.beta.grad / m
        self.gamma.grad = self.gamma.grad / m
        return dx


class exercise_3_gamma_without_the_normal_x(_Norm):
    def backward(self, dy):
        dx = super().backward(dy)
        self.gamma.grad = self.beta.grad
        return dx


class exercise_3_every_image_for_itself(_Norm):
    def forward(self, x, train=False, keep=False):
        mean, var = x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True)
        self.s, self.normal = np.sqrt(var + self.eps), (x - mean) / np.sqrt(var + self.eps)
        return self.gamma.value * self.normal + self.beta.value


class exercise_3_one_mean_for_all_maps(_Norm):
    def statistics(self, x, train):
        mean, var = super().statistics(x, train)
        return (mean.mean(keepdims=True), var.mean(keepdims=True)) if train else (mean, var)


class exercise_3_batch_at_test(_Norm):
    def statistics(self, x, train):
        return super().statistics(x, train) if train else (x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2)))


class exercise_3_averages_move_at_test(_Norm):
    def statistics(self, x, train):
        _Norm.statistics(self, x, True)
        return (x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))) if train else (self.mean, self.var)


class exercise_3_averages_the_wrong_way_round(_Norm):
    def statistics(self, x, train):
        if not train:
            return self.mean, self.var
        mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        self.mean, self.var = 0.1 * self.mean + 0.9 * mean, 0.1 * self.var + 0.9 * var
        return mean, var


class exercise_3_the_last_batch_at_test(_Norm):
    def statistics(self, x, train):
        if train:
            self.mean, self.var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        return self.mean, self.var


class exercise_3_divides_by_the_variance(_Norm):
    def forward(self, x, train=False, keep=False):
        mean, var = (a.astype(x.dtype) for a in self.statistics(x, train))
        self.s = var + self.eps
        self.normal = (x - mean) / self.s
        return self.gamma.value * self.normal + self.beta.value


class exercise_3_always_float64(_Norm):
    def forward(self, x, train=False, keep=False):
        return super().forward(np.asarray(x, float), train)


def _conv(inputs, outputs, K, stride, rng, **how):
    return Conv2d(inputs, outputs, K, stride, K // 2, rng=rng, weight_init=fan_in(2.0), **{"bias": False} | how)


def _F(C_in, C_out, stride, rng, **how):
    return {"conv1": _conv(C_in, C_out, 3, stride, rng, **how), "norm1": BatchNorm2d(C_out), "relu1": ReLU(),
            "conv2": _conv(C_out, C_out, 3, 1, rng, **how), "norm2": BatchNorm2d(C_out)}


def _shortcut(C_in, C_out, stride, rng):
    if stride == 1 and C_in == C_out:
        return Identity()
    return Sequential(conv=_conv(C_in, C_out, 1, stride, rng), norm=BatchNorm2d(C_out))


def exercise_4_no_shortcut(C_in, C_out, stride, rng):
    return Sequential(**_F(C_in, C_out, stride, rng), relu2=ReLU())


def exercise_4_the_identity_always(C_in, C_out, stride, rng):
    return Sequential(sum=Sum(F=Sequential(**_F(C_in, C_out, stride, rng)), shortcut=Identity()), relu2=ReLU())


def exercise_4_a_projection_always(C_in, C_out, stride, rng):
    shortcut = Sequential(conv=_conv(C_in, C_out, 1, stride, rng), norm=BatchNorm2d(C_out))
    return Sequential(sum=Sum(F=Sequential(**_F(C_in, C_out, stride, rng)), shortcut=shortcut), relu2=ReLU())


def exercise_4_no_relu_at_the_end(C_in, C_out, stride, rng):
    return Sum(F=Sequential(**_F(C_in, C_out, stride, rng)), shortcut=_shortcut(C_in, C_out, stride, rng))


def exercise_4_relu_before_the_plus(C_in, C_out, stride, rng):
    F = Sequential(**_F(C_in, C_out, stride, rng), relu2=ReLU())
    return Sequential(sum=Sum(F=F, shortcut=_shortcut(C_in, C_out, stride, rng)), relu3=ReLU())


def exercise_4_no_relu_between(C_in, C_out, stride, rng):
    F = _F(C_in, C_out, stride, rng)
    del F["relu1"]
    return Sequential(sum=Sum(F=Sequential(**F), shortcut=_shortcut(C_in, C_out, stride, rng)), relu2=ReLU())


def exercise_4_with_biases(C_in, C_out, stride, rng):
    F = Sequential(**_F(C_in, C_out, stride, rng, bias=True))
    return Sequential(sum=Sum(F=F, shortcut=_shortcut(C_in, C_out, stride, rng)), relu2=ReLU())


def exercise_4_forgets_a_normalisation(C_in, C_out, stride, rng):
    F = _F(C_in, C_out, stride, rng)
    del F["norm2"]
    return Sequential(sum=Sum(F=Sequential(**F), shortcut=_shortcut(C_in, C_out, stride, rng)), relu2=ReLU())


def exercise_4_forgets_the_stride(C_in, C_out, stride, rng):
    return Sequential(sum=Sum(F=Sequential(**_F(C_in, C_out, 1, rng)), shortcut=_shortcut(C_in, C_out, 1, rng)),
                      relu2=ReLU())


def exercise_4_stride_twice(C_in, C_out, stride, rng):
    F = _F(C_in, C_out, stride, rng) | {"conv2": _conv(C_out, C_out, 3, stride, rng)}
    return Sequential(sum=Sum(F=Sequential(**F), shortcut=_shortcut(C_in, C_out, stride, rng)), relu2=ReLU())


def exercise_4_shortcut_around_the_second_only(C_in, C_out, stride, rng):
    F = _F(C_in, C_out, stride, rng)
    before = {name: F.pop(name) for name in ("conv1", "norm1", "relu1")}
    return Sequential(**before, sum=Sum(F=Sequential(**F), shortcut=Identity()), relu2=ReLU())


class _Forgetful(Sum):
    def backward(self, dy, input_grad=None):
        self.branches["shortcut"].backward(dy)
        return self.branches["F"].backward(dy)


def exercise_4_goes_back_through_F_only(C_in, C_out, stride, rng):
    sides = {"F": Sequential(**_F(C_in, C_out, stride, rng)), "shortcut": _shortcut(C_in, C_out, stride, rng)}
    return Sequential(sum=_Forgetful(**sides), relu2=ReLU())


def _tower(blocks, residual, rng, normalised=True, C=12):
    layers, inputs = {}, 3
    for i in range(blocks):
        if residual:
            stride = 2 if i in (4, 8) else 1
            F = Sequential(**_F(inputs, C, stride, rng))
            layers[f"block{i}"] = Sequential(sum=Sum(F=F, shortcut=_shortcut(inputs, C, stride, rng)), relu2=ReLU())
        else:
            stride = 2 if i in (8, 16) else 1
            layers[f"conv{i}"], layers[f"relu{i}"] = _conv(inputs, C, 3, stride, rng), ReLU()
            if normalised:
                layers[f"norm{i}"] = BatchNorm2d(C)
        inputs = C
    return Sequential(**layers, pool=GlobalAvgPool2d(), fc=Linear(C, 10, rng=rng))


def exercise_5_plain(rng):
    return _tower(24, False, rng, normalised=False), 0.02


def exercise_5_plain_and_normalised(rng):
    return _tower(24, False, rng), 0.1


def exercise_5_too_shallow(rng):
    return _tower(5, True, rng), 0.05


def exercise_5_too_many_parameters(rng):
    return _tower(12, True, rng, C=24), 0.05


def exercise_5_too_slow(rng):
    return _tower(12, True, rng), 0.0005


def exercise_5_idle_layers(rng):
    idle = Sequential(**{f"conv{i}": _conv(3, 1, 3, 1, rng) if i == 0 else _conv(1, 1, 3, 1, rng) for i in range(16)},
                      off=Conv2d(1, 3, 1, bias=False, weight_init=lambda rng, shape: np.zeros(shape)).freeze())
    return Sequential(beside=Sum(idle=idle, same=Identity()), **dict(_tower(4, True, rng, C=20).children())), 0.1


def exercise_5_no_rate(rng):
    return _tower(12, True, rng)
