"""Lesson 11: the checkers of its exercises."""
import numpy as np
from check import require, untouched, whole

from tinynet import Conv2d, Sequential, SoftmaxCrossEntropy, count_parameters, fan_in, summary
from tinynet.models import alexnet, alexnet_half, convert


def exercise_1(my_alexnet):
    kernels, hidden, classes = (4, 6, 8, 10, 12), 14, 7
    mine = untouched(my_alexnet, kernels, hidden, classes, np.random.default_rng(1))
    theirs = alexnet(classes, columns=1, kernels=kernels, hidden=hidden, rng=np.random.default_rng(2))
    wanted = f" (kernels={kernels}, hidden={hidden}, classes={classes})"
    rows = summary(mine, (224, 224, 3), show=False)
    for n, (got, right) in enumerate(zip(rows, summary(theirs, show=False), strict=False), 1):
        words = [f"{row.name}, {row.kind}, {'x'.join(map(str, row.shape))}, {row.parameters:,} parameters, "
                 f"{row.multiply_adds:,} multiply-adds" for row in (right, got)]
        require(words[0] == words[1], f"layer {n} of the table should be\n  {words[0]}\nand yours is\n  {words[1]}"
                                      f"{wanted}")
    require(len(rows) == len(theirs.children()), f"your net has {len(rows)} layers, the table has "
                                                 f"{len(theirs.children())}.")
    for (name, p), (_, q) in zip(mine.parameters(), theirs.parameters(), strict=True):
        if name.endswith(".b"):
            require(np.array_equal(p.value, q.value), f"the biases of {name[:-2]} should begin at {q.value[0]:g}.")
    _the_same_function(mine, theirs)
    whole = count_parameters(my_alexnet(rng=np.random.default_rng(4)))
    require(whole == 60_965_224, f"the small net is right, but the default, that of the table, has {whole:,}.")


def _the_same_function(mine, theirs):
    """With the same parameters, large enough to matter, both nets must make the same numbers."""
    drawn = [p.value.std() for name, p in mine.parameters() if name in ("conv1.W", "fc6.W", "fc7.W")]
    require(np.allclose(drawn, 0.01, rtol=0.2), "the weights should begin as N(0, 0.01).")
    rng = np.random.default_rng(5)
    for name, p in theirs.parameters():
        if name.endswith("W"):
            p.assign(fan_in(2.0)(rng, p.shape))
    x = rng.normal(0, 60, (2, 224, 224, 3)).astype(np.float32)
    a, b = convert(theirs, mine).forward(x), theirs.forward(x)
    require(np.abs(a - b).max() < 1e-3 * np.abs(b).max(), "all sizes are right, but with the same parameters it gives "
            "other numbers than the library's. Where are conv1's three zeros? Does LRN stay within its column?")


def exercise_2(total_parameters):
    small = {"kernels": (4, 6, 8, 10, 12), "hidden": 14}
    two = count_parameters(alexnet(7, columns=1, rng=np.random.default_rng(0), **small))  # on one device, in two groups
    one = count_parameters(alexnet_half(7, rng=np.random.default_rng(0), **small))
    got = untouched(total_parameters)
    require(whole(got), f"it should return a whole number, an int, yours is {got!r}.")
    require(got != 60_954_656, "nearly: each kernel, and each neuron of fc6, fc7 and fc8, has one number more.")
    require(got == 60_965_224, f"for the net of the table you have {got:,}. Take the layers one by one. What does one "
                               "kernel see: how many pixels of how many maps? And what does a neuron of fc6 see?")
    for columns, right in (2, two), (1, one):
        got = untouched(total_parameters, *small.values(), 7, columns)
        require(whole(got) and got == right, f"AlexNet comes out, but for kernels={small['kernels']}, hidden=14, "
                f"classes=7, columns={columns} you have {got}. Do all arguments enter? With one column, who sees what?")


def exercise_3(field):
    alexnet_layers = [(11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2)]
    for layers in [(7, 1)], [(5, 3)], [(3, 1), (3, 1)], [(3, 2), (3, 1)], [(2, 2), (2, 2), (3, 1)], alexnet_layers:
        got = untouched(lambda layers=layers: field(list(layers)))     # whatever it does with its list
        require(whole(got), f"for {layers} it should return a whole number, an int, yours is {got!r}.")
        seen = {0}                                                         # from one neuron of the top, downwards
        for kernel, stride in reversed(layers):
            seen = {place * stride + i for place in seen for i in range(kernel)}
        require(got == max(seen) - min(seen) + 1, f"for {layers} you have {got}. Neighbours in the image are one pixel "
                "apart. By how much does each layer widen the field, and how far apart are neighbours after it?")


def exercise_4(smaller):
    net = untouched(smaller, np.random.default_rng(0))
    rows = summary(net, (224, 224, 3), show=False)
    parameters, work = count_parameters(net), sum(row.multiply_adds for row in rows)
    require(rows[-1].shape == (1000,), f"it should end with a thousand scores, yours ends with {rows[-1].shape}.")
    require(parameters <= 6_096_522, f"{parameters:,} parameters; the target is 6,096,522.")
    require(work <= 724_406_816, f"{work:,} multiply-adds; the target is 724,406,816.")
    maps = [row.name for row in rows if len(row.shape) == 3][-1]
    x = np.random.default_rng(1).normal(0, 60, (2, 224, 224, 3)).astype(np.float32)
    seen = _field_of(net, maps)
    require(seen >= 195, f"a neuron of {maps} sees {seen} pixels; the target is 195.")
    loss = SoftmaxCrossEntropy()
    first = loss.forward(net.forward(x, train=True), np.array([3, 900]))
    require(abs(first - np.log(1000)) < 0.3, f"it begins with the loss {first:.2f}; log 1000 is 6.91.")
    net.backward(loss.backward())
    dead = [name for name, p in net.parameters() if not np.any(p.grad)]
    require(not dead, f"no gradient arrives at {dead and dead[0]}: its weights or biases begin wrongly.")


def _field_of(net, name):
    """How many rows a place of these maps depends on, in an image so large that the edges cut nothing off."""
    first = next(layer for _, layer in net.walk() if isinstance(layer, Conv2d))
    before, first.input_grad = first.input_grad, True
    part, x = _up_to(net, name), np.random.default_rng(2).normal(0, 60, (1, 448, 448, 3)).astype(np.float32)
    dy = np.zeros_like(part.forward(x, keep=True))
    dy[:, dy.shape[1] // 2, dy.shape[2] // 2] = 1
    dx = np.abs(part.backward(dy)).max(axis=(0, 2, 3))
    first.input_grad = before
    rows = np.flatnonzero(dx > 1e-5 * dx.max())                        # below: rounding
    return int(rows.max() - rows.min() + 1) if len(rows) else 0


def _up_to(net, name):
    """The net up to the layer of this name; what lies side by side with it stays."""
    child, _, within = name.partition(".")
    part = net[:child]
    if within and isinstance(part[child], Sequential):
        part.layers[child] = _up_to(part[child], within)
    return part
