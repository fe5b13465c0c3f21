"""A training that is killed again and again (SIGKILL: no time to clean up) ends as if nothing had ever happened."""
from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

KILLS, EPOCHS = 20, 25

TRAINING = f"""
import os
import sys
import time
from pathlib import Path
import numpy as np
from tinynet import SGD, Dropout, Flatten, Linear, ReLU, Sequential, set_threads
from tinynet.look import curves
from tinynet.training import run
from tinynet.data import Loader, Split, View
from tinynet.training.schedule import WhenStuck
from tinynet.training.train import train

set_threads(1)
curves.draw_training = lambda path, records: None                # matplotlib takes longer to import than all the rest
os.fsync = lambda file: time.sleep(0.003)                       # a disk that is always as slow: many kills hit a write
folder = Path(sys.argv[1])
data = np.random.default_rng(0)
images, labels = data.integers(0, 256, (50, 10, 10, 1), dtype=np.uint8), data.integers(0, 4, 50)

rng = np.random.default_rng(1)
net = Sequential(flat=Flatten(), fc1=Linear(64, 32, rng=rng), relu1=ReLU(), drop=Dropout(rng=rng),
                 fc2=Linear(32, 4, rng=rng))
sgd, schedule = SGD(net.parameters(), 0.1), WhenStuck(0.01, patience=3, times=99)
loader = Loader(Split(images, labels), 8, rng, View(128, scale=64, crop=8, mirror=True).train, workers=2)
with run.Run(folder, {{}}, resume=(folder / "config.json").exists(), keep_every=5, minutes=0) as folder:
    at = folder.start(net, sgd, loader, schedule)
    print("started", flush=True)
    train(net, sgd, loader, {EPOCHS}, progress=at, schedule=schedule, on_batch=folder.on_batch,
          on_epoch=folder.on_epoch)
"""


def start(folder):
    return subprocess.Popen([sys.executable, "-W", "error", "-c", TRAINING, str(folder)], stdout=subprocess.PIPE)


def finish(process):
    process.communicate()
    assert process.returncode == 0


def metrics(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [{**json.loads(line), "images_per_second": 0, "waited": 0} for line in lines]


def assert_same_files(folder, other):
    """All checkpoints: the same arrays, and the same rest but for times."""
    names = sorted(os.listdir(other / "checkpoints"))
    assert sorted(os.listdir(folder / "checkpoints")) == names and len(names) == 2 + EPOCHS // 5
    for name in names:
        with np.load(folder / "checkpoints" / name) as first, np.load(other / "checkpoints" / name) as second:
            assert first.files == second.files
            for array in set(first.files) - {"training/rest"}:
                np.testing.assert_array_equal(first[array], second[array], f"{name}: {array}")
            rests = [json.loads(file["training/rest"].item()) for file in (first, second)]
        for rest in rests:
            del rest["progress"]                                # its history is in metrics.jsonl
        assert rests[0] == rests[1], name


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL is POSIX")
def test_killed_twenty_times_it_ends_the_same(tmp_path):
    began = time.perf_counter()
    whole = start(tmp_path / "whole")
    whole.stdout.readline()                                     # "started"
    training = time.perf_counter()
    finish(whole)
    training = time.perf_counter() - training

    delays, killed, torn, runs = random.Random(0), 0, 0, [tmp_path / "run 0"]
    while killed < KILLS:
        process = start(runs[-1])
        if delays.random() < 0.9:                               # else while it starts or restores
            process.stdout.readline()
        time.sleep(delays.uniform(0, 1.4 * training / KILLS))
        if process.poll() is None:
            process.kill()
            process.communicate()
            killed += 1
            torn += any(path.name.startswith(".") for path in runs[-1].rglob("*"))
        else:                                                   # sooner than we thought: on to another one
            finish(process)
            runs.append(tmp_path / f"run {len(runs)}")
    finish(start(runs[-1]))
    for run in runs:
        assert metrics(run) == metrics(tmp_path / "whole")
        assert_same_files(run, tmp_path / "whole")
    assert torn
    assert len(metrics(run)) == EPOCHS and len({record["lr"] for record in metrics(run)}) > 1
    print(f"{torn} of {killed} kills fell into the writing of a file; {time.perf_counter() - began:.0f} s")
