"""Emotions of a scene and of each person in it, several at once, read from all that is seen and said there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from affekt.core.works import implements
from affekt.extras import need
from affekt.train.fusion.attention import Attention

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["NOBODY", "SceneReader", "Scenes"]

NOBODY = 0
"""Place of what belongs to nobody: the scene itself. People are counted from 1 on."""

Sees = Literal["all", "own"]


@dataclass(frozen=True)
class Scenes:
    """Scenes as tokens.

    Attributes:
        channels: Channel -> tokens, shape (scenes, tokens, width).
        whose: Channel -> whose each token is, shape (scenes, tokens); -1 where there is none.
        labels: 0/1 of the scene and then of each person, shape (scenes, 1 + people, labels); NaN of who is not there.
    """

    channels: Mapping[str, NDArray[np.float32]]
    whose: Mapping[str, NDArray[np.int64]]
    labels: NDArray[np.float32]


@implements(works=["emotx"])
class SceneReader(nn.Module):
    """A transformer over the tokens of a scene, with a token that asks for each label of the scene and of each person.

    Each token carries what channel it is of and whose it is. After EmoTx (Srivastava et al., CVPR 2023), in the size
    of its parts here; time within the scene is left out.

    Args:
        widths: Channel -> width of its tokens.
        labels: Number of labels.
        people: Most people in a scene.
        sees: Whether a label is asked of `all` tokens, or for a person only of their `own`.
        channels: Channels that are read; default all.
        hidden: Numbers of a token within.
        dropout: Share of numbers set to 0 while training.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        labels: int,
        people: int,
        *,
        sees: Sees = "all",
        channels: Sequence[str] = (),
        hidden: int = 32,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.channels, self.sees, self.count = tuple(channels or widths), sees, labels
        self.enter = nn.ModuleDict({c: nn.Linear(widths[c], hidden) for c in self.channels})
        self.kind = nn.ParameterDict({c: nn.Parameter(0.1 * torch.randn(hidden)) for c in self.channels})
        self.person = nn.Embedding(people + 1, hidden)
        self.label = nn.Parameter(torch.randn(labels, hidden) / hidden**0.5)
        self.attention = Attention(hidden)
        self.after = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(dropout))
        self.head = nn.Parameter(torch.zeros(labels, hidden))
        self.bias = nn.Parameter(torch.full((labels,), -1.0))

    def forward(self, x: Mapping[str, Tensor], whose: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Read scenes.

        Args:
            x: Channel -> tokens, shape (scenes, tokens, width).
            whose: Channel -> whose they are, shape (scenes, tokens).

        Returns:
            Logits, shape (scenes, 1 + people, labels), and the share of attention on each channel, of that shape.
        """
        parts = [
            nn.functional.gelu(self.enter[c](x[c])) + self.kind[c] + self.person(whose[c].clamp(min=0))
            for c in self.channels
        ]
        tokens, owner = torch.cat(parts, 1), torch.cat([whose[c] for c in self.channels], 1)
        people = self.person.num_embeddings
        asking = (self.label[None] + self.person.weight[:, None]).reshape(1, people * self.count, -1)
        closed = (owner < 0)[:, None].expand(-1, people, -1)
        if self.sees == "own":
            who = torch.arange(people)[:, None]
            closed = closed | ((who != NOBODY) & (owner[:, None] != who))
        # Whoever is not there has nothing that could be seen, and no label that counts.
        logits = torch.where(closed, -1e4, 0.0).repeat_interleave(self.count, 1)
        found, weights = self.attention(asking.expand(len(tokens), -1, -1), tokens, shift=logits)
        read = self.after(asking + found).unflatten(1, (people, self.count))
        on = weights.split([x[c].shape[1] for c in self.channels], -1)
        shares = {c: w.sum(-1).unflatten(1, (people, self.count)) for c, w in zip(self.channels, on, strict=True)}
        return (read * self.head).sum(-1) + self.bias, shares
