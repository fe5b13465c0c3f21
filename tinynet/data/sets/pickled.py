"""Reads the pickles of CIFAR's python layout, and carries nothing out.

A pickle is a program for a machine with a stack and a memo: push these bytes, make a list of what lies above the mark,
import numpy.dtype, call it. Python's `pickle` does all this for whoever wrote the file. To let it import a few names
only is not enough: those that an array needs can make NumPy take bytes for pointers, one instruction of five bytes can
ask for a memo of gigabytes, and the hash of a tuple in a tuple in a tuple... overflows the stack.

So this machine knows the instructions that such files consist of, as Python 2 and 3 write them (protocols 2 to 5), and
nothing of NumPy: a call is only written down, as a `Call`, for the reader to look at. Strings are cut out of the file,
every other instruction makes one object of about 100 bytes at most, and there are at most MOST_STEPS; keys are strings,
and nothing else is ever hashed or compared. What it takes is bounded so, whatever the file says.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

from ...files.reading import opened, wrong

MOST_BYTES = 2 ** 28    # of a file: CIFAR-10's have 31 MB, CIFAR-100's at most 155
MOST_STEPS = 300_000    # instructions: nearly ten times as many as in a batch of CIFAR-10
EXPECTED = "a pickle of arrays, lists, strings and numbers"
ADVICE = ("Delete it, do not open it otherwise: a pickle can run programs; the binary layout, which tinynet "
          "downloads, cannot")


class Name(str):
    """What a pickle wanted to import, "numpy.dtype" for example."""

    __slots__ = ()


class Call:
    """What a pickle wanted to call, with which arguments, and the state that the result was to take on."""

    __slots__ = ("name", "arguments", "state")

    def __init__(self, name: Name, arguments: tuple) -> None:
        self.name, self.arguments, self.state = name, arguments, None


def read(path: Path) -> Any:
    """The value in the pickle at `path`, of dicts, lists, tuples, strings, numbers and `Call`s.

    Raises DataError if the file is no such pickle, or has more than MOST_BYTES bytes or MOST_STEPS instructions.
    """
    with opened(path) as file:
        size = file.seek(0, 2)
        if size > MOST_BYTES:
            raise wrong(path, f"a pickle of at most {MOST_BYTES:,} bytes", f"{size:,}",
                        f"If it is right, set {__name__}.MOST_BYTES higher")
        file.seek(0)
        data = file.read(size)
    try:
        return _Machine(data).run()
    except ValueError as error:
        raise wrong(path, EXPECTED, str(error), ADVICE) from error


class _Machine:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0                       # the program, and where in it we are
        self.stack, self.marks, self.memo = [], [], {}     # a mark is the height that the stack had
        self.encoded = 0                                   # how many bytes `call` made

    def run(self) -> Any:
        for _ in range(MOST_STEPS):
            instruction = self.take(1)
            if instruction == b".":
                if self.at < len(self.data):
                    raise ValueError("more bytes after the pickle")
                return self.pop()
            if instruction not in _INSTRUCTIONS:
                raise ValueError(f"the instruction {instruction!r} at byte {self.at - 1:,}, which no batch needs")
            _INSTRUCTIONS[instruction](self)
        raise ValueError(f"more than {MOST_STEPS:,} instructions; if it is right, set {__name__}.MOST_STEPS higher")

    def take(self, count: int) -> bytes:
        """The next bytes of the program."""
        if count > len(self.data) - self.at:
            raise ValueError(f"{count:,} bytes at byte {self.at:,}, where {len(self.data) - self.at:,} are left")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def line(self) -> str:
        end = self.data.find(b"\n", self.at, self.at + 100)
        if end < 0:
            raise ValueError(f"a name at byte {self.at:,} that does not end")
        return self.take(end + 1 - self.at)[:-1].decode("ascii")

    def pop(self, kind: type = object) -> Any:
        if not self.stack:
            raise ValueError(f"nothing on the stack at byte {self.at:,}")
        value = self.stack.pop()
        if kind is not object and type(value) is not kind:
            raise ValueError(f"a {type(value).__name__} at byte {self.at:,}, where a {kind.__name__} was expected")
        return value

    def above_mark(self) -> list:
        if not self.marks:
            raise ValueError(f"no mark at byte {self.at:,}")
        height = self.marks.pop()
        values = self.stack[height:]
        del self.stack[height:]
        return values

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def tuple(self, length: int) -> None:
        self.push(tuple(reversed([self.pop() for _ in range(length)])))

    def extend(self, values: list) -> None:
        (into := self.pop(list)).extend(values)
        self.push(into)

    def fill(self, values: list) -> None:
        into = self.pop(dict)
        if len(values) % 2:
            raise ValueError(f"a key without a value before byte {self.at:,}")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) not in (bytes, str):
                raise ValueError(f"a {type(key).__name__} as a key before byte {self.at:,}")
            into[key] = value
        self.push(into)

    def remember(self, index: int) -> None:
        self.memo[index] = self.pop()
        self.push(self.memo[index])

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise ValueError(f"nothing under the number {index} at byte {self.at:,}")
        self.push(self.memo[index])

    def call(self) -> None:
        arguments, name = self.pop(tuple), self.pop(Name)
        if name == "_codecs.encode":  # so Python 3 writes bytes in protocol 2
            if len(arguments) != 2 or type(arguments[0]) is not str or arguments[1] != "latin1":
                raise ValueError(f"a call of {name} before byte {self.at:,} that is not for bytes")
            self.encoded += len(arguments[0])
            if self.encoded > len(self.data):  # one text again and again
                raise ValueError("more text than it has bytes")
            self.push(arguments[0].encode("latin-1"))
        else:
            self.push(Call(name, arguments))

    def build(self) -> None:
        state, call = self.pop(), self.pop(Call)
        call.state = state
        self.push(call)

    def stack_name(self) -> None:
        name, module = self.pop(str), self.pop(str)
        self.push(Name(f"{module}.{name}"))


# What is read of Python's pickletools.opcodes, with its names.
_INSTRUCTIONS = {
    b"\x80": lambda m: m.take(1),                              # PROTO
    b"\x95": lambda m: m.take(8),                              # FRAME
    b"N": lambda m: m.push(None),                              # NONE
    b"\x88": lambda m: m.push(True),                           # NEWTRUE
    b"\x89": lambda m: m.push(False),                          # NEWFALSE
    b"K": lambda m: m.push(m.number(1)),                       # BININT1
    b"M": lambda m: m.push(m.number(2)),                       # BININT2
    b"J": lambda m: m.push(m.number(4, signed=True)),          # BININT
    b"\x8a": lambda m: m.push(m.number(m.number(1), signed=True)),  # LONG1
    b"U": lambda m: m.push(m.take(m.number(1))),               # SHORT_BINSTRING, Python 2's
    b"T": lambda m: m.push(m.take(m.number(4))),               # BINSTRING
    b"C": lambda m: m.push(m.take(m.number(1))),               # SHORT_BINBYTES
    b"B": lambda m: m.push(m.take(m.number(4))),               # BINBYTES
    b"\x8e": lambda m: m.push(m.take(m.number(8))),            # BINBYTES8
    b"\x96": lambda m: m.push(m.take(m.number(8))),            # BYTEARRAY8
    b"\x8c": lambda m: m.push(m.take(m.number(1)).decode("utf-8")),  # SHORT_BINUNICODE
    b"X": lambda m: m.push(m.take(m.number(4)).decode("utf-8")),     # BINUNICODE
    b"\x8d": lambda m: m.push(m.take(m.number(8)).decode("utf-8")),  # BINUNICODE8
    b"(": lambda m: m.marks.append(len(m.stack)),              # MARK
    b")": lambda m: m.tuple(0),                                # EMPTY_TUPLE
    b"\x85": lambda m: m.tuple(1),                             # TUPLE1
    b"\x86": lambda m: m.tuple(2),                             # TUPLE2
    b"\x87": lambda m: m.tuple(3),                             # TUPLE3
    b"t": lambda m: m.push(tuple(m.above_mark())),             # TUPLE
    b"]": lambda m: m.push([]),                                # EMPTY_LIST
    b"a": lambda m: m.extend([m.pop()]),                       # APPEND
    b"e": lambda m: m.extend(m.above_mark()),                  # APPENDS
    b"}": lambda m: m.push({}),                                # EMPTY_DICT
    b"s": lambda m: m.fill([m.pop(), m.pop()][::-1]),          # SETITEM
    b"u": lambda m: m.fill(m.above_mark()),                    # SETITEMS
    b"q": lambda m: m.remember(m.number(1)),                   # BINPUT
    b"r": lambda m: m.remember(m.number(4)),                   # LONG_BINPUT
    b"\x94": lambda m: m.remember(len(m.memo)),                # MEMOIZE
    b"h": lambda m: m.recall(m.number(1)),                     # BINGET
    b"j": lambda m: m.recall(m.number(4)),                     # LONG_BINGET
    b"c": lambda m: m.push(Name(f"{m.line()}.{m.line()}")),    # GLOBAL
    b"\x93": lambda m: m.stack_name(),                         # STACK_GLOBAL
    b"R": lambda m: m.call(),                                  # REDUCE
    b"b": lambda m: m.build(),                                 # BUILD
}
