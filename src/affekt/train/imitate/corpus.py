"""A corpus of texts by people and of their imitations by machines that learned from them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.core.errors import DataError, InputError
from affekt.core.works import implements
from affekt.corpora import read
from affekt.train.imitate.ngram import NGram
from affekt.train.imitate.recurrent import Recurrent
from affekt.train.imitate.words import END, joined, passages

__all__ = ["imitate"]

_SPLITS = ("train", "dev", "test")
_LONGEST = 120


class Generator(Protocol):
    """Something that writes."""

    def write(self, rng: np.random.Generator) -> Iterator[str]:
        """Words without end."""
        ...


@implements(works=["emoplmsynth"])
def imitate(
    name: str, out: Path, *, sentences: int = 2, seed: int = 1, data: Path | None = None, limit: int | None = None
) -> dict[str, int]:
    """Write passages of a corpus, and as many by each of two machines: `passages.csv` in `out`.

    The machines, an n-gram model and a recurrent network, learn from the train split alone. Passages by the first
    stand in all splits, those by the second only in `unseen`, beside the passages by people that `test` has: a
    detector that was trained and chosen on the one machine meets the other there.

    Args:
        name: Id of a corpus of consecutive texts with the splits train, dev and test.
        out: Folder to write.
        sentences: Texts of the corpus in a passage, and sentences in one by a machine.
        seed: Seed of the machines.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most passages of each split; for a trial.

    Returns:
        Split -> rows.

    Raises:
        InputError: The corpus lacks one of the splits.
        DataError: The corpus is missing, or a split has no passage.
    """
    if missing := [s for s in _SPLITS if s not in corpus(name).splits]:
        raise InputError(f"The corpus {name} has no split {missing[0]}")
    by_people = {s: passages((clip for clip, _ in read(name, split=s, data=data)), sentences)[:limit] for s in _SPLITS}
    if empty := [s for s, found in by_people.items() if not found]:
        raise DataError(f"The corpus {name} has no passage of {sentences} sentences in its split {empty[0]}")
    machines: dict[str, Generator] = {
        "n-gram": NGram(by_people["train"]),
        "recurrent": Recurrent(by_people["train"], seed=seed),
    }
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, str, str]] = []
    for split, found in (*by_people.items(), ("unseen", by_people["test"])):
        machine = "recurrent" if split == "unseen" else "n-gram"
        writer = machines[machine].write(rng)
        for text in found:
            rows.append((split, "human", "people", joined(text)))
            rows.append((split, "machine", machine, joined(_passage(writer, sentences))))
    out.mkdir(parents=True, exist_ok=True)
    with (out / "passages.csv").open("w", newline="", encoding="utf-8") as file:
        writing = csv.writer(file)
        writing.writerow(("id", "split", "author", "by", "text"))
        writing.writerows((f"p{i}", *row) for i, row in enumerate(rows))
    return {split: sum(row[0] == split for row in rows) for split in (*_SPLITS, "unseen")}


def _passage(writer: Iterator[str], sentences: int) -> list[str]:
    """The next sentences, empty ones passed over; one that does not end is cut."""
    out: list[str] = []
    for _ in range(sentences):
        said: list[str] = []
        while not said:
            for word in islice(writer, _LONGEST):
                if word == END:
                    break
                said.append(word)
        out += [*said, END]
    return out
