"""What the training commands share out to ranks."""
import re
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from tinynet import cpu
from tinynet.commands import together
from tinynet.commands.together import device_of_rank, own_gpu, shared
from tinynet.data import Split, View, mnist_sample
from tinynet.devices import cuda
from tinynet.distributed import ALONE
from tinynet.models import lenet5
from tinynet.training.evaluate import probabilities


class Squares:
    """Images that are read when they are asked for, as those of photographs."""

    def __init__(self, images):
        self._images, self.asked = images, []
        self.shape, self.dtype, self.ndim = images.shape, images.dtype, images.ndim

    def __len__(self):
        return len(self._images)

    def __getitem__(self, index):
        found = self._images[index]
        self.asked.append(len(found))
        return found


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_rank_reads_its_part_batch_by_batch(size):
    images, labels = (part[:50] for part in mnist_sample().test)
    images, net = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0))), lenet5("linear", np.random.default_rng(0))
    parts = []
    for rank in range(size):
        split = Split(Squares(images), labels)
        ranks = SimpleNamespace(size=size, share=(rank, size), together=nullcontext, gather=lambda own: [None, own])
        parts.append(shared(ranks, split, lambda part: probabilities(net, part, View(), batch_size=8)))
        assert max(split.images.asked) == 8 and sum(split.images.asked) == len(parts[-1])
    np.testing.assert_allclose(np.concatenate(parts), probabilities(net, Split(images, labels), View()), rtol=1e-5)


@pytest.mark.parametrize("seen, own", [
    ([("a", "12"), ("a", "12"), ("b", "12")], [0, 1, 0]),         # all see all of their machine's
    ([("a", "1"), ("a", "2"), ("b", "1")], [0, 0, 0]),            # each its own, as Slurm's --gpus-per-task has it
    ([("a", "12"), ("a", "21"), ("a", "312")], [0, 0, 0]),        # CUDA_VISIBLE_DEVICES may say in which order
    ([("a", "12"), ("b", "12"), ("a", "12"), ("b", "12")], [0, 0, 1, 1]),  # dealt out in turns
    ([("a", ""), ("a", "1")], [0, 0])])                           # none: gpu(0) says what is missing
def test_each_rank_has_the_first_gpu_that_no_rank_before_it_has(seen, own):
    assert [own_gpu(seen, rank) for rank in range(len(seen))] == own


def test_more_ranks_than_gpus_are_refused():
    with pytest.raises(ValueError, match=re.escape("expected a GPU for each rank of a machine; the ranks before rank 3 "
                                                   "have the 2 that it sees: start fewer ranks there")):
        own_gpu([("a", "12"), ("b", "12"), ("a", "12"), ("a", "12")], 3)


def test_a_rank_asks_for_its_own_gpu(monkeypatch):
    monkeypatch.setattr(together, "gpu", lambda index, tf32: (index, tf32))
    monkeypatch.setattr(cuda, "addresses", lambda: ["x", "y"])
    args = SimpleNamespace(device="gpu", tf32=True)
    ranks = SimpleNamespace(size=2, rank=1, machine="a", together=nullcontext,
                            gather=lambda own: [("a", ["x", "y"]), own])
    assert device_of_rank(args, ranks) == (1, True)
    assert device_of_rank(args, ALONE) == (0, True)
    assert device_of_rank(SimpleNamespace(device="cpu"), ranks) is cpu


def test_a_gpu_is_known_by_its_address_on_the_bus(monkeypatch):
    of = SimpleNamespace(cuda=SimpleNamespace(Device=lambda index: SimpleNamespace(pci_bus_id=f"0000:0{index}")))
    monkeypatch.setattr(cuda, "load_cupy", lambda name: of)
    monkeypatch.setattr(cuda, "gpu_count", lambda: 2)
    assert cuda.addresses() == ["0000:00", "0000:01"]
