"""What a training command does on several ranks that it would not do alone; without ranks, each of these is plain."""
from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr

import numpy as np

from .. import Device, Sequential, cpu, gpu
from ..data import Split
from ..data.loader import share_of
from ..data.subset import Chosen
from ..devices import cuda
from ..devices.device import Gpu
from ..distributed import Alone, Ranks


def parse_together(parse: Callable[..., argparse.Namespace], arguments: Sequence[str] | None, ranks: Ranks | Alone
                   ) -> argparse.Namespace:
    """The options. What is wrong with them is said once, and in one line if there are several ranks."""
    if ranks.size == 1:
        return parse(arguments)
    told = io.StringIO()
    with ranks.together():
        try:
            with redirect_stderr(told):
                return parse(arguments)
        except SystemExit as end:
            sys.exit(end.code and told.getvalue().splitlines()[-1])


def device_of_rank(args: argparse.Namespace, ranks: Ranks | Alone) -> Device:
    """The CPU; or of the GPUs that the rank sees, the first that no rank before it on its machine has: all may see all
    of them, or each its own, as Slurm's --gpus-per-task has it. All ranks ask together.

    Raises what `gpu` raises without a GPU, ValueError if there are too few; on all ranks, if on one.
    """
    if args.device == "cpu":
        return cpu
    if ranks.size == 1:
        return gpu(0, tf32=args.tf32)
    seen = ranks.gather((ranks.machine, cuda.addresses()))
    with ranks.together():
        return gpu(own_gpu(seen, ranks.rank), tf32=args.tf32)


def own_gpu(seen: Sequence[tuple[str, Sequence[str]]], rank: int) -> int:
    """Which of the GPUs that this rank sees is its own, where `seen` has the machine of each rank and the addresses of
    the GPUs that it sees there. Raises ValueError if the ranks before it have them all; 0 if it sees none."""
    taken = set()
    for machine, addresses in seen[:rank + 1]:
        free = [i for i, address in enumerate(addresses) if (machine, address) not in taken]
        own = free[0] if free else None
        taken |= {(machine, addresses[own])} if free else set()
    if own is None and addresses:
        raise ValueError(f"expected a GPU for each rank of a machine; the ranks before rank {rank} have the "
                         f"{len(addresses)} that it sees: start fewer ranks there")
    return own or 0


def add_gpu_options(add: Callable[..., object]) -> None:
    """What a GPU may be told, and nothing else."""
    add("--tf32", action="store_true", default=None, help="TF32 products on a GPU: see gpu()")
    add("--graph", action=argparse.BooleanOptionalAction, default=None,
        help="--graph: a GPU repeats its steps by itself, or it is an error; --no-graph: it is asked for each kernel "
             "(default: it repeats what it can: see train())")


def said_to_gpu(args: argparse.Namespace) -> list[str]:
    """Those of the options that the command line itself holds, not the run that is gone on with."""
    return [name for name in ("tf32", "graph") if getattr(args, name)]


def expect_gpu(parser: argparse.ArgumentParser, said: list[str], args: argparse.Namespace) -> None:
    """An error of the command line, if what it says itself to a GPU would do nothing, or cannot be. A run that was told
    so on a GPU may go on on the CPU."""
    if said and args.device == "cpu":
        parser.error(f"--{said[0]}: only a GPU can do so: add --device gpu")
    if args.graph and (args.accumulate or 1) > 1:
        parser.error("--graph: whole steps are repeated, not the parts of --accumulate")


def repeats(args: argparse.Namespace) -> bool | None:
    """`graph` of the training: a run that was told to repeat its steps may go on on the CPU."""
    return args.graph if args.device == "gpu" else None


def expect_own_gpu(net: Sequential, device: Device, ranks: Ranks | Alone) -> None:
    """Raises ValueError if the net of one of several ranks lives on another GPU than the rank's `device`, too: two
    columns take the first two of the machine, on every rank."""
    gpus = {p.device for _, p in net.parameters() if isinstance(p.device, Gpu)}
    if ranks.size > 1 and (others := sorted(gpu.name for gpu in gpus if gpu.index != device.index)):
        raise ValueError(f"expected each rank's net on a GPU of its own, {device.name} here; its two columns are on "
                         f"{', '.join(others)}, too, which other ranks have: give --columns 1")


def in_words(ranks: Ranks | Alone) -> str:
    return f", dealt out to {ranks.size} ranks" if ranks.size > 1 else ""


def shared(ranks: Ranks | Alone, split: Split, answer: Callable[[Split], np.ndarray]) -> np.ndarray:
    """`answer(split)`, of which each rank computes a part, on all ranks. No image is read before `answer` asks for it.
    """
    if ranks.size == 1:
        return answer(split)
    start, stop = share_of(len(split.labels), *ranks.share)
    part = Split(Chosen(split.images, np.arange(start, stop)), split.labels[start:stop])
    with ranks.together():
        own = answer(part) if stop > start else None
    return np.concatenate([part for part in ranks.gather(own) if part is not None])
