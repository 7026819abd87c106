"""A small reader of frames that looks at some regions of them alone: which emotion a clip raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from affekt.core.works import implements
from affekt.extras import need

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["CELL", "TubeReader"]

CELL = 6
"""Pixels of the side of a region."""


@implements(works=["stimuvar"])
class TubeReader(nn.Module):
    """Regions of frames as tokens, of which those that are kept are weighed and read together.

    Args:
        labels: Number of emotions.
        width: Numbers of a token.
    """

    def __init__(self, labels: int, *, width: int = 32) -> None:
        super().__init__()
        self.tokens = nn.Sequential(
            nn.Conv2d(1, width // 2, 5, stride=3, padding=1),
            nn.GELU(),
            nn.Conv2d(width // 2, width, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GELU(),
        )
        self.weigh = nn.Linear(width, 1)
        self.label = nn.Linear(width, labels)

    def forward(self, frames: Tensor, kept: Tensor) -> Tensor:
        """Logits, shape (clips, labels).

        Args:
            frames: Grey, 0 to 1, shape (clips, frames, height, width), both sides multiples of `CELL`.
            kept: Which regions are read, shape (clips, frames, height / CELL, width / CELL); one or more of each clip.
        """
        clips, count, tall, wide = frames.shape
        flat = frames.reshape(clips * count, 1, tall, wide)
        found = self.tokens(flat - flat.mean((2, 3), keepdim=True))
        tokens = found.reshape(clips, count, found.shape[1], -1).transpose(2, 3).flatten(1, 2)
        logits = self.weigh(tokens)[..., 0].masked_fill(~kept.flatten(1), float("-inf"))
        out: Tensor = self.label((logits.softmax(1)[..., None] * tokens).sum(1))
        return out
