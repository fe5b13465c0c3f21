"""Lesson 10: wrong answers, which its checkers must not pass. Each function's name begins with its exercise."""
import numpy as np

from tinynet import (
    Columns,
    Conv2d,
    Exchange,
    Flatten,
    Fork,
    Join,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    fan_in,
    pair,
    send,
)

left, right = pair("simulated")


def exercise_1_only_its_own_part(d_left, d_right, C):
    return d_left[..., :C], d_right[..., C:]


def exercise_1_forgets_its_own_part(d_left, d_right, C):
    return send(d_right[..., :C], left), send(d_left[..., C:], right)


def exercise_1_forgets_to_send(d_left, d_right, C):
    return d_left[..., :C] + d_right[..., :C], d_left[..., C:] + d_right[..., C:]


def exercise_1_sends_everything(d_left, d_right, C):
    return (d_left + send(d_right, left))[..., :C], (d_right + send(d_left, right))[..., C:]


def exercise_1_sends_the_wrong_half(d_left, d_right, C):
    return d_left[..., :C] + send(d_right[..., -C:], left), d_right[..., C:] + send(d_left[..., :-C], right)


def exercise_1_thinks_halves(d_left, d_right, C):
    half = d_left.shape[-1] // 2
    return d_left[..., :half] + send(d_right[..., :half], left), d_right[..., half:] + send(d_left[..., half:], right)


def exercise_1_both_on_the_left(d_left, d_right, C):
    total = d_left + send(d_right, left)
    return total[..., :C], total[..., C:]


def exercise_1_by_way_of_the_host(d_left, d_right, C):
    total = left.tohost(d_left) + right.tohost(d_right)
    return left.asarray(total[..., :C]), right.asarray(total[..., C:])


def exercise_1_adds_in_place(d_left, d_right, C):
    home_to_left, home_to_right = send(d_right[..., :C], left), send(d_left[..., C:], right)
    d_left[..., :C] += home_to_left
    d_right[..., C:] += home_to_right
    return d_left[..., :C], d_right[..., C:]


def exercise_2_forgets_backward(parameters, bytes_per_image):
    return 8 * parameters / bytes_per_image


def exercise_2_counts_one_direction(parameters, bytes_per_image):
    return 2 * parameters / bytes_per_image


def exercise_2_counts_numbers_not_bytes(parameters, bytes_per_image):
    return parameters / bytes_per_image


def exercise_2_upside_down(parameters, bytes_per_image):
    return bytes_per_image / (4 * parameters)


def exercise_2_knows_alexnet_only(parameters, bytes_per_image):
    return 1040


def exercise_2_one_image_more(parameters, bytes_per_image):
    return 4 * parameters / bytes_per_image + 1


def exercise_2_one_image_less(parameters, bytes_per_image):
    return 4 * parameters // bytes_per_image - 1


def exercise_3_square_kernels_only(W_left, W_right):
    K, C, F = W_left.shape[0], W_left.shape[2] + W_right.shape[2], W_left.shape[3] + W_right.shape[3]
    W = np.zeros((K, K, C, F))
    C, F = W_left.shape[2:]
    W[:, :, :C, :F], W[:, :, C:, F:] = W_left[:, :K], W_right[:, :K]
    return W


def exercise_3_side_by_side(W_left, W_right):
    return np.concatenate([W_left, W_right[:, :, :W_left.shape[2]]], axis=-1)


def exercise_3_no_zeros(W_left, W_right):
    C, F = W_left.shape[2] + W_right.shape[2], W_left.shape[3] + W_right.shape[3]
    return np.resize(np.concatenate([W_left.ravel(), W_right.ravel()]), (*W_left.shape[:2], C, F))


def exercise_3_right_first(W_left, W_right):
    return _blocks(W_right, W_left)


def exercise_3_crossed(W_left, W_right):
    return np.flip(_blocks(W_left, W_right), axis=2)


def exercise_3_only_the_left(W_left, W_right):
    return _blocks(W_left, 0 * W_right)


def _blocks(first, second):
    C, F = first.shape[2:]
    W = np.zeros((*first.shape[:2], C + second.shape[2], F + second.shape[3]))
    W[:, :, :C, :F], W[:, :, C:, F:] = first, second
    return W


def _columns(left, right, rng, meets, pools=True, input_grad=False):
    def both(make):
        return Columns(make(left), make(right))

    def conv(inputs, outputs, input_grad=True):
        return both(lambda device: Conv2d(inputs, outputs, 3, 2, 1, device=device, rng=rng, weight_init=fan_in(2.0),
                                          input_grad=input_grad))

    layers = {"fork": Fork((left, right)), "conv1": conv(3, 8, input_grad), "relu1": Columns(ReLU(), ReLU())}
    layers |= {"pool1": both(lambda device: MaxPool2d(4, 4))} if pools else {}
    layers |= {"cross": Exchange()} if meets else {}
    return Sequential(
        **layers, conv2=conv(16 if meets else 8, 8), relu2=Columns(ReLU(), ReLU()), flat=Columns(Flatten(), Flatten()),
        join=Join(left), fc3=Linear(64 if pools else 1024, 10, device=left, rng=rng, weight_init=fan_in(1.0)))


def exercise_4_never_meets(left, right, rng):
    return _columns(left, right, rng, meets=False), 0.02


def exercise_4_meets_too_early(left, right, rng):
    return _columns(left, right, rng, meets=True, pools=False), 0.02


def exercise_4_sends_the_pixels_gradient_home(left, right, rng):
    return _columns(left, right, rng, meets=True, input_grad=True), 0.02


def exercise_4_names_no_device(left, right, rng):
    def conv(inputs, outputs):
        return Columns(*(Conv2d(inputs, outputs, 3, 2, 1, rng=rng, weight_init=fan_in(2.0)) for _ in range(2)))

    return Sequential(fork=Fork((left, right)), conv1=conv(3, 8), relu1=Columns(ReLU(), ReLU()), cross=Exchange(),
                      conv2=conv(16, 8), relu2=Columns(ReLU(), ReLU()), flat=Columns(Flatten(), Flatten()),
                      join=Join(left), fc3=Linear(1024, 10, rng=rng, weight_init=fan_in(1.0))), 0.02


def exercise_4_learns_too_slowly(left, right, rng):
    return _columns(left, right, rng, meets=True), 0.0001


def exercise_4_only_the_net(left, right, rng):
    return _columns(left, right, rng, meets=True)
