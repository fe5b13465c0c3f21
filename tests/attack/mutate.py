"""Files a little broken, or a little hostile: every function takes a Generator and good bytes, and gives other bytes.

    flat         bytes of any kind: flipped, overwritten, cut, repeated, swapped
    json_text    values of other types, huge ones, nested ones; names that are gone
    json_lines   a line of many, each of which is JSON

The same Generator gives the same bytes. packed.py has those that look into what is packed.
"""
from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

Mutate = Callable[[np.random.Generator, bytes], bytes]

NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2 ** 40, 2 ** 63 - 1]
VALUES = [None, True, False, 0, 1, -1, 7, 0.5, 1e308, -1e308, 10 ** 30, -10 ** 400, float("nan"), float("inf"), "", "x",
          "\ud800", "../x", "a" * 5000, "0", "nan", [], {}, [[]], [0], [None], ["x"] * 50, [1e308] * 3, {"": 0},
          {"x": {}}]


def pick(rng: np.random.Generator, of: Any) -> Any:
    return of[rng.integers(len(of))]


def flat(rng: np.random.Generator, data: bytes) -> bytes:
    """One to four changes, every second one near the beginning or the end, where the headers are."""
    for _ in range(rng.integers(1, 5)):
        data = pick(rng, [_flip, _overwrite, _cut, _repeat, _insert, _swap, _fill])(rng, data)
    return data


def _at(rng: np.random.Generator, data: bytes) -> int:
    near = int(rng.integers(min(len(data), 200) + 1))
    return pick(rng, [near, len(data) - near, int(rng.integers(len(data) + 1)), int(rng.integers(len(data) + 1))])


def _span(rng: np.random.Generator, data: bytes) -> tuple[int, int]:
    at = _at(rng, data)
    return at, min(len(data), at + int(pick(rng, [1, 2, 4, 8, 64, 1000])))


def _flip(rng: np.random.Generator, data: bytes) -> bytes:
    at = min(_at(rng, data), len(data) - 1)
    return data[:at] + bytes([data[at] ^ 1 << rng.integers(8)]) + data[at + 1:] if data else data


def _overwrite(rng: np.random.Generator, data: bytes) -> bytes:
    at, number = _at(rng, data), struct.pack(pick(rng, ["<Q", ">Q"]), pick(rng, NUMBERS))
    size = pick(rng, [1, 2, 4, 8])
    number = number[:size] if rng.integers(2) else number[-size:]
    return (data[:at] + number + data[at + size:])[:max(len(data), 1)]


def _cut(rng: np.random.Generator, data: bytes) -> bytes:
    begin, end = _span(rng, data)
    return pick(rng, [data[:begin], data[:begin] + data[end:], data[:begin] + data[end:]])


def _repeat(rng: np.random.Generator, data: bytes) -> bytes:
    begin, end = _span(rng, data)
    return data[:end] + data[begin:end] * int(rng.integers(1, 4)) + data[end:]


def _insert(rng: np.random.Generator, data: bytes) -> bytes:
    at = _at(rng, data)
    return data[:at] + rng.bytes(int(rng.integers(1, 9))) + data[at:]


def _swap(rng: np.random.Generator, data: bytes) -> bytes:
    (a, b), (c, d) = sorted(_span(rng, data) for _ in range(2))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:] if b <= c else data


def _fill(rng: np.random.Generator, data: bytes) -> bytes:
    begin, end = _span(rng, data)
    return data[:begin] + pick(rng, [b"\0", b"\xff", b" ", b"9"]) * (end - begin) + data[end:]


def json_text(rng: np.random.Generator, data: bytes) -> bytes:
    """Another value, or none, or one more, at a few places; now and then no JSON any more."""
    whole = [json.loads(data)]
    for _ in range(rng.integers(1, 4)):
        of, name = pick(rng, _places(whole))
        kind = rng.integers(8)
        if kind == 0 and of is not whole:
            del of[name]
        elif kind == 1:
            of[name] = [of[name]]
        elif kind == 2 and isinstance(of[name], (int, float)):
            of[name] = of[name] * pick(rng, [-1, 2, 3, 10 ** 9]) + pick(rng, [-1, 0, 1])
        elif kind == 3 and isinstance(of[name], (dict, list)):
            of[name] = {"x": pick(rng, VALUES)} if isinstance(of[name], list) else list(of[name])
        else:
            of[name] = json.loads(json.dumps(pick(rng, VALUES)))  # a copy of its own
    text = json.dumps(whole[0]).encode()
    return pick(rng, [text] * 8 + [flat(rng, text), b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe" + text, b""])


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Where in lists and dictionaries there is a value: (which, index or name); of long lists the first few."""
    names = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    names = list(names)[:60]
    return [place for name in names for place in [(value, name), *_places(value[name])]]


def json_lines(rng: np.random.Generator, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    at = rng.integers(len(lines))
    lines[at] = pick(rng, [json_text(rng, lines[at]) + b"\n", flat(rng, lines[at]), lines[at] * 2, b"", b"\n"])
    return b"".join(lines)
