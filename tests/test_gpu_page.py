"""docs/gpu.md: its times are those of the committed runs of benchmarks/gpu.py, its errors those of the trainings."""
import json
import re
from pathlib import Path

import pytest

from tinynet.claims.claim import interval

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
CASES = {"AlexNet": "alexnet-128", "80sec": "80sec-128", "GoogLeNet": "googlenet-128", "VGG-16": "vgg16-32"}
CELLS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.startswith("| ")]
REPEATED = [row for row in CELLS if row[0] in CASES]         # of an H200
ROWS = [row for row in CELLS if row[0] in ("1", "2")]        # of an H100, in which run


def measured(run, net):
    """{contender: what was measured} of one net."""
    lines = (ROOT / f"benchmarks/results/0.2.0-{run}.jsonl").read_text().splitlines()
    return {line["who"]: line for line in map(json.loads, lines) if line.get("case") == CASES[net] and "train" in line}


def ms(found, who, asked=True):
    """A time as the page has it, with when the step had been asked for; nothing, if it was not measured."""
    if who not in found:
        return ""
    train = found[who]["train"]
    return f"{1e3 * train['median']:.1f}" + (f" ({1e3 * train['asked']:.1f})" if asked else "")


def ratio(found, who, to):
    return f"{found[who]['train']['median'] / found[to]['train']['median']:.2f}"


def better_layout(found, tf32):
    """PyTorch's with cuDNN that is the faster one; None, if there is none."""
    theirs = [who for who in found if who.startswith("PyTorch") and "no cuDNN" not in who
              and who.endswith(", TF32") == tf32]
    return min(theirs, default=None, key=lambda who: found[who]["train"]["median"])


def test_there_is_a_row_for_each_net_of_each_run():
    assert [row[:2] for row in ROWS] == [["2", "AlexNet"], ["2", "80sec"], ["1", "AlexNet"], ["1", "80sec"],
                                         ["1", "GoogLeNet"]]
    assert [row[0] for row in REPEATED] == ["AlexNet", "80sec", "VGG-16"]


@pytest.mark.parametrize("row", REPEATED, ids=lambda row: row[0])
def test_the_times_of_repeated_steps_are_those_that_were_measured(row):
    found = measured("h200-1", row[0])
    torch = better_layout(found, False)
    assert row[1:] == [*(ms(found, who) for who in ("one column", "one column, graph", "two columns",
                                                    "two columns, graph", torch)),
                       ratio(found, "one column, graph", torch)]


def test_the_memory_of_alexnet():
    found = measured("h200-1", "AlexNet")
    asked, repeated, torch = (f"{found[who]['memory_mb']:,.0f}" for who in ("one column", "one column, graph",
                                                                           better_layout(found, False)))
    assert (f"{repeated} MB of the GPU in one column, repeated, and {asked} asked for; PyTorch {torch}"
            in " ".join(PAGE.split()))


def test_two_columns_beside_one():
    found = measured("h200-1", "AlexNet")
    assert f"Two columns take {ratio(found, 'two columns, graph', 'one column, graph')} times as long as one" in PAGE


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:2]))
def test_the_times_are_those_that_were_measured(row):
    found = measured(f"h100-{row[0]}", row[1])
    torch, torch_tf32 = better_layout(found, False), better_layout(found, True)
    assert row[2:] == [
        ms(found, "one column"), ms(found, "two columns"), ms(found, torch), ratio(found, "one column", torch),
        ms(found, "one column, TF32", asked=False), ms(found, torch_tf32, asked=False),
        f"{found['one column']['memory_mb']:.0f}", f"{found[torch]['memory_mb']:.0f}"]


def test_figure_1_took_as_long_as_the_page_says():
    printed = (ROOT / "examples/results/figure1-gpu/printed.txt").read_text()
    minutes, seconds = re.search(r"real\s+(\d+)m([\d.]+)s", printed).groups()
    took = f"{60 * int(minutes) + float(seconds):.0f} s"
    assert f"took {took} there" in " ".join(PAGE.split())
    assert f"took an H200 {took}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_less_than_half_as_the_readme_says():
    found = measured("h200-1", "AlexNet")
    assert float(ratio(found, "one column, graph", better_layout(found, False))) < 0.5


def test_the_peaks_of_the_two_runs():
    files = (ROOT / f"benchmarks/results/0.2.0-h100-{run}.jsonl" for run in (1, 2))
    peaks = [json.loads(file.read_text().splitlines()[0])["peaks"] for file in files]
    tf32, float32 = (" and ".join(dict.fromkeys(f"{peak[name]:.0f}" for peak in peaks)) for name in ("TF32", "float32"))
    assert f"{tf32} million million operations a second, in float32 {float32}." in " ".join(PAGE.split())


def test_what_tf32_does_to_the_error():
    def error(run):
        lines = (ROOT / f"examples/results/tf32/{run}/metrics.jsonl").read_text().splitlines()
        return 100 * json.loads(lines[-1])["test_error"]
    on, off = ([error(f"{kind}-{seed}") for seed in range(6)] for kind in ("on", "off"))
    mean, low, high = interval([a - b for a, b in zip(on, off, strict=True)])
    text = " ".join(PAGE.split())
    assert f"has {sum(on) / 6:.2f} % with TF32 and {sum(off) / 6:.2f} % without" in text
    assert f"{mean:+.2f} points ({low:+.2f} to {high:+.2f}, 95 %)" in text
