"""docs/reliability.md: the limits that it lists are those in the code, all of them, with their numbers."""
from __future__ import annotations

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reliability.md").read_text("utf-8")


def listed():
    return {name: int(number.replace(",", "")) for number, name in
            re.findall(r"^\| [^|]+ \| ([\d,]+)[^|]* \| `(tinynet[\w.]+)` \|$", PAGE, re.MULTILINE)}


def test_each_limit_of_the_page_is_the_one_in_the_code():
    assert len(listed()) > 10
    for name, number in listed().items():
        module, _, constant = name.rpartition(".")
        assert getattr(importlib.import_module(module), constant) == number, name


def test_each_limit_that_an_error_names_is_on_the_page():
    named = set()
    for path in (ROOT / "tinynet").rglob("*.py"):
        module, constants = ".".join(path.relative_to(ROOT).with_suffix("").parts), r"\{__name__\}\.([A-Z_]+)\b"
        named |= {f"{module}.{constant}" for constant in re.findall(constants, path.read_text("utf-8"))}
    assert len(named) > 8 and named <= set(listed())
