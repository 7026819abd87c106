"""A net that reads the turns of conversations from vectors of their words, the encoder being left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

__all__ = ["TurnReader"]


@implements(works=["meld"])
class TurnReader(nn.Module):
    """A map to few numbers, a context layer, and a map to labels.

    Args:
        width: Width of the vectors.
        labels: Number of labels.
        around: Turns that count beside the one that is read.
        beside: How many numbers stand beside each turn, such as whether its speaker spoke last.
        hidden: Numbers that stand for a turn.
        dropout: Share of numbers set to 0 while training.
        masked: Share of the numbers of the vectors that come in set to 0 while training.
    """

    def __init__(
        self,
        width: int,
        labels: int,
        *,
        around: Around = "both",
        beside: int = 0,
        hidden: int = 128,
        dropout: float = 0.5,
        masked: float = 0.5,
    ) -> None:
        super().__init__()
        self.mask, self.drop = nn.Dropout(masked), nn.Dropout(dropout)
        self.enter = nn.Linear(width, hidden)
        self.context = ContextLayer(hidden, around=around, beside=beside, dropout=dropout)
        self.even = nn.LayerNorm(hidden)
        self.head = nn.Linear(hidden, labels)

    def forward(self, x: Tensor, lengths: Tensor, beside: Tensor | None = None) -> Tensor:
        """Logits, shape (conversations, turns, labels).

        Args:
            x: Shape (conversations, turns, width).
            lengths: Turns of each conversation, shape (conversations,).
            beside: Shape (conversations, turns, beside).
        """
        inner = self.context(nn.functional.gelu(self.enter(self.mask(x))), lengths, beside)
        logits: Tensor = self.head(self.drop(self.even(inner)))
        return logits
