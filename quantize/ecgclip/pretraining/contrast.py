"""Contrastive losses: symmetric InfoNCE with several right answers, over the batches of all processes."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def info_nce(a: Tensor, b: Tensor, groups: Tensor, scale: Tensor | float) -> Tensor:
    """Mean over both directions of the cross-entropy of `scale` x cosine.

    a, b: [N, D] of length 1, row k of one belongs to row k of the other. Rows of one group (equal reports) are right
    answers for each other, in equal parts; otherwise the commonest report, "sinus rhythm, normal ECG", would be
    pushed away from itself.
    """
    if not len(a):  # none of the batch has a report
        return a.sum()
    logits = scale * a @ b.T
    same = (groups[:, None] == groups[None, :]).to(logits.dtype)
    targets = same / same.sum(dim=1, keepdim=True)
    forward = -(targets * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()
    backward = -(targets * torch.log_softmax(logits.T, dim=1)).sum(dim=1).mean()
    return (forward + backward) / 2


def gathered(x: Tensor) -> Tensor:
    """Rows of all processes, in the order of their ranks; gradients flow back to each.

    Every process then computes the loss of the whole batch. The gradients that arrive are the sum over processes,
    DistributedDataParallel takes their mean, and the result is that of one process with all rows.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return x
    rows: Tensor = _Gather.apply(x)  # type: ignore[no-untyped-call]  # missing in the stubs
    return rows


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:  # noqa: ANN401 - autograd's context has no type
        parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, x.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]
