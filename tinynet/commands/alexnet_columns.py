"""AlexNet in two columns, scaled down, on CIFAR-10 images: it trains, and shows what crosses and what that costs.

    python -m tinynet alexnet-columns                       a minute or two on two cores, on the bundled sample
    python -m tinynet alexnet-columns --pair simulated      on devices that would refuse any array of the other column
    python -m tinynet alexnet-columns --device gpu          one column on gpu(0), two columns on what pair() finds
    python -m tinynet alexnet-columns --resume runs/...     go on with a run that was stopped

Prints the training, then for each layer the bytes that cross to it beside the multiply-adds it computes, then the time
of a training step: of the two columns, of the same net in one column, and of the net with half the kernels that the
paper's section 3.2 compares with ("slightly less time").
"""
from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import (
    SGD,
    Device,
    Sequential,
    SoftmaxCrossEntropy,
    cpu,
    get_threads,
    pair,
    set_threads,
    summary,
    traffic,
)
from ..data import Dataset, Loader, Split, View, cifar10, cifar10_sample, mean_image
from ..data.augment import enlarge
from ..models import alexnet, alexnet_half
from ..training.config import about_the_net, new_folder
from ..training.finetune import start_by_fan_in
from ..training.run import Run
from ..training.train import say, train
from .options import CommandLine, a_folder, at_least, chosen_device, ends_in_a_line, go_on_with, kept_options

SIZE = {"classes": 10, "input_size": 64}
KERNELS, HALF, HIDDEN = (48, 96, 128, 128, 96), (24, 48, 64, 64, 96), 512  # of the paper's: 1/2 to 1/3; units: 1/8
SETTINGS = {**SIZE, "kernels": KERNELS, "hidden": HIDDEN}
NOT_IN_CONFIG = ("root", "out", "resume")
TIMED_STEPS = 8


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    with ends_in_a_line():
        device = chosen_device(args)
        devices = pair(args.pair or ("cpu" if device is cpu else None))
        data = cifar10(args.root) if args.data == "full" else cifar10_sample()
        folder = Path(args.resume) if args.resume else new_folder(args.out, "alexnet-columns")
        images = Split(enlarge(data.train.images, 2), data.train.labels)
        view = View(mean_image(images.images))
    say(f"data: {data.source}, enlarged to 64x64; writing to {folder}")
    say(f"columns on {devices[0]} and {devices[1]}; {get_threads()} threads\n")

    how = go_on_with("alexnet-columns", args, folder, "root")
    config = config_of(args, data, view)
    with ends_in_a_line(how), Run(folder, config, resume=bool(args.resume), how_to_resume=how,
                                  tensorboard=args.tensorboard) as run:
        net = learn(args, images, view, devices, run)
    batch, labels = view.center(images.images[:args.batch]), images.labels[:args.batch]
    with ends_in_a_line():
        print_traffic(net, batch, labels)
        print_times(device, devices, batch, labels, args.seed)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandLine("alexnet-columns", __doc__)
    parser.add_data("CIFAR-10", "5,000")
    parser.add_device("of the nets in one column")
    parser.add_argument("--pair", choices=("cpu", "simulated", "streams", "gpu"),
                        help="the devices of the two columns (default: cpu, or what there is with --device gpu)")
    parser.add_argument("--epochs", type=at_least(1), default=20, help="passes over the training images (default: 20)")
    parser.add_argument("--batch", type=at_least(1), default=128, help="images in a step (default: 128)")
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_tensorboard()
    parser.add_argument("--out", type=a_folder, help="the folder to write to (default: a new one below runs/)")
    parser.add_argument("--resume", metavar="FOLDER",
                        help="go on with the run in FOLDER, with the options it had, but for --root")
    args = parser.parse_args(arguments)
    args = parser.again_with(arguments, args, NOT_IN_CONFIG) if args.resume else args
    parser.expect_root_of_all(args, "CIFAR-10")
    return args


def config_of(args: argparse.Namespace, data: Dataset, view: View) -> dict:
    """What decides the result, and what the net can be built from again."""
    options = kept_options(args, NOT_IN_CONFIG)
    return {**options, "images": data.name, **about_the_net("alexnet", SETTINGS, view, data.classes)}


def learn(args: argparse.Namespace, images: Split, view: View, devices: tuple[Device, Device], run: Run) -> Sequential:
    """The net of two columns, trained."""
    rng_net, rng_data = np.random.default_rng(args.seed).spawn(2)
    net = start_by_fan_in(alexnet(devices=devices, rng=rng_net, **SETTINGS), rng_net)
    sgd, loader = SGD(net.parameters(), lr=0.01), Loader(images, args.batch, rng_data, view.train)
    train(net, sgd, loader, args.epochs, progress=run.start(net, sgd, loader, view=view), on_batch=run.on_batch,
          on_epoch=run.on_epoch)
    return net


def print_traffic(net: Sequential, images: np.ndarray, labels: np.ndarray) -> None:
    """For each layer with weights: what crosses to it, forward and back, and how much it computes, for one image."""
    loss = SoftmaxCrossEntropy()
    with traffic() as log:
        loss.forward(net.forward(images, train=True), labels)
        forward = len(log)
        net.backward(loss.backward())
    sent = {"forward": log[:forward], "backward": log[forward:]}
    say(f"\nfor one image     {'bytes forward':>13}  {'bytes backward':>14}  {'multiply-adds forward':>21}  "
        "bytes per 1000 multiply-adds")
    for row in summary(net, show=False):
        if row.parameters:
            there, back = (sum(c.bytes for c in crossings if c.label == f"to_{row.name}") // len(images)
                           for crossings in sent.values())
            say(f"{row.name:<16}  {there:>13,}  {back:>14,}  {row.multiply_adds:>21,}  "
                f"{1000 * there / row.multiply_adds:>10.2f}")


def print_times(device: Device, devices: tuple[Device, Device], images: np.ndarray, labels: np.ndarray, seed: int
                ) -> None:
    """Medians of a training step, the nets taking turns. The paper's smaller net has one GPU where the larger has two,
    so here it is also timed on half of the threads."""
    threads, rng = get_threads(), np.random.default_rng(seed)
    two = alexnet(devices=devices, rng=rng, **SETTINGS)
    one = alexnet(columns=1, devices=device, rng=rng, **SETTINGS)
    half = alexnet_half(device=device, kernels=HALF, hidden=HIDDEN, rng=rng, **SIZE)
    nets = {"two columns": (two, threads), "one column, the same net": (one, threads),
            "one column, half the kernels": (half, threads)}
    if device is cpu and threads > 1:
        nets["one column, half the kernels, half the threads"] = (half, threads // 2)
    seconds: dict[str, list[float]] = {name: [] for name in nets}
    optimizers = {net: SGD(net.parameters(), lr=0.001) for net, _ in nets.values()}  # two on one net would be slow
    one_batch = Loader(Split(images, labels), len(images), rng)
    for turn in range(TIMED_STEPS + 1):
        for name, (net, share) in nets.items():
            set_threads(share)
            start = time.perf_counter()
            train(net, optimizers[net], one_batch, epochs=1)  # one step
            net["fc8"].device.synchronize()
            if turn:  # the first one warms up
                seconds[name].append(time.perf_counter() - start)
    set_threads(threads)
    say(f"\na training step of {len(images)} images   threads   median      range    relative to two columns")
    base = statistics.median(seconds["two columns"])
    for name, times in seconds.items():
        say(f"{name:<47} {nets[name][1]:>3}  {statistics.median(times):7.3f} s  {min(times):.3f}-{max(times):.3f}  "
            f"{statistics.median(times) / base:6.2f}")
