"""The benchmark on a tiny AlexNet: numbers come out, for every layer, and the file is written; its page and picture."""
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinynet import set_threads

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "cpu.py"


def load(name="cpu"):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", SCRIPT.with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(SCRIPT.parent))  # as when it is run
    spec.loader.exec_module(module)
    return module


def test_it_prints_tables_and_writes_json(tmp_path):
    file = tmp_path / "times.json"
    path = os.pathsep.join(filter(None, (str(SCRIPT.parent.parent), os.environ.get("PYTHONPATH"))))
    done = subprocess.run([sys.executable, "-W", "error", SCRIPT, "--nets", "tiny", "--repeat", "2", "--no-torch",
                           "--tuned-malloc", "--json", file], env={**os.environ, "PYTHONPATH": path},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == [file]
    found = json.loads(file.read_text())
    assert found["machine"]["PyTorch"] == "not measured"
    assert f"tinynet threads         {found['machine']['tinynet threads']}" in done.stdout
    for name, value in load().TUNED_MALLOC.items():
        assert found["machine"][name] == value
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
    page = load("report").page({"times": found}, {"times": "times.json"})
    assert f"| one column | {1e3 * contenders['one column']['train']['median']:.1f} ms |" in page


def test_what_measures_finds_the_variables_that_were_set(monkeypatch):
    monkeypatch.setenv("MALLOC_TOP_PAD_", "131072")
    assert load().apart(os.getenv, "MALLOC_TOP_PAD_") == "131072"


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


def test_timing_pytorchs_layers_leaves_its_net_as_it_was():
    pytest.importorskip("torch")
    benchmark = load()
    theirs = benchmark.Theirs(benchmark.CASES["tiny-nolrn"], "PyTorch NCHW")
    theirs.layers()
    assert [layer.inplace for name, layer in theirs.net.named_children() if name.startswith("relu")] == [True] * 7


# ---- the page and the picture: numbers made up ----------------------------------------------------------------------

def a_run(benchmark, **machine):
    """alexnet-32, of two layers: PyTorch trains faster in NCHW, and its norm1 is slow."""
    def contender(seconds, layers):
        rates = benchmark.rates([seconds, 0.9 * seconds, 2 * seconds], 100.0, 32, 250.0, 0.25)
        return {"train": rates, "infer": rates, "layers": layers, "peak_mb": 1234.4}
    return {"machine": {"date": "2012-12-03", "cpu": "a CPU", "blas": "a BLAS", "NumPy": "2", "PyTorch": "3",
                        "OMP_NUM_THREADS": "not set", **machine},
            "cases": {"alexnet-32": {"batch": 32, "sgemm": 250.0, "contenders": {
                "one column": contender(0.5, {"conv1": [0.01, 0.02], "norm1": [0.001, 0.002]}),
                "two columns": contender(0.6, {"conv1": [0.01, 0.02], "fork": [0.001, 0.002]}),
                "PyTorch NCHW": contender(0.25, {"conv1": [0.005, 0.006], "norm1": [0.1, 0.6]}),
                "PyTorch channels_last": contender(0.3, {"conv1": [0.005, 0.005], "norm1": [0.1, 0.5]})}}}}


def test_the_page_says_what_the_files_say():
    benchmark, report = load(), load("report")
    runs = {"plain": a_run(benchmark, MALLOC_TOP_PAD_="not set"), "tuned": a_run(benchmark, MALLOC_TOP_PAD_="7")}
    runs["tuned"]["cases"]["80sec-128"] = runs["tuned"]["cases"]["alexnet-32"]
    page = report.page(runs, {"plain": "results/plain.json", "tuned": "results/tuned.json"})
    lines = page.splitlines()
    assert lines[0] == "# How fast tinynet is on a CPU, and PyTorch with the same nets"
    assert "    python benchmarks/cpu.py --nets alexnet-32 80sec-128 --repeat 9 --json times.json" in lines
    assert "|  | [plain](results/plain.json) | [tuned](results/tuned.json) |" in lines
    assert "| MALLOC_TOP_PAD_ | not set | 7 |" in lines
    assert "Not set: OMP_NUM_THREADS." in lines
    assert [line for line in lines if line.startswith("## ")][-2:] == ["## alexnet-32", "## 80sec-128"]
    numbers = "500.0 ms | 450.0-1000.0 ms | 64 | 200 | 80% | 2.00"  # 32 images and 100 GFLOP in .5 s; PyTorch: .25 s
    assert lines.count(f"| one column | {numbers} | 1234 MB |") == 3  # the training step: alexnet-32 twice, 80sec once
    assert lines.count(f"| one column | {numbers} |  |") == 3         # inference
    assert sum(line.startswith("| tuned: batch 32, sgemm 250 GFLOP/s | median |") for line in lines) == 2
    assert {line.count("|") for line in lines if line.startswith("| ") and "PyTorch NCHW" in line} == {9}


def test_the_picture_shows_the_faster_layout_and_cuts_what_would_hide_the_rest():
    from matplotlib.figure import Figure
    ax, contenders = Figure().add_subplot(), a_run(load())["cases"]["alexnet-32"]["contenders"]
    load("report").draw_case(ax, "alexnet-32", contenders)
    ours, theirs = [10, 1, 20, 2], [5, 100, 6, 600]  # ms: forward, backward, of conv1 and norm1
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(ours + theirs)
    assert [bar.get_x() for bar in ax.patches] == pytest.approx([0, 0, 10, 1, 0, 0, 5, 100])
    assert ax.get_xlim() == pytest.approx((0, 1.03 * 1.5 * 30))
    assert [text.get_text().strip() for text in ax.texts] == ["700"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "tinynet, one column: 500 ms a step", "PyTorch NCHW: 250 ms a step"]
    del contenders["PyTorch NCHW"], contenders["PyTorch channels_last"]
    ax = Figure().add_subplot()
    load("report").draw_case(ax, "alexnet-32", contenders)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(ours)
    assert ax.get_xlim() == pytest.approx((0, 1.03 * 30))


def test_the_same_files_give_the_same_page_and_picture(tmp_path, monkeypatch):
    import matplotlib.image
    report = load("report")
    file = tmp_path / "times.json"
    file.write_text(json.dumps(a_run(load())))
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        monkeypatch.setattr(sys, "argv", ["report.py", str(file), "--out", str(folder)])
        report.main()
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"README.md", "layers.png"}
    assert b"[times](../times.json)" in written[0]["README.md"]
    assert matplotlib.image.imread(folder / "layers.png").shape[1] == 900


@pytest.mark.parametrize("name, content, message", [
    ("missing", None, "FileNotFoundError: .*missing.json"),
    ("cut", '{"machine"', "JSONDecodeError"),
    ("other", '{"machine": {}, "cases": {"tiny": {}}}',
     "expected times of alexnet-32 or 80sec-128 in the first run, other, got only tiny; run cpu.py --nets alexnet-32"),
])
def test_a_file_without_the_times_is_refused(tmp_path, monkeypatch, name, content, message):
    if content:
        (tmp_path / f"{name}.json").write_text(content)
    monkeypatch.setattr(sys, "argv", ["report.py", str(tmp_path / f"{name}.json"), "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match=message):
        load("report").main()
    assert not (tmp_path / "README.md").exists()


def test_files_of_the_same_name_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["report.py", "a/times.json", "b/times.json", "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        load("report").main()
    assert "expected files of different names, got a/times.json, b/times.json" in capsys.readouterr().err
