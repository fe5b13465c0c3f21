"""Weights in and out, in the layouts of PyTorch and of Caffe.

                      here                        PyTorch and Caffe
    convolution       (KH, KW, C/groups, F)       (F, C/groups, KH, KW)
    fully connected   (in, out)                   (out, in)
    Flatten           row, column, channel        channel, row, column: fc6 has its inputs in another order
    Dropout           times 1 - p at test         times 1 / (1 - p) in training: the weights that follow differ by 1 - p

All of this is done here. But a net is more than its weights. What follows is left to whoever loads them, and none of it
raises an error; each costs accuracy:

    LRN        both divide α by n, LRN here does not: their 1e-4 is `LRN(k=1.0, alpha=1e-4 / 5)`. Their k is 1 unless
               told otherwise, the paper's is 2; and their windows cross the columns: `groups=1`
    order      Caffe's AlexNet normalises, then pools, as the paper does; its CaffeNet pools, then normalises
    224, 227   Caffe's AlexNet sees 227x227 images, without padding: `alexnet(columns=1, input_size=227)`
    BGR, RGB   Caffe's images are BGR, and so is the mean to subtract. `from_caffe` turns the first kernels to RGB
    range      Caffe's pixels are 0..255 minus the mean; torchvision's 0..1 minus the mean, divided by the deviation
    pooling    PyTorch rounds down unless told otherwise, Caffe rounds up: `ceil_mode=True`. Where a mean reaches over
               the edge, both count the padding, AvgPool2d does not

Nets of two columns: load into the net of one column, then `models.convert` it. That deals out the parameters alone: the
constants and the order of above are set there, too, and the normalisation stays inside a column. docs/weights.md has
whole examples.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from ..devices.device import device_of, on_host
from ..layer import Layer
from .arrays import ArrayFile
from .layouts import inputs_of, to_ours, to_theirs
from .safetensors import SafetensorsFile
from .storage import arrays_of, assign, converted, not_finite

Arrays = Mapping[str, Any] | str | os.PathLike
PYTORCH = {"W": "weight", "b": "bias", "gamma": "weight", "beta": "bias",
           "running_mean": "running_mean", "running_var": "running_var"}
CAFFE = {"W": "0", "b": "1"}                                         # the positions among a layer's blobs


def from_torch(net: Layer, arrays: Arrays, names: Mapping[str, str] | None = None, ignore: Collection[str] = ()
               ) -> Layer:
    """Put PyTorch's arrays into `net`, which must have one column; returns `net`.

    arrays   a `state_dict()`, or NumPy arrays called as in one ("features.0.weight", ...), or an .npz or .safetensors
             file of them. A .pth file is none: it may hold code, and only PyTorch can read it
    names    whose weights are whose, {"features.0": "conv1", ...}. Without it layers go by their names if those are the
             same here and there, and in the order of the arrays otherwise; but not those of a .safetensors file, which
             is sorted by name: for torchvision's AlexNet and VGG, `models.torchvision_names(net)`
    ignore   parts of theirs that are left out: "aux1" stands for "aux1.fc1.weight" and all else in aux1

    Raises ValueError that lists every missing, unknown and misshapen array, or every one with NaN, infinity or numbers
    too large for the net; for a .safetensors file of other names without `names`; and for layers that PyTorch does not
    have. Nothing has been changed then.
    """
    return _load(net, arrays, names, PYTORCH, "from_torch", ignore)


def from_caffe(net: Layer, arrays: Arrays, names: Mapping[str, str] | None = None, to_rgb: bool = True) -> Layer:
    """The same for Caffe's blobs, called "conv1.0" (weights) and "conv1.1" (biases); of its files of 2012 to 2014,
    where every blob has four dimensions, (1, 1, 1, N) for (N), too:

        {f"{name}.{i}": blob.data for name, blobs in caffe_net.params.items() for i, blob in enumerate(blobs)}

    `to_rgb` turns the kernels of a first convolution that sees three channels, so that the net takes RGB images.
    """
    _load(net, arrays, names, CAFFE, "from_caffe")
    first = next(iter(arrays_of(net).values()), np.empty(0))
    if to_rgb and len(first.shape) == 4 and first.shape[2] == 3:
        with device_of(first):
            first[...] = first[:, :, ::-1].copy()
    return net


def to_torch(net: Layer) -> dict[str, np.ndarray]:
    """The arrays of `net` in PyTorch's layouts, called after the layers here: "conv1.weight", "conv1.bias", ...

    `np.savez(path, **to_torch(net))` writes them. Raises ValueError for layers that PyTorch does not have.
    """
    inputs, ours, theirs = inputs_of(net, PYTORCH), arrays_of(net), {}
    for layer, x in inputs.items():
        for kind, term in PYTORCH.items():
            if (array := ours.get(f"{layer}.{kind}")) is not None:
                theirs[f"{layer}.{term}"] = to_theirs(on_host(array), x)
    return theirs


def _load(net: Layer, arrays: Arrays, names: Mapping[str, str] | None, terms: dict[str, str], caller: str,
          ignore: Collection[str] = ()) -> Layer:
    if isinstance(arrays, (str, os.PathLike)):
        kind = SafetensorsFile if os.fspath(arrays).endswith(".safetensors") else ArrayFile
        with kind(arrays) as file:
            there, what = _without(file.headers, ignore), f"{caller}: the arrays in {arrays}"
            return _put(net, there, file.read, names, terms, what, in_order=kind is ArrayFile)
    found = {key: np.asarray(array) for key, array in arrays.items()}
    return _put(net, _without(found, ignore), found.__getitem__, names, terms, f"{caller}: the arrays")


def _without(there: Mapping[str, Any], ignore: Collection[str]) -> dict[str, Any]:
    """What is there but for the parts that are ignored, and for PyTorch's counters of batches."""
    absent = [part for part in ignore if not any(key.startswith(f"{part}.") for key in there)]
    if isinstance(ignore, str) or absent:
        raise ValueError(f"from_torch: ignore: expected parts of what is there, ('aux1', ...), got {ignore!r}; there "
                         f"are {', '.join(dict.fromkeys(key.partition('.')[0] for key in there))}")
    return {key: of for key, of in there.items() if not key.endswith("num_batches_tracked")
            and not any(key.startswith(f"{part}.") for part in ignore)}


def _put(net: Layer, there: Mapping[str, Any], read: Callable[[str], np.ndarray], names: Mapping[str, str] | None,
         terms: dict[str, str], what: str, in_order: bool = True) -> Layer:
    """`there` says of each array its shape and dtype, `read(key)` gives it; they are `in_order` of their layers."""
    inputs, ours = inputs_of(net, terms), arrays_of(net)
    names, how = _matched(list(there), list(inputs), names, what, in_order)
    theirs = {to: layer for layer, to in names.items()}

    def key_of(name: str) -> str | None:
        layer, _, kind = name.rpartition(".")
        return f"{theirs[layer]}.{terms[kind]}" if layer in theirs else None

    keys = {name: key_of(name) for name in ours}
    wrong = [problem for name, key in keys.items() for problem in _problems(name, ours[name].shape, key, there)]
    wrong += [f"{key}: has no place in this net" for key in there if key not in keys.values()]
    if wrong:
        raise ValueError(f"{what} do not fit this net (layers matched {how}):\n  " + "\n  ".join(wrong))
    with np.errstate(over="ignore"):
        values = {name: converted(to_ours(read(key).reshape(_theirs(ours[name].shape)),
                                          inputs[name.rpartition(".")[0]]), ours[name].dtype)
                  for name, key in keys.items()}
    if wrong := not_finite(values):
        raise ValueError(f"{what} do not fit this net:\n  " + "\n  ".join(wrong))
    for name, array in values.items():
        assign(ours[name], array)
    return net


def _matched(keys: list[str], layers: list[str], names: Mapping[str, str] | None, what: str, in_order: bool
             ) -> tuple[Mapping[str, str], str]:
    """Which of their layers is which of ours, {theirs: ours}, and by what they were matched."""
    if names is not None:
        return names, "as `names` says"
    theirs = list(dict.fromkeys(key.rpartition(".")[0] for key in keys))
    if set(theirs) <= set(layers) or set(layers) <= set(theirs):
        return {layer: layer for layer in layers}, "by their names"
    if not in_order:
        raise ValueError(f"{what} are sorted by name, and the order of their layers is lost: pass names={{theirs: "
                         "ours, ...}, for torchvision's AlexNet and VGG names=models.torchvision_names(net).\n"
                         f"  theirs: {', '.join(theirs)}\n  ours: {', '.join(layers)}")
    return dict(zip(theirs, layers, strict=False)), "in order, for want of `names`"


def _theirs(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that our array of `shape` has there."""
    return (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]


def _problems(name: str, shape: tuple[int, ...], key: str | None, there: Mapping[str, Any]) -> list[str]:
    """What keeps our array `name` from getting its values from what is called `key` there."""
    shape = _theirs(shape)
    if key is None:
        return [f"{name}: no layer of theirs is left for it"]
    if key not in there:
        return [f"{name}: {key} is missing"]
    if there[key].shape not in (shape, (1,) * (4 - len(shape)) + shape):
        return [f"{name}: expected {key} of shape {shape}, got {there[key].shape}"]
    if there[key].dtype.kind != "f":
        return [f"{name}: expected floating-point numbers, {key} has {there[key].dtype}"]
    return []
