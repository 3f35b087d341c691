"""InfoNCE with several right answers, in one process and in two."""

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.functional import cross_entropy, normalize
from torch.nn.parallel import DistributedDataParallel

from ecgclip.pretraining.contrast import gathered, info_nce

WORLD = 2


def pair(n=12, d=8):
    generator = torch.Generator().manual_seed(0)
    return [normalize(torch.randn(n, d, generator=generator), dim=1) for _ in range(2)]


def test_without_equal_reports_it_is_clips_loss():
    a, b = pair()
    logits, target = 14.0 * a @ b.T, torch.arange(len(a))
    clip = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
    torch.testing.assert_close(info_nce(a, b, torch.arange(len(a)), 14.0), clip)


def test_equal_reports_are_not_pushed_apart():
    """Four recordings with two reports: the least possible loss is that of choosing between two right answers."""
    text = torch.eye(2)[[0, 0, 1, 1]]
    best = info_nce(text, text, torch.tensor([0, 0, 1, 1]), 100.0)
    torch.testing.assert_close(best, torch.tensor(np.log(2), dtype=torch.float32), atol=1e-4, rtol=0)
    assert info_nce(text, text, torch.arange(4), 100.0) > best - 1e-6
    wrong = text.flip(0)
    assert info_nce(wrong, text, torch.tensor([0, 0, 1, 1]), 100.0) > 10


def test_a_single_process_gathers_nothing():
    x = torch.ones(3)
    assert gathered(x) is x


class Towers(nn.Module):
    """As small as two encoders can be."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.left, self.right = nn.Linear(6, 4), nn.Linear(5, 4)
        self.log_scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x, y, groups):
        """Loss of a batch."""
        a, b = (gathered(normalize(tower(v), dim=1)) for tower, v in ((self.left, x), (self.right, y)))
        return info_nce(a, b, gathered(groups), self.log_scale.exp())


def batch():
    generator = torch.Generator().manual_seed(2)
    groups = torch.tensor([0, 1, 0, 2, 3, 3, 4, 5])
    return torch.randn(8, 6, generator=generator), torch.randn(8, 5, generator=generator), groups


def gradients(module):
    return [p.grad.tolist() for p in module.parameters()]


def one_of_two(rank, port, out):
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=WORLD)
    towers = Towers()
    rows = slice(4 * rank, 4 * rank + 4)
    parallel = DistributedDataParallel(towers)  # a name, because its hooks go with it
    loss = parallel(*(x[rows] for x in batch()))
    loss.backward()
    out[rank] = (loss.item(), gradients(towers))
    dist.destroy_process_group()


def test_two_processes_have_the_loss_and_the_gradients_of_one(unused_port):
    towers = Towers()
    loss = towers(*batch())
    loss.backward()
    with mp.get_context("spawn").Manager() as manager:
        out = manager.dict()
        mp.spawn(one_of_two, args=(unused_port, out), nprocs=WORLD)
        results = dict(out)
    for rank in range(WORLD):
        assert results[rank][0] == pytest.approx(loss.item(), rel=1e-6)
        for theirs, ours in zip(results[rank][1], gradients(towers), strict=True):
            np.testing.assert_allclose(theirs, ours, atol=1e-6, rtol=1e-5)
