"""How Sphinx makes the site: see lessons/site.py, which gathers the pages."""
import json
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

import tinynet

project, version = "tinynet", tinynet.__version__
extensions = ["myst_nb"]
html_theme, html_title, html_static_path = "furo", "tinynet", ["style.css"]
html_css_files = ["style.css"]
html_copy_source = html_show_copyright = html_show_sphinx = False
html_show_search_summary = False      # it would be fetched, which a browser refuses to pages of a file system
myst_enable_extensions, myst_heading_anchors = ["dollarmath", "amsmath"], 3
nb_execution_mode, nb_number_source_lines = "off", False
suppress_warnings = ["misc.highlighting_failure", "mystnb.unknown_mime_type"]
highlight_language = "text"             # of blocks that do not say theirs: commands
html_math_renderer = "mathml"


def inline(translator, node):
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def display(translator, node):
    translator.body.append(f'<div class="formula">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def finish(app, doctree):
    """A lesson's figures get their alternative texts, which run.py has put beside them in the notebook; and at the end
    stands what made them."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix == ".ipynb":
        outputs = [out for cell in json.loads(path.read_text("utf-8"))["cells"] for out in cell.get("outputs", [])]
        texts = [out["metadata"]["image/png"]["alt"] for out in outputs if "image/png" in out.get("data", {})]
        cells = [each for each in doctree.findall(nodes.container) if "cell_output" in each["classes"]]
        images = [image for cell in cells for image in cell.findall(nodes.image)]
        for image, text in zip(images, texts, strict=True):
            image["alt"] = text
        command = nodes.literal(text=f"python lessons/run.py {path.stem[:2]}")
        doctree[0] += nodes.paragraph("", "The cells above made all figures of this page: ", command)


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    app.connect("doctree-read", finish)
