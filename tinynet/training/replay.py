"""Steps of a training that a GPU repeats by itself, instead of being asked for each kernel.

    the first batch      as always: kernels are compiled, constants made
    the second batch     forward, loss and backward are recorded (devices/graph.py), then launched
    the others           launched, with other images and labels

The optimiser's step is not in the graph: its learning rate may change, and hooks see gradients and the loss's `probs`
as they always do. A batch of another size, an epoch's last one, is computed as always. A step is recorded again where
parameters are moved, frozen or given other arrays, where a layer is replaced or added, and where one is set to
something else, a Dropout's `p` say.

`train(..., graph=None)`, the default, repeats what is known to come out the same: the steps of tinynet's own layers,
losses and metrics. What a layer of one's own does beside computing on the GPU, counting or drawing on the host, a graph
would not do, and nobody would see it; so for these one says `graph=True`.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..devices.cuda import room
from ..devices.device import Gpu, gpu
from ..devices.graph import Graph, NotRecorded
from ..layer import Layer
from .progress import say
from .settings import METHODS, Draws, Settings, copied

Work = Callable[[Any, Any], tuple[Any, Any, int]]
OTHERS = 3            # so many batches of another kind, one after the other: these are recorded then
FEW, IN_VAIN = 10, 3  # so many graphs that served as few steps: no more are recorded


def repeated(work: Work, net: Layer, loss: Any, metric: Any, graph: bool | None, accumulate: int, ranks: int) -> Work:
    """`work`, or a Replayed of it: with `graph` of True; and with None for nets on one GPU, if all is tinynet's own.
    Whole steps are repeated, neither those in `accumulate` parts nor those of several ranks.

    Raises ValueError for True and steps that are not whole, and what Replayed raises.
    """
    whole = accumulate == ranks == 1
    if graph and not whole:
        raise ValueError("train: graph=True repeats whole steps of one GPU; expected accumulate=1 and one rank, got "
                         f"accumulate={accumulate} and {ranks} ranks")
    if graph:
        return Replayed(net, work, loss)
    parts = (*net.tree(), loss, metric)
    wanted = graph is None and whole and _one_gpu(net) and all(map(_of_tinynet, parts))
    return Replayed(net, work, loss, must=False) if wanted else work


def _one_gpu(net: Layer) -> bool:
    return all(isinstance(place, Gpu) for place in _places(net)) and len({place.index for place in _places(net)}) == 1


def _places(net: Layer) -> tuple:
    return net.device if isinstance(net.device, tuple) else (net.device,)


def _of_tinynet(part: Any) -> bool:
    """Whether a layer, a loss or a function, or None, is none of one's own, nor has a method of one's own."""
    its_own = part is None or part.__module__.partition(".")[0] == __name__.partition(".")[0]
    return its_own and not set(METHODS) & set(getattr(part, "__dict__", ()))


class Replayed:
    """`work(x, targets)`, which takes a batch forward and backward through `net`, and returns the loss, the error (or
    None) and the number of classes. `loss` is what computes the loss; what a loss of one's own holds is not looked at.

    Raises ValueError for a net that is not on a GPU; NotRecorded for one on two, and if the work reads a number from
    the GPU, brings an array over from the host, draws random numbers other than with `each_time`, or answers with
    numbers of its own; MemoryError if there is no room for a graph.

    If it is no `must`, the work is done as always from then on, whatever was in the way, and a line says so. So it is
    if less memory is left than the graph takes, for a batch of another size or validation may need it; and if the net
    is changed so often that hardly a graph is launched.
    """

    def __init__(self, net: Layer, work: Work, loss: Any = None, must: bool = True) -> None:
        if not all(isinstance(place, Gpu) for place in _places(net)):
            raise ValueError(f"graph=True: expected a net on a GPU, got one on {', '.join(map(str, _places(net)))}")
        self.net, self.work, self.must, self.home = net, work, must, gpu(_places(net)[0].index)
        self._losses = loss.tree() if isinstance(loss, Layer) else []
        self._graph, self._kind, self._given_up = None, None, False
        self._launched, self._others, self._in_vain = 0, 0, 0

    def __call__(self, x: Any, targets: Any) -> tuple[Any, Any, int]:
        if self._given_up or not (hasattr(x, "dtype") and hasattr(targets, "dtype")):
            return self.work(x, targets)
        if self._graph and self._settings.changed():
            self._drop()
        kind = (x.shape, x.dtype, targets.shape, targets.dtype)
        if kind != self._kind:
            self._others += 1
            if not self._graph or self._others >= OTHERS:
                self._drop()
                self._kind = kind                                # the next of this kind is recorded
            return self.work(x, targets)
        self._others = 0
        if not self._graph:
            self._record(x, targets)
        return self._launch(x, targets) if self._graph else self.work(x, targets)

    @property
    def nbytes(self) -> int:
        """The bytes of the GPU that are taken for it, beside CuPy's pool."""
        return self._graph.nbytes if self._graph else 0

    def _launch(self, x: Any, targets: Any) -> tuple[Any, Any, int]:
        L, error, classes = self._graph.launch(x, targets)
        self._settings.leave()
        self._launched += 1
        return copied(L), copied(error), classes

    def _drop(self) -> None:
        if self._graph:
            self._in_vain += self._launched <= FEW
            if self._in_vain == IN_VAIN and not self.must:
                self._give_up("the net is changed too often")
        self._graph, self._kind, self._launched, self._others = None, None, 0, 0

    def _give_up(self, why: object) -> None:
        self._graph, self._given_up = None, True
        say(f"{self.home} does not repeat these steps by itself: {why}")

    def _record(self, x: Any, targets: Any) -> None:
        draws, self._settings = Draws(self.net), Settings(self.net, self._losses, self.home.index)
        try:
            self._graph = self._recorded(x, targets, draws)
        except Exception as error:  # also a library that is not found, or cannot be recorded after all
            if self.must:
                raise
            draws.wind_back()
            self._give_up(error)
        else:
            self._settings.recorded()

    def _recorded(self, x: Any, targets: Any, draws: Draws) -> Graph:
        if not _one_gpu(self.net):
            raise NotRecorded("a graph holds the work of one GPU; expected a net on one, got one on "
                              f"{', '.join(map(str, _places(self.net)))}: train it with graph=False")
        graph = Graph(self.home, self.work, x, targets)
        if draws.made():
            raise NotRecorded("a layer of this net draws random numbers that would be the same in every step: have it "
                              "draw with tinynet.devices.graph.each_time, or train with graph=False")
        if any(isinstance(number, (int, float)) for number in graph.result[:2]):
            raise NotRecorded("the loss or the metric gives a number that the GPU has not computed, which would be the "
                              "same in every step: train with graph=False")
        if not self.must and graph.nbytes > (left := room(self.home.index)):
            raise MemoryError(f"it takes {graph.nbytes:,} bytes, and leaves {left:,}")
        return graph
