"""The locally-connected layer on a GPU: all places as one batch of matrix products (blas.py), of windows that a kernel
copies to where that wants them (im2col.py)."""
from __future__ import annotations

from .blas import multiply
from .im2col import col2im, im2col


def products(a, b, product, xp) -> None:
    multiply(a, b, product)


def windows(x, cols, size, kernel, stride, padding, xp) -> None:
    im2col(x, cols.reshape(1, -1, cols.shape[2]), size, kernel, stride, padding, by_place=True)


def add_windows(d_cols, dx, size, kernel, stride, padding, xp) -> None:
    col2im(d_cols.reshape(1, -1, d_cols.shape[2]), dx, size, kernel, stride, padding, by_place=True)
