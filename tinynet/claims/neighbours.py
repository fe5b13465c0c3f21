"""Near in the last hidden layer.

AlexNet, section 6.1: images that are near in the last hidden layer are alike, though "at the pixel level, the retrieved
training images are generally not close in L2 to the query images". And: an autoencoder on these vectors should give
shorter codes than one on the raw pixels, which finds images "with similar patterns of edges, whether or not they are
semantically similar."

Compared    for 1,000 test images, how many of the six nearest training images are of another class: nearest in pixels
            and in the last hidden layer of a small AlexNet ("neighbours"); by codes of 64 bits of the pixels and of
            that layer ("codes")
Equal       the queries, the images that are searched, the number found; the autoencoder and its training
Refuted     if pixels find as many of the same class: the interval of the difference lies below 0
"""
import numpy as np

from ..look.neighbors import features, nearest
from ..look.retrieval import Autoencoder, hamming, same_class
from .claim import Claim
from .training import Work, fit, small_net

QUERIES, FOUND, BITS, HIDDEN, EPOCHS = 1_000, 6, 64, 256, 20
OTHER = "The numbers are the shares of the six nearest that are of another class."


def measure(work: Work, side: str, codes: bool) -> dict[str, float]:
    net, parts, view, decay = small_net(work, {}, 10_000)
    of_pixels = side.endswith("pixels")
    if of_pixels:
        vectors = [part.images[:, ::2, ::2].reshape(len(part.labels), -1).astype(np.float32) for part in parts]
    else:
        fit(work, net, parts, view, epochs=15, falls=(12,), decay=decay)
        vectors = [features(net, part.images, "drop7", view.center) for part in parts]
    stored, *asked = vectors
    if codes:
        rng_net, rng_data = np.random.default_rng([work.seed, 1]).spawn(2)
        coder = Autoencoder(stored.shape[1], HIDDEN, BITS, rng=rng_net)
        coder.fit(stored, EPOCHS, rng_data)
        stored, *asked = map(coder.encode, vectors)
    named = {"val_other": 0, "other": 1} if work.test else {"val_other": 0}
    found = {name: _other(stored, asked[i][:QUERIES], parts[0].labels, parts[1 + i].labels[:QUERIES], codes)
             for name, i in named.items()}
    return {**found, "val_error": found["val_other"]}


def _other(stored: np.ndarray, queries: np.ndarray, labels: np.ndarray, asked: np.ndarray, codes: bool) -> float:
    """The share of what is found that is of another class than the query."""
    found, _ = (hamming if codes else nearest)(queries, stored, FOUND)
    return 1 - same_class(found, labels, asked)


CLAIMS = (
    Claim(__doc__, "neighbours", "Near in the last hidden layer is alike", "AlexNet, section 6.1 and Figure 4",
          "the nearest there are alike, though far in pixels", ("by pixels", "by the last hidden layer"),
          lambda work, side: measure(work, side, codes=False), rates=(0.02,), number="other", seeds=3, remark=OTHER),
    Claim(__doc__, "codes", "Codes of features beat codes of pixels", "AlexNet, section 6.1",
          "a much better retrieval than an autoencoder on the raw pixels", ("codes of pixels", "codes of the layer"),
          lambda work, side: measure(work, side, codes=True), rates=(0.02,), number="other", seeds=3, remark=OTHER))
