"""torchvision's nets give torchvision's answers: golden_torchvision.npz holds them."""
from pathlib import Path

import numpy as np
import pytest
from make_golden_torchvision import SCORES, draw, image

from tinynet import Dropout, count_parameters
from tinynet.files.weights import from_torch
from tinynet.models import alexnet_torchvision, build, googlenet_torchvision, torchvision_names

GOLDEN = Path(__file__).parents[1] / "golden_torchvision.npz"
NETS = {"alexnet": (alexnet_torchvision, 61_100_840, ()),           # the parameters that torchvision's pages say
        "googlenet": (googlenet_torchvision, 6_624_904, ("aux1", "aux2")),
        "vgg11": (lambda: build("vgg-a"), 132_863_336, ())}


@pytest.mark.parametrize("name", NETS)
def test_their_weights_give_their_answers(name):
    with np.load(GOLDEN) as file:
        keys, shapes, scores = (file[f"{name}/{what}"] for what in ("keys", "shapes", "scores"))
    make, parameters, heads = NETS[name]
    net = make()
    assert count_parameters(net) == parameters
    arrays = draw((str(key), tuple(map(int, shape.split()))) for key, shape in zip(keys, shapes, strict=True))
    names = None if name == "googlenet" else torchvision_names(net)
    from_torch(net, dict(sorted(arrays.items())), names, heads)      # as a .safetensors file has them
    np.testing.assert_allclose(net.forward(image())[0, :SCORES], scores, rtol=0, atol=1e-4 * np.abs(scores).max())


def test_what_they_drop_in_training():
    for make, shares in (alexnet_torchvision, [0.5, 0.5]), (googlenet_torchvision, [0.2]):
        assert [layer.p for _, layer in make().walk() if isinstance(layer, Dropout)] == shares


def test_names_for_nets_with_a_flatten_only():
    with pytest.raises(ValueError, match="expected AlexNet or VGG, with a layer 'flat', got mlpconv1, pool1, "):
        torchvision_names(build("nin-cifar"))


def test_arrays_that_are_ignored_must_be_there():
    with pytest.raises(ValueError, match=r"ignore: expected parts of what .*got \('aux1',\); there are conv1"):
        from_torch(build("lenet5-linear"), {"conv1.weight": np.zeros(3)}, ignore=("aux1",))
