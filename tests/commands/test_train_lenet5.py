"""The command on a handful of images: the bundled sample's, and files laid out as the whole of MNIST is."""
import gzip
import re
import struct
import sys

import numpy as np
import pytest

from tinynet.commands import train_lenet5 as command
from tinynet.data import Dataset, Split
from tinynet.models.lenet5 import lenet5


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the command with arguments on 40 random images; returns what it printed, and the folder it wrote to."""
    rng = np.random.default_rng(0)
    splits = [Split(rng.integers(0, 256, (n, 28, 28, 1), dtype=np.uint8), np.arange(n) % 10) for n in (40, 20)]
    monkeypatch.setattr(command, "mnist_sample", lambda: Dataset(*splits, tuple("0123456789"), "forty random images"))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["train_lenet5.py", "--out", str(tmp_path / "out"), *arguments])
        command.main()
        return capsys.readouterr().out, tmp_path / "out"
    run.command = command
    return run


@pytest.mark.parametrize("output, parameters", [("rbf", "60,000"), ("linear", "60,850")])
def test_it_trains_and_leaves_a_picture_and_the_net(run, output, parameters):
    printed, out = run("--epochs", "2", "--output", output)
    assert printed.startswith(f"data: forty random images\n{parameters} parameters; ")
    errors = re.findall(r"^epoch  (\d).*test error (\S+)%", printed, re.MULTILINE)
    assert [epoch for epoch, _ in errors] == ["1", "2"]
    assert f"\ntest error {errors[-1][1]}% (the paper, on all of MNIST: 0.95%)" in printed
    assert sorted(file.name for file in out.iterdir()) == ["confusion.png", "net.npz"]
    lenet5(output).load(out / "net.npz")


def test_the_rate_falls_from_epoch_to_epoch(run):
    printed, _ = run("--epochs", "3", "--rate", "0.01")
    assert re.findall(r"rate (\S+)", printed) == ["0.01000", "0.00900", "0.00810"]


def test_the_same_seed_gives_the_same_net_and_another_another(run, tmp_path):
    nets = []
    for i, seed in enumerate("001"):
        run("--epochs", "1", "--seed", seed)
        (tmp_path / "out").rename(tmp_path / str(i))
        nets.append(np.load(tmp_path / str(i) / "net.npz")["F6.W"])
    assert (nets[0] == nets[1]).all() and (nets[0] != nets[2]).any()


def test_all_of_mnist(run, tmp_path):
    for half, n in ("train", 32), ("t10k", 10):
        images = struct.pack(">IIII", 0x803, n, 28, 28) + np.arange(n * 784).astype(np.uint8).tobytes()
        labels = struct.pack(">II", 0x801, n) + bytes(i % 10 for i in range(n))
        (tmp_path / f"{half}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (tmp_path / f"{half}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    printed, _ = run("--epochs", "1", "--data", "full", "--root", str(tmp_path))
    assert printed.startswith(f"data: MNIST, 32 training and 10 test images, read from {tmp_path}\n")


def test_ctrl_c_ends_with_the_report(run, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt
    monkeypatch.setattr(run.command, "train", interrupted)
    printed, out = run()
    assert "stopped; this is how far it came:\n" in printed and "test error " in printed
    assert (out / "net.npz").exists()


def test_a_learning_rate_that_is_too_large_is_reported(run):
    with pytest.raises(SystemExit, match="epoch 1, batch [0-9]: the net's scores hold NaN or infinity: "):
        run("--rate", "1e38", "--output", "linear", "--epochs", "3")


@pytest.mark.parametrize("arguments, message", [
    (["--epochs", "0"], "--epochs: expected a whole number, 1 or more, got 0"),
    (["--rate", "-1"], "--rate: expected a number above 0, got -1"),
    (["--output", "softmax"], "--output: invalid choice: 'softmax'"),
])
def test_senseless_options_are_refused(run, capsys, arguments, message):
    with pytest.raises(SystemExit):
        run(*arguments)
    assert message in capsys.readouterr().err


def test_what_cannot_be_done_is_said_at_once(run, tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(SystemExit, match="DataError: .*: expected the four files of MNIST"):
        run("--data", "full", "--root", str(tmp_path))
    (tmp_path / "out").mkdir()
    with pytest.raises(SystemExit, match="FileExistsError: .*out"):
        run()
