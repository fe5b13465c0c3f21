"""Lesson 11: solutions. Look here after you have tried."""


from tinynet import LRN, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, ReLU, Sequential, constant


# Exercise 11.1: three zeros at the right and at the bottom of the image; two and one around the maps.
def my_alexnet(kernels=(96, 256, 384, 384, 256), hidden=4096, classes=1000, rng=None):
    k1, k2, k3, k4, k5 = kernels
    one, draw = {"rng": rng, "bias_init": constant(1.0)}, {"rng": rng}
    return Sequential(
        conv1=Conv2d(3, k1, 11, stride=4, padding=((0, 3), (0, 3)), input_grad=False, **draw), relu1=ReLU(),
        norm1=LRN(groups=2), pool1=MaxPool2d(3, stride=2),
        conv2=Conv2d(k1, k2, 5, padding=2, groups=2, **one), relu2=ReLU(),
        norm2=LRN(groups=2), pool2=MaxPool2d(3, stride=2),
        conv3=Conv2d(k2, k3, 3, padding=1, **draw), relu3=ReLU(),
        conv4=Conv2d(k3, k4, 3, padding=1, groups=2, **one), relu4=ReLU(),
        conv5=Conv2d(k4, k5, 3, padding=1, groups=2, **one), relu5=ReLU(), pool5=MaxPool2d(3, stride=2),
        flat=Flatten(), fc6=Linear(6 * 6 * k5, hidden, **one), relu6=ReLU(), drop6=Dropout(0.5, rng),
        fc7=Linear(hidden, hidden, **one), relu7=ReLU(), drop7=Dropout(0.5, rng),
        fc8=Linear(hidden, classes, **draw))


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


# Exercise 11.4: one of many: AlexNet's convolutions, and no fully-connected layer but the last. 2.6 million parameters.
def smaller(rng):
    convolutions = my_alexnet(rng=rng, hidden=2)[:"pool5"]
    return Sequential(**dict(convolutions.children()), mean=GlobalAvgPool2d(), fc8=Linear(256, 1000, rng=rng))
