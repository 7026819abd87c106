"""A layer that reads an utterance in its conversation, for one channel, without knowing who speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from affekt.catalog.recipes import Around
from affekt.core.works import implements
from affekt.extras import need

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["ContextLayer"]


@implements(works=["mister-e"])
class ContextLayer(nn.Module):
    """A convolution over neighbouring turns, then a recurrent layer over all of them, added to what the turn says.

    After the context layer of MiSTER-E (Dutta et al. 2026), which has it for each modality; the sizes are ours.

    Args:
        width: Numbers that stand for a turn; as many come out.
        around: Turns that count: `none` (each turn is read alone, by as many layers), those `before` it, or `both`
            sides.
        neighbours: Turns on each side that the convolution sees.
        beside: How many numbers stand beside each turn, for the convolution.
        dropout: Share of numbers set to 0 while training.
    """

    def __init__(
        self, width: int, *, around: Around = "both", neighbours: int = 1, beside: int = 0, dropout: float = 0.2
    ) -> None:
        super().__init__()
        if around == "both" and width % 2:
            raise ValueError(f"a layer that reads both ways needs an even width, not {width}")
        self.around, self.neighbours = around, neighbours
        self.drop = nn.Dropout(dropout)
        if around == "none":
            self.alone = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
            return
        sides = 2 if around == "both" else 1
        self.near = nn.Conv1d(width + beside, width, sides * neighbours + 1)
        self.far = nn.GRU(width, width // sides, batch_first=True, bidirectional=around == "both")

    def forward(self, x: Tensor, lengths: Tensor, beside: Tensor | None = None) -> Tensor:
        """Read turns in their conversations.

        Args:
            x: Shape (conversations, turns, width); what stands after the last turn of one does not count.
            lengths: Turns of each conversation, shape (conversations,).
            beside: What stands beside each turn, shape (conversations, turns, beside); not heard where a turn is alone.

        Returns:
            As `x`.
        """
        if self.around == "none":
            return x + self.drop(self.alone(x))
        inside = torch.arange(x.shape[1]) < lengths[:, None]
        known = x if beside is None else torch.cat([x, beside], -1)
        clean = torch.where(inside[..., None], known, 0.0).transpose(1, 2)
        edges = (self.neighbours, self.neighbours if self.around == "both" else 0)
        near = nn.functional.gelu(self.near(nn.functional.pad(clean, edges))).transpose(1, 2)
        packed = nn.utils.rnn.pack_padded_sequence(near, lengths, batch_first=True, enforce_sorted=False)
        far, _ = nn.utils.rnn.pad_packed_sequence(self.far(packed)[0], batch_first=True, total_length=x.shape[1])
        return x + self.drop(far)
