"""The page of the claims and the command: what they show, and that what is committed and quoted is what came out."""
import json
import re
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import pytest
from tried import CLAIM

from tinynet.claims.catalogue import CLAIMS, TABLES
from tinynet.claims.claim import Table, verdict
from tinynet.claims.page import differences, orders, section, shared, write_page
from tinynet.claims.runner import RATE_SEEDS, pairs, run
from tinynet.commands.claims import main


def test_the_page(tmp_path):
    write_page({"try": CLAIM}, {}, tmp_path, tmp_path / "claims.md")
    assert not (tmp_path / "claims.png").exists() and "claims.png" not in (tmp_path / "claims.md").read_text()
    run(CLAIM, tmp_path, tmp_path / "work", None, 3)
    other = replace(CLAIM, name="other", unit="times", published=6.0)
    control = replace(CLAIM, name="control", paper="a paper: a control")
    write_page({"try": CLAIM, "other": other, "control": control}, {}, tmp_path, tmp_path / "claims.md")
    text = (tmp_path / "claims.md").read_text()
    assert ("| [A try](#try) | a paper | test error: a less b | +2.0 points | +3.0 points (+3.0 to +3.0) | 3 | held |"
            in text)
    assert "| A try | a paper | test error: a over b | 6.00 times |  | 0 of 3 | not run yet |" in text
    assert "\nOf 2 claims, without the controls: 1 held, 1 not run yet.\n" in text
    assert "| 1 | 51.0% | 48.0% | +3.0 points |" in text and "Learning rates of 0.1, 0.2, 0.4: a 0.2, b 0.2." in text
    small, large = replace(CLAIM, rates=(1.6, 3.2), name="small"), replace(CLAIM, rates=(0.0125, 0.025), name="large")
    for claim, noted in (small, "a 0.4 (the smallest tried), b 0.4 (the smallest tried)."), (large, "a 0.1 (the larg"):
        rows = run(claim, tmp_path, tmp_path / "work", None, 0)
        assert noted in section(claim, rows, verdict(claim, []))
    assert "](claims.png)" in text and matplotlib.image.imread(tmp_path / "claims.png").std() > 0.02


def test_rows_with_the_same_trainings_are_named(tmp_path):
    rows = run(CLAIM, tmp_path, tmp_path / "work", None, 3)
    others = [{**row, "test_error": row["test_error"] / 2} if row["seed"] == 1 else row for row in rows]  # one differs
    claims = {name: replace(CLAIM, name=name) for name in ("try", "again", "other", "begun")}
    text = shared(claims, {"try": rows, "again": rows, "other": others, "begun": rows[:6]})
    assert text.endswith("moves them all: `try` and `again`; `try` and `again`.\n\n")   # both sides are the same ones
    assert shared({"try": CLAIM}, {"try": rows}) == ""


def test_a_claim_with_more_pairs_than_were_wanted_says_what_the_first_said(tmp_path):
    rows = run(CLAIM, tmp_path, tmp_path / "work", None, 5)
    for row in rows:
        if row["side"] == "b" and row["seed"] in (3, 4):
            row["test_error"] += 0.04
    few = [row for row in rows if row["seed"] not in (3, 4)]
    said = verdict(CLAIM, differences(CLAIM, rows))
    text = section(CLAIM, rows, said)
    assert said.word == "not seen at this scale"
    assert "no difference at all. The first 3 pairs said +3.0 points (+3.0 to +3.0): held.\n" in text
    assert "The first" not in section(CLAIM, few, verdict(CLAIM, differences(CLAIM, few)))
    claims = {name: replace(CLAIM, name=name) for name in ("try", "more")}
    text = shared(claims, {"try": few, "more": rows})
    assert text.endswith("moves them all: `try` and `more`; `try` and `more`.\n\n")      # as far as both have pairs


def test_what_the_pairs_say_without_a_net_that_learned_nothing(tmp_path):
    rows = [{**row, "train_error": 0.2} for row in run(CLAIM, tmp_path, tmp_path / "work", None, 4)]
    assert "learned nothing" not in section(CLAIM, rows, verdict(CLAIM, differences(CLAIM, rows)))
    for row in rows:
        if row["seed"] == 2 and row["side"] == "a":
            row |= {"train_error": 0.896, "test_error": 0.9}
    said = verdict(CLAIM, differences(CLAIM, rows))
    assert said.word == "not seen at this scale"
    assert (" In seed 2 (a) a net learned nothing; the other 3 pairs say +3.0 points (+3.0 to +3.0): held."
            in section(CLAIM, rows, said))


def test_a_difference_that_was_not_seen_may_be_less_than_was_published():
    rows = [{"side": side, "seed": seed, "rate": 0.1, "val_error": 0.5, "test_error": 0.5 - shift * (side == "b")}
            for seed, shift in ((RATE_SEEDS[0], 0), (0, 0.001), (1, -0.001), (2, 0)) for side in "ab"]
    claim = replace(CLAIM, rates=(0.1,))
    said = verdict(claim, differences(claim, rows))
    assert "**Not seen at this scale**: the interval holds no difference at all, and less than was published.\n" in (
        section(claim, rows, said))
    for published in 0.2, None:                                # within the interval, +0.0 points (-0.2 to +0.2); none
        small = replace(claim, published=published)
        assert "the interval holds no difference at all.\n" in section(small, rows, said)


def test_a_rate_is_at_the_end_of_those_that_its_side_has_tried():
    rows = [{"side": side, "seed": seed, "rate": rate, "val_error": abs(rate - 0.2), "test_error": 0.4}
            for side in "ab" for rate, seed in ((0.1, RATE_SEEDS[0]), (0.2, RATE_SEEDS[0]), (0.2, 0))]
    rows.append({"side": "a", "seed": RATE_SEEDS[0], "rate": 0.4, "val_error": 0.3})
    text = section(replace(CLAIM, rates=(0.05, 0.1, 0.2)), rows, verdict(CLAIM, []))
    assert "Learning rates" not in text                                                   # 0.05 is still to come
    text = section(replace(CLAIM, rates=(0.2,)), rows, verdict(CLAIM, []))
    assert "Learning rates of 0.1, 0.2, 0.4: a 0.2, b 0.2 (the largest tried)." in text


def test_what_a_section_says_besides():
    rows = [{"side": side, "seed": seed, "rate": 0.1, "val_error": 0.5, "test_error": 0.4, "train_error": error}
            for seed in (RATE_SEEDS[0], 0, 1) for side, error in (("a", 0.01 + 0.02 * (seed == 1)), ("b", 0.3))]
    claim = replace(CLAIM, rates=(0.1,), remark="It was too short.")
    text = section(claim, rows, verdict(claim, [0.0, 0.0]))
    assert text.endswith(": a 0.1, b 0.1. Training error: a 2.0%, b 30.0%.\n\nIt was too short.\n\n")
    assert "Training error" not in section(replace(claim, number="train_error"), rows, verdict(claim, [0.0, 0.0]))


def test_a_table_of_a_paper(tmp_path):
    def of_row(work, side):
        error = 0.3 - 0.02 * "abc".index(side) + 0.001 * (work.seed % 1000) * "abc".index(side) + abs(work.rate - 0.2)
        return {"val_error": error, **({"test_error": error} if work.test else {})}
    table = Table("about it", "three", "A table", "a paper", "the last is the best", ("a", "b", "c"), of_row,
                  rates=(0.1, 0.2, 0.4), seeds=3, printed=(18.0, 17.0, 15.5), remark="Of c's own.")
    write_page({}, {"three": table}, tmp_path, tmp_path / "page.md")
    assert "| b | 17.0% | not run yet |\n| c | 15.5% | not run yet |\n" in (tmp_path / "page.md").read_text()
    rows = run(table, tmp_path, tmp_path / "work", None, 3)
    assert len(rows) == 3 * 3 + 3 * 3 and [len(of) for of in pairs(table, rows).values()] == [3, 3, 3]
    write_page({}, {"three": table}, tmp_path, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "## A table, in miniature" in text and "means of 3 of 3 seeds" in text
    assert "| a | 18.0% | 30.0% |\n| b | 17.0% | 28.1% |\n| c | 15.5% | 26.2% |\n" in text
    assert "| a less b | +1.0 points | +1.9 points (+1.7 to +2.1) | the paper's |" in text
    assert "| a less c | +2.5 points | +3.8 points (+3.3 to +4.3) | the paper's |" in text
    assert "| b less c | +1.5 points | +1.9 points (+1.7 to +2.1) | the paper's |" in text
    assert "a 0.2, b 0.2, c 0.2.\n\nOf c's own.\n" in text
    run(table, tmp_path, tmp_path / "work", None, 4)                                    # more than were wanted
    write_page({}, {"three": table}, tmp_path, tmp_path / "page.md")
    assert "means of 4 of 4 seeds" in (tmp_path / "page.md").read_text()


def test_the_committed_page_is_that_of_the_committed_results(tmp_path):
    root = Path(__file__).parents[2]
    write_page(CLAIMS, TABLES, root / "examples/results/claims", tmp_path / "claims.md")
    assert (page := (tmp_path / "claims.md").read_text()) == (root / "docs/claims.md").read_text()
    assert "not run yet" not in page                                      # whatever its remarks speak of is there


def test_orders_that_are_the_papers_and_others():
    table = Table("about it", "two", "A table", "a paper", "b is better", ("a", "b"), None, (0.1,), printed=(18., 17.))

    def order(*of_b):
        return orders(table, [[0.5, error] for error in of_b])[-1].rpartition(" | ")[2]
    assert order(0.4, 0.41, 0.42) == "the paper's |" and order(0.6, 0.61, 0.62) == "the reverse |"
    assert order(0.4, 0.5, 0.6) == "not seen |" and orders(table, [[0.5, 0.4]] * 2) == []
    *_, last = orders(replace(table, printed=(17.0, 18.0)), [[0.5, 0.4]] * 3)
    assert last.startswith("| b less a | +1.0 points | -10.0 points")


def test_what_is_quoted_elsewhere_stands_on_the_page_under_the_name_that_is_given():
    root, here = Path(__file__).parents[2], {}
    for name, row in re.findall(r"^\| \[.*?\]\(#(.+?)\) \| (.*)", (root / "docs/claims.md").read_text("utf-8"), re.M):
        here[name] = row.split(" | ")[3]
    quoted = re.compile(r"[+-][\d.]+ points \([+-][\d.]+ to [+-][\d.]+\)|[\d.]+ times \([\d.]+ to [\d.]+\)")
    pages = {*root.glob("docs/*.md"), *root.glob("lessons/text/*.py"), root / "README.md",
             root / "examples/results/README.md"} - {root / "docs/claims.md"}
    texts = [(path, re.sub(r"\s+(# +)?", " ", paragraph)) for path in pages
             for paragraph in re.split(r"\n#?\n", path.read_text("utf-8"))]
    quotes = [(path.name, quote, text) for path, text in texts for quote in quoted.findall(text)]
    for page, quote, text in quotes:
        assert quote in {here.get(name) for name in re.findall("`([a-z0-9-]+)`", text)}, f"{page} quotes {quote}"
    assert len(quotes) >= 20 and {page for page, *_ in quotes} >= {"README.md", "published.md", "07_learning.py"}


def test_the_command(tmp_path, monkeypatch, capsys):
    for name in "CLAIMS", "ALL":
        monkeypatch.setattr(f"tinynet.commands.claims.{name}", {"try": CLAIM})
    monkeypatch.setattr("tinynet.commands.claims.TABLES", {})
    at = ["--results", str(tmp_path), "--folder", str(tmp_path / "work")]
    main(["run", "try", "--seeds", "3", *at])
    main(["list", *at])
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"try +A try +3 pairs  held  \+3.0 points \(\+3.0 to \+3.0\)", last)
    main(["show", "try"])
    assert capsys.readouterr().out == "about it\n"
    main(["page", *at, "--page", str(tmp_path / "page.md")])
    assert (tmp_path / "page.md").exists()
    assert [json.loads(line)["seed"] for line in (tmp_path / "try.jsonl").read_text().splitlines()][6:] == [0, 0, 1, 1,
                                                                                                           2, 2]
    with pytest.raises(SystemExit):
        main(["run", "none"])
    assert "claims run: expected one of try, all, got none" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["page", "try", *at])
    assert "claims page: it is of all claims; leave out try" in capsys.readouterr().err


def test_the_hours_are_those_of_all_claims_together(monkeypatch, tmp_path):
    clock, given = iter(range(0, 3600 * 99, 3600)), []                   # each claim takes an hour
    monkeypatch.setattr("tinynet.commands.claims.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("tinynet.commands.claims.run", lambda claim, *where: given.append(where[-2]))
    main(["run", "all", "--hours", "2", "--results", str(tmp_path)])
    assert given[:3] == [1, 0, -1]


def test_a_folder_of_results_that_is_not_there(tmp_path, capsys):
    at = ["--results", str(tmp_path / "none"), "--page", str(tmp_path / "page.md")]
    main(["list", *at])
    first, *claims = capsys.readouterr().out.splitlines()
    assert re.fullmatch("no results yet: there is no folder .*none .another one: --results.", first) and claims
    with pytest.raises(SystemExit, match="FileNotFoundError: there is no folder .*none of results"):
        main(["page", *at])
    assert not (tmp_path / "page.md").exists()
