"""Winograd's convolution on a GPU: fast/winograd.py has the equations, winograd_kernels.py the transforms.

    forward    V of x, U of W         M[i, j] = V[i, j] · U[i, j]        y of M
    dW         V of x, dM of dy       dU[i, j] = V[i, j]ᵀ · dM[i, j]     dW of dU
    dx         forward, of dy

The products are one batch of t² · groups matrices for cuBLAS.

dx is a convolution of dy, too, by kernels turned by 180°, with input and output channels exchanged. Its tiles do not
overlap, where those of dd = B dV Bᵀ do: nothing has to be added to what another thread writes, in whatever order.

With strides, pixels stand in blocks of s × s, and an image of blocks has s²·C channels. Forward, the threads of V find
the pixels of their block in x; backward, those of y write the pixels of their block to dx.
"""
from __future__ import annotations

from typing import Any

from ...sizes import Padding
from ..winograd import Form
from .blas import multiply
from .kernels import start
from .winograd_kernels import source

ON_THE_WAY = 2 ** 28  # bytes: a convolution goes through the batch in parts, so that no array on the way is larger


def forward(x: Any, W: Any, b: Any, y: Any, form: Form, padding: Padding, groups: int, xp: Any) -> None:
    """Fill y (N, P, Q, F); `b` may be None."""
    U, first = _weights(W, form, groups, False, xp), (padding[0][0], padding[1][0])
    tiles = form.tiles(y.shape[1]), form.tiles(y.shape[2])
    for n in parts(len(x), _largest(form, tiles, x, y)):
        _convolve(x[n], U, b, y[n], form, (form.s, 1), tiles, (first, (0, 0)), groups, xp)


def backward_to_images(dy: Any, W: Any, dx: Any, form: Form, padding: Padding, groups: int, xp: Any) -> None:
    """Fill dx (N, H, W, C). A kernel reaches over K blocks, so dy is padded by K - 1 blocks, less those of x's padding
    that have no pixel of x, and are left out."""
    U = _weights(W, form, groups, True, xp).swapaxes(1, 2)
    (above, top), (before, left) = divmod(padding[0][0], form.s), divmod(padding[1][0], form.s)
    first = (form.K - 1 - above, form.K - 1 - before), (top, left)
    tiles = tuple(form.tiles(length) for length in blocks(dx.shape[1:3], padding, form.s))
    for n in parts(len(dy), _largest(form, tiles, dx, dy)):
        _convolve(dy[n], U, None, dx[n], form, (1, form.s), tiles, first, groups, xp)


def backward_to_weights(x: Any, dy: Any, dW: Any, form: Form, padding: Padding, groups: int, xp: Any) -> None:
    """Fill dW (KH, KW, C, F)."""
    (KH, KW, C, F), first = dW.shape, (padding[0][0], padding[1][0])
    tiles = form.tiles(dy.shape[1]), form.tiles(dy.shape[2])
    dU = xp.empty((groups * form.t ** 2, form.s ** 2 * C, F // groups), dy.dtype)
    for n in parts(len(x), _largest(form, tiles, x, dy)):
        V = _to_tiles("images", x[n], form, form.s, tiles, first, groups, xp)
        dM = _to_tiles("outputs_back", dy[n], form, 1, tiles, (0, 0), groups, xp)
        multiply(V.swapaxes(1, 2), dM, dU, add=n.start > 0)
        del V, dM                                                                    # before the next ones are made
    total = form.s ** 2 * C * F
    start(source(form.m, form.K), "weights_back", total, dU, dW, total, KH, KW, C, groups, F // groups, form.s)


def blocks(size: tuple[int, int], padding: Padding, s: int) -> tuple[int, int]:
    """How many rows and columns of blocks hold a pixel of an image of this size, when it is padded."""
    return tuple((length + first % s - 1) // s + 1 for length, (first, _) in zip(size, padding, strict=True))


def parts(N: int, of_an_image: int) -> list[slice]:
    """N images in as few parts of about the same size as can be, none of which needs more than ON_THE_WAY bytes; but
    a part has one image at least."""
    count = -(-N // max(1, ON_THE_WAY // of_an_image))
    return [slice(N * i // count, N * (i + 1) // count) for i in range(count)]


def _largest(form: Form, tiles: tuple[int, int], x: Any, y: Any) -> int:
    """The bytes of V or M, whichever has more, of one image; x is the one that is seen in blocks."""
    return form.t ** 2 * tiles[0] * tiles[1] * max(form.s ** 2 * x.shape[-1], y.shape[-1]) * x.itemsize


def _convolve(x: Any, U: Any, b: Any, y: Any, form: Form, s: tuple[int, int], tiles: tuple[int, int],
              first: tuple[tuple[int, int], tuple[int, int]], groups: int, xp: Any) -> None:
    """Fill y with the convolution of x. `s` and `first` say how each of the two stands in blocks: of how many pixels,
    and how far inside of the first one it begins."""
    V = _to_tiles("images", x, form, s[0], tiles, first[0], groups, xp)
    M = xp.empty((*V.shape[:2], U.shape[2]), x.dtype)
    multiply(V, U, M)
    _from_tiles(M, b, y, form, s[1], tiles, first[1], groups)


def _to_tiles(kernel: str, x: Any, form: Form, s: int, tiles: tuple[int, int], first: tuple[int, int], groups: int,
              xp: Any) -> Any:
    """V of x, or dM of dy: (groups · t², T, s²·C)."""
    N, H, W_, C = x.shape
    T = N * tiles[0] * tiles[1]
    out = xp.empty((groups * form.t ** 2, T, s * s * C // groups), x.dtype)
    total = T * s * s * C
    start(source(form.m, form.K), kernel, total, x, out, total, H, W_, groups, C // groups, s, *tiles, *first)
    return out


def _from_tiles(M: Any, b: Any, y: Any, form: Form, s: int, tiles: tuple[int, int], first: tuple[int, int],
                groups: int) -> None:
    """Fill y, or dx, of M."""
    _, H, W_, C = y.shape
    total = M.shape[1] * s * s * C
    start(source(form.m, form.K), "outputs", total, M, b, y, total, H, W_, groups, C // groups, s, *tiles, *first)


def _weights(W: Any, form: Form, groups: int, turned: bool, xp: Any) -> Any:
    """U (groups · t², s²·C, F) of W."""
    KH, KW, C, F = W.shape
    U = xp.empty((groups * form.t ** 2, form.s ** 2 * C, F // groups), W.dtype)
    total = form.s ** 2 * C * F
    start(source(form.m, form.K), "weights", total, W, U, total, KH, KW, C, groups, F // groups, form.s, turned)
    return U
