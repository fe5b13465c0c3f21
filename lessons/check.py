"""Exercises and their checkers.

    check("1.2", my_function)    prints "Right." or "Not yet: " and a hint, never the answer; returns True or False

A checker is a function `exercise_2(answer)` in checkers/01_*.py. It calls the answer, raises NotYet with a hint at the
first thing that is wrong, and returns when all is right. Checkers know the answer's properties rather than the answer:
most compare with finite differences, as a gradient check does.
"""
from __future__ import annotations

import copy
import runpy
import traceback
from collections.abc import Callable
from inspect import ismethod
from pathlib import Path
from typing import Any

import numpy as np

import tinynet

LESSONS = Path(__file__).parent
CHECKERS = LESSONS / "checkers"
NOT_THE_STUDENTS = [str(LESSONS), *(str(Path(library.__file__).parent) for library in (np, tinynet))]


class NotYet(Exception):
    """The answer is not right yet; the message is a hint."""


def check(exercise: str, answer: Any) -> bool:
    """Say whether `answer` solves `exercise`, "lesson.number", and give a hint if it does not.

    Raises ValueError if there is no such exercise.
    """
    checker = find(exercise)
    try:
        checker(answer)
    except NotYet as hint:
        print(f"Not yet: {hint}")
        return False
    except Exception as error:  # the answer is a beginner's code: whatever it raises is news to them, not a crash
        print(f"Not yet: your code raised {type(error).__name__}: {error}{own_line(error)}")
        return False
    print("Right.")
    return True


def own_line(error: Exception) -> str:
    """The student's line that an error came from, in words; nothing if none of their lines was being run.

    Their code may have called a library: theirs is the last line in the folder of the first that is nobody else's.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if not frame.filename.startswith((*NOT_THE_STUDENTS, "<frozen"))]
    theirs = [frame for frame in frames if Path(frame.filename).parent == Path(frames[0].filename).parent]
    return f", in line {theirs[-1].lineno} of the cell:\n    {theirs[-1].line}" if theirs and theirs[-1].line else ""


def find(exercise: str) -> Callable[[Any], None]:
    """The checker of an exercise: `exercise_2` in checkers/01_*.py for "1.2"."""
    lesson, _, number = exercise.partition(".")
    files = sorted(CHECKERS.glob(f"{lesson.zfill(2)}_*.py")) if lesson.isdigit() else []
    checkers = runpy.run_path(str(files[0])) if files else {}
    if f"exercise_{number}" not in checkers:
        raise ValueError(f'there is no exercise {exercise!r}; expected a lesson and a number, such as "1.2"')
    return checkers[f"exercise_{number}"]


def require(condition: Any, hint: str) -> None:
    """Raise NotYet with the hint unless the condition holds."""
    if not condition:
        raise NotYet(hint)


def untouched(function: Callable, *arguments: Any) -> Any:
    """What `function(*arguments)` returns; NotYet if that is nothing, or if an array or a list among these changed."""
    before = copy.deepcopy([a for a in arguments if isinstance(a, np.ndarray | list)])
    result = function(*arguments)
    name = function.__name__ if ismethod(function) else "it"
    require(result is not None, f"{name} returns nothing. Write your code in place of the `...`, and end it with "
                                "`return`.")
    for old, new in zip(before, (a for a in arguments if isinstance(a, np.ndarray | list)), strict=True):
        kind = "an array" if isinstance(new, np.ndarray) else "a list"
        require(np.array_equal(old, new) if isinstance(new, np.ndarray) else old == new,
                f"the answer may be right, but {kind} that you were given is no longer as it was. Work on a copy.")
    return result


def several(result: Any, names: str) -> tuple:
    """The parts of a result such as "dw, db", a tuple or a list; NotYet if it has another number of them."""
    words = {2: "two", 3: "three", 4: "four"}
    number = len(names.split(", "))
    require(isinstance(result, tuple | list) and len(result) == number,
            f"it should return {words[number]} things: {names}.")
    return tuple(result)


def whole(number: Any) -> bool:
    """Whether it is a whole number, Python's or NumPy's."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def keeps_precision(function: Callable, *arguments: Any) -> None:
    """NotYet if float32 goes into `function` and something else comes out (lesson 2: a layer keeps the precision)."""
    narrow = [a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype == np.float64 else a for a in arguments]
    result = function(*narrow)
    for part in result if isinstance(result, tuple | list) else (result,):
        require(np.asarray(part).dtype == np.float32, "all numbers are right. But for arrays of float32 it returns "
                f"{np.asarray(part).dtype}, and a layer never changes the precision. (`np.zeros` and `np.eye` make "
                "float64 unless they are told a dtype.)")


def same(got: Any, expected: np.ndarray, what: str, hint: str, tolerance: float = 1e-5) -> None:
    """NotYet unless `got` has the shape of `expected` and equals it within `tolerance`; `hint` is for other values."""
    require(isinstance(got, np.ndarray | np.generic | int | float),
            f"{what} should be a NumPy array, or a number, yours is of the type {type(got).__name__}.")
    require(np.shape(got) == np.shape(expected), f"{what} should have the shape {np.shape(expected)}, "
                                                 f"yours has {np.shape(got)}.")
    require(np.isfinite(got).all(), f"{what} holds NaN or infinity.")
    scale = max(float(np.abs(expected).max()), 1e-12)
    require(float(np.abs(got - expected).max()) <= tolerance * scale, hint)


def numerical(function: Callable[[np.ndarray], float], x: np.ndarray, nudge: float = 1e-6) -> np.ndarray:
    """The gradient of a number `function(x)` by central differences, in float64."""
    gradient, x = np.zeros(x.shape), np.array(x, np.float64)
    for i in np.ndindex(x.shape):
        old = x[i]
        x[i] = old + nudge
        above = function(x)
        x[i] = old - nudge
        gradient[i] = (above - function(x)) / (2 * nudge)
        x[i] = old
    return gradient
