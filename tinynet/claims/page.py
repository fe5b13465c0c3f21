"""The page of all claims, docs/claims.md, from the committed results: one table, and a figure of all differences."""
from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from ..files.writing import write_text
from ..look.figure import figure
from .claim import FEWEST, WORDS, Claim, Table, Verdict, interval, verdict
from .runner import Row, best_rate, pairs, read_rows, sweep

COLORS = {"held": "#009E73", "held weaker": "#56B4E9", "not seen at this scale": "#999999", "contradicted": "#D55E00",
          "not run yet": "#CCCCCC"}
TIMES = (0.25, 0.5, 1, 2, 4, 8, 16)
POINTS = (-40, -20, -10, -4, -2, 0, 2, 4, 10, 20, 40)
DEAD = 0.85  # training error of a net that has learned nothing, of ten classes
LINEAR = 4  # points, beyond which the figure is logarithmic: most differences are small, some are very large
HEAD = """# The papers' claims, run

Each row is an experiment in miniature: two sides that differ in one thing or, where whole nets or recipes are compared
(`filters`, `dead`, `recipes`), in what the claim lists. Both are trained on the same images in the same order. Nets of
the same layers start from the same weights; where a layer is missing or has another size, most of the others start from
other draws, too. The learning rate of each side is chosen by one training with each rate and, where the effect is
small, by two more with the best two, without the test images. Where the best rate is the smallest or the largest of
those tried, a better one may lie beyond: the trainings below say so. `iterations`, `colors`, `neighbours`, `codes`,
`settling`, `halfway` and `hiding` have one rate, 0.02, for whatever they compare.

The difference has an interval of 95 % (Student's t over the pairs). It is about other starts and other orders of these
very images, on the same test images; other images would scatter, too. And of so many intervals one in twenty misses the
truth by chance: one that ends just beside 0 says little. One net that learns nothing makes an interval so wide that it
says nothing; where that happened, it is counted, and what the other pairs say stands beside it.

What counts as held was fixed before the first run, in `tinynet/claims/claim.py`; each claim's file in `tinynet/claims/`
begins with what is compared, and what would refute it, and says what was changed after that. "Not seen at this scale"
says no more than that: nets that are mostly a half to a sixteenth as wide as the published ones, mostly 5,000 or 10,000
images of CIFAR-10 (45,000 for ReLU against tanh, 150 for frozen features; in the committed runs, stored as JPEG once),
minutes of training.

Changed when first test errors were known:

- `finetune`, `frozen` and `by-layer` got more learning rates, and then, 0.004 for 0.001, another one for the net that
  learns other classes first: by that "not seen" (+0.0 points) became "held" in `finetune`, "not seen" (+0.1) "held
  weaker" in `frozen`, and -5.1 points became -2.6 in `by-layer`. `views` and `together` got more rates, too; `frozen`
  and `together` more pairs. The best rate of `lrn`, `crops`, `by-layer` and of one side of `frozen` lay at the end of
  those tried: they got one more, which is worse.
- `relu-scaled` lost its first pairs, when the rule that chooses its rates and the number of images were changed; of
  those that followed three left open which way it is, so three more were added, as to the two tables.
- `free`, `lrn`, `pooling`, `colornoise`, `dropout`, `iterations`, `biases`, `colors`, `no-conv4`, `no-conv5`,
  `no-conv3-conv4`, `dead` and `recipes`, in which six pairs had shown nothing, got fourteen more; claims that were
  decided did not. So in these thirteen chance had a second try. By it `no-conv3-conv4` became "held weaker", and `dead`
  "contradicted".
- Top-1 errors of the papers took the place of top-5 errors, by which `no-fc7` has its sides the other way round. What
  is published for `settling` and `halfway` was worked out of the paper's words after the runs.

Pairs that were replaced by others do not count; they are in the same files, at another rate, or in
`examples/results/claims/replaced`.

    python -m tinynet claims                              lists them
    python -m tinynet claims show lrn                     says what is compared
    python -m tinynet claims run lrn --seeds 6            runs what is missing, and goes on where it was stopped
    python -m tinynet claims page                         writes this page from examples/results/claims

"""
PICTURE = """![The difference of each claim's two sides with its interval, beside what was published](claims.png)

"""


def write_page(claims: Mapping[str, Claim], tables: Mapping[str, Table], results: Path, page: Path) -> None:
    """Write `page` from the files in `results` and, beside it, claims.png, if two pairs of any claim are there. Raises
    what `read_rows` raises."""
    found = {name: read_rows(results / f"{name}.jsonl", claim) for name, claim in claims.items()}
    said = {name: verdict(claim, differences(claim, found[name])) for name, claim in claims.items()}
    page.parent.mkdir(parents=True, exist_ok=True)
    measured = any(one.mean is not None for one in said.values())
    if measured:
        draw(page.parent / "claims.png", claims, said)
    parts = [HEAD, PICTURE if measured else "", in_all(claims, said), table(claims, found, said), shared(claims, found)]
    parts += [of_paper(each, read_rows(results / f"{name}.jsonl", each)) for name, each in tables.items()]
    parts += [section(claim, found[name], said[name]) for name, claim in claims.items() if found[name]]
    write_text(page, "".join(parts).rstrip("\n") + "\n")


def differences(claim: Claim, rows: list[Row]) -> list[float]:
    return [claim.difference(a[claim.number], b[claim.number]) for a, b in pairs(claim, rows).values()]


def table(claims: Mapping[str, Claim], found: Mapping[str, list[Row]], said: Mapping[str, Verdict]) -> str:
    lines = ["| claim | paper | what was measured | published | here | pairs | verdict |",
             "|---|---|---|---|---|---:|---|"]
    for name, claim in claims.items():
        what = f"{claim.number.replace('_', ' ')}: {claim.sides[0]} {'less' if claim.unit == 'points' else 'over'} " \
               f"{claim.sides[1]}"
        published = "" if claim.published is None else amount(claim, claim.published)
        title = f"[{claim.title}](#{name})" if found[name] else claim.title
        lines.append(f"| {title} | {claim.paper} | {what} | {published} | {here(claim, said[name])} | "
                     f"{count(claim, found[name])} | {said[name].word} |")
    return "\n".join(lines) + "\n\n"


def in_all(claims: Mapping[str, Claim], said: Mapping[str, Verdict]) -> str:
    """How many claims have which verdict; controls do not count."""
    words = [said[name].word for name, claim in claims.items() if not claim.control]
    found = [f"{words.count(word)} {word}" for word in WORDS if word in words]
    return f"Of {len(words)} claims, without the controls: {', '.join(found)}.\n\n" if words else ""


def shared(claims: Mapping[str, Claim], found: Mapping[str, list[Row]]) -> str:
    """Which claims have a side in common, the same trainings, as far as both have pairs: their rows are not
    independent. The first pairs tell, which all of them have."""
    of: dict[tuple, list[str]] = {}
    for name, claim in claims.items():
        for trainings in zip(*pairs(claim, found[name]).values(), strict=True):      # of each side
            errors = tuple((row["seed"], row["rate"], row.get("test_error")) for row in trainings[:FEWEST])
            if None not in (error for *_, error in errors):
                of.setdefault(errors, []).append(f"`{name}`")
    groups = [", ".join(names[:-1]) + f" and {names[-1]}" for names in of.values() if len(names) > 1]
    return ("Rows that share a side have the same trainings there, as far as both have pairs, and one that goes badly "
            "moves them all: "
            f"{'; '.join(groups)}.\n\n") if groups else ""


def count(claim: Claim, rows: list[Row]) -> str:
    """How many pairs are there, of those that are wanted."""
    n = len(pairs(claim, rows))
    return f"{n}" if n >= claim.seeds else f"{n} of {claim.seeds}"


def of_paper(table: Table, rows: list[Row]) -> str:
    """A table of a paper, and beside its errors ours, means over the seeds; and of every two rows, which is better."""
    complete = [[row[table.number] for row in of] for of in pairs(table, rows).values()]
    wanted = max(len(complete), table.seeds)                                         # --seeds may be more
    lines = [f"## {table.title}, in miniature\n", f"Top-1 errors of {table.paper}, and of small nets, "
             f"means of {len(complete)} of {wanted} seeds. How: `tinynet/claims/tables.py`, `python -m tinynet "
             f"claims show {table.name}`.\n", "| net | published | here |", "|---|---:|---:|"]
    for i, (side, printed) in enumerate(zip(table.sides, table.printed, strict=True)):
        error = f"{sum(of[i] for of in complete) / len(complete):.1%}" if complete else "not run yet"
        lines.append(f"| {side} | {printed:.1f}% | {error} |")
    return "\n".join(lines + orders(table, complete)) + f"{rates_of(table, rows)}{remark(table)}\n\n"


def orders(table: Table, complete: list[list[float]]) -> list[str]:
    """Of every two rows, by how much the one is better that is the better one in the paper."""
    if len(complete) < FEWEST:
        return []
    lines = ["\n| two rows | published | here | their order |", "|---|---:|---:|---|"]
    for a, b in combinations(range(len(table.sides)), 2):
        worse, better = (a, b) if table.printed[a] > table.printed[b] else (b, a)
        mean, low, high = interval([table.difference(of[worse], of[better]) for of in complete])
        order = "the paper's" if low > 0 else "the reverse" if high < 0 else "not seen"
        published = amount(table, table.printed[worse] - table.printed[better])
        lines.append(f"| {table.sides[worse]} less {table.sides[better]} | {published} | "
                     f"{with_interval(table, mean, low, high)} | {order} |")
    return lines


def amount(claim: Claim, value: float) -> str:
    return f"{value:+.1f} points" if claim.unit == "points" else f"{value:.2f} times"


def here(claim: Claim, said: Verdict) -> str:
    return "" if said.mean is None else with_interval(claim, said.mean, said.low, said.high)


def with_interval(claim: Claim, mean: float, *ends: float) -> str:
    low, high = (f"{x:+.1f}" if claim.unit == "points" else f"{x:.2f}" for x in ends)
    return f"{amount(claim, mean)} ({low} to {high})"


def section(claim: Claim, rows: list[Row], said: Verdict) -> str:
    """A claim's trainings."""
    lines = [f"## {claim.name}\n",
             f"{claim.title}. {claim.paper}: {claim.says}. **{said.word.capitalize()}**: {said.reason}"
             f"{beyond(claim, said)}.{before_more(claim, rows)}{without_the_dead(claim, rows)}"]
    if pairs(claim, rows):
        lines += [f"\n| seed | {claim.sides[0]} | {claim.sides[1]} | difference |", "|---|---:|---:|---:|"]
    for seed, (first, second) in pairs(claim, rows).items():
        a, b = first[claim.number], second[claim.number]
        shown = (f"{a:.1%}", f"{b:.1%}") if claim.unit == "points" else (f"{a:.1f}", f"{b:.1f}")
        lines.append(f"| {seed} | {' | '.join(shown)} | {amount(claim, claim.difference(a, b))} |")
    return "\n".join(lines) + f"{rates_of(claim, rows)}{training_errors(claim, rows)}{parameters(claim, rows)}" \
        f"{remark(claim)}\n\n"


def beyond(claim: Claim, said: Verdict) -> str:
    """Whether what was published is too much for the interval of a difference that was not seen."""
    unseen = said.word == "not seen at this scale" and claim.published is not None
    return ", and less than was published" if unseen and claim.published > said.high else ""


def before_more(claim: Claim, rows: list[Row]) -> str:
    """What as many pairs as were wanted at first said, if there are more of them now."""
    first = differences(claim, rows)[:claim.seeds]
    if len(pairs(claim, rows)) <= len(first) or len(first) < FEWEST:
        return ""
    said = verdict(claim, first)
    return f" The first {len(first)} pairs said {here(claim, said)}: {said.word}."


def without_the_dead(claim: Claim, rows: list[Row]) -> str:
    """What the pairs say without those of which a net learned nothing, where there are such: they count, but they are
    about something else."""
    dead = {seed: sides for seed, of in pairs(claim, rows).items()
            if (sides := [side for side, row in zip(claim.sides, of, strict=True) if row.get("train_error", 0) > DEAD])}
    left = differences(claim, [row for row in rows if row["seed"] not in dead])
    if not dead or len(left) < FEWEST:
        return ""
    named = ", ".join(f"seed {seed} ({' and '.join(sides)})" for seed, sides in dead.items())
    said = verdict(claim, left)
    return f" In {named} a net learned nothing; the other {len(left)} pairs say {here(claim, said)}: {said.word}."


def remark(claim: Claim) -> str:
    return f"\n\n{claim.remark}" if claim.remark else ""


def training_errors(claim: Claim, rows: list[Row]) -> str:
    """The mean training error of each side, where another number is compared: how well it knows what it has seen."""
    complete = pairs(claim, rows).values()
    if claim.number == "train_error" or not all("train_error" in row for of in complete for row in of) or not complete:
        return ""
    means = [sum(row["train_error"] for row in of) / len(of) for of in zip(*complete, strict=True)]
    named = (f"{side} {mean:.1%}" for side, mean in zip(claim.sides, means, strict=True))
    return f" Training error: {', '.join(named)}."


def parameters(claim: Claim, rows: list[Row]) -> str:
    """How many each side's net has, where that was written down."""
    first = next(iter(pairs(claim, rows).values()), ())
    if not first or not all("parameters" in row for row in first):
        return ""
    named = (f"{side} {row['parameters']:,}" for side, row in zip(claim.sides, first, strict=True))
    return f" Parameters: {', '.join(named)}."


def rates_of(claim: Claim, rows: list[Row]) -> str:
    """The best learning rates of the sides of which all were tried."""
    tried = {side: {*sweep(claim, rows), *(row["rate"] for row in rows if row["side"] == side)} for side in claim.sides}
    rates = [f"{side} {rate:g}{edge(tried[side], rate)}" for side in claim.sides
             if (rate := best_rate(claim, rows, side)) is not None]
    of_all = sorted(set().union(*tried.values()))
    among = f" of {', '.join(f'{rate:g}' for rate in of_all)}" if len(of_all) > 1 else ""
    return f"\n\nLearning rates{among}: {', '.join(rates)}." if rates else ""


def edge(tried: set[float], rate: float) -> str:
    """A note if the rate is the smallest or the largest of several."""
    if rate == min(tried) < max(tried):
        return " (the smallest tried)"
    return " (the largest tried)" if rate == max(tried) > min(tried) else ""


def draw(path: Path, claims: Mapping[str, Claim], said: Mapping[str, Verdict]) -> None:
    """Write to `path` the claims in points, left, and those in times, right: mean, interval and what was published."""
    groups = {unit: [name for name, claim in claims.items() if claim.unit == unit and said[name].mean is not None]
              for unit in ("points", "times")}
    groups = {unit: names for unit, names in groups.items() if names}
    most = max(map(len, groups.values()))
    with figure(path, 10, 1.2 + 0.28 * most, "lines: 95 % of repetitions; diamonds: published",
                grid=(1, len(groups))) as axes:
        for ax, (unit, names) in zip(axes[0], groups.items(), strict=True):
            for y, name in enumerate(reversed(names)):
                claim, of = claims[name], said[name]
                ax.plot([of.low, of.high], [y, y], color=COLORS[of.word], linewidth=2)
                ax.plot([of.mean], [y], "o", color=COLORS[of.word])
                if claim.published is not None:
                    ax.plot([claim.published], [y], "D", color="black", markerfacecolor="none", markersize=5)
            ax.set_yticks(range(len(names)), [f"{name}: {said[name].word}" for name in reversed(names)], fontsize=8)
            ax.set_ylim(len(names) - most - 0.6, len(names) - 0.4)
            ax.axvline(0 if unit == "points" else 1, color="0.7", linewidth=1)
            scale(ax, unit)


def scale(ax: Any, unit: str) -> None:
    """The axis of the differences."""
    ticks = POINTS if unit == "points" else TIMES
    if unit == "points":
        ax.set_xscale("symlog", linthresh=LINEAR)
        ax.set_xlabel(f"points better on the paper's side (logarithmic beyond {LINEAR})")
    else:
        ax.set_xscale("log")
        ax.set_xlabel("how many times as long")
    ax.margins(x=0.04)
    low, high = ax.get_xlim()
    ax.set_xticks(ticks, [f"{x:g}" for x in ticks], fontsize=8)
    ax.set_xticks([], minor=True)
    ax.set_xlim(low, high)
