"""The command on a handful of images: the bundled sample's, and files laid out as the whole of MNIST is."""
import gzip
import json
import re
import signal
import struct
import sys

import numpy as np
import pytest

from tinynet import count_parameters
from tinynet.commands import train_lenet5 as command
from tinynet.data import Dataset, Split
from tinynet.models.catalogue import build
from tinynet.models.lenet5 import lenet5, normalised
from tinynet.training.run import Run
from tinynet.training.train import train


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


@pytest.mark.parametrize("output, parameters, loss", [
    ("rbf", "60,000", "MAPLoss"), ("linear", "60,850", "SoftmaxCrossEntropy")])
def test_it_trains_and_leaves_a_picture_and_the_net(run, monkeypatch, output, parameters, loss):
    told = []
    monkeypatch.setattr(command, "train", lambda *args, **how: told.append(how) or train(*args, **how))
    printed, out = run("--epochs", "2", "--output", output)
    assert type(told[0]["loss"]).__name__ == loss
    assert printed.startswith(f"data: forty random images\n{parameters} parameters; ")
    errors = re.findall(r"^out  epoch   (\d).*test error (\S+)%", printed, re.MULTILINE)
    assert [epoch for epoch, _ in errors] == ["1", "2"]
    assert f"\ntest error {float(errors[-1][1]):.2f}% (the paper, on all of MNIST: 0.95%)" in printed
    assert sorted(file.name for file in out.iterdir()) == ["checkpoints", "config.json", "confusion.png", "curves.png",
                                                           "metrics.jsonl", "net.npz"]
    lenet5(output).load(out / "net.npz")


def test_the_rate_falls_from_epoch_to_epoch(run):
    _, out = run("--epochs", "3", "--rate", "0.01")
    rates = [json.loads(line)["lr"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    np.testing.assert_allclose(rates, [0.01, 0.009, 0.0081])


@pytest.mark.parametrize("options, expected", [((), (0.9, 0.0)), (("--momentum", "0", "--decay", "0.001"), (0, 0.001))])
def test_momentum_and_decay(run, monkeypatch, options, expected):
    told = []
    monkeypatch.setattr(command, "train", lambda net, sgd, *args, **how: told.append(sgd))
    run("--epochs", "1", *options)
    assert (told[0].momentum, told[0].weight_decay) == expected


def test_without_a_layer_and_with_other_biases(run):
    printed, out = run("--epochs", "1", "--without", "S2", "C5", "--bias", "0.5")
    config = json.loads((out / "config.json").read_text())
    assert (config["without"], config["bias"]) == (["S2", "C5"], 0.5)
    net = build("lenet5", without=("S2", "C5"))
    net.load(out / "net.npz")
    assert f"\n{count_parameters(net):,} parameters; " in printed
    assert abs(net["F6"].b.value - 0.5).max() < 0.2                  # three small steps away from where they began


@pytest.mark.parametrize("options, message", [
    (("--without", "F6"), "what can be left out is C1, S2, C3, S4, C5"),
    (("--without", "C1", "--output", "linear"), "C3 (TableConv2d) is made for 6 maps, and would get 1")])
def test_what_cannot_be_left_out_is_said_before_anything_begins(run, tmp_path, capsys, options, message):
    with pytest.raises(SystemExit, match="2"):
        run(*options)
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_batch_is_shifted_down_and_to_the_left_as_drawn():
    class Says:
        def integers(self, low, high, n):
            assert (low, high, n) == (-2, 3, 2)
            return np.array([1, -2])
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    np.testing.assert_array_equal(command.shifted(images, Says())[:, 1:, :-2], normalised(images)[:, :-1, 2:])


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


@pytest.mark.parametrize("arguments, said", [
    (("--data", "full", "--root", "my digits"), "--root 'my digits' --resume "), ((), "train-lenet5 --resume ")])
def test_the_command_to_go_on_with_has_what_the_config_does_not_say(run, monkeypatch, capsys, arguments, said):
    def interrupted(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(command, "mnist", lambda root: command.mnist_sample())
    monkeypatch.setattr(command, "learn", interrupted)
    with pytest.raises(SystemExit, match="130"):
        run(*arguments)
    assert said in capsys.readouterr().out.splitlines()[-1]


def test_a_run_that_was_stopped_goes_on_to_the_same_end(run, tmp_path, monkeypatch, capsys):
    _, whole = run("--epochs", "2")
    whole = whole.rename(tmp_path / "whole")

    def stopped(self, progress, on_batch=Run.on_batch):
        if (progress.epoch, progress.batch) == (2, 2):
            signal.raise_signal(signal.SIGINT)
        on_batch(self, progress)
    with monkeypatch.context() as patched, pytest.raises(SystemExit, match="130"):
        patched.setattr(Run, "on_batch", stopped)
        run("--epochs", "2")
    out = tmp_path / "out"
    assert f"stopped in epoch 2, after batch 2; go on with: python -m tinynet train-lenet5 --resume {out}\n" in (
        capsys.readouterr().out)
    monkeypatch.setattr(sys, "argv", ["train_lenet5.py", "--resume", str(out)])
    run.command.main()
    with np.load(whole / "net.npz") as expected, np.load(out / "net.npz") as got:
        assert all((expected[name] == got[name]).all() for name in expected)
    with pytest.raises(SystemExit):
        run("--resume", str(tmp_path / "none"))
    assert "holds no run that could be resumed: " in capsys.readouterr().err


def test_ctrl_c_before_the_training(run, monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt
    monkeypatch.setattr(run.command, "mnist_sample", interrupted)
    with pytest.raises(SystemExit, match="130"):
        run()
    assert capsys.readouterr().out == "\nstopped\n"


def test_a_learning_rate_that_is_too_large_is_reported(run):
    with pytest.raises(SystemExit, match="epoch 1, batch [0-9]: the net's scores hold NaN or infinity: "):
        run("--rate", "1e38", "--output", "linear", "--epochs", "3")


@pytest.mark.parametrize("arguments, message", [
    (["--epochs", "0"], "--epochs: expected a whole number, 1 or more, got 0"),
    (["--rate", "-1"], "--rate: expected a number above 0, got -1"),
    (["--root", "there"], "--root: the bundled sample needs no folder"),
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
    run("--epochs", "1")
    with pytest.raises(SystemExit, match="FileExistsError: .*out holds an earlier run"):
        run()
