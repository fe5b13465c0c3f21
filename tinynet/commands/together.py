"""What a training command does on several ranks that it would not do alone; without ranks, each of these is plain."""
from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stderr
from typing import Any

import numpy as np

from .. import Device, cpu, gpu
from ..data import Split
from ..data.loader import share_of
from ..distributed import Ranks


def parse_together(parse: Callable[..., argparse.Namespace], arguments: Sequence[str] | None, ranks: Ranks | None
                   ) -> argparse.Namespace:
    """The options. What is wrong with them, rank 0 says."""
    if not ranks:
        return parse(arguments)
    with ranks.together(), redirect_stderr(io.StringIO()) if ranks.rank else nullcontext():
        args = parse(arguments)
    return args


def on_first(ranks: Ranks | None, work: Callable[[], Any]) -> Any:
    """What only one process should do, and all get the result of."""
    return ranks.first(work) if ranks else work()


def device_of_rank(args: argparse.Namespace, ranks: Ranks | None) -> Device:
    """The CPU; or of the GPUs of its machine, the rank's own. Raises what `gpu` raises if there are too few."""
    if args.device == "cpu":
        return cpu
    return gpu(ranks.local if ranks else 0, tf32=args.tf32)


def in_words(ranks: Ranks | None) -> str:
    return f", dealt out to {ranks.size} ranks" if ranks else ""


def shared(ranks: Ranks | None, split: Split, answer: Callable[[Split], np.ndarray]) -> np.ndarray:
    """`answer(split)`, of which each rank computes a part, on all ranks."""
    if not ranks:
        return answer(split)
    start, stop = share_of(len(split.labels), *ranks.share)
    with ranks.together():
        own = answer(Split(split.images[start:stop], split.labels[start:stop])) if stop > start else None
    return np.concatenate([part for part in ranks.gather(own) if part is not None])
