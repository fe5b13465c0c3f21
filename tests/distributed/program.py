"""What the tests start under mpiexec: a small training, in a way that is named.

    python program.py same FILE ACCUMULATE [simulated]   train, and write rank 0's parameters and losses to FILE
    python program.py run FOLDER EPOCHS [HOW]  a run with dropout in FOLDER, gone on with if there is one; rank 1 fails
    python program.py differ WHAT              rank 1 is told something else
    python program.py validated FILE           each rank has an error of its own, by which the rate falls
    python program.py masks FILE               train without a folder, and write what each rank's dropout draws next
"""
import os
import signal
import sys
from pathlib import Path

import numpy as np

from tinynet import SGD, BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential, cpu
from tinynet.columns import Columns, Fork, Join
from tinynet.data import Loader, Split, View
from tinynet.devices.pairs import pair
from tinynet.distributed import program
from tinynet.training.run import Run
from tinynet.training.schedule import WhenStuck
from tinynet.training.train import train

MEANS = np.array([0.2, 0.1, 0.05]), np.eye(3)


def net_of(rng, drop=False):
    dropout = {"drop": Dropout(rng=rng)} if drop else {}
    half = (Conv2d(6, 4, 3, rng=rng), Conv2d(6, 4, 3, rng=rng))
    return Sequential(conv1=Conv2d(3, 6, 3, rng=rng), relu1=ReLU(), fork=Fork((cpu, cpu)), conv2=Columns(*half),
                      join=Join(cpu), pool=MaxPool2d(2), flat=Flatten(), fc1=Linear(32, 300, rng=rng), relu2=ReLU(),
                      **dropout, fc2=Linear(300, 3, rng=rng))


def parts(team, drop=False, seed=0, images=21, dtype=np.float64, batch=8):
    rng = np.random.default_rng(seed)
    pixels = np.random.default_rng(7).integers(0, 256, (images, 10, 10, 3)).astype(np.uint8)
    net = net_of(rng, drop).astype(dtype)
    view = View(100.0, 50.0, crop=8, mirror=True, color=MEANS)
    loader = Loader(Split(pixels, np.arange(images) % 3), batch, rng, lambda *a: view.train(*a).astype(dtype),
                    share=team.share)
    return net, SGD(net.parameters(), 0.01), loader


def same(team, file, accumulate, place="cpu"):
    net, sgd, loader = parts(team)                     # 21 images in batches of 8: the last one has 5
    net.to(pair(place))                                # each column has a device
    for _, p in net.parameters():                      # from where others begin does not count: rank 0's are sent
        p.value[...] += team.rank
    history = train(net, sgd, loader, 3, accumulate=int(accumulate), ranks=team)
    if team.rank == 0:
        np.savez(file, loss=[r["train_loss"] for r in history], error=[r["train_error"] for r in history],
                 norm=[r["grad_norm"] for r in history],
                 **{name: p.device.tohost(p.value) for name, p in net.parameters()})


def fail(how, net, team):
    fc1 = net["fc1"]
    if how in ("SIGKILL", "SIGTERM", "SIGINT"):
        os.kill(os.getpid(), getattr(signal, how))
    elif how == "weights":
        fc1.W.value[...] = np.nan
    elif how == "gradient":
        backward = fc1.backward
        fc1.backward = lambda *a, **k: (backward(*a, **k), fc1.W.grad.fill(np.nan))[0]
    elif how == "error":
        fc1.forward = lambda *a, **k: 1 / 0
    elif how == "exit":
        sys.exit("I leave")
    elif how == "hook":
        raise KeyError("mine")


def run(team, folder, epochs, how=""):
    net, sgd, loader = parts(team, drop=True)
    there = (Path(folder) / "config.json").exists()
    with Run(folder, {"seed": 0}, resume=there, ranks=team) as a_run:
        at = a_run.start(net, sgd, loader)

        def on_batch(at):
            if how and team.rank == 1 and (at.epoch, at.batch) == (2, 1):
                fail(how, net, team)
            a_run.on_batch(at)
        train(net, sgd, loader, int(epochs), progress=at, on_batch=on_batch, on_epoch=a_run.on_epoch, ranks=team)


def differ(team, what):
    other = {"data": {"images": 20}, "order": {"seed": 1}, "batch": {"batch": 7}}[what] if team.rank else {}
    train(*parts(team, **other), 1, ranks=team)


def validated(team, file):
    net, sgd, loader = parts(team)
    history = train(net, sgd, loader, 4, schedule=WhenStuck(0.01, patience=1), ranks=team,
                    validate=lambda: {"val_error": 0.5} if team.rank == 0 else {})
    found = team.gather(([r["lr"] for r in history], [r.get("val_error", -1) for r in history],
                         net["fc2"].W.value.ravel().tolist()))
    if team.rank == 0:
        np.savez(file, *map(np.array, zip(*found, strict=True)))


def masks(team, file):
    net, sgd, loader = parts(team, drop=True)
    train(net, sgd, loader, 1, ranks=team)
    train(net, sgd, loader, 1, ranks=team)             # goes on with what each draws
    drawn = team.gather([s.random(5) for _, s in net.state() if isinstance(s, np.random.Generator)])
    if team.rank == 0:
        np.savez(file, drawn)


def statistics(team, file):
    """A net with batch normalisation: all ranks have the same running statistics."""
    rng = np.random.default_rng(0)
    net = Sequential(conv=Conv2d(3, 4, 3, rng=rng), norm=BatchNorm2d(4), flat=Flatten(), fc=Linear(256, 3, rng=rng))
    _, _, loader = parts(team, dtype=np.float32)
    loader.transform = lambda x, rng, place: x.astype(np.float32)
    train(net, SGD(net.parameters(), 0.001), loader, 1, ranks=team)
    states = team.gather([array for _, array in net.state()])
    if team.rank == 0:
        np.savez(file, *(np.stack(each) for each in zip(*states, strict=True)))


if __name__ == "__main__":
    with program() as team:
        try:
            {"same": same, "run": run, "differ": differ, "masks": masks,
             "statistics": statistics, "validated": validated}[sys.argv[1]](team, *sys.argv[2:])
        except (RuntimeError, ValueError, OSError) as error:
            sys.exit(f"{type(error).__name__}: {error}")
