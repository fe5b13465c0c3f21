"""The parts of `python -m tinynet features`: what each measures, row by row; features.py says what for."""
from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data import Split, View
from ..data.collage import collages
from ..files.reading import parse_json, read_text
from ..files.writing import write_text
from ..look.neighbors import features, nearest
from ..look.retrieval import Autoencoder, hamming, same_class
from ..look.transfer import draw_transfer
from ..loss import SoftmaxCrossEntropy
from ..models import build
from ..net import Sequential
from ..one_vs_rest import HingeLoss, SigmoidCrossEntropy
from ..training.evaluate import Trained, load_net, probabilities
from ..training.finetune import classifiers, replace_last, start_by_fan_in
from ..training.metrics import average_precision, per_class_accuracy
from ..training.probe import Probe, learn, mean_and_error
from ..training.train import say

SHOTS = (1, 3, 6, 15, 30, 60)
LOSSES = {"softmax": SoftmaxCrossEntropy, "svm": HingeLoss}
PIXELS = "pixels"
COLLAGES, FOUND, BITS = 600, 10, 64  # collages to learn, and to test; neighbours; bits in a code


class Work(NamedTuple):
    """What all parts share: `train` has the photographs of each class in turn, folds · 60 of each."""
    run: str
    out: Path
    layers: list[str]
    folds: int
    steps: int
    trained: Trained
    train: Split
    test: Split
    classes: int

    def fold(self, f: int, k: int) -> np.ndarray:
        """The indices of k images per class, of a fold that shares none with another."""
        return np.arange(len(self.train.labels)).reshape(self.classes, self.folds, -1)[:, f, :k].ravel()


class Results:
    """The rows of a file of JSON lines, each of which is written when it is there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = [parse_json(path, line) for line in read_text(path).splitlines()] if path.exists() else []

    def add(self, key: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The row of `key`: what `measure` gives, unless it is there."""
        for row in self.rows:
            if key.items() <= row.items():
                return row
        self.rows.append(key | measure())
        say(json.dumps(self.rows[-1]))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.path, "".join(json.dumps(row) + "\n" for row in self.rows))
        return self.rows[-1]


def seen(work: Work, images: np.ndarray, layer: str) -> np.ndarray:
    """The features (N, D) of the images: of a layer, or the pixels themselves."""
    if layer == PIXELS:
        return images.reshape(len(images), -1).astype(np.float32)
    return features(work.trained.net, images, layer, work.trained.view.center)


def probe(work: Work, results: Results, part: str, layer: str, shots: Sequence[int]) -> None:
    """Linear classifiers of a layer's features, which are computed once."""
    x, unseen = seen(work, work.train.images, layer), seen(work, work.test.images, layer)

    def measure(loss: str, k: int, f: int) -> dict[str, Any]:
        chosen = work.fold(f, k)
        fitted = Probe(x.shape[1], work.classes, np.random.default_rng(f))
        fitted.fit(x[chosen], work.train.labels[chosen], loss=LOSSES[loss]())
        return accuracy(fitted.scores(unseen), work.test.labels)
    for loss in LOSSES:
        for k in shots:
            for f in range(work.folds):
                results.add({"part": part, "layer": layer, "by": loss, "k": k, "fold": f},
                            lambda loss=loss, k=k, f=f: measure(loss, k, f))


def accuracy(scores: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    return {"accuracy": round(float(np.nanmean(per_class_accuracy(scores, labels))), 4)}


def layers(work: Work, results: Results) -> None:
    for layer in (PIXELS, *work.layers):
        probe(work, results, "layers", layer, SHOTS[-1:])
        told(results, f"{layer} softmax, 60 images per class", part="layers", layer=layer, by="softmax")


def shots(work: Work, results: Results) -> None:
    probe(work, results, "shots", work.layers[-1], SHOTS)
    for k in SHOTS:
        for f in range(work.folds):
            results.add({"part": "shots", "by": "scratch", "k": k, "fold": f},
                        lambda k=k, f=f: whole(work, from_scratch(work, f), k, f))


def from_scratch(work: Work, f: int) -> tuple[Sequential, View, float, tuple[str, ...]]:
    """The same net with random weights, which suit pixels of about unit variance."""
    rng, config = np.random.default_rng(100 + f), work.trained.config
    net = replace_last(build(config["net"], rng=rng, **config["settings"]), work.classes, rng)
    return start_by_fan_in(net, rng), View(work.trained.view.mean, 64.0), 1e-3, ()


def whole(work: Work, start: tuple[Sequential, View, float, tuple[str, ...]], k: int, f: int) -> dict[str, Any]:
    (net, view, lr, frozen), chosen = start, work.fold(f, k)
    error = learn(net, Split(work.train.images[chosen], work.train.labels[chosen]), view, np.random.default_rng(f),
                  frozen=frozen, steps=work.steps, lr=lr)
    return accuracy(probabilities(net, work.test, view), work.test.labels) | {"train_error": round(error, 4)}


def freezing(work: Work, results: Results) -> None:
    weighty = [name for name, layer in work.trained.net.walk() if hasattr(layer, "W") and
               layer not in classifiers(work.trained.net)]
    for n in range(len(weighty) + 1):
        for f in range(work.folds):
            def measure(n: int = n, f: int = f) -> dict[str, Any]:
                fresh = load_net(work.run)
                net = replace_last(fresh.net, work.classes, np.random.default_rng(f))
                return whole(work, (net, fresh.view, 1e-4, tuple(weighty[:n])), SHOTS[-1], f)
            results.add({"part": "freezing", "frozen": weighty[:n], "k": SHOTS[-1], "fold": f}, measure)


def several_objects(work: Work, results: Results) -> None:
    for f in range(work.folds):
        results.add({"part": "collages", "layer": work.layers[-1], "fold": f}, lambda f=f: several(work, f))


def collages_of(work: Work, split: Split, f: int) -> tuple[np.ndarray, np.ndarray]:
    images, present = collages(split.images, split.labels, work.classes, COLLAGES, np.random.default_rng(f))
    return seen(work, images, work.layers[-1]), present


def several(work: Work, f: int) -> dict[str, Any]:
    """A collage is shown to the softmax once for each of its objects, to the sigmoids once with all of them."""
    (x, present), (unseen, there) = collages_of(work, work.train, f), collages_of(work, work.test, 100 + f)
    which, label = np.nonzero(present)
    found = {}
    for name, rows, targets, loss in (("softmax", x[which], label, SoftmaxCrossEntropy()),
                                      ("sigmoid", x, present, SigmoidCrossEntropy())):
        fitted = Probe(x.shape[1], work.classes, np.random.default_rng(f)).fit(rows, targets, loss=loss)
        ap = average_precision(fitted.scores(unseen), there)
        found |= {name: round(float(np.nanmean(ap)), 4), f"{name}_by_class": ap.round(4).tolist()}
    return found | {"chance": round(float(there.mean()), 4)}


def codes(work: Work, results: Results) -> None:
    for layer in (PIXELS, work.layers[-1]):
        for f in range(work.folds):
            results.add({"part": "codes", "layer": layer, "seed": f}, lambda layer=layer, f=f: search(work, layer, f))


def search(work: Work, layer: str, seed: int) -> dict[str, Any]:
    stored, queries, rng = seen(work, work.train.images, layer), seen(work, work.test.images, layer), \
        np.random.default_rng(seed)
    coder = Autoencoder(stored.shape[1], 256, BITS, rng=rng)
    losses = coder.fit(stored, 10, rng)
    found = {"codes": hamming(coder.encode(queries), coder.encode(stored), FOUND)[0],
             "vectors": nearest(queries, stored, FOUND)[0]}
    return {name: round(same_class(indices, work.train.labels, work.test.labels), 4)
            for name, indices in found.items()} | {"loss": round(losses[-1], 4)}


def told(results: Results, name: str, **key: Any) -> tuple[float, float]:
    """Mean and standard error of the rows that have this key; said."""
    mean, error = mean_and_error([row["accuracy"] for row in results.rows if key.items() <= row.items()])
    say(f"{name}: {mean:.1%} ± {error:.1%}")
    return mean, error


def draw(work: Work, results: Results) -> None:
    last = work.layers[-1]
    curves = {name: [(k, *told(results, f"{name}, {k} a class", part="shots", by=by, k=k)) for k in SHOTS]
              for name, by in ((f"softmax on {last}", "softmax"), (f"linear SVM on {last}", "svm"),
                               ("whole net, random weights", "scratch"))}
    draw_transfer(work.out / "shots.png", curves, 1 / work.classes,
                  f"{work.folds} folds, mean ± standard error; {len(work.test.labels)} test photographs")


PARTS = {"layers": layers, "shots": shots, "freezing": freezing, "collages": several_objects, "codes": codes}
