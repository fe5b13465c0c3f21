"""tools/train_first_layers.py: four trainings that go on where they ended."""
from __future__ import annotations

import numpy as np
import pytest
import train_first_layers

from tinynet.data import Dataset, Split


def photographs(classes: tuple[str, ...], seed: int) -> Dataset:
    rng, side = np.random.default_rng(seed), train_first_layers.SIZE
    train, test = (Split(rng.integers(0, 256, (4, side, side, 3), np.uint8), np.arange(4) % 2) for _ in range(2))
    return Dataset(train, test, classes, "tiny")


def test_another_run_is_refused_before_anything_of_it_is_changed(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda file: None)
    train_first_layers.learn(tmp_path, "zfnet", True, photographs(("a", "b"), 0), 1, 0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert "mean.npy" in before
    with pytest.raises(ValueError, match="is another run than the one to be resumed"):
        train_first_layers.learn(tmp_path, "zfnet", True, photographs(("a", "c"), 1), 2, 0)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
