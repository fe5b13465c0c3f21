"""What a forward keeps for backward, and whose it is.

A net is trained by one thread at a time: its layers have room for what one forward keeps, and its parameters for one
gradient. So what is kept knows the thread that it is for, and whoever comes with another one's is refused. That is not
quite enough in a training: between a backward and the step, nothing is kept, and yet another thread's backward would
put its gradients in the place of ours. So `train` has the net for itself all the while, as `by_one_thread` sees to.
"""
from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from .fast.parallel import caller


class Kept(tuple):
    """What a forward kept for backward, and the thread that called it."""

    thread: threading.Thread

    def __new__(cls, thread: threading.Thread, *values: Any) -> Kept:
        kept = super().__new__(cls, values)
        kept.thread = thread
        return kept


def refuse_another(layer: Any, other: threading.Thread | None, me: threading.Thread) -> None:
    """Raise RuntimeError, in the name of `layer`, if `other` is another thread than this one, and alive."""
    if other is not None and other is not me and other.is_alive():
        raise RuntimeError(f"{layer.label}: thread {other.name!r} is training this net, or has called a forward whose "
                           f"backward is still to come. Thread {me.name!r} needs a net of its own, copy.deepcopy(net), "
                           "and calls both forward and backward; predict is safe for all")


def by_one_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function(net, ...)`, a training: meanwhile no other thread can begin a forward that keeps something."""
    @wraps(function)
    def alone(net: Any, *args: Any, **kwargs: Any) -> Any:
        me = caller()
        free = [layer for layer in net.tree() if layer._trainer is not me]
        try:
            for layer in free:
                refuse_another(layer, vars(layer).setdefault("_trainer", me), me)  # the first of two sets it
                layer._trainer = me
            return function(net, *args, **kwargs)
        finally:
            for layer in free:
                if layer._trainer is me:
                    del layer._trainer

    return alone
