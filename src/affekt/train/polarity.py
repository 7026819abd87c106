"""How positive or negative each word piece is, for attention that knows it.

The bias of a head on a word is a_h p + b_h |p|, with the word's polarity p on the scale of the corpus and two weights
a_h and b_h of each head and layer that start at 0: training begins as the plain model, and what the weights become
says which heads were drawn by what. In the exported graph the two numbers of a word are looked up by its id.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import HeadPlan, Polarity
from affekt.catalog.spaces import space
from affekt.core.errors import CatalogError, UnknownNameError
from affekt.train.lexicon import mean_values, whole_words
from affekt.train.targets import rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MARKS", "polarity_table"]

MARKS = 2
"""Numbers that are known of each word piece: its polarity, and the strength of that."""


def polarity_table(
    plan: Polarity, tokenizer_file: Path, *, vocabulary: int, data: Path | None = None
) -> NDArray[np.float32]:
    """Polarity and its strength of each word piece, shape (vocabulary, 2); 0 for all that is not in the lexicon.

    Raises:
        CatalogError: The corpus has no dimensions.
        UnknownNameError: It has none of that name.
    """
    own = space(corpus(plan.corpus).space)
    names = [d.name for d in own.dimensions]
    if not names:
        raise CatalogError(
            f"Polarity needs a corpus with a dimension such as sentiment or valence; {plan.corpus} has none",
            hint="Rated words are in vader:words.",
        )
    if plan.dimension and plan.dimension not in names:
        raise UnknownNameError("dimension", plan.dimension, names, where=plan.corpus)
    chosen = own.dimensions[names.index(plan.dimension) if plan.dimension else 0]
    rows = rows_of(plan.corpus, HeadPlan(space=own.id, of="dimensions"), data=data)
    values = rows.values[:, names.index(chosen.name)]
    words = whole_words(tokenizer_file, rows.texts)
    # What is no plain word, an emoticon or an expression, tells nothing of the pieces that it is cut into.
    alone = [w if t.strip().isalpha() and len(w) == 1 else w[:0] for w, t in zip(words, rows.texts, strict=True)]
    sentences = sum(len(t.split()) > 2 for t in rows.texts) > len(rows.texts) / 2
    found = mean_values(
        words if sentences else alone,
        values,
        vocabulary=vocabulary,
        centre=(chosen.low + chosen.high) / 2,
        shrink=20.0 if sentences else 0.0,
    )
    if plan.permuted:
        places = np.unique(np.concatenate(whole_words(tokenizer_file, _every_piece(tokenizer_file))))
        found[places] = np.random.default_rng(0).permutation(found[places])
    return np.stack([found, np.abs(found)], 1).astype(np.float32)


def _every_piece(tokenizer_file: Path) -> list[str]:
    from tokenizers import Tokenizer

    return sorted(Tokenizer.from_file(str(tokenizer_file)).get_vocab())
