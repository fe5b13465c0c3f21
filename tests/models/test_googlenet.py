"""GoogLeNet: the sizes and counts of the paper, and the heads: what they add in training, and that test is without."""
import re

import numpy as np
import pytest

from tinynet import SGD, SoftmaxCrossEntropy, count_parameters, summary
from tinynet.devices.device import device_of, simulated
from tinynet.devices.simulated import must_be_current
from tinynet.layers.conv import Conv2d
from tinynet.models.googlenet import GoogLeNetLoss, googlenet

PARAMETERS = {  # Table 1, biases included
    "conv1": 9_472, "reduce2": 4_160, "conv2": 110_784, "inception3a": 163_696, "inception3b": 388_736,
    "inception4a": 376_176, "inception4b": 449_160, "inception4c": 510_104, "inception4d": 605_376,
    "inception4e": 868_352, "inception5a": 1_043_456, "inception5b": 1_444_080, "fc": 1_025_000}
SHAPES = {  # Table 1, column "output size"
    "conv1": (112, 112, 64), "pool1": (56, 56, 64), "conv2": (56, 56, 192), "pool2": (28, 28, 192),
    "inception3a": (28, 28, 256), "inception3b": (28, 28, 480), "pool3": (14, 14, 480), "inception4a": (14, 14, 512),
    "inception4b": (14, 14, 512), "inception4c": (14, 14, 512), "inception4d": (14, 14, 528),
    "inception4e": (14, 14, 832), "pool4": (7, 7, 832), "inception5a": (7, 7, 832), "inception5b": (7, 7, 1024),
    "pool5": (1024,), "fc": (1000,)}
LABELS = np.array([1, 4])


@pytest.fixture(scope="module")
def full():
    return googlenet(rng=np.random.default_rng(0))


def small(**arguments):
    """A net with few maps (yet none is dead), for images of 79 pixels, the smallest that the heads can take."""
    return googlenet(5, input_size=79, width=1 / 16, rng=np.random.default_rng(0), **arguments)


def images(n=2, dtype=np.float64):
    return np.random.default_rng(1).normal(0, 1, (n, 79, 79, 3)).astype(dtype)


def gradients(net):
    return {name: None if p.grad is None else p.grad.copy() for name, p in net.parameters()}


# ---------------------------------------------------------------------------------------- the paper's sizes


def test_the_table_of_the_paper(full):
    assert {name: count_parameters(full[name]) for name in PARAMETERS} == PARAMETERS
    x, shapes = np.zeros((1, 224, 224, 3), np.float32), {}
    for name, layer in full.layers.items():
        x = layer.forward(x)
        shapes[name] = x.shape[1:]
    assert {name: shapes[name] for name in SHAPES} == SHAPES
    assert list(shapes)[:10] == "conv1 relu1 pool1 norm1 reduce2 relu_reduce2 conv2 relu2 norm2 pool2".split()


def test_parameters_with_and_without_heads(full):
    assert count_parameters(full) == 13_378_280
    assert count_parameters(full[:]) == 6_998_552
    assert {name: count_parameters(head) for name, head in full.heads.items()} == {
        "head1": 512 * 128 + 128 + 4 * 4 * 128 * 1024 + 1024 + 1024 * 1000 + 1000,
        "head2": 528 * 128 + 128 + 4 * 4 * 128 * 1024 + 1024 + 1024 * 1000 + 1000}
    bare = googlenet(heads=False, rng=np.random.default_rng(0))
    assert count_parameters(bare) == 6_998_552
    assert [name for name, _ in bare.parameters()] == [name for name, _ in full[:].parameters()]


def test_the_summary_is_the_net_at_test(full, capsys):
    rows = summary(full)
    assert sum(row.parameters for row in rows) == 6_998_552
    assert sum(row.multiply_adds for row in rows) == 1_582_671_872  # the paper: about 1.5 billion
    assert {row.name: row.parameters for row in rows}["inception3a.five.conv"] == 5 * 5 * 16 * 32 + 32
    assert "6,998,552" in capsys.readouterr().out


def test_full_size_forward_and_backward(full):
    x = np.random.default_rng(1).normal(0, 60, (1, 224, 224, 3)).astype(np.float32)
    loss = GoogLeNetLoss()
    outputs = full.forward(x, train=True)
    assert [y.shape for y in outputs] == [(1, 1000)] * 3
    L = loss.forward(outputs, np.array([7]))
    assert np.log(1000) < L < 3 * np.log(1000)  # about 1.6 log 1000: it starts by knowing nothing
    assert full.backward(loss.backward()) is None  # nobody needs the gradient of the images
    for name, grad in gradients(full).items():
        assert np.isfinite(grad).all() and grad.any(), name


def test_constants():
    net, fc1 = small(), small().heads["head1"]["fc1"]
    assert all((p.value == np.float32(0.2)).all() for name, p in net.parameters() if name.endswith(".b"))
    assert fc1.W.value.std() == pytest.approx(fc1.in_features ** -0.5, rel=0.1)
    assert [(net[n].n, net[n].k, net[n].alpha, net[n].beta) for n in ("norm1", "norm2")] == [(5, 1, 2e-5, 0.75)] * 2
    assert [net["drop"].p, net.heads["head1"]["drop"].p, net.heads["head2"]["drop"].p] == [0.4, 0.7, 0.7]
    assert (net.heads["head1"]["pool"].kernel_size, net.heads["head1"]["pool"].stride) == ((5, 5), (3, 3))


@pytest.mark.parametrize("size, heads", [(31, False), (79, True), (80, True), (97, True), (128, True), (225, True)])
def test_every_input_size_that_fits(size, heads):
    net = googlenet(3, heads, size, width=1 / 64, rng=np.random.default_rng(0))
    y = net.forward(np.zeros((1, size, size, 3), np.float32), train=True)
    assert [part.shape for part in y] == [(1, 3)] * 3 if heads else y.shape == (1, 3)


@pytest.mark.parametrize("size, heads", [(30, False), (78, True)])
def test_images_too_small_are_refused(size, heads):
    with pytest.raises(ValueError, match=f"googlenet: images of {size}x{size} pixels are too small: expected 31x31"):
        googlenet(heads=heads, input_size=size)


# ---------------------------------------------------------------------------------------- gradients


def test_the_gradients_of_the_whole_loss_agree_with_finite_differences():
    """Each array is moved along a random direction, all its elements at once, in training mode."""
    net, loss, rng = small().astype(np.float64), GoogLeNetLoss(), np.random.default_rng(2)
    x, generators = images(1), [(g, g.bit_generator.state) for _, g in net.state()]

    def L():
        for generator, state in generators:  # every forward drops the same units
            generator.bit_generator.state = state
        return loss.forward(net.forward(x, train=True), LABELS[:1])

    L()
    net.backward(loss.backward())
    found = gradients(net)
    for name, p in net.parameters():
        value, direction = p.value, rng.normal(size=p.shape)
        p.value = value + 1e-7 * direction
        after = L()
        p.value = value - 1e-7 * direction
        before = L()
        p.value = value
        expected = (found[name] * direction).sum()
        assert (after - before) / 2e-7 == pytest.approx(expected, rel=1e-4, abs=1e-7), name


def test_heads_add_their_gradients_at_4a_and_4d():
    """Of three tuples of gradients, each with one output's, the parameters' gradients add up to those of all."""
    net, x = small().astype(np.float64), images()
    generators = [(g, g.bit_generator.state) for _, g in net.state()]
    dy = tuple(np.random.default_rng(i).normal(size=(2, 5)) for i in range(3))

    def run(*which):
        for generator, state in generators:
            generator.bit_generator.state = state
        net.forward(x, train=True)
        net.backward(tuple(d if i in which else np.zeros_like(d) for i, d in enumerate(dy)))
        return gradients(net)

    everything, main, head1, head2 = run(0, 1, 2), run(0), run(1), run(2)
    for name, grad in everything.items():
        np.testing.assert_allclose(main[name] + head1[name] + head2[name], grad, atol=1e-10 * np.abs(grad).max(),
                                   rtol=0, err_msg=name)
    reached = {}
    for which, grads in {"head1": head1, "head2": head2}.items():
        reached[which] = {name.split(".")[0] for name, grad in grads.items() if grad.any()}
    below_4a = {"conv1", "reduce2", "conv2", "inception3a", "inception3b", "inception4a"}
    assert reached == {"head1": below_4a | {"head1"},
                       "head2": below_4a | {"inception4b", "inception4c", "inception4d", "head2"}}


def test_without_training_backward_takes_one_gradient_and_leaves_the_heads_alone():
    net, x = small(), images(dtype=np.float32)
    y = net.forward(x, keep=True)
    net.backward(y)
    found = gradients(net)
    bare = net[:]
    np.testing.assert_array_equal(bare.forward(x, keep=True), y)
    bare.backward(y)
    for name, grad in found.items():
        if name.startswith("head"):
            assert grad is None, name
        else:
            np.testing.assert_array_equal(grad, dict(bare.parameters())[name].grad, name)


def test_the_heads_gradients_of_an_earlier_step_are_not_taken_again():
    net, loss, x = small(), GoogLeNetLoss(), images(dtype=np.float32)
    sgd = SGD(net.parameters(), 0.01)
    loss.forward(net.forward(x, train=True), LABELS)
    net.backward(loss.backward())
    sgd.step()
    before = {name: p.value.copy() for name, p in net.parameters()}
    net.backward(net.forward(x, keep=True))
    with pytest.raises(RuntimeError, match="no gradient in head1.conv.W, .* or freeze what is not to be trained"):
        sgd.step()
    assert all((p.value == before[name]).all() for name, p in net.parameters())
    net.freeze("head1", "head2")
    sgd.step()
    assert {name for name, p in net.parameters() if (p.value == before[name]).all()} == {
        name for name in before if name.startswith("head")}


@pytest.mark.parametrize("trained, reached", [
    (["fc", "head1.fc2", "head2.fc2"], set()), (["inception4c"], {"inception4c", "inception4d", "inception4e", "head2",
                                                                  "inception5a", "inception5b"}),
    (["head1"], {"head1"}), (["inception5b"], {"inception5b"}), (["conv1"], None), ([], None)])
def test_backward_ends_where_nothing_below_learns(trained, reached, monkeypatch):
    full, net, x, calls, backward = small(), small(), images(dtype=np.float32), [], Conv2d.backward

    def dx(net):
        return net.backward(tuple(y - 1 for y in net.forward(x, train=True)))

    dx(full)
    expected = gradients(full)
    monkeypatch.setattr(Conv2d, "backward", lambda conv, *a, **k: calls.append(conv.name) or backward(conv, *a, **k))
    net.freeze()
    if trained:
        net.unfreeze(*trained)
    assert dx(net) is None  # conv1 has input_grad=False
    everywhere = {name.partition(".")[0] for name, layer in net.walk() if isinstance(layer, Conv2d)}
    assert {name.partition(".")[0] for name in calls} == (everywhere if reached is None else reached)
    assert [name for name, layer in net.walk() if layer._kept is not None] == []
    for name, p in net.parameters():
        if p.trainable:
            np.testing.assert_array_equal(p.grad, expected[name], name)


# ---------------------------------------------------------------------------------------- training and test


def test_heads_are_dropped_at_test():
    net, x = small(), images(3, np.float32)
    before, probabilities = net.forward(x), net.predict(x)
    for name, p in net.parameters():
        if name.startswith("head"):
            p.value[...] = np.nan
    np.testing.assert_array_equal(net.forward(x), before)
    np.testing.assert_array_equal(net.predict(x), probabilities)
    assert before.shape == probabilities.shape == (3, 5)


def test_without_heads_training_gives_the_scores_alone():
    net, loss = small(heads=False), SoftmaxCrossEntropy()
    loss.forward(net.forward(images(dtype=np.float32), train=True), LABELS)
    net.backward(loss.backward())
    assert all(grad.any() for grad in gradients(net).values())


def learn(steps, **device):
    """Dark images against bright ones: the losses of some steps, and then the probability of the right classes."""
    rng, labels = np.random.default_rng(0), np.arange(6) % 2
    net, loss = googlenet(2, input_size=79, width=1 / 8, rng=rng, **device), GoogLeNetLoss()
    x = (rng.normal(0, 30, (6, 79, 79, 3)) + np.where(labels, 60, -60)[:, None, None, None]).astype(np.float32)
    sgd, losses = SGD(net.parameters(), 0.02), []
    for _ in range(steps):
        losses.append(loss.forward(net.forward(x, train=True), labels))
        net.backward(loss.backward())
        sgd.step()
    return losses, net.predict(x)[np.arange(6), labels]


def test_it_learns_and_on_another_device_just_the_same():
    losses, right = learn(12)
    assert losses[-1] < 0.6 * losses[0] and right.min() > 0.9
    with must_be_current():  # of the simulated device; arrays of two devices never meet
        np.testing.assert_allclose(learn(2, device=simulated(1))[0], losses[:2], rtol=1e-4)


def test_a_file_with_the_heads_and_one_without(tmp_path):
    first, second, bare, x = small(), small(), small(heads=False), images(dtype=np.float32)
    for _, p in first.parameters():
        p.value *= 1.5
    first.save(tmp_path / "net.npz")
    second.load(tmp_path / "net.npz")
    for (name, p), (_, q) in zip(first.parameters(), second.parameters(), strict=True):
        np.testing.assert_array_equal(p.value, q.value, name)
    first[:].save(tmp_path / "main.npz")
    np.testing.assert_array_equal(bare.load(tmp_path / "main.npz").forward(x), first.forward(x))
    with pytest.raises(ValueError, match="head1.conv.W: unknown to this net"):
        bare.load(tmp_path / "net.npz")


def test_names_of_what_is_inside():
    net = small()
    assert net.heads["head1"]["fc1"].label == "head1.fc1 (Linear)"
    assert [name for name, _ in net.state()] == ["drop.rng", "head1.drop.rng", "head2.drop.rng"]
    with pytest.raises(ValueError, match=re.escape("conv1 (Conv2d): expected x of shape (N, H, W, 3)")):
        net.forward(np.zeros((1, 79, 79, 4)))


@pytest.mark.parametrize("wrong", [np.ones((2, 5)), (np.ones((2, 5)),) * 2])
def test_after_training_backward_wants_three_gradients(wrong):
    net = small()
    net.forward(images(dtype=np.float32), train=True)
    with pytest.raises(TypeError, match="backward expects a tuple of three gradients, as GoogLeNetLoss gives it, got"):
        net.backward(wrong)


def kept(net):
    return [name for name, layer in [("", net), *net.walk()] if layer._kept is not None]


def test_where_it_fails_or_another_forward_comes_nothing_stays_kept(monkeypatch):
    net, x = small(), images(dtype=np.float32)
    y = net.forward(x, train=True)
    with pytest.raises(TypeError, match="three gradients"):
        net.backward(y[0])
    assert kept(net) == []
    net.forward(x, train=True)
    net.predict(x)                                                   # aside
    assert {name.partition(".")[0] for name in kept(net)} >= {"conv1", "head1", "head2"}
    net.forward(x)
    assert kept(net) == []

    def fail(*_, **__):
        raise KeyboardInterrupt
    monkeypatch.setattr(net.heads["head2"]["fc1"], "forward", fail)
    with pytest.raises(KeyboardInterrupt):
        net.forward(x, train=True)
    assert kept(net) == []


def test_backward_needs_a_forward():
    with pytest.raises(RuntimeError, match="GoogLeNet: backward has nothing to work from"):
        small().backward(np.ones((2, 5)))


# ---------------------------------------------------------------------------------------- the loss


def test_the_loss_by_hand():
    # two classes, scores 0 and log 3: probabilities 1/4 and 3/4; equal scores: 1/2 each
    sure, unsure = np.array([[0, np.log(3)]]), np.zeros((1, 2))
    loss = GoogLeNetLoss()
    L = loss.forward((sure, unsure, sure), np.array([1]))
    assert L == pytest.approx(np.log(4 / 3) + 0.3 * (np.log(2) + np.log(4 / 3)))
    np.testing.assert_allclose(loss.probs, [[1 / 4, 3 / 4]])
    for got, expected in zip(loss.backward(), ([0.25, -0.25], [0.3 * 0.5, -0.3 * 0.5], [0.3 * 0.25, -0.3 * 0.25]),
                             strict=True):
        np.testing.assert_allclose(got, [expected])


def test_the_loss_is_added_up_where_the_scores_are(monkeypatch):
    device = simulated(1)
    monkeypatch.setattr(device, "asynchronous", True)  # as a GPU's, on which the losses stay
    with must_be_current():
        L = GoogLeNetLoss().forward((device.asarray(np.zeros((2, 3))),) * 3, np.array([0, 1]))
    assert device_of(L) is device and float(L) == pytest.approx(1.6 * np.log(3))


def test_the_loss_names_the_head_at_fault():
    fine, bad = np.zeros((1, 2)), np.full((1, 2), np.nan)
    with pytest.raises(ValueError, match=r"head2 \(SoftmaxCrossEntropy\): the logits hold NaN"):
        GoogLeNetLoss().forward((fine, fine, bad), np.array([1]))
    with pytest.raises(TypeError, match="expected the three outputs of a GoogLeNet in training, got ndarray; for one"):
        GoogLeNetLoss().forward(fine, np.array([1]))


def test_the_weight_of_the_heads():
    loss = GoogLeNetLoss(weight=0.0)
    assert loss.forward((np.zeros((1, 2)), np.ones((1, 2)) * [0, 9], np.zeros((1, 2))), np.array([0])) == np.log(2)
    assert not loss.backward()[1].any()


def test_a_loss_that_fails_at_a_head_keeps_nothing():
    """Else its backward would mix the gradients of two batches."""
    loss, labels = GoogLeNetLoss(), np.array([0, 2])
    scores = [np.ones((2, 3), np.float32) for _ in range(3)]
    loss.forward(tuple(scores), labels)
    scores[2] = np.full((2, 3), np.nan, np.float32)
    with pytest.raises(ValueError, match="head2 .*: the logits hold NaN or infinity"):
        loss.forward(tuple(scores), labels)
    with pytest.raises(RuntimeError, match="main .*: backward has nothing to work from"):
        loss.backward()
