"""What the numbers in a file mean as colours: every depth, kind and transparency, against values computed by hand."""
import io
import struct
import zlib

import numpy as np
import pytest
from pictures import packed, png, tiff

from tinynet.data import DataError
from tinynet.data.photos import colors
from tinynet.data.photos.photograph import read

Image = pytest.importorskip("PIL.Image")
# Before 13 Pillow takes some of the rarer TIFFs for something else.
pillow_13 = pytest.mark.skipif(int(Image.__version__.split(".")[0]) < 13, reason="an old version of Pillow")


def transparent(*values):
    """PNG's tRNS: the one colour that is transparent."""
    return b"tRNS", struct.pack(f">{len(values)}H", *values)


def shorts(*values, order=">"):
    return struct.pack(f"{order}{len(values)}H", *values)


PALETTE = b"PLTE", bytes([10, 20, 30, 40, 50, 60, 70, 80, 90])
WHITE = [255, 255, 255]
GREYS = {1: [0, 1, 1], 2: [0, 1, 3], 4: [0, 5, 15], 8: [0, 85, 255], 16: [0, 0x5580, 0xFFFF]}  # and as 8 bits:
SHOWN = {1: [0, 255, 255], **dict.fromkeys((2, 4, 8, 16), [0, 85, 255])}


def shown(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    return read(tmp_path / "a").tolist()


@pytest.mark.parametrize("bits", GREYS)
def test_grey_pngs_of_every_depth_with_a_transparent_value(tmp_path, bits):
    line = b"\0" + packed(GREYS[bits], bits)
    assert shown(tmp_path, png(3, 1, bits, 0, line)) == [[[grey] * 3 for grey in SHOWN[bits]]]
    for value in GREYS[bits][:2]:
        expected = [255 if stored == value else grey for stored, grey in zip(GREYS[bits], SHOWN[bits], strict=True)]
        assert shown(tmp_path, png(3, 1, bits, 0, line, transparent(value))) == [[[grey] * 3 for grey in expected]]


PNGS = {
    "colours of 8 bits, one transparent": (png(2, 1, 8, 2, b"\0\1\2\3\1\2\4", transparent(1, 2, 3)),
                                           [WHITE, [1, 2, 4]]),
    "of 16 bits": (png(2, 1, 16, 2, b"\0" + shorts(0xFFFF, 0x8000, 0xFF, 1, 256, 0x1FF)), [[255, 128, 0], [0, 1, 1]]),
    "of 16 bits, one transparent, which only its lower bytes tell from others": (
        png(3, 1, 16, 2, b"\0" + shorts(0x1234, 0x5678, 0x9ABC, 0x1235, 0x5678, 0x9ABC, 0x1234, 0x5678, 0x9BBC),
            transparent(0x1234, 0x5678, 0x9ABC)), [WHITE, [0x12, 0x56, 0x9A], [0x12, 0x56, 0x9B]]),
    "of 16 bits with opacity": (png(3, 1, 16, 6, b"\0" + shorts(30000, 0, 65535, 65535, 1, 2, 3, 0,
                                                                30000, 0, 0, 0x8080)),
                                [[117, 0, 255], WHITE, [186, 127, 127]]),
    "grey of 8 bits with opacity": (png(3, 1, 8, 4, b"\0" + bytes([117, 255, 117, 0, 117, 128])),
                                    [[117] * 3, WHITE, [186] * 3]),
    "grey of 16 bits with opacity": (png(3, 1, 16, 4, b"\0" + shorts(30000, 65535, 30000, 0, 30000, 0x8080)),
                                     [[117] * 3, WHITE, [186] * 3]),
    **{f"a palette of {bits} bits": (png(3, 1, bits, 3, b"\0" + packed([2, 1, 0], bits), PALETTE),
                                     [[70, 80, 90], [40, 50, 60], [10, 20, 30]]) for bits in (2, 4, 8)},
    "a palette, one transparent": (png(3, 1, 2, 3, b"\0" + packed([2, 1, 0], 2), PALETTE, (b"tRNS", b"\xff\0")),
                                   [[70, 80, 90], WHITE, [10, 20, 30]]),
    "a palette with opacities": (png(3, 1, 4, 3, b"\0" + packed([2, 1, 0], 4), PALETTE, (b"tRNS", b"\xff\0\x80")),
                                 [[162, 167, 172], WHITE, [10, 20, 30]]),
}


@pytest.mark.parametrize("kind", PNGS)
def test_pngs(tmp_path, kind):
    content, expected = PNGS[kind]
    assert np.abs(np.subtract(shown(tmp_path, content)[0], expected)).max() <= ("opacit" in kind)  # rounded


@pytest.mark.parametrize("right, down, piece", [(3, 5, 4), (9, 2, 4), (1, 9, 4), (5, 3, 1)])
def test_piece_by_piece_the_same_as_at_once(tmp_path, monkeypatch, right, down, piece):
    values = np.random.default_rng(0).integers(0, 2**16, (down, right, 3)).astype(">u2")
    lines = b"".join(b"\0" + row.tobytes() for row in values)
    files = [png(right, down, 16, 2, lines, transparent(*values[-1, -1])),
             png(right, down, 16, 0, b"".join(b"\0" + row.tobytes() for row in values[..., 0]))]
    expected = [shown(tmp_path, content) for content in files]
    assert expected[0][-1][-1] == WHITE and np.array_equal(np.array(expected[1])[..., 0], values[..., 0] >> 8)
    monkeypatch.setattr(colors, "PIECE", piece)
    assert [shown(tmp_path, content) for content in files] == expected


def test_a_16_bit_png_of_one_transparent_colour_turned_and_interlaced(tmp_path):
    """The lower bytes are decoded as the upper ones are."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = b"eXIf", exif.tobytes()[6:]
    content = png(2, 1, 16, 2, b"\0" + shorts(1, 2, 3, 0x101, 2, 3), turned, transparent(1, 2, 3))
    assert shown(tmp_path, content) == [[WHITE], [[1, 0, 0]]]
    interlaced = bytearray(png(1, 1, 16, 2, b"\0" + shorts(1, 2, 3), transparent(1, 2, 3)))
    interlaced[28] = 1
    interlaced[29:33] = struct.pack(">I", zlib.crc32(interlaced[12:29]))
    assert shown(tmp_path, bytes(interlaced)) == [[WHITE]]


# TIFF's tags, and what each stands for.
BITS, COMPRESSION, MEANING, SAMPLES, PLANES, EXTRA, SIGN = 258, 259, 262, 277, 284, 338, 339
BLACK_IS_0, WHITE_IS_0, RGB, INDEX, CMYK, YCBCR, LAB = 1, 0, 2, 3, 5, 6, 8
RAW, DEFLATED = 1, 8


@pytest.fixture(params=[("<", RAW), ("<", DEFLATED), (">", RAW), (">", DEFLATED)], ids=str)
def shown_tiff(tmp_path, request):
    """Reads a TIFF of one row, in both byte orders, compressed and not. 16 bits are given as numbers."""
    order, compression = request.param

    def row(width, data, tags, height=1):
        data = data if isinstance(data, bytes) else shorts(*data, order=order)
        data = data if compression == RAW else zlib.compress(data)
        return shown(tmp_path, tiff(width, height, data, {COMPRESSION: compression, **tags}, order))
    row.order, row.compression = order, compression
    return row


@pytest.mark.parametrize("bits, values, greys", [(1, [0, 1], [0, 255]), (2, [1, 3], [85, 255]), (4, [1, 15], [17, 255]),
                                                 (8, [78, 255], [78, 255]), (16, [20000, 65535], [78, 255])])
def test_grey_tiffs_whether_black_or_white_is_0(shown_tiff, bits, values, greys):
    data = values if bits == 16 else packed(values, bits)
    assert shown_tiff(2, data, {BITS: bits, MEANING: BLACK_IS_0}) == [[[grey] * 3 for grey in greys]]
    if bits == 16 and shown_tiff.order == ">":
        with pytest.raises(DataError):                     # Pillow does not read them
            shown_tiff(2, data, {BITS: bits, MEANING: WHITE_IS_0})
    else:
        assert shown_tiff(2, data, {BITS: bits, MEANING: WHITE_IS_0}) == [[[255 - grey] * 3 for grey in greys]]


@pytest.mark.parametrize("meaning", [BLACK_IS_0, WHITE_IS_0])
def test_12_bits_are_right_or_refused(shown_tiff, meaning):
    data = packed([4095, 0, 2048], 12) + packed([1024, 16, 15], 12)                  # each row begins with a byte
    if shown_tiff.order == "<" and meaning == BLACK_IS_0:
        expected = [[[255] * 3, [0] * 3, [128] * 3], [[64] * 3, [1] * 3, [0] * 3]]
        assert shown_tiff(3, data, {BITS: 12, MEANING: meaning}, height=2) == expected
    else:
        with pytest.raises(DataError):
            shown_tiff(3, data, {BITS: 12, MEANING: meaning}, height=2)


@pillow_13
@pytest.mark.parametrize("extra, grey, color", [(0, [50] * 3, [50, 60, 70]),                       # something else
                                                (1, [177] * 3, [177, 187, 197]),                   # already times a
                                                (2, [152] * 3, [152, 157, 162])])
def test_tiffs_with_opacity(shown_tiff, extra, grey, color):
    values = [50, 60, 70, 128, 9, 10, 11, 255]
    tags = {BITS: (8,) * 4, MEANING: RGB, SAMPLES: 4, EXTRA: extra}
    deep = shown_tiff(2, [256 * value for value in values], {**tags, BITS: (16,) * 4})
    for got in shown_tiff(2, bytes(values), tags), deep:
        assert np.abs(np.subtract(got[0], [color, [9, 10, 11]])).max() <= 1
    tags = {BITS: (8, 8), MEANING: BLACK_IS_0, SAMPLES: 2, EXTRA: extra}
    got = shown_tiff(2, bytes([50, 128, 9, 255]), tags)
    assert np.abs(np.subtract(got[0], [grey, [9] * 3])).max() <= 1


@pillow_13
def test_other_tiffs(shown_tiff):
    deep = shown_tiff(1, [0x1234, 0x5678, 0x9ABC], {BITS: (16,) * 3, MEANING: RGB, SAMPLES: 3})
    assert deep == [[[0x12, 0x56, 0x9A]]]
    inks = shown_tiff(3, bytes([255, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 128]), {BITS: (8,) * 4, MEANING: CMYK, SAMPLES: 4})
    assert inks == [[[0, 255, 255], [255, 255, 0], [127, 127, 127]]]
    colours = tuple(256 * value for plane in range(3) for value in range(plane, 48, 3))            # 0 1 2, 3 4 5, ...
    assert shown_tiff(2, packed([1, 2], 4), {BITS: 4, MEANING: INDEX, 320: colours}) == [[[3, 4, 5], [6, 7, 8]]]
    # JFIF: red (255, 0, 0) has the brightness 76, Cb 85, Cr 255
    tags = {BITS: (8,) * 3, MEANING: YCBCR, SAMPLES: 3, 530: (1, 1)}
    got = shown_tiff(2, bytes([76, 85, 255, 255, 128, 128]), tags)
    assert np.abs(np.subtract(got[0], [[255, 0, 0], WHITE])).max() <= 1
    # sRGB's red is L* 53.2 of 100, a* 80.1, b* 67.2
    got = shown_tiff(2, struct.pack("BbbBbb", 136, 80, 67, 255, 0, 0), {BITS: (8,) * 3, MEANING: LAB, SAMPLES: 3})
    assert np.abs(np.subtract(got[0], [[255, 0, 0], WHITE])).max() <= 12


def test_planes_one_after_the_other(tmp_path):
    tags = {BITS: (8,) * 3, MEANING: RGB, SAMPLES: 3, PLANES: 2, 273: (8, 10, 12), 279: (2, 2, 2)}
    assert shown(tmp_path, tiff(2, 1, bytes([1, 2, 3, 4, 5, 6]), tags)) == [[[1, 3, 5], [2, 4, 6]]]


def test_tiffs_without_a_meaning_are_refused(shown_tiff):
    for bits, data, sign, message in [(16, [20000, 3], 2, "signed numbers"), (8, bytes([20, 3]), 2, "signed numbers"),
                                      (32, struct.pack(shown_tiff.order + "2f", 1, 2), 3, "floating-point numbers")]:
        with pytest.raises(DataError, match=f"its values are {message}, of which nothing says what is white"):
            shown_tiff(2, data, {BITS: bits, MEANING: BLACK_IS_0, SIGN: sign})


def test_colours_at_half_the_resolution(shown_tiff):
    """TIFF's default for YCbCr is one colour for 2x2 pixels, which Pillow reads where they are compressed."""
    tags = {BITS: (8,) * 3, MEANING: YCBCR, SAMPLES: 3}
    if shown_tiff.compression == RAW:
        with pytest.raises(DataError, match="colours have fewer pixels than its brightness, and are not compressed"):
            shown_tiff(2, bytes([76, 76, 76, 76, 85, 255]), tags, height=2)
    else:
        got = shown_tiff(2, bytes([76, 76, 76, 76, 85, 255]), tags, height=2)
        assert np.abs(np.subtract(got, [[[255, 0, 0]] * 2] * 2)).max() <= 1


@pytest.mark.parametrize("content, expected", [
    (b"P1\n3 1\n1 0 1", [0, 255, 0]), (b"P4\n3 1\n\xa0", [0, 255, 0]),                # 1 is black
    (b"P2\n3 1\n255\n0 85 255", [0, 85, 255]), (b"P5\n3 1\n255\n\x00\x55\xff", [0, 85, 255]),
    (b"P5\n3 1\n3\n\0\1\3", [0, 85, 255]), (b"P5 3 1 65535 " + shorts(0, 0x5580, 0xFFFF), [0, 85, 255]),
    (b"P5 3 1 1023 " + shorts(0, 341, 1023), [0, 85, 255])])
def test_grey_maps(tmp_path, content, expected):
    assert shown(tmp_path, content) == [[[grey] * 3 for grey in expected]]


def test_pixel_maps(tmp_path):
    assert shown(tmp_path, b"P6 # made by hand\n1 2 255\n\1\2\3\4\5\6") == [[[1, 2, 3]], [[4, 5, 6]]]
    assert shown(tmp_path, b"P3 1 1 15 15 5 0") == [[[255, 85, 0]]]
    assert shown(tmp_path, b"P6 1 1 65535\n" + shorts(0xFFFF, 0x5555, 0)) == [[[255, 85, 0]]]
    with pytest.raises(DataError):                         # floating-point numbers, which old versions do not know
        shown(tmp_path, b"Pf 1 1 -1.0\n" + struct.pack("<f", 0.5))


def bitmap(bits, data, *masks, height=1):
    """A BMP of one pixel; with masks, one for each of red, green, blue and opacity."""
    length, kind, rest = (108, 3, 52) if masks else (40, 0, 0)
    fields = struct.pack("<IiiHHIIiiII", length, 1, height, 1, bits, kind, len(data), 0, 0, 0, 0)
    fields += struct.pack(f"<{len(masks)}I", *masks) + bytes(rest)
    return b"BM" + struct.pack("<IHHI", 14 + len(fields) + len(data), 0, 0, 14 + len(fields)) + fields + data


@pytest.mark.parametrize("content, expected", [
    (bitmap(24, b"\3\2\1\0"), [1, 2, 3]), (bitmap(24, b"\3\2\1\0", height=-1), [1, 2, 3]),
    (bitmap(32, b"\3\2\1\0"), [1, 2, 3]),                                            # the fourth byte means nothing
    (bitmap(16, struct.pack("<HH", 0b11111_00000_10000, 0)), [255, 0, 132]),
    (bitmap(32, b"\3\2\1\0", 0xFF0000, 0xFF00, 0xFF, 0xFF000000), [255, 255, 255]),
    (bitmap(32, b"\0\0\xc8\x80", 0xFF0000, 0xFF00, 0xFF, 0xFF000000), [227, 127, 127])])
def test_bitmaps(tmp_path, content, expected):
    assert np.abs(np.subtract(shown(tmp_path, content), expected)).max() <= 1


def test_of_a_moving_picture_the_first_image(tmp_path):
    frames = [Image.new("RGBA", (4, 3), colour) for colour in ((255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255))]
    for kind, options in ("WEBP", {"lossless": True}), ("PNG", {}), ("GIF", {}), ("TIFF", {}):
        buffer = io.BytesIO()
        frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], **options)
        assert (np.array(shown(tmp_path, buffer.getvalue())) == (255, 0, 0)).all(), kind
    buffer = io.BytesIO()
    frames[0].convert("RGB").save(buffer, "MPO", save_all=True, append_images=[frames[1].convert("RGB")])
    assert np.abs(np.subtract(shown(tmp_path, buffer.getvalue()), (255, 0, 0))).max() <= 2
