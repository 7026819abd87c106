"""Texts and training targets of a corpus as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.maps import space_map
from affekt.catalog.recipes import HeadPlan, Recipe
from affekt.catalog.spaces import space
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.ratings import RULES
from affekt.corpora import ratings, read
from affekt.models.card import Speakers
from affekt.models.target import Aim, aimed
from affekt.models.text import SEPARATOR, with_context, without_oldest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from affekt.corpora.read import Target

__all__ = ["Rows", "rows_as_read", "rows_of", "single_ratings", "token_rows"]


@dataclass(frozen=True)
class Rows:
    """A split in memory.

    Attributes:
        ids: Ids of the rows.
        texts: What is read, the turns before included; rows without text are left out.
        values: Gold of shape (rows, columns), NaN where nobody was asked: labels as 0/1 or shares of annotators,
            strengths on their scale, or dimensions on their native range.
        variances: Variance of single ratings about the gold, same shape; `None` where none are known.
        dialogues: The conversation that each row is of; its rows stand together.
        speakers: Who said or wrote each row.
    """

    ids: list[str]
    texts: list[str]
    values: NDArray[np.float64]
    variances: NDArray[np.float64] | None = None
    dialogues: list[str | None] = field(default_factory=list)
    speakers: list[str | None] = field(default_factory=list)


def rows_of(
    name: str,
    head: HeadPlan,
    *,
    split: str = "train",
    data: Path | None = None,
    limit: int | None = None,
    context: int = 0,
    speakers: Speakers = "none",
    target: Aim = "plain",
    fields: Sequence[str] = (),
    spread: bool = False,
    mapped: bool = False,
) -> Rows:
    """Read a split as a head wants it: columns in the order of the head's space, matched by name.

    Args:
        name: Id of the corpus.
        head: Space and kind of gold.
        split: Split.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most rows to take.
        context: Turns before that are read with a text.
        speakers: How their speakers are named.
        target: How the target of a text is read.
        fields: What of a row is read, where that is not its text alone.
        spread: Whether the variances of single ratings are wanted, where the corpus has them.
        mapped: Whether labels are carried to the head's space by the map between the two.

    Raises:
        DataError: The corpus is missing, or has no single judgements and the head's gold is a rule over these.
        InputError: The head's space has labels or dimensions that the corpus knows nothing of, or its rule does not
            fit what it learns.
        UnknownNameError: The corpus has no such field.
    """
    wanted, own = space(head.space), space(corpus(name).space)
    columns = tuple(d.name for d in wanted.dimensions) if head.of == "dimensions" else wanted.labels
    there = {d.name for d in own.dimensions} if head.of == "dimensions" else set(own.labels)
    carry = space_map(own.id, wanted.id) if mapped and own.id != wanted.id else None
    if carry and head.gold != "corpus":
        raise InputError(
            f"The rule {head.gold} gives labels of {own.id}, and the head is of {wanted.id}",
            hint="Map the gold of the corpus, or take its own space.",
        )
    if carry:
        # What no label of the corpus leads to was not asked about.
        reached = {target for weights in carry.weights.values() for target in weights}
        unasked = [j for j, c in enumerate(columns) if c not in reached]
        there = set(columns)
    if missing := [c for c in columns if c not in there]:
        raise InputError(
            f"The head's space {head.space} has {', '.join(missing[:5])}, which the corpus {name} does not",
            hint=f"Take the corpus's own space, {own.id}.",
        )
    known = ("text", *(f for part in corpus(name).parts for f in part.columns.fields))
    if strange := [f for f in fields if f not in known]:
        raise UnknownNameError("field", strange[0], known, where=name)
    ruled = _by_rule(name, head, columns, data=data) if head.gold != "corpus" else None
    nobody = [np.nan] * len(columns)
    ids, texts, values, dialogues, speakers_of = [], [], [], [], []
    for clip, gold in islice(read(name, split=split, data=data), limit):
        clip = aimed(clip, target).clip
        if with_context(clip, 0, fields).strip():
            ids.append(clip.id)
            texts.append(with_context(clip, context, fields, speakers))
            dialogues.append(clip.dialogue)
            speakers_of.append(clip.speaker)
            if ruled is not None:
                values.append(ruled.get(clip.id, nobody))
            elif carry:
                # The strongest of several labels that mean the same counts, and not their sum.
                each = [carry.apply({label: 1.0}) for label in gold.labels]
                row = [max((found.get(c, 0.0) for found in each), default=0.0) for c in columns]
                values.append([np.nan if j in unasked else v for j, v in enumerate(row)])
            else:
                values.append(_row(gold, columns, head.of))
    out = Rows(
        ids,
        texts,
        np.array(values, np.float64).reshape(len(ids), len(columns)),
        dialogues=dialogues,
        speakers=speakers_of,
    )
    if not spread:
        return out
    variances = np.full_like(out.values, np.nan)
    for i, single in enumerate(single_ratings(name, ids, data=data) if corpus(name).ratings else ()):
        if len(single):
            variances[i] = ((single - out.values[i]) ** 2).mean(0)
    return replace(out, variances=variances)


def rows_as_read(recipe: Recipe, name: str, head: HeadPlan, **how: Any) -> Rows:
    """`rows_of`, with the texts as the recipe has them read: turns before, targets, fields."""
    r = recipe
    return rows_of(name, head, context=r.context, speakers=r.speakers, target=r.target, fields=r.fields, **how)


_AVERAGING = frozenset({"mean", "ewe"})


def _by_rule(name: str, head: HeadPlan, columns: Sequence[str], *, data: Path | None) -> dict[str, list[float]]:
    """Item -> gold by the head's rule over single judgements, NaN where it does not decide."""
    if (head.gold in _AVERAGING) == (head.of == "labels"):
        raise InputError(
            f"The rule {head.gold} does not make {head.of}",
            hint=f"{' and '.join(sorted(_AVERAGING))} average strengths and dimensions; the others make labels.",
        )
    every = ratings(name, data=data)
    gold = RULES[head.gold](every)
    names = every.channels if head.gold in _AVERAGING else every.space.labels
    picked = gold.values[:, [names.index(c) for c in columns]]
    return dict(zip(gold.items, picked.tolist(), strict=True))


def _row(target: Target, columns: Sequence[str], of: str) -> list[float]:
    if of == "dimensions":
        return [target.dimensions.get(c, np.nan) for c in columns]
    given = target.intensities if of == "intensities" else dict.fromkeys(target.labels, 1.0)
    return [np.nan if c in target.unrated else given.get(c, 0.0) for c in columns]


def single_ratings(name: str, ids: list[str], *, data: Path | None = None) -> list[NDArray[np.float64]]:
    """Single annotators' ratings of each item, all perspectives together: arrays (annotators, dimensions)."""
    every = ratings(name, data=data)
    by_item: dict[str, list[NDArray[np.float64]]] = {}
    for item, values in zip(every.item, every.values, strict=True):
        by_item.setdefault(every.items[item], []).append(values)
    width = every.values.shape[1]
    return [np.array(by_item.get(item, [])).reshape(-1, width) for item in ids]


def token_rows(tokenizer_file: Path, texts: Sequence[str], most: int) -> list[NDArray[np.int64]]:
    """Token ids of each text, at most `most` of them; arrays of shape (tokens,).

    The opening token and the end of the text stay: with turns before it, what is cut is the oldest of these.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    stop = tokenizer.token_to_id(SEPARATOR) or 0
    rows = (without_oldest(e.ids, most, stop) for e in tokenizer.encode_batch_fast(list(texts)))
    return [np.array([*ids[: most - 1], stop] if len(ids) > most else ids, np.int64) for ids in rows]
