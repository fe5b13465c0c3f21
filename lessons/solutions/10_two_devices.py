"""Lesson 10: solutions. Look here after you have tried."""
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


# Exercise 10.1: the left maps, the first C, were used on both sides. So the right side's gradient of them is sent home
# and added to the left one's; and the other way round.
def exchange_backward(d_left, d_right, C):
    home_to_left = send(d_right[..., :C], left)
    home_to_right = send(d_left[..., C:], right)
    return d_left[..., :C] + home_to_left, d_right[..., C:] + home_to_right


# Exercise 10.2: copies send 2 · 4 · parameters bytes; columns 2 · bytes_per_image · images, forward and
# backward. For AlexNet that is 1,040 images: at 128 its columns send an eighth of what copies would.
def break_even(parameters, bytes_per_image):
    return 4 * parameters / bytes_per_image


# Exercise 10.3: two blocks on the diagonal, and zeros where a map of the one column would meet a kernel of the other.
def one_kernel(W_left, W_right):
    KH, KW, C, F = W_left.shape
    _, _, others, more = W_right.shape
    W = np.zeros((KH, KW, C + others, F + more))
    W[:, :, :C, :F] = W_left
    W[:, :, C:, F:] = W_right
    return W


# Exercise 10.4: one of many. They meet after two poolings, where a column has 8 maps of 4 x 4: 512 bytes each way. And
# conv1 makes no gradient of the pixels, which would go home to the left device: 12,288 bytes for nothing.
def my_columns(left, right, rng):
    def both(make):
        return Columns(make(left), make(right))

    def conv(inputs, outputs, size, stride=1, **how):
        return both(lambda device: Conv2d(inputs, outputs, size, stride, size // 2, device=device, rng=rng,
                                          weight_init=fan_in(2.0), **how))

    net = Sequential(
        fork=Fork((left, right)),
        conv1=conv(3, 8, 5, stride=2, input_grad=False), relu1=Columns(ReLU(), ReLU()),  # (N, 16, 16, 8)
        pool1=both(lambda device: MaxPool2d(2, 2)),                                      # (N, 8, 8, 8)
        conv2=conv(8, 8, 3), relu2=Columns(ReLU(), ReLU()),
        pool2=both(lambda device: MaxPool2d(2, 2)),                                      # (N, 4, 4, 8)
        cross=Exchange(),
        conv3=conv(16, 16, 3), relu3=Columns(ReLU(), ReLU()), flat=Columns(Flatten(), Flatten()),
        fc4=both(lambda device: Linear(4 * 4 * 16, 32, device=device, rng=rng, weight_init=fan_in(2.0))),
        relu4=Columns(ReLU(), ReLU()),
        join=Join(left), fc5=Linear(64, 10, device=left, rng=rng, weight_init=fan_in(1.0)))
    return net, 0.02
