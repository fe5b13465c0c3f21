"""The site: it is built here, if Sphinx is installed; its pages lead nowhere that is not there."""
import importlib.util
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = [name for name in ("sphinx", "furo", "myst_nb", "latex2mathml") if not importlib.util.find_spec(name)]
if NEEDED and os.environ.get("TINYNET_NEEDS_SITE"):
    pytest.fail(f"TINYNET_NEEDS_SITE is set, and there is no {', no '.join(NEEDED)}", pytrace=False)
needs_sphinx = pytest.mark.skipif(bool(NEEDED), reason=f'no {", no ".join(NEEDED)}: pip install ".[site]"')


class Page(HTMLParser):
    """What a page has and what it leads to."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loaded, self.images = set(), [], [], []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        of = dict(attributes)
        self.ids |= {of[name] for name in ("id", "name") if of.get(name)}
        if tag == "a" and of.get("href"):
            self.links.append(of["href"])
        if tag in ("img", "script", "iframe") and of.get("src"):
            self.loaded.append(of["src"])
        if tag == "link" and of.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.append(of["href"])
        if tag == "img":
            self.images.append((of["src"], of.get("alt") or ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site") / "made"
    done = subprocess.run([sys.executable, ROOT / "lessons/site.py", out], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html")}


@needs_sphinx
def test_all_lessons_pages_and_rooms_are_there(site):
    for page in [*(ROOT / "lessons").glob("*.ipynb"), *(ROOT / "docs").glob("*.md")]:
        assert (site / page.relative_to(ROOT)).with_suffix(".html").exists()
    assert "class Conv2d" not in (site / "api/layers.html").read_text("utf-8")
    assert "Conv2d(in_channels" in "".join(_words(site / "api/layers.html"))
    assert (site / "searchindex.js").stat().st_size > 100_000


@needs_sphinx
def test_no_link_is_broken(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            to = urlsplit(link)
            if to.scheme:
                continue
            target = (path.parent / unquote(to.path)).resolve() if to.path else path
            there = pages[target].ids | {""} if target in pages else {to.fragment}
            if not target.exists() or unquote(to.fragment) not in there:
                broken.append(f"{path.name}: {link}")
    assert not broken


@needs_sphinx
def test_nothing_is_asked_for_elsewhere(pages):
    for path, page in pages.items():
        for address in page.loaded:
            to = urlsplit(address)
            assert not to.netloc and (to.scheme == "data" or (path.parent / unquote(to.path)).exists()), (path, address)


@needs_sphinx
def test_every_figure_is_described(pages):
    for path, page in pages.items():
        for source, text in page.images:
            assert len(text.split()) > 3 and not text.endswith(".png"), (path, source, text)


@needs_sphinx
def test_formulas_are_mathml(site):
    page = (site / "lessons/07_learning.html").read_text("utf-8")
    assert page.count("<math") > 20 and "$" not in "".join(_prose(page))


@needs_sphinx
def test_a_folder_that_is_no_site_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = subprocess.run([sys.executable, ROOT / "lessons/site.py", tmp_path], capture_output=True, text=True)
    assert done.returncode == 1 and "holds no site" in done.stderr
    assert (tmp_path / "mine.txt").read_text() == "mine"


def _words(path):
    """The text of a page."""
    found = []
    parser = HTMLParser()
    parser.handle_data = found.append
    parser.feed(path.read_text("utf-8"))
    return found


def _prose(page):
    """The text of a page's paragraphs, without code."""
    found, inside = [], []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: inside.append(tag) if tag in ("p", "code", "pre", "math") else None
    parser.handle_endtag = lambda tag: inside and inside[-1] == tag and inside.pop()
    parser.handle_data = lambda text: found.append(text) if inside and inside[-1] == "p" else None
    parser.feed(page)
    return found
