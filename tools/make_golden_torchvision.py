"""Makes tests/golden_torchvision.npz: what torchvision's nets say about an image. tests/models/test_torchvision.py
compares.

    python tools/make_golden_torchvision.py [--out FILE]

For each net: the names and shapes of the arrays in its state dict, and the first scores of its answer to one image. The
weights and the image are drawn by `draw`, here and in the test, so that the file needs not hold them.
"""
from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tinynet.files.writing import atomic_write

GOLDEN = Path(__file__).parent.parent / "tests" / "golden_torchvision.npz"
SCORES = 20


def draw(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> dict[str, np.ndarray]:
    """Weights that let a signal through, by name; variances, and what follows a variance, around 1."""
    rng, arrays = np.random.default_rng(0), {}
    for name, shape in shapes:
        u = rng.random(shape, np.float32)                                            # from 0 to 1
        if name.endswith("running_var") or (".bn." in name and name.endswith(".weight")):
            arrays[name] = u + np.float32(0.5)
        else:
            fan_in = np.prod(shape[1:]) if len(shape) > 1 else 24
            arrays[name] = (u - np.float32(0.5)) * np.float32((24 / fan_in) ** 0.5)  # variance 2 / fan_in
    return arrays


def image() -> np.ndarray:
    return np.random.default_rng(1).random((1, 224, 224, 3), np.float32) * 4 - 2


def answers() -> dict[str, np.ndarray]:
    import torch
    import torchvision.models as models
    nets = {"alexnet": models.alexnet(weights=None),
            "googlenet": models.googlenet(weights=None, init_weights=False, aux_logits=True),
            "vgg11": models.vgg11(weights=None, init_weights=False)}
    found = {}
    for name, net in nets.items():
        shapes = [(key, tuple(v.shape)) for key, v in net.state_dict().items() if not key.endswith("batches_tracked")]
        net.load_state_dict({key: torch.from_numpy(array) for key, array in draw(shapes).items()}, strict=False)
        with torch.no_grad():
            scores = net.eval()(torch.from_numpy(image().transpose(0, 3, 1, 2)))
        found |= {f"{name}/keys": np.array([key for key, _ in shapes]), f"{name}/scores": scores.numpy()[0, :SCORES],
                  f"{name}/shapes": np.array([" ".join(map(str, shape)) for _, shape in shapes])}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    path, found = parser.parse_args().out, answers()
    with atomic_write(path) as file:
        np.savez_compressed(file, **found)
    print(f"{path.stat().st_size:,} bytes: {path}")


if __name__ == "__main__":
    main()
