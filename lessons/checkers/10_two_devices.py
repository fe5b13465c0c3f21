"""Lesson 10: the checkers of its exercises."""
import numpy as np
from check import numerical, require, same, several, untouched

from tinynet import SGD, Columns, Conv2d, SoftmaxCrossEntropy, pair, traffic
from tinynet.data import cifar10_sample


def exercise_1(exchange_backward):
    left, right = pair("simulated")
    rng = np.random.default_rng(5)
    for C, other in (2, 2), (3, 1):
        x, d = rng.normal(size=(2, 2, 3, C + other)), rng.normal(size=(2, 2, 2, 3, C + other))
        d_left, d_right = left.asarray(d[0]), right.asarray(d[1])
        with traffic() as log:
            got = several(untouched(exchange_backward, d_left, d_right, C), "dx_left, dx_right")
        require(left.holds(got[0]) and right.holds(got[1]),
                "dx_left should live on the left device and dx_right on the right one.")
        require(np.array_equal(left.tohost(d_left), d[0]) and np.array_equal(right.tohost(d_right), d[1]),
                "a gradient that you were given is no longer as it was. Work on a copy.")
        expected = numerical(lambda x, d=d: float((d * x).sum()), x)       # both columns hold all maps of x
        hint = (f"is not what nudging gives, with {C} maps on the left and {other} on the right. Who used these maps "
                "in forward? Which part of d_left is about them, and which part of d_right?")
        same(left.tohost(got[0]), expected[..., :C], "dx_left", f"dx_left {hint}")
        same(right.tohost(got[1]), expected[..., C:], "dx_right", f"dx_right {hint}")
        crossed = sum(crossing.bytes for crossing in log)
        require(crossed >= x.nbytes, "the numbers are right, but they did not cross by `send`: carry arrays over with "
                                     "`send` only.")
        require(crossed == x.nbytes, "the numbers are right, but more crosses than need be. Send only what the other "
                                     "side waits for.")


def exercise_2(break_even):
    for parameters, crossing in (1000, 16), (60_965_224, 234_496), (3, 40):
        images = untouched(break_even, parameters, crossing)
        require(isinstance(images, int | float | np.number), "it should return one number.")
        exact = 4 * parameters / crossing
        require(np.isclose(images, exact, rtol=1e-9) or images in (np.floor(exact), np.ceil(exact)),
                f"for parameters={parameters:,} and bytes_per_image={crossing:,}, your {images:,.6g} images make "
                f"columns send {images / exact:.6g} times as much as copies. How many bytes has a gradient? Do both "
                "send both ways? And columns send forward and backward.")


def exercise_3(one_kernel):
    rng = np.random.default_rng(6)
    for size, C, others, F, more in ((3, 3), 2, 2, 3, 3), ((1, 3), 3, 2, 2, 4), ((1, 1), 1, 4, 2, 1):
        W_left, W_right = rng.normal(size=(*size, C, F)), rng.normal(size=(*size, others, more))
        whole = untouched(one_kernel, W_left, W_right)
        shape = (*size, C + others, F + more)
        require(np.shape(whole) == shape, f"for kernels {W_left.shape} and {W_right.shape} the whole should have the "
                                          f"shape {shape}, yours has {np.shape(whole)}.")
        x = rng.normal(size=(2, 4, 4, C + others))
        apart = np.concatenate([_convolved(x[..., :C], W_left), _convolved(x[..., C:], W_right)], axis=-1)
        same(_convolved(x, whole), apart, "the output", "the shape is right, the maps are not those of the two "
             "columns. What weight should an output map of the left column have for an input map of the right one?")


def _convolved(x, W):
    conv = Conv2d(*W.shape[2:], W.shape[:2], bias=False, algorithm="im2col").astype(np.float64)
    conv.W.value[...] = W
    return conv.forward(x)


def exercise_4(my_columns):
    left, right = pair("simulated")
    net, rate = several(untouched(my_columns, left, right, np.random.default_rng(0)), "net, rate")
    for side, device in ("left", left), ("right", right):
        mine = sum(p.size for _, p in net.parameters() if p.device is device)
        require(mine, f"no parameter lives on the {side} device: give each layer `device=`.")
        require(mine <= 20_000, f"the {side} column should have at most 20,000 parameters; yours has {mine:,}.")
    images, labels = (getattr(cifar10_sample().train, what)[:32] for what in ("images", "labels"))
    x = ((images - images.mean(axis=0)) / images.std()).astype(np.float32)
    _meet(net, x[:4])
    loss, sgd = SoftmaxCrossEntropy(), SGD(net.parameters(), rate)
    for _ in range(40):
        with traffic() as log:
            scores = net.forward(x, keep=True)
            require(left.holds(scores) and scores.shape == (32, 10), "it should end with ten scores for each image, on "
                                                                     "the left device.")
            require(np.isfinite(left.tohost(scores)).all(), "the scores are no longer finite: the training explodes.")
            now = loss.forward(scores, labels)
            net.backward(loss.backward())
        sgd.step()
    crossed = sum(crossing.bytes for crossing in log) / len(x)
    require(crossed <= 3000, f"{crossed:,.0f} bytes cross for each image, forward and backward; the target is 3,000. "
                             "Where are the maps small and few? And who needs the gradient of the pixels?")
    require(now < 0.1, f"after 40 steps the loss on 32 images is {now:.2f}; the target is 0.1. Another rate, or "
                       "weights of another width at the start?")


def _meet(net, x):
    """NotYet unless, in the last convolution, both columns depend on what either conv1 has seen."""
    convs = [name for name, layer in net.children() if isinstance(layer, Columns)
             and all(isinstance(part, Conv2d) for _, part in layer.children())]
    require(len(convs) > 1, "there should be two convolutions at least, each in two columns.")
    before = [device.tohost(y) for device, y in _pair(net[:convs[-1]], x)]
    for side, part in net[convs[0]].children():
        weights = part.device.tohost(part.W.value).copy()
        part.W.assign(2 * weights)
        after = [device.tohost(y) for device, y in _pair(net[:convs[-1]], x)]
        part.W.assign(weights)
        require(all((a != b).any() for a, b in zip(after, before, strict=True)),
                f"one column's {convs[-1]} does not depend on what the {side} one's {convs[0]} has seen. Where do they "
                "meet?")


def _pair(net, x):
    y = net.forward(x)
    return zip(y.devices, y, strict=True)
