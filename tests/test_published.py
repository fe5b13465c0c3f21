"""docs/published.md: what it says that we got is what the committed runs wrote."""
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "published.md").read_text(encoding="utf-8")


def row(run):
    (line,) = [line for line in PAGE.splitlines() if line.endswith(f"(`{run}`) |")]
    return line.rsplit("|", 2)[1]


def records(run):
    return [json.loads(line) for line in (ROOT / f"examples/results/{run}/metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("run", ["imagenette", "zfnet", "vgg-a", "googlenet"])
def test_the_best_epoch_on_photographs(run):
    best = min(records(run), key=lambda record: record["val_error"])
    assert f"{100 * best['val_error']:.1f}, {100 * best['val_top5_error']:.1f}" in row(run)


@pytest.mark.parametrize("run", ["80sec", "18pct", "13pct"])
def test_the_last_epoch_on_cifar(run):
    assert row(run).strip().startswith(f"{100 * records(run)[-1]['test_error']:.1f} (")
