"""What a run says about its net, and when two configs are the same run."""
import json

import numpy as np
import pytest

from tinynet.data import View
from tinynet.training.config import about_the_net, new_folder, read_config, view_of
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
