"""Doors: nets and weights, checkpoints, and what a run's folder says about its net."""
from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tinynet import SGD, Adam, BatchNorm2d, Conv2d, Dropout, Flatten, Linear, ReLU, Sequential
from tinynet.data import Loader, Split, View
from tinynet.files.storage import arrays_of
from tinynet.files.weights import from_caffe, from_torch, to_torch
from tinynet.models.catalogue import build
from tinynet.training import checkpoint
from tinynet.training.config import about_the_net, read_config, view_of
from tinynet.training.diverged import Diverged
from tinynet.training.evaluate import load_net
from tinynet.training.optimizer import Optimizer
from tinynet.training.progress import Progress
from tinynet.training.records import read_records
from tinynet.training.run import Run
from tinynet.training.schedule import WhenStuck
from tinynet.training.train import train

from .door import Door
from .mutate import Mutate, flat, json_lines, json_text
from .packed import rest, zipped


def small_net(seed: int = 0) -> Sequential:
    rng = np.random.default_rng(seed)
    return Sequential(conv1=Conv2d(1, 2, 3, rng=rng), norm1=BatchNorm2d(2), relu1=ReLU(), flat=Flatten(),
                      drop=Dropout(rng=rng), fc1=Linear(8, 3, rng=rng))


def caffe_net(seed: int = 0) -> Sequential:
    rng = np.random.default_rng(seed)
    return Sequential(conv1=Conv2d(3, 2, 3, rng=rng), relu1=ReLU(), flat=Flatten(), fc1=Linear(8, 3, rng=rng))


def training(seed: int = 0, optimizer: type[Optimizer] = SGD) -> tuple[Sequential, Optimizer, Loader, WhenStuck]:
    net = small_net(seed)
    images = np.random.default_rng(7).normal(size=(12, 4, 4, 1)).astype(np.float32)
    loader = Loader(Split(images, np.arange(12) % 3), 4, np.random.default_rng(seed))
    return net, optimizer(net.parameters(), 0.1), loader, WhenStuck(0.1)


def state_of(net: Sequential, *others: Any) -> list[Any]:
    """All that reading could change."""
    arrays = {name: array.copy() for name, array in arrays_of(net).items()}
    generators = [(name, s.bit_generator.state) for name, s in net.state() if isinstance(s, np.random.Generator)]
    if not others:
        return [arrays, generators]
    optimizer, loader, schedule = others
    slots = {slot: {name: array.copy() for name, array in of.items()} for slot, of in optimizer.slots.items()}
    return [arrays, generators, slots, optimizer.lr, optimizer.steps, loader.rng.bit_generator.state, schedule.state()]


@contextmanager
def nothing_changes_before_an_error(*parts: Any) -> Iterator[None]:
    before = state_of(*parts)
    try:
        yield
    except Exception:
        np.testing.assert_equal(state_of(*parts), before)
        raise


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def safetensors(arrays: dict[str, np.ndarray]) -> bytes:
    told, data = {}, b""
    for name, array in arrays.items():
        told[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(told).encode()
    return len(text).to_bytes(8, "little") + text + data


def _weights(net_of: Callable[[int], Sequential], arrays: Callable[[Sequential], dict[str, np.ndarray]],
             load: Callable[[Sequential, Path], Any], mutate: Mutate, pack: Callable[[dict], bytes] = npz
             ) -> Callable[[Path], Door]:
    """Bytes that are broken beside the checksums give an error, or the same numbers. (A .safetensors file has none.)"""
    def door(folder: Path) -> Door:
        right, path = net_of(0), folder / f"net.{pack.__name__}"
        right.input_shape = (4, 4, 1)
        original = pack(arrays(right))

        def read() -> None:
            net = net_of(1)
            net.input_shape = right.input_shape
            with nothing_changes_before_an_error(net):
                load(net, path)
            for name, array in arrays_of(net).items():
                assert np.isfinite(array).all(), name
                if mutate is flat and pack is npz:
                    np.testing.assert_array_equal(array, arrays_of(right)[name])
        return Door(path, original, read, (mutate,), str(path) if load is _net else "", (ValueError,))
    return door


def _blobs(net: Sequential) -> dict[str, np.ndarray]:
    theirs = to_torch(net)
    theirs["conv1.weight"] = theirs["conv1.weight"][:, ::-1]                         # BGR
    return {name.replace("weight", "0").replace("bias", "1"): array for name, array in theirs.items()}


def _checkpoint(optimizer: type[Optimizer], *mutates: Mutate) -> Callable[[Path], Door]:
    """What is accepted is gone on with, to the end."""
    def door(folder: Path) -> Door:
        path, parts, progress = folder / "last.npz", training(0, optimizer), Progress()
        net, sgd, loader, schedule = parts
        train(net, sgd, loader, 3, progress=progress, schedule=schedule,
              on_batch=lambda progress: (progress.epoch, progress.batch) == (2, 1))
        checkpoint.save(path, *parts, progress)

        def read() -> None:
            parts = training(1, optimizer)
            with nothing_changes_before_an_error(*parts):
                progress = checkpoint.restore(path, *parts)
            net, sgd, loader, schedule = parts
            try:
                train(net, sgd, loader, 3, progress=progress, schedule=schedule)
            except Diverged:  # numbers that are possible, though not good
                pass
        return Door(path, path.read_bytes(), read, mutates, str(path), (ValueError,))
    return door


def make_run(folder: Path, **more: Any) -> Path:
    """The folder of a run of LeNet-5 that has trained no epoch yet, with records as if it had trained three."""
    rng = np.random.default_rng(0)
    mean = rng.uniform(100, 120, (28, 28, 1)).astype(np.float32)
    view = View(mean, 64.0)
    net = build("lenet5", rng=rng)
    with Run(folder, {**about_the_net("lenet5", {}, view, list("0123456789")), "seed": 0, **more}) as run:
        view.save(folder)
        loader = Loader(Split(np.zeros((6, 28, 28, 1), np.uint8), np.arange(6)), 3, rng)
        run.start(net, SGD(net.parameters(), 0.1), loader)
    record = {"lr": 0.1, "train_loss": 0.5, "train_error": 0.25, "images_per_second": 99.0, "waited": 0.0}
    (folder / "metrics.jsonl").write_text("".join(json.dumps({"epoch": i, **record}) + "\n" for i in range(1, 4)))
    return folder


def _run(name: str, read_it: Callable[[Path], Any], *mutates: Mutate, make: Callable[[Path], Path] = make_run
         ) -> Callable[[Path], Door]:
    """A file in the folder of a run."""
    def door(folder: Path) -> Door:
        run = make(folder / "run")
        original = (run / name).read_bytes()
        return Door(run / name, original, lambda: read_it(run), mutates or (json_text, json_text, json_text, flat),
                    str(run), (ValueError, FileNotFoundError))
    return door


def make_old_run(folder: Path) -> Path:
    """As version 0.1.0 wrote it: with a mean of one colour, and the colours' components in a file of their own."""
    folder.mkdir()
    old = {"net": "alexnet", "settings": {"width": 0.1}, "classes": ["cat", "dog"], "crop": 8, "scale": 1.0,
           "jitter": [10, 12], "variant": "paper", "no_color_noise": False, "size": 12}
    (folder / "config.json").write_text(json.dumps(old))
    np.save(folder / "mean.npy", np.full((8, 8, 3), 100, np.float32))
    np.savez(folder / "colors.npz", values=np.array([1.0, 2.0, 3.0]), vectors=np.eye(3))
    return folder


def _loaded(folder: Path) -> None:
    trained = load_net(folder)
    assert isinstance(trained.view, View) and all(type(name) is str for name in trained.classes)


def _viewed(folder: Path) -> None:
    config = read_config(folder)
    if "view" in config:
        assert np.isfinite(view_of(folder, config).mean).all()


def _recorded(folder: Path) -> None:
    """As the examples draw them: a last line without an end is left out."""
    for record in read_records(folder / "metrics.jsonl", "epoch", "train_loss"):
        assert record["epoch"] > 0 and np.isfinite(record["train_loss"])


def _resumed(folder: Path) -> None:
    Run(folder, {**about_the_net("lenet5", {}, View(np.zeros((28, 28, 1)), 64.0), list("0123456789")), "seed": 0},
        resume=True)


def _mean(folder: Path) -> Door:
    path = make_run(folder / "run") / "mean.npy"
    config = json.loads((path.parent / "config.json").read_text())["view"]

    def read() -> None:
        view = View.from_config(config, path.parent)
        assert view.mean.dtype == np.float32 and np.isfinite(view.mean).all()
    return Door(path, path.read_bytes(), read, (flat,), "", (ValueError,))


def _net(net: Sequential, path: Path) -> None:
    net.load(path)


DOORS = {"net": _weights(small_net, arrays_of, _net, flat),
         "net, members": _weights(small_net, arrays_of, _net, zipped),
         "from_torch": _weights(small_net, to_torch, from_torch, flat),
         "from_torch, members": _weights(small_net, to_torch, from_torch, zipped),
         "from_torch, safetensors": _weights(small_net, to_torch, from_torch, flat, safetensors),
         "from_caffe": _weights(caffe_net, _blobs, from_caffe, flat),
         "from_caffe, members": _weights(caffe_net, _blobs, from_caffe, zipped),
         "checkpoint": _checkpoint(SGD, flat, zipped), "checkpoint, JSON": _checkpoint(SGD, rest),
         "checkpoint of Adam, JSON": _checkpoint(Adam, rest),
         "config, load_net": _run("config.json", _loaded), "config, Run": _run("config.json", _resumed),
         "config, 0.1.0": _run("config.json", _viewed, make=make_old_run),
         "mean, 0.1.0": _run("mean.npy", _viewed, flat, make=make_old_run),
         "colours, 0.1.0": _run("colors.npz", _viewed, flat, zipped, make=make_old_run),
         "weights of a run": _run("checkpoints/last.npz", _loaded, flat, zipped, zipped),
         "metrics": _run("metrics.jsonl", _recorded, json_lines), "mean": _mean}
