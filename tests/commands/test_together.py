"""What the training commands share out to ranks."""
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from tinynet.commands.together import shared
from tinynet.data import Split, View, mnist_sample
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
