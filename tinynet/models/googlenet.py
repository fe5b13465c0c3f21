"""GoogLeNet (Szegedy et al. 2014, "Going deeper with convolutions"), section 5, Table 1 and Figure 3: 22 layers deep,
most of them in nine Inception modules (inception.py), yet with a ninth of AlexNet's parameters.

    stem 28x28x192    3a 28x28x256    3b 28x28x480    4a 14x14x512    4b 14x14x512    4c 14x14x512    4d 14x14x528
    4e 14x14x832    5a 7x7x832    5b 7x7x1024    average 1024    1000 classes

So deep a net passes little gradient down to its lower layers. In training, two small nets on the maps of 4a and 4d
classify too: their losses count 0.3 each, and their gradients join the main one there. At test they are dropped.

    training   forward gives (scores, scores of head1, scores of head2); backward takes a tuple of their gradients
    otherwise  forward gives the scores; backward takes their gradient

Where the paper is silent we do as Caffe's public copy of the net does:

    normalisation   n = 5, k = 1, β = 0.75, α = 1e-4 / 5 (Caffe divides α by n, our LRN does not)
    weights         variance 1 / inputs of one unit (drawn from a Gaussian here, evenly spread there)
    biases          0.2

With half the variance that ReLUs would need to keep the scale of the signal, it shrinks from pixels (0..255 minus the
mean image) to scores; the biases keep the units of the upper layers from falling silent.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..container import Seen, run, run_back, trains, whole
from ..devices.device import Device, cpu, device_of
from ..init import constant, fan_in, generator
from ..layer import Layer
from ..layers.activation import ReLU
from ..layers.conv import Conv2d
from ..layers.dropout import Dropout
from ..layers.linear import Flatten, Linear
from ..layers.lrn import LRN
from ..layers.pool import AvgPool2d, GlobalAvgPool2d, MaxPool2d
from ..loss import SoftmaxCrossEntropy
from ..net import Sequential, added
from .inception import inception_v1, scaled

INCEPTION = {  # Table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
START = {"weight_init": fan_in(gain=1.0), "bias_init": constant(0.2)}


class GoogLeNet(Sequential):
    """The main line, a Sequential, and beside it the heads {"head1": ..., "head2": ...}, or none: {}.

    `net[:]` is the main line alone, as it is at test: `net[:].save(path)` writes a file without the heads.
    """

    needed = ("inception4a", "inception4b", "inception4d", "inception4e")  # where the heads look: these stay
    looked_at = {"inception4a": "head1", "inception4d": "head2"}           # whose maps each head sees

    def __init__(self, heads: dict[str, Sequential], **layers: Layer) -> None:
        self.heads = heads
        super().__init__(**layers)

    @whole
    def forward(self, x: Any, train: bool = False, keep: bool = False, seen: Seen | None = None) -> Any:
        with_heads = train and bool(self.heads)
        self.remember(train or keep, with_heads)
        if not with_heads:
            for head in self.heads.values():
                head.forget()
            return super().forward(x, train, keep, seen)
        y_4a = self[:"inception4a"].forward(x, train=True, seen=seen)                # (N, 14, 14, 512)
        y_4d = self["inception4b":"inception4d"].forward(y_4a, train=True, seen=seen)  # (N, 14, 14, 528)
        return (self["inception4e":].forward(y_4d, train=True, seen=seen),           # 3 times (N, classes)
                run("head1", self.heads["head1"], y_4a, train=True, seen=seen),
                run("head2", self.heads["head2"], y_4d, train=True, seen=seen))

    @whole
    def backward(self, dy: Any, input_grad: bool | None = None) -> Any:
        (with_heads,) = self.take()
        if not with_heads:
            for head in self.heads.values():
                for _, p in head.parameters():
                    p.grad = None                                                    # that of an earlier step
            return super().backward(dy, input_grad)
        if not isinstance(dy, tuple) or len(dy) != 3:
            raise TypeError(f"{self.label}: after a forward in training, backward expects a tuple of three gradients, "
                            f"as GoogLeNetLoss gives it, got {type(dy).__name__}")
        d_main, d_head1, d_head2 = dy
        input_grad = self.wants(input_grad)
        low, middle, high = self[:"inception4a"], self["inception4b":"inception4d"], self["inception4e":]
        wanted_4a = input_grad or trains(low)
        wanted_4d = wanted_4a or trains(middle)
        d_4d = [run_back(high, d_main, wanted_4d), run_back(self.heads["head2"], d_head2, wanted_4d)]
        d_4a = [run_back(middle, added(d_4d, self.device), wanted_4a),
                run_back(self.heads["head1"], d_head1, wanted_4a)]
        return run_back(low, added(d_4a, self.device), input_grad)

    def children(self) -> list[tuple[str, Layer]]:
        return [*super().children(), *self.heads.items()]


class GoogLeNetLoss(Layer):
    """L = main + 0.3 (head1 + head2), each a softmax with cross-entropy. Section 5."""

    def __init__(self, weight: float = 0.3) -> None:
        self.weight = weight
        self.main, self.head1, self.head2 = (SoftmaxCrossEntropy() for _ in range(3))
        self.rename("")

    @whole
    def forward(self, scores: tuple[Any, Any, Any], labels: Any) -> float:
        """L for the net's three outputs in training and whole-number labels (N,).

        Raises TypeError for anything but three outputs, and what SoftmaxCrossEntropy raises.
        """
        if not isinstance(scores, tuple) or len(scores) != 3:
            raise TypeError(f"{self.label}: expected the three outputs of a GoogLeNet in training, got "
                            f"{type(scores).__name__}; for one output take SoftmaxCrossEntropy")
        main, head1, head2 = (loss.forward(y, labels) for (_, loss), y in zip(self.children(), scores, strict=True))
        with device_of(scores[0]):
            return main + self.weight * (head1 + head2)

    def backward(self) -> tuple[Any, Any, Any]:
        """The gradients of the three outputs, 3 times (N, classes)."""
        d_main, *d_heads = (loss.backward() for _, loss in self.children())
        for d_head in d_heads:
            with device_of(d_head):
                d_head *= self.weight
        return d_main, *d_heads

    @property
    def probs(self) -> Any:
        """The main output's probabilities."""
        return self.main.probs

    def children(self) -> list[tuple[str, Layer]]:
        return [("main", self.main), ("head1", self.head1), ("head2", self.head2)]


def googlenet(classes: int = 1000, heads: bool = True, input_size: int = 224, width: float = 1.0, device: Device = cpu,
              rng: np.random.Generator | None = None) -> GoogLeNet:
    """GoogLeNet for images (input_size, input_size, 3), ending in the classes' scores; `width` multiplies every
    layer's number of maps.

    `summary(net)` shows the net as it is at test. Raises ValueError for images too small.
    """
    at, side = {"rng": generator(rng), **START}, _side(input_size, heads)
    k1, reduce2, k2 = (scaled(size, width) for size in (64, 64, 192))
    module, maps = _modules(k2, width, at)
    beside = {"head1": _head(maps["4a"], side, classes, width, at),
              "head2": _head(maps["4d"], side, classes, width, at)} if heads else {}

    net = GoogLeNet(
        beside,
        conv1=Conv2d(3, k1, 7, stride=2, padding=3, input_grad=False, **at), relu1=ReLU(), pool1=_pool(), norm1=_norm(),
        reduce2=Conv2d(k1, reduce2, 1, **at), relu_reduce2=ReLU(),
        conv2=Conv2d(reduce2, k2, 3, padding=1, **at), relu2=ReLU(), norm2=_norm(), pool2=_pool(),
        inception3a=module["3a"], inception3b=module["3b"], pool3=_pool(),
        inception4a=module["4a"],                                                    # head1 looks here,
        inception4b=module["4b"], inception4c=module["4c"], inception4d=module["4d"],  # and head2 here
        inception4e=module["4e"], pool4=_pool(),
        inception5a=module["5a"], inception5b=module["5b"],
        pool5=GlobalAvgPool2d(), drop=Dropout(0.4, at["rng"]), fc=Linear(maps["5b"], classes, **at))
    net.input_shape = (input_size, input_size, 3)  # what summary() takes if it is told no other
    return net.to(device)


def _side(input_size: int, heads: bool) -> int:
    """Rows of the maps of 4a to 4e, 14 for 224: conv1 halves, rounding up, and three poolings halve, rounding down."""
    side = -(-input_size // 2) // 2 // 2 // 2
    if side < (5 if heads else 2):  # a window of the heads' pooling has 5 rows; and one more pooling halves 4e's maps
        raise ValueError(f"googlenet: images of {input_size}x{input_size} pixels are too small: expected 31x31 or "
                         "more, with heads 79x79 or more; enlarge them first")
    return side


def _modules(in_channels: int, width: float, at: dict[str, Any]) -> tuple[dict[str, Layer], dict[str, int]]:
    """The nine Inception modules, and how many maps each gives."""
    modules, maps, C = {}, {}, in_channels
    for name, row in INCEPTION.items():
        one, reduce_3, three, reduce_5, five, pool = (scaled(n, width) for n in row)
        modules[name] = inception_v1(C, one, (reduce_3, three), (reduce_5, five), pool, **at)
        maps[name] = C = one + three + five + pool
    return modules, maps


def _head(in_channels: int, side: int, classes: int, width: float, at: dict[str, Any]) -> Sequential:
    """An auxiliary classifier on maps of side x side pixels. Section 5: 4x4 after pooling, 128 maps, 1024 units."""
    maps, hidden, places = scaled(128, width), scaled(1024, width), ((side - 5) // 3 + 1) ** 2
    return Sequential(
        pool=AvgPool2d(5, stride=3), conv=Conv2d(in_channels, maps, 1, **at), relu1=ReLU(), flat=Flatten(),
        fc1=Linear(places * maps, hidden, **at), relu2=ReLU(), drop=Dropout(0.7, at["rng"]),
        fc2=Linear(hidden, classes, **at))


def _pool() -> MaxPool2d:
    return MaxPool2d(3, stride=2, ceil_mode=True)


def _norm() -> LRN:
    return LRN(n=5, k=1.0, alpha=1e-4 / 5, beta=0.75)
