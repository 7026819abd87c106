"""Which split a record is in: by its file, a column, a list in the release, or a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from affekt.catalog.corpora import Corpus, CorpusFile, HashSplit
from affekt.core.errors import CatalogError, DataError
from affekt.corpora.files import file_of
from affekt.corpora.layouts import Record, table_records

__all__ = ["Splitter", "fold_of", "split_of", "splitter"]

# (record, its text) -> the split, or None where it belongs to none
Splitter = Callable[[Record, str], str | None]


def split_of(text: str, rule: HashSplit) -> str:
    """The split that a text (or whatever the rule hashes) falls into by its hash: `train`, `dev` or `test`."""
    part = fold_of(text, rule.modulo)
    return "test" if part in rule.test else "dev" if part in rule.dev else "train"


def fold_of(text: str, folds: int) -> int:
    """One of `folds` parts, from 0, by a hash of the lower-cased text: the same on every computer and every day."""
    return int(hashlib.sha256(text.lower().encode()).hexdigest()[:8], 16) % folds


def splitter(entry: Corpus, part: CorpusFile, data: str | Path | None = None) -> Splitter:
    """How the records of a file are told apart.

    Raises:
        CatalogError: The entry has several splits and does not say how.
        DataError: The file that lists the splits is missing or broken.
    """
    if part.split:
        return lambda record, text: part.split
    names = {value: split for split, facts in entry.splits.items() for value in (facts.values or (split,))}
    if entry.split_list:
        found = _listed_splits(entry, data)

        def by_list(record: Record, text: str) -> str | None:
            key = record.text(entry.split_list.of)  # type: ignore[union-attr]
            if key not in found:
                raise DataError("The list of splits does not name this row", where=record.where)
            return _named(entry, names, found[key], record.where)

        return by_list
    if entry.columns.split:
        return lambda record, text: _named(entry, names, record.text(entry.columns.split), record.where)
    rule = entry.hash_split
    if rule is not None:
        if rule.by:
            return lambda record, text: split_of(record.joined(rule.by), rule)
        # A text of nothing cannot be told apart from another.
        return lambda record, text: split_of(text, rule) if text else None
    if len(entry.splits) != 1:
        raise CatalogError("The entry has several splits and does not say which row is in which", where=entry.id)
    only = next(iter(entry.splits))
    return lambda record, text: only


def _named(entry: Corpus, names: dict[str, str], given: str, where: str) -> str | None:
    if given in names:
        return names[given]
    if given in entry.left_out:
        return None
    raise DataError(f"The split column holds none of {', '.join(names)}", where=where)


def _listed_splits(entry: Corpus, data: str | Path | None) -> dict[str, str]:
    rule = entry.split_list
    assert rule is not None
    if "{split}" not in rule.path:
        rows = table_records(file_of(entry, rule.path, data), rule.table, required=(rule.id, rule.split))
        return {row.text(rule.id): row.text(rule.split) for row in rows}
    found: dict[str, str] = {}
    for split, facts in entry.splits.items():
        for name in facts.values or (split,):
            file = file_of(entry, rule.path.replace("{split}", name), data)
            found |= {row.text(rule.id): name for row in table_records(file, rule.table)}
    return found
