"""Training: the whole loop, to be read in one go. Everything else hooks onto it.

    for every epoch, for every batch, in a new random order:
        scores = net.forward(x)                  what the net thinks
        L      = loss.forward(scores, targets)   how wrong that is
        net.backward(loss.backward())            which way every parameter should go
        optimizer.step()                         one step that way

A batch may go through the net in several small ones, and be shared by several machines: their gradients are averaged
(mean.py), and one step follows, as if nothing had been divided.

A hook is a plain function: `before_step()` after that, to change the gradients; `on_batch(progress)` after each step;
`on_epoch(record)` after each epoch. The last two may return True to stop. On a GPU the sums in `progress` are those of
a few steps ago, unless `progress.settle()` is called: a GPU does not stand still to be looked at. A
record is a dictionary: epoch, lr, train_loss, train_error, grad_norm (the mean length of the gradient over the epoch's
steps), images_per_second, waited (the share of the time that the net waited for images),
what `validate` gives, and whatever a hook adds.

run.py has the hooks that keep a training in a folder, so that it can be stopped and go on.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import __version__
from ..data import Loader, View
from ..data.dataset import fingerprint
from ..devices.device import device_of
from ..distributed import ALONE, Alone, Ranks
from ..fast.parallel import one_blas_thread
from ..keeping import by_one_thread
from ..layer import Layer
from ..loss import SoftmaxCrossEntropy
from ..overlooked import expect_children
from ..sizes import as_int
from .chance import at_chance
from .diverged import check_weights, checked_loss
from .mean import Mean
from .optimizer import Optimizer
from .progress import Progress, Record, judged_by, say, show_progress
from .records import is_number
from .replay import repeated
from .schedule import Schedule

__all__ = ["Progress", "Record", "minus", "say", "show_progress", "train", "wrong_answers"]


@by_one_thread
@one_blas_thread                               # once, rather than in every layer
@np.errstate(over="ignore", invalid="ignore")  # what overflows is found by the checks, which say where it began
def train(net: Layer, optimizer: Optimizer, loader: Loader, epochs: int, *, loss: Any = None,
          metric: Callable[[Any, np.ndarray], float] | None = None, before_step: Callable[[], None] | None = None,
          on_batch: Callable[[Progress], bool | None] | None = None,
          on_epoch: Callable[[Record], bool | None] | None = None, validate: Callable[[], Record] | None = None,
          schedule: Schedule | None = None, progress: Progress | None = None, accumulate: int = 1,
          ranks: Ranks | Alone = ALONE, graph: bool | None = None) -> list[Record]:
    """Train `net` on what `loader` gives, up to and including epoch `epochs`, and return the records of all epochs.

    `loss` is SoftmaxCrossEntropy by default; one of another kind takes what the loader gives as labels: the numbers
    that the net should answer, for MeanSquaredError. `metric(scores, targets)` is the sum of the errors that the net
    makes in a batch, its mean over the images is the train_error: by default the number of wrong answers, if the loss
    is one of classes (it has `probs`), else there is none. With the `progress` of an earlier training, this one goes on
    from there. `schedule` gives the learning rate of each epoch, and ends the training when it is finished.
    `validate()` is asked after each epoch: what it returns goes into the record. The schedule looks at its "val_error",
    or without one at the training error, or the loss. If it fails, the epoch is not over: with the same `progress`,
    training goes on by asking it again. Of several ranks, what rank 0's returns is in the records of all.

    Each batch goes through the net in `accumulate` parts, one after another: the memory is that of one part, the step
    that of the whole batch (but for batch normalisation, which sees parts). With `ranks` (distributed.ranks), all of
    them train together: the loader gives each its share, all take the same steps, and get the same records.

    A GPU repeats forward and backward by itself, as one thing that it is asked for (replay.py): it computes a small net
    faster than Python asks for its kernels. Without a word about `graph` it does so where all layers, the loss and the
    metric are tinynet's own; with True for others, too, and what cannot be repeated is an error; with False never. Not
    with `accumulate` or `ranks`.

    The training error is that of each batch *before* the step it causes, over the epoch: it costs nothing and, while a
    net learns, lies a little above the error at the epoch's end. If it is no better than guessing in the first three
    epochs, a line says so, once, with the likely cause (chance.py).

    Raises Diverged, and leaves the step out, when scores, loss or a gradient are not finite (on a GPU it is found some
    steps later); ValueError for a loader without an rng, an optimiser of parameters that are not the net's, and epochs
    that are no whole number; TypeError for what is no loader, optimiser, loss or schedule, and what `expect_children`
    raises; Failed on all ranks if one of them fails; with graph=True, what Replayed raises.
    """
    _expect_what_can_be_trained(net, optimizer, loader, loss, schedule)
    epochs = as_int(epochs, "train epochs", least=0)
    loss, progress = loss or SoftmaxCrossEntropy(), progress or Progress()
    metric = metric or (wrong_answers if hasattr(loss, "probs") else None)
    if ranks.rank == 0 and not any(p.trainable for p in optimizer.parameters.values()):
        say(f"nothing learns: all parameters of the {type(optimizer).__name__} are frozen")
    if progress.epoch > epochs + 1:
        say(f"{progress.epoch - 1} epochs are done already: epochs={epochs} trains no more, and undoes none of them")
    mean = Mean(net, optimizer, accumulate, ranks)
    if ranks.size > 1:
        _agree(ranks, net, optimizer, loader, accumulate)

    def there_and_back(x: Any, targets: Any) -> tuple[Any, Any, int]:
        """The loss of a batch, or of a part of it, its error, and the number of classes; and the gradients."""
        scores = net.forward(x, train=True)                                          # (B, classes)
        L = checked_loss(loss, scores, targets, net, x, progress)
        mean.backward(loss.backward())                                               # net.backward, without ∂L/∂x
        answers = loss.probs if isinstance(scores, tuple) else scores                # (B, classes), of several heads
        return L, metric(answers, targets) if metric else None, answers.shape[-1]

    step = repeated(there_and_back, net, loss, metric, graph, accumulate, ranks.size)
    while progress.epoch <= epochs and not (schedule and schedule.finished):
        optimizer.lr = schedule.lr if schedule else optimizer.lr
        _begin(progress, loader, epochs)
        began, waited, classes = time.perf_counter() - progress.seconds, progress.waited, 0
        for x, targets in loader.epoch(skip=progress.batch):
            n = len(targets)                                                         # of the N images of all ranks
            with mean.of(n, N=min(loader.batch_size, loader.size - progress.images) if ranks.size > 1 else n):
                for some, their in mean.parts(x, targets):                           # all of them, or some at a time
                    L, error, classes = step(some, their)
                    mean.count(L, error)
            if before_step:
                before_step()
            grad_norm = mean.checked(progress)
            optimizer.step()

            progress.count(mean.N, mean.loss, mean.error, grad_norm)
            progress.seconds, progress.waited = time.perf_counter() - began, waited + loader.waited
            if on_batch and on_batch(progress):
                progress.settle()
                return progress.history
        progress.settle()
        found = _validated(validate, net, progress.epoch, optimizer.lr) if validate else {}  # if it fails: not over yet
        found = ranks.gather(found)[0]                                               # the schedules of all see the same
        record = progress.end_epoch(optimizer.lr)
        if metric is wrong_answers and (advice := at_chance(progress.history, classes, loader.size)):
            say(advice)
        record |= found
        if schedule:
            schedule.seen(judged_by(record))
        if on_epoch and on_epoch(record):
            break
    return progress.history


def _validated(validate: Callable[[], Record], net: Layer, epoch: int, lr: float) -> Record:
    try:
        found = validate()
    except ValueError:  # of scores that are not finite, perhaps: those of the last step's weights
        check_weights(net, epoch, lr)
        raise
    if not isinstance(found, dict):
        raise TypeError(f"train: expected validate to return a dict, {{'val_error': 0.1}} for example, got {found!r}")
    for name, value in found.items():  # who reads a checkpoint believes no others
        value = value.item() if getattr(value, "shape", None) == () else value
        if str(name).endswith("_error") and not is_number(value):
            raise TypeError(f"train: expected a number as validate's {name}, got {value!r}; where it was not measured, "
                            "leave it out")
    return found


def _expect_what_can_be_trained(net: Layer, optimizer: Optimizer, loader: Loader, loss: Any, schedule: Schedule | None
                                ) -> None:
    """Raise what `train` says it raises for these, before anything is done."""
    if not hasattr(loader, "epoch"):
        raise TypeError(f"train: expected a Loader, got a {type(loader).__name__}; write Loader(Split(images, labels), "
                        "batch_size, rng)")
    if isinstance(optimizer, type) or not hasattr(optimizer, "step"):
        raise TypeError(f"train: expected an optimiser, got {_named(optimizer)}; write "
                        "train(net, SGD(net.parameters(), lr), loader, epochs)")
    if loss is not None and (isinstance(loss, type) or not hasattr(loss, "backward")):
        raise TypeError(f"train: expected a loss with forward and backward, SoftmaxCrossEntropy() for example, got "
                        f"{loss!r}")
    if schedule is not None and not hasattr(schedule, "finished"):
        raise TypeError(f"train: expected a schedule, Steps(...) for example, got {schedule!r}")
    expect_children(net)
    _expect_parameters_of(net, optimizer)
    if loader.rng is None:
        raise ValueError("train: the loader gives the images in order, in every epoch the same; expected one with a "
                         "random order: Loader(split, batch_size, rng)")


def _named(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"a {type(thing).__name__}"


def _expect_parameters_of(net: Layer, optimizer: Optimizer) -> None:
    """Raise ValueError if the optimiser would train what is not in the net, by the gradients of long ago."""
    ours = {id(p) for _, p in net.parameters()}
    others = [name for name, p in optimizer.parameters.items() if p.trainable and id(p) not in ours]
    if others:
        kind = type(optimizer).__name__
        raise ValueError(f"train: {kind} holds {', '.join(others)}, not (or no longer) this net's: another net's, or "
                         f"of a layer that was replaced; make a new one, {kind}(net.parameters(), lr)")


def wrong_answers(scores: Any, labels: np.ndarray) -> Any:
    """The number of images whose highest score, of several the first, is not that of their class; on a GPU as
    `Device.number` gives it."""
    with device_of(scores) as device:
        return device.number((scores.argmax(axis=1) != device.asarray(labels)).sum())


def _begin(progress: Progress, loader: Loader, epochs: int) -> None:
    """Before an epoch, or the rest of one: the same order is drawn for the rest as was for the whole."""
    if progress.batch:
        loader.rng.bit_generator.state = progress.order
    else:
        progress.order = loader.rng.bit_generator.state
    progress.epochs, progress.size = epochs, loader.size


def _agree(ranks: Ranks, net: Layer, optimizer: Optimizer, loader: Loader, accumulate: int) -> None:
    """Before the first step: the ranks train the same net on the same data, and begin with the same numbers; each draws
    masks of its own."""
    with ranks.together():
        if loader.share != ranks.share:
            raise ValueError(f"train: expected a loader with the share of rank {ranks.rank} of {ranks.size}, got that "
                             f"of {loader.share}: Loader(..., share=ranks.share)")
    ranks.expect_same(version=__version__, parameters=[(name, p.shape, p.trainable) for name, p in net.parameters()],
                      optimiser=(type(optimizer).__name__, optimizer.settings), accumulate=accumulate,
                      data=(loader.size, loader.batch_size, fingerprint(loader.split.labels)),
                      order=loader.rng.bit_generator.state)
    ranks.broadcast(net, optimizer)
    ranks.own_generators(net)


def minus(mean: np.ndarray, scale: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """`center` of a View of whole images: minus the mean image (H, W, C), as float32; divided by `scale`."""
    return View(mean, scale).center
