"""The learning-rate finder as a command, on a handful of images."""
import re
import sys

import matplotlib.image
import numpy as np
import pytest

from tinynet.commands import find_lr as command
from tinynet.data import Dataset, Split


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8), np.arange(12) % 10)
    monkeypatch.setattr(command, "cifar10_sample", lambda: Dataset(split, split, tuple("abcdefghij"), "random images"))
    monkeypatch.setattr(command, "BATCH_SIZE", 4)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["find_lr.py", "--out", str(tmp_path / "new/lr.png"), *arguments])
        command.main()
        return capsys.readouterr().out, tmp_path / "new/lr.png"
    return run


@pytest.mark.parametrize("arguments", [(), ("--net", "11pct"), ("--optimizer", "adam")])
def test_it_says_a_rate_and_draws(run, arguments):
    printed, picture = run("--steps", "8", "--low", "1e-5", "--high", "1e-2", *arguments)
    assert printed.startswith("data: random images\n")
    lowest, tenth = re.search(r"is at a learning rate of (\S+); begin with about a tenth, (\S+)\n", printed).groups()
    assert 1e-5 <= float(lowest) <= 1e-2 and float(tenth) == pytest.approx(float(lowest) / 10, rel=0.1)
    assert matplotlib.image.imread(picture).std() > 0.03


@pytest.mark.parametrize("losses, said", [
    ([1.0, 2.0, 3.0], "that is the lowest rate that was tried, so this says little: try a lower --low; or, if the"),
    ([3.0, 2.0, 1.0], "that is the highest rate that was tried, and the loss may fall further: try a higher --high"),
    ([2.0, 1.0, 3.0], "the picture: "),
    ([3.0, 2.0], "the picture: "),                                              # it ended early: the loss flew away
])
def test_a_lowest_loss_at_an_end(run, monkeypatch, losses, said):
    monkeypatch.setattr(command, "find_lr", lambda *args, **options: ([0.1, 0.2, 0.4][:len(losses)], losses))
    printed, _ = run("--steps", "3")
    assert printed.splitlines()[3].startswith(said)


def test_it_trains_by_the_papers_rule(run, monkeypatch):
    seen = []

    def noted(net, optimizer, *args, **options):
        seen.append(optimizer.settings)
        return [0.1, 0.2], [1.0, 2.0]
    monkeypatch.setattr(command, "find_lr", noted)
    run()
    assert seen == [{"lr": 1.0, "weight_decay": 1.0, "momentum": 0.9}]


def test_senseless_options_are_refused(run, capsys):
    with pytest.raises(SystemExit):
        run("--low", "1", "--high", "0.1")
    assert "--low, --high: expected the lower rate first, got 1.0 and 0.1" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("--root", "somewhere")
    assert "--root: the bundled sample needs no folder; for all of CIFAR-10 add --data full" in capsys.readouterr().err
