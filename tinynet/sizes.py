"""Sizes as users give them: checked, and in one form. And places of windows within them."""
from __future__ import annotations

import operator
from typing import Any

Size = tuple[int, int]                             # (vertical, horizontal)
Padding = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right))


def as_int(value: Any, what: str, least: int = 1) -> int:
    """A whole number of at least `least`, of any integer type. Raises ValueError that names `what`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ValueError(f"{what}: expected a whole number of {least} or more, got {value!r}")
    return number


def as_pair(value: Any, what: str, least: int = 1) -> tuple[int, int]:
    """A size given as one number or as a pair (vertical, horizontal)."""
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    try:
        vertical, horizontal = pair
        return as_int(vertical, what, least), as_int(horizontal, what, least)
    except ValueError:
        raise ValueError(f"{what}: expected a whole number of {least} or more, or a pair of them, got "
                         f"{value!r}") from None


def as_padding(value: Any, what: str, kernel: tuple[int, int] | None = None,
               stride: tuple[int, int] = (1, 1)) -> Padding:
    """Padding given as one number, as (vertical, horizontal), or as ((top, bottom), (left, right)); with a `kernel`
    also as "same", which leaves maps as large as they are, for a `stride` of 1. Raises ValueError for anything else."""
    if kernel and isinstance(value, str) and value == "same":
        if stride != (1, 1):
            raise ValueError(f"{what}: 'same' is for a stride of 1, got {stride}: with another it would depend on the "
                             "image. For images of even sides, stride 2 and a kernel of 3, write ((0, 1), (0, 1))")
        return tuple(((K - 1) // 2, K // 2) for K in kernel)
    if not isinstance(value, (tuple, list)):
        value = (value, value)
    if len(value) != 2:
        raise ValueError(f"{what}: expected a number, a pair, or ((top, bottom), (left, right)), got {value!r}")
    return as_pair(value[0], what, least=0), as_pair(value[1], what, least=0)


def within(start: int, step: int, count: int, length: int) -> tuple[slice, slice]:
    """Of the places start, start + step, ... (`count` of them), those from 0 to length - 1: which of the `count` they
    are, and where they lie. Both slices are empty if there are none."""
    first = max(0, -(start // step))
    last = min(count, (length - 1 - start) // step + 1)
    if first >= last:
        return slice(0, 0), slice(0, 0)
    return slice(first, last), slice(start + first * step, start + (last - 1) * step + 1, step)
