"""Lexicons from corpora: what a word piece means by the texts that hold it.

A corpus of rated words is a lexicon as it stands, in a corpus of texts each word takes part in what was said of its
texts. Only words that are one piece of the vocabulary have a place here: a piece of a longer word has no meaning of
its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["label_words", "mean_values", "whole_words"]


def whole_words(tokenizer_file: Path, texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """The pieces of each text that are whole words with a letter, each once; arrays of ids in ascending order."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    wordy = {i for piece, i in tokenizer.get_vocab().items() if _wordy(piece)}
    out = []
    for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False):
        words = encoding.word_ids
        around = [None, *words, None]
        alone = (i for i, one, word, other in zip(encoding.ids, around, words, around[2:], strict=False)
                 if one != word != other and i in wordy)
        out.append(np.array(sorted(set(alone)), np.int64))
    return out


def _wordy(piece: str) -> bool:
    return any(map(str.isalpha, piece)) and not (piece.startswith("[") and piece.endswith("]"))


def mean_values(
    words: Sequence[NDArray[np.int64]],
    values: NDArray[np.float64],
    *,
    vocabulary: int,
    centre: float = 0.0,
    shrink: float = 0.0,
) -> NDArray[np.float64]:
    """Mean value of the texts that hold a word, less `centre`.

    Args:
        words: The words of each text, as of `whole_words`.
        values: Value of each text, shape (texts,); a text with NaN is left out.
        vocabulary: Number of word pieces.
        centre: The value that stands for nothing.
        shrink: So many further texts are thought to hold each word, with the value `centre`; what little is known of
            rare words then counts little.

    Returns:
        Shape (vocabulary,); 0 for words that no text holds.
    """
    total, count = np.zeros(vocabulary), np.zeros(vocabulary)
    for found, value in zip(words, values, strict=True):
        if not np.isnan(value):
            total[found] += value - centre
            count[found] += 1
    out: NDArray[np.float64] = np.divide(total, count + shrink, out=np.zeros(vocabulary), where=count > 0)
    return out


def label_words(
    words: Sequence[NDArray[np.int64]],
    given: NDArray[np.float64],
    *,
    vocabulary: int,
    most: int = 150,
    least: float = 3.29,
    prior: float = 500.0,
) -> list[NDArray[np.int64]]:
    """The words that stand for a label: those that its texts hold more often than the other texts.

    Log odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, section 3.5.1): for each word the
    log odds of the label's texts less those of all others, in units of their standard deviation.

    Args:
        words: The words of each text.
        given: 1 where a text has the label, else 0 or NaN; shape (texts, labels).
        vocabulary: Number of word pieces.
        most: Most words of a label.
        least: Least log odds in standard deviations; 3.29 is p < .001 on two sides.
        prior: Weight of all texts in the odds, in numbers of words.

    Returns:
        For each label the ids of its words, the surest first. A word belongs to the label of which it is surest.
    """
    labels = given.shape[1]
    count = np.zeros((labels, vocabulary))
    every = np.zeros(vocabulary)
    for found, row in zip(words, np.nan_to_num(given) > 0, strict=True):
        every[found] += 1
        count[np.ix_(np.flatnonzero(row), found)] += 1
    before = prior * every / max(every.sum(), 1.0)
    z = np.full((labels, vocabulary), -np.inf)
    there = every > 0
    a = before[there]
    for label in range(labels):
        y, other = count[label, there], every[there] - count[label, there]
        odds, odds_other = y + a, other + a
        rest, rest_other = y.sum() + prior - odds, other.sum() + prior - odds_other
        apart = np.log(odds / rest) - np.log(odds_other / rest_other)
        z[label, there] = apart / np.sqrt(1 / odds + 1 / odds_other)
    owner = z.argmax(0)
    out = []
    for label in range(labels):
        mine = np.flatnonzero((owner == label) & (z[label] >= least))
        out.append(mine[np.argsort(-z[label, mine], kind="stable")][:most])
    return out
