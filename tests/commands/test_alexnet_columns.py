"""The two-column command on a handful of images: it trains, and prints its three tables."""
import sys

import numpy as np
import pytest

from tinynet.commands import alexnet_columns as command
from tinynet.data import Dataset, Split


@pytest.mark.parametrize("kind", ["cpu", "simulated"])
def test_it_trains_and_prints_traffic_and_times(kind, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8), np.arange(12) % 10)
    monkeypatch.setattr(command, "cifar10_sample", lambda: Dataset(split, split, tuple("abcdefghij"), "random images"))
    monkeypatch.setattr(command, "TIMED_STEPS", 1)
    monkeypatch.setattr(sys, "argv", ["alexnet_columns.py", "--epochs", "1", "--batch", "6", "--pair", kind])
    command.main()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "data: random images, enlarged to 64x64"
    assert printed[1].startswith("columns on cpu:0 and cpu:1" if kind == "cpu" else "columns on simulated(0) and")
    table = {line.split()[0]: line.split()[1:] for line in printed if line.startswith(("conv", "fc"))}
    assert table["conv2"][:2] == ["0", "0"]
    assert table["conv3"][:2] == ["3,456", "3,456"]      # 3x3 maps: 9 · (48 + 48) · 4 bytes, both ways
    assert table["fc7"][:2] == ["2,048", "2,048"]        # 2 · 256 · 4
    assert table["fc8"][:2] == ["1,024", "1,024"]        # 256 · 4, one way
    assert table["conv3"][2] == f"{9 * 9 * 96 * 128:,}"
    assert [line.split("  ")[0] for line in printed[-4:]][:2] == ["two columns", "one column, the same net"]
