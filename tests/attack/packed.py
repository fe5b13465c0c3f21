"""Mutants of what is packed: it is unpacked, broken there, and packed again, so that its checksums fit.

    gzipped      what is inside of a .gz
    zipped       the members of a zip; of an .npz: an array's numbers, header and name
    rest         the JSON of a checkpoint, inside of an .npz
    tarred       the headers of a .tar.gz
    chunked      the chunks of a PNG
    pickled      the operations of a pickle
    answered     the lines of an HTTP answer
"""
from __future__ import annotations

import gzip
import io
import pickletools
import struct
import warnings
import zipfile
import zlib

import numpy as np

from .mutate import NUMBERS, flat, json_text, pick

BOMB = 6 * 10 ** 7  # bytes that a few kilobytes of a zip stand for: more than a reader may take (worker.py)
HOSTILE_OPERATIONS = [  # imports, calls, states; a memo and strings of gigabytes; marks, tuples, copies, ends
    b"cos\nsystem\n", b"cbuiltins\neval\n", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"c_codecs\nencode\n",
    b"R", b"b", b"\x81", b"o", b"Px\n", b"Q", b"\x82\x01",
    b"r\xff\xff\xff\x7f", b"r\x00\x00\x10\x00", b"j\xff\xff\xff\x7f", b"p999999999\n", b"q\xff", b"h\x00", b"\x94",
    b"\x8d" + b"\xff" * 7 + b"\x7f", b"T\xff\xff\xff\x7f", b"B\xff\xff\xff\xff", b"X\xff\xff\xff\xff",
    b"\x8b\xff\xff\xff\x7f", b"L" + b"9" * 5000 + b"L\n", b"\x95" + b"\xff" * 8, b"\x96" + b"\xff" * 8,
    b"(", b"0", b"1", b"2", b"t", b"\x85", b"\x86", b"\x87", b"]", b"l", b"a", b"e", b"}", b"d", b"s", b"u",
    b"\x8f", b"\x90", b"\x91", b"\x97", b"\x98", b"N", b"K\x00", b"M\xff\xff", b"J\xff\xff\xff\xff", b"\x88",
    b"G\x7f\xf0\0\0\0\0\0\0", b".", b"\x80\xff", b"(" * 5000, b"]" * 5000 + b"a" * 4999]
HOSTILE_LINES = [
    b"Content-Length: \xb2", b"Content-Length: " + b"9" * 5000, b"Content-Length: -1", b"Content-Length: 0",
    b"Content-Length: 5", b"Content-Length: 99999999999", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip",
    b"Location: ftp://x/y", b"Location: file:///etc/hostname", b"Location: data:,x", b"Location: http://[",
    b"Location: http://127.0.0.1:1/", b"Location: \xff\xfe", b"Location: ", b"Content-Range: bytes 0-9/*",
    b"Content-Range: bytes 0-1/" + b"9" * 5000, b"Content-Range: bytes 3-2/1", b"ETag: \"\r\n\t", b": ", b"\x00",
    b"X" * 70000, b"X: y\r\n" * 200, b"Connection: keep-alive"]
STATUS = [b"200", b"200", b"206", b"301", b"302", b"307", b"100", b"204", b"304", b"401", b"404", b"408", b"416",
          b"429", b"500", b"999", b"-1", b"2x0", b""]


def gzipped(rng: np.random.Generator, data: bytes) -> bytes:
    return gzip.compress(flat(rng, gzip.decompress(data)), mtime=0)


def members_of(data: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return [(info.filename, file.read(info)) for info in file.infolist()]


def zip_of(members: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two members of one name
        for name, content in members:
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def zipped(rng: np.random.Generator, data: bytes) -> bytes:
    """One member another, or none, or twice; now and then one more that swells to 60 MB."""
    members = members_of(data)
    at = int(rng.integers(len(members)))
    name, content = members[at]
    kind = rng.integers(9)
    if kind == 0:
        members[at] = (pick(rng, [name[:-4], name.upper(), "x.npy", "", "../x.npy", "/x.npy", "data.pkl"]), content)
    elif kind == 1:
        del members[at]
    elif kind == 2:
        members.append((name, flat(rng, content)))
    elif kind == 3:
        members[at] = (name, flat(rng, content))
    elif kind == 4:
        content = _npy(np.zeros(BOMB, np.uint8)) if rng.integers(4) == 0 else b"hello"
        members.append((pick(rng, ["more.npy", "more", "training/rest.npy"]), content))
    else:
        members[at] = (name, _other_array(rng, content))
    return zip_of(members)


def rest(rng: np.random.Generator, data: bytes) -> bytes:
    members = dict(members_of(data))
    text = json_text(rng, np.load(io.BytesIO(members["training/rest.npy"])).item())
    return zip_of(list((members | {"training/rest.npy": _npy(np.array(text))}).items()))


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _other_array(rng: np.random.Generator, content: bytes) -> bytes:
    """An array with other numbers, of another type or shape; or a header that lies."""
    array = np.load(io.BytesIO(content))
    if array.dtype.kind not in "iuf" or rng.integers(4) == 0:
        shape = pick(rng, [(2 ** 40,), (-1,), (2 ** 31, 2 ** 31), (0,), (10 ** 8,)])
        header = {"descr": pick(rng, ["<f4", "<f8", "|O", "<U5", "<i8", "|V9", ">f4", "<c16"]), "fortran_order": False,
                  "shape": shape}
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, header)
        return buffer.getvalue() + content[-array.nbytes:]
    array = array.astype(pick(rng, [array.dtype] * 4 + ["f2", "f8", "i4", "u1", ">f4", "c8", "?", "U8"]))
    if array.dtype.kind == "f" and array.size and rng.integers(2):
        array = array.astype("f8")
        array.flat[rng.integers(array.size)] = pick(rng, [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-300])
    return _npy(pick(rng, [array, array, array.ravel(), array[..., None], array.ravel()[:0], array.T.copy("F")]))


def tarred(rng: np.random.Generator, data: bytes) -> bytes:
    """A field of a header overwritten, and its checksum made right; or what is inside broken anywhere."""
    tar = bytearray(gzip.decompress(data))
    headers = [at for at in range(0, len(tar), 512) if tar[at + 257:at + 262] == b"ustar"]
    if not headers or rng.integers(3) == 0:
        return gzip.compress(flat(rng, bytes(tar)), mtime=0)
    at = pick(rng, headers)
    begin, size, values = pick(rng, [
        (0, 100, [b"/etc/x", b"../x", b"a\\b", b"C:x", b"\xff" * 100, b""]),                           # name
        (124, 12, [b"77777777777", b"-1", b"\xff" * 12, b"\x80" + b"\xff" * 11, b"0", b"x", b"2000000000"]),  # size
        (156, 1, [bytes([c]) for c in b"0123456789LKxgSDVMN\0"]),                                     # type
        (157, 100, [b"/etc/passwd", b"data_batch_1.bin"]), (345, 155, [b"..", b"/", b"x" * 155]),     # link, prefix
        (100, 8, [b"7777777", b"\xff" * 8]), (108, 8, [b"\x80" + b"\xff" * 7]),                       # mode, owner
        (136, 12, [b"\xff" * 12, b"77777777777"])])                                                   # time
    tar[at + begin:at + begin + size] = pick(rng, values).ljust(size, b"\0")
    tar[at + 148:at + 156] = b" " * 8
    tar[at + 148:at + 156] = b"%06o\0 " % sum(tar[at:at + 512])
    return gzip.compress(bytes(tar), mtime=0)


def chunked(rng: np.random.Generator, data: bytes) -> bytes:
    chunks, at = [], 8
    while at < len(data):
        length = struct.unpack(">I", data[at:at + 4])[0]
        chunks.append((data[at + 4:at + 8], data[at + 8:at + 8 + length]))
        at += 12 + length
    i = int(rng.integers(len(chunks)))
    kind, content = chunks[i]
    if kind == b"IHDR" and rng.integers(2):
        sides = (pick(rng, NUMBERS) % 2 ** 32 for _ in range(2))
        content = struct.pack(">IIBBBBB", *sides, pick(rng, [1, 2, 4, 8, 16, 3]), pick(rng, [0, 2, 3, 4, 6, 1]), 0, 0,
                              pick(rng, [0, 1]))
    elif kind == b"IDAT" and rng.integers(2):
        content = zlib.compress(pick(rng, [flat(rng, zlib.decompress(content)), bytes(10 ** 7)]))
    else:
        content = flat(rng, content)
    chunks[i] = (pick(rng, [kind, kind, kind, b"tEXt", b"zTXt", b"iCCP", b"tRNS", b"PLTE", b"acTL", b"eXIf"]), content)
    chunks = pick(rng, [chunks] * 4 + [chunks[:i] + chunks[i + 1:], chunks[:i] + [chunks[i]] * 20 + chunks[i:]])
    return data[:8] + b"".join(struct.pack(">I", len(content)) + kind + content
                               + struct.pack(">I", zlib.crc32(kind + content)) for kind, content in chunks)


def pickled(rng: np.random.Generator, data: bytes) -> bytes:
    """Operations that are gone, twice, in another order, or of the hostile kind."""
    begins = [at for _, _, at in pickletools.genops(data)] + [len(data)]
    pieces = [data[a:b] for a, b in zip(begins, begins[1:], strict=False)]
    for _ in range(rng.integers(1, 4)):
        at, other = (int(rng.integers(len(pieces))) for _ in range(2))
        pieces[at:at + 1] = pick(rng, [[], [pieces[at]] * 2, [pieces[other]], [pieces[other], pieces[at]],
                                       [pick(rng, HOSTILE_OPERATIONS), pieces[at]], [pick(rng, HOSTILE_OPERATIONS)],
                                       [flat(rng, pieces[at])]])
        pieces = pieces or [b"."]
    return b"".join(pieces)


def answered(rng: np.random.Generator, data: bytes) -> bytes:
    """Another status, hostile headers beside or in place of the right ones, another body."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(1, len(lines))) if len(lines) > 1 else 1
        if rng.integers(3) == 0:
            lines[0] = b"HTTP/1.1 " + pick(rng, STATUS) + b" As it is"
        else:
            lines[at:at + int(rng.integers(2))] = [pick(rng, HOSTILE_LINES)]
    if rng.integers(3) == 0:
        body = pick(rng, [flat(rng, body), body + bytes(10 ** 6), b"<html>log in first</html>", b"", b"-5\r\n" + body,
                          b"ffffffffffff\r\n" + body, b"5\r\nhello\r\n0\r\n\r\n"])
    head = b"\r\n".join(lines)
    return (flat(rng, head) if rng.integers(4) == 0 else head) + b"\r\n\r\n" + body
