"""Makes tests/golden.npz: what another implementation, PyTorch, computes, in float64. tests/test_golden.py compares.

    python tools/make_golden.py [--out FILE]

For each case the file holds the inputs ("conv groups/x", ".../W"), the output y, a random dy, and the gradients of
Σ dy · y with respect to the inputs ("dx", "dW"); everything in tinynet's layouts: the functions below permute
to PyTorch's and back, so that its gradients arrive permuted back as well. Random numbers have a fixed seed: the same
version of PyTorch gives the same bytes.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from tinynet.files.writing import atomic_write

GOLDEN = Path(__file__).parent.parent / "tests" / "golden.npz"
Tensor = torch.Tensor


# ---------------------------------------------------------------------------------------- layouts


def maps(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """`function`, which takes and gives (N, C, H, W), of an x (N, H, W, C)."""
    return function(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def conv(x: Tensor, W: Tensor, b: Tensor | None = None, padding: int | tuple = 0, **how) -> Tensor:
    """Kernels W (KH, KW, C/groups, F); padding an int or ((top, bottom), (left, right))."""
    (top, bottom), (left, right) = ((padding,) * 2,) * 2 if isinstance(padding, int) else padding
    return maps(lambda x: F.conv2d(F.pad(x, (left, right, top, bottom)), W.permute(3, 2, 0, 1), b, **how), x)


def batch_norm(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor | None = None, var: Tensor | None = None) -> Tensor:
    """By the batch; by `mean` and `var`, if they are given."""
    return maps(lambda x: F.batch_norm(x, mean, var, gamma, beta, training=mean is None, eps=1e-5), x)


def lrn(x: Tensor, n: int, k: float, alpha: float, beta: float) -> Tensor:
    """PyTorch divides its α by n."""
    return maps(lambda x: F.local_response_norm(x, n, alpha * n, beta, k), x)


def max_pool(x: Tensor, *size: int, **how) -> Tensor:
    return maps(lambda x: F.max_pool2d(x, *size, **how), x)


def avg_pool(x: Tensor, *size: int, **how) -> Tensor:
    return maps(lambda x: F.avg_pool2d(x, *size, count_include_pad=False, **how), x)


def small_cnn(x: Tensor, p: dict[str, Tensor]) -> Tensor:
    """The scores of the net that tests/test_golden.py builds under the same names."""
    x = F.relu(conv(x, p["conv1.W"], p["conv1.b"], padding=2))
    x = max_pool(lrn(x, 3, 1.5, 0.3, 0.75), 3, 2, ceil_mode=True)
    x = batch_norm(conv(x, p["conv2.W"], padding=1, groups=2), p["norm2.gamma"], p["norm2.beta"])
    x = avg_pool(F.relu(x), 2, 2)
    return x.flatten(1) @ p["fc.W"] + p["fc.b"]


def residual_block(x: Tensor, p: dict[str, Tensor]) -> Tensor:
    """Half the rows and columns, twice the maps, with the shortcut that needs no parameters."""
    y = conv(x, p["sum.residual.conv1.W"], padding=1, stride=2)
    y = F.relu(batch_norm(y, p["sum.residual.norm1.gamma"], p["sum.residual.norm1.beta"]))
    y = conv(y, p["sum.residual.conv2.W"], padding=1)
    y = batch_norm(y, p["sum.residual.norm2.gamma"], p["sum.residual.norm2.beta"])
    return F.relu(y + F.pad(x[:, ::2, ::2], (0, x.shape[-1])))


# ---------------------------------------------------------------------------------------- cases


class Golden:
    """The arrays of all cases, by name."""

    def __init__(self, seed: int = 0) -> None:
        self.rng, self.arrays = np.random.default_rng(seed), {}

    def draw(self, *shape: int) -> Tensor:
        return torch.from_numpy(self.rng.normal(0, 1, shape))

    def keep(self, case: str, **arrays: Tensor) -> None:
        self.arrays |= {f"{case}/{name}": array.detach().numpy().copy() for name, array in arrays.items()}

    def add(self, case: str, function: Callable[..., Tensor], **shapes: tuple[int, ...]) -> None:
        """A case with inputs of these shapes; `function` takes them by name and returns y."""
        self.add_given(case, function, {name: self.draw(*shape) for name, shape in shapes.items()})

    def add_given(self, case: str, function: Callable[..., Tensor], inputs: dict[str, Tensor]) -> None:
        for x in inputs.values():
            x.requires_grad_()
        y = function(**inputs)
        dy = self.draw(*y.shape) if y.ndim else torch.ones((), dtype=y.dtype)        # a loss is a single number
        y.backward(dy)
        self.keep(case, **inputs, y=y, dy=dy, **{f"d{name}": x.grad for name, x in inputs.items()})


def layers(golden: Golden) -> None:
    golden.add("conv", lambda x, W, b: conv(x, W, b, padding=1), x=(2, 6, 5, 4), W=(3, 3, 4, 5), b=(5,))
    golden.add("conv 5x5", lambda x, W, b: conv(x, W, b, padding=2), x=(1, 9, 8, 3), W=(5, 5, 3, 4), b=(4,))
    golden.add("conv 1x1 strided", lambda x, W, b: conv(x, W, b, stride=2), x=(2, 5, 6, 3), W=(1, 1, 3, 4), b=(4,))
    golden.add("conv groups", lambda x, W, b: conv(x, W, b, ((1, 2), (0, 3)), stride=(2, 3), groups=2),
               x=(2, 7, 8, 4), W=(3, 2, 2, 6), b=(6,))
    golden.add("max-pool", lambda x: max_pool(x, 3, 2, ceil_mode=True), x=(2, 8, 7, 3))
    golden.add("max-pool padded", lambda x: max_pool(x, (3, 2), (2, 1), padding=1), x=(2, 6, 7, 3))
    golden.add("average pool", lambda x: avg_pool(x, 3, 2, ceil_mode=True), x=(2, 8, 7, 3))
    golden.add("average pool padded", lambda x: avg_pool(x, 3, 2, padding=1, ceil_mode=True), x=(2, 8, 6, 3))
    golden.add("lrn", lambda x: lrn(x, 5, 2.0, 0.2, 0.75), x=(2, 3, 4, 8))
    golden.add("linear", lambda x, W, b: x @ W + b, x=(4, 6), W=(6, 5), b=(5,))
    for name, function in ("relu", torch.relu), ("tanh", torch.tanh), ("sigmoid", torch.sigmoid):
        golden.add(name, function, x=(3, 7))


def normalisation(golden: Golden) -> None:
    """In training, with the running statistics after it; and with those of another batch."""
    x, mean, var = golden.draw(3, 4, 5, 6), torch.zeros(6, dtype=torch.float64), torch.ones(6, dtype=torch.float64)
    F.batch_norm(x.permute(0, 3, 1, 2), mean, var, training=True, momentum=0.1)
    golden.add_given("batch norm, training", batch_norm, {"x": x, "gamma": golden.draw(6), "beta": golden.draw(6)})
    golden.keep("batch norm, training", running_mean=mean, running_var=var)
    golden.add("batch norm", lambda x, gamma, beta: batch_norm(x, gamma, beta, mean, var), x=(2, 3, 4, 6), gamma=(6,),
               beta=(6,))
    golden.keep("batch norm", running_mean=mean, running_var=var)


def losses(golden: Golden) -> None:
    labels, target = torch.tensor([2, 0, 4, 4]), golden.draw(3, 4)
    golden.add("cross-entropy", lambda x: F.cross_entropy(x, labels), x=(4, 5))
    golden.add("squared error", lambda x: F.mse_loss(x, target), x=(3, 4))
    golden.keep("cross-entropy", labels=labels)
    golden.keep("squared error", labels=target)


def nets(golden: Golden) -> None:
    labels = torch.tensor([1, 0, 2])
    shapes = {"conv1.W": (5, 5, 3, 4), "conv1.b": (4,), "conv2.W": (3, 3, 2, 6), "norm2.gamma": (6,),
              "norm2.beta": (6,), "fc.W": (2 * 2 * 6, 3), "fc.b": (3,)}
    golden.add("small CNN", lambda x, **p: F.cross_entropy(small_cnn(x, p), labels), x=(3, 9, 10, 3), **shapes)
    golden.keep("small CNN", labels=labels)
    shapes = {"conv1.W": (3, 3, 3, 6), "norm1.gamma": (6,), "norm1.beta": (6,), "conv2.W": (3, 3, 6, 6),
              "norm2.gamma": (6,), "norm2.beta": (6,)}
    golden.add("residual block", lambda x, **p: residual_block(x, p), x=(2, 6, 8, 3),
               **{f"sum.residual.{name}": shape for name, shape in shapes.items()})


def optimisers(golden: Golden) -> None:
    """Three steps of each. PyTorch's v in SGD is the paper's divided by -ε: at a constant ε the parameters agree."""
    for name, rule, how in (("sgd", torch.optim.SGD, {"momentum": 0.9}), ("adam", torch.optim.Adam, {"eps": 1e-3})):
        w = torch.nn.Parameter(golden.draw(3, 4))
        optimiser = rule([w], lr=0.1, weight_decay=0.02, **how)
        golden.keep(name, w0=w)
        for step in 1, 2, 3:
            w.grad = golden.draw(3, 4)
            optimiser.step()
            golden.keep(name, **{f"g{step}": w.grad, f"w{step}": w})


def beginners(golden: Golden) -> None:
    """Six steps of two parameters, of which the second has a gradient in the third, the fourth and the sixth only."""
    for name, rule, how in (("sgd", torch.optim.SGD, {"momentum": 0.9}), ("adam", torch.optim.Adam, {"eps": 1e-3})):
        w, late = (torch.nn.Parameter(golden.draw(3, 4)) for _ in range(2))
        optimiser, name = rule([w, late], lr=0.1, weight_decay=0.02, **how), f"{name}, a beginner"
        golden.keep(name, w0=w, late0=late)
        for step in range(1, 7):
            w.grad, late.grad = golden.draw(3, 4), golden.draw(3, 4) if step in (3, 4, 6) else None
            optimiser.step()
            golden.keep(name, **{f"g{step}": w.grad, f"w{step}": w, f"late{step}": late})
            if late.grad is not None:
                golden.keep(name, **{f"late_g{step}": late.grad})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    path, golden = parser.parse_args().out, Golden()
    for group in layers, normalisation, losses, nets, optimisers, beginners:
        group(golden)
    with atomic_write(path) as file:
        np.savez_compressed(file, **golden.arrays)
    print(f"{len(golden.arrays)} arrays, {path.stat().st_size:,} bytes, PyTorch {torch.__version__}: {path}")


if __name__ == "__main__":
    main()
