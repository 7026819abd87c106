"""A small writer of explanations: a picture, its emotion, and words whose values it knows."""

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

__all__ = ["Explainer"]


@implements(works=["sevlm"])
class Explainer(nn.Module):
    """Tells the emotion of a picture, and writes an explanation word by word.

    After SEVLM, with a recurrent writer in place of GPT-2: valence, arousal and dominance of a word may be added to its
    vector; a head says the values of the word that comes next; and picture, emotion and explanation have places in one
    space, to be held together by contrast.

    Args:
        width: Numbers of a picture.
        dictionary: Values of each word, shape (words, 3).
        emotions: Number of emotions.
        values: Whether a word's values are added to its vector.
        hidden: Numbers that stand for a word.
    """

    def __init__(
        self, width: int, dictionary: Tensor, emotions: int, *, values: bool = False, hidden: int = 32
    ) -> None:
        super().__init__()
        self.register_buffer("dictionary", dictionary)
        self.count = len(dictionary)
        self.picture = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, hidden))
        self.word = nn.Embedding(self.count + 1, hidden)  # the last one begins
        self.felt = nn.Linear(3, hidden, bias=False) if values else None
        self.writer = nn.GRU(hidden, hidden, batch_first=True)
        self.next = nn.Linear(hidden, self.count)
        self.value = nn.Linear(hidden, 3)
        self.label = nn.Linear(hidden, emotions)
        self.emotion = nn.Embedding(emotions, hidden)

    def _vectors(self, words: Tensor) -> Tensor:
        x = self.word(words)
        if self.felt is not None:
            known = words < self.count
            of = self.dictionary[words.clamp(max=self.count - 1)] * known[..., None]
            x = x + self.felt(of)
        out: Tensor = x
        return out

    def _written(self, picture: Tensor, words: Tensor) -> Tensor:
        begin = torch.full((len(words), 1), self.count)
        out: Tensor = self.writer(self._vectors(torch.cat([begin, words[:, :-1]], 1)), picture[None])[0]
        return out

    def forward(self, x: Tensor, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Read pictures with explanations that are given.

        Args:
            x: Shape (pictures, width).
            words: Shape (pictures, length).

        Returns:
            Logits of emotions, shape (pictures, emotions); of the next word, (pictures, length, words); and its
            values, (pictures, length, 3).
        """
        picture = self.picture(x)
        inner = self._written(picture, words)
        return self.label(picture), self.next(inner), self.value(inner)

    def places(self, x: Tensor, words: Tensor, emotions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where pictures, explanations and emotions lie in one space, shape (rows, hidden) each."""
        return self.picture(x), self._vectors(words).mean(1), self.emotion(emotions)

    def write(self, x: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """The likeliest emotion of each picture, shape (pictures,), and as many words, the likeliest one each time."""
        picture = self.picture(x)
        words = torch.full((len(x), 1), self.count)
        state = picture[None].contiguous()
        for _ in range(length):
            inner, state = self.writer(self._vectors(words[:, -1:]), state)
            words = torch.cat([words, self.next(inner[:, -1]).argmax(-1, keepdim=True)], 1)
        return self.label(picture).argmax(1), words[:, 1:]
