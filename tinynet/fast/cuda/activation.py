"""Nonlinearities on a GPU: layers/activation.py has the equations.

A thread computes one y, or one dx: what CuPy does in several kernels, with an array written and read between each two
of them, is one here. tanh forwards is a single one of CuPy's, and stays.
"""
from __future__ import annotations

from .kernels import start

SOURCE = r"""
__global__ void relu(const real* x, real* y, index total) {
  index i = THREAD;
  if (i >= total) return;
  y[i] = x[i] < 0 ? 0 : x[i];                                           // eq. (1); NaN goes through, as on a CPU
}

__global__ void relu_back(const real* dy, const real* y, real* dx, index total) {
  index i = THREAD;
  if (i >= total) return;
  dx[i] = dy[i] * (real)(y[i] > 0);                                     // eq. (1)
}

__global__ void tanh_back(const real* dy, const real* y, real* dx, index total) {
  index i = THREAD;
  if (i >= total) return;
  dx[i] = dy[i] * (1 - y[i] * y[i]);                                    // eq. (2)
}

__global__ void sigmoid(const real* x, real* y, index total) {
  index i = THREAD;
  if (i >= total) return;
  y[i] = exp(fmin(x[i], (real)0)) / (1 + exp(-fabs(x[i])));             // eq. (3), with all digits of a small y
}

__global__ void sigmoid_back(const real* dy, const real* y, real* dx, index total) {
  index i = THREAD;
  if (i >= total) return;
  dx[i] = dy[i] * y[i] * (1 - y[i]);                                    // eq. (3)
}

__global__ void scaled_tanh(const real* x, real* y, index total, real A, real S) {
  index i = THREAD;
  if (i >= total) return;
  y[i] = A * tanh(S * x[i]);                                            // eq. (4)
}

__global__ void scaled_tanh_back(const real* dy, const real* y, real* dx, index total, real A, real slope) {
  index i = THREAD;
  if (i >= total) return;
  dx[i] = dy[i] * (slope * (A - y[i]) * (A + y[i]));                    // eq. (4); slope is S/A
}
"""


def relu_forward(x, y, xp) -> None:
    start(SOURCE, "relu", x.size, x, y, x.size)


def relu_backward(dy, y, dx, xp) -> None:
    start(SOURCE, "relu_back", y.size, dy, y, dx, y.size)


def tanh_backward(dy, y, dx, xp) -> None:
    start(SOURCE, "tanh_back", y.size, dy, y, dx, y.size)


def sigmoid_forward(x, y, xp) -> None:
    start(SOURCE, "sigmoid", x.size, x, y, x.size)


def sigmoid_backward(dy, y, dx, xp) -> None:
    start(SOURCE, "sigmoid_back", y.size, dy, y, dx, y.size)


def scaled_tanh_forward(x, y, A, S, xp) -> None:
    start(SOURCE, "scaled_tanh", x.size, x, y, x.size, A, S)


def scaled_tanh_backward(dy, y, dx, A, S, xp) -> None:
    start(SOURCE, "scaled_tanh_back", y.size, dy, y, dx, y.size, A, S / A)
