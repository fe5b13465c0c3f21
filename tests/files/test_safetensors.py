"""Files of weights without code: read as they were written, and refused if anything in them does not fit."""
import json
import os
import re

import numpy as np
import pytest

from tinynet import Linear, Sequential
from tinynet.files.arrays import Header
from tinynet.files.reading import DataError
from tinynet.files.safetensors import SafetensorsFile
from tinynet.files.weights import from_torch, to_torch
from tinynet.models import build, torchvision_names

NAMES = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64", "uint8": "U8", "bool": "BOOL"}


def write(path, arrays, **changes):
    """The file of these arrays; `changes` replace entries of the header, or with `header=` the whole of it."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in arrays.items():
        header[name] = {"dtype": NAMES[str(array.dtype)], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    header = changes.pop("header", {**header, **changes})
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def some():
    rng = np.random.default_rng(0)
    return {"a": rng.normal(size=(2, 3)).astype(np.float32), "b": rng.normal(size=4), "half": np.float16([1.5, -2]),
            "count": np.array(7), "bytes": np.arange(5, dtype=np.uint8), "true": np.array([True, False]),
            "none": np.zeros((0, 3), np.float32)}


def test_arrays_come_back(tmp_path):
    arrays = some()
    with SafetensorsFile(write(tmp_path / "a.safetensors", arrays)) as file:
        assert file.headers == {name: Header(array.shape, array.dtype) for name, array in arrays.items()}
        for name, array in arrays.items():
            np.testing.assert_array_equal(file.read(name), array)


def test_bfloat16_is_the_upper_half_of_a_float32(tmp_path):
    x = np.float32([1.0, -2.5, 3.140625, 0.0])                       # that need no more
    upper = (x.view(np.uint32) >> 16).astype("<u2")
    header = {"x": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}
    text = json.dumps(header).encode()
    (tmp_path / "x").write_bytes(len(text).to_bytes(8, "little") + text + upper.tobytes())
    with SafetensorsFile(tmp_path / "x") as file:
        assert file.headers == {"x": Header((2, 2), np.dtype("float32"))}
        np.testing.assert_array_equal(file.read("x"), x.reshape(2, 2))


def sorted_by_name(arrays):
    """As the safetensors library writes arrays of one dtype."""
    return dict(sorted(arrays.items()))


def test_from_torch_reads_them(tmp_path):
    W, b = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32), np.float32([1, 2])
    net = from_torch(Sequential(fc=Linear(3, 2)), write(tmp_path / "a.safetensors", {"fc.weight": W, "fc.bias": b}))
    np.testing.assert_array_equal(net["fc"].W.value, W.T)
    np.testing.assert_array_equal(net["fc"].b.value, b)


def ten_equal_layers():
    """A torch.nn.Sequential(Linear, ReLU, Linear, ...), and our net of the same layers."""
    rng = np.random.default_rng(0)
    theirs = {f"{2 * i}.{kind}": rng.normal(size=shape).astype(np.float32) for i in range(10)
              for kind, shape in (("weight", (3, 3)), ("bias", (3,)))}
    return theirs, Sequential(**{f"fc{i}": Linear(3, 3, rng=rng) for i in range(10)})


def test_layers_are_not_matched_in_the_order_of_the_file(tmp_path):
    """Which is that of the names: 0, 10, 12, 14, 16, 18, 2, ... All shapes are the same, and all answers would be
    wrong."""
    theirs, net = ten_equal_layers()
    before, path = to_torch(net), write(tmp_path / "a.safetensors", sorted_by_name(theirs))
    with pytest.raises(ValueError, match="sorted by name, and the order of their layers is lost: pass names={theirs: "
                       r"ours, \.\.\.}.*\n  theirs: 0, 10, 12, .* 8\n  ours: fc0, fc1, "):
        from_torch(net, path)
    for name, array in to_torch(net).items():
        np.testing.assert_array_equal(array, before[name], name)
    from_torch(net, path, {f"{2 * i}": f"fc{i}" for i in range(10)})
    for (name, array), value in zip(to_torch(net).items(), theirs.values(), strict=True):
        np.testing.assert_array_equal(array, value, name)


def test_vgg_of_torchvision_as_the_page_reads_it(tmp_path):
    net, other = (build("vgg16", width=1 / 64, input_size=32, rng=np.random.default_rng(seed)) for seed in (0, 1))
    theirs = {ours: called for called, ours in torchvision_names(net).items()}
    arrays = {f"{theirs[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": array
              for name, array in to_torch(net).items()}
    path = write(tmp_path / "vgg16.safetensors", sorted_by_name(arrays))
    with pytest.raises(ValueError, match="for torchvision's AlexNet and VGG names=models.torchvision_names"):
        from_torch(other, path)
    from_torch(other, path, torchvision_names(other))
    for (name, p), (_, q) in zip(net.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(q.value, p.value, rtol=2e-7, err_msg=name)


BAD = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


@pytest.mark.parametrize("changes, message", [
    ({"a": {**BAD, "shape": [2, 4]}}, "'a' of shape [2, 4] of F32 in 24 bytes"),
    ({"a": {**BAD, "shape": [-2, -3]}}, "'a' of shape [-2, -3]"),
    ({"a": {**BAD, "shape": [2.0, 3]}}, "'a' of shape [2.0, 3]"),
    ({"a": {**BAD, "shape": [10 ** 30, 0], "data_offsets": [0, 0]}}, "an array that begins at byte 24"),
    ({"a": {**BAD, "shape": [1] * 65}}, "'a' of shape [1, 1,"),
    ({"a": {**BAD, "shape": [10 ** 4000] * 1000}}, "'a' of shape [1000"),  # whose product would take minutes
    ({"a": {**BAD, "dtype": "F8_E4M3"}}, "of the dtype 'F8_E4M3'; known are F64, F32"),
    ({"a": {**BAD, "data_offsets": [4, 28]}}, "an array that begins at byte 4"),
    ({"a": {**BAD, "data_offsets": [0]}}, "at [0]"),
    ({"a": 5}, "'a', what is said of an array, got int 5"),
    ({"a": {"dtype": "F32"}}, "'shape', list, got none"),
    ({"header": b"not json"}, "expected JSON"),
    ({"header": b"\xff\xfe"}, "utf-8"),
    ({"header": {}}, "bytes of numbers, where the header says 0"),
])
def test_a_file_that_does_not_fit_is_refused(tmp_path, changes, message):
    path = write(tmp_path / "a.safetensors", {"a": np.zeros((2, 3), np.float32), "b": np.zeros(1)}, **changes)
    with pytest.raises(DataError, match=re.escape(message)):
        SafetensorsFile(path)


@pytest.mark.parametrize("length", [0, 5, 8, 30])
def test_a_file_that_was_cut_is_refused(tmp_path, length):
    path = write(tmp_path / "a.safetensors", some())
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataError, match="expected a whole .safetensors file, got a header of"):
        SafetensorsFile(path)


def test_numbers_that_were_cut_are_missed(tmp_path):
    path = write(tmp_path / "a.safetensors", some())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="bytes of numbers, where the header says"):
        SafetensorsFile(path)


def test_numbers_that_are_cut_while_the_file_is_open_are_missed(tmp_path):
    path = tmp_path / "a.safetensors"
    write(path, {"W": np.zeros(50_000, np.float32)})
    with SafetensorsFile(path) as file:
        os.truncate(path, path.stat().st_size - 100_000)
        with pytest.raises(DataError, match="a file that has become shorter"):
            file.read("W")


def test_a_length_that_promises_more_than_there_is(tmp_path):
    (tmp_path / "a").write_bytes((2 ** 63).to_bytes(8, "little") + b"{}")
    with pytest.raises(DataError, match="a header of 9,223,372,036,854,775,808 bytes in a file of 10"):
        SafetensorsFile(tmp_path / "a")
