"""Names in a figure, whatever files and folders are called: what they hold is no formula, and letters that matplotlib's
own font lacks, Chinese, Japanese or Korean ones for example, are of a font of this machine that has them; if there is
none, a line says so, and boxes stand for them.
"""
from __future__ import annotations

from typing import Any

from ..files.terminal import width_of

NEVER = ("lastresort", "last resort", "emoji")  # have a picture for every letter, or pictures that cannot be drawn


def as_they_stand(fig: Any) -> None:
    """Let the texts of a matplotlib Figure be drawn as they are: a $ begins no formula. Bytes of a name that are no
    letters, as a file from an old archive may have, become question marks."""
    from matplotlib.text import Text
    from matplotlib.ticker import FuncFormatter

    def drawn(text: str) -> str:
        return text.encode("utf-8", "replace").decode().replace("$", r"\$")

    for text in fig.findobj(Text):
        text.set_text(drawn(text.get_text()))
    for axis in (axis for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)):
        said = axis.get_major_formatter()
        if isinstance(said, FuncFormatter):  # our own labels; those of logarithms are formulas
            axis.set_major_formatter(FuncFormatter(lambda x, at, said=said: drawn(said(x, at))))


def give_fonts(fig: Any) -> str:
    """Let each text of a matplotlib Figure fall back on fonts that have its letters; the letters that no font has."""
    from matplotlib.font_manager import findfont, get_font
    from matplotlib.text import Text

    of_text = {text: {ord(c) for c in text.get_text() if c > "~" and c.isprintable() and not c.isspace()}
               for text in fig.findobj(Text)}
    missing = set().union(*of_text.values())
    if missing:
        missing -= get_font(findfont("DejaVu Sans")).get_charmap().keys()
    rare, names = set(missing), []
    while missing and (best := _font_with_most(missing)):
        names.append(best[0])
        missing -= best[1]
    for text, letters in of_text.items():
        if names and letters & rare:
            text.set(fontfamily=[*text.get_fontfamily(), *names], fontweight="normal")  # not every font has a bold one
    return "".join(map(chr, sorted(missing)))


def _font_with_most(letters: set[int]) -> tuple[str, set[int]] | None:
    """The name of the font of this machine that has most of `letters`, and those that it has; None if all have none."""
    from matplotlib.font_manager import fontManager, get_font

    best = None
    for font in fontManager.ttflist:
        if font.style == "normal" and font.weight == 400 and not any(word in font.name.lower() for word in NEVER):
            try:
                has = letters & get_font(font.fname).get_charmap().keys()
            except (OSError, RuntimeError):  # removed since, or a kind of file that matplotlib cannot read
                continue
            if has and (best is None or len(has) > len(best[1])):
                best = font.name, has
    return best


def in_words(letters: str) -> str:
    """What to do about letters without a font, in one line."""
    which = "Noto Sans CJK" if any(width_of(c) == 2 for c in letters) else "one of the Noto fonts"
    few = letters if len(letters) <= 10 else letters[:10] + "..."
    return f"no font on this machine has {few}: boxes stand for them; install {which}, for example"
