"""A generator that learns: a small recurrent network over words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from affekt.core.errors import InputError
from affekt.extras import need
from affekt.train.imitate.words import END

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["Recurrent"]

_UNKNOWN = 0


class _Net(nn.Module):
    """GRU (Cho et al. 2014) whose output words are its input words (Press and Wolf 2017)."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.word = nn.Embedding(words, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.bias = nn.Parameter(torch.zeros(words))
        nn.init.normal_(self.word.weight, 0.0, 0.05)

    def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits of the next word after each of `ids`, shape (texts, length, words), and the last state."""
        hidden, state = self.rnn(self.word(ids), state)
        return hidden @ self.word.weight.T + self.bias, state


class Recurrent:
    """A word-level language model.

    Args:
        texts: Texts to learn from, as words.
        seed: Seed of weights and order.
        steps: Steps of training, of 32 stretches of 32 words each.
        width: Size of vectors and state.
        least: Words that occur less often are not learned, and never written.
        temperature: Logits are divided by this when words are drawn.

    Raises:
        InputError: There is too little to learn from.
    """

    def __init__(
        self,
        texts: Sequence[Sequence[str]],
        *,
        seed: int,
        steps: int = 300,
        width: int = 128,
        least: int = 3,
        temperature: float = 0.9,
    ) -> None:
        count = Counter(w for text in texts for w in text)
        self.words = ["", *sorted(w for w, n in count.items() if n >= least)]
        if sum(count.values()) < 2 * _STRETCH or END not in self.words:
            raise InputError("There are too few words to learn from")
        self.temperature = temperature
        place = {w: i for i, w in enumerate(self.words)}
        stream = torch.tensor([place.get(w, _UNKNOWN) for text in texts for w in text])
        torch.manual_seed(seed)
        self._net = _Net(len(self.words), width)
        self._learn(stream, steps, seed)
        self._end = place[END]

    def _learn(self, stream: Tensor, steps: int, seed: int) -> None:
        optimiser = torch.optim.Adam(self._net.parameters(), lr=3e-3)
        generator = torch.Generator().manual_seed(seed)
        offsets = torch.arange(_STRETCH + 1)
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = 3e-3 * (1 - step / steps)
            starts = torch.randint(0, max(1, len(stream) - _STRETCH), (_TOGETHER, 1), generator=generator)
            ids = stream[(starts + offsets).clamp(max=len(stream) - 1)]
            logits, _ = self._net(ids[:, :-1])
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=_UNKNOWN)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self._net.parameters(), 1.0)
            optimiser.step()
        self.loss = float(loss.detach())

    def write(self, rng: np.random.Generator) -> Iterator[str]:
        """Words without end, each drawn after those before it; the first as one after the end of a sentence."""
        state, last = None, self._end
        while True:
            with torch.no_grad():
                logits, state = self._net(torch.tensor([[last]]), state)
            z = logits[0, 0].double().numpy() / self.temperature
            z[_UNKNOWN] = -np.inf
            p = np.exp(z - z.max())
            last = int(rng.choice(len(p), p=p / p.sum()))
            yield self.words[last]


_STRETCH = _TOGETHER = 32
