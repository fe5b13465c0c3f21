"""Curves over the epochs: how a training goes, and the paper's Figure 1, for two nets that differ in one thing only."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from .figure import figure

MOST_RATES = 6  # that are told; of a rate that falls after every epoch only the first and the last


def crossing(errors: Sequence[float], level: float) -> float | None:
    """When a curve first falls to `level`, in epochs, between two of them by a straight line; None if never.

    `errors[i]` is the error of epoch i + 1. Epochs before the first are unknown, so a curve that starts below the
    level crossed it within the first epoch: 1.
    """
    for i, error in enumerate(errors):
        if error <= level:
            if i == 0:
                return 1.0
            return i + (errors[i - 1] - level) / (errors[i - 1] - error)
    return None


def crossing_in_words(name: str, errors: Sequence[float], level: float) -> str:
    """A sentence without its stop: when the training error of the net called `name` fell to `level`."""
    at = crossing(errors, level)
    if at is not None:
        return f"{name} reaches {level:.0%} training error after {at:.1f} epochs"
    if not errors:
        return f"{name} has not finished an epoch"
    return f"{name} has not reached {level:.0%} training error after {len(errors)} epochs (it is at {errors[-1]:.1%})"


def ratio_in_words(fast: Sequence[float], slow: Sequence[float], level: float) -> str | None:
    """How many times longer the second curve takes to fall to `level`: "4.2", or "more than 4.2"; None if the first
    has not come so far, or the second has not had as many epochs."""
    first, second = crossing(fast, level), crossing(slow, level)
    if first is None or second is None and len(slow) < first:
        return None
    return f"{second / first:.1f}" if second is not None else f"more than {len(slow) / first:.1f}"


def draw_relu_vs_tanh(path: str | os.PathLike, relu: Sequence[float], tanh: Sequence[float], *, level: float = 0.25,
                      note: str = "") -> None:
    """Write the figure to `path`: ReLU solid, tanh dashed as in the paper, where each crosses `level`, the ratio.

    `relu` and `tanh` hold the training error of each epoch, from 0 to 1. `note` is small print below: which data.
    """
    with figure(path, 7.5, 5, note) as ax:
        ax.axhline(level, color="0.6", linewidth=1)
        ax.annotate(f"{level:.0%} training error", (0, level), xycoords=("axes fraction", "data"), xytext=(4, -4),
                    textcoords="offset points", va="top", color="0.4", fontsize=9)
        last = max(len(relu), len(tanh), 1)
        for errors, name, style, color, below in (relu, "ReLU", "-", "C0", -18), (tanh, "tanh", "--", "C3", -36):
            ax.plot(range(1, len(errors) + 1), errors, style, color=color, linewidth=2, label=name,
                    marker="." if len(errors) == 1 else None)  # one epoch is a point, no line
            at, bold = crossing(errors, level), {"color": color, "fontweight": "bold", "textcoords": "offset points"}
            if at is not None:  # the words stand where the other curve is not: above to the right, or below to the left
                ax.plot([at], [level], "o", color=color)
                place = {"xytext": (4, 8)} if at < last / 2 else {"xytext": (-4, below), "ha": "right"}
                ax.annotate(f"{name}: {at:.1f} epochs", (at, level), **place, **bold)
            elif errors:  # of two such curves, both sets of words stand below the lower one's end
                ends = [of[-1] for of in (relu, tanh) if of and crossing(of, level) is None]
                ax.annotate(f"{name}: more than {len(errors)} epoch{'s' * (len(errors) > 1)}", (len(errors), min(ends)),
                            xytext=(0, below if len(ends) == 2 else 24), ha="right", **bold)
        ax.set(xlabel="epochs", ylabel="training error", ylim=(0, 0.95), xlim=(0, last * 1.02))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        ratio = ratio_in_words(relu, tanh, level)
        ax.set_title(f"tanh takes {ratio} times as many epochs as ReLU" if ratio else "ReLU and tanh")
        ax.legend(frameon=False)


def draw_lr_finder(path: str | os.PathLike, rates: Sequence[float], losses: Sequence[float], *, chosen: float,
                   note: str = "") -> None:
    """Write to `path` what `training.lr_finder.find_lr` found: the loss over the learning rates, and a mark at the rate
    that was `chosen`. `note` is small print below: which net, which data."""
    with figure(path, 7.5, 5, note) as ax:
        ax.plot(rates, losses, linewidth=2)
        lowest = min(losses)
        ax.plot([rates[losses.index(lowest)]], [lowest], "o", color="C0")
        ax.axvline(chosen, color="C3", linewidth=1, linestyle="--")
        ax.annotate(f"{chosen:.1e}", (chosen, 1), xycoords=("data", "axes fraction"), xytext=(4, -4),
                    textcoords="offset points", va="top", color="C3", fontweight="bold")
        room = max(losses[:len(losses) // 2], default=lowest) - lowest or 1.0  # for what comes before it flies away
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss after a step with it",
               ylim=(lowest - 0.1 * room, lowest + 1.3 * room))
        ax.grid(axis="x", color="0.9")


def draw_training(path: str | os.PathLike, records: Sequence[dict[str, Any]]) -> None:
    """Write how a training goes to `path`: its errors on the left scale, the loss on the right one, and a vertical
    line where the learning rate changed, with the new rate if these are few.

    `records` are those of `train`; whatever in them is called val_error or test_error is drawn beside train_error.
    """
    with figure(path, 7.5, 5) as ax:
        for name, color, style in ("train_error", "C0", "-"), ("val_error", "C3", "-"), ("test_error", "C3", "--"):
            points = [(record["epoch"], record[name]) for record in records if name in record]
            if points:
                label = {"train": "training", "val": "validation", "test": "test"}[name.removesuffix("_error")]
                ax.plot(*zip(*points, strict=True), style, color=color, marker=".", label=f"{label} error")
        right = ax.twinx()
        right.plot([r["epoch"] for r in records], [r["train_loss"] for r in records], color="0.6", linewidth=1,
                   marker="." if len(records) == 1 else None)
        right.set_ylabel("training loss", color="0.5")
        changes = [now for before, now in zip(records, records[1:], strict=False) if now["lr"] != before["lr"]]
        told = changes if len(changes) <= MOST_RATES else (changes[0], changes[-1])
        for record in changes:  # between the two epochs
            ax.axvline(record["epoch"] - 0.5, color="0.8", linewidth=1, linestyle=":")
        for record in told:
            ax.annotate(f"rate {record['lr']:.3g}", (record["epoch"] - 0.5, 1), xycoords=("data", "axes fraction"),
                        xytext=(-2, -4), textcoords="offset points", rotation=90, ha="right", va="top",
                        fontsize=8, color="0.4")  # upright: rates may change within a few epochs
        for axis, above in (ax, 0.05), (right, 0.15):  # from 0 to a little above the largest number, not the same
            axis.margins(y=above)
            axis.update_datalim([(1, 0)], updatex=False)
            axis.autoscale_view(scalex=False)
            axis.set_ylim(bottom=0)
        ax.set(xlabel="epochs", ylabel="error")
        ax.xaxis.get_major_locator().set_params(integer=True)
        if len(records) == 1:
            ax.set_xticks([records[0]["epoch"]])
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False, loc="lower left")
        else:
            ax.set(ylabel="", yticks=[])  # a training without errors has a loss alone
