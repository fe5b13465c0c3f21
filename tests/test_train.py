"""The training loop: it does what a loop written out by hand does, tells its hooks the truth, and stops when told."""
import io

import numpy as np
import pytest

from tinynet import SGD, Flatten, Linear, ReLU, Sequential, SoftmaxCrossEntropy
from tinynet.data import Split, batches
from tinynet.train import minus, say, show_progress, train


def toy():
    """Forty images of 2x2 pixels; the class is the brightest pixel. And a small net for them."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 2, 2, 1), dtype=np.uint8)
    net = Sequential(flat=Flatten(), fc1=Linear(4, 16, rng=rng), relu1=ReLU(), fc2=Linear(16, 4, rng=rng))
    return Split(images, images.reshape(40, 4).argmax(axis=1)), net


def test_it_is_the_loop_written_out_by_hand():
    split, net = toy()
    _, twin = toy()
    prepare = minus(np.float32(100), scale=50)
    records = train(net, SGD(net.parameters(), 0.1), split, 3, np.random.default_rng(1), batch_size=16, prepare=prepare)

    loss, sgd, rng = SoftmaxCrossEntropy(), SGD(twin.parameters(), 0.1), np.random.default_rng(1)
    for record in records:
        total, wrong = 0.0, 0
        for x, y in batches(*split, 16, rng):
            scores = twin.forward((x.astype(np.float32) - 100) / 50, train=True)
            total += loss.forward(scores, y) * len(y)
            wrong += (scores.argmax(axis=1) != y).sum()
            twin.backward(loss.backward())
            sgd.step()
        assert record["train_loss"] == pytest.approx(total / 40)
        assert record["train_error"] == wrong / 40
    for (name, p), (_, q) in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(p.value, q.value, err_msg=name)


def test_it_learns():
    split, net = toy()
    records = train(net, SGD(net.parameters(), 0.1), split, 60, np.random.default_rng(1), batch_size=8,
                    prepare=minus(np.float32(128), scale=64))
    assert records[0]["train_error"] > 0.4 and records[-1]["train_error"] < 0.1


def test_hooks_are_told_what_happens_and_can_stop_it():
    split, net = toy()
    done, epochs = [], []

    def on_epoch(record):
        epochs.append(record["epoch"])
        return len(epochs) == 2

    records = train(net, SGD(net.parameters(), 1.0), split, 5, np.random.default_rng(1), batch_size=16,
                    prepare=minus(np.float32(0), scale=255), rate=lambda epoch: 0.1 / epoch,
                    on_batch=lambda *progress: done.append(progress), on_epoch=on_epoch)
    assert epochs == [1, 2] and len(records) == 2
    assert [r["lr"] for r in records] == [0.1, 0.05]
    assert done[:3] == [(16, 200), (32, 200), (40, 200)] and done[-1] == (80, 200)


def test_scores_that_are_not_finite_stop_the_run():
    split, net = toy()
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="NaN or infinity"):
        train(net, SGD(net.parameters(), 1e30), split, 5, np.random.default_rng(1), prepare=minus(np.float32(0)))


def test_minus_leaves_the_images_alone():
    images = np.full((2, 2, 2, 1), 7, np.uint8)
    x = minus(np.full((2, 2, 1), 3, np.float32), scale=2)(images)
    assert x.dtype == np.float32 and (x == 2).all() and (images == 7).all()


def test_a_line_is_said_over_the_progress_line(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    say("epoch 1")
    assert terminal.getvalue() == "\r" + " " * 79 + "\r" and capsys.readouterr().out == "epoch 1\n"


def test_progress_shows_speed_and_time_left_on_a_terminal_only(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stream, shown in (Terminal(), True), (io.StringIO(), False):
        monkeypatch.setattr("sys.stderr", stream)
        on_batch = show_progress("net")
        on_batch(5, 10)
        on_batch(10, 10)
        assert ("images/s" in stream.getvalue() and "100%" in stream.getvalue()) == shown
