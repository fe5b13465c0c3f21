"""Search by binary codes: Hamming distances against a loop, codes of clusters, thresholds that survive a file."""
import numpy as np
import pytest

from tinynet import simulated
from tinynet.files.storage import arrays_of
from tinynet.look.neighbors import nearest
from tinynet.look.retrieval import Autoencoder, Round, agreement, hamming, least, same_class
from tinynet.training.train import train


def clusters(n=600, D=20, seed=1):
    """Points around 30 centres, and which centre each belongs to."""
    centres = 3 * np.random.default_rng(0).normal(size=(30, D))
    rng = np.random.default_rng(seed)
    owner = rng.integers(0, len(centres), n)
    return (5 + centres[owner] + 0.7 * rng.normal(size=(n, D))).astype(np.float32), owner


def coder(bits=32, **kwargs):
    return Autoencoder(20, 64, bits, rng=np.random.default_rng(0), **kwargs)


@pytest.fixture(scope="module")
def fitted():
    net = coder()
    net.history = net.fit(clusters()[0], 40, np.random.default_rng(0), batch_size=32)
    return net


# ---------------------------------------------------------------------------------------- the autoencoder


def test_rounding_by_hand():
    layer = Round()
    x = np.array([[0.2, 0.5, 0.9]], np.float32)
    np.testing.assert_array_equal(layer.forward(x, train=True), [[0, 1, 1]])
    dy = np.array([[1, 2, 3]], np.float32)
    np.testing.assert_array_equal(layer.backward(dy), dy)
    with pytest.raises(RuntimeError, match="Round: backward has nothing to work from"):
        layer.backward(dy)
    with pytest.raises(ValueError, match=r"Round: expected dy of shape \(1, 3\)"):
        layer.forward(x, keep=True)
        layer.backward(dy[:, :2])


def test_the_loss_falls_far_below_that_of_answering_the_mean(fitted):
    assert len(fitted.history) == 40
    assert fitted.history[-1] < 0.25 and fitted.history[-1] < fitted.history[0] / 2


def test_the_loss_is_that_of_what_the_net_gives_back():
    x, net = clusters(64)[0], coder()
    (L,) = net.fit(x, 1, np.random.default_rng(0), lr=0.0, batch_size=10)  # no step is taken, the last batch is short
    z = (x - x.mean(axis=0)) / (x - x.mean(axis=0)).std()
    assert np.isclose(L, ((net.forward(z) - z) ** 2).mean(), rtol=1e-4)


def test_the_rate_falls_in_a_straight_line(monkeypatch):
    records = []

    def noted(*args, **how):
        records.extend(train(*args, **how))
        return records
    monkeypatch.setattr("tinynet.look.retrieval.train", noted)
    coder(8).fit(clusters(20)[0], 4, np.random.default_rng(0), lr=0.4)
    assert [record["lr"] for record in records] == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_codes_of_near_vectors_are_near(fitted):
    x, owner = clusters(200, seed=2)  # not those that were fitted
    codes = fitted.encode(x)
    assert codes.shape == (200, 4) and codes.dtype == np.uint8
    bits = np.unpackbits(codes, axis=1).astype(int)
    different = (bits[:, None] != bits[None]).sum(axis=2)
    same = owner[:, None] == owner[None]
    assert different[same].mean() < 4 and different[~same].mean() > 10


def test_each_bit_is_one_for_half_of_what_was_fitted(fitted):
    share = np.unpackbits(fitted.encode(clusters()[0]), axis=1).mean(axis=0)
    np.testing.assert_allclose(share, 0.5, atol=0.01)


def test_the_search_finds_what_the_features_find(fitted):
    (stored, owner), (queries, its_owner) = clusters(), clusters(50, seed=2)
    truth, _ = nearest(queries, stored, 10)
    found, _ = hamming(fitted.encode(queries), fitted.encode(stored), 10)
    assert agreement(found, truth) > 0.3  # ten of 600 at random: 0.017
    assert (owner[found] == its_owner[:, None]).mean() > 0.9


def test_a_file_keeps_mean_scale_and_thresholds(fitted, tmp_path):
    fitted.save(tmp_path / "coder.npz")
    again = coder().load(tmp_path / "coder.npz")
    x = clusters(50, seed=3)[0]
    np.testing.assert_array_equal(again.encode(x), fitted.encode(x))
    assert abs(again.thresholds).min() > 0


def test_two_fits_from_the_same_generators_give_the_same_codes():
    x = clusters(100)[0]
    codes = []
    for _ in range(2):
        net = coder(8)
        net.fit(x, 2, np.random.default_rng(5))
        codes.append(net.encode(x))
    np.testing.assert_array_equal(*codes)


def test_in_float64():
    x, net = clusters(100)[0], coder(8).astype(np.float64)
    assert {array.dtype for array in arrays_of(net).values()} == {np.dtype(np.float64)}
    net.fit(x, 2, np.random.default_rng(5))
    codes = net.encode(x)
    near = (np.unpackbits(net.astype(np.float32).encode(x)) == np.unpackbits(codes)).mean()
    assert codes.shape == (100, 1) and near > 0.99 and net.mean.dtype == np.float32


def test_another_device_gives_the_same_codes():
    x, codes = clusters(100)[0], []
    for net in coder(8), coder(8).to(simulated(0)), coder(8, device=simulated(1)):
        net.fit(x.astype(np.float64), 2, np.random.default_rng(5))
        codes.append(net.encode(x))
    np.testing.assert_array_equal(codes[0], codes[1])
    np.testing.assert_array_equal(codes[0], codes[2])


def test_what_cannot_be_encoded_is_refused(fitted):
    x = clusters(8)[0]
    with pytest.raises(ValueError, match="Autoencoder: expected a multiple of 8 bits, .* got 12"):
        coder(12)
    with pytest.raises(RuntimeError, match=r"Autoencoder: there is no code yet: call fit\(features, ...\) or load"):
        coder().encode(x)
    for use in fitted.encode, lambda features: coder().fit(features, 1, np.random.default_rng(0)):
        with pytest.raises(ValueError, match=r"Autoencoder: expected features of shape \(N, 20\), got \(8, 19\)"):
            use(x[:, 1:])
        with pytest.raises(ValueError, match=r"Autoencoder: expected features \(N, D\), got shape \(20,\)"):
            use(x[0])
        with pytest.raises(ValueError, match="Autoencoder: the features hold NaN or infinity, first in row 3"):
            use(np.where(np.arange(8)[:, None] >= 3, np.inf, x))
        with pytest.raises(TypeError, match="Autoencoder: expected features of float32 or float64, got int64"):
            use(x.astype(np.int64))


def test_what_cannot_be_fitted_is_refused():
    x, rng = clusters(8)[0], np.random.default_rng(0)
    with pytest.raises(ValueError, match="Autoencoder: the features are all the same"):
        coder().fit(np.full_like(x, 2), 1, rng)
    with pytest.raises(ValueError, match="Autoencoder.fit epochs: expected a whole number of 1 or more, got 0"):
        coder().fit(x, 0, rng)
    with pytest.raises(ValueError, match="epoch .*, batch .*: the .*A learning rate smaller than"):
        coder().fit(x, 100, rng, lr=1e6)


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 0}, {"lr": -1.0}, {"features": np.ones((8, 20))}])
def test_what_cannot_be_fitted_leaves_the_code_as_it_was(wrong):
    x, net = clusters(64)[0], coder()
    with pytest.raises(ValueError):
        net.fit(**{"features": x, "epochs": 1, "rng": np.random.default_rng(0), **wrong})
    with pytest.raises(RuntimeError, match="Autoencoder: there is no code yet"):
        net.encode(x)
    net.fit(x, 1, np.random.default_rng(0))
    codes = net.encode(x)
    with pytest.raises(ValueError):
        net.fit(**{"features": 100 * x + 3, "epochs": 1, "rng": np.random.default_rng(0), **wrong})
    np.testing.assert_array_equal(net.encode(x), codes)


def test_a_training_that_diverges_leaves_no_code():
    x, net = clusters(8)[0], coder()
    with pytest.raises(ValueError, match="A learning rate smaller than"):
        net.fit(x, 100, np.random.default_rng(0), lr=1e6)
    with pytest.raises(RuntimeError, match="Autoencoder: there is no code yet"):
        net.encode(x)


# ---------------------------------------------------------------------------------------- the search


def test_hamming_by_hand():
    codes = np.array([[0b0000], [0b0111], [0b0001], [0b0010]], np.uint8)
    indices, distances = hamming(np.array([[0b0011]], np.uint8), codes, 4)
    np.testing.assert_array_equal(indices, [[1, 2, 3, 0]])  # three at distance 1, in the order of their indices
    np.testing.assert_array_equal(distances, [[1, 1, 1, 2]])


@pytest.mark.parametrize("size", [1, 4, 8, 11, 40])  # bytes; 40: distances beyond 255
@pytest.mark.parametrize("k", [1, 5, 50])
def test_hamming_agrees_with_a_loop(size, k):
    rng = np.random.default_rng(size)
    queries, codes = rng.integers(0, 256, (6, size), np.uint8), rng.integers(0, 256, (50, size), np.uint8)
    codes[7] = ~queries[2]  # every bit differs
    indices, distances = hamming(queries, codes, k)
    for q, query in enumerate(queries):
        differing = [(sum(bin(a ^ b).count("1") for a, b in zip(query.tolist(), code, strict=True)), i)
                     for i, code in enumerate(codes.tolist())]
        assert list(zip(distances[q].tolist(), indices[q].tolist(), strict=True)) == sorted(differing)[:k]
    if k == len(codes):
        assert distances.max() == 8 * size


@pytest.mark.parametrize("size", [8191, 8192, 8200])  # bytes; 16 bits hold distances up to 65,535
def test_long_codes_may_differ_in_every_bit(size):
    codes = np.zeros((3, size), np.uint8)
    codes[0], codes[1, 0] = 255, 1
    indices, distances = hamming(np.zeros((1, size), np.uint8), codes, 3)
    np.testing.assert_array_equal(indices, [[2, 1, 0]])
    np.testing.assert_array_equal(distances, [[0, 1, 8 * size]])


def test_codes_that_do_not_fit_are_refused():
    codes = np.zeros((5, 2), np.uint8)
    with pytest.raises(TypeError, match=r"hamming: expected codes of uint8, as encode\(\) gives them, got int64"):
        hamming(codes.astype(np.int64), codes, 1)
    with pytest.raises(ValueError, match=r"hamming: .* of the same D, got shapes \(5, 1\) and \(5, 2\)"):
        hamming(codes[:, :1], codes, 1)
    for k in 0, 6:
        with pytest.raises(ValueError, match=f"hamming: expected k from 1 to 5, as many as are stored, got {k}"):
            hamming(codes, codes, k)


@pytest.mark.parametrize("k", [1, 3, 40])
def test_least_agrees_with_a_stable_sort(k):
    numbers = np.random.default_rng(0).integers(0, 6, 40)
    np.testing.assert_array_equal(least(numbers, k), np.argsort(numbers, kind="stable")[:k])


def test_agreement_by_hand():
    # row by row: both, in another order; one of two; none
    assert agreement(np.array([[1, 2], [3, 4], [5, 6]]), np.array([[2, 1], [4, 9], [1, 2]])) == 0.5
    with pytest.raises(ValueError, match=r"agreement: expected two arrays .* got shapes \(1, 2\) and \(1, 3\)"):
        agreement([[1, 2]], [[1, 2, 3]])
    with pytest.raises(ValueError, match="agreement: expected two arrays"):
        agreement([1, 2], [1, 2])


def test_masked_arrays_are_refused():
    codes, x = np.zeros((5, 2), np.uint8), np.ones((5, 2), np.float32)
    with pytest.raises(TypeError, match="hamming: expected an array for codes, got a MaskedArray"):
        hamming(codes, np.ma.masked_array(codes, codes == 0), 1)
    with pytest.raises(TypeError, match="nearest: expected an array for features, got a MaskedArray"):
        nearest(x, np.ma.masked_array(x, x == 0), 1)
    found, labels = np.zeros((5, 1), int), np.arange(5)
    with pytest.raises(TypeError, match="same_class: expected an array for labels, got a MaskedArray"):
        same_class(found, np.ma.masked_array(labels, labels > 2), labels)
    with pytest.raises(TypeError, match="agreement: expected an array for truth, got a MaskedArray"):
        agreement(found, np.ma.masked_array(found, found == 0))


def test_the_share_of_the_same_class_by_hand():
    assert same_class(np.array([[0, 1], [2, 1]]), np.array([5, 6, 6]), np.array([5, 6])) == 0.75
    with pytest.raises(ValueError, match="same_class: expected indices"):
        same_class(np.array([[0, 1]]), np.array([5, 6]), np.array([5, 6]))
    for index in -1, 2, 0.5:
        with pytest.raises(ValueError, match=f"expected indices, whole numbers from 0 to 1, got .* to {max(0, index)}"):
            same_class(np.array([[0, index]]), np.array([5, 6]), np.array([5]))
