"""The benchmark on a tiny AlexNet: numbers come out, for every layer, and the file is written."""
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinynet import set_threads

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "cpu.py"


def load():
    spec = importlib.util.spec_from_file_location("benchmark_cpu", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPT.parent))  # as when it is run
    spec.loader.exec_module(module)
    return module


def test_it_prints_tables_and_writes_json(tmp_path):
    file = tmp_path / "times.json"
    path = os.pathsep.join(filter(None, (str(SCRIPT.parent.parent), os.environ.get("PYTHONPATH"))))
    done = subprocess.run([sys.executable, "-W", "error", SCRIPT, "--nets", "tiny", "--repeat", "2", "--no-torch",
                           "--json", file], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == [file]
    found = json.loads(file.read_text())
    assert found["machine"]["PyTorch"] == "not measured"
    assert f"tinynet threads         {found['machine']['tinynet threads']}" in done.stdout
    contenders = found["cases"]["tiny"]["contenders"]
    assert list(contenders) == ["one column", "two columns"]
    for result in contenders.values():
        assert len(result["train"]["seconds"]) == 2
        assert 0 < result["infer"]["min"] <= result["infer"]["median"] <= result["infer"]["max"]
        assert result["train"]["share_of_sgemm"] > 0
        assert 10 < result["peak_mb"] < 2000
        printed = {line.split()[0] for line in done.stdout.splitlines() if line}
        assert set(result["layers"]) <= printed
    assert {"conv1", "norm1", "pool5", "fc8", "sgd"} <= set(contenders["one column"]["layers"])


def test_the_work_is_counted_by_hand():
    benchmark = load()
    result = benchmark.measure("tiny-nolrn", 1, torch=False)
    conv = 15 * 15 * 363 * 8 + 7 * 7 * 100 * 16 + 3 * 3 * (144 * 16 + 72 * 16 + 72 * 16)  # half of the maps: groups
    linear = 16 * 32 + 32 * 32 + 32 * 1000
    assert result["gflop"]["infer"] == pytest.approx(2e-9 * 4 * (conv + linear))
    assert result["gflop"]["train"] == pytest.approx(2e-9 * 4 * (3 * (conv + linear) - 15 * 15 * 363 * 8))
    assert not any(name.startswith("norm") for r in result["contenders"].values() for name in r["layers"])


@pytest.mark.parametrize("name", ["tiny", "tiny-nolrn"])
def test_pytorch_takes_its_turns_with_the_same_layers(name):
    pytest.importorskip("torch")
    set_threads(1)  # PyTorch takes as many; two would wait for each other on a busy machine
    benchmark = load()
    contenders = benchmark.measure(name, 1, torch=True)["contenders"]
    assert list(contenders) == ["one column", "two columns", *benchmark.TORCH]
    for who in benchmark.TORCH:
        assert list(contenders[who]["layers"]) == list(contenders["one column"]["layers"])
    for what in ("train", "infer"):
        assert min(contenders[who][what]["to_torch"] for who in benchmark.TORCH) == 1


def test_pytorchs_nets_have_our_shapes_and_parameters():
    torch = pytest.importorskip("torch")
    benchmark = load()
    for name in ("tiny", "80sec-128"):
        case = benchmark.CASES[name]
        ours, theirs = benchmark.Ours(case, 1), benchmark.Theirs(case, "PyTorch channels_last")
        rows = benchmark.summary(ours.net, case.input_shape, show=False)
        x = theirs.x
        with torch.no_grad():
            for row, layer in zip(rows, theirs.net, strict=True):
                x = layer(x)
                expected = row.shape if len(row.shape) == 1 else (row.shape[2], *row.shape[:2])
                assert tuple(x.shape[1:]) == expected, row.name
                assert sum(p.numel() for p in layer.parameters()) == row.parameters
