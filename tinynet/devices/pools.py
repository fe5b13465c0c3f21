"""Memory of a GPU for one purpose alone: a pool beside CuPy's.

CuPy's pools do not give their memory back when they go, only when they are told to; and a block stays of which somebody
uses a part. So a pool that is closed is remembered here until all of its memory is back, which `sweep` sees to.
"""
from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from .cuda import load_cupy

_open: set[Pool] = set()   # so that none goes before it is closed: its arrays would not find their way back
_closed: set[Pool] = set()


class Pool:
    """A pool on GPU `index`. `full` says whether there ever was less memory than it was asked for; then it has given
    back what was free in it."""

    def __init__(self, index: int) -> None:
        cuda, refused = load_cupy(f"gpu({index})").cuda, []

        def memory(size: int) -> Any:  # no method: the pool would keep itself alive
            try:
                return cuda.MemoryPointer(cuda.Memory(size), 0)
            except Exception:
                refused.append(size)
                raise
        self._cuda, self._index, self._refused = cuda, index, refused
        with cuda.Device(index):
            self._pool = cuda.MemoryPool(memory)
            self._pool.set_limit(size=0)  # none but that of the GPU: at another, it would not ask `memory`
        _open.add(self)

    def in_use(self) -> AbstractContextManager:
        """In here, this thread's new arrays are from this pool."""
        return self._cuda.using_allocator(self._pool.malloc)

    @property
    def full(self) -> bool:
        return bool(self._refused)

    @property
    def nbytes(self) -> int:
        """The bytes that it has taken of the GPU."""
        with self._cuda.Device(self._index):
            return self._pool.total_bytes()

    def free(self) -> None:
        """Give back what is free now."""
        with self._cuda.Device(self._index):
            self._pool.free_all_blocks()

    def close(self) -> None:
        """Nobody will ask it for memory again: each `sweep` gives back what has become free."""
        if self in _open:
            _closed.add(self)
            _open.discard(self)


def sweep() -> None:
    """Give back what has become free in pools that are closed."""
    for pool in list(_closed):  # another sweep may come in between, as garbage is collected: to free twice is no harm
        pool.free()
        if not pool.nbytes:
            _closed.discard(pool)
