"""Lesson 16: the checkers of its exercises."""
import copy

import numpy as np
from check import numerical, require, same, several, untouched

from tinynet import SGD, Conv2d, Layer, ReLU, SoftmaxCrossEntropy, count_parameters
from tinynet.data import cifar10_sample


def exercise_1(small_kernels):
    for K, C in (3, 2), (5, 4), (7, 3), (9, 2):
        row = _a_layer(untouched(small_kernels, K, C, np.random.default_rng(0)))
        at, convolutions = f"for K = {K} and C = {C} ", _convolutions(row)
        require(all(conv.kernel_size == (3, 3) for conv in convolutions),
                f"{at}there is a kernel that is not 3 × 3.")
        x = np.random.default_rng(1).normal(size=(1, 2 * K + 1, 2 * K + 1, C)).astype(np.float32)
        y = row.forward(x, keep=True)
        require(y.shape == x.shape, f"{at}maps {x.shape} become {y.shape}; they should keep their size.")
        require(len(convolutions) == (K - 1) // 2, f"{at}there are {len(convolutions)} convolutions. By how many "
                                                   "pixels does each widen the field?")
        seen = sum(_seen(row, x) for _ in range(1))
        require(seen == K, f"{at}a unit sees {seen} pixels a side, not {K}.")
        _rectified_between(row, convolutions, at, x)
        _wide_as(convolutions, 2.0, at)
    first, again = (small_kernels(5, 4, np.random.default_rng(seed)) for seed in (1, 2))
    require((_convolutions(first)[0].W.value != _convolutions(again)[0].W.value).any(),
            "the initial weights should come from `rng`: rng=rng in each convolution.")


def _a_layer(net):
    require(isinstance(net, Layer), f"it should return a layer, yours is of the type {type(net).__name__}.")
    return net


def _convolutions(net):
    return [layer for _, layer in net.walk() if isinstance(layer, Conv2d)]


def _seen(net, x):
    """Rows of pixels that the middle unit of the first map depends on."""
    dy = np.zeros_like(net.forward(x, keep=True))
    dy[:, dy.shape[1] // 2, dy.shape[2] // 2] = 1
    return int((net.backward(dy) != 0).any(axis=(0, 2, 3)).sum())


def _visits(net, x):
    """Each call of a layer that has none inside, in order: (layer, what it was given)."""
    visits, innermost = [], [layer for _, layer in net.walk() if not layer.children()]

    def noting(layer, forward):
        def noted(x, *how, **named):
            visits.append((layer, x))
            return forward(x, *how, **named)

        return noted

    for layer in innermost:
        layer.forward = noting(layer, layer.forward)
    try:
        net.forward(x, train=True)
    finally:
        for layer in innermost:
            del layer.forward
    return visits


def _rectified_between(row, convolutions, at, x):
    """NotYet unless the first convolution sees x as it is, and each other one no negative number."""
    least = [into.min() for layer, into in _visits(row, x) if isinstance(layer, Conv2d)]
    require(len(least) == len(convolutions), f"{at}not every convolution is used.")
    require(least[0] < 0, f"{at}the first convolution should see x as it is, negative numbers, too.")
    require(all(low >= 0 for low in least[1:]), f"{at}a convolution sees negative numbers of the one before: what "
                                                "should stand between them?")


def _wide_as(convolutions, gain, at):
    for conv in convolutions:
        inputs = int(np.prod(conv.W.shape[:3]))
        ratio = np.sqrt(np.mean(conv.W.value ** 2) / (gain / inputs))
        require(0.6 < ratio < 1.5, f"{at}the initial weights are {ratio:.2g} times as wide as fan_in({gain}) makes "
                                   "them.")


class _Times(Layer):
    """A branch: y = factor · x² for the first `C` maps, which notes what it was told."""

    def __init__(self, factor, C):
        self.factor, self.C, self.train = factor, C, None

    def forward(self, x, train=False, keep=False):
        self.x, self.train = x, train
        return self.factor * x[..., :self.C] ** 2

    def backward(self, dy):
        dx = np.zeros_like(self.x)
        dx[..., :self.C] = 2 * self.factor * self.x[..., :self.C] * dy
        return dx


def exercise_2(side_by_side):
    rng = np.random.default_rng(2)
    for widths in (2, 2), (1, 3, 2), (4,), (1, 2, 3, 4):
        branches = {f"branch{k}": _Times(k + 1.0, C) for k, C in enumerate(widths)}
        mine, x = side_by_side(**branches), rng.normal(size=(2, 3, 2, 4))
        y = untouched(lambda x, mine=mine: mine.forward(x, train=True), x) if mine.forward(x, train=True) is not None \
            else require(False, "forward returns nothing. Write your code in place of the `...`.")
        at = f"with branches of {', '.join(map(str, widths))} maps, "
        expected = np.concatenate([branch.forward(x, train=True) for branch in branches.values()], axis=-1)
        same(y, expected, "y", f"{at}y has the right shape and wrong numbers. In the order of the branches?")
        mine.forward(x, train=True)
        require(all(branch.train for branch in branches.values()), "a branch is not told that this is training: hand "
                                                                   "`train` on.")
        dy = rng.normal(size=y.shape)
        dx = untouched(mine.backward, dy)
        nudged = numerical(lambda x, mine=mine, dy=dy: float((mine.forward(x, train=True) * dy).sum()), x)
        same(dx, nudged, "dx", f"{at}dx is not what nudging gives. All branches have used the same x.")
        require(mine.forward(x) is not None and not any(branch.train for branch in branches.values()),
                "a branch believes that this is training when it is not: hand on the `train` that you are given.")
    _keeps_what_a_branch_returns(side_by_side)


def _keeps_what_a_branch_returns(side_by_side):
    """A branch may keep the array that it returns: nothing may be added to it in place."""
    class Same(_Times):
        def backward(self, dy):
            self.returned = np.ones((1, 1, 1, 2))
            return self.returned

    first, second = Same(1.0, 2), Same(1.0, 2)
    mine = side_by_side(first=first, second=second)
    mine.forward(np.ones((1, 1, 1, 2)), train=True)
    mine.backward(np.ones((1, 1, 1, 4)))
    require((first.returned == 1).all() and (second.returned == 1).all(),
            "dx is right, but you have added to an array that a branch has returned, and which it may still need. Add "
            "without +=, or start from zeros.")


def exercise_3(batch_norm):
    rng = np.random.default_rng(3)
    for N, H, W, C in (4, 2, 3, 2), (2, 3, 3, 3), (5, 1, 1, 1):
        mine = batch_norm(C, 0.01).astype(np.float64)
        mine.gamma.assign(rng.normal(size=C))
        mine.beta.assign(rng.normal(size=C))
        x, dy = rng.normal(3, 2, size=(N, H, W, C)), rng.normal(size=(N, H, W, C))
        at = f"for x of the shape {x.shape}, "
        gamma, beta = mine.gamma.value.copy(), mine.beta.value.copy()
        require(mine.forward(x, train=True) is not None,
                "forward returns nothing. Write your code in place of the `...`.")
        y = untouched(lambda x, mine=mine: mine.forward(x, train=True), x)
        flat = x.reshape(-1, C)
        normal = (flat - flat.mean(axis=0)) / np.sqrt(flat.var(axis=0) + 0.01)
        same(y, (gamma * normal + beta).reshape(x.shape), "y", f"{at}y in training is not (2). Each map has one mean "
             "and one variance, over all images and places.")
        dx = untouched(mine.backward, dy)
        d_gamma, d_beta = mine.gamma.grad.copy(), mine.beta.grad.copy()
        nudged = numerical(lambda x, mine=mine, dy=dy: float((mine.forward(x, train=True) * dy).sum()), x)
        same(d_beta, dy.sum(axis=(0, 1, 2)), "beta's gradient", f"{at}beta's gradient is wrong: who uses it?")
        same(d_gamma, (dy.reshape(-1, C) * normal).sum(axis=0), "gamma's gradient",
             f"{at}gamma's gradient is wrong: what is it multiplied with?")
        same(dx, nudged, "dx", f"{at}dx is not what nudging gives. Does it follow x on all three ways: directly, "
             "through the mean, through the spread?", 1e-4)
    _averages(batch_norm)
    mine = batch_norm(2)
    y = mine.forward(x.repeat(2, -1).astype(np.float32), train=True)
    require(y.dtype == mine.backward(y).dtype == np.float32, "right, but of float32 it makes another precision.")


def _averages(batch_norm):
    rng, mine = np.random.default_rng(4), batch_norm(2)
    mean, var = np.zeros(2), np.ones(2)
    for _ in range(30):
        x = rng.normal([3, -2], [2, 0.5], size=(20, 5, 5, 2)).astype(np.float32)
        mine.forward(x, train=True)
        mean, var = 0.9 * mean + 0.1 * x.mean(axis=(0, 1, 2)), 0.9 * var + 0.1 * x.var(axis=(0, 1, 2))
    same(np.asarray(mine.mean, float), mean, "self.mean", "after thirty batches self.mean is not the running average: "
         "0.9 of what it was, 0.1 of the batch's.", 1e-3)
    same(np.asarray(mine.var, float), var, "self.var", "after thirty batches self.var is not the running average.",
         5e-3)
    one = rng.normal(size=(1, 1, 1, 2)).astype(np.float32)
    alone = mine.forward(one)
    same(alone, (one - mine.mean) / np.sqrt(mine.var + 1e-5), "y at test", "at test y should be made with the running "
         "averages.", 1e-3)
    again = mine.forward(np.concatenate([one, 100 * one]))[:1]
    same(again, alone, "y at test", "at test an image's answer depends on the image beside it.", 1e-4)
    same(np.asarray(mine.mean, float), mean, "self.mean", "the running average has moved at test.", 1e-3)


def exercise_4(my_block):
    rng = np.random.default_rng(5)
    for C_in, C_out, stride in (4, 4, 1), (3, 5, 1), (4, 4, 2), (2, 6, 2):
        block = _a_layer(untouched(my_block, C_in, C_out, stride, np.random.default_rng(0)))
        at = f"for C_in, C_out, stride = {C_in}, {C_out}, {stride} "
        x = rng.normal(size=(2, 8, 8, C_in)).astype(np.float32)
        y = block.forward(x, train=True)
        size = -(-8 // stride)
        require(y.shape == (2, size, size, C_out), f"{at}the output should have the shape {(2, size, size, C_out)}, "
                                                   f"yours has {y.shape}.")
        changes = stride > 1 or C_in != C_out
        needed = 9 * C_in * C_out + 9 * C_out ** 2 + 4 * C_out + (C_in * C_out + 2 * C_out if changes else 0)
        require(count_parameters(block) == needed, f"{at}it should have {needed} parameters: two 3 × 3 convolutions, "
                f"batch normalisation behind each{', and the shortcut' if changes else ''}, no biases; yours has "
                f"{count_parameters(block)}.")
        require((y >= 0).all(), f"{at}the output has negative numbers: the last thing is the relu.")
        _sum_of_both(block, x, changes, at)
        _goes_back(block, C_in, at)
        if not changes:
            require(_seen_by(block, x) == 5, f"{at}a unit should see 5 × 5 pixels: 3 × 3 twice.")


def _sum_of_both(block, x, changes, at):
    """NotYet unless the block without F, all its scales zero, is the shortcut alone."""
    scales = {name: p for name, p in block.parameters() if name.endswith("gamma") and p.size}
    kernels = {name: p for name, p in block.parameters() if name.endswith("W")}
    require(len(scales) == (3 if changes else 2), f"{at}there should be batch normalisation behind each convolution.")
    full = block.forward(x, train=True)
    before = [(p, p.value.copy()) for p in kernels.values()]
    for p in kernels.values():
        if p.shape[0] == 3:
            p.assign(np.zeros(p.shape, np.float32))
    alone = block.forward(x, train=True)
    for p, value in before:
        p.assign(value)
    if not changes:
        same(alone, np.maximum(x, 0), "y", f"{at}with F = 0 the output should be relu(x).")
    else:
        require((alone != 0).any(), f"{at}with F = 0 nothing arrives: where does the shortcut join?")
        for p in kernels.values():
            if p.shape[0] == 1:
                p.assign(np.zeros(p.shape, np.float32))
        require((block.forward(x, train=True) != alone).any(), f"{at}the 1 × 1 convolution of the shortcut has no "
                                                               "influence.")
        for p, value in before:
            p.assign(value)
    require(not np.allclose(full, alone), f"{at}F has no influence on the output.")
    _bent_within(block, x, at)


def _bent_within(block, x, at):
    """NotYet unless a ReLU stands between the two large convolutions, and none between F's end and the plus."""
    visits = _visits(block, x)
    large = [into for layer, into in visits if isinstance(layer, Conv2d) and layer.kernel_size == (3, 3)]
    require(len(large) == 2 and (large[1] >= 0).all(), f"{at}the second convolution sees negative numbers: what "
                                                       "should stand between the two?")
    require((large[0] < 0).any(), f"{at}the first convolution should see x as it is.")
    relus = [layer for layer, _ in visits if isinstance(layer, ReLU)]
    require(len(relus) == 2, f"{at}there should be two ReLUs, one between the convolutions and one behind the plus.")


def _goes_back(block, C_in, at):
    """NotYet unless backward is that of forward."""
    rng, block = np.random.default_rng(7), copy.deepcopy(block).astype(np.float64)
    x = rng.normal(size=(2, 4, 4, C_in))
    dy = rng.normal(size=block.forward(x, train=True).shape)
    dx = untouched(block.backward, dy)
    nudged = numerical(lambda x: float((block.forward(x, train=True) * dy).sum()), x)
    same(dx, nudged, "dx", f"{at}the output is right, dx is not what nudging gives. Both sides of the plus have used "
         "x.", 1e-4)


def _seen_by(block, x):
    x = np.random.default_rng(6).normal(size=(1, 11, 11, x.shape[-1])).astype(np.float32)
    block.forward(np.concatenate([x, x + 1]), train=True)               # averages of some sense
    dy = np.zeros_like(block.forward(x, keep=True))
    dy[:, 5, 5] = 1
    return int((block.backward(dy) != 0).any(axis=(0, 2, 3)).sum())


def exercise_5(my_deep_net):
    net, rate = several(untouched(my_deep_net, np.random.default_rng(0)), "net, rate")
    large = [conv for conv in _convolutions(_a_layer(net)) if min(conv.kernel_size) >= 3]
    require(len(large) >= 24, f"it has {len(large)} convolutions with kernels of 3 × 3; the target is 24.")
    size = count_parameters(net)
    require(size <= 40_000, f"it has {size:,} parameters; the target is 40,000.")
    images, labels = (getattr(cifar10_sample().train, what)[:64] for what in ("images", "labels"))
    x = images.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4))
    x = ((x - x.mean(axis=0)) / x.std()).astype(np.float32)
    scores = net.forward(x, train=True)
    require(scores.shape == (64, 10), f"it should give ten scores for each image, yours has {scores.shape}.")
    loss, sgd = SoftmaxCrossEntropy(), SGD(net.parameters(), rate)
    for _ in range(40):
        now = loss.forward(net.forward(x, train=True), labels)
        require(np.isfinite(now), "the loss is no longer finite: the training explodes.")
        net.backward(loss.backward())
        sgd.step()
    require(now < 1, f"after 40 steps the loss is {now:.2f}; the target is 1. What keeps the gradient alive?")
    _none_is_idle(net, large, x)


def _none_is_idle(net, convolutions, x):
    before = net.forward(x, train=True)
    for conv in convolutions:
        weights = conv.W.value.copy()
        conv.W.assign(weights[..., ::-1] + weights.std() * np.eye(*weights.shape[2:], dtype=np.float32))
        changed = net.forward(x, train=True)
        conv.W.assign(weights)
        require(not np.allclose(changed, before, rtol=1e-3, atol=1e-4 * np.abs(before).max()),
                "right, but there is a convolution that makes no difference to the scores.")
