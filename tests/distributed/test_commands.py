"""The two training commands under mpiexec: what they train is what one process trains; who is told something else is
refused."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from test_distributed import MPIEXEC, OWN, needs_mpi

PYTHON = [sys.executable, "-W", "error", "-m", "tinynet"]
TINY = ["--size", "44", "--crop", "40", "--width", "0.03", "--batch", "8", "--dropout", "0", "--epochs", "1"]
HERE = ["--oversubscribe", "--bind-to", "none"]


def start(tmp_path, *programs):
    """Programs of one rank each, or alone if there is but one; (the status, what they printed)."""
    command = PYTHON + programs[0]
    if len(programs) > 1:
        command = [MPIEXEC, *HERE, *(word for program in programs for word in ["-n", "1", *PYTHON, *program, ":"])][:-1]
    done = subprocess.run(command, env={**os.environ, **OWN}, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def photographs(tmp_path):
    """Eighteen to train on and five to be judged by, whose colour tells their class."""
    image, rng = pytest.importorskip("PIL.Image"), np.random.default_rng(0)
    for split, count in ("train", 9), ("val", 3):
        for label, name in enumerate("ab"):
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for i in range(count - label * (split == "val")):
                pixels = rng.integers(0, 120, (50, 48, 3)) + 90 * label
                image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / split / name / f"{i}.bmp")


def record(folder):
    line, = (folder / "metrics.jsonl").read_text().splitlines()
    return {**json.loads(line), "images_per_second": 0, "waited": 0}


@needs_mpi
def test_photographs_in_two_columns_on_each_of_two_ranks(tmp_path, photographs):
    given = ["train-imagenet", "photos", *TINY, "--columns", "2"]
    alone, together = start(tmp_path, [*given, "--out", "one"]), start(tmp_path, *2 * [[*given, "--out", "two"]])
    assert (alone[0], together[0]) == (0, 0), alone[1] + together[1]
    assert together[1].count("dealt out to 2 ranks") == together[1].count("centre crop: top-1 error") == 1
    one, two = record(tmp_path / "one"), record(tmp_path / "two")
    assert one == pytest.approx(two, rel=1e-4)
    assert json.loads((tmp_path / "two/config.json").read_text())["environment"]["ranks"] == 2


@needs_mpi
def test_a_net_of_2012_on_two_ranks_and_gone_on_with_on_one(tmp_path):
    status, printed = start(tmp_path, *2 * [["train-cifar10", "--net", "18pct", "--width", "0.05", "--epochs", "1",
                                             "--out", "run"]])
    assert status == 0 and printed.count("test error of 18pct: top-1 ") == 1, printed
    record(tmp_path / "run/18pct")
    status, printed = start(tmp_path, ["train-cifar10", "--resume", "run", "--epochs", "1"])
    assert status == 0 and "was written by 2 ranks, and goes on with 1: the batches are the same" in printed, printed


@needs_mpi
@pytest.mark.parametrize("first, second, message", [
    (["train-imagenet", "photos", *TINY], ["train-imagenet", "photos", *TINY, "--lr", "0.5"],
     "ValueError: the ranks differ in their options: rank 0 has "),
    (["train-imagenet", "photos", *TINY], ["train-imagenet", "photos", *TINY, "--size", "4"],
     "rank 1: python -m tinynet train-imagenet: error: --crop: expected 1 to 4 pixels"),
    (["train-imagenet", "photos", *TINY, "--out", "photos"], ["train-imagenet", "photos", *TINY, "--out", "photos"],
     "FileExistsError: photos holds an earlier run: "),
    (["train-cifar10"], ["train-cifar10"], "RuntimeError: the figure is trained by one process"),
])
def test_one_line_says_what_is_wrong(first, second, message, tmp_path, photographs):
    (tmp_path / "photos/config.json").write_text("{}")
    status, printed = start(tmp_path, first, second)
    assert status != 0 and printed.count(message) == 1, printed
    assert "Traceback" not in printed and "Warning" not in printed and "Failed" not in printed, printed
