"""Texts and training targets of a corpus as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.spaces import space
from affekt.corpora import ratings, read

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["STANDARD", "Rows", "rows_of", "single_ratings", "token_rows"]

# Mean and standard deviation that dimensions are brought to standard units with, from the train splits.
STANDARD: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "emobank": ((2.977, 3.040, 3.061), (0.35, 0.26, 0.21)),
    "vader": ((0.0,), (1.5,)),
}


@dataclass(frozen=True)
class Rows:
    """A split in memory.

    Attributes:
        ids: Ids of the rows.
        texts: Their texts; rows without text are left out.
        targets: Labels as 0/1 (rows, labels); or dimensions in standard units (rows, n), followed by the
            variances of single ratings (rows, n) where the corpus has them, NaN where a row has none.
    """

    ids: list[str]
    texts: list[str]
    targets: NDArray[np.float64]


def rows_of(name: str, *, split: str = "train", data: Path | None = None, limit: int | None = None) -> Rows:
    """Read a split with its targets.

    Args:
        name: Id of the corpus.
        split: Split.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows to take.
    """
    entry = corpus(name)
    own = space(entry.space)
    ids, texts, values = [], [], []
    for clip, target in islice(read(name, split=split, data=data), limit):
        if clip.text and clip.text.strip():
            ids.append(clip.id)
            texts.append(clip.text)
            values.append(
                [float(label in target.labels) for label in own.labels]
                if own.labels
                else [target.dimensions[d.name] for d in own.dimensions]
            )
    targets = np.array(values, np.float64)
    if not own.labels:
        mean, sd = (np.array(v) for v in STANDARD[name])
        centred = (targets - mean) / sd
        if entry.ratings:
            spread = np.full_like(targets, np.nan)
            for i, single in enumerate(single_ratings(name, ids, data=data)):
                if len(single):
                    spread[i] = ((single - targets[i]) ** 2).mean(0) / sd**2
            centred = np.concatenate([centred, spread], 1)
        targets = centred
    return Rows(ids, texts, targets)


def single_ratings(name: str, ids: list[str], *, data: Path | None = None) -> list[NDArray[np.float64]]:
    """Single annotators' ratings of each item, all perspectives together: arrays (annotators, dimensions)."""
    every = ratings(name, data=data)
    by_item: dict[str, list[NDArray[np.float64]]] = {}
    for item, values in zip(every.item, every.values, strict=True):
        by_item.setdefault(every.items[item], []).append(values)
    width = every.values.shape[1]
    return [np.array(by_item.get(item, [])).reshape(-1, width) for item in ids]


def token_rows(tokenizer_file: Path, texts: Sequence[str], most: int) -> list[NDArray[np.int64]]:
    """Token ids of each text, at most `most` of them with the closing token kept; arrays of shape (tokens,)."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    stop = tokenizer.token_to_id("[SEP]")
    rows = (e.ids for e in tokenizer.encode_batch_fast(list(texts)))
    return [np.array([*ids[: most - 1], stop] if len(ids) > most else ids, np.int64) for ids in rows]
