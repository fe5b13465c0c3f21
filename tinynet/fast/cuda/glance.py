"""What is seen of images, on a GPU: data/glance.py has the equation.

A thread computes one number of x. Neighbouring threads read neighbouring bytes of an image, and write neighbouring
numbers; where the crop is mirrored, they read them from right to left. Of the mean image, which all crops share, most
is in the cache. No number is read twice by much: the kernel takes as long as x takes to be written.
"""
from __future__ import annotations

from typing import Any

from .kernels import start

SOURCE = r"""
// x (N, h, w, C) of images (N, H, W, C); a step of one row, column and channel in mean is down, right and deep numbers,
// 0 where it is the same all over
__global__ void look(const unsigned char* images, const real* mean, const long long* where, const real* colors, real* x,
                     index total, index H, index W, index C, index h, index w, index down, index right, index deep,
                     real scale) {
  index place = THREAD;
  if (place >= total) return;
  index c = place % C, q = place / C % w, r = place / C / w % h, n = place / C / w / h;
  const long long* drawn = where + 3 * n;
  index i = (index)drawn[0] + r, j = (index)drawn[1] + (drawn[2] ? w - 1 - q : q);
  if (i < 0 || i >= H || j < 0 || j >= W) {
    x[place] = 0;
    return;
  }
  real y = images[((n * H + i) * W + j) * C + c] - mean[i * down + j * right + c * deep];
  if (colors) y += colors[n * C + c];
  x[place] = y / scale;
}
"""


def look(images, mean, where, colors, scale, x, xp) -> Any:
    if images.dtype != xp.uint8:
        return NotImplemented
    _, H, W_, C = images.shape
    steps = {0: (0, 0, 0), 1: (0, 0, 1), 3: (W_ * C, C, 1)}[mean.ndim]
    start(SOURCE, "look", x.size, images, mean, where, colors, x, x.size, H, W_, C, *x.shape[1:3], *steps, scale)
