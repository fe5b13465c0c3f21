"""What the commands share: values of options that are refused before anything begins."""
from importlib import import_module
from pathlib import Path

import pytest

from tinynet.commands.options import CommandLine, a_folder, a_picture
from tinynet.fast import parallel

NEEDED = {"train-imagenet": ["DATA"], "look": ["RUN"], "features": ["RUN", "--photographs", "PHOTOS"],
          "predict": ["PICTURE", "--net", "80sec"], "watch": ["RUN"], "scale": ["alexnet"]}
FOLDERS = ["train-cifar10", "train-imagenet", "train-lenet5", "alexnet-columns", "look", "features"]
PICTURES = ["find-lr", "predict", "watch", "scale"]


def usage_error(command, *arguments):
    main = import_module(f"tinynet.commands.{command.replace('-', '_')}").main
    with pytest.raises(SystemExit) as stopped:
        main([*NEEDED.get(command, []), *arguments])
    assert stopped.value.code == 2


@pytest.mark.parametrize("command, below", [*((command, "") for command in FOLDERS),  # a picture may be replaced
                                            *((command, "/x.png") for command in FOLDERS + PICTURES)])
def test_nothing_is_written_over_a_file_or_below_one(command, below, tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("mine")
    usage_error(command, "--out", f"{file}{below}")
    assert f"--out: expected a folder, there or to be made, but {file} is a file" in capsys.readouterr().err
    assert file.read_text() == "mine"


@pytest.mark.parametrize("command", PICTURES)
def test_a_picture_is_not_called_as_a_folder(command, tmp_path, capsys):
    usage_error(command, "--out", str(tmp_path))
    assert f"--out: expected the name of a file, but {tmp_path} is a folder" in capsys.readouterr().err


@pytest.mark.parametrize("command", FOLDERS + PICTURES)
def test_a_name_is_not_empty(command, capsys):
    """As of a variable of the shell that is not set; Path("") would be the folder one is in."""
    usage_error(command, "--out", "")
    assert "--out: expected " in (said := capsys.readouterr().err) and "empty" in said


def test_what_may_be_written_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in ".", "new", "new/below", str(tmp_path):
        assert a_folder(text) == Path(text)
    assert a_folder(300 * "a") == Path(300 * "a") and a_picture(300 * "a") == Path(300 * "a")  # the system will say it
    for text in "a.png", "new/a.png", str(tmp_path / "a.png"):
        assert a_picture(text) == Path(text)


@pytest.mark.parametrize("command", FOLDERS + PICTURES)
def test_a_number_of_threads_that_is_none_is_a_usage_error(command, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TINYNET_THREADS", "0")
    monkeypatch.setattr(parallel, "_threads", 0)
    monkeypatch.chdir(tmp_path)
    usage_error(command)
    assert "TINYNET_THREADS: expected a whole number of threads, 1 or more, got '0'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_parser_takes_what_any_parser_takes():
    parser = CommandLine("name", "text")
    parser.add_device("of the net")
    args = parser.parse_args(["--device", "gpu"])
    assert args.device == "gpu" and "--device {cpu,gpu}  of the net" in parser.format_help()
