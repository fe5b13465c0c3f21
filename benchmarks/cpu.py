"""How fast tinynet is on a CPU, and PyTorch with the same nets.

    python benchmarks/cpu.py                                        all nets: many minutes
    python benchmarks/cpu.py --nets alexnet-32 80sec-128 --repeat 9 --json times.json
    python benchmarks/cpu.py --tuned-malloc                         the variables below are set

Measured for each net: a training step (forward, loss, backward, SGD) and inference (forward); what one layer takes; the
peak memory. AlexNet comes in one column and in two, each on a thread, with its response normalisation and without
("-nolrn"): PyTorch's is slow, and would hide all else. PyTorch, if it is installed (pip install ".[bench]"), runs the
one-column net, conv2, conv4 and conv5 in two groups, in both of its layouts. Its LRN knows no groups and sees all maps:
the same work, other numbers. It has no normalisation within a map, so 18pct is ours alone.

How to read it: all contenders take turns in one process; "median" and "min-max" are over the turns. GFLOP/s counts two
for a multiply-add of summary(), for training three times the forward pass less the images' gradient; "of sgemm" is the
share of what a 2048x2048 float32 matrix product reached in the same process on all threads; an algorithm that saves
multiplications, like Winograd's, may pass 100 %, and so may all if others computed while that product was timed: the
238 GFLOP/s beside alexnet-32 in "0.2.0-native" are half of what its other nets have. "to PyTorch" is the median over
that of the better layout: below 1, we are faster. But on a busy machine PyTorch loses far more than we do, as its
threads wait for each other in every operation: look at the load average first. Peak memory, of a process that only
trains this net, includes the interpreter and the libraries. The layers are timed in turns of their own; "sgd" is the
update.

PyTorch's tensors come from malloc, and glibc gives large blocks back to the system, which clears them for the next one.
--tuned-malloc makes it keep them, for all contenders; PyTorch gains most. It sets these variables, where glibc reads
them, in the environment of every process that measures:

    MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=1000000000000 MALLOC_TOP_PAD_=268435456

Compare with and without: the values found are printed. So is OPENBLAS_CORETYPE, which binds NumPy's matrix products,
but not PyTorch's, to the instructions of a certain processor: the runs called "native" have it unset, as is usual.

Where PyTorch is faster, it is because of what surrounds the products. Its convolutions read each patch from the image;
ours copy patches, or Winograd's tiles, for the matrix product that NumPy has. With many maps that copying is little;
with the few maps of small nets (80sec's conv1) it weighs as much as the product, and so do the passes of pooling. Two
columns take longer than one because both copy the same patches for conv1; from there on they are even.
"""
from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from contenders import TORCH, Ours, Theirs, timed
from threadpoolctl import threadpool_info

from tinynet import LRN, Sequential, cpu, get_threads, pair, summary
from tinynet.models import alexnet, cifar

TUNED_MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "1000000000000", "MALLOC_TOP_PAD_": "268435456"}
VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "TINYNET_THREADS",
             *TUNED_MALLOC, "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
VECTORS = {"avx512f": "512 bits", "avx2": "256 bits", "avx": "256 bits", "sse2": "128 bits", "sve": "width unknown",
           "asimd": "128 bits"}
WIDTHS = {"median": 12, "min-max": 19, "images/s": 10, "GFLOP/s": 9, "of sgemm": 10, "to PyTorch": 12}
TITLES = {"train": "training step", "infer": "inference"}
COLUMNS = {"one column": 1, "two columns": 2}
SMALL = {"input_size": 64, "kernels": (8, 16, 16, 16, 16), "hidden": 32}


class Case(NamedTuple):
    batch: int
    build: Callable[[int], Sequential]  # of the number of columns
    input_shape: tuple[int, ...]
    ours: tuple[str, ...] = tuple(COLUMNS)
    torch: bool = True                  # whether PyTorch has all of its layers


def alexnet_case(batch: int, lrn: bool, **sizes: Any) -> Case:
    def build(columns: int) -> Sequential:
        net = alexnet(columns=columns, devices=cpu if columns == 1 else pair("cpu"), rng=np.random.default_rng(0),
                      **sizes)
        return net if lrn else without_lrn(net)
    return Case(batch, build, (sizes.get("input_size", 224),) * 2 + (3,))


def cifar_case(build: Callable[[np.random.Generator], Sequential], torch: bool) -> Case:
    return Case(128, lambda columns: build(np.random.default_rng(0)), (32, 32, 3), ("one column",), torch)


def without_lrn(net: Sequential) -> Sequential:
    return Sequential(**{name: layer for name, layer in net.children()
                         if not isinstance(getattr(layer, "left", layer), LRN)})


CASES = {"alexnet-1": alexnet_case(1, lrn=True),
         "alexnet-32": alexnet_case(32, lrn=True), "alexnet-32-nolrn": alexnet_case(32, lrn=False),
         "alexnet-128": alexnet_case(128, lrn=True), "alexnet-128-nolrn": alexnet_case(128, lrn=False),
         "80sec-128": cifar_case(cifar.cifar_80sec, torch=True),
         "18pct-128": cifar_case(cifar.cifar_18pct, torch=False),
         "tiny": alexnet_case(4, lrn=True, **SMALL), "tiny-nolrn": alexnet_case(4, lrn=False, **SMALL)}  # for the tests


# ---- measuring: each in a process of its own ----------------------------------------------------------------------

def contender(case: Case, who: str) -> Ours | Theirs:
    return Theirs(case, who) if who in TORCH else Ours(case, COLUMNS[who])


def peak_memory(name: str, who: str) -> float:
    """MB at most, over three training steps of one contender."""
    import resource
    one = contender(CASES[name], who)
    for _ in range(3):
        one.train()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2 ** 20 if sys.platform == "darwin" else 2 ** 10)


def sgemm_peak(size: int = 2048) -> float:
    a, b, out = (np.ones((size, size), np.float32) for _ in range(3))
    return 2e-9 * size ** 3 / min(timed(lambda: np.matmul(a, b, out=out))[1] for _ in range(6))


def measure(name: str, repeat: int, torch: bool) -> dict:
    """The times of one case: {"sgemm": GFLOP/s, "contenders": {who: {"train": ..., "infer": ..., "layers": ...}}}."""
    case, peak = CASES[name], sgemm_peak()
    work = [row.multiply_adds for row in summary(case.build(1), case.input_shape, show=False) if row.multiply_adds]
    gflop = {"train": 2e-9 * case.batch * (3 * sum(work) - work[0]), "infer": 2e-9 * case.batch * sum(work)}
    all_ = {who: contender(case, who) for who in (*case.ours, *(TORCH if torch and case.torch else ()))}
    turns: dict[str, dict[str, list]] = {who: {"train": [], "infer": [], "layers": []} for who in all_}
    for turn in range(repeat + 1):
        for who, one in all_.items():
            for what, times in turns[who].items():
                time.sleep(0.02)  # until the other's threads no longer spin
                result, seconds = timed(getattr(one, what))
                if turn:  # the first one warms up
                    times.append(result if what == "layers" else seconds)
    best = {what: min((statistics.median(turns[who][what]) for who in TORCH if who in turns), default=None)
            for what in gflop}
    return {"batch": case.batch, "sgemm": peak, "gflop": gflop, "contenders": {
        who: {**{what: rates(times[what], gflop[what], case.batch, peak, best[what]) for what in gflop},
              "layers": medians(times["layers"])} for who, times in turns.items()}}


def rates(seconds: list[float], gflop: float, batch: int, peak: float, best: float | None) -> dict:
    median = statistics.median(seconds)
    return {"seconds": seconds, "median": median, "min": min(seconds), "max": max(seconds),
            "images_per_second": batch / median, "gflop_per_second": gflop / median,
            "share_of_sgemm": gflop / median / peak, "to_torch": best and median / best}


def medians(turns: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    """{layer: [forward, backward]}"""
    return {name: [statistics.median(turn[name][i] for turn in turns) for i in (0, 1)] for name in turns[0]}


def apart(work: Callable, *args: Any) -> Any:
    """`work(*args)` in a fresh process. This one stays small: a child's peak memory starts at its parent's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args).result()


# ---- telling ------------------------------------------------------------------------------------------------------

def machine(torch: bool) -> dict[str, Any]:
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        flags = set()
    vectors = [f"vectors of {width} ({flag})" for flag, width in VECTORS.items() if flag in flags]
    blas = [b for b in threadpool_info() if b["user_api"] == "blas"]
    return {"date": date.today().isoformat(),
            "cpu": f"{platform.machine()}, {os.cpu_count()} cores, {vectors[0] if vectors else 'vectors unknown'}",
            "blas": "; ".join(f"{b['internal_api']} {b['version']}, kernel {b.get('architecture', 'unknown')}, "
                              f"{b['num_threads']} threads" for b in blas) or "unknown to threadpoolctl",
            "tinynet threads": get_threads(), "load average": " ".join(f"{load:.2f}" for load in os.getloadavg()),
            "Python": platform.python_version(), "NumPy": np.__version__,
            "PyTorch": importlib.metadata.version("torch") if torch else "not measured",
            **{name: os.environ.get(name, "not set") for name in VARIABLES}}


def tell(name: str, result: dict) -> None:
    print(f"\n{name}: batch {result['batch']}, sgemm {result['sgemm']:.0f} GFLOP/s", flush=True)
    if not CASES[name].torch:
        print("PyTorch has no normalisation within a map: not compared")
    for what, title in TITLES.items():
        print(f"{title:<21}" + "".join(f"{head:>{width}}" for head, width in WIDTHS.items()) +
              "  peak memory" * (what == "train"))
        for who, r in result["contenders"].items():
            print(f"{who:<21}" + "".join(f"{text:>{width}}" for text, width in
                                         zip(cells(r[what]), WIDTHS.values(), strict=True)) +
                  f" {r['peak_mb']:>9.0f} MB" * (what == "train"))
    tell_layers({who: r["layers"] for who, r in result["contenders"].items()})


def cells(t: dict) -> tuple[str, ...]:
    """What the tables say of the `rates` of one contender, under the heads of `WIDTHS`."""
    return (f"{1e3 * t['median']:.1f} ms", f"{1e3 * t['min']:.1f}-{1e3 * t['max']:.1f} ms",
            f"{t['images_per_second']:.0f}", f"{t['gflop_per_second']:.0f}", f"{t['share_of_sgemm']:.0%}",
            f"{t['to_torch']:.2f}" if t["to_torch"] else "-")


def tell_layers(layers: dict[str, dict[str, list[float]]]) -> None:
    print(f"{'ms':<10}" + "".join(f"{who:>24}" for who in layers))
    print(f"{'':<10}" + "     forward    backward" * len(layers))
    for name in dict.fromkeys(name for times in layers.values() for name in times):
        cells = [seconds for times in layers.values() for seconds in times.get(name, (0, 0))]
        print(f"{name:<10}" + "".join(f"{1e3 * s:>12.2f}" if s else f"{'-':>12}" for s in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    real = [name for name in CASES if not name.startswith("tiny")]
    parser.add_argument("--nets", nargs="+", choices=CASES, default=real, metavar="NET", help=", ".join(real))
    parser.add_argument("--repeat", type=int, default=5, help="how many turns (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all of it there, too")
    parser.add_argument("--tuned-malloc", action="store_true", help="have malloc keep its memory, as said above")
    parser.add_argument("--no-torch", action="store_true", help="tinynet alone")
    args = parser.parse_args()
    if args.repeat < 1:
        parser.error(f"expected --repeat of 1 or more, got {args.repeat}")
    if args.tuned_malloc:
        os.environ.update(TUNED_MALLOC)  # too late for this process, but all measuring is done in fresh ones
    torch = not args.no_torch and importlib.util.find_spec("torch") is not None
    found = {"machine": machine(torch), "cases": {}}
    print("\n".join(f"{name:<22}  {value}" for name, value in found["machine"].items()))
    for name in args.nets:
        result = found["cases"][name] = apart(measure, name, args.repeat, torch)
        for who, r in result["contenders"].items():
            r["peak_mb"] = apart(peak_memory, name, who)
        tell(name, result)
        if args.json:
            part = args.json.with_name(args.json.name + ".part")
            part.write_text(json.dumps(found, indent=1) + "\n")
            part.replace(args.json)  # never half a file


if __name__ == "__main__":
    main()
