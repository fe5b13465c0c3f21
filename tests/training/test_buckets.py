"""The division of a gradient into buckets, without other ranks; what is summed over real ones: tests/distributed."""
from types import SimpleNamespace

from tinynet import SGD, Linear, Sequential
from tinynet.training.buckets import Buckets

TWO = SimpleNamespace(size=2, sums_on=lambda device: None)


def test_parameters_are_found_whatever_the_optimiser_calls_them():
    net = Sequential(a=Linear(3, 3), fc=Linear(3, 2)).freeze("a")
    buckets = Buckets(net, SGD(net["fc"].parameters(), 0.1), TWO, lambda bucket: None)
    buckets.begin()
    (bucket,) = buckets._buckets
    assert [held.name for held in bucket.held] == ["W", "b"]
    assert bucket.missing == {id(p) for _, p in net["fc"].parameters()}
