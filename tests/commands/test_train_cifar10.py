"""The main job on a handful of images: every option runs, and says and writes what it promises."""
import json
import os
import shlex
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinynet import SGD, cpu
from tinynet.commands import cifar10_figure, cifar10_net, cifar10_run
from tinynet.commands import train_cifar10 as command
from tinynet.data import Dataset, Loader, Split, View
from tinynet.data.augment import color_components
from tinynet.models.cifar import RECIPES
from tinynet.training.diverged import Diverged
from tinynet.training.evaluate import load_net, probabilities
from tinynet.training.metrics import top_k_error
from tinynet.training.run import Run
from tinynet.training.train import train


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the command with arguments on 40 random images; returns what it printed, and the folder it wrote to."""
    rng = np.random.default_rng(0)
    splits = [Split(rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), np.arange(n) % 10) for n in (40, 20)]
    names = tuple("abcdefghij")
    monkeypatch.setattr(command, "cifar10_sample", lambda: Dataset(*splits, names, "forty random images"))
    monkeypatch.setattr(command, "cifar10", lambda root: Dataset(*splits, names, f"all of it, in {root}"))
    monkeypatch.setattr(cifar10_figure, "RATES", (0.001, 0.01))
    monkeypatch.setattr("tinynet.look.curves.draw_training", lambda path, records: None)  # longer than the epochs,
    monkeypatch.setattr("os.fsync", lambda file: None)                              # and so does a busy disk

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["train_cifar10.py", "--out", str(tmp_path / "out"), *arguments])
        command.main()
        return capsys.readouterr().out, tmp_path / "out"
    run.command = command
    return run


@pytest.mark.parametrize("init", cifar10_figure.BEST)
def test_the_default_rates_are_the_best_of_the_committed_sweeps(init):
    sweep = json.loads((Path(__file__).parents[2] / f"examples/results/sweep-{init}.json").read_text())
    best = [min(runs, key=lambda rate, runs=runs: cifar10_figure.rank(runs[rate])) for runs in sweep.values()]
    assert (list(sweep), tuple(map(float, best))) == (["relu", "tanh"], cifar10_figure.BEST[init])


def test_a_published_net_with_something_changed(run, monkeypatch):
    sgds, told = [], []
    monkeypatch.setattr(cifar10_net, "SGD", lambda *args: sgds.append(args) or SGD(*args))
    monkeypatch.setattr(cifar10_net, "train", lambda *args, **how: told.append(how) or train(*args, **how))
    _, out = run("--net", "18pct", "--no-lrn", "--pool", "2", "--width", "0.5", "--decay", "0", "--momentum", "0.5",
                 "--epochs", "2", "--keep-every", "1", "--accumulate", "2")
    assert sgds[0][2:] == (0.5, 0.0) and told[0]["accumulate"] == 2
    trained = load_net(out)
    assert "norm1" not in trained.net.layers and trained.net["conv1"].out_channels == 16
    assert trained.net["pool3"].kernel_size == (2, 2)
    assert trained.config["settings"] == {"width": 0.5, "lrn": False, "pool": 2}
    assert {path.name for path in (out / "18pct/checkpoints").iterdir()} >= {"epoch-0001.npz", "epoch-0002.npz"}
    assert trained.view.color is None
    _, out = run("--net", "13pct", "--no-mirror", "--crops", "center", "--color-noise", "--epochs", "1",
                 "--out", str(out) + "13")
    view, train_images = load_net(str(out) + "13").view, run.command.cifar10_sample().train.images
    assert (view.mirror, view.crops, view.crop) == (False, "center", 24)
    for found, expected in zip(view.color, color_components(train_images), strict=True):
        np.testing.assert_allclose(found, expected)


def metrics(out):
    """The records of all trainings in a folder, without times."""
    lines = [line for file in sorted(out.rglob("metrics.jsonl")) for line in file.read_text().splitlines()]
    return [{**json.loads(line), "images_per_second": 0, "waited": 0} for line in lines]


@pytest.mark.parametrize("init", ["2012", "fan-in"])
def test_the_figure(run, init):
    printed, out = run("--epochs", "2", "--init", init)
    assert "data: forty random images" in printed
    assert "too early for a factor (the paper's Figure 1: 6)" in printed    # nothing is learnt in two steps
    relu, tanh = cifar10_figure.BEST[init]
    assert sorted(file.name for file in out.iterdir()) == ["config.json", f"relu-{relu:g}", "relu_vs_tanh.png",
                                                           f"tanh-{tanh:g}"]
    records = metrics(out)
    assert [(r["net"], r["epoch"]) for r in records] == [("relu", 1), ("relu", 2), ("tanh", 1), ("tanh", 2)]
    assert [records[0]["lr"], records[2]["lr"]] == list(cifar10_figure.BEST[init])
    assert all(0 <= share <= 1 for record in records for share in record["flat"].values())
    assert "tanh, epoch 2: units that stand where its slope is below 0.1: act1 " in printed
    config = json.loads((out / "config.json").read_text())
    assert config["data"] == "forty random images" and config["options"]["init"] == init


@pytest.mark.parametrize("all_in_one_file", [False, True])       # as the committed results have it
def test_the_figure_of_a_stopped_run_can_be_drawn(run, monkeypatch, capsys, all_in_one_file):
    _, out = run("--epochs", "2", "--rates", "0.1", "0.2")
    (out / "tanh-0.2/metrics.jsonl").write_text(json.dumps(metrics(out)[2]) + "\n")
    if all_in_one_file:
        (out / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in metrics(out)))
        (out / "config.json").write_text(json.dumps({"data": "forty", "init": "2012", "seed": 0}))
        shutil.rmtree(out / "relu-0.1")
        shutil.rmtree(out / "tanh-0.2")
    (out / "relu_vs_tanh.png").unlink()
    monkeypatch.setattr(sys, "argv", ["train_cifar10.py", "--draw", str(out), "--epochs", "9", "--init", "2012"])
    run.command.main()
    printed = capsys.readouterr().out
    assert "--epochs: not used, since --draw trains nothing\n" in printed
    assert "tanh has not reached 25% training error after 1 epochs" in printed
    assert (out / "relu_vs_tanh.png").exists()


def test_the_figure_is_drawn_from_the_two_trainings_of_its_rates(run, monkeypatch):
    _, out = run("--epochs", "1", "--rates", "0.1", "0.2")
    shutil.copytree(out / "relu-0.1", out / "relu-0.3")              # as versions before left it, if told other rates
    drawn = []
    monkeypatch.setattr(cifar10_figure, "draw_relu_vs_tanh", lambda path, *curves, **_: drawn.append(curves))
    cifar10_figure.draw(out)
    (relu, tanh), = drawn
    assert len(relu) == len(tanh) == 1


@pytest.mark.parametrize("arguments, told", [
    (["--sweep", "0.01"], r"net 'sample', sweep \[0.01\]"), (["--net", "80sec"], "net '80sec', sweep None")])
def test_a_run_without_a_figure_is_not_drawn(run, monkeypatch, arguments, told):
    _, out = run("--epochs", "1", *arguments)
    with pytest.raises(SystemExit, match="^DataError: .*config.json: expected a run of the figure, --net sample "
                                         f"without --sweep, got {told}. Name another run.$"):
        run.command.main(["--draw", str(out)])
    assert not (out / "relu_vs_tanh.png").exists()


def test_the_result_in_one_sentence(run, monkeypatch):
    curves = {"relu": [0.5, 0.25, 0.2, 0.1], "tanh": [0.6, 0.5, 0.4, 0.3]}

    def measured(args, data, out, name, rate, epochs):
        with open(out / "metrics.jsonl", "a") as file:
            for i, error in enumerate(curves[name]):
                file.write(json.dumps({"net": name, "epoch": i + 1, "lr": rate, "train_error": error}) + "\n")

    monkeypatch.setattr(cifar10_figure, "run_until_level", measured)
    printed, _ = run()
    assert ("ReLU reaches 25% training error after 2.0 epochs, tanh has not reached 25% training error after 4 epochs "
            "(it is at 30.0%): a factor of more than 2.0 (the paper's Figure 1: 6).") in printed


def test_a_net_stops_two_epochs_past_the_level(run, monkeypatch):
    monkeypatch.setattr(cifar10_figure, "LEVEL", 1.0)   # reached in the first epoch
    _, out = run("--epochs", "9")
    assert len(metrics(out)) == 2 * 3
    run("--resume", str(out))                        # there is nothing left to do
    assert len(metrics(out)) == 2 * 3


def test_the_same_seed_gives_the_same_run(run):
    curves = []
    for seed in "0", "0", "1":
        _, out = run("--epochs", "2", "--rates", "0.01", "0.01", "--seed", seed)
        curves.append([record["train_loss"] for record in metrics(out)])
        shutil.rmtree(out)
    assert curves[0] == curves[1] != curves[2]


def test_the_sweep_prints_and_keeps_its_table(run):
    printed, out = run("--sweep", "--epochs", "1")
    assert printed.count("<- best") == 2 and "relu    0.01       more than 1" in printed
    table = json.loads((out / "sweep-2012.json").read_text())
    assert list(table) == ["relu", "tanh"] and list(table["tanh"]) == ["0.001", "0.01"]


def test_a_rate_at_which_a_net_diverges_is_not_the_best_of_a_sweep(run, monkeypatch):
    monkeypatch.setattr(cifar10_figure, "LEVEL", 0.0)                                   # none comes there
    printed, out = run("--sweep", "1e20", "1e-12", "--epochs", "2")
    table = json.loads((out / "sweep-2012.json").read_text())
    assert len(table["relu"]["1e+20"]) == 1                                             # an epoch was over before
    found, other = (line.split() for line in printed.splitlines() if line.startswith("relu  "))
    assert found[1:] == ["1e+20", "more", "than", "1", "diverged"]
    assert other[:1] + other[-2:] == ["relu", "<-", "best"]
    assert cifar10_figure.rank([0.9, 0.5], True) > cifar10_figure.rank([0.9, 0.8]) > cifar10_figure.rank([0.7])


def test_a_learning_rate_that_is_too_large_is_reported_and_the_job_goes_on(run):
    printed, out = run("--epochs", "3", "--rates", "1e20", "0.001")
    assert "relu, learning rate 1e+20: epoch 2, batch 1: the net's scores hold NaN or infinity: " in printed
    assert [record["net"] for record in metrics(out)] == ["relu"] + 3 * ["tanh"]
    assert (out / "relu_vs_tanh.png").exists()


@pytest.mark.parametrize("net", RECIPES)
def test_a_published_net(run, net):
    printed, out = run("--net", net, "--epochs", "1", "--data", "full", "--root", "somewhere")
    assert "data: all of it, in somewhere" in printed and f"{net}  epoch   1  loss " in printed
    assert f"test error of {net}: top-1 " in printed and "published: " in printed
    assert (out / "confusion.png").exists() and np.load(out / "mean.npy").shape == (32, 32, 3)
    for folder in out, out / net:                    # the net of the end, and the best
        trained = load_net(folder)
        assert trained.classes == tuple("abcdefghij") and trained.config["options"]["data"] == "full"
        assert trained.view.config() == View(np.load(out / "mean.npy"), RECIPES[net].scale, RECIPES[net].crop,
                                             RECIPES[net].crop is not None, pad=RECIPES[net].pad).config()
    test = run.command.cifar10(None).test
    error = top_k_error(load_net(out).probabilities(test, ten=RECIPES[net].ten), test.labels)
    assert f"test error of {net}: top-1 {error:.1%}" in printed
    assert metrics(out)[-1]["test_error"] == top_k_error(load_net(out).probabilities(test), test.labels)


@pytest.mark.parametrize("options, expected", [
    (("18pct", "--pad", "4"), (32, 4, True)), (("nin", "--pad", "2", "--no-mirror"), (32, 2, False)),
    (("resnet20", "--pad", "3"), (32, 3, True)), (("18pct",), (None, 0, False))])
def test_crops_and_mirror_images_where_the_recipe_shows_whole_images(run, options, expected):
    printed, out = run("--net", *options, "--epochs", "1")
    trained, test = load_net(out), run.command.cifar10(None).test
    assert (trained.view.crop, trained.view.pad, trained.view.mirror) == expected
    error = top_k_error(trained.probabilities(test), test.labels)                    # of whole images
    assert f"test error of {options[0]}: top-1 {error:.1%}" in printed


def test_a_recipe_may_be_shortened(run):
    _, out = run("--net", "80sec", "--stages", "2", "1")
    assert [record["lr"] for record in metrics(out)] == [1e-3, 1e-3, 1e-4]
    assert json.loads((out / "config.json").read_text())["options"]["stages"] == [2, 1]


@pytest.mark.parametrize("net, views", [("13pct", [1, 1, 1, 10]), ("18pct", [1, 1, 1, 1])])
def test_ten_views_are_for_the_end(run, monkeypatch, net, views):
    seen = []                                        # after each epoch and at the end, how often each image
    monkeypatch.setattr(cifar10_net, "probabilities",
                        lambda *args, ten: seen.append(10 if ten else 1) or probabilities(*args, ten=ten))
    run("--net", net, "--epochs", "3")
    assert seen == views


def test_a_recipe_with_padded_crops_is_tested_on_whole_images(run, monkeypatch):
    monkeypatch.setitem(RECIPES, "80sec", RECIPES["80sec"]._replace(crop=32, pad=4))
    printed, out = run("--net", "80sec", "--epochs", "1")
    trained, test = load_net(out), run.command.cifar10(None).test
    assert trained.view.pad == 4 and trained.view.mirror
    assert f"test error of 80sec: top-1 {top_k_error(trained.probabilities(test), test.labels):.1%}" in printed


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_the_nets_of_the_figure_can_be_loaded(run, name):
    _, out = run("--epochs", "1", "--rates", "0.01", "0.01")
    trained = load_net(out / f"{name}-0.01")
    assert type(trained.net["act1"]).__name__.lower() == name and trained.view.mean.shape == (32, 32, 3)


def test_two_nets_see_the_images_in_the_same_order(run, monkeypatch):
    orders = []

    class Noted(Loader):
        def epoch(self, skip=0):
            orders.append(self.rng.bit_generator.state["state"])
            return super().epoch(skip)
    monkeypatch.setattr(cifar10_run, "Loader", Noted)
    for net, seed in ("sample", "0"), ("80sec", "0"), ("13pct", "0"), ("80sec", "1"):
        _, out = run("--net", net, "--epochs", "1", "--seed", seed)
        shutil.rmtree(out)
    assert len(orders) == 5 and all(order == orders[0] for order in orders[:4])
    assert orders[4] != orders[0]                    # of another seed


def test_ctrl_c_ends_with_a_message(run, monkeypatch, tmp_path, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt
    monkeypatch.setattr(cifar10_figure, "train", interrupted)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="130"):
        run("--out", "my run")
    assert ("\nstopped; go on with: python -m tinynet train-cifar10 --resume 'my run'\n") in capsys.readouterr().out


def test_several_ranks_are_gone_on_with_by_as_many():
    args = SimpleNamespace(root=None, ranks=SimpleNamespace(size=4))
    assert cifar10_run.how_to_resume(args, Path("out")) == ("go on with: mpiexec -n 4 python -m tinynet train-cifar10 "
                                                            "--resume out")


def test_the_figure_takes_small_batches(run, monkeypatch):
    told = []

    def train(*args, **how):
        told.append(how["accumulate"])
        raise Diverged("that is enough")
    monkeypatch.setattr(cifar10_figure, "train", train)
    run("--epochs", "1", "--accumulate", "3", "--sweep", "0.1")
    assert told == [3, 3]


@pytest.mark.parametrize("net, module", [("sample", cifar10_figure), ("80sec", cifar10_net)])
def test_a_gpu_repeats_its_steps_if_it_is_told_to(run, monkeypatch, net, module):
    told = []
    monkeypatch.setattr(module, "train", lambda *args, graph, **how: told.append(graph) or train(*args, **how))
    with monkeypatch.context() as patched:
        patched.setattr("tinynet.commands.together.gpu", lambda index, tf32: cpu)
        _, out = run("--net", net, "--device", "gpu", "--graph", "--epochs", "1")
        assert set(told) == {True}
        told.clear()
        run("--resume", str(out), "--no-graph", "--epochs", "2")
        assert set(told) == {False}
    told.clear()
    run("--resume", str(out), "--device", "cpu", "--epochs", "3")  # and goes on on a CPU
    assert set(told) == {None}


def test_a_run_of_a_gpu_with_tf32_goes_on_on_the_cpu(run, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("tinynet.commands.together.gpu", lambda index, tf32: cpu)
        _, out = run("--device", "gpu", "--tf32", "--epochs", "1")
        run("--resume", str(out), "--tf32")
    run("--resume", str(out), "--device", "cpu", "--epochs", "2")
    assert len(metrics(out)) == 2 * 2


def stop_in(monkeypatch, epoch, net=""):
    """Ctrl-C in this epoch, of the training in the folder whose name begins so."""
    def on_batch(self, at, on_batch=Run.on_batch):
        if at.epoch == epoch and self.folder.name.startswith(net):
            signal.raise_signal(signal.SIGINT)
        on_batch(self, at)
    monkeypatch.setattr(Run, "on_batch", on_batch)


def test_the_command_that_is_printed_goes_on_with_all_that_was_said(run, monkeypatch, capsys):
    with monkeypatch.context() as patched:
        stop_in(patched, 2)
        with pytest.raises(SystemExit, match="130"):
            run("--net", "80sec", "--epochs", "3", "--data", "full", "--root", "my root", "--keep-every", "1")
    said = shlex.split(capsys.readouterr().out.splitlines()[-1].rpartition("train-cifar10 ")[2])
    assert said[:2] == ["--root", "my root"]
    run.command.main(said)
    assert "data: all of it, in my root\n" in capsys.readouterr().out
    kept = Path(said[-1], "80sec/checkpoints").glob("epoch-*.npz")
    assert sorted(path.stem for path in kept) == ["epoch-0001", "epoch-0002", "epoch-0003"]


def test_what_resume_was_told_is_told_to_the_resume_after_it(run, monkeypatch):
    _, out = run("--net", "80sec", "--epochs", "1")
    with monkeypatch.context() as patched:
        stop_in(patched, 3)
        with pytest.raises(SystemExit, match="130"):
            run("--resume", str(out), "--epochs", "4", "--keep-every", "2")
    assert load_net(out).config["options"]["epochs"] == 4            # which is still the net of the first time
    printed, _ = run("--resume", str(out))
    assert "parameters, 4 epochs" in printed and len(metrics(out)) == 4
    assert (out / "80sec/checkpoints/epoch-0004.npz").exists()


@pytest.mark.parametrize("arguments, stopped_in", [
    (["--epochs", "3"], "tanh"), (["--epochs", "3"], "relu"), (["--net", "80sec", "--epochs", "3"], "80sec"),
    (["--sweep", "0.01", "0.001", "--epochs", "2"], "relu-0.001")])
def test_a_run_that_was_stopped_goes_on(run, monkeypatch, tmp_path, arguments, stopped_in):
    run(*arguments)
    whole = metrics(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    with monkeypatch.context() as patched:
        stop_in(patched, 2, stopped_in)
        with pytest.raises(SystemExit, match="130"):
            run(*arguments)
    assert len(metrics(tmp_path / "out")) < len(whole)
    monkeypatch.chdir(tmp_path)
    run("--resume", "out")                           # with the options that are in the folder
    assert metrics(tmp_path / "out") == whole


def test_what_cannot_be_resumed_is_said(run, monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("--resume", str(tmp_path / "nothing"))
    assert "nothing holds no run that could be resumed" in capsys.readouterr().err
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text(json.dumps({"init": "2012"}))
    with pytest.raises(SystemExit):
        run("--resume", str(tmp_path / "old"))
    assert "old holds no run that could be resumed" in capsys.readouterr().err
    _, out = run("--epochs", "1")
    with pytest.raises(SystemExit, match="ValueError: .* is another run than .*:\n  options.seed: now 5"):
        run("--resume", str(out), "--seed", "5")


@pytest.mark.parametrize("first, then, message", [
    (["--rates", "1", "2"], ["--rates", "3", "2"], r"options.rates: now \[3.0, 2.0\], the run has \[1.0, 2.0\]"),
    ([], ["--sweep", "0.1"], r"options.sweep: now \[0.1\], the run has None"),
    (["--net", "80sec"], ["--net", "18pct"], "options.net: now '18pct', the run has '80sec'"),
    (["--net", "80sec"], ["--data", "full"], "data: now 'all of it, in None', the run has 'forty random images'")])
def test_a_run_does_not_go_on_as_another(run, first, then, message):
    """Its trainings have other folders, and know nothing of each other."""
    def files(out):
        return {path: path.read_bytes() for path in out.rglob("*.*") if path.is_file()}
    _, out = run("--epochs", "1", *first)
    before = files(out)
    with pytest.raises(SystemExit, match=f"ValueError: .* is another run than .*:(\n.*)*  {message}"):
        run("--resume", str(out), *then)
    assert files(out) == before


@pytest.mark.parametrize("arguments, folder", [([], "relu-0.003"), (["--net", "80sec"], "80sec")])
def test_a_run_of_the_version_before_is_not_gone_on_with(run, arguments, folder):
    """There, each training's config.json had the options among its other entries."""
    _, out = run("--epochs", "1", *arguments)
    config = out / folder / "config.json"
    before = json.loads(config.read_text())
    config.write_text(json.dumps({"data": before["data"], **before["options"], "environment": {"tinynet": "0.1.0"}}))
    with pytest.raises(SystemExit) as error:
        run("--resume", str(out))
    assert str(error.value) == (
        f"ValueError: {out / folder} was written by tinynet 0.1.0, and this version cannot go on with it: begin anew, "
        "in another folder, or go on with 0.1.0; net.load reads the nets in its checkpoints")


@pytest.mark.parametrize("arguments, message", [
    (["--epochs", "0"], "--epochs: expected a whole number, 1 or more, got 0"),
    (["--rates", "0.1", "-1"], "--rates: expected a number above 0, got -1"),
    (["--sweep", "nan"], "--sweep: expected a number above 0, got nan"),
    (["--sweep", "0.01", "0.1", "0.010000001"], "--sweep: expected rates that differ in their first six digits, got"),
    (["--draw", "somewhere", "--resume", "elsewhere"], "--draw: it trains nothing; leave out --resume"),
    (["--seed", "-1"], "--seed: expected a whole number, 0 or more, got -1"),
    (["--root", "there"], "--root: the bundled sample needs no folder"),
    (["--rates", "1", "1", "--sweep"], "--rates: of the figure alone; the sweep's are those that follow --sweep"),
    (["--stages", "3"], "--stages: the figure is of one net as it is; only the published nets"),
    (["--pad", "4"], "--pad: the figure is of one net as it is; only the published nets"),
    (["--net", "13pct", "--pad", "4"], "13pct: pad: its crops of 24x24 pixels lie within the images"),
    (["--net", "nin", "--pad", "32"], "nin: pad: expected 1 to 31 pixels, got 32"),
    (["--net", "18pct", "--stages", "3", "1"], "18pct: stages: expected 3 numbers of epochs, one for each ε"),
    (["--net", "80sec", "--init", "fan-in"], "--init: 80sec is trained by its own recipe"),
    (["--color-noise"], "--color-noise: the figure is of one net as it is; only the published nets"),
    (["--no-lrn"], "--no-lrn: the figure is of one net as it is; only the published nets"),
    (["--net", "80sec", "--no-lrn"], "80sec: changed: lrn: the net has no local response normalisation"),
    (["--net", "18pct", "--without", "fc10"], "18pct: without: what can be left out is conv1, conv2, conv3, as"),
    (["--net", "18pct", "--crops", "ten"], "--crops: 18pct sees whole images; --pad 4 shows crops and mirror images"),
    (["--net", "18pct", "--pad", "4", "--crops", "ten"], "--crops: 18pct's are from anywhere in padded images: random"),
    (["--net", "18pct", "--no-mirror"], "--no-mirror: 18pct never sees mirror images"),
    (["--net", "resnet20", "--crops", "ten"], "--crops: resnet20's are from anywhere in padded images"),
    (["--net", "80sec", "--rates", "1", "1"], "--rates: 80sec is trained by its own recipe"),
    (["--tf32"], "--tf32: only a GPU can do so: add --device gpu"),
    (["--graph"], "--graph: only a GPU can do so: add --device gpu"),
    (["--graph", "--device", "gpu", "--accumulate", "2"], "--graph: whole steps are repeated, not the parts of"),
])
def test_senseless_options_are_refused(run, capsys, arguments, message):
    with pytest.raises(SystemExit):
        run(*arguments)
    assert message in capsys.readouterr().err


def test_ctrl_c_before_the_training_begins(run, monkeypatch, capsys):
    def stopped():
        raise KeyboardInterrupt
    monkeypatch.setattr(run.command, "cifar10_sample", stopped)
    with pytest.raises(SystemExit, match="130"):
        run()
    assert capsys.readouterr().out == "\nstopped before the training began\n"


def test_one_training_of_a_run_is_not_a_run(run, tmp_path, capsys):
    _, out = run("--net", "80sec", "--epochs", "1")
    before = (out / "config.json").read_bytes()
    with pytest.raises(SystemExit):
        run("--resume", str(out / "80sec"))
    assert f"80sec is one training of a run; to go on with it: --resume {out}" in capsys.readouterr().err
    assert not (out / "80sec" / "80sec").exists() and (out / "config.json").read_bytes() == before
    printed, _ = run("--resume", str(out), "--epochs", "2", "--out", str(tmp_path / "new"))
    assert f"--out {tmp_path / 'new'} is not used: --resume writes to {out}" in printed
    assert not (tmp_path / "new").exists()


def test_a_config_of_another_kind_of_run_is_not_to_be_deleted(run, tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"net": "lenet5"}')
    with pytest.raises(SystemExit):
        run("--resume", str(tmp_path))
    said = capsys.readouterr().err
    assert "or that of another kind of run: name another one" in said and "delete" not in said


def test_what_cannot_be_done_is_said_at_once(run, monkeypatch, tmp_path):
    def missing(*_, **__):
        raise FileNotFoundError("no CIFAR-10 here")
    monkeypatch.setattr(run.command, "cifar10", missing)
    with pytest.raises(SystemExit, match="FileNotFoundError: no CIFAR-10 here"):
        run("--data", "full")
    with pytest.raises(SystemExit, match="FileNotFoundError: .*config.json"):
        run("--draw", str(tmp_path / "nothing"))
    monkeypatch.setattr("tinynet.commands.together.gpu", missing)
    with pytest.raises(SystemExit, match="FileNotFoundError"):
        run("--device", "gpu")
    assert not (tmp_path / "out").exists()


def test_a_run_is_never_mixed_with_an_earlier_one(run):
    run("--epochs", "1")
    with pytest.raises(SystemExit, match="FileExistsError: .*out holds an earlier run"):
        run("--epochs", "1")


BROKEN = [b"", b"{", b"[]", b"null", b"\xff", b'{"options": null}', b'{"options": []}', b'{"options": {"rates": [1]}}',
          b'{"options": {"init": "2020"}}', b'{"options": {"seed": "x"}}', b'{"options": {"data": 7}, "data": 7}',
          b'{"options": {"epochs": -1}}', b'{"options": {"init": "2012", "seed": 0, "rates": [1, "x"]}}',
          b'{"options": {"sweep": [-1]}}', b'{"view": 3}']


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_config_ends_in_a_line(run, monkeypatch, tmp_path, capsys, content):
    (tmp_path / "old").mkdir()
    (tmp_path / "old/config.json").write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["train_cifar10.py", "--resume", str(tmp_path / "old")])
    with pytest.raises(SystemExit, match="2"):
        run.command.main()
    assert "error: --" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["train_cifar10.py", "--draw", str(tmp_path / "old")])
    with pytest.raises(SystemExit, match="^DataError: .*config.json: expected "):
        run.command.main()
    assert sorted(os.listdir(tmp_path / "old")) == ["config.json"]


@pytest.mark.parametrize("record", ["3", "{}", '{"net": ["relu"], "epoch": 1, "lr": 0.1, "train_error": 0.5}',
                                    '{"net": "relu", "epoch": 1, "lr": 0.1, "train_error": 0.5, "flat": {"a": "x"}}'])
def test_broken_records_end_in_a_line(run, monkeypatch, tmp_path, record):
    _, out = run("--epochs", "1", "--rates", "0.1", "0.2")
    (out / "relu-0.1/metrics.jsonl").write_text(record + "\n")
    monkeypatch.setattr(sys, "argv", ["train_cifar10.py", "--draw", str(out)])
    with pytest.raises(SystemExit, match="^DataError: .*metrics.jsonl: expected "):
        run.command.main()


def test_options_of_a_foreign_run_do_not_lead_elsewhere(run, tmp_path):
    _, out = run("--epochs", "1")
    config = json.loads((out / "config.json").read_text())
    config["options"] |= {"out": str(tmp_path / "elsewhere"), "root": "elsewhere", "draw": "elsewhere", "func": "x"}
    (out / "config.json").write_text(json.dumps(config))
    run("--resume", str(out))
    assert not (tmp_path / "elsewhere").exists()


def test_a_second_process_is_refused_before_it_writes(run, tmp_path):
    locks = pytest.importorskip("tinynet.files.locks")
    (tmp_path / "out").mkdir()
    other = locks.Lock(tmp_path / "out")
    if locks.fcntl is None:
        pytest.skip("no locks here")
    other.take()
    with pytest.raises(SystemExit, match="BlockingIOError: .*another process trains in this folder: wait until"):
        run()
    assert os.listdir(tmp_path / "out") == []
    other.release()
    run("--epochs", "1")


def test_a_start_on_a_full_disk_can_be_made_again(run, monkeypatch, tmp_path):
    with monkeypatch.context() as patched:
        def full(path, value):
            raise OSError(28, "No space left on device", str(path))
        patched.setattr(run.command, "write_json", full)
        with pytest.raises(SystemExit, match="OSError: .*No space left on device: .*config.json"):
            run("--epochs", "1")
    printed, _ = run("--epochs", "1")
    assert "the figure: " in printed


def test_a_net_that_diverges_ends_in_a_line(run, monkeypatch):
    monkeypatch.setattr(cifar10_run, "BATCH_SIZE", 20)
    with pytest.raises(SystemExit, match="^Diverged: epoch 1, batch 2: "):
        run("--net", "80sec", "--bias", "1e30")


def test_no_memory_is_said_with_how_to_go_on(run, monkeypatch):
    def train(*args, **kwargs):
        raise MemoryError("Unable to allocate 3 TiB")
    monkeypatch.setattr(cifar10_figure, "train", train)
    with pytest.raises(SystemExit, match="^MemoryError: Unable to allocate 3 TiB; go on with: .*--resume .*out$"):
        run()
