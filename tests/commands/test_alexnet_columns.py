"""The two-column command on a handful of images: it trains, and prints its three tables."""
import signal

import numpy as np
import pytest

from tinynet.commands import alexnet_columns as command
from tinynet.data import Dataset, Split
from tinynet.training.evaluate import load_net
from tinynet.training.run import Run


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the command with arguments on twelve random images; returns the lines it printed, and the folder."""
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8), np.arange(12) % 10)
    monkeypatch.setattr(command, "cifar10_sample", lambda: Dataset(split, split, tuple("abcdefghij"), "random images"))
    monkeypatch.setattr(command, "cifar10", lambda root: command.cifar10_sample())
    monkeypatch.setattr(command, "TIMED_STEPS", 1)

    def run(*arguments):
        command.main(["--batch", "6", "--out", str(tmp_path / "out"), *arguments])
        return capsys.readouterr().out.splitlines(), tmp_path / "out"
    return run


@pytest.mark.parametrize("kind", ["cpu", "simulated"])
def test_it_trains_and_prints_traffic_and_times(kind, run):
    printed, out = run("--epochs", "1", "--pair", kind)
    assert printed[0] == f"data: random images, enlarged to 64x64; writing to {out}"
    assert printed[1].startswith("columns on cpu:0 and cpu:1" if kind == "cpu" else "columns on simulated(0) and")
    table = {line.split()[0]: line.split()[1:] for line in printed if line.startswith(("conv", "fc"))}
    assert table["conv2"][:2] == ["0", "0"]
    assert table["conv3"][:2] == ["3,456", "3,456"]      # 3x3 maps: 9 · (48 + 48) · 4 bytes, both ways
    assert table["fc7"][:2] == ["2,048", "2,048"]        # 2 · 256 · 4
    assert table["fc8"][:2] == ["1,024", "1,024"]        # 256 · 4, one way
    assert table["conv3"][2] == f"{9 * 9 * 96 * 128:,}"
    times = printed[[line[:15] for line in printed].index("a training step") + 1:]
    assert [line.split("  ")[0] for line in times][:2] == ["two columns", "one column, the same net"]


def test_a_folder_of_data_that_would_not_be_read_is_refused(run, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("--root", "somewhere")
    assert "--root: the bundled sample needs no folder; for all of CIFAR-10 add --data full" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_run_goes_on_and_can_be_used(run):
    _, out = run("--epochs", "1")
    printed, _ = run("--resume", str(out), "--epochs", "2")
    assert [line[:14] for line in printed if line.startswith("out  ")] == ["out  epoch   2"]
    trained = load_net(out)
    images = np.zeros((2, 64, 64, 3), np.uint8)
    assert trained.probabilities(Split(images, np.zeros(2, int))).shape == (2, 10)


def test_ctrl_c_leaves_a_run_that_goes_on(run, monkeypatch, capsys):
    def stopped(self, progress, on_batch=Run.on_batch):
        signal.raise_signal(signal.SIGINT)
        on_batch(self, progress)
    monkeypatch.setattr(Run, "on_batch", stopped)
    with pytest.raises(SystemExit, match="130"):
        run("--data", "full", "--root", "my pictures")
    assert ("stopped in epoch 1, after batch 1; go on with: python -m tinynet alexnet-columns --root 'my pictures' "
            "--resume ") in capsys.readouterr().out
