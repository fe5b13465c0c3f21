"""Features that transfer: draws, linear classifiers on features, nets on few images."""
import numpy as np
import pytest

from tinynet import HingeLoss, Linear, ReLU, Sequential, SigmoidCrossEntropy
from tinynet.data import Split, View
from tinynet.layers.pool import GlobalAvgPool2d
from tinynet.training.evaluate import probabilities
from tinynet.training.probe import Probe, draw_per_class, learn, mean_and_error, scaled
from tinynet.training.train import train

LABELS = np.random.default_rng(0).integers(0, 4, 200)


def test_draws_are_paired_and_nested():
    three, seven = draw_per_class(LABELS, 3, 5), draw_per_class(LABELS, 7, 5)
    assert np.bincount(LABELS[seven]).tolist() == [7] * 4 and len(set(seven)) == 28
    for c in range(4):
        np.testing.assert_array_equal(three[3 * c:3 * c + 3], seven[7 * c:7 * c + 3])
    assert set(draw_per_class(LABELS, 7, 6)) != set(seven)
    with pytest.raises(ValueError, match=r"expected k from 1 to 2, as many images as class 1 has, got 3"):
        draw_per_class(np.array([0, 0, 0, 1, 1]), 3, 0)


def clouds(rng, centres, n, scale=1.0):
    labels = np.arange(n) % len(centres)
    return (scale * (7 + centres[labels] + rng.normal(0, 0.5, (n, centres.shape[1])))).astype(np.float32), labels


@pytest.mark.parametrize("loss", [None, HingeLoss()])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_a_probe_tells_clouds_apart_whatever_their_scale(loss, scale):
    rng = np.random.default_rng(1)
    centres = rng.normal(0, 1, (4, 20))
    x, labels = clouds(rng, centres, 40, scale)
    unseen, truth = clouds(rng, centres, 400, scale)
    probe = Probe(20, 4, rng).fit(x, labels, loss=loss, steps=100)
    assert (probe.scores(unseen).argmax(axis=1) == truth).mean() > 0.95
    assert (scaled(x, probe.mean, probe.scale) ** 2).sum(axis=1).mean() == pytest.approx(1, rel=1e-4)      # eq. (1)


@pytest.mark.parametrize("dtype, scale, lost", [         # by rounding the features to the dtype
    (np.float16, 300, 1e-3), (np.float32, 1e25, 1e-6), (np.float32, 1e-25, 1e-6), (int, 300, 1e-3)])
def test_a_probe_of_features_whose_squares_do_not_fit_their_dtype(dtype, scale, lost):
    x, labels = clouds(np.random.default_rng(1), np.eye(4, 20), 40)
    plain = Probe(20, 4, np.random.default_rng(2)).fit(x, labels)
    probe = Probe(20, 4, np.random.default_rng(2)).fit((scale * x).astype(dtype), labels)
    assert probe.scale == pytest.approx(scale * plain.scale, rel=lost)
    np.testing.assert_allclose(probe.scores((scale * x).astype(dtype)), plain.scores(x), rtol=0, atol=100 * lost)


def test_decay_keeps_the_weights_of_a_probe_small():
    x, labels = clouds(np.random.default_rng(1), np.eye(4, 20), 40)
    free, held = (np.abs(Probe(20, 4, np.random.default_rng(2)).fit(x, labels, decay=decay).net["fc"].W.value).sum()
                  for decay in (0.0, 0.1))
    assert held < free / 2


def test_a_probe_of_several_objects():
    rng = np.random.default_rng(2)
    present = rng.integers(0, 2, (200, 3))
    x = (present @ rng.normal(0, 1, (3, 10)) + rng.normal(0, 0.1, (200, 10))).astype(np.float32)
    scores = Probe(10, 3, rng).fit(x, present, loss=SigmoidCrossEntropy(), decay=0.0, lr=5.0).scores(x)
    assert ((scores > 0) == present).mean() > 0.97


def test_a_probe_begins_anew_each_time():
    x = np.random.default_rng(3).normal(size=(60, 5)).astype(np.float32)
    labels, rng = (x[:, 0] > 0).astype(int), np.random.default_rng(4)
    probe = Probe(5, 2, np.random.default_rng(4)).fit(x, 1 - labels)
    Probe(5, 2, rng).fit(x, 1 - labels)                    # another, that leaves its generator where the first one's is
    np.testing.assert_array_equal(probe.fit(x, labels).scores(x), Probe(5, 2, rng).fit(x, labels).scores(x))


def test_a_probe_keeps_what_it_has_learned_if_it_cannot_learn_something_else():
    x = np.random.default_rng(3).normal(3, 1, (60, 5)).astype(np.float32)
    labels, probe = (x[:, 0] > 3).astype(int), Probe(5, 2, np.random.default_rng(4))
    with pytest.raises(ValueError, match="label"):
        probe.fit(x, labels + 1)                                     # there is no class 2: found while it trains
    with pytest.raises(RuntimeError, match="learned nothing yet"):
        probe.scores(x)
    learned = probe.fit(x, labels).scores(x)
    for other, classes in (np.full((4, 5), 100), np.arange(4) % 2), (2 * x, labels + 1), (3 * x, labels[:-1]):
        with pytest.raises(ValueError):
            probe.fit(other, classes)
        np.testing.assert_array_equal(probe.scores(x), learned)


def test_what_a_probe_refuses():
    probe, x = Probe(3, 2, np.random.default_rng(0)), np.ones((4, 3), np.float32)
    with pytest.raises(RuntimeError, match=r"learned nothing yet; call fit\(x, labels\) first"):
        probe.scores(x)
    with pytest.raises(ValueError, match="the 4 features are all the same"):
        probe.fit(x, np.arange(4) % 2)
    with pytest.raises(ValueError, match="the 100 features are all the same"):
        probe.fit(np.full((100, 3), [0.1, 0.3, 1.7], np.float32), np.arange(100) % 2)    # whose mean is another
    with pytest.raises(ValueError, match=r"expected finite features \(N, 3\), got shape \(4, 2\)"):
        probe.scores(x[:, :2])
    with pytest.raises(ValueError, match="expected finite features, got NaN or infinity"):
        probe.fit(x * np.nan, np.arange(4) % 2)


def test_without_a_step_nothing_is_learned():
    rng, labels = np.random.default_rng(0), np.array([0, 0, 0, 1, 1, 1])
    x = rng.normal(size=(6, 3))
    for steps in 0, -1000:
        with pytest.raises(ValueError, match="expected one step, or epoch, or more, got "):
            Probe(3, 2, rng).fit(x, labels, steps=steps)


def test_masked_arrays_are_refused():
    probe, x, labels = Probe(3, 2, np.random.default_rng(0)), np.eye(4, 3, dtype=np.float32), np.arange(4) % 2
    masked, hidden = np.ma.masked_array(x, x == 0), np.ma.masked_array(labels, labels == 0)
    for call, what in ((lambda: probe.fit(masked, labels), "features"), (lambda: probe.fit(x, hidden), "labels"),
                       (lambda: probe.scores(masked), "features"), (lambda: draw_per_class(hidden, 1, 0), "labels")):
        with pytest.raises(TypeError, match=f"expected an array for {what}, got a MaskedArray"):
            call()


def test_a_net_learns_from_few_images_but_for_what_is_frozen():
    rng = np.random.default_rng(3)
    images = rng.integers(0, 60, (20, 4, 4, 3), dtype=np.uint8)
    labels = np.arange(20) % 2
    images[labels == 1, ..., 0] += 100
    net = Sequential(pool=GlobalAvgPool2d(), fc1=Linear(3, 8, rng=rng), relu=ReLU(), fc2=Linear(8, 2, rng=rng))
    before = {name: p.value.copy() for name, p in net.parameters()}
    view = View(60.0, 50.0)
    assert learn(net, Split(images, labels), view, rng, frozen=["fc1"], steps=100, lr=0.02) == 0
    assert (probabilities(net, Split(images, labels), view, batch_size=7).argmax(axis=1) == labels).all()
    same = {name: np.array_equal(p.value, before[name]) for name, p in net.parameters()}
    assert same == {"fc1.W": True, "fc1.b": True, "fc2.W": False, "fc2.b": False}


def test_the_rate_falls_from_epoch_to_epoch_in_a_straight_line(monkeypatch):
    records, split = [], Split(np.arange(48, dtype=np.uint8).reshape(4, 2, 2, 3), np.arange(4) % 2)

    def noted(*args, **how):
        records[:] = train(*args, **how)
        return records
    monkeypatch.setattr("tinynet.training.probe.train", noted)
    rng = np.random.default_rng(0)
    net = Sequential(pool=GlobalAvgPool2d(), fc=Linear(3, 2, rng=rng))
    for how in (lambda: Probe(3, 2, rng).fit(split.images[:, 0, 0], split.labels, steps=4, lr=0.4),
                lambda: learn(net, split, View(20.0), rng, steps=4, lr=0.4)):
        how()
        assert [record["lr"] for record in records] == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_mean_and_error_by_hand():
    assert mean_and_error([1, 2, 3]) == (2, pytest.approx(1 / 3 ** 0.5))
    assert np.isnan(mean_and_error([4])[1])
    with pytest.raises(ValueError, match="expected one value or more"):
        mean_and_error([])
