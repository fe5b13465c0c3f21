"""The parts of `python -m tinynet features`: what each measures, row by row; features.py says what for."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..data import Split, View
from ..data.collage import collages
from ..init import fan_in
from ..look.neighbors import features, nearest
from ..look.retrieval import Autoencoder, hamming, same_class
from ..look.transfer import draw_transfer
from ..loss import SoftmaxCrossEntropy
from ..models import build
from ..net import Sequential
from ..one_vs_rest import HingeLoss, SigmoidCrossEntropy
from ..training.evaluate import probabilities
from ..training.finetune import classifiers, replace_last
from ..training.metrics import average_precision, per_class_accuracy
from ..training.probe import Probe, learn
from .feature_rows import Results, Row, Work, measured

SHOTS = (1, 3, 6, 15, 30, 60)
LOSSES = {"softmax": SoftmaxCrossEntropy, "svm": HingeLoss}
PIXELS = "pixels"
PROBE_RATES, PROBE_STEPS = (0.3, 1.0, 3.0, 10.0, 30.0), (100, 300)        # of linear classifiers, by SGD
NET_RATES, NET_STEPS = (0.0003, 0.001, 0.003, 0.01), (100, 400, 1000)   # of whole nets, by Adam
COLLAGES, FOUND, BITS = 600, 10, 64  # collages to learn, and to test; neighbours; bits in a code


def seen(work: Work, images: np.ndarray, layer: str) -> np.ndarray:
    """The features (N, D) of the images: of a layer, or the pixels themselves."""
    if layer == PIXELS:
        return images.reshape(len(images), -1).astype(np.float32)
    return features(work.trained.net, images, layer, work.trained.view.center)


def accuracy(scores: np.ndarray, labels: np.ndarray) -> Row:
    return {"accuracy": round(float(np.nanmean(per_class_accuracy(scores, labels))), 4)}


# ------------------------------------------------------------------------------- linear classifiers on a layer

def probe(work: Work, results: Results, part: str, layer: str, shots: Sequence[int]) -> None:
    """Linear classifiers of a layer's features, which are computed once."""
    x = {name: seen(work, work.part(name).images, layer) for name in ("train", "valid", "test")}

    def fitted(by: str, k: int, f: int, unseen: str, lr: float, steps: int) -> Row:
        chosen = work.fold(f, k)
        classifier = Probe(x["train"].shape[1], work.classes, np.random.default_rng(f))
        classifier.fit(x["train"][chosen], work.train.labels[chosen], loss=LOSSES[by](), lr=lr, steps=steps)
        return accuracy(classifier.scores(x[unseen]), work.part(unseen).labels)
    for by in LOSSES:
        for k in shots:
            measured(work, results, {"part": part, "layer": layer, "by": by, "k": k}, PROBE_RATES, PROBE_STEPS,
                     lambda *at, by=by, k=k: fitted(by, k, *at))


def layers(work: Work, results: Results) -> None:
    for layer in (PIXELS, *work.layers):
        probe(work, results, "layers", layer, SHOTS[-1:])
        for by in LOSSES:
            results.told(f"{by} on {layer}, {SHOTS[-1]} a class", part="layers", layer=layer, by=by)


# -------------------------------------------------------------------------------------------------- whole nets

def shots(work: Work, results: Results) -> None:
    probe(work, results, "shots", work.layers[-1], SHOTS)
    for k in SHOTS:
        measured(work, results, {"part": "shots", "by": "scratch", "k": k}, NET_RATES, NET_STEPS,
                 lambda f, *at, k=k: whole(work, *from_scratch(work, f), (), k, f, *at))
    draw(work, results)


def from_scratch(work: Work, f: int) -> tuple[Sequential, View]:
    """The same net with random weights scaled by fan-in, all layers but the last, for pixels of about unit variance."""
    rng, config = np.random.default_rng(100 + f), work.trained.config
    net = replace_last(build(config["net"], rng=rng, **config["settings"]), work.classes, rng)
    for W in (layer.W for layer in weighty(net).values()):
        W.assign(fan_in(2.0)(rng, W.shape))
    view = work.trained.view
    return net, View(view.mean, 64.0, crop=view.crop, crops="center")


def weighty(net: Sequential) -> dict[str, object]:
    """The layers with weights, but for those that give the classes' scores."""
    return {name: layer for name, layer in net.walk() if hasattr(layer, "W") and layer not in classifiers(net)}


def whole(work: Work, net: Sequential, view: View, frozen: Sequence[str], k: int, f: int, unseen: str, lr: float,
          steps: int) -> Row:
    chosen, shown = work.fold(f, k), work.part(unseen)
    error = learn(net, Split(work.train.images[chosen], work.train.labels[chosen]), view, np.random.default_rng(f),
                  frozen=frozen, steps=steps, lr=lr)
    return accuracy(probabilities(net, shown, view), shown.labels) | {"train_error": round(error, 4)}


def freezing(work: Work, results: Results) -> None:
    names = list(weighty(work.trained.net))

    def begun(f: int) -> tuple[Sequential, View]:
        again = work.again()
        return replace_last(again.net, work.classes, np.random.default_rng(f)), again.view
    for n in range(len(names) + 1):
        key = {"part": "freezing", "frozen": names[:n], "k": SHOTS[-1]}
        measured(work, results, key, NET_RATES, NET_STEPS,
                 lambda f, *at, n=n: whole(work, *begun(f), names[:n], SHOTS[-1], f, *at))
        results.told(f"the first {n} layers frozen, {SHOTS[-1]} a class", **key)


def draw(work: Work, results: Results) -> None:
    last = work.layers[-1]
    learners = {f"softmax on {last}": {"by": "softmax", "layer": last},
                f"linear SVM on {last}": {"by": "svm", "layer": last}, "whole net, random weights": {"by": "scratch"}}
    curves = {name: [(k, *results.told(f"{name}, {k} a class", part="shots", k=k, **key)) for k in SHOTS]
              for name, key in learners.items()}
    draw_transfer(work.out / "shots.png", curves, 1 / work.classes,
                  f"{work.folds} folds, mean ± standard error; {len(work.test.labels)} test photographs")


# ------------------------------------------------------------------------- several objects in a picture; codes

def several_objects(work: Work, results: Results) -> None:
    """A collage is shown to the softmax once for each of its objects, to the sigmoids once with all of them."""
    layer, first = work.layers[-1], {"train": 0, "valid": 1000, "test": 100}         # of the seeds, one for each fold

    def made(name: str, f: int) -> tuple[np.ndarray, np.ndarray]:
        part, rng = work.part(name), np.random.default_rng(first[name] + f)
        images, present = collages(part.images, part.labels, work.classes, COLLAGES, rng)
        return seen(work, images, layer), present

    def fitted(by: str, f: int, unseen: str, lr: float, steps: int) -> Row:
        (x, present), (shown, there) = made("train", f), made(unseen, f)
        which, label = np.nonzero(present)
        classifier = Probe(x.shape[1], work.classes, np.random.default_rng(f))
        if by == "softmax":
            classifier.fit(x[which], label, loss=SoftmaxCrossEntropy(), lr=lr, steps=steps)
        else:
            classifier.fit(x, present, loss=SigmoidCrossEntropy(), lr=lr, steps=steps)
        ap = average_precision(classifier.scores(shown), there)
        return {"ap": round(float(np.nanmean(ap)), 4), "by_class": ap.round(4).tolist(),
                "chance": round(float(there.mean()), 4)}
    for by in ("softmax", "sigmoid"):
        measured(work, results, {"part": "collages", "layer": layer, "by": by}, PROBE_RATES, PROBE_STEPS,
                 lambda *at, by=by: fitted(by, *at), "ap")
        results.told(f"{by} on {layer} of collages, mean average precision", "ap", part="collages", layer=layer, by=by)


def codes(work: Work, results: Results) -> None:
    for layer in (PIXELS, work.layers[-1]):
        for f in range(work.folds):
            results.add({"part": "codes", "layer": layer, "seed": f}, lambda layer=layer, f=f: search(work, layer, f))
        results.told(f"codes of {layer}, of the same class", "codes", part="codes", layer=layer)


def search(work: Work, layer: str, seed: int) -> Row:
    stored, queries, rng = seen(work, work.train.images, layer), seen(work, work.test.images, layer), \
        np.random.default_rng(seed)
    coder = Autoencoder(stored.shape[1], 256, BITS, rng=rng)
    losses = coder.fit(stored, 10, rng)
    found = {"codes": hamming(coder.encode(queries), coder.encode(stored), FOUND)[0],
             "vectors": nearest(queries, stored, FOUND)[0]}
    return {name: round(same_class(indices, work.train.labels, work.test.labels), 4)
            for name, indices in found.items()} | {"loss": round(losses[-1], 4)}


PARTS = {"layers": layers, "shots": shots, "freezing": freezing, "collages": several_objects, "codes": codes}
