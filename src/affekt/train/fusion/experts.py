"""Experts for each channel and for all of them together, and a gate that says how far each is trusted, turn by turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from affekt.catalog.recipes import Around
from affekt.core.works import implements
from affekt.extras import need
from affekt.train.fusion.context import ContextLayer

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["TOGETHER", "Experts", "Said", "mixed"]

TOGETHER = "together"
"""Name of the expert that reads all channels at once."""


@dataclass(frozen=True)
class Said:
    """What experts say of turns.

    Attributes:
        logits: Shape (conversations, turns, experts, labels).
        gates: Log weight of each expert, shape (conversations, turns, experts).
        inner: Channel -> what stands for a turn in it, shape (conversations, turns, hidden).
    """

    logits: Tensor
    gates: Tensor
    inner: Mapping[str, Tensor]


@implements(works=["mister-e"])
class Experts(nn.Module):
    """Reads turns of conversations of which there are several channels.

    Args:
        widths: Channel -> width of its vectors.
        labels: Number of labels.
        experts: Who reads: names of channels, and `together` for all channels at once.
        gate: `learned` for each turn, or `equal`, which averages the experts.
        around: Turns that count beside the one that is read.
        hidden: Numbers that stand for a turn in each channel.
        dropout: Share of numbers set to 0 while training.
        masked: Share of the numbers of the vectors that come in set to 0 while training.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        labels: int,
        *,
        experts: Sequence[str],
        gate: Literal["learned", "equal"] = "learned",
        around: Around = "both",
        hidden: int = 32,
        dropout: float = 0.2,
        masked: float = 0.0,
    ) -> None:
        super().__init__()
        self.mask = nn.Dropout(masked)
        heard = [c for c in widths if c in experts or TOGETHER in experts]
        if strays := [e for e in experts if e != TOGETHER and e not in widths]:
            raise ValueError(f"there is no channel {strays[0]} for an expert, only {', '.join(widths)}")
        self.channels, self.names = heard, tuple(experts)
        self.enter = nn.ModuleDict({c: nn.Linear(widths[c], hidden) for c in heard})
        self.context = nn.ModuleDict({c: ContextLayer(hidden, around=around, dropout=dropout) for c in heard})
        of = {e: hidden * (len(heard) if e == TOGETHER else 1) for e in experts}
        self.heads = nn.ModuleDict({e: nn.Linear(n, labels) for e, n in of.items()})
        self.gate = nn.Linear(hidden * len(heard), len(experts)) if gate == "learned" else None

    def forward(self, x: Mapping[str, Tensor], lengths: Tensor) -> Said:
        """Read conversations.

        Args:
            x: Channel -> vectors, shape (conversations, turns, width).
            lengths: Turns of each conversation, shape (conversations,).
        """
        inner = {c: self.context[c](nn.functional.gelu(self.enter[c](self.mask(x[c]))), lengths) for c in self.channels}
        every = torch.cat(list(inner.values()), -1)
        logits = torch.stack([self.heads[e](every if e == TOGETHER else inner[e]) for e in self.names], -2)
        weights = torch.zeros(logits.shape[:-1]) if self.gate is None else self.gate(every)
        return Said(logits, weights.log_softmax(-1), inner)


def mixed(said: Said) -> Tensor:
    """Log probability of each label, the experts weighted by their gates: shape (conversations, turns, labels)."""
    return (said.gates[..., None] + said.logits.log_softmax(-1)).logsumexp(-2)
