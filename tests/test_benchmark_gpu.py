"""The benchmark for GPUs on tiny nets, with NumPy in CuPy's place: every contender runs, every layer has its time."""
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinynet import cpu, pair, set_threads
from tinynet.devices.cuda import gpu_count

FOLDER = Path(__file__).parent.parent / "benchmarks"
PEAK = {"float32": 0.1, "TF32": 0.2, "copy": 0.01}


@pytest.fixture
def benchmark(monkeypatch):
    """gpu.py on the CPU; `asked` has what the GPU was asked for."""
    monkeypatch.syspath_prepend(str(FOLDER))  # as when it is run
    spec = importlib.util.spec_from_file_location("benchmark_gpu", FOLDER / "gpu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.asked = []
    cases = sys.modules["gpu_cases"]
    monkeypatch.setattr(module, "gpu", lambda index=0, tf32=None: module.asked.append(tf32) or cpu)
    monkeypatch.setattr(cases, "gpu", lambda index: cpu)
    monkeypatch.setattr(cases, "pair", lambda kind: pair("cpu"))
    monkeypatch.setattr(module, "wait", lambda: None)
    monkeypatch.setattr(module, "held", lambda torch: 8.0 if torch else 7.0)
    monkeypatch.setattr(module, "machine", lambda torch: {"gpu": "none"})
    monkeypatch.setattr(module, "CONTENDERS", [one for one in module.CONTENDERS if not one.graph])  # a GPU's alone
    return module


def run(benchmark, monkeypatch, tmp_path, *options):
    file = tmp_path / "times.jsonl"
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--json", str(file), "--repeat", "2", "--peak", "64", *options])
    benchmark.main()
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_tinynet_alone(benchmark, monkeypatch, tmp_path, capsys):
    first, *lines = run(benchmark, monkeypatch, tmp_path, "--no-torch", "--nets", "tiny", "tiny-zfnet")
    assert first["machine"] == {"gpu": "none"} and min(first["peaks"].values()) > 0
    assert [(line["case"], line["who"]) for line in lines] == [
        ("tiny", "one column"), ("tiny", "two columns"), ("tiny", "one column, TF32"), ("tiny-zfnet", "one column"),
        ("tiny-zfnet", "one column, TF32")]
    for line in lines:
        assert len(line["train"]["seconds"]) == 2 and 0 < line["infer"]["min"] <= line["infer"]["median"]
        assert 0 < line["train"]["asked"] <= line["train"]["max"]
        assert line["memory_mb"] == 7 and line["train"]["share"] > 0
    layers = lines[0]["layers"]
    assert layers["conv1"][2] == layers["fc8"][2] == "of peak" and layers["relu1"][2] == layers["norm1"][2] == "of copy"
    assert layers["sgd"][2] == "" and {"fork", "fc8"} <= set(lines[1]["layers"])
    assert benchmark.asked.count(True) == 3 and benchmark.asked[-1] is False  # the peak, and two contenders
    printed = capsys.readouterr().out
    assert "tiny: batch 4" in printed and "one column, TF32" in printed and "of copy" in printed

    monkeypatch.setattr(sys, "argv", ["gpu_report.py", str(tmp_path / "times.jsonl")])
    sys.modules["gpu_report"].main()
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("name", ["tiny", "tiny-googlenet", "tiny-zfnet"])
def test_pytorch_has_the_same_layers(benchmark, name):
    torch = pytest.importorskip("torch")
    set_threads(1)
    case, results = benchmark.CASES[name], []
    work, moved = benchmark.work_of(case)
    for one in benchmark.CONTENDERS:
        if one.columns == 1 and one.cudnn:
            results.append(benchmark.measure(case, one, work, moved, PEAK, 1, torch))
    ours, *theirs = (list(result["layers"]) for result in results)
    assert all(layers == ours for layers in theirs)
    assert [(r["who"].startswith("PyTorch"), r["memory_mb"]) for r in results] == [
        (one.layout != "", 8 if one.layout else 7) for one in benchmark.CONTENDERS if one.columns == 1 and one.cudnn]
    ratios = {r["who"]: sys.modules["gpu_report"].to_torch(r, results, "train") for r in results}
    assert min(ratios["PyTorch NCHW"], ratios["PyTorch channels_last"]) == 1
    assert min(ratios["PyTorch NCHW, TF32"], ratios["PyTorch channels_last, TF32"]) == 1


def test_pytorchs_googlenet_has_our_parameters(benchmark):
    pytest.importorskip("torch")
    case = benchmark.CASES["tiny-googlenet"]
    theirs = benchmark.Theirs(case, "PyTorch NCHW")
    assert sum(p.numel() for p in theirs.net.parameters()) == sum(p.size for _, p in case.build(1).parameters())
    assert tuple(theirs.net(theirs.x).shape) == (2, 10)


def test_the_work_is_counted_by_hand(benchmark):
    work, moved = benchmark.work_of(benchmark.CASES["80sec-128"])
    assert work["conv1"] == 32 * 32 * 75 * 32 and work["pool1"] == 0
    assert moved["conv1"] == 32 * 32 * (3 + 32)
    rates = benchmark.rates([(0.1, 0.5), (0.2, 0.25), (0.3, 1.0)], tflop=2.0, batch=32, peak=8.0)
    assert (rates["median"], rates["images_per_second"], rates["tflop_per_second"], rates["share"]) == (0.5, 64, 4, 0.5)
    assert rates["asked"] == 0.2 and rates["seconds"] == (0.5, 0.25, 1.0)
    assert benchmark.shares("a", 2.0, {"a": 10 ** 12}, {"a": 1}, 4, 8.0, 1.0) == ("of peak", pytest.approx(0.5))
    assert benchmark.shares("b", 2.0, {"b": 0}, {"b": 10 ** 12}, 1, 8.0, 4.0) == ("of copy", pytest.approx(0.5))


def test_what_fails_or_comes_too_late_stops_nothing(benchmark, monkeypatch, tmp_path, capsys):
    real, calls = benchmark.measure, []

    def spoilt(*args):
        calls.append(args)
        if len(calls) == 1:
            raise MemoryError("full")
        return real(*args)
    monkeypatch.setattr(benchmark, "measure", spoilt)
    lines = run(benchmark, monkeypatch, tmp_path, "--no-torch", "--nets", "tiny")
    assert [line.get("error") for line in lines[1:]] == ["MemoryError: full", None, None]
    lines = run(benchmark, monkeypatch, tmp_path, "--no-torch", "--nets", "tiny", "--minutes", "0")
    assert {line.get("error") for line in lines[1:]} == {"TimeoutError: not measured: 0 minutes are over"}
    assert "tiny, one column: MemoryError: full" in capsys.readouterr().out


def test_some_contenders_alone(benchmark, monkeypatch, tmp_path):
    options = ("--no-torch", "--nets", "tiny", "--who", "two columns", "PyTorch NCHW")
    assert [line["who"] for line in run(benchmark, monkeypatch, tmp_path, *options)[1:]] == ["two columns"]


@pytest.mark.skipif(gpu_count() > 0, reason="there is a GPU")
@pytest.mark.parametrize("options", [[], ["--nets", "tiny"]])
def test_without_a_gpu_it_says_so_in_one_line(options):
    done = subprocess.run([sys.executable, "-W", "error", FOLDER / "gpu.py", *options], capture_output=True, text=True,
                          cwd=FOLDER.parent, env={**os.environ, "PYTHONPATH": str(FOLDER.parent)})
    assert done.returncode == 0 and done.stderr == "" and done.stdout.count("\n") == 1
    assert done.stdout.startswith("nothing to measure: gpu(0)")


# ---- all of it, unattended ------------------------------------------------------------------------------------------


@pytest.fixture
def everything():
    spec = importlib.util.spec_from_file_location("gpu_all", FOLDER / "gpu_all.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_parts_that_fail_or_take_too_long_do_not_stop_the_next(everything, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(everything, "parts", lambda args: {
        "bad": (60, ["-c", "print('said'); raise SystemExit(3)"]), "slow": (1, ["-c", "import time; time.sleep(60)"]),
        "good": (60, ["-c", "import tinynet; print('there')"])})
    monkeypatch.setattr(everything, "PATIENCE", 1)  # a test in the background may have SIGINT ignored
    monkeypatch.setattr(sys, "argv", ["gpu_all.py", str(tmp_path / "out")])
    everything.main()
    ends = capsys.readouterr().out.splitlines()[-3:]
    assert "bad: failed, with the code 3" in ends[0] and "slow: ended after its limit of 1 s" in ends[1]
    assert ends[2].startswith("good: done")
    assert (tmp_path / "out" / "bad.txt").read_text() == "said\n"
    assert (tmp_path / "out" / "good.txt").read_text() == "there\n"


SLOW = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it may be ignored
try:
    print("begun")
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C cannot be sent to a process here")
def test_a_part_that_is_over_its_limit_may_say_what_it_has(everything):
    with subprocess.Popen([sys.executable, "-u", "-c", SLOW], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        everything.end(process)
        assert process.stdout.read() == "interrupted\n"


def test_a_net_goes_on_where_it_was_stopped(everything, monkeypatch, tmp_path, capsys):
    args = ["gpu_all.py", str(tmp_path), "--only", "--nets", "80sec"]
    begun = []
    monkeypatch.setattr(everything, "run", lambda *part: begun.append(part[:3]) or "")
    monkeypatch.setattr(sys, "argv", [*args, "--cifar", "C", "--minutes", "2"])
    everything.main()
    (tmp_path / "80sec-run").mkdir()
    (tmp_path / "80sec-run" / "config.json").write_text("{}")
    everything.main()
    (name, limit, first), (_, _, again) = begun
    assert (name, limit) == ("80sec", 120) and first[-6:-1] == ["--net", "80sec", "--device", "gpu", "--out"]
    assert again[-2:] == ["--resume", str(tmp_path / "80sec-run")]
    monkeypatch.setattr(sys, "argv", args)
    with pytest.raises(SystemExit):
        everything.main()
    assert "--nets: they learn CIFAR-10: add --cifar FOLDER" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*args, "--cifar", "C", "--minutes", "0"])
    with pytest.raises(SystemExit):
        everything.main()
    assert "--minutes: expected a number above 0, got 0" in capsys.readouterr().err


@pytest.mark.skipif(gpu_count() > 0, reason="there is a GPU, it would take minutes")
def test_its_commands_are_right(everything, monkeypatch, tmp_path):
    """Without a GPU each example says that there is none, rather than what is wrong with its arguments."""
    names = ["benchmark", "figure1", "photos"]
    monkeypatch.setattr(sys, "argv", ["gpu_all.py", str(tmp_path), "--cifar", "C", "--photos", "P", "--only", *names,
                                      "--nets", "11pct"])
    everything.main()
    for name in *names, "11pct":
        assert "gpu(0)" in (tmp_path / f"{name}.txt").read_text(), name
