"""The lessons: their exercises, checkers and solutions."""
import ast
import importlib
import inspect
import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import tinynet

LESSONS = Path(__file__).parent.parent / "lessons"
TWINS = sorted((LESSONS / "text").glob("*.py"))
EXERCISES = [(twin, number, name) for twin in TWINS
             for number, name in re.findall(r'^check\("([\d.]+)", (\w+)\);$', twin.read_text("utf-8"), re.MULTILINE)]


@pytest.fixture(autouse=True)
def in_the_folder_of_the_lessons(monkeypatch):
    """Notebooks run there, so they find check.py."""
    monkeypatch.syspath_prepend(LESSONS)


def check(exercise, answer):
    return importlib.import_module("check").check(exercise, answer)


def stub(twin, name):
    """The function or class `name` as the lesson leaves it to the student."""
    node, = (n for n in ast.parse(twin.read_text("utf-8")).body if getattr(n, "name", None) == name)
    names = {"np": np, "Layer": tinynet.Layer, "Parameter": tinynet.Parameter}
    exec(compile(ast.Module([node], []), str(twin), "exec"), names)
    return names[name]


def answers(folder, twin, number):
    """All answers to an exercise in wrong_answers/ or right_answers/."""
    path = Path(__file__).parent / folder / twin.name
    found = runpy.run_path(str(path)) if path.exists() else {}
    return [answer for name, answer in found.items() if name.startswith(f"exercise_{number.split('.')[1]}_")]


def by_number(parameters):
    return [number for _, number, _ in parameters]


@pytest.mark.parametrize("twin, number, name", EXERCISES, ids=by_number(EXERCISES))
def test_the_solution_passes(twin, number, name, capsys):
    solution = runpy.run_path(str(LESSONS / "solutions" / twin.name))[name]
    assert check(number, solution) is True
    assert capsys.readouterr().out == "Right.\n"
    assert inspect.signature(solution) == inspect.signature(stub(twin, name))


@pytest.mark.parametrize("twin, number, name", EXERCISES, ids=by_number(EXERCISES))
def test_the_empty_answer_does_not(twin, number, name, capsys):
    assert check(number, stub(twin, name)) is False
    assert re.match(r"Not yet: (it|forward) returns nothing\.", capsys.readouterr().out)
    assert check(number, ...) is False


@pytest.mark.parametrize("number, answer", [
    pytest.param(number, answer, id=f"{number} {answer.__name__}")
    for twin, number, _ in EXERCISES for answer in answers("wrong_answers", twin, number)])
def test_no_wrong_answer_passes_and_each_gets_a_hint(number, answer, capsys):
    assert check(number, answer) is False
    hint = capsys.readouterr().out
    assert hint.startswith("Not yet: ")
    assert not re.search("raised (Name|Attribute|Import)Error", hint)   # wrong as was meant, not by a slip in the test


@pytest.mark.parametrize("number, name, cause", [
    ("2.3", "exercise_3_keeps_in_training_only", "kept when `train` or `keep` is true"),
    ("6.2", "exercise_2_keeps_in_training_only", "kept when `train` or `keep` is true"),
    ("6.2", "exercise_2_has_none_out_of_training", "kept when `train` or `keep` is true"),
    ("7.4", "exercise_4_draws_elsewhere", "draw from `rng` only"),
    ("9.2", "exercise_2_cuts_off_at_0_and_255", "pixels of 0 and of 255"),
    ("9.2", "exercise_2_forgets_255_in_float32", "pixels from 0 to 1"),
    ("10.1", "exercise_1_by_way_of_the_host", "with `send` only"),
    ("10.4", "exercise_4_names_no_device", "no parameter lives on the left device"),
    ("12.2", "exercise_2_powers_as_exp_and_log", "How many powers are left?"),
    ("13.3", "exercise_3_labels_of_other_images", "with the labels of others"),
    ("16.4", "exercise_4_goes_back_through_F_only", "dx is not what nudging gives"),
    ("16.5", "exercise_5_idle_layers", "makes no difference to the scores"),
    ("19.3", "exercise_3_the_librarys", "these are the library's")])
def test_the_hint_is_about_what_is_wrong(number, name, cause, capsys):
    twin, = (twin for twin, other, _ in EXERCISES if other == number)
    answer, = (answer for answer in answers("wrong_answers", twin, number) if answer.__name__ == name)
    assert check(number, answer) is False
    assert cause in capsys.readouterr().out


@pytest.mark.parametrize("number, answer", [
    pytest.param(number, answer, id=f"{number} {answer.__name__}")
    for twin, number, _ in EXERCISES for answer in answers("right_answers", twin, number)])
def test_right_answers_in_other_styles_pass(number, answer, capsys):
    assert check(number, answer) is True
    assert capsys.readouterr().out == "Right.\n"


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.stem)
def test_a_lesson_is_complete(twin):
    exercises = [number for t, number, _ in EXERCISES if t == twin]
    assert exercises == [f"{int(twin.stem[:2])}.{k}" for k in range(1, len(exercises) + 1)]
    assert 2 <= len(exercises) <= 5
    assert all(len(answers("wrong_answers", twin, number)) >= 2 for number in exercises)
    assert f"({twin.stem}.ipynb)" in (LESSONS / "README.md").read_text("utf-8")
    code = [line for line in twin.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert max(map(len, code)) <= 100

    notebook = json.loads((LESSONS / f"{twin.stem}.ipynb").read_text("utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    printed = "".join("".join(output.get("text", [])) for output in outputs)
    checks = len(re.findall(r'\bcheck\("', "\n".join(code)))            # some ask again, to go on with the answer
    assert printed.count("Not yet: ") == checks >= len(exercises)       # committed as the student finds it
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.stem)
def test_what_puts_an_answer_to_work_asks_its_checker_first(twin):
    exercises = {name for t, _, name in EXERCISES if t == twin}
    for node in ast.parse(twin.read_text("utf-8")).body:
        if isinstance(node, ast.If):
            checked = set(re.findall(r"\bcheck\('[\d.]+', (\w+)\)", ast.unparse(node.test)))
            assert exercises & {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} == checked


def demanded(twin):
    """The shares, in percent, that the lesson's open exercise demands."""
    exercise = twin.read_text("utf-8").partition(", an open one\n")[2].partition("# %%")[0]
    demands = " ".join(re.findall(r"\*\*(.+?)\*\*", exercise, re.DOTALL))
    return re.findall(r"([\d.]+) %", demands)


@pytest.mark.parametrize("twin", [twin for twin in TWINS if demanded(twin)], ids=lambda twin: twin.stem)
def test_the_shares_that_an_open_exercise_demands_are_in_its_checker(twin):
    checker = (LESSONS / "checkers" / twin.name).read_text("utf-8")
    for percent in demanded(twin):
        assert re.search(rf"\b{float(percent) / 100:g}\b", checker), f"{percent} %"


@pytest.mark.parametrize("folder, ending", [(LESSONS, "ipynb"), (LESSONS / "checkers", "py"),
                                            (LESSONS / "solutions", "py"),
                                            (Path(__file__).parent / "wrong_answers", "py")])
def test_every_lesson_has_its_files_and_every_file_its_lesson(folder, ending):
    assert {path.stem for path in folder.glob(f"*.{ending}")} == {twin.stem for twin in TWINS}


def test_right_answers_belong_to_a_lesson():
    assert {path.stem for path in (Path(__file__).parent / "right_answers").glob("*.py")} <= {t.stem for t in TWINS}


def test_stored_results_are_those_that_their_scripts_write():
    for results in (LESSONS / "stored").glob("*.json"):
        script = results.with_suffix(".py").read_text("utf-8")
        assert f'"{results.name}"' in script and f"writes {results.name}" in script
        assert json.loads(results.read_text("utf-8"))


def numerical_gradient_that_raises(f, w, h=1e-6):
    return np.linalg.inv(w)


@pytest.mark.parametrize("number, answer, error, line", [
    ("1.1", lambda f, w, h=1e-6: 1 / 0, "ZeroDivisionError: division by zero", "1 / 0"),
    ("1.1", numerical_gradient_that_raises, "LinAlgError: 1-dimensional array given. Array must be at least "
     "two-dimensional", "return np.linalg.inv(w)")])
def test_an_answer_that_raises_is_not_right_yet_and_its_own_line_is_shown(number, answer, error, line, capsys):
    assert check(number, answer) is False
    said, shown = capsys.readouterr().out.rstrip("\n").split("\n")
    assert re.fullmatch(rf"Not yet: your code raised {re.escape(error)}, in line \d+ of the cell:", said)
    assert shown.startswith("    ") and line in shown


def test_an_answer_that_is_no_function_has_no_line_to_show(capsys):
    assert check("1.1", ...) is False
    assert capsys.readouterr().out == "Not yet: your code raised TypeError: 'ellipsis' object is not callable\n"


@pytest.mark.parametrize("number", ["1.9", "99.1", "1", "", "a.b"])
def test_an_unknown_exercise_is_an_error(number):
    with pytest.raises(ValueError, match=f"there is no exercise '{number}'; expected a lesson and a number"):
        check(number, len)


@pytest.mark.parametrize("got, hint", [
    ([1.0, 2.0], "of the type list"), (np.ones(3), r"shape \(2,\), yours has \(3,\)"),
    (np.array([1, np.nan]), "NaN or infinity"), (np.array([1, 2.1]), "the hint"), (np.zeros(2), "the hint")])
def test_same_says_what_differs(got, hint):
    helpers = importlib.import_module("check")
    helpers.same(np.array([1, 2 + 1e-7]), np.array([1.0, 2.0]), "y", "the hint")
    with pytest.raises(helpers.NotYet, match=hint):
        helpers.same(got, np.array([1.0, 2.0]), "y", "the hint")
