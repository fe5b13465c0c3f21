"""Nonlinearities: functions of each number by itself. Shapes: any; y has the shape of x.

    ReLU        y = max(0, x)                 dx = dy where y > 0, else 0          (1)
    Tanh        y = tanh(x)                   dx = dy · (1 - y²)                   (2)
    Sigmoid     y = 1 / (1 + e^-x)            dx = dy · y · (1 - y)                (3)
    ScaledTanh  y = A tanh(S·x)               dx = dy · S/A · (A - y)(A + y)       (4)
    AbsTanh     y = |tanh(x)|                 dx = dy · sign(x) (1 - y²)           (5)
    LeakyReLU   y = max(x, s·x)               dx = dy where y > 0, else s·dy       (6)

tanh and the sigmoid saturate: where |x| is large, y hardly changes with x and the factor in (2) and (3) is nearly 0,
so almost no gradient comes through. ReLU does not saturate for x > 0. AlexNet, section 3.1 and Figure 1. At x = 0,
where ReLU has no derivative, we take 0. Each needs no more than its y for the way back, which the next layer keeps too;
but for AbsTanh, which keeps tanh(x): its y has lost the sign.

For small y all digits of (3) are there, down to the smallest numbers of the dtype. A y near 1 has only so many digits
left for 1 - y: in float32 it is 1 from x = 17 on, and the gradient 0; in float64 from x = 37 on. So it is in the other
libraries, and with tanh from |x| = 10 (19) on.

AbsTanh is what AlexNet, section 3.1, compares ReLU with, followed by contrast normalisation (contrast.py): Jarrett,
Kavukcuoglu, Ranzato and LeCun 2009. ScaledTanh is LeNet-5's, with A = 1.7159 and S = 2/3: LeCun, Bottou, Bengio and
Haffner 1998, appendix A.
LeakyReLU: Maas, Hannun and Ng 2013; with a slope s below 1, and so a unit that is off still learns.
"""
from __future__ import annotations

from typing import Any

from ..fast.operation import operation
from ..layer import Layer


@operation
def relu_forward(x: Any, y: Any, xp: Any) -> None:
    """Fill y."""
    xp.maximum(x, 0, out=y)                                                          # eq. (1)


@operation
def relu_backward(dy: Any, y: Any, dx: Any, xp: Any) -> None:
    """Fill dx."""
    dx[...] = dy * (y > 0)                                                           # eq. (1)


@operation
def tanh_forward(x: Any, y: Any, xp: Any) -> None:
    """Fill y."""
    xp.tanh(x, out=y)                                                                # eq. (2)


@operation
def tanh_backward(dy: Any, y: Any, dx: Any, xp: Any) -> None:
    """Fill dx."""
    dx[...] = dy * (1 - y * y)                                                       # eq. (2)


@operation
def sigmoid_forward(x: Any, y: Any, xp: Any) -> None:
    """Fill y. For x below 0 both sides of the fraction are multiplied by e^x: so nothing overflows, and y keeps all its
    digits however small it is."""
    y[...] = xp.exp(xp.minimum(x, 0)) / (1 + xp.exp(-xp.abs(x)))                     # eq. (3)


@operation
def sigmoid_backward(dy: Any, y: Any, dx: Any, xp: Any) -> None:
    """Fill dx."""
    dx[...] = dy * y * (1 - y)                                                       # eq. (3)


@operation
def scaled_tanh_forward(x: Any, y: Any, A: float, S: float, xp: Any) -> None:
    """Fill y."""
    y[...] = A * xp.tanh(S * x)                                                      # eq. (4)


@operation
def scaled_tanh_backward(dy: Any, y: Any, dx: Any, A: float, S: float, xp: Any) -> None:
    """Fill dx."""
    dx[...] = dy * (S / A * (A - y) * (A + y))                                       # eq. (4)


@operation
def leaky_relu_forward(x: Any, y: Any, slope: float, xp: Any) -> None:
    """Fill y."""
    xp.maximum(x, slope * x, out=y)                                                  # eq. (6)


@operation
def leaky_relu_backward(dy: Any, y: Any, dx: Any, slope: float, xp: Any) -> None:
    """Fill dx."""
    dx[...] = xp.where(y > 0, dy, slope * dy)                                        # eq. (6)


class ReLU(Layer):
    """y = max(0, x). NaN stays NaN, in y and in dy, so that it is found; where y is NaN, dx is 0 as if y were 0.
    (PyTorch has dy there; and 0 for a dy of NaN where y is 0.)"""

    lets_a_factor_through = True

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp, y = self.expect(x), self.empty(x.shape, x.dtype)
        relu_forward(x, y, xp)
        self.remember(train or keep, y)
        return y

    def backward(self, dy: Any) -> Any:
        (y,) = self.take()
        xp, dx = self.expect(dy, *y.shape, what="dy", dtype=y.dtype), self.empty(y.shape, y.dtype)
        relu_backward(dy, y, dx, xp)
        return dx


class Tanh(Layer):
    """y = tanh(x)."""

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp, y = self.expect(x), self.empty(x.shape, x.dtype)
        tanh_forward(x, y, xp)
        self.remember(train or keep, y)
        return y

    def backward(self, dy: Any) -> Any:
        (y,) = self.take()
        xp, dx = self.expect(dy, *y.shape, what="dy", dtype=y.dtype), self.empty(y.shape, y.dtype)
        tanh_backward(dy, y, dx, xp)
        return dx


class Sigmoid(Layer):
    """y = 1 / (1 + e^-x)."""

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp, y = self.expect(x), self.empty(x.shape, x.dtype)
        sigmoid_forward(x, y, xp)
        self.remember(train or keep, y)
        return y

    def backward(self, dy: Any) -> Any:
        (y,) = self.take()
        xp, dx = self.expect(dy, *y.shape, what="dy", dtype=y.dtype), self.empty(y.shape, y.dtype)
        sigmoid_backward(dy, y, dx, xp)
        return dx


class ScaledTanh(Layer):
    """y = 1.7159 tanh(2x/3): 1 at 1 and -1 at -1, where it is bent most; between them it is nearly straight, so that
    targets of ±1 are reached without saturation."""

    A, S = 1.7159, 2 / 3

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp, y = self.expect(x), self.empty(x.shape, x.dtype)
        scaled_tanh_forward(x, y, self.A, self.S, xp)
        self.remember(train or keep, y)
        return y

    def backward(self, dy: Any) -> Any:
        (y,) = self.take()
        xp, dx = self.expect(dy, *y.shape, what="dy", dtype=y.dtype), self.empty(y.shape, y.dtype)
        scaled_tanh_backward(dy, y, dx, self.A, self.S, xp)
        return dx


class AbsTanh(Layer):
    """y = |tanh(x)|. At x = 0, where it is bent, the slope is taken as 0."""

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp = self.expect(x)
        t = xp.tanh(x)
        self.remember(train or keep, t)
        return xp.abs(t)                                                             # eq. (5)

    def backward(self, dy: Any) -> Any:
        (t,) = self.take()
        xp = self.expect(dy, *t.shape, what="dy", dtype=t.dtype)
        return dy * xp.sign(t) * (1 - t * t)                                         # eq. (5)


class LeakyReLU(Layer):
    """y = x where x > 0, else slope · x. Raises ValueError unless 0 <= slope < 1; at x = 0 the derivative is slope."""

    lets_a_factor_through = True

    def __init__(self, slope: float = 0.01) -> None:
        if not 0 <= slope < 1:
            raise ValueError(f"LeakyReLU: expected a slope with 0 <= slope < 1, got {slope!r}")
        self.slope = float(slope)

    def forward(self, x: Any, train: bool = False, keep: bool = False) -> Any:
        xp, y = self.expect(x), self.empty(x.shape, x.dtype)
        leaky_relu_forward(x, y, self.slope, xp)
        self.remember(train or keep, y)
        return y

    def backward(self, dy: Any) -> Any:
        (y,) = self.take()
        xp, dx = self.expect(dy, *y.shape, what="dy", dtype=y.dtype), self.empty(y.shape, y.dtype)
        leaky_relu_backward(dy, y, dx, self.slope, xp)
        return dx


ACTIVATIONS = (ReLU, LeakyReLU, Tanh, ScaledTanh, AbsTanh, Sigmoid)  # all of them
