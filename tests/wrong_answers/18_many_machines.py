"""Lesson 18: wrong answers, which its checkers must not pass. Each name begins with its exercise."""
import numpy as np

from tinynet import SoftmaxCrossEntropy, send


def exercise_1_not_shuffled(images, machines, rank, epoch, seed):
    return np.arange(images)[rank::machines]


def exercise_1_one_order_for_all_epochs(images, machines, rank, epoch, seed):
    return np.random.default_rng(seed).permutation(images)[rank::machines]


def exercise_1_no_seed(images, machines, rank, epoch, seed):
    return np.random.default_rng(epoch).permutation(images)[rank::machines]


def exercise_1_seed_plus_epoch(images, machines, rank, epoch, seed):
    return np.random.default_rng(seed + epoch).permutation(images)[rank::machines]


def exercise_1_each_machine_its_own_order(images, machines, rank, epoch, seed):
    return np.random.default_rng([seed, epoch, rank]).permutation(images)[rank::machines]


def exercise_1_leaves_out_the_rest(images, machines, rank, epoch, seed):
    each = images // machines
    return np.random.default_rng([seed, epoch]).permutation(images)[rank * each:(rank + 1) * each]


def exercise_1_the_rest_to_the_last(images, machines, rank, epoch, seed):
    each, order = images // machines, np.random.default_rng([seed, epoch]).permutation(images)
    return order[rank * each:] if rank == machines - 1 else order[rank * each:(rank + 1) * each]


def exercise_1_whole_number_of_equal_shares(images, machines, rank, epoch, seed):
    each = -(-images // machines)
    return np.random.default_rng([seed, epoch]).permutation(images)[rank * each:(rank + 1) * each]


def exercise_1_deals_and_then_shuffles(images, machines, rank, epoch, seed):
    return np.random.default_rng([seed, epoch]).permutation(np.arange(rank, images, machines))


def exercise_1_the_global_generator(images, machines, rank, epoch, seed):
    return np.random.permutation(images)[rank::machines]


def exercise_1_sorted(images, machines, rank, epoch, seed):
    return np.sort(np.random.default_rng([seed, epoch]).permutation(images)[rank::machines])


def _pieces(arrays, p):
    return [[array[len(array) * k // p:len(array) * (k + 1) // p] for k in range(p)] for array in arrays]


def _ring(arrays, devices, first=None, second=None):
    p = len(devices)
    pieces = _pieces(arrays, p)
    for s in range(p - 1 if first is None else first):
        moving = [pieces[d][(d - s) % p] for d in range(p)]
        for d in range(p):
            pieces[(d + 1) % p][(d - s) % p] = pieces[(d + 1) % p][(d - s) % p] + send(moving[d], devices[(d + 1) % p])
    for s in range(p - 1 if second is None else second):
        moving = [pieces[d][(d + 1 - s) % p] for d in range(p)]
        for d in range(p):
            pieces[(d + 1) % p][(d + 1 - s) % p] = send(moving[d], devices[(d + 1) % p])
    return [device.xp.concatenate(mine) for device, mine in zip(devices, pieces, strict=True)]


def exercise_2_through_the_first(arrays, devices):
    total = arrays[0]
    for array in arrays[1:]:
        total = total + send(array, devices[0])
    return [send(total, device) for device in devices]


def exercise_2_everybody_to_everybody(arrays, devices):
    return [sum(send(array, device) for array in arrays) for device in devices]


def exercise_2_whole_arrays_round_the_ring(arrays, devices):
    p, totals, moving = len(devices), list(arrays), list(arrays)
    for _ in range(p - 1):
        moving = [send(moving[d - 1], devices[d]) for d in range(p)]
        totals = [total + other for total, other in zip(totals, moving, strict=True)]
    return totals


def exercise_2_pieces_but_all_of_them_each_move(arrays, devices):
    p, totals, moving = len(devices), _pieces(arrays, len(devices)), _pieces(arrays, len(devices))
    for _ in range(p - 1):
        moving = [[send(piece, devices[d]) for piece in moving[d - 1]] for d in range(p)]
        totals = [[a + b for a, b in zip(mine, new, strict=True)] for mine, new in zip(totals, moving, strict=True)]
    return [device.xp.concatenate(mine) for device, mine in zip(devices, totals, strict=True)]


def exercise_2_the_first_round_only(arrays, devices):
    return _ring(arrays, devices, second=0)


def exercise_2_a_move_too_few(arrays, devices):
    return _ring(arrays, devices, second=max(len(devices) - 2, 0))


def exercise_2_a_move_too_many(arrays, devices):
    return _ring(arrays, devices, first=len(devices))


def exercise_2_drops_what_does_not_divide(arrays, devices):
    each = len(arrays[0]) // len(devices) * len(devices)
    return _ring([array[:each] for array in arrays], devices)


def exercise_2_the_other_way_round(arrays, devices):
    return _ring(arrays[::-1], devices[::-1])[::-1]


def exercise_2_adds_in_place(arrays, devices):
    p, pieces = len(devices), _pieces(arrays, len(devices))
    for s in range(p - 1):
        moving = [send(pieces[d][(d - s) % p], devices[(d + 1) % p]) for d in range(p)]
        for d in range(p):
            pieces[(d + 1) % p][(d - s) % p] += moving[d]
    return _ring(arrays, devices, first=0)


def exercise_2_forgets_to_send(arrays, devices):
    return [sum(arrays) for _ in devices]


def exercise_2_all_on_the_first(arrays, devices):
    return [_ring(arrays, devices)[0]] * len(devices)


def exercise_2_the_mean(arrays, devices):
    return [total / len(devices) for total in _ring(arrays, devices)]


def _step(nets, optimisers, shares, weight=None, loss_of=None, over=None):
    N, losses = sum(len(labels) for _, labels in shares), []
    for net, (x, labels) in zip(nets, shares, strict=True):
        loss = SoftmaxCrossEntropy()
        losses.append(float(loss.forward(net.forward(x, train=True), labels)))
        net.backward(loss.backward())
    for same in over(nets) if over else zip(*([p for _, p in net.parameters()] for net in nets), strict=True):
        devices = [p.device for p in same]
        parts = [p.grad.ravel() * (weight(len(labels), N) if weight else len(labels) / N)
                 for p, (_, labels) in zip(same, shares, strict=True)]
        for p, total in zip(same, _ring(parts, devices), strict=True):
            p.grad[...] = total.reshape(p.shape)
    for optimiser in optimisers:
        optimiser.step()
    counts = [len(labels) for _, labels in shares]
    return loss_of(losses) if loss_of else float(np.average(losses, weights=counts))


def exercise_3_a_mean_of_means(nets, optimisers, shares):
    return _step(nets, optimisers, shares, lambda n, N: 1 / len(nets))


def exercise_3_the_sum(nets, optimisers, shares):
    return _step(nets, optimisers, shares, lambda n, N: 1.0)


def exercise_3_weighted_by_the_number_only(nets, optimisers, shares):
    return _step(nets, optimisers, shares, lambda n, N: n)


def exercise_3_every_machine_for_itself(nets, optimisers, shares):
    return _step(nets, optimisers, shares, over=lambda nets: [])


def exercise_3_the_first_parameter_only(nets, optimisers, shares):
    return _step(nets, optimisers, shares, over=lambda nets: [[net.parameters()[0][1] for net in nets]])


def exercise_3_the_mean_of_the_losses(nets, optimisers, shares):
    return _step(nets, optimisers, shares, loss_of=np.mean)


def exercise_3_the_first_loss(nets, optimisers, shares):
    return _step(nets, optimisers, shares, loss_of=lambda losses: losses[0])


def exercise_3_only_the_first_steps(nets, optimisers, shares):
    return _step(nets, optimisers[:1], shares)


def exercise_3_never_steps(nets, optimisers, shares):
    return _step(nets, [], shares)


def exercise_3_everybody_sees_everything(nets, optimisers, shares):
    x, labels = (np.concatenate([part[i] for part in shares]) for i in range(2))
    for net, optimiser in zip(nets, optimisers, strict=True):
        loss = SoftmaxCrossEntropy()
        value = float(loss.forward(net.forward(x, train=True), labels))
        net.backward(loss.backward())
        optimiser.step()
    return value


def exercise_3_sums_the_weights_after_the_step(nets, optimisers, shares):
    value = _step(nets, optimisers, shares, over=lambda nets: [])
    for same in zip(*([p for _, p in net.parameters()] for net in nets), strict=True):
        parts = [p.value.ravel() / len(nets) for p in same]
        for p, total in zip(same, _ring(parts, [p.device for p in same]), strict=True):
            p.value[...] = total.reshape(p.shape)
    return value


def exercise_4_the_rate_of_one_machine():
    return 16, [0.02] * 60


def exercise_4_one_machine():
    return 1, [0.02] * 60


def exercise_4_too_large_a_rate():
    return 16, [3.0] * 60


def exercise_4_a_large_rate_for_one_machine():
    return 1, [0.32] * 60


def exercise_4_more_steps():
    return 16, [0.32] * 120


def exercise_4_more_machines():
    return 40, [0.32] * 60


def exercise_4_one_rate():
    return 16, 0.32


def exercise_4_shares_that_are_no_whole_number():
    return 15.5, [0.32] * 60
