"""A regressor of two channels whose parts may learn from what was rated of each channel by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from affekt.core.works import implements
from affekt.extras import need

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["PairedRegressor"]


@implements(works=["muvi-pair"])
class PairedRegressor(nn.Module):
    """A trunk for each channel with a head of its own, and one head over both.

    After PAIR (Chua et al. 2022): trunks are trained on ratings of those who only heard or only saw, and carry that
    over to the ratings of those who did both, of which there are few.

    Args:
        widths: Channel -> width of its vectors.
        dimensions: Number of dimensions that are rated.
        hidden: Numbers within.
    """

    def __init__(self, widths: Mapping[str, int], dimensions: int = 2, *, hidden: int = 24) -> None:
        super().__init__()
        self.trunk = nn.ModuleDict(
            {c: nn.Sequential(nn.Linear(n, hidden), nn.GELU(), nn.Linear(hidden, hidden)) for c, n in widths.items()}
        )
        self.alone = nn.ModuleDict({c: nn.Linear(hidden, dimensions) for c in widths})
        self.both = nn.Sequential(nn.GELU(), nn.Linear(hidden * len(widths), dimensions))

    def of(self, channel: str, x: Tensor) -> Tensor:
        """What one channel by itself is rated: vectors of shape (rows, width) to (rows, dimensions)."""
        out: Tensor = self.alone[channel](nn.functional.gelu(self.trunk[channel](x)))
        return out

    def forward(self, x: Mapping[str, Tensor]) -> Tensor:
        """What all channels together are rated, shape (rows, dimensions)."""
        out: Tensor = self.both(torch.cat([self.trunk[c](x[c]) for c in self.trunk], -1))
        return out
