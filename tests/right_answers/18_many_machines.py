"""Lesson 18: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import numpy as np

from tinynet import SoftmaxCrossEntropy, send


def exercise_1_in_blocks(images, machines, rank, epoch, seed):
    rng = np.random.default_rng(np.random.SeedSequence([epoch, seed, 2012]))
    order = np.arange(images)
    rng.shuffle(order)
    return np.array_split(order, machines)[rank]


def exercise_1_as_a_list(images, machines, rank, epoch, seed):
    order = np.random.RandomState([seed, epoch]).permutation(images).tolist()
    return [order[i] for i in range(images) if i % machines == rank]


def exercise_2_into_copies(arrays, devices):
    p, n = len(devices), len(arrays[0])
    cuts = [slice(n * k // p, n * (k + 1) // p) for k in range(p)]
    results = [array.copy() for array in arrays]
    for move in range(2 * p - 2):
        adding = move < p - 1
        on_their_way = []
        for d in range(p):
            piece = cuts[(d - move) % p if adding else (d + 1 - (move - p + 1)) % p]
            on_their_way.append((piece, send(results[d][piece], devices[(d + 1) % p], label=f"move {move}")))
        for d, (piece, arrived) in enumerate(on_their_way):
            target = results[(d + 1) % p]
            target[piece] = target[piece] + arrived if adding else arrived
    return results


def exercise_2_piece_by_piece(arrays, devices):
    """Every piece goes its whole way round, one after another: no faster in fact, but the same bytes."""
    p, n = len(devices), len(arrays[0])
    results = [[None] * p for _ in devices]
    for k in range(p):
        piece = slice(n * k // p, n * (k + 1) // p)
        total = arrays[k][piece].copy()
        for way in range(1, p):
            d = (k + way) % p
            total = send(total, devices[d]) + arrays[d][piece]
        results[(k - 1) % p][k] = total
        for way in range(p - 1):
            d = (k + way) % p
            total = send(total, devices[d])
            results[d][k] = total
    return tuple(device.xp.concatenate(parts) for device, parts in zip(devices, results, strict=True))


def _sum_everywhere(arrays):
    devices = [array.device for array in arrays]
    total = arrays[0]
    for array in arrays[1:]:
        total = total + send(array, devices[0])
    return [send(total, device) for device in devices]


def exercise_3_at_the_first_one(nets, optimisers, shares):
    counts = np.array([len(labels) for _, labels in shares])
    losses = []
    for net, (x, labels), n in zip(nets, shares, counts, strict=True):
        loss = SoftmaxCrossEntropy()
        losses.append(loss.forward(net.forward(x, train=True), labels) * n / counts.sum())
        net.backward(loss.backward() * (n / counts.sum()))
    for name, _ in nets[0].parameters():
        all_of_it = [dict(net.parameters())[name] for net in nets]
        for p, total in zip(all_of_it, _sum_everywhere([p.grad for p in all_of_it]), strict=True):
            p.grad[...] = total
    [optimiser.step() for optimiser in optimisers]
    return np.sum(losses)


def exercise_4_fourteen_machines():
    return 14, np.full(60, 0.3)


def exercise_4_sixteen_and_a_short_warm_up():
    return np.int64(16), tuple(np.minimum(1, np.arange(1, 61) / 4) * 0.35)
