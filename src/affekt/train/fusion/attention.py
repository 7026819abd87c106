"""Parts that let channels of several tokens look at one another before anything is said of them.

A clip is groups of tokens, one a channel: frames, stretches of sound, words. Each reading here has about as many
parameters as the others at the same width, so that what is compared is the way and not the size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

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

__all__ = ["Attention", "ChannelExperts", "ClipReader", "Joins"]

Joins = Literal["late", "prefused", "crossed", "tokens"]

_TIMES = 16  # most tokens of a channel


class Attention(nn.Module):
    """Attention with one head whose weights can be seen, and shifted from one group of tokens to another.

    Args:
        width: Numbers of a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ask, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        # At first like attends to like; from small drawn weights attention is even, and slow to leave that.
        nn.init.orthogonal_(self.ask.weight)
        self.key.weight.data.copy_(self.ask.weight.data)

    def forward(self, asking: Tensor, asked: Tensor, *, shift: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Each asking token takes the mean of the asked ones, weighted by likeness.

        Args:
            asking: Shape (clips, n, width).
            asked: Shape (clips, m, width).
            shift: Added to the logits of the asked tokens, shape (m,).

        Returns:
            Shape (clips, n, width), and the weights, shape (clips, n, m).
        """
        logits = self.ask(asking) @ self.key(asked).transpose(1, 2) / asking.shape[-1] ** 0.5
        weights = (logits if shift is None else logits + shift).softmax(-1)
        return weights @ self.value(asked), weights


@implements(works=["mosear"])
class ChannelExperts(nn.Module):
    """Low-rank experts of a channel beside a layer that all channels share, and a gate over them.

    One projection down is shared by the experts of a channel, each has one up; what comes out is added to the token.
    After MoSEAR's modality-specific experts, without the large model around them.

    Args:
        width: Numbers of a token.
        channels: Names of the channels.
        rank: Numbers that are left below.
        experts: Experts of each channel.
    """

    def __init__(self, width: int, channels: tuple[str, ...], *, rank: int = 4, experts: int = 2) -> None:
        super().__init__()
        self.down = nn.ModuleDict({c: nn.Linear(width, rank, bias=False) for c in channels})
        self.up = nn.ModuleDict({c: nn.Linear(rank, width * experts, bias=False) for c in channels})
        self.gate = nn.ModuleDict({c: nn.Linear(width, experts) for c in channels})

    def forward(self, channel: str, x: Tensor) -> tuple[Tensor, Tensor]:
        """Shape (clips, tokens, width) twice over: the tokens, and the gate of each, (clips, tokens, experts)."""
        gate = self.gate[channel](x).softmax(-1)
        each = self.up[channel](functional.gelu(self.down[channel](x))).unflatten(-1, (gate.shape[-1], -1))
        return x + (gate[..., None] * each).sum(-2), gate


@implements(works=["affectgpt", "mosear", "omni-emotion"])
class ClipReader(nn.Module):
    """Reads clips of several channels.

    Tokens carry their channel and their place in it, which is their time.

    Args:
        widths: Channel -> width of its tokens.
        labels: Number of labels.
        joins: How channels meet: `late` averages the tokens of each channel, and a net reads the means side by side;
            `prefused` lets the tokens of sight and sound attend to one another as one sequence before that, and the
            words stay by themselves (AffectGPT); `crossed` lets the tokens of each channel attend to those of the
            others; `tokens` has one token ask all tokens, however many a channel has.
        experts: Whether each channel has low-rank experts of its own.
        hidden: Numbers of a token within.
        dropout: Share of numbers set to 0 while training.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        labels: int,
        *,
        joins: Joins = "late",
        experts: bool = False,
        hidden: int = 32,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.joins, self.channels = joins, tuple(widths)
        self.enter = nn.ModuleDict({c: nn.Linear(n, hidden) for c, n in widths.items()})
        self.mark = nn.ParameterDict({c: nn.Parameter(torch.zeros(hidden)) for c in widths})
        self.when = nn.Parameter(torch.randn(_TIMES, hidden))
        self.attention = Attention(hidden)
        self.asks = nn.Parameter(torch.randn(1, 1, hidden) / hidden**0.5)
        self.experts = ChannelExperts(hidden, self.channels) if experts else None
        self.after = nn.Sequential(nn.Linear(hidden, hidden), nn.GELU())
        wide = hidden if joins == "tokens" else hidden * len(widths)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(wide, hidden), nn.GELU(), nn.Linear(hidden, labels))

    def forward(
        self, x: Mapping[str, Tensor], *, shift: Mapping[str, float] | None = None
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Read clips.

        Args:
            x: Channel -> tokens, shape (clips, tokens, width).
            shift: Channel -> what is added to the logits of attention on its tokens.

        Returns:
            Logits, shape (clips, labels); the share of attention on each channel, shape (clips,), where one token
            asks all; and how unevenly the gates of experts are used, a number.
        """
        tokens, uneven = {}, torch.zeros(())
        for c in self.channels:
            t = functional.gelu(self.enter[c](x[c])) + self.mark[c] + self.when[: x[c].shape[1]]
            if self.experts is not None:
                t, gate = self.experts(c, t)
                # The squared variation of how much each expert is used: 0 where all are used alike.
                use = gate.mean((0, 1))
                uneven = uneven + use.var(unbiased=False) / use.mean() ** 2
            tokens[c] = t
        if self.joins == "tokens":
            sizes = [t.shape[1] for t in tokens.values()]
            added = torch.tensor([(shift or {}).get(c, 0.0) for c in self.channels])
            every = torch.cat(list(tokens.values()), 1)
            asking = self.asks.expand(len(every), -1, -1)
            found, weights = self.attention(asking, every, shift=added.repeat_interleave(torch.tensor(sizes)))
            on = dict(zip(self.channels, (w.sum((1, 2)) for w in weights.split(sizes, -1)), strict=True))
            return self.head(self.after(found[:, 0])), on, uneven
        met = dict(tokens)
        if self.joins == "crossed":
            for c in self.channels:
                others = torch.cat([t for name, t in tokens.items() if name != c], 1)
                met[c] = tokens[c] + self.attention(tokens[c], others)[0]
        elif self.joins == "prefused":
            fused = [c for c in self.channels if c != "text"]
            every = torch.cat([tokens[c] for c in fused], 1)
            parts = (every + self.attention(every, every)[0]).split([tokens[c].shape[1] for c in fused], 1)
            met |= dict(zip(fused, parts, strict=True))
        else:  # late: the same layer, within each channel alone
            met = {c: t + self.attention(t, t)[0] for c, t in tokens.items()}
        return self.head(torch.cat([self.after(t).mean(1) for t in met.values()], -1)), {}, uneven
