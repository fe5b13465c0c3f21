"""Image files made by hand, byte by byte, which Pillow would not write; and folders of photographs."""
import struct
import zlib

import numpy as np


def packed(values, bits):
    """Whole numbers of so many bits each, one after the other, the highest bit first."""
    text = "".join(f"{value:0{bits}b}" for value in values)
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")


def png(width, height, depth, kind, lines, *extra):
    """A PNG from its parts; each of `lines` begins with the byte of its filter."""
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(*part) for part in extra)
            + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


def tiff(width, height, data, tags, order="<"):
    """A TIFF of one strip, `data`, in the byte order that struct calls `order`; `tags` {number: value or values}."""
    long = (273, 279, 322, 323, 324, 325)
    strip = {} if 322 in tags else {273: 8, 278: height, 279: len(data)}
    tags = {256: width, 257: height, 259: 1, 277: 1, **strip, **tags}
    body = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, 8 + len(data) + len(data) % 2) + data
    body, entries, values = body + bytes(len(data) % 2), b"", b""
    for number, value in sorted(tags.items()):
        value, kind = value if isinstance(value, tuple) else (value,), "I" if number in long else "H"
        raw = struct.pack(f"{order}{len(value)}{kind}", *value).ljust(4, b"\0")
        if len(raw) > 4:
            place = len(body) + 2 + 12 * len(tags) + 4 + len(values)
            raw, values = struct.pack(order + "I", place), values + raw
        entries += struct.pack(order + "HHI", number, {"H": 3, "I": 4}[kind], len(value)) + raw
    return body + struct.pack(order + "H", len(tags)) + entries + bytes(4) + values


def photographs(root, counts, seed=0):
    """counts[name] photographs in the folder of each class, each of its own size."""
    from PIL import Image
    rng = np.random.default_rng(seed)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            coarse = Image.fromarray(rng.integers(0, 256, (3, 3, 3), np.uint8))
            coarse.resize(tuple(rng.integers(12, 60, 2))).save(root / name / f"{i:03}.png")
    return root
