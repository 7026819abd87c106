"""Reading a corpus whole: does it have what its entry says, and what is in it."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from affekt.catalog.corpora import Corpus, corpus, variants
from affekt.catalog.spaces import space as load_space
from affekt.core.errors import DataError
from affekt.corpora.files import corpus_folder, data_folder
from affekt.corpora.read import ratings, read
from affekt.metrics.agreement import krippendorff_alpha

__all__ = ["Checked", "SplitCount", "Stats", "check", "readings", "stats"]

State = Literal["well", "wrong", "absent", "not at hand"]


@dataclass(slots=True)
class SplitCount:
    """What was found in one split.

    Attributes:
        rows: Number of rows.
        stated: Number of rows that the entry states; 0: it states none.
        labels: Label -> number of rows that have it.
        unlabelled: Rows with none of the labels.
        empty: Rows whose text is empty, in a corpus of texts.
        characters: Length of each text.
        shared: Other split -> rows whose exact text stands there too.
        languages: Language -> rows.
        sums: Dimension -> sum of its values; with `rows`, its mean.
        squares: Dimension -> sum of their squares.
    """

    stated: int
    rows: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0
    empty: int = 0
    characters: array[int] = field(default_factory=lambda: array("l"))
    shared: dict[str, int] = field(default_factory=dict)
    languages: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    squares: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Checked:
    """What was found in a corpus.

    Attributes:
        entry: The corpus.
        state: `well`; `wrong`: something is not as stated; `absent`: its folder is not here; `not at hand`: the
            same for an entry that is optional, or whose layout could never be verified, which is nobody's mistake.
        splits: Split -> what was found.
        problems: What is wrong, in sentences.
    """

    entry: Corpus
    state: State = "well"
    splits: dict[str, SplitCount] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows in all splits."""
        return sum(found.rows for found in self.splits.values())


def readings() -> tuple[str, ...]:
    """Ids of all corpora and all their views. Parts are read with the corpus that they are parts of."""
    from affekt.catalog.corpora import corpora

    found: list[str] = []
    for name in corpora():
        views = corpus(name).views
        found += [name, *(v for v in variants(name) if v.partition(":")[2] in views)]
    return tuple(found)


def check(name: str | Corpus, *, data: str | Path | None = None) -> Checked:
    """Read a corpus through, and compare it with its entry.

    Args:
        name: Id of the corpus, of a view or a part, or its entry.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.

    Returns:
        What was found. Files that are missing or broken are problems, not errors.

    Raises:
        DataError: There is no data folder.
    """
    entry = corpus(name) if isinstance(name, str) else name
    data_folder(data)
    checked = Checked(entry)
    try:
        corpus_folder(entry, data)
    except DataError as err:
        checked.state = "not at hand" if entry.optional or not entry.verified else "absent"
        checked.problems.append(str(err))
        return checked
    texts: dict[str, list[bytes]] = {}
    ids: Counter[bytes] = Counter()
    for split, facts in entry.splits.items():
        found = checked.splits[split] = SplitCount(stated=facts.rows)
        texts[split] = []
        try:
            _count(entry, split, data, found, texts[split], ids)
        except DataError as err:
            checked.problems.append(str(err))
            continue
        if facts.rows and found.rows != facts.rows:
            checked.problems.append(f"{split} has {found.rows:,} rows where the entry states {facts.rows:,}.")
    known = {split: set(rows) for split, rows in texts.items()}
    for split, found in checked.splits.items():
        found.shared = {o: n for o in known if o != split and (n := sum(t in known[o] for t in texts[split]))}
    if twice := sum(n > 1 for n in ids.values()):
        checked.problems.append(f"{twice:,} ids stand for several rows.")
    if checked.problems:
        checked.state = "wrong"
    return checked


def _count(
    entry: Corpus,
    split: str,
    data: str | Path | None,
    found: SplitCount,
    texts: list[bytes],
    ids: Counter[bytes],
) -> None:
    labelled = bool(entry.space) and bool(load_space(entry.space).labels)
    for clip, target in read(entry, split=split, data=data):
        found.rows += 1
        found.labels.update(target.labels)
        found.unlabelled += labelled and not target.labels
        found.languages[clip.language or "?"] += 1
        for name, value in target.dimensions.items():
            found.sums[name] += value  # type: ignore[assignment]
            found.squares[name] += value * value  # type: ignore[assignment]
        ids[_digest(clip.id)] += 1
        if clip.text is not None:
            found.characters.append(len(clip.text))
            found.empty += not clip.text.strip()
            texts.append(_digest(clip.text))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


@dataclass(frozen=True, slots=True)
class Stats:
    """What is in a corpus.

    Attributes:
        checked: Rows, labels and lengths of each split.
        annotators: Number of annotators; 0 where they are not told apart, `None` without single ratings.
        judgements: Number of single judgements.
        rated: Number of items with a judgement.
        each: Fewest, median and most judgements an item.
        alpha: Label or dimension -> Krippendorff's alpha: nominal for labels that are given or not, interval for
            strengths and dimensions; `all` is the nominal one over a single-label space. NaN where undefined.
    """

    checked: Checked
    annotators: int | None = None
    judgements: int = 0
    rated: int = 0
    each: tuple[int, float, int] = (0, float("nan"), 0)
    alpha: dict[str, float] = field(default_factory=dict)


def stats(name: str | Corpus, *, data: str | Path | None = None) -> Stats:
    """Count a corpus through, with its annotators and their agreement where single ratings were released.

    Raises:
        DataError: The corpus is not here, or a file of it is broken.
    """
    entry = corpus(name) if isinstance(name, str) else name
    checked = check(entry, data=data)
    if checked.state in ("absent", "not at hand"):
        corpus_folder(entry, data)  # says where it should be
    if not entry.ratings:
        return Stats(checked)
    judged = ratings(entry, data=data)
    space = judged.space
    counts: NDArray[np.intp] = np.bincount(judged.item, minlength=len(judged.items))
    alpha: dict[str, float] = {}
    if space.kind == "single":
        alpha["all"] = krippendorff_alpha(ratings=judged.table(), level="nominal")
    else:
        for channel in judged.channels:
            presence = channel in space.labels and space.kind == "multi"
            alpha[channel] = krippendorff_alpha(
                ratings=judged.table(channel), level="nominal" if presence else "interval"
            )
    return Stats(
        checked,
        annotators=len(judged.annotators),
        judgements=len(judged),
        rated=int(np.count_nonzero(counts)),
        each=(int(counts.min()), float(np.median(counts)), int(counts.max())),
        alpha=alpha,
    )
