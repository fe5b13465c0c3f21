"""lessons/run.py, if what it needs is installed: lessons are run, and what is wrong with a notebook is said."""
import importlib
from pathlib import Path

import pytest

LESSONS = Path(__file__).parent.parent / "lessons"
TWIN = "# %% [markdown]\n# # A title\n\n# %%\nimport os\nos.path.basename(os.getcwd())\n"


@pytest.fixture
def run(monkeypatch):
    monkeypatch.syspath_prepend(LESSONS)
    for module in "jupytext", "nbclient":
        pytest.importorskip(module)
    return importlib.import_module("run")


@pytest.fixture
def twin(tmp_path):
    (tmp_path / "text").mkdir()
    path = tmp_path / "text" / "01_small.py"
    path.write_text(TWIN, "utf-8")
    return path


def test_a_lesson_is_run_in_its_folder_and_written_and_is_then_in_step(run, twin, tmp_path, capsys):
    assert run.out_of_step(twin) == ["there is no 01_small.ipynb"]
    seconds, wrong = run.run(twin, write=True)
    assert seconds > 0 and wrong == []
    assert capsys.readouterr().out.startswith("01_small ")
    written = (tmp_path / "01_small.ipynb").read_text("utf-8")
    assert tmp_path.name in written
    assert run.run(twin, write=True)[1] == [] and (tmp_path / "01_small.ipynb").read_text("utf-8") == written


def test_what_is_wrong_with_a_notebook_is_said(run, twin, tmp_path, monkeypatch):
    notebook = tmp_path / "01_small.ipynb"
    run.nbformat.write(run.read(twin), notebook)
    assert run.out_of_step(twin) == ["01_small.ipynb was not run: a cell has no output"]
    monkeypatch.setattr(run, "BYTES", 100)
    twin.write_text(TWIN.replace("title", "name"), "utf-8")
    assert run.out_of_step(twin) == ["01_small.ipynb and text/01_small.py differ",
                                     "01_small.ipynb was not run: a cell has no output",
                                     f"01_small.ipynb has {notebook.stat().st_size:,} bytes, more than 100"]


def test_a_figure_is_described_by_the_last_paragraph_before_it(run, twin):
    twin.write_text(TWIN + "\n# %% [markdown]\n# First.\n#\n# The *curve* of\n# $y$.\n\n# %%\n1\n", "utf-8")
    notebook = run.read(twin)
    notebook.cells[-1].outputs = [run.nbformat.v4.new_output("display_data", {"image/png": ""})]
    run.describe(notebook)
    assert notebook.cells[-1].outputs[0].metadata == {"image/png": {"alt": "The curve of y."}}


@pytest.mark.parametrize("words, description", [
    ("Short. Words.", "Short. Words."),
    ("The first goes. " + "In (here) 1.5 ... " + 390 * "x" + "!", 390 * "x" + "!"),
    ("Goes. Stays? (Stays, too.) " + 378 * "x" + ".", "Stays? (Stays, too.) " + 378 * "x" + "."),
    ("Goes. One sentence " + 500 * "x", "One sentence " + 500 * "x")])
def test_a_description_is_the_last_whole_sentences_that_fit(run, words, description):
    assert run.ending(words) == description


def test_a_description_of_other_words_is_said(run, twin, tmp_path):
    run.run(twin, write=True)
    notebook = run.nbformat.read(tmp_path / "01_small.ipynb", as_version=4)
    figure = run.nbformat.v4.new_output("display_data", {"image/png": ""}, metadata={"image/png": {"alt": "A title"}})
    notebook.cells[1].outputs = [figure]
    run.nbformat.write(notebook, tmp_path / "01_small.ipynb")
    assert run.out_of_step(twin) == ["01_small.ipynb: the description of a figure is not what stands before it"]
    run.describe(notebook)
    run.nbformat.write(notebook, tmp_path / "01_small.ipynb")
    assert run.out_of_step(twin) == []


@pytest.mark.parametrize("lesson", sorted((LESSONS / "text").glob("*.py")), ids=lambda lesson: lesson.stem)
def test_the_notebooks_are_in_step(run, lesson):
    assert run.out_of_step(lesson) == []


def test_a_cell_that_raises_fails_and_nothing_is_written(run, twin):
    twin.write_text(TWIN + "1 / 0\n", "utf-8")
    _, (failed,) = run.run(twin, write=True)
    assert failed.startswith("a cell of text/01_small.py failed:\n") and "ZeroDivisionError" in failed
    assert not run.notebook_of(twin).exists()


def test_of_a_cell_that_hangs_only_its_name_is_said(run, twin, monkeypatch, capfd):
    monkeypatch.setattr(run, "SECONDS", 1)
    monkeypatch.setattr(run, "PATIENCE", 2)
    twin.write_text(TWIN + "\n# %%\nimport time\ntime.sleep(30)\n", "utf-8")
    assert run.run(twin, write=True)[1] == ["a cell of text/01_small.py did not end within 2 s: cell 2: import time"]
    assert not run.notebook_of(twin).exists() and capfd.readouterr().err == ""


def test_what_is_limited_is_the_work_not_the_waiting(run, twin, monkeypatch):
    monkeypatch.setattr(run, "SECONDS", 0.9)
    twin.write_text(TWIN + "import time\ntime.sleep(1)\n", "utf-8")
    seconds, wrong = run.run(twin, write=True)
    busy = "import time\nwhile time.process_time() < 2:\n    pass\n"
    twin.write_text(TWIN + busy, "utf-8")
    assert run.run(twin, write=True)[1] == ["text/01_small.py took 2 s of CPU time, more than 0.9"]
    assert seconds < 2
