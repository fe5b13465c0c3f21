"""The site: the course, the pages of docs/ and all public names, as static pages.

    pip install ".[site]" && python lessons/site.py         writes them to site/; open site/index.html

The pages are files: they work from any folder and any web server, with search, and ask for nothing from elsewhere.
Sphinx makes them, with MyST, which reads Markdown and notebooks, and the theme Furo: light, dark, for phones and print.
Formulas become MathML, which browsers draw by themselves. theme/conf.py has the settings.
"""
from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/**/*", "lessons/README.md",
         "lessons/*.ipynb", "benchmarks/README.md", "benchmarks/*.png", "benchmarks/results/*", "examples/results/**/*",
         "tinynet/**/*.py")  # and what they link to
LINK = re.compile(r"(?<!!)\[([^]]*)\]\(([^)#:]+)\)")
ROOMS = {"": "Nets and training", "layers": "Layers", "models": "Published nets", "data": "Data",
         "training": "Training", "look": "Looking inside", "devices": "Devices", "fast": "What makes it fast",
         "files": "Files"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "site", help="the folder (default: site/)")
    out = parser.parse_args().out
    if out.exists() and not (out / "searchindex.js").exists():
        sys.exit(f"{out} is there and holds no site: expected a new folder, or a site, which is made anew")
    with tempfile.TemporaryDirectory() as scratch:
        pages, made = Path(scratch, "pages"), Path(scratch, "site")
        gather(pages)
        done = subprocess.run([sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-j",
                               "auto", "-c", ROOT / "lessons/theme", "-d", Path(scratch, "read"), pages, made])
        if done.returncode:
            sys.exit(done.returncode)
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(made, out)
    print(f"open {out / 'index.html'}")


def gather(folder: Path) -> None:
    """Copy all pages and what they show, as they lie here, so that their links stay right; add the list of contents
    and the pages of names."""
    for path in sorted({path for pattern in PAGES for path in ROOT.glob(pattern) if path.is_file()}):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
        if path.suffix == ".md":
            copy.write_text(LINK.sub(partial(page_only, path), path.read_text("utf-8")), "utf-8")
    for room, title in ROOMS.items():
        page = folder / "api" / f"{room or 'tinynet'}.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"# {title}\n\n" + "\n".join(names_of(module) for module in modules_in(room)), "utf-8")
    (folder / "README.md").rename(folder / "index.md")
    with open(folder / "index.md", "a", encoding="utf-8") as index:
        index.write(contents(folder))


def page_only(page: Path, link: re.Match) -> str:
    """A link of a page, or its text alone if it leads to a folder, which is no page."""
    return link[1] if (page.parent / link[2]).is_dir() else link[0]


def contents(folder: Path) -> str:
    """What stands beside every page."""
    def pages(*patterns: str) -> list[str]:
        return [path.relative_to(folder).with_suffix("").as_posix() for pattern in patterns
                for path in sorted(folder.glob(pattern))]
    parts = {"The course": ["lessons/README", *sorted(pages("lessons/*.ipynb"))],
             "Pages": pages("docs/*.md", "benchmarks/*.md", "examples/results/**/*.md", "*.md")[:-1],
             "Names": [f"api/{room or 'tinynet'}" for room in ROOMS]}
    return "".join(f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "\n".join(names) + "\n```\n"
                   for title, names in parts.items())


def modules_in(room: str) -> Iterator[ModuleType]:
    """The modules of a room of tinynet, with those of the rooms in it."""
    package = importlib.import_module(f"tinynet.{room}" if room else "tinynet")
    walk = pkgutil.walk_packages(package.__path__, f"{package.__name__}.") if room else pkgutil.iter_modules(
        package.__path__, "tinynet.")
    for found in walk:
        if not found.ispkg and not found.name.rpartition(".")[2].startswith("_"):
            yield importlib.import_module(found.name)


def names_of(module: ModuleType) -> str:
    """A module's header, and its public functions and classes with their signatures: docstrings as they stand, since
    their equations are aligned."""
    parts = [f"## {module.__name__.removeprefix('tinynet.')}\n", block("text", inspect.getdoc(module) or "")]
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            parts += [f"### {name}\n", described(name, value)]
            for method, function in vars(value).items() if inspect.isclass(value) else ():
                if inspect.isfunction(function) and not method.startswith("_") and function.__doc__:
                    parts.append(described(f"{name}.{method}", function))
    return "\n".join(parts)


def described(name: str, value: object) -> str:
    try:
        found = inspect.signature(value)
    except ValueError:
        return block("text", inspect.getdoc(value) or name)
    parameters = [p.replace(annotation=Bare(p.annotation)) if isinstance(p.annotation, str) else p
                  for p in found.parameters.values()]
    if isinstance(found.return_annotation, str):
        found = found.replace(return_annotation=Bare(found.return_annotation))
    found = found.replace(parameters=parameters)
    return block("python", name + str(found)) + (block("text", inspect.getdoc(value)) if value.__doc__ else "")


class Bare(str):
    """An annotation that is shown without quotes."""

    __repr__ = str.__str__


def block(language: str, text: str) -> str:
    return f"``````{language}\n{text}\n``````\n\n"


if __name__ == "__main__":
    main()
