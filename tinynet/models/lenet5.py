"""LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998), section II.B and Figure 2: the net that read handwritten digits.

Convolutions (C) and subsamplings (S) in turns, then fully-connected units (F), 60,000 parameters in all:

    layer   output       parameters      connections for one image
    C1      28x28x6             156      122,304      5x5 kernels over a 32x32 image
    S2      14x14x6              12        5,880      mean of 2x2, a coefficient and a bias for each map
    C3      10x10x16          1,516      151,600      5x5, each map sees those of S2 that `C3_TABLE` names
    S4      5x5x16               32        2,000
    C5      120              48,120       48,120      a 5x5 convolution, too: larger images give larger maps
    F6      84               10,164       10,164      84 = 7 x 12, a little picture
    output  10                    -          840      distances from ten such pictures

Every layer up to F6 ends in the squashing function of appendix A, which also says how weights start: evenly spread
between ±2.4 / (inputs of the unit).

Where this net is not the paper's: biases start at 0. S2 and S4 take means, not sums (layers/subsample.py), and their
coefficients start between ±2.4, for a mean is one input. The ten pictures are our own. The outputs are minus the
distances, so that the largest wins, as everywhere here. And it trains like the other nets, in batches with momentum:
the paper's method, one image at a time with an estimate of the second derivative for each parameter (appendix C), is
not here.

With d[k] the distance from the code of digit k, D the right digit, and j a constant, the paper's loss is the mean of

    d[D] + log(e^-j + Σ_k e^-d[k])                                                   the paper's (9)

The first term alone, its (8), draws the output to the right code; the second pushes the other codes away. This is
cross-entropy over minus the distances, `MAPLoss`, with one class more, rubbish: whatever is no digit, at the distance j
of everything. The plain SoftmaxCrossEntropy has no such class (j = ∞); with it the net learns too, but not as well.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..devices.device import Device, cpu
from ..init import generator, uniform_fan_in
from ..layer import Layer
from ..layers.activation import ScaledTanh
from ..layers.conv import Conv2d
from ..layers.linear import Flatten, Linear
from ..layers.rbf import RBF
from ..layers.subsample import Subsample2d
from ..layers.table_conv import TableConv2d
from ..loss import SoftmaxCrossEntropy, expect_labels
from ..net import Sequential

C3_TABLE = (  # Table I: the maps of S2 that each map of C3 sees
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 0), (5, 0, 1),                # three neighbours, around the ring
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 0), (4, 5, 0, 1), (5, 0, 1, 2),  # four neighbours
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),                                        # two and two
    (0, 1, 2, 3, 4, 5))                                                              # all

# What F6 should look like for each digit: 1 where there is ink, -1 elsewhere. Our own drawings, in the manner of the
# paper's Figure 3. Pictures that look alike get codes that are alike: what the net mistakes stays readable.
PICTURES = """
..###.. ...##.. .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
.#####. ..###.. ####### ####### ...###. ####### .###### ####### ##...## ##...##
##...## .####.. ##...## ##...## ..####. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## .....## .##.##. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## .....## ##..##. ##..... ##..... ....##. .##.##. ##...##
##...## ...##.. ....##. ..####. ##..##. ######. ##.###. ....##. ..###.. ##...##
##...## ...##.. ...##.. ..####. ####### .#####. ###.### ...##.. .##.##. .######
##...## ...##.. ..##... .....## ####### .....## ##...## ...##.. ##...## ..##.##
##...## ...##.. .##.... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... ##...## ....##. ##...## ##...## ..##... ##...## .....##
.#####. .###### ####### ####### ....##. ####### ####### .##.... ##...## ######.
..###.. .###### ####### .#####. ....##. .#####. .#####. .##.... .#####. .####..
"""


def lenet5(output: str = "rbf", rng: np.random.Generator | None = None, device: Device = cpu) -> Sequential:
    """LeNet-5 for images (32, 32, 1) as `normalised` makes them, ending in the scores of ten digits.

    output: "rbf", the paper's distances from fixed codes; or "linear", ten learned units (850 parameters more).
    """
    at = {"rng": generator(rng), "device": device, "weight_init": uniform_fan_in(2.4)}
    net = Sequential(
        C1=Conv2d(1, 6, 5, input_grad=False, **at), squash1=ScaledTanh(),
        S2=Subsample2d(6, 2, **at), squash2=ScaledTanh(),
        C3=TableConv2d(6, C3_TABLE, 5, **at), squash3=ScaledTanh(),
        S4=Subsample2d(16, 2, **at), squash4=ScaledTanh(),
        C5=Conv2d(16, 120, 5, **at), squash5=ScaledTanh(), flat=Flatten(),
        F6=Linear(120, 84, **at), squash6=ScaledTanh(),
        output=_output(output, at))
    net.input_shape = (32, 32, 1)  # what summary() takes if it is told no other
    return net


def _output(kind: str, at: dict) -> Layer:
    if kind == "rbf":
        return RBF(84, digit_codes(), device=at["device"])
    if kind == "linear":
        return Linear(84, 10, **at)
    raise ValueError(f"lenet5: expected output 'rbf' or 'linear', got {kind!r}")


class MAPLoss(SoftmaxCrossEntropy):
    """The paper's loss (9) of scores (N, K) that are minus distances; "maximum a posteriori". j is 0 or more.

    Once the right code is nearer than j, the loss is nearly 0 and pulls no more. `probs` (N, K + 1) has the
    probability of rubbish in its last column.
    """

    def __init__(self, j: float = 4.0) -> None:
        if not 0 <= j < float("inf"):
            raise ValueError(f"MAPLoss: expected a finite j of 0 or more, got {j!r}")
        self.j = float(j)

    def forward(self, logits: Any, labels: Any) -> float:
        self._device = None  # a loss has no weights: it computes where these logits are
        xp = self.expect(logits, "N", "K", what="logits")
        labels = expect_labels(self, labels, logits.shape)                          # rubbish is not among them
        with self.device:
            rubbish = xp.full((len(logits), 1), -self.j, logits.dtype)
            return super().forward(xp.concatenate([logits, rubbish], axis=1), labels)

    def backward(self) -> Any:
        """∂L/∂logits (N, K)."""
        return super().backward()[:, :-1]


def digit_codes() -> np.ndarray:
    """The codes of the ten digits: (10, 84) float32, `PICTURES` row by row, 1 for ink and -1 for paper."""
    rows = [line.split() for line in PICTURES.split("\n") if line]                   # 12 rows of 10 digits
    return np.array([[1 if dot == "#" else -1 for row in rows for dot in row[digit]] for digit in range(10)],
                    np.float32)


def normalised(images: np.ndarray) -> np.ndarray:
    """Digits (N, 28, 28, 1) uint8, ink 255, as LeNet-5 sees them: (N, 32, 32, 1) float32, paper -0.1, ink 1.175.

    The border of 2 pixels lets every stroke come to the middle of a kernel; with these values the mean of the input
    is about 0 (section II.B; the variance, said to be about 1, is far less on MNIST). Raises ValueError for images of
    another shape or type.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (28, 28, 1):
        raise ValueError(f"normalised: expected images (N, 28, 28, 1) of uint8, got {images.shape} of {images.dtype}")
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))                        # (N, 32, 32, 1)
    return padded.astype(np.float32) * np.float32(1.275 / 255) - np.float32(0.1)
