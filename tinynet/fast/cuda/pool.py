"""Pooling on a GPU: layers/pool.py has the equations.

Forwards, a thread looks at the pixels of one window, for one map: it computes one y. Backwards, a thread looks at the
windows that hold one pixel, at most ceil(K/S)² of them, and takes from each what it has for this pixel: it computes one
dx. So no two threads write to the same number, and nothing is cleared first. Maps lie side by side, and so do the
numbers that neighbouring threads read; where windows overlap, a number is read again while it is still in the cache.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .kernels import start

SOURCE = r"""
// y (N, P, Q, C) and, unless it is null, the index of each winner, of x (N, H, W, C)
__global__ void max_pool(const real* x, real* y, unsigned char* switches, index total, index H, index W, index C,
                         index P, index Q, index KH, index KW, index SH, index SW, index top, index left) {
  index i = THREAD;
  if (i >= total) return;
  index c = i % C, q = i / C % Q, p = i / C / Q % P, n = i / C / Q / P;
  index h0 = p * SH - top, w0 = q * SW - left;                          // the window's corner: may lie beyond the map
  index h1 = h0 < 0 ? 0 : h0, h2 = h0 + KH < H ? h0 + KH : H;           // its rows inside the map: from h1, before h2
  index w1 = w0 < 0 ? 0 : w0, w2 = w0 + KW < W ? w0 + KW : W;
  const real* image = x + n * H * W * C + c;
  real best = image[(h1 * W + w1) * C];
  index winner = (h1 - h0) * KW + w1 - w0;
  for (index h = h1; h < h2; h++)
    for (index w = w1; w < w2; w++) {
      real value = image[(h * W + w) * C];
      if (value > best || value != value) {                             // NaN, which differs from itself, stays
        best = value;
        winner = (h - h0) * KW + w - w0;
      }
    }
  y[i] = best;                                                          // eq. (1)
  if (switches) switches[i] = best == best ? winner : KH * KW;
}

// dx (N, H, W, C) of dy and switches (N, P, Q, C)
__global__ void max_pool_back(const real* dy, const unsigned char* switches, real* dx, index total, index H, index W,
                              index C, index P, index Q, index KH, index KW, index SH, index SW, index top,
                              index left) {
  index i = THREAD;
  if (i >= total) return;
  index c = i % C, w = i / C % W + left, h = i / C / W % H + top, n = i / C / W / H;  // h, w: with the padding
  index p1 = h < KH ? 0 : (h - KH) / SH + 1, p2 = h / SH < P ? h / SH : P - 1;        // windows p1 to p2 hold row h
  index q1 = w < KW ? 0 : (w - KW) / SW + 1, q2 = w / SW < Q ? w / SW : Q - 1;
  real sum = 0;
  for (index p = p2; p >= p1; p--)
    for (index q = q2; q >= q1; q--) {
      index o = ((n * P + p) * Q + q) * C + c, me = (h - p * SH) * KW + w - q * SW;
      sum += dy[o] * (real)(switches[o] == me);                         // eq. (1)
    }
  dx[i] = sum;
}

// y (N, P, Q, C) of x (N, H, W, C) and share (P, Q)
__global__ void avg_pool(const real* x, const real* share, real* y, index total, index H, index W, index C,
                         index P, index Q, index KH, index KW, index SH, index SW, index top, index left) {
  index i = THREAD;
  if (i >= total) return;
  index c = i % C, q = i / C % Q, p = i / C / Q % P, n = i / C / Q / P;
  index h0 = p * SH - top, w0 = q * SW - left;
  index h1 = h0 < 0 ? 0 : h0, h2 = h0 + KH < H ? h0 + KH : H;
  index w1 = w0 < 0 ? 0 : w0, w2 = w0 + KW < W ? w0 + KW : W;
  const real* image = x + n * H * W * C + c;
  real sum = 0;
  for (index h = h1; h < h2; h++)
    for (index w = w1; w < w2; w++) sum += image[(h * W + w) * C];
  y[i] = sum * share[p * Q + q];                                        // eq. (2)
}

// dx (N, H, W, C) of dy (N, P, Q, C) and share (P, Q)
__global__ void avg_pool_back(const real* dy, const real* share, real* dx, index total, index H, index W, index C,
                              index P, index Q, index KH, index KW, index SH, index SW, index top, index left) {
  index i = THREAD;
  if (i >= total) return;
  index c = i % C, w = i / C % W + left, h = i / C / W % H + top, n = i / C / W / H;
  index p1 = h < KH ? 0 : (h - KH) / SH + 1, p2 = h / SH < P ? h / SH : P - 1;
  index q1 = w < KW ? 0 : (w - KW) / SW + 1, q2 = w / SW < Q ? w / SW : Q - 1;
  real sum = 0;
  for (index p = p2; p >= p1; p--)
    for (index q = q2; q >= q1; q--) sum += dy[((n * P + p) * Q + q) * C + c] * share[p * Q + q];  // eq. (2)
  dx[i] = sum;
}
"""


def max_pool_forward(x, y, switches, kernel, stride, padding, xp) -> Any:
    if switches is not None and switches.dtype != np.uint8:  # windows of more than 255 pixels
        return NotImplemented
    start(SOURCE, "max_pool", y.size, x, y, switches, y.size, *_sizes(x, y, kernel, stride, padding))
    return None


def max_pool_backward(dy, switches, dx, kernel, stride, padding, xp) -> Any:
    if switches.dtype != np.uint8:
        return NotImplemented
    start(SOURCE, "max_pool_back", dx.size, dy, switches, dx, dx.size, *_sizes(dx, dy, kernel, stride, padding))
    return None


def avg_pool_forward(x, y, share, kernel, stride, padding, xp) -> None:
    start(SOURCE, "avg_pool", y.size, x, share, y, y.size, *_sizes(x, y, kernel, stride, padding))


def avg_pool_backward(dy, share, dx, kernel, stride, padding, xp) -> None:
    start(SOURCE, "avg_pool_back", dx.size, dy, share, dx, dx.size, *_sizes(dx, dy, kernel, stride, padding))


def _sizes(x: Any, y: Any, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
           ) -> tuple[int, ...]:
    """H, W, C, P, Q, KH, KW, SH, SW, top, left."""
    return *x.shape[1:], *y.shape[1:3], *kernel, *stride, *padding
