"""Faces turned, shifted, mirrored, covered and mixed, a batch at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from affekt.catalog.recipes import Disturbance
from affekt.extras import need

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["disturb", "standard"]


def standard(pictures: Tensor) -> Tensor:
    """Grey values with mean 0 and spread 1 in each picture, so that light and exposure do not count.

    Args:
        pictures: Shape `(rows, 1, height, width)`.
    """
    values = pictures.float()
    mean = values.mean((1, 2, 3), keepdim=True)
    return (values - mean) / values.std((1, 2, 3), keepdim=True, correction=0).clamp(min=1.0)


def disturb(pictures: Tensor, how: Disturbance, *, size: int, random: torch.Generator) -> Tensor:
    """Each picture moved in its own way and read at another size, and a part of some covered.

    Args:
        pictures: From `standard`, shape `(rows, 1, height, width)`.
        how: What is done, and how strongly.
        size: Pixels a side of what comes out.
        random: Source of chance.

    Returns:
        Shape `(rows, 1, size, size)`.
    """
    rows = len(pictures)

    def draw(reach: float) -> Tensor:
        return (torch.rand(rows, generator=random) * 2 - 1) * reach

    angle, grown = draw(math.radians(how.turn)), 1 + draw(how.scale)
    mirrored = 1 - 2 * (torch.rand(rows, generator=random) < how.mirror).float()
    cos, sin = angle.cos() * grown, angle.sin() * grown
    # Rows of the matrix that leads from a place in what comes out to the place in the picture it is read from.
    across = torch.stack([cos * mirrored, -sin, draw(2 * how.shift)], dim=1)
    down = torch.stack([sin * mirrored, cos, draw(2 * how.shift)], dim=1)
    functional = torch.nn.functional
    grid = functional.affine_grid(torch.stack([across, down], dim=1), [rows, 1, size, size], align_corners=False)
    moved = functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    return _covered(moved, how.cover, random)


def _covered(pictures: Tensor, share: float, random: torch.Generator) -> Tensor:
    """A rectangle of a sixth to a half of each side set to the mean grey, in a share of the pictures."""
    rows, _, height, width = pictures.shape
    sides = 1 / 6 + torch.rand(2, rows, 1, generator=random) / 3
    corner = torch.rand(2, rows, 1, generator=random) * (1 - sides)
    hit = torch.rand(rows, 1, 1, generator=random) < share
    y, x = (torch.arange(n) / n for n in (height, width))
    inside_y = (y >= corner[0]) & (y < corner[0] + sides[0])
    inside_x = (x >= corner[1]) & (x < corner[1] + sides[1])
    hole = hit & inside_y[:, :, None] & inside_x[:, None, :]
    return pictures.masked_fill(hole[:, None], 0.0)
