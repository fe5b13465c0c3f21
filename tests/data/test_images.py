"""Photographs: every form a file may have, the square that is cut from them, and folders of them."""
import gc
import io
import os
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pictures import png, tiff

from tinynet.data import DataError, ImageFolder
from tinynet.data.photos import photograph, together
from tinynet.data.photos.photograph import prepare, read

Image = pytest.importorskip("PIL.Image")

rng = np.random.default_rng(0)
SMOOTH = np.stack(np.meshgrid(np.arange(40) * 6, np.arange(30) * 8), axis=-1).astype(np.uint8)  # (30, 40, 2)
COLOUR = np.concatenate([SMOOTH, 255 - SMOOTH[..., :1]], axis=-1)                               # (30, 40, 3)
GREY = SMOOTH[..., 0]


def save(path, image, **options):
    """Write an array or a Pillow image to `path`; a format given as `format` need not fit the name."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, **options)
    return path


def repeated(grey):
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.mark.parametrize("kind, options, tolerance", [
    ("PNG", {}, 0), ("BMP", {}, 0), ("TIFF", {}, 0), ("TIFF", {"compression": "tiff_lzw"}, 0),
    ("WEBP", {"lossless": True}, 0), ("JPEG", {"quality": 95, "subsampling": 0}, 4)])
def test_every_format_whatever_the_name_says(tmp_path, kind, options, tolerance):
    for name in "a.JPEG", "b.png", "c":
        image = read(save(tmp_path / name, COLOUR, format=kind, **options))
        assert image.shape == (30, 40, 3) and image.dtype == np.uint8
        assert np.abs(image.astype(int) - COLOUR).max() <= tolerance
        assert image.flags.writeable and image.flags.c_contiguous
    assert np.array_equal(read(str(tmp_path / "c")), image)


def test_the_first_frame_of_several(tmp_path):
    first, second = (Image.new("RGB", (5, 4), colour) for colour in ("red", "blue"))
    for name in "a.gif", "a.tif":
        first.save(tmp_path / name, save_all=True, append_images=[second])
        assert (read(tmp_path / name) == (255, 0, 0)).all()


def test_grey_becomes_three_equal_channels(tmp_path):
    assert np.array_equal(read(save(tmp_path / "8.png", GREY)), repeated(GREY))
    assert np.array_equal(read(save(tmp_path / "1.png", Image.fromarray(GREY > 99))), repeated((GREY > 99) * 255))


@pytest.mark.parametrize("name", ["16.png", "16.tif"])
def test_of_16_bits_the_upper_8(tmp_path, name):
    deep = np.array([[0, 255, 256], [0x7FFF, 0x8000, 0xFFFF]], np.uint16)
    assert np.array_equal(read(save(tmp_path / name, deep)), repeated(np.array([[0, 0, 1], [127, 128, 255]])))


def test_16_bits_in_32_and_values_without_a_white(tmp_path):
    wide = np.array([[0, 256, 0xFFFF]], np.int32)
    assert read(save(tmp_path / "32.tif", wide))[0, :, 0].tolist() == [0, 1, 255]
    with pytest.raises(DataError, match="grey values from 1 to 65536, which 16 bits do not hold"):
        read(save(tmp_path / "32.tif", wide + 1))
    with pytest.raises(DataError, match="floating-point numbers, of which nothing says what is white"):
        read(save(tmp_path / "f.tif", wide.astype(np.float32)))


def test_16_bits_of_colour(tmp_path):
    (tmp_path / "48.png").write_bytes(png(1, 2, 16, 2, b"\0\xff\xff\x80\0\0\xff" + b"\0\0\0\1\0\2\0"))
    assert read(tmp_path / "48.png").tolist() == [[[255, 128, 0]], [[0, 1, 2]]]


def test_cmyk_from_a_jpeg_in_adobes_inverted_form(tmp_path):
    inks = np.zeros((8, 8 * 5, 4), np.uint8)
    for i, ink in enumerate([(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255)]):
        inks[:, 8 * i:8 * i + 8] = ink
    path = save(tmp_path / "cmyk.jpg", Image.fromarray(inks, "CMYK"), quality=100, subsampling=0)
    assert b"Adobe" in path.read_bytes()[:100]
    expected = [(255, 255, 255), (0, 255, 255), (255, 0, 255), (255, 255, 0), (0, 0, 0)]
    assert np.abs(read(path)[4, 4::8].astype(int) - expected).max() <= 3


def test_what_is_transparent_lies_on_white(tmp_path):
    alpha = np.array([[255, 128, 0]], np.uint8)
    red = np.concatenate([np.full((1, 3, 3), (200, 0, 0)), alpha[..., None]], axis=2).astype(np.uint8)
    expected = [[200, 0, 0], [227, 127, 127], [255, 255, 255]]  # 128 of 255 of the colour, the rest white
    for name in "rgba.png", "rgba.tif", "rgba.webp":
        options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
        assert np.abs(read(save(tmp_path / name, red, **options))[0].astype(int) - expected).max() <= 1
    grey = Image.merge("LA", [Image.new("L", (3, 1), 200), Image.fromarray(alpha)])
    assert read(save(tmp_path / "la.png", grey))[0, :, 0].tolist() == [200, 227, 255]


def test_palettes_with_and_without_transparency(tmp_path):
    indexed = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "L").convert("P")
    indexed.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    plain = [[10, 20, 30], [40, 50, 60], [70, 80, 90]]
    holed = [[10, 20, 30], [255, 255, 255], [70, 80, 90]]
    half = [[10, 20, 30], [255, 255, 255], [162, 167, 172]]
    for name, options, expected in [("p.png", {}, plain), ("p.gif", {}, plain), ("one.png", {"transparency": 1}, holed),
                                    ("one.gif", {"transparency": 1}, holed),
                                    ("bytes.png", {"transparency": bytes([255, 0, 128])}, half)]:
        assert np.abs(read(save(tmp_path / name, indexed, **options))[0].astype(int) - expected).max() <= 1, name


def test_one_colour_that_stands_for_transparent(tmp_path):
    image = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    assert read(save(tmp_path / "rgb.png", image, transparency=(1, 2, 3)))[0].tolist() == [[255] * 3, [4, 5, 6]]
    assert read(save(tmp_path / "l.png", image[..., 0], transparency=1))[0].tolist() == [[255] * 3, [4] * 3]


def swapped(image):
    return image.transpose(1, 0, 2)


UPRIGHT = {2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],  # the EXIF standard's table:
           5: swapped,                              # the first row stored is the left edge, the first column the top
           6: lambda a: swapped(a)[:, ::-1],        # the right edge, the top
           7: lambda a: swapped(a)[::-1, ::-1],     # the right edge, the bottom
           8: lambda a: swapped(a)[::-1]}           # the left edge, the bottom


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_the_right_way_up(tmp_path, orientation, name):
    exif = Image.Exif()
    exif[photograph.ORIENTATION] = orientation
    got, stored = read(save(tmp_path / name, COLOUR, exif=exif)), read(save(tmp_path / ("2" + name), COLOUR))
    assert np.array_equal(got, UPRIGHT.get(orientation, np.asarray)(stored))


@pytest.mark.parametrize("exif", [
    b"Exif\0\0", b"Exif\0\0MM\0\x2a\0\0\xff\xff", b"Exif\0\0nonsense of eight and more",
    # one entry, 0x010F, of 1000 letters at a place beyond the end
    b"Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xe8\x03\0\0\0\x10\0\0\0\0\0\0"])
def test_damaged_metadata_do_not_matter(tmp_path, exif):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert read(save(tmp_path / "a.jpg", COLOUR, exif=exif)).shape == COLOUR.shape
    assert said == []


def encoded(kind):
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(buffer, kind)
    return buffer.getvalue()


BAD = {"empty": (b"", "got an empty file"),
       "text": (b"<html>not found</html>", "got 22 bytes that begin with b'<html>no'"),
       "another kind": (b"8BPS\0\1" + bytes(99), "that begin with b'8BPS"),  # Pillow could read this one
       "only a header": (encoded("JPEG")[:100], "that cannot be decoded"),
       **{f"cut {kind}": (encoded(kind)[:-1500], "bytes that") for kind in photograph.FORMATS if kind != "TIFF"},
       "cut TIFF": (encoded("TIFF")[:3000], "bytes that"),
       "damaged PNG": (encoded("PNG").replace(b"IDAT", b"IDAT\0\1\2"), "that cannot be decoded")}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_a_whole_image(tmp_path, kind):
    content, message = BAD[kind]
    (tmp_path / "a.JPEG").write_bytes(content)
    with pytest.raises(DataError, match="an image .JPEG, PNG, GIF, BMP, WEBP, TIFF, PPM.*Replace or del") as error:
        read(tmp_path / "a.JPEG")
    assert str(error.value).startswith(str(tmp_path / "a.JPEG")) and message in str(error.value)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nothing")


@pytest.mark.parametrize("content, message", [
    (png(2**14, 2**13 + 1, 8, 2, b""), "at most 134,217,728 pixels, got 16,384 x 8,193. Scale it down"),
    (png(2**15, 2**15, 8, 2, b""), "at most 134,217,728 pixels, got .*1073741824 pixels.*, and PIL.Image.MAX_IMAGE_P"),
    (png(2**16 + 1, 1, 8, 2, b""), "at most 65,536 pixels in a row or column, got 65,537 x 1. Scale .*MOST_SIDE high"),
    (tiff(16, 16, b"", {258: 8, 262: 1, 322: 2**15, 323: 2**14, 324: 8, 325: 1}),
     "at most 134,217,728 pixels, got tiles of 32,768 x 16,384. Scale .*tinynet.data.photos.photograph.MOST_PIXELS")])
def test_a_huge_image_is_refused_by_its_header(tmp_path, content, message):
    (tmp_path / "a").write_bytes(content)                  # without pixels: decoded, it were "cut short"
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_what_is_no_file_is_not_opened(tmp_path):
    """To open a named pipe for reading waits for somebody who writes."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to("/dev/zero")
    for name, got in ("pipe.jpg", "a named pipe"), ("link.jpg", "a device"), ("", "a folder"):
        error = run("""
import sys
from tinynet.data import DataError
from tinynet.data.photos.photograph import read
try: read(sys.argv[1])
except DataError as error: print(error)
""", tmp_path / name)
        assert error == f"{tmp_path / name}: expected a file, got {got}. Name another file, or move it away.\n"


def test_the_limits_can_be_raised(tmp_path, monkeypatch):
    path = save(tmp_path / "a.webp", COLOUR, lossless=True)
    for name, value, message in [("MOST_PIXELS", 3 * 30 * 40 - 1, "got 40 x 30, 3 times as many for WEBP's decoder"),
                                 ("MOST_SIDE", 39, "at most 39 pixels in a row or column, got 40 x 30"),
                                 ("MOST_BYTES", path.stat().st_size - 1, "a file of at most .* bytes, got ")]:
        monkeypatch.setattr(photograph, name, value)
        with pytest.raises(DataError, match=f"{message}.*{name}"):
            read(path)
        monkeypatch.setattr(photograph, name, value + 1)
        assert np.array_equal(read(path), COLOUR)


def test_what_does_not_fit_into_memory_is_reported(tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError
    monkeypatch.setattr(photograph, "write_rgb", fail)
    with pytest.raises(DataError, match="expected an image that fits into memory, got one that does not"):
        read(save(tmp_path / "a.png", COLOUR))


def run(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


TURNED = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6
PEAK = """
import sys, PIL.Image
from tinynet.data.photos.photograph import read, read_square
def peak(): return 1024 * int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
read_square(sys.argv[1], 8)  # whatever is loaded at the first use
before = peak()
try: read_square(sys.argv[2], 256)
except ValueError as error: print(error, file=sys.stderr)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory from Linux")
@pytest.mark.parametrize("mode, name, options, most", [
    ("RGBA", "a.png", {}, 7), ("RGB", "a.png", {"exif": TURNED}, 7), ("LA", "a.png", {}, 7), ("I;16", "a.png", {}, 7),
    ("P", "a.gif", {}, 7), ("CMYK", "a.jpg", {"progressive": True}, 12), ("RGB", "a.tif", {"exif": TURNED}, 8),
    ("RGBA", "a.webp", {"lossless": True, "method": 0}, 7 * photograph.WEBP_PIXEL)])
def test_how_much_memory_a_pixel_takes(tmp_path, mode, name, options, most):
    side, few = 3000, 20e6                                 # and what a piece takes
    small, path = save(tmp_path / ("small" + name), Image.new(mode, (9, 9)), **options), tmp_path / name
    save(path, Image.new(mode, (side, side)), **options)
    assert int(run(PEAK, small, path)) < most * side ** 2 + few


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory from Linux")
def test_small_files_with_much_behind_them_take_little_memory(tmp_path):
    much = zlib.compress(bytes(2**27))
    (tmp_path / "text").write_bytes(png(1, 1, 8, 2, bytes(4), (b"zTXt", b"a\0\0" + much)))
    (tmp_path / "colours").write_bytes(png(1, 1, 8, 2, bytes(4), (b"iCCP", b"a\0\0" + much)))
    (tmp_path / "tile").write_bytes(tiff(16, 16, much, {258: 8, 259: 8, 262: 1, 322: 2**15, 323: 2**12 + 16, 324: 8,
                                                        325: len(much)}))
    # A run-length bitmap, and in it one jump upwards of 255 rows.
    header = struct.pack("<IiiHHIIiiII", 40, 2**26, 1, 1, 8, 1, 4, 0, 0, 1, 0)
    (tmp_path / "jump").write_bytes(b"BM" + struct.pack("<IHHI", 62, 0, 0, 58) + header + bytes(4) + b"\0\2\xff\xff")
    small = save(tmp_path / "small.png", COLOUR)
    for name in "text", "colours", "tile", "jump":
        assert int(run(PEAK, small, tmp_path / name)) < 20e6, name


def test_threads_wait_for_each_other_where_images_are_large(tmp_path, monkeypatch):
    """Two of 30x40 pixels may be read at once, not three; and one that is larger than what there is room for, alone."""
    monkeypatch.setattr(photograph, "MOST_PIXELS", 2 * 30 * 40 + 600)
    paths = [save(tmp_path / "a.png", COLOUR), save(tmp_path / "b.png", COLOUR.repeat(2, axis=0))] * 10
    inside, most, lock = [], [], threading.Lock()
    load = photograph.load

    def watched(image, file):
        with lock:
            inside.append(image.width * image.height)
            most.append(sum(inside))
        time.sleep(0.005)
        lower = load(image, file)
        with lock:
            inside.remove(image.width * image.height)
        return lower
    monkeypatch.setattr(photograph, "load", watched)
    with ThreadPoolExecutor(8) as pool:
        shapes = [image.shape for image in pool.map(read, paths)]
    assert shapes == [(30, 40, 3), (60, 40, 3)] * 10 and 30 * 40 < max(most) <= photograph.MOST_PIXELS
    assert together.room.taken == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_fork_beside_a_thread_that_reads(tmp_path):
    """The thread is not in the new process, but what it held would be."""
    assert run("""
import os, sys, threading, warnings
from tinynet.data.photos import photograph, together
inside, done = threading.Event(), threading.Event()
def work():
    with together.quiet, together.room.of(photograph.MOST_PIXELS, photograph.MOST_PIXELS), together.room.changed:
        inside.set(); done.wait()
thread = threading.Thread(target=work); thread.start(); inside.wait()
child = os.fork()
if child == 0:
    print(photograph.read(sys.argv[1]).shape, flush=True); os._exit(0)
os.waitpid(child, 0); done.set(); thread.join()
""", save(tmp_path / "a.png", COLOUR)) == "(30, 40, 3)\n"


def test_large_images_are_read_without_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30 * 40 - 1)
    path = save(tmp_path / "a.png", COLOUR)
    with pytest.raises(Image.DecompressionBombWarning):
        Image.open(path)
    assert np.array_equal(read(path), COLOUR)


def test_from_many_threads_the_filters_of_warnings_stay_as_they_were(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30 * 40 - 1)
    path, before, failed = save(tmp_path / "a.png", COLOUR), list(warnings.filters), []

    def work():
        for _ in range(30):
            try:
                read(path)
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == [] and warnings.filters == before


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts the open files of Linux")
def test_no_file_stays_open(tmp_path):
    paths = [save(tmp_path / f"{kind}.x", COLOUR, format=kind) for kind in photograph.FORMATS]
    for kind, (content, _) in BAD.items():
        paths.append(tmp_path / kind.replace(" ", "_"))
        paths[-1].write_bytes(content)
    errors, before = [], len(os.listdir("/proc/self/fd"))
    for path in paths:
        try:
            read(path)
        except DataError as error:
            errors.append(error)
    assert len(errors) == len(BAD) and len(os.listdir("/proc/self/fd")) == before
    gc.collect()  # an unclosed file would warn here


@pytest.mark.parametrize("shape", [(8, 8), (8, 13), (14, 8)])
def test_an_image_of_the_right_size_is_only_cut(shape):
    image = rng.integers(0, 256, (*shape, 3), np.uint8)
    top, left = ((n - 8) // 2 for n in shape)
    assert np.array_equal(prepare(image, 8), image[top:top + 8, left:left + 8])
    assert prepare(image, 8).flags.writeable


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("size", [60, 120, 180])
def test_the_shorter_side_is_scaled_and_the_centre_kept(size, turned):
    """Straight from the paper: scale the whole image first, then cut."""
    image = np.asarray(Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize((160, 120)))
    width, height, cut = size * 4 // 3, size, np.s_[:, size // 6:size // 6 + size]
    if turned:
        image, width, height, cut = np.ascontiguousarray(image.transpose(1, 0, 2)), height, width, cut[::-1]
    scaled = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
    assert np.array_equal(prepare(image, size), scaled[cut])


def test_making_smaller_takes_means():
    board = repeated(np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)  # without antialiasing: 0 or 255
    assert np.abs(prepare(board, 8).astype(int) - 128).max() <= 4


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (1, 1), (3, 2)])
def test_narrow_and_small_images_are_enlarged(shape):
    assert (prepare(np.full((*shape, 3), 77, np.uint8), 256) == 77).all()
    assert prepare(np.full((*shape, 3), 77, np.uint8)).shape == (256, 256, 3)


@pytest.mark.parametrize("image, size, message", [
    (GREY, 8, r"got shape \(30, 40\) of uint8"), (COLOUR[:0], 8, r"got shape \(0, 40, 3\)"),
    (COLOUR.astype(np.float32), 8, "of float32"), (COLOUR, 0, "prepare size: expected a whole number of 1 or more")])
def test_wrong_arguments_of_prepare(image, size, message):
    with pytest.raises(ValueError, match=message):
        prepare(image, size)


def tree(root, *names):
    """Small images under these names, each with a colour of its own."""
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        save(root / name, np.full((2, 3, 3), i, np.uint8), format="PNG")
    return root


def test_a_folder_of_photographs(tmp_path):
    names = "dog/b.PNG", "dog/a.jpeg", "cat/deep/er/z.webp", "cat/x.Gif", "Ant/1.tiff", "dog/a/c.bmp"
    root = tree(tmp_path / "r", *names)
    folder = ImageFolder(root)
    assert folder.root == root and folder.classes == ("Ant", "cat", "dog") and len(folder) == 6
    assert folder.paths == ["Ant/1.tiff", "cat/deep/er/z.webp", "cat/x.Gif", "dog/a.jpeg", "dog/a/c.bmp", "dog/b.PNG"]
    assert folder.labels.tolist() == [0, 1, 1, 2, 2, 2] and folder.labels.dtype == np.int64
    assert [(image.shape, image.max(), label) for image, label in (folder[i] for i in range(6))] == [
        ((2, 3, 3), colour, label) for colour, label in [(4, 0), (2, 1), (3, 1), (1, 2), (5, 2), (0, 2)]]
    assert folder[-1][1] == 2
    with pytest.raises(IndexError):
        folder[6]


def test_the_order_is_not_that_of_the_file_system(tmp_path, monkeypatch):
    root = tree(tmp_path, *(f"{name}/{i}.png" for name in "cab" for i in (3, 1, 2)))
    expected = [f"{name}/{i}.png" for name in "abc" for i in (1, 2, 3)]
    walk, iterdir = os.walk, Path.iterdir
    monkeypatch.setattr(os, "walk", lambda *a, **k: ((f, d, n[::-1]) for f, d, n in walk(*a, **k)))
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(sorted(iterdir(self), reverse=True)))
    assert ImageFolder(root).paths == expected


def test_what_is_hidden_or_no_image_is_left_out(tmp_path):
    root = tree(tmp_path, "a/1.png", "b/2.png", "a/.hidden.png", ".tinynet-256/x/3.png", "b/.cache/4.png")
    for name in "a/readme.txt", "a/Thumbs.db", "b/5.png.part", "list.csv", "6.png":
        (root / name).write_text("")
    folder = ImageFolder(root)
    assert folder.paths == ["a/1.png", "b/2.png"] and folder.classes == ("a", "b")
    assert folder.others == {".txt": 1, ".db": 1, ".part": 1}                        # in the classes, visible


@pytest.mark.parametrize("name", ["a.jfif", "a.JFIF", "a.ppm", "a.pgm", "a.pbm", "a.pnm"])
def test_other_names_of_images(tmp_path, name):
    root = tree(tmp_path, "x/1.png", "y/2.png")
    kind = "JPEG" if name.endswith(("jfif", "JFIF")) else "PPM"
    save(root / "x" / name, Image.new({"a.pgm": "L", "a.pbm": "1"}.get(name, "RGB"), (3, 2)), format=kind)
    folder = ImageFolder(root)
    assert folder.paths == ["x/1.png", f"x/{name}", "y/2.png"] and not folder.others
    assert folder[1][0].tolist() == np.zeros((2, 3, 3)).tolist()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_to_files_and_to_classes(tmp_path):
    store = tree(tmp_path / "store", "1.png", "2.png", "3.png")
    (tmp_path / "r" / "a").mkdir(parents=True)
    (tmp_path / "r" / "a" / "link.png").symlink_to(store / "2.png")
    (tmp_path / "r" / "a" / "loop").symlink_to(tmp_path / "r")
    (tmp_path / "r" / "b").symlink_to(store)
    folder = ImageFolder(tmp_path / "r")
    assert folder.paths == ["a/link.png", "b/1.png", "b/2.png", "b/3.png"] and folder[0][0].max() == 1


def test_the_classes_of_the_training_set(tmp_path):
    root = tree(tmp_path, "b/1.png", "d/2.png")
    folder = ImageFolder(root, classes=("a", "b", "c", "d"))
    assert folder.classes == ("a", "b", "c", "d") and folder.labels.tolist() == [1, 3]
    with pytest.raises(DataError, match="folders of the 2 classes of the training set, got also b, d"):
        ImageFolder(root, classes=("a", "c"))


def test_wrong_folders(tmp_path):
    root = tree(tmp_path / "r", "a/1.png")
    with pytest.raises(DataError, match="missing: expected a folder.*got nothing of this name"):
        ImageFolder(tmp_path / "missing")
    with pytest.raises(DataError, match="1.png: expected a folder.*got a file"):
        ImageFolder(root / "a" / "1.png")
    with pytest.raises(DataError, match="one folder of images for each class, got 1 files and no folder"):
        ImageFolder(root / "a")
    with pytest.raises(DataError, match="at least two classes, a folder for each, got only a"):
        ImageFolder(root)
    for name in "b", "c":
        (root / name).mkdir()
    (root / "c" / "notes.txt").write_text("")
    with pytest.raises(DataError, match="in the folder of every class, got none in b, c"):
        ImageFolder(root)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(tmp_path):
    root = tree(tmp_path, "a/1.png", "b/2.png", "b/locked/3.png")
    (root / "b" / "locked").chmod(0)
    try:
        with pytest.raises(PermissionError):
            ImageFolder(root)
    finally:
        (root / "b" / "locked").chmod(0o700)
