"""Terms that hold channels and experts to one another while they are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from affekt.core.works import implements
from affekt.extras import need

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import functional
else:
    torch = need("torch", extra="train")
    functional = torch.nn.functional

__all__ = ["consistency", "paired_contrast"]


@implements(works=["mister-e"])
def paired_contrast(one: Tensor, other: Tensor, labels: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Supervised contrast between two channels of the same rows.

    For each row of one channel, those rows of the other that have its label are positives and all others negatives;
    the mean over positives of the log-softmax of cosines, in both directions. Khosla et al., "Supervised Contrastive
    Learning", NeurIPS 2020, eq. 2, with anchors in one channel and the rest in the other, as MiSTER-E has it.

    Args:
        one: Shape (rows, width).
        other: Shape (rows, width).
        labels: Shape (rows,). Where every row has a label of its own, this is the loss of CLIP.
        temperature: What cosines are divided by.

    Returns:
        The loss of each row, shape (rows,).
    """
    like = functional.normalize(one, dim=1) @ functional.normalize(other, dim=1).T / temperature
    same = (labels[:, None] == labels[None]).to(like.dtype)
    share = same / same.sum(1, keepdim=True)  # a row is its own positive in the other channel, so none is empty
    return -((share * like.log_softmax(1)).sum(1) + (share * like.T.log_softmax(1)).sum(1)) / 2


@implements(works=["mister-e"])
def consistency(logits: Tensor, gates: Tensor) -> Tensor:
    """How far experts are from what they say together.

    The mean over experts of the Kullback-Leibler divergence from the gated mixture, which is held fixed, to each
    expert. MiSTER-E describes a divergence between the predictions of its experts; this form of it is ours.

    Args:
        logits: Shape (rows, experts, labels).
        gates: Log weight of each expert, shape (rows, experts).

    Returns:
        Shape (rows,), 0 where all say the same.
    """
    each = logits.log_softmax(-1)
    mixture = (gates[..., None] + each).logsumexp(-2, keepdim=True).detach()
    return (mixture.exp() * (mixture - each)).sum(-1).mean(-1)
