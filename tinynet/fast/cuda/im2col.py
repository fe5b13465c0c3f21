"""Windows as rows of a matrix, on a GPU, and their gradients back into the image: fast/im2col.py says what that is.

    cols[g, (n, p, q), (i, j, c)] = x̂[n, p·S + i, q·S + j, c of group g]                                        (1)
    dx[n, h, w, c] = Σ of d_cols over all windows (p, q) that have a place (i, j) at the pixel (h, w)           (2)

Forward, a thread copies one number (j, c) of each row of a window: its neighbours copy the neighbours, which come from
neighbouring places. Where that is, is worked out once for all rows: to divide whole numbers takes a GPU much longer
than to copy one. Backward, a thread makes one number of dx, and looks for the windows that hold it ("gathers"). If
instead each window added its numbers to the pixels ("scattered"), threads would add to the same place at the same time,
in any order.

A locally-connected layer wants the rows in another order, (p, q, n): one matrix for each place. So a row is `image`
rows from that of the next image, and `place` rows from that of the next place.

Where the channels of a group are a multiple of four, "a number" is four of them that lie side by side: that spares
three quarters of the arithmetic about places, and a GPU reads and writes 16 bytes as fast as 4.
"""
from __future__ import annotations

from typing import Any

from ...sizes import Padding, Size
from . import blas
from .kernels import start

KERNELS = r"""
// cols (G, N, P, Q, KH, KW, C), or (G, P, Q, N, ...), of x (N, H, W, G, C); the padding, `top` and `left`, reads as 0
__global__ void im2col_NUMBER(const NUMBER* x, NUMBER* cols, index total, index N, index H, index W, index G, index C,
                              index P, index Q, index KH, index KW, index SH, index SW, index top, index left,
                              index image, index place) {
  index i = THREAD;
  if (i >= total) return;
  index c = i % C, r = i / C;
  index kw = r % KW;  r /= KW;
  index q = r % Q;    r /= Q;
  index p = r % P;    r /= P;
  index n = r % N, g = r / N;
  index window = g * N * P * Q + n * image + (p * Q + q) * place;
  index w = q * SW + kw - left;
  bool inside = 0 <= w && w < W;
  for (index kh = 0; kh < KH; kh++) {
    index h = p * SH + kh - top;
    cols[((window * KH + kh) * KW + kw) * C + c] =
        inside && 0 <= h && h < H ? x[(((n * H + h) * W + w) * G + g) * C + c] : NUMBER();  // eq. (1)
  }
}

// dx (N, H, W, G, C) of d_cols
__global__ void col2im_NUMBER(const NUMBER* d_cols, NUMBER* dx, index total, index N, index H, index W, index G,
                              index C, index P, index Q, index KH, index KW, index SH, index SW, index top, index left,
                              index image, index place) {
  index i = THREAD;
  if (i >= total) return;
  index c = i % C, r = i / C;
  index g = r % G;    r /= G;
  index w = r % W;    r /= W;
  index h = r % H, n = r / H;
  NUMBER sum = NUMBER();
  for (index kh = 0; kh < KH; kh++) {
    index below = h + top - kh, p = below / SH;                                 // the pixel is row kh of window p,
    if (below < 0 || below % SH || p >= P) continue;                            // if there is such a window
    for (index kw = 0; kw < KW; kw++) {
      index right = w + left - kw, q = right / SW;
      if (right < 0 || right % SW || q >= Q) continue;
      index window = g * N * P * Q + n * image + (p * Q + q) * place;
      sum += d_cols[((window * KH + kh) * KW + kw) * C + c];  // eq. (2)
    }
  }
  dx[i] = sum;
}
"""
FOUR = r"""
struct alignas(4 * sizeof(real)) four {
  real a, b, c, d;
  __device__ void operator+=(four o) { a += o.a; b += o.b; c += o.c; d += o.d; }
};
"""
SOURCE = FOUR + KERNELS.replace("NUMBER", "real") + KERNELS.replace("NUMBER", "four")


def im2col(x: Any, cols: Any, size: Size, kernel: Size, stride: Size, padding: Padding, by_place: bool = False
           ) -> None:
    """Fill cols (groups, N · P · Q, KH · KW · C/groups) of x (N, H, W, C), for P × Q = `size` windows; `by_place`, in
    the order P · Q · N."""
    _start("im2col", cols, x, cols, cols.size // kernel[0], x.shape, size, kernel, stride, padding, by_place)


def col2im(d_cols: Any, dx: Any, size: Size, kernel: Size, stride: Size, padding: Padding, by_place: bool = False
           ) -> None:
    """Fill dx, the transpose."""
    _start("col2im", d_cols, d_cols, dx, dx.size, dx.shape, size, kernel, stride, padding, by_place)


def _start(name: str, cols: Any, source: Any, target: Any, total: int, x_shape: tuple[int, ...], size: Size,
           kernel: Size, stride: Size, padding: Padding, by_place: bool) -> None:
    (N, H, W_, _), G, C = x_shape, len(cols), cols.shape[2] // (kernel[0] * kernel[1])
    aligned = C % 4 == 0 and (blas.address(source) | blas.address(target)) % (4 * cols.itemsize) == 0
    number, step = ("four", 4) if aligned else ("real", 1)
    first, apart = (padding[0][0], padding[1][0]), (1, N) if by_place else (size[0] * size[1], 1)
    start(SOURCE, f"{name}_{number}", total // step, source, target, total // step, N, H, W_, G, C // step, *size,
          *kernel, *stride, *first, *apart)
