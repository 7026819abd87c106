"""A recurrent net with attention beside the encoder, over word vectors that know emotion.

After REDAffectiveLM (Kadan et al. 2024): one branch reads words in context, the other, a bidirectional LSTM with
attention over vectors that were bent towards an emotion lexicon, reads what they mean by themselves; the heads read
both side by side. Here the vectors are those of the encoder's own word pieces, reduced by their principal components,
so that both branches share one vocabulary. They are not trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import HeadPlan, Tandem
from affekt.catalog.spaces import space
from affekt.core.errors import CatalogError, UnknownNameError
from affekt.extras import need
from affekt.train.enrich import counter_fit, emotion_pairs
from affekt.train.lexicon import label_words, whole_words
from affekt.train.targets import rows_of

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["EmotionWords", "TandemNet", "attention_mass", "emotion_words", "word_vectors"]


@dataclass(frozen=True)
class EmotionWords:
    """An emotion lexicon over a vocabulary.

    Attributes:
        words: Emotion -> ids of its words, the surest first; no word has two.
        opposites: Pairs of emotions that are opposite.
    """

    words: dict[str, NDArray[np.int64]]
    opposites: tuple[tuple[str, str], ...]

    @property
    def every(self) -> NDArray[np.int64]:
        """The ids of all of them."""
        return np.sort(np.concatenate(list(self.words.values())))


def emotion_words(plan: Tandem, tokenizer_file: Path, *, vocabulary: int, data: Path | None = None) -> EmotionWords:
    """The lexicon that a plan asks for, from the training split of its corpus.

    Raises:
        CatalogError: The corpus has no labels.
        UnknownNameError: An opposite is not among them.
    """
    own = space(corpus(plan.lexicon).space)
    if not own.labels:
        raise CatalogError(f"An emotion lexicon needs a corpus with labels; {plan.lexicon} has none")
    if unknown := [label for label in plan.labels if label not in own.labels]:
        raise UnknownNameError("label", unknown[0], own.labels, where=plan.lexicon)
    labels = plan.labels or own.labels
    if unknown := [label for pair in plan.opposites for label in pair if label not in labels]:
        raise UnknownNameError("label", unknown[0], labels, where=f"the opposites of {plan.lexicon}")
    rows = rows_of(plan.lexicon, HeadPlan(space=own.id), data=data)
    found = label_words(whole_words(tokenizer_file, rows.texts), rows.values, vocabulary=vocabulary, most=plan.words)
    return EmotionWords({label: found[own.labels.index(label)] for label in labels}, plan.opposites)


def word_vectors(table: NDArray[np.float32], *, width: int, lexicon: EmotionWords | None = None) -> NDArray[np.float32]:
    """Vectors of word pieces, reduced and, with a lexicon, bent towards it.

    Args:
        table: The encoder's word embeddings, shape (vocabulary, n).
        width: Principal components to keep.
        lexicon: Its emotions are brought together, its opposites apart.

    Returns:
        Shape (vocabulary, width); each of length sqrt(width), so that a number is about as large as a unit's.
    """
    centred = table.astype(np.float64) - table.mean(0, dtype=np.float64)
    values, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, np.argsort(-values, kind="stable")[:width]]
    axes *= np.where(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    reduced = centred @ axes
    nothing = np.zeros((0, 2), np.int64)
    pairs = emotion_pairs(lexicon.words, lexicon.opposites) if lexicon else (nothing, nothing)
    fitted = counter_fit(reduced, attract=pairs[0], repel=pairs[1])
    out: NDArray[np.float32] = (fitted * np.sqrt(axes.shape[1])).astype(np.float32)
    return out


class TandemNet(nn.Module):
    """Bidirectional LSTM with additive attention over fixed word vectors.

    Args:
        vocabulary: Number of word pieces.
        width: Size of a word's vector.
        hidden: Units in each direction.
    """

    def __init__(self, *, vocabulary: int, width: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.zeros(vocabulary, width))
        self.lstm = nn.LSTM(width, hidden, bidirectional=True)
        self.look = nn.Linear(2 * hidden, hidden)
        self.weigh = nn.Linear(hidden, 1, bias=False)

    def forward(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Read packed texts.

        Args:
            ids: Tokens of all texts end to end, shape (tokens,).
            lengths: Tokens of each text, shape (texts,).

        Returns:
            The mean of each text's states by attention, shape (texts, 2 * hidden), and the attention of each token,
            which adds up to 1 over a text, shape (texts, longest); 0 where a text has ended.
        """
        with torch.autocast("cpu", enabled=False):  # recurrence adds up what bfloat16 leaves out
            texts = nn.utils.rnn.pad_sequence(self.vectors[ids].split(lengths.tolist()))
            packed = nn.utils.rnn.pack_padded_sequence(texts, lengths, enforce_sorted=False)
            states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
            logits = self.weigh(torch.tanh(self.look(states)))[:, :, 0]
            ended = torch.arange(states.shape[1])[None] >= lengths[:, None]
            attention = torch.softmax(logits.masked_fill(ended, -1e9), 1)
            return (attention[:, :, None] * states).sum(1), attention


def attention_mass(net: TandemNet, rows: Sequence[NDArray[np.int64]], words: NDArray[np.int64]) -> dict[str, float]:
    """How much of the attention falls on emotion words, over the texts that hold one.

    Args:
        net: The net.
        rows: Token ids of each text.
        words: Ids of the emotion words.

    Returns:
        `attention_on_emotion_words` and `share_of_emotion_words`, the share that they have of the tokens, means over
        the texts; NaN where no text holds one. Both are 1 where every token is one.
    """
    mass, share = [], []
    with torch.no_grad():
        for row in rows:
            there = np.isin(row, words)
            if there.any():
                _, attention = net(torch.from_numpy(row), torch.tensor([len(row)]))
                mass.append(float(attention[0].numpy()[there].sum()))
                share.append(float(there.mean()))
    return {
        "attention_on_emotion_words": float(np.mean(mass)) if mass else float("nan"),
        "share_of_emotion_words": float(np.mean(share)) if share else float("nan"),
    }
