"""TensorBoard's event files: the numbers of every epoch, where `tensorboard --logdir runs` finds them.

tensorboardX writes them: small, without TensorFlow or PyTorch, and kept. What TensorBoard draws over the epochs is what
metrics.jsonl has; that remains the record of the run, and a run that goes on writes its event file anew from the start.
"""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from numbers import Real
from pathlib import Path

from .progress import Record

SECONDS = 5  # after which TensorBoard can see an epoch that is over, at the latest


class EventFile:
    """The event file in the folder of a run. Raises ImportError without tensorboardX."""

    def __init__(self, folder: str | os.PathLike) -> None:
        try:
            import tensorboardX
        except ImportError:
            raise ImportError("--tensorboard, or Run(..., tensorboard=True), needs tensorboardX: pip install "
                              "tensorboardX") from None
        self.make, self.folder, self.writer, self.written = tensorboardX.SummaryWriter, Path(folder), None, 0

    def write(self, history: list[Record]) -> None:
        """Add the records that have not been written yet."""
        if self.writer is None:
            for old in self.folder.glob("events.out.tfevents.*"):
                old.unlink()
            self.writer = self.make(str(self.folder), flush_secs=SECONDS)
        for record in history[self.written:]:
            for name, value in numbers_in(record):
                self.writer.add_scalar(name, value, record["epoch"])
        self.written = len(history)

    def close(self) -> None:
        """Nothing is written after this. An error is no reason to end a training otherwise than it ends."""
        with suppress(OSError):
            if self.writer:
                self.writer.close()


def numbers_in(record: Record, before: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a record, each with its name; "flat/relu1" for record["flat"]["relu1"]."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from numbers_in(value, f"{before}{name}/")
        elif isinstance(value, Real) and name != "epoch":
            yield before + name, float(value)
