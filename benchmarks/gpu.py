"""How fast tinynet is on a GPU, and PyTorch with the same nets.

    python benchmarks/gpu.py --json times.jsonl               all nets; stops after five minutes
    python benchmarks/gpu.py --nets alexnet-128 80sec-128 --who "one column" "two columns" --repeat 20
    python benchmarks/gpu_report.py times.jsonl               the tables of an earlier run again

Measured for each net: a training step (forward, loss, backward, SGD) and inference (forward) of images that are on the
GPU already; what one layer takes; the memory. AlexNet comes in one column and in two, each on a stream of the one GPU,
with its response normalisation and without ("-nolrn"). GoogLeNet is the main line, without the two heads. PyTorch, if
it is installed, runs the one-column net in both of its layouts, with cuDNN, which may try out its algorithms first,
and without. "TF32" is once more with factors of matrix products rounded to 11 binary digits, here and there; "graph" is
a training in which the GPU repeats its steps by itself (training/replay.py; inference is as it was).

How to read it: a time is that of a step, as the mean over a few that are asked for one after the other before anybody
waits, as training does; "median" and "min-max" are over several such turns. The contenders come one after the other.
"asked in" is when Python had asked for a step; where that is nearly all of its time, the GPU stood still meanwhile. "of
peak" is the share of what a matrix product of 8192x8192, float32 or TF32 as the contender, reached on this GPU a moment
before; an algorithm that saves multiplications, like Winograd's, may pass 100 %. "to PyTorch" is the median over that
of PyTorch with cuDNN in its better layout, TF32 over TF32: below 1, we are faster. Memory is what the library holds of
the GPU after training. The layers are waited for one by one, so they add up to more than a step: "of peak" is of the
matrix products, and for layers without "of copy", of the speed at which the GPU copies, if each number of input and
output is moved once; both forward. Every result is a line of JSON in --json as soon as it is there.
"""
from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from contenders import Ours, Theirs, timed
from cpu import medians
from gpu_cases import CASES, CONTENDERS, Case, Contender
from gpu_report import tell, tell_machine

import tinynet
from tinynet import Device, Linear, free_memory, gpu, summary

TURN = 0.4  # seconds


# ---- the GPU ------------------------------------------------------------------------------------------------------

def wait() -> None:
    """Until the GPU has done all that was asked of it, on every stream, by whomever."""
    gpu(0).xp.cuda.Device(0).synchronize()


def held(torch: Any) -> float:
    """MB of the GPU that PyTorch holds; without it, that CuPy does. (To build its net, PyTorch's contender has ours
    built, whose memory CuPy keeps.)"""
    return (torch.cuda.memory_reserved() if torch else gpu(0).xp.get_default_memory_pool().total_bytes()) / 2 ** 20


def machine(torch: Any) -> dict[str, Any]:
    cuda = gpu(0).xp.cuda
    return {"date": date.today().isoformat(), "gpu": cuda.runtime.getDeviceProperties(0)["name"].decode(),
            "driver": cuda.runtime.driverGetVersion(), "CUDA": cuda.runtime.runtimeGetVersion(),
            "tinynet": tinynet.__version__, "CuPy": gpu(0).xp.__version__, "NumPy": np.__version__,
            "PyTorch": torch.__version__ if torch else "not measured",
            "cuDNN": torch.backends.cudnn.version() if torch else "not measured"}


@contextmanager
def settings(one: Contender, torch: Any) -> Iterator[None]:
    """TF32 and cuDNN as the contender wants them."""
    gpu(0, tf32=one.tf32)
    if torch:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = one.tf32
        torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark = one.cudnn, True
    try:
        yield
    finally:
        gpu(0, tf32=False)


def best(call: Callable[[], Any], repeat: int = 5) -> float:
    """Seconds that the call takes, on the GPU too; at best, after a first time that does not count."""
    timed(call, wait)
    return min(timed(call, wait)[1] for _ in range(repeat))


def peaks(device: Device, size: int = 8192) -> dict[str, float]:
    """TFLOP/s of a matrix product in float32 and in TF32, TB/s of a copy, to read and to write."""
    found, layer = {}, Linear(size, size, bias=False, rng=np.random.default_rng(0)).to(device)
    with device:
        x, y = (device.xp.ones((size, size), np.float32) for _ in range(2))
    for name, tf32 in ("float32", False), ("TF32", True):
        with settings(Contender(name, tf32=tf32), None):
            found[name] = 2e-12 * size ** 3 / best(lambda: layer.forward(x))

    def copied() -> None:
        with device:
            y[...] = x
    found["copy"] = 2e-12 * x.nbytes / best(copied)
    return found


# ---- measuring ----------------------------------------------------------------------------------------------------

def measure(of: Case, one: Contender, work: dict[str, int], moved: dict[str, int], peak: dict[str, float], repeat: int,
            torch: Any) -> dict[str, Any]:
    """What one contender takes for one case; `work` and `moved` are those of `work_of`."""
    flops = {"train": 2e-12 * of.batch * (3 * sum(work.values()) - next(w for w in work.values() if w)),
             "infer": 2e-12 * of.batch * sum(work.values())}
    with settings(one, torch):
        if one.layout:
            contender = Theirs(of, one.layout, theirs_on(torch), wait)
        else:
            contender = Ours(of, one.columns, gpu(0), wait, one.graph)
        result, top = {"who": one.who, "batch": of.batch}, peak["TF32" if one.tf32 else "float32"]
        for what, tflop in flops.items():
            result[what] = rates(turns(getattr(contender, what), of.steps, repeat), tflop, of.batch, top)
            if what == "train":
                result["memory_mb"] = held(torch if one.layout else None)
                if one.graph:
                    result["memory_mb"] += contender.recorded / 2 ** 20
        layers = {} if one.graph else medians([contender.layers() for _ in range(4)][1:])
    return result | {"layers": {name: [*times, *shares(name, times[0], work, moved, of.batch, top, peak["copy"])]
                                for name, times in layers.items()}}


def theirs_on(torch: Any) -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def turns(step: Callable[[], Any], steps: int, repeat: int) -> list[tuple[float, float]]:
    """Seconds until a step was asked for, and until it was done, in each of the turns of so many steps; fewer, if they
    take long."""
    def some() -> float:
        start = time.perf_counter()
        for _ in range(steps):
            step()
        return time.perf_counter() - start
    for _ in range(3):
        step()
    steps = max(1, min(steps, int(TURN / timed(step, wait)[1])))
    return [(asked / steps, done / steps) for asked, done in (timed(some, wait) for _ in range(repeat))]


def work_of(of: Case) -> tuple[dict[str, int], dict[str, int]]:
    """Of each layer, for one image: multiply-adds, and the numbers in its input and output."""
    net, work = of.build(1), {}
    for row in summary(net, of.input_shape, show=False):
        name = row.name.split(".")[0]
        work[name] = work.get(name, 0) + row.multiply_adds
    sizes, inside = {}, {name for name, _ in net.children()}
    net.forward(np.zeros((1, *of.input_shape), np.float32),
                seen=lambda name, layer, x, y: sizes.update({name: x.size + y.size} if name in inside else {}))
    return work, sizes


def rates(times: list[tuple[float, float]], tflop: float, batch: int, peak: float) -> dict[str, Any]:
    asked, seconds = zip(*times, strict=True)
    median = statistics.median(seconds)
    return {"seconds": seconds, "median": median, "min": min(seconds), "max": max(seconds),
            "asked": statistics.median(asked), "images_per_second": batch / median, "tflop_per_second": tflop / median,
            "share": tflop / median / peak}


def shares(name: str, seconds: float, work: dict[str, int], moved: dict[str, int], batch: int, peak: float,
           copy: float) -> tuple[str, float]:
    """("of peak" or "of copy", the share that the layer's forward reaches), or ("", 0) if nothing is known of it."""
    if work.get(name):
        return "of peak", 2e-12 * work[name] * batch / seconds / peak
    if moved.get(name):
        return "of copy", 4e-12 * moved[name] * batch / seconds / copy
    return "", 0.0


# ---- all of it ----------------------------------------------------------------------------------------------------

def main() -> None:
    args = parse()
    try:
        device = gpu(0)
    except (ImportError, RuntimeError) as error:
        print(f"nothing to measure: {error}")
        return
    torch = None
    if not args.no_torch and importlib.util.find_spec("torch") is not None:
        import torch
        torch = torch if torch.cuda.is_available() else None
    run(args, device, torch)


def run(args: argparse.Namespace, device: Device, torch: Any) -> None:
    end = time.monotonic() + 60 * args.minutes
    file = args.json.open("w", encoding="utf-8") if args.json else None

    def keep(line: dict[str, Any]) -> None:
        if file:
            print(json.dumps(line), file=file, flush=True)

    found, peak = machine(torch), peaks(device, args.peak)
    keep({"machine": found, "peaks": peak})
    tell_machine(found, peak)
    for name in args.nets:
        gc.collect()
        free_memory()  # or constants that a net makes once lie in the middle of what was freed, and keep all of it
        results, known = [], work_of(CASES[name])
        for one in CONTENDERS:
            if one.who not in args.who or one.columns not in CASES[name].columns or (one.layout and not torch):
                continue
            gc.collect()
            free_memory()
            if torch:
                torch.cuda.empty_cache()
            try:
                if time.monotonic() > end:
                    raise TimeoutError(f"not measured: {args.minutes:g} minutes are over")
                results.append(measure(CASES[name], one, *known, peak, args.repeat, torch))
                keep({"case": name, **results[-1]})
            except Exception as error:  # out of memory, say: the others are still to be measured
                print(f"{name}, {one.who}: {type(error).__name__}: {error}", flush=True)
                keep({"case": name, "who": one.who, "error": f"{type(error).__name__}: {error}"})
        tell(name, results)
    if file:
        file.close()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    real = [name for name in CASES if not name.startswith("tiny")]
    parser.add_argument("--nets", nargs="+", choices=CASES, default=real, metavar="NET", help=", ".join(real))
    parser.add_argument("--who", nargs="+", choices=[one.who for one in CONTENDERS], metavar="WHO",
                        default=[one.who for one in CONTENDERS],
                        help="; ".join(one.who for one in CONTENDERS) + " (default: all of them)")
    parser.add_argument("--repeat", type=int, default=10, help="how many turns (default 10)")
    parser.add_argument("--minutes", type=float, default=5, help="begin nothing new after so long (default 5)")
    parser.add_argument("--peak", type=int, default=8192, metavar="N", help="size of the matrix product (default 8192)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write each result there, as a line")
    parser.add_argument("--no-torch", action="store_true", help="tinynet alone")
    args = parser.parse_args()
    if args.repeat < 1 or args.peak < 1:
        parser.error(f"expected --repeat and --peak of 1 or more, got {args.repeat} and {args.peak}")
    return args


if __name__ == "__main__":
    main()
