"""docs/gpu.md: its times are those of the committed runs of benchmarks/gpu.py, its errors those of the trainings."""
import json
from pathlib import Path

import pytest

from tinynet.claims.claim import interval

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
CASES = {"AlexNet": "alexnet-128", "80sec": "80sec-128", "GoogLeNet": "googlenet-128"}
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines()
        if line.startswith(("| 1 |", "| 2 |"))]


def measured(run, net):
    """{contender: what was measured} of one net."""
    lines = (ROOT / f"benchmarks/results/0.2.0-h100-{run}.jsonl").read_text().splitlines()
    return {line["who"]: line for line in map(json.loads, lines) if line.get("case") == CASES[net] and "train" in line}


def better_layout(found, tf32):
    """PyTorch's with cuDNN that is the faster one; None, if there is none."""
    theirs = [who for who in found if who.startswith("PyTorch") and "no cuDNN" not in who
              and who.endswith(", TF32") == tf32]
    return min(theirs, default=None, key=lambda who: found[who]["train"]["median"])


def test_there_is_a_row_for_each_net_of_each_run():
    assert [row[:2] for row in ROWS] == [["2", "AlexNet"], ["2", "80sec"], ["1", "AlexNet"], ["1", "80sec"],
                                         ["1", "GoogLeNet"]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:2]))
def test_the_times_are_those_that_were_measured(row):
    found = measured(*row[:2])
    torch, torch_tf32 = better_layout(found, False), better_layout(found, True)

    def ms(who, asked=True):
        if who not in found:
            return ""
        train = found[who]["train"]
        return f"{1e3 * train['median']:.1f}" + (f" ({1e3 * train['asked']:.1f})" if asked else "")
    ratio = found["one column"]["train"]["median"] / found[torch]["train"]["median"]
    assert row[2:] == [
        ms("one column"), ms("two columns"), ms(torch), f"{ratio:.2f}", ms("one column, TF32", asked=False),
        ms(torch_tf32, asked=False), f"{found['one column']['memory_mb']:.0f}", f"{found[torch]['memory_mb']:.0f}"]


def test_what_tf32_does_to_the_error():
    def error(run):
        lines = (ROOT / f"examples/results/tf32/{run}/metrics.jsonl").read_text().splitlines()
        return 100 * json.loads(lines[-1])["test_error"]
    on, off = ([error(f"{kind}-{seed}") for seed in range(6)] for kind in ("on", "off"))
    mean, low, high = interval([a - b for a, b in zip(on, off, strict=True)])
    text = " ".join(PAGE.split())
    assert f"has {sum(on) / 6:.2f} % with TF32 and {sum(off) / 6:.2f} % without" in text
    assert f"{mean:+.2f} points ({low:+.2f} to {high:+.2f}, 95 %)" in text
