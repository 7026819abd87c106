"""A projector that carries features to the place of their label's name, where the nearest name wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from affekt.core.works import implements
from affekt.extras import need

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from torch.nn import functional
else:
    torch = need("torch", extra="train")
    nn = torch.nn
    functional = nn.functional

__all__ = ["MetricProjector"]


@implements(works=["tinyemo"])
class MetricProjector(nn.Module):
    """Two layers from features into the space of names, trained so that a row is nearest to its own name.

    After TinyEmo's metric projector: since labels are vectors of names and not outputs, another set of labels may be
    asked for than was learned.

    Args:
        width: Numbers of a feature.
        names: Numbers of the vector of a name.
        hidden: Numbers in between.
        temperature: What cosines are divided by.
        dropout: Share of numbers set to 0 while training.
    """

    def __init__(
        self, width: int, names: int, *, hidden: int = 128, temperature: float = 0.07, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, names)
        )
        self.temperature = temperature

    def forward(self, x: Tensor, names: Tensor) -> Tensor:
        """Logits of names.

        Args:
            x: Features, shape (rows, width).
            names: Vectors of names, shape (labels, names).

        Returns:
            Cosines over the temperature, shape (rows, labels).
        """
        return functional.normalize(self.layers(x), dim=1) @ functional.normalize(names, dim=1).T / self.temperature
