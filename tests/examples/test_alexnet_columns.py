"""The two-column example on a handful of images: it trains, and prints its three tables."""
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from tinynet.data import Dataset, Split

EXAMPLE = Path(__file__).parents[2] / "examples" / "alexnet_columns.py"


@pytest.mark.parametrize("kind", ["cpu", "simulated"])
def test_it_trains_and_prints_traffic_and_times(kind, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("alexnet_columns", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8), np.arange(12) % 10)
    monkeypatch.setattr(example, "cifar10_sample", lambda: Dataset(split, split, tuple("abcdefghij"), "random images"))
    monkeypatch.setattr(example, "TIMED_STEPS", 1)
    monkeypatch.setattr(sys, "argv", ["alexnet_columns.py", "--epochs", "1", "--batch", "6", "--pair", kind])
    example.main()
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
