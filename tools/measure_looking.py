"""What looking inside costs, in seconds on this machine:

    python tools/measure_looking.py [CIFAR-10's folder]

    top 9         of every map of 80sec over all test images, projected and drawn; and the most memory the process had
    occlusion     of one 224x224 image through the whole AlexNet, one column, random weights: square 50, stride 8
    projection    of one activation of AlexNet's relu5 to pixels, against the forward and backward that go as far
"""
from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinynet import get_threads
from tinynet.commands.look import main as look
from tinynet.data import View
from tinynet.look.deconvnet import passed_up, project
from tinynet.look.occlusion import occlusion
from tinynet.models import build
from tinynet.training.train import say

TIMES = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", help="the folder of CIFAR-10 (default: the bundled sample)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        named = ["--data", args.data] if args.data else []
        _, seconds = timed(lambda: look(["80sec", "--top9", "--map", "all", "--out", out, *named]))
        size = sum(file.stat().st_size for file in Path(out).iterdir())
    say(f"top 9 of every map of 80sec: {seconds:.0f} s, {size / 1e6:.1f} MB of pictures, most memory {most_memory()}; "
        f"{get_threads()} threads")
    net, rng = build("alexnet", columns=1, rng=np.random.default_rng(0)), np.random.default_rng(1)
    images = rng.integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    found, seconds = timed(lambda: occlusion(net, images[0], 0, View(127.0), 50, 8, "relu5", progress=True))
    say(f"occlusion, AlexNet, {found.probability.size} places: {seconds:.1f} s")
    projections(net, images.astype(np.float32) - 127)


def projections(net: Any, x: np.ndarray) -> None:
    part = net[:"relu5"]
    dy = np.ones_like(part.forward(x))
    whole = min(timed(lambda: project(net, x, "relu5", 3))[1] for _ in range(TIMES))
    up = min(timed(lambda: passed_up(net, x, "relu5"))[1] for _ in range(TIMES))
    forward, backward = [], []
    for _ in range(TIMES):
        forward.append(timed(lambda: part.forward(x, keep=True))[1])
        backward.append(timed(lambda: part.backward(dy))[1])
    say(f"one projection from AlexNet's relu5: {whole * 1e3:.0f} ms, of which {(whole - up) * 1e3:.0f} ms down; one "
        f"forward {min(forward) * 1e3:.0f} ms, one backward {min(backward) * 1e3:.0f} ms (with the kernels' gradients, "
        "without the pixels')")


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return call(), time.perf_counter() - start


def most_memory() -> str:
    try:
        import resource  # not on Windows
    except ImportError:
        return "unknown"
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB (in units of Linux)"


if __name__ == "__main__":
    main()
