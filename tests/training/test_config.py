"""What a run says about its net, and when two configs are the same run."""
import argparse
import json

import numpy as np
import pytest

from tinynet.data import View
from tinynet.files.reading import DataError
from tinynet.training.config import about_the_net, expect_same_run, new_folder, read_config, take_options, view_of
from tinynet.training.run import Run


def test_what_is_written_is_read(tmp_path):
    view = View(np.ones((4, 4, 3)), 2.0, crop=3)
    config = {"seed": 1, **about_the_net("lenet5", {"width": 0.5}, view, ("a", "b"))}
    view.save(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_config(tmp_path) == config == {"seed": 1, "net": "lenet5", "settings": {"width": 0.5},
                                               "view": view.config(), "classes": ["a", "b"]}
    assert (view_of(tmp_path, read_config(tmp_path)).mean == view.mean).all()


@pytest.mark.parametrize("config", [{}, {"seed": 3}, {"net": "a", "options": {"net": "sample"}}, {"net": "alexnet"}])
def test_a_config_of_something_else_is_read_as_it_is(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_config(tmp_path) == config


def test_the_folder_of_a_new_run(tmp_path):
    assert new_folder(tmp_path / "mine", "kind") == tmp_path / "mine" and not (tmp_path / "mine").exists()
    assert new_folder(None, "kind").parts[0] == "runs" and new_folder(None, "kind").name.startswith("kind-2")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FileExistsError, match="holds an earlier run: go on with --resume, name another folder with"):
        new_folder(tmp_path, "kind")


def test_entries_within_entries_are_compared_one_by_one(tmp_path):
    view = View(scale=2.0, crop=3)
    config = {"options": {"seed": 0, "epochs": 5, "rates": [1, 2]}, **about_the_net("lenet5", {}, view, "ab")}
    (tmp_path / "config.json").write_text(json.dumps(config))
    Run(tmp_path, {**config, "options": {"seed": 0, "epochs": 9, "rates": [1, 2]}}, resume=True)
    with pytest.raises(ValueError) as error:
        Run(tmp_path, {**config, "options": {"seed": 1, "rates": [1]}, "view": View(scale=3.0, crop=3).config()},
            resume=True)
    assert str(error.value).splitlines()[1:] == [
        "  options.seed: now 1, the run has 0", "  options.rates: now [1], the run has [1, 2]",
        "  view.scale: now 3.0, the run has 2.0"]


def test_what_a_run_may_go_on_with_changed(tmp_path):
    may = ("device", "graph", "epochs", "workers", "tensorboard", "in_memory", "minutes", "keep_every", "ten_crop")
    expect_same_run(tmp_path, {"seed": 0, **dict.fromkeys(may, 1)}, {"seed": 0, **dict.fromkeys(may, 2)})


@pytest.mark.parametrize("config", [{"net": "nin"}, {"net": "80sec", "seed": 0}, {"view": {"crop": 24}},
                                    {"rate": float("nan")}])
def test_a_config_is_that_of_its_own_run_whatever_it_looks_like(tmp_path, config):
    """That of version 0.1.0, or that of a view, is only how `load_run` understands it."""
    (tmp_path / "config.json").write_text(json.dumps(config))
    Run(tmp_path, config, resume=True)


def test_the_entry_of_the_run_itself(tmp_path):
    with pytest.raises(ValueError, match="expected a config without 'environment': that is the run's own entry"):
        Run(tmp_path, {"environment": "mine"})


@pytest.mark.parametrize("name", ["cat\tfelis", "cat\n", "\u202bcat"])
def test_a_name_that_could_not_be_read_again_is_not_written(name):
    with pytest.raises(ValueError, match="expected names of classes that can be shown on a terminal, got"):
        about_the_net("resnet20", {}, View(1.0), ["dog", name])


# ---------------------------------------------------------------------------------------- what others wrote


def test_a_config_of_very_many_levels(tmp_path):
    (tmp_path / "config.json").write_text('{"a": ' * 900 + "1" + "}" * 900)
    with pytest.raises(ValueError, match="another run than the one to be resumed:|config.json: expected JSON"):
        Run(tmp_path, {"seed": 1}, resume=True)


@pytest.mark.parametrize("content, message", [
    (b"", "config.json: expected JSON"), (b"{", "config.json: expected JSON"), (b"[]", "expected a dictionary in JSON"),
    (b"null", "expected a dictionary in JSON, got NoneType None"),
    (b'{"environment": []}', "config.json: expected 'environment', dict"),
    (b"\xff{}", "config.json: expected a text in UTF-8"), (b'{"seed": 1, "seed": 2}', "a name stands twice")])
def test_what_is_no_config_is_refused_by_whoever_reads_it(tmp_path, content, message):
    (tmp_path / "config.json").write_bytes(content)
    for read in read_config, lambda folder: Run(folder, {}, resume=True):
        with pytest.raises(DataError, match=message):
            read(tmp_path)


def test_a_config_that_is_no_file(tmp_path):
    (tmp_path / "config.json").mkdir()
    with pytest.raises(DataError, match="config.json: expected a file, got a folder"):
        read_config(tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no run: there is no config.json in it"):
        read_config(tmp_path / "nothing")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="holds no run: there is no config.json in it"):
        read_config(tmp_path / "file")


OLD = {"net": "alexnet", "settings": {}, "classes": [], "crop": 4, "scale": 2.0}


@pytest.mark.parametrize("config", [{"options": 3}, {"options": {"net": ["80sec"]}}, {"net": {"a": 1}}])
def test_what_looks_like_a_config_of_the_version_before_is_read_as_it_is(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_config(tmp_path) == config


def test_a_view_of_the_version_before_is_the_one_that_it_was(tmp_path):
    config = {"net": "alexnet", "settings": {}, "view": View(crop=3).config(), "classes": ["a"]}
    del config["view"]["crops"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert read_config(tmp_path)["view"] == View(crop=3).config()


@pytest.mark.parametrize("changes, message", [
    ({"crop": "x"}, "config.json: View crop: expected a whole number"),
    ({"scale": None}, "config.json: a view: expected what View.config gives"),
    ({"jitter": [4, 5, 6]}, r"config.json: View jitter: expected two sizes, .* got \[4, 5, 6\]"),
    ({"jitter": [4, 10 ** 9]}, "config.json: View jitter: .* at most 4,096 pixels, got 1000000000; if it is right"),
    ({"no_color_noise": False}, r"colors.npz: expected values \(3,\) and vectors \(3, 3\), got")])
def test_a_view_of_the_version_before_that_cannot_be(tmp_path, changes, message):
    np.save(tmp_path / "mean.npy", np.full((4, 4, 3), 100, np.float32))
    np.savez(tmp_path / "colors.npz", values=np.ones(3), vectors=np.ones((3, 4)))
    (tmp_path / "config.json").write_text(json.dumps({**OLD, "no_color_noise": True, **changes}))
    with pytest.raises(DataError, match=message):
        view_of(tmp_path, read_config(tmp_path))


def options():
    parser = argparse.ArgumentParser(prog="script.py")
    parser.add_argument("data")
    parser.add_argument("--net", choices=("a", "b"), default="a")
    parser.add_argument("--rates", nargs=2, type=float)
    parser.add_argument("--steps", nargs="+", type=int)
    parser.add_argument("--sweep", nargs="*", type=float)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--extra", action="store_const", const=True)
    parser.add_argument("--out")
    return parser


def test_options_are_taken_over():
    parser, told = options(), {"net": "b", "rates": [1, 0.5], "steps": [3], "sweep": [], "seed": 7, "fast": True,
                               "extra": None, "out": "elsewhere", "prog": "x", "data": "mine"}
    take_options(parser, "config.json", told, set(told) - {"out", "data"})
    args = vars(parser.parse_args(["here"]))
    assert {name: args[name] for name in told if name not in ("out", "data", "prog")} == {
        name: value for name, value in told.items() if name not in ("out", "data", "prog")}
    assert (args["out"], args["data"]) == (None, "here") and "prog" not in args


@pytest.mark.parametrize("told", [
    {"net": "c"}, {"net": None}, {"net": ["a"]}, {"rates": [1]}, {"rates": 1.0}, {"rates": ["x", 1]}, {"steps": []},
    {"steps": [1.5]}, {"sweep": {"a": 1}}, {"seed": True}, {"seed": "7"}, {"seed": 1.0}, {"seed": None}, {"fast": 1.5},
    {"fast": "yes"}, {"extra": []}, {"out": 3}, {"rates": [[1], 2]}])
def test_options_that_the_command_line_would_not_take(told):
    parser, (name,) = options(), told
    with pytest.raises(DataError, match=f"runs/config.json: expected '{name}', as script.py writes it, got "):
        take_options(parser, "runs/config.json", told, {name})
    assert parser.get_default(name) == options().get_default(name)
