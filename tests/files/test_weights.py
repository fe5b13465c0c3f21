"""Weights in and out: theirs in our nets against loops in their own layouts, round trips, and every mismatch named."""
import re
import tracemalloc

import numpy as np
import pytest
from naive import assert_close

from tinynet import (
    LRN,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Branches,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    Sum,
    gaussian,
    pair,
    simulated,
)
from tinynet.files.storage import arrays_of
from tinynet.files.weights import from_caffe, from_torch, to_torch
from tinynet.models import alexnet, convert
from tinynet.models.catalogue import build
from tinynet.models.resnet import ZeroPadShortcut

SMALL_ALEXNET = {"classes": 3, "input_size": 67, "kernels": (4, 8, 8, 8, 4), "hidden": 6}


# ---------------------------------------------------------------------------------------- a net in their layouts
# Images are (N, C, H, W) here, weights (F, C/groups, KH, KW) and (out, in).


def their_conv(x, W, b, groups=1, stride=1, padding=0):
    """y[n, f, p, q] = b[f] + Σ x̂[n, c, p·S + i, q·S + j] · W[f, c, i, j], c running over the maps of f's group."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    (F, C, K, _), size = W.shape, [(length - W.shape[2]) // stride + 1 for length in x.shape[2:]]
    y = np.zeros((len(x), F, *size))
    for n, f, p, q in np.ndindex(*y.shape):
        first = f // (F // groups) * C
        window = x[n, first:first + C, p * stride:p * stride + K, q * stride:q * stride + K]
        y[n, f, p, q] = b[f] + sum(window[at] * W[(f, *at)] for at in np.ndindex(*window.shape))
    return y


def their_linear(x, W, b):
    return np.array([[b[k] + sum(W[k] * image) for k in range(len(W))] for image in x.reshape(len(x), -1)])


def their_pool(x, mean=False):
    """2x2, stride 2."""
    corners = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    return sum(corners) / 4 if mean else np.maximum.reduce(corners)


def their_norm(x, norm):
    norm = {kind: array.reshape(-1, 1, 1) for kind, array in norm.items()}
    return norm["weight"] * (x - norm["running_mean"]) / np.sqrt(norm["running_var"] + 1e-5) + norm["bias"]


def relu(x):
    return np.maximum(x, 0)


def their_arrays(rng, **shapes):
    """Random arrays called after the layers: a shape means weights of this shape, and a bias for each of its units."""
    arrays = {}
    for layer, shape in shapes.items():
        arrays |= {f"{layer}.weight": rng.normal(0, 1, shape), f"{layer}.bias": rng.normal(0, 1, shape[0])}
    return arrays


NAMES = {"features.0": "conv1", "features.1": "bn1", "features.4": "conv2", "classifier.1": "fc3",
         "classifier.4": "fc4"}


def their_net():
    """The arrays of a net with batch normalisation and groups, called as PyTorch calls those of nested Sequentials."""
    rng = np.random.default_rng(0)
    arrays = their_arrays(rng, **{"features.0": (4, 3, 3, 3), "features.1": (4,), "features.4": (6, 2, 3, 3),
                                  "classifier.1": (5, 24), "classifier.4": (3, 5)})
    return arrays | {
        "features.1.running_mean": rng.normal(0, 1, 4), "features.1.running_var": rng.uniform(0.5, 2, 4),
        "features.1.num_batches_tracked": np.array(7)}


def their_scores(arrays, x):
    """Of their net for x (N, 3, 8, 8). Their dropouts do nothing at test."""
    layer = {name: {key[len(name) + 1:]: array for key, array in arrays.items() if key.startswith(name)}
             for name in NAMES}
    weights = {name: (arrays["weight"], arrays["bias"]) for name, arrays in layer.items()}
    x = their_pool(relu(their_norm(their_conv(x, *weights["features.0"], padding=1), layer["features.1"])))
    x = their_pool(their_conv(x, *weights["features.4"], groups=2, padding=1), mean=True)
    return their_linear(relu(their_linear(x, *weights["classifier.1"])), *weights["classifier.4"])


def our_net(**changes):
    layers = {"conv1": Conv2d(3, 4, 3, padding=1), "bn1": BatchNorm2d(4), "relu1": ReLU(), "pool1": MaxPool2d(2),
              "conv2": Conv2d(4, 6, 3, padding=1, groups=2), "drop2": Dropout(0.2), "pool2": AvgPool2d(2),
              "flat": Flatten(), "drop3": Dropout(0.5), "fc3": Linear(24, 5), "relu3": ReLU(), "drop4": Dropout(0.3),
              "fc4": Linear(5, 3)}
    return Sequential(**{name: layer for name, layer in (layers | changes).items() if layer}).astype(np.float64)


def ours(x):
    """Their images (N, C, H, W) as ours."""
    return x.transpose(0, 2, 3, 1)


def values(net):
    return {name: array.copy() for name, array in arrays_of(net).items()}


# ---------------------------------------------------------------------------------------- PyTorch


@pytest.fixture(scope="module")
def scores():
    """Images of 8x8 pixels, and their net's scores for them."""
    x = np.random.default_rng(1).normal(0, 1, (2, 3, 8, 8))
    return ours(x), their_scores(their_net(), x)


@pytest.mark.parametrize("source", ["dictionary", "file", "names"])
def test_the_outputs_are_theirs(scores, tmp_path, source):
    x, expected = scores
    arrays, names, net = their_net(), None, our_net()
    if source == "names":                                            # and so in any order
        arrays, names = dict(reversed(arrays.items())), NAMES
    if source == "file":
        np.savez(tmp_path / "theirs.npz", **arrays)
        arrays = tmp_path / "theirs.npz"
    assert from_torch(net, arrays, names) is net
    assert_close(net.forward(x), expected)


def test_layers_of_the_same_names_are_matched_in_any_order(scores):
    x, expected = scores
    arrays = {f"{NAMES[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": a for key, a in their_net().items()}
    net = from_torch(our_net(), dict(reversed(arrays.items())))
    assert_close(net.forward(x), expected)


def test_a_net_on_another_device(scores):
    x, expected = scores
    net = from_torch(our_net().to(simulated(0)), their_net(), NAMES)
    assert_close(net.device.tohost(net.forward(x)), expected)
    assert_close(to_torch(net)["fc3.weight"], their_net()["classifier.1.weight"])


def test_training_is_the_same_as_with_their_dropout():
    """Ours on masked inputs with W, theirs on inputs that are masked and divided by 1 - p."""
    net = Sequential(drop=Dropout(0.2, np.random.default_rng(3)), fc=Linear(50, 4)).astype(np.float64)
    arrays = their_arrays(np.random.default_rng(0), fc=(4, 50))
    from_torch(net, arrays)
    masked = net["drop"].forward(np.ones((1, 50)), train=True)
    assert 0 < (masked == 0).sum() < 50
    assert_close(net["fc"].forward(masked), their_linear(masked / 0.8, arrays["fc.weight"], arrays["fc.bias"]))


def test_branches_are_walked_in_order_and_join_their_channels():
    rng = np.random.default_rng(0)
    arrays = their_arrays(rng, a=(2, 3, 1, 1), b=(1, 3, 3, 3), fc=(4, 6 * 4))
    net = Sequential(mix=Branches(one=Conv2d(3, 2, 1), three=Sequential(conv=Conv2d(3, 1, 3, padding=1), relu=ReLU()),
                                  same=ReLU()),
                     flat=Flatten(), fc=Linear(24, 4)).astype(np.float64)
    net.input_shape = (2, 2, 3)
    from_torch(net, arrays)
    x = rng.normal(0, 1, (2, 3, 2, 2))
    joined = np.concatenate([their_conv(x, arrays["a.weight"], arrays["a.bias"]),
                             relu(their_conv(x, arrays["b.weight"], arrays["b.bias"], padding=1)), relu(x)], axis=1)
    assert_close(net.forward(ours(x)), their_linear(joined, arrays["fc.weight"], arrays["fc.bias"]))


@pytest.mark.parametrize("order", [("conv", "shortcut"), ("shortcut", "conv")])
def test_a_sum_hands_on_the_channels_of_its_branches(order):
    rng = np.random.default_rng(0)
    arrays = their_arrays(rng, a=(3, 3, 1, 1), fc=(4, 3 * 4))
    branches = {"conv": Conv2d(3, 3, 1), "shortcut": Identity()}
    layers = {"block": Sum(**{name: branches[name] for name in order}), "relu": ReLU(), "flat": Flatten(),
              "fc": Linear(12, 4)}
    net = Sequential(drop=Dropout(0.5), **layers)
    with pytest.raises(ValueError, match=r"block \(Sum\): a dropout stands in one of its branches only"):
        from_torch(net, arrays)                                      # the convolution's weights take its factor
    net = Sequential(**layers).astype(np.float64)
    from_torch(net, arrays)
    x = rng.normal(0, 1, (2, 3, 2, 2))
    joined = relu(their_conv(x, arrays["a.weight"], arrays["a.bias"]) + x)
    assert_close(net.forward(ours(x)), their_linear(joined, arrays["fc.weight"], arrays["fc.bias"]))


def test_a_net_that_begins_with_flatten_must_know_its_images():
    arrays = their_arrays(np.random.default_rng(0), fc=(4, 12))
    net = Sequential(flat=Flatten(), fc=Linear(12, 4)).astype(np.float64)
    with pytest.raises(ValueError, match=r"flat \(Flatten\): how many channels .* Set net.input_shape = \(H, W, C\)"):
        from_torch(net, arrays)
    net.input_shape = (2, 2, 3)
    from_torch(net, arrays)
    x = np.random.default_rng(1).normal(0, 1, (2, 3, 2, 2))
    assert_close(net.forward(ours(x)), their_linear(x, arrays["fc.weight"], arrays["fc.bias"]))


def test_a_net_of_vectors_and_one_without_biases():
    W = np.random.default_rng(0).normal(0, 1, (4, 6))
    net = from_torch(Sequential(fc=Linear(6, 4, bias=False)), {"fc.weight": W.astype(np.float32)})
    np.testing.assert_array_equal(net["fc"].W.value, W.T.astype(np.float32))
    assert list(to_torch(net)) == ["fc.weight"]


# ---------------------------------------------------------------------------------------- round trips


def test_what_was_loaded_is_exported_in_the_order_of_the_layers():
    theirs, exported = their_net(), to_torch(from_torch(our_net(), their_net(), NAMES))
    assert list(exported) == [
        "conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
        "conv2.weight", "conv2.bias", "fc3.weight", "fc3.bias", "fc4.weight", "fc4.bias"]
    for their_name, name in NAMES.items():
        for key in (key for key in exported if key.startswith(name)):
            assert_close(exported[key], theirs[key.replace(name, their_name)], key)
            assert exported[key].flags.c_contiguous


@pytest.mark.parametrize("name, settings", [
    ("alexnet", {"columns": 1, "width": 1 / 32, "input_size": 64}), ("zfnet", {"width": 1 / 32, "input_size": 64}),
    ("vgg16", {"width": 1 / 32, "input_size": 64}), ("googlenet", {"width": 1 / 16, "input_size": 80}),
    ("nin-cifar", {}), ("cifar-80sec", {})])
def test_round_trip_of_a_net_of_the_papers(name, settings, tmp_path):
    net, twin = (build(name, **settings, rng=np.random.default_rng(seed)) for seed in (0, 1))
    np.savez(tmp_path / "net.npz", **to_torch(net))
    from_torch(twin, tmp_path / "net.npz")
    for (name, p), (_, q) in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(q.value, p.value, rtol=2e-7, err_msg=name)       # times and by .3, .4: one rounding


def test_an_export_does_not_change_with_the_net():
    net = our_net()
    exported = to_torch(net)
    before = {key: array.copy() for key, array in exported.items()}
    for _, p in net.parameters():
        p.value += 1
    for key, array in exported.items():
        np.testing.assert_array_equal(array, before[key], key)


# ---------------------------------------------------------------------------------------- Caffe


def blobs(arrays):
    """Called as Caffe's: "conv1.0", "conv1.1"."""
    return {key.replace("weight", "0").replace("bias", "1"): a for key, a in arrays.items()}


def test_caffes_images_are_bgr():
    rng = np.random.default_rng(0)
    arrays, x = their_arrays(rng, conv1=(4, 3, 3, 3), fc=(2, 4)), rng.normal(0, 1, (2, 3, 3, 3))
    net = Sequential(conv1=Conv2d(3, 4, 3), flat=Flatten(), fc=Linear(4, 2)).astype(np.float64).to(simulated(0))
    expected = their_linear(their_conv(x, arrays["conv1.weight"], arrays["conv1.bias"]), arrays["fc.weight"],
                            arrays["fc.bias"])
    from_caffe(net, blobs(arrays))
    assert_close(net.device.tohost(net.forward(ours(x[:, ::-1]))), expected)         # RGB to ours
    from_caffe(net, blobs(arrays), to_rgb=False)
    assert_close(net.device.tohost(net.forward(ours(x))), expected)


@pytest.mark.parametrize("layers, shape", [({"conv1": Conv2d(2, 4, 3)}, (4, 2, 3, 3)), ({"fc": Linear(3, 4)}, (4, 3))])
def test_what_sees_no_colours_is_not_turned(layers, shape):
    arrays = their_arrays(np.random.default_rng(0), **dict.fromkeys(layers, shape))
    net = from_caffe(Sequential(**layers), blobs(arrays))
    (name,) = layers
    np.testing.assert_array_equal(to_torch(net)[f"{name}.weight"], arrays[f"{name}.weight"].astype(np.float32))


def test_blobs_of_caffes_first_years_have_four_dimensions():
    arrays = their_arrays(np.random.default_rng(0), conv1=(4, 3, 3, 3), fc=(2, 4))
    new, old = (Sequential(conv1=Conv2d(3, 4, 3), flat=Flatten(), fc=Linear(4, 2)) for _ in range(2))
    from_caffe(new, blobs(arrays))
    from_caffe(old, {key: a.reshape((1,) * (4 - a.ndim) + a.shape) for key, a in blobs(arrays).items()})
    for (name, p), (_, q) in zip(new.parameters(), old.parameters(), strict=True):
        np.testing.assert_array_equal(p.value, q.value, name)
    arrays["fc.bias"] = arrays["fc.bias"].reshape(1, 1, 2, 1)
    with pytest.raises(ValueError, match=r"fc.b: expected fc.1 of shape \(2,\), got \(1, 1, 2, 1\)"):
        from_caffe(old, blobs(arrays))


def caffes_alexnet(seed=0):
    """A small AlexNet as Caffe has it: arrays, and its scores for x (N, 3, 67, 67), BGR."""
    arrays = their_arrays(np.random.default_rng(seed), conv1=(4, 3, 11, 11), conv2=(8, 2, 5, 5), conv3=(8, 8, 3, 3),
                          conv4=(8, 4, 3, 3), conv5=(4, 4, 3, 3), fc6=(6, 4), fc7=(6, 6), fc8=(3, 6))
    layers = "conv1 conv2 conv3 conv4 conv5 fc6 fc7 fc8".split()
    w = {layer: (arrays[f"{layer}.weight"], arrays[f"{layer}.bias"]) for layer in layers}

    def norm(x, alpha=0.5):
        """LRN of their definition, on α large enough to matter: across all maps, α divided by n = 5."""
        maps = range(x.shape[1])
        s = [1 + alpha / 5 * (x[:, max(0, c - 2):c + 3] ** 2).sum(axis=1) for c in maps]
        return np.stack([x[:, c] * s[c] ** -0.75 for c in maps], axis=1)

    def pool(x):
        size = -(-(x.shape[2] - 3) // 2) + 1                          # rounding up
        return np.stack([np.stack([x[:, :, 2 * p:2 * p + 3, 2 * q:2 * q + 3].max(axis=(2, 3)) for q in range(size)],
                                  axis=2) for p in range(size)], axis=2)

    def scores(x):
        x = pool(norm(relu(their_conv(x, *w["conv1"], stride=4))))
        x = pool(norm(relu(their_conv(x, *w["conv2"], groups=2, padding=2))))
        x = relu(their_conv(relu(their_conv(x, *w["conv3"], padding=1)), *w["conv4"], groups=2, padding=1))
        x = pool(relu(their_conv(x, *w["conv5"], groups=2, padding=1)))
        x = relu(their_linear(relu(their_linear(x, *w["fc6"])), *w["fc7"]))
        return their_linear(x, *w["fc8"])

    return blobs(arrays), scores


def test_caffes_alexnet_in_groups_and_then_in_columns():
    arrays, scores = caffes_alexnet()
    net = from_caffe(alexnet(columns=1, **SMALL_ALEXNET), arrays).astype(np.float64)
    for norm in net["norm1"], net["norm2"]:
        norm.groups, norm.k, norm.alpha = 1, 1.0, 0.5 / 5
    from_caffe(net, arrays)                                          # again, now in float64
    x = np.random.default_rng(1).normal(0, 1, (1, 3, 67, 67))
    assert_close(net.forward(ours(x[:, ::-1])), scores(x))

    one = from_caffe(alexnet(columns=1, **SMALL_ALEXNET), arrays)
    two = convert(one, alexnet(columns=2, devices=pair("simulated"), **SMALL_ALEXNET))
    x = ours(x).astype(np.float32)
    assert_close(two["fc8"].device.tohost(two.forward(x)), one.forward(x))


# ---------------------------------------------------------------------------------------- mismatches


def theirs_with(**changes):
    """Their arrays with these changed (None: left out); "__" stands for the dots of a name."""
    changes = {key.replace("__", "."): array for key, array in changes.items()}
    return {key: a for key, a in (their_net() | changes).items() if a is not None}


@pytest.mark.parametrize("changes, problems", [
    ({"features__0__bias": None}, ["conv1.b: features.0.bias is missing"]),
    ({"features__0__scale": np.ones(3)}, ["features.0.scale: has no place in this net"]),
    ({"features__4__weight": np.ones((6, 4, 3, 3))},
     ["conv2.W: expected features.4.weight of shape (6, 2, 3, 3), got (6, 4, 3, 3)"]),
    ({"classifier__1__weight": np.ones((24, 5))},
     ["fc3.W: expected classifier.1.weight of shape (5, 24), got (24, 5)"]),
    ({"features__1__running_var": np.ones(4, int)},
     ["bn1.running_var: expected floating-point numbers, features.1.running_var has int64"]),
    ({"features__0__bias": None, "classifier__4__bias": np.ones(4), "extra__weight": np.ones(1)},
     ["conv1.b: features.0.bias is missing", "fc4.b: expected classifier.4.bias of shape (3,), got (4,)",
      "extra.weight: has no place in this net"]),
])
def test_every_mismatch_is_named_and_nothing_changed(changes, problems):
    net = our_net()
    before = values(net)
    with pytest.raises(ValueError) as error:
        from_torch(net, theirs_with(**changes), NAMES)
    assert str(error.value).split("\n  ") == [
        "from_torch: the arrays do not fit this net (layers matched as `names` says):", *problems]
    for name, value in values(net).items():
        np.testing.assert_array_equal(value, before[name], name)


@pytest.mark.parametrize("theirs, names, problems", [
    (["conv1"], None, ["(layers matched by their names):", "fc.W: fc.weight is missing", "fc.b: fc.bias is missing"]),
    (["conv1", "fc", "top"], None, ["(layers matched by their names):", "top.weight: has no place in this net",
                                    "top.bias: has no place in this net"]),
    (["0"], None, ["(layers matched in order, for want of `names`):", "fc.W: no layer of theirs is left for it",
                   "fc.b: no layer of theirs is left for it"]),
    (["0", "fc", "top"], None, ["(layers matched in order, for want of `names`):",
                                "top.weight: has no place in this net", "top.bias: has no place in this net"]),
    (["0", "fc"], {"0": "conv9", "fc": "fc"}, [
        "(layers matched as `names` says):", "conv1.W: no layer of theirs is left for it",
        "conv1.b: no layer of theirs is left for it", "0.weight: has no place in this net",
        "0.bias: has no place in this net"]),
    (["fc"], {"0": "conv1", "fc": "fc"}, ["(layers matched as `names` says):", "conv1.W: 0.weight is missing",
                                          "conv1.b: 0.bias is missing"]),
    (["0", "0b", "fc"], {"0": "conv1", "0b": "conv1", "fc": "fc"}, [
        "(layers matched as `names` says):", "0.weight: has no place in this net", "0.bias: has no place in this net"]),
])
def test_layers_that_find_no_partner_are_named(theirs, names, problems):
    net = Sequential(conv1=Conv2d(3, 4, 3), flat=Flatten(), fc=Linear(4, 2))
    arrays = their_arrays(np.random.default_rng(0), **{layer: (2, 4) if layer == "fc" else (4, 3, 3, 3)
                                                       for layer in theirs})
    with pytest.raises(ValueError) as error:
        from_torch(net, arrays, names)
    first, *rest = str(error.value).split("\n  ")
    assert [first.partition("this net ")[2], *rest] == problems


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "theirs.npz").write_bytes(b"not arrays")
    with pytest.raises(ValueError, match=r"theirs.npz: expected a whole \.npz file of arrays, got "):
        from_torch(our_net(), tmp_path / "theirs.npz")
    with pytest.raises(FileNotFoundError):
        from_torch(our_net(), tmp_path / "missing.npz")


@pytest.mark.parametrize("net, message", [
    (lambda: build("lenet5"), "S2 (Subsample2d): no such layer's weights can be carried over"),
    (lambda: build("cifar-13pct"), "local3 (LocallyConnected2d): no such layer's weights can be carried over"),
    (lambda: alexnet(columns=2, **SMALL_ALEXNET),
     "conv1 (Columns): no such layer's weights can be carried over; take a net of one column, and models.convert"),
    (lambda: our_net(relu3=Sequential(drop=Dropout(), act=Sigmoid())),
     "relu3.act (Sigmoid): stands between a dropout and the next weights"),
    (lambda: our_net(drop2=None, pool2=Sequential(drop=Dropout(), norm=LRN(), pool=MaxPool2d(2))),
     "pool2.norm (LRN): stands between a dropout and the next weights"),
    (lambda: our_net(relu1=None, conv1=Sequential(conv=Conv2d(3, 4, 3), drop=Dropout())),
     "bn1 (BatchNorm2d): stands between a dropout and the next weights"),
    (lambda: Sequential(mix=Branches(a=Dropout(), b=ReLU()), fc=Linear(6, 2)),
     "mix (Branches): a dropout stands in one of its branches only"),
    (lambda: Sequential(conv=Conv2d(2, 4, 3), flat=Flatten(), bn=BatchNorm1d(36), fc=Linear(36, 2)),
     "bn (BatchNorm1d): stands behind Flatten, where the two layouts have its numbers in another order"),
    (lambda: Sequential(mix=Branches(a=Sequential(conv=Conv2d(2, 4, 3), flat=Flatten()),
                                     b=Sequential(conv=Conv2d(2, 3, 3), flat=Flatten())), fc=Linear(63, 2)),
     "mix (Branches): a Flatten stands in one of its branches"),
    (lambda: Sequential(both=Sum(a=Sequential(conv=Conv2d(2, 4, 3), flat=Flatten()), b=Linear(50, 36))),
     "both (Sum): a Flatten stands in one of its branches"),
    (lambda: Sequential(fc=Linear(3, 2), drop=Dropout(), relu=ReLU()),
     "Sequential: no weights follow the last dropout, which could take its factor at test"),
])
def test_layers_that_cannot_be_carried_over(net, message):
    for carry in to_torch, lambda net: from_torch(net, {}):
        with pytest.raises(ValueError, match=re.escape(message)):
            carry(net())


def test_any_layer_may_stand_before_a_dropout():
    x, net = np.random.default_rng(0).normal(0, 1, (2, 5)), Sequential(act=Sigmoid(), drop=Dropout(), fc=Linear(5, 2))
    arrays = their_arrays(np.random.default_rng(0), fc=(2, 5))
    from_torch(net.astype(np.float64), arrays)
    assert_close(net.forward(x), their_linear(1 / (1 + np.exp(-x)), arrays["fc.weight"], arrays["fc.bias"]))


def test_behind_flatten_a_batch_normalisation_of_vectors_is_carried_over():
    rng = np.random.default_rng(0)
    net = Sequential(conv=Conv2d(2, 4, 3), flat=Flatten(), fc1=Linear(36, 5), bn=BatchNorm1d(5), fc2=Linear(5, 2))
    mean = Sequential(conv=Conv2d(2, 4, 3), mean=GlobalAvgPool2d(), flat=Flatten(), bn=BatchNorm1d(4), fc=Linear(4, 2))
    for one in net, mean:
        one["bn"].gamma.assign(rng.normal(size=one["bn"].gamma.shape))
        np.testing.assert_array_equal(to_torch(one)["bn.weight"], one["bn"].gamma.value)


def test_caffe_has_no_such_batch_normalisation():
    with pytest.raises(ValueError, match=re.escape("bn1 (BatchNorm2d): no such layer's weights can be carried over")):
        from_caffe(our_net(), {})


def test_a_net_without_weights_takes_nothing():
    net = Sequential(relu=ReLU())
    assert from_caffe(net, {}) is net and to_torch(net) == {}
    with pytest.raises(ValueError, match="fc.0: has no place in this net"):
        from_caffe(net, {"fc.0": np.ones((2, 3))})


def test_a_factor_that_both_branches_have_goes_on():
    net = Sequential(mix=Branches(a=Dropout(0.2), b=Sequential(drop=Dropout(0.2), pool=MaxPool2d(1))),
                     mean=GlobalAvgPool2d(), fc=Linear(6, 2, weight_init=gaussian(1)))
    exported = to_torch(net)
    np.testing.assert_allclose(exported["fc.weight"], 0.8 * net["fc"].W.value.T, rtol=1e-6)


@pytest.mark.parametrize("source", ["dictionary", "file"])
def test_numbers_that_are_none_are_named_and_nothing_is_changed(tmp_path, source):
    net, huge = our_net().astype(np.float32), np.full(4, 1e300)
    before, arrays = values(net), theirs_with(features__0__bias=huge, classifier__4__bias=np.array([1, 2, np.nan]))
    if source == "file":
        np.savez(tmp_path / "theirs.npz", **arrays)
        arrays = tmp_path / "theirs.npz"
    with pytest.raises(ValueError) as error:
        from_torch(net, arrays, NAMES)
    what = f"the arrays in {arrays}" if source == "file" else "the arrays"
    assert str(error.value).split("\n  ") == [
        f"from_torch: {what} do not fit this net:", "conv1.b: holds NaN, infinity, or a number too large for float32",
        "fc4.b: holds NaN, infinity, or a number too large for float32"]
    for name, value in values(net).items():
        np.testing.assert_array_equal(value, before[name], name)


def test_a_large_array_that_has_no_place_is_not_unpacked(tmp_path):
    arrays = their_net()
    np.savez_compressed(tmp_path / "theirs.npz", **arrays, big=np.zeros(10 ** 8, np.uint8))
    tracemalloc.start()
    with pytest.raises(ValueError, match="big: has no place in this net"):
        from_torch(our_net(), tmp_path / "theirs.npz", NAMES)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10 ** 7


def test_a_part_that_is_ignored_is_not_one_that_begins_alike():
    net = Sequential(aux10=Linear(2, 2), fc=Linear(2, 2))
    expected = to_torch(net)
    from_torch(net, {**expected, "aux1.weight": np.zeros(3, np.float32)}, ignore=("aux1",))
    assert all(np.array_equal(array, expected[name]) for name, array in to_torch(net).items())


def test_branches_that_hand_on_the_input_have_unknown_channels():
    net = Sequential(both=Branches(a=Conv2d(3, 2, 1), b=MaxPool2d(1)), flat=Flatten(), fc=Linear(20, 2))
    with pytest.raises(ValueError, match="how many channels do its maps have"):
        to_torch(net)


@pytest.mark.parametrize("order", [1, -1])
def test_a_shortcut_that_adds_channels_is_counted_with_them(order):
    rng = np.random.default_rng(0)
    branches = [("shortcut", ZeroPadShortcut(2, 4, 1)), ("residual", Conv2d(2, 4, 3, padding=1, rng=rng))][::order]
    net = Sequential(sum=Sum(**dict(branches)), flat=Flatten(), fc=Linear(3 * 5 * 4, 7, rng=rng))
    net.input_shape = (3, 5, 2)
    theirs = to_torch(net)["fc.weight"].reshape(7, 4, 3, 5)                          # of maps (C, H, W)
    np.testing.assert_array_equal(theirs.transpose(2, 3, 1, 0).reshape(60, 7), net["fc"].W.value)
