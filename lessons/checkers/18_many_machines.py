"""Lesson 18: the checkers of its exercises."""
import copy

import numpy as np
from check import require, same, several, untouched, whole

from tinynet import SGD, Linear, ReLU, Sequential, SoftmaxCrossEntropy, fan_in, simulated, traffic
from tinynet.data import batches, mnist_sample


def exercise_1(my_share):
    for images, machines in (10, 4), (12, 3), (7, 1), (40, 7), (3, 5):
        at = f"for {images} images on {machines} machines "
        epochs = [[np.asarray(untouched(my_share, images, machines, rank, epoch, 3)) for rank in range(machines)]
                  for epoch in range(3)]
        for shares in epochs:
            require(all(part.ndim == 1 and (part.dtype.kind in "iu" or not part.size) for part in shares),
                    f"{at}a share should be an array of indices, of one axis.")
            together = np.concatenate(shares)
            require(len(together) == images and sorted(together.tolist()) == list(range(images)),
                    f"{at}the shares together are not every image exactly once.")
            sizes = [len(part) for part in shares]
            require(max(sizes) - min(sizes) <= 1, f"{at}the shares have {sizes} images: these differ by more than one.")
    _shuffled(my_share)


def _shuffled(my_share):
    """NotYet unless epochs and seeds differ, equal calls agree, and every image comes to every machine."""
    def order(epoch, seed):
        return [np.asarray(my_share(40, 4, rank, epoch, seed)).tolist() for rank in range(4)]

    np.random.seed(1)
    first = order(0, 5)
    np.random.seed(2)
    require(order(0, 5) == first, "two calls with the same arguments give two answers; then two machines do not agree "
                                  "who has which image.")
    require(order(1, 5) != first, "two epochs have the same order.")
    require(order(0, 6) != first, "two seeds give the same order.")
    require(order(1, 5) != order(0, 6) and order(1, 2) != order(2, 1),
            "another epoch and another seed give the same order: epoch 1 of one training is then epoch 0 of the next.")
    require(any(part != sorted(part) for part in first), "within a share the images are in the order of their numbers.")
    met = np.zeros((4, 40), int)
    for epoch in range(60):
        for rank, part in enumerate(order(epoch, 7)):
            met[rank, part] += 1
    require((met > 0).all(), "in sixty epochs some machine never meets some image: shuffle all of them, and then deal.")


def _something(result):
    require(result is not None, "it returns nothing. Write your code in place of the `...`, and end it with `return`.")
    return result


def exercise_2(ring_all_reduce):
    rng = np.random.default_rng(1)
    for p, length in (4, 12), (3, 10), (2, 5), (1, 4), (5, 3), (6, 25):
        devices = [simulated(rank) for rank in range(p)]
        host = rng.normal(size=(p, length))
        arrays = [device.asarray(part) for device, part in zip(devices, host, strict=True)]
        at = f"for {p} machines and arrays of {length} numbers, "
        with traffic() as log:
            got = _something(ring_all_reduce(list(arrays), list(devices)))
        require(isinstance(got, list | tuple) and len(got) == p, f"{at}it should return a list of {p} arrays.")
        for rank, (device, array) in enumerate(zip(devices, got, strict=True)):
            require(device.holds(array), f"{at}what is returned for machine {rank} does not live there.")
            same(device.tohost(array), host.sum(axis=0), f"the sum on machine {rank}",
                 f"{at}the sum on machine {rank} is wrong.", 1e-12)
        require(all(np.array_equal(d.tohost(a), h) for d, a, h in zip(devices, arrays, host, strict=True)),
                f"{at}the sums are right, but an array that you were given has changed. Work on copies.")
        _fair(log, devices, length * 8, at)
        bits = {device.tohost(array).tobytes() for device, array in zip(devices, got, strict=True)}
        require(len(bits) == 1, f"{at}the sums are right but for rounding, and differ from machine to machine: let the "
                                "finished pieces go round as they are.")


def _fair(log, devices, size, at):
    p, names = len(devices), [device.name for device in devices]
    for crossing in log:
        source, target = names.index(crossing.source), names.index(crossing.target)
        require(target == (source + 1) % p, f"{at}the sums are right, but machine {source} sends to machine {target}, "
                                            f"and not to the next one.")
    most = max([sum(c.bytes for c in log if c.source == name) for name in names], default=0)
    fair = 2 * (p - 1) * (size / p + 8)                                 # each piece may be rounded up
    require(most <= fair, f"{at}the sums are right, but a machine sends {most} bytes; 2 (p - 1) / p of an array "
                          f"would be {2 * (p - 1) * size / p:.0f}. Pieces, and one of them in each move?")


class _Watched(Linear):
    """Notes how many images it has seen in training."""

    seen = 0

    def forward(self, x, train=False, keep=False):
        self.seen += len(x) if train or keep else 0
        return super().forward(x, train, keep)


def _net(rng):
    return Sequential(fc1=_Watched(6, 5, rng=rng, weight_init=fan_in(2.0)), relu1=ReLU(),
                      fc2=Linear(5, 4, rng=rng, weight_init=fan_in(1.0))).astype(np.float64)


def exercise_3(my_step):
    rng = np.random.default_rng(2)
    for sizes in (3, 3, 3), (5, 1, 2), (1, 4), (6,):
        one = _net(np.random.default_rng(3))
        nets = [copy.deepcopy(one).to(simulated(rank)) for rank in range(len(sizes))]
        optimisers = [SGD(net.parameters(), 0.1) for net in nets]
        alone, at = SGD(one.parameters(), 0.1), f"with shares of {', '.join(map(str, sizes))} images "
        for _ in range(3):
            shares = [(rng.normal(size=(n, 6)), rng.integers(0, 4, n)) for n in sizes]
            loss = SoftmaxCrossEntropy()
            expected = loss.forward(one.forward(np.concatenate([x for x, _ in shares]), train=True),
                                    np.concatenate([labels for _, labels in shares]))
            one.backward(loss.backward())
            alone.step()
            for net in nets:
                net["fc1"].seen = 0
            got = _something(my_step(nets, optimisers, shares))
            _same_nets(nets, one, at)
            for rank, (net, n) in enumerate(zip(nets, sizes, strict=True)):
                require(net["fc1"].seen == n, f"{at}the step is right, but machine {rank} has seen "
                                              f"{net['fc1'].seen} images in place of its own {n}.")
            same(np.float64(got), np.float64(expected), "the loss", f"{at}the nets are right, and the loss that you "
                 "return is not the mean over all images.")


def _same_nets(nets, one, at):
    for rank, net in enumerate(nets):
        for (name, p), (_, right) in zip(net.parameters(), one.parameters(), strict=True):
            require(np.allclose(p.device.tohost(p.value), right.value, rtol=1e-9, atol=1e-12),
                    f"{at}{name} on machine {rank} is not what one machine has after a step with all images. Is its "
                    "gradient that of (1)? Has each optimiser stepped once?")


def exercise_4(my_team):
    machines, rates = several(untouched(my_team), "the number of machines, the rates")
    require(whole(machines) and 1 <= machines <= 16, f"there are 1 to 16 machines; you take {machines}.")
    rates = np.asarray(rates, float)
    require(rates.ndim == 1 and 1 <= len(rates) <= 60, "it should be one rate for each step, at most 60 steps.")
    require((rates >= 0).all(), "a rate is negative.")
    error = float(np.mean([_error_after(25 * int(machines), rates, seed) for seed in range(3)]))
    require(error < 0.115, f"{error:.1%} of the new digits are wrong, as the mean of three starts; the target is "
                           "11.5 %. More machines make a better gradient; what does the rate make of it?")


def _error_after(batch, rates, seed):
    (images, labels), (new_images, new_labels) = mnist_sample()
    x, new_x = ((part / 255).reshape(len(part), -1).astype(np.float32) for part in (images, new_images))
    rng = np.random.default_rng(seed)
    net = Sequential(fc1=Linear(784, 64, rng=rng, weight_init=fan_in(2.0)), relu1=ReLU(),
                     fc2=Linear(64, 10, rng=rng, weight_init=fan_in(1.0)))
    rng, loss = np.random.default_rng(100 + seed), SoftmaxCrossEntropy()
    sgd, left = SGD(net.parameters(), 1.0), list(rates)
    while left:
        for xs, right in batches(x, labels, batch, rng):
            if not left:
                break
            require(np.isfinite(loss.forward(net.forward(xs, train=True), right)),
                    "the loss is no longer finite: the training explodes.")
            net.backward(loss.backward())
            sgd.lr = left.pop(0)
            sgd.step()
    return np.mean(net.predict(new_x).argmax(axis=1) != new_labels)
