"""Lesson 11: solutions. Look here after you have tried."""


# Exercise 11.1: the first window, and a step for every `stride` pixels of the rest; -(-a // b) rounds up.
def windows(size, kernel, stride, padding=0, hang_over=False):
    rest = size + 2 * padding - kernel
    steps = -(-rest // stride) if hang_over else rest // stride
    return steps + 1


# Exercise 11.2: what one kernel sees, and one bias, for each kernel. conv3, fc6, fc7 and fc8 see both columns.
def total_parameters(kernels=(96, 256, 384, 384, 256), hidden=4096, classes=1000, columns=2):
    k1, k2, k3, k4, k5 = kernels
    return (k1 * (11 * 11 * 3 + 1)
            + k2 * (5 * 5 * k1 // columns + 1)
            + k3 * (3 * 3 * k2 + 1)
            + k4 * (3 * 3 * k3 // columns + 1)
            + k5 * (3 * 3 * k4 // columns + 1)
            + hidden * (6 * 6 * k5 + 1)
            + hidden * (hidden + 1)
            + classes * (hidden + 1))


# Exercise 11.3: neighbours in the image are 1 pixel apart. A kernel reaches kernel - 1 neighbours further, each `apart`
# pixels on; and after a stride, neighbours are that many times as far apart. AlexNet's pool5: 195 pixels of 224.
def field(layers):
    size, apart = 1, 1
    for kernel, stride in layers:
        size += (kernel - 1) * apart
        apart *= stride
    return size
