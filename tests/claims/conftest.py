"""CIFAR-10 and trainings so small that every claim runs in moments."""
import numpy as np
import pytest

from tinynet.claims import training
from tinynet.claims.training import cifar_in_three
from tinynet.data import Dataset, Split


@pytest.fixture
def tiny(monkeypatch):
    """CIFAR-10 of 60 training images, 20 of them to choose the rates, and trainings of two epochs."""
    rng = np.random.default_rng(0)
    splits = [Split(rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), np.arange(n) % 10) for n in (60, 30)]
    monkeypatch.setattr(training, "cifar10", lambda root: Dataset(*splits, tuple("abcdefghij"), "tiny"))
    monkeypatch.setattr(training, "VALIDATION", 20)
    monkeypatch.setattr("tinynet.claims.neighbours.EPOCHS", 1)
    monkeypatch.setattr("tinynet.look.curves.draw_training", lambda path, records: None)
    monkeypatch.setattr("os.fsync", lambda file: None)
    for name in "relu", "iterations":
        monkeypatch.setattr(f"tinynet.claims.{name}.MOST", 2)
    three, fit = cifar_in_three.__wrapped__, training.fit

    def few(root, count, times=1):
        return three(root, 40, times)

    def short(work, net, parts, view, epochs, falls=(), **how):
        return fit(work, net, parts, view, min(epochs, 2), (), **how)
    monkeypatch.setattr("tinynet.claims.deep.WIDTH", 1 / 32)
    for module in ("training", "relu", "views", "together", "neighbours", "iterations", "biases", "transfer", "colors",
                   "settling", "hiding", "deep", "nin", "filters", "tables", "recipes"):
        for name, value in (("cifar_in_three", few), ("fit", short)):
            monkeypatch.setattr(f"tinynet.claims.{module}.{name}", value, raising=False)
