"""What is seen of images is the same bits on every device: crops, mirror images, colours, all minus the mean."""
import numpy as np
import pytest
from kernels_on_cpu import on_cpu  # noqa: F401 (a fixture)

from tinynet import gpu, simulated
from tinynet.data import Loader, Split, View
from tinynet.data.glance import Glance, look
from tinynet.devices.cuda import gpu_count
from tinynet.fast import operation
from tinynet.fast.cuda import glance, kernels

N, H, W, S = 20, 9, 11, 6
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (N, H, W, 3), np.uint8)
MEAN = RNG.uniform(100, 150, (H, W, 3)).astype(np.float32)
COLOR = (np.array([0.25, 0.01, 0.0004]), np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]]))
VIEWS = {
    "whole": View(MEAN), "scaled": View(MEAN, 60.0), "crop": View(MEAN, np.float64(61.0), S),
    "mirror": View(MEAN, mirror=True),
    "pad": View(MEAN, 60.0, pad=2, mirror=True), "beside": View(MEAN, 60.0, 3, True, pad=7, color=COLOR),
    "number": View(128, 60.0, S, True), "colour": View(MEAN[0, 0], 60.0, S, True, color=COLOR),
    "noise": View(MEAN, 60.0, S, True, color=COLOR), "2012": View(MEAN, 1.0, S, True, color=COLOR, noise="2012"),
    "jitter": View(MEAN[0, 0], 60.0, S, True, jitter=(6, 9), color=COLOR),
}
GREY = {name: View(view.mean if view.mean.ndim == 0 else view.mean.mean(axis=-1, keepdims=True), view.scale, view.crop,
                   view.mirror, None, view.pad) for name, view in VIEWS.items() if view.mean.ndim != 1}


def train(view, images, seed=7):
    return view.train(images, np.random.default_rng(seed))


def cases():
    for name, view in VIEWS.items():
        yield pytest.param(view, IMAGES, id=name)
        yield pytest.param(view, IMAGES[:1], id=f"{name}, batch 1")
    for name, view in GREY.items():
        yield pytest.param(view, IMAGES[..., :1], id=f"{name}, grey")


CASES = list(cases())


@pytest.mark.parametrize("view, images", CASES)
def test_the_kernel_sees_what_the_cpu_sees(on_cpu, monkeypatch, view, images):  # noqa: F811
    expected = train(view, images)
    monkeypatch.setitem(operation.ROOMS, "numpy", operation.ROOMS["cupy"])
    ran = []
    monkeypatch.setattr(glance, "start", lambda *args: ran.append(args) or kernels.start(*args))
    np.testing.assert_array_equal(train(view, images), expected)
    assert len(ran) == (view not in (VIEWS["whole"], VIEWS["scaled"], GREY["whole"], GREY["scaled"]))


@pytest.mark.parametrize("view, images", CASES)
def test_what_is_written_runs_on_every_device(view, images):
    device = simulated(0)
    here = device.asarray(images)
    np.testing.assert_array_equal(device.tohost(view.center(here)), view.center(images))
    for got, expected in zip(view.ten(here), view.ten(images), strict=True):
        np.testing.assert_array_equal(device.tohost(got), expected)
    if view.jitter:
        with pytest.raises(TypeError, match=r"View jitter: expected images on the host, .* got some of simulated\(0\)"):
            train(view, here)
    else:
        np.testing.assert_array_equal(device.tohost(train(view, here)), train(view, images))


def test_by_hand():
    """The crop of 2x2 at (-1, 1): its upper row is beside the image."""
    image = np.arange(6, dtype=np.uint8).reshape(1, 2, 3, 1)                              # 0 1 2 / 3 4 5
    for mirrored, expected in (0, [[0, 0], [2.5, 3]]), (1, [[0, 0], [3, 2.5]]):
        x = np.full((1, 2, 2, 1), np.nan, np.float32)
        look(image, np.array([0.5], np.float32), np.array([[-1, 1, mirrored]]), np.array([[4.5]]), 2.0, x, np)
        np.testing.assert_array_equal(x[0, :, :, 0], expected)


def test_the_two_halves_are_the_whole_and_the_images_stay_as_they_are_stored():
    for view in VIEWS.values():
        drawn = view.draw(IMAGES, np.random.default_rng(7))
        assert isinstance(drawn, Glance) and drawn.images.dtype == np.uint8
        np.testing.assert_array_equal(view.show(drawn), train(view, IMAGES))


def test_a_mean_is_sent_to_a_device_once_and_again_if_it_is_another():
    device, view, sent = simulated(0), View(MEAN), []
    here = device.asarray(IMAGES)
    for mean in MEAN, MEAN, MEAN + 1:
        view.mean = mean
        np.testing.assert_array_equal(device.tohost(view.center(here)), IMAGES - mean)
        sent.append(view._mean_on(device))
    assert sent[0] is sent[1] is not sent[2]


@pytest.mark.gpu
@pytest.mark.skipif(gpu_count() == 0, reason="needs CuPy and a CUDA device, found none")
@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_gpu_sees_the_same_bits_however_busy_it_is(resident, workers):
    """Matrix products keep it busy: the batches arrive, and their memory is used again, long before it is done."""
    device, rng = gpu(0), np.random.default_rng(0)
    images = rng.integers(0, 256, (400, 96, 96, 3), np.uint8)
    view = View(rng.uniform(100, 150, (96, 96, 3)), 60.0, 80, True, pad=2, color=COLOR)
    split = Split(images, np.arange(400))
    there = split._replace(images=device.asarray(images)) if resident else split
    on_gpu = Loader(there, 32, np.random.default_rng(1), view.draw, finish=view.show, device=device, workers=workers)
    on_cpu = Loader(split, 32, np.random.default_rng(1), view.train)  # noqa: F811
    with device:
        load = device.xp.ones((2048, 2048), np.float32)
    batches = 0
    for _ in range(16):                                                                   # 208 batches
        seen = []
        for x, labels in on_gpu.epoch():
            with device:
                for _ in range(5):
                    load = load @ load / 2048
                seen.append((x.copy(), labels))                                           # asked for; x is let go
        for (copied, labels), (x, expected) in zip(seen, on_cpu.epoch(), strict=True):
            np.testing.assert_array_equal(labels, expected)
            np.testing.assert_array_equal(device.tohost(copied), x)
            batches += 1
    assert batches >= 200
