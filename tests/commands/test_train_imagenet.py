"""The paper's recipe on two dozen tiny photographs: every option runs, and says and writes what it promises."""
import json
import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mutants import mutants

from tinynet import SGD, Sequential, cpu
from tinynet.commands import imagenet_errors, imagenet_run
from tinynet.commands import train_imagenet as command
from tinynet.commands.together import expect_own_gpu
from tinynet.data import Loader, imagenet
from tinynet.data.jpeg import decode
from tinynet.devices.device import Gpu
from tinynet.models import build
from tinynet.parameter import FixedRate
from tinynet.training.evaluate import load_net
from tinynet.training.run import Run

Image = pytest.importorskip("PIL.Image")

MUTANTS = 20
TINY = ("--size", "44", "--crop", "40", "--width", "0.03", "--batch", "8", "--columns", "1")


def photographs(folder, counts, seed=0):
    """Photographs whose colour tells their class, more or less."""
    rng = np.random.default_rng(seed)
    for label, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            color = rng.integers(0, 120, (3, 3, 3)) + 45 * np.array([label % 2, label // 2 % 2, label // 4])
            Image.fromarray(color.astype(np.uint8)).resize((50, 44 + i)).save(folder / name / f"{i}.bmp")


@pytest.fixture
def data(tmp_path):
    photographs(tmp_path / "data" / "train", {"a": 8, "b": 7, "c": 6})
    photographs(tmp_path / "data" / "val", {"a": 2, "b": 2, "c": 2}, seed=1)
    return tmp_path / "data"


@pytest.fixture
def run(tmp_path, data, monkeypatch, capsys):
    """Runs the command with arguments; returns what it printed, and the folder it wrote to."""
    monkeypatch.setattr("tinynet.look.curves.draw_training", lambda path, records: None)  # longer than the epochs,
    monkeypatch.setattr("os.fsync", lambda file: None)                              # and so does a busy disk
    monkeypatch.chdir(tmp_path)

    def run(*arguments, out="out", data=data):
        monkeypatch.setattr(sys, "argv", ["train_imagenet.py", str(data), *(["--out", out] if out else []), *arguments])
        command.main()
        return capsys.readouterr().out, tmp_path / (out or "")
    run.command = command
    return run


def metrics(out):
    lines = (out / "metrics.jsonl").read_text().splitlines()
    return [{**json.loads(line), "images_per_second": 0, "waited": 0} for line in lines]


@pytest.mark.parametrize("columns", ["1", "2"])
def test_a_run(run, columns):
    printed, out = run(*TINY, "--columns", columns, "--epochs", "2", "--keep-every", "2", "--ten-crop")
    assert "data: data, 21 training and 6 test images of 44x44, read from " in printed
    records = metrics(out)
    assert [r["epoch"] for r in records] == [1, 2] and "val_error" in records[0]
    best = min(r["val_error"] for r in records)
    assert f"centre crop: top-1 error {best:.2%} on 6 images\nten crops: top-1 error " in printed
    assert "val_top5_error" not in records[0] and "top5" not in printed and "top-5" not in printed
    config = json.loads((out / "config.json").read_text())
    assert config["classes"] == ["a", "b", "c"] and config["view"]["scale"] == 1 and config["lr"] == 0.01
    assert config["settings"] == {"classes": 3, "input_size": 40, "width": 0.03, "columns": int(columns)}
    assert np.load(out / "mean.npy").shape == (44, 44, 3)
    assert {path.name for path in (out / "checkpoints").iterdir()} == {"last.npz", "best.npz", "epoch-0002.npz"}


@pytest.mark.parametrize("arguments", [
    ("--net", "zfnet", "--size", "64", "--crop", "64"), ("--net", "vgg-a", "--init", "fan-in"),
    ("--net", "googlenet", "--size", "84", "--crop", "79", "--width", "0.1"),
    ("--net", "alexnet-half", "--variant", "source"), ("--variant", "source", "--extra-conv", "--columns", "2"),
    ("--no-color-noise", "--workers", "0")])
def test_every_net_and_option(run, arguments):
    printed, out = run(*TINY[:-2], *arguments, "--epochs", "1")
    assert len(metrics(out)) == 1 and "centre crop: top-1 error" in printed


def test_scale_jitter(run, monkeypatch):
    _, out = run(*TINY[:-2], "--net", "vgg-a", "--jitter", "44", "60", "--epochs", "1")
    view = load_net(out).view
    assert view.jitter == (44, 60) and view.mean.shape == (3,) and len(metrics(out)) == 1
    images = imagenet("data", 44).train.images[:]
    np.testing.assert_allclose(view.mean, images.mean(axis=(0, 1, 2)), rtol=1e-5)
    assert json.loads((out / "config.json").read_text())["jitter"] == [44, 60]


def test_two_nets_see_the_images_in_the_same_order(run, monkeypatch):
    orders = []

    class Noted(Loader):
        def epoch(self, skip=0):
            orders.append(self.rng.bit_generator.state["state"])
            return super().epoch(skip)
    monkeypatch.setattr(imagenet_run, "Loader", Noted)
    for i, more in enumerate(((), ("--width", "0.05"), ("--init", "fan-in"))):
        run(*TINY, *more, "--epochs", "1", out=f"run{i}")
    assert orders[0] == orders[1] == orders[2]


def test_the_source_variant_keeps_its_bias_rates_and_its_noise(run, monkeypatch):
    sgds = []
    monkeypatch.setattr(imagenet_run, "SGD", lambda *args, original=SGD, **kwargs: sgds.append(
        original(*args, **kwargs)) or sgds[-1])
    run(*TINY, "--epochs", "1", "--variant", "source")
    run(*TINY, "--epochs", "1", "--net", "alexnet-source", out="same")
    assert sgds[0].parameters["conv1.b"].lr == FixedRate(0.02)
    run(*TINY, "--epochs", "1", out="paper")
    assert sgds[2].parameters["conv1.b"].lr == 1
    assert [load_net(name).view.noise for name in ("out", "same", "paper")] == ["2012", "2012", "paper"]
    assert (sgds[2].momentum, sgds[2].weight_decay) == (0.9, 0.0005)


def test_stopped_while_the_photographs_are_prepared(run, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt
    monkeypatch.setattr(imagenet_errors, "imagenet", interrupted)
    with pytest.raises(SystemExit, match="130"):
        run(*TINY)
    assert "stopped before the training began" in capsys.readouterr().out


def test_squares_that_stay_decoded_are_the_same_and_decoded_once(run, monkeypatch):
    numbers, decoded = [], []
    monkeypatch.setattr("tinynet.data.photos.prepared.decode",
                        lambda *args, original=decode: decoded.append(1) or original(*args))
    run(*TINY, "--epochs", "1", out="first")                                         # makes the squares
    for out, options in ("without", []), ("with", ["--in-memory", "0.001"]):
        decoded.clear()
        run(*TINY, "--epochs", "3", *options, out=out)
        numbers.append(([(record["train_loss"], record["val_error"]) for record in metrics(Path(out))], len(decoded)))
    (kept, times), (again, often) = numbers[1], numbers[0]
    assert kept == again and often == 3 * (21 + 6) + 6                               # and the report at the end
    assert times == 21 + 6 + 6


def test_zfnets_filters_are_scaled_back_after_every_step(run, monkeypatch):
    nets = []
    monkeypatch.setattr(imagenet_run, "renormalise_filters", lambda net: nets.append(net))
    run(*TINY[:-2], "--net", "zfnet", "--size", "64", "--crop", "64", "--epochs", "2")
    assert len(nets) == 2 * 3
    run(*TINY, "--epochs", "1", out="other")
    assert len(nets) == 2 * 3


def test_what_was_changed_is_recorded_and_built_again(run, monkeypatch):
    sgds = []
    monkeypatch.setattr(imagenet_run, "SGD", lambda *args, made=SGD: sgds.append(args) or made(*args))
    _, out = run(*TINY, "--without", "conv3", "--no-lrn", "--pool", "2", "--dropout", "0.25", "--bias", "0", "--crops",
                 "center", "--no-mirror", "--momentum", "0", "--decay", "0.1", "--hidden", "800", "--epochs", "1")
    trained = load_net(out)
    names = [name for name, _ in trained.net.walk()]
    assert "conv4" in names and not {"conv3", "relu3", "norm1", "norm2"} & set(names)
    assert trained.net["pool1"].kernel_size == (2, 2) and trained.net["drop6"].p == 0.25
    assert trained.net["fc6"].out_features == 24                                     # 800 · 0.03
    assert (trained.view.mirror, trained.view.crops) == (False, "center") and sgds[0][2:] == (0.0, 0.1)
    run("--resume", "out", "--epochs", "2", out=None)
    assert len(metrics(out)) == 2 and sgds[1][2:] == (0.0, 0.1)
    run("--fine-tune", "out", "--epochs", "1", out="tuned")
    assert "conv3" not in load_net("tuned").net.layers


def test_zfnet_by_its_own_recipe(run, monkeypatch):
    sgds = []
    monkeypatch.setattr(imagenet_run, "SGD", lambda *args, made=SGD: sgds.append(args) or made(*args))
    _, out = run(*TINY[:-2], "--recipe", "zfnet", "--size", "64", "--crop", "60", "--epochs", "1")
    config, trained = json.loads((out / "config.json").read_text()), load_net(out)
    assert (config["net"], config["decay"], config["recipe"]) == ("zfnet", 0.0, "zfnet") and sgds[0][2:] == (0.9, 0.0)
    view = trained.view
    assert (view.crops, view.mirror, view.color, view.scale) == ("ten", True, None, 1.0)
    defaults = run.command.parse(["data", "--recipe", "zfnet"])
    assert (defaults.epochs, defaults.lr, defaults.steps, defaults.init) == (70, 0.01, None, "paper")
    assert run.command.parse(["data", "--recipe", "zfnet", "--epochs", "5", "--decay", "0.1"]).epochs == 5


def test_what_the_net_sees(run, monkeypatch):
    """Images minus their mean, of unit variance with --init fan-in, in training as in the validation."""
    seen = {True: [], False: []}

    def forward(net, x, train=False, keep=False, original=Sequential.forward):
        seen[train].append(x)
        return original(net, x, train, keep)
    monkeypatch.setattr(Sequential, "forward", forward)
    _, out = run(*TINY, "--epochs", "8", "--init", "fan-in", "--accumulate", "2")
    assert [len(x) for x in seen[True][:6]] == [4, 4, 4, 4, 2, 3]                               # of 21; --batch 8
    for x in map(np.concatenate, seen.values()):
        assert x.dtype == np.float32 and x.shape[1:] == (40, 40, 3)
        assert abs(x.mean()) < 0.3 and x.std() == pytest.approx(1, rel=0.25)
    trained = load_net(out)
    images = imagenet("data", 44).test.images[:]
    np.testing.assert_allclose(seen[False][0], trained.view.center(images), rtol=1e-6)


def test_a_rate_for_large_batches_is_warmed_up_to(run):
    _, out = run(*TINY, "--epochs", "3", "--lr", "0.01", "--scale-rate", "2", "--warm-up", "2")
    assert [r["lr"] for r in metrics(out)] == pytest.approx([0.01, 0.025, 0.04])                # --batch 8
    _, out = run(*TINY, "--epochs", "2", "--lr", "0.01", "--scale-rate", "2", "--warm-up", "0", out="at once")
    assert [r["lr"] for r in metrics(out)] == pytest.approx([0.04, 0.04])


def test_the_schedule(run):
    _, out = run(*TINY, "--epochs", "3", "--steps", "2", "3")
    assert [r["lr"] for r in metrics(out)] == pytest.approx([0.01, 0.001, 0.0001])
    _, out = run(*TINY, "--epochs", "90", "--lr", "1e-30", "--patience", "1", out="stuck")
    assert [r["lr"] for r in metrics(out)] == pytest.approx([1e-30, 1e-30, 1e-31, 1e-32, 1e-33])


def test_only_the_first_classes(run):
    printed, out = run(*TINY, "--epochs", "1", "--classes", "2")
    assert "data: the first 2 classes of data, 21 training and 6 test images of 44x44: 15 training and 4 te" in printed
    assert load_net(out).net["fc8"].out_features == 2
    printed, _ = run("--evaluate", "out", "--classes", "2")
    assert "out: top-1 error" in printed and "on 4 images" in printed
    with pytest.raises(SystemExit, match=r"was trained on the 2 classes a, b\.+, .* has the 3 classes a, b, c"):
        run("--evaluate", "out")


def test_evaluation_needs_no_training_images_and_may_be_on_a_third_part(run, data, monkeypatch):
    run(*TINY, "--epochs", "1")
    photographs(data / "test", {"a": 1, "b": 3, "c": 1}, seed=2)
    shutil.rmtree(data / ".tinynet-44")
    printed, _ = run("--evaluate", "out", "--recipe", "zfnet", "--no-lrn", out=None)
    assert "--recipe, --no-lrn: not used, since --evaluate trains nothing\n" in printed
    assert "on 6 images" in printed and [path.name[:4] for path in (data / ".tinynet-44").iterdir()] == ["val-"]
    printed, _ = run("--evaluate", "out", "--split", "test")
    test = imagenet("data", 44, test="test").test
    error = 100 * (load_net("out").probabilities(test).argmax(axis=1) != test.labels).mean()
    assert f"out: top-1 error {error:.2f}% on 5 images" in printed
    shutil.rmtree(data / "train" / "c")
    monkeypatch.setattr(imagenet_errors, "photographs", None)                   # nothing is prepared, no net is loaded
    monkeypatch.setattr(imagenet_errors, "load_net", None)
    with pytest.raises(SystemExit, match="out was trained on the 3 classes a, b, c.* has the 2 classes a, b"):
        run("--evaluate", "out")


def test_a_deep_vgg_starts_from_a_shallow_one(run, capsys):
    tiny = ("--size", "36", "--crop", "32", "--width", "0.05", "--batch", "8")
    run(*tiny, "--net", "vgg-a", "--epochs", "1", out="shallow")
    printed, out = run(*tiny, "--net", "vgg-b", "--epochs", "1", "--lr", "1e-30", "--start-from", "shallow", out="deep")
    assert "from shallow: conv1_1, conv2_1, conv3_1, conv3_2, fc6, fc7, fc8\n" in printed
    shallow, deep = load_net("shallow").net, load_net(out).net
    for name in "conv1_1", "conv3_2", "fc8":
        np.testing.assert_array_equal(deep[name].W.value, shallow[name].W.value)
    run("--resume", "deep", "--epochs", "2", out=None)
    assert len(metrics(out)) == 2
    run(*TINY, "--epochs", "1", out="other")
    for net, start, message in ("alexnet", "shallow", "got alexnet from vgg-a"), ("vgg-b", "other", "b from alexnet"):
        capsys.readouterr()
        with pytest.raises(SystemExit):
            run("--net", net, "--start-from", start, out="new")
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("option, first", [("--start-from", "fan-in"), ("--fine-tune", "fan-in"),
                                           ("--start-from", "paper"), ("--fine-tune", "paper")])
def test_a_net_that_starts_from_another_sees_images_on_the_same_scale(run, capsys, option, first):
    tiny = ("--net", "vgg-a", "--size", "36", "--crop", "32", "--width", "0.05", "--batch", "8", "--epochs", "1")
    run(*tiny, "--init", first, out="first")
    other = {"fan-in": "paper", "paper": "fan-in"}[first]
    with pytest.raises(SystemExit):
        run(*tiny, option, "first", "--init", other, out="second")
    assert f"{option}: expected --init {first}, as first has it, which scales the images that its layers know; got " \
           f"--init {other}" in capsys.readouterr().err
    run(*tiny, option, "first", "--init", first, out="second")
    assert load_net("second").view.scale == load_net("first").view.scale


@pytest.mark.parametrize("classes", [5, 6])
def test_the_five_best_of_more_than_five_classes(run, data, classes):
    for name in "defgh"[:classes - 3]:
        for split in "train", "val":
            photographs(data / split, {name: 2})
    printed, out = run(*TINY, "--epochs", "1")
    (record,) = metrics(out)
    assert ("val_top5_error" in record) == (classes > 5)
    five = f", top-5 error {record['val_top5_error']:.2%}" if classes > 5 else ""
    assert printed.endswith(f"centre crop: top-1 error {record['val_error']:.2%}{five} on {2 * classes} images\n")


def test_nets_are_evaluated_alone_and_together(run, monkeypatch):
    answers, report = [], imagenet_errors.report
    monkeypatch.setattr(imagenet_errors, "report", lambda found, *rest: answers.append(found) or report(found, *rest))
    for seed, crop in ("0", "40"), ("1", "42"):
        run(*TINY, "--init", "fan-in", "--epochs", "1", "--seed", seed, "--crop", crop, out=f"run{seed}")
    printed, _ = run("--evaluate", "run0", "run1", out=None)
    lines = re.findall(r"^(.*): top-1 error (.*)% on 6 images$", printed, re.MULTILINE)
    assert [name for name, _ in lines] == ["run0", "run1", "these 2 nets together"]
    test = imagenet("data", 44).test
    p = [load_net(name).probabilities(test) for name in ("run0", "run1")]
    np.testing.assert_allclose(answers, [*p, (p[0] + p[1]) / 2], rtol=1e-5)
    errors = [100 * (each.argmax(axis=1) != test.labels).mean() for each in answers]
    assert [float(error) for _, error in lines] == pytest.approx(errors, abs=0.005)
    printed, _ = run("--evaluate", "run0", "--ten-crop", "--workers", "0", out=None)
    assert "not used" not in printed
    ten = load_net("run0").probabilities(test, ten=True)
    np.testing.assert_allclose(answers[3], ten, rtol=1e-5)
    error = 100 * (ten.argmax(axis=1) != test.labels).mean()
    assert f"run0: top-1 error {error:.2f}%" in printed and "together" not in printed
    printed, _ = run("--evaluate", "run0", "run1", "--ten-crop", out=None)
    np.testing.assert_allclose(answers[-1], (ten + load_net("run1").probabilities(test, ten=True)) / 2, rtol=1e-5)
    assert "these 2 nets together" in printed


def test_at_the_end_it_is_the_best_net_that_is_tested(run, monkeypatch):
    errors, tested, probabilities = iter([0.5, 0.25, 0.75]), [], command.probabilities
    monkeypatch.setattr(imagenet_run, "errors", lambda *_: {1: next(errors)})
    monkeypatch.setattr(command, "probabilities", lambda net, *how: (
        tested.append(net["fc8"].W.value.copy()), probabilities(net, *how))[1])
    _, out = run(*TINY, "--epochs", "3", "--keep-every", "1")
    second, last = (np.load(out / f"checkpoints/epoch-000{epoch}.npz")["fc8.W"] for epoch in (2, 3))
    assert (tested == second).all() and (second != last).any()


@pytest.mark.parametrize("net, classes", [("alexnet", 2), ("googlenet", 2), ("alexnet", 3)])
def test_fine_tuning_starts_from_the_other_net_with_a_new_last_layer(run, net, classes):
    sizes = TINY if net == "alexnet" else ("--net", net, "--size", "84", "--crop", "79", "--width", "0.1")
    _, out = run(*sizes, "--epochs", "1", "--classes", str(classes), out="first")
    before = load_net(out).net
    printed, out = run("--fine-tune", "first", "--epochs", "1", "--lr", "1e-30")     # the sizes are the other run's
    after = load_net(out).net
    last = {"alexnet": ("fc8.",), "googlenet": ("fc.", "head1.fc2.", "head2.fc2.")}[net]
    for (name, p), (_, q) in zip(before.parameters(), after.parameters(), strict=True):
        if name.startswith(last):
            assert (p.shape[-1], q.shape[-1]) == (classes, 3) and not np.array_equal(p.value, q.value)
        else:
            np.testing.assert_array_equal(p.value, q.value, err_msg=name)
    shutil.rmtree("first")
    run("--resume", "out", "--epochs", "2", out=None)                                # which needs the first no more
    assert len(metrics(out)) == 2


def test_the_same_seed_gives_the_same_fine_tuning(run):
    run(*TINY, "--epochs", "1", out="first")
    first, second = (metrics(run("--fine-tune", "first", "--epochs", "2", "--seed", "4", out=out)[1])
                     for out in ("one", "two"))
    assert first == second


@pytest.mark.parametrize("arguments", [(), ("--init", "fan-in", "--columns", "2")])
def test_a_run_that_was_stopped_goes_on(run, monkeypatch, arguments, capsys):
    _, out = run(*TINY, *arguments, "--epochs", "3", out="whole")
    whole = metrics(out)
    with monkeypatch.context() as patched:
        def on_batch(self, at, on_batch=Run.on_batch):
            if at.epoch == 2 and at.batch == 2:
                signal.raise_signal(signal.SIGINT)
            on_batch(self, at)
        patched.setattr(Run, "on_batch", on_batch)
        with pytest.raises(SystemExit, match="130"):
            run(*TINY, *arguments, "--epochs", "3")
    assert "go on with: python -m tinynet train-imagenet" in capsys.readouterr().out
    printed, out = run("--resume", "out", out=None)
    assert metrics(Path("out")) == whole and "centre crop: top-1 error" in printed


def test_the_command_that_is_printed_goes_on_with_all_that_was_said(run, monkeypatch, capsys):
    with monkeypatch.context() as patched:
        def on_batch(self, at, on_batch=Run.on_batch):
            if at.epoch == 2:
                signal.raise_signal(signal.SIGINT)
            on_batch(self, at)
        patched.setattr(Run, "on_batch", on_batch)
        with pytest.raises(SystemExit, match="130"):
            run(*TINY, "--epochs", "3", "--keep-every", "1", "--ten-crop", "--minutes", "7", "--cache", "my cache")
    said = shlex.split(capsys.readouterr().out.splitlines()[-1].rpartition("train-imagenet ")[2])
    assert run.command.parse(said).minutes == 7
    run.command.main(said)
    assert "ten crops: top-1 error" in capsys.readouterr().out and not list(Path("data").glob(".tinynet*"))
    assert {path.name for path in Path("out/checkpoints").glob("epoch-*")} == {f"epoch-000{i}.npz" for i in (1, 2, 3)}


def test_a_run_goes_on_with_data_in_a_folder_that_was_renamed(run, tmp_path):
    run(*TINY, "--epochs", "1")
    (tmp_path / "data").rename(tmp_path / "moved")
    run("--resume", "out", "--epochs", "2", out=None, data="moved")
    assert len(metrics(Path("out"))) == 2
    photographs(tmp_path / "moved/train", {"a/more": 1})
    with pytest.raises(SystemExit, match="another run .*\n.*data: now 'moved, 22 training .*, the run has 'data, 21"):
        run("--resume", "out", "--epochs", "3", out=None, data="moved")


def test_a_run_without_a_recipe_does_not_go_on_with_one(run):
    run(*TINY, "--epochs", "1")
    with pytest.raises(SystemExit, match="another run .*\n(.*\n)*  recipe: now 'zfnet', the run has None"):
        run("--resume", "out", "--epochs", "2", "--recipe", "zfnet", out=None)


def test_a_run_that_is_the_folder_one_is_in_has_its_name(run, tmp_path, monkeypatch):
    run(*TINY, "--epochs", "1")
    monkeypatch.chdir(tmp_path / "out")
    printed, _ = run("--resume", ".", "--epochs", "2", out=None, data="../data")
    assert "\nout  epoch   2  loss" in printed


def test_photographs_of_one_colour(run, tmp_path):
    for part in "train", "val":
        for name in "a", "b":
            (tmp_path / "black" / part / name).mkdir(parents=True)
            Image.new("RGB", (50, 50)).save(tmp_path / "black" / part / name / "0.bmp")
    with pytest.raises(SystemExit, match="--init fan-in: it divides by how much the training images differ, and they "):
        run(*TINY, "--init", "fan-in", data="black")


def test_a_comma_in_a_folders_name(run, tmp_path):
    (tmp_path / "data").rename(tmp_path / "dogs, cats")
    run(*TINY, "--epochs", "1", data="dogs, cats")
    (tmp_path / "dogs, cats").rename(tmp_path / "moved")
    run("--resume", "out", "--epochs", "2", out=None, data="moved")
    (tmp_path / "moved").rename(tmp_path / "pets, mine")
    run("--resume", "out", "--epochs", "3", out=None, data="pets, mine")
    assert len(metrics(Path("out"))) == 3


def test_a_run_of_the_version_before_goes_on(run):
    """Its config had a scale, and no view; the colours lay in a file."""
    _, out = run(*TINY, "--init", "fan-in", "--epochs", "1")
    config, view = json.loads((out / "config.json").read_text()), load_net(out).view
    run("--resume", "out", "--epochs", "2", out=None)
    whole = metrics(out)
    shutil.rmtree(out)
    run(*TINY, "--init", "fan-in", "--epochs", "1")
    del config["view"]
    (out / "config.json").write_text(json.dumps({**config, "scale": view.scale}))
    np.savez(out / "colors.npz", values=view.color[0], vectors=view.color[1])
    run("--resume", "out", "--epochs", "2", out=None)
    assert metrics(out) == whole and json.loads((out / "config.json").read_text())["view"] == view.config()


def test_a_run_is_never_mixed_with_an_earlier_one(run):
    _, out = run(*TINY, "--epochs", "1")
    before = {path: path.read_bytes() for path in out.rglob("*.np*")}
    with pytest.raises(SystemExit, match="FileExistsError: out holds an earlier run: go on with --resume"):
        run(*TINY, "--epochs", "1", "--seed", "1")
    assert {path: path.read_bytes() for path in out.rglob("*.np*")} == before


def test_nets_of_two_sizes_share_a_cache(run):
    run(*TINY, "--epochs", "1", "--cache", "cache", out="run0")
    run(*TINY, "--epochs", "1", "--cache", "cache", "--size", "48", out="run1")
    printed, _ = run("--evaluate", "run0", "run1", "--cache", "cache", out=None)
    assert "these 2 nets together" in printed and sorted(path.name for path in Path("cache").iterdir()) == ["44", "48"]
    assert not list(Path("data").glob(".tinynet*"))


def test_a_rate_that_is_too_large_is_reported(run):
    with pytest.raises(SystemExit, match="Diverged: epoch 1, batch .: .*smaller learning rate may help"):
        run(*TINY, "--lr", "1e30")


def test_squares_that_were_damaged_are_reported(run, data):
    run(*TINY, "--epochs", "1")
    squares, = (data / ".tinynet-44").glob("train-*/images.jpegs")
    content = bytearray(squares.read_bytes())
    content[len(content) // 2] ^= 0xff
    squares.write_bytes(content)
    with pytest.raises(SystemExit, match="^DataError: .*is damaged: delete this folder, and it is made again.$"):
        run(*TINY, "--epochs", "1", out="other")


def wrong(data, what):
    """Spoil the photographs, and say what is to be complained about."""
    if what == "no folder":
        shutil.rmtree(data)
        return "expected folders of photographs train/<class>/ and val/<class>/, got no train and no val"
    if what == "empty":
        (data / "train" / "d").mkdir()
        return "expected images in the folder of every class, got none in d"
    if what == "one class":
        for name in "train/b", "train/c", "val/b", "val/c":
            shutil.rmtree(data / name)
        return "expected at least two classes, a folder for each, got only a"
    if what == "unknown class":
        photographs(data / "val", {"d": 1})
        return "expected folders of the 3 classes of the training set, got also d"
    (data / "val" / "a" / "0.bmp").write_text("no image")
    return "got 1 files of 6 that cannot be read"


@pytest.mark.parametrize("what", ["no folder", "empty", "one class", "unknown class", "no image"])
def test_wrong_photographs(run, data, what):
    message = wrong(data, what)
    with pytest.raises(SystemExit, match=f"DataError: .*{message}"):
        run(*TINY)
    assert not Path("out").exists()
    if what == "no image":
        assert "5 test images" in run(*TINY, "--epochs", "1", "--skip-unreadable", out="other")[0]


@pytest.mark.parametrize("arguments, message", [
    (("--crop", "300"), "--crop: expected 1 to 256 pixels, the --size of the images, got 300"),
    (("--lr", "nan"), "--lr: expected a number above 0, got nan"),
    (("--width", "0"), "--width: expected a number above 0, got 0"),
    (("--workers", "-2"), "--workers: expected a whole number, 0 or more, got -2"),
    (("--epochs", "0"), "--epochs: expected a whole number, 1 or more, got 0"),
    (("--batch", "0"), "--batch: expected a whole number, 1 or more, got 0"),
    (("--steps", "5", "3"), "--steps: expected epochs in ascending order, got [5, 3]"),
    (("--steps", "1"), "--steps: expected a whole number, 2 or more, got 1"),
    (("--jitter", "250", "240"), "--jitter: expected sizes from 224, the --crop, to 4096, the smaller first, got"),
    (("--jitter", "200", "240"), "--jitter: expected sizes from 224"),
    (("--jitter", "256", "5000"), "--jitter: expected sizes from 224"),
    (("--warm-up", "2"), "--warm-up: it leads up to the rate that --scale-rate gives: add --scale-rate BATCH"),
    (("--split", "test"), "--split: only --evaluate takes it; a training looks at val/ alone"),
    (("--net", "vgg-b", "--start-from", "nowhere"), "--start-from: nowhere holds no run"),
    (("--patience", "3", "--steps", "2"), "--steps: not allowed with argument --patience"),
    (("--tf32",), "--tf32: only a GPU can do so: add --device gpu"),
    (("--graph",), "--graph: only a GPU can do so: add --device gpu"),
    (("--graph", "--device", "gpu", "--accumulate", "2"), "--graph: whole steps are repeated, not the parts of"),
    (("--keep-every", "0"), "--keep-every: expected a whole number, 1 or more, got 0"),
    (("--resume", "nowhere"), "nowhere holds no run: there is no config.json in it"),
    (("--fine-tune", "nowhere"), "nowhere holds no run: there is no config.json in it"),
    (("--net", "lenet5"), "invalid choice: 'lenet5'"),
    (("--size", "30", "--crop", "24"), "alexnet: images of 24x24 pixels leave a layer without pixels"),
    (("--net", "zfnet", "--columns", "2"), "--columns: zfnet has no such option"),
    (("--net", "vgg-a", "--no-lrn"), "vgg-a: changed: lrn: the net has no local response normalisation"),
    (("--without", "conv9"), "alexnet: without: what can be left out is conv1, conv2, conv3, conv4, conv5, fc6, fc7"),
    (("--dropout", "1"), "--dropout: expected a number, 0 or more and below 1, got 1"),
    (("--decay", "-1"), "--decay: expected a number, 0 or more, got -1"),
    (("--momentum", "x"), "--momentum: expected a number, 0 or more and below 1, got x"),
    (("--bias", "nan"), "--bias: expected a finite number, got nan"),
    (("--recipe", "zfnet", "--jitter", "256", "300"), "--jitter: its crops are from anywhere: --crops random, not ten"),
])
def test_senseless_options_are_refused(run, capsys, arguments, message):
    with pytest.raises(SystemExit):
        run(*arguments)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments, message", [
    (("--classes", "4"), "ValueError: first_classes: expected 2 to 3 classes"),
    (("--evaluate", "nowhere"), "FileNotFoundError: nowhere holds no run"),
])
def test_what_cannot_be_done_is_said_before_the_training(run, arguments, message):
    with pytest.raises(SystemExit, match=message):
        run(*TINY, *arguments)


def test_fine_tuning_a_net_of_another_shape_names_what_does_not_fit(run):
    run(*TINY, "--epochs", "1", out="first")
    with pytest.raises(SystemExit, match="best.npz does not fit this net:\n  conv1.W: expected shape"):
        run("--fine-tune", "first", "--width", "0.1")


def test_without_a_gpu_it_says_so(run, monkeypatch):
    def missing(index, tf32):
        raise RuntimeError("there is no GPU")
    monkeypatch.setattr("tinynet.commands.together.gpu", missing)
    with pytest.raises(SystemExit, match="RuntimeError: there is no GPU"):
        run(*TINY, "--device", "gpu")
    assert not Path("out").exists()


@pytest.mark.parametrize("arguments", ["--resume", "--evaluate", "--epochs 1 --out new --fine-tune"])
def test_a_config_with_something_else_in_it_ends_in_a_line_or_well(run, tmp_path, capsys, arguments):
    run(*TINY, "--epochs", "1")
    ends = []
    for _ in mutants(tmp_path / "out/config.json", MUTANTS):
        shutil.rmtree(tmp_path / "new", ignore_errors=True)
        try:
            run(*arguments.split(), "out", out=None)
            ends.append("well")
        except SystemExit as end:
            ends.append("a line")
            said = capsys.readouterr().err if end.code == 2 else str(end)
            assert re.search(r"config.json|train-imagenet: error: |Error: |Diverged: ", said)
    assert "a line" in ends


def test_a_second_process_is_refused_before_it_writes(run, tmp_path):
    locks = pytest.importorskip("tinynet.files.locks")
    if locks.fcntl is None:
        pytest.skip("no locks here")
    (tmp_path / "out").mkdir()
    other = locks.Lock(tmp_path / "out")
    other.take()
    with pytest.raises(SystemExit, match="BlockingIOError: .*another process trains in this folder: wait until"):
        run(*TINY)
    assert os.listdir(tmp_path / "out") == []
    other.release()


def test_the_command_to_go_on_with_is_quoted(run, tmp_path, capsys, monkeypatch):
    def train(*args, **kwargs):
        raise KeyboardInterrupt
    monkeypatch.setattr(imagenet_run, "train", train)
    with pytest.raises(SystemExit, match="130"):
        run(*TINY, "--cache", "my cache", out="my run")
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("stopped; go on with: python -m tinynet train-imagenet ")
    assert shlex.split(said)[-4:] == ["--cache", "my cache", "--resume", "my run"]


def test_ranks_with_gpus_want_nets_that_keep_to_theirs():
    def gpu(index):
        device = Gpu.__new__(Gpu)
        device.name, device.index = f"gpu({index})", index
        return device

    two, several, alone = build("alexnet", width=0.05), SimpleNamespace(size=4), SimpleNamespace(size=1)
    gpus = [gpu(index) for index in range(4)]
    for name, p in two.parameters():
        p.device = gpus[".right." in name]
    for rank, other in (0, 1), (1, 0), (3, "0), gpu(1"):
        with pytest.raises(ValueError, match=re.escape(f"a GPU of its own, gpu({rank}) here; its two columns are on "
                                                       f"gpu({other}), too, which other ranks have: give --columns 1")):
            expect_own_gpu(two, gpus[rank], several)
        expect_own_gpu(two, gpus[rank], alone)
    for _, p in two.parameters():
        p.device = gpu(2)                                                         # or two streams of it
    expect_own_gpu(two, gpus[2], several)
    expect_own_gpu(build("alexnet", width=0.05), cpu, several)
