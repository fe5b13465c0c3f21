"""What many machines cost: the model by hand, against what its parts must obey, and against what was published."""
import math

import numpy as np
import pytest

from tinynet import summary
from tinynet.init import zeros
from tinynet.models import alexnet
from tinynet.training.scaling import WAYS, Net, Part, Wire, pays_until, step, two_columns

WIRE = Wire(latency=1e-3, bandwidth=1e6)
SMALL = Net((Part(3000, 0.75), Part(1000, 0.25, inputs=100)))


@pytest.fixture(scope="module")
def alexnet_in_two_columns():
    return Net.of(summary(alexnet(rng=zeros()), show=False))


def test_sums_by_hand():
    assert WIRE.ring(3000, 1) == 0 and WIRE.ring(3000, 3) == pytest.approx(2 * 2 * (1e-3 + 1000 / 1e6))
    assert WIRE.tree(3000, 2) == WIRE.tree(3000, 1 + 1) == pytest.approx(2 * (1e-3 + 3000 / 1e6))
    assert WIRE.tree(3000, 5) == pytest.approx(3 * WIRE.tree(3000, 2))               # 5 machines: three rounds


@pytest.mark.parametrize("p", [2, 3, 8, 64])
def test_a_ring_is_what_its_messages_are(p):
    """Played through: in each of 2(p - 1) rounds every machine sends one piece to the next, all at the same time."""
    pieces = np.random.default_rng(p).normal(size=(p, p))                            # [machine, piece]
    expected, seconds = pieces.sum(axis=0), 0.0
    for phase in range(2):
        for r in range(p - 1):
            moved = [((m + 1) % p, (m - r + phase) % p, pieces[m, (m - r + phase) % p]) for m in range(p)]
            for to, piece, value in moved:
                pieces[to, piece] = value if phase else pieces[to, piece] + value
            seconds += WIRE.send(3000 / p)
    np.testing.assert_allclose(pieces, np.tile(expected, (p, 1)), rtol=1e-12)
    assert seconds == pytest.approx(WIRE.ring(3000, p))


def test_a_step_by_hand():
    """Three seconds: forward ends at 1, the upper layer's backward at 1.5, the lower one's at 3."""
    assert step(SMALL, 3.0, 10, 1, WIRE) == 3.0
    assert step(SMALL, 3.0, 10, 2, WIRE) == pytest.approx(3.0 + WIRE.ring(3000, 2))  # the upper sum is hidden
    slow = Wire(0.0, 500.0)                                # the upper sum: 2 s, until 3.5; then 6 s for the lower one
    assert step(SMALL, 3.0, 10, 2, slow) == pytest.approx(9.5)
    trick = 2 * 1 * (10 * 100 * 4 / 500.0)                 # the inputs of ten images, there and back: 16 s
    assert step(SMALL, 3.0, 10, 2, slow, "one weird trick") == pytest.approx(3.0 + trick + 6.0)


def test_a_way_that_there_is_not():
    with pytest.raises(ValueError, match="step: expected a way of ring, tree, one weird trick, got 'rign'"):
        step(SMALL, 1.0, 128, 2, WIRE, "rign")


def test_nothing_to_send_is_perfect_and_more_machines_are_never_faster_each():
    free = Wire(0.0, math.inf)
    for way in WAYS:
        assert step(SMALL, 3.0, 10, 1024, free, way) == 3.0
        steps = [step(SMALL, 3.0, 10, p, WIRE, way) for p in (1, 2, 4, 8, 16, 32)]
        assert steps == sorted(steps)


def test_alexnet(alexnet_in_two_columns):
    net = alexnet_in_two_columns
    assert sum(part.bytes for part in net.parts) == 4 * 60_965_224
    assert [part.inputs for part in net.parts if part.inputs] == [9216, 4096, 4096]
    assert sum(part.share for part in net.parts) == pytest.approx(1)
    fully = [part for part in net.parts if part.inputs]
    assert sum(part.bytes for part in fully) > 0.95 * 4 * 60_965_224 and sum(part.share for part in fully) < 0.1
    # conv3 reads the other column's 13·13·128 outputs of pool2, fc6 6·6·128, fc7 2048; fc8 is in one place
    assert net.crossing == 4 * (2 * (13 * 13 * 128 + 6 * 6 * 128 + 2048) + 2048)


def test_the_trick_pays_until_its_inputs_outweigh_the_weights(alexnet_in_two_columns):
    """2 (p - 1) b · n_in · 4 against 2 (p - 1)/p · M: with 128 images up to p = 26, if there were nothing to hide."""
    net, wire = alexnet_in_two_columns, Wire(0.0, 1e3)     # so slow that computing does not matter
    at = {p: step(net, 1e-9, 128, p, wire, "one weird trick") / step(net, 1e-9, 128, p, wire) for p in (8, 25, 27, 64)}
    assert at[8] < at[25] < 1 < at[27] < at[64]


def test_two_columns(alexnet_in_two_columns):
    there_and_back = 2 * 128 * alexnet_in_two_columns.crossing / 2
    assert two_columns(alexnet_in_two_columns, 1.0, 128, Wire(0.0, 1e9)) == pytest.approx(0.5 + there_and_back / 1e9)
    # before conv3, fc6, fc7 and fc8, there and back
    assert two_columns(alexnet_in_two_columns, 1.0, 128, Wire(1e-3, 1e30)) == pytest.approx(0.5 + 8e-3)


def test_goyal_et_al_2017():
    """Section 4: ResNet-50's 25 million parameters, 100 MB, are hidden behind a backward of 120 ms at 1.6 GB/s and
    more. A tenth of the layers, the lowest, have next to nothing to hide behind, and next to no parameters."""
    layers = Net((Part(10 ** 6, 0.1),) + 9 * (Part(11 * 10 ** 6, 0.1),))
    assert sum(part.bytes for part in layers.parts) == 100 * 10 ** 6
    enough, half = (step(layers, 0.18, 32, 256, Wire(1e-6, speed)) for speed in (2.0e9, 0.8e9))
    assert 0.18 / enough > 0.95 and 0.18 / half < 0.75


@pytest.mark.parametrize("p, hours, times", [(2, 50.24, 1.98), (4, 26.20, 3.91), (8, 15.68, 7.58)])
def test_krizhevsky_2014(p, hours, times):
    """Table 1: AlexNet in one column on K20 GPUs, 128 images on each, 90 epochs in 98.05 hours on one. Between them PCI
    Express 2.0, here 6 GB/s. The model is a bound from above; with eight, of which four each hang on a processor of
    their own, it is a fifth too fast."""
    net = Net.of(summary(alexnet(rng=zeros(), columns=1), show=False))
    seconds = 98.05 * 3600 / (90 * 1_281_167 / 128)
    modelled, published = p * seconds / step(net, seconds, 128, p, Wire(2e-5, 6e9), "one weird trick"), 98.05 / hours
    assert modelled == pytest.approx(times, abs=0.005) and 1 < modelled / published < {2: 1.03, 4: 1.06, 8: 1.25}[p]
    assert p * seconds / step(net, seconds, 128, p, Wire(2e-5, 6e9), "ring") > modelled    # hidden behind backward


def test_what_was_measured_here():
    """docs/many-machines.md: AlexNet's gradient over two and four ranks of one machine, summed after backward."""
    M = 4 * 60_965_224
    wire = Wire(0.0, M / (1.650 - 1.494))                                            # 2 (p - 1)/p · M, for two ranks
    assert wire.ring(M, 4) == pytest.approx(0.234, abs=0.0005)
    assert wire.ring(M, 4) == pytest.approx(3.411 - 3.214, rel=0.2)


def test_how_far_it_pays():
    assert pays_until([1, 2, 4, 8], lambda p: {1: 1, 2: 1.9, 4: 2.5, 8: 3.9}[p]) == 4
    assert pays_until([4, 8], lambda p: 1) == 1


def test_where_half_of_the_time_is_waiting_it_pays_no_more():
    assert pays_until([1, 2, 4], {1: 1, 2: 1.5, 4: 2}.get) == 2
