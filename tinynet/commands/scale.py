"""What many machines would make of a net's training: a table and a picture, from a model of what they compute and send.

    python -m tinynet scale alexnet --machines 1 2 4 8 16 32 64 128 256 512 1024
    python -m tinynet scale vgg-d --seconds 1.9 --batch 32 --bandwidth 12.5     measured: a step of 32 images
    python -m tinynet scale alexnet --total 1024                                the same images for any number

Each machine has `--batch` images of a step (or its part of `--total`). What one computes in a step comes from the net's
multiply-adds and `--gflops`, or is `--seconds`, as measured. docs/many-machines.md says how good the model is, and
tinynet/training/scaling.py what it is.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..init import zeros
from ..look.figure import COLORS, figure
from ..models.catalogue import NETS, build
from ..models.googlenet import GoogLeNet
from ..net import Sequential
from ..summary import Row, summary
from ..training.scaling import WAYS, Net, Wire, pays_until, step, two_columns
from ..training.train import say
from .options import CommandLine, a_picture, at_least, ends_in_a_line, positive

MACHINES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    rows = rows_of(build(args.net, rng=zeros()))
    net, wire = Net.of(rows), Wire(1e-6 * args.latency, 1e9 * args.bandwidth)
    seconds = args.seconds or 6e-9 * sum(row.multiply_adds for row in rows) * args.batch / args.gflops
    machines = sorted(set(args.machines))

    def time_of(p: int, way: str) -> float:
        return step(net, seconds * part(p) / args.batch, part(p), p, wire, way)

    def part(p: int) -> float:
        return args.total / p if args.total else args.batch

    def speed(p: int, way: str) -> float:
        """Images a second, in those of one machine."""
        return p * part(p) / time_of(p, way) * time_of(1, way) / part(1)

    parameters = sum(part.bytes for part in net.parts)
    say(f"{args.net}: {parameters / 1e6:,.1f} MB of gradients; {args.latency:g} µs, {args.bandwidth:g} GB/s; "
        f"{args.batch} images take a machine {1e3 * seconds:,.1f} ms")
    say("machines" + "".join(f"{way:>30}" for way in WAYS))
    for p in machines:
        cells = (f"{1e3 * time_of(p, way):,.1f} ms {speed(p, way):7.1f} times" for way in WAYS)
        say(f"{p:>8}" + "".join(f"{cell:>30}" for cell in cells))
    for way in WAYS:
        until = pays_until(machines, lambda p, way=way: speed(p, way))
        then = "; then machines wait for more than half of their time"
        say(f"{way}: pays " + ("for all of these" if until == machines[-1] else
                               (f"up to {until} of these" if until in machines else "for none of these") + then))
    if net.crossing:
        alone = time_of(1, WAYS[0])                        # both see all images that one machine would
        pair = two_columns(net, alone, args.total or args.batch, wire)
        say(f"two machines as two columns: {1e3 * pair:,.1f} ms, {alone / pair:.2f} times; of it "
            f"{1e3 * (pair - alone / 2):,.1f} ms for what crosses")
    with ends_in_a_line():
        args.out.parent.mkdir(parents=True, exist_ok=True)
        draw(args, machines, {way: [speed(p, way) for p in machines] for way in WAYS})
    say(f"the picture: {args.out}")


def rows_of(net: Sequential) -> list[Row]:
    """The summary of all that learns, in the order of forward: each head of GoogLeNet, which at test is not there, is
    behind the module that it looks at."""
    rows = summary(net, show=False)
    for module, name in net.looked_at.items() if isinstance(net, GoogLeNet) else ():
        head, last = net.heads[name], max(i for i, row in enumerate(rows) if row.name.startswith(module))
        shape = (*rows[last].shape[:2], head["conv"].in_channels)
        rows[last + 1:last + 1] = summary(head, shape, show=False)
    return rows


def draw(args: argparse.Namespace, machines: list[int], speeds: dict[str, list[float]]) -> None:
    of = f"{args.total} images in all" if args.total else f"{args.batch} images on each"
    with figure(args.out, 6.5, 4.2, f"{args.net}, {of}; {args.latency:g} µs, {args.bandwidth:g} GB/s") as ax:
        ax.plot(machines, machines, color="0.8", label="nothing to send")
        for color, mark, (way, times) in zip(COLORS, "os^", speeds.items(), strict=False):
            ax.plot(machines, times, color=color, marker=mark, label=way)
        ax.set(xscale="log", yscale="log", xlabel="machines", ylabel="times as fast as one")
        ax.set_xticks(machines, [str(p) for p in machines], rotation=45 if len(machines) > 12 else 0)
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ax.minorticks_off()
        ax.legend(frameon=False)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandLine("scale", __doc__)
    parser.add_argument("net", choices=tuple(NETS), metavar="NET", help=f"one of {', '.join(NETS)}")
    parser.add_argument("--machines", type=at_least(1), nargs="+", default=MACHINES, metavar="P",
                        help="how many (default: 1 2 4 ... 1024)")
    batch = parser.add_mutually_exclusive_group()
    batch.add_argument("--batch", type=at_least(1), default=128, help="images of each in a step (default: 128)")
    batch.add_argument("--total", type=at_least(1), help="images of all in a step, instead: each has its part")
    computing = parser.add_mutually_exclusive_group()
    computing.add_argument("--seconds", type=positive, help="that a step of --batch images takes one machine")
    computing.add_argument("--gflops", type=positive, default=300.0,
                           help="billions of operations a second of one machine (default: 300, two cores of a CPU)")
    parser.add_argument("--latency", type=positive, default=30.0, help="microseconds a message (default: 30)")
    parser.add_argument("--bandwidth", type=positive, default=1.25,
                        help="billions of bytes a second (default: 1.25, Ethernet of 10 Gbit)")
    parser.add_argument("--out", type=a_picture, default="runs/scale.png", help="the picture (default: runs/scale.png)")
    args = parser.parse_args(arguments)
    if args.total and max(args.machines) > args.total:
        parser.error(f"--machines: {max(args.machines)} of them cannot share --total {args.total} images")
    return args
