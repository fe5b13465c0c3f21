"""The command line, and the page of all nets, whose numbers are those of the tables."""
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinynet
from tinynet import count_parameters, summary
from tinynet.__main__ import COMMANDS, __doc__, main
from tinynet.init import Zeros, zeros
from tinynet.models.catalogue import NETS, build

HELLO = Path(__file__).parent.parent / "examples" / "hello.py"  # a program to begin with, and no command
PAGE = Path(__file__).parent.parent / "docs" / "nets.md"
ROW = re.compile(r"\| (`.*?`) \| (\d+x\d+x\d) \| ([\d,]+) \| ([\d,]+) \|.*\| `(\w+\.py)` \|")
ROWS = {tuple(re.findall("`(.*?)`", names)): rest for names, *rest in ROW.findall(PAGE.read_text())}


def test_the_table_of_a_net(capsys):
    main(["summary", "lenet5"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "neurons", "parameters", "multiply-adds", "bytes", "sent"]
    assert lines[-1].split()[2:4] == ["60,000", "325,680"]


def test_other_classes_and_sizes(capsys):
    main(["summary", "alexnet", "--classes", "7", "--input-size", "64"])
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "64x64x3" in lines["input"] and "28,679" in lines["fc8"]  # 4096 · 7 + 7


def test_the_list_of_nets(capsys, monkeypatch):
    monkeypatch.setattr("tinynet.__main__.NETS", dict.fromkeys(("nin-small", "lenet5")))
    main(["nets"])
    assert capsys.readouterr().out.splitlines() == ["nin-small       81,960", "lenet5          60,000"]


@pytest.mark.parametrize("arguments", [["summary", "lenet5"], ["nets"]])
def test_nobody_has_to_read_the_table(arguments, monkeypatch, capsys):
    class Closed(io.StringIO):  # as by `| head -1`
        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("tinynet.__main__.NETS", dict.fromkeys(("nin-small", "lenet5")))
    monkeypatch.setattr(sys, "stdout", Closed())
    main(arguments)
    assert capsys.readouterr().err.count("nothing more can be said on standard output") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert capsys.readouterr().out.startswith(f"usage: python -m tinynet {name} ")
    assert f"python -m tinynet {name} " in __doc__


def test_the_scripts_are_commands():
    scripts = sorted(set((Path(__file__).parents[1] / "examples").glob("*.py")) - {HELLO})
    assert len(scripts) > 5 and HELLO.exists()
    for script in scripts:
        assert script.stem.replace("_", "-") in COMMANDS
        assert f"from tinynet.commands.{script.stem} import main\n" in script.read_text()


def test_the_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"tinynet {tinynet.__version__}\n"


@pytest.mark.parametrize("arguments, message", [
    (["summary", "vgg17"], "no net is called 'vgg17'; there are alexnet, alexnet-source, .*cifar-11pct"),
    (["summary", "lenet5", "--input-size", "64"], "lenet5 has no setting 'input_size'; it has "),
    (["summary", "zfnet", "--input-size", "3"], "zfnet: images of 3x3 pixels leave a layer without pixels"),
    (["summary", "nin-small", "--classes", "0"], "expected a whole number of 1 or more, got 0"),
    (["summary", "alexnet", "--classes", "1000000000000"], "[Uu]nable to allocate"),
    (["summary"], "the following arguments are required: NAME"),
    (["table"], "invalid choice: 'table'"),
    ([], "the following arguments are required: COMMAND"),
])
def test_what_cannot_be_done_is_said(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_as_a_module_it_needs_numpy_only():
    code = ("import sys; sys.argv[1:] = ['summary', '--help']; import runpy, atexit; atexit.register(lambda: print("
            "[m for m in ('PIL', 'matplotlib', 'cupy') if m in sys.modules])); "
            "runpy.run_module('tinynet', run_name='__main__')")
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "usage: python -m tinynet summary" in printed and printed.endswith("[]\n")


def test_zeros_take_the_place_of_random_weights():
    for draw in zeros().normal(0, 1, (2, 3)), zeros().uniform(-1, 1, (2, 3)):
        assert draw.shape == (2, 3) and not draw.any()
    net = build("lenet5", rng=zeros())
    assert not any(np.any(p.value) for _, p in net.parameters())
    assert isinstance(zeros().spawn(1)[0], Zeros)                    # dropout takes one


# ---------------------------------------------------------------------------------------- docs/nets.md


def test_the_page_lists_all_nets():
    assert sorted(name for names in ROWS for name in names) == sorted(NETS)
    for name, *others in ROWS:
        for other in others:
            assert (NETS[other].func, NETS[other].args) == (NETS[name].func, NETS[name].args)
    for _, _, _, file in ROWS.values():
        assert (PAGE.parent.parent / "tinynet" / "models" / file).exists()


@pytest.mark.parametrize("names", ROWS)
def test_the_page_has_the_numbers_of_the_table(names):
    net = build(names[0], rng=zeros())
    rows = summary(net, show=False)
    numbers = (f"{sum(getattr(row, what) for row in rows):,}" for what in ("parameters", "multiply_adds"))
    assert ROWS[names][:3] == ["x".join(map(str, net.input_shape)), *numbers]


def test_googlenet_with_its_heads():
    assert f"{count_parameters(build('googlenet', rng=zeros())):,}" in PAGE.read_text()
