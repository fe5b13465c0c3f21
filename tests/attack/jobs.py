"""Things that tinynet does in a folder, which may be killed at any moment: a training, squares, a download, saving.

Each can be done again in the same folder, and goes on then, or begins again. What it leaves at the end is always the
same.
"""
from __future__ import annotations

import importlib
import json
import threading
import time
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from tinynet.data import ImageFolder, PreparedImages, View, cifar10, prepared_squares
from tinynet.data.download import transfer
from tinynet.files.arrays import ArrayFile, read_array
from tinynet.files.reading import read_json, read_text
from tinynet.look import curves
from tinynet.training.run import Run
from tinynet.training.train import train

from .nets import small_net, training
from .pictures import make_photographs
from .servers import archive, wanted
from .sets import NAMES, STEMS

USERS = {".notes.2024-05": "mine", "thesis.txt": "chapter 1", ".x.0123abcd.new/data": "mine", "my-thesis/header.json":
         json.dumps({"version": 1, "size": 8, "made_from": "/photos", "count": 0, "classes": [], "skipped": {}})}
CONFIG = {"seed": 0, "rates": [0.1, 0.01]}


class Job(NamedTuple):
    """
    setup   puts into an empty folder what must be there before
    work    does it, or goes on with it
    whole   raises if a file in the folder is not whole, at any moment
    end     what the folder says when it is done: the same, however often it was interrupted
    left    the names that may be there at the end, beside the user's
    """

    setup: Callable[[Path], Any]
    work: Callable[[Path], Any]
    whole: Callable[[Path], Any]
    end: Callable[[Path], Any]
    left: Callable[[str], bool]


def users_files(folder: Path) -> None:
    """A user's own files, in the places where tinynet cleans up, with names that look like its own."""
    for name, text in USERS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def check_users_files(folder: Path) -> None:
    for name, text in USERS.items():
        assert (folder / name).read_text() == text, f"a user's file was changed: {name}"


# ---------------------------------------------------------------------------------------- a training


def train_on(folder: Path, draw: bool = False, hook: Callable[[], Any] = lambda: None, epochs: int = 3,
             pause: float = 0.0) -> None:
    """A training with a checkpoint and a `pause` after each batch; `hook` is called at its beginning.

    Without `draw` no curves are drawn any more, in the whole process."""
    if not draw:
        curves.draw_training = lambda path, records: None
    net, sgd, loader, schedule = training()
    View(np.ones((4, 4, 1), np.float32)).save(folder)
    with Run(folder, CONFIG, resume=(folder / "config.json").exists(), minutes=0) as run:
        progress = run.start(net, sgd, loader, schedule)
        hook()
        train(net, sgd, loader, epochs, progress=progress, schedule=schedule, before_step=lambda: time.sleep(pause),
              on_batch=run.on_batch, on_epoch=run.on_epoch)


def whole_run(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.suffix == ".npz":
            with ArrayFile(path) as file:
                assert all(np.isfinite(file.read(name)).all() for name in file.headers if name != "training/rest")
                json.loads(file.read("training/rest").item())
        elif path.name == "mean.npy":
            assert (read_array(path, 16) == 1).all()
        elif path.name == "config.json":
            assert read_json(path)["rates"] == CONFIG["rates"]
        elif path.name == "metrics.jsonl":
            epochs = [json.loads(line)["epoch"] for line in read_text(path).splitlines()]
            assert epochs == list(range(1, len(epochs) + 1))
        elif path.name == "curves.png":
            with Image.open(path) as image:
                image.load()


def end_of_run(folder: Path) -> dict[str, Any]:
    """All that a run has at its end, but for times."""
    metrics = [json.loads(line) for line in read_text(folder / "metrics.jsonl").splitlines()]
    end: dict[str, Any] = {"metrics": [{**record, "images_per_second": 0, "waited": 0} for record in metrics]}
    for name in "last", "best":
        with ArrayFile(folder / f"checkpoints/{name}.npz") as file:
            arrays = {name: file.read(name) for name in file.headers}
        rest = json.loads(arrays.pop("training/rest").item())
        end[name] = {**{name: array.tobytes() for name, array in arrays.items()}, "generators": rest["generators"],
                     "schedule": rest["schedule"], "epoch": rest["progress"]["epoch"]}
    return end


def _of_a_run(name: str) -> bool:
    return name in ("config.json", "metrics.jsonl", "mean.npy", "curves.png", "checkpoints", "checkpoints/best.npz",
                    "checkpoints/last.npz")


# ---------------------------------------------------------------------------------------- squares of photographs


def _photographs(folder: Path) -> None:
    """With squares of another size, which are to go."""
    make_photographs(folder / "photos")
    prepared_squares(ImageFolder(folder / "photos"), folder, 12)


def _prepare(folder: Path) -> None:
    prepared_squares(ImageFolder(folder / "photos"), folder, 8)


def _squares(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("photos-*") if path.is_dir())


def _whole_squares(folder: Path) -> None:
    for squares in _squares(folder):
        images = PreparedImages(squares)
        assert images[:].shape[0] == images.statistics().count == 6


def _end_of_squares(folder: Path) -> list[Any]:
    """Those of the old size may be there still, until squares are made again."""
    (images,) = [images for images in map(PreparedImages, _squares(folder)) if images.shape[1] == 8]
    return [images[:].tobytes(), images.labels.tolist(), images.statistics().total.tobytes()]


# ---------------------------------------------------------------------------------------- a download


def serve(folder: Path) -> str:
    """The address of a server for the files in `folder`, in a process that lasts as long as this one."""
    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def publish(folder: Path) -> None:
    """From now on cifar10() downloads a small archive, from `folder`."""
    batches = {f"{stem}.bin": bytes([label]) * 3073 for label, stem in enumerate(STEMS)}
    content = archive(batches | {"batches.meta.txt": "\n".join(NAMES).encode()})
    (folder / "cifar.tar.gz").write_bytes(content)
    sets = importlib.import_module("tinynet.data.sets.cifar10")
    sets.URLS, sets.ARCHIVE = [serve(folder) + "cifar.tar.gz"], wanted("cifar-10-binary.tar.gz", content)
    transfer.PAUSE = 0


def _end_of_download(folder: Path) -> list[str]:
    return [split.images.tobytes() for split in cifar10(folder, download=False)]


def _whole_download(folder: Path) -> None:
    if (folder / "cifar-10-batches-bin").exists():
        _end_of_download(folder)


# ---------------------------------------------------------------------------------------- saving


def _save(folder: Path) -> None:
    """A net of ones, of twos, ..."""
    for number in range(1, 5):
        net = small_net()
        for _, parameter in net.parameters():
            parameter.value[...] = number
        net.save(folder / "net.npz")


def _whole_net(folder: Path) -> None:
    if (folder / "net.npz").exists():
        net = small_net()
        net.load(folder / "net.npz")
        assert len({value for _, parameter in net.parameters() for value in parameter.value.flat}) == 1


JOBS = {
    "training": Job(lambda folder: None, train_on, whole_run, end_of_run, _of_a_run),
    "training with curves": Job(lambda folder: None, lambda folder: train_on(folder, draw=True), whole_run, end_of_run,
                                _of_a_run),
    "squares": Job(_photographs, _prepare, _whole_squares, _end_of_squares,
                   lambda name: name.split("/")[0].startswith("photos")),
    "download": Job(lambda folder: None, cifar10, _whole_download, _end_of_download,
                    lambda name: name.split("/")[0] == "cifar-10-batches-bin"),
    "saving": Job(lambda folder: None, _save, _whole_net, lambda folder: (folder / "net.npz").read_bytes(),
                  lambda name: name == "net.npz" or name.endswith(".tinynet")),  # nobody cleans up beside a lone net
}
