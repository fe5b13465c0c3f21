"""A tiny training in a run's folder, for tests and for the programs that they start: a net of 67 parameters."""
from __future__ import annotations

import numpy as np

from tinynet import SGD, Dropout, Flatten, Linear, ReLU, Sequential
from tinynet.data import Loader, Split
from tinynet.training.run import Run
from tinynet.training.schedule import Steps
from tinynet.training.train import train

CONFIG = {"seed": 0, "batch_size": 8, "epochs": 3, "rates": (0.1, 0.01)}


def parts(seed=0):
    rng = np.random.default_rng(seed)
    images = np.random.default_rng(7).normal(size=(20, 2, 2, 1)).astype(np.float32)
    net = Sequential(flat=Flatten(), fc1=Linear(4, 8, rng=rng), relu1=ReLU(), drop=Dropout(rng=rng),
                     fc2=Linear(8, 3, rng=rng))
    return net, SGD(net.parameters(), 0.1), Loader(Split(images, np.arange(20) % 3), 8, rng), Steps(0.1, at=(3,))


def go(folder, epochs=3, seed=0, hook=None, config=CONFIG, validate=None, **options):
    """A run of three batches an epoch; `hook(net, at)` is called before the run's own after each batch."""
    net, sgd, loader, schedule = parts(seed)
    with Run(folder, config, **options) as run:
        at = run.start(net, sgd, loader, schedule)

        def on_batch(at):
            if hook:
                hook(net, at)
            run.on_batch(at)
        train(net, sgd, loader, epochs, progress=at, schedule=schedule, validate=validate, on_batch=on_batch,
              on_epoch=run.on_epoch)
    return net, at
