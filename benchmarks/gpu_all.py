"""All that only a GPU shows, in one go that nobody needs to watch: for a machine that is lent for a while.

    python benchmarks/gpu_all.py OUT --cifar FOLDER --photos FOLDER
    python benchmarks/gpu_all.py OUT --cifar FOLDER --only --nets 11pct nin --minutes 8

    tests       those marked gpu
    benchmark   gpu.py; its lines are in OUT/times.jsonl
    figure1     the paper's Figure 1 on all of CIFAR-10, if --cifar says where it is; a fresh folder in OUT
    photos      five epochs of AlexNet on --photos, a folder for train_imagenet.py, the last four from squares that
                are decoded already: how much of the time it waits
    nets        those of --nets, by their recipes, as far as --minutes go for each; called again with the same OUT,
                they go on: 11pct's 520 epochs take a CPU the better part of a day

Each part has a limit of its own, after which it is ended, and what it printed is in OUT, a file each. What one part
finds does not stop the next. The last lines say how each one ended.
"""
from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 20  # seconds for a part that is ended to say so


def parts(args: argparse.Namespace) -> dict[str, tuple[int, list[str]]]:
    """{name: (its limit in seconds, the arguments to Python)}"""
    examples, on_gpu = ROOT / "examples", ["--device", "gpu", "--out"]
    found = {"tests": (240, ["-m", "pytest", "-q", "-m", "gpu", "--durations=10",
                             "--continue-on-collection-errors", str(ROOT / "tests")]),
             "benchmark": (360, [str(ROOT / "benchmarks" / "gpu.py"), "--json", str(args.out / "times.jsonl")])}
    if args.cifar:
        found["figure1"] = (180, [str(examples / "train_cifar10.py"), "--data", "full",
                                  "--root", str(args.cifar.resolve()), "--rates", "0.003", "0.01", "--graph",
                                  *on_gpu, str(args.out / "figure1-run")])
    if args.photos:
        half = str(max(1, (os.cpu_count() or 2) // 2))
        found["photos"] = (240, [str(examples / "train_imagenet.py"), str(args.photos.resolve()), "--epochs", "5",
                                 "--workers", half, "--in-memory", "8", "--cache", str(args.out / "squares"), *on_gpu,
                                 str(args.out / "photos-run")])
    found = {name: part for name, part in found.items() if args.only is None or name in args.only}
    for net in args.nets or ():
        run = args.out / f"{net}-run"
        where = ["--resume", str(run)] if (run / "config.json").exists() else ["--net", net, *on_gpu, str(run)]
        found[net] = (60 * args.minutes, [str(examples / "train_cifar10.py"), "--data", "full", "--root",
                                          str(args.cifar.resolve()), *where])
    return found


def end(process: subprocess.Popen) -> None:
    """As Ctrl-C does: then pytest says which tests have failed so far, and a training writes a checkpoint."""
    if os.name == "posix":
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
    process.kill()
    process.wait()


def run(name: str, limit: float, arguments: Sequence[str], out: Path) -> str:
    """How the part ended, in words; what it printed is in `out`."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    began = time.monotonic()
    with open(out / f"{name}.txt", "wb") as file:
        process = subprocess.Popen([sys.executable, "-u", *arguments], stdout=file, stderr=subprocess.STDOUT, cwd=ROOT,
                                   env={**os.environ, "PYTHONPATH": path})
        try:
            code = process.wait(limit)
            ended = "done" if code == 0 else f"failed, with the code {code}"
        except subprocess.TimeoutExpired:
            end(process)
            ended = f"ended after its limit of {limit:g} s"
    return f"{name}: {ended} ({time.monotonic() - began:.0f} s), {file.name}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder to write to")
    parser.add_argument("--cifar", type=Path, metavar="FOLDER", help="the folder of CIFAR-10")
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="photographs, with train/ and val/")
    parser.add_argument("--nets", nargs="+", metavar="NET", help="as train_cifar10.py knows them: 11pct, nin")
    parser.add_argument("--minutes", type=float, default=8, help="of each of --nets (default 8)")
    parser.add_argument("--only", nargs="*", choices=("tests", "benchmark", "figure1", "photos"), metavar="PART",
                        help="of the first four parts these; none, if none is named")
    args = parser.parse_args()
    if args.nets and not args.cifar:
        parser.error("--nets: they learn CIFAR-10: add --cifar FOLDER")
    if not args.minutes > 0:
        parser.error(f"--minutes: expected a number above 0, got {args.minutes:g}")
    args.out = args.out.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    said = []
    for name, (limit, arguments) in parts(args).items():
        print(f"{name}: python {' '.join(arguments)}", flush=True)
        said.append(run(name, limit, arguments, args.out))
        print(said[-1], flush=True)
    print("\n" + "\n".join(said))


if __name__ == "__main__":
    main()
