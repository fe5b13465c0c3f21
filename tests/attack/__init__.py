"""Attacks on every way into tinynet and out of it: broken files, bad servers, kills, signals, threads, forks.

A short form runs with the tests. The long one, until the time is over, with a table of what was tried:

    python -m tests.attack --minutes 60
"""
from __future__ import annotations

import os


def rounds(n: int) -> int:
    """How often an attack is tried: `n` times, or as many times that as TINYNET_ATTACK says."""
    return n * int(os.environ.get("TINYNET_ATTACK", "1"))
