"""The tables of what gpu.py measured, from the lines that it wrote.

    python benchmarks/gpu_report.py times.jsonl
"""
from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TITLES = {"train": "training step", "infer": "inference"}
HEADS = {"median": 11, "min-max": 20, "asked in": 11, "images/s": 10, "TFLOP/s": 9, "of peak": 9, "to PyTorch": 12}


def tell_machine(found: dict[str, Any], peak: dict[str, float]) -> None:
    print("\n".join(f"{name:<10}  {value}" for name, value in found.items()))
    print(f"peaks       {peak['float32']:.1f} TFLOP/s float32, {peak['TF32']:.1f} TF32; copy {peak['copy']:.2f} TB/s",
          flush=True)


def tell(name: str, results: list[dict[str, Any]]) -> None:
    """The tables of one case."""
    if not results:
        return
    print(f"\n{name}: batch {results[0]['batch']}")
    for what, title in TITLES.items():
        print(f"{title:<32}" + "".join(f"{head:>{width}}" for head, width in HEADS.items()) +
              "    memory" * (what == "train"))
        for r in results:
            t, ratio = r[what], to_torch(r, results, what)
            cells = (f"{1e3 * t['median']:.2f} ms", f"{1e3 * t['min']:.2f}-{1e3 * t['max']:.2f} ms",
                     f"{1e3 * t['asked']:.2f} ms",
                     f"{t['images_per_second']:.0f}", f"{t['tflop_per_second']:.1f}", f"{t['share']:.0%}",
                     f"{ratio:.2f}" if ratio else "-")
            print(f"{r['who']:<32}" + "".join(f"{text:>{width}}" for text, width in zip(cells, HEADS.values(),
                                                                                        strict=True)) +
                  (f" {r['memory_mb']:>6.0f} MB" if what == "train" else ""))
    for r in results:
        if r["layers"]:
            print(f"{r['who']}: ms forward, backward, share forward")
        for layer, (forward, backward, of, share) in r["layers"].items():
            print(f"    {layer:<14}{1e3 * forward:>9.3f}{1e3 * backward:>9.3f}  "
                  f"{f'{share:.0%} {of}' if of else ''}", flush=True)


def to_torch(result: dict[str, Any], results: list[dict[str, Any]], what: str) -> float | None:
    """The median over that of PyTorch with cuDNN in its better layout, with TF32 if the result is with it."""
    tf32 = result["who"].endswith(", TF32")
    theirs = [r[what]["median"] for r in results if r["who"].startswith("PyTorch") and "no cuDNN" not in r["who"]
              and r["who"].endswith(", TF32") == tf32]
    return result[what]["median"] / min(theirs) if theirs else None


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    try:
        first, *rest = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
        tell_machine(first["machine"], first["peaks"])
        for name in dict.fromkeys(line["case"] for line in rest):
            tell(name, [line for line in rest if line["case"] == name and "error" not in line])
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    for line in rest:
        if "error" in line:
            print(f"{line['case']}, {line['who']}: {line['error']}")


if __name__ == "__main__":
    main()
