"""Pooling on a GPU: layers/pool.py has the equations.

Forwards, a thread looks at the pixels of one window, and computes y. Backwards, a thread looks at the windows that hold
one pixel, at most ceil(K/S)² of them, takes from each what it has for this pixel, and computes dx. So no two threads
write to the same number, and nothing is cleared first.

To work out where a window lies takes up to seven divisions of whole numbers, for which a GPU has no instruction. So a
thread does it once for MAPS maps, those `lanes` apart. Maps lie side by side, and so do the numbers that neighbouring
threads read; where windows overlap, a number is read again from the cache.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .kernels import start

MAPS = 4

SOURCE = f"#define MAPS {MAPS}" + r"""
// y (N, P, Q, C) and, unless it is null, the index of each winner, of x (N, H, W, C)
__global__ void max_pool(const real* x, real* y, unsigned char* switches, index total, index H, index W, index C,
                         index P, index Q, index KH, index KW, index SH, index SW, index top, index left) {
  index i = THREAD, lanes = (C + MAPS - 1) / MAPS, r = i / lanes;
  if (i >= total) return;
  index q = r % Q, p = r / Q % P, n = r / Q / P;
  index h0 = p * SH - top, w0 = q * SW - left;                          // the window's corner: may lie beyond the map
  index h1 = h0 < 0 ? 0 : h0, h2 = h0 + KH < H ? h0 + KH : H;           // its rows inside the map: from h1, before h2
  index w1 = w0 < 0 ? 0 : w0, w2 = w0 + KW < W ? w0 + KW : W;
  for (index c = i % lanes; c < C; c += lanes) {
    const real* image = x + n * H * W * C + c;
    real best = image[(h1 * W + w1) * C];
    index winner = (h1 - h0) * KW + w1 - w0;
    for (index h = h1; h < h2; h++)
      for (index w = w1; w < w2; w++) {
        real value = image[(h * W + w) * C];
        if (value > best || value != value) {                           // NaN, which differs from itself, stays
          best = value;
          winner = (h - h0) * KW + w - w0;
        }
      }
    y[r * C + c] = best;                                                // eq. (1)
    if (switches) switches[r * C + c] = best == best ? winner : KH * KW;
  }
}

// dx (N, H, W, C) of dy and switches (N, P, Q, C)
__global__ void max_pool_back(const real* dy, const unsigned char* switches, real* dx, index total, index H, index W,
                              index C, index P, index Q, index KH, index KW, index SH, index SW, index top,
                              index left) {
  index i = THREAD, lanes = (C + MAPS - 1) / MAPS, r = i / lanes;
  if (i >= total) return;
  index w = r % W + left, h = r / W % H + top, n = r / W / H;  // h, w: with the padding
  index p1 = h < KH ? 0 : (h - KH) / SH + 1, p2 = h / SH < P ? h / SH : P - 1;        // windows p1 to p2 hold row h
  index q1 = w < KW ? 0 : (w - KW) / SW + 1, q2 = w / SW < Q ? w / SW : Q - 1;
  for (index c = i % lanes; c < C; c += lanes) {
    real sum = 0;
    for (index p = p2; p >= p1; p--)
      for (index q = q2; q >= q1; q--) {
        index o = ((n * P + p) * Q + q) * C + c, me = (h - p * SH) * KW + w - q * SW;
        sum += dy[o] * (real)(switches[o] == me);                       // eq. (1)
      }
    dx[r * C + c] = sum;
  }
}

// y (N, P, Q, C) of x (N, H, W, C) and share (P, Q)
__global__ void avg_pool(const real* x, const real* share, real* y, index total, index H, index W, index C,
                         index P, index Q, index KH, index KW, index SH, index SW, index top, index left) {
  index i = THREAD, lanes = (C + MAPS - 1) / MAPS, r = i / lanes;
  if (i >= total) return;
  index q = r % Q, p = r / Q % P, n = r / Q / P;
  index h0 = p * SH - top, w0 = q * SW - left;
  index h1 = h0 < 0 ? 0 : h0, h2 = h0 + KH < H ? h0 + KH : H;
  index w1 = w0 < 0 ? 0 : w0, w2 = w0 + KW < W ? w0 + KW : W;
  for (index c = i % lanes; c < C; c += lanes) {
    const real* image = x + n * H * W * C + c;
    real sum = 0;
    for (index h = h1; h < h2; h++)
      for (index w = w1; w < w2; w++) sum += image[(h * W + w) * C];
    y[r * C + c] = sum * share[p * Q + q];                              // eq. (2)
  }
}

// dx (N, H, W, C) of dy (N, P, Q, C) and share (P, Q)
__global__ void avg_pool_back(const real* dy, const real* share, real* dx, index total, index H, index W, index C,
                              index P, index Q, index KH, index KW, index SH, index SW, index top, index left) {
  index i = THREAD, lanes = (C + MAPS - 1) / MAPS, r = i / lanes;
  if (i >= total) return;
  index w = r % W + left, h = r / W % H + top, n = r / W / H;
  index p1 = h < KH ? 0 : (h - KH) / SH + 1, p2 = h / SH < P ? h / SH : P - 1;
  index q1 = w < KW ? 0 : (w - KW) / SW + 1, q2 = w / SW < Q ? w / SW : Q - 1;
  for (index c = i % lanes; c < C; c += lanes) {
    real sum = 0;
    for (index p = p2; p >= p1; p--)
      for (index q = q2; q >= q1; q--) sum += dy[((n * P + p) * Q + q) * C + c] * share[p * Q + q];  // eq. (2)
    dx[r * C + c] = sum;
  }
}
"""


def max_pool_forward(x, y, switches, kernel, stride, padding, xp) -> Any:
    if switches is not None and switches.dtype != np.uint8:  # windows of more than 255 pixels
        return NotImplemented
    total = _threads(y)
    start(SOURCE, "max_pool", total, x, y, switches, total, *_sizes(x, y, kernel, stride, padding))
    return None


def max_pool_backward(dy, switches, dx, kernel, stride, padding, xp) -> Any:
    if switches.dtype != np.uint8:
        return NotImplemented
    total = _threads(dx)
    start(SOURCE, "max_pool_back", total, dy, switches, dx, total, *_sizes(dx, dy, kernel, stride, padding))
    return None


def avg_pool_forward(x, y, share, kernel, stride, padding, xp) -> None:
    total = _threads(y)
    start(SOURCE, "avg_pool", total, x, share, y, total, *_sizes(x, y, kernel, stride, padding))


def avg_pool_backward(dy, share, dx, kernel, stride, padding, xp) -> None:
    total = _threads(dx)
    start(SOURCE, "avg_pool_back", total, dy, share, dx, total, *_sizes(dx, dy, kernel, stride, padding))


def _threads(out: Any) -> int:
    """One for each pixel of `out` (N, H, W, C) and each of its lanes."""
    return out.size // out.shape[-1] * -(-out.shape[-1] // MAPS)


def _sizes(x: Any, y: Any, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
           ) -> tuple[int, ...]:
    """H, W, C, P, Q, KH, KW, SH, SW, top, left."""
    return *x.shape[1:], *y.shape[1:3], *kernel, *stride, *padding
