"""Sizes as users give them, and places within them."""
import itertools

import numpy as np
import pytest

from tinynet.sizes import as_int, as_padding, as_pair, within


def test_any_whole_number_will_do():
    assert as_int(np.int64(3), "size") == 3 and type(as_int(np.uint8(3), "size")) is int
    with pytest.raises(ValueError, match="LRN n: expected a whole number of 1 or more, got 5.0"):
        as_int(5.0, "LRN n")


def test_sizes_are_one_number_or_a_pair():
    assert as_pair(3, "size") == as_pair((3, 3), "size") == as_pair([3, 3], "size") == (3, 3)
    assert as_padding(1, "padding") == as_padding((1, 1), "padding") == ((1, 1), (1, 1))
    assert as_padding((1, 2), "padding") == as_padding(((1, 1), (2, 2)), "padding") == ((1, 1), (2, 2))
    assert as_padding(((0, 1), (2, 3)), "padding") == ((0, 1), (2, 3))
    assert as_padding((0, (1, 2)), "padding") == ((0, 0), (1, 2))


@pytest.mark.parametrize("wrong", [0, -1, 2.0, True, "3", None, (3,), (3, 0), (3, 2.5), (1, 2, 3)])
def test_other_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match="Conv2d stride: expected a whole number of 1 or more, or a pair of them, got"):
        as_pair(wrong, "Conv2d stride")


@pytest.mark.parametrize("wrong", [-1, 1.0, (1,), (1, -1), ((0, 1), (2,)), ((0, 1), (2, -1)), None])
def test_other_paddings_are_refused(wrong):
    with pytest.raises(ValueError, match="Conv2d padding: expected a"):
        as_padding(wrong, "Conv2d padding")


@pytest.mark.parametrize("start, step, count, length",
                         list(itertools.product((-7, -3, -1, 0, 2, 6), (1, 2, 5), (1, 3, 6), (1, 4, 7))))
def test_within_gives_the_places_that_there_are(start, step, count, length):
    which, where = within(start, step, count, length)
    expected = [(k, start + k * step) for k in range(count) if 0 <= start + k * step < length]
    assert list(zip(range(count)[which], range(length)[where], strict=True)) == expected
