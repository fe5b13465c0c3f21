"""TensorBoard's event files: the numbers of every epoch, where `tensorboard --logdir runs` finds them.

tensorboardX knows their form: small, without TensorFlow or PyTorch, and kept. Its RecordWriter writes in this thread:
the SummaryWriter that most use has a thread of its own, which a full disk ends, and then a training would wait for it
for ever. What TensorBoard draws over the epochs is what metrics.jsonl has; that remains the record of the run, and a
run that goes on writes its event file anew from the start.
"""
from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import suppress
from numbers import Real
from pathlib import Path
from typing import Any

from .progress import Record

BEGIN = "events.out.tfevents."  # by this TensorBoard knows the files
OURS = ".tinynet"               # what the names of ours end in: those of others stay


class EventFile:
    """The event file in the folder of a run. Raises ImportError without tensorboardX."""

    def __init__(self, folder: str | os.PathLike) -> None:
        try:
            import tensorboardX.record_writer  # noqa: F401
        except ImportError:
            raise ImportError("--tensorboard, or Run(..., tensorboard=True), needs tensorboardX: pip install "
                              "tensorboardX") from None
        self.folder, self.writer, self.written = Path(folder), None, 0

    def write(self, history: list[Record]) -> None:
        """Add the records that have not been written yet."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.record_writer import RecordWriter
        from tensorboardX.summary import scalar

        def put(**what: Any) -> None:
            self.writer.write(Event(wall_time=time.time(), **what).SerializeToString())

        if self.writer is None:
            for old in self.folder.glob(f"{BEGIN}*{OURS}"):
                old.unlink()
            self.writer = RecordWriter(str(self.folder / f"{BEGIN}{int(time.time())}.{platform.node()}{OURS}"))
            put(file_version="brain.Event:2")
        for record in history[self.written:]:
            for name, value in numbers_in(record):
                put(step=record["epoch"], summary=scalar(name, value))
        self.writer.flush()
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
