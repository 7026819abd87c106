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

__all__ = ["label_words", "log_odds", "mean_values", "speaking", "whole_words"]


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
        alone = (
            i
            for i, one, word, other in zip(encoding.ids, around, words, around[2:], strict=False)
            if one != word != other and i in wordy
        )
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


def log_odds(
    rows: Sequence[NDArray[np.int64]], given: NDArray[np.float64], *, vocabulary: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """How much more likely each token is in rows with a label than in rows without it.

    Log odds ratios, each side smoothed with the token's share in all rows (Monroe, Colaresi and Quinn 2008,
    equations 16 to 22). A token counts once a row: one that repeats a word is one witness.

    Args:
        rows: Token ids of each row.
        given: Above 0 where a row has the label; NaN counts as 0. Shape (rows, labels).
        vocabulary: Number of tokens that there are.

    Returns:
        Log odds ratios; the same over their standard deviations; and in how many rows with the label a token
        stands. Each of shape (labels, vocabulary).
    """
    has = np.nan_to_num(given) > 0
    count = np.zeros((has.shape[1], vocabulary))
    total = np.zeros(vocabulary)
    for row, own in zip(rows, has, strict=True):
        seen = np.unique(row)
        total[seen] += 1
        count[np.ix_(own, seen)] += 1
    prior = 0.01 * total + 1e-9
    a, b = count + prior, total - count + prior

    def odds(x: NDArray[np.float64]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = np.log(x) - np.log(np.maximum(x.sum(1, keepdims=True) - x, 1e-9))
        return out

    ratio = odds(a) - odds(b)
    return ratio, ratio / np.sqrt(1 / a + 1 / b), count.astype(np.int64)


def speaking(
    rows: Sequence[NDArray[np.int64]],
    given: NDArray[np.float64],
    *,
    vocabulary: int,
    least: float = 3.0,
    times: float = 3.0,
    rows_at_least: int = 5,
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which tokens speak for which label.

    Args:
        rows: Token ids of each row.
        given: As for `log_odds`.
        vocabulary: Number of tokens that there are.
        least: Standard deviations of the log odds from which a token counts, and
        times: factor of the odds. With many rows the first alone would let in words such as "the".
        rows_at_least: Fewest rows with the label that hold the token.

    Returns:
        Whether each does, and its log odds over their standard deviation; each of shape (labels, vocabulary).
    """
    odds, sure, count = log_odds(rows, given, vocabulary=vocabulary)
    return (sure >= least) & (odds >= np.log(times)) & (count >= rows_at_least), sure


def label_words(
    rows: Sequence[NDArray[np.int64]],
    given: NDArray[np.float64],
    *,
    vocabulary: int,
    most: int | None = None,
    least: float = 3.0,
    times: float = 3.0,
    rows_at_least: int = 5,
) -> list[NDArray[np.int64]]:
    """The tokens that speak for a label, and for it more than for another.

    Args:
        rows: Token ids of each row.
        given: As for `log_odds`.
        vocabulary: Number of tokens that there are.
        most: Most tokens of a label; `None` for all.
        least: As for `speaking`, and
        times: likewise, and
        rows_at_least: likewise.

    Returns:
        For each label the ids of its tokens, the surest first. A token has one label, of which it is surest.
    """
    there, sure = speaking(rows, given, vocabulary=vocabulary, least=least, times=times, rows_at_least=rows_at_least)
    owner = sure.argmax(0)
    out = []
    for label in range(len(there)):
        mine = np.flatnonzero(there[label] & (owner == label))
        out.append(mine[np.argsort(-sure[label, mine], kind="stable")][:most])
    return out
