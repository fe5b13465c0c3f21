"""What averaging costs: AlexNet on 1, 2 and 4 ranks of one thread each, which this starts under mpiexec.

    python benchmarks/ranks.py                       64 images a rank, as many steps of each kind as --repeat says
    python benchmarks/ranks.py --ranks 2 --net 80sec --batch 128 --json times.json

Each number of ranks takes a step in three ways, in turns: every rank for itself, so that only the cores and the memory
are shared; with the gradients summed when backward is over; and with each bucket summed while backward computes the
next. "not hidden" is by how much longer than the first the last one takes, in parts of its own time. More ranks than
cores take turns on them: then nothing can hide. Bytes are those that a rank gives away to be summed, in each step.
"""
from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from tinynet import SGD, SoftmaxCrossEntropy
from tinynet.distributed import ALONE, Alone, Ranks, ranks
from tinynet.models.catalogue import build
from tinynet.training.mean import Mean

NETS = {"alexnet": ("alexnet", {"columns": 1}, (224, 224, 3), 1000), "80sec": ("cifar-80sec", {}, (32, 32, 3), 10)}
WAYS = ("each for itself", "summed afterwards", "summed meanwhile")
ONE_THREAD = {"TINYNET_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}  # a container's only user


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    if args.measure:
        return measure(args)
    found = {}
    print(f"{args.net}, {args.batch} images a rank, one thread each, {os.cpu_count()} cores; load average "
          f"{os.getloadavg()[0]:.2f}; medians of {args.repeat} steps\n")
    print("| ranks | " + " | ".join(WAYS) + " | not hidden | MB a step |\n|---:|" + "---:|" * 5)
    for n in args.ranks:
        found[n] = started(args, n)
        seconds = [median(found[n]["seconds"][way]) for way in WAYS]
        print(f"| {n} | " + " | ".join(f"{1e3 * s:,.0f} ms" for s in seconds)
              + f" | {1 - seconds[0] / seconds[2]:.0%} | {found[n]['bytes'] / 1e6:.1f} |", flush=True)
    if args.json:
        Path(args.json).write_text(json.dumps({"net": args.net, "batch": args.batch, "found": found}) + "\n")


def started(args: argparse.Namespace, n: int) -> dict:
    """What n ranks measure, under mpiexec."""
    mpiexec = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if mpiexec is None:
        sys.exit('there is no mpiexec: pip install "tinynet-papers[mpi]"')
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        subprocess.run([mpiexec, "--oversubscribe", "--bind-to", "none", "-n", str(n), sys.executable, __file__,
                        "--measure", str(file), "--net", args.net, "--batch", str(args.batch), "--repeat",
                        str(args.repeat)], env={**os.environ, **ONE_THREAD, **AS_ROOT}, check=True)
        return json.loads(file.read_text())


def measure(args: argparse.Namespace) -> None:
    """On one of the ranks: all ways take turns; of each step, the time of the slowest rank."""
    team = ranks()
    name, settings, shape, classes = NETS[args.net]
    net, rng = build(name, rng=np.random.default_rng(0), **settings), np.random.default_rng(team.rank)
    x = rng.normal(size=(args.batch, *shape)).astype(np.float32)
    labels, sgd = rng.integers(0, classes, args.batch), SGD(net.parameters(), 1e-6)
    means = {WAYS[0]: Mean(net, sgd), WAYS[1]: Mean(net, sgd, 1, team, overlap=False), WAYS[2]: Mean(net, sgd, 1, team)}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(args.repeat + 1):
        for way, mean in means.items():
            team.gather(None)                          # all begin together
            began = time.perf_counter()
            step(net, sgd, mean, x, labels, ALONE if way == WAYS[0] else team)
            slowest, = team.most(time.perf_counter() - began)
            if turn:                                   # the first one allocates
                seconds[way].append(slowest)
    sent = means[WAYS[2]].buckets.sent / (args.repeat + 1) if team.size > 1 else 0
    if team.rank == 0:
        Path(args.measure).write_text(json.dumps({"seconds": seconds, "bytes": sent}))


def step(net, sgd: SGD, mean: Mean, x: np.ndarray, labels: np.ndarray, team: Ranks | Alone) -> None:
    loss = SoftmaxCrossEntropy()
    with mean.of(len(x), len(x) * team.size):
        for some, their in mean.parts(x, labels):
            mean.count(loss.forward(net.forward(some, train=True), their), None)
            mean.backward(loss.backward())
    sgd.step()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4], metavar="N")
    parser.add_argument("--net", choices=tuple(NETS), default="alexnet")
    parser.add_argument("--batch", type=int, default=64, help="images of each rank (default: 64)")
    parser.add_argument("--repeat", type=int, default=5, help="steps of each kind (default: 5)")
    parser.add_argument("--json", help="write all times to this file")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
